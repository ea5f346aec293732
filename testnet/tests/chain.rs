//! Networks that make blocks, measured and to stay, with real processes.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn testnet(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    command.args(args.split_whitespace()).stdin(Stdio::null());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A launch of five nodes that make a block each fifth of a second, more or less: how it ended, its summary, its table of blocks.
fn launch(more: &str) -> (Output, Value, String) {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let common = "launch --links none --idle 0 --json --quiet --nodes 5 --txs 40 --rate 20";
    let mut command = testnet(&format!("{common} --block-interval 0.2 {more}"));
    let output = command.arg("--out").arg(&run).output().unwrap();
    let summary = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let blocks = fs::read_to_string(run.join("blocks.csv")).unwrap_or_default();
    (output, summary, blocks)
}

#[test]
fn blocks_made_during_a_launch_reach_every_node_and_so_does_what_they_contain() {
    let (output, summary, blocks) = launch("--block-txs-max 5");
    assert_eq!(output.status.code(), Some(0), "{}\n{summary:#}", stderr(&output));
    let chain = &summary["chain"];
    let made = chain["made"].as_u64().unwrap();
    assert!(made > 1, "{chain:#}");
    assert_eq!((&chain["coverage"], &summary["coverage"]), (&1.0.into(), &1.0.into()));
    assert!(chain["t99_ms"].is_number() && chain["failed"] == 0, "{chain:#}");
    assert!(chain["txs_mean"].as_f64().unwrap() <= 5.0, "{chain:#}");
    assert_eq!(blocks.lines().count() as u64, made + 1, "{blocks}");
}

#[test]
fn what_is_on_the_chain_in_the_end_and_what_is_not_add_up() {
    let (output, summary, blocks) = launch("");
    assert_eq!(output.status.code(), Some(0), "{}\n{summary:#}", stderr(&output));
    let chain = &summary["chain"];
    let count = |key: &str| chain[key].as_u64().unwrap();
    assert_eq!(count("made"), count("height") + count("stale"), "{chain:#}");
    let on_chain = blocks.lines().filter(|line| line.ends_with(",true")).count() as u64;
    assert_eq!(on_chain, count("height"), "{blocks}");
    assert!(count("height") > 1 && chain["confirmed"].as_f64().unwrap() > 0.0, "{chain:#}");
    let hits = chain["hit_rate"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&hits), "{hits}");
}

#[test]
fn nodes_that_start_late_catch_up() {
    let (output, summary, _) = launch("--late-joiners 2");
    assert_eq!(output.status.code(), Some(0), "{}\n{summary:#}", stderr(&output));
    let chain = &summary["chain"];
    let joiners = chain["joiners"].as_array().unwrap();
    assert_eq!(joiners.len(), 2);
    for joiner in joiners {
        assert_eq!(joiner["height"], chain["height"]);
        assert!(joiner["catch_up_s"].as_f64().unwrap() > 0.0, "{chain:#}");
    }
    assert!(chain["catch_up_ms_per_block"].is_number(), "{chain:#}");
}

fn node(folder: &Value, verb: &str) -> Value {
    let mut command = testnet(&format!("node {verb} --json --data-dir"));
    let output = command.arg(folder.as_str().unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn down(dir: &Path) -> Output {
    testnet("down --dir").arg(dir).output().unwrap()
}

#[test]
fn a_network_that_is_up_says_where_it_is_mines_and_goes_down_when_asked() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("up");
    let nobody = down(&dir);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("no network is up in"), "{}", stderr(&nobody));

    let mut command = testnet("up --nodes 3 --links none --block-interval 0.1 --json --dir");
    let mut up = command.arg(&dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(up.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let endpoints: Value = serde_json::from_str(&line).unwrap();
    let written = fs::read_to_string(dir.join("endpoints.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), endpoints);
    let nodes = endpoints["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    let began = Instant::now();
    while node(&nodes[2]["data_dir"], "status")["blocks"] == 0 {
        assert!(began.elapsed() < PATIENCE, "no block came");
    }
    let mut second = testnet("up --nodes 3 --dir");
    let second = second.arg(&dir).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("a network is up in"), "{}", stderr(&second));

    let ended = down(&dir);
    assert_eq!(ended.status.code(), Some(0), "{}", stderr(&ended));
    assert_eq!(up.wait().unwrap().code(), Some(0));
    assert!(!dir.join("endpoints.json").exists());
    for node in nodes {
        let pid = node["pid"].as_u64().unwrap();
        assert!(!Path::new(&format!("/proc/{pid}/cwd")).exists(), "node {pid} still runs");
    }
    assert_eq!(down(&dir).status.code(), Some(1));
}
