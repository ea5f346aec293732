//! `tidings watch`: what happens, as lines and as JSON, and across a restart of the node.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Folder, PATIENCE};

/// A verb that goes on, and what it prints; ended when dropped.
pub(super) struct Lines {
    child: Child,
    lines: Receiver<String>,
}

impl Lines {
    /// Starts a verb with `--json`.
    pub(super) fn start(folder: &Folder, args: &[&str]) -> Self {
        Self::of(folder, &[args, &["--json"]].concat())
    }

    fn of(folder: &Folder, args: &[&str]) -> Self {
        let mut command = folder.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (send, lines) = sync_channel(64);
        let told = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            told.lines().map_while(Result::ok).for_each(|line| _ = send.send(line));
        });
        Self { child, lines }
    }

    /// The first line. Something is done again and again until there is one, since it may not listen yet.
    pub(super) fn first(&mut self, mut act: impl FnMut()) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            act();
            if let Ok(line) = self.lines.recv_timeout(Duration::from_millis(500)) {
                return line;
            }
            assert!(Instant::now() < deadline, "nothing is told");
        }
    }

    fn next(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.next()).unwrap()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn submit(folder: &Folder) -> String {
    folder.json(&["submit", "--payload", "hello"])["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_happens_is_told_as_lines_and_as_json_and_only_what_is_wanted() {
    let folder = Folder::new();
    let _node = folder.run(&[]);
    let mut text = Lines::of(&folder, &["watch", "accepted", "--count", "1"]);
    let mut id = String::new();
    let line = text.first(|| id = submit(&folder));
    assert!(
        line.contains("  accepted           tx ") && line.ends_with("submitted here"),
        "{line}"
    );
    assert!(text.child.wait().unwrap().success(), "it ends after so many");

    let nonce = ["submit", "--payload", "named", "--nonce", "7"];
    let named = folder.json(&nonce)["id"].as_str().unwrap().to_owned();
    let mut only = Lines::start(&folder, &["watch", "--item", &named[..10]]);
    let line = only.first(|| {
        submit(&folder);
        folder.json(&nonce);
    });
    let told: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&told["event"], &told["id"]), (&json!("already-known"), &json!(named)));
    let error = folder.fails(64, &["watch", "acepted"]);
    assert!(error.contains("accepted"), "{error}");
}

#[test]
fn it_goes_on_after_the_node_was_gone_and_says_that_something_may_be_missing() {
    let folder = Folder::new();
    let node = folder.run(&[]);
    let mut lines = Lines::start(&folder, &["watch", "accepted"]);
    let mut once = Lines::start(&folder, &["watch", "accepted", "--once"]);
    let first = lines.first(|| drop(submit(&folder)));
    assert!(first.contains("accepted"), "{first}");
    once.first(|| drop(submit(&folder)));
    node.signal(Signal::KILL);
    node.code();
    assert!(once.child.wait().unwrap().success(), "this one ends with the node");
    let _again = folder.run(&[]);
    // What came before the node was killed may be told first.
    let lost = loop {
        let told = lines.json();
        if told["event"] == "lost" {
            break told;
        }
    };
    assert_eq!(lost, json!({ "event": "lost", "count": null }), "another run knows nothing of it");
    let id = submit(&folder);
    assert_eq!(lines.json()["id"], json!(id));
}

#[test]
fn without_a_node_there_is_nothing_to_watch() {
    let error = Folder::new().fails(69, &["watch"]);
    assert!(error.contains("no node is running"), "{error}");
}
