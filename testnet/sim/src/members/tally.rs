//! What a fleet sent, and whom it took for dead.

use std::time::Duration;

use tidings_protocol::ground::time::Time;

/// How wide a class of packet sizes is, bytes.
pub const SIZE_CLASS: usize = 100;

/// Classes of packet sizes: up to the longest packet that there is.
const CLASSES: usize = tidings_protocol::membership::PACKET_MAX / SIZE_CLASS + 1;

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams, those that were lost among them.
    pub datagrams: u64,
    /// Their bytes, without the heads of IP and UDP.
    pub bytes: u64,
    /// The longest of them.
    pub longest: usize,
    /// How many were of each size, by [`SIZE_CLASS`].
    pub sizes: [u64; CLASSES],
    /// Streams that were opened.
    pub streams: u64,
    /// Bytes on streams, both ways.
    pub stream_bytes: u64,
}

impl Traffic {
    /// Counts a datagram.
    pub fn datagram(&mut self, bytes: usize) {
        self.datagrams += 1;
        self.bytes += bytes as u64;
        self.longest = self.longest.max(bytes);
        self.sizes[(bytes / SIZE_CLASS).min(CLASSES - 1)] += 1;
    }

    /// How many bytes a share of the datagrams doesn't exceed, to the next [`SIZE_CLASS`], and never more than the longest.
    #[must_use]
    pub fn size_of_share(&self, share: f64) -> usize {
        let (wanted, mut seen) = (share * self.datagrams as f64, 0);
        for (class, count) in self.sizes.iter().enumerate() {
            seen += count;
            if seen as f64 >= wanted {
                return self.longest.min((class + 1) * SIZE_CLASS);
            }
        }
        self.longest
    }
}

/// When others took a member for dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// The first of them.
    pub first: Option<Time>,
    /// The last.
    pub last: Option<Time>,
    /// How often somebody did.
    pub reports: u64,
}

impl Sighting {
    /// How long after a moment the first and the last did, if anybody did.
    #[must_use]
    pub fn since(&self, moment: Time) -> Option<(Duration, Duration)> {
        Some((self.first?.since(moment), self.last?.since(moment)))
    }
}

/// Who was suspected and taken for dead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// By member: when others took it for dead.
    pub of: Vec<Sighting>,
    /// How often anybody took anybody for dead.
    pub failed: u64,
    /// How often anybody took a healthy member for dead. Healthy is whom no fault of ours has met.
    pub wrong: u64,
    /// How often a healthy member did.
    pub wrong_at_healthy: u64,
    /// How often a healthy member was suspected by anybody.
    pub wrong_suspicions: u64,
}

impl Verdicts {
    /// None yet, about so many.
    #[must_use]
    pub fn new(members: usize) -> Self {
        Self { of: vec![Sighting::default(); members], ..Self::default() }
    }

    /// Somebody takes a member for dead.
    pub fn fail(&mut self, on: u32, now: Time, is_wrong: bool, is_at_healthy: bool) {
        let sighting = &mut self.of[on as usize];
        sighting.first.get_or_insert(now);
        sighting.last = Some(now);
        sighting.reports += 1;
        self.failed += 1;
        self.wrong += u64::from(is_wrong);
        self.wrong_at_healthy += u64::from(is_wrong && is_at_healthy);
    }

    /// How many healthy or other members somebody took for dead, of those that `counts`.
    pub fn members(&self, counts: impl Fn(u32) -> bool) -> usize {
        (0..).zip(&self.of).filter(|(on, one)| one.reports > 0 && counts(*on)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_by_their_class_and_never_beyond_the_longest() {
        let mut traffic = Traffic::default();
        (0..99).for_each(|_| traffic.datagram(20));
        traffic.datagram(1_350);
        assert_eq!(
            (traffic.datagrams, traffic.bytes, traffic.longest),
            (100, 99 * 20 + 1_350, 1_350)
        );
        assert_eq!([0.5, 0.99, 1.0].map(|share| traffic.size_of_share(share)), [100, 100, 1_350]);
        traffic.datagram(1_400);
        assert_eq!(traffic.size_of_share(1.0), 1_400);
    }

    #[test]
    fn a_sighting_is_from_the_first_to_the_last() {
        let mut verdicts = Verdicts::new(3);
        verdicts.fail(1, Time::from_millis(3_000), false, true);
        verdicts.fail(1, Time::from_millis(3_500), false, true);
        verdicts.fail(2, Time::from_millis(4_000), true, false);
        let since = verdicts.of[1].since(Time::from_millis(1_000)).unwrap();
        assert_eq!(since, (Duration::from_secs(2), Duration::from_millis(2_500)));
        assert_eq!((verdicts.failed, verdicts.wrong, verdicts.wrong_at_healthy), (3, 1, 0));
        assert_eq!((verdicts.members(|_| true), verdicts.members(|on| on == 2)), (2, 1));
        assert_eq!(verdicts.of[0].since(Time::ZERO), None);
    }
}
