//! One of five isn't honest. The others stay within their bounds, and agree on what they have among themselves.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidings_protocol::replica::register::Register;
use tidings_protocol::replica::stamp::Tick;
use tidings_protocol::replica::state::Pen;
use tidings_protocol::replica::{
    ClockKind, Entry, Key, Kind, Message, Millis, Model, ReplicaId, Settings, Stamp, State, Write,
};
use tidings_protocol::testkit::fleet::{Fleet, START, Weather};

const HONEST: usize = 4;
const LIAR: usize = 4;

fn fleet(model: Model, seed: u64) -> Fleet {
    let mut settings = Settings::new(model, 7);
    settings.compare = Duration::from_secs(5);
    (settings.keys_max, settings.bytes_max) = (200, 100_000);
    Fleet::new(5, &settings, Weather::FAIR, seed)
}

fn key(kind: Kind, name: usize) -> Key {
    Key::new(kind, format!("{name}").as_bytes()).unwrap()
}

fn register(millis: Millis, writer: u64, value: Option<&[u8]>) -> State {
    let stamp = Stamp { tick: Tick { millis, count: 0 }, writer: ReplicaId(writer) };
    State::Register(Register::new(stamp, value.map(Bytes::copy_from_slice)))
}

fn tell(fleet: &mut Fleet, to: usize, entries: impl IntoIterator<Item = (Key, State)>) {
    let entries: Arc<[_]> = entries.into_iter().map(|(key, state)| Entry { key, state }).collect();
    fleet.inject(LIAR, to, &Message::Entries(entries));
}

/// The honest ones agree within a while, though the liar is still there.
fn settle(fleet: &mut Fleet, seed: u64) {
    for _ in 0..300 {
        if fleet.agrees(|number| number < HONEST) {
            return fleet.check();
        }
        fleet.run_for(Duration::from_secs(1));
    }
    panic!("seed {seed}: the honest don't agree");
}

/// Honest writes, and that everybody honest has the latest of them.
fn honest_round(fleet: &mut Fleet, keys: usize, round: usize) {
    for name in 0..keys {
        let at = fleet.below(HONEST);
        fleet.write(at, &key(Kind::Register, name), Write::Put(format!("{round}").into())).unwrap();
        fleet.run_for(Duration::from_millis(200));
    }
}

fn shows(fleet: &Fleet, number: usize, key: &Key) -> Option<Bytes> {
    match fleet.replica(number).get(key)? {
        State::Register(register) => register.value().cloned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn stamps_in_the_future_poison_nobody() {
    let mut fleet = fleet(Model::LastWriter(ClockKind::Hybrid), 1);
    honest_round(&mut fleet, 10, 0);
    for ahead in [60_001 + 10_000, 3_600_000, Millis::MAX - START - 1_000_000] {
        for to in 0..HONEST {
            let millis = START + 1_000_000 + ahead;
            tell(
                &mut fleet,
                to,
                (0..10)
                    .map(|name| (key(Kind::Register, name), register(millis, 0, Some(b"poison")))),
            );
        }
        fleet.run_for(Duration::from_secs(1));
    }
    honest_round(&mut fleet, 10, 1);
    settle(&mut fleet, 1);
    for name in 0..10 {
        assert_eq!(shows(&fleet, 0, &key(Kind::Register, name)).as_deref(), Some(&b"1"[..]));
    }
    assert!((0..HONEST).all(|number| fleet.replica(number).counts().ahead >= 30));
}

#[test]
fn other_contents_with_the_same_stamp_for_each_divide_nobody() {
    for seed in 0..5 {
        let mut fleet = fleet(Model::LastWriter(ClockKind::Hybrid), seed);
        honest_round(&mut fleet, 10, 0);
        for to in 0..HONEST {
            let lie = format!("what {to} is told");
            let entries = (0..10).map(|name| {
                (key(Kind::Register, name), register(START + 9_000, 0, Some(lie.as_bytes())))
            });
            tell(&mut fleet, to, entries);
        }
        settle(&mut fleet, seed);
    }
}

#[test]
fn endless_keys_and_deletions_fill_the_map_and_no_more_and_what_is_there_goes_on() {
    for deleted in [false, true] {
        let mut fleet = fleet(Model::LastWriter(ClockKind::Hybrid), 1);
        honest_round(&mut fleet, 20, 0);
        settle(&mut fleet, 1);
        for flood in 0..40 {
            for to in 0..HONEST {
                // Others for each, so that they can't even agree about what there is.
                let names = (0..100).map(|name| 1_000_000 + 100_000 * to + 100 * flood + name);
                let value = (!deleted).then_some(&b"junk"[..]);
                tell(
                    &mut fleet,
                    to,
                    names.map(|name| (key(Kind::Register, name), register(START, 9, value))),
                );
            }
            fleet.run_for(Duration::from_millis(50));
            fleet.check();
        }
        assert!((0..HONEST).all(|number| fleet.replica(number).len() == 200));
        honest_round(&mut fleet, 20, 1);
        fleet.run_for(Duration::from_secs(60));
        fleet.check();
        for (name, number) in (0..20).flat_map(|name| (0..HONEST).map(move |number| (name, number)))
        {
            let shown = shows(&fleet, number, &key(Kind::Register, name));
            assert_eq!(shown.as_deref(), Some(&b"1"[..]), "{name} at {number}");
        }
    }
}

#[test]
fn more_writers_and_values_than_there_is_room_for_are_the_same_ones_everywhere() {
    for (seed, kind) in (0..6).zip([Kind::Siblings, Kind::Set, Kind::Counter].into_iter().cycle()) {
        let model = if kind == Kind::Siblings { Model::Versions } else { Model::Convergent };
        let (mut fleet, key) = (fleet(model, seed), key(kind, 1));
        for number in 0..HONEST {
            let word = Bytes::from(format!("honest {number}"));
            let write = match kind {
                Kind::Siblings => Write::Put(word),
                Kind::Set => Write::Insert(word),
                _ => Write::Add(1),
            };
            fleet.write(number, &key, write).unwrap();
        }
        for batch in 0..60 {
            // Each is told of other writers, small and large ones.
            let (to, mut state) = (fleet.below(HONEST), None);
            for writer in 0..64 {
                let id = if batch % 2 == 0 {
                    10_000 + batch * 100 + writer
                } else {
                    fleet.below(400) as u64
                };
                let pen = Pen {
                    writer: ReplicaId(id),
                    tick: Tick { millis: START, count: 0 },
                    limit: u64::MAX,
                };
                let word = Bytes::from(format!("{batch} {writer}"));
                let write = match kind {
                    Kind::Siblings => Write::Put(word),
                    Kind::Set => Write::Insert(word),
                    _ => Write::Add(i64::MAX),
                };
                let mut alone = State::written(None, &key, write, pen).unwrap().0;
                if let Some(state) = &state {
                    alone.merge(state, u64::MAX);
                }
                state = Some(alone);
            }
            tell(&mut fleet, to, [(key.clone(), state.unwrap())]);
            fleet.run_for(Duration::from_millis(100));
            fleet.check();
        }
        settle(&mut fleet, seed);
    }
}

#[test]
fn whoever_asks_for_everything_again_and_again_is_charged_for_it() {
    let mut fleet = fleet(Model::LastWriter(ClockKind::Hybrid), 1);
    honest_round(&mut fleet, 50, 0);
    let places: Vec<u64> = (0..256).map(|place| place << 56).collect();
    for round in 0..200 {
        fleet.inject(LIAR, 0, &Message::Want(places.clone().into()));
        fleet.inject(LIAR, 0, &Message::Pull { after: round % 3 });
        fleet.inject(LIAR, 0, &Message::Changes { upto: u64::MAX, more: true, entries: [].into() });
        fleet.inject(LIAR, 0, &Message::Ahead { by: u64::MAX });
        fleet.run_for(Duration::from_millis(10));
        fleet.check();
    }
    let most = fleet.most_work();
    assert!(most.merged <= 256 && most.bytes <= 100_000 && most.looked_at <= 10_000, "{most:?}");
    honest_round(&mut fleet, 50, 1);
    settle(&mut fleet, 1);
}
