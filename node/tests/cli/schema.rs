//! `--json` of every verb against a real node: it prints what its schema says, and every schema is held to something.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::blocks::free;
use super::watch::Lines;
use super::{Folder, Node, code, eventually, stderr};

/// A node that is a member, and has a map of counters, sets and fields.
fn run(folder: &Folder, name: &str, more: &[&str]) -> Node {
    let name = format!("members.name={name}");
    let mut args = Vec::new();
    for setting in [
        &*name,
        "members.enabled=true",
        "members.listen=127.0.0.1:0",
        "kv.model=convergent",
        "params.relay.trickle_inbound_ms=0",
    ] {
        args.extend(["--set", setting]);
    }
    folder.run(&[&args, more].concat())
}

/// Verbs whose output was held to their schemas.
struct Checks<'a> {
    folder: &'a Folder,
    done: BTreeSet<String>,
}

impl Checks<'_> {
    /// Runs a verb with arguments, and holds what it prints to its schema.
    fn run(&mut self, verb: &str, args: &[&str]) -> Value {
        let words: Vec<&str> = verb.split(' ').chain(args.iter().copied()).collect();
        let output = self.folder.tidings(&[&words[..], &["--json"]].concat());
        assert!(code(&output) <= 1 && stderr(&output).is_empty(), "{words:?}: {}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{words:?}: {text}");
        let value = serde_json::from_str(&text).unwrap();
        self.hold(verb, &value);
        value
    }

    /// The first lines of a verb that goes on, while something is done.
    fn watch(&mut self, verb: &str, args: &[&str], mut act: impl FnMut(&Folder)) {
        let words: Vec<&str> = verb.split(' ').chain(args.iter().copied()).collect();
        let lines = Lines::start(self.folder, &words);
        let line = lines.first(|| act(self.folder));
        self.hold(verb, &serde_json::from_str(&line).unwrap());
    }

    fn hold(&mut self, verb: &str, value: &Value) {
        let words: Vec<&str> = ["schema"].into_iter().chain(verb.split(' ')).collect();
        let mut schema = self.folder.json(&words);
        // What the schema doesn't name isn't printed either.
        schema["unevaluatedProperties"] = json!(false);
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{verb}: {errors:#?}\n{value}");
        assert!(value.is_object(), "{verb}: {value}");
        self.done.insert(verb.to_owned());
    }
}

#[test]
fn every_verb_prints_what_its_schema_says() {
    let (first, second) = (free(), Folder::empty());
    let network = first.file("network.toml").display().to_string();
    let one = run(&first, "one", &[]);
    let mut checks = Checks { folder: &second, done: BTreeSet::new() };
    let made = checks.run("init", &["--network", &network]);
    let two = run(&second, "two", &["--connect", one.listen()]);

    let mut checks = Checks { folder: &first, ..checks };
    checks.hold("run", &one.ready);
    of_the_program(&mut checks);
    of_members(&mut checks, &one, &two);
    of_the_map(&mut checks);
    of_items(&mut checks);
    of_peers(&mut checks, made["peer_id"].as_str().unwrap());
    two.signal(Signal::KILL);
    let force = ["members", "force-leave", "two"];
    eventually("it may be forced", || code(&first.tidings(&force)) == 0);
    checks.run("members force-leave", &["two"]);
    of_keys(&mut checks);
    checks.run("members leave", &[]);
    checks.run("stop", &[]);
    assert_eq!(checks.run("store check", &[])["well"], true);
    let file = first.file("all.jsonl").display().to_string();
    checks.run("store export", &[&file]);
    checks.run("store import", &[&file]);

    let all = first.json(&["schema"])["verbs"].as_object().unwrap().clone();
    let untried: Vec<&String> = all.keys().filter(|verb| !checks.done.contains(*verb)).collect();
    assert!(untried.is_empty(), "held to nothing: {untried:?}");
}

fn of_the_program(checks: &mut Checks<'_>) {
    checks.run("version", &[]);
    checks.run("completions", &["bash"]);
    checks.run("manual", &[]);
    let pages = checks.folder.temp.path().display().to_string();
    checks.run("manual", &["--out", &pages]);
    checks.run("schema", &[]);
    checks.run("config", &[]);
    checks.run("status", &[]);
    checks.run("log", &[]);
}

fn of_items(checks: &mut Checks<'_>) {
    checks.watch("watch", &["accepted"], |folder| {
        folder.json(&["submit", "--payload", "hello"]);
    });
    let submitted = checks.run("submit", &["--payload", "one more"]);
    let id = submitted["id"].as_str().unwrap();
    fs::write(checks.folder.file("junk"), [1, 2, 3]).unwrap();
    let junk = checks.folder.file("junk").display().to_string();
    assert_eq!(checks.run("submit", &[&junk])["outcome"], "rejected");
    checks.run("pool", &[]);
    checks.run("pool", &["--by", "rate"]);
    checks.run("item", &[&id[..12]]);
    checks.run("tx", &[&id[..12]]);
    checks.run("explain tx", &[&id[..12]]);
    checks.run("decode", &["010203"]);
    checks.run("mine", &[]);
    checks.run("blocks", &[]);
    checks.run("block", &["1"]);
    let picture = checks.folder.file("top.svg").display().to_string();
    checks.run("top", &["--svg", &picture, "--seconds", "1"]);
}

fn of_peers(checks: &mut Checks<'_>, peer: &str) {
    checks.run("addresses", &[]);
    let peers = checks.run("peers", &[]);
    assert_eq!(peers["peers"][0]["peer_id"], peer);
    checks.run("explain peer", &[&peer[..20]]);
    checks.run("connect", &["192.0.2.7:4000"]);
    checks.run("bans", &[]);
    // The beginning of an id will do, as everywhere.
    checks.run("disconnect", &[&peer[..20]]);
    let folder = checks.folder;
    eventually("it comes again", || folder.json(&["peers"])["peers"] != json!([]));
    assert_eq!(checks.run("ban", &[&peer[..20]])["closed"], 1);
    assert_eq!(checks.run("bans", &[])["bans"][0]["subject"], peer);
    assert_eq!(checks.run("unban", &[&peer[8..20]])["unbanned"], 1);
    let error = folder.fails(64, &["unban", "12D3KooW"]);
    assert!(error.contains("no peer that is known begins so"), "{error}");
}

fn of_the_map(checks: &mut Checks<'_>) {
    checks.run("kv set", &["limits", "10", "--field", "cpu"]);
    checks.run("kv add", &["hits", "5"]);
    checks.run("kv include", &["hosts", "a"]);
    checks.run("kv exclude", &["hosts", "a"]);
    checks.run("kv get", &["hits"]);
    checks.run("kv list", &[]);
    checks.run("kv conflicts", &[]);
    checks.run("kv delete", &["limits", "--field", "cpu"]);
    checks.watch("kv watch", &[], |folder| drop(folder.json(&["kv", "add", "hits", "1"])));
}

fn of_members(checks: &mut Checks<'_>, one: &Node, two: &Node) {
    assert_ne!(one.ready["members"], two.ready["members"]);
    let addr = two.ready["members"].as_str().unwrap();
    assert_eq!(checks.run("members join", &[addr])["answered"], 1);
    let folder = checks.folder;
    let both = || folder.json(&["members"])["members"].as_array().unwrap().len() == 2;
    eventually("both are there", both);
    let members = checks.run("members", &[]);
    let other = members["members"].as_array().unwrap().iter().find(|one| one["own"] == false);
    let id = other.unwrap()["id"].as_str().unwrap().to_owned();
    checks.run("state set", &["height", "7"]);
    checks.run("state get", &[]);
    // The beginning of a member's id will do.
    checks.run("state get", &[&id[..8]]);
    let error = folder.fails(1, &["state", "get", "0000000000"]);
    assert!(error.contains("no member is called"), "{error}");
    let mut height = 0;
    checks.watch("state watch", &[], |folder| {
        height += 1;
        folder.json(&["state", "set", "height", &height.to_string()]);
    });
    checks.run("state delete", &["height"]);
    checks.run("leader announce", &["group", "--epoch", "3", "--address", "10.0.0.1:26657"]);
    checks.run("leader show", &[]);
    checks.run("event", &["deploy", "1.2.3"]);
    checks.run("query", &["height", "--timeout-ms", "500"]);
    eventually("it is known how far they are apart", || {
        code(&folder.tidings(&["rtt", "one", "two"])) == 0
    });
    checks.run("rtt", &["one", "two"]);
}

fn of_keys(checks: &mut Checks<'_>) {
    let keys = [(); 2].map(|()| checks.run("members keys generate", &[]));
    for key in &keys {
        checks.run("members keys install", &[key["key"].as_str().unwrap()]);
    }
    checks.run("members keys list", &[]);
    checks.run("members keys use", &[keys[0]["id"].as_str().unwrap()]);
    checks.run("members keys remove", &[keys[1]["id"].as_str().unwrap()]);
}
