//! The binary as its operator meets it: real processes, data folders, signals and exit codes.

#![expect(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod blocks;
mod chain;
mod kill;
mod kill_chain;
mod kill_store;
mod kv;
mod members;
mod metrics;
mod output;
mod schema;
mod sense;
mod signals;
mod store;
mod store_verbs;
mod stumbling;
mod supervisor;
mod top;
mod trouble;
mod watch;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A data folder in a temporary one.
struct Folder {
    temp: tempfile::TempDir,
}

impl Folder {
    fn empty() -> Self {
        Self { temp: tempfile::tempdir().unwrap() }
    }

    fn new() -> Self {
        let folder = Self::empty();
        let made = folder.tidings(&["init"]);
        assert_eq!(code(&made), 0, "{}", stderr(&made));
        folder
    }

    fn path(&self) -> PathBuf {
        self.temp.path().join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.args(args).env("TIDINGS_DATA_DIR", self.path()).stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end.
    fn tidings(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a verb with `--json` to its good end, and reads what it printed.
    fn json(&self, args: &[&str]) -> Value {
        let output = self.tidings(&[args, &["--json"]].concat());
        assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a verb that must fail with a code, and gives back the sentence that says why.
    fn fails(&self, expected: i32, args: &[&str]) -> String {
        let output = self.tidings(args);
        assert_eq!(code(&output), expected, "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
        stderr(&output)
    }

    /// Starts a node and waits until it is up.
    fn run(&self, args: &[&str]) -> Node {
        let fixed = ["run", "--json", "--listen", "127.0.0.1:0"];
        self.start(self.command(&[&fixed[..], args].concat()))
    }

    /// The same by another command.
    fn run_by(&self, wrap: impl FnOnce(Command) -> Command) -> Node {
        self.start(wrap(self.command(&["run", "--json", "--listen", "127.0.0.1:0"])))
    }

    /// Starts a node. What a test had open itself, a process that another test is about to start has open as well until it is another
    /// program: then it is tried again.
    fn start(&self, mut command: Command) -> Node {
        let begin = Instant::now();
        loop {
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let stdout = BufReader::new(child.stdout.take().unwrap());
            let mut node = Node { child, ready: Value::Null };
            let line = first_line(stdout);
            if let Ok(ready) = serde_json::from_str(&line) {
                node.ready = ready;
                return node;
            }
            let _ = node.child.kill();
            let mut stderr = String::new();
            let _ = node.child.stderr.take().unwrap().read_to_string(&mut stderr);
            let is_held = stderr.contains("in use by another process");
            assert!(is_held && begin.elapsed() < PATIENCE, "the node did not come up: {stderr}");
        }
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it should not end by a signal")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The first line, or nothing if there is none in time.
fn first_line(mut from: BufReader<ChildStdout>) -> String {
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = from.read_line(&mut line);
        let _ = send.send(line);
    });
    receive.recv_timeout(PATIENCE).unwrap_or_default()
}

/// A running node; killed when dropped.
struct Node {
    child: Child,
    ready: Value,
}

impl Node {
    fn listen(&self) -> &str {
        self.ready["listen"][0].as_str().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end, and gives back its exit code.
    fn code(mut self) -> Option<i32> {
        eventually("the node ends", || self.child.try_wait().unwrap().is_some());
        self.child.wait().ok()?.code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries again until something holds.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_node_is_made_run_asked_and_stopped() {
    let folder = Folder::empty();
    let made = folder.json(&["init"]);
    let node = folder.run(&[]);
    assert_eq!(node.ready["peer_id"], made["peer_id"]);

    let status = folder.json(&["status"]);
    assert_eq!(status["peer_id"], made["peer_id"]);
    assert_eq!((&status["network"], &status["rules"]), (&json!("tidings-dev"), &json!("tidings")));
    assert_eq!(status["listen"], node.ready["listen"]);
    assert_eq!(folder.json(&["peers"])["peers"], json!([]));

    let transfer = ["submit", "--payload", "hello", "--nonce", "7"];
    let first = folder.json(&transfer);
    assert_eq!((&first["outcome"], &first["rule"]), (&json!("accepted"), &Value::Null));
    let again = folder.json(&transfer);
    assert_eq!((&again["outcome"], &again["id"]), (&json!("already-known"), &first["id"]));
    assert_eq!(folder.json(&["status"])["pool_items"], 1);

    assert_eq!(folder.json(&["stop"]), json!({ "stopped": true }));
    assert!(!folder.file("admin.sock").exists());
    // It was gone when `stop` returned, so that another can start at once.
    let next = folder.run(&[]);
    assert_eq!(node.code(), Some(0));
    drop(next);
}

#[test]
fn people_get_text() {
    let folder = Folder::new();
    let _node = folder.run(&[]);
    for (verb, expected) in [
        ("status", "0 outbound of 8, 0 inbound"),
        ("peers", "no peers yet"),
        ("version", "tidings 0."),
    ] {
        let output = folder.tidings(&[verb]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(expected), "{verb}: {text}");
    }
}

#[test]
fn what_one_node_is_given_another_gets() {
    let (first, second) = (Folder::new(), Folder::new());
    let node = first.run(&["--set", "params.relay.trickle_inbound_ms=0"]);
    let _other = second.run(&["--connect", node.listen()]);
    eventually("they connect", || first.json(&["peers"])["peers"] != json!([]));
    assert_eq!(first.json(&["peers"])["peers"][0]["direction"], "inbound");
    first.json(&["submit", "--payload", "hello"]);
    eventually("it arrives", || second.json(&["status"])["counters"]["accepted"] == 1);
}

#[test]
fn items_come_from_files_and_standard_input() {
    let folder = Folder::empty();
    folder.json(&["init", "--rules", "opaque"]);
    let _node = folder.run(&[]);
    fs::write(folder.file("raw"), [1, 2, 255]).unwrap();
    fs::write(folder.file("hex"), "0102 ff\n").unwrap();
    let raw = folder.file("raw");
    let first = folder.json(&["submit", raw.to_str().unwrap()]);
    assert_eq!(first["outcome"], "accepted");
    let hex = folder.json(&["submit", "--hex", folder.file("hex").to_str().unwrap()]);
    assert_eq!((&hex["outcome"], &hex["id"]), (&json!("already-known"), &first["id"]));

    let mut command = folder.command(&["submit", "--block", "--json", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a block").unwrap();
    let output = child.wait_with_output().unwrap();
    let block: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(block["outcome"], "accepted");

    let error = folder.fails(64, &["submit", "--payload", "x"]);
    assert!(error.contains("submit a file instead"), "{error}");
}

#[test]
fn a_rejected_item_is_a_failure_that_names_the_rule() {
    let folder = Folder::new();
    let _node = folder.run(&[]);
    fs::write(folder.file("junk"), [1, 2, 3]).unwrap();
    let output = folder.tidings(&["submit", "--json", folder.file("junk").to_str().unwrap()]);
    assert_eq!(code(&output), 1);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["outcome"], &answer["rule"]), (&json!("rejected"), &json!("truncated")));
}

#[test]
fn a_second_init_changes_nothing() {
    let folder = Folder::new();
    let identity = fs::read(folder.file("identity.key")).unwrap();
    let error = folder.fails(1, &["init"]);
    assert!(error.contains("identity.key, account.key, config.toml, network.toml"), "{error}");
    assert_eq!(fs::read(folder.file("identity.key")).unwrap(), identity);
}

#[test]
fn keys_are_for_their_owner_only() {
    let folder = Folder::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path()), 0o700);
    assert_eq!(mode(&folder.file("identity.key")), 0o600);
    assert_eq!(mode(&folder.file("account.key")), 0o600);
}

#[test]
fn a_damaged_account_key_is_noticed_at_start() {
    let folder = Folder::new();
    let path = folder.file("account.key");
    let mut key = fs::read(&path).unwrap();
    key[3] = if key[3] == b'0' { b'1' } else { b'0' };
    fs::write(&path, &key).unwrap();
    let error = folder.fails(78, &["run", "--listen", "127.0.0.1:0"]);
    assert!(error.contains("account.key in ") && error.contains("is damaged"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), key);
}

#[test]
fn a_data_folder_that_others_can_write_to_is_refused_by_every_verb() {
    let folder = Folder::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o770)).unwrap();
    for verb in ["init", "run", "status", "submit", "config"] {
        let args = if verb == "submit" { vec![verb, "--payload", "x"] } else { vec![verb] };
        let error = folder.fails(78, &args);
        assert!(error.contains("`chmod go-w "), "{verb}: {error}");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
    folder.run(&[]);
}

#[test]
fn a_typo_in_the_settings_is_explained() {
    let folder = Folder::new();
    let path = folder.file("config.toml");
    fs::write(&path, "[node]\nlistne = []\n").unwrap();
    let error = folder.fails(78, &["run"]);
    let expected = format!(
        "tidings: unknown key `node.listne` in {}, line 2; did you mean `node.listen`?\n",
        path.display()
    );
    assert_eq!(error, expected);
}

#[test]
fn the_environment_overrides_the_file_and_says_so() {
    let folder = Folder::new();
    fs::write(folder.file("config.toml"), "[params.peers]\noutbound = 3\nbook_max = 4\n").unwrap();
    let mut command = folder.command(&["config", "--json", "--log", "debug"]);
    let output = command.env("TIDINGS_PARAMS__PEERS__OUTBOUND", "5").output().unwrap();
    let config: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |key: &str| {
        let setting = &config[key];
        (setting["value"].clone(), setting["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("params.peers.outbound"), (json!(5), "env".to_owned()));
    assert_eq!(of("params.peers.book_max"), (json!(4), "file".to_owned()));
    assert_eq!(of("log.filter"), (json!("debug"), "flag".to_owned()));
    assert_eq!(of("node.advertise"), (Value::Null, "default".to_owned()));
    assert_eq!(
        config["params.peers.outbound"]["at"],
        "environment variable TIDINGS_PARAMS__PEERS__OUTBOUND"
    );
}

#[test]
fn settings_shown_as_text_are_settings_again() {
    let folder = Folder::new();
    let shown = folder.tidings(&["config", "--set", "params.peers.outbound=2"]).stdout;
    fs::write(folder.file("config.toml"), shown).unwrap();
    let setting = &folder.json(&["config"])["params.peers.outbound"];
    assert_eq!((&setting["value"], &setting["origin"]), (&json!(2), &json!("file")));
}

#[test]
fn a_folder_in_use_is_refused_with_who_uses_it() {
    let folder = Folder::new();
    let node = folder.run(&[]);
    let error = folder.fails(69, &["run", "--listen", "127.0.0.1:0"]);
    assert!(error.contains(&format!("is in use by process {}", node.child.id())), "{error}");
}

#[test]
fn a_damaged_identity_is_refused_and_kept() {
    let folder = Folder::new();
    fs::write(folder.file("identity.key"), "oops").unwrap();
    let error = folder.fails(78, &["run"]);
    assert!(error.contains("identity.key") && error.contains("is damaged"), "{error}");
    assert_eq!(fs::read_to_string(folder.file("identity.key")).unwrap(), "oops");
}

#[test]
fn an_identity_that_others_can_read_is_refused() {
    let folder = Folder::new();
    let path = folder.file("identity.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = folder.fails(78, &["run"]);
    assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
}

#[test]
fn a_damaged_address_book_is_set_aside_and_kept() {
    let folder = Folder::new();
    fs::write(folder.file("addresses.json"), "oops").unwrap();
    let node = folder.run(&[]);
    node.signal(Signal::TERM);
    assert_eq!(node.code(), Some(0));
    assert_eq!(fs::read_to_string(folder.file("addresses.json.unusable")).unwrap(), "oops");
    assert!(folder.file("addresses.json").exists());
}

#[test]
fn a_broken_network_file_is_refused() {
    let folder = Folder::new();
    fs::write(folder.file("network.toml"), "name = 'My Net'\n").unwrap();
    let error = folder.fails(78, &["run"]);
    assert!(error.contains("`name` in") && error.contains("network.toml"), "{error}");
}

#[test]
fn a_port_in_use_is_refused_by_its_address() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--metrics", "--admin-tcp"] {
        let mut args = vec!["run", "--listen", "127.0.0.1:0", flag, &addr];
        if flag == "--listen" {
            args.drain(1..3);
        }
        let error = folder.fails(69, &args);
        assert!(error.contains(&addr), "{flag}: {error}");
    }
}

#[test]
fn a_signal_ends_a_node_gracefully() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = Folder::new();
        let node = folder.run(&[]);
        node.signal(signal);
        assert_eq!(node.code(), Some(0), "{signal:?}");
        assert!(!folder.file("admin.sock").exists());
        assert!(folder.file("addresses.json").exists());
    }
}

#[test]
fn a_killed_node_leaves_nothing_in_the_way() {
    let folder = Folder::new();
    let node = folder.run(&[]);
    node.signal(Signal::KILL);
    assert_eq!(node.code(), None);
    assert!(folder.file("admin.sock").exists());
    let error = folder.fails(69, &["status"]);
    assert!(error.contains("no node is running"), "{error}");
    let _next = folder.run(&[]);
    folder.json(&["status"]);
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let folder = Folder::empty();
    for args in [
        &["dance"][..],
        &[],
        &["submit"],
        &["submit", "x", "--payload", "y"],
        &["run", "--listen", "localhost:1"],
        &["run", "--set", "links.seed"],
    ] {
        folder.fails(64, args);
    }
    let help = folder.tidings(&["--help"]);
    assert_eq!(code(&help), 0);
    assert!(String::from_utf8(help.stdout).unwrap().contains("Exit codes:"));
}

#[test]
fn without_a_node_every_question_says_so() {
    let folder = Folder::new();
    for args in [&["status"][..], &["peers"], &["submit", "--payload", "x"], &["stop"]] {
        let error = folder.fails(69, args);
        let expected = format!("no node is running with data folder {}", folder.path().display());
        assert!(error.contains(&expected), "{args:?}: {error}");
    }
}

#[test]
fn without_a_data_folder_run_says_how_to_make_it() {
    let error = Folder::empty().fails(78, &["run"]);
    assert!(error.contains("tidings init"), "{error}");
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let folder = Folder::new();
    let mut child =
        folder.command(&["config"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
}

#[test]
fn over_tcp_the_token_opens_the_api() {
    let folder = Folder::new();
    let node = folder.run(&["--admin-tcp", "127.0.0.1:0"]);
    let addr = node.ready["admin_tcp"].as_str().unwrap();
    let token = folder.file("admin.token");
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    let remote = ["--admin", addr, "--token-file", token.to_str().unwrap()];
    let elsewhere = Folder::empty();
    let status = elsewhere.json(&[&["status"][..], &remote].concat());
    assert_eq!(status["peer_id"], node.ready["peer_id"]);
    let answer = get(addr, "/v1/status");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    elsewhere.json(&[&["stop"][..], &remote].concat());
    assert_eq!(node.code(), Some(0));
}

#[test]
fn what_the_log_tells_is_changed_while_the_node_runs() {
    let folder = Folder::new();
    let _node = folder.run(&[]);
    assert_eq!(folder.json(&["log"])["filter"], "info");
    assert_eq!(
        folder.json(&["log", "info,tidings::shell=debug"])["filter"],
        "info,tidings::shell=debug"
    );
    let error = folder.fails(1, &["log", "inof"]);
    assert!(error.contains("did you mean `info`?"), "{error}");
    assert_eq!(folder.json(&["log"])["filter"], "info,tidings::shell=debug", "nothing changed");
}

#[test]
fn prometheus_finds_metrics() {
    let folder = Folder::new();
    let node = folder.run(&["--metrics", "127.0.0.1:0"]);
    folder.json(&["submit", "--payload", "x"]);
    let addr = node.ready["metrics"].as_str().unwrap();
    let answer = get(addr, "/healthy");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"healthy\":true"),
        "{answer}"
    );
    let answer = get(addr, "/ready");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("0 of 1 peers"), "{answer}");
    let answer = get(addr, "/v1/status");
    assert!(answer.starts_with("HTTP/1.1 404 "), "the API is elsewhere: {answer}");
    let answer = get(addr, "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let accepted = "\ntidings_items_accepted_total{kind=\"tx\",source=\"operator\"} 1\n";
    assert!(answer.contains(accepted), "{answer}");
}

/// A plain HTTP request, as a stranger would send it.
fn get(addr: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
