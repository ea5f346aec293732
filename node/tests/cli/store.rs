//! The store as its operator meets it: what is kept, what is refused, and a full disk.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use serde_json::{Value, json};

use super::{Folder, Node, code, eventually, stderr};

/// A folder of a network whose transactions are any bytes.
fn opaque() -> Folder {
    let folder = Folder::empty();
    folder.json(&["init", "--rules", "opaque"]);
    folder
}

impl Folder {
    fn submit(&self, bytes: &[u8]) -> (i32, String) {
        fs::write(self.file("item"), bytes).unwrap();
        let output = self.tidings(&["submit", self.file("item").to_str().unwrap()]);
        (code(&output), String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output))
    }

    fn status(&self) -> Value {
        self.json(&["status"])
    }

    fn restored(&self) -> Value {
        eventually("everything is back", || self.status()["store"]["restoring"] == false);
        self.status()
    }
}

#[test]
fn what_was_submitted_is_there_after_a_stop_and_after_a_kill() {
    let folder = Folder::new();
    let node = folder.run(&[]);
    let first = folder.json(&["submit", "--payload", "hello", "--nonce", "7"]);
    let mode = fs::metadata(folder.file("store.redb")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    node.signal(Signal::TERM);
    assert_eq!(node.code(), Some(0));
    let node = folder.run(&[]);
    let status = folder.restored();
    assert_eq!((&status["pool_items"], &status["counters"]["restored"]), (&json!(1), &json!(1)));
    let again = folder.json(&["submit", "--payload", "hello", "--nonce", "7"]);
    assert_eq!((&again["outcome"], &again["id"]), (&json!("already-known"), &first["id"]));
    folder.json(&["submit", "--payload", "hello", "--nonce", "8"]);
    node.signal(Signal::KILL);
    node.code();
    let _node = folder.run(&[]);
    assert_eq!(folder.restored()["pool_items"], 2);
}

#[test]
fn a_submission_that_nobody_heard_of_spreads_after_a_restart() {
    let (first, second) = (opaque(), opaque());
    let alone = first.run(&[]);
    first.submit(b"hello");
    alone.signal(Signal::KILL);
    alone.code();
    let node = first.run(&[]);
    let _other = second.run(&["--connect", node.listen()]);
    eventually("it spreads", || second.status()["pool_items"] == 1);
}

#[test]
fn what_peers_brought_is_kept_too_and_what_leaves_the_pool_is_forgotten() {
    let (first, second) = (opaque(), opaque());
    let node = first.run(&["--set", "params.relay.trickle_inbound_ms=0"]);
    let expiry = "params.memory.pool_expiry_s=3";
    let other = second.run(&["--connect", node.listen(), "--set", expiry]);
    eventually("they connect", || first.json(&["peers"]) != json!([]));
    first.submit(b"hello");
    eventually("it is stored", || second.status()["store"]["items"] == 1);
    eventually("it is forgotten", || second.status()["store"]["items"] == 0);
    assert_eq!(first.status()["store"]["items"], 1);
    drop(other);
}

#[test]
fn without_a_store_nothing_is_kept() {
    let folder = opaque();
    let node = folder.run(&["--set", "store.enabled=false"]);
    assert_eq!(folder.submit(b"hello").0, 0);
    assert_eq!(folder.status()["store"], Value::Null);
    assert!(!folder.file("store.redb").exists());
    drop(node);
}

#[test]
fn a_damaged_store_is_refused_and_kept() {
    let folder = opaque();
    fs::write(folder.file("store.redb"), "oops").unwrap();
    let error = folder.fails(78, &["run", "--listen", "127.0.0.1:0"]);
    let path = folder.file("store.redb").display().to_string();
    assert!(error.contains(&format!("the store {path} is damaged")), "{error}");
    assert!(error.contains(&format!("`mv {path} {path}.damaged`")), "{error}");
    assert_eq!(fs::read_to_string(folder.file("store.redb")).unwrap(), "oops");
}

#[test]
fn another_networks_store_is_refused() {
    let folder = opaque();
    drop(folder.run(&[]));
    let network = fs::read_to_string(folder.file("network.toml")).unwrap();
    let renamed = network.replace("tidings-dev", "elsewhere");
    assert_ne!(renamed, network);
    fs::write(folder.file("network.toml"), renamed).unwrap();
    let error = folder.fails(78, &["run", "--listen", "127.0.0.1:0"]);
    assert!(error.contains("belongs to the network `tidings-dev`"), "{error}");
}

#[test]
fn a_store_is_refused_and_kept_when_its_networks_file_changes() {
    let folder = opaque();
    let node = folder.run(&[]);
    fs::write(folder.file("item"), [7; 200]).unwrap();
    folder.json(&["submit", folder.file("item").to_str().unwrap()]);
    drop(node);
    let (network, store) = (folder.file("network.toml"), folder.file("store.redb"));
    let (text, before) = (fs::read_to_string(&network).unwrap(), fs::read(&store).unwrap());
    let changed = text.replace("max_tx_bytes = 100000", "max_tx_bytes = 100");
    assert_ne!(changed, text);
    fs::write(&network, changed).unwrap();
    let error = folder.fails(78, &["run", "--listen", "127.0.0.1:0"]);
    assert!(error.contains("`limits.max_tx_bytes` was 100000 and is 100"), "{error}");
    assert!(fs::read(&store).unwrap() == before, "the store was changed");
    fs::write(&network, text + "# a comment\n").unwrap();
    let _node = folder.run(&[]);
    assert_eq!(folder.json(&["status"])["pool_items"], 1);
}

#[test]
fn a_submitted_block_is_kept() {
    let folder = opaque();
    let node = folder.run(&[]);
    fs::write(folder.file("item"), b"a block").unwrap();
    let path = folder.file("item");
    let args = ["submit", "--block", path.to_str().unwrap()];
    assert_eq!(folder.json(&args)["outcome"], "accepted");
    node.signal(Signal::KILL);
    node.code();
    let _node = folder.run(&[]);
    assert_eq!(folder.restored()["blocks"], 1);
    assert_eq!(folder.json(&args)["outcome"], "already-known");
}

#[test]
fn items_that_were_acknowledged_survive_a_clock_that_is_wrong_by_years() {
    const DECADE_S: i64 = 10 * 365 * 86_400;
    let folder = opaque();
    let mut logs = Vec::new();
    for (run, ahead) in [0, DECADE_S, -2 * DECADE_S, 0].into_iter().enumerate() {
        let mut node = folder.run(&["--set", &format!("lab.clock_ahead_s={ahead}")]);
        assert_eq!(folder.restored()["pool_items"], run, "with a clock {ahead} s ahead");
        assert_eq!(folder.submit(format!("item {run}").as_bytes()).0, 0);
        let mut stderr = node.child.stderr.take().unwrap();
        node.signal(if run == 1 { Signal::KILL } else { Signal::TERM });
        node.code();
        let mut log = String::new();
        stderr.read_to_string(&mut log).unwrap();
        logs.push(log);
    }
    assert!(!logs[0].contains("clock"), "{}", logs[0]);
    assert!(logs[1].contains("3650 days ahead of what it showed when this node"), "{}", logs[1]);
    assert!(logs[2].contains("clock is wrong, or was: it shows a time before 2026"), "{}", logs[2]);
    assert!(logs[3].contains("7300 days ahead"), "{}", logs[3]);
}

/// Limits how large the node's files may get: to the system that is as good as a full disk.
pub(super) fn limit_files(node: &Node, current: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit { current: current.or(maximum), maximum };
    prlimit(Some(Pid::from_child(&node.child)), Resource::Fsize, limit).unwrap();
}

#[test]
fn on_a_full_disk_submissions_fail_with_a_reason_and_the_node_goes_on() {
    let folder = opaque();
    // A node that ignores the signal of a file that is too large, as one does that writes to a full disk.
    let node = folder.run_by(|command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(command.get_program());
        shell.args(command.get_args()).envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        shell.process_group(0);
        shell
    });
    assert_eq!(folder.submit(b"first").0, 0);
    // Whatever is written must lie beyond the first page.
    limit_files(&node, Some(4_096));
    let (failed, message) = folder.submit(b"second");
    assert_eq!(failed, 1, "{message}");
    assert!(message.contains("could not be saved") && message.contains("make room"), "{message}");
    let status = folder.status();
    assert_eq!((&status["pool_items"], &status["store"]["items"]), (&json!(2), &json!(1)));
    assert!(status["store"]["failures"].as_u64().unwrap() > 0);
    limit_files(&node, None);
    eventually("what failed is saved after all", || folder.status()["store"]["items"] == 2);
    assert_eq!(folder.submit(b"third").0, 0);
    node.signal(Signal::KILL);
    node.code();
    let _node = folder.run(&[]);
    assert_eq!(folder.restored()["pool_items"], 3);
}
