//! The file: what is written comes back, nothing else does harm, and a small one stays as it is.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]
#![expect(clippy::disallowed_methods, reason = "fixtures are files")]

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;
use tidings_timeline::{
    About, FaultSpan, ITEM_BLOCK, ITEM_TX, Recorder, Sample, State, Timeline, TimelineError,
};

/// Three nodes, three links, a transaction, a block; a message of each fate; a node that goes and comes back.
fn small() -> Timeline {
    let about = About {
        title: "three nodes".to_owned(),
        seed: "11".to_owned(),
        strategy: "push".to_owned(),
        nodes: 3,
        names: Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]),
        regions: vec!["europe".to_owned(), "east_asia".to_owned()],
        kinds: vec!["hello".to_owned(), "announce".to_owned(), "tx".to_owned()],
        event_hash: Some("00ff".to_owned()),
        ..About::default()
    };
    let mut recorder = Recorder::new(about, 1_000);
    for (node, place) in (0..).zip([(0, 0), (30_000, 20_000), (65_535, 65_535)]) {
        recorder.place(node, node % 2, place);
    }
    let links = [(0, 1), (1, 2), (2, 0)].map(|(from, to)| recorder.link_up(0, from, to).unwrap());
    let tx = recorder.item(1_000, ITEM_TX, *b"12345678", 250, Some(0)).unwrap();
    recorder.delivered(1_000, 0, tx, None);
    let first = recorder.sent(1_000, 2 * links[0], 2, 260, &[tx]);
    let second = recorder.sent(1_000, 2 * links[2] + 1, 1, 40, &[tx]);
    let lost = recorder.sent(1_500, 2 * links[0], 0, 12, &[]);
    recorder.lost(lost);
    recorder.arrived(41_000, first);
    recorder.delivered(41_250, 1, tx, Some(2 * links[0]));
    recorder.arrived(61_000, second);
    let block = recorder.item(70_000, ITEM_BLOCK, *b"blockhsh", 90_000, None).unwrap();
    let cut = recorder.sent(70_000, 2 * links[1], 1, 90_012, &[tx, block]);
    recorder.state(80_000, 2, State::Down);
    recorder.cut(cut);
    recorder.link_down(80_000, links[1]);
    recorder.state(300_000, 2, State::Up);
    recorder.sample(100_000, 0, Sample { waiting: 2, asked: 1, queued: 300 });
    recorder.sample(100_000, 1, Sample::default());
    let _ = recorder.sent(310_000, 2 * links[0] + 1, 1, 40, &[tx]);
    recorder.fault(FaultSpan {
        kind: "crash".to_owned(),
        at_us: 80_000,
        until_us: Some(300_000),
        text: "a node loses everything".to_owned(),
        nodes: vec![2],
    });
    recorder.mark(1_000, "first submission");
    let mut timeline = recorder.finish(350_000);
    // Where nodes are drawn isn't what this file is about.
    timeline.nodes.x = vec![10_000, 32_768, 50_000];
    timeline.nodes.y = vec![20_000, 32_768, 300];
    timeline
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// All columns, as another reader is to find them.
fn decoded(timeline: &Timeline) -> serde_json::Value {
    let Timeline { about, nodes, links, items, messages, deliveries, states, samples } = timeline;
    json!({
        "about": about,
        "nodes": { "x": nodes.x, "y": nodes.y, "map_x": nodes.map_x, "map_y": nodes.map_y, "region": nodes.region },
        "links": { "from": links.from, "to": links.to, "up": links.up, "down": links.down },
        "items": {
            "kind": items.kind,
            "hash": items.hash.iter().map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).collect::<Vec<_>>(),
            "size": items.size, "origin": items.origin, "at": items.at,
        },
        "messages": {
            "sent": messages.sent, "end": messages.end, "kind": messages.kind, "bytes": messages.bytes,
            "took": messages.took, "fate": messages.fate, "count": messages.count, "named": messages.named,
        },
        "deliveries": { "at": deliveries.at, "node": deliveries.node, "item": deliveries.item, "from": deliveries.from },
        "states": { "at": states.at, "node": states.node, "state": states.state },
        "samples": {
            "at": samples.at, "node": samples.node, "waiting": samples.waiting, "asked": samples.asked,
            "queued": samples.queued,
        },
    })
}

/// `TIDINGS_RENEW_TIMELINE=1 cargo test -p tidings-timeline --test file` writes them anew.
#[test]
fn the_small_file_is_read_as_its_columns_say_and_written_as_it_is() {
    let timeline = small();
    timeline.check().unwrap();
    let (bytes, columns) = (timeline.to_bytes(), decoded(&timeline));
    let (file, beside) = (fixture("small.tdt"), fixture("small.json"));
    if std::env::var_os("TIDINGS_RENEW_TIMELINE").is_some() {
        fs::write(&file, &bytes).unwrap();
        fs::write(&beside, format!("{columns:#}\n")).unwrap();
    }
    let kept = fs::read(&file).unwrap();
    assert_eq!(Timeline::from_bytes(&kept).unwrap(), timeline);
    let kept_columns: serde_json::Value =
        serde_json::from_slice(&fs::read(&beside).unwrap()).unwrap();
    assert_eq!(kept_columns, columns);
    assert_eq!(kept, bytes, "the file is written in another way now");
}

#[test]
fn what_is_no_timeline_is_told_in_a_sentence() {
    let bytes = small().to_bytes();
    let error = |bytes: &[u8]| Timeline::from_bytes(bytes).unwrap_err().to_string();
    assert_eq!(error(b"PAR1"), "this is no timeline: it doesn't begin with TIDINGTL");
    assert_eq!(error(b""), "this is no timeline: it doesn't begin with TIDINGTL");
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert_eq!(Timeline::from_bytes(&newer), Err(TimelineError::Version { version: 2 }));
    assert!(
        error(&bytes[..12]).starts_with("this timeline is cut: its prefix should end at byte 20")
    );
    assert!(error(&bytes[..40]).starts_with("this timeline is cut: its header should end at byte"));
    assert!(error(&bytes[..bytes.len() - 1]).starts_with("this timeline is cut: the column"));
    let mut large = bytes;
    large[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(
        error(&large).starts_with("this timeline is too large: its header takes 4294967295 bytes")
    );
}

#[test]
fn a_header_of_few_bytes_that_promises_many_gets_no_memory() {
    let mut bytes = small().to_bytes();
    let stored = u32::from_le_bytes(bytes[12..16].try_into().unwrap());
    bytes[16..20].copy_from_slice(&(1_033 * stored).to_le_bytes());
    let error = Timeline::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("can't have become"), "{error}");
}

#[test]
fn a_timeline_of_nothing_is_one() {
    let timeline = Recorder::new(About::default(), 0).finish(0);
    timeline.check().unwrap();
    assert_eq!(Timeline::from_bytes(&timeline.to_bytes()), Ok(timeline));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_file_that_is_cut_or_garbled_is_refused_or_sound(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = fs::read(fixture("small.tdt")).unwrap();
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match Timeline::from_bytes(&bytes) {
            Ok(timeline) => prop_assert!(timeline.check().is_ok()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn any_bytes_behind_the_prefix_do_no_harm(rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"TIDINGTL\x01\0\0\0".to_vec();
        bytes.extend(rest);
        prop_assert!(Timeline::from_bytes(&bytes).is_err());
    }
}
