use std::fs;

use tidings_timeline::Source;

use super::export::Format;
use super::*;
use crate::run::{Delivery, Item, Link, Node};

/// Three nodes in a line, and an item that goes along it.
fn run() -> Run {
    let node = |region: &str| Node { region: region.to_owned(), alive: true, ..Node::default() };
    let delivery = |node, latency_us, from| Delivery { item: 0, node, latency_us, from };
    Run {
        manifest: run::Manifest::parse(
            "seed = 7\n[[fault]]\nkind = \"loss\"\nshare = 0.1\nat_s = 1\nfor_s = 2.5\n",
        )
        .unwrap(),
        nodes: vec![node("europe"), node("australia"), node("europe")],
        items: vec![Item {
            id: "0102030405060708090a".to_owned(),
            bytes: 250,
            submitted_us: 1_000,
            ..Item::default()
        }],
        deliveries: vec![delivery(2, 90, Some(1)), delivery(0, 0, None), delivery(1, 40, Some(0))],
        links: vec![Link { from: 1, to: 0, at_begin: true, at_end: false }],
        ..Run::default()
    }
}

#[test]
fn a_run_folder_is_a_timeline_of_deliveries() {
    let dir = tempfile::tempdir().unwrap();
    run().write(dir.path()).unwrap();
    let timeline = timeline_of(dir.path()).unwrap();
    timeline.check().unwrap();
    assert_eq!((timeline.about.source, timeline.about.seed.as_str()), (Source::Launched, "7"));
    assert_eq!(timeline.deliveries.at, [1_000, 1_040, 1_090]);
    assert_eq!(timeline.deliveries.from, [None, Some(1), Some(2)]);
    // The link that nobody listed is there since it was seen.
    assert_eq!((timeline.links.from[1], timeline.links.to[1], timeline.links.up[1]), (1, 2, 1_090));
    assert_eq!(timeline.links.down, [Some(1_090), None]);
    assert_eq!(timeline.items.hash, [[1, 2, 3, 4, 5, 6, 7, 8]]);
    let fault = &timeline.about.faults[0];
    assert_eq!((fault.at_us, fault.until_us), (1_001_000, Some(3_501_000)));

    let file = dir.path().join("run.tdt");
    assert_eq!(write(&file, &timeline).unwrap() as u64, fs::metadata(&file).unwrap().len());
    assert_eq!(timeline_of(&file).unwrap(), timeline);
}

#[test]
fn what_is_no_timeline_is_told_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = timeline_of(&dir.path().join("none")).unwrap_err();
    assert!(nothing.is_missing_input() && nothing.to_string().contains("nothing is there"));
    let other = dir.path().join("other");
    fs::write(&other, "hello").unwrap();
    let error = timeline_of(&other).unwrap_err();
    assert!(!error.is_missing_input());
    assert!(
        error.to_string().ends_with("this is no timeline: it doesn't begin with TIDINGTL"),
        "{error}"
    );
    assert!(timeline_of(dir.path()).unwrap_err().is_missing_input(), "a folder of no run");
}

#[test]
fn tables_have_names_beside_numbers_in_either_format() {
    let dir = tempfile::tempdir().unwrap();
    run().write(dir.path()).unwrap();
    let timeline = timeline_of(dir.path()).unwrap();
    let out = dir.path().join("csv");
    let written = export::write(&out, &timeline, Format::Csv).unwrap();
    assert!(written.contains(&("deliveries", 3)) && written.contains(&("messages", 0)));
    assert_eq!(
        fs::read_to_string(out.join("deliveries.csv")).unwrap(),
        "item,node,name,region,at_us,latency_us,from\n\
         0,0,0,europe,1000,0,\n0,1,1,australia,1040,40,0\n0,2,2,europe,1090,90,1\n"
    );
    assert_eq!(
        fs::read_to_string(out.join("items.csv")).unwrap(),
        "item,kind,hash,bytes,origin,submitted_us,nodes_reached,t50_us,t99_us\n\
         0,tx,0102030405060708,250,0,1000,3,40,90\n"
    );
    let again = export::write(&out, &timeline, Format::Csv).unwrap_err();
    assert!(again.to_string().starts_with("cannot make the folder"), "{again}");

    let out = dir.path().join("parquet");
    export::write(&out, &timeline, Format::Parquet).unwrap();
    let bytes = fs::read(out.join("deliveries.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 9);
}
