//! The orphanage: transactions whose parents haven't come yet.
//!
//! # Model
//! An orphan waits until all its parents are there. It has *announcers*: the links whose peers announced or
//! sent it. Its parents are asked from all of them (see [`crate::relay::request`]), which nobody else may have.
//!
//! # Rules
//! 1. **Shares.** Each announcer of an orphan pays for it, out of its own share: of bytes, a reserve for each
//!    link; of announcements, an equal part of `announcements_max`. A transaction with many parents counts
//!    for more, one more for each ten.
//! 2. **Bounds.** All orphans have at most as many bytes as all reserves, and at most `announcements_max`
//!    announcements. Over either, the link that exceeds its share most loses its oldest announcement, until
//!    both hold. An orphan leaves with its last announcer.
//!    *Consequence*: some link exceeds its share whenever a bound is exceeded, so whoever keeps within his
//!    loses nothing, whatever others do. (Bitcoin Core before 2025 evicted at random: one peer could empty it,
//!    and tell by that what others had sent: `TxProbe`, arXiv 1812.00942.)
//! 3. **Disconnects.** What nobody else announced leaves with its link.
//! 4. **Blocks.** What a block contains or conflicts with leaves.
//! 5. **Earlier runs.** What comes back after a restart has no announcers. It waits for them, or for its parents,
//!    until `expiry_s` is over, out of a share of its own, which is one more link's; over it the rest doesn't come
//!    back.
//! 6. **Our operator's.** A child that he submits while its parents are being checked waits out of that same share,
//!    whoever else announces it. When it has to leave for want of room or its age, that is told
//!    ([`Orphanage::take_forsaken`]).
//!
//! Whoever announces an orphan must be a live link: what a link pays for is found by its slot.
//!
//! # Work
//! Thousands may wait for one parent, or leave with one link. Children of a parent that came or was refused are handed
//! out one by one, to whoever counts them; and what those that left with a link wrote down of their parents is taken back
//! `TIDY_MAX` at a time.
//!
//! Rules and figures are those of Bitcoin Core's orphanage of 2025 (`node/txorphanage.h`).
//!
//! # Memory
//! Each announcement is an id in a link's list; each orphan its bytes, and about 200 more, and 32 for whatever it spends
//! and for each parent. With the defaults and 125 links that is at most 12.6 MB of transactions and 1 MB of bookkeeping.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::chain::{Confirmed, ConflictKey, Inspection};
use crate::ground::item::{Item, ItemId, Name};
use crate::ground::link::{Link, LinkTable};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::params::OrphanParams;

/// So many that left are tidied up after at once: half a millisecond's work if all had one parent. A guess.
const TIDY_MAX: usize = 128;

/// The waiting transactions of one node.
#[derive(Clone, Debug)]
pub struct Orphanage {
    orphans: Map<ItemId, Orphan>,
    /// Who waits for which parent, by the id that children use (a block may have a parent's hash); the oldest first, and
    /// some that left.
    children: Map<ItemId, VecDeque<ItemId>>,
    /// Those that left and are still listed as children.
    left: Vec<Orphan>,
    /// What each link that announced any pays for.
    shares: LinkTable<Share>,
    /// What no peer announced, and when that leaves.
    restored: Share,
    restored_until: Time,
    bytes: usize,
    score: usize,
    evicted: u64,
    /// Our operator's that had to leave.
    forsaken: Vec<Orphan>,
}

/// Who is to blame for a transaction's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The peer of a link, which may be gone.
    Peer(Link),
    /// Our operator submitted it.
    Operator,
    /// It was here in an earlier run.
    EarlierRun,
}

impl Origin {
    /// The link that it came by, if it came by one.
    #[must_use]
    pub const fn link(self) -> Option<Link> {
        match self {
            Self::Peer(link) => Some(link),
            Self::Operator | Self::EarlierRun => None,
        }
    }
}

/// A transaction that waits.
#[derive(Clone, Debug)]
pub struct Orphan {
    /// The transaction.
    pub item: Arc<Item>,
    /// What the chain says of it.
    pub inspection: Inspection,
    /// Where its bytes came from.
    pub origin: Origin,
    /// Links whose peers have it, in the order in which they said so; it may have none if no peer sent it.
    pub announcers: Vec<Link>,
    /// Parents that haven't come, by the ids that children use.
    pub missing: BTreeSet<ItemId>,
}

/// A child of a parent: taken out, or not.
pub type Released = Option<Orphan>;

/// What a link pays for.
#[derive(Clone, Debug, Default)]
struct Share {
    /// The oldest first.
    announced: Vec<ItemId>,
    bytes: usize,
    score: usize,
}

/// What an announcement costs.
#[derive(Clone, Copy, Debug)]
struct Cost {
    bytes: usize,
    /// How much work it may cause.
    score: usize,
}

impl Orphan {
    /// What each announcer of it pays.
    fn cost(&self) -> Cost {
        Cost { bytes: self.item.size(), score: 1 + self.inspection.parents.len() / 10 }
    }

    /// Who pays for it: each announcer, or else what is set aside.
    fn payers(&self) -> impl Iterator<Item = Option<Link>> {
        let nobody = self.announcers.is_empty().then_some(None);
        self.announcers.iter().copied().map(Some).chain(nobody)
    }
}

impl Orphanage {
    /// Empty.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Self {
            orphans: Map::new(salt),
            children: Map::new(salt),
            left: Vec::new(),
            shares: LinkTable::default(),
            restored: Share::default(),
            restored_until: Time::NEVER,
            bytes: 0,
            score: 0,
            evicted: 0,
            forsaken: Vec::new(),
        }
    }

    /// Takes in a transaction; nothing if nobody announced it, or it is there already.
    pub fn insert(&mut self, orphan: Orphan, params: &OrphanParams) {
        if !orphan.announcers.is_empty() {
            self.add(orphan);
            self.trim(params);
        }
    }

    /// Takes in a transaction that no peer sent, if there is room for it.
    pub fn restore(&mut self, orphan: Orphan, now: Time, params: &OrphanParams) {
        let cost = orphan.cost();
        let share = &self.restored;
        let fits = share.bytes + cost.bytes <= params.reserve_bytes
            && self.score + cost.score <= params.announcements_max;
        if fits && orphan.announcers.is_empty() {
            self.restored_until = now + params.expiry();
            self.add(orphan);
        }
    }

    fn add(&mut self, orphan: Orphan) {
        let id = orphan.item.id();
        if self.orphans.contains(&id) {
            return;
        }
        for parent in &orphan.missing {
            self.children.entry(*parent).or_default().push_back(id);
        }
        self.bytes += orphan.item.size();
        orphan.payers().for_each(|payer| self.charge(payer, id, orphan.cost()));
        self.orphans.insert(id, orphan);
    }

    /// A peer announced a transaction. If it waits here, says which parents it waits for; the peer may have
    /// them.
    pub fn on_announced(
        &mut self,
        link: Link,
        name: Name,
        params: &OrphanParams,
    ) -> Option<BTreeSet<ItemId>> {
        let orphan = self.orphans.get_mut(&name)?;
        let id = orphan.item.id();
        if orphan.announcers.contains(&link) {
            return Some(BTreeSet::new());
        }
        let (missing, cost) = (orphan.missing.clone(), orphan.cost());
        let is_first = orphan.announcers.is_empty();
        orphan.announcers.push(link);
        if is_first {
            self.discharge(None, id, cost);
        }
        self.charge(Some(link), id, cost);
        self.trim(params);
        Some(missing)
    }

    /// Time passed: what nobody announced leaves, `TIDY_MAX` at a time; the rest is due at once.
    pub fn on_wake(&mut self, now: Time) {
        self.tidy();
        for _ in 0..TIDY_MAX {
            if self.restored_until > now {
                return;
            }
            let Some(id) = self.restored.announced.last() else { return };
            self.forsake(*id);
        }
    }

    /// Those of our operator that had to leave, since this was last asked.
    pub fn take_forsaken(&mut self) -> Vec<Orphan> {
        std::mem::take(&mut self.forsaken)
    }

    /// When something leaves for its age, or has left and is to be tidied up after.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        match (self.left.is_empty(), self.restored.announced.is_empty()) {
            (false, _) => Time::ZERO,
            (true, false) => self.restored_until,
            (true, true) => Time::NEVER,
        }
    }

    /// A parent came, known to its children by this id: the next one of them, if it waited for nothing else, is taken out.
    /// To be called until no child is left.
    pub fn next_ready(&mut self, parent: ItemId) -> Option<Released> {
        let id = self.next_child(parent)?;
        let Some(orphan) = self.orphans.get_mut(&id) else { return Some(None) };
        orphan.missing.remove(&parent);
        let is_ready = orphan.missing.is_empty();
        Some(is_ready.then(|| self.remove(id)).flatten())
    }

    /// A parent was refused for good: takes out the next one that waited for it. To be called until no child is left.
    pub fn next_refused(&mut self, parent: ItemId) -> Option<Released> {
        let id = self.next_child(parent)?;
        if let Some(orphan) = self.orphans.get_mut(&id) {
            orphan.missing.remove(&parent); // it isn't listed any more
        }
        Some(self.remove(id))
    }

    fn next_child(&mut self, parent: ItemId) -> Option<ItemId> {
        let children = self.children.get_mut(&parent)?;
        let next = children.pop_front();
        if children.is_empty() {
            self.children.remove(&parent);
        }
        next
    }

    /// A link went down: what nobody else announced leaves.
    pub fn on_disconnected(&mut self, link: Link) {
        let Some(share) = self.shares.remove(link) else { return };
        self.score -= share.score;
        for id in share.announced {
            let Some(orphan) = self.orphans.get_mut(&id) else { continue };
            orphan.announcers.retain(|announcer| *announcer != link);
            if !orphan.announcers.is_empty() {
                continue;
            }
            if orphan.origin == Origin::Operator {
                let cost = orphan.cost();
                self.charge(None, id, cost);
            } else if let Some(orphan) = self.orphans.remove(&id) {
                self.bytes -= orphan.item.size();
                self.left.push(orphan);
            }
        }
        self.tidy();
    }

    /// Takes some of those that left off the lists of children.
    fn tidy(&mut self) {
        let first = self.left.len().saturating_sub(TIDY_MAX);
        for Orphan { item, missing, .. } in self.left.split_off(first) {
            let back = self.orphans.get(&item.id()).map(|orphan| orphan.missing.clone());
            let back = back.unwrap_or_default();
            missing.difference(&back).for_each(|parent| self.unlist(*parent, item.id()));
        }
        if self.left.is_empty() {
            self.left = Vec::new();
        }
    }

    /// A transaction doesn't wait for a parent any more.
    fn unlist(&mut self, parent: ItemId, id: ItemId) {
        let Some(children) = self.children.get_mut(&parent) else { return };
        children.retain(|child| *child != id);
        if children.is_empty() {
            self.children.remove(&parent);
        }
    }

    /// A block was accepted: what it contains or conflicts with leaves. Returns the parents that came, as far
    /// as somebody waits for them.
    pub fn on_block(&mut self, block: &[Confirmed]) -> Vec<ItemId> {
        let ids: BTreeSet<ItemId> = block.iter().flat_map(Confirmed::names).collect();
        let spent: BTreeSet<ConflictKey> =
            block.iter().flat_map(|confirmed| confirmed.spends.iter().copied()).collect();
        let listed = self.all_shares().flat_map(|(_, share)| share.announced.iter().copied());
        for id in listed.collect::<Vec<_>>() {
            let Some(orphan) = self.orphans.get(&id) else { continue };
            if ids.contains(&orphan.item.id())
                || orphan.inspection.spends.iter().any(|key| spent.contains(key))
            {
                self.remove(id);
            }
        }
        ids.into_iter().filter(|id| self.children.contains(id)).collect()
    }

    /// Whether a link announced any that waits here.
    #[must_use]
    pub fn is_announcer(&self, link: Link) -> bool {
        self.shares.get(link).is_some()
    }

    /// Whether some wait for a parent.
    #[must_use]
    pub fn has_children(&self, parent: ItemId) -> bool {
        self.children.contains(&parent)
    }

    /// Those that wait for a parent and nothing else, and were announced on a link.
    pub fn only_children(&self, parent: ItemId, link: Link) -> impl Iterator<Item = &Orphan> {
        let children = self.children.get(&parent).into_iter().flatten();
        children.filter_map(|id| self.orphans.get(id)).filter(move |orphan| {
            let is_alone = orphan.missing.len() == 1 && orphan.missing.contains(&parent);
            is_alone && orphan.announcers.contains(&link)
        })
    }

    /// Takes out a transaction.
    pub fn remove(&mut self, id: ItemId) -> Option<Orphan> {
        let orphan = self.orphans.remove(&id)?;
        self.bytes -= orphan.item.size();
        orphan.payers().for_each(|payer| self.discharge(payer, id, orphan.cost()));
        orphan.missing.iter().for_each(|parent| self.unlist(*parent, id));
        Some(orphan)
    }

    /// A transaction that waits.
    #[must_use]
    pub fn get(&self, id: impl Into<Name>) -> Option<&Orphan> {
        self.orphans.get(&id.into())
    }

    /// The ids of all that wait, some of them several times: once for each link that announced them.
    pub fn ids(&self) -> impl Iterator<Item = ItemId> {
        let shares = self.shares.iter().map(|(_, share)| share).chain([&self.restored]);
        shares.flat_map(|share| share.announced.iter().copied())
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orphans.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orphans.is_empty()
    }

    /// Bytes of all that wait.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What all announcements count for.
    #[must_use]
    pub const fn score(&self) -> usize {
        self.score
    }

    /// Most bytes that may wait now.
    #[must_use]
    pub fn max_bytes(&self, params: &OrphanParams) -> usize {
        params.reserve_bytes.saturating_mul(self.payers().max(1))
    }

    /// Announcements taken back for want of room, since this was last asked.
    pub const fn take_evicted(&mut self) -> u64 {
        std::mem::replace(&mut self.evicted, 0)
    }

    /// How many pay for something.
    fn payers(&self) -> usize {
        self.shares.len() + usize::from(!self.restored.announced.is_empty())
    }

    fn all_shares(&self) -> impl Iterator<Item = (Option<Link>, &Share)> {
        let links = self.shares.iter().map(|(link, share)| (Some(link), share));
        links.chain([(None, &self.restored)])
    }

    fn charge(&mut self, payer: Option<Link>, id: ItemId, cost: Cost) {
        let share = match payer {
            None => &mut self.restored,
            Some(link) => {
                if self.shares.get(link).is_none() {
                    let before = self.shares.insert(link, Share::default());
                    debug_assert!(before.is_none(), "{link} pays in the slot of a live link");
                }
                let Some(share) = self.shares.get_mut(link) else { return };
                share
            }
        };
        share.announced.push(id);
        share.bytes += cost.bytes;
        share.score += cost.score;
        self.score += cost.score;
    }

    fn discharge(&mut self, payer: Option<Link>, id: ItemId, cost: Cost) {
        let share = match payer {
            None => Some(&mut self.restored),
            Some(link) => self.shares.get_mut(link),
        };
        let Some(share) = share else { return };
        // From the end: a link that went down gives back its latest first.
        if let Some(place) = share.announced.iter().rposition(|announced| *announced == id) {
            share.announced.remove(place);
        }
        share.bytes -= cost.bytes;
        share.score -= cost.score;
        self.score -= cost.score;
        if share.announced.is_empty()
            && let Some(link) = payer
        {
            self.shares.remove(link);
        }
    }

    /// A payer doesn't pay for an orphan any more, which leaves with its last one.
    fn withdraw(&mut self, payer: Option<Link>, id: ItemId) {
        let Some(orphan) = self.orphans.get_mut(&id) else { return };
        let is_last = orphan.payers().eq([payer]);
        if is_last && (payer.is_none() || orphan.origin != Origin::Operator) {
            return self.forsake(id);
        }
        orphan.announcers.retain(|announcer| Some(*announcer) != payer);
        let cost = orphan.cost();
        self.discharge(payer, id, cost);
        if is_last {
            self.charge(None, id, cost);
        }
    }

    /// Lets a transaction go that nobody pays for any more.
    fn forsake(&mut self, id: ItemId) {
        let gone = self.remove(id);
        self.forsaken.extend(gone.filter(|orphan| orphan.origin == Origin::Operator));
    }

    /// Takes announcements back until both bounds hold. They shrink when a link has nothing here any more:
    /// to be called when something left.
    pub fn trim(&mut self, params: &OrphanParams) {
        while self.bytes > self.max_bytes(params) || self.score > params.announcements_max {
            let Some((payer, id)) = self.worst(params) else { return };
            self.withdraw(payer, id);
            self.evicted += 1;
        }
    }

    /// Who exceeds his share most, and his oldest announcement. Of equals the one in the lowest slot.
    fn worst(&self, params: &OrphanParams) -> Option<(Option<Link>, ItemId)> {
        let payers = self.payers() as u128;
        // Score and bytes as parts of what each may have, over a common denominator.
        let excess = |share: &Share| {
            let score = share.score as u128 * payers * params.reserve_bytes as u128;
            score.max(share.bytes as u128 * params.announcements_max as u128)
        };
        let mut worst: Option<(u128, Option<Link>, ItemId)> = None;
        for (payer, share) in self.all_shares() {
            let Some(oldest) = share.announced.first() else { continue };
            let excess = excess(share);
            if worst.is_none_or(|(most, ..)| excess > most) {
                worst = Some((excess, payer, *oldest));
            }
        }
        worst.map(|(_, payer, id)| (payer, id))
    }
}

#[cfg(test)]
mod tests;
