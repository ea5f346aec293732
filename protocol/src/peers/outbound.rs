//! The outbound set: links of our own choice, which refills itself.
//!
//! # Rules
//! 1. While links and dials under way are fewer than `peers.outbound` and `relay.reconcile_links` together, an address drawn from
//!    the book is dialled (`book/choice.rs`): one that is not connected, not being dialled, and not resting, of a group that
//!    has no link yet. *Rationale:* uniform choice makes the overlay a random graph, of logarithmic diameter, and what an
//!    attacker gets is its share of the groups and no more.
//! 2. At most `peers.dialling_max` dials at once. When the driver has no room for one, no address is to
//!    blame and nothing is dialled for the first wait of the backoff.
//! 3. Up to [`SEEDS`] of the addresses that our operator named are dialled before any others, and again
//!    while the book holds little; the links are *seeds*. They count like others at first. Once the
//!    book holds [`ENOUGH`] addresses for each place the set is filled beside them, and they are given
//!    up when it stands. *Rationale:* whoever is let in to a seed late, because all its places were
//!    taken, leaves it as well.
//!    Whom our operator bans isn't dialled, and leaves the book when it would be.
//! 4. In fixed mode only the fixed addresses are dialled, all of them, for ever.
//! 5. If nothing is left to dial but what one source alone told, and a quarter of the links is what that source told,
//!    nothing is dialled for [`HEAR_OTHERS`]: those that were dialled first are being asked what they know. *Rationale:* a
//!    seed that answers first would otherwise choose all links of a new node. *Attack:* a seed that is all that the node
//!    knows names peers of its own, who confirm one another: against that helps only a second seed. A name that was looked up
//!    is such a source, too, and each name is another one.
//! 6. Anchors are dialled before all others, and beside the set (`anchors.rs`); then whoever was at the other end of a link
//!    that broke (`lost.rs`).
//!
//! Filling is tried again only when something changed or a rest is over, so that a node without any
//! free address doesn't walk its book at every event.

use std::time::Duration;

use rand::seq::IteratorRandom as _;

use crate::ground::peer::{BookRecord, PeerAddr, Source};
use crate::ground::time::Time;
use crate::machine::{Action, Cx};
use crate::params::Params;

use super::anchors::Anchors;
use super::backoff::jittered;
use super::bans::Bans;
use super::book::{Book, Choice, Wish};
use super::fixed::Fixed;
use super::lost::Lost;
use super::table::{Place, Table};

/// Most seed links at once. A guess: one may be dead or lying.
pub(super) const SEEDS: usize = 2;

/// How many addresses the book must hold for each outbound place before seeds are given up. A guess:
/// small, since a seed that is full keeps newcomers out for as long as those it let in know only one
/// another. For the same reason a seed should let in at least three times `peers.outbound`.
pub(super) const ENOUGH: usize = 2;

/// Most named addresses that may become seeds; more are ordinary entries of the book. A guess.
const NAMED_MAX: usize = 64;

/// How long a node that knows nothing but what one source told waits for others to tell something. A guess: a few round
/// trips, in which those that it dialled first say what they know.
pub(super) const HEAR_OTHERS: Duration = Duration::from_secs(3);

/// One part of the links in so many may lead where one source alone sent us.
const LONE_WORD_PART: usize = 4;

/// Whom we dial, and when next.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    fixed: Option<Fixed>,
    named: Vec<Named>,
    dialling: Vec<PeerAddr>,
    /// There is nothing to dial before, unless something changes.
    idle_until: Time,
    /// The driver has no room before, or nobody could be reached.
    busy_until: Time,
    /// What one source alone told isn't dialled before; [`Time::NEVER`] if there was no need to wait.
    heard_out_at: Time,
    anchors: Anchors,
    lost: Lost,
    deadline: Time,
}

/// An address that our operator named.
#[derive(Clone, Copy, Debug)]
struct Named {
    addr: PeerAddr,
    tried: bool,
    /// It is being dialled, to be a seed.
    is_dialled: bool,
}

/// The outbound links that are up, but for feelers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live<'a> {
    /// Whom our operator keeps out.
    pub(super) bans: &'a Bans,
    /// All links, also those that aren't outbound.
    pub(super) table: &'a Table,
    /// How many are.
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
            idle_until: Time::ZERO,
            busy_until: Time::ZERO,
            heard_out_at: Time::NEVER,
            anchors: Anchors::default(),
            lost: Lost::new(),
        }
    }

    /// Takes up what an earlier run kept beside the book.
    pub(super) fn import(&mut self, kept: &BookRecord, now: Time) {
        if self.fixed.is_none() {
            self.anchors.import(&kept.anchors, now);
        }
        self.nudge(now);
    }

    /// The addresses of long-standing links.
    pub(super) const fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// The same, to change.
    pub(super) fn anchors_mut(&mut self) -> &mut Anchors {
        &mut self.anchors
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

    /// A link of the set to this address broke.
    pub(super) fn on_lost(&mut self, addr: PeerAddr) {
        if self.fixed.is_none() {
            self.lost.push(addr);
        }
    }

    /// Has a named address tried before others.
    pub(super) fn try_first(&mut self, addr: PeerAddr) {
        if self.named.len() < NAMED_MAX && self.named.iter().all(|named| named.addr != addr) {
            self.named.push(Named { addr, tried: false, is_dialled: false });
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
    /// One that is to try what nobody reached (`feels`) tries first whoever has a place that another one waits for.
    pub(super) fn probe(
        &mut self,
        table: &Table,
        book: &mut Book,
        (bans, feels): (&Bans, bool),
        cx: &mut Cx<'_>,
    ) -> Option<PeerAddr> {
        if self.fixed.is_some() || !self.dialling.is_empty() || self.busy_until > cx.now {
            return None;
        }
        let groups = self.groups(table, book);
        let wish = Wish { groups: &groups, feels, ..Wish::default() };
        let to_test = book.to_test(cx.now).filter(|_| feels);
        let addr = to_test.or_else(|| match book.choose(&wish, cx.now, cx.rng) {
            Choice::Dial(addr) | Choice::LoneWord(addr) => Some(addr),
            Choice::NoneBefore(_) => None,
        })?;
        if bans.keep_out(None, Some(addr.ip), cx.now) {
            book.shun(addr, cx.now);
            return None;
        }
        self.dial(addr, book, cx);
        Some(addr)
    }

    /// The groups that links of our choice and dials lead to. Small: there is one for each.
    fn groups(&self, table: &Table, book: &Book) -> Vec<u32> {
        if !book.has_groups() {
            return Vec::new();
        }
        let addrs = self.dialling.iter().copied().chain(chosen(table));
        addrs.filter_map(|addr| book.group_of(addr)).collect()
    }

    /// The sources that told enough of our links.
    fn spent(&self, table: &Table, book: &Book, cx: &Cx<'_>) -> Vec<Source> {
        if !book.has_groups() {
            return Vec::new();
        }
        let most = (cx.params.outbound() / LONE_WORD_PART).max(1);
        let addrs = self.dialling.iter().copied().chain(chosen(table));
        let mut sources: Vec<_> = addrs.filter_map(|addr| book.lone_word(addr)).collect();
        sources.sort_unstable();
        let of_each = sources.chunk_by(|a, b| a == b);
        of_each.filter(|links| links.len() >= most).filter_map(<[_]>::first).copied().collect()
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
        let seed = self.named.iter_mut().find(|named| named.addr == addr);
        seed.is_some_and(|named| std::mem::take(&mut named.is_dialled))
    }

    /// How many dials are under way.
    pub(super) const fn dialling(&self) -> usize {
        self.dialling.len()
    }

    /// How many of them are to be seeds.
    fn seeds_dialling(&self) -> usize {
        self.named.iter().filter(|named| named.is_dialled).count()
    }

    /// Whether the set is to be filled beside its seeds, which are given up then.
    pub(super) fn outgrows_seeds(&self, book: &Book, cx: &Cx<'_>) -> bool {
        self.fixed.is_none() && book.len() >= cx.params.outbound().saturating_mul(ENOUGH)
    }

    /// Dials until the set is full, as far as possible.
    pub(super) fn refill(&mut self, live: Live<'_>, book: &mut Book, cx: &mut Cx<'_>) {
        while let missing = self.missing(live, book, cx)
            && missing > 0
        {
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
            match self.choose(live, missing, book, cx) {
                Choice::Dial(addr) | Choice::LoneWord(addr)
                    if live.bans.keep_out(None, Some(addr.ip), cx.now) =>
                {
                    self.pass_by(addr, book, cx);
                }
                Choice::Dial(addr) | Choice::LoneWord(addr) => self.dial(addr, book, cx),
                Choice::NoneBefore(at) => self.idle_until = at,
            }
        }
        self.deadline = Time::NEVER;
    }

    /// An address was chosen where our operator wants no link.
    fn pass_by(&mut self, addr: PeerAddr, book: &mut Book, cx: &mut Cx<'_>) {
        let seeds = self.named.iter_mut().filter(|named| named.addr == addr);
        seeds.for_each(|named| named.is_dialled = false);
        match &mut self.fixed {
            Some(fixed) => drop(fixed.fail(addr, cx)),
            None => book.shun(addr, cx.now),
        }
    }

    /// When to refill next.
    pub(super) const fn deadline(&self) -> Time {
        self.deadline
    }

    /// Whether the set isn't full, and there was nobody to dial when last looked.
    pub(super) fn is_starving(&self, live: Live<'_>, book: &Book, cx: &Cx<'_>) -> bool {
        let at_a_loss = self.dialling.is_empty() && self.idle_until > cx.now;
        at_a_loss && self.fixed.is_none() && self.missing(live, book, cx) > 0
    }

    /// How many more links or dials there are to be.
    fn missing(&self, live: Live<'_>, book: &Book, cx: &Cx<'_>) -> usize {
        if self.fixed.is_some() {
            return usize::MAX;
        }
        let (mut links, mut dialling) = (live.links, self.dialling.len() - live.probing);
        if self.outgrows_seeds(book, cx) {
            links -= live.seeds;
            dialling -= self.seeds_dialling();
        }
        let wanted = cx.params.outbound() + self.anchors.beside(&self.dialling, book, cx.now);
        wanted.saturating_sub(links + dialling)
    }

    fn choose(&mut self, live: Live<'_>, missing: usize, book: &Book, cx: &mut Cx<'_>) -> Choice {
        if let Some(fixed) = &self.fixed {
            return fixed.choose(&self.dialling, cx.now);
        }
        if live.seeds + self.seeds_dialling() < SEEDS
            && let Some(addr) = self.choose_seed(book, cx)
        {
            return Choice::Dial(addr);
        }
        if let Some(addr) = self.anchors.take(&self.dialling, book, cx.now) {
            return Choice::Dial(addr);
        }
        let (groups, spent) = (self.groups(live.table, book), self.spent(live.table, book, cx));
        let busy = (&*self.dialling, &*groups);
        match self.lost.take(busy, missing, book, cx.now, &cx.params.peers) {
            Ok(Some(addr)) => return Choice::Dial(addr),
            Ok(None) => {}
            Err(until) => return Choice::NoneBefore(until),
        }
        let wish = Wish { busy: &self.dialling, groups: &groups, spent: &spent, feels: false };
        let choice = book.choose(&wish, cx.now, cx.rng);
        self.hear_others(choice, cx.now)
    }

    /// What one source alone told waits for a while (rule 5).
    fn hear_others(&mut self, choice: Choice, now: Time) -> Choice {
        match choice {
            Choice::LoneWord(_) if self.heard_out_at == Time::NEVER => {
                self.heard_out_at = now + HEAR_OTHERS;
                Choice::NoneBefore(self.heard_out_at)
            }
            Choice::LoneWord(_) if self.heard_out_at > now => Choice::NoneBefore(self.heard_out_at),
            Choice::Dial(_) => {
                self.heard_out_at = Time::NEVER;
                choice
            }
            Choice::LoneWord(_) | Choice::NoneBefore(_) => choice,
        }
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
        (named.tried, named.is_dialled) = (true, true);
        Some(named.addr)
    }
}

/// Where the links of our own choice lead.
fn chosen(table: &Table) -> impl Iterator<Item = PeerAddr> {
    let chosen = table.iter().filter(|(_, peer)| peer.place != Place::Inbound);
    chosen.filter_map(|(_, peer)| peer.dialled)
}
