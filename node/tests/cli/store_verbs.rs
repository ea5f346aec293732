//! `tidings store`: what is kept is checked and carried elsewhere, while no node runs.

use std::fs;
use std::os::unix::fs::FileExt as _;

use serde_json::{Value, json};

use super::blocks::free;
use super::{Folder, code, stderr};

fn opaque() -> Folder {
    let folder = Folder::empty();
    folder.json(&["init", "--rules", "opaque"]);
    folder
}

/// A folder in which so many items of so many bytes were submitted, and a node that was stopped.
fn with_items(folder: Folder, count: u8, len: usize) -> Folder {
    let node = folder.run(&[]);
    for n in 0..count {
        fs::write(folder.file("item"), vec![n; len]).unwrap();
        folder.json(&["submit", folder.file("item").to_str().unwrap()]);
    }
    fs::remove_file(folder.file("item")).unwrap();
    folder.json(&["stop"]);
    drop(node);
    folder
}

#[test]
fn a_store_is_checked_while_no_node_runs() {
    let folder = with_items(opaque(), 3, 100);
    let before = fs::read(folder.file("store.redb")).unwrap();
    let checked = folder.json(&["store", "check"]);
    assert_eq!((&checked["well"], &checked["problems"]), (&json!(true), &json!([])));
    assert_eq!((&checked["store"]["items"], &checked["store"]["own"]), (&json!(3), &json!(3)));
    let text = String::from_utf8(folder.tidings(&["store", "check"]).stdout).unwrap();
    assert!(text.ends_with("all is well\n"), "{text}");
    assert!(fs::read(folder.file("store.redb")).unwrap() == before, "nothing was changed");
    let node = folder.run(&[]);
    let error = folder.fails(69, &["store", "check"]);
    assert!(error.contains("stop that node first"), "{error}");
    drop(node);
    fs::write(folder.file("store.redb"), "oops").unwrap();
    let output = folder.tidings(&["store", "check"]);
    assert_eq!(code(&output), 78);
    assert!(stderr(&output).contains("is damaged") && stderr(&output).contains("`mv "));
    let error = folder.fails(78, &["store", "export", folder.file("out").to_str().unwrap()]);
    assert!(error.contains("is damaged"), "{error}");
    assert!(!folder.file("out").exists());
}

#[test]
fn a_block_that_changed_on_the_disk_is_found_and_named() {
    let folder = free();
    let node = folder.run(&[]);
    for _ in 0..3 {
        folder.json(&["mine"]);
    }
    folder.json(&["stop"]);
    drop(node);
    let checked = folder.json(&["store", "check"]);
    assert_eq!((&checked["blocks"]["blocks"], &checked["well"]), (&json!(3), &json!(true)));
    let path = folder.file("blocks").join("blk00000.dat");
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let at = file.metadata().unwrap().len() - 3;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
    let output = folder.tidings(&["store", "check", "--json"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&checked["blocks"]["bad"], &checked["well"]), (&json!(1), &json!(false)));
    let problems = checked["problems"].to_string();
    assert!(problems.contains("its checksum is wrong"), "{problems}");
    assert!(problems.contains("fetched from peers again: start the node"), "{problems}");
    // What can be read is carried away, and that something can't is told.
    let out = folder.file("out");
    let output = folder.tidings(&["store", "export", out.to_str().unwrap(), "--json"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let exported: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&exported["items"], &exported["unread"]), (&json!(2), &json!(1)));
}

#[test]
fn what_is_exported_is_imported_elsewhere_and_nothing_twice() {
    let folder = with_items(opaque(), 5, 200);
    let out = folder.file("out");
    let exported = folder.json(&["store", "export", out.to_str().unwrap()]);
    assert_eq!((&exported["items"], &exported["unread"]), (&json!(5), &json!(0)));
    let text = fs::read_to_string(&out).unwrap();
    assert!(
        text.starts_with("tidings-export 1\nnetwork tidings-dev\nrules opaque\nown "),
        "{text}"
    );
    assert!(text.ends_with("\nend 5\n"));
    let error = folder.fails(1, &["store", "export", out.to_str().unwrap()]);
    assert!(error.contains("out"), "an existing file is left alone: {error}");
    let printed = folder.tidings(&["store", "export", "-"]);
    assert_eq!(String::from_utf8(printed.stdout).unwrap().lines().count(), 9);

    let other = opaque();
    let imported = other.json(&["store", "import", out.to_str().unwrap()]);
    assert_eq!((&imported["added"], &imported["known"]), (&json!(5), &json!(0)));
    let imported = other.json(&["store", "import", out.to_str().unwrap()]);
    assert_eq!((&imported["added"], &imported["known"]), (&json!(0), &json!(5)));
    let _node = other.run(&[]);
    super::eventually("all are back", || other.json(&["status"])["pool_items"] == 5);
}

#[test]
fn blocks_of_a_chain_are_carried_elsewhere() {
    let folder = free();
    let node = folder.run(&[]);
    for _ in 0..4 {
        folder.json(&["submit", "--payload", "hello"]);
        folder.json(&["mine"]);
    }
    folder.json(&["submit", "--payload", "not in a block"]);
    let tip = folder.json(&["status"])["chain"]["tip"].clone();
    folder.json(&["stop"]);
    drop(node);
    let out = folder.file("out");
    assert_eq!(folder.json(&["store", "export", out.to_str().unwrap()])["items"], 5);
    let other = free();
    assert_eq!(other.json(&["store", "import", out.to_str().unwrap()])["added"], 5);
    let node = other.run(&[]);
    super::eventually("it is connected", || other.json(&["status"])["chain"]["tip"] == tip);
    super::eventually("it is pooled", || other.json(&["status"])["pool_items"] == 1);
    drop(node);
    let few = folder.file("few");
    let args = ["store", "export", few.to_str().unwrap(), "--without-blocks"];
    assert_eq!(folder.json(&args)["items"], 1);
}

#[test]
fn what_the_rules_refuse_is_not_imported_and_half_a_file_changes_nothing() {
    let folder = with_items(opaque(), 3, 300);
    let out = folder.file("out");
    folder.json(&["store", "export", out.to_str().unwrap()]);
    let text = fs::read_to_string(&out).unwrap();
    // Another network's limits.
    let other = opaque();
    let network = fs::read_to_string(other.file("network.toml")).unwrap();
    let narrow = network.replace("max_tx_bytes = 100000", "max_tx_bytes = 250");
    fs::write(other.file("network.toml"), narrow).unwrap();
    let mixed = text.replace("end 3\n", "tx 0 00ff\nend 4\n");
    fs::write(&out, mixed).unwrap();
    let output = other.tidings(&["store", "import", out.to_str().unwrap(), "--json"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let imported: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&imported["added"], &imported["refused"]), (&json!(1), &json!(3)));
    assert_eq!((&imported["refusals"][0]["why"]), (&json!("too-large")));
    assert_eq!((&imported["refusals"][0]["line"]), (&json!(4)));

    let other = opaque();
    for (wrong, said) in [
        (text[..text.len() - 6].to_owned(), "cut short"),
        (text.replace("tidings-dev", "elsewhere"), "of the network `elsewhere`"),
        ("oops".to_owned(), "cut short"),
    ] {
        fs::write(&out, wrong).unwrap();
        let error = other.fails(1, &["store", "import", out.to_str().unwrap()]);
        assert!(error.contains(said) && error.contains("nothing was changed"), "{error}");
        assert!(!other.file("store.redb").exists(), "{error}");
    }
}
