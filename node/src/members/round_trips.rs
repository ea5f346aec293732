//! How long members take to answer pings of this node: what `tidings members` shows as RTT.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::{MemberId, Packet, Part};

/// Most pings that are waited for. One of our own is out at a time, and some for others.
const PINGS_MAX: usize = 128;

/// Pings that are out, and what became of those before. It has an entry for each member at most: who is forgotten is to be
/// [forgotten](Self::forget) here, too.
#[derive(Debug, Default)]
pub(super) struct RoundTrips {
    pings: VecDeque<(u32, MemberId, Time)>,
    last_of: BTreeMap<MemberId, Duration>,
    last: Option<Duration>,
}

impl RoundTrips {
    /// A packet leaves.
    pub(super) fn sent(&mut self, packet: &Packet, now: Time) {
        for part in &packet.parts {
            if let Part::Ping(ping) = part {
                if self.pings.len() == PINGS_MAX {
                    self.pings.pop_front();
                }
                self.pings.push_back((ping.seq, ping.target, now));
            }
        }
    }

    /// A packet came from a member that is known.
    pub(super) fn came(&mut self, packet: &Packet, now: Time) {
        for part in &packet.parts {
            let Part::Ack(ack) = part else { continue };
            // An ack of somebody else, for whom it asked, says nothing of how far that one is.
            let is_it = |ping: &(u32, MemberId, Time)| ping.0 == ack.seq && ping.1 == packet.from;
            if let Some(at) = self.pings.iter().position(is_it)
                && let Some((_, target, since)) = self.pings.remove(at)
            {
                self.last_of.insert(target, now - since);
                self.last = Some(now - since);
            }
        }
    }

    /// A member is forgotten.
    pub(super) fn forget(&mut self, id: MemberId) {
        self.last_of.remove(&id);
    }

    /// The last one of a member, milliseconds.
    pub(super) fn of(&self, id: MemberId) -> Option<f64> {
        self.last_of.get(&id).map(|rtt| rtt.as_secs_f64() * 1_000.0)
    }

    /// The last one of any, milliseconds.
    pub(super) fn last(&self) -> Option<f64> {
        self.last.map(|rtt| rtt.as_secs_f64() * 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use tidings_protocol::membership::packet::{Ack, Ping};

    use super::*;

    #[test]
    fn an_answer_to_a_ping_is_a_round_trip_and_anothers_is_none() {
        let (us, one, other) = (MemberId(1), MemberId(2), MemberId(3));
        let mut trips = RoundTrips::default();
        let ping = Packet::new(us, vec![Ping { seq: 7, target: one }.into()]);
        trips.sent(&ping, Time::from_millis(100));
        let ack = |from| Packet::new(from, vec![Ack { seq: 7 }.into()]);
        trips.came(&ack(other), Time::from_millis(105));
        assert_eq!(trips.of(other), None);
        trips.came(&ack(one), Time::from_millis(112));
        trips.came(&ack(one), Time::from_millis(500));
        assert_eq!((trips.of(one), trips.last()), (Some(12.0), Some(12.0)));
        trips.forget(one);
        assert_eq!(trips.of(one), None);
        (0..1_000).for_each(|_| trips.sent(&ping, Time::ZERO));
        assert_eq!(trips.pings.len(), PINGS_MAX);
    }
}
