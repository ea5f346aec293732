//! Addresses of hearsay that were given up, and when they may be told again.
//!
//! *Attack:* whoever wants somebody dialled by a whole network tells his address again whenever we have given it up,
//! under another name each time. So what was given up is remembered: it isn't taken from anybody while it rests, and
//! it rests for twice as long each time, up to [`REST_MAX_MS`]. A host can be dialled by one node some 16 times on the
//! first day that way, and then once a day. An honest node that was away comes back by dialling others itself:
//! what a peer says of its own host is taken at any time.

use std::time::Duration;

use lru::LruCache;

use crate::ground::map::Salt;
use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::params::PeerParams;

/// Most of them remembered; over it the one that was given up longest ago is forgotten. To have one forgotten takes as
/// many others that each failed [`FAILURES_MAX`](super::FAILURES_MAX) times. A guess.
pub const GIVEN_UP_MAX: usize = 4_096;

/// Longest rest, milliseconds. A guess: as often as every node repeats its own address by default.
pub const REST_MAX_MS: u64 = 86_400_000;

/// What was given up.
#[derive(Clone, Debug)]
pub(super) struct GivenUp {
    salt: Salt,
    /// Bounded by hand: a cache that knows its bound makes room for all of it at once.
    resting: Option<Box<LruCache<PeerAddr, Rest, Salt>>>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Time,
    failures: u16,
}

impl GivenUp {
    /// Nothing yet. It allocates nothing until something is.
    pub(super) const fn new(salt: Salt) -> Self {
        Self { salt, resting: None }
    }

    /// An address was given up after so many failures in a row.
    pub(super) fn insert(&mut self, addr: PeerAddr, failures: u16, now: Time, params: &PeerParams) {
        let doubled = params.retry_min_ms.saturating_mul(1 << failures.min(63));
        let wait = doubled.max(params.retry_max_ms).min(REST_MAX_MS);
        let until = now + Duration::from_millis(wait);
        let salt = self.salt;
        let empty = || Box::new(LruCache::unbounded_with_hasher(salt));
        let resting = self.resting.get_or_insert_with(empty);
        resting.put(addr, Rest { until, failures });
        if resting.len() > GIVEN_UP_MAX {
            resting.pop_lru();
        }
    }

    /// How often the address failed, if it was given up and has rested; an error while it rests.
    pub(super) fn failures(&self, addr: PeerAddr, now: Time) -> Result<u16, Resting> {
        match self.resting.as_ref().and_then(|resting| resting.peek(&addr)) {
            Some(rest) if rest.until > now => Err(Resting),
            Some(rest) => Ok(rest.failures),
            None => Ok(0),
        }
    }

    /// It is forgiven.
    pub(super) fn remove(&mut self, addr: PeerAddr) {
        if let Some(resting) = &mut self.resting {
            resting.pop(&addr);
        }
    }
}

/// An address rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resting;
