//! A map of autonomous systems: a file that the operator gives.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tidings_protocol::peers::book::asmap::{MAP_MAX, Program};
use tidings_protocol::peers::book::groups::AsMap as _;

/// Addresses that every map of the world knows: public resolvers, of six systems.
const KNOWN: [[u8; 4]; 6] =
    [[1, 1, 1, 1], [8, 8, 8, 8], [9, 9, 9, 9], [208, 67, 222, 222], [4, 2, 2, 2], [77, 88, 8, 8]];

/// Why a map can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AsMapError {
    /// It can't be read.
    #[error("cannot read the map of autonomous systems {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is none.
    #[error("{} is no map of autonomous systems in the form of Bitcoin Core's -asmap files: {why}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads a map.
///
/// # Errors
/// When it can't be read, is empty or too large, or knows none of a few addresses that every map knows.
pub fn load(path: &Path) -> Result<Program, AsMapError> {
    let read = |source| AsMapError::Read { path: path.to_owned(), source };
    let unfit = |why: String| AsMapError::Unfit { path: path.to_owned(), why };
    let length = fs::metadata(path).map_err(read)?.len();
    if length > MAP_MAX as u64 {
        return Err(unfit(format!("it has {length} bytes, more than {MAP_MAX}")));
    }
    let bytes = fs::read(path).map_err(read)?;
    let map = Program::new(bytes).ok_or_else(|| unfit("it is empty".to_owned()))?;
    if KNOWN.iter().all(|ip| map.system_of(IpAddr::from(*ip)).is_none()) {
        return Err(unfit("it knows none of the networks that every such map knows".to_owned()));
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_map_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ip_asn.map");
        assert!(load(&path).unwrap_err().to_string().starts_with("cannot read the map"));
        for (bytes, why) in [(&b""[..], "it is empty"), (&[0xFF; 64][..], "knows none")] {
            fs::write(&path, bytes).unwrap();
            let error = load(&path).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("ip_asn.map"), "{error}");
        }
    }

    #[test]
    fn a_program_that_gives_all_one_system_is_a_map() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ip_asn.map");
        // Return (0), and the number 1 (class 0, place 0): seventeen bits of zero.
        fs::write(&path, [0; 3]).unwrap();
        let map = load(&path).unwrap();
        assert_eq!(map.system_of(IpAddr::from([192, 0, 2, 1])), Some(1));
    }
}
