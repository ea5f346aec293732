//! Whose fault a failed dial is: the address's, or our own network's.
//!
//! # Why
//! A laptop that is closed, a cable that is pulled, a provider that is down: every dial fails, and none of the
//! addresses is to blame. A node that blames them forgets its book within minutes, tells nobody of what is left, saves
//! it so, and dials again only after waits that grew while nobody could have answered.
//!
//! # Rules
//! 1. **A failure is blamed on its address only once a peer shows that we are on the network, later than it**: one says hello
//!    or answers a ping. Until then the address is a *suspect*, and if the last link goes before that, it is excused. *Why:*
//!    links die only after a while, and until then they look as if all were well. A link to this machine or site
//!    says nothing about the rest of the world, and so excuses nobody nearer.
//! 2. **... and once for each sign of life**, since an address is a suspect once or not at all.
//!    (Bitcoin Core has both rules, but for the wait: `AddrManImpl::Attempt_` in `addrman.cpp` compares with `m_last_good`, and
//!    `ThreadOpenConnections` counts failures only beside two links.)
//! 3. **Nobody is to blame where we have no way to go** (no route, no address of that family), and where everybody
//!    is of another network while no link is ready: a node with the wrong network file would else lose its book.
//! 4. **What isn't blamed is excused**: the address rests all the same, and longer each time, but is neither forgotten
//!    nor kept from others, nor is it saved as failing. When a first link stands again, the rests of excused
//!    addresses are over: of those that are known to be good at once, of hearsay at most once in
//!    [`HEARSAY_MAX_MS`].
//! 5. **Being alone is noticed soon and costs little**: while no link is ready, addresses that our operator named or
//!    that were reached before rest for at most [`ALONE_MAX_MS`]; and after [`ROW`] failures in a row nothing is
//!    dialled for a while, which doubles with every further [`ROUND`] up to [`PAUSE_MAX_MS`].
//!
//! *Attack:* an address of hearsay isn't dialled more often for being excused: its rests grow to
//! [`HEARSAY_MAX_MS`], and whoever is a lone node's only peer, and comes and goes, ends them no sooner. Whoever is our only peer can have us blame others, as he can by telling nothing but dead addresses.

use std::time::Duration;

use crate::ground::peer::PeerAddr;
use crate::ground::reach::{Origin, Reach};
use crate::ground::time::Time;
use crate::params::PeerParams;

/// Longest rest of an address that is known to be good while no link is ready, milliseconds: how late we may be to
/// notice that we are back. A guess.
pub(super) const ALONE_MAX_MS: u64 = 30_000;

/// Longest rest of an address of hearsay that is excused, milliseconds. A guess: it may be a victim's, which would be
/// dialled as often by each node that is alone.
pub(super) const HEARSAY_MAX_MS: u64 = 3_600_000;

/// So many dials in a row may fail, while no link is ready, before dialling is slowed. A guess: two rounds of the
/// default set.
const ROW: u32 = 16;

/// Failures that double the pause. A guess: as many dials as are under way at once by default.
const ROUND: u32 = 8;

/// Longest pause between rounds of dials while no link is ready, milliseconds. A guess.
const PAUSE_MAX_MS: u64 = 5_000;

/// Most suspects; over it the oldest is excused. A guess: more than a node dials from one ping to the next while all is well.
const SUSPECTS_MAX: usize = 64;

/// What tells an address's failures from our own.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    /// When a peer was last heard, and when one that isn't near.
    heard: [Time; 2],
    /// Made when it is needed.
    suspects: Option<Box<Suspects>>,
    /// Dials that failed in a row while no link was ready.
    row: u32,
    /// When hearsay was last forgiven.
    forgave: Time,
}

/// Addresses that weren't reached, and when; the oldest first.
#[derive(Clone, Debug, Default)]
struct Suspects(Vec<(PeerAddr, Time)>);

/// For which addresses a peer, or an absence of peers, says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those of this machine, link and site.
    Near,
    /// All.
    World,
}

impl Scope {
    /// For which addresses a peer at `origin` is a witness. One whose place isn't known is one for all.
    pub(super) const fn of(origin: Origin) -> Self {
        if origin.is_near() { Self::Near } else { Self::World }
    }

    /// Which witnesses an address needs.
    pub(super) fn of_address(addr: PeerAddr) -> Self {
        match Reach::of(addr.ip) {
            Some(Reach::Host | Reach::Link | Reach::Site) => Self::Near,
            Some(Reach::World) | None => Self::World,
        }
    }
}

impl Outage {
    /// Nobody was heard yet.
    pub(super) const fn new() -> Self {
        Self { heard: [Time::ZERO; 2], suspects: None, row: 0, forgave: Time::ZERO }
    }

    /// An address wasn't reached while links were ready.
    pub(super) fn suspect(&mut self, addr: PeerAddr, now: Time) {
        let Suspects(all) = &mut **self.suspects.get_or_insert_default();
        if all.iter().any(|(other, _)| *other == addr) {
            return;
        }
        if all.len() == SUSPECTS_MAX {
            all.remove(0);
        }
        all.push((addr, now));
    }

    /// Takes out the suspects that are to blame. Those without a witness are excused, if there is none any more.
    pub(super) fn judge(&mut self, is_alone: impl Fn(Scope) -> bool) -> Vec<PeerAddr> {
        let Some(suspects) = &mut self.suspects else { return Vec::new() };
        let (heard, mut blamed) = (self.heard, Vec::new());
        suspects.0.retain(|(addr, at)| {
            let scope = Scope::of_address(*addr);
            if heard[scope as usize] > *at {
                blamed.push(*addr);
                return false;
            }
            !is_alone(scope)
        });
        if suspects.0.is_empty() {
            self.suspects = None;
        }
        blamed
    }

    /// A peer gave a sign of life.
    pub(super) const fn hear(&mut self, of: Scope, now: Time) {
        self.heard[Scope::Near as usize] = now;
        if matches!(of, Scope::World) {
            self.heard[Scope::World as usize] = now;
        }
        self.row = 0;
    }

    /// An outage ends: whether hearsay is forgiven, too.
    pub(super) fn end(&mut self, now: Time) -> bool {
        let forgives = now.since(self.forgave) >= Duration::from_millis(HEARSAY_MAX_MS);
        if forgives {
            self.forgave = now;
        }
        forgives
    }

    /// A dial failed while no link was ready. Returns for how long to dial nobody, milliseconds, if at all.
    pub(super) fn fail_alone(&mut self, params: &PeerParams) -> Option<u64> {
        self.row = self.row.saturating_add(1);
        let doublings = self.row.checked_sub(ROW)? / ROUND;
        Some(params.retry_min_ms.saturating_mul(1 << doublings.min(63)).min(PAUSE_MAX_MS))
    }
}
