//! One encoding of each message, and nothing else is read.

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::merkle::Tree;
use crate::replica::key::{Key, Kind};
use crate::replica::stamp::{ReplicaId, Tick};
use crate::replica::state::{Pen, State, Write};

/// An entry of a kind, after some writes of some writers.
fn entry(kind: Kind, rng: &mut ChaCha8Rng) -> Entry {
    let key = Key::new(kind, &[rng.random_range(0..9), 7]).unwrap();
    let mut state = None;
    for _ in 0..8 {
        let word = Bytes::from(vec![b'a'; rng.random_range(1..6)]);
        let write = match (kind, rng.random_range(0..3)) {
            (Kind::Register | Kind::Siblings, 0) => Write::Delete,
            (Kind::Register | Kind::Siblings, _) => Write::Put(word),
            (Kind::Counter, _) => Write::Add(rng.random_range(-9..9)),
            (Kind::Set, 0) => Write::Remove(word),
            (Kind::Set, _) => Write::Insert(word),
            (Kind::Map, 0) => Write::DeleteField(word),
            (Kind::Map, _) => Write::PutField(word.clone(), word),
        };
        let tick = Tick { millis: rng.random_range(0..99), count: rng.random_range(0..3) };
        let pen = Pen { writer: ReplicaId(rng.random_range(0..4)), tick, limit: u64::MAX };
        if let Ok((after, _)) = State::written(state.as_ref(), &key, write, pen) {
            state = Some(after);
        }
    }
    let state = state.unwrap_or_else(|| {
        let pen = Pen { writer: ReplicaId(1), tick: Tick::default(), limit: u64::MAX };
        State::written(None, &key, Write::Put(Bytes::new()), pen).unwrap().0
    });
    Entry { key, state }
}

fn messages(rng: &mut ChaCha8Rng) -> Vec<Message> {
    let kinds = [Kind::Register, Kind::Siblings, Kind::Counter];
    let mut entries: Vec<_> = kinds.iter().map(|kind| entry(*kind, rng)).collect();
    for kind in [Kind::Set, Kind::Map] {
        let key = Key::new(kind, b"x").unwrap();
        let word = Bytes::from_static(b"w");
        let write = if kind == Kind::Set {
            Write::Insert(word)
        } else {
            Write::PutField(word.clone(), word)
        };
        let pen = Pen { writer: ReplicaId(5), tick: Tick::default(), limit: 0 };
        entries.push(Entry { state: State::written(None, &key, write, pen).unwrap().0, key });
        entries.push(entries[0].clone());
    }
    let entries: Arc<[Entry]> = entries.into();
    let mut tree = Tree::new(1);
    (0..100_u8).for_each(|name| tree.set(Key::new(Kind::Set, &[name]).unwrap(), b"v"));
    vec![
        Message::Entries(entries.clone()),
        Message::Entries([].into()),
        Message::Pull { after: rng.random() },
        Message::Changes { upto: rng.random(), more: rng.random(), entries },
        Message::Want([1, 5, u64::MAX].into()),
        Message::Compare(Arc::new(tree.begin(rng.random(), 0))),
        Message::Ahead { by: rng.random() },
        Message::Clock { wall: rng.random() },
    ]
}

#[test]
fn every_message_reads_back_and_no_part_of_it_does() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for message in messages(rng) {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes).as_ref(), Ok(&message));
        let is_cut = |len: usize| {
            Message::decode(&bytes[..len]).is_err() || matches!(message, Message::Compare(_))
        };
        assert!((0..bytes.len()).all(is_cut), "{message:?}");
        let longer = [&bytes[..], &[0]].concat();
        assert!(Message::decode(&longer).is_err(), "{message:?}");
    }
}

#[test]
fn whatever_reads_is_written_as_it_was() {
    for seed in 0..200 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        for message in messages(rng) {
            let mut bytes = message.encode();
            for _ in 0..rng.random_range(1..4) {
                let place = rng.random_range(0..bytes.len());
                bytes[place] = if rng.random() { rng.random() } else { bytes[place] ^ 1 };
            }
            if let Ok(read) = Message::decode(&bytes) {
                assert_eq!(read.encode(), bytes, "seed {seed}: {read:?}");
            }
        }
    }
}

#[test]
fn more_than_may_be_in_a_message_is_refused() {
    let read = |bytes: &[u8]| Message::decode(bytes);
    assert_eq!(read(&[]), Err(Malformed::Truncated));
    assert_eq!(read(&[7]), Err(Malformed::Meaningless("kind of message")));
    assert_eq!(read(&[0, 0x81, 0x02]), Err(Malformed::Length("entries")));
    assert_eq!(read(&[3, 0x81, 0x02]), Err(Malformed::Length("places")));
    assert_eq!(read(&[&[3, 2][..], &[1; 8], &[1; 8]].concat()), Err(Malformed::Order("places")));
    assert_eq!(read(&[&[2][..], &[0; 8], &[2, 0]].concat()), Err(Malformed::Meaningless("flag")));
    assert_eq!(read(&vec![0; MESSAGE_MAX + 1]), Err(Malformed::Length("message")));
}
