//! The strategy is asked, and what it decides is carried out.

use std::cell::Cell;
use std::sync::Arc;

use super::Node;
use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::Link;
use crate::items::blocks::BlockStore;
use crate::items::pool::Pool;
use crate::items::seen::{Seen, SeenCache};
use crate::machine::{Action, Cx};
use crate::record::{Manner, What};
use crate::relay::announce::{Announcer, Form};
use crate::relay::{AnyStrategy, Neighbour, Overlay, RelayCx, Step, Strategy as _};
use crate::wire::message::{ANNOUNCE_MAX, Message, Verb};

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
    last: Cell<Option<(ShortId, Option<&'a Seen>)>>,
}

impl<'a> View<'a> {
    fn peek(&self, id: ShortId) -> Option<&'a Seen> {
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
        self.peek(id.into()).is_some_and(|seen| self.seen.holds(seen, link))
    }

    fn waiting(&self, link: Link) -> usize {
        self.announcer.waiting(link)
    }

    fn item(&self, id: &ItemId) -> Option<&Arc<Item>> {
        self.pool.find(id).or_else(|| self.blocks.get(id))
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
            Step::Announce(link, id) => {
                if self.blocks.get(&id).is_some() {
                    self.announce(link, ItemKind::Block, &[id], Manner::Now, cx);
                } else {
                    self.enqueue(link, (id, Form::Id), cx);
                }
            }
            Step::AnnounceNow(link, id) => {
                let kind =
                    if self.blocks.get(&id).is_some() { ItemKind::Block } else { ItemKind::Tx };
                self.announce(link, kind, &[id], Manner::Now, cx);
            }
            Step::Hold(link, id) => self.announcer.hold(link, id, &cx.params.relay),
            Step::Flush(link) => {
                let ids = self.take_waiting(link);
                self.announce_any(link, ids, Manner::Round, cx);
            }
            Step::FlushWhole(link) => {
                for id in self.take_waiting(link) {
                    self.send_now(link, id, Manner::Round, cx);
                }
            }
            Step::Signal(link, signal) => cx.send(link, Message::Signal(signal)),
        }
    }

    /// Announces ids to a peer that is then known to have them, or about to.
    pub(super) fn announce(
        &mut self,
        link: Link,
        kind: ItemKind,
        ids: &[ItemId],
        manner: Manner,
        cx: &mut Cx<'_>,
    ) {
        let mut wanted = Vec::new();
        let ids = if self.has_filter(link) {
            wanted.extend(ids.iter().copied().filter(|id| !self.is_filtered(link, id)));
            &wanted
        } else {
            ids
        };
        ids.iter().for_each(|id| self.seen.note_told(id, link));
        self.record.note_all(link, ids, What::Told(manner), cx.now);
        let is_short = kind == ItemKind::Tx && self.strategy.names_short();
        for ids in ids.chunks(ANNOUNCE_MAX) {
            cx.send(link, announcement(kind, ids, is_short, cx.actions.last()));
        }
    }

    /// Sends an item that we still hold, whatever waits.
    pub(super) fn send_now(&mut self, link: Link, id: ItemId, manner: Manner, cx: &mut Cx<'_>) {
        if let Some(item) = self.item(&id).filter(|_| !self.is_filtered(link, &id)).cloned() {
            self.seen.note_told(id, link);
            self.record.note(link, id, What::Sent(manner), cx.now);
            cx.send(link, Message::Item(item));
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
            self.seen.note_told(id, link);
            self.record.note(link, id, What::Sent(Manner::Now), cx.now);
            cx.send(link, Message::Item(item));
        }
    }

    fn enqueue(&mut self, link: Link, item: (ItemId, Form), cx: &mut Cx<'_>) {
        self.announcer.enqueue(link, item, cx.now, &cx.params.relay, cx.rng);
    }

    fn take_waiting(&mut self, link: Link) -> Vec<ItemId> {
        let Self { announcer, seen, .. } = self;
        announcer.take(link, |id| seen.knows(id, link))
    }
}

/// Tells a peer of these ids. The same ids often leave on many links at once: messages that follow one another share
/// them.
fn announcement(kind: ItemKind, ids: &[ItemId], is_short: bool, last: Option<&Action>) -> Message {
    let same = match last {
        Some(Action::Send {
            message: message @ Message::Announce { kind: theirs, ids: told },
            ..
        }) => (!is_short && *theirs == kind && **told == *ids).then_some(message),
        Some(Action::Send { message: message @ Message::Short(Verb::Announce, told), .. }) => {
            (is_short && told.iter().copied().eq(ids.iter().map(ShortId::from))).then_some(message)
        }
        _ => None,
    };
    match same {
        Some(message) => message.clone(),
        None if is_short => Message::Short(Verb::Announce, ids.iter().map(ShortId::from).collect()),
        None => Message::Announce { kind, ids: ids.into() },
    }
}
