//! Blocks in a network whose nodes have most of what is in them.
//!
//! Pools are filled beforehand, as a network at a steady load has them: each node has each transaction of a block, but for a share that
//! a random half of the nodes lacks, or another part of them. Then the block is submitted at a random node, and it is seen when it comes to the others, what
//! they received for it, and what they had to ask for. One after the other, so that what nodes learn of one another counts.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::ground::item::{Item, ItemKind};
use tidings_protocol::report::counters::Counters;
use tidings_protocol::wire::kinds::MessageKind;

use crate::listing::Listing;
use crate::random::{Use, stream};
use crate::scenario::Scenario;
use crate::workload::payload;
use crate::workload::sizes::Sizes;
use crate::world::World;

/// The kinds of message that blocks travel by; the last three of them transactions, too.
pub const KINDS: [MessageKind; 15] = [
    MessageKind::Block,
    MessageKind::Compact,
    MessageKind::ByTemplate,
    MessageKind::GetParts,
    MessageKind::Parts,
    MessageKind::Prefer,
    MessageKind::Headers,
    MessageKind::GetHeaders,
    MessageKind::Offer,
    MessageKind::GetSymbols,
    MessageKind::Symbol,
    MessageKind::Classes,
    MessageKind::Announce,
    MessageKind::GetData,
    MessageKind::NotFound,
];

/// How many of [`KINDS`], at their end, transactions travel by, too.
const SHARED: usize = 3;

/// The kinds of message that nothing but blocks travels by.
pub const ALONE: &[MessageKind] = KINDS.split_at(KINDS.len() - SHARED).0;

/// The kinds of message by which nodes tell one another what they expect in a block.
pub const EXPECTED: [MessageKind; 3] =
    [MessageKind::Template, MessageKind::GetListed, MessageKind::Listed];

/// What is measured.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Network, links and parameters; its workload is left aside.
    pub scenario: Scenario,
    /// Blocks before those that are measured, in which nodes choose who sends them blocks unasked.
    pub warmup: usize,
    /// Blocks that are measured.
    pub blocks: usize,
    /// Transactions of each.
    pub txs: usize,
    /// Bytes of each transaction.
    pub tx_bytes: usize,
    /// Share of a block's transactions that some nodes lack.
    pub unknown: f64,
    /// Share of the nodes that lacks each of those.
    pub lackers: f64,
    /// Whether a block's order is chance, instead of that in which its transactions came.
    pub shuffled: bool,
    /// How long nodes have after their pools were filled, and before a block.
    pub pause: Duration,
    /// How long after a block pools are filled for the next one.
    pub every: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Of each pair of measured block and node but its origin, in order: when it came, milliseconds.
    pub times_ms: Vec<f64>,
    /// Pairs without a delivery.
    pub missing: usize,
    /// Pairs for which nothing had to be asked for by place.
    pub hits: usize,
    /// Bytes that a node received for a block, by kind of message as [`KINDS`] has them.
    pub received: [f64; KINDS.len()],
    /// Bytes that a node received between two blocks, of what others expect in the next one.
    pub expected: f64,
    /// Bytes of a block.
    pub block_bytes: f64,
}

impl Outcome {
    /// The time by which a share of the pairs had come, milliseconds.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let all = self.times_ms.len() + self.missing;
        let wanted = share * all as f64;
        let ranked = (1..).zip(&self.times_ms);
        let found = ranked.into_iter().find(|(rank, _)| f64::from(*rank) >= wanted);
        found.map_or(f64::INFINITY, |(_, time)| *time)
    }

    /// The share of pairs for which nothing had to be asked for.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        self.hits as f64 / (self.times_ms.len() + self.missing).max(1) as f64
    }

    /// Bytes that a node received for a block.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.received.iter().sum()
    }
}

/// Measures it.
///
/// # Errors
/// A sentence about an overlay that can't be.
pub fn measure(setup: &Setup) -> Result<Outcome, String> {
    let rules = Listing::default();
    let (seed, count) = (setup.scenario.seed, setup.warmup + setup.blocks);
    let mut parent = rules.genesis();
    let made = (0..count).map(|number| {
        let txs: Vec<Arc<Item>> = (0..setup.txs)
            .map(|place| {
                let number = (number * setup.txs + place) as u64;
                let bytes = payload(Sizes::Fixed(setup.tx_bytes), seed, number);
                rules.item(ItemKind::Tx, bytes.into()).expect("any bytes are a transaction")
            })
            .collect();
        let mut order = txs.clone();
        if setup.shuffled {
            order.shuffle(&mut stream(seed, Use::Order, number as u64));
        }
        let block = rules.block(parent, &order);
        parent = block.id().hash();
        (block, txs)
    });
    let (blocks, txs): (Vec<_>, Vec<_>) = made.unzip();
    let mut world = World::of(&setup.scenario, Box::new(rules), blocks)?;
    world.run_until(world.now() + Duration::from_secs(5));
    let nodes = u32::try_from(setup.scenario.network.nodes).unwrap_or(u32::MAX);
    let mut outcome = Outcome::default();
    for (number, txs) in txs.iter().enumerate() {
        let filled = counters(&world, nodes);
        stock(&mut world, setup, number, txs);
        world.run_until(world.now() + setup.pause);
        let before = counters(&world, nodes);
        world.submit_now(number);
        world.run_until(world.now() + setup.every);
        if number >= setup.warmup {
            outcome.add(&world, number, &before);
            outcome.expected += expected(&world, nodes, &filled);
        }
    }
    let pairs = outcome.times_ms.len() + outcome.missing;
    outcome.received.iter_mut().for_each(|bytes| *bytes /= pairs.max(1) as f64);
    outcome.expected /= (setup.blocks * setup.scenario.network.nodes).max(1) as f64;
    outcome.block_bytes /= setup.blocks.max(1) as f64;
    outcome.times_ms.sort_by(f64::total_cmp);
    Ok(outcome)
}

/// Fills all pools with what a block will confirm, but for what some lack.
fn stock(world: &mut World, setup: &Setup, block: usize, txs: &[Arc<Item>]) {
    let nodes = u32::try_from(setup.scenario.network.nodes).unwrap_or(u32::MAX);
    let mut rng = stream(setup.scenario.seed, Use::Pool, block as u64);
    let lacked = setup.unknown * txs.len() as f64;
    for (place, tx) in txs.iter().enumerate() {
        for node in 0..nodes {
            if place as f64 >= lacked || rng.random::<f64>() >= setup.lackers {
                world.restore(node, tx.clone());
            }
        }
    }
}

fn counters(world: &World, nodes: u32) -> Vec<Counters> {
    (0..nodes).map(|node| world.counters(node).0).collect()
}

/// Bytes that all nodes received since then, of what others expect.
fn expected(world: &World, nodes: u32, before: &[Counters]) -> f64 {
    let bytes = |counters: &Counters| {
        EXPECTED.map(|kind| counters.traffic.received(kind).bytes).iter().sum::<u64>()
    };
    let now = counters(world, nodes);
    now.iter().zip(before).map(|(now, before)| (bytes(now) - bytes(before)) as f64).sum()
}

impl Outcome {
    fn add(&mut self, world: &World, block: usize, before: &[Counters]) {
        let Some((_, origin)) = world.record().submission(block) else { return };
        let nodes = u32::try_from(before.len()).expect("nodes are counted in 32 bits");
        let others = world.record().deliveries(block).filter(|(node, _)| *node != origin);
        let times: Vec<f64> = others.map(|(_, us)| f64::from(us) / 1e3).collect();
        self.missing += before.len() - 1 - times.len();
        self.times_ms.extend(times);
        self.block_bytes += world.items()[block].size() as f64;
        for ((node, now), before) in (0..).zip(counters(world, nodes)).zip(before) {
            if node == origin {
                continue;
            }
            self.hits += usize::from(now.block_parts_lacked == before.block_parts_lacked);
            for (bytes, kind) in self.received.iter_mut().zip(KINDS) {
                let received = |counters: &Counters| counters.traffic.received(kind).bytes;
                *bytes += (received(&now) - received(before)) as f64;
            }
        }
    }
}

#[cfg(test)]
mod tests;
