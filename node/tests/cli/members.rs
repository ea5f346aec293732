//! `tidings members`: three processes, one of which is killed and one stopped, and their keys.

use std::io::Write as _;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Folder, Node, code, eventually, stderr};

/// Folders of one network.
fn folders<const COUNT: usize>() -> [Folder; COUNT] {
    let folders = [(); COUNT].map(|()| Folder::empty());
    let network = folders[0].file("network.toml").display().to_string();
    for (number, folder) in folders.iter().enumerate() {
        match number {
            0 => drop(folder.json(&["init"])),
            _ => drop(folder.json(&["init", "--network", &network])),
        }
    }
    folders
}

/// Runs a node that is a member, and asks others who is there.
fn run(folder: &Folder, name: &str, join: &[&Node]) -> Node {
    let name = format!("members.name={name}");
    let join: Vec<_> = join.iter().map(|node| node.ready["members"].as_str().unwrap()).collect();
    let join = format!("members.join={}", join.join(","));
    let listen = "members.listen=127.0.0.1:0";
    let mut args = vec!["--set", "members.enabled=true"];
    for setting in [&*name, &*join, listen, "members.tags=role=test"] {
        args.extend(["--set", setting]);
    }
    folder.run(&args)
}

/// What a node takes the member with a name for.
fn status(folder: &Folder, name: &str) -> Option<String> {
    let list = folder.json(&["members"]);
    let member = list["members"].as_array()?.iter().find(|member| member["name"] == name)?.clone();
    Some(member["status"].as_str()?.to_owned())
}

fn sees(folder: &Folder, name: &str, expected: &str) {
    let what = format!("{name} is {expected}");
    eventually(&what, || status(folder, name).as_deref() == Some(expected));
}

/// Installs a key by standard input, and gives back what it is called.
fn install(folder: &Folder, key: &str) -> String {
    let mut command = folder.command(&["members", "keys", "install", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0);
    let keys: Value = serde_json::from_slice(&output.stdout).unwrap();
    keys["keys"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned()
}

#[test]
fn three_see_each_other_and_one_that_is_killed_and_one_that_is_stopped() {
    let [first, second, third] = folders();
    let key = first.json(&["members", "keys", "generate"])["key"].as_str().unwrap().to_owned();
    let id = [&first, &second, &third].map(|folder| install(folder, &key))[0].clone();
    let one = run(&first, "one", &[]);
    let two = run(&second, "two", &[&one]);
    let three = run(&third, "three", &[&one]);
    for folder in [&first, &second, &third] {
        for name in ["one", "two", "three"] {
            sees(folder, name, "alive");
        }
    }
    let text = String::from_utf8(first.tidings(&["members"]).stdout).unwrap();
    assert!(text.contains("one (this node)") && text.contains("role=test"), "{text}");
    let told = String::from_utf8(first.tidings(&["status"]).stdout).unwrap();
    assert!(told.contains("members    3 alive\n"), "{told}");

    // A key changes while all run.
    let other = first.json(&["members", "keys", "generate"])["key"].as_str().unwrap().to_owned();
    let others: Vec<_> = [&first, &second, &third].map(|folder| install(folder, &other)).into();
    for folder in [&first, &second, &third] {
        let keys = folder.json(&["members", "keys", "use", &others[0]]);
        assert_eq!(keys["primary"], json!(others[0]));
    }
    for folder in [&first, &second, &third] {
        let keys = folder.json(&["members", "keys", "remove", &id]);
        assert_eq!(keys["keys"], json!([others[0]]));
    }
    let error = first.fails(1, &["members", "keys", "remove", &others[0]]);
    assert!(error.contains("use another one first"), "{error}");

    two.signal(Signal::KILL);
    assert_eq!(two.code(), None);
    sees(&first, "two", "failed");
    sees(&third, "two", "failed");
    third.json(&["stop"]);
    assert_eq!(three.code(), Some(0));
    assert_eq!(status(&first, "three").as_deref(), Some("left"), "it said so before it ended");
    let status = first.json(&["status"]);
    assert_eq!(status["members"]["members"]["alive"], 1);
    assert_eq!(status["members"]["sealed"], true);

    // It comes back under its name.
    let two = run(&second, "two", &[&one]);
    sees(&first, "two", "alive");
    assert_eq!(second.json(&["members", "leave"]), json!({ "left": true }));
    sees(&first, "two", "left");
    let addr = one.ready["members"].as_str().unwrap();
    let joined = second.json(&["members", "join", addr]);
    assert_eq!(joined, json!({ "asked": 1, "answered": 1 }));
    sees(&first, "two", "alive");
    drop(two);
}

#[test]
fn a_node_that_is_no_member_says_how_to_be_one_and_one_without_a_key_how_to_have_one() {
    let folder = Folder::new();
    let node = folder.run(&[]);
    let error = folder.fails(1, &["members"]);
    assert!(error.contains("members.enabled = true"), "{error}");
    assert_eq!(folder.json(&["status"])["members"], Value::Null);
    drop(node);
    let member = ["run", "--listen", "127.0.0.1:0", "--set", "members.enabled=true"];
    let error = folder.fails(78, &member);
    assert!(error.contains("tidings members keys generate"), "{error}");
    assert_eq!(folder.json(&["members", "keys", "list"])["keys"], json!([]));
    let output = folder.tidings(&["members", "keys", "install", "no key"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("32 bytes in base64"), "{}", stderr(&output));
    let error = folder.fails(78, &["run", "--set", "members.name=a b"]);
    assert!(error.contains("`members.name` in flag --set members.name"), "{error}");
}

#[test]
fn a_busy_port_of_members_is_named() {
    let folder = Folder::new();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let listen = format!("members.listen={addr}");
    let args =
        ["run", "--listen", "127.0.0.1:0", "--set", "members.enabled=true", "--set", &listen];
    let error = folder.fails(69, &args);
    assert!(
        error.contains(&format!("{addr} (UDP)")) && error.contains("members.listen"),
        "{error}"
    );
}

#[test]
fn members_tell_each_other_what_they_are_who_leads_and_what_happens() {
    let [first, second] = folders();
    let one = run(&first, "one", &[]);
    let _two = run(&second, "two", &[&one]);
    sees(&first, "two", "alive");
    sees(&second, "one", "alive");
    let value = |folder: &Folder, key: &str| {
        let entries = folder.json(&["state", "get", "one", "--key", key]);
        entries["entries"][0]["value"].as_str().map(str::to_owned)
    };
    first.json(&["state", "set", "height", "7"]);
    eventually("it is known", || value(&second, "height").as_deref() == Some("7"));
    let text = String::from_utf8(second.tidings(&["state", "get", "one"]).stdout).unwrap();
    assert!(text.contains("one  height = 7\n"), "{text}");
    eventually("a node says by itself what it is", || value(&second, "version").is_some());
    first.json(&["state", "delete", "height"]);
    eventually("it is gone", || value(&second, "height").is_none());

    let announce =
        ["leader", "announce", "validators", "--epoch", "3", "--address", "10.0.0.1:26657"];
    assert_eq!(first.json(&announce)["epoch"], 3);
    eventually("it is known who leads", || {
        second.json(&["leader", "show"])["leaders"][0]["claims"][0]["name"] == "one"
    });
    let text = String::from_utf8(second.tidings(&["leader", "show", "validators"]).stdout).unwrap();
    assert_eq!(text, "validators  epoch 3  one at 10.0.0.1:26657\n");
    let stale = ["leader", "announce", "validators", "--epoch", "2", "--address", "x:1"];
    let error = second.fails(1, &stale);
    assert!(error.contains("epoch 3 is known already"), "{error}");

    assert_eq!(first.json(&["event", "deploy", "1.2.3"]), json!({ "done": true }));
    let asked = first.json(&["query", "height", "--timeout-ms", "500", "--name", "two"]);
    assert_eq!(asked["answers"], json!([]));
    assert_eq!(asked["silent"][0]["name"], "two", "it got there");
    eventually("it is known how far they are apart", || {
        code(&first.tidings(&["rtt", "one", "two"])) == 0
    });
    let error = first.fails(64, &["event", "x", "--tag", "role"]);
    assert!(error.contains("--tag role=sentry"), "{error}");
}
