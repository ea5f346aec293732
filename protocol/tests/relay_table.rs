//! Every test that RELAY.md names exists.

use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("../RELAY.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files with tests of a module of a crate, whose path ends as RELAY.md names it.
fn files_of(root: &Path, module: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    collect(&root.join("tests"), &mut files);
    if root == self::root() {
        collect(&root.join("../testnet/sim/src"), &mut files);
    }
    let is_of_module = |file: &PathBuf| {
        let rooms = file.with_extension("");
        let rooms: PathBuf = rooms.iter().filter(|room| *room != "tests").collect();
        let has_tests = ["#[test]", "#[tokio::test"].iter().any(|attribute| has(file, attribute));
        rooms.ends_with(module.iter().collect::<PathBuf>()) && has_tests
    };
    files.retain(is_of_module);
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn has(file: &Path, text: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|content| content.contains(text))
}

/// Whether a name is that of a test, of a module with tests, or of a file of them; of another crate if its folder is
/// named first: `node/store::…`.
fn exists(name: &str) -> bool {
    if let Some(file) = name.strip_prefix("tests/") {
        return has(&root().join(format!("tests/{file}.rs")), "#[test]");
    }
    let (root, name) = match name.split_once('/') {
        Some((other, name)) => (root().join("..").join(other), name),
        None => (root().to_owned(), name),
    };
    let path: Vec<&str> = name.split("::").collect();
    let Some((last, module)) = path.split_last() else { return false };
    let is_there = |file: &PathBuf| has(file, &format!("fn {last}("));
    !files_of(&root, &path).is_empty() || files_of(&root, module).iter().any(is_there)
}

/// What stands in the column of tests, `…` spelled out.
fn named(table: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_end_matches('|').split(" |").collect();
        // The tables of behaviours have four or five columns, the last of them that of tests.
        let ([_, _, _, tests] | [_, _, _, _, tests]) = cells[..] else { continue };
        for name in tests.split('`').skip(1).step_by(2) {
            let module = names.last().and_then(|last| last.rsplit_once("::"));
            let name = match (name.strip_prefix('…'), module) {
                (Some(rest), Some((module, _))) => format!("{module}{rest}"),
                _ => name.to_owned(),
            };
            names.push(name);
        }
    }
    names
}

#[test]
fn every_test_in_the_table_of_behaviours_exists() {
    let names = named(TABLE);
    assert!(names.len() > 50, "the table is read wrongly: {names:?}");
    let missing: Vec<_> = names.into_iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "RELAY.md names tests that don't exist: {missing:?}");
}

#[test]
fn a_test_that_does_not_exist_is_found_out() {
    let names = named(
        "| 1 | theirs | ours | why | `request::no_such_test`, `…::nor_this`, `rate_limiter` |",
    );
    assert_eq!(names, ["request::no_such_test", "request::nor_this", "rate_limiter"]);
    assert_eq!(names.iter().map(|name| exists(name)).collect::<Vec<_>>(), [false, false, true]);
    assert!(!exists("tests/nothing") && !exists("nowhere") && exists("tests/siege"));
    assert!(exists("node/store") && !exists("node/store::nothing") && !exists("nowhere/store"));
}

/// Every section of the table, A to D, has behaviours with tests: none is only prose.
#[test]
fn every_behaviour_names_its_test() {
    let rows =
        TABLE.lines().filter(|line| line.starts_with("| ") && line.matches(" |").count() == 5);
    let untested: Vec<_> = rows
        .filter(|row| !row.starts_with("| # |"))
        .filter(|row| !row.rsplit(" |").nth(1).is_some_and(|tests| tests.contains('`')))
        .collect();
    // What isn't there can't be tested.
    assert_eq!(untested.len(), 1, "{untested:?}");
    assert!(untested[0].starts_with("| 30–33 |"));
}
