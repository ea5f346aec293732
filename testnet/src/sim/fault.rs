//! What goes wrong on purpose, and what it means for a message, a link or a node.
//!
//! Links are streams, so faults of messages are those that streams can show:
//! - `loss`: a relay message never arrives, and later ones do. No network loses it on a live stream; a
//!   peer that drops it does: overloaded, restarting, or ill-willed. A packet that is lost and sent again
//!   is `reorder`.
//! - `duplicate`: a relay message arrives twice, one right behind the other: a peer that repeats itself.
//! - `reorder`: a message is held up by a retransmission, and with it what follows in its class; other
//!   classes overtake it.
//! - `clog`: some links carry nothing for a while. What was sent arrives afterwards, in order; a sender
//!   whose queue passes its mark is told that the link is congested.
//!
//! The first two spare hello, ping and pong: a stream that lost those would be a broken one, which `crash`
//! shows. Faults of nodes:
//! - `crash`: nodes lose all state. Their links break; peers notice after one latency or, if `silent`
//!   (power or cable gone), by their own ping timeout. They may come back, knowing the addresses that
//!   they were linked with.
//! - `churn`: crashes at random moments, each node returning after a while.
//! - `pause`: nodes stand still (a stopped process, a suspended machine); what reached them is handled
//!   when they go on.
//! - `partition`: two sides hear nothing of each other. `drop`: what is sent across is lost, links stay
//!   (as Maelstrom does it); `stall`: it arrives when the partition heals, as with TCP; `break`: links
//!   across break at once. New links across can't be made in any of them.
//! - `liar`: nodes say that they had everything already, or that they were first with it, whatever is true,
//!   and announce items without ever delivering one. They do so from the beginning, the warm-up included, and
//!   nothing is submitted at them.
//!
//! Every fault draws from a stream of its own, so that switching one on changes nothing but what it
//! touches.

use std::sync::Arc;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::{ItemKind, ShortId};
use tidings_protocol::ground::time::Time;
use tidings_protocol::wire::message::{Items, KNOWN_MAX, Message, Names, Signal};

use super::random::{SplitMix64, Use, stream};

/// One fault: an entry `[[fault]]` of a manifest. Times count from the first submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultSpec {
    /// Relay messages vanish.
    Loss {
        /// Which share of them, 0 to 1.
        share: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Relay messages arrive twice.
    Duplicate {
        /// Which share of them, 0 to 1.
        share: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Messages are held up while other classes overtake them.
    Reorder {
        /// Which share of them, 0 to 1.
        share: f64,
        /// By how much, milliseconds.
        #[serde(default = "default_reorder")]
        by_ms: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Links carry nothing for a while.
    Clog {
        /// Which share of the links, 0 to 1.
        share: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds.
        for_s: f64,
    },
    /// Nodes lose everything.
    Crash {
        /// Which share of the nodes, 0 to 1, drawn at random.
        #[serde(default)]
        share: f64,
        /// Or: which nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<u32>,
        /// When, seconds.
        #[serde(default)]
        at_s: f64,
        /// When they come back, seconds later; never if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart_after_s: Option<f64>,
        /// Whether their peers have to find out.
        #[serde(default)]
        silent: bool,
    },
    /// Nodes come and go.
    Churn {
        /// Which share of the nodes crashes in a minute.
        per_minute: f64,
        /// Mean time until a crashed node is back, seconds, exponentially distributed.
        #[serde(default = "default_away")]
        away_s: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the last submission if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Two sides hear nothing of each other.
    Partition {
        /// Which share of the nodes is on the smaller side, 0 to 1.
        #[serde(default = "default_side")]
        share: f64,
        /// When, seconds.
        #[serde(default)]
        at_s: f64,
        /// When it heals, seconds later.
        for_s: f64,
        /// What becomes of messages and links across.
        #[serde(default)]
        mode: Cut,
    },
    /// Nodes stand still.
    Pause {
        /// Which share of the nodes, 0 to 1, drawn at random.
        #[serde(default)]
        share: f64,
        /// Or: which nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<u32>,
        /// When, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds.
        for_s: f64,
    },
    /// Nodes lie about items.
    Liar {
        /// Which share of the nodes, 0 to 1, drawn at random.
        #[serde(default)]
        share: f64,
        /// Or: which nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<u32>,
        /// What they say.
        #[serde(default)]
        say: Lie,
        /// Whether they never deliver what they announce.
        #[serde(default = "default_withhold")]
        withhold: bool,
    },
}

/// What a liar says of every item that it gets or hears of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// "I had it already", so that the other sends less.
    #[default]
    Known,
    /// "You were first", so that the other sends more.
    First,
}

/// What a partition does to what goes across.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// Messages are lost, links stay.
    #[default]
    Drop,
    /// Messages arrive when it heals.
    Stall,
    /// Links break.
    Break,
}

/// Linux's first retransmission timeout after a round trip of 100 ms: that and 200 ms, less what a fast
/// retransmit saves. A guess.
const fn default_reorder() -> f64 {
    200.0
}

/// A restart of a node's process. A guess.
const fn default_away() -> f64 {
    30.0
}

const fn default_side() -> f64 {
    0.5
}

const fn default_withhold() -> bool {
    true
}

impl FaultSpec {
    /// The crash of a share of the nodes, at once and for good.
    #[must_use]
    pub const fn kill(share: f64, at_s: f64) -> Self {
        Self::Crash { share, nodes: Vec::new(), at_s, restart_after_s: None, silent: false }
    }

    /// Its name in manifests.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Loss { .. } => "loss",
            Self::Duplicate { .. } => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Clog { .. } => "clog",
            Self::Crash { .. } => "crash",
            Self::Churn { .. } => "churn",
            Self::Partition { .. } => "partition",
            Self::Pause { .. } => "pause",
            Self::Liar { .. } => "liar",
        }
    }

    /// When it begins and how long it lasts, seconds; `None` if it lasts to the end.
    #[must_use]
    pub const fn window(&self) -> (f64, Option<f64>) {
        match *self {
            Self::Loss { at_s, for_s, .. }
            | Self::Duplicate { at_s, for_s, .. }
            | Self::Reorder { at_s, for_s, .. }
            | Self::Churn { at_s, for_s, .. } => (at_s, for_s),
            Self::Clog { at_s, for_s, .. }
            | Self::Partition { at_s, for_s, .. }
            | Self::Pause { at_s, for_s, .. } => (at_s, Some(for_s)),
            Self::Crash { at_s, restart_after_s, .. } => (at_s, restart_after_s),
            Self::Liar { .. } => (0.0, None),
        }
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self, nodes: usize) -> Result<(), String> {
        let name = self.name();
        let share = match *self {
            Self::Loss { share, .. }
            | Self::Duplicate { share, .. }
            | Self::Reorder { share, .. }
            | Self::Clog { share, .. }
            | Self::Crash { share, .. }
            | Self::Partition { share, .. }
            | Self::Pause { share, .. }
            | Self::Liar { share, .. } => ("share", share),
            Self::Churn { per_minute, .. } => ("per_minute", per_minute),
        };
        if !(0.0..=1.0).contains(&share.1) {
            return Err(format!("fault {name}: {} is {}, but must be 0 to 1", share.0, share.1));
        }
        let (at, length) = self.window();
        let positive = match *self {
            Self::Churn { away_s, .. } => ("away_s", away_s),
            Self::Reorder { by_ms, .. } => ("by_ms", by_ms),
            _ => ("for_s", length.unwrap_or(1.0)),
        };
        for (key, value, least) in [("at_s", at, 0.0), (positive.0, positive.1, 1e-9)] {
            if !value.is_finite() || value < least {
                let must = if least > 0.0 { "more than 0" } else { "at least 0" };
                return Err(format!("fault {name}: {key} is {value}, but must be {must}"));
            }
        }
        let named = match self {
            Self::Crash { share, nodes, .. }
            | Self::Pause { share, nodes, .. }
            | Self::Liar { share, nodes, .. } => (share, nodes),
            _ => return Ok(()),
        };
        if *named.0 > 0.0 && !named.1.is_empty() {
            return Err(format!("fault {name}: give either share or nodes, not both"));
        }
        match named.1.iter().find(|node| **node as usize >= nodes) {
            Some(node) => Err(format!("fault {name}: there is no node {node} among {nodes}")),
            None => Ok(()),
        }
    }
}

/// What becomes of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// How many times it arrives.
    pub copies: u32,
    /// By how much it is held up, nanoseconds.
    pub delay: u64,
    /// It doesn't arrive before.
    pub not_before: Time,
}

/// All faults of a run, with what they draw from and what they have met.
#[derive(Clone, Debug)]
pub struct Faults {
    all: Vec<Running>,
    /// Those that look at every message now.
    watching: Vec<usize>,
    /// By node: how it lies, if it does. Empty if nobody does.
    liars: Vec<Option<Liar>>,
}

/// How a node lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liar {
    say: Lie,
    withhold: bool,
}

/// A fault during a run.
#[derive(Clone, Debug)]
pub struct Running {
    /// What it is.
    pub spec: FaultSpec,
    /// What it draws from.
    pub rng: SplitMix64,
    /// Messages, links or nodes that it met.
    pub touched: u64,
    /// The nodes that it holds: paused, down, or on the smaller side of a partition.
    pub nodes: Vec<u32>,
    /// When it ends.
    pub until: Time,
    /// By node: whether it is on the smaller side.
    side: Vec<bool>,
}

impl Faults {
    /// The faults of a manifest. The stream of each is named by its kind and its place among those of its
    /// kind.
    #[must_use]
    pub fn new(specs: &[FaultSpec], seed: u64) -> Self {
        let run = |(index, spec): (usize, &FaultSpec)| {
            let place = specs[..index].iter().filter(|other| other.name() == spec.name()).count();
            let kind = spec.name().bytes().fold(0, |kind: u64, byte| kind << 8 ^ u64::from(byte));
            Running {
                spec: spec.clone(),
                rng: stream(seed, Use::Fault, kind.wrapping_add(place as u64)),
                touched: 0,
                nodes: Vec::new(),
                until: Time::NEVER,
                side: Vec::new(),
            }
        };
        let all = specs.iter().enumerate().map(run).collect();
        Self { all, watching: Vec::new(), liars: Vec::new() }
    }

    /// All of them, in the order of the manifest.
    #[must_use]
    pub fn all(&self) -> &[Running] {
        &self.all
    }

    /// One of them.
    pub fn get_mut(&mut self, index: usize) -> &mut Running {
        &mut self.all[index]
    }

    /// Whether any fault looks at messages now.
    #[must_use]
    pub const fn watch_messages(&self) -> bool {
        !self.watching.is_empty()
    }

    /// A fault begins to look at messages, or stops.
    pub fn set_watching(&mut self, index: usize, watching: bool) {
        self.watching.retain(|other| *other != index);
        if watching {
            self.watching.push(index);
            self.watching.sort_unstable();
        }
    }

    /// Splits the nodes for a partition.
    pub fn split(&mut self, index: usize, nodes: usize, smaller: &[u32]) {
        let side = &mut self.all[index].side;
        side.clear();
        side.resize(nodes, false);
        smaller.iter().for_each(|node| side[*node as usize] = true);
    }

    /// Makes liars of some of the nodes.
    pub fn corrupt(&mut self, liars: &[u32], nodes: usize, (say, withhold): (Lie, bool)) {
        self.liars.resize(nodes, None);
        liars.iter().for_each(|node| self.liars[*node as usize] = Some(Liar { say, withhold }));
    }

    /// How a node lies, if it does.
    #[must_use]
    pub fn liar(&self, node: u32) -> Option<Liar> {
        self.liars.get(node as usize).copied().flatten()
    }

    /// Whether a partition lies between two nodes now.
    #[must_use]
    pub fn parted(&self, a: u32, b: u32) -> bool {
        self.watching.iter().any(|index| self.all[*index].parts(a, b))
    }

    /// What becomes of a message.
    pub fn fate(&mut self, from: u32, to: u32, message: &Message) -> Fate {
        let mut fate = Fate { copies: 1, delay: 0, not_before: Time::ZERO };
        let relay = !matches!(message, Message::Session(_));
        for index in &self.watching {
            let fault = &mut self.all[*index];
            match fault.spec {
                FaultSpec::Loss { share, .. } if relay && fault.rng.random_bool(share) => {
                    fate.copies = 0;
                }
                FaultSpec::Duplicate { share, .. } if relay && fault.rng.random_bool(share) => {
                    fate.copies *= 2;
                }
                FaultSpec::Reorder { share, by_ms, .. } if fault.rng.random_bool(share) => {
                    fate.delay += nanos(by_ms / 1e3);
                }
                FaultSpec::Partition { mode: Cut::Stall, .. } if fault.parts(from, to) => {
                    fate.not_before = fate.not_before.max(fault.until);
                }
                FaultSpec::Partition { .. } if fault.parts(from, to) => fate.copies = 0,
                _ => continue,
            }
            fault.touched += 1;
        }
        fate
    }
}

impl Liar {
    /// What it says to whoever sent it a message, beside what an honest node would.
    #[must_use]
    pub fn lie(self, message: &Message) -> Option<Message> {
        let ids: Arc<[ShortId]> = match message {
            Message::Items(Items::Item(item)) if item.kind() == ItemKind::Tx => {
                [item.id().into()].into()
            }
            Message::Items(Items::Announce(Names::Short(ids))) => {
                ids[..ids.len().min(KNOWN_MAX)].into()
            }
            _ => return None,
        };
        Some(Message::Relay(match self.say {
            Lie::Known => Signal::Known(ids),
            Lie::First => Signal::First(ids),
        }))
    }

    /// Whether it doesn't send what an honest node would: the truth, and perhaps items.
    #[must_use]
    pub const fn keeps_back(self, message: &Message) -> bool {
        match message {
            Message::Items(Items::Item(_)) => self.withhold,
            Message::Relay(Signal::Known(_) | Signal::First(_)) => true,
            _ => false,
        }
    }
}

impl Running {
    fn parts(&self, a: u32, b: u32) -> bool {
        !self.side.is_empty() && self.side[a as usize] != self.side[b as usize]
    }
}

/// Nanoseconds of a number of seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "validated to be positive; the cast saturates"
)]
#[must_use]
pub const fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// A share of a number of nodes, rounded to the nearest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 0 to 1 of a usize"
)]
#[must_use]
pub fn share_of(share: f64, nodes: usize) -> usize {
    ((share * nodes as f64).round() as usize).min(nodes)
}
