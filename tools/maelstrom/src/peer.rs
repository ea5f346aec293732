//! One peer, as the driver keeps it: its session, and its link in the core's eyes.

use std::collections::VecDeque;
use std::time::Duration;

use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::Holds;
use tidings_protocol::wire::kinds::Class;
use tidings_protocol::wire::message::{Message, Signal};

use super::session::{Session, Timing};

/// From so many unacknowledged entries on the core is told that the link is congested: a minute and a half
/// of silence at fifty values a second. It then keeps ids of what is new instead of the items.
const HIGH_MARK: usize = 4_096;

/// Down to so many it is told that the link takes more again.
const LOW_MARK: usize = 1_024;

/// With so many the link is cut, as the core's contract wants. A congested link only gets answers to what
/// its peer says, and whoever speaks also acknowledges: so this isn't reached.
const HARD_BOUND: usize = 65_536;

/// How long a link that was cut stays down.
const REST: Duration = Duration::from_secs(1);

/// What the core must be told after something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    /// Nothing.
    Unchanged,
    Congested,
    Drained,
    /// The link is to be cut.
    Burst,
}

/// A peer. Its session outlives its links: what was said on one arrives even if the next one is up.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: String,
    /// Its place in `init`.
    pub(super) index: usize,
    pub(super) session: Session<Message>,
    slot: u32,
    generation: u32,
    is_up: bool,
    congested: bool,
    /// When the link comes up again after it was cut.
    pub(super) back_at: Time,
    /// Until when the core takes nothing from the link.
    holds: Holds,
    held: VecDeque<Message>,
}

impl Peer {
    pub(super) fn new(name: String, index: usize, slot: usize, timing: Timing) -> Self {
        Self {
            name,
            index,
            session: Session::new(timing),
            slot: u32::try_from(slot).expect("there are fewer nodes than that"),
            generation: 0,
            is_up: false,
            congested: false,
            back_at: Time::NEVER,
            holds: Holds::default(),
            held: VecDeque::new(),
        }
    }

    /// The link, if it is up.
    pub(super) fn link(&self) -> Option<Link> {
        self.is_up.then(|| Link::new(self.slot, self.generation))
    }

    /// A new link comes up.
    pub(super) fn link_up(&mut self) -> Link {
        (self.is_up, self.congested, self.back_at) = (true, false, Time::NEVER);
        self.holds = Holds::default();
        self.generation += 1;
        Link::new(self.slot, self.generation)
    }

    /// The link goes down, for good or to come back. What wasn't handed in is lost, as with any connection.
    pub(super) fn link_down(&mut self, comes_back: Option<Time>) {
        self.is_up = false;
        self.held.clear();
        self.back_at = comes_back.map_or(Time::NEVER, |now| now + REST);
    }

    /// The core says something.
    pub(super) fn say(&mut self, message: Message) -> Pressure {
        // What is repeated anyway needn't pile up while nothing gets through.
        let is_repeated = matches!(message, Message::Relay(Signal::Poll) | Message::Reconcile(_));
        if is_repeated && self.session.is_stalled() {
            return Pressure::Unchanged;
        }
        if self.session.unacked() >= HARD_BOUND {
            return Pressure::Burst;
        }
        self.session.say(message);
        if !self.congested && self.session.unacked() >= HIGH_MARK {
            self.congested = true;
            return Pressure::Congested;
        }
        Pressure::Unchanged
    }

    /// Something was acknowledged, perhaps.
    pub(super) fn relieved(&mut self) -> Pressure {
        if self.congested && self.session.unacked() <= LOW_MARK {
            self.congested = false;
            return Pressure::Drained;
        }
        Pressure::Unchanged
    }

    /// Takes messages that came, in order.
    pub(super) fn hold(&mut self, message: Message) {
        self.held.push_back(message);
    }

    /// The next message that may be handed in.
    pub(super) fn take(&mut self, now: Time) -> Option<Message> {
        let may = |message: &Message| self.holds.until(message.class()) <= now;
        self.held.iter().position(may).and_then(|next| self.held.remove(next))
    }

    /// The core takes nothing before, or nothing of a class.
    pub(super) fn throttle(&mut self, class: Option<Class>, until: Time) {
        self.holds.hold(class, until);
    }

    /// When something is to be done about the peer.
    pub(super) fn deadline(&self) -> Time {
        let held = self.held.iter().map(|message| self.holds.until(message.class()));
        let held = held.min().unwrap_or(Time::NEVER);
        self.session.deadline().min(held).min(self.back_at)
    }
}
