//! No file names a document that isn't here: whoever clones the repository has to find the source.
//!
//! A name that ends in `.md` must be that of a file of the repository, by its whole path or by the end of it. A link
//! says itself where it leads.

use std::path::{Path, PathBuf};

use crate::repository;

/// Documents of other projects that are cited by name, beside the project's own.
const OF_OTHERS: &[&str] = &[];

/// Every name of a document in a text, with its line.
fn named(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let part_of_a_name = |c: char| c.is_alphanumeric() || "_-./:".contains(c);
    text.lines().enumerate().flat_map(move |(line, content)| {
        let words = content.split(move |c| !part_of_a_name(c));
        let words = words.map(|word| word.trim_end_matches(['.', ':', '-']));
        words
            .filter(|word| word.ends_with(".md") && *word != ".md")
            .map(move |word| (line + 1, word))
    })
}

/// Whether a name is that of a file among `files`, or leads out into the world.
fn is_here(name: &str, files: &[PathBuf]) -> bool {
    if name.contains("://") || OF_OTHERS.contains(&name) {
        return true;
    }
    let steps = name.split('/').filter(|step| !matches!(*step, "." | ".."));
    let path: PathBuf = steps.collect();
    files.iter().any(|file| file.ends_with(&path))
}

/// What is named and isn't here: file, line and name.
fn missing(file: &Path, text: &str, files: &[PathBuf]) -> Vec<String> {
    let absent = named(text).filter(|(_, name)| !is_here(name, files));
    absent.map(|(line, name)| format!("{}:{line} names {name}", file.display())).collect()
}

#[test]
fn no_reference_to_a_document_that_is_not_here() {
    let files = repository::files();
    let texts = files.iter().filter_map(|file| Some((file, repository::text(file)?)));
    let missing: Vec<_> = texts.flat_map(|(file, text)| missing(file, &text, &files)).collect();
    assert!(missing.is_empty(), "documents that aren't here:\n{}", missing.join("\n"));
}

#[test]
fn a_document_that_is_not_here_is_found_out() {
    // Spelled out at run time, or this file would be found out itself.
    let name = |stem: &str| format!("{stem}.{}", "md");
    let files = [PathBuf::from(name("README")), PathBuf::from(name("node/GUIDE"))];
    let (here, gone) = (name("GUIDE"), name("lost"));
    let text = format!("{here}, [it](node/{here}) and\n({gone} §1); [x](https://a.org/{gone}).");
    let found = missing(Path::new("src/a.rs"), &text, &files);
    assert_eq!(found, [format!("src/a.rs:2 names {gone}")]);
    let outside = name("../shared/README");
    assert_eq!(missing(Path::new("a"), &outside, &files).len(), 1);
}
