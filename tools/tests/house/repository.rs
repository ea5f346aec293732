//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the repository begins.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All files, by their paths from the root, sorted: what a folder's `.gitignore` names by a plain name is left out, there and below, and
/// so is what is hidden, but for the CI's scripts.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(Path::new(""), &[], &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, ignored_above: &[String], found: &mut Vec<PathBuf>) {
    let here = fs::read_to_string(root().join(folder).join(".gitignore")).unwrap_or_default();
    let here = here.lines().map(|line| line.trim_matches('/').to_owned());
    let ignored: Vec<String> = ignored_above.iter().cloned().chain(here).collect();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let name = name.to_str().unwrap();
        let hidden = name.starts_with('.') && name != ".ci";
        if hidden || ignored.iter().any(|ignored| ignored == name) {
            continue;
        }
        let kind = entry.file_type().unwrap();
        let path = folder.join(name);
        if kind.is_dir() {
            collect(&path, &ignored, found);
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

/// The text of a file, if it is there and one of text.
pub(crate) fn text(file: &Path) -> Option<String> {
    fs::read_to_string(root().join(file)).ok()
}
