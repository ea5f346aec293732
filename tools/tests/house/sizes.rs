//! How large things are: files that one can read at a sitting, folders that one can take in at a glance.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{repository, tree};

/// Most lines of a file of code: a longer one has become two things.
const FILE_MAX: usize = 600;

/// Fewest lines of a file of code that is more than the face of a module: a shorter one is half of another.
const FILE_MIN: usize = 20;

/// Most entries of the core's source folder, `foo.rs` and `foo/` being one.
const ROOMS_MAX: usize = 20;

/// Most lines of the map.
const MAP_MAX: usize = 200;

fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    let is_code = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
    let files = repository::files().into_iter().filter(is_code);
    files.filter_map(|file| repository::text(&file).map(|text| (file, text)))
}

/// Whether a file only says what a module has: modules and re-exports. The root of a crate may be as short as
/// it is.
fn is_face(file: &Path, text: &str) -> bool {
    let root = ["lib.rs", "main.rs"].iter().any(|name| file.ends_with(name));
    let says_what_there_is =
        |item: &syn::Item| matches!(item, syn::Item::Mod(_) | syn::Item::Use(_));
    root || tree::parse(file, text).iter().all(says_what_there_is)
}

#[test]
fn no_file_is_too_long() {
    let long = sources().filter(|(_, text)| text.lines().count() > FILE_MAX);
    let long: Vec<_> = long.map(|(file, _)| file).collect();
    assert!(long.is_empty(), "over {FILE_MAX} lines: {long:?}");
}

#[test]
fn no_file_is_too_short_but_for_faces_of_modules() {
    let short = sources().filter(|(_, text)| text.lines().count() < FILE_MIN);
    let short: Vec<_> =
        short.filter(|(file, text)| !is_face(file, text)).map(|(file, _)| file).collect();
    assert!(short.is_empty(), "under {FILE_MIN} lines: {short:?}");
}

#[test]
fn the_core_has_few_rooms() {
    let folder = Path::new("protocol/src");
    let files = repository::files();
    let inside = files.iter().filter_map(|file| file.strip_prefix(folder).ok());
    let entries = inside.filter_map(|file| file.iter().next());
    let rooms: BTreeSet<_> = entries.filter_map(|entry| Path::new(entry).file_stem()).collect();
    assert!(rooms.len() <= ROOMS_MAX, "{} rooms in {}: {rooms:?}", rooms.len(), folder.display());
}

#[test]
fn the_map_is_short() {
    let map = repository::text(Path::new("ARCHITECTURE.md")).unwrap();
    assert!(map.lines().count() <= MAP_MAX, "ARCHITECTURE.md has {} lines", map.lines().count());
}

#[test]
fn a_file_of_modules_and_re_exports_is_a_face() {
    let file = Path::new("a.rs");
    assert!(is_face(file, "//! Rooms.\nmod b;\npub use b::C;\n"));
    assert!(!is_face(file, "pub use b::C;\nfn d() {}\n"));
    assert!(is_face(Path::new("src/main.rs"), "fn main() {}\n"));
}
