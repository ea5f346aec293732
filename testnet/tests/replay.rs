//! Launches whose nodes are captured, and the captures replayed, with real processes.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tidings_timeline::{Source, Timeline};

fn testnet(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}\n{err}")
}

/// Launches nodes that are captured, in a folder that vanishes with what is returned.
fn launch(more: &str) -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let common = "launch --links none --idle 0 --quiet --rate 20 --capture --trace --out";
    let run_text = run.display().to_string();
    let mut args = words(common);
    args.push(&run_text);
    args.extend(words(more));
    let output = testnet(&args);
    assert_eq!(output.status.code(), Some(0), "{more}: {}", said(&output));
    (temp, run)
}

fn captures(run: &Path) -> Vec<String> {
    let nodes = fs::read_dir(run.join("nodes")).unwrap().flatten();
    let mut paths: Vec<String> =
        nodes.map(|node| node.path().join("node.capture").display().to_string()).collect();
    paths.sort_unstable();
    paths
}

/// Replays captures: what is said of each, once all act the same.
fn replay(captures: &[String], more: &[&str]) -> Vec<Value> {
    let mut args = vec!["replay", "--json"];
    args.extend(captures.iter().map(String::as_str));
    args.extend(more);
    let output = testnet(&args);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn timeline(run: &Path) -> Timeline {
    Timeline::from_bytes(&fs::read(run.join("timeline.tdt")).unwrap()).unwrap()
}

#[test]
fn a_captured_launch_with_a_stalling_peer_replays_with_equal_actions_and_becomes_a_timeline() {
    let (_temp, run) = launch("--nodes 6 --txs 30 --withhold 1");
    let captures = captures(&run);
    let told = replay(&captures, &[]);
    assert_eq!(told.len(), 6);
    for node in &told {
        assert_eq!(node["equal"], true, "{node:#}");
        assert!(node["inputs"].as_u64() > Some(100), "{node:#}");
        assert_eq!(node["ending"], "it ends since the node was stopped", "{node:#}");
    }
    let timeline = timeline(&run);
    assert_eq!((timeline.about.source, timeline.about.nodes), (Source::Captured, 6));
    assert_eq!(timeline.about.names.as_ref().unwrap()[5], "n0005");
    assert_eq!(timeline.about.faults[0].kind, "withhold");
    assert_eq!((timeline.items.at.len(), timeline.deliveries.at.len()), (30, 180));
    let clocks = "clocks are taken as they are";
    assert!(timeline.about.marks.iter().any(|mark| mark.text.starts_with(clocks)));
    let fates = &timeline.messages.fate;
    let arrived = fates.iter().filter(|fate| **fate == 0).count();
    assert!(arrived * 10 > fates.len() * 8, "{arrived} of {} arrived", fates.len());
    assert!(timeline.deliveries.from.iter().flatten().count() == 150, "all but the origins'");
    key_is_nowhere(&captures[0]);
    asked(&captures[0], &timeline);
    altered(&captures[1]);
}

/// Neither the node's key nor its account's is in what a capture says of itself, and nobody else may read its files.
fn key_is_nowhere(capture: &str) {
    let first = format!("{capture}.1-0");
    assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    let stored = fs::read(&first).unwrap();
    let key = fs::read(Path::new(capture).with_file_name("identity.key"));
    let key = key.unwrap_or_default();
    let seed = key.get(4..36).unwrap_or(&[1; 32]);
    assert!(!stored.windows(32).any(|bytes| bytes == seed));
}

/// A node is asked about an item at a moment, and goes on with another parameter.
fn asked(capture: &str, timeline: &Timeline) {
    let id: String = timeline.items.hash[0].iter().map(|byte| format!("{byte:02x}")).collect();
    let output = testnet(&["replay", capture, "--explain", &id]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("accepted") && text.contains("as the node was at"), "{text}");
    let output = testnet(&["replay", capture, "--explain", &id, "--at", "0.001"]);
    assert_eq!(output.status.code(), Some(1), "nothing was known then: {}", said(&output));
    let set = ["--set", "params.relay.trickle_outbound_ms=1"];
    let told = replay(&[capture.to_owned()], &[set[0], set[1], "--from", "0.5"]);
    assert_eq!(told[0]["was"]["accepted"], 30, "{:#}", told[0]);
    assert!(told[0]["would"]["accepted"].as_u64() > Some(15), "{:#}", told[0]);
    assert_eq!(told[0]["difference"], Value::Null);
    for (wrong, why) in [
        (&["--set", "params.relay.trickle=1"][..], "unknown key"),
        (&["--set", "log.filter=info"][..], "only the core lives again"),
        (&["--set", "params.relay.strategy=flood", "--from", "1"][..], "when it is made"),
        (&["--set", "params.relay.batch_ms=1", "--from", "noon"][..], "is no moment"),
    ] {
        let mut args = vec!["replay", capture];
        args.extend(wrong);
        let output = testnet(&args);
        assert_eq!(output.status.code(), Some(64), "{}", said(&output));
        assert!(said(&output).contains(why), "{}", said(&output));
    }
}

/// A capture that can't be read any further is replayed up to there, and one without a beginning isn't.
fn altered(capture: &str) {
    let first = format!("{capture}.1-0");
    let mut bytes = fs::read(&first).unwrap();
    let end = bytes.len() - 60;
    fs::write(&first, &bytes[..end]).unwrap();
    let told = replay(&[capture.to_owned()], &[]);
    assert!(told[0]["ending"].as_str().unwrap().contains("cut or damaged"), "{:#}", told[0]);
    bytes[30] ^= 1;
    fs::write(&first, &bytes).unwrap();
    let output = testnet(&["replay", capture]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("its first block is missing or damaged"), "{}", said(&output));
}

#[test]
fn nodes_that_crash_and_come_back_have_two_lives_and_all_are_on_the_timeline() {
    let (_temp, run) = launch(
        "--nodes 5 --txs 40 --overlay gossip --fault crash:nodes=2,at_s=0.5,restart_after_s=0.5",
    );
    let timeline = timeline(&run);
    let states = timeline.states.node.iter().zip(&timeline.states.state);
    let of_third: Vec<u8> =
        states.filter(|(node, _)| **node == 2).map(|(_, state)| *state).collect();
    assert_eq!(of_third, [1, 0], "down, and up again");
    let told = replay(&[format!("{}.1", captures(&run)[2])], &[]);
    assert_eq!(told[0]["equal"], true, "{:#}", told[0]);
    let file = run.join("again.tdt");
    let file_text = file.display().to_string();
    let told = replay(&[run.display().to_string()], &["--timeline", &file_text]);
    assert_eq!(told.len(), 6, "the lives of five nodes");
    let again = Timeline::from_bytes(&fs::read(file).unwrap()).unwrap();
    assert_eq!(again.messages.sent.len(), timeline.messages.sent.len());
    assert_eq!(again.deliveries.at.len(), timeline.deliveries.at.len());
}
