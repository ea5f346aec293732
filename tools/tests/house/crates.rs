//! The crates of the workspace, as their manifests have them.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::repository;

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its name as a package.
    pub(crate) name: String,
    /// Its folder, from the root of the repository.
    pub(crate) folder: PathBuf,
    /// What it depends on, but for its tests.
    pub(crate) depends_on: Vec<String>,
}

impl Crate {
    /// The root files of its library and of its programs.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        let source = self.folder.join("src");
        let programs = source.join("bin");
        let is_root = |file: &PathBuf| {
            *file == source.join("lib.rs")
                || *file == source.join("main.rs")
                || file.parent() == Some(&*programs)
        };
        repository::files().into_iter().filter(is_root).collect()
    }
}

fn manifest(folder: &Path) -> Table {
    let file = folder.join("Cargo.toml");
    let text = repository::text(&file).unwrap_or_else(|| panic!("there is no {}", file.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// All crates of the workspace.
pub(crate) fn all() -> Vec<Crate> {
    let root = manifest(Path::new(""));
    let members = root["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| load(Path::new(member.as_str().unwrap()))).collect()
}

fn load(folder: &Path) -> Crate {
    let manifest = manifest(folder);
    let dependencies = manifest.get("dependencies").and_then(Value::as_table);
    Crate {
        name: manifest["package"]["name"].as_str().unwrap().to_owned(),
        folder: folder.to_owned(),
        depends_on: dependencies.into_iter().flat_map(|table| table.keys().cloned()).collect(),
    }
}
