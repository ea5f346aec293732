//! What it costs to repair a replica by its Merkle tree, beside a full copy:
//! `cargo run --release -p tidings-protocol --example merkle_repair`.
//!
//! Some entries of one of two equal maps are damaged: a third of them lost, a third with another value, a third with a
//! value for a key that the other hasn't. The bytes are of messages without frames. Repair: all that is said of hashes, and
//! for each difference the entry from whoever has it (both, if both have one), and eight bytes for a place that is asked
//! for. Copy: all entries of the healthy one. Same seed, same table.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidings_protocol::merkle::{Side, Tree};

/// Bytes of a key, of a version (a hybrid clock and a node's name), and of a value.
const KEY: usize = 16;
const VERSION: usize = 16;
const VALUE: usize = 64;

/// An entry on the wire, with the lengths of key and value.
const ENTRY: usize = KEY + VERSION + VALUE + 2;

type Map = BTreeMap<u64, u64>;

fn key(number: u64) -> Vec<u8> {
    format!("{number:0KEY$}").into_bytes()
}

fn tree(map: &Map) -> Tree<Vec<u8>> {
    let mut tree = Tree::new(7);
    map.iter().for_each(|(number, version)| tree.set(key(*number), &version.to_le_bytes()));
    tree
}

/// Damages a share of a map, in percent.
fn damaged(whole: &Map, percent: f64, rng: &mut ChaCha8Rng) -> Map {
    let (mut map, count) = (whole.clone(), whole.len() as u64);
    for number in 0..count {
        if rng.random_bool(percent / 100.0) {
            match rng.random_range(0..3) {
                0 => map.insert(number, 1),
                1 => map.remove(&number),
                _ => map.insert(number + count, 0),
            };
        }
    }
    map
}

#[derive(Default)]
struct Cost {
    messages: usize,
    hashes: usize,
    differences: usize,
    entries: usize,
    looked_at: usize,
}

fn repair(one: &Map, other: &Map) -> Cost {
    let mut trees = [tree(one), tree(other)];
    let (mut cost, mut said) = (Cost::default(), Some(trees[0].begin(3, 0)));
    for turn in 1.. {
        let Some(message) = said else { break };
        cost.messages += 1;
        cost.hashes += message.encoded_len();
        let answer = trees[turn % 2].answer(&message);
        cost.looked_at += answer.looked_at;
        cost.differences += answer.differences.len();
        for difference in &answer.differences {
            cost.entries += match difference.side {
                Side::Ours => ENTRY,
                Side::Theirs => 8 + ENTRY,
                Side::Both => 8 + 2 * ENTRY,
            };
        }
        said = answer.reply;
    }
    cost
}

fn main() {
    println!(
        "| keys | damaged % | differ | messages | hashes, bytes | a difference | entries, bytes | repair | full copy | repair/copy | looked at |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for count in [10_000, 100_000] {
        for percent in [0.0, 0.01, 0.1, 1.0, 5.0, 20.0, 100.0] {
            let whole: Map = (0..count).map(|number| (number, 0)).collect();
            let other = damaged(&whole, percent, &mut ChaCha8Rng::seed_from_u64(1));
            let cost = repair(&whole, &other);
            let (repair, copy) = (cost.hashes + cost.entries, whole.len() * ENTRY);
            println!(
                "| {count} | {percent} | {} | {} | {} | {:.0} | {} | {repair} | {copy} | {:.3} | {} |",
                cost.differences,
                cost.messages,
                cost.hashes,
                cost.hashes as f64 / cost.differences.max(1) as f64,
                cost.entries,
                repair as f64 / copy as f64,
                cost.looked_at,
            );
        }
    }
}
