//! `tidings init`: makes a data folder, or leaves nothing of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use data_encoding::HEXLOWER;
use ed25519_zebra::{SigningKey, VerificationKeyBytes};

use super::Folder;
use super::args::InitArgs;
use super::shapes::Made;
use crate::cli::error::Error;
use crate::config::{NETWORK_FILE, TEMPLATE};
use crate::files::datadir::{ACCOUNT, CONFIG, DataDir, DataDirError, IDENTITY, LOCK};
use crate::files::network::Network;
use crate::files::{identity, whole};

pub(super) fn init(folder: &Folder, args: &InitArgs) -> Result<ExitCode, Error> {
    // Whatever can be wrong is found before anything is made.
    let network = match &args.network {
        Some(file) => Network::load(file)?,
        None => Network::for_tests(args.rules),
    };
    let network_text = match &args.network {
        Some(file) => {
            fs::read_to_string(file).map_err(Error::io(format!("read {}", file.display())))?
        }
        None => format!(
            "# The network that this node joins. All nodes of a network share this file.\n\n{}",
            network.to_toml()
        ),
    };
    let dir = &folder.dir;
    let mut files = vec![IDENTITY, ACCOUNT, CONFIG, NETWORK_FILE];
    files.retain(|file| dir.join(file).exists());
    if !files.is_empty() {
        return Err(Error::Exists { folder: dir.path().to_owned(), files });
    }
    let mut begun = Begun::begin(dir);
    let (account, peer_id) = begun.all(&network_text)?;
    begun.keep();
    let made = Made {
        data_dir: dir.path().to_owned(),
        peer_id,
        account,
        network: network.name,
        rules: network.rules.name().to_owned(),
    };
    folder.output.print(&made, || {
        let path = dir.path().display();
        let Made { peer_id, account, network, .. } = &made;
        format!(
            "made data folder {path}\n\
             identity  {peer_id}\n\
             account   {account}\n\
             network   {network} (network.toml)\n\
             settings  {path}/{CONFIG}\n\
             \n\
             start the node with `tidings run --data-dir {path}`\n"
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What is made, and taken away again unless all of it is.
#[derive(Debug)]
struct Begun<'a> {
    dir: &'a DataDir,
    /// The folders that weren't there, the innermost first.
    folders: Vec<PathBuf>,
    files: Vec<&'static str>,
}

impl<'a> Begun<'a> {
    fn begin(dir: &'a DataDir) -> Self {
        let missing = dir.path().ancestors().take_while(|folder| !folder.exists());
        Self { dir, folders: missing.map(Path::to_owned).collect(), files: Vec::new() }
    }

    /// Makes the folder and what is in it. Says the account, and who the node is.
    fn all(&mut self, network_text: &str) -> Result<(String, String), Error> {
        let dir = self.dir;
        dir.create()?;
        if !dir.join(LOCK).exists() {
            self.files.push(LOCK);
        }
        let _lock = dir.lock().inspect_err(|error| {
            if matches!(error, DataDirError::InUse { .. }) {
                // Somebody else's.
                self.files.clear();
            }
        })?;
        for (name, text) in [(NETWORK_FILE, network_text), (CONFIG, TEMPLATE)] {
            let path = dir.join(name);
            let written = whole::create(&path, text.as_bytes(), 0o644);
            written.map_err(Error::io(format!("write {}", path.display())))?;
            self.files.push(name);
        }
        identity::create_account(dir)?;
        self.files.push(ACCOUNT);
        let account = SigningKey::from(identity::load_account(dir)?);
        let account = HEXLOWER.encode(VerificationKeyBytes::from(&account).as_ref());
        // The last one: without it nothing runs.
        let peer_id = identity::create(dir)?.public().to_peer_id().to_string();
        Ok((account, peer_id))
    }

    /// All of it is there.
    fn keep(mut self) {
        self.folders.clear();
        self.files.clear();
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        // What can't be taken away is told to whoever tries again.
        for file in &self.files {
            let _ = fs::remove_file(self.dir.join(file));
        }
        // None that has anything in it.
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
    }
}
