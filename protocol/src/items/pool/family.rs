//! Relatives in the pool: parents, children, and what a transaction counts for because of them.
//!
//! Only pooled parents count. All walks are bounded by `family_max`, which limits ancestors and
//! descendants when a transaction comes in.
//!
//! A child may come before its parent: after a reorganisation, or where the rules have no ledger. It is found by what
//! it spends.

use std::iter;

use super::{Pool, Pooled};
use crate::chain::{ConflictKey, Inspection};
use crate::ground::fee::FeeRate;
use crate::ground::item::{Item, ItemId};

/// Relatives of one transaction, all of them pooled.
#[derive(Clone, Debug, Default)]
pub(super) struct Family {
    pub(super) parents: Vec<ItemId>,
    pub(super) children: Vec<ItemId>,
}

/// What transactions pay together, what they take, and what of that counts.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) fee: u128,
    pub(super) bytes: usize,
    /// The size by which fee rates go.
    pub(super) vbytes: usize,
}

impl Sum {
    pub(super) fn of(item: &Item, inspection: &Inspection) -> Self {
        let (fee, vbytes) = (inspection.fee().into(), inspection.vbytes(item));
        Self { fee, bytes: item.size(), vbytes }
    }

    pub(super) fn rate(self) -> FeeRate {
        FeeRate::of(self.fee, self.vbytes)
    }
}

impl iter::Sum for Sum {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            fee: sum.fee + one.fee,
            bytes: sum.bytes + one.bytes,
            vbytes: sum.vbytes + one.vbytes,
        })
    }
}

impl Pooled {
    fn sum(&self) -> Sum {
        Sum { fee: self.fee.into(), bytes: self.item.size(), vbytes: self.vbytes as usize }
    }

    pub(super) fn parents(&self) -> &[ItemId] {
        self.family.as_ref().map_or(&[], |family| &family.parents)
    }

    pub(super) fn children(&self) -> &[ItemId] {
        self.family.as_ref().map_or(&[], |family| &family.children)
    }

    fn family_mut(&mut self) -> &mut Family {
        self.family.get_or_insert_default()
    }

    fn forget(&mut self, relatives: &[ItemId]) {
        let Some(family) = &mut self.family else { return };
        family.parents.retain(|id| !relatives.contains(id));
        family.children.retain(|id| !relatives.contains(id));
        if family.parents.is_empty() && family.children.is_empty() {
            self.family = None;
        }
    }
}

impl Pool {
    /// Those of some parents that are pooled; no more than one more than `max` of them.
    pub(super) fn pooled_parents(&self, parents: &[ItemId], max: usize) -> Vec<ItemId> {
        let mut pooled: Vec<ItemId> = Vec::new();
        for item in parents.iter().filter_map(|id| self.find_referred(*id)) {
            if !pooled.contains(&item.id()) {
                pooled.push(item.id());
            }
            if pooled.len() > max {
                break;
            }
        }
        pooled
    }

    /// The pooled transactions that spend outputs of one, each once.
    pub(super) fn spenders(&self, referred: ItemId, outputs: u32) -> Vec<ItemId> {
        let mut spenders: Vec<ItemId> = Vec::new();
        if !self.claims.is_empty() {
            for number in 0..outputs {
                match self.claims.get(&ConflictKey::output(referred.hash(), number)) {
                    Some(spender) if !spenders.contains(spender) => spenders.push(*spender),
                    _ => {}
                }
            }
        }
        spenders
    }

    /// Pooled transactions and all that descends from them, each once, parents before children unless
    /// given otherwise.
    pub(super) fn with_descendants(&self, ids: &[ItemId]) -> Vec<ItemId> {
        self.closure(ids, Pooled::children)
    }

    /// Pooled transactions and all that they descend from, each once.
    pub(super) fn with_ancestors(&self, ids: &[ItemId]) -> Vec<ItemId> {
        self.closure(ids, Pooled::parents)
    }

    fn closure(&self, ids: &[ItemId], next: impl Fn(&Pooled) -> &[ItemId]) -> Vec<ItemId> {
        let mut found: Vec<ItemId> = Vec::with_capacity(ids.len());
        let add = |found: &mut Vec<ItemId>, ids: &[ItemId]| {
            for id in ids {
                if !found.contains(id) {
                    found.push(*id);
                }
            }
        };
        add(&mut found, ids);
        let mut at = 0;
        while let Some(id) = found.get(at) {
            let relatives = self.items.get(id).map_or(&[][..], &next);
            add(&mut found, relatives);
            at += 1;
        }
        found
    }

    /// What some transactions pay together, and their sizes.
    pub(super) fn sum(&self, ids: &[ItemId]) -> Sum {
        ids.iter().filter_map(|id| self.items.get(id)).map(Pooled::sum).sum()
    }

    /// A transaction came in: makes it known to its pooled parents.
    pub(super) fn adopt(&mut self, id: ItemId, parents: &[ItemId]) {
        let parents = self.pooled_parents(parents, usize::MAX);
        if parents.is_empty() {
            return;
        }
        for parent in &parents {
            if let Some(pooled) = self.items.get_mut(parent) {
                pooled.family_mut().children.push(id);
            }
        }
        let ancestors = self.with_ancestors(&parents);
        if let Some(pooled) = self.items.get_mut(&id) {
            pooled.family_mut().parents = parents;
        }
        self.rate_again(&ancestors);
    }

    /// A transaction came in: makes it known to its children that were there before.
    pub(super) fn reunite(&mut self, id: ItemId, referred: ItemId, outputs: u32) {
        let children = self.spenders(referred, outputs);
        if children.is_empty() {
            return;
        }
        for child in &children {
            if let Some(pooled) = self.items.get_mut(child) {
                pooled.family_mut().parents.push(id);
            }
        }
        if let Some(pooled) = self.items.get_mut(&id) {
            pooled.family_mut().children = children;
        }
        let ancestors = self.with_ancestors(&[id]);
        self.rate_again(&ancestors);
    }

    /// Some transactions left, and with them children of these.
    pub(super) fn disown(&mut self, parents: &[ItemId], gone: &[ItemId]) {
        if parents.is_empty() {
            return;
        }
        for parent in parents {
            if let Some(pooled) = self.items.get_mut(parent) {
                pooled.forget(gone);
            }
        }
        let ancestors = self.with_ancestors(parents);
        self.rate_again(&ancestors);
    }

    /// A transaction is about to leave whose descendants stay.
    pub(super) fn leave_family(&mut self, id: ItemId) {
        let Some(family) = self.items.get_mut(&id).and_then(|pooled| pooled.family.take()) else {
            return;
        };
        for child in &family.children {
            if let Some(pooled) = self.items.get_mut(child) {
                pooled.forget(&[id]);
            }
        }
        self.disown(&family.parents, &[id]);
    }

    /// Counts anew what transactions count for, whose descendants have changed.
    fn rate_again(&mut self, ids: &[ItemId]) {
        for id in ids {
            let together = self.sum(&self.with_descendants(&[*id]));
            let Some(pooled) = self.items.get_mut(id) else { continue };
            let before = pooled.eviction_key();
            pooled.rate = pooled.own_rate().max(together.rate());
            let after = pooled.eviction_key();
            if before != after {
                pooled.is_sorted = true;
                self.by_key.remove(&before);
                self.by_key.insert(after);
            }
        }
    }
}
