//! The inputs that fuzzing kept of what a node reads besides its peers' messages, see `fuzz/src/surface.rs`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "../../../fuzz/src/surface.rs"]
#[expect(unreachable_pub, reason = "the file is also a module of a library")]
mod surface;

#[path = "../../../fuzz/src/links.rs"]
#[expect(unreachable_pub, reason = "the file is also a module of a library")]
mod links;

mod bounds;

use std::fs;
use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no inputs", folder.display());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let run = std::panic::catch_unwind(|| target(&bytes));
        assert!(run.is_ok(), "repeat it: cargo fuzz run {name} {}", file.display());
    }
}

#[test]
fn kept_connections_are_answered_in_http_or_closed() {
    replay("http", surface::http);
}

#[test]
fn kept_files_are_read_or_refused() {
    replay("files", surface::files);
}

#[test]
fn kept_connections_of_strangers_hold_no_more_than_they_may() {
    replay("links", |bytes| _ = links::links(bytes));
}
