//! A hostile peer: what an honest one says, made false.
//!
//! It stands at the end of a link. Whatever a peer there would say goes through it, be that peer a whole node or a
//! script, and whatever the peer hears; out come [`Act`]s, which the driver carries out in place of the
//! honest word. So the handshake, the pongs and all else that isn't lied about is as it should be, and a lie gets as
//! far as it can. On a link between two honest peers it is a man in the middle.
//!
//! It knows no node and no clock, so every rig can have it: the [mesh](crate::testkit::Mesh), the
//! [siege](crate::testkit::siege), the simulator's `liar`.
//!
//! No message carries a time, so whoever lies about time is early or late.

mod garble;
mod lies;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

pub use lies::{Lie, Lies};

use crate::chain::Chain;
use crate::ground::item::{Item, ItemId, ItemKind, Name, ShortId, twin};
use crate::ground::time::Time;
use crate::wire::error::DecodeError;
use crate::wire::message::{Hello, Items, KNOWN_MAX, Message, Names, Session, Signal};

/// Items that it has at hand, to send them unasked; of more it forgets the eldest.
const AT_HAND: usize = 64;

/// Just before a transaction that was asked for is asked for elsewhere, at the default `requests.tx_timeout_ms`.
const LAST_MOMENT: Duration = Duration::from_millis(4_900);

/// What whoever is silent holds back leaves at multiples of this many nanoseconds, at once.
const SILENCE: u64 = 10_000_000_000;

/// How long what is out of order is held back at most.
const DISORDER: Duration = Duration::from_secs(2);

/// How many items it falsifies in a second at most. Rules that take any bytes take those too, and whoever falsifies what
/// comes back would go on for ever faster.
const FORGED_MAX: u32 = 8;

/// Most bytes of a block that may be its header.
const HEADER_MAX: usize = 256;

/// What it does in place of an honest peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// So much later.
    pub after: Duration,
    /// What.
    pub deed: Deed,
}

/// What it does on its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It says this.
    Say(Message),
    /// It sends bytes that are no message, for this reason.
    Garble(DecodeError),
    /// It hangs up. It may come back.
    Leave,
}

/// The actor.
#[derive(Clone, Debug)]
pub struct Hostile {
    lies: Lies,
    rng: ChaCha8Rng,
    withholds: bool,
    at_hand: VecDeque<Arc<Item>>,
    /// In which second it falsified items last, and how many.
    forged: (u64, u32),
}

impl Hostile {
    /// Tells some lies, one at a time as its seed has it.
    #[must_use]
    pub fn new(lies: Lies, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { lies, rng, withholds: false, at_hand: VecDeque::new(), forged: (0, 0) }
    }

    /// Which lies are told from now on is drawn from another seed.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = ChaCha8Rng::seed_from_u64(seed);
    }

    /// The same, and no item ever leaves it.
    #[must_use]
    pub const fn withholding(mut self) -> Self {
        self.withholds = true;
        self
    }

    /// What comes of what an honest peer would say now.
    pub fn says(&mut self, now: Time, message: Message, chain: &dyn Chain, acts: &mut Vec<Act>) {
        if let Message::Items(Items::Item(item)) = &message {
            if self.withholds {
                return;
            }
            self.take(item);
        }
        match self.lies.draw(&mut self.rng) {
            Lie::Kind => self.mistake_kind(message, chain, acts),
            Lie::Name => self.mistake_name(message, acts),
            Lie::Bytes => self.change_bytes(now, message, chain, acts),
            Lie::Order => self.disorder(message, acts),
            Lie::Presence => self.deny(message, acts),
            Lie::Time => self.be_late(now, message, acts),
            Lie::Known | Lie::First => {
                if !is_about_copies(&message) {
                    acts.push(say(message));
                }
            }
            Lie::Frames => self.disturb(now, &message, chain, acts),
        }
    }

    /// What it says at once to whoever said this.
    pub fn hears(&mut self, message: &Message, acts: &mut Vec<Act>) {
        if let Message::Items(Items::Item(item)) = message {
            self.take(item);
        }
        let answer: Message = match (self.lies.draw(&mut self.rng), message) {
            (lie @ (Lie::Known | Lie::First), message) => {
                return acts.extend(feedback(lie, message).map(|signal| say(signal.into())));
            }
            // Not always: two of them would go on for ever.
            _ if self.rng.random() => return,
            // "I have it, too", whatever it is.
            (Lie::Presence, Message::Items(Items::Announce(names))) => {
                Items::Announce(names.clone()).into()
            }
            (Lie::Name, Message::Items(Items::Announce(names))) => {
                Items::Announce(twins(names)).into()
            }
            // What was just given is given back.
            (Lie::Order, Message::Items(Items::Item(item))) => Items::Item(item.clone()).into(),
            // "I haven't", before it is sent all the same.
            (Lie::Order, Message::Items(Items::GetData(names))) => {
                Items::NotFound(names.clone()).into()
            }
            // A pong that was prepared.
            (Lie::Time, Message::Session(Session::Ping { .. })) => {
                Session::Pong { nonce: self.rng.random() }.into()
            }
            _ => return,
        };
        acts.push(say(answer));
    }

    fn take(&mut self, item: &Arc<Item>) {
        if !self.at_hand.iter().any(|other| other.id() == item.id()) {
            self.at_hand.truncate(AT_HAND - 1);
            self.at_hand.push_front(item.clone());
        }
    }

    /// One thing is taken for the other: a transaction for a block, a block or its header for a transaction.
    fn mistake_kind(&mut self, message: Message, chain: &dyn Chain, acts: &mut Vec<Act>) {
        let Message::Items(items) = message else { return acts.push(say(message)) };
        let items = match items {
            Items::Announce(names) => Items::Announce(of_other_kind(&names)),
            Items::GetData(names) => Items::GetData(of_other_kind(&names)),
            Items::NotFound(names) => Items::NotFound(of_other_kind(&names)),
            Items::Item(item) => {
                acts.extend(as_other_kind(&item, chain).map(|item| say(Items::Item(item).into())));
                if self.rng.random() {
                    acts.push(say(Items::Item(item).into()));
                }
                return;
            }
            other => other,
        };
        acts.push(say(items.into()));
    }

    /// Others are named, that share eight bytes with those that are meant.
    fn mistake_name(&mut self, message: Message, acts: &mut Vec<Act>) {
        let message = match message {
            Message::Items(Items::Announce(names)) => {
                if self.rng.random_bool(0.2) {
                    acts.push(say(Items::Announce(names.clone()).into()));
                }
                Items::Announce(twins(&names)).into()
            }
            Message::Items(Items::GetData(names)) => Items::GetData(twins(&names)).into(),
            Message::Items(Items::NotFound(names)) => Items::NotFound(twins(&names)).into(),
            Message::Items(Items::Item(item)) if self.rng.random() => {
                Items::NotFound(one(twin(item.id()))).into()
            }
            other => other,
        };
        acts.push(say(message));
    }

    /// An item comes out of order, unasked, twice, or late; a hello twice, or not first.
    fn disorder(&mut self, message: Message, acts: &mut Vec<Act>) {
        match message {
            Message::Session(Session::Hello(hello)) => self.greet(&hello, acts),
            Message::Items(Items::Announce(names)) => {
                for item in self
                    .at_hand
                    .iter()
                    .filter(|item| names.iter().any(|name| name.fits(&item.id())))
                {
                    acts.push(say(Items::Item(item.clone()).into()));
                }
                acts.push(Act {
                    after: self.within(DISORDER),
                    ..say(Items::Announce(names).into())
                });
            }
            Message::Items(Items::Item(item)) => {
                for _ in 0..self.rng.random_range(1..=2) {
                    acts.push(Act {
                        after: self.within(DISORDER),
                        ..say(Items::Item(item.clone()).into())
                    });
                }
            }
            Message::Items(Items::GetData(names)) => {
                acts.extend([(); 2].map(|()| say(Items::GetData(names.clone()).into())));
            }
            other => acts.push(Act { after: self.within(DISORDER), ..say(other) }),
        }
    }

    fn greet(&mut self, hello: &Hello, acts: &mut Vec<Act>) {
        if self.rng.random_bool(0.1) {
            acts.push(say(Session::Ping { nonce: 0 }.into()));
        }
        acts.extend([(); 2].map(|()| say(Session::Hello(Box::new(*hello)).into())));
    }

    /// It has what it announced, and doesn't: it is silent, says no, waits for the last moment, or leaves.
    fn deny(&mut self, message: Message, acts: &mut Vec<Act>) {
        let Message::Items(Items::Item(item)) = message else { return acts.push(say(message)) };
        match self.rng.random_range(0..16) {
            0 => acts.push(Act { after: Duration::ZERO, deed: Deed::Leave }),
            1..5 => acts.push(say(Items::NotFound(one(item.id())).into())),
            5..9 => acts.push(Act { after: LAST_MOMENT, ..say(Items::Item(item).into()) }),
            _ => {}
        }
    }

    /// What it says comes at once, with all else after a silence, or hours later.
    fn be_late(&mut self, now: Time, message: Message, acts: &mut Vec<Act>) {
        let burst = Duration::from_nanos(SILENCE - now.as_nanos() % SILENCE);
        let after = match self.rng.random_range(0..8) {
            0..4 => burst,
            4 => self.within(Duration::from_secs(3 * 3_600)),
            _ => Duration::ZERO,
        };
        acts.push(Act { after, ..say(message) });
    }

    /// Whether it may falsify one item more.
    fn may_forge(&mut self, now: Time) -> bool {
        let second = now.as_nanos() / 1_000_000_000;
        let count = if self.forged.0 == second { self.forged.1 + 1 } else { 1 };
        self.forged = (second, count);
        count <= FORGED_MAX
    }

    /// Up to so long.
    fn within(&mut self, time: Duration) -> Duration {
        time.mul_f64(self.rng.random())
    }
}

/// An honest word.
const fn say(message: Message) -> Act {
    Act { after: Duration::ZERO, deed: Deed::Say(message) }
}

/// The name of one item.
fn one(id: ItemId) -> Names {
    Names::Whole { kind: id.kind(), ids: [id].into() }
}

const fn other(kind: ItemKind) -> ItemKind {
    match kind {
        ItemKind::Tx => ItemKind::Block,
        ItemKind::Block => ItemKind::Tx,
    }
}

/// The same hashes, of the other kind. Short names are of transactions, and stay.
fn of_other_kind(names: &Names) -> Names {
    match names {
        Names::Whole { kind, ids } => {
            let kind = other(*kind);
            Names::Whole { kind, ids: ids.iter().map(|id| ItemId::new(kind, id.hash())).collect() }
        }
        Names::Short(ids) => Names::Short(ids.clone()),
    }
}

/// Others that share eight bytes with these. A short name is all that they share, and stays.
fn twins(names: &Names) -> Names {
    match names {
        Names::Whole { kind, ids } => {
            Names::Whole { kind: *kind, ids: ids.iter().map(|id| twin(*id)).collect() }
        }
        Names::Short(ids) => Names::Short(ids.clone()),
    }
}

/// An item of the other kind of the same bytes; of a block, of those that have its hash, if there are such: its header.
fn as_other_kind(item: &Item, chain: &dyn Chain) -> Option<Arc<Item>> {
    let (kind, bytes) = (other(item.kind()), item.bytes());
    let of = |len: usize| chain.item(kind, bytes.slice(..len)).ok();
    let has_its_hash = |other: &Arc<Item>| other.id().hash() == item.id().hash();
    let headers = if kind == ItemKind::Tx { 0..bytes.len().min(HEADER_MAX) } else { 0..0 };
    headers.into_iter().find_map(|len| of(len).filter(has_its_hash)).or_else(|| of(bytes.len()))
}

/// Whether a message says what copies were good for.
const fn is_about_copies(message: &Message) -> bool {
    use Signal::{First, Graft, Known, Prune};
    matches!(message, Message::Relay(Known(_) | First(_) | Prune | Graft))
}

/// "I had it, send me no more", or "you were first, send me all", of whatever is heard of: in the words of each strategy that
/// has some.
fn feedback(lie: Lie, message: &Message) -> impl Iterator<Item = Signal> {
    let ids: Option<Arc<[ShortId]>> = match message {
        Message::Items(Items::Item(item)) if item.kind() == ItemKind::Tx => {
            Some([item.id().into()].into())
        }
        Message::Items(Items::Announce(names)) if names.kind() == ItemKind::Tx => {
            Some(names.iter().take(KNOWN_MAX).map(Name::short).collect())
        }
        _ => None,
    };
    let signals = ids.map(|ids| match lie {
        Lie::First => [Signal::First(ids), Signal::Graft],
        _ => [Signal::Known(ids), Signal::Prune],
    });
    signals.into_iter().flatten()
}
