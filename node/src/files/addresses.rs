//! The address book between runs: a JSON file in the data folder, replaced as a whole.
//!
//! What is in it is worth much and not everything: a node without it asks its bootstrap nodes. So a file that can't be
//! understood doesn't keep a node from starting. It is set aside under another name, for whoever wants to look at it, and the
//! log says so; one that was set aside before is replaced.
//!
//! The anchors in it are used once: [`begin`] takes them out of the file before anybody is dialled, since one that brings the
//! node down would do so again at every start.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::peer::{AddressRecord, BookRecord, BookSecret, PeerAddr};

use super::{guard, whole};

/// Version of the file's form. The first had neither secret nor anchors.
const VERSION: u32 = 2;

/// Largest file that is read, bytes: the largest book that can be configured sensibly has a million
/// addresses of some 100 bytes. A larger file is none of ours.
const FILE_MAX: u64 = 128 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BookFile {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<BookSecret>,
    #[serde(default)]
    anchors: Vec<PeerAddr>,
    addresses: Vec<AddressRecord>,
}

/// What all versions have.
#[derive(Debug, Deserialize)]
struct Version {
    version: u32,
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
    /// It isn't an address book, and can't be set aside.
    #[error(
        "the address book {} is unusable: {why}; move it away to start with an empty one: {source}",
        path.display()
    )]
    Stuck {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What the system says.
        source: io::Error,
    },
}

/// Reads the book of an earlier run and takes the anchors out of the file. If that fails, they aren't used.
///
/// # Errors
/// As [`load`].
pub fn begin(path: &Path) -> Result<BookRecord, AddressesError> {
    let mut kept = load(path)?;
    if kept.anchors.is_empty() {
        return Ok(kept);
    }
    let anchors = std::mem::take(&mut kept.anchors);
    match save(path, &kept) {
        Ok(()) => kept.anchors = anchors,
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, %error, "the address book can't be saved, so its anchors aren't used");
        }
    }
    Ok(kept)
}

/// Reads the book of an earlier run. A file that doesn't exist is an empty book, and so is one that can't be understood,
/// which is set aside.
///
/// # Errors
/// When the file can't be read, or has to be set aside and can't be.
pub fn load(path: &Path) -> Result<BookRecord, AddressesError> {
    let read = |source| AddressesError::Read { path: path.to_owned(), source };
    let mut file = match guard::open(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BookRecord::default()),
        Err(error) => return Err(read(error)),
    };
    let length = file.metadata().map_err(read)?.len();
    if length > FILE_MAX {
        return set_aside(path, format!("it has {length} bytes"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(read)?;
    match parse(&bytes) {
        Ok(kept) => Ok(kept),
        Err(why) => set_aside(path, why),
    }
}

fn parse(bytes: &[u8]) -> Result<BookRecord, String> {
    let of_file = |error: serde_json::Error| error.to_string();
    let Version { version } = serde_json::from_slice(bytes).map_err(of_file)?;
    if !(1..=VERSION).contains(&version) {
        return Err(format!("it is of version {version}, and this program knows up to {VERSION}"));
    }
    let file: BookFile = serde_json::from_slice(bytes).map_err(of_file)?;
    Ok(BookRecord { secret: file.secret, anchors: file.anchors, addresses: file.addresses })
}

/// Renames a file that can't be understood; the node begins with an empty book.
fn set_aside(path: &Path, why: String) -> Result<BookRecord, AddressesError> {
    let mut aside: OsString = path.into();
    aside.push(".unusable");
    let aside = PathBuf::from(aside);
    if let Err(source) = fs::rename(path, &aside) {
        return Err(AddressesError::Stuck { path: path.to_owned(), why, source });
    }
    let (path, aside) = (path.display(), aside.display());
    tracing::warn!(
        %path, %aside, why,
        "the address book can't be used and was set aside; the node starts with an empty one"
    );
    Ok(BookRecord::default())
}

/// Replaces the file: readers, and a crash, see the old or the new one.
///
/// # Errors
/// When it can't be written. The old file is left as it was.
pub fn save(path: &Path, kept: &BookRecord) -> io::Result<()> {
    let BookRecord { secret, anchors, addresses } = kept.clone();
    let bytes = serde_json::to_vec(&BookFile { version: VERSION, secret, anchors, addresses })?;
    whole::replace(path, |file| file.write_all(&bytes))
}

#[cfg(test)]
mod tests {
    use tidings_protocol::ground::peer::{PeerKey, Source};

    use super::*;

    fn record(text: &str) -> AddressRecord {
        AddressRecord { successes: 3, failures: 1, ..AddressRecord::heard(text.parse().unwrap()) }
    }

    fn kept() -> BookRecord {
        let told = AddressRecord {
            source: Some(Source::Network(0x0808)),
            age_s: 77,
            ..record("[::1]:6/quic")
        };
        let near = AddressRecord { source: Some(PeerKey(u64::MAX).into()), ..record("10.0.0.1:5") };
        BookRecord {
            secret: Some(BookSecret(u64::MAX)),
            anchors: vec!["1.2.3.4:5".parse().unwrap()],
            addresses: vec![record("1.2.3.4:5"), told, near],
        }
    }

    #[test]
    fn a_book_reads_back_and_replaces_the_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addresses.json");
        assert_eq!(load(&path).unwrap(), BookRecord::default());
        save(&path, &vec![record("1.2.3.4:5"), record("[::1]:6/quic")].into()).unwrap();
        save(&path, &kept()).unwrap();
        assert_eq!(load(&path).unwrap(), kept());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn the_first_form_is_still_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addresses.json");
        let first =
            r#"{"version":1,"addresses":[{"addr":"1.2.3.4:5","successes":3,"failures":1}]}"#;
        fs::write(&path, first).unwrap();
        assert_eq!(begin(&path).unwrap(), BookRecord::from(vec![record("1.2.3.4:5")]));
    }

    #[test]
    fn anchors_are_used_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addresses.json");
        save(&path, &kept()).unwrap();
        assert_eq!(begin(&path).unwrap(), kept());
        let without = BookRecord { anchors: Vec::new(), ..kept() };
        assert_eq!(load(&path).unwrap(), without, "a node that is killed now has none");
        assert_eq!(begin(&path).unwrap(), without);
    }

    #[test]
    fn a_book_that_cannot_be_understood_is_set_aside_and_kept() {
        for bad in [
            "",
            "{}",
            "oops",
            "{\"version\":1,\"addresses\":[]",
            "{\"version\":3,\"addresses\":[]}",
            "{\"version\":1,\"addresses\":[1]}",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("addresses.json");
            fs::write(&path, bad).unwrap();
            assert_eq!(begin(&path).unwrap(), BookRecord::default(), "{bad}");
            assert!(!path.exists());
            let aside = folder.path().join("addresses.json.unusable");
            assert_eq!(fs::read_to_string(&aside).unwrap(), bad);
            // The node goes on, and the next one finds what it saved.
            save(&path, &kept()).unwrap();
            assert_eq!(load(&path).unwrap(), kept());
        }
    }

    #[test]
    fn a_book_that_cannot_be_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("addresses.json");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("old"), "old").unwrap();
        assert!(save(&path, &BookRecord::default()).is_err(), "a folder is in the way");
        assert_eq!(fs::read_to_string(path.join("old")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
