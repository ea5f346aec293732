//! A node with a driver that does nothing but time it: what decoding, the input, and encoding of what it has sent take,
//! in CPU time of this thread.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};
use tidings_protocol::chain::{Chain, Inspection, Rejection, Verdict};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _, RestoredAs};
use tidings_protocol::member::{Fleet, Membership};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::Params;
use tidings_protocol::replica::{ClockKind, Model, ReplicaId, Settings};
use tidings_protocol::testkit::ties::{Draft, Ties};
use tidings_protocol::wire::codec;
use tidings_protocol::wire::frame::Reader;
use tidings_protocol::wire::message::{Hello, Message, Session};

/// The rules of [`Ties`], with blocks as large as they may be by default.
#[derive(Clone, Copy)]
pub(crate) struct Rules;

impl Chain for Rules {
    fn name(&self) -> &'static str {
        "ties"
    }

    fn max_size(&self, kind: ItemKind) -> usize {
        if kind == ItemKind::Block { 4_000_000 } else { Ties.max_size(kind) }
    }

    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        Ties.identify(kind, bytes)
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        Ties.inspect(item)
    }

    fn verify(&self, item: &Item) -> Verdict {
        Ties.verify(item)
    }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).expect("a thread's time began at 0");
    Duration::new(seconds, u32::try_from(now.tv_nsec).expect("less than a second"))
}

/// What asking for the time takes.
fn overhead() -> Duration {
    let ask = || {
        let began = cpu();
        cpu() - began
    };
    (0..1_000).map(|_| ask()).min().unwrap_or_default()
}

/// One node, its driver, and what each input took. A clone lives on by itself.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) node: Node,
    pub(crate) params: Params,
    pub(crate) now: Time,
    /// What each input took since this was last emptied.
    pub(crate) took: Vec<Duration>,
    /// What decoding took since this was last set to nothing: a driver does it where it likes.
    pub(crate) decoding: Duration,
    /// Until when the links are slowed.
    pub(crate) slowed: BTreeMap<u64, Time>,
    rng: ChaCha8Rng,
    actions: Vec<Action>,
    verifying: VecDeque<(Arc<Item>, Verdict)>,
    out: BytesMut,
    overhead: Duration,
}

impl Bench {
    pub(crate) fn new(params: Params) -> Self {
        params.validate().expect("the meter's parameters make sense");
        Self {
            node: Node::new(identity(), &params),
            params,
            now: Time::from_millis(1),
            took: Vec::new(),
            decoding: Duration::ZERO,
            slowed: BTreeMap::new(),
            rng: ChaCha8Rng::seed_from_u64(1),
            actions: Vec::new(),
            verifying: VecDeque::new(),
            out: BytesMut::new(),
            overhead: overhead(),
        }
    }

    /// A link comes up.
    pub(crate) fn connect(&mut self, link: Link, direction: Direction) {
        self.hand(Input::Connected { link, peer: peer(link), direction, addr: None });
    }

    /// A link comes up, and its peer says hello.
    pub(crate) fn join(&mut self, link: Link, direction: Direction) {
        self.connect(link, direction);
        let hello = Hello { map: Some(map().terms()), ..Hello::default() };
        self.say(link, &Message::Session(Session::Hello(Box::new(hello))));
    }

    /// A peer says something.
    pub(crate) fn say(&mut self, link: Link, message: &Message) {
        self.hear(link, &frame(message));
    }

    /// Bytes arrive.
    pub(crate) fn hear(&mut self, link: Link, bytes: &[u8]) {
        let (mut reader, mut bytes) = (Reader::default(), bytes);
        let began = cpu();
        let read = reader.read(&mut bytes, &Rules);
        self.decoding += (cpu() - began).saturating_sub(self.overhead);
        match read {
            Ok(Some(message)) => self.hand(Input::Received { link, message: &message }),
            Ok(None) => panic!("a message is incomplete"),
            Err(error) => self.hand(Input::Malformed { link, error }),
        }
    }

    /// Lets time pass, with all wake-ups.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.node.deadline() <= until {
            self.now = self.now.max(self.node.deadline());
            self.hand(Input::Wake);
        }
        self.now = until;
    }

    /// Wakes the node until nothing is due.
    pub(crate) fn settle(&mut self) {
        self.pass(Duration::ZERO);
    }

    /// Has what grows by doubling grow now, which it would have done long ago if this weren't a clone: takes in an item, which the full pool
    /// does for what pays best.
    pub(crate) fn make_room(&mut self) {
        let item = Draft { filler: 7, ..Draft::paying(u32::MAX, 1_000_000) }.item();
        self.restore(item, RestoredAs::Kept);
    }

    /// An item of an earlier run comes back.
    pub(crate) fn restore(&mut self, item: Arc<Item>, was: RestoredAs) {
        let verified = Rules.verify(&item).expect("what was kept is good");
        self.hand(Input::Restored { item, was, age: Duration::ZERO, verified });
    }

    /// Hands in an input, and the verdicts that it asks for.
    pub(crate) fn hand(&mut self, input: Input<'_>) {
        self.time(input);
        while let Some((item, verdict)) = self.verifying.pop_front() {
            self.time(Input::Verdict { item: &item, verdict });
        }
    }

    fn time(&mut self, input: Input<'_>) {
        let Self { node, params, rng, now, actions, out, .. } = self;
        let began = cpu();
        let mut cx = Cx { now: *now, params, chain: &Rules, rng, actions };
        node.handle(input, &mut cx);
        for action in actions.iter() {
            if let Action::Send { message, .. } = action {
                out.clear(); // a driver writes, and is told to wait when it can't
                codec::encode(message, out);
            }
        }
        self.took.push((cpu() - began).saturating_sub(self.overhead));
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Verify(item) => {
                    let verdict = Rules.verify(&item);
                    self.verifying.push_back((item, verdict));
                }
                Action::Throttle { link, until, .. } => {
                    let latest = self.slowed.entry(link.slot() as u64).or_default();
                    *latest = until.max(*latest);
                }
                _ => {}
            }
        }
    }
}

/// A message as it travels.
pub(crate) fn frame(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    codec::encode(message, &mut out);
    out.freeze()
}

/// What each input takes, in order, and decoding in all: the medians of several lives that begin alike, after what came `before`. That isn't
/// part of what is cloned, since a clone has no room to grow.
pub(crate) fn medians(
    lives: usize,
    begin: &Bench,
    before: impl Fn(&mut Bench),
    live: impl Fn(&mut Bench),
) -> (Vec<Duration>, Duration) {
    let (mut took, mut decoding): (Vec<Vec<Duration>>, _) = (Vec::new(), Vec::new());
    for _ in 0..lives {
        let mut bench = begin.clone();
        bench.make_room();
        before(&mut bench);
        bench.took.clear();
        bench.decoding = Duration::ZERO;
        live(&mut bench);
        took.push(bench.took);
        decoding.push(bench.decoding);
    }
    let inputs = took.iter().map(Vec::len).min().unwrap_or(0);
    assert!(took.iter().all(|life| life.len() == inputs), "lives that begin alike are alike");
    let median = |mut all: Vec<Duration>| {
        all.sort_unstable();
        all[all.len() / 2]
    };
    let of_input = |input: usize| median(took.iter().map(|life| life[input]).collect());
    ((0..inputs).map(of_input).collect(), median(decoding))
}

/// A node whose fleet is the hostile peer alone.
fn identity() -> Identity {
    let fleet = Fleet::of([peer(crate::scenes::HOSTILE)]);
    let member = Some(Box::new(Membership { id: ReplicaId(1), fleet, settings: map() }));
    Identity { member, ..Identity::for_tests(9_999) }
}

/// A map of which nothing is due but what messages cause.
pub(crate) fn map() -> Settings {
    let (round, compare) = (Duration::ZERO, Duration::ZERO);
    Settings { round, compare, ..Settings::new(Model::LastWriter(ClockKind::Hybrid), 1) }
}

fn peer(link: Link) -> PeerKey {
    PeerKey(link.slot() as u64 | u64::from(link.generation()) << 32)
}
