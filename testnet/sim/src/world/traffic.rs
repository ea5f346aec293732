//! A message's way from one node to another.
//!
//! It leaves on the sender's line, travels, reaches the receiver's line, and is handed in. Faults may
//! lose, repeat or delay it. Whatever happens, messages of a link arrive in order within control messages
//! and within items.

use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::Input;
use tidings_protocol::testkit::hostile::{Act, Deed};
use tidings_protocol::wire::codec;
use tidings_protocol::wire::error::DecodeError;
use tidings_protocol::wire::kinds::{Class, MessageKind};
use tidings_protocol::wire::message::Message;

use super::state::{Event, Held, Leg, World};
use crate::otherwise::{Into, Otherwise};
use crate::watch::{What, Word, names};

/// Bytes held on a link at which the sender is told that it is congested; the node's own mark.
const HIGH_MARK: usize = 1 << 20;

/// Bytes held on a link at which it is cut; the node's own bound.
const HARD_BOUND: usize = 8 << 20;

impl World {
    /// A node sends a message, or whoever speaks in its place something else.
    pub(super) fn send(&mut self, node: u32, link: Link, message: Message) {
        let Some(liar) = self.faults.liar_mut(node) else {
            return self.transmit(node, link, message);
        };
        let mut acts = Vec::new();
        let word = self.watch.as_ref().and_then(|watch| names(&message, watch.item()));
        let kept_back = word.map(|word| (word, message.kind()));
        liar.says(self.now, message, &*self.fixed.chain, &mut acts);
        self.note_withheld(node, link, kept_back, &acts);
        self.commit(node, link, acts);
    }

    /// A liar does something, now or later.
    fn commit(&mut self, node: u32, link: Link, acts: Vec<Act>) {
        for Act { after, deed } in acts {
            match deed {
                Deed::Say(message) if after.is_zero() => self.transmit(node, link, message),
                Deed::Say(message) => {
                    let leg = Leg::Lie;
                    self.push(self.now + after, node, Event::Message { leg, link, message });
                }
                Deed::Garble(error) => self.tell_garbled(node, link, error),
                Deed::Leave => self.close(node, link),
            }
        }
    }

    /// What comes out at the peer's end is no message.
    fn tell_garbled(&mut self, node: u32, link: Link, error: DecodeError) {
        let now = self.now.as_nanos();
        if let Some(end) = self.end_mut(node, link).filter(|end| !end.closing) {
            let at = Time::from_nanos((now + end.latency).max(end.last[0]).max(end.last[1]));
            let (peer, link) = (end.peer, end.far);
            self.push(at, peer, Event::Garbled { link, error });
        }
    }

    pub(super) fn transmit(&mut self, node: u32, link: Link, message: Message) {
        let now = self.now.as_nanos();
        let seat = &mut self.seats[node as usize];
        let Some(end) = seat.ends.get_mut(link.slot()) else {
            return;
        };
        if !end.live || end.closing || end.near != link {
            return;
        }
        let class = usize::from(message.class() != Class::Control);
        let (mut copies, mut delay, mut not_before) = (1, 0, 0);
        let (mut by, mut takes_ns) = (None, None);
        if self.faults.watch_messages() {
            let fate = self.faults.fate(node, end.peer, matches!(message, Message::Session(_)));
            (copies, delay, not_before) = (fate.copies, fate.delay, fate.not_before.as_nanos());
            by = fate.by;
        }
        if let Some(otherwise) = &self.otherwise
            && let Some(into) = otherwise.fate(node, end.peer, &message, self.now)
        {
            match into {
                Into::Arrives => (copies, delay, not_before) = (copies.max(1), 0, 0),
                Into::Lost => copies = 0,
                Into::Takes(nanos) => takes_ns = Some(nanos),
            }
        }
        let latencies = &self.fixed.latencies;
        let mut leaves = now;
        let lines = latencies.has_bandwidth();
        if lines {
            let takes = match is_wide(self.otherwise.as_deref(), node) {
                true => 0,
                false => latencies.on_line(node, codec::frame_len(&message)),
            };
            seat.line_up = seat.line_up.max(now) + takes;
            leaves = if class == 0 { now + takes } else { seat.line_up };
        }
        let drawn = latencies.arrival(leaves, end.latency, &mut seat.jitter);
        let arrives = takes_ns.map_or(drawn, |takes| leaves + takes) + delay;
        let at = arrives.max(not_before).max(end.last[class]);
        if copies > 0 {
            end.last[class] = at;
        }
        let (slot, peer) = (link.slot(), end.peer);
        let (link, at) = (end.far, Time::from_nanos(at));
        if let Some(recording) = &mut self.recording {
            let fixed = &*self.fixed;
            let number = |id| fixed.numbers.get(&id).copied();
            let copies = if at == Time::NEVER { 0 } else { copies };
            let way = (node, slot, peer);
            recording.sent(self.now, way, &message, copies, (&*fixed.chain, number));
        }
        if let Some(watch) = &mut self.watch {
            let arrives = if copies > 0 { at } else { Time::NEVER };
            let (from, to, leaves) = (node, peer, Time::from_nanos(leaves));
            let sent = |word| What::Sent { from, to, word, leaves, arrives, by };
            watch.note_message(self.now, &message, sent);
        }
        for _ in 1..copies {
            self.arrive(at, peer, link, message.clone(), lines);
        }
        if copies > 0 {
            self.arrive(at, peer, link, message, lines);
        }
    }

    /// Notes that a liar kept something back: that it said nothing of the kind, true or false, now or later.
    fn note_withheld(
        &mut self,
        from: u32,
        link: Link,
        word: Option<(Word, MessageKind)>,
        acts: &[Act],
    ) {
        let (Some((word, kind)), Some(watch)) = (word, &mut self.watch) else { return };
        let says = |act: &Act| matches!(&act.deed, Deed::Say(said) if said.kind() == kind);
        if let Some(end) = self.seats[from as usize].ends.get(link.slot())
            && !acts.iter().any(says)
        {
            watch.note(self.now, What::Withheld { from, to: end.peer, word });
        }
    }

    /// Notes that a message came, or waits since the link isn't read.
    fn note_arrival(&mut self, to: u32, link: Link, message: &Message) {
        if self.watch.is_none() {
            return;
        }
        let Some((from, held)) = self.end_mut(to, link).map(|end| (end.peer, end.held)) else {
            return;
        };
        let waits = held && self.is_held(to, link, message.class());
        if let Some(watch) = &mut self.watch {
            watch.note_message(self.now, message, |word| match waits {
                true => What::Held { from, to, word },
                false => What::Came { from, to, word },
            });
        }
    }

    fn arrive(&mut self, at: Time, peer: u32, link: Link, message: Message, lines: bool) {
        if at == Time::NEVER {
            return; // before there is an event that would have to be dropped
        }
        let leg = if lines { Leg::OnLine } else { Leg::Out };
        self.push(at, peer, Event::Message { leg, link, message });
    }

    /// A message comes to the line that all links of a node share.
    pub(super) fn on_line(&mut self, node: u32, link: Link, message: Message) {
        let takes = match is_wide(self.otherwise.as_deref(), node) {
            true => 0,
            false => self.fixed.latencies.on_line(node, codec::frame_len(&message)),
        };
        let seat = &mut self.seats[node as usize];
        seat.line_down = seat.line_down.max(self.now.as_nanos()) + takes;
        let at = Time::from_nanos(seat.line_down);
        self.push(at, node, Event::Message { leg: Leg::Out, link, message });
    }

    /// A message is there. It waits if the link isn't read now.
    pub(super) fn receive(&mut self, node: u32, link: Link, message: &Message) {
        if self.spies.contains(node) {
            self.spy(node, link, message);
        }
        if let Some(liar) = self.faults.liar_mut(node) {
            let mut acts = Vec::new();
            liar.hears(message, &mut acts);
            self.commit(node, link, acts);
        }
        self.note_arrival(node, link, message);
        match self.end_mut(node, link).map(|end| end.held) {
            Some(true) if self.is_held(node, link, message.class()) => {
                self.keep(node, link, message.clone());
            }
            Some(_) => {
                self.tell_arrived(node, link, message);
                self.hand(node, Input::Received { link, message });
            }
            None => self.strays += 1,
        }
    }

    fn spy(&mut self, node: u32, link: Link, message: &Message) {
        if let Some(peer) = self.end_mut(node, link).map(|end| end.peer) {
            let numbers = &self.fixed.numbers;
            self.spies.note(node, peer, message, |id| numbers.get(&id).copied());
        }
    }

    /// Reads nothing from a link before `until`, or nothing of a class.
    pub(super) fn hold(&mut self, node: u32, link: Link, class: Option<Class>, until: Time) {
        let Some(end) = self.end_mut(node, link) else {
            return;
        };
        end.held = true;
        let slot = u32::try_from(link.slot()).unwrap_or(u32::MAX);
        let held = self.held.entry((node, slot)).or_default();
        held.holds.hold(class, until);
        self.push(until, node, Event::Release { slot });
    }

    /// Whether what comes now of a class has to wait: behind others of it, too.
    fn is_held(&self, node: u32, link: Link, class: Class) -> bool {
        let slot = u32::try_from(link.slot()).unwrap_or(u32::MAX);
        self.held.get(&(node, slot)).is_some_and(|held| {
            held.holds.until(class) > self.now
                || held.messages.iter().any(|message| message.class() == class)
        })
    }

    fn keep(&mut self, node: u32, link: Link, message: Message) {
        let slot = u32::try_from(link.slot()).unwrap_or(u32::MAX);
        let held = self.held.entry((node, slot)).or_default();
        held.bytes += codec::frame_len(&message);
        held.messages.push_back(message);
        if held.bytes > HARD_BOUND {
            return self.close(node, link);
        }
        if held.bytes > HIGH_MARK && !std::mem::replace(&mut held.congested, true) {
            self.tell_sender(node, link, |link| Input::Congested { link });
        }
    }

    /// Hands in what was held, as far as the node doesn't hold the link again meanwhile.
    pub(super) fn release(&mut self, node: u32, slot: u32) {
        while let Some(held) = self.held.get_mut(&(node, slot)) {
            let Some(end) = self.seats[node as usize].ends.get_mut(slot as usize) else {
                return;
            };
            let link = end.near;
            let may = |message: &Message| held.holds.until(message.class()) <= self.now;
            let next = held.messages.iter().position(may);
            let Some(message) = next.and_then(|next| held.messages.remove(next)) else {
                if !held.holds.is_over(self.now) {
                    return; // another release comes
                }
                end.held = false;
                if let Some(Held { congested: true, .. }) = self.held.remove(&(node, slot)) {
                    self.tell_sender(node, link, |link| Input::Drained { link });
                }
                return;
            };
            held.bytes -= codec::frame_len(&message);
            let peer = end.peer;
            if let Some(watch) = &mut self.watch {
                let came = |word| What::Came { from: peer, to: node, word };
                watch.note_message(self.now, &message, came);
            }
            self.tell_arrived(node, link, &message);
            self.hand(node, Input::Received { link, message: &message });
        }
    }

    /// Tells the node at the other end something about its own end.
    fn tell_sender(&mut self, node: u32, link: Link, input: impl Fn(Link) -> Input<'static>) {
        let Some(end) = self.end_mut(node, link) else {
            return;
        };
        let (peer, far) = (end.peer, end.far);
        if self.end_mut(peer, far).is_some() && !self.seats[peer as usize].paused {
            self.hand(peer, input(far));
        }
    }
}

/// Whether a node's line carries anything at once.
fn is_wide(otherwise: Option<&Otherwise>, node: u32) -> bool {
    otherwise.is_some_and(|otherwise| otherwise.wide.contains(&node))
}
