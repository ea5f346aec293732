//! The folder of one run: made before anything starts, filled at the end, never overwritten. What the
//! tables in it look like is the business of `tidings_tools::run`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tidings::files::network::Network;
use tidings_tools::figures::summary::Summary;
use tidings_tools::run::{self, Block, Manifest, Run, RunError};
use tidings_tools::show::report;

use super::local::{self, LOG, TRACE};
use super::settings::Settings;
use crate::manifest::recorded::{self, Recorded};

/// Folder of all run folders, unless another is asked for.
const RUNS: &str = "runs";

/// Folder of the nodes' folders within a run folder.
const NODES: &str = "nodes";

/// The network file within a run folder.
const NETWORK: &str = "network.toml";

/// What node folders keep of no use after a good run; what is left says how each node was set up.
const BULKY: [&str; 5] = [TRACE, LOG, "addresses.json", "admin.sock", "lock"];

/// The folder of one run.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    manifest: Manifest,
}

/// A run folder that can't be made or filled.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is something at its path.
    #[error("the run folder {} exists: runs are never overwritten; choose another --out", .0.display())]
    Exists(PathBuf),
    /// A file or folder in it.
    #[error("cannot create {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It lies so deep that the nodes' sockets can't be made.
    #[error("{0}")]
    TooDeep(String),
    /// The settings have no form in TOML.
    #[error("cannot write the manifest: {0}")]
    Toml(#[from] toml::ser::Error),
    /// The manifest doesn't read back.
    #[error("the manifest doesn't read back: {0}")]
    Manifest(#[from] toml::de::Error),
}

impl RunFolder {
    /// Creates the folder, with the manifest and the network file in it.
    ///
    /// # Errors
    /// When it exists, or the system refuses.
    pub fn create(
        out: Option<&Path>,
        settings: &Settings,
        network: &Network,
    ) -> Result<Self, FolderError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started = recorded::timestamp(now.as_secs());
        let path = match out {
            Some(path) => path.to_owned(),
            None => unused(&Path::new(RUNS).join(&started)),
        };
        let path = std::path::absolute(&path).unwrap_or(path);
        local::check_socket_path(&path.join(NODES)).map_err(FolderError::TooDeep)?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
        }
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(FolderError::Exists(path));
            }
            created => created.map_err(|source| failed(&path, source))?,
        }
        let recorded = Recorded::here(Some(started), settings.node_binary.clone());
        let manifest = Manifest::parse(recorded::render(&settings.manifest, recorded)?)?;
        let folder = Self { path, manifest };
        fs::create_dir(folder.nodes()).map_err(|source| failed(&folder.nodes(), source))?;
        folder.write(run::MANIFEST, folder.manifest.text())?;
        folder.write(NETWORK, &toml::to_string(network)?)?;
        Ok(folder)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(|source| failed(&path, source))
    }

    /// Where it is, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the nodes' folders, absolute.
    #[must_use]
    pub fn nodes(&self) -> PathBuf {
        self.path.join(NODES)
    }

    /// The network file, absolute.
    #[must_use]
    pub fn network(&self) -> PathBuf {
        self.path.join(NETWORK)
    }

    /// The page with the results.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join(run::REPORT)
    }

    /// The settings as they were written.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its path as people like to read it.
    #[must_use]
    pub fn shown(&self) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        self.path.strip_prefix(&here).unwrap_or(&self.path).display().to_string()
    }

    /// Writes the tables, the figures and the page.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn fill(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        run.write(&self.path)?;
        report::write(&self.path, run, summary)
    }

    /// Writes the table of blocks.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn fill_blocks(&self, blocks: &[Block]) -> Result<(), RunError> {
        run::write_blocks(&self.path, blocks)
    }

    /// Deletes what takes room and says no more than the tables. What can't be deleted stays.
    pub fn tidy(&self) {
        for node in fs::read_dir(self.nodes()).into_iter().flatten().flatten() {
            for name in BULKY {
                let _ = fs::remove_file(node.path().join(name));
            }
        }
    }
}

/// A folder for what starts now, which isn't there yet.
#[must_use]
pub(crate) fn unused_name() -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    unused(&Path::new(RUNS).join(recorded::timestamp(now.as_secs())))
}

/// The path, or the first numbered one beside it that isn't taken.
fn unused(path: &Path) -> PathBuf {
    let numbered = |number: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("-{number}"));
        PathBuf::from(name)
    };
    std::iter::once(path.to_owned())
        .chain((2..).map(numbered))
        .find(|path| !path.exists())
        .unwrap_or_else(|| path.to_owned())
}

fn failed(path: &Path, source: io::Error) -> FolderError {
    FolderError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_is_numbered() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("run");
        assert_eq!(unused(&path), path);
        fs::create_dir(&path).unwrap();
        fs::create_dir(temp.path().join("run-2")).unwrap();
        assert_eq!(unused(&path), temp.path().join("run-3"));
    }
}
