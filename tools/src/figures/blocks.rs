//! What became of the blocks that were made while a network ran: how soon they were everywhere, how many were made in vain, and what
//! their nodes had to ask for. Absent where none were made.
//!
//! **What counts.** Nodes alive at the end. A block's time runs from when the node that made it had it to when another one did. The
//! *final chain* is the one whose tip most nodes had at the end; a block that isn't on it is *stale*. Nobody has to fetch a stale block: so
//! only blocks that are settled have to be everywhere, which all of the highest ones follow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::figures::statistics::{Distribution, nearest_rank, quantile_or_never};
use crate::run::Block;

/// Figures of blocks, under `chain` in `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chain {
    /// Mean time from one block to the next that was asked for, seconds.
    pub interval_s: f64,
    /// Blocks made.
    pub made: u64,
    /// Requests to make one that failed.
    pub failed: u64,
    /// Height of the final chain.
    pub height: Option<u64>,
    /// How many different tips nodes had at the end; 1 if they agree.
    pub tips: u64,
    /// Blocks that aren't on the final chain.
    pub stale: u64,
    /// Their share of those made.
    pub stale_rate: Option<f64>,
    /// Transactions of a block, on average.
    pub txs_mean: Option<f64>,
    /// Bytes of a block, on average.
    pub bytes_mean: Option<f64>,
    /// Share of the submitted transactions that the final chain has.
    pub confirmed: Option<f64>,
    /// Share of the pairs of settled block and live node in which the node had the block at the end.
    pub coverage: Option<f64>,
    /// When half of the live nodes had a block, milliseconds: the median over blocks.
    pub t50_ms: Option<f64>,
    /// When 90 % had it.
    pub t90_ms: Option<f64>,
    /// When 99 % had it.
    pub t99_ms: Option<f64>,
    /// Share of the pairs of block and receiving node in which the block was put together without asking for any of its
    /// transactions; `None` if blocks went nowhere.
    pub hit_rate: Option<f64>,
    /// Bytes that a node received for a block of another, in messages by which nothing but blocks travels: what announces and asks for
    /// items of all kinds isn't counted.
    pub bytes_received: Option<f64>,
    /// Bytes that a node received for each block that was made, of what neighbours expect in the next.
    pub template_bytes: Option<f64>,
    /// Nodes that started after the load, in the order in which they did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub joiners: Vec<Joiner>,
    /// How long they took to have the tip, seconds, from the start of their process: the median; `None` unless all had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up_s: Option<f64>,
    /// The same for each block of the chain, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up_ms_per_block: Option<f64>,
}

/// A node that started after the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Joiner {
    /// How long it took to have the tip, seconds, from the start of its process; `None` if it didn't, as far as was waited.
    pub catch_up_s: Option<f64>,
    /// How many blocks it had connected then.
    pub height: u64,
}

/// A block with when shares of the live nodes had it, of whom there are so many: `times` are milliseconds, of those who had it, in
/// any order.
#[must_use]
pub fn with_times(block: Block, mut times: Vec<f64>, living: usize) -> Block {
    times.sort_by(f64::total_cmp);
    let by = |share: f64| {
        let rank = (living > 0).then(|| nearest_rank(share, living))?;
        times.get(rank - 1).copied()
    };
    Block { t50_ms: by(0.5), t90_ms: by(0.9), t99_ms: by(0.99), ..block }
}

/// Which of some blocks are settled: all of the highest ones follow them, or are them. Of each its id, the one before and its height.
#[must_use]
pub fn settled<Id: Copy + Ord>(blocks: &[(Id, Id, u32)]) -> Vec<bool> {
    let numbers: BTreeMap<Id, usize> =
        blocks.iter().zip(0..).map(|((id, ..), number)| (*id, number)).collect();
    let highest = blocks.iter().map(|(.., height)| *height).max();
    let tips = (0..blocks.len()).filter(|number| Some(blocks[*number].2) == highest);
    let (mut followed, mut all) = (vec![0; blocks.len()], 0);
    for tip in tips {
        all += 1;
        let mut next = Some(tip);
        while let Some(number) = next {
            followed[number] += 1;
            // A block that isn't higher than the one before follows nothing.
            let before = numbers.get(&blocks[number].1).copied();
            next = before.filter(|before| blocks[*before].2 < blocks[number].2);
        }
    }
    followed.into_iter().map(|times| times == all).collect()
}

/// How far blocks went, in pairs of block and live node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Of settled blocks: those in which the node had it, and all.
    pub settled: (usize, usize),
    /// Those in which a node had a block of another.
    pub received: usize,
    /// All of them.
    pub pairs: usize,
}

/// What all nodes together counted of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Blocks that were put together from parts.
    pub rebuilt: u64,
    /// Requests for parts of a block.
    pub asked: u64,
    /// Bytes received in messages by which nothing but blocks travels.
    pub bytes: u64,
    /// Bytes received of what neighbours expect in a block.
    pub template_bytes: u64,
}

impl Chain {
    /// The same with how far blocks went, and what that took.
    #[must_use]
    pub fn with_reach(self, reach: &Reach, counted: &Counted) -> Self {
        let Reach { settled: (had, settled), received, pairs } = *reach;
        let hits = counted.rebuilt.saturating_sub(counted.asked).min(received as u64);
        let share = |part: u64, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        Self {
            coverage: share(had as u64, settled),
            hit_rate: share(hits, received),
            bytes_received: share(counted.bytes, received),
            template_bytes: share(counted.template_bytes, pairs),
            ..self
        }
    }

    /// The same with what follows from the blocks themselves.
    #[must_use]
    pub fn with_blocks(self, blocks: &[Block]) -> Self {
        let made = blocks.len() as u64;
        let stale = blocks.iter().filter(|block| !block.on_chain).count() as u64;
        let mean = |of: fn(&Block) -> u64| {
            Distribution::new(blocks.iter().map(|block| of(block) as f64).collect()).mean()
        };
        let time = |of: fn(&Block) -> Option<f64>| quantile_or_never(blocks.iter().map(of), 0.5);
        Self {
            made,
            stale,
            stale_rate: (made > 0).then(|| stale as f64 / made as f64),
            txs_mean: mean(|block| block.transactions),
            bytes_mean: mean(|block| block.bytes),
            t50_ms: time(|block| block.t50_ms),
            t90_ms: time(|block| block.t90_ms),
            t99_ms: time(|block| block.t99_ms),
            ..self
        }
    }

    /// The same with how late nodes caught up.
    #[must_use]
    pub fn with_joiners(self, joiners: Vec<Joiner>) -> Self {
        let times: Option<Vec<f64>> = joiners.iter().map(|joiner| joiner.catch_up_s).collect();
        let catch_up_s = Distribution::new(times.unwrap_or_default()).median();
        let per_block = self.height.filter(|height| *height > 0);
        let per_block = per_block.zip(catch_up_s).map(|(height, s)| s * 1e3 / height as f64);
        Self { joiners, catch_up_s, catch_up_ms_per_block: per_block, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::summary::{Inputs, Summary};
    use crate::run::Run;

    fn block(on_chain: bool, t99_ms: Option<f64>) -> Block {
        Block {
            on_chain,
            t50_ms: Some(10.0),
            t99_ms,
            transactions: 4,
            bytes: 100,
            ..Block::default()
        }
    }

    #[test]
    fn blocks_beside_the_chain_are_stale_and_one_that_came_nowhere_is_late_for_ever() {
        let blocks = [block(true, Some(30.0)), block(false, None), block(true, Some(20.0))];
        let chain = Chain::default().with_blocks(&blocks);
        assert_eq!((chain.made, chain.stale), (3, 1));
        assert_eq!(chain.stale_rate, Some(1.0 / 3.0));
        assert_eq!((chain.t50_ms, chain.t99_ms), (Some(10.0), Some(30.0)));
        assert_eq!((chain.txs_mean, chain.bytes_mean), (Some(4.0), Some(100.0)));
        let never = Chain::default().with_blocks(&[block(true, None)]);
        assert_eq!(never.t99_ms, None);
        assert_eq!(Chain::default().with_blocks(&[]).stale_rate, None);
    }

    #[test]
    fn what_only_some_of_the_highest_blocks_follow_is_not_settled() {
        let chain = [(1, 0, 1), (2, 1, 2), (12, 1, 2), (3, 2, 3)];
        assert_eq!(settled(&chain), [true, true, false, true]);
        let tied = [(1, 0, 1), (2, 1, 2), (12, 1, 2)];
        assert_eq!(settled(&tied), [true, false, false]);
        assert_eq!(settled(&[(1, 1, 1)]), [true], "no circle is followed");
        assert_eq!(settled::<u8>(&[]), [true; 0]);
    }

    #[test]
    fn a_node_that_did_not_catch_up_leaves_the_time_unknown() {
        let joiner = |catch_up_s| Joiner { catch_up_s, height: 20 };
        let chain = Chain { height: Some(20), ..Chain::default() };
        let all = chain.clone().with_joiners(vec![joiner(Some(1.0)), joiner(Some(3.0))]);
        assert_eq!((all.catch_up_s, all.catch_up_ms_per_block), (Some(1.0), Some(50.0)));
        let some = chain.with_joiners(vec![joiner(Some(1.0)), joiner(None)]);
        assert_eq!((some.catch_up_s, some.joiners.len()), (None, 2));
    }

    #[test]
    fn a_summary_has_the_figures_of_blocks_and_one_without_blocks_has_none() {
        let chain = Chain::default().with_blocks(&[block(true, None)]);
        let inputs = Inputs { chain: Some(chain), ..Inputs::default() };
        let summary = Summary::compute(&Run::default(), inputs);
        let read: Summary = serde_json::from_str(&summary.to_json()).unwrap();
        assert_eq!(read, summary);
        let without = Summary::compute(&Run::default(), Inputs::default());
        assert!(!without.to_json().contains("chain"));
    }
}
