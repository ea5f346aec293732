//! The address book between runs: a JSON file in the data folder, replaced as a whole.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::peer::AddressRecord;

use super::{guard, whole};

/// Version of the file's form.
const VERSION: u32 = 1;

/// Largest file that is read, bytes: the largest book that can be configured sensibly has a million
/// addresses of some 70 bytes. A larger file is none of ours.
const FILE_MAX: u64 = 128 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BookFile {
    version: u32,
    addresses: Vec<AddressRecord>,
}

/// Why the file of an earlier run can't be used. It is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum AddressesError {
    /// It can't be read.
    #[error("cannot read the address book {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It isn't an address book.
    #[error(
        "the address book {} is damaged: {why}; repair it, or move it away to start with an empty one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads the book of an earlier run. A file that doesn't exist is an empty book.
///
/// # Errors
/// When the file can't be read or isn't an address book.
pub fn load(path: &Path) -> Result<Vec<AddressRecord>, AddressesError> {
    let read = |source| AddressesError::Read { path: path.to_owned(), source };
    let damaged = |why: String| AddressesError::Damaged { path: path.to_owned(), why };
    let mut file = match guard::open(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let length = file.metadata().map_err(read)?.len();
    if length > FILE_MAX {
        return Err(damaged(format!("it has {length} bytes")));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(read)?;
    let file: BookFile =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if file.version != VERSION {
        return Err(damaged(format!("version {} is not {VERSION}", file.version)));
    }
    Ok(file.addresses)
}

/// Replaces the file: readers, and a crash, see the old or the new one.
///
/// # Errors
/// When it can't be written. The old file is left as it was.
pub fn save(path: &Path, addresses: Vec<AddressRecord>) -> io::Result<()> {
    let bytes = serde_json::to_vec(&BookFile { version: VERSION, addresses })?;
    whole::replace(path, |file| file.write_all(&bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn record(text: &str) -> AddressRecord {
        AddressRecord { addr: text.parse().unwrap(), successes: 3, failures: 1 }
    }

    #[test]
    fn a_book_reads_back_and_replaces_the_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addresses.json");
        assert_eq!(load(&path).unwrap(), []);
        save(&path, vec![record("1.2.3.4:5"), record("[::1]:6/quic")]).unwrap();
        save(&path, vec![record("1.2.3.4:5")]).unwrap();
        assert_eq!(load(&path).unwrap(), [record("1.2.3.4:5")]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_damaged_book_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addresses.json");
        for bad in ["", "{}", "{\"version\":1,\"addresses\":[{\"addr\":\"x\"}]}"] {
            fs::write(&path, bad).unwrap();
            let error = load(&path).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
            assert!(error.contains("damaged"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), bad);
        }
        fs::write(&path, "{\"version\":2,\"addresses\":[]}").unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("version 2 is not 1"));
    }

    #[test]
    fn a_book_that_cannot_be_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addresses.json");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("old"), "old").unwrap();
        assert!(save(&path, Vec::new()).is_err(), "a folder is in the way");
        assert_eq!(fs::read_to_string(path.join("old")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
