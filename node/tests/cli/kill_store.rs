//! A node is killed at random moments while it compacts its store, and while it takes over a store of an older format: everything is
//! there afterwards.
//!
//! Six times each by default; `STORE_KILLS=200 cargo test -p tidings killed_store` makes it 200. The moments depend on a seed, which a
//! failure shows; `KILL_SEED` sets it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use redb::{Database, TableDefinition};
use tidings::clock::SystemClock;
use tidings::files::network::{Meaning, Network};
use tidings::store::{Change, OpenError, ReadStore, Store, StoreConfig};
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};

use super::kill::variable;
use super::{Folder, PATIENCE};

fn opaque() -> Folder {
    let folder = Folder::empty();
    folder.json(&["init", "--rules", "opaque"]);
    folder
}

fn config(folder: &Folder) -> StoreConfig {
    let network = Network::load(&folder.file("network.toml")).unwrap();
    StoreConfig {
        path: folder.file("store.redb"),
        network: network.name.clone(),
        rules: Meaning::of(&network),
        chain: network.chain(),
        expiry: Duration::from_secs(100_000),
        orphan_expiry: Duration::from_secs(100_000),
        clock: SystemClock::default(),
        map: false,
    }
}

fn item(config: &StoreConfig, n: u32, len: usize) -> Arc<Item> {
    let mut bytes = vec![7; len];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    (*config.chain).item(ItemKind::Tx, bytes.into()).unwrap()
}

/// Opens a store to read it.
fn read<'a>(config: &'a StoreConfig, why: &str) -> ReadStore<'a> {
    let begin = Instant::now();
    loop {
        match ReadStore::open(config) {
            Ok(store) => return store.unwrap(),
            // Of a process that another test is about to start: see `Folder::start`.
            Err(OpenError::InUse(_)) if begin.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(10));
            }
            Err(error) => panic!("{error}; {why}"),
        }
    }
}

/// What is in a store, all of which must be good.
fn ids(config: &StoreConfig, why: &str) -> BTreeSet<ItemId> {
    let store = read(config, why);
    assert_eq!(store.check().unwrap().refused_count, 0, "{why}");
    let mut ids = BTreeSet::new();
    let taken = store.each(|stored| {
        ids.insert(stored.id);
        Ok::<(), ()>(())
    });
    taken.unwrap().unwrap();
    ids
}

/// Starts nodes with a store and kills them; says how many of them had come to the end of what they did.
fn kill(folder: &Folder, what: &str, reset: impl Fn(), is_done: impl Fn() -> bool) {
    let rounds = variable("STORE_KILLS").unwrap_or(6);
    let seed = variable("KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("STORE_KILLS={rounds} KILL_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (config, path) = (config(folder), folder.file("store.redb"));
    let before = fs::read(&path).unwrap();
    let expected = ids(&config, what);
    // How long it takes if nobody is killed.
    let begin = Instant::now();
    drop(folder.run(&[]));
    let (life, mut done) = (begin.elapsed(), 0);
    assert!(is_done(), "{what} wasn't done");
    for round in 0..rounds {
        fs::write(&path, &before).unwrap();
        reset();
        let args = ["run", "--listen", "127.0.0.1:0"];
        let mut command = folder.command(&args);
        let mut node = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(life.mul_f64(rng.random()));
        node.kill().unwrap();
        node.wait().unwrap();
        done += u64::from(is_done());
        let left = ids(&config, &format!("{what}, round {round}; KILL_SEED={seed}"));
        assert!(left == expected, "{what}, round {round}; KILL_SEED={seed}");
        // And a node goes on with it.
        drop(folder.run(&[]));
        assert!(is_done() && ids(&config, what) == expected, "{what}, round {round}");
    }
    assert!(rounds < 100 || (5..rounds - 5).contains(&done), "{done} of {rounds}");
    eprintln!("{rounds} kills, {done} of them after the end");
}

#[test]
fn killed_store_while_it_is_compacted_a_node_has_everything() {
    let folder = opaque();
    let config = config(&folder);
    let mut store = Store::open(&config).unwrap();
    let all: Vec<_> = (0..500).map(|n| item(&config, n, 90_000)).collect();
    for items in all.chunks(100) {
        let put = |item: &Arc<Item>| Change::Put { item: Arc::clone(item), own: true };
        store.apply(&items.iter().map(put).collect::<Vec<_>>()).unwrap();
    }
    let gone: Vec<_> = all[..440].iter().map(|item| Change::Remove(item.id())).collect();
    store.apply(&gone).unwrap();
    drop(store);
    let size = || fs::metadata(folder.file("store.redb")).unwrap().len();
    assert!(size() > 40_000_000, "{}", size());
    kill(&folder, "compaction", || (), || size() < 16_000_000);
}

#[test]
fn killed_store_while_an_older_format_is_taken_over_a_node_has_everything_and_a_way_back() {
    const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let folder = opaque();
    let config = config(&folder);
    let mut store = Store::open(&config).unwrap();
    let put = |n| Change::Put { item: item(&config, n, 300), own: n % 2 == 0 };
    store.apply(&(0..5_000).map(put).collect::<Vec<_>>()).unwrap();
    drop(store);
    let path = folder.file("store.redb");
    let db = Database::create(&path).unwrap();
    let transaction = db.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("format", &1_u64.to_le_bytes()[..]).unwrap();
        meta.remove("time").unwrap();
    }
    transaction.commit().unwrap();
    drop(db);
    let (before, copy) = (fs::read(&path).unwrap(), folder.file("store.redb.format-1"));
    let (expected, of_copy) =
        (ids(&config, "before"), StoreConfig { path: copy.clone(), ..config.clone() });
    let reset = || drop(fs::remove_file(&copy));
    kill(&folder, "taking over", reset, || {
        assert!(!copy.exists() || ids(&of_copy, "the copy") == expected, "the copy is whole");
        let is_done = fs::read(&path).unwrap() != before;
        assert!(copy.exists() || !is_done, "nothing is changed before there is a copy");
        is_done && read(&config, "its format").check().unwrap().format == 2
    });
}
