//! Follows the nodes' trace files: who has what, since when. Cheap, since it shares the machine with
//! what it measures: no system call per delivery, and two reads a second per node.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use tidings::trace::{BUFFER_LEN, BadLine, Entry, Line, Tail};
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tidings_tools::run::Delivery;

use super::clocks::Mistimed;
use super::givers::{Givers, NOBODY};
use super::settings::narrow;

/// First deliveries of all items at all nodes.
#[derive(Debug)]
pub struct Collector {
    tails: Vec<Tail>,
    buffer: Vec<u8>,
    numbers: HashMap<ItemId, usize>,
    arrivals: Arrivals,
    givers: Givers,
    oddities: Oddities,
    /// Blocks that were accepted and aren't among the items; `None` if there should be none.
    blocks: Option<Vec<SeenBlock>>,
    /// Items of a warm-up, which are looked at no more.
    before: HashSet<ItemId>,
}

/// A block that a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenBlock {
    /// The node.
    pub node: usize,
    /// The block.
    pub id: Hash256,
    /// Since when, microseconds of Unix time.
    pub unix_us: u64,
}

/// What traces said that a good run doesn't.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Lines that nodes left out.
    pub dropped: u64,
    /// Lines that make no sense.
    pub unreadable: u64,
    /// Items that nodes refused.
    pub rejected: u64,
    /// Items that were never submitted.
    pub foreign: u64,
}

/// How much was delivered, among the pairs that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Pairs of item and live node that were delivered.
    pub delivered: usize,
    /// Pairs of item and live node.
    pub expected: usize,
    /// Items that no live node has and whose origin is dead; they are not among the pairs.
    pub lost: usize,
}

impl Coverage {
    /// Whether all was delivered.
    #[must_use]
    pub const fn complete(self) -> bool {
        self.delivered == self.expected
    }

    /// The delivered share, 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.expected == 0 { 1.0 } else { self.delivered as f64 / self.expected as f64 }
    }
}

impl Collector {
    /// Follows a trace of each node, for items with these ids.
    #[must_use]
    pub fn new<'a>(
        traces: impl IntoIterator<Item = &'a Path>,
        ids: impl IntoIterator<Item = ItemId>,
    ) -> Self {
        let tails: Vec<Tail> = traces.into_iter().map(Tail::new).collect();
        let numbers: HashMap<ItemId, usize> =
            ids.into_iter().enumerate().map(|(number, id)| (id, number)).collect();
        let arrivals = Arrivals::new(numbers.len(), tails.len());
        Self {
            tails,
            buffer: vec![0; BUFFER_LEN],
            numbers,
            arrivals,
            givers: Givers::default(),
            oddities: Oddities::default(),
            blocks: None,
            before: HashSet::new(),
        }
    }

    /// The same where it is known who the nodes are, so that deliveries say from which of them they came.
    #[must_use]
    pub fn with_givers(self, givers: Givers) -> Self {
        Self { givers, ..self }
    }

    /// The same where others were submitted before, in a warm-up.
    #[must_use]
    pub fn after(self, before: impl IntoIterator<Item = ItemId>) -> Self {
        Self { before: before.into_iter().collect(), ..self }
    }

    /// The same where blocks are made meanwhile.
    #[must_use]
    pub fn with_blocks(self) -> Self {
        Self { blocks: Some(Vec::new()), ..self }
    }

    /// Blocks that were accepted since the last call, and aren't among the items.
    pub fn take_blocks(&mut self) -> Vec<SeenBlock> {
        self.blocks.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// A node had some items at a time, though it may not have said so of each: they came in a block.
    pub fn had(&mut self, ids: &[ItemId], node: usize, unix_us: u64) {
        for item in ids.iter().filter_map(|id| self.numbers.get(id)) {
            self.arrivals.note(*item, (node, NOBODY), unix_us);
        }
    }

    /// Reads what all nodes wrote since the last time; returns how many first deliveries were new.
    ///
    /// # Errors
    /// When a trace can't be read.
    pub fn poll(&mut self) -> io::Result<usize> {
        let count = self.arrivals.count;
        let Self { tails, buffer, numbers, arrivals, givers, oddities, blocks, before } = self;
        for (node, tail) in tails.iter_mut().enumerate() {
            tail.read(buffer, |line| match Line::parse(line) {
                Ok(Line::Accepted(Entry { unix_us, id, ingress, .. })) => {
                    match (numbers.get(&id), &mut *blocks) {
                        (Some(item), _) => {
                            let giver = givers.giver(node, ingress);
                            arrivals.note(*item, (node, giver), unix_us);
                        }
                        (None, Some(blocks)) if id.kind() == ItemKind::Block => {
                            blocks.push(SeenBlock { node, id: id.hash(), unix_us });
                        }
                        (None, _) if before.contains(&id) => {}
                        (None, _) => oddities.foreign += 1,
                    }
                }
                // What the last lines of its former life would have said, had they been written.
                Ok(Line::Restored(Entry { unix_us, id, .. })) => {
                    if let Some(item) = numbers.get(&id) {
                        arrivals.note(*item, (node, NOBODY), unix_us);
                    }
                }
                Ok(Line::Rejected(_)) => oddities.rejected += 1,
                Ok(Line::Linked { link, peer, .. }) => givers.linked(node, link, &peer),
                Ok(Line::Dropped { count, .. }) => oddities.dropped += count,
                Err(BadLine) => oddities.unreadable += 1,
            })?;
        }
        Ok(self.arrivals.count - count)
    }

    /// First deliveries so far, at dead nodes too.
    #[must_use]
    pub const fn deliveries(&self) -> usize {
        self.arrivals.count
    }

    /// What traces said that a good run doesn't.
    #[must_use]
    pub const fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// What the `live` nodes have of the items submitted so far: `origins` holds the origin of each,
    /// in order, `None` before its submission.
    #[must_use]
    pub fn coverage(&self, live: &[bool], origins: &[Option<usize>]) -> Coverage {
        let live_count = live.iter().filter(|live| **live).count();
        let mut coverage = Coverage::default();
        for (item, origin) in origins.iter().enumerate() {
            let Some(origin) = origin else { continue };
            let row = self.arrivals.row(item);
            let have = row.iter().zip(live).filter(|(at, live)| **at != 0 && **live).count();
            if have == 0 && !live[*origin] {
                coverage.lost += 1;
            } else {
                coverage.delivered += have;
                coverage.expected += live_count;
            }
        }
        coverage
    }

    /// For each node the stamp that is furthest outside of the time in which it can have been made: after the
    /// item's submission (when and where each was), and before the run was over.
    #[must_use]
    pub fn mistimed(&self, submissions: &[Option<(u64, usize)>], over_us: u64) -> Vec<Mistimed> {
        let mut worst: Vec<Option<Mistimed>> = vec![None; self.tails.len()];
        for (item, sent) in submissions.iter().enumerate() {
            let Some((sent_us, _)) = *sent else { continue };
            let stamps = self.arrivals.row(item).iter().enumerate().filter(|(_, at)| **at != 0);
            for (node, at_us) in stamps {
                if let Some(found) = Mistimed::of(node, *at_us, (sent_us, over_us)) {
                    worst[node] = Some(worst[node].map_or(found, |worst| worst.worse(found)));
                }
            }
        }
        worst.into_iter().flatten().collect()
    }

    /// All first deliveries with their latency, given when and where each item was submitted
    /// (microseconds of Unix time). Items that weren't are left out, and not numbered. The origin's
    /// own delivery has latency 0 by definition.
    #[must_use]
    pub fn into_deliveries(self, submissions: &[Option<(u64, usize)>]) -> Vec<Delivery> {
        let mut deliveries = Vec::with_capacity(self.arrivals.count);
        let submitted = submissions.iter().enumerate();
        let submitted = submitted.filter_map(|(item, at)| at.map(|(us, node)| (item, us, node)));
        for (number, (item, submitted_us, origin)) in submitted.enumerate() {
            let stamps = self.arrivals.row(item).iter().enumerate().filter(|(_, at)| **at != 0);
            for (node, at) in stamps {
                let is_origin = node == origin;
                let giver = self.arrivals.giver(item, node).filter(|_| !is_origin);
                deliveries.push(Delivery {
                    item: narrow(number),
                    node: narrow(node),
                    latency_us: if is_origin { 0 } else { at.saturating_sub(submitted_us) },
                    from: giver,
                });
            }
        }
        deliveries
    }
}

/// When each item first arrived at each node, microseconds of Unix time, 0 for not yet, and from which. A table of
/// 12 bytes a pair; the command line bounds the pairs.
#[derive(Debug)]
struct Arrivals {
    nodes: usize,
    at: Vec<u64>,
    from: Vec<u32>,
    count: usize,
}

impl Arrivals {
    fn new(items: usize, nodes: usize) -> Self {
        let pairs = items * nodes;
        Self { nodes, at: vec![0; pairs], from: vec![NOBODY; pairs], count: 0 }
    }

    fn row(&self, item: usize) -> &[u64] {
        &self.at[item * self.nodes..][..self.nodes]
    }

    fn giver(&self, item: usize, node: usize) -> Option<u32> {
        Some(self.from[item * self.nodes + node]).filter(|giver| *giver != NOBODY)
    }

    /// Keeps the first; a node that forgot an item may accept it again, and one that came in a block is told of late.
    fn note(&mut self, item: usize, (node, giver): (usize, u32), unix_us: u64) {
        let pair = item * self.nodes + node;
        let at = &mut self.at[pair];
        if *at == 0 {
            self.count += 1;
        }
        if *at == 0 || *at > unix_us {
            *at = unix_us.max(1);
            self.from[pair] = giver;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tidings::trace::PeerId;

    use super::*;

    /// Traces of three nodes, in a folder that lives as long as the collector is used.
    fn collector(traces: [&[(u64, &[u8])]; 3]) -> (tempfile::TempDir, Collector) {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..3).map(|n| folder.path().join(n.to_string())).collect();
        for (path, trace) in paths.iter().zip(traces) {
            let line =
                |(at, item): &(u64, &[u8])| format!("{at},accepted,tx,{},1,-\n", Hash256::of(item));
            fs::write(path, trace.iter().map(line).collect::<String>()).unwrap();
        }
        let ids = [b"a", b"b"].map(|bytes| ItemId::tx(Hash256::of(bytes)));
        let collector = Collector::new(paths.iter().map(|path| path.as_path()), ids);
        (folder, collector)
    }

    #[test]
    fn only_first_deliveries_of_submitted_items_count() {
        let traces: [&[(u64, &[u8])]; 3] = [&[(5, b"a"), (9, b"a")], &[(7, b"a"), (8, b"c")], &[]];
        let (folder, mut collector) = collector(traces);
        assert_eq!(collector.poll().unwrap(), 2);
        assert_eq!(collector.poll().unwrap(), 0, "nothing new");
        assert_eq!(collector.oddities(), Oddities { foreign: 1, ..Oddities::default() });
        let path = folder.path().join("1");
        let ids = [ItemId::tx(Hash256::of(b"a"))];
        let mut later =
            Collector::new([path.as_path()], ids).after([ItemId::tx(Hash256::of(b"c"))]);
        assert_eq!((later.poll().unwrap(), later.oddities()), (1, Oddities::default()));
        let deliveries = collector.into_deliveries(&[Some((4, 0)), None]);
        let delivery = |node, latency_us| Delivery { item: 0, node, latency_us, from: None };
        assert_eq!(deliveries, [delivery(0, 0), delivery(1, 3)]);
    }

    #[test]
    fn deliveries_say_from_whom_they_came() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [0, 1].map(|node: u32| folder.path().join(node.to_string()));
        let [first, second] = [(); 2].map(|()| PeerId::random());
        let (a, b) = (Hash256::of(b"a"), Hash256::of(b"b"));
        fs::write(&paths[0], format!("1,linked,peer,{second},,0.0\n4,accepted,tx,{a},1,-\n"))
            .unwrap();
        let text = format!(
            "2,linked,peer,{first},,3.1\n5,accepted,tx,{a},1,3.1\n5,accepted,tx,{b},1,3.2\n"
        );
        fs::write(&paths[1], text).unwrap();
        let givers = Givers::new(HashMap::from([(first, 0), (second, 1)]));
        let paths = paths.iter().map(|path| path.as_path());
        let mut collector = Collector::new(paths, [a, b].map(ItemId::tx)).with_givers(givers);
        assert_eq!(collector.poll().unwrap(), 3);
        let deliveries = collector.into_deliveries(&[Some((4, 0)), Some((4, 0))]);
        let from: Vec<_> =
            deliveries.iter().map(|delivery| (delivery.node, delivery.from)).collect();
        assert_eq!(from, [(0, None), (1, Some(0)), (1, None)]);
    }

    #[test]
    fn stamps_of_a_clock_that_was_set_are_not_taken_for_fast_deliveries() {
        const HOUR_US: u64 = 3_600_000_000;
        let traces: [&[(u64, &[u8])]; 3] = [
            &[(2 * HOUR_US, b"a"), (2 * HOUR_US + 5, b"b")],
            &[(HOUR_US, b"a")],
            &[(3 * HOUR_US, b"b")],
        ];
        let (_folder, mut collector) = collector(traces);
        collector.poll().unwrap();
        let submissions = [Some((2 * HOUR_US, 0)), Some((2 * HOUR_US + 3, 0))];
        let by_us = HOUR_US.cast_signed();
        let mistimed = collector.mistimed(&submissions, 2 * HOUR_US + 1_000_000);
        let expected =
            [Mistimed { node: 1, by_us: -by_us }, Mistimed { node: 2, by_us: by_us - 1_000_000 }];
        assert_eq!(mistimed, expected);
    }

    #[test]
    fn an_item_that_died_with_its_origin_is_lost_not_missing() {
        let (_folder, mut collector) = collector([&[(5, b"a")], &[(7, b"b")], &[(8, b"b")]]);
        collector.poll().unwrap();
        let origins = [Some(0), Some(1)];
        let all = collector.coverage(&[true; 3], &origins);
        assert_eq!(all, Coverage { delivered: 3, expected: 6, lost: 0 });
        let survivors = collector.coverage(&[false, true, true], &origins);
        assert_eq!(survivors, Coverage { delivered: 2, expected: 2, lost: 1 });
        assert!(survivors.complete());
    }

    #[test]
    fn what_was_not_submitted_yet_is_not_expected() {
        let (_folder, collector) = collector([&[], &[], &[]]);
        let coverage = collector.coverage(&[true; 3], &[Some(0), None]);
        assert_eq!((coverage.expected, coverage.share()), (3, 0.0));
        assert!(collector.coverage(&[true; 3], &[None, None]).complete());
    }

    #[test]
    fn damage_and_loss_are_counted() {
        let (folder, mut collector) = collector([&[], &[], &[]]);
        let id = ItemId::tx(Hash256::of(b"a"));
        let text = format!("1,dropped,,,7,\nnonsense\n2,rejected,tx,{id},5,-\n");
        fs::write(folder.path().join("1"), text).unwrap();
        collector.poll().unwrap();
        let expected = Oddities { dropped: 7, unreadable: 1, rejected: 1, foreign: 0 };
        assert_eq!(collector.oddities(), expected);
    }
}
