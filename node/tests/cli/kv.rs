//! `tidings kv`: two nodes that share a map, one that is killed, and what goes wrong.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Folder, Node, code, eventually, stderr};

/// Folders of one network, with their ids: some nodes that may be a fleet.
fn folders<const COUNT: usize>() -> ([Folder; COUNT], Vec<String>) {
    let folders = [(); COUNT].map(|()| Folder::empty());
    let network = folders[0].file("network.toml").display().to_string();
    let ids = folders.iter().enumerate().map(|(number, folder)| {
        let made = match number {
            0 => folder.json(&["init"]),
            _ => folder.json(&["init", "--network", &network]),
        };
        made["peer_id"].as_str().unwrap().to_owned()
    });
    let ids = ids.collect();
    (folders, ids)
}

/// Runs a node whose map has a model and a fleet, and that keeps a link to another one if there is one.
fn run(folder: &Folder, model: &str, fleet: &[String], to: Option<&Node>) -> Node {
    let model = format!("kv.model={model}");
    let fleet = format!("kv.fleet={}", fleet.join(","));
    let mut args = vec!["--set", &model, "--set", &fleet, "--set", "kv.round_ms=100"];
    if let Some(node) = to {
        args.extend(["--connect", node.listen()]);
    }
    folder.run(&args)
}

fn values(folder: &Folder, key: &str) -> Vec<String> {
    let output = folder.tidings(&["kv", "get", key, "--json"]);
    if code(&output) != 0 {
        return Vec::new();
    }
    let entries: Value = serde_json::from_slice(&output.stdout).unwrap();
    let values = entries["entries"][0]["values"].as_array().cloned().unwrap_or_default();
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_set_at_one_is_got_and_watched_at_the_other_and_outlives_a_kill() {
    let ([first, second], ids) = folders();
    let one = run(&first, "last-writer", &ids, None);
    let two = run(&second, "last-writer", &ids, Some(&one));
    let mut watch = second.command(&["kv", "watch", "col", "--json"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let (send, lines) = mpsc::sync_channel(64);
    let told = BufReader::new(watch.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        told.lines().map_while(Result::ok).for_each(|line| _ = send.send(line));
    });
    // It may not listen yet when the first one is set.
    let mut number = 0;
    let line = loop {
        number += 1;
        first.json(&["kv", "set", "other", "x"]);
        first.json(&["kv", "set", "colour", &format!("red {number}")]);
        if let Ok(line) = lines.recv_timeout(std::time::Duration::from_secs(2)) {
            break line;
        }
        assert!(number < 20, "nothing is told");
    };
    let change: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&change["key"], &change["kind"]), (&json!("colour"), &json!("register")));
    let value = format!("red {number}");
    eventually("the other has it", || values(&second, "colour") == [value.as_str()]);
    let text = second.tidings(&["kv", "get", "colour"]);
    assert_eq!(String::from_utf8(text.stdout).unwrap(), format!("{value}\n"));

    let before = first.json(&["status"])["kv"]["writer"].clone();
    first.json(&["kv", "set", "kept", "after a kill"]);
    one.signal(Signal::KILL);
    assert_eq!(one.code(), None);
    let one = run(&first, "last-writer", &ids, None);
    assert_eq!(values(&first, "kept"), ["after a kill"]);
    assert_eq!(values(&first, "colour"), [value.as_str()]);
    let status = first.json(&["status"]);
    assert_ne!(status["kv"]["writer"], before, "it may not have all that it wrote");
    first.json(&["kv", "delete", "colour"]);
    assert_eq!(first.json(&["stop"]), json!({ "stopped": true }));
    assert_eq!(one.code(), Some(0));
    let one = run(&first, "last-writer", &ids, None);
    assert_eq!(first.json(&["status"])["kv"]["writer"], status["kv"]["writer"], "it has it all");
    assert!(values(&first, "colour").is_empty(), "a deletion is kept, too");
    drop((one, two));
    watch.wait().unwrap();
    reader.join().unwrap();
}

#[test]
fn concurrent_values_are_conflicts_until_one_is_chosen() {
    let ([first, second], ids) = folders();
    let one = run(&first, "versions", &ids, None);
    let two = run(&second, "versions", &ids, None);
    first.json(&["kv", "set", "colour", "red"]);
    second.json(&["kv", "set", "colour", "blue"]);
    drop(two);
    let _two = run(&second, "versions", &ids, Some(&one));
    eventually("the two meet", || values(&first, "colour").len() == 2);
    let text = first.tidings(&["kv", "conflicts"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("to choose") && text.contains("red") && text.contains("blue"), "{text}");
    assert_eq!(first.json(&["status"])["kv"]["contested"], 1);
    first.json(&["kv", "set", "colour", "green"]);
    eventually("all know", || values(&second, "colour") == ["green"]);
    assert_eq!(second.json(&["kv", "conflicts"])["contested"], json!([]));
}

#[test]
fn counters_sets_and_fields_of_two_fit_together() {
    let ([first, second], ids) = folders();
    let one = run(&first, "convergent", &ids, None);
    let _two = run(&second, "convergent", &ids, Some(&one));
    for folder in [&first, &second] {
        assert_eq!(code(&folder.tidings(&["kv", "add", "hits", "5"])), 0);
        assert_eq!(code(&folder.tidings(&["kv", "add", "hits", "-2"])), 0);
    }
    first.json(&["kv", "include", "hosts", "a"]);
    first.json(&["kv", "include", "hosts", "b"]);
    first.json(&["kv", "exclude", "hosts", "a"]);
    second.json(&["kv", "set", "limits", "10", "--field", "cpu"]);
    let list = |folder: &Folder| String::from_utf8(folder.tidings(&["kv", "list"]).stdout).unwrap();
    let all = "hits = 6\nhosts = {b}\nlimits = [cpu=10]\n";
    eventually("both have all", || list(&first) == all && list(&second) == all);
    let only_h = second.tidings(&["kv", "list", "ho"]);
    assert_eq!(String::from_utf8(only_h.stdout).unwrap(), "hosts = {b}\n");
    let why = first.fails(1, &["kv", "set", "hits", "7"]);
    assert!(why.contains("convergent"), "{why}");
    let why = first.fails(1, &["kv", "delete", "hits"]);
    assert!(why.contains("counter"), "{why}");
    first.json(&["kv", "delete", "hosts"]);
    eventually("it is gone", || list(&second) == "hits = 6\nlimits = [cpu=10]\n");
}

#[test]
fn a_node_outside_the_fleet_has_nothing_of_the_map() {
    let ([first, second], ids) = folders();
    let one = run(&first, "last-writer", &ids[..1], None);
    let _two = run(&second, "last-writer", &ids, Some(&one));
    first.json(&["kv", "set", "secret", "1"]);
    second.json(&["kv", "set", "mine", "2"]);
    eventually("they are linked", || first.json(&["status"])["inbound"] == 1);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(values(&second, "secret").is_empty() && values(&first, "mine").is_empty());
    assert_eq!(first.json(&["status"])["kv"]["peers"], 0);
}

#[test]
fn what_goes_wrong_is_told_with_what_to_do() {
    let folder = Folder::new();
    let node = folder.run(&[]);
    for args in [&["kv", "get", "x"][..], &["kv", "list"], &["kv", "watch"], &["kv", "conflicts"]] {
        let why = folder.fails(1, args);
        assert!(why.contains("kv.model") && why.contains("kv.fleet"), "{args:?}: {why}");
    }
    assert!(folder.json(&["status"])["kv"].is_null());
    drop(node);
    let why = folder.fails(69, &["kv", "get", "x"]);
    assert!(why.contains("tidings run"), "{why}");
    for args in [
        &["kv"][..],
        &["kv", "get"],
        &["kv", "set", "x"],
        &["kv", "add", "x", "much"],
        &["kv", "frob"],
        &["kv", "delete", "x", "--kind", "counter"],
    ] {
        folder.fails(64, args);
    }
    for (set, named) in [
        ("kv.fleet=nobody", "peer ids"),
        ("kv.keys_max=0", "1 to 65536"),
        ("kv.bytes_max=1", "67108864"),
        ("kv.model=last", "last-writer"),
    ] {
        let output = folder.tidings(&["run", "--set", set]);
        let why = stderr(&output);
        assert_eq!(code(&output), 78, "{set}: {why}");
        assert!(why.contains(named), "{set}: {why}");
    }
    let small = ["--set", "kv.model=last-writer", "--set", "kv.keys_max=1"];
    let _node = folder.run(&small);
    folder.json(&["kv", "set", "ü", "ö \u{1b}[31m"]);
    let shown = folder.tidings(&["kv", "get", "ü"]);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), "ö \\u{1b}[31m\n");
    let long = "x".repeat(5_000);
    for (args, named) in [
        (&["kv", "set", &long, "1"][..], "255"),
        (&["kv", "set", "ü", &long], "4096"),
        (&["kv", "set", "another", "1"], "the map is full"),
        (&["kv", "delete", "another"], "nothing to delete"),
        (&["kv", "get", "another"], "nothing under the key"),
        (&["kv", "add", "ü", "1"], "convergent"),
        (&["kv", "set", "ü", "1", "--field", "f"], "convergent"),
    ] {
        let why = folder.fails(1, args);
        assert!(why.contains(named), "{why}");
    }
}
