//! A node is killed at random moments while it gets a chain, and while it leaves one branch for another: it opens again, on a block that
//! was announced, and gets the rest.
//!
//! Eight times by default; `CHAIN_KILLS=200 cargo test -p tidings killed_while` makes it 200. The moments depend on a seed, which a
//! failure shows; `KILL_SEED` sets it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use ed25519_zebra::SigningKey;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use serde_json::Value;
use tidings::blocks::Change;
use tidings::files::network::Network;
use tidings_protocol::chain::tidings::{Block, Transfer};
use tidings_protocol::ground::item::{Hash256, Item, ItemId, ItemKind};

use super::blocks::free;
use super::kill::variable;
use super::{Folder, Node, eventually};

/// Longest time from when a chain begins to come until the node is killed.
const LIFE_MAX: Duration = Duration::from_millis(700);

/// What both branches begin with; what only the first has; what the second has, which is longer.
const LENGTHS: [usize; 3] = [40, 500, 600];

/// Bytes that each block's transaction carries.
const PAYLOAD: usize = 20_000;

/// Blocks behind another.
fn grow(folder: &Folder, parent: Hash256, count: usize, tag: u64) -> Vec<Arc<Item>> {
    let chain = Network::load(&folder.file("network.toml")).unwrap().chain();
    let key = SigningKey::from([7; 32]);
    let mut parent = parent;
    let next = |number: u64| {
        let number = tag << 32 | number;
        let payload = vec![u8::try_from(tag).unwrap(); PAYLOAD];
        let transfer = Transfer::sign(&key, chain.root().unwrap(), number, 1, &payload);
        let bytes = Block::mine(parent, &[transfer], number, 0).unwrap();
        let block = chain.item(ItemKind::Block, bytes).unwrap();
        parent = block.id().hash();
        block
    };
    (0..count as u64).map(next).collect()
}

/// A node that has some blocks from the beginning.
fn source(blocks: &[Arc<Item>]) -> (Folder, Node) {
    let folder = free();
    let keep = |block: &Arc<Item>| Change::Keep { block: Arc::clone(block), height: None };
    folder.blocks().apply(&blocks.iter().map(keep).collect::<Vec<_>>()).unwrap();
    let node = folder.run(&[]);
    eventually("its chain is connected", || height(&folder) == blocks.len() as u64);
    (folder, node)
}

fn chain(folder: &Folder) -> Value {
    folder.json(&["status"])["chain"].clone()
}

fn height(folder: &Folder) -> u64 {
    chain(folder)["height"].as_u64().unwrap()
}

#[test]
fn killed_while_it_gets_a_chain_or_changes_branches_a_node_opens_on_a_block_that_was_announced() {
    let rounds = variable("CHAIN_KILLS").unwrap_or(8);
    let seed = variable("KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("CHAIN_KILLS={rounds} KILL_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let folder = free();
    let root = Network::load(&folder.file("network.toml")).unwrap().chain().root().unwrap();
    let common = grow(&folder, root, LENGTHS[0], 1);
    let fork = common[common.len() - 1].id().hash();
    let [short, long] = [(LENGTHS[1], 2), (LENGTHS[2], 3)].map(|(count, tag)| {
        let branch = grow(&folder, fork, count, tag);
        common.iter().cloned().chain(branch).collect::<Vec<_>>()
    });
    let ids = short.iter().chain(&long).map(|block| block.id().hash().to_string());
    let announced: BTreeSet<String> = ids.chain([root.to_string()]).collect();
    let ((_first, first), (_second, second)) = (source(&short), source(&long));
    let (mut partial, mut changing) = (0, 0);
    for round in 0..rounds {
        let changes = round % 2 == 1;
        let _ = fs::remove_dir_all(folder.file("blocks"));
        let _ = fs::remove_file(folder.file("store.redb"));
        let mut node = folder.run(&["--connect", first.listen()]);
        if changes {
            eventually("it has the first branch", || height(&folder) == short.len() as u64);
            folder.json(&["stop"]);
            node = folder.run(&["--connect", second.listen()]);
        }
        sleep(LIFE_MAX.mul_f64(rng.random()));
        node.signal(Signal::KILL);
        assert_eq!(node.code(), None, "it was killed");

        let node = folder.run(&[]);
        let mut status = chain(&folder);
        // The last few blocks are connected once more.
        eventually("it has connected what it has", || {
            let before = std::mem::replace(&mut status, chain(&folder));
            before == status && status["tip"] == status["best_header"]
        });
        let tip = status["tip"].as_str().unwrap();
        assert!(announced.contains(tip), "{status} in round {round}; KILL_SEED={seed}");
        let height = status["height"].as_u64().unwrap();
        partial += u64::from(height > 0 && height < short.len() as u64);
        node.signal(Signal::KILL);
        node.code();
        let store = folder.blocks();
        let reader = store.reader();
        changing += u64::from(changes && store.len() > short.len() as u64);
        for block in short.iter().chain(&long) {
            let read = reader.read(ItemId::block(block.id().hash())).unwrap();
            assert!(read.is_none_or(|read| read.bytes() == block.bytes()), "round {round}");
        }
        drop((reader, store));

        let node = folder.run(&["--connect", second.listen()]);
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while chain(&folder)["height"].as_u64() != Some(long.len() as u64) {
            if std::time::Instant::now() > deadline {
                eprintln!("{}", folder.json(&["status"]));
                eprintln!("{}", folder.json(&["peers"]));
                eprintln!(
                    "{}",
                    String::from_utf8_lossy(&folder.tidings(&["blocks", "--last", "700"]).stdout)
                );
                panic!("round {round}");
            }
            sleep(Duration::from_millis(10));
        }
        drop(node);
    }
    assert!(rounds < 100 || partial.min(changing) > 9, "{partial}, {changing}: hardly any hit");
    eprintln!("{rounds} kills, {partial} with a part of a chain, {changing} with parts of both");
}
