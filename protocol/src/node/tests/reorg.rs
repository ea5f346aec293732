//! Branches: what joins and leaves the chain, and what becomes of its transactions. Beside a naive model of pool and chain.

use std::collections::BTreeMap;

use rand::{Rng as _, RngExt as _};

use super::*;
use crate::ground::item::ItemId;
use crate::testkit::coins::{Coin, Coins};

/// A node, and a disk that keeps its blocks.
pub(super) struct Keeper {
    pub(super) solo: Solo,
    pub(super) disk: BTreeMap<ItemId, Arc<Item>>,
    pub(super) events: Vec<Event>,
    /// Links that it closed, and why.
    pub(super) closed: Vec<(Link, Reason)>,
}

impl Keeper {
    pub(super) fn new(params: Params) -> Self {
        let solo = Solo::with_chain(params, Box::new(Coins));
        Self { solo, disk: BTreeMap::new(), events: Vec::new(), closed: Vec::new() }
    }

    /// One input, and all that follows from it but the passing of time. Returns what is said.
    pub(super) fn hand(&mut self, input: Input<'_>) -> Vec<(Link, Message)> {
        let mut waiting: std::collections::VecDeque<_> = self.solo.hand(input).into();
        let mut said = Vec::new();
        loop {
            let Some(action) = waiting.pop_front() else {
                if self.solo.node.deadline() > self.solo.now {
                    return said;
                }
                waiting.extend(self.solo.hand(Input::Wake));
                continue;
            };
            match action {
                Action::Verify(item) => {
                    let verdict = Coins.verify(&item);
                    waiting.extend(self.solo.hand(Input::Verdict { item: &item, verdict }));
                }
                Action::Load { id, what } => {
                    let loaded = self.disk.get(&id).and_then(|block| what.of(block, &Coins));
                    waiting.extend(self.solo.hand(Input::Loaded { id, what, loaded }));
                }
                Action::Send { link, message } => said.push((link, message)),
                Action::Disconnect { link, why } => {
                    self.closed.push((link, why));
                    waiting.extend(self.solo.hand(Input::Disconnected { link }));
                }
                Action::Report(event) => {
                    if let Event::Accepted { id, .. } = event
                        && let Some(block) = self.solo.node.blocks().get(&id)
                    {
                        self.disk.insert(id, block.clone());
                    }
                    self.events.push(event);
                }
                _ => {}
            }
        }
    }

    pub(super) fn submit(&mut self, item: &Arc<Item>) {
        self.hand(Input::Submitted(item.clone()));
    }

    pub(super) fn tip(&self) -> Hash256 {
        self.solo.node.tree().map_or(Coins::ROOT, |tree| tree.tip().id)
    }

    pub(super) fn height(&self) -> u32 {
        self.solo.node.tree().map_or(0, |tree| tree.tip().height)
    }

    fn pool(&self) -> Vec<ItemId> {
        let mut ids: Vec<_> = self.solo.node.pool().since(0).map(|passed| passed.id).collect();
        ids.sort_unstable();
        ids
    }
}

fn params() -> Params {
    let mut params = at_once();
    params.pool.family_max = 10_000;
    params
}

fn coin(number: u32, inputs: &[(&Arc<Item>, u8)]) -> Arc<Item> {
    let inputs = inputs.iter().map(|(item, output)| (item.id().hash(), *output)).collect();
    Coin { number, inputs, outputs: 2 }.item()
}

fn txs(items: &[&Arc<Item>]) -> Vec<Arc<Item>> {
    items.iter().copied().cloned().collect()
}

/// Blocks one after another, each of nothing.
fn chain_of(parent: Hash256, work: u8, numbers: std::ops::Range<u32>) -> Vec<Arc<Item>> {
    let mut parent = parent;
    let next = |number| {
        let block = Coins::block(parent, work, number, 1, &[]);
        parent = block.id().hash();
        block
    };
    numbers.map(next).collect()
}

#[test]
fn what_a_branch_that_lost_contained_comes_back_with_its_family_and_without_what_conflicts() {
    let mut keeper = Keeper::new(params());
    let coins: Vec<_> = (0..4).map(|n| coin(n, &[])).collect();
    let first = Coins::block(Coins::ROOT, 1, 0, 1, &coins);
    keeper.submit(&first);
    let root = first.id().hash();
    // A parent, its child, and one that the other branch contradicts, with a child in the pool.
    let parent = coin(10, &[(&coins[0], 0)]);
    let child = coin(11, &[(&parent, 0)]);
    let doomed = coin(12, &[(&coins[1], 0)]);
    let orphaned = coin(13, &[(&doomed, 0)]);
    let same = coin(14, &[(&coins[2], 0)]);
    let old = Coins::block(root, 1, 1, 1, &txs(&[&parent, &child, &doomed, &same]));
    [&parent, &child, &doomed, &same, &orphaned].into_iter().for_each(|tx| keeper.submit(tx));
    keeper.submit(&old);
    assert_eq!(keeper.pool(), [orphaned.id()]);
    let rival = coin(20, &[(&coins[1], 0)]);
    let new = Coins::block(root, 2, 2, 1, &txs(&[&same, &rival]));
    keeper.submit(&new);
    assert_eq!(keeper.tip(), new.id().hash());
    let mut wanted = [parent.id(), child.id()];
    wanted.sort_unstable();
    assert_eq!(keeper.pool(), wanted);
    assert_eq!(keeper.solo.node.pool().children(parent.id()), [child.id()], "they are a family");
    assert_eq!(keeper.solo.node.counters().returned, 2);
}

#[test]
fn what_spends_a_coinbase_that_left_the_chain_leaves_the_pool() {
    let mut keeper = Keeper::new(params());
    let old = Coins::block(Coins::ROOT, 1, 0, 1, &[]);
    keeper.submit(&old);
    let coinbase = Coins::transactions(&old).remove(0);
    let spender = coin(1, &[(&coinbase, 0)]);
    let heir = coin(2, &[(&spender, 1)]);
    [&spender, &heir].into_iter().for_each(|tx| keeper.submit(tx));
    assert_eq!(keeper.solo.node.pool().len(), 2);
    keeper.submit(&Coins::block(Coins::ROOT, 2, 1, 1, &[]));
    assert_eq!(keeper.pool(), []);
}

#[test]
fn a_branch_a_thousand_blocks_long_is_left_for_a_better_one_step_by_step() {
    let mut keeper = Keeper::new(params());
    let old = chain_of(Coins::ROOT, 1, 0..1_000);
    let kept = coin(1, &[]);
    for block in &old {
        keeper.submit(block);
    }
    let last = Coins::block(old[999].id().hash(), 1, 9_999, 1, &txs(&[&kept]));
    keeper.submit(&last);
    assert_eq!(keeper.height(), 1_001);
    // Of more work with its last block only.
    let new = chain_of(Coins::ROOT, 7, 5_000..5_144);
    for block in &new {
        keeper.submit(block);
    }
    assert_eq!((keeper.height(), keeper.tip()), (144, new[143].id().hash()));
    assert_eq!(keeper.solo.node.counters().blocks_disconnected, 1_001);
    assert_eq!(keeper.pool(), [kept.id()]);
    let left = keeper.events.iter().filter(|it| matches!(it, Event::BlockDisconnected { .. }));
    assert_eq!(left.count(), 1_001);
}

#[test]
fn a_hundred_blocks_at_one_height_are_as_many_and_the_first_stays() {
    let mut keeper = Keeper::new(params());
    let rivals: Vec<_> = (0..100).map(|n| Coins::block(Coins::ROOT, 1, n, 1, &[])).collect();
    rivals.iter().for_each(|block| keeper.submit(block));
    assert_eq!((keeper.height(), keeper.tip()), (1, rivals[0].id().hash()));
    let next = Coins::block(rivals[57].id().hash(), 1, 1_000, 1, &[]);
    keeper.submit(&next);
    assert_eq!((keeper.height(), keeper.tip()), (2, next.id().hash()));
    assert_eq!(keeper.solo.node.counters().blocks_disconnected, 1);
}

#[test]
fn a_block_that_cannot_be_read_when_it_leaves_leaves_all_the_same() {
    let mut keeper = Keeper::new(params());
    keeper.submit(&Coins::block(Coins::ROOT, 1, 0, 1, &txs(&[&coin(1, &[])])));
    keeper.disk.clear();
    let better = Coins::block(Coins::ROOT, 2, 1, 1, &[]);
    keeper.submit(&better);
    assert_eq!((keeper.tip(), keeper.solo.node.pool().len()), (better.id().hash(), 0));
    assert_eq!(keeper.solo.node.counters().blocks_lost, 1);
}

#[test]
fn after_a_restart_the_chain_is_where_it_was_and_knows_what_it_confirmed() {
    let mut keeper = Keeper::new(params());
    let txs: Vec<_> = (0..20).map(|n| coin(n, &[])).collect();
    let (mut parent, mut headers) = (Coins::ROOT, Vec::new());
    for (number, tx) in (0..).zip(&txs) {
        let block = Coins::block(parent, 1, number, 1, std::slice::from_ref(tx));
        parent = block.id().hash();
        headers.push(block.bytes().slice(..crate::testkit::coins::HEADER_LEN));
        keeper.submit(&block);
    }
    let mut again = Keeper { disk: keeper.disk, ..Keeper::new(params()) };
    again.hand(Input::Headers(&headers));
    assert_eq!((again.height(), again.tip()), (20, parent));
    again.submit(&txs[19]);
    assert_eq!(again.pool(), [], "it was confirmed");
}

/// What there must be, found by walking everything.
#[derive(Default)]
struct Model {
    blocks: BTreeMap<Hash256, Block>,
    txs: BTreeMap<ItemId, Coin>,
    pool: Vec<ItemId>,
    tip: Option<Hash256>,
}

#[derive(Clone)]
struct Block {
    parent: Hash256,
    work: u128,
    coinbase: ItemId,
    txs: Vec<ItemId>,
}

impl Model {
    fn path(&self, tip: Option<Hash256>) -> Vec<Hash256> {
        let mut path = Vec::new();
        let mut next = tip;
        while let Some(id) = next.filter(|id| *id != Coins::ROOT) {
            path.push(id);
            next = Some(self.blocks[&id].parent);
        }
        path.reverse();
        path
    }

    fn work(&self, tip: Option<Hash256>) -> u128 {
        self.path(tip).iter().map(|id| self.blocks[id].work).sum()
    }

    /// All that uses what these created, or what such created, leaves.
    fn void(&self, made: &[ItemId], pool: &mut Vec<ItemId>, limbo: &mut Vec<ItemId>) {
        let mut doomed: Vec<_> = made.iter().map(ItemId::hash).collect();
        while let Some(hash) = doomed.pop() {
            for list in [&mut *pool, &mut *limbo] {
                let uses = |id: &ItemId| self.txs[id].inputs.iter().any(|(from, _)| *from == hash);
                doomed.extend(list.iter().filter(|id| uses(id)).map(ItemId::hash));
                list.retain(|id| !uses(id));
            }
        }
    }

    fn conflicts(&self, a: ItemId, b: ItemId) -> bool {
        let inputs = &self.txs[&a].inputs;
        a != b && self.txs[&b].inputs.iter().any(|input| inputs.contains(input))
    }

    fn submit(&mut self, id: ItemId) {
        let on_chain = self.path(self.tip).iter().any(|block| self.blocks[block].txs.contains(&id));
        let conflicts = self.pool.iter().any(|other| self.conflicts(*other, id));
        if !(on_chain || conflicts || self.pool.contains(&id)) {
            self.pool.push(id);
        }
    }

    /// A block came. Says whether the chain left one.
    fn on_block(&mut self, id: Hash256) -> bool {
        if self.work(Some(id)) <= self.work(self.tip) {
            return false;
        }
        let (old, new) = (self.path(self.tip), self.path(Some(id)));
        self.tip = Some(id);
        let left: Vec<_> = old.iter().filter(|id| !new.contains(id)).collect();
        let joined: Vec<_> = new.iter().filter(|id| !old.contains(id)).collect();
        let mut limbo: Vec<_> = left.iter().flat_map(|id| self.blocks[*id].txs.clone()).collect();
        let mut pool = std::mem::take(&mut self.pool);
        let coinbases: Vec<_> = left.iter().map(|id| self.blocks[*id].coinbase).collect();
        self.void(&coinbases, &mut pool, &mut limbo);
        for tx in joined.iter().flat_map(|id| self.blocks[*id].txs.clone()) {
            pool.retain(|other| *other != tx);
            limbo.retain(|other| *other != tx);
            let others = pool.iter().chain(&limbo).copied();
            let gone: Vec<_> = others.filter(|other| self.conflicts(*other, tx)).collect();
            pool.retain(|other| !gone.contains(other));
            limbo.retain(|other| !gone.contains(other));
            self.void(&gone, &mut pool, &mut limbo);
        }
        while !limbo.is_empty() {
            let tx = limbo.remove(0);
            if pool.iter().any(|other| self.conflicts(*other, tx)) {
                self.void(&[tx], &mut pool, &mut limbo);
            } else {
                pool.push(tx);
            }
        }
        self.pool = pool;
        !left.is_empty()
    }

    /// Some transactions that a block on top of another may contain: what they spend is there, and wasn't spent.
    fn choose(&self, parent: Hash256, rng: &mut ChaCha8Rng) -> Vec<ItemId> {
        let path = self.path(Some(parent));
        let mut there: Vec<_> = path.iter().flat_map(|id| self.blocks[id].txs.clone()).collect();
        let coinbases: Vec<_> = path.iter().map(|id| self.blocks[id].coinbase).collect();
        let mut chosen = Vec::new();
        let mut candidates: Vec<_> = self.txs.keys().copied().collect();
        candidates.sort_unstable_by_key(|id| self.txs[id].number);
        for id in candidates {
            let coin = &self.txs[&id];
            let has = |hash: &Hash256| there.iter().chain(&coinbases).any(|it| it.hash() == *hash);
            let is_new = !there.contains(&id) && !coinbases.contains(&id);
            let may = is_new
                && !coin.inputs.is_empty()
                && coin.inputs.iter().all(|(hash, _)| has(hash))
                && !there.iter().any(|other| self.conflicts(*other, id));
            if may && rng.random_range(0..3) == 0 {
                there.push(id);
                chosen.push(id);
            }
        }
        chosen
    }
}

/// `TIDINGS_REORGANISATIONS` of them, 500 if it isn't set.
#[test]
fn random_reorganisations_leave_pool_and_chain_as_a_naive_model_has_them() {
    let wanted = std::env::var("TIDINGS_REORGANISATIONS").ok().and_then(|it| it.parse().ok());
    let wanted = wanted.unwrap_or(500);
    let (mut reorganised, mut returned) = (0_u64, 0);
    for seed in 0.. {
        if reorganised >= wanted {
            break;
        }
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (mut keeper, mut model) = (Keeper::new(params()), Model::default());
        let mut blocks: Vec<Hash256> = vec![Coins::ROOT];
        for number in 0..120_u32 {
            if rng.random_range(0..7) > 1 {
                let mut inputs: Vec<(Hash256, u8)> = Vec::new();
                let known: Vec<_> = model.txs.keys().map(ItemId::hash).collect();
                for _ in 0..=rng.random_range(0..2) {
                    if !known.is_empty() {
                        let from = known[rng.random_range(0..known.len())];
                        inputs.push((from, rng.random_range(0..3)));
                    }
                }
                inputs.sort_unstable();
                inputs.dedup();
                // What spends nothing known spends something that nobody knows.
                if inputs.is_empty() {
                    inputs.push((Hash256::of(&rng.next_u64().to_le_bytes()), 0));
                }
                let coin = Coin { number, inputs, outputs: 3 };
                let item = coin.item();
                model.txs.insert(item.id(), coin);
                // A child whose parent is nowhere would be taken for one whose parent was confirmed long ago.
                let has = |hash: &Hash256| {
                    let path = model.path(model.tip);
                    let on_chain = path.iter().flat_map(|id| {
                        let block = &model.blocks[id];
                        block.txs.iter().chain([&block.coinbase])
                    });
                    let is_unknown = !model.txs.keys().any(|id| id.hash() == *hash);
                    is_unknown || on_chain.chain(&model.pool).any(|id| id.hash() == *hash)
                };
                if model.txs[&item.id()].inputs.iter().all(|(hash, _)| has(hash)) {
                    model.submit(item.id());
                    keeper.submit(&item);
                }
            } else {
                let back = rng.random_range(0..blocks.len().min(4));
                let parent = blocks[blocks.len() - 1 - back];
                let txs = model.choose(parent, rng);
                let items: Vec<_> = txs.iter().map(|id| model.txs[id].item()).collect();
                let work = rng.random_range(1..=9);
                let block = Coins::block(parent, work, number, 3, &items);
                let coinbase = Coins::transactions(&block).remove(0);
                let coin = Coin::parse(coinbase.bytes()).unwrap();
                model.txs.insert(coinbase.id(), coin);
                let id = block.id().hash();
                let (work, coinbase) = (work.into(), coinbase.id());
                model.blocks.insert(id, Block { parent, work, coinbase, txs });
                blocks.push(id);
                reorganised += u64::from(model.on_block(id));
                keeper.submit(&block);
            }
            let path = model.path(model.tip);
            assert_eq!(keeper.tip(), path.last().copied().unwrap_or(Coins::ROOT), "seed {seed}");
            let mut wanted = model.pool.clone();
            wanted.sort_unstable();
            assert_eq!(keeper.pool(), wanted, "seed {seed}, step {number}");
        }
        returned += keeper.solo.node.counters().returned;
        keeper.solo.node.tree().unwrap().check(1 << 20);
    }
    assert!(returned > wanted / 10, "{returned} transactions came back");
}
