//! Counts by names that the program gives, all of them known before anything happens: Prometheus wants to see a zero before it sees a
//! one.

use tidings_protocol::ground::peer::DialError;
use tidings_protocol::limits::misbehavior::{Offence, Reason};

/// Counts by a list of names.
#[derive(Clone, Debug)]
pub struct Tally {
    names: &'static [&'static str],
    counts: Vec<u64>,
}

impl Tally {
    /// Nothing has happened.
    pub(super) fn of(names: &'static [&'static str]) -> Self {
        Self { names, counts: vec![0; names.len()] }
    }

    /// Something happened. What isn't in the list isn't counted, and tests see to it that there is no such thing.
    pub(super) fn count(&mut self, name: &str) {
        let index = self.names.iter().position(|known| *known == name);
        debug_assert!(index.is_some(), "{name} is not in the list");
        if let Some(count) = index.and_then(|index| self.counts.get_mut(index)) {
            *count += 1;
        }
    }

    /// All names with their counts, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.names.iter().copied().zip(self.counts.iter().copied())
    }
}

/// What peers can do wrong.
pub(super) const OFFENCES: [&str; 10] = [
    "before-hello",
    "flooding",
    "invalid-item",
    "malformed",
    "map",
    "not-of-map",
    "over-budget",
    "spurious-notfound",
    "unsolicited",
    "version",
];

/// The name of an offence.
pub(super) const fn offence(offence: &Offence) -> &'static str {
    match offence {
        Offence::BeforeHello => "before-hello",
        Offence::Flooding => "flooding",
        Offence::InvalidItem(_) => "invalid-item",
        Offence::Malformed(_) => "malformed",
        Offence::Replica(_) => "map",
        Offence::NotOfReplica(_) => "not-of-map",
        Offence::OverBudget(_) => "over-budget",
        Offence::SpuriousNotFound => "spurious-notfound",
        Offence::Unsolicited => "unsolicited",
        Offence::Version(_) => "version",
    }
}

/// Why a link went down: the peer or the network closed it.
pub(super) const REMOTE: &str = "remote";

/// Why links go down.
pub(super) const CLOSED: [&str; 15] = [
    "banned",
    "discouraged",
    "duplicate",
    "full",
    "gave-way",
    "hello-timeout",
    "misbehaved",
    "myself",
    "operator",
    "ping-timeout",
    REMOTE,
    "slow-reader",
    "stalls",
    "surplus",
    "useless",
];

/// The name of why we closed a link.
pub(super) const fn closed(why: &Reason) -> &'static str {
    match why {
        Reason::Banned => "banned",
        Reason::Discouraged => "discouraged",
        Reason::Duplicate => "duplicate",
        Reason::Full => "full",
        Reason::GaveWay => "gave-way",
        Reason::HelloTimeout => "hello-timeout",
        Reason::Misbehaved(_) => "misbehaved",
        Reason::Myself => "myself",
        Reason::Operator => "operator",
        Reason::PingTimeout => "ping-timeout",
        Reason::SlowReader => "slow-reader",
        Reason::Stalls => "stalls",
        Reason::Surplus => "surplus",
        Reason::Useless(_) => "useless",
    }
}

/// Why dials come to nothing.
pub(super) const DIALS: [&str; 8] = [
    "busy",
    "handshake",
    "myself",
    "no-route",
    "refused",
    "unreachable",
    "wrong-network",
    "wrong-peer",
];

/// The name of why a dial came to nothing.
pub(super) const fn dial(why: DialError) -> &'static str {
    match why {
        DialError::Busy => "busy",
        DialError::Handshake => "handshake",
        DialError::Myself => "myself",
        DialError::NoRoute => "no-route",
        DialError::Refused => "refused",
        DialError::Unreachable => "unreachable",
        DialError::WrongNetwork => "wrong-network",
        DialError::WrongPeer => "wrong-peer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_none_is_there_twice() {
        for names in [&OFFENCES[..], &CLOSED, &DIALS] {
            assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        }
    }

    #[test]
    fn every_name_is_in_its_list() {
        let (mut offences, mut why) = (Tally::of(&OFFENCES), Tally::of(&CLOSED));
        for what in [Offence::Unsolicited, Offence::InvalidItem("x"), Offence::Version(1)] {
            offences.count(offence(&what));
        }
        for reason in [Reason::Misbehaved(Offence::Flooding), Reason::Stalls, Reason::Operator] {
            why.count(closed(&reason));
        }
        why.count(REMOTE);
        let mut dials = Tally::of(&DIALS);
        for failure in [DialError::Busy, DialError::WrongPeer, DialError::NoRoute] {
            dials.count(dial(failure));
        }
        let sum = |tally: &Tally| tally.iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!((sum(&offences), sum(&why), sum(&dials)), (3, 4, 3));
    }
}
