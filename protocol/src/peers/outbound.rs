//! The outbound set: links of our own choice, which refills itself.
//!
//! # Rules
//! 1. While links and dials under way are fewer than `peers.outbound` and `relay.reconcile_links` together, an address drawn uniformly from
//!    the book is dialled: one that is not connected, not being dialled, and not resting. *Rationale:*
//!    uniform choice makes the overlay a random graph, of logarithmic diameter, and what an attacker
//!    gets is its share of the book and no more.
//! 2. At most `peers.dialling_max` dials at once. When the driver has no room for one, no address is to
//!    blame and nothing is dialled for the first wait of the backoff.
//! 3. Up to [`SEEDS`] of the addresses that our operator named are dialled before any others, and again
//!    while the book holds little; the links are *seeds*. They count like others at first. Once the
//!    book holds [`ENOUGH`] addresses for each place the set is filled beside them, and they are given
//!    up when it stands. *Rationale:* whoever is let in to a seed late, because all its places were
//!    taken, leaves it as well.
//! 4. In fixed mode only the fixed addresses are dialled, all of them, for ever.
//!
//! Filling is tried again only when something changed or a rest is over, so that a node without any
//! free address doesn't walk its book at every event.

use rand::seq::IteratorRandom as _;

use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::machine::{Action, Cx};
use crate::params::Params;

use super::backoff::jittered;
use super::book::{Book, Choice};
use super::fixed::Fixed;

/// Most seed links at once. A guess: one may be dead or lying.
pub(super) const SEEDS: usize = 2;

/// How many addresses the book must hold for each outbound place before seeds are given up. A guess:
/// small, since a seed that is full keeps newcomers out for as long as those it let in know only one
/// another. For the same reason a seed should let in at least three times `peers.outbound`.
pub(super) const ENOUGH: usize = 2;

/// Most named addresses that may become seeds; more are ordinary entries of the book. A guess.
const NAMED_MAX: usize = 64;

/// Whom we dial, and when next.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    fixed: Option<Fixed>,
    named: Vec<Named>,
    dialling: Vec<PeerAddr>,
    /// Which of `dialling` are seeds.
    seeds_dialling: Vec<PeerAddr>,
    /// There is nothing to dial before, unless something changes.
    idle_until: Time,
    /// The driver has no room before, or nobody could be reached.
    busy_until: Time,
    deadline: Time,
}

/// An address that our operator named.
#[derive(Clone, Copy, Debug)]
struct Named {
    addr: PeerAddr,
    tried: bool,
}

/// The outbound links that are up, but for feelers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    /// All of them.
    pub(super) links: usize,
    /// Those that are seeds.
    pub(super) seeds: usize,
    /// Dials under way that are not for the set.
    pub(super) probing: usize,
}

impl Outbound {
    /// Nothing dialled yet; fixed mode if `fixed` names any address.
    pub(super) fn new(fixed: Vec<PeerAddr>) -> Self {
        let fixed = (!fixed.is_empty()).then(|| Fixed::new(fixed));
        Self {
            deadline: if fixed.is_some() { Time::ZERO } else { Time::NEVER },
            fixed,
            named: Vec::new(),
            dialling: Vec::new(),
            seeds_dialling: Vec::new(),
            idle_until: Time::ZERO,
            busy_until: Time::ZERO,
        }
    }

    /// The fixed addresses; `None` unless in fixed mode.
    pub(super) const fn fixed_mut(&mut self) -> Option<&mut Fixed> {
        self.fixed.as_mut()
    }

    /// Whether only fixed addresses are dialled.
    pub(super) const fn is_fixed_mode(&self) -> bool {
        self.fixed.is_some()
    }

    /// How many links of our choice are to be more than compared: all but `relay.reconcile_links`, and one at least.
    pub(super) fn relaying(&self, params: &Params) -> usize {
        match &self.fixed {
            Some(fixed) => fixed.len().saturating_sub(params.relay.reconcile_links).max(1),
            None => params.peers.outbound,
        }
    }

    /// Whether our operator wants a link to this address for ever.
    pub(super) fn is_fixed(&self, addr: PeerAddr) -> bool {
        self.fixed.as_ref().is_some_and(|fixed| fixed.contains(addr))
    }

    /// Has a named address tried before others.
    pub(super) fn try_first(&mut self, addr: PeerAddr) {
        if self.named.len() < NAMED_MAX && self.named.iter().all(|named| named.addr != addr) {
            self.named.push(Named { addr, tried: false });
        }
        self.nudge(Time::ZERO);
    }

    /// Something changed: an address may be free to dial from this moment.
    pub(super) fn nudge(&mut self, at: Time) {
        self.idle_until = self.idle_until.min(at);
    }

    /// Nothing is dialled for up to so long: the driver had no room for a dial, or there is nobody to reach.
    pub(super) fn pause(&mut self, wait_ms: u64, cx: &mut Cx<'_>) {
        self.busy_until = cx.now + jittered(wait_ms, cx.rng);
    }

    /// Somebody was reached: no pause is needed any more.
    pub(super) const fn resume(&mut self) {
        self.busy_until = Time::ZERO;
        self.idle_until = Time::ZERO;
    }

    /// Dials an address beside the set, if there is one and nothing else is being dialled.
    pub(super) fn probe(&mut self, book: &mut Book, cx: &mut Cx<'_>) -> Option<PeerAddr> {
        if self.fixed.is_some() || !self.dialling.is_empty() || self.busy_until > cx.now {
            return None;
        }
        match book.choose(&[], cx.now, cx.rng) {
            Choice::Dial(addr) => {
                self.dial(addr, book, cx);
                Some(addr)
            }
            Choice::NoneBefore(_) => None,
        }
    }

    fn dial(&mut self, addr: PeerAddr, book: &mut Book, cx: &mut Cx<'_>) {
        book.attempt(addr, cx.now);
        self.dialling.push(addr);
        cx.actions.push(Action::Dial { addr });
    }

    /// The dial of an address ended, one way or the other. Returns whether it was to be a seed.
    pub(super) fn dial_ended(&mut self, addr: PeerAddr) -> bool {
        // The address is free again, if not connected or resting now.
        self.nudge(Time::ZERO);
        self.dialling.retain(|dialled| *dialled != addr);
        let seeds = self.seeds_dialling.len();
        self.seeds_dialling.retain(|dialled| *dialled != addr);
        self.seeds_dialling.len() < seeds
    }

    /// How many dials are under way.
    pub(super) const fn dialling(&self) -> usize {
        self.dialling.len()
    }

    /// Whether the set is to be filled beside its seeds, which are given up then.
    pub(super) fn outgrows_seeds(&self, book: &Book, cx: &Cx<'_>) -> bool {
        self.fixed.is_none() && book.len() >= cx.params.outbound().saturating_mul(ENOUGH)
    }

    /// Dials until the set is full, as far as possible.
    pub(super) fn refill(&mut self, live: Live, book: &mut Book, cx: &mut Cx<'_>) {
        while self.wants_more(live, book, cx) {
            if self.dialling.len() >= cx.params.peers.dialling_max {
                // The end of a dial goes on from here.
                self.deadline = Time::NEVER;
                return;
            }
            let idle_until = self.idle_until.max(self.busy_until);
            if idle_until > cx.now {
                self.deadline = idle_until;
                return;
            }
            match self.choose(live, book, cx) {
                Choice::Dial(addr) => self.dial(addr, book, cx),
                Choice::NoneBefore(at) => self.idle_until = at,
            }
        }
        self.deadline = Time::NEVER;
    }

    /// When to refill next.
    pub(super) const fn deadline(&self) -> Time {
        self.deadline
    }

    /// Whether the set isn't full, and there was nobody to dial when last looked.
    pub(super) fn is_starving(&self, live: Live, book: &Book, cx: &Cx<'_>) -> bool {
        let at_a_loss = self.dialling.is_empty() && self.idle_until > cx.now;
        at_a_loss && self.fixed.is_none() && self.wants_more(live, book, cx)
    }

    fn wants_more(&self, live: Live, book: &Book, cx: &Cx<'_>) -> bool {
        if self.fixed.is_some() {
            return true;
        }
        let (mut links, mut dialling) = (live.links, self.dialling.len() - live.probing);
        if self.outgrows_seeds(book, cx) {
            links -= live.seeds;
            dialling -= self.seeds_dialling.len();
        }
        links + dialling < cx.params.outbound()
    }

    fn choose(&mut self, live: Live, book: &Book, cx: &mut Cx<'_>) -> Choice {
        if let Some(fixed) = &self.fixed {
            return fixed.choose(&self.dialling, cx.now);
        }
        if live.seeds + self.seeds_dialling.len() < SEEDS
            && let Some(addr) = self.choose_seed(book, cx)
        {
            self.seeds_dialling.push(addr);
            return Choice::Dial(addr);
        }
        book.choose(&self.dialling, cx.now, cx.rng)
    }

    /// A random named address that is worth dialling before others.
    fn choose_seed(&mut self, book: &Book, cx: &mut Cx<'_>) -> Option<PeerAddr> {
        let again = !self.outgrows_seeds(book, cx);
        let dialling = &self.dialling;
        let free = |named: &&mut Named| {
            let wanted = again || !named.tried;
            wanted && book.is_free(named.addr, cx.now) && !dialling.contains(&named.addr)
        };
        let named = self.named.iter_mut().filter(free).choose(cx.rng)?;
        named.tried = true;
        Some(named.addr)
    }
}
