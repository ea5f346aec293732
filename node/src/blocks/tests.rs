//! What a folder of blocks keeps, and which it won't touch.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use redb::ReadableDatabase as _;
use tidings_protocol::chain::tidings::{Block, Tidings};
use tidings_protocol::ground::item::ItemKind;

use super::format::{FORMAT, KEY_FORMAT, META};
use super::open::INDEX;
use super::*;
use crate::files::network::Network;

mod crash;

const ROOT: Hash256 = Hash256([7; 32]);

pub(super) fn chain() -> Tidings {
    Tidings::new(ROOT, 0)
}

/// A block of so many bytes or a little more; `n` tells it from others.
pub(super) fn block(parent: Hash256, n: u64, size: usize) -> Arc<Item> {
    let body = Bytes::from(vec![n.to_le_bytes()[0]; size]);
    let bytes = Block::mine(parent, &[body], n, 0).unwrap();
    (&chain() as &dyn Chain).item(ItemKind::Block, bytes).unwrap()
}

/// A chain of so many blocks.
pub(super) fn blocks(count: u64, size: usize) -> Vec<Arc<Item>> {
    let mut parent = ROOT;
    let next = |n| {
        let block = block(parent, n, size);
        parent = block.id().hash();
        block
    };
    (1..=count).map(next).collect()
}

fn keep(block: &Arc<Item>) -> Change {
    Change::Keep { block: Arc::clone(block), height: None }
}

fn keep_all(blocks: &[Arc<Item>]) -> Vec<Change> {
    blocks.iter().map(keep).collect()
}

fn header(block: &Item) -> Bytes {
    let len = chain().header(block.bytes()).unwrap().len;
    block.bytes().slice(..len)
}

fn headers(blocks: &[Arc<Item>]) -> Vec<Bytes> {
    blocks.iter().map(|block| header(block)).collect()
}

/// A folder with its settings, in a temporary one.
pub(super) struct Place {
    _temp: tempfile::TempDir,
    pub(super) config: BlocksConfig,
}

impl Place {
    pub(super) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let config = BlocksConfig {
            folder: temp.path().join("blocks"),
            network: "test".to_owned(),
            rules: Meaning::default(),
            chain: Arc::new(chain()),
            root: ROOT,
            kept: None,
            max_bytes: None,
            segment_bytes: 4_000,
        };
        Self { _temp: temp, config }
    }

    /// One that has these, a commit each; closed.
    fn with(blocks: &[Arc<Item>]) -> Self {
        let place = Self::new();
        let mut store = place.open();
        blocks.iter().for_each(|block| store.apply(&[keep(block)]).unwrap());
        place
    }

    pub(super) fn open(&self) -> BlockStore {
        BlockStore::open(&self.config).unwrap()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.config.folder
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// All files: name and content.
    fn image(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// The same folder with other content.
    fn restore(&self, image: &BTreeMap<PathBuf, Vec<u8>>) {
        fs::remove_dir_all(self.folder()).unwrap();
        fs::create_dir(self.folder()).unwrap();
        image.iter().for_each(|(path, content)| fs::write(path, content).unwrap());
    }

    /// Why the folder is refused, which must not change it.
    fn refusal(&self) -> OpenError {
        let mut before = self.image();
        let error = BlockStore::open(&self.config).expect_err("it should be refused");
        before.entry(self.file(INDEX)).or_default();
        assert!(self.image() == before, "something was changed");
        assert!(error.to_string().contains(&self.folder().display().to_string()), "{error}");
        error
    }

    /// Changes what the index says of itself.
    fn say(&self, key: &str, value: Option<&[u8]>) {
        let db = redb::Database::create(self.file(INDEX)).unwrap();
        let transaction = db.begin_write().unwrap();
        let mut meta = transaction.open_table(META).unwrap();
        match value {
            Some(value) => drop(meta.insert(key, value).unwrap()),
            None => drop(meta.remove(key).unwrap()),
        }
        drop(meta);
        transaction.commit().unwrap();
    }
}

#[test]
fn what_is_kept_is_read_back_by_the_next_process_too() {
    let all = blocks(20, 1_000);
    let place = Place::new();
    let mut store = place.open();
    store.apply(&keep_all(&all[..3])).unwrap();
    store.apply(&keep_all(&all[2..])).unwrap();
    for _ in 0..2 {
        assert_eq!((store.len(), store.headers_len(), store.segments_len()), (20, 20, 7));
        assert_eq!(store.bytes(), fs_bytes(place.folder()), "nothing is written twice");
        assert_eq!(store.headers().unwrap(), headers(&all));
        let reader = store.reader();
        for block in &all {
            assert_eq!(reader.read(block.id()).unwrap().as_ref(), Some(block));
        }
        let other = ItemId::block(Hash256([1; 32]));
        assert!(reader.read(other).unwrap().is_none());
        drop((store, reader));
        store = place.open();
    }
}

/// Bytes of all segments, as the system counts.
fn fs_bytes(folder: &Path) -> u64 {
    segments::list(folder).unwrap().into_values().sum()
}

#[test]
fn headers_come_parents_first_though_blocks_came_otherwise_and_else_in_order() {
    let all = blocks(6, 100);
    let side = block(all[0].id().hash(), 99, 100);
    let place = Place::new();
    let mut store = place.open();
    let height = |block: &Arc<Item>, height| Change::Keep { block: block.clone(), height };
    // As whoever fetches many at once has them, and knows their heights by their headers.
    let heights = [(3, 4), (0, 1), (2, 3), (1, 2)];
    for (index, known) in heights {
        store.apply(&[height(&all[index], Some(known))]).unwrap();
    }
    store.apply(&[keep(&side), keep(&all[4])]).unwrap();
    let mut expected = headers(&all[..5]);
    expected.insert(2, header(&side));
    assert_eq!(store.headers().unwrap(), expected);
}

#[test]
fn a_block_that_is_damaged_counts_as_not_kept_and_may_come_again() {
    let all = blocks(3, 1_000);
    let place = Place::with(&all);
    let segment = place.file("blk00000.dat");
    let whole = fs::read(&segment).unwrap();
    for at in (format::SEGMENT_HEAD_LEN..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&segment, damaged).unwrap();
        let reader = place.open().reader();
        let read = |block: &Arc<Item>| reader.read(block.id());
        let bad: Vec<_> = all.iter().filter(|block| read(block).is_err()).collect();
        assert_eq!(bad.len(), 1, "byte {at}");
        assert!(matches!(read(bad[0]), Err(Unreadable::Damaged(why)) if why.contains("blk00000")));
    }
    let mut store = place.open();
    let last = &all[2];
    store.apply(&[Change::Lost(last.id())]).unwrap();
    assert!(store.reader().read(last.id()).unwrap().is_none());
    assert_eq!((store.len(), store.headers_len()), (2, 3));
    store.apply(&[Change::Lost(last.id()), keep(last)]).unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.reader().read(last.id()).unwrap().as_ref(), Some(last));
    assert_eq!((store.len(), store.headers().unwrap()), (3, headers(&all)));
}

#[test]
fn an_index_that_is_missing_is_made_anew() {
    let all = blocks(20, 1_000);
    let place = Place::new();
    let mut store = place.open();
    // Children before their parents, in another segment too.
    let order: Vec<_> = [12, 4, 5].into_iter().chain(0..4).chain(6..12).chain(13..20).collect();
    order.iter().for_each(|index| store.apply(&[keep(&all[*index])]).unwrap());
    drop(store);
    fs::remove_file(place.file(INDEX)).unwrap();
    let store = place.open();
    assert_eq!((store.len(), store.headers().unwrap()), (20, headers(&all)));
    let reader = store.reader();
    assert!(all.iter().all(|block| reader.read(block.id()).unwrap().as_ref() == Some(block)));
}

#[test]
fn of_damaged_segments_without_an_index_all_that_is_whole_is_found() {
    let all = blocks(9, 1_000);
    let place = Place::with(&all);
    let (segment, record) = (place.file("blk00001.dat"), 1_000 + 134);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[format::SEGMENT_HEAD_LEN + 4] ^= 1; // the length of the first of its three
    fs::write(&segment, &bytes).unwrap();
    let last = place.file("blk00002.dat");
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() - record / 2]).unwrap();
    fs::write(place.file("blk00003.dat"), [9; 5_000]).unwrap();
    fs::remove_file(place.file(INDEX)).unwrap();
    let store = place.open();
    let reader = store.reader();
    let is_there = |index: &usize| reader.read(all[*index].id()).unwrap().is_some();
    assert_eq!((0..9).filter(is_there).collect::<Vec<_>>(), [0, 1, 2, 4, 5, 6, 7]);
    assert!(place.file("blk00003.dat.damaged").exists(), "what nobody understands is kept");
    assert!(!place.file("blk00003.dat").exists());
    drop((store, reader));
    // The rest comes from peers.
    let mut store = place.open();
    store.apply(&keep_all(&all)).unwrap();
    drop(store);
    assert_eq!(place.open().headers().unwrap(), headers(&all));
}

#[test]
fn a_segment_that_is_cut_short_or_missing_costs_what_was_in_it() {
    let all = blocks(9, 1_000);
    let place = Place::with(&all);
    let image = place.image();
    let whole = fs::read(place.file("blk00001.dat")).unwrap();
    for len in (0..whole.len()).step_by(331) {
        place.restore(&image);
        fs::write(place.file("blk00001.dat"), &whole[..len]).unwrap();
        let store = place.open();
        let reader = store.reader();
        let kept = all.iter().filter(|block| reader.read(block.id()).unwrap().is_some()).count();
        let expected = 6 + len.saturating_sub(16) / (whole.len() / 3);
        assert_eq!((kept, store.len()), (expected, expected as u64), "{len}");
        assert_eq!(store.headers().unwrap(), headers(&all));
    }
    place.restore(&image);
    fs::remove_file(place.file("blk00002.dat")).unwrap();
    let mut store = place.open();
    assert_eq!(store.len(), 6);
    store.apply(&keep_all(&all)).unwrap();
    drop(store);
    let store = place.open();
    assert_eq!((store.len(), store.segments_len()), (9, 3));
}

#[test]
fn old_segments_leave_as_a_whole_and_their_headers_stay() {
    let all = blocks(400, 900);
    let mut place = Place::new();
    place.config.kept = Some(300);
    let mut store = place.open();
    for (tip, batch) in (1..).map(|n| 10 * n).zip(all.chunks(10)) {
        store.apply(&keep_all(batch)).unwrap();
        store.prune(tip).unwrap();
        let reader = store.reader();
        let is_kept = |block: &&Arc<Item>| reader.read(block.id()).unwrap().is_some();
        let kept = all[..tip as usize].iter().filter(is_kept).count();
        let least = 300.min(tip as usize);
        assert!((least..least + 8).contains(&kept), "{kept} at {tip}");
        assert!(all[tip as usize - kept..tip as usize].iter().all(|block| is_kept(&block)));
    }
    assert_eq!(store.headers_len(), 400);
    drop(store);
    let mut store = place.open();
    assert_eq!(store.headers().unwrap(), headers(&all));
    assert!((300..308).contains(&store.len()) && store.bytes() == fs_bytes(place.folder()));
    // One that left may come again.
    store.apply(&[keep(&all[0])]).unwrap();
    assert!(store.reader().read(all[0].id()).unwrap().is_some());
    assert_eq!(store.headers_len(), 400);
}

#[test]
fn a_bound_in_bytes_holds_as_long_as_the_last_blocks_are_there() {
    let all = blocks(700, 100);
    let mut place = Place::new();
    (place.config.max_bytes, place.config.segment_bytes) = (Some(100_000), 10_000);
    let mut store = place.open();
    for (tip, block) in (1..).zip(&all) {
        store.apply(&[keep(block)]).unwrap();
        store.prune(tip).unwrap();
        assert!(store.bytes() < 110_000);
    }
    assert!(store.len() > 288 && store.len() < 500, "{}", store.len());
    place.config.max_bytes = Some(1);
    drop(store);
    let mut store = place.open();
    store.prune(700).unwrap();
    let kept = store.len();
    assert!((288..288 + 50).contains(&kept), "{kept}");
}

#[test]
fn nothing_leaves_that_is_not_connected_yet() {
    let all = blocks(400, 900);
    let mut place = Place::new();
    place.config.kept = Some(288);
    let mut store = place.open();
    store.apply(&keep_all(&all)).unwrap();
    assert_eq!(store.prune(100).unwrap(), 0);
    assert_eq!(store.len(), 400);
}

#[test]
fn a_full_disk_fails_a_change_and_leaves_the_last_one() {
    let all = blocks(9, 1_000);
    let place = Place::new();
    let mut store = place.open();
    store.apply(&keep_all(&all[..2])).unwrap();
    store.segments.is_full = true;
    let failure = store.apply(&keep_all(&all[2..])).unwrap_err();
    assert!(
        matches!(&failure, Failure::Segment(error) if error.kind() == io::ErrorKind::StorageFull)
    );
    assert!(store.apply(&keep_all(&all[2..])).is_err());
    assert_eq!((store.len(), store.headers().unwrap()), (2, headers(&all[..2])));
    store.segments.is_full = false;
    store.apply(&keep_all(&all[2..])).unwrap();
    drop(store);
    let store = place.open();
    assert_eq!((store.len(), store.headers().unwrap()), (9, headers(&all)));
}

#[test]
fn a_folder_of_an_older_version_is_read_and_no_older_program_opens_it_again() {
    let (all, place) = (blocks(3, 100), Place::with(&blocks(3, 100)));
    place.say(KEY_FORMAT, Some(&1_u32.to_le_bytes()));
    let (before, copy) = (fs::read(place.file(INDEX)).unwrap(), place.file("index.redb.format-1"));
    // Without room for a copy nothing is changed: here a folder is in the way.
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join("precious"), "").unwrap();
    let error = BlockStore::open(&place.config).unwrap_err();
    assert!(matches!(error, OpenError::NoCopy { .. }), "{error}");
    assert!(fs::read(place.file(INDEX)).unwrap() == before, "nothing was changed");
    assert!(error.to_string().contains("make room"), "{error}");
    fs::remove_dir_all(&copy).unwrap();
    let store = place.open();
    assert!(fs::read(&copy).unwrap() == before, "a way back is kept");
    let reader = store.reader();
    assert!(all.iter().all(|block| reader.read(block.id()).unwrap().as_ref() == Some(block)));
    drop((reader, store));
    let db = redb::Database::create(place.file(INDEX)).unwrap();
    let meta = db.begin_read().unwrap().open_table(META).unwrap();
    assert_eq!(meta.get(KEY_FORMAT).unwrap().unwrap().value(), FORMAT.to_le_bytes());
}

#[test]
fn whoever_reads_blocks_changes_nothing_and_finds_everything() {
    let (all, place) = (blocks(9, 200), Place::with(&blocks(9, 200)));
    // As a crash leaves it: a record that nobody committed.
    let mut torn = fs::read(place.file("blk00000.dat")).unwrap();
    torn.extend([7; 100]);
    fs::write(place.file("blk00000.dat"), torn).unwrap();
    let before = place.image();
    let read = ReadBlocks::open(&place.config).unwrap().unwrap();
    let mut found = Vec::new();
    let taken = read.each(|height, id, block| {
        found.push((height, id, block.unwrap()));
        Ok::<(), ()>(())
    });
    taken.unwrap().unwrap();
    let expected =
        (1..).zip(&all).map(|(height, block)| (height, block.id(), block.bytes().clone()));
    assert_eq!(found, expected.collect::<Vec<_>>());
    let checked = read.check().unwrap();
    assert_eq!((checked.blocks, checked.headers, checked.bad_count), (9, 9, 0));
    drop(read);
    assert!(place.image() == before, "not a byte was changed");
    fs::remove_file(place.file("blk00000.dat")).unwrap();
    let checked = ReadBlocks::open(&place.config).unwrap().unwrap().check().unwrap();
    assert!(checked.bad[0].contains("blk00000.dat is missing"), "{:?}", checked.bad);
    assert!(checked.bad_count > 1, "and what was in it");
}

#[test]
fn a_newer_version_is_refused_and_kept() {
    let place = Place::with(&blocks(3, 100));
    place.say(KEY_FORMAT, Some(&(FORMAT + 1).to_le_bytes()));
    let error = place.refusal();
    assert!(matches!(error, OpenError::Newer { found, .. } if found == u64::from(FORMAT) + 1));
    assert!(error.to_string().contains("reads formats up to 2: run the newer version"), "{error}");
    // The segments say so, too.
    fs::remove_file(place.file(INDEX)).unwrap();
    let mut bytes = fs::read(place.file("blk00000.dat")).unwrap();
    bytes[8] += 1;
    fs::write(place.file("blk00000.dat"), bytes).unwrap();
    assert!(matches!(place.refusal(), OpenError::Newer { found: 3, .. }));
}

#[test]
fn another_networks_blocks_are_refused_and_kept() {
    let mut place = Place::with(&blocks(3, 100));
    place.config.network = "other".to_owned();
    let error = place.refusal().to_string();
    assert!(error.contains("belong to the network `test`, not to the network `other`"), "{error}");
    fs::remove_file(place.file(INDEX)).unwrap();
    let error = place.refusal().to_string();
    assert!(error.contains("belong to another network"), "{error}");
    place.config.network = "test".to_owned();
    assert_eq!(place.open().len(), 3);
}

#[test]
fn blocks_of_other_rules_are_refused_and_kept_though_the_name_is_the_same() {
    let (mut place, mut network) = (Place::with(&blocks(3, 100)), Network::default());
    place.say(format::KEY_RULES, None);
    place.config.rules = Meaning::of(&network);
    assert_eq!(place.open().len(), 3);
    network.limits.max_block_bytes = 50;
    place.config.rules = Meaning::of(&network);
    let error = place.refusal().to_string();
    assert!(error.contains("`limits.max_block_bytes` was 4000000 and is 50"), "{error}");
    place.config.rules = Meaning::of(&Network::default());
    assert_eq!(place.open().len(), 3);
}

#[test]
fn a_damaged_index_is_refused_and_kept_and_made_anew_once_it_is_moved_away() {
    let place = Place::with(&blocks(3, 100));
    let whole = fs::read(place.file(INDEX)).unwrap();
    for bytes in [&b"oops"[..], &whole[..whole.len() / 2], &[255; 5_000]] {
        fs::write(place.file(INDEX), bytes).unwrap();
        let error = place.refusal();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("`mv "), "{error}");
    }
    fs::rename(place.file(INDEX), place.file("index.redb.damaged")).unwrap();
    assert_eq!(place.open().len(), 3);
}

#[test]
fn a_folder_has_one_user_at_a_time() {
    let place = Place::new();
    let store = place.open();
    let error = BlockStore::open(&place.config).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    drop(store);
    place.open();
}

#[test]
fn where_nothing_can_be_written_the_system_is_quoted() {
    let mut place = Place::new();
    fs::create_dir(place.folder()).unwrap();
    fs::write(place.file("a"), "a file").unwrap();
    place.config.folder = place.file("a").join("blocks");
    let error = BlockStore::open(&place.config).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    if rustix::process::geteuid().is_root() {
        return; // whom no mode keeps out
    }
    let place = Place::with(&blocks(3, 100));
    let mode = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(place.file(INDEX), permissions).unwrap();
    };
    mode(0o400);
    assert!(matches!(place.refusal(), OpenError::Io { .. }));
    mode(0o600);
    assert_eq!(place.open().len(), 3);
}
