//! The operator's bans between runs: a JSON file in the data folder, replaced as a whole.
//!
//! A file that can't be understood is set aside, and the node goes on without bans: whoever was banned may come again, which its log says.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{guard, whole};
use crate::api::bans::Ban;

/// Version of the file's form.
const VERSION: u32 = 1;

/// Largest file that is read, bytes: a thousand bans have a tenth of it.
const FILE_MAX: u64 = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BansFile {
    version: u32,
    bans: Vec<Ban>,
}

/// Reads the bans of an earlier run; none if there is no file, or none of ours.
///
/// # Errors
/// When the file is there and can't be read, or can't be set aside.
pub fn load(path: &Path) -> io::Result<Vec<Ban>> {
    let mut file = match guard::open(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    match understand(&bytes) {
        Ok(bans) => Ok(bans),
        Err(why) => {
            let aside = path.with_extension("json.damaged");
            fs::rename(path, &aside)?;
            tracing::warn!(
                "the bans in {} can't be understood ({why}): the file is now {}, and nobody is banned",
                path.display(),
                aside.display()
            );
            Ok(Vec::new())
        }
    }
}

fn understand(bytes: &[u8]) -> Result<Vec<Ban>, String> {
    if bytes.len() as u64 > FILE_MAX {
        return Err(format!("it has more than {FILE_MAX} bytes"));
    }
    let file: BansFile = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match file.version {
        VERSION => Ok(file.bans),
        other => Err(format!("version {other} is not {VERSION}")),
    }
}

/// Replaces the file: readers, and a crash, see the old or the new one.
///
/// # Errors
/// When it can't be written. The old file is left as it was.
pub fn save(path: &Path, bans: &[Ban]) -> io::Result<()> {
    let bytes = serde_json::to_vec_pretty(&BansFile { version: VERSION, bans: bans.to_vec() })?;
    whole::replace(path, |file| file.write_all(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(subject: &str) -> Ban {
        Ban { subject: subject.parse().unwrap(), until_unix_s: 1_900_000_000 }
    }

    #[test]
    fn bans_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bans.json");
        assert_eq!(load(&path).unwrap(), []);
        let bans = [ban("192.0.2.0/24"), ban("2001:db8::1")];
        save(&path, &bans).unwrap();
        assert_eq!(load(&path).unwrap(), bans);
    }

    #[test]
    fn what_is_no_list_of_bans_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bans.json");
        for bad in [
            "",
            "[]",
            "{\"version\":2,\"bans\":[]}",
            "{\"version\":1,\"bans\":[{\"subject\":\"x\"}]}",
        ] {
            fs::write(&path, bad).unwrap();
            assert_eq!(load(&path).unwrap(), []);
            assert!(!path.exists());
            let aside = fs::read_to_string(folder.path().join("bans.json.damaged")).unwrap();
            assert_eq!(aside, bad);
        }
    }
}
