//! `tidings-maelstrom` as a process: lines in, lines out, exit codes.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_tidings-maelstrom");

/// One node as a process.
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    fn start_with(command: &mut Command, stderr: Stdio) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = piped.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    fn init(arguments: &[&str], own: &str) -> Self {
        let mut process = Self::start(Command::new(BINARY).args(arguments));
        let body = json!({"type": "init", "node_id": own, "node_ids": ["n0", "n1"]});
        assert_eq!(process.ask(own, body)["type"], "init_ok");
        process
    }

    fn write(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.stdout.read_line(&mut line).unwrap() > 0, "it has ended");
        serde_json::from_str(&line).unwrap()
    }

    /// A client's request, and its answer.
    fn ask(&mut self, own: &str, mut body: Value) -> Value {
        body["msg_id"] = json!(7);
        self.write(&json!({"src": "c1", "dest": own, "body": body}).to_string());
        let answer = self.read();
        assert_eq!((&answer["dest"], &answer["body"]["in_reply_to"]), (&json!("c1"), &json!(7)));
        answer["body"].clone()
    }

    /// The same of a node that speaks to another meanwhile: the answer, and what it said to that.
    fn ask_beside(&mut self, own: &str, mut body: Value) -> (Value, Vec<Value>) {
        body["msg_id"] = json!(7);
        self.write(&json!({"src": "c1", "dest": own, "body": body}).to_string());
        let mut beside = Vec::new();
        loop {
            let line = self.read();
            if line["dest"] == "c1" {
                return (line["body"].clone(), beside);
            }
            beside.push(line);
        }
    }

    /// Ends its input, and waits for it to end.
    fn end(mut self) {
        drop(self.stdin);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

fn fails(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    output
}

#[test]
fn a_value_passes_from_one_process_to_another() {
    let arguments = ["--overlay", "all", "--ack-ms", "1", "--retry-ms", "60000"];
    let mut nodes = ["n0", "n1"].map(|name| Process::init(&arguments, name));
    let answer = nodes[0].ask("n0", json!({"type": "broadcast", "message": 41}));
    assert_eq!(answer["type"], "broadcast_ok");
    let relayed = nodes[0].read();
    assert_eq!(relayed["body"]["say"], json!([{"items": [41]}]));
    nodes[1].write(&relayed.to_string());
    let acknowledged = nodes[1].read();
    assert_eq!(acknowledged["body"], json!({"type": "ack", "ack": 1}));
    nodes[0].write(&acknowledged.to_string());
    nodes[1].ask("n1", json!({"type": "topology", "topology": {"n0": ["n1"]}}));
    assert_eq!(nodes[1].ask("n1", json!({"type": "read"}))["messages"], json!([41]));
    nodes.into_iter().for_each(Process::end);
}

#[test]
fn a_sum_passes_from_one_process_to_another() {
    let arguments = ["--workload", "pn-counter", "--round-ms", "5"];
    let mut nodes = ["n0", "n1"].map(|name| Process::init(&arguments, name));
    let add = json!({"type": "add", "delta": -41});
    let (added, mut said) = nodes[0].ask_beside("n0", add);
    assert_eq!(added["type"], "add_ok");
    // The network is this loop: whatever one says the other hears.
    for turn in 1..10_000 {
        let node = turn % 2;
        said.drain(..).for_each(|line| nodes[node].write(&line.to_string()));
        let own = ["n0", "n1"][node];
        let (answer, beside) = nodes[node].ask_beside(own, json!({"type": "read"}));
        if node == 1 && answer["value"] == json!(-41) {
            return nodes.into_iter().for_each(Process::end);
        }
        said = beside;
    }
    panic!("n1 never hears of it");
}

#[test]
fn clients_are_answered_and_refused() {
    let mut node = Process::init(&[], "n0");
    assert_eq!(node.ask("n0", json!({"type": "echo", "echo": "hi"}))["echo"], "hi");
    assert!(node.ask("n0", json!({"type": "generate"}))["id"].is_string());
    assert_eq!(node.ask("n0", json!({"type": "txn"}))["code"], 10);
    assert_eq!(node.ask("n0", json!({"type": "broadcast"}))["code"], 12);
    node.write("no JSON at all");
    assert_eq!(node.ask("n0", json!({"type": "read"}))["value"], json!([]));
    node.end();
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_a_node() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let mut node = Process::start_with(&mut Command::new(BINARY), writer.into());
    let body = json!({"type": "init", "node_id": "n0", "node_ids": ["n0", "n1"]});
    assert_eq!(node.ask("n0", body)["type"], "init_ok");
    // A pipe holds 64 KiB, and each of these is worth a remark.
    for _ in 0..5_000 {
        node.write("no JSON at all");
    }
    assert_eq!(node.ask("n0", json!({"type": "echo", "echo": "hi"}))["echo"], "hi");
    node.end();
}

#[test]
fn options_come_from_the_environment_where_a_path_is_all_that_can_be_given() {
    let mut command = Command::new(BINARY);
    let complaint = fails(command.env("TIDINGS_MAELSTROM_ARGS", "--ack-ms 10 --retry-ms 5")).stderr;
    assert!(String::from_utf8(complaint).unwrap().contains("--retry-ms 5 must be more than"));
    // The command line has the last word.
    let mut node = Process::start(command.args(["--retry-ms", "50"]));
    assert_eq!(node.ask("n0", json!({"type": "read"}))["code"], 11);
    node.end();
}
