//! Columns that inflate, and are garbled.

use proptest::prelude::*;

use super::*;
use crate::about::FaultSpan;
use crate::recorder::Recorder;

/// A timeline with a few rows in every table.
fn timeline() -> Timeline {
    let about = About { nodes: 4, kinds: vec!["a".to_owned(), "b".to_owned()], ..About::default() };
    let mut recorder = Recorder::new(about, 1_000);
    for node in 0..4 {
        recorder.link_up(0, node, (node + 1) % 4).unwrap();
        recorder.item(u64::from(node), 0, [7; 8], 300, Some(node)).unwrap();
    }
    recorder.link_down(900, 2);
    for at in 0..20_u32 {
        let row = recorder.sent(u64::from(at) * 40, at % 8, (at % 2) as u8, 100 + at, &[at % 4]);
        recorder.arrived(u64::from(at) * 40 + 500, row);
        recorder.delivered(u64::from(at) * 50, at % 4, at / 5, Some(at % 8));
        recorder.state(u64::from(at), at % 4, crate::about::State::Paused);
        recorder.sample(u64::from(at), at % 4, crate::recorder::Sample::default());
    }
    recorder.fault(FaultSpan::default());
    recorder.finish(2_000)
}

/// A file of changed columns, or with a changed header.
fn file(header: &Header, columns: &[u8]) -> Vec<u8> {
    let header = serde_json::to_vec(header).unwrap();
    let stored = compress_to_vec(&header, LEVEL);
    let mut bytes = MAGIC.to_vec();
    for number in [VERSION, length(&stored), length(&header)] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(stored);
    bytes.extend(columns);
    bytes
}

/// A writer that has written the timeline.
fn written() -> Writer {
    let mut writer = Writer::default();
    timeline().write(&mut writer);
    writer
}

/// Replaces the bytes of a column.
fn replace(writer: &mut Writer, table: &str, column: &str, raw: &[u8]) {
    let stored = compress_to_vec(raw, LEVEL);
    let place = writer.tables.get_mut(table).unwrap().columns.get_mut(column).unwrap();
    place.offset = writer.columns.len() as u64;
    (place.length, place.raw) = (stored.len() as u64, raw.len() as u64);
    writer.columns.extend(stored);
}

fn read(writer: Writer) -> Result<Timeline, TimelineError> {
    let header = Header { about: timeline().about, tables: writer.tables };
    Timeline::from_bytes(&file(&header, &writer.columns))
}

#[test]
fn what_was_written_is_read() {
    assert_eq!(read(written()), Ok(timeline()));
    assert_eq!(Timeline::from_bytes(&timeline().to_bytes()), Ok(timeline()));
}

#[test]
fn a_column_that_is_missing_or_coded_in_another_way_is_told() {
    let mut writer = written();
    writer.tables.get_mut("states").unwrap().columns.remove("node");
    let error = read(writer).unwrap_err().to_string();
    assert_eq!(error, "the column states.node of this timeline can't be read: it is missing");
    let mut writer = written();
    writer.tables.remove("items");
    assert!(read(writer).unwrap_err().to_string().contains("its table is missing"));
    let mut writer = written();
    "u16".clone_into(
        &mut writer.tables.get_mut("items").unwrap().columns.get_mut("size").unwrap().coding,
    );
    assert!(
        read(writer)
            .unwrap_err()
            .to_string()
            .contains("its coding is \"u16\", and should be varint")
    );
}

#[test]
fn what_promises_more_than_it_has_gets_no_memory() {
    let mut writer = written();
    writer.tables.get_mut("states").unwrap().rows = u64::MAX;
    assert!(read(writer).unwrap_err().to_string().contains("can't be 18446744073709551615 rows"));
    let mut writer = written();
    writer.tables.get_mut("states").unwrap().columns.get_mut("at").unwrap().raw = COLUMNS_MAX;
    assert!(matches!(read(writer), Err(TimelineError::TooLarge { .. })));
    let mut writer = written();
    writer.tables.get_mut("states").unwrap().columns.get_mut("at").unwrap().raw = 1 << 20;
    assert!(read(writer).unwrap_err().to_string().contains("can't have become"));
    let mut writer = written();
    writer.tables.get_mut("states").unwrap().columns.get_mut("at").unwrap().offset = u64::MAX;
    assert!(matches!(read(writer), Err(TimelineError::Cut { .. })));
}

#[test]
fn what_contradicts_itself_is_unsound() {
    let mut writer = written();
    replace(&mut writer, "states", "node", &[9; 20]);
    let error = read(writer).unwrap_err().to_string();
    assert!(error.ends_with("states.node has 9, but there are only 4"), "{error}");
    let mut writer = written();
    replace(&mut writer, "states", "at", &[3; 20]); // two back each time
    assert!(read(writer).is_err());
    let mut writer = written();
    replace(&mut writer, "messages", "count", &[2; 20]);
    assert!(read(writer).unwrap_err().to_string().contains("named should have 40 rows"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn any_column_with_any_bytes_is_refused_or_sound(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<bool>(),
    ) {
        let mut writer = written();
        let all: Vec<(String, String)> = writer
            .tables
            .iter()
            .flat_map(|(table, of)| of.columns.keys().map(|column| (table.clone(), column.clone())))
            .collect();
        let (table, column) = which.get(&all).clone();
        let place = &writer.tables[&table].columns[&column];
        let from = usize::try_from(place.offset).unwrap();
        let stored = &writer.columns[from..from + usize::try_from(place.length).unwrap()];
        let mut raw = decompress_to_vec_with_limit(stored, 10_000).unwrap();
        for (at, byte) in &flips {
            if !raw.is_empty() {
                let at = at.index(raw.len());
                raw[at] ^= byte;
            }
        }
        if cut {
            raw.pop();
        }
        replace(&mut writer, &table, &column, &raw);
        match read(writer) {
            Ok(timeline) => prop_assert!(timeline.check().is_ok()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
