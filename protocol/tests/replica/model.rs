//! Random writes at five replicas, through loss, doubling, reordering and partitions, and what a naive model makes of the
//! same writes: it keeps all of them and knows of each what its writer had seen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tidings_protocol::replica::settings::Spread;
use tidings_protocol::replica::vector::{Dot, VersionVector};
use tidings_protocol::replica::{
    ClockKind, Key, Kind, Model, ReplicaId, Settings, Stamp, State, Write,
};
use tidings_protocol::testkit::fleet::{Fleet, Weather};

const REPLICAS: usize = 5;
const WRITES: usize = 300;
const SEEDS: std::ops::Range<u64> = 0..6;

/// Fleets behave differently by their seeds: how news spreads, and how clocks are wrong.
fn fleet(model: Model, seed: u64) -> Fleet {
    let mut settings = Settings::new(model, 7);
    settings.spread =
        [Spread::Push, Spread::Pull, Spread::PushPull][usize::try_from(seed % 3).unwrap()];
    settings.compare = Duration::from_secs(5);
    settings.fanout = 1;
    let mut fleet = Fleet::new(REPLICAS, &settings, Weather::FOUL, seed);
    for number in 0..REPLICAS {
        let skew = fleet.below(20_000) as i64 - 10_000;
        fleet.set_skew(number, skew);
    }
    fleet
}

/// Lets random time pass, and networks divide.
fn disturb(fleet: &mut Fleet) {
    let millis = fleet.below(1_500) as u64;
    fleet.run_for(Duration::from_millis(millis));
    match fleet.below(30) {
        0 => {
            let side = fleet.below(32);
            fleet.divide(|number| side >> number & 1);
        }
        1 | 2 => fleet.divide(|_| 0),
        _ => {}
    }
}

/// In the end the network is whole, if not good, and all agree.
fn converge(fleet: &mut Fleet, seed: u64) {
    fleet.divide(|_| 0);
    let after = fleet.settle(Duration::from_secs(1_200));
    assert!(after.is_some(), "seed {seed}: they don't agree");
    fleet.check();
}

fn key(fleet: &mut Fleet, kind: Kind) -> Key {
    Key::new(kind, &[b"abcd"[fleet.below(4)]]).unwrap()
}

fn word(fleet: &mut Fleet, write: usize) -> Bytes {
    // Elements come again, and values don't.
    if write == 0 {
        Bytes::from(vec![b'e', b"abcdef"[fleet.below(6)]])
    } else {
        format!("{write}").into()
    }
}

const fn writer(number: usize) -> ReplicaId {
    ReplicaId(100 + number as u64)
}

#[test]
fn registers_and_fields_end_with_the_write_of_the_latest_stamp() {
    for seed in SEEDS {
        for kind in [Kind::Register, Kind::Map] {
            let model = if kind == Kind::Map {
                Model::Convergent
            } else {
                Model::LastWriter(ClockKind::Hybrid)
            };
            let mut fleet = fleet(model, seed);
            let mut writes: BTreeMap<(Key, Bytes), BTreeMap<Stamp, Option<Bytes>>> =
                BTreeMap::new();
            for write in 1..=WRITES {
                let (at, key) = (fleet.below(REPLICAS), key(&mut fleet, kind));
                let (field, value) = (word(&mut fleet, 0), word(&mut fleet, write));
                let field = if kind == Kind::Map { field } else { Bytes::new() };
                let value = (fleet.below(4) > 0).then_some(value);
                let done = fleet.write(
                    at,
                    &key,
                    match (kind, value.clone()) {
                        (Kind::Map, Some(value)) => Write::PutField(field.clone(), value),
                        (Kind::Map, None) => Write::DeleteField(field.clone()),
                        (_, Some(value)) => Write::Put(value),
                        (_, None) => Write::Delete,
                    },
                );
                if done.is_ok() {
                    let stamp = match fleet.replica(at).get(&key).unwrap() {
                        State::Register(register) => register.stamp(),
                        State::Map(fields) => fields.stamp(&field).unwrap(),
                        other => panic!("{other:?}"),
                    };
                    assert_eq!(stamp.writer, writer(at), "seed {seed}: it is there at once");
                    let before = writes.entry((key, field)).or_default().insert(stamp, value);
                    assert_eq!(before, None, "seed {seed}: a stamp is given once");
                }
                disturb(&mut fleet);
            }
            converge(&mut fleet, seed);
            for ((key, field), writes) in &writes {
                let shown = match fleet.replica(0).get(key).unwrap() {
                    State::Register(register) => register.value(),
                    State::Map(fields) => fields.get(field),
                    other => panic!("{other:?}"),
                };
                assert_eq!(shown, writes.values().last().unwrap().as_ref(), "seed {seed} {key}");
            }
        }
    }
}

#[test]
fn counters_end_with_the_sum_of_all_that_was_added() {
    for seed in SEEDS {
        let mut fleet = fleet(Model::Convergent, seed);
        let mut sums: BTreeMap<Key, i128> = BTreeMap::new();
        for _ in 0..WRITES {
            let (at, key) = (fleet.below(REPLICAS), key(&mut fleet, Kind::Counter));
            let delta = fleet.below(2_001) as i64 - 1_000;
            fleet.write(at, &key, Write::Add(delta)).unwrap();
            *sums.entry(key).or_default() += i128::from(delta);
            disturb(&mut fleet);
        }
        converge(&mut fleet, seed);
        for (key, sum) in sums {
            let Some(State::Counter(counter)) = fleet.replica(0).get(&key) else {
                panic!("{key:?}")
            };
            assert_eq!(counter.value(), sum, "seed {seed} {key}");
        }
    }
}

/// What was added to a key and when, and which of it somebody who had seen it removed or overwrote.
#[derive(Default)]
struct Additions {
    all: Vec<(Dot, Bytes)>,
    removed: BTreeSet<(Dot, Bytes)>,
}

impl Additions {
    /// Whoever has seen as much removes some of it.
    fn remove(&mut self, seen: &VersionVector, is: impl Fn(&Bytes) -> bool) {
        let gone = self.all.iter().filter(|(dot, value)| seen.covers(*dot) && is(value));
        self.removed.extend(gone.cloned());
    }

    fn left(&self) -> BTreeSet<&Bytes> {
        let left = self.all.iter().filter(|added| !self.removed.contains(*added));
        left.map(|(_, value)| value).collect()
    }
}

fn vector(state: Option<&State>) -> VersionVector {
    match state {
        Some(State::Set(set)) => set.vector().clone(),
        Some(State::Siblings(siblings)) => siblings.vector().clone(),
        _ => VersionVector::default(),
    }
}

#[test]
fn sets_and_siblings_end_with_what_nobody_who_had_seen_it_removed() {
    for seed in SEEDS {
        for kind in [Kind::Set, Kind::Siblings] {
            let model = if kind == Kind::Set { Model::Convergent } else { Model::Versions };
            let mut fleet = fleet(model, seed);
            let mut keys: BTreeMap<Key, Additions> = BTreeMap::new();
            for write in 1..=WRITES {
                let (at, key) = (fleet.below(REPLICAS), key(&mut fleet, kind));
                let value = word(&mut fleet, if kind == Kind::Set { 0 } else { write });
                let (adds, clears) =
                    (fleet.below(3) > 0, kind == Kind::Siblings || fleet.below(9) == 0);
                let seen = vector(fleet.replica(at).get(&key));
                let done = fleet.write(
                    at,
                    &key,
                    match (kind, adds, clears) {
                        (Kind::Set, true, _) => Write::Insert(value.clone()),
                        (Kind::Set, false, false) => Write::Remove(value.clone()),
                        (Kind::Siblings, true, _) => Write::Put(value.clone()),
                        _ => Write::Delete,
                    },
                );
                if done.is_ok() {
                    let additions = keys.entry(key.clone()).or_default();
                    let all = clears && (kind == Kind::Siblings || !adds);
                    additions.remove(&seen, |each| all || *each == value);
                    if adds {
                        let count = vector(fleet.replica(at).get(&key)).of(writer(at));
                        additions.all.push((Dot { count, writer: writer(at) }, value));
                    }
                }
                disturb(&mut fleet);
            }
            converge(&mut fleet, seed);
            for (key, additions) in &keys {
                let shown = match fleet.replica(0).get(key).unwrap() {
                    State::Set(set) => set.elements().into_iter().collect(),
                    State::Siblings(siblings) => siblings.values().collect::<BTreeSet<_>>(),
                    other => panic!("{other:?}"),
                };
                assert_eq!(shown, additions.left(), "seed {seed} {key}");
            }
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = || {
        let mut fleet = fleet(Model::Versions, 2);
        for write in 1..60 {
            let (at, key) = (fleet.below(REPLICAS), key(&mut fleet, Kind::Siblings));
            let value = word(&mut fleet, write);
            fleet.write(at, &key, Write::Put(value)).unwrap();
            disturb(&mut fleet);
        }
        fleet.take_traffic()
    };
    assert_eq!(run(), run());
}
