//! Trouble: in a test network, what a node sends may be lost, doubled or held up, or not reach some peers at all.
//!
//! It is the simulator's, for real nodes: each message meets all effects in turn, and what is held up holds up what
//! follows it in its class (control, or all others) on its link. Whoever launches a network says when what begins and
//! ends; the node refuses unless its settings say that it is in a lab.
//!
//! What is held is bounded in bytes; what goes beyond that is lost, and counted as met.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use libp2p::PeerId;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::time::Time;
use tidings_protocol::wire::codec::frame_len;
use tidings_protocol::wire::kinds::Class;
use tidings_protocol::wire::message::Message;

use crate::api::trouble::{CutHow, EFFECTS_MAX, Effect, Trouble};

/// Most bytes of messages that are held up at once. A guess: the queues of a hundred links at their bound of half a
/// megabyte.
const HELD_MAX: usize = 64 << 20;

/// Why a node takes no trouble.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTroubled {
    /// It is no node of a test network.
    #[error("lab.trouble is not set: only a node of a test network has its messages meddled with")]
    Unset,
    /// It makes no sense.
    #[error("{0}")]
    Wrong(String),
}

/// An effect, with its peers as the network knows them.
#[derive(Debug)]
enum Ready {
    Loss(f64),
    Duplicate(f64),
    Reorder { share: f64, by_us: u64 },
    Cut { peers: BTreeSet<PeerId>, how: CutHow },
}

/// A message that is held up: until a time, or until its cut is over.
type Held = (Option<Time>, Message);

/// All that goes wrong with what a node sends.
#[derive(Debug)]
pub struct Troubles {
    effects: Vec<Ready>,
    rng: ChaCha8Rng,
    /// By link and whether the class is control: in order, so that the first holds up the others.
    held: BTreeMap<(Link, bool), VecDeque<Held>>,
    held_bytes: usize,
    met: u64,
}

impl Troubles {
    /// None yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { effects: Vec::new(), rng, held: BTreeMap::new(), held_bytes: 0, met: 0 }
    }

    /// From now on there is this trouble, and no other. What a cut held up that is over may leave.
    ///
    /// # Errors
    /// When a share, a time or a peer's id is none; all stays as it was then.
    pub fn set(&mut self, trouble: &Trouble, now: Time) -> Result<(), NotTroubled> {
        if trouble.effects.len() > EFFECTS_MAX {
            return Err(wrong(format!("there are more than {EFFECTS_MAX} effects")));
        }
        self.effects = trouble.effects.iter().map(ready).collect::<Result<_, _>>()?;
        for (until, _) in self.held.values_mut().flatten() {
            until.get_or_insert(now);
        }
        Ok(())
    }

    /// Messages met so far.
    #[must_use]
    pub const fn met(&self) -> u64 {
        self.met
    }

    /// Whether there is neither trouble nor anything held up by some.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.effects.is_empty() && self.held.is_empty()
    }

    /// Whether links with a peer break.
    #[must_use]
    pub fn breaks(&self, peer: &PeerId) -> bool {
        let breaks = |effect: &Ready| matches!(effect, Ready::Cut { peers, how: CutHow::Break } if peers.contains(peer));
        self.effects.iter().any(breaks)
    }

    /// A message is to go to a peer now: how many copies of it leave at once, none or one or two. What is held up comes
    /// with [`next_due`](Self::next_due).
    pub fn meet(&mut self, link: Link, peer: Option<&PeerId>, message: &Message, now: Time) -> u32 {
        let is_spared = matches!(message, Message::Session(_));
        let (mut copies, mut until, mut met) = (1_u32, Some(now), false);
        for effect in &self.effects {
            let meets = match effect {
                Ready::Loss(share) | Ready::Duplicate(share) => {
                    !is_spared && self.rng.random_bool(*share)
                }
                Ready::Reorder { share, .. } => self.rng.random_bool(*share),
                Ready::Cut { peers, .. } => peer.is_some_and(|peer| peers.contains(peer)),
            };
            if !meets {
                continue;
            }
            met = true;
            match effect {
                Ready::Loss(_) | Ready::Cut { how: CutHow::Drop | CutHow::Break, .. } => copies = 0,
                Ready::Duplicate(_) => copies = (copies * 2).min(2),
                Ready::Reorder { by_us, .. } => {
                    until = until.map(|until| until + std::time::Duration::from_micros(*by_us));
                }
                Ready::Cut { how: CutHow::Stall, .. } => until = None,
            }
        }
        self.met += u64::from(met);
        let queue = (link, message.class() == Class::Control);
        let waits = self.held.contains_key(&queue);
        if copies == 0 || (!waits && until.is_some_and(|until| until <= now)) {
            return copies;
        }
        for _ in 0..copies {
            self.hold(queue, until, message.clone());
        }
        0
    }

    fn hold(&mut self, queue: (Link, bool), until: Option<Time>, message: Message) {
        let bytes = frame_len(&message);
        if self.held_bytes + bytes > HELD_MAX {
            return;
        }
        self.held_bytes += bytes;
        self.held.entry(queue).or_default().push_back((until, message));
    }

    /// When the next message that is held up may leave; never if none may.
    #[must_use]
    pub fn due(&self) -> Time {
        let fronts = self.held.values().filter_map(VecDeque::front);
        fronts.filter_map(|(until, _)| *until).min().unwrap_or(Time::NEVER)
    }

    /// The next message that may leave.
    pub fn next_due(&mut self, now: Time) -> Option<(Link, Message)> {
        let may_leave = |held: &VecDeque<Held>| {
            held.front().is_some_and(|(until, _)| until.is_some_and(|until| until <= now))
        };
        let queue = *self.held.iter().find(|(_, held)| may_leave(held))?.0;
        let held = self.held.get_mut(&queue)?;
        let (_, message) = held.pop_front()?;
        if held.is_empty() {
            self.held.remove(&queue);
        }
        self.held_bytes -= frame_len(&message);
        Some((queue.0, message))
    }

    /// A link is gone, and with it what was held up for it.
    pub fn forget(&mut self, link: Link) {
        for queue in [(link, false), (link, true)] {
            let held = self.held.remove(&queue).unwrap_or_default();
            self.held_bytes -= held.iter().map(|(_, message)| frame_len(message)).sum::<usize>();
        }
    }
}

fn ready(effect: &Effect) -> Result<Ready, NotTroubled> {
    let checked = |share: f64| match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err(wrong(format!("share is {share}, but must be 0 to 1"))),
    };
    match effect {
        Effect::Loss { share } => checked(*share).map(Ready::Loss),
        Effect::Duplicate { share } => checked(*share).map(Ready::Duplicate),
        Effect::Reorder { share, by_ms } if (0.0..=3_600_000.0).contains(by_ms) => {
            let by_us = (by_ms * 1e3).round();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within an hour"
            )]
            checked(*share).map(|share| Ready::Reorder { share, by_us: by_us as u64 })
        }
        Effect::Reorder { by_ms, .. } => {
            Err(wrong(format!("by_ms is {by_ms}, but must be 0 to 3600000")))
        }
        Effect::Cut { peers, how } => {
            let id =
                |peer: &String| peer.parse().map_err(|_| wrong(format!("{peer} is no peer's id")));
            Ok(Ready::Cut { peers: peers.iter().map(id).collect::<Result<_, _>>()?, how: *how })
        }
    }
}

const fn wrong(sentence: String) -> NotTroubled {
    NotTroubled::Wrong(sentence)
}

#[cfg(test)]
mod tests;
