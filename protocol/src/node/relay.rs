//! The strategy is asked, and what it decides is carried out.

use std::cell::Cell;
use std::sync::Arc;

use super::Node;
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::Link;
use crate::items::blocks::BlockStore;
use crate::items::pool::Pool;
use crate::items::seen::{Seen, SeenCache};
use crate::machine::Cx;
use crate::record::Manner;
use crate::relay::announce::{Announcer, Form};
use crate::relay::{AnyStrategy, Neighbour, Overlay, RelayCx, Step, Strategy as _};

/// What the strategy sees of the node.
struct View<'a> {
    /// Not a slice, which would be read each time though few ask for it.
    ready: &'a Vec<Neighbour>,
    seen: &'a SeenCache,
    announcer: &'a Announcer,
    pool: &'a Pool,
    blocks: &'a BlockStore,
    region: Option<u8>,
    /// The item that was last asked about: a strategy asks about one for each link.
    last: Cell<Option<(ItemId, Option<&'a Seen>)>>,
}

impl<'a> View<'a> {
    fn peek(&self, id: ItemId) -> Option<&'a Seen> {
        if let Some((last, seen)) = self.last.get()
            && last == id
        {
            return seen;
        }
        let seen = self.seen.peek(id);
        self.last.set(Some((id, seen)));
        seen
    }
}

impl Overlay for View<'_> {
    fn len(&self) -> usize {
        self.ready.len()
    }

    fn neighbour(&self, index: usize) -> Neighbour {
        self.ready[index]
    }

    fn knows(&self, link: Link, id: &ItemId) -> bool {
        self.peek(*id).is_some_and(|seen| self.seen.holds(seen, link))
    }

    fn waiting(&self, link: Link) -> usize {
        self.announcer.waiting(link)
    }

    fn item(&self, id: &ItemId) -> Option<&Arc<Item>> {
        match id.kind() {
            ItemKind::Tx => self.pool.find(id),
            ItemKind::Block => self.blocks.get(id),
        }
    }

    fn region(&self) -> Option<u8> {
        self.region
    }
}

impl Node {
    /// Lets the strategy speak, and does what it says.
    pub(super) fn relay(
        &mut self,
        cx: &mut Cx<'_>,
        ask: impl FnOnce(&mut AnyStrategy, &mut RelayCx<'_>),
    ) {
        // Not kept: mostly there are none, and a simulator holds a million nodes.
        let mut steps = Vec::new();
        let Self { ready, seen, announcer, pool, blocks, strategy, .. } = self;
        let region = self.region;
        let overlay = &View { ready, seen, announcer, pool, blocks, region, last: Cell::new(None) };
        let (now, params) = (cx.now, &cx.params.relay);
        ask(strategy, &mut RelayCx { now, params, rng: cx.rng, overlay, steps: &mut steps });
        for step in steps {
            self.carry_out(step, cx);
        }
    }

    fn carry_out(&mut self, step: Step, cx: &mut Cx<'_>) {
        match step {
            Step::Send(link, item) => self.send_item(link, item, cx),
            Step::Announce(link, id) => match id.kind() {
                ItemKind::Block => {
                    self.announce(link, ItemKind::Block, &[id], Manner::Now, cx);
                }
                ItemKind::Tx => self.enqueue(link, (id, Form::Id), cx),
            },
            Step::AnnounceNow(link, id) => {
                self.announce(link, id.kind(), &[id], Manner::Now, cx);
            }
            Step::Hold(link, id) => self.announcer.hold(link, id, &cx.params.relay),
            Step::Flush(link) => {
                let ids = self.take_waiting(link);
                self.announce_any(link, ids, Manner::Round, cx);
            }
            Step::FlushWhole(link) => {
                for id in self.take_waiting(link) {
                    self.give_by_id(link, id, Manner::Round, cx);
                }
            }
            Step::Signal(link, signal) => self.send(link, signal, cx),
        }
    }

    fn send_item(&mut self, link: Link, item: Arc<Item>, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get(link) else { return };
        let (id, congested, is_block) =
            (item.id(), state.congested, item.kind() == ItemKind::Block);
        if self.is_filtered(link, &id) {
            return;
        }
        if congested && is_block {
            self.announce(link, ItemKind::Block, &[id], Manner::Now, cx);
        } else if congested {
            self.enqueue(link, (id, Form::Id), cx);
        } else if cx.params.relay.batch_ms > 0 && !is_block {
            self.enqueue(link, (id, Form::Whole), cx);
        } else {
            self.give(link, item, Manner::Now, cx);
        }
    }

    pub(super) fn enqueue(&mut self, link: Link, item: (ItemId, Form), cx: &mut Cx<'_>) {
        self.announcer.enqueue(link, item, cx.now, &cx.params.relay, cx.rng);
    }

    fn take_waiting(&mut self, link: Link) -> Vec<ItemId> {
        let Self { announcer, seen, .. } = self;
        announcer.take(link, |id| seen.knows(id, link))
    }

    /// Lets the strategy do what is due.
    pub(super) fn strategy_due(&mut self, cx: &mut Cx<'_>) {
        if self.strategy.deadline() <= cx.now {
            self.relay(cx, AnyStrategy::on_wake);
        }
    }

    /// Batches of announcements are due.
    pub(super) fn announce_due(&mut self, cx: &mut Cx<'_>) {
        let Self { announcer, seen, .. } = self;
        let mut due = Vec::new();
        announcer.on_wake(
            cx.now,
            &cx.params.relay,
            |link, id| seen.knows(id, link),
            |link, batch| due.push((link, batch)),
        );
        for (link, mut batch) in due {
            if let [(id, Form::Id)] = batch[..] {
                self.announce(link, ItemKind::Tx, &[id], Manner::Batch, cx);
                continue;
            }
            for (id, _) in batch.extract_if(.., |(_, form)| *form == Form::Whole) {
                self.give_by_id(link, id, Manner::Batch, cx);
            }
            let mut ids: Vec<_> = batch.into_iter().map(|(id, _)| id).collect();
            ids.dedup(); // one that is announced again may have waited already
            self.announce(link, ItemKind::Tx, &ids, Manner::Batch, cx);
        }
    }
}
