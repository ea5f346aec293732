//! `tidings mine`, `blocks`, `block`, `pool`, `item` and `decode`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Folder, PATIENCE, code, stderr};

/// A folder of a network whose blocks prove so much work.
fn folder(bits: u8) -> Folder {
    let folder = Folder::new();
    let path = folder.file("network.toml");
    let text = fs::read_to_string(&path).unwrap();
    let easier = text.replace("difficulty_bits = 16", &format!("difficulty_bits = {bits}"));
    assert_ne!(easier, text);
    fs::write(path, easier).unwrap();
    folder
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_block_takes_what_is_pooled_and_is_shown_by_id_and_as_bytes() {
    let folder = folder(4);
    let _node = folder.run(&[]);
    let id = folder.json(&["submit", "--payload", "hello"])["id"].clone();
    let pool = folder.json(&["pool"]);
    assert_eq!(
        (&pool["count"], &pool["items"][0]["id"], &pool["next"]),
        (&json!(1), &id, &Value::Null)
    );
    assert_eq!(pool["items"][0]["own"], true);
    let item = folder.json(&["item", &text(&id)[..10]]);
    assert_eq!((&item["id"], &item["kind"], &item["valid"]), (&id, &json!("tx"), &json!(true)));
    assert_eq!(item["fields"]["payload"], "hello");

    let mined = folder.json(&["mine"]);
    assert_eq!((&mined["height"], &mined["transactions"]), (&json!(1), &json!(1)));
    let block = text(&mined["id"]).to_owned();
    let view = folder.json(&["block", &block[..12]]);
    assert_eq!((&view["id"], &view["ids"], &view["more"]), (&mined["id"], &json!([id]), &json!(0)));
    assert!(view["heard_unix_us"].is_u64() && view["came_unix_us"].is_u64(), "{view}");

    let hex = folder.tidings(&["block", &block, "--hex"]);
    let hex = String::from_utf8(hex.stdout).unwrap();
    let decoded = folder.json(&["decode", hex.trim()])["readings"].clone();
    assert_eq!((&decoded[0]["kind"], &decoded[0]["id"]), (&json!("block"), &mined["id"]));
    assert_eq!(
        (&decoded[0]["valid"], &decoded[0]["fields"]["transactions"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(decoded.as_array().unwrap().len(), 1, "it is no transaction");
}

#[test]
fn blocks_follow_one_another_and_what_they_take_leaves_the_pool() {
    let folder = folder(4);
    let _node = folder.run(&[]);
    folder.json(&["submit", "--payload", "hello"]);
    let first = folder.json(&["mine"]);
    let status = folder.json(&["status"]);
    assert_eq!((&status["chain"]["height"], &status["chain"]["tip"]), (&json!(1), &first["id"]));
    assert_eq!((&status["chain"]["headers"], &status["pool_items"]), (&json!(1), &json!(0)));
    let output = folder.tidings(&["mine", "--every", "5ms", "--count", "3", "--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let mined: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let heights: Vec<_> = mined.iter().map(|mined| mined["height"].as_u64().unwrap()).collect();
    assert_eq!(heights, [2, 3, 4]);
    assert_eq!((&mined[0]["parent"], &mined[1]["parent"]), (&first["id"], &mined[0]["id"]));
    let blocks = folder.json(&["blocks", "--last", "2"])["blocks"].clone();
    let heights: Vec<_> = blocks.as_array().unwrap().iter().map(|row| &row["height"]).collect();
    assert_eq!(heights, [&json!(4), &json!(3)]);
    assert_eq!((&blocks[0]["state"], &blocks[0]["transactions"]), (&json!("connected"), &json!(0)));
    assert_eq!(folder.json(&["block", "1"])["id"], first["id"]);
    let error = folder.fails(1, &["block", "5"]);
    assert!(error.contains("the last has height 4"), "{error}");
}

#[test]
fn a_fork_that_is_longer_becomes_the_chain() {
    let folder = folder(4);
    let _node = folder.run(&[]);
    let first = folder.json(&["mine"]);
    let lost = folder.json(&["mine"]);
    let args = ["mine", "--on", text(&first["id"]), "--count", "2", "--json"];
    let output = folder.tidings(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let last = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(last["height"], 3);
    assert_eq!(folder.json(&["status"])["chain"]["tip"], last["id"]);
    assert_eq!(folder.json(&["block", text(&lost["id"])])["state"], "stored");
}

#[test]
fn mining_goes_on_until_it_is_interrupted_and_that_is_no_failure() {
    let folder = folder(4);
    let _node = folder.run(&[]);
    let mut command = folder.command(&["mine", "--poisson", "20ms"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("block ") && first.contains("0 transactions"), "{first}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let last = lines.last().unwrap().unwrap();
    assert!(last.contains(" made"), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_mined_says_why() {
    let folder = folder(33);
    let node = folder.run(&[]);
    let error = folder.fails(1, &["mine"]);
    assert!(error.contains("prove 33 bits") && error.contains("test networks"), "{error}");
    drop(node);
    let folder = Folder::empty();
    folder.json(&["init", "--rules", "opaque"]);
    let _node = folder.run(&[]);
    let error = folder.fails(1, &["mine"]);
    assert_eq!(error, "tidings: no block can be made under these rules\n");
}

/// A search that would take an hour ends with whoever waits for it, or the node couldn't stop.
#[test]
fn a_search_ends_with_whoever_waits_for_it_and_with_the_node() {
    let folder = folder(32);
    let node = folder.run(&[]);
    let search = || folder.command(&["mine"]).stderr(Stdio::null()).spawn().unwrap();
    let searches = |child: &mut Child| {
        // It may have come while the question below was the one search that there may be.
        if child.try_wait().unwrap().is_some() {
            *child = search();
        }
        folder.fails(1, &["mine", "--on", "12345678"]).contains("one at a time")
    };
    let mut first = search();
    super::eventually("it searches", || searches(&mut first));
    kill_process(Pid::from_child(&first), Signal::INT).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    super::eventually("nobody searches", || {
        folder.fails(1, &["mine", "--on", "12345678"]).contains("12345678")
    });
    let mut second = search();
    super::eventually("it searches again", || searches(&mut second));
    let asked = std::time::Instant::now();
    folder.json(&["stop"]);
    assert!(asked.elapsed() < PATIENCE);
    assert_eq!(node.code(), Some(0));
    assert_eq!(second.wait().unwrap().code(), Some(1));
}

#[test]
fn what_is_asked_for_wrongly_says_what_is_wrong() {
    let folder = folder(4);
    let _node = folder.run(&[]);
    for (args, status, sentence) in [
        (&["block", "0badc0de"][..], 1, "doesn't know the block `0badc0de`"),
        (&["block", "xyz"], 1, "is no id of an item"),
        (&["item", "0badc0de"], 1, "doesn't have the item `0badc0de`"),
        (&["mine", "--on", "0badc0de"], 1, "the block `0badc0de`"),
        (&["blocks", "--last", "0"], 64, "--last is 0, but must be 1 to 1000"),
        (&["pool", "--limit", "0"], 64, "--limit is 0, but must be 1 to 100000"),
        (&["mine", "--every", "never"], 64, "for instance 500ms"),
        (&["mine", "--every", "1s", "--poisson", "1s"], 64, "cannot be used with"),
    ] {
        let error = folder.fails(status, args);
        assert!(error.contains(sentence), "{args:?}: {error}");
    }
    let text = folder.tidings(&["pool"]);
    assert_eq!(String::from_utf8(text.stdout).unwrap(), "0 transactions, 0 B\n");
}

#[test]
fn bytes_are_decoded_without_a_node() {
    let folder = folder(4);
    fs::write(folder.file("raw"), [1, 2, 3]).unwrap();
    fs::write(folder.file("hex"), "0102\n03\n").unwrap();
    let (raw, hex) = (folder.file("raw"), folder.file("hex"));
    for what in ["010203", raw.to_str().unwrap(), hex.to_str().unwrap()] {
        let output = folder.tidings(&["decode", what, "--json"]);
        assert_eq!(code(&output), 1, "{}", stderr(&output));
        let decoded: Value = serde_json::from_slice(&output.stdout).unwrap();
        let decoded = &decoded["readings"];
        assert_eq!((&decoded[0]["bytes"], &decoded[0]["rule"]), (&json!(3), &json!("truncated")));
        assert_eq!(decoded[1]["kind"], "block");
    }
    let mut command = folder.command(&["decode", "--block", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"00").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("block without an id") && text.contains("rule truncated"), "{text}");
    let error = folder.fails(64, &["decode", "nothing"]);
    assert!(error.contains("neither a file nor"), "{error}");
}
