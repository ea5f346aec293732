//! Anti-entropy: with whom a node compares what it keeps, and when; the safety net under every strategy.
//!
//! Strategies assume that what was sent arrives and that links stay; some leave a residue even so, and so do bounds
//! that are full. So two peers compare all transactions that they keep, whenever they came:
//! - **a link came up**: whoever dialled begins, with one newcomer after another, so that what the first one brings
//!   is there when the second is asked; but for two who both said in their hellos that they keep nothing;
//! - **something came** within the last `safety_recent_ms`: every `safety_pull_ms` a random peer;
//! - **there was more to say** than one answer holds, or a peer didn't ask for what it lacks: the same peer
//!   again, in turn with random ones;
//! - **nobody delivered** what was announced: another peer, a second later.
//!
//! A node that has heard of nothing for `safety_recent_ms`, and has nothing open with a peer, is silent. What it finds
//! missing is news, and keeps it and those around it talking (Demers et al. 1987, §1.5).
//!
//! # A comparison
//! The one tells the first cells of a [sketch](super::sketch) of everything, of which the other one sees that all is equal, or
//! what few ids differ; or it asks for as many cells as the difference takes, and then sees it ([`super::by_sketch`]). What the one
//! lacks is announced, what the other lacks is asked for, as if it had been. Nobody answers what is equal. Blocks need
//! none of this: the few of late are announced again.
//!
//! Where a sketch is no good they compare by spans: the one tells of everything a list if that is at most 16 ids, else the
//! sums of sixteen parts ([`crate::wire::digest`]). The other tells in the same way of each part whose sum is another at its end,
//! and so on, until there are only lists. A list counts as an announcement of what is in it, and is answered by announcements
//! of what isn't. So it is where almost all differs, where more does than a message of cells shows, where much of what
//! is kept isn't shown; and each eighth time, since the sums are salted and the cells are not.
//!
//! # What is compared
//! All that is pooled, but for what is not to be told on this link yet or any more:
//! - what waits for the budget of announcements, or in the link's queue, so that no question gets an answer before the
//!   trickle would have given it. A newcomer's queue has in it what may still wait in others'; beyond `FRESH` times the mean wait
//!   nothing does;
//! - what came within the last two seconds and the peer isn't known to have: it is probably on its way;
//! - what the peer was told of [in vain](super::vain), which is mostly what it refused;
//! - what pays less than either end takes.
//!
//! *What the peer is known to have isn't left out*: "known" includes what we sent it, and that may have been lost.
//!
//! # Cost
//! Equal nodes: some 60 to 80 bytes a round. For each transaction that one end lacks some 20 bytes, or 8 if they are all.
//! (By spans: a hundred.) Ids looked at are charged to whoever asks, see [`crate::limits::budget`].
//!
//! *Attack*: a peer that pretends to lack everything is told of each transaction seven times on a link, ever later. One that
//! skews its ids makes spans deep, at most 16 levels, and pays for each.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::by_sketch::FIRST;
use super::kept::{Kept, View};
use super::vain::Vain;
use crate::ground::fee::FeeRate;
use crate::ground::item::{ItemId, ShortId};
use crate::ground::link::{Link, LinkTable};
use crate::ground::time::Time;
use crate::items::recent::Recent;
use crate::machine::{Cx, Part};
use crate::params::RelayParams;

/// From one newcomer to the next, and before a round out of turn. A guess: some round trips.
pub const SETTLED: Duration = Duration::from_secs(1);

/// Younger items are probably on their way: above the time that most strategies take to reach everybody. Measured with `adaptive`, whose
/// `balanced` has 4 to 6 % fewer useless copies than with one second where latencies are chance, and is as fast.
pub const YOUNG: Duration = Duration::from_secs(2);

/// So many times the mean of the trickle after it came, a transaction waits in no queue any more: with an
/// exponential wait, once in 22,000 times it does.
const FRESH: u32 = 10;

/// Comparisons that the mean of their differences goes back to. A guess.
const DIFFER_WINDOW: u16 = 8;

/// More differences count as so many: a comparison begins with 68 cells at most, 0.8 kB, as a question for them takes. A guess.
const FIRST_MAX: u16 = 32;

/// Most blocks that are announced again. A guess.
const BLOCKS_MAX: usize = 16;

/// What a node compares with its peers, and when.
#[derive(Clone, Debug)]
pub struct AntiEntropy {
    /// All that is pooled and was let out. Bounded by the pool.
    kept: Kept,
    /// What may still wait in a queue.
    latest: Recent,
    blocks: VecDeque<(Time, ItemId)>,
    /// What peers were told in vain, of links on which there is such.
    vain: LinkTable<Box<Vain>>,
    /// Peers that we dialled and haven't compared with yet; and those with which there is more to do. Each
    /// link is once in either.
    newcomers: VecDeque<Link>,
    unfinished: VecDeque<Link>,
    /// When the next newcomer's turn is, at the earliest.
    greets_at: Time,
    /// When the next round is.
    next: Time,
    /// No round out of turn before.
    calm_until: Time,
    /// Until when rounds go on by themselves.
    news_until: Time,
    /// How many ids differed lately, times [`DIFFER_WINDOW`]: a mean that forgets.
    differ: u16,
    /// There was a gap: the next round takes place even if we have nothing to tell.
    asking: bool,
    /// Rounds go in turn to random peers and to those with whom there is more to do: whose turn it is.
    is_owed: bool,
}

impl Default for AntiEntropy {
    fn default() -> Self {
        Self {
            kept: Kept::default(),
            latest: Recent::default(),
            blocks: VecDeque::new(),
            vain: LinkTable::default(),
            newcomers: VecDeque::new(),
            unfinished: VecDeque::new(),
            greets_at: Time::ZERO,
            next: Time::NEVER,
            calm_until: Time::ZERO,
            news_until: Time::ZERO,
            differ: 0,
            asking: false,
            is_owed: false,
        }
    }
}

impl AntiEntropy {
    /// A transaction was accepted, and may be announced. What isn't news waits in nobody's queue, and newcomers aren't told
    /// of it.
    pub fn on_let_out(
        &mut self,
        (id, rate): (ItemId, FeeRate),
        is_news: bool,
        now: Time,
        params: &RelayParams,
        rng: &mut dyn Rng,
    ) {
        if params.safety_pull_ms > 0 {
            self.kept.insert(id.into(), rate);
            if is_news {
                self.latest.push(id, now, params);
            }
            self.on_news(now, params, rng);
        }
    }

    /// A block was accepted.
    pub fn on_block(&mut self, id: ItemId, now: Time, params: &RelayParams, rng: &mut dyn Rng) {
        if params.safety_pull_ms > 0 {
            self.blocks.truncate(BLOCKS_MAX - 1);
            self.blocks.push_front((now, id));
            self.on_news(now, params, rng);
        }
    }

    /// A transaction of an earlier run is back.
    pub fn on_restored(&mut self, (id, rate): (ItemId, FeeRate), params: &RelayParams) {
        if params.safety_pull_ms > 0 {
            self.kept.insert(id.into(), rate);
        }
    }

    /// A transaction left the pool.
    pub fn on_left(&mut self, id: impl Into<ShortId>) {
        self.kept.remove(id.into());
    }

    /// A link that we dialled is ready.
    pub fn on_newcomer(&mut self, link: Link, params: &RelayParams) {
        if params.safety_pull_ms > 0 {
            self.newcomers.push_back(link);
        }
    }

    /// There is more to say to a peer than one answer holds, or it can't be said now.
    pub fn on_unfinished(&mut self, link: Link, now: Time, params: &RelayParams) {
        if !self.unfinished.contains(&link) {
            self.unfinished.push_back(link);
        }
        self.next = self.next.min(now + interval(params) / 4);
    }

    /// A peer is being told of transactions that it lacks.
    pub fn on_told(
        &mut self,
        link: Link,
        ids: impl Iterator<Item = ShortId>,
        now: Time,
        params: &RelayParams,
    ) {
        let vain = self.vain_of(link);
        ids.for_each(|id| vain.on_told(id, 2 * interval(params), now));
    }

    /// A peer asked for a transaction. If a comparison told it, where one lacked it others may: that is news.
    pub fn on_taken(
        &mut self,
        link: Link,
        id: ShortId,
        now: Time,
        params: &RelayParams,
        rng: &mut dyn Rng,
    ) {
        if self.vain.get_mut(link).is_some_and(|vain| vain.on_asked(id, now)) {
            self.on_filled(link, now, params, rng);
        }
    }

    /// A peer lists a transaction: the same, though it may have had it long since.
    pub fn on_listed(
        &mut self,
        link: Link,
        id: ShortId,
        now: Time,
        params: &RelayParams,
        rng: &mut dyn Rng,
    ) {
        if self.on_announced(link, id) {
            self.on_filled(link, now, params, rng);
        }
    }

    /// A peer announced a transaction that is here. True if a comparison told it in vain.
    pub fn on_announced(&mut self, link: Link, id: ShortId) -> bool {
        self.vain.get_mut(link).is_some_and(|vain| vain.on_there(id))
    }

    /// Reads what an announcement of what is here will, see `node/warm.rs`.
    pub(crate) const fn warm(&self) -> u64 {
        self.vain.slots() as u64
    }

    /// Reads what a comparison will.
    pub(crate) fn warm_kept(&self) -> u64 {
        self.kept.warm()
    }

    fn on_filled(&mut self, link: Link, now: Time, params: &RelayParams, rng: &mut dyn Rng) {
        // It took all that it was told, and there is more: that needn't wait.
        let took_all = self.vain.get(link).is_some_and(|vain| vain.is_empty());
        if took_all && self.unfinished.contains(&link) {
            self.is_owed = true;
            self.next = self.next.min(now);
        }
        self.on_news(now, params, rng);
    }

    /// Whether a peer can't lack what it doesn't list: it was told of it and said that it has it.
    #[must_use]
    pub fn is_there(&self, link: Link, id: &ShortId) -> bool {
        self.vain.get(link).is_some_and(|vain| vain.is_there(id))
    }

    /// Nobody who announced an item delivered it. Somebody else is asked soon instead of with the next round, but
    /// only once in an interval, so that announcing items that don't exist at most doubles the cost.
    pub fn hurry(&mut self, now: Time, params: &RelayParams) {
        let soon = now + SETTLED;
        if params.safety_pull_ms > 0 && self.next > soon && now >= self.calm_until {
            self.next = soon;
            self.calm_until = now + interval(params);
            self.asking = true;
        }
    }

    /// The links on which a comparison is to begin now. `random`: any link that is ready.
    pub fn due(&mut self, random: Option<Link>, now: Time, params: &RelayParams) -> Vec<Link> {
        let mut due = Vec::new();
        if now >= self.greets_at
            && let Some(link) = self.newcomers.pop_front()
        {
            self.greets_at = now + SETTLED;
            due.push(link);
        }
        if now >= self.next {
            let has_news = std::mem::take(&mut self.asking) || now < self.news_until;
            let random = random.filter(|_| has_news);
            let link = match self.is_owed {
                true => self.business(now).or(random),
                false => random.or_else(|| self.business(now)),
            };
            self.is_owed = !self.is_owed;
            due.extend(link.filter(|link| !due.contains(link)));
            self.forget(now, params);
            self.next = self.next_round(now, params);
        }
        for link in &due {
            if let Some(vain) = self.vain.get_mut(*link) {
                vain.on_compared(now);
            }
        }
        due
    }

    /// What is shown to a peer. `waits`: what waits in its queue, as long as that is a trickle's. Of what isn't `known` to it, what
    /// came within some time isn't shown either. `least`: what both of us take.
    pub fn view(
        &self,
        link: Link,
        waits: impl Iterator<Item = ItemId>,
        (within, known): (Duration, &dyn Fn(&ItemId) -> bool),
        least: FeeRate,
        now: Time,
    ) -> View<'_> {
        let young = self.latest.iter().rev().take_while(|(at, _)| now.since(*at) < within);
        let untold = young.map(|(_, id)| *id).chain(waits).filter(|id| !known(id));
        let vain = self.vain.get(link).into_iter().flat_map(|vain| vain.left_out(now));
        View::new(&self.kept, untold.map(ShortId::from).chain(vain).collect(), least)
    }

    /// The transactions of which peers may not have been told yet, though it is time that a newcomer is.
    pub fn fresh(&self, now: Time, params: &RelayParams) -> impl Iterator<Item = ItemId> {
        let fresh = fresh(params);
        let latest = self.latest.iter().rev().take_while(move |(at, _)| now.since(*at) < fresh);
        latest.map(|(_, id)| *id)
    }

    /// Whether nothing is kept but what newcomers hear of anyway, so that two of whom this is true need not compare.
    /// (What came within that time doesn't count: else a hello would tell a stranger of it.)
    #[must_use]
    pub fn keeps_nothing(&self, now: Time, params: &RelayParams) -> bool {
        self.kept.len() <= self.fresh(now, params).count()
    }

    /// The blocks of late, in the order in which they came.
    pub fn blocks(&self, now: Time, params: &RelayParams) -> Vec<ItemId> {
        let lately = self.blocks.iter().rev().filter(|(at, _)| now.since(*at) <= recent(params));
        lately.map(|(_, id)| *id).collect()
    }

    /// A comparison showed so many differences.
    pub fn on_compared(&mut self, differences: usize) {
        let found = u16::try_from(differences).unwrap_or(u16::MAX).min(FIRST_MAX);
        self.differ -= self.differ / DIFFER_WINDOW;
        self.differ += found;
    }

    /// With how many cells a comparison begins: as many as mostly show all of it at once, if it is little.
    #[must_use]
    pub const fn first_cells(&self) -> usize {
        let mean = (self.differ / DIFFER_WINDOW) as usize;
        FIRST + if mean > 1 { 2 * mean } else { 0 }
    }

    /// How many transactions are compared.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is nothing to compare.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn on_news(&mut self, now: Time, params: &RelayParams, rng: &mut dyn Rng) {
        self.news_until = now + recent(params);
        if self.next == Time::NEVER {
            // From a random moment on, so that not all who heard of an item together speak together.
            let phase = interval(params).mul_f64(rng.random());
            self.next = now + SETTLED + phase;
        }
    }

    fn vain_of(&mut self, link: Link) -> &mut Vain {
        if self.vain.get(link).is_none() {
            self.vain.insert(link, Box::default());
        }
        self.vain.get_mut(link).expect("it was just inserted")
    }

    /// A peer with whom there is more to do: to go on, or to tell it again what it was told in vain.
    fn business(&mut self, now: Time) -> Option<Link> {
        self.unfinished.pop_front().or_else(|| {
            self.vain.iter().find(|(_, vain)| vain.retry_at() <= now).map(|(link, _)| link)
        })
    }

    fn next_round(&self, now: Time, params: &RelayParams) -> Time {
        let next = now + interval(params);
        if !self.unfinished.is_empty() || now < self.news_until {
            return next;
        }
        let retries = self.vain.iter().map(|(_, vain)| vain.retry_at());
        retries.min().map_or(Time::NEVER, |retry| retry.max(next))
    }

    fn forget(&mut self, now: Time, params: &RelayParams) {
        let fresh = fresh(params);
        self.latest.forget_while(|at, _| now.since(at) > fresh);
        self.blocks.retain(|(at, _)| now.since(*at) <= recent(params));
    }
}

const fn interval(params: &RelayParams) -> Duration {
    Duration::from_millis(params.safety_pull_ms)
}

const fn recent(params: &RelayParams) -> Duration {
    Duration::from_millis(params.safety_recent_ms)
}

/// For how long a transaction may wait in a queue for its time to come: what waits longer waits for room.
#[must_use]
pub fn fresh(params: &RelayParams) -> Duration {
    let trickle = params.trickle_outbound().max(params.trickle_inbound());
    (FRESH * trickle).max(Duration::from_millis(params.batch_ms)).max(SETTLED)
}

impl Part for AntiEntropy {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.newcomers.retain(|other| *other != link);
        self.unfinished.retain(|other| *other != link);
        self.vain.remove(link);
    }

    fn deadline(&self) -> Time {
        if self.newcomers.is_empty() { self.next } else { self.next.min(self.greets_at) }
    }

    fn keeps(&self, link: Link) -> bool {
        let is_open = self.newcomers.contains(&link) || self.unfinished.contains(&link);
        is_open || self.vain.get(link).is_some()
    }
}

#[cfg(test)]
mod tests;
