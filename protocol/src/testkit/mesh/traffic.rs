//! What happens in a mesh, one thing after the other.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use super::{Closing, End, Mesh};
use crate::ground::item::{Item, ItemId};
use crate::ground::link::{Direction, Link};
use crate::ground::map::Salt;
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::machine::{Action, Input, Load};
use crate::report::event::Event;
use crate::testkit::hostile::{Act, Deed, Hostile};
use crate::wire::error::DecodeError;
use crate::wire::message::{Items, Message};

/// How long whoever was thrown out, or left, takes to come back.
const RETURN: Duration = Duration::from_secs(2);

/// What happens to a node.
pub(super) enum Scheduled {
    Message {
        link: Link,
        message: Message,
    },
    Malformed {
        link: Link,
        error: DecodeError,
    },
    Dialled {
        from: usize,
        addr: PeerAddr,
    },
    DialFailed {
        addr: PeerAddr,
        why: DialError,
    },
    Broken {
        link: Link,
    },
    Verdict {
        item: Arc<Item>,
    },
    /// A block is read.
    Loaded {
        id: ItemId,
        what: Load,
    },
    /// Somebody hostile at its end of a link does what he put off.
    Deed {
        link: Link,
        deed: Deed,
    },
    /// Somebody hostile comes back to it.
    Returns {
        from: usize,
        middle: Option<usize>,
    },
}

impl Mesh {
    /// One delivery or one wake-up, whichever comes first; false if neither comes by `until`.
    pub(super) fn step(&mut self, until: Time) -> bool {
        let wake = self.wakes.first().copied();
        let delivery = self.queue.next_at();
        match wake {
            Some((at, index)) if at < delivery && at <= until => {
                self.queue.advance(at);
                self.hand(index, Input::Wake);
                true
            }
            _ if delivery <= until => {
                let Some((to, what)) = self.queue.pop() else {
                    return false;
                };
                self.deliver(to, what);
                true
            }
            _ => false,
        }
    }

    fn deliver(&mut self, to: usize, what: Scheduled) {
        if !self.seats[to].alive {
            if let Scheduled::Dialled { from, addr } = what {
                let why = DialError::Unreachable;
                self.push(self.latency(from, to), from, Scheduled::DialFailed { addr, why });
            }
            return;
        }
        match what {
            Scheduled::Message { link, message } => {
                let ends = &self.seats[to].ends;
                if ends.get(link).is_none() {
                    return;
                }
                let held_until = ends.held_until(link, message.class());
                if held_until > self.now() {
                    return self.queue.push(held_until, (to, Scheduled::Message { link, message }));
                }
                self.act(to, link, |hostile, acts| hostile.hears(&message, acts));
                self.hand(to, Input::Received { link, message: &message });
            }
            Scheduled::Malformed { link, error } => self.hand(to, Input::Malformed { link, error }),
            Scheduled::Dialled { from, addr } => self.establish(from, to, addr, None),
            Scheduled::DialFailed { addr, why } => self.hand(to, Input::DialFailed { addr, why }),
            Scheduled::Broken { link } => {
                if self.seats[to].ends.close(link).is_some() {
                    self.hand(to, Input::Disconnected { link });
                }
            }
            Scheduled::Verdict { item } => {
                let verdict = self.chain.verify(&item);
                self.hand(to, Input::Verdict { item: &item, verdict });
            }
            Scheduled::Loaded { id, what } => {
                let block = self.seats[to].kept.get(&id);
                let loaded = block.and_then(|block| what.of(block, &*self.chain));
                self.hand(to, Input::Loaded { id, what, loaded });
            }
            Scheduled::Deed { link, deed } => self.commit(to, link, deed),
            Scheduled::Returns { from, middle } => self.come_back(from, to, middle),
        }
    }

    pub(super) fn carry_out(&mut self, index: usize, action: Action) {
        match action {
            Action::Send { link, message } => self.speak(index, link, message),
            Action::Throttle { link, class, until } => {
                let honest = self.honest_peer(index, link).is_some() && !self.is_hostile(index);
                self.slowed += usize::from(honest);
                self.seats[index].ends.hold(link, class, until);
            }
            Action::Verify(item) => self.push(Duration::ZERO, index, Scheduled::Verdict { item }),
            Action::Load { id, what } => {
                self.push(Duration::ZERO, index, Scheduled::Loaded { id, what });
            }
            Action::Dial { addr } => {
                let target = (0..self.seats.len()).find(|other| Self::addr(*other) == addr);
                let latency = self.latency(index, target.unwrap_or(index));
                let (to, what) = match target {
                    Some(to) if to != index => (to, Scheduled::Dialled { from: index, addr }),
                    Some(_) => (index, Scheduled::DialFailed { addr, why: DialError::Myself }),
                    None => (index, Scheduled::DialFailed { addr, why: DialError::Unreachable }),
                };
                self.push(latency, to, what);
            }
            Action::Disconnect { link, why } => {
                if let Some(end) = self.seats[index].ends.get(link) {
                    let to = end.middle.is_none().then_some(end.peer);
                    self.closings.push(Closing { by: index, to, why });
                }
                self.break_link(index, link, matches!(why, Reason::Misbehaved(_)));
            }
            Action::Changed(_) => {}
            Action::Written { outcome, .. } => self.written = Some(outcome),
            Action::Report(event) => {
                let now = self.now();
                let seat = &mut self.seats[index];
                if let Event::Accepted { id, .. } = event {
                    seat.accepted.push((now, id));
                    if let Some(block) = seat.node.blocks().get(&id) {
                        seat.kept.insert(id, Arc::clone(block));
                    }
                }
                seat.events.push(event);
            }
        }
    }

    /// A node says something, or whoever speaks in its place does.
    fn speak(&mut self, index: usize, link: Link, message: Message) {
        if self.hostile_at(index, link).is_none() {
            return self.transmit(index, link, message);
        }
        let (now, chain) = (self.now(), self.chain.clone());
        self.act(index, link, |hostile, acts| hostile.says(now, message, &*chain, acts));
    }

    fn transmit(&mut self, index: usize, link: Link, message: Message) {
        if let Some(&End { peer, far, .. }) = self.seats[index].ends.get(link)
            && !self.is_lost(index, peer)
            && !(self.withholding == Some(index)
                && matches!(message, Message::Items(Items::Item(_))))
        {
            let what = Scheduled::Message { link: far, message };
            self.push(self.latency(index, peer), peer, what);
        }
    }

    /// Who speaks in a node's place on a link, if somebody does.
    fn hostile_at(&mut self, index: usize, link: Link) -> Option<&mut Hostile> {
        let seat = &mut self.seats[index];
        match seat.ends.get(link)?.middle {
            Some(middle) => self.middles[middle].as_mut(),
            None => seat.hostile.as_mut(),
        }
    }

    /// Has him speak.
    fn act(&mut self, index: usize, link: Link, speak: impl FnOnce(&mut Hostile, &mut Vec<Act>)) {
        let mut acts = std::mem::take(&mut self.acts);
        if let Some(hostile) = self.hostile_at(index, link) {
            speak(hostile, &mut acts);
        }
        for Act { after, deed } in acts.drain(..) {
            match after {
                Duration::ZERO => self.commit(index, link, deed),
                after => self.push(after, index, Scheduled::Deed { link, deed }),
            }
        }
        self.acts = acts;
    }

    fn commit(&mut self, index: usize, link: Link, deed: Deed) {
        match deed {
            Deed::Say(message) => self.transmit(index, link, message),
            Deed::Garble(error) => {
                if let Some(&End { peer, far, .. }) = self.seats[index].ends.get(link) {
                    let what = Scheduled::Malformed { link: far, error };
                    self.push(self.latency(index, peer), peer, what);
                }
            }
            Deed::Leave => self.break_link(index, link, true),
        }
    }

    /// Somebody hostile whose link to a node broke has another to it, by another name, if he hasn't got one meanwhile.
    fn come_back(&mut self, from: usize, to: usize, middle: Option<usize>) {
        let is_there = match middle {
            Some(middle) => self.middles[middle].is_some(),
            None => self.seats[from].hostile.is_some(),
        };
        let is_linked = |(_, end): (Link, &End)| end.peer == to && end.middle == middle;
        if !is_there || !self.seats[from].alive || self.seats[from].ends.iter().any(is_linked) {
            return;
        }
        let addr = match middle {
            Some(middle) => Self::addr(self.seats.len() + middle),
            None => {
                self.seats[from].key = self.alias();
                Self::addr(to)
            }
        };
        self.establish(from, to, addr, middle);
    }

    fn alias(&mut self) -> PeerKey {
        self.aliases += 1;
        PeerKey(u64::MAX - self.aliases)
    }

    /// The peer at the other end of a link, if nothing hostile is there.
    fn honest_peer(&self, index: usize, link: Link) -> Option<usize> {
        let end = self.seats[index].ends.get(link)?;
        (end.middle.is_none() && !self.is_hostile(end.peer)).then_some(end.peer)
    }

    fn latency(&self, from: usize, to: usize) -> Duration {
        let (min, max) = self.latency;
        let rank = Salt::new(0).hash_one((from.min(to), from.max(to)));
        min + (max - min).mul_f64(rank as f64 / u64::MAX as f64)
    }

    fn is_lost(&mut self, from: usize, to: usize) -> bool {
        self.split.is_some_and(|split| (from < split) != (to < split))
            || self.mute == Some(from)
            || (self.loss > 0.0 && self.rng.random_bool(self.loss))
    }

    /// Gives two nodes a link, which one of them dialled, perhaps through somebody, whom each takes for the other.
    pub(super) fn establish(
        &mut self,
        from: usize,
        to: usize,
        addr: PeerAddr,
        middle: Option<usize>,
    ) {
        let (near, far) = (self.seats[from].ends.next(), self.seats[to].ends.next());
        self.seats[from].ends.open(near, End { peer: to, far, middle });
        self.seats[to].ends.open(far, End { peer: from, far: near, middle });
        let (dialler, listener) = match middle {
            Some(_) => [self.alias(); 2].into(),
            None => (self.seats[from].key, self.seats[to].key),
        };
        let (direction, addr) = (Direction::Outbound, Some(addr));
        self.hand(from, Input::Connected { link: near, peer: listener, direction, addr });
        let (direction, addr) = (Direction::Inbound, Some(Self::addr(from)));
        self.hand(to, Input::Connected { link: far, peer: dialler, direction, addr });
    }

    /// A link breaks. If somebody hostile has it and `returns`, he comes back.
    pub(super) fn break_link(&mut self, index: usize, link: Link, returns: bool) {
        let Some(&End { peer, far, middle }) = self.seats[index].ends.get(link) else {
            return;
        };
        self.push(Duration::ZERO, index, Scheduled::Broken { link });
        self.push(self.latency(index, peer), peer, Scheduled::Broken { link: far });
        if returns && (middle.is_some() || self.is_hostile(index)) {
            self.push(RETURN, peer, Scheduled::Returns { from: index, middle });
        } else if returns && self.is_hostile(peer) {
            self.push(RETURN, index, Scheduled::Returns { from: peer, middle });
        }
    }

    pub(super) fn push(&mut self, delay: Duration, to: usize, what: Scheduled) {
        self.queue.push(self.now() + delay, (to, what));
    }
}
