//! Signals: what ends a node, what insists on it, and what has it read again what may change.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Folder, Node, eventually};

/// A node whose log is in a file.
struct Logged {
    folder: Folder,
    node: Node,
}

impl Logged {
    fn start(config: &str) -> Self {
        let folder = Folder::new();
        fs::write(folder.file("config.toml"), config).unwrap();
        let node = folder.run(&["--set", "log.file=node.log"]);
        Self { folder, node }
    }

    fn path(&self) -> PathBuf {
        self.folder.file("node.log")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path()).unwrap_or_default()
    }

    /// Sends SIGHUP, and waits until the log has so many lines of it.
    fn hang_up(&self, times: usize) -> String {
        self.node.signal(Signal::HUP);
        eventually("it is read again", || self.log().matches("SIGHUP: ").count() == times);
        let log = self.log();
        log.lines().rfind(|line| line.contains("SIGHUP: ")).unwrap().to_owned()
    }

    fn setting(&self, key: &str) -> Value {
        let settings = self.folder.json(&["log"]);
        if key == "log.filter" { settings["filter"].clone() } else { Value::Null }
    }
}

#[test]
fn sighup_ends_no_node_and_has_it_read_again_what_may_change() {
    let logged = Logged::start("[params.peers]\noutbound = 3\n");
    let line = logged.hang_up(1);
    assert!(line.contains("applied=nothing needs_start=nothing"), "{line}");
    let changed =
        "[log]\nfilter = 'info,tidings::shell=debug'\nkeep = 1\n[params.peers]\noutbound = 4\n";
    fs::write(logged.folder.file("config.toml"), changed).unwrap();
    let line = logged.hang_up(2);
    assert!(line.contains("applied=\"log.filter, log.keep\""), "{line}");
    assert!(line.contains("needs_start=params.peers.outbound"), "{line}");
    assert_eq!(logged.setting("log.filter"), "info,tidings::shell=debug");
    // Whoever asked the API for another filter is overruled, and it is said.
    logged.folder.json(&["log", "warn,tidings::cli=info"]);
    let line = logged.hang_up(3);
    assert!(line.contains("applied=log.filter needs_start=params.peers.outbound"), "{line}");
    fs::write(logged.folder.file("config.toml"), "[log]\nfilter = 7\n").unwrap();
    let line = logged.hang_up(4);
    fs::write(logged.folder.file("config.toml"), changed).unwrap();
    assert!(line.contains("no setting is another one") && line.contains("log.filter"), "{line}");
    assert_eq!(logged.setting("log.filter"), "info,tidings::shell=debug");
    logged.node.signal(Signal::TERM);
    assert_eq!(logged.node.code(), Some(0), "it ran all the time");
}

#[test]
fn a_node_that_nohup_started_outlives_its_terminal() {
    let folder = Folder::new();
    let node = folder.run_by(|command| {
        let mut nohup = Command::new("nohup");
        nohup.arg(command.get_program()).args(command.get_args());
        nohup.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        nohup
    });
    for _ in 0..3 {
        node.signal(Signal::HUP);
        assert!(folder.tidings(&["status"]).status.success());
    }
    node.signal(Signal::TERM);
    assert_eq!(node.code(), Some(0));
}

#[test]
fn a_log_that_was_renamed_is_opened_anew() {
    let logged = Logged::start("");
    eventually("it is up", || logged.log().contains("the node is up"));
    let old = logged.folder.file("node.log.old");
    fs::rename(logged.path(), &old).unwrap();
    logged.hang_up(1);
    let before = fs::read_to_string(&old).unwrap();
    logged.node.signal(Signal::TERM);
    assert_eq!(logged.node.code(), Some(0));
    assert_eq!(fs::read_to_string(&old).unwrap(), before, "nobody writes there any more");
    let log = fs::read_to_string(logged.folder.file("node.log")).unwrap();
    assert!(log.contains("the node has stopped"), "{log}");
}

#[test]
fn a_log_is_rotated_by_size_and_old_ones_leave() {
    let folder = Folder::new();
    // Of earlier runs.
    let old = |letter: &str| letter.repeat(65_500) + "\n";
    for (name, letter) in [("node.log", "a"), ("node.log.1", "b"), ("node.log.2", "c")] {
        fs::write(folder.file(name), old(letter)).unwrap();
    }
    let rotation = ["log.max_bytes=65536", "log.keep=2", "log.file=node.log"];
    let args: Vec<_> = rotation.iter().flat_map(|setting| ["--set", setting]).collect();
    let node = folder.run(&args);
    eventually("it is rotated", || {
        fs::read_to_string(folder.file("node.log.2")).unwrap() == old("b")
    });
    node.signal(Signal::TERM);
    assert_eq!(node.code(), Some(0));
    assert_eq!(fs::read_to_string(folder.file("node.log.1")).unwrap(), old("a"));
    let log = fs::read_to_string(folder.file("node.log")).unwrap();
    assert!(log.contains("the node is up") && log.contains("the node has stopped"), "{log}");
    assert!(!folder.file("node.log.3").exists());
}

#[test]
fn a_log_that_cannot_be_written_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let error = folder.fails(78, &["run", "--log-file", "/nonexistent/node.log"]);
    assert!(error.contains("/nonexistent/node.log (log.file)"), "{error}");
    assert!(error.contains("name another file"), "{error}");
}

#[test]
fn two_signals_at_once_are_one_wish() {
    for again in [Signal::TERM, Signal::INT] {
        let folder = Folder::new();
        let node = folder.run(&[]);
        folder.json(&["submit", "--payload", "hello"]);
        node.signal(Signal::TERM);
        let _ = kill_process(Pid::from_child(&node.child), again);
        assert_eq!(node.code(), Some(0), "it ended in order");
    }
}

#[test]
fn a_signal_again_after_a_while_insists() {
    let folder = Folder::new();
    let node = folder.run(&[]);
    // A request under way holds up the end.
    let mut request = UnixStream::connect(folder.file("admin.sock")).unwrap();
    let head =
        "POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc";
    request.write_all(head.as_bytes()).unwrap();
    let (pid, begin) = (Pid::from_child(&node.child), Instant::now());
    node.signal(Signal::TERM);
    let mut node = node;
    eventually("it gives up", || {
        let _ = kill_process(pid, Signal::INT);
        node.child.try_wait().unwrap().is_some()
    });
    assert_eq!(node.child.wait().unwrap().code(), Some(1));
    assert!(begin.elapsed().as_millis() >= 500, "not at once: that is one wish");
}
