//! The inputs that were kept, each through its target: what once found a fault, and what reaches the most code.

use std::fs;
use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
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
fn kept_messages_are_read_or_refused() {
    replay("messages", tidings_fuzz::messages);
}

#[test]
fn kept_streams_read_the_same_however_they_are_cut() {
    replay("frames", tidings_fuzz::frames);
}

#[test]
fn kept_items_are_judged_by_all_rules() {
    replay("chains", tidings_fuzz::chains);
}

#[test]
fn kept_lives_keep_every_invariant() {
    replay("node", tidings_fuzz::node);
}

#[test]
fn kept_comparisons_of_maps_stay_within_their_bounds() {
    replay("merkle", tidings_fuzz::merkle);
}

#[test]
fn kept_lives_of_replicas_keep_every_bound_and_end_in_agreement() {
    replay("replica", tidings_fuzz::replica);
}
