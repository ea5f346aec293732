//! `tidings watch`: what happens, as lines and as JSON, and across a restart of the node.

use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
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
    pub(super) fn first(&self, mut act: impl FnMut()) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            act();
            if let Ok(line) = self.lines.recv_timeout(Duration::from_millis(500)) {
                return line;
            }
            assert!(Instant::now() < deadline, "nothing is told");
        }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    fn json(&self) -> Value {
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
    let only = Lines::start(&folder, &["watch", "--item", &named[..10]]);
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
    let lines = Lines::start(&folder, &["watch", "accepted"]);
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

/// What stands between a client and a node, and can be cut.
#[derive(Default)]
struct Between {
    is_cut: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Between {
    /// Passes on what comes at an address that it gives back, until the test ends.
    fn start(to: &str) -> (Arc<Self>, String) {
        let (between, listener) =
            (Arc::new(Self::default()), TcpListener::bind("127.0.0.1:0").unwrap());
        let (at, to, own) =
            (listener.local_addr().unwrap().to_string(), to.to_owned(), Arc::clone(&between));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(node) = TcpStream::connect(&to) else { return };
                let mut open = own.open.lock().unwrap();
                if own.is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let pairs = [
                    (client.try_clone(), node.try_clone()),
                    (node.try_clone(), client.try_clone()),
                ];
                for (from, to) in pairs {
                    let (mut from, mut to) = (from.unwrap(), to.unwrap());
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
                open.extend([client, node]);
            }
        });
        (between, at)
    }

    /// Cuts what is open, and takes nothing new.
    fn cut(&self) {
        let mut open = self.open.lock().unwrap();
        self.is_cut.store(true, Ordering::SeqCst);
        open.drain(..).for_each(|stream| _ = stream.shutdown(Shutdown::Both));
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

#[test]
fn what_happens_while_the_connection_is_broken_is_told_once_it_is_there_again() {
    let folder = Folder::new();
    let node = folder.run(&["--admin-tcp", "127.0.0.1:0"]);
    let (between, at) = Between::start(node.ready["admin_tcp"].as_str().unwrap());
    let token = folder.file("admin.token").display().to_string();
    let lines =
        Lines::start(&folder, &["watch", "accepted", "--admin", &at, "--token-file", &token]);
    lines.first(|| drop(submit(&folder)));
    between.cut();
    let missed = [(); 3].map(|()| submit(&folder));
    between.mend();
    // What was submitted before may be told first.
    let mut told = lines.json();
    while told["id"] != missed[0] {
        assert_eq!(told["event"], "accepted", "nothing is lost");
        told = lines.json();
    }
    assert_eq!([lines.json()["id"].clone(), lines.json()["id"].clone()], missed[1..]);
}

#[test]
fn without_a_node_there_is_nothing_to_watch() {
    let error = Folder::new().fails(69, &["watch"]);
    assert!(error.contains("no node is running"), "{error}");
}
