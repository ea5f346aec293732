//! Records a world as a timeline, from any moment on: whoever shows a run sees every message that it had.
//!
//! A recording only listens. It draws nothing, asks nodes nothing that changes them, and a run that is recorded gives the
//! same event hash as one that isn't. What isn't recorded costs a world one look at an empty pointer here and there.
//!
//! *Which message arrived*: messages of one class keep their order on a link, so what arrives is the first of its class
//! that is under way on that end. What was under way when recording began is counted among those, and not noted.
//!
//! *Bounds*: those of the [`Recorder`]; besides, a few bytes for each end of a link and for each message under way.

mod names;
mod samples;
mod telling;

use std::collections::{BTreeMap, VecDeque};

use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{ItemId, ItemKind, ShortId};
use tidings_protocol::ground::time::Time;
use tidings_protocol::wire::codec;
use tidings_protocol::wire::kinds::Class;
use tidings_protocol::wire::message::Message;
use tidings_timeline::{FaultSpan, ITEM_BLOCK, ITEM_TX, Recorder, Row, State, Timeline};

pub(crate) use names::items_of;
use samples::Samples;
pub(crate) use telling::{about, tell_fault};

/// No end: its link isn't followed.
const NO_END: u32 = u32::MAX;

/// No item: it was submitted before.
const NO_ITEM: u32 = u32::MAX;

/// A recording of a world.
#[derive(Clone, Debug)]
pub struct Recording {
    recorder: Recorder,
    began: Time,
    /// By node and slot: the end over which it sends.
    ends: Vec<Vec<u32>>,
    /// By end: its receiver has lost the link.
    gone: Vec<bool>,
    /// By end and class, those that aren't empty: what is under way, with its bytes.
    under_way: BTreeMap<(u32, Class), VecDeque<(Row, u32)>>,
    /// By node: bytes on their way to it.
    queued: Vec<u64>,
    /// By place in the workload: its number here.
    items: Vec<u32>,
    /// Blocks that nodes made.
    blocks: BTreeMap<ItemId, u32>,
    samples: Samples,
    /// Reused for every message.
    named: Vec<u32>,
}

impl Recording {
    /// A recording that begins now, of a world with so many nodes and items, as its world tells it next.
    pub(crate) fn new(recorder: Recorder, began: Time, nodes: usize, items: usize) -> Self {
        Self {
            recorder,
            began,
            ends: vec![Vec::new(); nodes],
            gone: Vec::new(),
            under_way: BTreeMap::new(),
            queued: vec![0; nodes],
            items: vec![NO_ITEM; items],
            blocks: BTreeMap::new(),
            samples: Samples::new(began),
            named: Vec::new(),
        }
    }

    /// Microseconds since it began.
    pub(crate) const fn micros(&self, at: Time) -> u64 {
        at.as_nanos().saturating_sub(self.began.as_nanos()) / 1_000
    }

    /// What the recorder has, for whoever adds to it.
    pub const fn recorder_mut(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// When the recording began.
    #[must_use]
    pub const fn began(&self) -> Time {
        self.began
    }

    /// A link comes up: slots are those of whoever dialled, and of whom it dialled.
    pub(crate) fn link_up(
        &mut self,
        now: Time,
        (from, near): (u32, usize),
        (to, far): (u32, usize),
    ) {
        let link = self.recorder.link_up(self.micros(now), from, to);
        let end = link.map_or(NO_END, |link| 2 * link);
        self.gone.extend(link.map(|_| [false; 2]).into_iter().flatten());
        self.set_end(from, near, end);
        self.set_end(to, far, link.map_or(NO_END, |link| 2 * link + 1));
    }

    fn set_end(&mut self, node: u32, slot: usize, end: u32) {
        let ends = &mut self.ends[node as usize];
        if ends.len() <= slot {
            ends.resize(slot + 1, NO_END);
        }
        ends[slot] = end;
    }

    fn end(&self, node: u32, slot: usize) -> Option<u32> {
        self.ends[node as usize].get(slot).copied().filter(|end| *end != NO_END)
    }

    /// A node has lost its end of a link: nothing more arrives there.
    pub(crate) fn end_gone(&mut self, now: Time, node: u32, slot: usize) {
        let Some(end) = self.end(node, slot) else { return };
        self.set_end(node, slot, NO_END);
        let to_us = end ^ 1;
        self.gone[to_us as usize] = true;
        self.recorder.link_down(self.micros(now), end / 2);
        for class in Class::ALL {
            for (row, bytes) in self.under_way.remove(&(to_us, class)).into_iter().flatten() {
                self.recorder.cut(row);
                self.takes_off(node, bytes);
            }
        }
    }

    /// A node sends a message, of which so many copies will arrive.
    pub(crate) fn sent(
        &mut self,
        now: Time,
        (node, slot, peer): (u32, usize, u32),
        message: &Message,
        copies: u32,
        (chain, number): (&dyn Chain, impl Fn(ShortId) -> Option<u32>),
    ) {
        let Some(end) = self.end(node, slot) else { return };
        let (items, blocks, mut named) =
            (&self.items, &self.blocks, std::mem::take(&mut self.named));
        named.clear();
        items_of(message, chain, |name| {
            let block = name.block().and_then(|id| blocks.get(&id).copied());
            let submitted = || number(name.short()).map(|item| items[item as usize]);
            let item = block.or_else(submitted);
            named.extend(item.filter(|item| *item != NO_ITEM));
        });
        let bytes = u32::try_from(codec::frame_len(message)).unwrap_or(u32::MAX);
        let row = self.recorder.sent(self.micros(now), end, message.kind() as u8, bytes, &named);
        self.named = named;
        if copies == 0 {
            return self.recorder.lost(row);
        }
        if self.gone[end as usize] {
            return self.recorder.cut(row);
        }
        for _ in 0..copies {
            self.on_its_way(end, peer, message.class(), (row, bytes));
        }
    }

    /// A message that was sent before the recording began is still under way to a node.
    pub(crate) fn was_sent(&mut self, node: u32, slot: usize, message: &Message) {
        if let Some(end) = self.end(node, slot) {
            let bytes = u32::try_from(codec::frame_len(message)).unwrap_or(u32::MAX);
            self.on_its_way(end ^ 1, node, message.class(), (Row::NONE, bytes));
        }
    }

    fn on_its_way(&mut self, end: u32, to: u32, class: Class, message: (Row, u32)) {
        self.under_way.entry((end, class)).or_default().push_back(message);
        self.queued[to as usize] += u64::from(message.1);
    }

    /// A message of a class is handed to a node.
    pub(crate) fn arrived(&mut self, now: Time, node: u32, slot: usize, class: Class) {
        let Some(end) = self.end(node, slot) else { return };
        let std::collections::btree_map::Entry::Occupied(mut waiting) =
            self.under_way.entry((end ^ 1, class))
        else {
            return;
        };
        let first = waiting.get_mut().pop_front();
        if waiting.get().is_empty() {
            waiting.remove();
        }
        if let Some((row, bytes)) = first {
            self.recorder.arrived(self.micros(now), row);
            self.takes_off(node, bytes);
        }
    }

    fn takes_off(&mut self, node: u32, bytes: u32) {
        let queued = &mut self.queued[node as usize];
        *queued = queued.saturating_sub(u64::from(bytes));
    }

    /// An item of the workload is submitted.
    pub(crate) fn submitted(
        &mut self,
        now: Time,
        item: usize,
        origin: u32,
        id: ItemId,
        size: usize,
    ) {
        self.items[item] = self.appears(now, origin, id, size).unwrap_or(NO_ITEM);
    }

    /// A node makes a block.
    pub(crate) fn made(&mut self, now: Time, origin: u32, id: ItemId, size: usize) {
        if let Some(number) = self.appears(now, origin, id, size) {
            self.blocks.insert(id, number);
        }
    }

    fn appears(&mut self, now: Time, origin: u32, id: ItemId, size: usize) -> Option<u32> {
        let kind = match id.kind() {
            ItemKind::Tx => ITEM_TX,
            ItemKind::Block => ITEM_BLOCK,
        };
        let hash = id.hash().0.first_chunk().copied().unwrap_or_default();
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.recorder.item(self.micros(now), kind, hash, size, Some(origin))
    }

    /// A node has an item of the workload for the first time, from a link's slot or otherwise.
    pub(crate) fn delivered(&mut self, now: Time, node: u32, item: u32, slot: Option<usize>) {
        let number = self.items[item as usize];
        if number != NO_ITEM {
            self.has(now, node, number, slot);
        }
    }

    /// A node has a block that nodes made for the first time.
    pub(crate) fn delivered_block(
        &mut self,
        now: Time,
        node: u32,
        id: ItemId,
        slot: Option<usize>,
    ) {
        if let Some(number) = self.blocks.get(&id).copied() {
            self.has(now, node, number, slot);
        }
    }

    fn has(&mut self, now: Time, node: u32, number: u32, slot: Option<usize>) {
        let from = slot.and_then(|slot| self.end(node, slot)).map(|end| end ^ 1);
        self.recorder.delivered(self.micros(now), node, number, from);
    }

    /// A node turns to something.
    pub(crate) fn state(&mut self, now: Time, node: u32, state: State) {
        self.recorder.state(self.micros(now), node, state);
    }

    /// A fault begins.
    pub(crate) fn fault(
        &mut self,
        now: Time,
        until: Time,
        kind: &str,
        text: String,
        nodes: Vec<u32>,
    ) {
        let until_us = (until != Time::NEVER).then(|| self.micros(until));
        let (kind, at_us) = (kind.to_owned(), self.micros(now));
        self.recorder.fault(FaultSpan { kind, at_us, until_us, text, nodes });
    }

    /// When nodes are to be looked at next.
    pub(crate) const fn next_look(&self) -> Time {
        self.samples.next()
    }

    /// Looks at all nodes, of which `node` tells announcements that wait, and items that were asked for.
    pub(crate) fn look(&mut self, node: impl Fn(u32) -> (usize, usize)) {
        self.samples.take(&self.queued, node);
    }

    /// The timeline until now.
    pub(crate) fn finish(mut self, now: Time) -> Timeline {
        let at = self.micros(now);
        self.samples.hand_over(&mut self.recorder);
        self.recorder.finish(at)
    }
}
