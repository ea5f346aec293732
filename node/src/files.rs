//! What a node is made of, as files in its data folder.
//!
//! - [`datadir`]: the folder itself, what is in it, and who is using it
//! - [`guard`]: who else may put files there
//! - [`private`] and [`whole`]: how files for their owner are read, and how files are written
//! - [`identity`]: the keys, on the network and of the account
//! - [`network`]: which network the node joins, under which rules
//! - [`addresses`]: the address book between runs
//! - [`token`]: what opens the API over TCP

use std::io;

pub mod addresses;
pub mod asmap;
pub mod bans;
pub mod datadir;
pub mod guard;
pub mod identity;
pub mod network;
pub mod private;
pub mod token;
pub mod whole;

/// What to do about a disk that refuses something, as the end of a sentence; nothing if nobody knows.
#[must_use]
pub fn advice(error: &io::Error) -> &'static str {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        PermissionDenied => "; let this user write there",
        ReadOnlyFilesystem => {
            "; let this user write there: the disk can only be read, as it is mounted or since it has errors (`dmesg`)"
        }
        StorageFull | QuotaExceeded => "; make room there",
        _ => "",
    }
}
