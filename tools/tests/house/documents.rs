//! No file names another that isn't here: whoever clones the repository has to find what he is told of.
//!
//! A name that ends in `.md`, anywhere, or in `.rs`, in a document or a comment, must be that of a file of the
//! repository, by its whole path or by the end of it. An address in the world says itself where it leads. Links
//! between documents lead to a file, and to a heading of it.

use std::path::{Path, PathBuf};

use crate::repository;

/// Names that stand for any file.
const EXAMPLES: &[&str] = &["foo.rs", "foo/tests.rs", "mod.rs"];

/// Every name in a text that ends like this, with its line.
fn named(text: &str, ending: &str) -> Vec<(usize, String)> {
    let part_of_a_name = |c: char| c.is_alphanumeric() || "_-./:".contains(c);
    let mut found = Vec::new();
    for (line, content) in text.lines().enumerate() {
        let words = content.split(|c| !part_of_a_name(c));
        let words = words.map(|word| word.trim_end_matches(['.', ':', '-']));
        let words = words.filter(|word| word.ends_with(ending) && *word != ending);
        found.extend(words.map(|word| (line + 1, word.to_owned())));
    }
    found
}

/// A text without its code: comments alone, on the lines where they are.
fn comments(text: &str) -> String {
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    let lines = text.lines().map(|line| if is_comment(line) { line } else { "" });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a name is that of a file among `files`, or leads out into the world.
fn is_here(name: &str, files: &[PathBuf]) -> bool {
    if name.contains("://") || EXAMPLES.contains(&name) {
        return true;
    }
    let steps = name.split('/').filter(|step| !matches!(*step, "." | ".."));
    let path: PathBuf = steps.collect();
    files.iter().any(|file| file.ends_with(&path))
}

/// What a file names and isn't here: file, line and name.
fn missing(file: &Path, text: &str, files: &[PathBuf]) -> Vec<String> {
    let mut names = named(text, ".md");
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => names.extend(named(&comments(text), ".rs")),
        Some("md") => names.extend(named(text, ".rs")),
        _ => {}
    }
    names.retain(|(_, name)| !is_here(name, files));
    let told = names.into_iter();
    told.map(|(line, name)| format!("{}:{line} names {name}", file.display())).collect()
}

/// The targets of a document's links that lead to other documents, with their lines.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(line, content)| {
        let targets = content.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.filter(|target| !target.contains("://")).map(move |target| (line + 1, target))
    })
}

/// The anchors of a document's headings, as they are made of their words.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    headings.map(|heading| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    })
}

/// Whether a link in a file leads somewhere: to a file, and there to a heading. (What follows the name of a page is the page's own
/// affair, and a link's title nobody's.)
fn leads(file: &Path, target: &str) -> bool {
    let target = target.split_once(" \"").map_or(target, |(target, _)| target);
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let anchor = if path.ends_with(".html") { "" } else { anchor };
    let path = if path.is_empty() { file.to_owned() } else { file.with_file_name(path) };
    let whole = repository::root().join(&path);
    let heading = || anchors(&repository::text(&path).unwrap_or_default()).any(|it| it == anchor);
    whole.exists() && (anchor.is_empty() || heading())
}

#[test]
fn no_reference_to_a_document_that_is_not_here() {
    let files = repository::files();
    let texts = files.iter().filter_map(|file| Some((file, repository::text(file)?)));
    let missing: Vec<_> = texts.flat_map(|(file, text)| missing(file, &text, &files)).collect();
    assert!(missing.is_empty(), "files that aren't here:\n{}", missing.join("\n"));
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let is_document = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "md");
    let documents = repository::files().into_iter().filter(is_document);
    let astray = documents.flat_map(|file| {
        let text = repository::text(&file).unwrap();
        let astray = links(&text).filter(|(_, target)| !leads(&file, target));
        astray.map(|(line, to)| format!("{}:{line}: {to}", file.display())).collect::<Vec<_>>()
    });
    let astray: Vec<_> = astray.collect();
    assert!(astray.is_empty(), "links that lead nowhere:\n{}", astray.join("\n"));
}

#[test]
fn a_file_that_is_not_here_is_found_out() {
    // Spelled out at run time, or this file would be found out itself.
    let name = |stem: &str| format!("{stem}.{}", "md");
    let files = [PathBuf::from(name("README")), PathBuf::from(name("node/GUIDE")), "a/b.rs".into()];
    let (here, gone) = (name("GUIDE"), name("lost"));
    let text = format!("{here}, [it](node/{here}) and\n({gone} §1); [x](https://a.org/{gone}).");
    let found = missing(Path::new("src/a.rs"), &text, &files);
    assert_eq!(found, [format!("src/a.rs:2 names {gone}")]);
    let outside = name("../shared/README");
    assert_eq!(missing(Path::new("a"), &outside, &files).len(), 1);
    let code = "//! See `b.rs` and `a/b.rs`.\nlet path = \"c.rs\";\n  // `b/c.rs` has it\n";
    assert_eq!(missing(Path::new("d.rs"), code, &files), ["d.rs:3 names b/c.rs"]);
}

#[test]
fn a_link_that_leads_nowhere_is_found_out() {
    let text = "[a](CHANGELOG) and [b](https://a.org/c), ![d](../e.svg)\n[f](#g)";
    assert_eq!(links(text).collect::<Vec<_>>(), [(1, "CHANGELOG"), (1, "../e.svg"), (2, "#g")]);
    assert_eq!(anchors("# A `b`\ntext\n## The *c*, d\n").collect::<Vec<_>>(), ["a-b", "the-c-d"]);
    assert!(leads(Path::new("tools/Cargo.toml"), "../protocol/Cargo.toml"));
    assert!(!leads(Path::new("Cargo.toml"), "nowhere/Cargo.toml"));
    assert!(!leads(Path::new("Cargo.toml"), "#no-such-heading"));
}
