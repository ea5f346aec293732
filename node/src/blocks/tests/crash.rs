//! A crash at any moment: what it leaves opens, and is what was committed before or after.
//!
//! What a system may have on its disk after a crash in the middle of a change: the segments as far as they were written,
//! with anything behind that; and of the index, which is written only after the segments are synced, the pages of before or
//! after. All of that is made here of two images, before and after a change.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;

/// How many changes, and in how many ways each of them doesn't come to its end.
const CHANGES: u64 = 20;
const CRASHES: u64 = 10;

type Image = BTreeMap<PathBuf, Vec<u8>>;

/// How the crash comes.
#[derive(Debug)]
enum Moment {
    /// While blocks are appended: the index is as before.
    Appending,
    /// While the index is committed: the segments are on the disk.
    Committing,
    /// While segments are taken away, after the index was committed.
    TakingAway,
}

/// What is on the disk after a crash between two images.
fn crash(moment: &Moment, before: &Image, after: &Image, rng: &mut ChaCha8Rng) -> Image {
    let is_index = |path: &Path| path.ends_with(INDEX);
    let mut left = Image::new();
    for path in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(path), after.get(path));
        let content = match (moment, is_index(path), old, new) {
            (Moment::Appending, true, Some(old), _) | (_, false, Some(old), None) => old.clone(),
            (Moment::Committing, true, Some(old), Some(new)) => {
                // Pages of the one and of the other, as far as the system got.
                let is_all = rng.random_bool(0.3);
                let cut = if is_all { new.len() } else { rng.random_range(0..=new.len()) };
                let rest = old.get(cut..).unwrap_or_default();
                let mut mixed = new[..cut].to_vec();
                mixed.extend(rest);
                mixed
            }
            (Moment::Appending, false, old, Some(new)) => {
                let least = old.map_or(0, Vec::len);
                let mut torn = new[..rng.random_range(least..=new.len())].to_vec();
                if rng.random_bool(0.3) {
                    // A length that was written, and content that wasn't.
                    torn.extend(vec![0; rng.random_range(0..3_000)]);
                }
                if rng.random_bool(0.3) && torn.len() > least {
                    let at = rng.random_range(least..torn.len());
                    torn[at] ^= 1 << rng.random_range(0..8);
                }
                torn
            }
            (_, _, _, Some(new)) => new.clone(),
            (_, _, old, None) => old.cloned().unwrap_or_default(),
        };
        left.insert(path.clone(), content);
    }
    if matches!(moment, Moment::TakingAway) {
        left.retain(|path, _| after.contains_key(path) || rng.random_bool(0.5));
    }
    left
}

/// How many blocks a folder has, all of which must be whole, among these, and the first so many.
fn count(place: &Place, all: &[Arc<Item>], seed: u64) -> usize {
    let store = place.open();
    let found = store.headers().unwrap();
    assert_eq!(found, headers(&all[..found.len()]), "seed {seed}");
    let reader = store.reader();
    let mut kept = 0;
    for block in &all[..found.len()] {
        let read = reader.read(block.id()).unwrap_or_else(|why| panic!("{why}; seed {seed}"));
        kept += u64::from(read.is_some());
        assert!(read.is_none_or(|read| read == *block), "seed {seed}");
    }
    assert_eq!(store.len(), kept, "seed {seed}");
    assert_eq!(store.bytes(), fs_bytes(place.folder()), "nothing else is there; seed {seed}");
    found.len()
}

#[test]
fn after_a_crash_at_any_moment_every_block_that_is_listed_is_whole() {
    let mut outcomes = [0; 2];
    for seed in 0..CHANGES {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let all = blocks(rng.random_range(2..20), rng.random_range(1..1_500));
        let first = rng.random_range(1..all.len());
        let place = Place::new();
        let mut store = place.open();
        store.apply(&keep_all(&all[..first])).unwrap();
        let before = place.image();
        store.apply(&keep_all(&all[first..])).unwrap();
        let after = place.image();
        drop(store);
        for _ in 0..CRASHES {
            let is_early = rng.random_bool(0.5);
            let moment = if is_early { Moment::Appending } else { Moment::Committing };
            place.restore(&crash(&moment, &before, &after, &mut rng));
            let left = count(&place, &all, seed);
            let is_whole = left == first || left == all.len();
            assert!(is_whole, "{left} of {first}; {moment:?}, seed {seed}");
            outcomes[usize::from(left > first)] += 1;
        }
        // It goes on.
        place.open().apply(&keep_all(&all)).unwrap();
        assert_eq!(count(&place, &all, seed), all.len());
    }
    assert!(outcomes.iter().all(|count| *count > 10), "{outcomes:?}");
}

#[test]
fn after_a_crash_while_old_blocks_leave_nothing_of_them_is_left_and_nothing_else_is_lost() {
    let all = blocks(330, 1_500);
    let mut place = Place::new();
    let mut store = place.open();
    store.apply(&keep_all(&all)).unwrap();
    let before = place.image();
    drop(store);
    place.config.kept = Some(288);
    let mut store = place.open();
    assert!(store.prune(330).unwrap() > 30);
    let after = place.image();
    let kept = store.len();
    drop(store);
    for seed in 0..5 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        place.restore(&crash(&Moment::TakingAway, &before, &after, &mut rng));
        assert_eq!(count(&place, &all, seed), 330);
        assert_eq!(place.open().len(), kept, "seed {seed}");
    }
}

#[test]
fn half_a_new_index_is_made_again() {
    let all = blocks(9, 1_000);
    let place = Place::with(&all);
    // As a crash leaves it: the lock's empty file, and a part of the new one.
    fs::write(place.file(INDEX), "").unwrap();
    fs::write(place.file("index.redb.new"), [7; 5_000]).unwrap();
    assert_eq!(count(&place, &all, 0), 9);
    assert!(!place.file("index.redb.new").exists());
}
