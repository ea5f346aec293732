//! Who is let into the pool, and who has to leave for it.
//!
//! A plan is made first, so that whoever is refused changes nothing. One transaction is judged, or a
//! parent and its child together; what they pay and their sizes are then added up.
//!
//! # Replacement
//! A transaction may replace those that claim one of its conflict keys, and their descendants with them,
//! if all of this holds (after Bitcoin's BIP 125, with the fee rate rule that Core added to it):
//! 1. it pays a higher fee rate than each of those that it conflicts with.
//!    *Rationale*: whoever orders transactions by fee rate must gain by it;
//! 2. it pays all that they and their descendants pay, and on top of that `fee_rate_step` for its own
//!    size. *Attack*: without it, one fee pays for relaying any number of transactions;
//! 3. it drives out at most `replaced_max` transactions, descendants included: this bounds the work;
//! 4. it doesn't descend from what it replaces.
//!
//! A parent and child that are judged together replace nobody. Whoever is refused for want of a fee is told which
//! transaction was first, and the least fee with which the same would replace it ([`Rival`]).
//!
//! # Room
//! Whoever has to leave must count for no more than the newcomer, which counts for what it pays or, if
//! that is less, what it and all its ancestors pay together. Its ancestors don't leave for it. Among those that pay
//! nothing whoever brought most makes room (`pool/shares.rs`).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Pool;
use super::family::Sum;
use crate::chain::{Inspection, Rejection, Rival, Sender};
use crate::ground::bringer::Bringer;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Item, ItemId};
use crate::ground::time::Time;
use crate::params::Params;
use crate::report::event::Departure;

/// It pays less than the minimum: together with a child it may be let in.
pub const FEE_TOO_LOW: Rejection = Rejection::policy("fee-too-low");

/// It claims what a pooled transaction claims, and doesn't pay for replacing that.
const CONFLICT: &str = "conflicts-with-pool";

/// Most rivals of a peer's transaction for which it is found out what would replace them all, where that isn't needed for the
/// judgement: each has up to `family_max` descendants. A guess: hardly anything honest has two. Our operator is always told.
const WEIGHED_MAX: usize = 4;

/// It pays less than all that would have to leave for it.
pub const POOL_FULL: Rejection = Rejection::policy("pool-full");

/// Who has to leave.
pub(super) struct Plan {
    replaced: Vec<ItemId>,
    evicted: Vec<ItemId>,
    /// The most that any of the evicted counted for.
    evicted_rate: FeeRate,
}

/// The transactions that ask to be let in together, and what is known of them.
struct Newcomers<'a> {
    all: &'a [(&'a Arc<Item>, &'a Inspection)],
    sum: Sum,
    bringer: Bringer,
    /// Their pooled ancestors.
    ancestors: Vec<ItemId>,
}

impl Newcomers<'_> {
    fn rate(&self) -> FeeRate {
        self.sum.rate()
    }
}

impl Pool {
    /// What it takes to let transactions in; nothing if they are there already.
    pub(super) fn plan(
        &self,
        newcomers: &[(&Arc<Item>, &Inspection)],
        bringer: Bringer,
        now: Time,
        params: &Params,
    ) -> Result<Option<Plan>, Rejection> {
        let new = self.introduce(newcomers, bringer, params.pool.family_max);
        if self.room_of(new.all.len(), new.sum) > params.memory.pool_max_bytes {
            return Err(Rejection::policy("larger-than-pool"));
        }
        if new.all.iter().any(|(item, _)| self.contains(item.id())) {
            return Ok(None);
        }
        if new.rate() < self.min_fee_rate(now, params) {
            return Err(FEE_TOO_LOW);
        }
        let replaced = self.replaced(&new, params)?;
        self.check_family(&new, &replaced, params)?;
        self.check_senders(&new, &replaced, params)?;
        let (evicted, evicted_rate) = self.evicted_for(&new, &replaced, params)?;
        Ok(Some(Plan { replaced, evicted, evicted_rate }))
    }

    /// Carries a plan out.
    pub(super) fn make_way(&mut self, plan: Plan, now: Time, params: &Params) {
        self.floor.settle(self.room, now, params);
        if !plan.replaced.is_empty() {
            self.remove_all(&plan.replaced, Departure::Replaced);
        }
        if !plan.evicted.is_empty() {
            self.evicted += plan.evicted.len() as u64;
            self.remove_all(&plan.evicted, Departure::Evicted);
            self.floor.raise(plan.evicted_rate, now, params);
        }
    }

    fn introduce<'a>(
        &self,
        all: &'a [(&'a Arc<Item>, &'a Inspection)],
        bringer: Bringer,
        family_max: usize,
    ) -> Newcomers<'a> {
        let sum = all.iter().map(|(item, inspection)| Sum::of(item, inspection)).sum();
        let mut parents = Vec::new();
        for (_, inspection) in all.iter().filter(|(_, it)| !it.parents.is_empty()) {
            parents.extend(self.pooled_parents(&inspection.parents, family_max));
        }
        // Too many are refused for that: no more is to be found out about them.
        let is_walked = (1..=family_max).contains(&parents.len());
        let ancestors = if is_walked { self.with_ancestors(&parents) } else { parents };
        Newcomers { all, sum, bringer, ancestors }
    }

    /// Who has to leave because of conflicts.
    fn replaced(&self, new: &Newcomers<'_>, params: &Params) -> Result<Vec<ItemId>, Rejection> {
        let mut direct: Vec<ItemId> = Vec::new();
        for key in new.all.iter().flat_map(|(_, inspection)| &inspection.spends) {
            if let Some(holder) = self.claims.get(key)
                && !direct.contains(holder)
            {
                direct.push(*holder);
            }
            if direct.len() > params.pool.replaced_max {
                return Err(Rejection::policy("replaces-too-many"));
            }
        }
        if direct.is_empty() {
            return Ok(direct);
        }
        let rates = direct.iter().filter_map(|id| Some((self.fee_rate(*id)?, *id)));
        let Some((highest, rival)) = rates.max() else { return Ok(direct) };
        let refused = |least_fee| Rejection::against(CONFLICT, Rival { id: rival, least_fee });
        if new.all.len() > 1 {
            return Err(refused(None));
        }
        let pays_more_than_each = new.rate() > highest;
        let is_weighed = direct.len() <= WEIGHED_MAX || new.bringer == Bringer::Own;
        if !pays_more_than_each && !is_weighed {
            return Err(refused(None));
        }
        let all = self.with_descendants(&direct);
        let hindrance = if all.len() > params.pool.replaced_max {
            Some("replaces-too-many")
        } else if new.ancestors.iter().any(|ancestor| all.contains(ancestor)) {
            Some("replaces-its-ancestor")
        } else {
            None
        };
        match hindrance {
            Some(rule) if pays_more_than_each => return Err(Rejection::policy(rule)),
            Some(_) => return Err(refused(None)),
            None => {}
        }
        let vbytes = new.sum.vbytes;
        let for_all = self.sum(&all).fee + params.pool.fee_rate_step.fee_for(vbytes);
        let for_rate = FeeRate(highest.0.saturating_add(1)).fee_for(vbytes);
        let least = for_all.max(for_rate);
        if new.sum.fee < least {
            return Err(refused(u64::try_from(least).ok()));
        }
        Ok(all)
    }

    fn check_family(
        &self,
        new: &Newcomers<'_>,
        replaced: &[ItemId],
        params: &Params,
    ) -> Result<(), Rejection> {
        let max = params.pool.family_max;
        if new.ancestors.len() + new.all.len() > max {
            return Err(Rejection::policy("too-many-ancestors"));
        }
        let below = self.descendants_to_be(new, replaced);
        if below.len() + new.all.len() > max {
            return Err(Rejection::policy("too-many-descendants"));
        }
        for ancestor in &new.ancestors {
            let mut descendants = self.with_descendants(&[*ancestor]);
            descendants.retain(|id| !replaced.contains(id) && !below.contains(id));
            if descendants.len() + below.len() + new.all.len() > max {
                return Err(Rejection::policy("too-many-descendants"));
            }
        }
        for descendant in &below {
            let mut ancestors = self.with_ancestors(&[*descendant]);
            ancestors.retain(|id| !new.ancestors.contains(id));
            if ancestors.len() + new.ancestors.len() + new.all.len() > max {
                return Err(Rejection::policy("too-many-ancestors"));
            }
        }
        Ok(())
    }

    /// What will descend from newcomers though it came before them.
    fn descendants_to_be(&self, new: &Newcomers<'_>, replaced: &[ItemId]) -> Vec<ItemId> {
        let mut children: Vec<ItemId> = Vec::new();
        for (item, inspection) in new.all {
            children.extend(self.spenders(inspection.referred(item), inspection.creates));
        }
        children.retain(|id| !replaced.contains(id));
        if children.is_empty() { children } else { self.with_descendants(&children) }
    }

    fn check_senders(
        &self,
        new: &Newcomers<'_>,
        replaced: &[ItemId],
        params: &Params,
    ) -> Result<(), Rejection> {
        let of = |sender: Sender, inspection: &Inspection, bytes| {
            if inspection.sender == Some(sender) { bytes } else { 0 }
        };
        for sender in new.all.iter().filter_map(|(_, inspection)| inspection.sender) {
            let held = self.senders.get(&sender).copied().unwrap_or(0);
            let freed: usize = replaced
                .iter()
                .filter_map(|id| self.items.get(id))
                .filter(|pooled| pooled.sender == Some(sender))
                .map(|pooled| pooled.item.size())
                .sum();
            let added: usize = new.all.iter().map(|(item, it)| of(sender, it, item.size())).sum();
            if held - freed + added > params.pool.sender_max_bytes {
                return Err(Rejection::policy("sender-holds-too-much"));
            }
        }
        Ok(())
    }

    /// What so many transactions take, of which this is the sum.
    const fn room_of(&self, count: usize, sum: Sum) -> usize {
        sum.bytes + count * self.entry_bytes
    }

    /// Who has to leave for want of room, besides the replaced, and the most that any of them counts for.
    fn evicted_for(
        &self,
        new: &Newcomers<'_>,
        replaced: &[ItemId],
        params: &Params,
    ) -> Result<(Vec<ItemId>, FeeRate), Rejection> {
        let room = self.room_of(new.all.len(), new.sum);
        let held = self.room - self.room_of(replaced.len(), self.sum(replaced)) + room;
        let mut excess = held.saturating_sub(params.memory.pool_max_bytes);
        if excess == 0 {
            return Ok((Vec::new(), FeeRate::ZERO));
        }
        let with_ancestors = [self.sum(&new.ancestors), new.sum].into_iter().sum::<Sum>();
        let worth = new.rate().min(with_ancestors.rate());
        let mut staying: BTreeSet<ItemId> = new.ancestors.iter().copied().collect();
        staying.extend(replaced);
        let (mut evicted, mut highest) = (Vec::new(), FeeRate::ZERO);
        for (id, pooled) in self.leaving(new.bringer, room) {
            if excess == 0 {
                break;
            }
            if staying.contains(&id) {
                continue; // an ancestor, or leaving already
            }
            if pooled.rate > worth {
                return Err(POOL_FULL);
            }
            highest = highest.max(pooled.rate);
            if pooled.family.is_none() {
                excess = excess.saturating_sub(pooled.item.size() + self.entry_bytes);
                evicted.push(id);
                continue;
            }
            for id in self.with_descendants(&[id]) {
                if staying.insert(id) {
                    excess = excess.saturating_sub(self.room_of(1, self.sum(&[id])));
                    evicted.push(id);
                }
            }
        }
        if excess > 0 { Err(POOL_FULL) } else { Ok((evicted, highest)) }
    }
}
