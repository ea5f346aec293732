//! A peer asks for items and gets them, no faster than it takes them.

use super::Node;
use crate::ground::item::{Item, ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::record::{ItemEvent, Manner};
use crate::relay::Strategy as _;
use crate::relay::serve::{Asked, BYTES_PER_REQUEST, PORTION, PORTION_MAX};
use crate::wire::message::{GETDATA_MAX, Items, Message, Names};

impl Node {
    pub(super) fn on_get_data(
        &mut self,
        link: Link,
        kind: ItemKind,
        names: impl Iterator<Item = Name>,
        cx: &mut Cx<'_>,
    ) {
        if self.links.get(link).is_none() {
            return;
        }
        let refused = self.serving.on_asked(link, kind, names, cx.params);
        self.not_found(link, kind, &refused, cx);
        self.serve(link, cx);
    }

    /// Goes on with answers that were too large to send at once.
    pub(super) fn serve_due(&mut self, cx: &mut Cx<'_>) {
        let Self { serving, links, .. } = self;
        let takes = |link| links.get(link).is_some_and(|state| !state.congested);
        for link in serving.due(cx.now, cx.rng, takes) {
            self.serve(link, cx);
        }
    }

    fn serve(&mut self, link: Link, cx: &mut Cx<'_>) {
        if self.links.get(link).is_none_or(|state| state.congested) {
            return;
        }
        let (mut queue, _) = self.serving.take(link);
        let (mut sent, mut missing) = (0, [Vec::new(), Vec::new()]);
        // What waits until the peer takes more of its kind: the other kind doesn't wait for it.
        let (mut put_off, mut next_at) = (Asked::new(), Time::NEVER);
        for _ in 0..PORTION_MAX {
            if sent >= PORTION {
                break;
            }
            let Some((kind, name)) = queue.pop_front() else { break };
            match self.find(name).filter(|item| self.may_serve(link, item)).cloned() {
                Some(item) => {
                    let takes_at = self.takes_at(link, &item, cx);
                    if takes_at > cx.now {
                        next_at = next_at.min(takes_at);
                        put_off.push_back((kind, name));
                        put_off.extend(queue.iter().filter(|(other, _)| *other == kind));
                        queue.retain(|(other, _)| *other != kind);
                        continue;
                    }
                    sent += item.size();
                    self.relay(cx, |strategy, cx| strategy.on_requested(link, item.id(), cx));
                    let (id, params) = (item.id().into(), &cx.params.relay);
                    self.anti_entropy.on_taken(link, id, cx.now, params, cx.rng);
                    self.give(link, item, Manner::Answer, cx);
                }
                None => {
                    self.record.note(link, name.short(), ItemEvent::Denied, cx.now);
                    missing[kind as usize].push(name);
                }
            }
        }
        self.charge_answer(link, sent / BYTES_PER_REQUEST, cx);
        let [txs, blocks] = missing;
        self.not_found(link, ItemKind::Tx, &txs, cx);
        self.not_found(link, ItemKind::Block, &blocks, cx);
        let next_at = if queue.is_empty() { next_at } else { cx.now };
        put_off.append(&mut queue);
        self.serving.keep(link, put_off, next_at);
        self.serving.hurry(next_at);
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
                let message =
                    Message::Items(Items::NotFound(Names::of(kind, names.iter().copied())));
                self.send(link, message, cx);
            }
        }
    }
}
