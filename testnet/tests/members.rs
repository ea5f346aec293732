//! `tidings-testnet members --processes` as its users see it, with three real members.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn members(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    command.arg("members").args(args.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Process ids of the children of a process.
fn children(pid: u32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// The path has nothing in it: no Serf, and nothing to make a namespace with.
#[test]
fn without_serf_and_namespace_ours_is_measured_and_both_are_said_to_be_missing() {
    let nothing = tempfile::tempdir().unwrap();
    let mut command = members("--processes 3 --quick --beside serf --sealed --json");
    let output = command.env("PATH", nothing.path()).output().unwrap();
    let stderr = said(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("`apt-get install serf` brings it"), "{stderr}");
    assert!(stderr.contains("can't have a network namespace of its own"), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = report["measured"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{report:#}");
    let ours = &all[0];
    assert_eq!((&ours["contender"], &ours["members"]), (&"tidings fleet".into(), &3.into()));
    assert_eq!(ours["events"]["missed"], 0, "{report:#}");
    assert!(ours["deaths"][0]["first_s"].as_f64().unwrap() > 1.0, "{report:#}");
    assert!(ours["memory"]["rss_mib"].as_f64() > ours["memory"]["rss_without_mib"].as_f64());
    assert_eq!(
        report["notes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|note| note == &"All that members say is sealed.")
            .count(),
        1
    );
}

#[test]
fn an_interrupt_leaves_no_member_behind() {
    let child = members("--processes 3 --quick --rounds 50").spawn().unwrap();
    let began = Instant::now();
    // Three members, and two nodes that are none.
    while children(child.id()).len() < 5 {
        assert!(began.elapsed() < PATIENCE, "the members don't start");
        std::thread::sleep(Duration::from_millis(5));
    }
    let all = children(child.id());
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(!all.into_iter().any(runs), "{}", said(&output));
}

#[test]
fn what_cannot_be_is_refused_before_anything_starts() {
    for (args, sentence) in [
        ("--processes 8", "--processes is 8, but must be 9 to"),
        ("--processes 20 --kills 5", "cannot be used with"),
        ("--beside serf", "--processes"),
    ] {
        let output = members(args).output().unwrap();
        let stderr = said(&output);
        assert_eq!(output.status.code(), Some(64), "{args}: {stderr}");
        assert!(stderr.contains(sentence), "{args}: {stderr}");
    }
}
