//! The page about the file says what the code does.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use std::collections::BTreeMap;

use miniz_oxide::inflate::decompress_to_vec;
use tidings_timeline::{About, Recorder, Timeline};

const PAGE: &str = include_str!("../TIMELINE.md");

/// The timeline of the page's example.
fn example() -> Timeline {
    let kinds = (0..11).map(|kind| format!("kind {kind}")).collect();
    let mut recorder = Recorder::new(About { nodes: 2, kinds, ..About::default() }, 10);
    for (from, to) in [(1, 0), (1, 0), (1, 0), (0, 1)] {
        recorder.link_up(0, from, to).unwrap();
    }
    for _ in 0..3 {
        recorder.item(0, 0, [0; 8], 250, None).unwrap();
    }
    let tx = recorder.sent(1_500, 6, 8, 300, &[2]);
    let prune = recorder.sent(2_000, 7, 10, 9, &[]);
    recorder.lost(prune);
    recorder.arrived(41_500, tx);
    recorder.finish(50_000)
}

/// The columns of a file, inflated, by `table.column`; read as the page says, and with nothing of the reader.
fn columns(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((&bytes[..8], number(8)), (&b"TIDINGTL"[..], 1));
    let end = 20 + number(12);
    let header = decompress_to_vec(&bytes[20..end]).unwrap();
    assert_eq!(header.len(), number(16));
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    let mut columns = BTreeMap::new();
    for (table, of) in header["tables"].as_object().unwrap() {
        for (column, place) in of["columns"].as_object().unwrap() {
            let size = |key: &str| usize::try_from(place[key].as_u64().unwrap()).unwrap();
            let from = end + size("offset");
            let raw = decompress_to_vec(&bytes[from..from + size("length")]).unwrap();
            assert_eq!(raw.len(), size("raw"));
            columns.insert(format!("{table}.{column}"), raw);
        }
    }
    columns
}

#[test]
fn the_example_of_the_page_is_what_is_written() {
    let columns = columns(&example().to_bytes());
    let (_, rows) = PAGE.split_once("<!-- compared by tests/format.rs -->").unwrap();
    let mut compared = 0;
    for row in rows.lines().filter(|row| row.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let bytes: Vec<String> =
            columns[cells[1]].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes.join(" "), cells[3], "{}", cells[1]);
        compared += 1;
    }
    assert_eq!(compared, 8);
}

#[test]
fn the_page_names_every_table_column_and_coding() {
    let file = example().to_bytes();
    for name in columns(&file).keys() {
        let (table, column) = name.split_once('.').unwrap();
        assert!(
            PAGE.contains(&format!("`{table}`")) && PAGE.contains(&format!("`{column}`")),
            "{name}"
        );
    }
    let about = serde_json::to_value(About::default()).unwrap();
    for field in about.as_object().unwrap().keys() {
        assert!(PAGE.contains(&format!("`{field}`")), "{field}");
    }
}
