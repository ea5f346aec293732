//! Counts by names that the program gives, all of them known before anything happens: Prometheus wants to see a zero before it sees a
//! one.

use metrics::Counter;
use tidings_protocol::ground::peer::DialError;
use tidings_protocol::limits::misbehavior::{Offence, Reason};

/// Counters of one metric, by the values of its label.
#[derive(Debug)]
pub(super) struct Tally(Vec<(&'static str, Counter)>);

impl Tally {
    /// Takes a counter for each name.
    pub(super) fn new(names: &[&'static str], register: impl Fn(&'static str) -> Counter) -> Self {
        Self(names.iter().map(|name| (*name, register(name))).collect())
    }

    /// Something happened. What isn't in the list isn't counted, and tests see to it that there is no such thing.
    pub(super) fn count(&self, name: &str) {
        let counter = self.0.iter().find(|(known, _)| *known == name);
        debug_assert!(counter.is_some(), "{name} is not in the list");
        if let Some((_, counter)) = counter {
            counter.increment(1);
        }
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
pub(super) const DIALS: [&str; 10] = [
    "busy",
    "handshake",
    "myself",
    "no-route",
    "no-transport",
    "other-links",
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
        DialError::NoTransport => "no-transport",
        DialError::OtherLinks => "other-links",
        DialError::Refused => "refused",
        DialError::Unreachable => "unreachable",
        DialError::WrongNetwork => "wrong-network",
        DialError::WrongPeer => "wrong-peer",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use metrics::atomics::AtomicU64;

    use super::*;

    #[test]
    fn names_are_sorted_so_that_none_is_there_twice() {
        for names in [&OFFENCES[..], &CLOSED, &DIALS] {
            assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        }
    }

    #[test]
    fn every_name_is_in_its_list() {
        let total = Arc::new(AtomicU64::new(0));
        let tally =
            |names: &[&'static str]| Tally::new(names, |_| Counter::from_arc(Arc::clone(&total)));
        let (offences, why, dials) = (tally(&OFFENCES), tally(&CLOSED), tally(&DIALS));
        for what in [Offence::Unsolicited, Offence::InvalidItem("x"), Offence::Version(1)] {
            offences.count(offence(&what));
        }
        for reason in [Reason::Misbehaved(Offence::Flooding), Reason::Stalls, Reason::Operator] {
            why.count(closed(&reason));
        }
        why.count(REMOTE);
        for failure in [DialError::Busy, DialError::WrongPeer, DialError::NoRoute] {
            dials.count(dial(failure));
        }
        assert_eq!(total.load(Ordering::Relaxed), 10);
    }
}
