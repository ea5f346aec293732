//! What a store keeps, and which files it won't touch.

mod crash;

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::replica::stamp::Tick;
use tidings_protocol::replica::state::Pen;
use tidings_protocol::replica::{Entry, Key, Kind, ReplicaId, State, Write};

use super::format::{FIRST_FORMAT, FORMAT, KEY_FORMAT};
use super::restore::{Batch, Restore};
use super::*;
use crate::files::network::Network;

/// A folder with the settings of a store in it.
struct Place {
    _folder: tempfile::TempDir,
    config: StoreConfig,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig {
            path: folder.path().join("store.redb"),
            network: "test".to_owned(),
            rules: Meaning::default(),
            chain: Arc::new(Opaque::default()),
            expiry: Duration::from_secs(1_000),
            orphan_expiry: Duration::from_secs(100),
            clock: SystemClock::default(),
            map: false,
        };
        Self { _folder: folder, config }
    }

    fn path(&self) -> &Path {
        &self.config.path
    }

    fn open(&self) -> Store {
        Store::open(&self.config).unwrap()
    }

    /// A store with ten transactions, closed again.
    fn with_ten() -> Self {
        let place = Self::new();
        let changes: Vec<_> = (0..10).map(|n| put(&tx(n), n % 2 == 0)).collect();
        place.open().apply(&changes).unwrap();
        place
    }

    /// A store with eleven items as the first format had them: with Unix time in their records.
    fn of_first_format() -> Self {
        let place = Self::with_ten();
        let mut store = place.open();
        store.apply(&[Change::Orphan(tx(20))]).unwrap();
        let transaction = store.db.begin_write().unwrap();
        for (table, key) in [(ITEMS, 3), (ORPHANS, 10)] {
            let mut table = transaction.open_table(table).unwrap();
            let mut record = table.get(key).unwrap().unwrap().value().to_vec();
            record[1..9].copy_from_slice(&1_700_000_000_u64.to_le_bytes());
            table.insert(key, &*record).unwrap();
        }
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert(KEY_FORMAT, &FIRST_FORMAT.to_le_bytes()[..]).unwrap();
        meta.remove(KEY_TIME).unwrap();
        drop(meta);
        transaction.commit().unwrap();
        drop(store);
        place
    }

    /// Changes the file by hand.
    fn tamper(&self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = fs::read(self.path()).unwrap();
        change(&mut bytes);
        fs::write(self.path(), &bytes).unwrap();
        bytes
    }

    /// Why the file is refused, which must not change it.
    fn refusal(&self) -> OpenError {
        let before = fs::read(self.path()).unwrap();
        let error = Store::open(&self.config).expect_err("it should be refused");
        assert!(fs::read(self.path()).unwrap() == before, "the file was changed");
        assert!(error.to_string().contains(&self.path().display().to_string()), "{error}");
        error
    }

    fn everything(&self, store: &Store) -> Batch {
        let (mut rest, mut all) = (Restore::new(store).unwrap(), Batch::default());
        while !rest.is_done() {
            let batch = rest.step(store, &self.config).unwrap();
            all.restored.extend(batch.restored);
            all.dropped.extend(batch.dropped);
        }
        all
    }

    fn restored(&self) -> Vec<(Arc<Item>, bool)> {
        let all = self.everything(&self.open());
        assert!(all.dropped.is_empty());
        all.restored
            .into_iter()
            .map(|Restored { item, was, .. }| (item, was == RestoredAs::Own))
            .collect()
    }
}

fn tx(n: u32) -> Arc<Item> {
    let mut bytes = vec![1; 300];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap()
}

fn block(n: u8) -> Arc<Item> {
    Opaque::default().item(ItemKind::Block, vec![n; 500].into()).unwrap()
}

fn put(item: &Arc<Item>, own: bool) -> Change {
    Change::Put { item: item.clone(), own }
}

#[test]
fn what_is_stored_comes_back_in_order_and_blocks_first() {
    let place = Place::new();
    place.open().apply(&[put(&tx(2), true), put(&tx(1), false)]).unwrap();
    let mut store = place.open();
    store.apply(&[put(&block(1), true), put(&tx(3), true), Change::Broadcast(tx(2).id())]).unwrap();
    drop(store);
    let expected = [(block(1), false), (tx(2), false), (tx(1), false), (tx(3), true)];
    assert_eq!(place.restored(), expected);
}

#[test]
fn what_was_removed_does_not_come_back() {
    let place = Place::with_ten();
    let mut store = place.open();
    let gone: Vec<_> = (0..9).map(|n| Change::Remove(tx(n).id())).collect();
    store.apply(&gone).unwrap();
    store.apply(&[Change::Remove(tx(77).id()), Change::Broadcast(tx(0).id())]).unwrap();
    assert_eq!(store.len(), 1);
    drop(store);
    assert_eq!(place.restored(), [(tx(9), false)]);
}

#[test]
fn an_item_is_stored_once_and_stays_own() {
    let place = Place::new();
    let mut store = place.open();
    store.apply(&[put(&tx(1), true), put(&tx(1), false)]).unwrap();
    store.apply(&[put(&tx(1), false), put(&tx(2), false)]).unwrap();
    store.apply(&[put(&tx(2), true)]).unwrap();
    drop(store);
    assert_eq!(place.restored(), [(tx(1), true), (tx(2), true)]);
}

#[test]
fn what_is_too_old_or_breaks_a_rule_is_dropped() {
    let mut place = Place::with_ten();
    place.config.chain = Arc::new(Opaque { max_tx_bytes: 100, max_block_bytes: 1_000 });
    let all = place.everything(&place.open());
    assert_eq!((all.restored.len(), all.dropped.len()), (0, 10));
    assert_eq!(all.dropped[0], (tx(0).id(), "too-large"));
    place.config.expiry = Duration::ZERO;
    assert_eq!(place.everything(&place.open()).dropped[0].1, "expired");
}

/// Whatever the system's clock shows: only time counts during which a process had the store open.
#[test]
fn an_item_ages_while_a_process_holds_it_and_by_no_other_clock() {
    const DECADE_S: i64 = 10 * 365 * 86_400;
    let mut place = Place::new();
    for (n, clock) in [(0, 0), (1, DECADE_S), (2, -DECADE_S), (3, DECADE_S), (4, i64::MIN)] {
        place.config.clock = SystemClock::ahead(clock);
        let mut store = place.open();
        assert_eq!(place.everything(&store).restored.len(), n as usize, "{clock}");
        // Each of these processes runs for 300 s.
        store.time = StoreTime::resume(u64::from(n) * 300);
        store.apply(&[put(&tx(n), true)]).unwrap();
    }
    let mut store = place.open();
    store.time = StoreTime::resume(1_250);
    let all = place.everything(&store);
    assert_eq!(all.dropped, [(tx(0).id(), "expired")], "it was held for 1,250 s, of at most 1,000");
    assert_eq!(all.restored.len(), 4);
}

#[test]
fn time_is_saved_with_every_change_and_for_its_own_sake() {
    let place = Place::with_ten();
    let mut store = place.open();
    assert!(store.clock_before_s() > Some(0));
    store.time = StoreTime::resume(500);
    store.apply(&[Change::Remove(tx(0).id())]).unwrap();
    drop(store);
    let mut store = place.open();
    assert!((500..600).contains(&store.time.now_s()));
    store.time = StoreTime::resume(700);
    store.apply(&[Change::Time]).unwrap();
    drop(store);
    assert!((700..800).contains(&place.open().time.now_s()));
}

/// As files were when records had Unix time: nobody vouches for it, so all of it is as old as the process.
#[test]
fn a_file_of_the_first_format_comes_back_whole_and_begins_to_age() {
    let place = Place::of_first_format();
    let before = fs::read(place.path()).unwrap();
    assert_eq!(place.restored().len(), 11);
    let mut store = place.open();
    store.time = StoreTime::resume(1_000);
    assert_eq!(place.everything(&store).dropped.len(), 11, "each has an age now");
    drop(store);
    let copy = place.path().with_added_extension("format-1");
    assert!(fs::read(&copy).unwrap() == before, "a way back is kept");
    fs::remove_file(&copy).unwrap();
    place.open();
    assert!(!copy.exists(), "once");
}

#[test]
fn a_file_of_the_first_format_is_left_alone_if_no_copy_of_it_can_be_kept() {
    let place = Place::of_first_format();
    let copy = place.path().with_added_extension("format-1");
    // A folder is in the way, as it were a disk that is full.
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join("precious"), "").unwrap();
    let error = place.refusal();
    assert!(matches!(error, OpenError::NoCopy { format: 1, .. }), "{error}");
    assert!(error.to_string().contains("make room"), "{error}");
    fs::remove_dir_all(&copy).unwrap();
    assert_eq!(place.restored().len(), 11);
}

#[test]
fn whoever_reads_a_store_changes_nothing_and_finds_everything() {
    let place = Place::with_ten();
    let mut store = place.open();
    store
        .apply(&[Change::Orphan(tx(20)), put(&block(1), false), hold(&entry("a", "1", 1))])
        .unwrap();
    drop(store);
    let before = fs::read(place.path()).unwrap();
    let mut found = Vec::new();
    let read = ReadStore::open(&place.config).unwrap().unwrap();
    let taken = read.each(|stored| {
        found.push((stored.id, stored.was));
        Ok::<(), ()>(())
    });
    taken.unwrap().unwrap();
    assert_eq!((found.len(), found[0].0, found[11].0), (12, block(1).id(), tx(20).id()));
    assert_eq!(found[1], (tx(0).id(), RestoredAs::Own));
    let checked = read.check().unwrap();
    assert_eq!((checked.items, checked.own, checked.orphans, checked.map_entries), (11, 5, 1, 1));
    assert_eq!((checked.format, checked.refused_count), (FORMAT, 0));
    drop(read);
    let narrow = Arc::new(Opaque { max_tx_bytes: 100, max_block_bytes: 1_000 });
    let config = StoreConfig { chain: narrow, ..place.config.clone() };
    let checked = ReadStore::open(&config).unwrap().unwrap().check().unwrap();
    assert_eq!((checked.refused_count, checked.refused[0].1), (11, "too-large"));
    assert!(fs::read(place.path()).unwrap() == before, "not a byte was changed");
    fs::write(place.path(), "oops").unwrap();
    assert!(matches!(ReadStore::open(&place.config), Err(OpenError::Damaged { .. })));
    fs::remove_file(place.path()).unwrap();
    assert!(ReadStore::open(&place.config).unwrap().is_none());
    assert!(!place.path().exists());
}

#[test]
fn what_waited_for_its_parents_comes_back_last() {
    let place = Place::new();
    let mut store = place.open();
    let orphans = [1, 2, 3, 3].map(|n| Change::Orphan(tx(n)));
    store.apply(&orphans).unwrap();
    // One was accepted, and one left; what is kept isn't an orphan any more.
    store.apply(&[put(&tx(2), false), Change::Remove(tx(1).id()), put(&tx(4), true)]).unwrap();
    store.apply(&[Change::Orphan(tx(4)), put(&block(1), false)]).unwrap();
    assert_eq!(store.len(), 4);
    drop(store);
    let back = place.everything(&place.open()).restored;
    let back: Vec<_> = back.into_iter().map(|Restored { item, was, .. }| (item, was)).collect();
    let expected = [
        (block(1), RestoredAs::Kept),
        (tx(2), RestoredAs::Kept),
        (tx(4), RestoredAs::Own),
        (tx(3), RestoredAs::Orphan),
    ];
    assert_eq!(back, expected);
    place.open().apply(&[put(&tx(5), false)]).unwrap();
    assert_eq!(place.open().len(), 5, "numbers are not used twice");
}

#[test]
fn what_waited_for_its_parents_for_long_is_dropped() {
    let mut place = Place::new();
    place.open().apply(&[Change::Orphan(tx(1)), put(&tx(2), false)]).unwrap();
    place.config.orphan_expiry = Duration::ZERO;
    let all = place.everything(&place.open());
    assert_eq!(all.dropped, [(tx(1).id(), "expired")]);
    assert_eq!(all.restored.len(), 1);
}

/// As files were before anything was kept there: that they have the table was promised.
#[test]
fn a_file_of_a_program_that_kept_no_orphans_opens() {
    let place = Place::with_ten();
    let store = place.open();
    let transaction = store.db.begin_read().unwrap();
    assert_eq!(transaction.open_table(ORPHANS).unwrap().iter().unwrap().count(), 0);
    drop((transaction, store));
    place.open().apply(&[Change::Orphan(tx(20))]).unwrap();
    assert_eq!(place.restored().len(), 11);
}

#[test]
fn a_newer_version_is_refused_and_kept() {
    let place = Place::with_ten();
    let store = place.open();
    let transaction = store.db.begin_write().unwrap();
    let newer = (FORMAT + 1).to_le_bytes();
    transaction.open_table(META).unwrap().insert(KEY_FORMAT, &newer[..]).unwrap();
    transaction.commit().unwrap();
    drop(store);
    let error = place.refusal();
    assert!(matches!(error, OpenError::Newer { found, .. } if found == FORMAT + 1), "{error}");
    assert!(error.to_string().contains("reads formats up to 2: run the newer version"), "{error}");
}

#[test]
fn another_networks_store_is_refused_and_kept() {
    let mut place = Place::with_ten();
    place.config.network = "other".to_owned();
    let error = place.refusal().to_string();
    assert!(error.contains("belongs to the network `test`, not to `other`"), "{error}");
}

#[test]
fn a_store_of_other_rules_is_refused_and_kept_though_the_name_is_the_same() {
    let mut place = Place::with_ten();
    let mut network = Network::default();
    // Of an earlier version, which didn't say them: they are those that it is opened with.
    let store = place.open();
    let transaction = store.db.begin_write().unwrap();
    transaction.open_table(META).unwrap().remove(format::KEY_RULES).unwrap();
    transaction.commit().unwrap();
    drop(store);
    place.config.rules = Meaning::of(&network);
    assert_eq!(place.restored().len(), 10);
    network.limits.max_tx_bytes = 50;
    place.config.rules = Meaning::of(&network);
    let error = place.refusal();
    assert!(matches!(error, OpenError::Rules { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("`limits.max_tx_bytes` was 100000 and is 50"), "{error}");
    assert!(error.contains("`mv "), "{error}");
    // Nothing is lost: under its own rules it opens again.
    place.config.rules = Meaning::of(&Network::default());
    assert_eq!(place.restored().len(), 10);
}

#[test]
fn what_is_no_store_is_refused_and_kept() {
    let place = Place::new();
    for bytes in [&b"oops"[..], &[0; 100_000], &[255; 5_000]] {
        fs::write(place.path(), bytes).unwrap();
        let error = place.refusal();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    }
    drop(Database::create(place.path().with_extension("other")).unwrap());
    fs::rename(place.path().with_extension("other"), place.path()).unwrap();
    assert!(matches!(place.refusal(), OpenError::Damaged { .. }));
}

#[test]
fn a_file_that_was_cut_off_is_refused_and_kept() {
    let place = Place::with_ten();
    let whole = fs::read(place.path()).unwrap();
    for share in 1..10 {
        place.tamper(|bytes| *bytes = whole[..whole.len() * share / 10].to_vec());
        let error = place.refusal();
        assert!(matches!(error, OpenError::Damaged { .. }), "{share}: {error}");
    }
}

/// Every byte that counts is under a checksum. Those that don't (free pages) may change.
#[test]
fn a_damaged_byte_is_refused_or_harmless() {
    let place = Place::with_ten();
    let (whole, expected) = (fs::read(place.path()).unwrap(), place.restored());
    let mut refused = 0;
    for at in (0..whole.len()).step_by(whole.len() / 100) {
        let damaged = place.tamper(|bytes| {
            *bytes = whole.clone();
            bytes[at] ^= 0x55;
        });
        match Store::open(&place.config) {
            Ok(store) => {
                let all = place.everything(&store);
                let back = all.restored.into_iter().map(|it| (it.item, it.was == RestoredAs::Own));
                let back: Vec<_> = back.collect();
                assert_eq!(back, expected, "byte {at}");
            }
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged { .. }), "byte {at}: {error}");
                assert!(fs::read(place.path()).unwrap() == damaged, "byte {at} was changed back");
                refused += 1;
            }
        }
    }
    // The records are among them.
    let record = whole.windows(16).position(|window| window == [1; 16]).unwrap();
    place.tamper(|bytes| {
        *bytes = whole.clone();
        bytes[record] ^= 1;
    });
    assert!(matches!(place.refusal(), OpenError::Damaged { .. }));
    assert!(refused < 100, "most of an almost empty file is free");
}

#[test]
fn a_store_that_was_not_closed_is_as_its_last_commit_left_it() {
    let place = Place::new();
    let mut store = place.open();
    store.apply(&[put(&tx(1), true)]).unwrap();
    let torn = fs::read(place.path()).unwrap();
    store.apply(&[put(&tx(2), true)]).unwrap();
    let whole = fs::read(place.path()).unwrap();
    drop(store);
    // As a crash finds it: the second commit's pages written as far as a point, the rest not.
    let mut seen = [0; 3];
    for part in 0..=10 {
        let cut = whole.len() * part / 10;
        let mut mixed = whole[..cut].to_vec();
        mixed.extend(torn.iter().skip(cut));
        fs::write(place.path(), &mixed).unwrap();
        let back = place.restored();
        assert!(back.starts_with(&[(tx(1), true)]), "the first commit was lost at {part}");
        seen[back.len()] += 1;
    }
    assert!(seen[2] > 0, "the whole file has both: {seen:?}");
}

#[test]
fn a_store_has_one_user_at_a_time() {
    let place = Place::new();
    let store = place.open();
    let error = Store::open(&place.config).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    drop(store);
    place.open();
}

#[test]
fn a_full_disk_fails_a_change_and_leaves_the_last_one() {
    let place = Place::with_ten();
    let mut store = place.open();
    store.file.is_full.store(true, Ordering::Relaxed);
    let error = store.apply(&[put(&tx(20), true)]).unwrap_err();
    assert!(matches!(&error, redb::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull));
    drop(store);
    assert_eq!(place.restored().len(), 10);
}

#[test]
fn a_file_that_is_mostly_free_is_compacted_when_it_is_opened() {
    let place = Place::new();
    let mut store = place.open();
    let big = |n: u32| {
        let mut bytes = vec![7; 90_000];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap()
    };
    let items: Vec<_> = (0..500).map(big).collect();
    for items in items.chunks(100) {
        store.apply(&items.iter().map(|item| put(item, false)).collect::<Vec<_>>()).unwrap();
    }
    let full = store.file_bytes().unwrap();
    assert!((40_000_000..120_000_000).contains(&full), "{full}");
    let gone: Vec<_> = items[..495].iter().map(|item| Change::Remove(item.id())).collect();
    store.apply(&gone).unwrap();
    drop(store);
    let store = place.open();
    let small = store.file_bytes().unwrap();
    assert!(small < 8_000_000, "{small}");
    assert_eq!(place.everything(&store).restored.len(), 5);
}

#[test]
fn half_a_new_store_is_made_again() {
    let place = Place::new();
    // As a crash leaves it: the lock's empty file, and a part of the new one.
    fs::write(place.path(), "").unwrap();
    fs::write(place.path().with_added_extension("new"), [7; 5_000]).unwrap();
    place.open().apply(&[put(&tx(1), true)]).unwrap();
    assert_eq!(place.restored(), [(tx(1), true)]);
    assert!(!place.path().with_added_extension("new").exists());
}

fn entry(name: &str, value: &'static str, millis: u64) -> Entry {
    let key = Key::new(Kind::Register, name.as_bytes()).unwrap();
    let tick = Tick { millis, count: 0 };
    let pen = Pen { writer: ReplicaId(7), tick, limit: u64::MAX };
    let write = Write::Put(bytes::Bytes::from_static(value.as_bytes()));
    let (state, _) = State::written(None, &key, write, pen).unwrap();
    Entry { key, state }
}

fn hold(entry: &Entry) -> Change {
    Change::Map(MapChange::Hold(Box::new(entry.clone())))
}

#[test]
fn the_map_comes_back_as_it_was_and_its_writer_only_after_an_end_in_order() {
    let mut place = Place::with_ten();
    place.config.map = true;
    let mut store = place.open();
    let before = store.take_recalled().unwrap();
    assert_eq!((before.writer, before.entries.len()), (None, 0), "of a file of before");
    let (first, second, other) = (entry("a", "1", 1), entry("a", "2", 2), entry("b", "3", 3));
    store.apply(&[hold(&first), hold(&other)]).unwrap();
    store.apply(&[hold(&second)]).unwrap();
    drop(store);
    let mut store = place.open();
    let recalled = store.take_recalled().unwrap();
    assert_eq!((recalled.writer, recalled.entries), (None, vec![second.clone(), other.clone()]));
    assert!(store.take_recalled().is_none());
    let forget = Change::Map(MapChange::Forget(other.key));
    store.apply(&[forget, Change::Map(MapChange::Writer(ReplicaId(7)))]).unwrap();
    drop(store);
    place.config.map = false;
    assert!(place.open().take_recalled().is_none(), "and nothing of it is lost");
    place.config.map = true;
    let recalled = place.open().take_recalled().unwrap();
    assert_eq!((recalled.writer, recalled.entries), (Some(ReplicaId(7)), vec![second]));
    let recalled = place.open().take_recalled().unwrap();
    assert_eq!(recalled.writer, None, "whoever had it may have written since");
    assert_eq!(place.restored().len(), 10, "items are as they were");
}

#[test]
fn while_the_disk_refuses_no_key_is_kept_twice() {
    let (first, second, other) = (entry("a", "1", 1), entry("a", "2", 2), entry("b", "3", 3));
    let mut changes = vec![hold(&first), put(&tx(1), true), hold(&other), hold(&second)];
    map::thin_out(&mut changes);
    assert_eq!(changes, [put(&tx(1), true), hold(&other), hold(&second)]);
}
