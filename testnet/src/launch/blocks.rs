//! The blocks that were made during a run: who has which since when, and which of them are on the chain in the end.
//!
//! Their ids are known only once they are made, and a node may have a block before the launcher heard that it was made: what traces
//! tell of blocks waits here until then. A node that has a block has what is in it, too, whether it heard of that before or not.

use std::collections::{BTreeMap, HashMap};

use tidings::api::Status;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::tidings::{Block as Contents, Tidings};
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tidings_tools::figures::blocks::{Chain, Counted, Reach, settled, with_times};
use tidings_tools::run::Block;

use super::collect::{Collector, SeenBlock};
use super::items::Planned;
use super::settings::narrow;

/// A block that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub id: Hash256,
    /// The block before.
    pub parent: Hash256,
    /// Its height.
    pub height: u32,
    /// Its size.
    pub bytes: usize,
    /// The node that made it.
    pub origin: usize,
    /// What it contains.
    pub transactions: Vec<ItemId>,
}

impl Made {
    /// The ids of what a block contains; none if it is no block.
    #[must_use]
    pub fn contents(bytes: &bytes::Bytes) -> Vec<ItemId> {
        let rules = Tidings::new(Hash256([0; 32]), 0);
        let transactions = Contents::parse(bytes).map(|block| block.transactions);
        let ids = transactions.unwrap_or_default().into_iter();
        ids.filter_map(|bytes| rules.item(ItemKind::Tx, bytes).ok()).map(|item| item.id()).collect()
    }
}

/// All blocks of a run.
#[derive(Debug)]
pub struct Blocks {
    nodes: usize,
    made: Vec<Made>,
    /// By block, when each node had it, microseconds of Unix time; 0 for not yet.
    arrivals: Vec<Vec<u64>>,
    numbers: HashMap<Hash256, usize>,
    /// What was seen of blocks that nobody is known to have made.
    strange: Vec<SeenBlock>,
    /// Requests for a block that failed, and how.
    pub failures: Vec<String>,
}

impl Blocks {
    /// None yet, in a network of so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            nodes,
            made: Vec::new(),
            arrivals: Vec::new(),
            numbers: HashMap::new(),
            strange: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// A block was made.
    pub fn add(&mut self, made: Made) {
        if !self.numbers.contains_key(&made.id) {
            self.numbers.insert(made.id, self.made.len());
            self.made.push(made);
            self.arrivals.push(vec![0; self.nodes]);
        }
    }

    /// Takes what traces told of blocks. What they contain counts as delivered with them.
    pub fn follow(&mut self, collector: &mut Collector) {
        self.strange.extend(collector.take_blocks());
        let Self { numbers, arrivals, made, strange, .. } = self;
        strange.retain(|SeenBlock { node, id, unix_us }| {
            let Some(number) = numbers.get(id) else { return true };
            let at = &mut arrivals[*number][*node];
            if *at == 0 {
                *at = (*unix_us).max(1);
                collector.had(&made[*number].transactions, *node, *unix_us);
            }
            false
        });
    }

    /// How many were made.
    #[must_use]
    pub fn len(&self) -> usize {
        self.made.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.made.is_empty()
    }

    /// How far blocks went among living nodes. What no living node has counts for nothing.
    #[must_use]
    pub fn reach(&self, alive: &[bool]) -> Reach {
        let living = alive.iter().filter(|alive| **alive).count();
        let had = |arrivals: &Vec<u64>| {
            arrivals.iter().zip(alive).filter(|(at, alive)| **at != 0 && **alive).count()
        };
        let counts = self.made.iter().zip(self.arrivals.iter().map(had));
        let (there, counts): (Vec<_>, Vec<_>) = counts
            .filter(|(_, count)| *count > 0)
            .map(|(made, count)| ((made.id, made.parent, made.height), count))
            .unzip();
        let settled = settled(&there).into_iter().zip(&counts).filter(|(settled, _)| *settled);
        let settled = settled.fold((0, 0), |(had, all), (_, count)| (had + count, all + living));
        // Of each block all but the node that made it received it.
        let received = counts.iter().sum::<usize>().saturating_sub(self.made.len());
        Reach { settled, received, pairs: living * counts.len() }
    }

    /// The tip that most nodes have, with its height, and how many different ones there are. Of those that as many have the higher
    /// one, then the one that comes first by id.
    #[must_use]
    pub fn tip(statuses: &[Option<Status>]) -> (Option<(Hash256, u32)>, usize) {
        let mut tips: BTreeMap<(u32, Hash256), usize> = BTreeMap::new();
        for chain in statuses.iter().flatten().filter_map(|status| status.chain) {
            *tips.entry((chain.height, chain.tip)).or_default() += 1;
        }
        let most = tips
            .iter()
            .max_by_key(|((height, tip), count)| (**count, *height, std::cmp::Reverse(*tip)));
        (most.map(|((height, tip), _)| (*tip, *height)), tips.len())
    }

    /// By block, whether it is on the chain that ends so.
    fn on_chain(&self, tip: Option<Hash256>) -> Vec<bool> {
        let mut on_chain = vec![false; self.made.len()];
        let mut next = tip;
        while let Some(number) = next.and_then(|id| self.numbers.get(&id)).copied() {
            on_chain[number] = true;
            next = Some(self.made[number].parent);
        }
        on_chain
    }

    /// The table of the run folder.
    #[must_use]
    pub fn rows(&self, tip: Option<Hash256>, alive: &[bool], began_us: u64) -> Vec<Block> {
        let on_chain = self.on_chain(tip);
        let blocks = self.made.iter().zip(&self.arrivals).zip(on_chain);
        let row = |((made, arrivals), on_chain): ((&Made, &Vec<u64>), bool)| {
            let begin = match arrivals[made.origin] {
                0 => arrivals.iter().copied().filter(|at| *at != 0).min().unwrap_or(0),
                own => own,
            };
            let times = arrivals
                .iter()
                .zip(alive)
                .filter(|(at, alive)| **at != 0 && **alive)
                .map(|(at, _)| at.saturating_sub(begin) as f64 / 1e3)
                .collect();
            let living = alive.iter().filter(|alive| **alive).count();
            let block = Block {
                id: made.id.to_string(),
                parent: made.parent.to_string(),
                height: made.height,
                bytes: made.bytes as u64,
                transactions: made.transactions.len() as u64,
                origin: narrow(made.origin),
                made_us: begin.saturating_sub(began_us),
                nodes: narrow(arrivals.iter().filter(|at| **at != 0).count()),
                on_chain,
                ..Block::default()
            };
            with_times(block, times, living)
        };
        blocks.map(row).collect()
    }

    /// What the blocks came to, but for what follows from their table. `counted` is what nodes say.
    #[must_use]
    pub fn figures(
        &self,
        interval_s: f64,
        statuses: &[Option<Status>],
        alive: &[bool],
        items: &[Planned],
        counted: &Counted,
    ) -> Chain {
        let (tip, tips) = Self::tip(statuses);
        let on_chain = self.on_chain(tip.map(|(tip, _)| tip));
        let made = self.made.iter().zip(on_chain).filter(|(_, on_chain)| *on_chain);
        let mut confirmed: Vec<ItemId> =
            made.flat_map(|(made, _)| made.transactions.iter().copied()).collect();
        confirmed.sort_unstable();
        confirmed.dedup();
        let submitted: Vec<ItemId> =
            items.iter().map(|item| item.id).filter(|id| id.kind() == ItemKind::Tx).collect();
        let found = submitted.iter().filter(|id| confirmed.binary_search(id).is_ok()).count();
        let confirmed = (!submitted.is_empty()).then(|| found as f64 / submitted.len() as f64);
        let chain = Chain {
            interval_s,
            failed: self.failures.len() as u64,
            height: tip.map(|(_, height)| u64::from(height)),
            tips: tips as u64,
            confirmed,
            ..Chain::default()
        };
        chain.with_reach(&self.reach(alive), counted)
    }
}

#[cfg(test)]
mod tests {
    use tidings::api::chain::ChainStatus;

    use super::*;

    fn id(n: u8) -> Hash256 {
        Hash256([n; 32])
    }

    fn made(n: u8, parent: u8, origin: usize) -> Made {
        let transactions = vec![ItemId::tx(id(100 + n))];
        let height = u32::from(parent) + 1;
        Made { id: id(n), parent: id(parent), height, bytes: 50, origin, transactions }
    }

    /// Blocks of three nodes: 1, then 2 and 3 both after it.
    fn forked() -> Blocks {
        let mut blocks = Blocks::new(3);
        for block in [made(1, 0, 0), made(2, 1, 1), made(3, 1, 2)] {
            blocks.add(block);
        }
        blocks.arrivals = vec![vec![1_000, 2_000, 3_000], vec![5_000, 4_000, 0], vec![0, 0, 4_500]];
        blocks
    }

    #[test]
    fn times_run_from_whoever_made_it_and_a_block_beside_the_chain_is_stale() {
        let blocks = forked();
        let reach = blocks.reach(&[true; 3]);
        assert_eq!((reach.settled, reach.received, reach.pairs), ((3, 3), 3, 9), "two are tied");
        let reach = blocks.reach(&[true, true, false]);
        assert_eq!((reach.settled, reach.pairs), ((4, 4), 4), "the third died with its maker");
        let rows = blocks.rows(Some(id(2)), &[true; 3], 500);
        let on_chain: Vec<_> = rows.iter().map(|row| row.on_chain).collect();
        assert_eq!(on_chain, [true, true, false]);
        assert_eq!((rows[0].t50_ms, rows[0].t99_ms, rows[0].made_us), (Some(1.0), Some(2.0), 500));
        assert_eq!((rows[1].t50_ms, rows[1].t99_ms, rows[1].nodes), (Some(1.0), None, 2));
    }

    #[test]
    fn the_final_chain_is_the_one_that_most_nodes_have() {
        let status = |tip: u8, height| {
            let mut status = tidings_status();
            let tip = id(tip);
            status.chain = Some(ChainStatus {
                tip,
                height,
                best_header: tip,
                best_height: height,
                headers: 2,
            });
            Some(status)
        };
        let statuses = [status(2, 2), status(3, 2), status(3, 2), None];
        assert_eq!(Blocks::tip(&statuses), (Some((id(3), 2)), 2));
        assert_eq!(Blocks::tip(&[status(1, 1), status(2, 2)]).0, Some((id(2), 2)));
        assert_eq!(Blocks::tip(&[None]), (None, 0));
        let items = [101, 102, 103, 104].map(|n| Planned {
            id: ItemId::tx(id(n)),
            bytes: bytes::Bytes::new(),
            follows: false,
        });
        let counted = Counted { asked: 1, rebuilt: 2, bytes: 600, template_bytes: 900 };
        let chain = forked().figures(9.0, &statuses, &[true; 3], &items, &counted);
        assert_eq!((chain.height, chain.tips, chain.confirmed), (Some(2), 2, Some(0.5)));
        assert_eq!(
            chain.hit_rate,
            Some(1.0 / 3.0),
            "three came from elsewhere, one without asking"
        );
        assert_eq!((chain.bytes_received, chain.template_bytes), (Some(200.0), Some(100.0)));
    }

    fn tidings_status() -> Status {
        let text = r#"{"version":"","peer_id":"","network":"","rules":"","strategy":"","listen":[],"uptime_s":0.0,
            "outbound":0,"inbound":0,"outbound_target":0,"addresses":0,"pool_items":0,"pool_bytes":0,"blocks":0,
            "seen":0,"traffic":{},"counters":{},"rss_bytes":0,"cpu_s":0.0}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_was_seen_before_it_was_known_to_be_made_counts_once_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let (block, tx) = (made(1, 0, 0), ItemId::tx(id(101)));
        std::fs::write(&trace, format!("7,accepted,block,{},50,-\n", block.id)).unwrap();
        let mut collector = Collector::new([trace.as_path()], [tx]).with_blocks();
        collector.poll().unwrap();
        let mut blocks = Blocks::new(1);
        blocks.follow(&mut collector);
        assert_eq!((blocks.reach(&[true]).settled, collector.deliveries()), ((0, 0), 0));
        blocks.add(block);
        blocks.follow(&mut collector);
        assert_eq!((blocks.reach(&[true]).settled, collector.deliveries()), ((1, 1), 1));
        assert_eq!(collector.oddities().foreign, 0);
    }
}
