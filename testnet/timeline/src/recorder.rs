//! Makes a timeline of what a driver tells, one call for each thing that happens.
//!
//! # Bound
//! Messages and deliveries together are at most as many as the bound. When one more would be too many, only every other
//! of the followed items is followed from then on, and what was noted of the rest is forgotten: first items whose number
//! is even, then those whose number is a multiple of four, and so on. So what is left of an item is all there was of it.
//! A message that names no item is kept where the number of its link is such a multiple. What is left out is counted, by
//! kind, and the timeline says so.
//! Links, items, states and samples have bounds of their own, [`ROWS_MAX`] each; what comes beyond isn't noted.

use crate::TIME_MAX;
use crate::about::{About, Dropped, Fate, FaultSpan, Mark, State};
use crate::columns::{Deliveries, Items, Links, Messages, Samples, States, Timeline};
use crate::layout;

/// The largest bound: what a reader still takes ([`crate::file::COLUMNS_MAX`]), at some 20 bytes for a message.
pub const BOUND_MAX: usize = 16 << 20;

/// The bound where nobody names another: a thousand nodes and a thousand transactions. Some 150 MB while it is
/// recorded.
pub const BOUND: usize = 6 << 20;

/// Most links, items, changes of nodes, and samples.
pub const ROWS_MAX: usize = 4 << 20;

/// Most items that a message is said to name: the longest announcement has fewer.
pub const NAMED_MAX: usize = 4_096;

/// The number of a transaction's kind.
pub const ITEM_TX: u8 = 0;

/// The number of a block's kind.
pub const ITEM_BLOCK: u8 = 1;

/// A message that was sent, for whoever tells what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row(u32);

impl Row {
    /// A message that isn't followed: what becomes of it isn't noted either.
    pub const NONE: Self = Self(u32::MAX);
}

/// What a node has waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Announcements that wait to leave.
    pub waiting: u32,
    /// Items that it asked for and hasn't got.
    pub asked: u32,
    /// Bytes on their way to it.
    pub queued: u32,
}

/// A timeline that is being made. Times are microseconds since its beginning, and need not come in order.
#[derive(Clone, Debug)]
pub struct Recorder {
    timeline: Timeline,
    bound: usize,
    /// By message: which of all that were sent it is. Empty as long as none was left out.
    numbers: Vec<u32>,
    /// Messages sent so far, those that were left out as well.
    sent: u32,
    /// By kind: messages that were left out.
    dropped: Vec<Dropped>,
}

impl Recorder {
    /// Nothing has happened yet in a network of `about.nodes` nodes. `bound` is the most messages and deliveries,
    /// [`BOUND_MAX`] at most.
    #[must_use]
    pub fn new(about: About, bound: usize) -> Self {
        let nodes = about.nodes as usize;
        let states = State::ALL.map(|state| state.name().to_owned()).to_vec();
        let mut timeline = Timeline { about, ..Timeline::default() };
        timeline.about.states = states;
        timeline.about.kept_items_one_of = 1;
        timeline.nodes.region = vec![0; nodes];
        timeline.nodes.map_x = vec![0; nodes];
        timeline.nodes.map_y = vec![0; nodes];
        let dropped = (0..=u8::MAX).map(|kind| Dropped { kind, rows: 0, bytes: 0 }).collect();
        Self { timeline, bound: bound.min(BOUND_MAX), numbers: Vec::new(), sent: 0, dropped }
    }

    /// What it says of itself, to be completed.
    pub const fn about_mut(&mut self) -> &mut About {
        &mut self.timeline.about
    }

    /// How many items there are.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.timeline.items.at.len()
    }

    /// Says where a node is on the map, and in which region.
    pub fn place(&mut self, node: u32, region: u32, (x, y): (u16, u16)) {
        let node = node as usize;
        let nodes = &mut self.timeline.nodes;
        if node < nodes.region.len() {
            (nodes.region[node], nodes.map_x[node], nodes.map_y[node]) = (region, x, y);
        }
    }

    /// A link comes up. Returns its number: `2 * link` is the dialler's end, one more is the other. `None` if there are
    /// too many.
    pub fn link_up(&mut self, at: u64, from: u32, to: u32) -> Option<u32> {
        let Links { from: froms, to: tos, up, down } = &mut self.timeline.links;
        if froms.len() >= ROWS_MAX {
            return None;
        }
        froms.push(from);
        tos.push(to);
        up.push(at.min(TIME_MAX));
        down.push(None);
        u32::try_from(froms.len() - 1).ok()
    }

    /// A link goes; only the first time counts.
    pub fn link_down(&mut self, at: u64, link: u32) {
        let links = &mut self.timeline.links;
        if let Some((down, up)) = links.down.get_mut(link as usize).zip(links.up.get(link as usize))
        {
            down.get_or_insert(at.clamp(*up, TIME_MAX));
        }
    }

    /// An item appears: submitted at `origin`, or seen somewhere for the first time. Returns its number; `None` if there
    /// are too many.
    pub fn item(
        &mut self,
        at: u64,
        kind: u8,
        hash: [u8; 8],
        size: u32,
        origin: Option<u32>,
    ) -> Option<u32> {
        let items = &mut self.timeline.items;
        if items.at.len() >= ROWS_MAX {
            return None;
        }
        let Items { kind: kinds, hash: hashes, size: sizes, origin: origins, at: times } = items;
        kinds.push(kind);
        hashes.push(hash);
        sizes.push(size);
        origins.push(origin);
        times.push(at.min(TIME_MAX));
        u32::try_from(times.len() - 1).ok()
    }

    /// A message is sent that names or carries these items: at most [`NAMED_MAX`] of them are noted. It is under way
    /// until somebody says what became of it.
    pub fn sent(&mut self, at: u64, end: u32, kind: u8, bytes: u32, items: &[u32]) -> Row {
        let row = Row(self.sent);
        self.sent = self.sent.saturating_add(1).min(u32::MAX - 1);
        if !self.follows(end, items) || !self.make_room() || !self.follows(end, items) {
            self.drop(kind, bytes);
            return Row::NONE;
        }
        let one_of = self.timeline.about.kept_items_one_of;
        let messages = &mut self.timeline.messages;
        let before = messages.named.len();
        let followed = items.iter().filter(|item| item.is_multiple_of(one_of)).take(NAMED_MAX);
        messages.named.extend(followed);
        messages.sent.push(at.min(TIME_MAX));
        messages.end.push(end);
        messages.kind.push(kind);
        messages.bytes.push(bytes);
        messages.took.push(0);
        messages.fate.push(Fate::UnderWay as u8);
        messages.count.push(u32::try_from(messages.named.len() - before).unwrap_or(u32::MAX));
        if one_of > 1 {
            self.numbers.push(row.0);
        }
        row
    }

    /// A message is handed to its receiver; the first time counts, if it arrives twice.
    pub fn arrived(&mut self, at: u64, row: Row) {
        if let Some(index) = self.index(row) {
            let messages = &mut self.timeline.messages;
            if messages.fate[index] == Fate::UnderWay as u8 {
                messages.fate[index] = Fate::Arrived as u8;
                messages.took[index] = at.min(TIME_MAX).saturating_sub(messages.sent[index]);
            }
        }
    }

    /// A fault loses a message.
    pub fn lost(&mut self, row: Row) {
        self.ends_as(row, Fate::Lost);
    }

    /// The link of a message is gone, or its receiver.
    pub fn cut(&mut self, row: Row) {
        self.ends_as(row, Fate::Cut);
    }

    fn ends_as(&mut self, row: Row, fate: Fate) {
        if let Some(index) = self.index(row)
            && self.timeline.messages.fate[index] == Fate::UnderWay as u8
        {
            self.timeline.messages.fate[index] = fate as u8;
        }
    }

    /// A node has an item for the first time: sent over this end, unless it is its own or came in a block.
    pub fn delivered(&mut self, at: u64, node: u32, item: u32, from: Option<u32>) {
        let follows =
            |recorder: &Self| item.is_multiple_of(recorder.timeline.about.kept_items_one_of);
        if !follows(self) || !self.make_room() || !follows(self) {
            self.timeline.about.dropped_rows += 1;
            return;
        }
        let Deliveries { at: times, node: nodes, item: items, from: froms } =
            &mut self.timeline.deliveries;
        times.push(at.min(TIME_MAX));
        nodes.push(node);
        items.push(item);
        froms.push(from);
    }

    /// A node turns to something.
    pub fn state(&mut self, at: u64, node: u32, state: State) {
        let states = &mut self.timeline.states;
        if states.at.len() < ROWS_MAX {
            states.at.push(at.min(TIME_MAX));
            states.node.push(node);
            states.state.push(state as u8);
        }
    }

    /// A look at a node.
    pub fn sample(&mut self, at: u64, node: u32, sample: Sample) {
        let samples = &mut self.timeline.samples;
        if samples.at.len() < ROWS_MAX {
            samples.at.push(at.min(TIME_MAX));
            samples.node.push(node);
            samples.waiting.push(sample.waiting);
            samples.asked.push(sample.asked);
            samples.queued.push(sample.queued);
        }
    }

    /// A fault holds from a moment, or held.
    pub fn fault(&mut self, fault: FaultSpan) {
        self.timeline.about.faults.push(fault);
    }

    /// A moment has a name.
    pub fn mark(&mut self, at: u64, text: &str) {
        self.timeline.about.marks.push(Mark { at_us: at.min(TIME_MAX), text: text.to_owned() });
    }

    /// The timeline, which ends at a moment, or with the last thing that was told. Nodes are placed by their links.
    #[must_use]
    pub fn finish(mut self, at: u64) -> Timeline {
        self.timeline.about.dropped =
            self.dropped.into_iter().filter(|dropped| dropped.rows > 0).collect();
        let mut timeline = self.timeline;
        sort_all(&mut timeline);
        let ends = [
            timeline.messages.sent.last(),
            timeline.deliveries.at.last(),
            timeline.states.at.last(),
            timeline.samples.at.last(),
        ];
        let last = ends.into_iter().flatten().max().copied().unwrap_or(0);
        timeline.about.end_us = at.max(last).min(TIME_MAX);
        let links: Vec<_> =
            timeline.links.from.iter().copied().zip(timeline.links.to.iter().copied()).collect();
        let places = layout::by_links(timeline.about.nodes as usize, &links);
        (timeline.nodes.x, timeline.nodes.y) = places.into_iter().unzip();
        timeline
    }

    /// Where a message is now, if it is still there.
    fn index(&self, row: Row) -> Option<usize> {
        if self.timeline.about.kept_items_one_of > 1 {
            return self.numbers.binary_search(&row.0).ok();
        }
        Some(row.0 as usize).filter(|index| *index < self.timeline.messages.sent.len())
    }

    /// Whether a message over an end that names these items is noted.
    fn follows(&self, end: u32, items: &[u32]) -> bool {
        let one_of = self.timeline.about.kept_items_one_of;
        match items {
            [] => (end / 2).is_multiple_of(one_of),
            items => items.iter().any(|item| item.is_multiple_of(one_of)),
        }
    }

    fn drop(&mut self, kind: u8, bytes: u32) {
        self.timeline.about.dropped_rows += 1;
        let dropped = &mut self.dropped[usize::from(kind)];
        dropped.rows += 1;
        dropped.bytes += u64::from(bytes);
    }

    /// Sees to it that there is room for one more message or delivery. False if there can't be.
    fn make_room(&mut self) -> bool {
        let rows =
            |timeline: &Timeline| timeline.messages.sent.len() + timeline.deliveries.at.len();
        while rows(&self.timeline) >= self.bound {
            let one_of = self.timeline.about.kept_items_one_of;
            // Nothing but item 0 and link 0 would be left anyway.
            let last = self.timeline.items.at.len().max(self.timeline.links.from.len());
            if one_of as usize > last {
                return false;
            }
            self.follow_fewer(2 * one_of);
        }
        true
    }

    /// Forgets what was noted of items whose number is no multiple.
    fn follow_fewer(&mut self, one_of: u32) {
        if self.numbers.is_empty() {
            self.numbers = (0..).take(self.timeline.messages.sent.len()).collect();
        }
        self.timeline.about.kept_items_one_of = one_of;
        let messages = std::mem::take(&mut self.timeline.messages);
        let numbers = std::mem::take(&mut self.numbers);
        let mut first = 0;
        for (row, number) in numbers.into_iter().enumerate() {
            let last = first + messages.count[row] as usize;
            let named = &messages.named[first..last];
            first = last;
            let (end, kind, bytes) = (messages.end[row], messages.kind[row], messages.bytes[row]);
            if !self.follows(end, named) {
                self.drop(kind, bytes);
                continue;
            }
            let kept = &mut self.timeline.messages;
            let before = kept.named.len();
            kept.named.extend(named.iter().filter(|item| item.is_multiple_of(one_of)));
            kept.count.push(u32::try_from(kept.named.len() - before).unwrap_or(u32::MAX));
            kept.sent.push(messages.sent[row]);
            kept.end.push(end);
            kept.kind.push(kind);
            kept.bytes.push(bytes);
            kept.took.push(messages.took[row]);
            kept.fate.push(messages.fate[row]);
            self.numbers.push(number);
        }
        let deliveries = std::mem::take(&mut self.timeline.deliveries);
        let kept = &mut self.timeline.deliveries;
        for row in 0..deliveries.at.len() {
            if !deliveries.item[row].is_multiple_of(one_of) {
                self.timeline.about.dropped_rows += 1;
                continue;
            }
            kept.at.push(deliveries.at[row]);
            kept.node.push(deliveries.node[row]);
            kept.item.push(deliveries.item[row]);
            kept.from.push(deliveries.from[row]);
        }
    }
}

/// Puts tables in order of time; what is of one moment stays as it was told.
fn sort_all(timeline: &mut Timeline) {
    let Timeline { messages, deliveries, states, samples, .. } = timeline;
    if let Some(order) = order(&messages.sent) {
        let mut first = 0;
        let mut firsts = Vec::with_capacity(messages.count.len());
        for count in &messages.count {
            firsts.push(first);
            first += *count as usize;
        }
        let named = |row: &usize| &messages.named[firsts[*row]..][..messages.count[*row] as usize];
        let named = order.iter().flat_map(named).copied().collect();
        *messages = Messages {
            sent: by(&order, &messages.sent),
            end: by(&order, &messages.end),
            kind: by(&order, &messages.kind),
            bytes: by(&order, &messages.bytes),
            took: by(&order, &messages.took),
            fate: by(&order, &messages.fate),
            count: by(&order, &messages.count),
            named,
        };
    }
    if let Some(order) = order(&deliveries.at) {
        *deliveries = Deliveries {
            at: by(&order, &deliveries.at),
            node: by(&order, &deliveries.node),
            item: by(&order, &deliveries.item),
            from: by(&order, &deliveries.from),
        };
    }
    if let Some(order) = order(&states.at) {
        *states = States {
            at: by(&order, &states.at),
            node: by(&order, &states.node),
            state: by(&order, &states.state),
        };
    }
    if let Some(order) = order(&samples.at) {
        *samples = Samples {
            at: by(&order, &samples.at),
            node: by(&order, &samples.node),
            waiting: by(&order, &samples.waiting),
            asked: by(&order, &samples.asked),
            queued: by(&order, &samples.queued),
        };
    }
}

/// The rows in order of time; `None` if they are.
fn order(times: &[u64]) -> Option<Vec<usize>> {
    if times.is_sorted() {
        return None;
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|row| times[*row]);
    Some(order)
}

fn by<T: Copy>(order: &[usize], column: &[T]) -> Vec<T> {
    order.iter().map(|row| column[*row]).collect()
}

#[cfg(test)]
mod tests;
