//! What a simulation remembers of its items: who had what first when, and from whom.
//!
//! Five bytes for each pair of item and node, so that a million nodes or millions of deliveries fit; from whom
//! is four more, and is kept up to [`GIVERS_MAX`] pairs.
//! A node that crashed and came back keeps the deliveries that it had: they happened.

use tidings_protocol::ground::time::Time;

/// No delivery.
const NEVER: u32 = u32::MAX;

/// Nobody: the operator, or a block.
const NOBODY: u32 = u32::MAX;

/// Most pairs of item and node of which it is kept from whom the item came: 64 MB. A guess; tables of more rows
/// are read by few.
pub const GIVERS_MAX: usize = 16 << 20;

/// First deliveries, and how many are still to come.
#[derive(Clone, Debug)]
pub struct Record {
    nodes: usize,
    /// By item, then by node: microseconds from the submission.
    first: Vec<u32>,
    /// The same: links that the item had come over by then; at most 255 are told apart.
    hops: Vec<u8>,
    /// The same: the peer that it came from, or [`NOBODY`]; nothing where there are too many pairs.
    givers: Vec<u32>,
    /// By item: when and where.
    submitted: Vec<Option<(Time, u32)>>,
    /// By node: how many items it has had.
    had: Vec<u32>,
    /// Items submitted so far.
    items: u32,
    /// Pairs of a submitted item and a living node that hasn't had it.
    open: u64,
    /// Pairs of an item and a node that has had it.
    delivered: u64,
    last: Time,
}

impl Record {
    /// Nothing submitted yet.
    #[must_use]
    pub fn new(nodes: usize, items: usize) -> Self {
        Self {
            nodes,
            first: vec![NEVER; nodes * items],
            hops: vec![0; nodes * items],
            givers: if nodes * items > GIVERS_MAX {
                Vec::new()
            } else {
                vec![NOBODY; nodes * items]
            },
            submitted: vec![None; items],
            had: vec![0; nodes],
            items: 0,
            open: 0,
            delivered: 0,
            last: Time::ZERO,
        }
    }

    /// An item is submitted, while `living` nodes live.
    pub fn submit(&mut self, item: usize, origin: u32, living: usize, now: Time) {
        self.submitted[item] = Some((now, origin));
        self.items += 1;
        self.open += living as u64;
        self.last = self.last.max(now);
    }

    /// A living node accepted an item, from a peer unless its operator submitted it. True if for the first
    /// time.
    pub fn accept(&mut self, item: usize, node: u32, from: Option<u32>, now: Time) -> bool {
        let Some((submitted, _)) = self.submitted[item] else {
            return false;
        };
        let at = |node: u32| item * self.nodes + node as usize;
        let hops = from.map_or(0, |from| self.hops[at(from)].saturating_add(1));
        let first = &mut self.first[at(node)];
        if *first != NEVER {
            return false;
        }
        *first = u32::try_from(now.since(submitted).as_micros()).unwrap_or(NEVER - 1);
        self.hops[at(node)] = hops;
        if let (Some(giver), Some(from)) =
            (self.givers.get_mut(item * self.nodes + node as usize), from)
        {
            *giver = from;
        }
        self.had[node as usize] += 1;
        self.open -= 1;
        self.delivered += 1;
        self.last = now;
        true
    }

    /// A node died: nothing is expected of it.
    pub fn node_down(&mut self, node: u32) {
        self.open -= u64::from(self.items - self.had[node as usize]);
    }

    /// A node lives again.
    pub fn node_up(&mut self, node: u32) {
        self.open += u64::from(self.items - self.had[node as usize]);
    }

    /// Pairs of a submitted item and a living node that hasn't had it.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.open
    }

    /// Pairs of an item and a node that has had it.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// When something was last submitted or delivered for the first time.
    #[must_use]
    pub const fn last(&self) -> Time {
        self.last
    }

    /// When and where an item was submitted.
    #[must_use]
    pub fn submission(&self, item: usize) -> Option<(Time, u32)> {
        self.submitted[item]
    }

    /// How many links an item came over to the node that it came to over most.
    #[must_use]
    pub fn last_hops(&self, item: usize) -> u8 {
        let row = &self.hops[item * self.nodes..(item + 1) * self.nodes];
        row.iter().copied().max().unwrap_or(0)
    }

    /// The items that were submitted and that a node hasn't had.
    pub fn lacked(&self, node: u32) -> impl Iterator<Item = usize> {
        let items = (0..).zip(&self.submitted).filter(|(_, submitted)| submitted.is_some());
        let first = move |item: usize| self.first[item * self.nodes + node as usize];
        items.map(|(item, _)| item).filter(move |item| first(*item) == NEVER)
    }

    /// The peer that an item first came from to a node; `None` if it came otherwise, or that wasn't kept.
    #[must_use]
    pub fn giver(&self, item: usize, node: u32) -> Option<u32> {
        let giver = self.givers.get(item * self.nodes + node as usize);
        giver.copied().filter(|giver| *giver != NOBODY)
    }

    /// When a node had an item first, microseconds from its submission; `None` if it hasn't.
    #[must_use]
    pub fn latency_us(&self, item: usize, node: u32) -> Option<u32> {
        let first = self.first[item * self.nodes + node as usize];
        (first != NEVER).then_some(first)
    }

    /// Who had an item first when: node and microseconds, by node.
    pub fn deliveries(&self, item: usize) -> impl Iterator<Item = (u32, u32)> {
        let row = &self.first[item * self.nodes..(item + 1) * self.nodes];
        (0..).zip(row.iter().copied()).filter(|(_, latency)| *latency != NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_delivery_counts_and_the_last_one_closes_the_run() {
        let mut record = Record::new(3, 2);
        record.submit(1, 0, 3, Time::from_millis(10));
        assert!(record.accept(1, 0, None, Time::from_millis(10)));
        assert!(record.accept(1, 2, Some(0), Time::from_millis(14)));
        assert!(!record.accept(1, 2, Some(0), Time::from_millis(19)));
        assert_eq!((record.open(), record.delivered()), (1, 2));
        assert_eq!(record.deliveries(1).collect::<Vec<_>>(), [(0, 0), (2, 4_000)]);
        assert_eq!(record.last(), Time::from_millis(14));
        assert_eq!(record.deliveries(0).count(), 0);
    }

    #[test]
    fn hops_are_counted_from_the_origin_and_givers_are_known() {
        let mut record = Record::new(3, 2);
        record.submit(1, 2, 3, Time::ZERO);
        record.accept(1, 2, None, Time::ZERO);
        record.accept(1, 0, Some(2), Time::ZERO);
        record.accept(1, 1, Some(0), Time::ZERO);
        assert_eq!((record.last_hops(0), record.last_hops(1)), (0, 2));
        assert_eq!([2, 0, 1].map(|node| record.giver(1, node)), [None, Some(2), Some(0)]);
        assert_eq!(record.giver(0, 0), None);
    }

    #[test]
    fn nothing_is_expected_of_the_dead() {
        let mut record = Record::new(3, 1);
        record.submit(0, 0, 3, Time::ZERO);
        record.accept(0, 0, None, Time::ZERO);
        record.node_down(1);
        assert_eq!(record.open(), 1);
        record.accept(0, 2, Some(0), Time::ZERO);
        assert_eq!(record.open(), 0);
        record.node_down(0);
        record.node_up(1);
        record.node_up(0);
        assert_eq!(record.open(), 1);
    }
}
