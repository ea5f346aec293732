//! Launches in which things go wrong on purpose, and manifests that simulator and launch share, with real processes.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn testnet(args: &str, out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    command.args(args.split_whitespace()).arg("--out").arg(out);
    command.stdin(Stdio::null()).output().unwrap()
}

/// A launch with faults: its summary, once it has delivered everything.
fn launch(more: &str) -> Value {
    let temp = tempfile::tempdir().unwrap();
    let common =
        "launch --links none --idle 0 --json --quiet --nodes 8 --txs 60 --rate 20 --overlay gossip";
    let output = testnet(&format!("{common} {more}"), &temp.path().join("run"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    assert_eq!(output.status.code(), Some(0), "{more}: {stderr}\n{summary:#}");
    assert_eq!(summary["coverage"], 1.0, "{more}: {summary:#}");
    summary
}

fn touched(summary: &Value) -> Vec<u64> {
    let faults = summary["faults"].as_array().unwrap();
    faults.iter().map(|fault| fault["touched"].as_u64().unwrap()).collect()
}

#[test]
fn whatever_becomes_of_messages_everything_arrives() {
    let summary = launch(
        "--fault loss:share=0.1 --fault reorder:share=0.1,by_ms=50 --fault duplicate:share=0.1",
    );
    assert!(touched(&summary).iter().all(|messages| *messages > 20), "{summary:#}");
}

#[test]
fn what_a_partition_kept_apart_is_everywhere_once_it_is_over() {
    for mode in ["drop", "stall", "break"] {
        let summary =
            launch(&format!("--fault partition:share=0.5,at_s=0.5,for_s=2.3,mode={mode}"));
        assert_eq!(touched(&summary), [4]);
        let slowest_ms = summary["t100_ms"].as_f64().unwrap();
        assert!(slowest_ms > 100.0, "{mode}: most items came late: {slowest_ms}");
    }
}

#[test]
fn nodes_that_stand_still_or_crash_and_come_back_get_what_they_missed() {
    let summary = launch(
        "--fault pause:nodes=1+2,at_s=0.5,for_s=1 --fault crash:nodes=3,at_s=0.5,restart_after_s=1 \
         --fault crash:nodes=4,at_s=0.5,restart_after_s=1,silent=true",
    );
    assert_eq!(touched(&summary), [2, 1, 1]);
}

#[test]
fn the_run_folder_says_from_whom_each_delivery_came() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let output =
        testnet("launch --links none --idle 0 --json --quiet --nodes 6 --txs 20 --rate 40", &run);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["began"].as_str().unwrap().ends_with('Z'), "{summary:#}");
    let table = fs::read_to_string(run.join("deliveries.csv")).unwrap();
    let rows = table.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let givers: HashMap<(&str, &str), &str> = rows.map(|row| ((row[0], row[1]), row[3])).collect();
    assert_eq!(givers.len(), 6 * 20);
    for (item, node) in givers.keys().copied() {
        let (mut at, mut hops) = (node, 0);
        while !givers[&(item, at)].is_empty() {
            at = givers[&(item, at)];
            hops += 1;
            assert!(hops < 6, "item {item} went in a circle to node {node}");
        }
    }
    let without = givers.values().filter(|giver| giver.is_empty()).count();
    assert_eq!(without, 20, "only origins have an item from nobody");
}

#[test]
fn a_manifest_of_a_simulation_can_be_launched_and_the_other_way_round() {
    let temp = tempfile::tempdir().unwrap();
    let [simulated, launched, again] = ["s", "l", "a"].map(|name| temp.path().join(name));
    let matrix = temp.path().join("m.csv");
    fs::write(&matrix, "region,share,near,far\nnear,1,1,60\nfar,1,60,1\n").unwrap();
    let args = format!(
        "sim --nodes 8 --txs 20 --warmup 5 --rate 20 --spies 0.2 --origin 3 --strategy flood --idle 0 --json --links matrix:file={}",
        matrix.display()
    );
    let runs = [
        (args, &simulated),
        (
            format!(
                "launch --json --quiet --manifest {}",
                simulated.join("manifest.toml").display()
            ),
            &launched,
        ),
        (format!("sim --json --manifest {}", launched.join("manifest.toml").display()), &again),
    ];
    let summaries = runs.map(|(args, out)| {
        let output = testnet(&args, out);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{args}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    });
    assert_eq!(summaries[0]["event_hash"], summaries[2]["event_hash"]);
    for summary in &summaries {
        assert_eq!(summary["txs"], 20, "the warm-up isn't measured");
        let t99_ms = summary["t99_ms"].as_f64().unwrap();
        assert!((50.0..2_000.0).contains(&t99_ms), "{t99_ms}");
    }
    let nodes = fs::read_to_string(launched.join("nodes.csv")).unwrap();
    assert!(nodes.contains(",near,") && nodes.contains(",far,"), "{nodes}");
}
