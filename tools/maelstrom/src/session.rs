//! Delivery over a network that loses messages: what is said to a peer arrives once and in order.
//!
//! The core's contract promises links on which messages arrive in order or the link breaks; a libp2p
//! connection keeps that promise, and Maelstrom's network doesn't. A session is the missing transport:
//! everything said has a number, is kept until the peer has acknowledged it, and is sent again when that
//! takes too long. Since messages are what is counted here and bytes are not, one packet carries all that
//! there is to say, an acknowledgement travels with whatever is said next, and only a peer that has had
//! nothing to say for [`Timing::ack`] sends one alone.
//!
//! *Partitions*. When nothing was acknowledged for [`Timing::retry`] the session is *stalled*: what is said
//! from then on waits, and one packet each `retry`, with all that is unacknowledged up to [`PACKET_MAX`],
//! tries the way again. The first packet that gets through, in either direction, ends the stall. Nothing
//! is ever given up.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tidings_protocol::ground::time::Time;

/// Most entries in a packet. A guess: some 10 kB of small values.
pub(super) const PACKET_MAX: usize = 1_024;

/// Most entries kept that came before their turn; over it they are dropped, and will come again.
const EARLY_MAX: usize = 4 * PACKET_MAX;

/// The timers of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// How long an acknowledgement waits for something to travel with.
    pub(super) ack: Duration,
    /// How long to wait for an acknowledgement: longer than `ack` and a round trip.
    pub(super) retry: Duration,
}

/// What travels at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet<T> {
    /// How many of the peer's entries have come, without gaps.
    pub(super) ack: u64,
    /// Number of the first entry.
    pub(super) seq: u64,
    /// The entries; without any, the packet only acknowledges.
    pub(super) say: Vec<T>,
    /// Some of it may have come before: the sender waits for an answer.
    pub(super) again: bool,
}

/// Both directions between two nodes.
#[derive(Clone, Debug)]
pub(super) struct Session<T> {
    timing: Timing,
    /// Entries that aren't acknowledged, and the number of the first. Bounded by the driver.
    unacked: VecDeque<T>,
    base: u64,
    /// Number of the next entry to send.
    next: u64,
    /// When what was sent is sent again; never while nothing is under way.
    retry_at: Time,
    stalled: bool,
    /// Number of the peer's next entry.
    expected: u64,
    early: BTreeMap<u64, T>,
    /// When an acknowledgement leaves alone.
    ack_at: Time,
}

impl<T: Clone> Session<T> {
    pub(super) const fn new(timing: Timing) -> Self {
        Self {
            timing,
            unacked: VecDeque::new(),
            base: 0,
            next: 0,
            retry_at: Time::NEVER,
            stalled: false,
            expected: 0,
            early: BTreeMap::new(),
            ack_at: Time::NEVER,
        }
    }

    /// Adds what is to be said.
    pub(super) fn say(&mut self, entry: T) {
        self.unacked.push_back(entry);
    }

    /// How many entries aren't acknowledged.
    pub(super) fn unacked(&self) -> usize {
        self.unacked.len()
    }

    /// Whether nothing gets through.
    pub(super) const fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// What is to be sent now, if anything.
    pub(super) fn packet(&mut self, now: Time) -> Option<Packet<T>> {
        let again = self.retry_at <= now;
        if again {
            self.stalled = true;
            self.next = self.base;
        }
        let rest = if self.stalled && !again { 0 } else { self.unsent().min(PACKET_MAX) };
        if rest == 0 && self.ack_at > now {
            return None;
        }
        let from = self.unacked.len() - self.unsent();
        let say: Vec<T> = self.unacked.range(from..from + rest).cloned().collect();
        let packet = Packet { ack: self.expected, seq: self.next, say, again };
        self.next += rest as u64;
        self.ack_at = Time::NEVER;
        if rest > 0 && (again || self.retry_at == Time::NEVER) {
            self.retry_at = now + self.timing.retry;
        }
        Some(packet)
    }

    /// A packet came: hands over the entries whose turn it is.
    pub(super) fn receive(&mut self, packet: Packet<T>, now: Time, mut deliver: impl FnMut(T)) {
        self.acknowledge(packet.ack, now);
        if self.stalled {
            self.retry_at = now; // the way may be open again
        }
        if packet.say.is_empty() {
            return;
        }
        let mut urgent = packet.again;
        for (seq, entry) in (packet.seq..).zip(packet.say) {
            if seq < self.expected {
                urgent = true; // our acknowledgement was lost
            } else if seq == self.expected {
                deliver(entry);
                self.expected += 1;
                while let Some(entry) = self.early.remove(&self.expected) {
                    deliver(entry);
                    self.expected += 1;
                }
            } else if self.early.len() < EARLY_MAX {
                self.early.insert(seq, entry);
            }
        }
        let ack_at = if urgent { now } else { now + self.timing.ack };
        self.ack_at = self.ack_at.min(ack_at);
    }

    /// When [`Session::packet`] is next wanted.
    pub(super) fn deadline(&self) -> Time {
        let unsent = if self.unsent() > 0 && !self.stalled { Time::ZERO } else { Time::NEVER };
        self.ack_at.min(self.retry_at).min(unsent)
    }

    fn acknowledge(&mut self, ack: u64, now: Time) {
        let end = self.base + self.unacked.len() as u64;
        if ack <= self.base || ack > end {
            return; // nothing new, or nonsense
        }
        self.unacked.drain(..usize::try_from(ack - self.base).unwrap_or(usize::MAX));
        self.base = ack;
        self.next = self.next.max(ack);
        self.stalled = false;
        let under_way = self.next > self.base;
        self.retry_at = if under_way { now + self.timing.retry } else { Time::NEVER };
    }

    fn unsent(&self) -> usize {
        let end = self.base + self.unacked.len() as u64;
        usize::try_from(end - self.next).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing =
        Timing { ack: Duration::from_millis(500), retry: Duration::from_millis(1_500) };

    fn pair() -> (Session<u32>, Session<u32>) {
        (Session::new(TIMING), Session::new(TIMING))
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn receive(session: &mut Session<u32>, packet: Packet<u32>, now: Time) -> Vec<u32> {
        let mut delivered = Vec::new();
        session.receive(packet, now, |entry| delivered.push(entry));
        delivered
    }

    #[test]
    fn all_that_is_said_in_one_moment_travels_in_one_packet() {
        let (mut a, mut b) = pair();
        (1..=3).for_each(|entry| a.say(entry));
        let packet = a.packet(at(0)).unwrap();
        assert_eq!(a.packet(at(0)), None);
        assert_eq!(receive(&mut b, packet, at(100)), [1, 2, 3]);
    }

    #[test]
    fn an_acknowledgement_travels_with_what_is_said_next() {
        let (mut a, mut b) = pair();
        a.say(1);
        let packet = a.packet(at(0)).unwrap();
        receive(&mut b, packet, at(100));
        b.say(7);
        let answer = b.packet(at(200)).unwrap();
        assert_eq!((answer.ack, &answer.say[..]), (1, &[7][..]));
        receive(&mut a, answer, at(300));
        assert_eq!((a.unacked(), b.deadline()), (0, at(1_700)));
        assert_eq!(a.deadline(), at(800), "when it acknowledges alone");
    }

    #[test]
    fn whoever_has_nothing_to_say_acknowledges_alone_after_a_while() {
        let (mut a, mut b) = pair();
        a.say(1);
        let packet = a.packet(at(0)).unwrap();
        receive(&mut b, packet, at(100));
        assert_eq!(b.packet(at(599)), None);
        let ack = b.packet(at(600)).unwrap();
        assert!(ack.say.is_empty());
        assert!(receive(&mut a, ack, at(700)).is_empty());
        assert_eq!((a.deadline(), b.deadline()), (Time::NEVER, Time::NEVER));
    }

    #[test]
    fn what_is_lost_is_sent_again_with_all_that_waits() {
        let (mut a, mut b) = pair();
        a.say(1);
        let _lost = a.packet(at(0)).unwrap();
        a.say(2);
        let _lost = a.packet(at(10)).unwrap();
        assert_eq!(a.packet(at(1_499)), None);
        let _lost = a.packet(at(1_500)).unwrap();
        a.say(3);
        assert_eq!(a.packet(at(1_600)), None, "while nothing gets through, news wait");
        let packet = a.packet(at(3_000)).unwrap();
        assert_eq!(receive(&mut b, packet, at(3_100)), [1, 2, 3]);
        let ack = b.packet(at(3_100)).expect("who waits is answered at once");
        receive(&mut a, ack, at(3_200));
        assert!(!a.is_stalled());
        assert_eq!(a.deadline(), Time::NEVER);
    }

    #[test]
    fn what_overtakes_waits_for_its_turn() {
        let (mut a, mut b) = pair();
        let packets: Vec<_> = (1..=3)
            .map(|entry| {
                a.say(entry);
                a.packet(at(0)).unwrap()
            })
            .collect();
        let [first, second, third] = &packets[..] else { unreachable!("three were made") };
        assert!(receive(&mut b, third.clone(), at(10)).is_empty());
        assert!(receive(&mut b, second.clone(), at(20)).is_empty());
        assert_eq!(receive(&mut b, first.clone(), at(30)), [1, 2, 3]);
    }

    #[test]
    fn a_lost_acknowledgement_is_repeated_at_once_and_nothing_delivered_twice() {
        let (mut a, mut b) = pair();
        a.say(1);
        let packet = a.packet(at(0)).unwrap();
        receive(&mut b, packet, at(100));
        let _lost = b.packet(at(600)).unwrap();
        let packet = a.packet(at(1_500)).unwrap();
        assert!(receive(&mut b, packet, at(1_600)).is_empty());
        assert_eq!(b.packet(at(1_600)).unwrap().ack, 1);
    }

    #[test]
    fn hearing_from_the_peer_ends_a_stall_early() {
        let (mut a, mut b) = pair();
        a.say(1);
        let _lost = a.packet(at(0)).unwrap();
        let _lost = a.packet(at(1_500)).unwrap();
        b.say(7);
        let packet = b.packet(at(1_600)).unwrap();
        assert_eq!(receive(&mut a, packet, at(1_700)), [7]);
        let packet = a.packet(at(1_700)).unwrap();
        assert_eq!((packet.ack, &packet.say[..]), (1, &[1][..]));
    }

    #[test]
    fn a_long_queue_travels_in_several_packets() {
        let (mut a, mut b) = pair();
        let entries: Vec<u32> = (0..3_000).collect();
        entries.iter().for_each(|entry| a.say(*entry));
        let mut delivered = Vec::new();
        while let Some(packet) = a.packet(at(0)) {
            delivered.extend(receive(&mut b, packet, at(100)));
        }
        assert_eq!(delivered, entries);
    }

    #[test]
    fn nonsense_is_no_acknowledgement() {
        let (mut a, _) = pair();
        a.say(1);
        let _lost = a.packet(at(0)).unwrap();
        receive(&mut a, Packet { ack: 99, seq: 0, say: vec![], again: false }, at(1));
        assert_eq!(a.unacked(), 1);
    }
}
