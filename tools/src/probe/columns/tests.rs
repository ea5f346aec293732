use std::fs;

use proptest::prelude::*;

use super::*;
use crate::probe::record::{Lost, Offset, Probe};

fn any_record() -> impl Strategy<Value = Record> {
    let link = (any::<[u32; 4]>(), "[a-z0-9:.]{0,12}", any::<Option<u32>>(), any::<u32>());
    let link = link.prop_map(|([probe, round, place, pongs], text, some, time)| Link {
        probe,
        round,
        place,
        peer: text.clone(),
        addr: text.clone(),
        region: String::new(),
        dialled_ns: time.into(),
        ready_ns: some.map(u64::from),
        closed_ns: None,
        why: text,
        rtt_min_ns: some.map(u64::from),
        rtt_median_ns: None,
        pongs,
        announced: 3,
        sent: time.into(),
        sent_bytes: 1 << 40,
    });
    let item = (any::<[u8; SHORT_ID_LEN]>(), any::<bool>(), any::<Option<u32>>());
    let item = item.prop_map(|(short, is_tx, bytes)| Item {
        short: ShortId(short),
        id: is_tx.then(|| "ab".repeat(32)),
        kind: if is_tx { ItemKind::Tx } else { ItemKind::Block },
        bytes,
    });
    let lists = (prop::collection::vec(link, 1..5), prop::collection::vec(item, 1..5));
    let seen = prop::collection::vec((any::<u32>(), any::<[prop::sample::Index; 3]>()), 0..50);
    (lists, seen).prop_map(|((links, items), seen)| {
        let sighting = |(at, [link, item, event]): (u32, [prop::sample::Index; 3])| Sighting {
            at_ns: at.into(),
            link: u32::try_from(link.index(links.len())).unwrap(),
            item: u32::try_from(item.index(items.len())).unwrap(),
            event: Event::ALL[event.index(Event::ALL.len())],
        };
        let sightings = seen.into_iter().map(sighting).collect();
        let probe = Probe { name: "a".into(), offset: Some(Offset::default()), ..Probe::default() };
        let about = About {
            probes: vec![probe],
            lost: Lost { items: 3, ..Lost::default() },
            ..About::default()
        };
        Record { about, links, items, sightings }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn a_record_is_read_as_it_was_written(record in any_record()) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &record).unwrap();
        prop_assert_eq!(read(dir.path()).unwrap(), record);
    }
}

#[test]
fn an_empty_record_is_one_too() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &Record::default()).unwrap();
    assert_eq!(read(dir.path()).unwrap(), Record::default());
}

#[test]
fn what_is_no_record_is_refused_by_file() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = read(&dir.path().join("nowhere")).unwrap_err();
    assert!(nowhere.is_missing_input(), "{nowhere}");
    write(dir.path(), &Record::default()).unwrap();
    fs::copy(dir.path().join(ITEMS), dir.path().join(LINKS)).unwrap();
    let error = read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("links.parquet: the columns are item,short_id"), "{error}");
    fs::write(dir.path().join(LINKS), "nonsense").unwrap();
    let error = read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("links.parquet: ") && error.contains("is it of a probe"), "{error}");
    fs::remove_file(dir.path().join(LINKS)).unwrap();
    assert!(read(dir.path()).unwrap_err().is_missing_input());
}

#[test]
fn a_sighting_of_nothing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let item = Item { short: ShortId([1; 8]), id: None, kind: ItemKind::Tx, bytes: None };
    let seen = Sighting { at_ns: 1, link: 0, item: 0, event: Event::Sent };
    let record = Record {
        links: vec![Link::default()],
        items: vec![item],
        sightings: vec![seen],
        ..Record::default()
    };
    write(dir.path(), &record).unwrap();
    let without = Record { sightings: Vec::new(), links: Vec::new(), ..record };
    let other = tempfile::tempdir().unwrap();
    write(other.path(), &without).unwrap();
    fs::copy(dir.path().join(SIGHTINGS), other.path().join(SIGHTINGS)).unwrap();
    let error = read(other.path()).unwrap_err().to_string();
    assert!(error.contains("a sighting is of link 0 and item 0, but there are 0 and 1"), "{error}");
}
