//! `tidings-testnet assault` as its users see it.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// An assault to be, with a folder that vanishes after the test.
fn assault(args: &str) -> (TempDir, Command) {
    let temp = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    command.args(["assault", "--quiet", "--out"]).arg(temp.path().join("run"));
    command.args(args.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    (temp, command)
}

/// Process ids of the nodes of a bout, from the locks of their data folders.
fn node_pids(run: &Path) -> Vec<i32> {
    let bouts = fs::read_dir(run).into_iter().flatten().flatten();
    let nodes =
        bouts.flat_map(|bout| fs::read_dir(bout.path().join("nodes")).into_iter().flatten());
    let lock = |node: fs::DirEntry| fs::read_to_string(node.path().join("lock")).ok();
    nodes.flatten().filter_map(|node| lock(node)?.trim().parse().ok()).collect()
}

/// Process ids of the children of a process.
fn children(pid: u32) -> Vec<i32> {
    let path: PathBuf = format!("/proc/{pid}/task/{pid}/children").into();
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next());
    state.is_some_and(|state| state != 'Z')
}

fn wait_for(what: &str, check: impl Fn() -> bool) {
    let began = Instant::now();
    while !check() {
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_bout_has_a_row_with_what_it_cost_and_what_held() {
    let (temp, mut command) = assault("churn --seconds 1 --before 1 --untimed --json");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &rows[0];
    assert_eq!((&row["name"], &row["missing"]), (&"churn".into(), &0.into()), "{row:#}");
    assert_eq!((&row["deaths"], &row["links_lost"]), (&0.into(), &0.into()), "{row:#}");
    for key in ["attacker_sent", "attacker_links", "descriptors", "submitted"] {
        assert!(row[key].as_u64().unwrap() > 0, "{key}: {row:#}");
    }
    for key in ["p99_ms", "p99_before_ms", "newcomer_s"] {
        assert!(row[key].is_number(), "{key}: {row:#}");
    }
    assert!(temp.path().join("run/assault.json").is_file());
}

/// Six nodes for a while are asked for by hand; here four have to do.
#[test]
fn nodes_that_two_attackers_flood_within_their_limits_keep_all_links_and_equal_pools() {
    let (_temp, mut command) =
        assault("transactions --nodes 4 --seconds 2 --before 0.5 --untimed --json");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &rows[0];
    assert_eq!((&row["links"], &row["links_lost"]), (&6.into(), &0.into()), "{row:#}");
    assert_eq!((&row["pool_spread"], &row["missing"]), (&0.into(), &0.into()), "{row:#}");
    assert!(row["attacker_links"].as_u64().unwrap() >= 2, "{row:#}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_starts() {
    for (args, sentence) in [
        ("chrun", "there is no attack `chrun`: did you mean churn"),
        ("churn --seconds 0", "--seconds is 0, but must be more than 0"),
        ("", "required arguments were not provided"),
    ] {
        let (temp, mut command) = assault(args);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{args}: {stderr}");
        assert!(stderr.contains(sentence), "{args}: {stderr}");
        assert!(!temp.path().join("run").exists(), "{args}");
    }
    let attacker = Command::new(env!("CARGO_BIN_EXE_tidings-testnet")).arg("attacker").output();
    let attacker = attacker.unwrap();
    assert_eq!(attacker.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&attacker.stderr).contains("for `assault` to start"));
}

#[test]
fn an_interrupt_leaves_neither_nodes_nor_attacker_behind() {
    let (temp, mut command) = assault("churn --seconds 600 --before 0.1");
    let child = command.spawn().unwrap();
    let run = temp.path().join("run");
    wait_for("three nodes and the attacker", || {
        node_pids(&run).len() == 3 && children(child.id()).len() == 4
    });
    let all = children(child.id());
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(!all.into_iter().any(runs), "{stderr}");
}

#[test]
fn strangers_at_a_full_node_cost_it_no_honest_link_and_keep_no_newcomer_out() {
    let (_temp, mut command) =
        assault("staying-from-250 --nodes 4 --seconds 2 --before 0.5 --untimed --json");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &rows[0];
    assert_eq!(row["inbound_before"], 117, "all places: {row:#}");
    assert_eq!((&row["links"], &row["links_lost"]), (&3.into(), &0.into()), "{row:#}");
    assert_eq!(row["missing"], 0, "{row:#}");
    assert!(row["newcomers"].as_u64().unwrap() >= 1, "{row:#}");
    let names: Vec<_> = row["stages"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    assert_eq!(names, ["before", "during", "after"]);
}
