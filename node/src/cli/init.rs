//! `tidings init`: makes a data folder.

use std::fs;
use std::process::ExitCode;

use data_encoding::HEXLOWER;
use ed25519_zebra::{SigningKey, VerificationKeyBytes};

use super::Folder;
use super::args::InitArgs;
use super::shapes::Made;
use crate::cli::error::Error;
use crate::config::{NETWORK_FILE, TEMPLATE};
use crate::files::datadir::{ACCOUNT, CONFIG, IDENTITY};
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
    dir.create()?;
    let _lock = dir.lock()?;
    for (name, text) in [(NETWORK_FILE, network_text.as_str()), (CONFIG, TEMPLATE)] {
        let path = dir.join(name);
        let written = whole::create(&path, text.as_bytes(), 0o644);
        written.map_err(Error::io(format!("write {}", path.display())))?;
    }
    identity::create_account(dir)?;
    let account = SigningKey::from(identity::load_account(dir)?);
    let account = HEXLOWER.encode(VerificationKeyBytes::from(&account).as_ref());
    let peer_id = identity::create(dir)?.public().to_peer_id().to_string();
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
