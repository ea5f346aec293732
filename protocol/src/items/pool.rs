//! The pool: transactions that were accepted and can be served.
//!
//! # Rules
//! 1. **Bounded in bytes.** When it is full, the transaction that pays least leaves, with all that
//!    descends from it; of equals the oldest. What a transaction counts for is its own fee rate, or the
//!    one that it and its descendants have together, if that is higher: a child that pays well keeps
//!    its parent. Where nobody pays, the oldest leave of whoever brought most (`pool/shares.rs`).
//! 2. **A minimum fee rate.** It rises above what had to leave, and decays (`pool/floor.rs`).
//! 3. **Conflicts.** Of two transactions that claim the same [conflict key](ConflictKey) the first stays,
//!    unless the second pays for replacing it; when it does is told in `pool/admission.rs`.
//! 4. **Families.** A transaction leaves with its descendants, and has a limited number of them and of
//!    ancestors (`pool/family.rs`). Parents are named as their children name them ([`Inspection::referred`]).
//!    Whether one is missing isn't judged here; if it comes later, it finds its children.
//! 5. **Senders.** What is kept of one sender is limited in bytes.
//! 6. A transaction leaves after `pool_expiry_s`. What a block confirms leaves too, and can be served
//!    until the next block: peers that heard of it from us may still ask.
//!
//! # Cost
//! A transaction without relatives takes a few look-ups and one insertion into a sorted set, and each
//! removal as much. Those that pay nothing stay out of the set: they leave in the order in which they came,
//! and queues tell that. Relatives cost up to `family_max`² look-ups.

mod admission;
mod ages;
mod aliases;
mod departed;
mod family;
mod floor;
mod shares;
pub mod template;
pub mod walk;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::chain::{Confirmed, ConflictKey, Inspection, Rejection, Sender};
use crate::ground::bringer::Bringer;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Item, ItemId, Name};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::machine::Part;
use crate::params::Params;
use crate::report::event::Departure;

use ages::Ages;
use aliases::Aliases;
use departed::Departed;
use family::Family;
use floor::Floor;
use shares::Shares;

pub use admission::{FEE_TOO_LOW, POOL_FULL};

/// So many transactions expire at one wake-up, and the last one's descendants: a millisecond's work.
const EXPIRE_MAX: usize = 256;

/// The transactions of one node.
#[derive(Clone, Debug)]
pub struct Pool {
    items: Map<ItemId, Pooled>,
    aliases: Aliases,
    /// Who holds which conflict key.
    claims: Map<ConflictKey, ItemId>,
    /// Bytes kept of each sender.
    senders: Map<Sender, usize>,
    /// Items in the order in which they have to leave when room is needed: all that pay something, and
    /// those for which a child once paid.
    by_key: BTreeSet<EvictionKey>,
    /// Those that came without a fee, and those that came with one.
    free: Ages,
    paying: Ages,
    /// Those that came without a fee, by who brought them, once there are more than [`FEW`](shares::FEW).
    shares: Option<Box<Shares>>,
    /// What left it lately.
    departed: Departed,
    floor: Floor,
    /// What all of it takes.
    room: usize,
    /// What a transaction takes besides its bytes.
    entry_bytes: usize,
    /// How many were ever added.
    sequence: u64,
    evicted: u64,
    /// What left since somebody last asked, and why: as much as one input makes leave.
    gone: Vec<(ItemId, Departure)>,
}

#[derive(Clone, Debug)]
struct Pooled {
    item: Arc<Item>,
    spends: Box<[ConflictKey]>,
    sender: Option<Sender>,
    bringer: Bringer,
    fee: u64,
    /// The size by which its fee rate goes.
    vbytes: u32,
    /// What it counts for: its rate, or the rate with its descendants.
    rate: FeeRate,
    sequence: u64,
    /// Whether it is in `by_key`.
    is_sorted: bool,
    /// Its relatives in the pool; most have none.
    family: Option<Box<Family>>,
}

/// What decides who leaves first, and who that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct EvictionKey {
    rate: FeeRate,
    sequence: u64,
    id: ItemId,
}

impl Pooled {
    /// What it pays, its relatives left aside.
    fn own_rate(&self) -> FeeRate {
        FeeRate::of(self.fee.into(), self.vbytes as usize)
    }

    fn eviction_key(&self) -> EvictionKey {
        EvictionKey { rate: self.rate, sequence: self.sequence, id: self.item.id() }
    }
}

/// A transaction that asks to be let in, and what the chain says of it.
pub type Candidate = (Arc<Item>, Inspection);

/// What a block did to the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Transactions that conflict with the block, and their descendants.
    pub conflicted: Vec<ItemId>,
}

impl Pool {
    /// An empty pool. It allocates nothing yet.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Self {
            items: Map::new(salt),
            aliases: Aliases::default(),
            claims: Map::new(salt),
            senders: Map::new(salt),
            by_key: BTreeSet::new(),
            free: Ages::default(),
            paying: Ages::default(),
            shares: None,
            departed: Departed::new(salt),
            floor: Floor::default(),
            room: 0,
            entry_bytes: 0,
            sequence: 0,
            evicted: 0,
            gone: Vec::new(),
        }
    }

    /// Counts a transaction for more than its bytes.
    #[must_use]
    pub fn with_entry_bytes(self, entry_bytes: usize) -> Self {
        Self { entry_bytes, ..self }
    }

    /// Whether [`Pool::insert`] would let a transaction in; cheap enough to ask before its signatures are
    /// verified.
    ///
    /// # Errors
    /// As [`Pool::insert`].
    pub fn check(
        &self,
        item: &Arc<Item>,
        inspection: &Inspection,
        bringer: Bringer,
        now: Time,
        params: &Params,
    ) -> Result<(), Rejection> {
        self.plan(&[(item, inspection)], bringer, now, params).map(|_| ())
    }

    /// Adds a transaction that passed the rules. Those that it replaces leave, and others make room.
    /// Parents that aren't pooled count as confirmed.
    ///
    /// # Errors
    /// When it pays too little (to be let in, to replace, or to make room), is larger than the pool, or
    /// its sender or family has too much there already.
    pub fn insert(
        &mut self,
        item: Arc<Item>,
        inspection: Inspection,
        bringer: Bringer,
        now: Time,
        params: &Params,
    ) -> Result<(), Rejection> {
        if let Some(plan) = self.plan(&[(&item, &inspection)], bringer, now, params)? {
            self.make_way(plan, now, params);
            self.add((item, inspection), bringer, now, params);
        }
        Ok(())
    }

    /// Whether [`Pool::insert_pair`] would let a parent and its child in.
    ///
    /// # Errors
    /// As [`Pool::insert_pair`].
    pub fn check_pair(
        &self,
        parent: (&Arc<Item>, &Inspection),
        child: (&Arc<Item>, &Inspection),
        bringer: Bringer,
        now: Time,
        params: &Params,
    ) -> Result<(), Rejection> {
        self.plan(&[parent, child], bringer, now, params).map(|_| ())
    }

    /// Adds a parent and its child that are judged together: what they pay is added up, so that the
    /// child can pay for its parent.
    ///
    /// # Errors
    /// As [`Pool::insert`], and when either of them conflicts with what is pooled.
    pub fn insert_pair(
        &mut self,
        parent: Candidate,
        child: Candidate,
        bringer: Bringer,
        now: Time,
        params: &Params,
    ) -> Result<(), Rejection> {
        let pair = [(&parent.0, &parent.1), (&child.0, &child.1)];
        if let Some(plan) = self.plan(&pair, bringer, now, params)? {
            self.make_way(plan, now, params);
            self.add(parent, bringer, now, params);
            self.add(child, bringer, now, params);
        }
        Ok(())
    }

    /// A block was accepted, the contents of which are going to be confirmed: those of the block before aren't served
    /// any more.
    pub fn begin_block(&mut self) {
        self.departed.begin_block();
    }

    /// Transactions of the latest block are confirmed, and what conflicts with them can't be any more.
    pub fn confirm(&mut self, some: &[Confirmed], now: Time, params: &Params) -> Cleared {
        let mut cleared = Cleared::default();
        for confirmed in some {
            let id = confirmed.id;
            if self.contains(id) {
                self.remove_confirmed(id);
            }
            for key in &confirmed.spends {
                if let Some(holder) = self.claims.get(key).copied() {
                    let gone = self.remove_with_descendants(&[holder], Departure::Conflicted);
                    cleared.conflicted.extend(gone);
                }
            }
        }
        self.floor.settle(self.room, now, params);
        cleared
    }

    /// Nobody can use these any more: whatever does leaves, with its descendants.
    pub fn void(&mut self, keys: &[ConflictKey]) {
        if self.claims.is_empty() {
            return;
        }
        for key in keys {
            if let Some(holder) = self.claims.get(key).copied() {
                self.remove_with_descendants(&[holder], Departure::Conflicted);
            }
        }
    }

    /// A transaction, if it is pooled.
    #[must_use]
    pub fn get(&self, id: impl Into<Name>) -> Option<&Arc<Item>> {
        self.items.get(&id.into()).map(|pooled| &pooled.item)
    }

    /// A transaction, if it is pooled or was until the latest block confirmed it.
    #[must_use]
    pub fn find(&self, id: impl Into<Name>) -> Option<&Arc<Item>> {
        let id = id.into();
        self.get(id).or_else(|| self.departed.confirmed(id))
    }

    /// Whether the latest block confirmed a transaction that was pooled.
    #[must_use]
    pub fn was_confirmed_lately(&self, id: impl Into<Name>) -> bool {
        self.departed.confirmed(id.into()).is_some()
    }

    /// The pooled transaction that children name by an id: its own, or the one that the rules have for that.
    #[must_use]
    pub fn find_referred(&self, referred: ItemId) -> Option<&Arc<Item>> {
        match self.aliases.own(referred) {
            Some(own) => self.get(own),
            None => self.get(referred).filter(|item| self.referred(item.id()) == referred),
        }
    }

    /// The id by which children name a pooled transaction.
    #[must_use]
    pub fn referred(&self, id: ItemId) -> ItemId {
        self.aliases.referred(id).unwrap_or(id)
    }

    /// Pooled transactions whose parent is the one given.
    #[must_use]
    pub fn children(&self, id: impl Into<Name>) -> &[ItemId] {
        self.items.get(&id.into()).map_or(&[], Pooled::children)
    }

    /// Whether a transaction is pooled.
    #[must_use]
    pub fn contains(&self, id: ItemId) -> bool {
        self.items.contains(&id)
    }

    /// What a pooled transaction pays, its relatives left aside.
    #[must_use]
    pub fn fee_rate(&self, id: impl Into<Name>) -> Option<FeeRate> {
        let pooled = self.items.get(&id.into())?;
        Some(pooled.own_rate())
    }

    /// Any pooled transaction, each as likely as the others as long as none left early; then perhaps none.
    pub fn any(&self, rng: &mut dyn Rng) -> Option<ItemId> {
        let (free, paying) = (self.free.len(), self.paying.len());
        if free + paying == 0 {
            return None;
        }
        let at = rng.random_range(0..free + paying);
        let key = self.free.get(at).or_else(|| self.paying.get(at - free))?;
        self.get(key.id).map(|item| item.id())
    }

    /// The least fee rate that is let in.
    #[must_use]
    pub fn min_fee_rate(&self, now: Time, params: &Params) -> FeeRate {
        self.floor.rate(self.room, now, params)
    }

    /// A transaction that has just come was kept for so long before: it expires that much sooner.
    pub fn backdate(&mut self, id: ItemId, age: Duration) {
        let Some(pooled) = self.items.get(&id) else { return };
        let ages = if pooled.fee > 0 { &mut self.paying } else { &mut self.free };
        ages.backdate(pooled.sequence, age);
    }

    /// Time passed: drops what has expired, `EXPIRE_MAX` and a family at most; the rest stays due.
    pub fn on_wake(&mut self, now: Time) {
        let mut room = EXPIRE_MAX;
        while room > 0
            && let Some((_, oldest)) = self.oldest().filter(|(expires, _)| *expires <= now)
        {
            let gone = self.remove_with_descendants(&[oldest.id], Departure::Expired);
            room = room.saturating_sub(gone.len().max(1));
        }
    }

    /// How many transactions are pooled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the pool is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of all pooled transactions.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.room - self.len() * self.entry_bytes
    }

    /// Transactions dropped for want of room, so far.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The transactions that left since the last call, and why. A driver of a bare pool that
    /// doesn't care must call it all the same, now and then.
    pub fn take_gone(&mut self) -> Vec<(ItemId, Departure)> {
        std::mem::take(&mut self.gone)
    }

    /// Adds what the plan said may come in.
    fn add(&mut self, new: Candidate, bringer: Bringer, now: Time, params: &Params) {
        let (item, inspection) = new;
        let (id, fee) = (item.id(), inspection.fee());
        let (referred, vbytes) = (inspection.referred(&item), inspection.vbytes(&item));
        self.sequence += 1;
        let pooled = Pooled {
            spends: inspection.spends.into(),
            sender: inspection.sender,
            bringer,
            fee,
            vbytes: u32::try_from(vbytes).unwrap_or(u32::MAX),
            rate: FeeRate::of(fee.into(), vbytes),
            sequence: self.sequence,
            is_sorted: fee > 0,
            family: None,
            item,
        };
        for key in &pooled.spends {
            self.claims.insert(*key, id);
        }
        if referred != pooled.item.id() {
            self.aliases.insert(id, referred, *self.items.salt());
        }
        if let Some(sender) = pooled.sender {
            *self.senders.entry(sender).or_default() += pooled.item.size();
        }
        let room = pooled.item.size() + self.entry_bytes;
        self.room += room;
        let key = pooled.eviction_key();
        let expires = now + Duration::from_secs(params.memory.pool_expiry_s);
        if pooled.is_sorted {
            self.by_key.insert(key);
            self.paying.push(expires, key);
        } else {
            self.free.push(expires, key);
            if let Some(shares) = &mut self.shares {
                shares.push(bringer, room, expires, key);
            }
        }
        self.items.insert(id, pooled);
        if self.shares.is_none() && self.free.len() > shares::FEW {
            self.shares = Some(Box::new(self.count_shares()));
        }
        if !inspection.parents.is_empty() {
            self.adopt(id, &inspection.parents);
        }
        if inspection.creates > 0 && !self.claims.is_empty() {
            self.reunite(id, referred, inspection.creates);
        }
    }

    /// Removes transactions with all that descends from them.
    fn remove_with_descendants(&mut self, ids: &[ItemId], why: Departure) -> Vec<ItemId> {
        let ids = self.with_descendants(ids);
        let gone = ids.iter().filter_map(|id| self.get(id)).map(|item| item.id()).collect();
        self.remove_all(&ids, why);
        gone
    }

    /// Removes transactions, among which are all that descend from them.
    fn remove_all(&mut self, ids: &[ItemId], why: Departure) {
        let mut bereft: Vec<ItemId> = Vec::new();
        for id in ids {
            if let Some(pooled) = self.take_out(*id, why) {
                bereft.extend(pooled.parents().iter().filter(|parent| !ids.contains(parent)));
            }
        }
        bereft.sort_unstable();
        bereft.dedup();
        self.disown(&bereft, ids);
    }

    /// Removes a transaction, but not its descendants.
    fn remove_confirmed(&mut self, id: ItemId) {
        self.leave_family(id);
        self.take_out(id, Departure::Confirmed);
    }

    /// Removes a transaction from everything but its relatives' families.
    fn take_out(&mut self, id: ItemId, why: Departure) -> Option<Pooled> {
        let pooled = self.items.remove(&id)?;
        self.aliases.remove(id);
        self.gone.push((pooled.item.id(), why));
        self.departed.on_departed(&pooled.item, why);
        if pooled.is_sorted {
            self.by_key.remove(&pooled.eviction_key());
        }
        let room = pooled.item.size() + self.entry_bytes;
        let is_there = |key: &_| is_current(&self.items, key);
        if pooled.fee > 0 {
            self.paying.remove(pooled.sequence, is_there);
        } else {
            self.free.remove(pooled.sequence, is_there);
            if let Some(shares) = &mut self.shares {
                shares.remove(pooled.bringer, room, pooled.sequence, is_there);
                if shares.is_empty() {
                    self.shares = None;
                }
            }
        }
        self.room -= room;
        for key in &pooled.spends {
            self.claims.remove(key);
        }
        if let Some(sender) = pooled.sender
            && let Some(held) = self.senders.get_mut(&sender)
        {
            *held -= pooled.item.size();
            if *held == 0 {
                self.senders.remove(&sender);
            }
        }
        Some(pooled)
    }

    /// The oldest transaction, and when it expires.
    fn oldest(&self) -> Option<(Time, EvictionKey)> {
        match (self.free.front(), self.paying.front()) {
            (Some(free), Some(paying)) => {
                let age = |(expires, key): &(Time, EvictionKey)| (*expires, key.sequence);
                Some(if age(&free) < age(&paying) { free } else { paying })
            }
            (free, paying) => free.or(paying),
        }
    }

    /// Who brought what of those that came without a fee: looks through all of them.
    fn count_shares(&self) -> Shares {
        let mut shares = Shares::default();
        for (expires, key) in self.free.iter() {
            if let Some(pooled) = self.items.get(&key.id).filter(|it| it.sequence == key.sequence) {
                let room = pooled.item.size() + self.entry_bytes;
                shares.push(pooled.bringer, room, *expires, *key);
            }
        }
        shares
    }

    /// All in the order in which they have to leave when room is needed for something that takes so much.
    fn leaving(&self, bringer: Bringer, room: usize) -> impl Iterator<Item = (ItemId, &Pooled)> {
        let few = match self.shares {
            Some(_) => Vec::new(),
            None => self.count_shares().leaving(bringer, room).copied().collect(),
        };
        let many = self.shares.iter().flat_map(move |shares| shares.leaving(bringer, room));
        let unsorted = few.into_iter().chain(many.copied()).filter_map(|key| {
            let pooled = self.items.get(&key.id)?;
            (pooled.sequence == key.sequence && !pooled.is_sorted).then_some((
                key.sequence,
                key.id,
                pooled,
            ))
        });
        let (mut unsorted, mut sorted) = (unsorted.peekable(), self.by_key.iter().peekable());
        std::iter::from_fn(move || {
            let is_first = |sequence: u64, key: Option<&&EvictionKey>| {
                key.is_none_or(|key| key.rate > FeeRate::ZERO || key.sequence > sequence)
            };
            if let Some((_, id, pooled)) =
                unsorted.next_if(|(sequence, ..)| is_first(*sequence, sorted.peek()))
            {
                return Some((id, pooled));
            }
            let id = sorted.next()?.id;
            Some((id, self.items.get(&id).expect("whatever is sorted is pooled")))
        })
    }
}

/// Whether an entry of a queue is about a transaction that is still there.
fn is_current(items: &Map<ItemId, Pooled>, key: &EvictionKey) -> bool {
    items.get(&key.id).is_some_and(|pooled| pooled.sequence == key.sequence)
}

impl Part for Pool {
    fn deadline(&self) -> Time {
        self.oldest().map_or(Time::NEVER, |(expires, _)| expires)
    }

    fn check(&self, params: &Params) {
        let (room, max) = (self.room, params.memory.pool_max_bytes);
        assert!(room <= max, "pool: {room} of at most {max} bytes");
    }
}

#[cfg(test)]
mod tests;
