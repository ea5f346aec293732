//! A case: what is said, in which state of the node, and what is known of it.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tidings_protocol::ground::link::Link;
use tidings_protocol::machine::Input;
use tidings_protocol::params::StrategyKind;
use tidings_protocol::wire::message::{Accepts, Message};

use crate::bench::{Bench, frame};
use crate::scenes::{
    HOSTILE, KEYS, NOON, POOLED, READY, at, bring, calm, count, entry, hello, viewing,
};

/// The state of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// It is full, and nothing happens.
    Calm(StrategyKind),
    /// It was told of as many transactions as it spreads in rounds, a few seconds ago.
    Busy(StrategyKind),
    /// As many wait for a peer as may, which takes none.
    Queued,
    /// The fleet's map is full, and the hostile peer takes part in it.
    Shared,
    /// It keeps HyParView's views, which are full.
    Views,
}

impl Scene {
    /// Every state.
    pub(crate) const ALL: [Self; 12] = [
        Self::Calm(StrategyKind::Adaptive),
        Self::Calm(StrategyKind::Inventory),
        Self::Calm(StrategyKind::Plumtree),
        Self::Calm(StrategyKind::Gossipsub),
        Self::Busy(StrategyKind::Adaptive),
        Self::Busy(StrategyKind::Dog),
        Self::Busy(StrategyKind::Gossipsub),
        Self::Busy(StrategyKind::Pull),
        Self::Busy(StrategyKind::Rumor),
        Self::Queued,
        Self::Shared,
        Self::Views,
    ];

    pub(crate) fn build(self) -> Bench {
        match self {
            Self::Calm(strategy) => calm(strategy, POOLED),
            Self::Busy(strategy) => {
                let mut bench = calm(strategy, POOLED);
                let most = count(bench.params.relay.recent_max);
                bring(&mut bench, most);
                bench.pass(Duration::from_secs(5));
                bench
            }
            Self::Queued => {
                let mut bench = calm(StrategyKind::Inventory, POOLED);
                bench.say(at(READY), &hello(Accepts { credit: 0, ..Accepts::default() }));
                bring(&mut bench, 20_000);
                bench.pass(Duration::from_secs(100));
                bench
            }
            Self::Views => viewing(),
            Self::Shared => {
                let mut bench = calm(StrategyKind::Adaptive, 0);
                bench.hand(Input::Clock { wall: NOON });
                for number in 0..KEYS {
                    bench.hand(Input::Recalled(&entry(number, 900, NOON)));
                }
                bench
            }
        }
    }
}

/// Some messages, and what is known of them.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) scene: Scene,
    /// What was said before, which isn't measured.
    pub(crate) before: Vec<(Link, Bytes)>,
    pub(crate) says: Vec<(Link, Bytes)>,
    /// How many ids or addresses among them the peer had been granted.
    pub(crate) granted: usize,
    /// How long it is waited for what they make due.
    pub(crate) horizon: Duration,
}

/// Messages of the hostile peer.
pub(crate) fn case(
    name: &'static str,
    scene: Scene,
    says: impl IntoIterator<Item = Message>,
) -> Case {
    let says = says.into_iter().map(|message| (HOSTILE, frame(&message))).collect();
    raw(name, scene, says)
}

pub(crate) fn raw(name: &'static str, scene: Scene, says: Vec<(Link, Bytes)>) -> Case {
    let horizon = Duration::from_secs(30);
    Case { name, scene, before: Vec::new(), says, granted: 0, horizon }
}

impl Case {
    pub(crate) const fn granted(mut self, ids: usize) -> Self {
        self.granted = ids;
        self
    }

    pub(crate) fn after(mut self, before: impl IntoIterator<Item = (Link, Message)>) -> Self {
        self.before = before.into_iter().map(|(link, message)| (link, frame(&message))).collect();
        self
    }

    /// Only what is due at once counts: the rest would have been due anyway.
    pub(crate) const fn at_once(mut self) -> Self {
        self.horizon = Duration::ZERO;
        self
    }
}

/// A frame of a kind that can't be decoded.
pub(crate) fn junk(byte: u8, body: &[u8]) -> Vec<(Link, Bytes)> {
    let mut out = BytesMut::new();
    let mut len = body.len() + 1;
    while len >= 0x80 {
        out.put_u8(u8::try_from(len & 0x7f).expect("seven bits") | 0x80);
        len >>= 7;
    }
    out.put_u8(u8::try_from(len).expect("seven bits"));
    out.put_u8(byte);
    out.put_slice(body);
    vec![(HOSTILE, out.freeze())]
}
