//! One address of the book, and when it is worth its place.

use std::time::Duration;

use crate::ground::peer::{AddressRecord, PeerAddr, Source};
use crate::ground::time::Time;

use super::tables::Whose;
use crate::peers::backoff::Backoff;

/// Failures in a row after which an address that was never reached is given up: two minutes after
/// it was learned with the default backoff. A guess.
pub const FAILURES_MAX: u16 = 8;

/// Failures in a row after which an address isn't told to others, and, if it was never reached, gives way to
/// another (Bitcoin Core: `ADDRMAN_RETRIES`, 3).
pub const TELL_FAILURES_MAX: u16 = 3;

/// How long an address that was never reached is worth telling to others. A guess: as often as every
/// node repeats its own address by default.
pub const HEARD_LATELY: Duration = Duration::from_secs(86_400);

/// An address of which nothing was heard for longer gives way to another (Bitcoin Core: `ADDRMAN_HORIZON`, 30 days).
pub const HORIZON: Duration = Duration::from_secs(30 * 86_400);

/// One that was reached gives way after so many failures in a row (`ADDRMAN_MAX_FAILURES`) ...
pub const STALE_FAILURES: u16 = 10;

/// ... and so long after it was (`ADDRMAN_MIN_FAIL`: a week).
pub const STALE: Duration = Duration::from_secs(7 * 86_400);

/// What we know of one address.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) addr: PeerAddr,
    /// A link leads there now.
    pub(super) connected: bool,
    /// Our operator named it.
    pub(super) named: bool,
    /// It counts as hearsay of its host.
    pub(super) counted: bool,
    /// Nobody but its source vouches for it: no other told it, and it wasn't reached before this run.
    pub(super) lone_word: bool,
    /// Its network group; `None` if it is by itself.
    pub(super) group: Option<u32>,
    /// Who told it first; `None` if that was our operator.
    pub(super) source: Option<Source>,
    /// Its place in the tables.
    pub(super) slot: u32,
    /// How old the latest news of it was when `heard` was, seconds.
    pub(super) aged_s: u32,
    /// When we first heard of it, or last from the peer there.
    pub(super) heard: Time,
    pub(super) attempted: Option<Time>,
    pub(super) reached: Option<Time>,
    pub(super) successes: u32,
    pub(super) backoff: Backoff,
}

/// A view of one address, for status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressView {
    /// The address.
    pub addr: PeerAddr,
    /// Whether it stands among those that were reached, and not among those that are only heard of.
    pub tried: bool,
    /// Which bucket of that table it stands in.
    pub bucket: u32,
    /// Its network group; `None` if it is by itself.
    pub group: Option<u32>,
    /// Who told it first; `None` if that was our operator.
    pub source: Option<Source>,
    /// Whether a link leads there now.
    pub connected: bool,
    /// When it was last dialled in this run.
    pub attempted: Option<Time>,
    /// When a peer last said hello there in this run.
    pub reached: Option<Time>,
    /// How often a peer said hello there.
    pub successes: u32,
    /// Failures in a row that are held against it.
    pub failures: u16,
    /// When it may be dialled again.
    pub retry: Time,
}

impl Entry {
    pub(super) const fn new(whose: Whose, heard: Time) -> Self {
        Self {
            addr: whose.addr,
            connected: false,
            named: false,
            counted: false,
            lone_word: whose.source.is_some(),
            group: whose.group,
            source: whose.source,
            slot: 0,
            aged_s: 0,
            heard,
            attempted: None,
            reached: None,
            successes: 0,
            backoff: Backoff::resumed(0),
        }
    }

    /// What decides its place.
    pub(super) const fn whose(&self) -> Whose {
        Whose { addr: self.addr, group: self.group, source: self.source }
    }

    /// Whether a rule of the draw is about it: it has a group, or a look-up told it.
    pub(super) const fn is_ruled(&self) -> bool {
        self.group.is_some() || matches!(self.source, Some(Source::Lookup(_)))
    }

    /// Whether we have a better reason for it than hearsay.
    pub(super) const fn is_trusted(&self) -> bool {
        self.named || self.successes > 0
    }

    /// Whether it keeps its place whatever it is worth.
    pub(super) const fn is_protected(&self) -> bool {
        self.connected || self.named
    }

    pub(super) fn is_free(&self, now: Time) -> bool {
        !self.connected && self.backoff.until() <= now
    }

    pub(super) fn is_worth_telling(&self, now: Time) -> bool {
        let known_good = self.successes > 0 || self.age(now) < HEARD_LATELY;
        self.connected || (known_good && self.backoff.failures() < TELL_FAILURES_MAX)
    }

    /// Whether another address may have its place in *new*. Only failures that are held against it count, so that none
    /// is for an outage of our own.
    pub(super) fn is_terrible(&self, now: Time) -> bool {
        let (failures, age) = (self.backoff.failures(), self.age(now));
        let failed = match self.successes {
            0 => failures >= TELL_FAILURES_MAX,
            _ => failures >= STALE_FAILURES && age > STALE,
        };
        !self.is_protected() && (failed || age > HORIZON)
    }

    /// How old the latest news of it is.
    pub(super) fn age(&self, now: Time) -> Duration {
        now.since(self.heard) + Duration::from_secs(self.aged_s.into())
    }

    pub(super) fn record(&self, now: Time) -> AddressRecord {
        AddressRecord {
            addr: self.addr,
            successes: self.successes,
            failures: self.backoff.failures(),
            source: self.source,
            age_s: u32::try_from(self.age(now).as_secs()).unwrap_or(u32::MAX),
        }
    }
}
