//! One replica and what it says to its links.

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::replica::clock::ClockKind;
use crate::replica::key::Kind;
use crate::replica::register::{Lost, Register};
use crate::replica::settings::{Model, Spread};
use crate::replica::stamp::Stamp;

const WALL: Millis = 1_000_000_000;
const LINK: Link = Link::new(0, 1);

/// A replica with one link, its time, and what it did last.
struct Bench {
    replica: Replica,
    rng: ChaCha8Rng,
    now: Time,
    wall: Millis,
    actions: Vec<Action>,
}

impl Bench {
    fn new(spread: Spread, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(Model::LastWriter(ClockKind::Hybrid), 0);
        (settings.spread, settings.compare) = (spread, Duration::ZERO);
        change(&mut settings);
        let replica = Replica::new(ReplicaId(1), settings);
        let rng = ChaCha8Rng::seed_from_u64(1);
        let mut bench =
            Self { replica, rng, now: Time::from_millis(1), wall: WALL, actions: Vec::new() };
        bench.hand(Input::Connected { link: LINK, direction: Direction::Inbound });
        bench
    }

    fn hand(&mut self, input: Input<'_>) -> (Work, Vec<Action>) {
        let cx = &mut Cx {
            now: self.now,
            wall: self.wall,
            rng: &mut self.rng,
            actions: &mut self.actions,
        };
        let work = self.replica.handle(input, cx);
        self.replica.check_invariants();
        (work, std::mem::take(&mut self.actions))
    }

    fn receive(&mut self, message: &Message) -> Vec<Action> {
        self.hand(Input::Received { link: LINK, message }).1
    }

    fn put(&mut self, name: &[u8], value: &'static [u8]) {
        let cx = &mut Cx {
            now: self.now,
            wall: self.wall,
            rng: &mut self.rng,
            actions: &mut self.actions,
        };
        self.replica.write(&key(name), Write::Put(value.into()), cx).unwrap();
        self.actions.clear();
    }

    /// The messages of its next wake-up.
    fn wake(&mut self) -> Vec<Message> {
        let next = self.now.max(self.replica.deadline());
        assert_ne!(next, Time::NEVER, "it wants nothing");
        self.wall += millis_of(next - Time::ZERO) - millis_of(self.now - Time::ZERO);
        self.now = next;
        sent(self.hand(Input::Wake).1)
    }

    fn value(&self, name: &[u8]) -> Option<&[u8]> {
        match self.replica.get(&key(name))? {
            State::Register(register) => register.value().map(|value| &value[..]),
            _ => None,
        }
    }
}

fn key(name: &[u8]) -> Key {
    Key::new(Kind::Register, name).unwrap()
}

/// What a peer with this clock wrote.
fn theirs(name: &[u8], millis: Millis, value: Option<&'static [u8]>) -> Entry {
    let stamp = Stamp { tick: Tick { millis, count: 0 }, writer: ReplicaId(2) };
    let register = Register::new(stamp, value.map(Bytes::from_static));
    Entry { key: key(name), state: State::Register(register) }
}

fn entries(entries: impl IntoIterator<Item = Entry>) -> Message {
    Message::Entries(entries.into_iter().collect())
}

fn sent(actions: Vec<Action>) -> Vec<Message> {
    let sent = actions.into_iter().filter_map(|action| match action {
        Action::Send { message, .. } => Some(message),
        _ => None,
    });
    sent.collect()
}

fn names(message: &Message) -> Vec<Vec<u8>> {
    match message {
        Message::Entries(entries) | Message::Changes { entries, .. } => {
            entries.iter().map(|entry| entry.key.name().to_vec()).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn news_is_pushed_once_and_then_there_is_silence() {
    let mut bench = Bench::new(Spread::Push, |_| {});
    bench.put(b"a", b"1");
    let sent: Vec<_> = [bench.wake(), bench.wake()].concat();
    assert_eq!(sent.iter().map(names).collect::<Vec<_>>(), [vec![b"a".to_vec()]]);
    // All that is left is to look for old deletions.
    assert!(bench.replica.deadline() >= bench.now + SWEEP / 2);
}

#[test]
fn what_a_link_brought_is_not_sent_back_to_it() {
    let mut bench = Bench::new(Spread::Push, |_| {});
    bench.receive(&entries([theirs(b"a", WALL, Some(b"1"))]));
    bench.put(b"b", b"2");
    let sent: Vec<_> = [bench.wake(), bench.wake()].concat();
    assert_eq!(sent.iter().map(names).collect::<Vec<_>>(), [vec![b"b".to_vec()]]);
}

#[test]
fn what_a_link_pulled_is_not_pushed_to_it() {
    let mut bench = Bench::new(Spread::PushPull, |_| {});
    bench.put(b"a", b"1");
    let answer = sent(bench.receive(&Message::Pull { after: 1 }));
    assert_eq!(answer.iter().map(names).collect::<Vec<_>>(), [vec![b"a".to_vec()]]);
    assert_eq!(bench.wake(), [Message::Pull { after: 0 }]);
}

#[test]
fn whoever_pulls_is_told_what_changed_since_and_where_to_go_on() {
    let mut bench = Bench::new(Spread::Pull, |settings| settings.batch_bytes = 100);
    bench.put(b"before", b"");
    let first = sent(bench.receive(&Message::Pull { after: 0 }));
    let [Message::Changes { upto: start, more: false, entries }] = &first[..] else {
        panic!("{first:?}")
    };
    assert!(entries.is_empty(), "what was there before is compared");
    for name in [b"a", b"b", b"c", b"d", b"e"] {
        bench.put(name, b"twenty or more bytes of value");
    }
    let (mut after, mut told) = (*start, Vec::new());
    loop {
        let answer = sent(bench.receive(&Message::Pull { after }));
        let [Message::Changes { upto, more, .. }] = &answer[..] else { panic!("{answer:?}") };
        told.extend(names(&answer[0]));
        after = *upto;
        if !more {
            break;
        }
    }
    assert_eq!(told.concat(), b"abcde");
}

#[test]
fn a_peer_that_has_ever_more_to_tell_is_asked_again_at_once_only_for_news() {
    let mut bench = Bench::new(Spread::Pull, |_| {});
    let entries = [theirs(b"a", WALL, Some(b"1"))];
    let changes = Message::Changes { upto: 9, more: true, entries: entries.into() };
    assert_eq!(sent(bench.receive(&changes)), [Message::Pull { after: 9 }]);
    assert_eq!(sent(bench.receive(&changes)), [], "it is known");
    assert_eq!(sent(bench.receive(&changes)), [], "nobody asked");
}

#[test]
fn a_stamp_too_far_ahead_is_not_taken_and_its_sender_is_told() {
    let mut bench = Bench::new(Spread::Push, |_| {});
    bench.put(b"a", b"ours");
    let limit = WALL + 60_000;
    let told = bench.receive(&entries([theirs(b"a", limit + 5, Some(b"poison"))]));
    assert_eq!(sent(told), [Message::Ahead { by: 5 }]);
    assert_eq!((bench.value(b"a"), bench.replica.counts().ahead), (Some(&b"ours"[..]), 1));
    bench.put(b"b", b"later");
    let State::Register(register) = bench.replica.get(&key(b"b")).unwrap() else { panic!() };
    assert_eq!(register.stamp().tick.millis, WALL, "the clock is as it was");
    assert_eq!(sent(bench.receive(&entries([theirs(b"a", limit, Some(b"taken"))]))), []);
    assert_eq!(bench.value(b"a"), Some(&b"taken"[..]));
}

#[test]
fn a_clock_that_was_set_is_told_and_one_that_all_others_contradict_gives_way() {
    let mut bench = Bench::new(Spread::Push, |_| {});
    let other = Link::new(1, 1);
    bench.hand(Input::Connected { link: other, direction: Direction::Inbound });
    bench.wall = WALL + 3_600_000;
    let told = sent(bench.hand(Input::Wake).1);
    assert_eq!(told, [Message::Clock { wall: bench.wall }, Message::Clock { wall: bench.wall }]);
    let says = Message::Clock { wall: WALL };
    bench.receive(&says);
    bench.put(b"a", b"one against one");
    bench.hand(Input::Received { link: other, message: &says });
    bench.put(b"b", b"one against two");
    let stamp = |name| match bench.replica.get(&key(name)) {
        Some(State::Register(register)) => register.stamp().tick.millis,
        other => panic!("{other:?}"),
    };
    assert_eq!([stamp(b"a"), stamp(b"b")], [WALL + 3_600_000, WALL]);
}

#[test]
fn once_a_fast_clock_is_right_what_it_wrote_gives_way() {
    let mut bench = Bench::new(Spread::Push, |_| {});
    bench.wall = WALL + 3_600_000;
    bench.put(b"a", b"by a fast clock");
    bench.put(b"b", b"by a fast clock");
    bench.wall = WALL;
    bench.hand(Input::Wake);
    bench.put(b"a", b"ours");
    bench.receive(&entries([theirs(b"b", WALL - 7, Some(b"theirs"))]));
    assert_eq!([bench.value(b"a"), bench.value(b"b")], [Some(&b"ours"[..]), Some(b"theirs")]);
    let lost: Vec<_> = bench.replica.lost().iter().map(|(_, lost)| lost.why).collect();
    assert_eq!(lost, [Lost::Ahead, Lost::Ahead]);
}

#[test]
fn an_overwritten_concurrent_write_is_listed_once_however_often_it_comes() {
    let mut bench = Bench::new(Spread::Push, |_| {});
    bench.put(b"a", b"ours");
    for _ in 0..3 {
        bench.receive(&entries([theirs(b"a", WALL - 5, Some(b"theirs"))]));
    }
    let lost: Vec<_> = bench.replica.lost().iter().collect();
    let [(name, lost)] = &lost[..] else { panic!("{lost:?}") };
    assert_eq!((name.name(), lost.value.as_deref()), (&b"a"[..], Some(&b"theirs"[..])));
    assert_eq!(bench.replica.lost().counts().concurrent, 1);
}

#[test]
fn a_deletion_keeps_older_values_away_until_its_grace_is_over() {
    let mut bench = Bench::new(Spread::Push, |settings| settings.grace_ms = 1_000_000);
    let old = theirs(b"a", WALL - 5, Some(b"old"));
    bench.receive(&entries([old.clone(), theirs(b"a", WALL, None)]));
    bench.receive(&entries([old.clone()]));
    assert_eq!((bench.value(b"a"), bench.replica.len()), (None, 1));
    (bench.wall, bench.now) = (WALL + 1_000_001, bench.now + Duration::from_millis(1_000_001));
    bench.hand(Input::Wake);
    assert!(bench.replica.is_empty());
    bench.receive(&entries([theirs(b"a", WALL, None)]));
    assert_eq!((bench.replica.len(), bench.replica.counts().expired), (0, 1));
    // Whoever was away for longer brings it back.
    bench.receive(&entries([old]));
    assert_eq!(bench.value(b"a"), Some(&b"old"[..]));
}

#[test]
fn what_is_asked_for_comes_in_batches_and_then_the_comparison_goes_on() {
    let mut bench = Bench::new(Spread::Push, |settings| {
        settings.batch_bytes = 1_000;
        settings.round = Duration::ZERO;
    });
    for name in 0..40_u8 {
        bench.put(&[name], &[7; 100]);
    }
    let theirs = crate::merkle::Tree::<Key>::new(0).begin(5, 0);
    let (work, actions) =
        bench.hand(Input::Received { link: LINK, message: &Message::Compare(Arc::new(theirs)) });
    assert!(work.bytes >= 4_000, "{work:?}");
    assert_eq!(sent(actions), []);
    let (mut told, mut batches) = (0, 0);
    while told < 40 {
        let sent = bench.wake();
        told += sent.iter().map(|message| names(message).len()).sum::<usize>();
        batches += 1;
    }
    assert_eq!((told, batches), (40, 5));
}

#[test]
fn a_congested_link_gets_answers_alone() {
    let mut bench =
        Bench::new(Spread::PushPull, |settings| settings.compare = Duration::from_secs(1));
    bench.hand(Input::Congested { link: LINK });
    bench.put(b"a", b"1");
    for _ in 0..20 {
        assert_eq!(bench.wake(), []);
    }
    assert_eq!(sent(bench.receive(&Message::Pull { after: 1 })).len(), 1);
    bench.hand(Input::Drained { link: LINK });
    assert!(!bench.wake().is_empty());
}

#[test]
fn data_of_another_network_is_an_offence() {
    let mut bench = Bench::new(Spread::Push, |_| {});
    let key = Key::new(Kind::Counter, b"a").unwrap();
    let pen = Pen { writer: ReplicaId(1), tick: Tick::default(), limit: 0 };
    let (state, _) = State::written(None, &key, Write::Add(1), pen).unwrap();
    let told = bench.receive(&entries([Entry { key: key.clone(), state }]));
    assert!(matches!(told[..], [Action::Misbehaved { link: LINK, .. }]), "{told:?}");
    let cx =
        &mut Cx { now: bench.now, wall: WALL, rng: &mut bench.rng, actions: &mut bench.actions };
    assert_eq!(bench.replica.write(&key, Write::Add(1), cx), Err(Refused::Kind));
}

#[test]
fn what_was_saved_comes_back_though_the_clock_is_years_off() {
    let (year, mut bench) = (365 * 24 * 3_600_000, Bench::new(Spread::Push, |_| {}));
    bench.hand(Input::Restored(theirs(b"a", WALL + year, Some(b"1"))));
    bench.hand(Input::Restored(theirs(b"b", 0, None)));
    assert_eq!((bench.value(b"a"), bench.replica.len()), (Some(&b"1"[..]), 2));
}

#[test]
fn what_was_saved_comes_back_and_what_is_told_goes_to_nobody_who_is_gone() {
    let mut bench = Bench::new(Spread::Push, |_| {});
    bench.hand(Input::Restored(theirs(b"a", WALL, Some(b"1"))));
    assert_eq!(bench.value(b"a"), Some(&b"1"[..]));
    bench.hand(Input::Disconnected { link: LINK });
    let late = bench.receive(&entries([theirs(b"b", WALL, Some(b"1"))]));
    assert_eq!((late, bench.value(b"b")), (vec![], None));
}
