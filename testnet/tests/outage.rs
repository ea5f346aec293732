//! `tidings-testnet outage` as its users see it. What it measures takes minutes; that it goes its way takes seconds.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn outage(out: &Path, args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    command.args(["outage", "--quiet", "--out"]).arg(out);
    command.args(args.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.output().unwrap()
}

#[test]
fn a_node_whose_network_goes_and_comes_back_keeps_its_book_and_relays_again() {
    for how in ["down", "deaf"] {
        let temp = tempfile::tempdir().unwrap();
        let args = format!("--nodes 12 --away 3 --settle 1 --how {how} --json");
        let output = outage(&temp.path().join("run"), &args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(3) && stderr.contains("can't be had") {
            eprintln!("not tested, since this system gives no network namespaces: {stderr}");
            return;
        }
        assert_eq!(output.status.code(), Some(0), "{how}: {stderr}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["addresses"][0], 11, "{report:#}");
        assert!(report["relayed_s"].is_number(), "{report:#}");
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_starts() {
    let temp = tempfile::tempdir().unwrap();
    for (args, sentence) in [
        ("--nodes 3", "--nodes is 3, but must be 12 to 250"),
        ("--away 0", "--away is 0, but must be more than 0"),
    ] {
        let output = outage(&temp.path().join("run"), args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{stderr}");
        assert!(stderr.contains(sentence), "{stderr}");
        assert!(!temp.path().join("run").exists());
    }
}
