//! The strategy is asked, and what it decides is carried out.

use std::cell::Cell;
use std::sync::Arc;

use super::own::standing;
use super::{LinkState, Node};
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::{Link, LinkTable};
use crate::ground::time::Time;
use crate::items::blocks::BlockStore;
use crate::items::pool::Pool;
use crate::items::seen::{Seen, SeenCache};
use crate::machine::Cx;
use crate::record::Manner;
use crate::relay::announce::{Announcer, Form};
use crate::relay::embargo::Embargo;
use crate::relay::{AnyStrategy, Neighbour, Overlay, RelayCx, Step, Strategy as _};
use crate::wire::message::ANNOUNCE_MAX;

/// Most ids that a strategy has announced in one go, over all links; what is over it leaves with the next wake-ups, which
/// are due at once and have a bound of their own ([`Announcer`]).
const FLUSHED_MAX: usize = ANNOUNCE_MAX;

/// What the strategy sees of the node.
struct View<'a> {
    /// Not a slice, which would be read each time though few ask for it.
    ready: &'a Vec<Neighbour>,
    seen: &'a SeenCache,
    announcer: &'a Announcer,
    pool: &'a Pool,
    blocks: &'a BlockStore,
    embargo: &'a Embargo,
    links: &'a LinkTable<LinkState>,
    /// Links that a peer dialled are first hops if they came up by then.
    standing: Time,
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
        let is_hidden = !self.embargo.is_empty()
            && self.embargo.contains(id)
            && !self.links.get(link).is_some_and(|state| state.is_first_hop(self.standing));
        is_hidden || self.peek(*id).is_some_and(|seen| self.seen.holds(seen, link))
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
        let Self { ready, seen, announcer, pool, blocks, embargo, links, strategy, .. } = self;
        let (region, last, standing) = (self.region, Cell::new(None), standing(cx.now, cx.params));
        let overlay =
            &View { ready, seen, announcer, pool, blocks, embargo, links, standing, region, last };
        let (now, params) = (cx.now, &cx.params.relay);
        ask(strategy, &mut RelayCx { now, params, rng: cx.rng, overlay, steps: &mut steps });
        let mut room = FLUSHED_MAX;
        for step in steps {
            self.carry_out(step, &mut room, cx);
        }
    }

    /// The same, of what comes from a peer: the strategy hears nothing of those that are only compared with, or for blocks alone.
    pub(super) fn relay_about(
        &mut self,
        link: Link,
        cx: &mut Cx<'_>,
        ask: impl FnOnce(&mut AnyStrategy, &mut RelayCx<'_>),
    ) {
        if !self.reconcile_links.contains(link) && !self.is_for_blocks(link) {
            self.relay(cx, ask);
        }
    }

    /// Does what the strategy says. `room`: how many ids may yet be flushed in one go.
    fn carry_out(&mut self, step: Step, room: &mut usize, cx: &mut Cx<'_>) {
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
            Step::Hold(link, id) => self.hold(link, id, cx),
            Step::Flush(link) if self.announcer.waiting(link) > *room => {
                self.announcer.hurry(link, cx.now);
            }
            Step::Flush(link) => {
                let ids = self.take_waiting(link, cx);
                *room -= ids.len();
                self.announce_any(link, ids, Manner::Round, cx);
            }
            Step::Charge(link, ids) => self.charge_answer(link, ids, cx),
            Step::Signal(link, signal) => self.send(link, signal, cx),
            Step::Compare(link) => self.compare_by_sketch(link, cx),
        }
    }

    fn send_item(&mut self, link: Link, item: Arc<Item>, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get(link) else { return };
        let (id, congested) = (item.id(), state.congested);
        if self.is_filtered(link, &id) {
            return;
        }
        let is_taken = !congested && self.takes_unasked(link, &item, cx);
        match item.kind() {
            ItemKind::Block if self.is_announced(link, &item, cx) => {
                self.announce(link, ItemKind::Block, &[id], Manner::Now, cx);
            }
            ItemKind::Block => {
                if is_taken && self.pushed_blocks.try_push(&item, cx.now, &cx.params.budgets) {
                    self.give(link, item, Manner::Now, cx);
                } else {
                    self.announce(link, ItemKind::Block, &[id], Manner::Now, cx);
                }
            }
            ItemKind::Tx if !is_taken => self.enqueue(link, (id, Form::Id), cx),
            ItemKind::Tx if cx.params.relay.batch_ms > 0 => {
                self.enqueue(link, (id, Form::Whole), cx);
            }
            ItemKind::Tx => self.give(link, item, Manner::Now, cx),
        }
    }

    /// Adds an item to what a link will be told or sent.
    pub(super) fn enqueue(&mut self, link: Link, item: (ItemId, Form), cx: &mut Cx<'_>) {
        let Self { announcer, .. } = self;
        let dropped = announcer.enqueue(link, item, cx.now, &cx.params.relay, cx.rng);
        self.fall_behind(link, dropped, cx.now);
    }

    /// Adds an id to what waits for a link, without a timer.
    pub(super) fn hold(&mut self, link: Link, id: ItemId, cx: &Cx<'_>) {
        let dropped = self.announcer.hold(link, id, &cx.params.relay);
        self.fall_behind(link, dropped, cx.now);
    }

    /// Takes what waits for a link, as much as its peer takes now. The rest leaves when it takes more.
    fn take_waiting(&mut self, link: Link, cx: &Cx<'_>) -> Vec<ItemId> {
        match self.may_announce(link, cx) {
            Ok(max) => {
                let Self { announcer, seen, .. } = self;
                let ids = announcer.take(link, max, |id| seen.knows(id, link));
                announcer.hurry(link, cx.now);
                ids
            }
            Err(at) => {
                self.announcer.hurry(link, at);
                Vec::new()
            }
        }
    }

    /// Lets the strategy do what is due.
    pub(super) fn strategy_due(&mut self, cx: &mut Cx<'_>) {
        if self.strategy.deadline() <= cx.now {
            self.relay(cx, AnyStrategy::on_wake);
        }
    }

    /// Batches of announcements are due.
    pub(super) fn announce_due(&mut self, cx: &mut Cx<'_>) {
        let Self { announcer, seen, links, .. } = self;
        let mut due = Vec::new();
        let may = |link| match links.get(link) {
            Some(state) => state.allowance.announce(cx.now, &cx.params.budgets),
            None => Err(Time::NEVER),
        };
        announcer.on_wake(
            cx.now,
            &cx.params.relay,
            may,
            |link, id| seen.knows(id, link),
            |link, batch| due.push((link, batch)),
        );
        for (link, mut batch) in due {
            if let [(id, Form::Id)] = batch[..] {
                self.announce(link, id.kind(), &[id], Manner::Batch, cx);
                continue;
            }
            for (id, _) in batch.extract_if(.., |(_, form)| *form == Form::Whole) {
                self.give_by_id(link, id, Manner::Batch, cx);
            }
            let mut ids: Vec<_> = batch.into_iter().map(|(id, _)| id).collect();
            ids.dedup(); // one that is announced again may have waited already
            self.announce_any(link, ids, Manner::Batch, cx);
        }
        self.catch_up(cx);
    }
}
