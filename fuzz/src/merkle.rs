//! Two maps of any keys, and a peer that says anything of its own: bytes, or what an honest one would say with some of
//! it changed. Whatever it says stays within the bounds, and the two maps still find out exactly where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use tidings_protocol::merkle::{Answer, DIFFERENCES_MAX, Tree};
use tidings_protocol::wire::merkle::{
    COMPARISON_MAX, Comparison, LISTED_MAX, LISTS_MAX, SPLITS_MAX,
};

/// Most that one answer may look at.
const LOOKED_MAX: usize = 2 * 16 * SPLITS_MAX + LISTS_MAX + 2 * LISTED_MAX + DIFFERENCES_MAX;

/// Most messages of an honest comparison of two maps as small as these.
const TURNS_MAX: usize = 200;

/// Most keys that the steps of a life set or remove, and most comparisons of both ends: more takes long and shows nothing new.
const CHANGES_MAX: usize = 3_000;
const COMPARISONS_MAX: usize = 4;

/// A tree of some levels.
static TREE: LazyLock<Tree<[u8; 2]>> = LazyLock::new(|| {
    let mut tree = Tree::new(0);
    (0..600_u16).for_each(|key| tree.set(key.to_be_bytes(), &[]));
    tree.root();
    tree
});

type Map = BTreeMap<u16, u8>;

/// Both maps with their trees.
struct Peers {
    maps: [Map; 2],
    trees: [Tree<[u8; 2]>; 2],
    changes: usize,
    comparisons: usize,
}

/// The first byte says whether the rest is one message for a tree that is there, or a comparison's life.
///
/// # Panics
/// When a bound is broken, a message isn't read as it was written, or a difference isn't found.
pub(crate) fn merkle(input: &[u8]) {
    match input.split_first() {
        Some((first, message)) if first % 2 == 0 => {
            hear(&mut TREE.clone(), message);
        }
        Some((_, steps)) => live(steps),
        None => {}
    }
}

/// Each step's first byte says what happens.
fn live(mut input: &[u8]) {
    let (maps, trees) = ([Map::new(), Map::new()], [Tree::new(0), Tree::new(0)]);
    let mut peers = Peers { maps, trees, changes: 0, comparisons: 0 };
    let mut said = peers.trees[0].begin(1, 0);
    while let Some((step, rest)) = input.split_first() {
        input = rest;
        let side = usize::from(step & 1);
        match step >> 1 & 7 {
            0..=2 => peers.change(*step, &mut input),
            // Bytes.
            3 => {
                let len = take(&mut input) | take(&mut input) << 8;
                let (bytes, rest) = input.split_at(len.min(input.len()));
                input = rest;
                said = hear(&mut peers.trees[side], bytes).unwrap_or(said);
            }
            // What was said last, with a few bytes changed.
            4 | 5 => {
                let mut bytes = written(&said);
                for _ in 0..take(&mut input) % 4 {
                    let place = (take(&mut input) | take(&mut input) << 8) % bytes.len();
                    bytes[place] ^= take(&mut input) as u8;
                }
                bytes.truncate(bytes.len() - take(&mut input) * bytes.len() / 512);
                said = hear(&mut peers.trees[side], &bytes).unwrap_or(said);
            }
            // A new one, from somewhere.
            6 => said = peers.trees[side].begin(1, (take(&mut input) as u64) << 56),
            _ if peers.comparisons < COMPARISONS_MAX => peers.compare(),
            _ => {}
        }
    }
    peers.compare();
}

fn take(input: &mut &[u8]) -> usize {
    let Some((byte, rest)) = input.split_first() else { return 0 };
    *input = rest;
    usize::from(*byte)
}

fn written(message: &Comparison) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.put(&mut bytes);
    assert_eq!(bytes.len(), message.encoded_len());
    assert!(bytes.len() <= COMPARISON_MAX, "a message is too long");
    bytes
}

impl Peers {
    /// Sets or removes some keys that follow one another, at one end or both.
    fn change(&mut self, step: u8, input: &mut &[u8]) {
        let first = (take(input) << 8 | take(input)) as u16;
        let (count, version) = (2 * take(input) as u16, take(input) as u8);
        self.changes += usize::from(count);
        if self.changes > CHANGES_MAX {
            return;
        }
        for key in (0..count).map(|n| first.wrapping_add(n)) {
            for end in 0..2 {
                if step >> 4 & 1 << end != 0 {
                    continue;
                }
                let bytes = key.to_be_bytes();
                if step & 0x80 == 0 {
                    self.maps[end].insert(key, version);
                    self.trees[end].set(bytes, &[version]);
                } else {
                    let had = self.maps[end].remove(&key).is_some();
                    assert_eq!(self.trees[end].remove(&bytes), had);
                }
            }
        }
    }

    /// Both ends compare, honestly.
    fn compare(&mut self) {
        self.comparisons += 1;
        let mut said = Some(self.trees[0].begin(2, 0));
        let mut found = Vec::new();
        for turn in 1.. {
            let Some(message) = said else { break };
            let read = Comparison::read(&written(&message));
            let answer = self.trees[turn % 2].answer(&read.expect("it was written by us"));
            check(&answer);
            found.extend(answer.differences.into_iter().map(|one| one.place));
            said = answer.reply;
            assert!(turn < TURNS_MAX, "it goes on without end");
        }
        let [one, other] = &self.maps;
        let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        let differing = keys.into_iter().filter(|key| one.get(key) != other.get(key));
        let expected: BTreeSet<_> =
            differing.map(|key| self.trees[0].place(&key.to_be_bytes())).collect();
        assert_eq!(found.len(), expected.len(), "something is found twice, or not at all");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

/// One end hears something. What it says to that.
fn hear(tree: &mut Tree<[u8; 2]>, bytes: &[u8]) -> Option<Comparison> {
    let message = Comparison::read(bytes).ok()?;
    assert_eq!(written(&message), bytes, "it isn't written as it was read");
    let answer = tree.answer(&message);
    check(&answer);
    let reply = answer.reply?;
    assert!(reply.from >= message.from, "it goes back");
    let is_less = reply.last <= message.last || reply.from > message.from;
    assert!(is_less, "nothing was done");
    Some(reply)
}

fn check(answer: &Answer) {
    assert!(answer.looked_at <= LOOKED_MAX, "{} looked at", answer.looked_at);
    assert!(answer.differences.len() <= DIFFERENCES_MAX && answer.differences.is_sorted());
    let read = answer.reply.as_ref().map(|reply| Comparison::read(&written(reply)));
    assert!(read.is_none_or(|read| read.as_ref() == Ok(answer.reply.as_ref().expect("there is"))));
}
