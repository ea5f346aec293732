//! What the members at an address may have us do.
//!
//! *Attacks:* whoever has a key sends claims, or asks for all that we know, as fast as it can. What an input took is charged to the IP address that it
//! came from, after it was dealt with; while that owes something, nothing of it is heard, and that is counted. Strangers pay nothing here: what
//! they send doesn't open.

use std::net::IpAddr;
use std::num::NonZeroUsize;

use lru::LruCache;
use tidings_protocol::ground::time::Time;
use tidings_protocol::limits::bucket::Bucket;
use tidings_protocol::membership::Work;
use tidings_protocol::params::Rate;

/// Claims that are looked at for an address. Guesses: in the long run some hundredths of a core; at once a few exchanges of the largest fleet,
/// 16,384 members, and the members of a whole test network at one address.
const CLAIMS: Rate = Rate::new(20_000.0, 200_000.0);

/// Bytes that are sent by a stream for what a claim costs. A guess: sealing them takes a nanosecond or two each.
const BYTES_A_CLAIM: f64 = 500.0;

/// Most addresses whose debts are remembered. A guess; whoever has a key and more addresses than that has the fleet anyway.
const ADDRESSES_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("it isn't zero");

/// Buckets by address.
#[derive(Debug)]
pub(super) struct Charges(LruCache<IpAddr, Bucket>);

impl Default for Charges {
    fn default() -> Self {
        let mut buckets = LruCache::unbounded();
        buckets.resize(ADDRESSES_MAX);
        Self(buckets)
    }
}

impl Charges {
    /// Whether an address owes nothing.
    pub(super) fn may(&mut self, ip: IpAddr, now: Time) -> bool {
        let bucket = self.0.get(&ip.to_canonical());
        bucket.is_none_or(|bucket| bucket.in_debt_until(CLAIMS) <= now)
    }

    /// Charges an address for what it sent.
    pub(super) fn charge(&mut self, ip: IpAddr, work: Work, now: Time) {
        // A datagram is as much as a claim, whatever is in it.
        let claims = 1.0 + work.claims as f64 + work.bytes as f64 / BYTES_A_CLAIM;
        let bucket = self.0.get_or_insert_mut(ip.to_canonical(), Bucket::default);
        let _ = bucket.take(claims, now, CLAIMS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_owes_something_is_heard_again_when_it_is_paid() {
        let mut charges = Charges::default();
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let exchange = Work { claims: 16_384, bytes: 256 << 10 };
        let mut taken = 0;
        while charges.may(ip, Time::ZERO) {
            charges.charge(ip, exchange, Time::ZERO);
            taken += 1;
        }
        assert_eq!(taken, 12, "so many exchanges of the largest fleet at once");
        assert!(charges.may("10.0.0.2".parse().unwrap(), Time::ZERO), "nobody else pays");
        assert!(charges.may(ip, Time::from_millis(1_000)));
    }
}
