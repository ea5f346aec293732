//! What one node saw of its network: its links, what it sent and received, what it accepted. All of it comes of a replay, so that
//! a node whose core now acts otherwise is found out on the way.
//!
//! # Bound
//! [`PASSAGES_MAX`] messages of a node; what comes beyond is counted.

use std::hash::Hasher as _;
use std::path::Path;

use bytes::BytesMut;
use siphasher::sip::SipHasher13;
use tidings::capture::{Difference, Ending, Life, ReadError, Recorded, Replay};
use tidings_protocol::ground::item::{ItemId, ShortId};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::Action;
use tidings_protocol::report::event::Event;
use tidings_protocol::wire::codec;
use tidings_protocol::wire::kinds::{Class, MessageKind};
use tidings_protocol::wire::message::{Items, Message, Reconcile, Signal};

/// Most messages of a node that are kept, each way. A guess: some 200 MB.
pub const PASSAGES_MAX: usize = 4 << 20;

/// Most links of a node that are kept.
const LINKS_MAX: usize = 1 << 20;

/// From one look at how many items a node asked for to the next, microseconds.
const LOOK_US: u64 = 250_000;

/// Most looks at a node; then every other is left out. A guess: an hour and more.
const LOOKS_MAX: usize = 16_384;

/// A node's end of a link.
#[derive(Clone, Debug)]
pub struct SeenLink {
    /// The handle.
    pub link: Link,
    /// Key of the peer.
    pub peer: u64,
    /// Who dialled.
    pub direction: Direction,
    /// When it came up, microseconds of Unix time by the node's clock, as all times here.
    pub up_us: u64,
    /// When it went down, if it did.
    pub down_us: Option<u64>,
}

/// A message that left or came.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    /// When.
    pub at_us: u64,
    /// The link's place among the [`links`](Sightings::links).
    pub link: u32,
    /// The kind of message.
    pub kind: MessageKind,
    /// Its length on the wire.
    pub bytes: u32,
    /// A hash of its bytes.
    pub hash: u64,
    /// Where the items that it names begin in [`named`](Sightings::named), and how many they are.
    pub named: (u32, u32),
}

/// An item that the node accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// When.
    pub at_us: u64,
    /// Which.
    pub id: ItemId,
    /// Its size, bytes.
    pub size: u32,
    /// The place of the link that it came by among the [`links`](Sightings::links), if it came by one.
    pub from: Option<u32>,
}

/// What a node saw in one life.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    /// Its key, by which peers know it.
    pub key: u64,
    /// Its identity on the network.
    pub peer_id: String,
    /// Its relay strategy.
    pub strategy: String,
    /// When it began, and when the last input came.
    pub span_us: (u64, u64),
    /// Its links, in the order in which they came up.
    pub links: Vec<SeenLink>,
    /// What it sent.
    pub sent: Vec<Passage>,
    /// What it received.
    pub received: Vec<Passage>,
    /// Short ids of items that messages name.
    pub named: Vec<u64>,
    /// What it accepted.
    pub accepted: Vec<Accepted>,
    /// How many items it had asked for and hadn't got, at moments.
    pub asked: Vec<(u64, u32)>,
    /// Messages that were left out.
    pub left_out: u64,
    /// What the capture says.
    pub told: Told,
}

/// How a replay went.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Number of the life.
    pub life: u32,
    /// Inputs.
    pub inputs: u64,
    /// Actions.
    pub actions: u64,
    /// Bytes on the disk.
    pub stored_bytes: u64,
    /// Version of the software that captured.
    pub software: String,
    /// The first difference.
    pub difference: Option<Box<Difference>>,
    /// How the capture ends; `None` if the replay ended at a difference.
    pub ending: Option<Ending>,
}

/// A number of a type that is wide enough.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Sightings {
    /// Replays a life. At the first difference nothing more can be told, since the core isn't the one that was captured: what came
    /// before stays.
    ///
    /// # Errors
    /// When the capture can't be read.
    pub fn of(path: &Path) -> Result<Self, ReadError> {
        Self::with(Replay::new(Life::open(path)?)?)
    }

    /// The same of a replay that hasn't begun.
    ///
    /// # Errors
    /// When the capture can't be read.
    pub fn with(mut replay: Replay) -> Result<Self, ReadError> {
        let head = replay.head();
        let mut seen = Self {
            key: head.key,
            peer_id: head.peer_id.clone(),
            strategy: replay.params().relay.strategy.to_string(),
            span_us: (head.began_unix_us, head.began_unix_us),
            told: Told {
                life: replay.life(),
                software: head.software.clone(),
                stored_bytes: replay.stored_bytes(),
                ..Told::default()
            },
            ..Self::default()
        };
        let mut scratch = BytesMut::new();
        let mut look_us = head.began_unix_us;
        while let Some(step) = replay.step()? {
            let at_us = step.record.unix_us;
            seen.note_input(&step.record.what, at_us, &mut scratch);
            if step.difference.is_some() {
                seen.told.difference = step.difference;
                break;
            }
            for action in &step.actions {
                seen.note_action(action, at_us, &mut scratch);
            }
            seen.told.actions += step.actions.len() as u64;
            if at_us >= look_us {
                look_us = at_us + LOOK_US;
                seen.look(at_us, narrow(replay.node().wanted()));
            }
        }
        seen.span_us.1 = replay.unix_us(replay.now()).max(seen.span_us.0);
        seen.told.inputs = replay.inputs();
        seen.told.ending = replay.ending().cloned();
        Ok(seen)
    }

    fn look(&mut self, at_us: u64, asked: u32) {
        if self.asked.len() >= LOOKS_MAX {
            let mut number = 0;
            self.asked.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
        self.asked.push((at_us, asked));
    }

    /// The place of a live link.
    fn place(&self, link: Link) -> Option<u32> {
        let place = self.links.iter().rposition(|seen| seen.link == link)?;
        u32::try_from(place).ok()
    }

    fn note_input(&mut self, what: &Recorded, at_us: u64, scratch: &mut BytesMut) {
        match what {
            Recorded::Connected { link, peer, direction, .. } if self.links.len() < LINKS_MAX => {
                let (link, peer, direction) = (*link, peer.0, *direction);
                let up_us = at_us;
                self.links.push(SeenLink { link, peer, direction, up_us, down_us: None });
            }
            Recorded::Disconnected { link } => {
                if let Some(seen) = self.links.iter_mut().rev().find(|seen| seen.link == *link) {
                    seen.down_us = Some(at_us);
                }
            }
            Recorded::Received { link, message } => {
                if let Some(passage) = self.passage(*link, message, at_us, scratch) {
                    self.received.push(passage);
                }
            }
            _ => {}
        }
    }

    fn note_action(&mut self, action: &Action, at_us: u64, scratch: &mut BytesMut) {
        match action {
            Action::Send { link, message } => {
                if let Some(passage) = self.passage(*link, message, at_us, scratch) {
                    self.sent.push(passage);
                }
            }
            Action::Report(Event::Accepted { id, size, ingress }) => {
                let (id, size) = (*id, *size);
                let from = ingress.and_then(|link| self.place(link));
                self.accepted.push(Accepted { at_us, id, size, from });
            }
            _ => {}
        }
    }

    fn passage(
        &mut self,
        link: Link,
        message: &Message,
        at_us: u64,
        scratch: &mut BytesMut,
    ) -> Option<Passage> {
        let place = self.place(link)?;
        if self.sent.len().max(self.received.len()) >= PASSAGES_MAX {
            self.left_out += 1;
            return None;
        }
        scratch.clear();
        codec::encode(message, scratch);
        let mut hasher = SipHasher13::new();
        hasher.write(scratch);
        let first = narrow(self.named.len());
        names(message, &mut self.named);
        let count = narrow(self.named.len()) - first;
        Some(Passage {
            at_us,
            link: place,
            kind: message.kind(),
            bytes: narrow(scratch.len()),
            hash: hasher.finish(),
            named: (first, count),
        })
    }

    /// The items that a message names.
    #[must_use]
    pub fn named_by(&self, passage: &Passage) -> &[u64] {
        let (first, count) = passage.named;
        self.named.get(first as usize..).and_then(|rest| rest.get(..count as usize)).unwrap_or(&[])
    }
}

impl Passage {
    /// Its class, within which messages keep their order.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.kind.class()
    }
}

/// A short id as a number.
#[must_use]
pub fn number_of(id: impl Into<ShortId>) -> u64 {
    u64::from_le_bytes(id.into().0)
}

/// The items that a message names, or is.
pub fn names(message: &Message, out: &mut Vec<u64>) {
    match message {
        Message::Items(Items::Item(item)) => out.push(number_of(item.id())),
        Message::Items(Items::Announce(told) | Items::GetData(told) | Items::NotFound(told)) => {
            out.extend(told.iter().map(number_of));
        }
        Message::Relay(Signal::Known(ids) | Signal::First(ids))
        | Message::Reconcile(Reconcile::Lacked(ids)) => out.extend(ids.iter().map(number_of)),
        _ => {}
    }
}

/// A time of the core's, in seconds, as people read it.
#[must_use]
pub fn seconds(at: Time) -> f64 {
    at.as_nanos() as f64 / 1e9
}
