//! A peer asks for items and gets them, no faster than it takes them.
//!
//! What was asked for goes through a queue per link. A portion of it is sent at once; the rest follows
//! with each wake-up, so that the driver can say in between that the link is congested.

use rand::RngExt as _;

use super::{LinkState, Node};
use crate::ground::item::{Item, ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::record::{Manner, What};
use crate::relay::Strategy as _;
use crate::wire::message::{GETDATA_MAX, Message, Verb};

/// Bytes of items that one link is sent at a time. Large enough for a batch of several hundred
/// transactions, small against the driver's bound on what it queues per link. A guess.
const PORTION: usize = 256 * 1024;

/// Most links that get a portion at one wake-up: some milliseconds' work, after which the driver looks after
/// everything else. A guess.
const PORTIONS_MAX: usize = 4;

impl Node {
    pub(super) fn on_get_data(
        &mut self,
        link: Link,
        kind: ItemKind,
        mut names: impl ExactSizeIterator<Item = Name>,
        cx: &mut Cx<'_>,
    ) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        let room = cx.params.memory.serve_queue_max.saturating_sub(state.serving.len());
        state.serving.extend(names.by_ref().take(room).map(|name| (kind, name)));
        self.not_found(link, kind, &names.collect::<Vec<_>>(), cx);
        self.serve(link, cx);
    }

    /// Goes on with answers that were too large to send at once.
    pub(super) fn serve_due(&mut self, cx: &mut Cx<'_>) {
        if cx.now < self.serve_at {
            return;
        }
        self.serve_at = Time::NEVER;
        let slots = self.links.slots();
        // Where it begins is chosen at random when not all may get their turn.
        let first = if slots > PORTIONS_MAX { cx.rng.random_range(0..slots) } else { 0 };
        let mut portions = 0;
        for slot in (first..slots).chain(0..first) {
            let Some(link) = self.links.at(slot) else { continue };
            let waits = |state: &LinkState| !state.serving.is_empty() && !state.congested;
            if !self.links.get(link).is_some_and(waits) {
                continue;
            }
            if portions == PORTIONS_MAX {
                self.serve_at = cx.now;
                return;
            }
            self.serve(link, cx);
            portions += 1;
        }
    }

    fn serve(&mut self, link: Link, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        if state.congested || state.serving.is_empty() {
            return;
        }
        let mut queue = state.serving.take();
        let (mut sent, mut missing) = (0, [Vec::new(), Vec::new()]);
        while sent < PORTION
            && let Some((kind, name)) = queue.pop_front()
        {
            match self.find(kind, name).filter(|item| self.may_serve(link, item)).cloned() {
                Some(item) => {
                    sent += item.size();
                    self.seen.note_told(item.id(), link);
                    self.record.note(link, item.id(), What::Sent(Manner::Answer), cx.now);
                    self.relay(cx, |strategy, cx| strategy.on_requested(link, item.id(), cx));
                    cx.send(link, Message::Item(item));
                }
                None => {
                    self.record.note(link, name.short(), What::Denied, cx.now);
                    missing[kind as usize].push(name);
                }
            }
        }
        let [txs, blocks] = missing;
        self.not_found(link, ItemKind::Tx, &txs, cx);
        self.not_found(link, ItemKind::Block, &blocks, cx);
        if !queue.is_empty()
            && let Some(state) = self.links.get_mut(link)
        {
            state.serving = queue.into();
            self.serve_at = cx.now;
        }
    }

    /// Whether a peer may be given an item. Blocks are for everybody; of transactions only those that it was
    /// told of (or told us of), that the latest block confirmed, or that are parents of such.
    ///
    /// *Attack*: a stranger who asks for whatever he likes learns what is in the pool, and when it came
    /// (Bitcoin Core's `FindTxForGetData`, `net_processing.cpp`).
    fn may_serve(&self, link: Link, item: &Item) -> bool {
        item.kind() == ItemKind::Block
            || self.seen.knows(item.id(), link)
            || self.pool.was_confirmed_lately(item.id())
            || self.pool.children(item.id()).iter().any(|child| self.seen.knows(child, link))
    }

    /// Says so in the peer's own names.
    fn not_found(&mut self, link: Link, kind: ItemKind, names: &[Name], cx: &mut Cx<'_>) {
        self.counters.not_found += names.len() as u64;
        let is_short = |name: &Name| matches!(name, Name::Short(_));
        for alike in names.chunk_by(|a, b| is_short(a) == is_short(b)) {
            for names in alike.chunks(GETDATA_MAX) {
                cx.send(link, Message::naming(Verb::NotFound, kind, names.iter().copied()));
            }
        }
    }
}
