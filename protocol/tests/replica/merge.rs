//! Merging states: in any order, in any groups and however often, the result is the same. So it is for states that liars
//! made, which give one stamp or dot to several contents.

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidings_protocol::replica::stamp::Tick;
use tidings_protocol::replica::state::Pen;
use tidings_protocol::replica::{Key, Kind, ReplicaId, State, Write};

const LIMIT: u64 = u64::MAX;

fn write(kind: Kind, rng: &mut ChaCha8Rng) -> Write {
    let word = Bytes::from(vec![rng.random_range(b'a'..b'd')]);
    match (kind, rng.random_range(0..4)) {
        (Kind::Counter, _) => Write::Add(rng.random_range(-3..4)),
        (_, 0) => Write::Delete,
        (Kind::Register | Kind::Siblings, _) => Write::Put(word),
        (Kind::Set, 1) => Write::Remove(word),
        (Kind::Set, _) => Write::Insert(word),
        (Kind::Map, 1) => Write::DeleteField(word),
        (Kind::Map, _) => Write::PutField(word, Bytes::from(vec![rng.random_range(b'a'..b'd')])),
    }
}

/// States of a few writers that write and merge what they have. Liars write under each other's names, with whatever time.
fn states(key: &Key, lies: bool, rng: &mut ChaCha8Rng) -> Vec<State> {
    let mut states: Vec<Option<State>> = vec![None; 5];
    for step in 1..40_u64 {
        let at = rng.random_range(0..states.len());
        if let Some(other) = states[rng.random_range(0..states.len())].clone()
            && rng.random_bool(0.3)
        {
            match &mut states[at] {
                Some(state) => drop(state.merge(&other, LIMIT)),
                state => *state = Some(other),
            }
        }
        let (writer, millis) = match lies {
            true => (rng.random_range(0..2), rng.random_range(0..3)),
            false => (at as u64, step),
        };
        let pen = Pen { writer: ReplicaId(writer), tick: Tick { millis, count: 0 }, limit: LIMIT };
        if let Ok((after, _)) =
            State::written(states[at].as_ref(), key, write(key.kind(), rng), pen)
        {
            states[at] = Some(after);
        }
    }
    states.into_iter().flatten().collect()
}

fn merged(one: &State, other: &State) -> State {
    let mut state = one.clone();
    state.merge(other, LIMIT);
    state
}

#[test]
fn merging_is_commutative_associative_and_idempotent() {
    for seed in 0..100 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        for (kind, lies) in Kind::ALL.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            let states = states(&Key::new(kind, b"k").unwrap(), lies, rng);
            let states = &states;
            let pairs = states.iter().flat_map(|a| states.iter().map(move |b| (a, b)));
            for (a, b, c) in pairs.flat_map(|(a, b)| states.iter().map(move |c| (a, b, c))) {
                let told = || format!("seed {seed} lies {lies}\n{a:?}\n{b:?}\n{c:?}");
                assert_eq!(merged(a, a), *a, "{}", told());
                let ab = merged(a, b);
                assert_eq!(ab, merged(b, a), "{}", told());
                assert_eq!(merged(&ab, b), ab, "{}", told());
                assert_eq!(merged(&ab, c), merged(a, &merged(b, c)), "{}", told());
            }
        }
    }
}
