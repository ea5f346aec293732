//! The `tidings-tools` binary as a process: what it prints, writes and exits with.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

#[path = "../src/sample.rs"]
mod sample;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use sample::Sample;
use serde_json::Value;
use tempfile::TempDir;
use tidings_tools::figures::summary::Summary;
use tidings_tools::show::report;

/// A finished run's folder.
fn folder(sample: Sample) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let run = sample.run();
    run.write(dir.path()).unwrap();
    report::write(dir.path(), &run, &Summary::compute(&run, sample.inputs())).unwrap();
    dir
}

fn tools(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings-tools")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const WRITTEN: [&str; 4] = ["summary.json", "summary.csv", "curve.svg", "report.html"];

#[test]
fn report_makes_the_same_files_again() {
    let dir = folder(Sample { killed: 2, ..Sample::default() });
    let read = |file| fs::read_to_string(dir.path().join(file)).unwrap();
    let before = WRITTEN.map(read);
    for file in ["summary.csv", "curve.svg", "report.html"] {
        fs::remove_file(dir.path().join(file)).unwrap();
    }
    let output = tools(&["report", text(dir.path())]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(WRITTEN.map(read), before);
    assert!(stdout(&output).contains("Time to 99 %"), "{}", stdout(&output));
}

#[test]
fn report_computes_from_the_data_and_keeps_what_was_measured() {
    let dir = folder(Sample::default());
    let deliveries = dir.path().join("deliveries.csv");
    let rows = fs::read_to_string(&deliveries).unwrap();
    let half: Vec<&str> = rows.lines().take(1 + 51 * 10).collect();
    fs::write(&deliveries, half.join("\n") + "\n").unwrap();
    let output = tools(&["report", "--json", text(dir.path())]);
    assert!(output.status.success(), "{}", stderr(&output));
    let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(summary["coverage"], 0.5);
    assert_eq!(summary["connect_s"], 3.25);
    let written = fs::read_to_string(dir.path().join("summary.json")).unwrap();
    assert_eq!(written, stdout(&output));
}

#[test]
fn report_writes_the_page_where_it_is_told() {
    let dir = folder(Sample::default());
    fs::remove_file(dir.path().join("report.html")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let page = elsewhere.path().join("page.html");
    let output = tools(&["report", text(dir.path()), "--out", text(&page)]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(fs::read_to_string(&page).unwrap().starts_with("<!DOCTYPE html>"));
    assert!(!dir.path().join("report.html").exists());
}

#[test]
fn report_on_a_run_broken_off_is_invalid_but_made() {
    let dir = folder(Sample::default());
    fs::remove_file(dir.path().join("summary.json")).unwrap();
    let output = tools(&["report", text(dir.path())]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("the run was broken off"), "{}", stdout(&output));
}

#[test]
fn a_missing_run_is_no_input() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("elsewhere"), dir.path().to_owned()] {
        let output = tools(&["report", text(&path)]);
        assert_eq!(output.status.code(), Some(66), "{}", stderr(&output));
        assert!(stderr(&output).contains(text(&path)), "{}", stderr(&output));
    }
}

#[test]
fn malformed_data_are_a_failure_that_names_file_and_line() {
    let dir = folder(Sample::default());
    let path = dir.path().join("traffic.csv");
    let rows = fs::read_to_string(&path).unwrap();
    fs::write(&path, rows.replacen(",tx,", ",tx,many-", 1)).unwrap();
    let output = tools(&["report", text(dir.path())]);
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(
        error.contains("traffic.csv:10: column `sent_messages`: expected a whole number"),
        "{error}"
    );
}

#[test]
fn a_malformed_summary_is_a_failure_and_is_kept() {
    let dir = folder(Sample::default());
    let path = dir.path().join("summary.json");
    fs::write(&path, "{\"seed\": \"one\"}").unwrap();
    let output = tools(&["report", text(dir.path())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("summary.json: is not a summary"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"seed\": \"one\"}");
}

#[test]
fn wrong_arguments_are_usage_and_help_is_not() {
    for arguments in [&["report"][..], &["diff", "one"], &["frobnicate"], &[]] {
        assert_eq!(tools(arguments).status.code(), Some(64), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["diff", "--help"]] {
        let output = tools(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn diff_shows_figures_and_warns_of_other_conditions() {
    let (a, b) = (folder(Sample::default()), folder(Sample { nodes: 10, ..Sample::default() }));
    let output = tools(&["diff", text(a.path()), text(b.path())]);
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    let row = table.lines().find(|line| line.starts_with("deliveries ")).unwrap();
    assert_eq!(row.split_whitespace().nth(3), Some("0.500"), "{row}");
    assert!(
        table.contains("Warning: The runs had different conditions: network.nodes."),
        "{table}"
    );
}

#[test]
fn diff_as_json_holds_the_same() {
    let (a, b) = (folder(Sample::default()), folder(Sample { nodes: 10, ..Sample::default() }));
    let output = tools(&["diff", "--json", text(a.path()), text(b.path())]);
    let diff: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(diff["conditions"][0]["key"], "network.nodes");
    let figures = diff["figures"].as_array().unwrap();
    let deliveries = figures.iter().find(|row| row["key"] == "deliveries").unwrap();
    assert_eq!(deliveries["ratio"], 0.5);
}

#[test]
fn diff_needs_both_runs() {
    let a = folder(Sample::default());
    let nowhere = a.path().join("nowhere");
    let output = tools(&["diff", text(a.path()), text(&nowhere)]);
    assert_eq!(output.status.code(), Some(66));
    assert!(stderr(&output).contains("nowhere"), "{}", stderr(&output));
}

/// Maelstrom's node, which is a binary of its own too.
#[test]
fn the_tools_have_it_as_a_command() {
    let output = tools(&["maelstrom", "--param", "relay.batch=1"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(stderr(&output).contains("unknown field `batch`"), "{}", stderr(&output));
}

#[test]
fn overlay_says_what_kind_of_graph_it_is_and_writes_a_page() {
    let dir = folder(Sample { nodes: 40, txs: 1, killed: 4, ..Sample::default() });
    let output = tools(&["overlay", text(dir.path()), "--at", "begin"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    // Rings are what the sample is made of, and they are told from chance.
    assert!(said.contains("40 nodes and 320 links, connected"), "{said}");
    assert!(said.contains("Chance is no explanation for"), "{said}");
    let page = fs::read_to_string(dir.path().join("overlay.html")).unwrap();
    assert_eq!(page.matches("</svg>").count(), 3);
    let output = tools(&["overlay", text(dir.path()), "--json"]);
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&json["at"], &json["nodes"]), (&Value::from("end"), &Value::from(36)));
}

#[test]
fn overlay_of_a_run_whose_links_nobody_saw_is_missing_input() {
    let dir = folder(Sample { txs: 1, ..Sample::default() });
    fs::remove_file(dir.path().join("links.csv")).unwrap();
    let output = tools(&["overlay", text(dir.path())]);
    assert_eq!(output.status.code(), Some(66));
    assert!(stderr(&output).contains("links.csv: no link was seen then"), "{}", stderr(&output));
}

#[test]
fn export_makes_tables_of_a_run_folder_once() {
    let dir = folder(Sample::default());
    let out = dir.path().join("tables");
    let arguments = ["export", text(dir.path()), "--out", text(&out), "--format", "csv"];
    let output = tools(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("deliveries"), "{}", stdout(&output));
    let deliveries = fs::read_to_string(out.join("deliveries.csv")).unwrap();
    assert!(deliveries.starts_with("item,node,name,region,at_us,latency_us,from\n"));
    let again = tools(&arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("cannot make the folder"), "{}", stderr(&again));
    let nothing = tools(&["export", text(&dir.path().join("none")), "--out", text(&out)]);
    assert_eq!(nothing.status.code(), Some(66));
}
