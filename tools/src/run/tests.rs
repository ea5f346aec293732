use std::fs;

use tempfile::TempDir;

use super::*;
use crate::sample::Sample;

/// A small run, written into a folder.
fn folder() -> (Run, TempDir) {
    let mut run = Sample { nodes: 3, txs: 2, ..Sample::default() }.run();
    run.deliveries[2].latency_us = 77;
    let dir = tempfile::tempdir().unwrap();
    run.write(dir.path()).unwrap();
    (run, dir)
}

/// Replaces `from` by `to` in a file, and returns what reading the folder then says, without the
/// folder's own path.
fn error_after(file: &str, from: &str, to: &str) -> String {
    let (_, dir) = folder();
    let path = dir.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    let error = Run::read(dir.path()).unwrap_err().to_string();
    error.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn a_run_is_read_as_it_was_written() {
    let (run, dir) = folder();
    assert_eq!(Run::read(dir.path()).unwrap(), run);
}

/// The bytes that the first release of the tools wrote, which didn't know from whom what came.
#[test]
fn a_folder_from_before_is_read_and_written_as_it_was() {
    let tables = [
        (
            NODES,
            "node,region,node_type,addr,pid,outbound,inbound,rss_kib,cpu_s,alive\n\
             0,europe,supernode,127.0.0.1:4000,10000,8,5,7523,0.433000,true\n\
             1,,,,,8,12,,,false\n",
        ),
        (
            ITEMS,
            "item,id,kind,bytes,origin,submitted_us\n\
             0,00ff,tx,250,0,0\n\
             1,c0de,block,1000080,1,18446744073709551615\n",
        ),
        (DELIVERIES, "item,node,latency_us\n0,0,0\n0,1,48213\n1,1,0\n"),
        (
            TRAFFIC,
            "node,kind,sent_messages,sent_bytes,received_messages,received_bytes\n\
             0,announce,4,132,3,99\n",
        ),
    ];
    let [old, new] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    fs::write(old.path().join(MANIFEST), "seed = 1\n").unwrap();
    for (file, text) in tables {
        fs::write(old.path().join(file), text).unwrap();
    }
    let run = Run::read(old.path()).unwrap();
    assert_eq!(run.nodes[0].cpu_s, Some(0.433));
    assert!(run.links.is_empty(), "there was no such table");
    assert_eq!((run.nodes[1].pid, run.nodes[1].region.as_str()), (None, ""));
    assert_eq!((run.items[1].kind, run.items[1].submitted_us), (ItemKind::Block, u64::MAX));
    run.write(new.path()).unwrap();
    let with_givers = "item,node,latency_us,from\n0,0,0,\n0,1,48213,\n1,1,0,\n";
    for (file, text) in tables {
        let now = if file == DELIVERIES { with_givers } else { text };
        assert_eq!(fs::read_to_string(new.path().join(file)).unwrap(), now, "{file}");
    }
}

#[test]
fn unmeasured_fields_stay_unmeasured() {
    let (mut run, dir) = folder();
    run.nodes[1] = Node { pid: None, rss_kib: None, cpu_s: None, ..run.nodes[1].clone() };
    run.write(dir.path()).unwrap();
    assert_eq!(Run::read(dir.path()).unwrap().nodes[1], run.nodes[1]);
}

#[test]
fn windows_line_ends_are_read_too() {
    let (run, dir) = folder();
    let path = dir.path().join(ITEMS);
    let text = fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
    fs::write(&path, text).unwrap();
    assert_eq!(Run::read(dir.path()).unwrap(), run);
}

#[test]
fn the_columns_are_those_of_the_documented_format() {
    let (_, dir) = folder();
    let first_line = |file| {
        let text = fs::read_to_string(dir.path().join(file)).unwrap();
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(
        first_line(NODES),
        "node,region,node_type,addr,pid,outbound,inbound,rss_kib,cpu_s,alive"
    );
    assert_eq!(first_line(ITEMS), "item,id,kind,bytes,origin,submitted_us");
    assert_eq!(first_line(DELIVERIES), "item,node,latency_us,from");
    assert_eq!(
        first_line(TRAFFIC),
        "node,kind,sent_messages,sent_bytes,received_messages,received_bytes"
    );
    assert_eq!(first_line(LINKS), "from,to,at_begin,at_end");
}

#[test]
fn a_missing_folder_or_file_is_missing_input() {
    let (_, dir) = folder();
    let error = Run::read(&dir.path().join("elsewhere")).unwrap_err();
    assert!(error.is_missing_input() && error.to_string().contains("no such folder"), "{error}");
    fs::remove_file(dir.path().join(DELIVERIES)).unwrap();
    let error = Run::read(dir.path()).unwrap_err();
    assert!(error.is_missing_input() && error.to_string().contains("deliveries.csv"), "{error}");
}

#[test]
fn other_columns_are_refused_with_both_headers() {
    let error = error_after(DELIVERIES, "item,node,latency_us", "item,node,latency_ms");
    assert_eq!(
        error,
        "deliveries.csv:1: expected the columns `item,node,latency_us,from`, found `item,node,latency_ms,from`"
    );
}

#[test]
fn a_link_of_a_node_that_is_none_is_refused() {
    let error = error_after(LINKS, "0,1,true,true", "0,3,true,true");
    assert!(error.starts_with("links.csv:2: column `to`") && error.contains("has 3"), "{error}");
}

#[test]
fn an_empty_table_has_no_columns() {
    let (_, dir) = folder();
    fs::write(dir.path().join(ITEMS), "").unwrap();
    let error = Run::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("items.csv:1: expected the columns"), "{error}");
}

#[test]
fn a_file_cut_short_is_recognised() {
    let (_, dir) = folder();
    let path = dir.path().join(DELIVERIES);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 2]).unwrap();
    let error = Run::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("deliveries.csv:10: ") && error.contains("cut short"), "{error}");
}

#[test]
fn a_wrong_field_is_named_by_file_line_and_column() {
    assert_eq!(
        error_after(DELIVERIES, "\n0,1,", "\n0,1,-"),
        format!(
            "deliveries.csv:3: column `latency_us`: expected a whole number, found `-{}`",
            folder().0.deliveries[1].latency_us
        )
    );
    assert_eq!(
        error_after(NODES, ",true\n", ",yes\n"),
        "nodes.csv:2: column `alive`: expected `true` or `false`, found `yes`"
    );
    assert_eq!(
        error_after(ITEMS, ",tx,", ",transaction,"),
        "items.csv:2: column `kind`: expected `tx` or `block`, found `transaction`"
    );
}

#[test]
fn a_missing_field_is_named() {
    assert_eq!(
        error_after(DELIVERIES, &format!("\n0,2,77,{}\n", folder().0.items[0].origin), "\n0,2\n"),
        "deliveries.csv:4: column `latency_us`: expected a field, found the end of the line"
    );
}

#[test]
fn a_field_too_many_is_refused() {
    assert_eq!(
        error_after(DELIVERIES, "\n0,1,", "\n0,1,5,"),
        "deliveries.csv:3: expected 4 fields, found more"
    );
}

#[test]
fn a_reference_to_nothing_is_refused() {
    assert_eq!(
        error_after(DELIVERIES, "\n0,1,", "\n0,3,"),
        "deliveries.csv:3: column `node`: expected a row of nodes.csv, which has 3 (numbered from 0), found `3`"
    );
}

#[test]
fn a_giver_that_is_no_node_is_refused() {
    let error = error_after(DELIVERIES, ",77,", ",77,9");
    assert!(error.starts_with("deliveries.csv:4: column `from`: expected a row of"), "{error}");
}

#[test]
fn rows_out_of_order_are_refused() {
    assert_eq!(
        error_after(NODES, "\n1,", "\n2,"),
        "nodes.csv:3: column `node`: expected 1 (rows are numbered from 0 in order), found `2`"
    );
}

#[test]
fn a_negative_or_endless_cpu_time_is_refused() {
    let (run, _) = folder();
    let seconds = format!("{:.6},true", run.nodes[0].cpu_s.unwrap());
    for wrong in ["-1.0,true", "inf,true", "NaN,true"] {
        let error = error_after(NODES, &seconds, wrong);
        assert!(
            error.contains("nodes.csv:2: column `cpu_s`: expected seconds, 0 or more"),
            "{error}"
        );
    }
}

#[test]
fn a_manifest_that_is_not_toml_is_refused() {
    let error = error_after(MANIFEST, "seed = ", "seed == ");
    assert!(error.starts_with("manifest.toml: is not valid TOML"), "{error}");
}

#[test]
fn a_field_that_would_need_quoting_is_not_written_and_the_old_file_stays() {
    let (mut run, dir) = folder();
    let before = fs::read_to_string(dir.path().join(NODES)).unwrap();
    run.nodes[0].region = "north,south".to_owned();
    let error = run.write(dir.path()).unwrap_err().to_string();
    assert!(error.contains("nodes.csv: can't be written: the field `north,south`"), "{error}");
    assert_eq!(fs::read_to_string(dir.path().join(NODES)).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6, "the half-written file is gone");
}

#[test]
fn regions_are_listed_once_and_the_empty_one_is_none() {
    let node = |region: &str| Node { region: region.to_owned(), ..Node::default() };
    let nodes = vec![node("europe"), node(""), node("asia"), node("europe")];
    assert_eq!(Run { nodes, ..Run::default() }.regions(), ["asia", "europe"]);
}
