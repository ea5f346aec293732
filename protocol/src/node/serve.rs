//! A peer asks for items and gets them, no faster than it takes them, and no faster than we upload what isn't news.

use std::sync::Arc;

use super::Node;
use super::anti_entropy::LOOKED_AT_PER_REQUEST;
use crate::blocks::blockchain::AHEAD_MAX;
use crate::blocks::tree::Status;
use crate::ground::bringer::Bringer;
use crate::ground::item::{Item, ItemKind, Name};
use crate::ground::link::Link;
use crate::machine::{Action, Cx, Load};
use crate::record::{ItemEvent, Manner};
use crate::relay::Strategy as _;
use crate::relay::serve::{Asked, BYTES_PER_REQUEST, PORTION, PORTION_MAX};
use crate::relay::upload::{Answer, Asker};
use crate::wire::codec;
use crate::wire::message::{GETDATA_MAX, Items, Message, Names};

impl Node {
    pub(super) fn on_get_data(
        &mut self,
        link: Link,
        kind: ItemKind,
        names: impl Iterator<Item = Name> + Clone,
        cx: &mut Cx<'_>,
    ) {
        if self.links.get(link).is_none() {
            return;
        }
        self.note_shown(link, names.clone(), cx);
        if names.clone().next().is_some_and(|name| self.find(name).is_some()) {
            self.on_part_taken(link);
        }
        let refused = self.serving.on_asked(link, kind, names, cx.params);
        self.not_found(link, kind, &refused, cx);
        // Who asks overtakes nobody who waits for a turn to pay.
        let may_pay = self.serving.owes_nobody();
        self.serve(link, may_pay, cx);
    }

    /// A block that was read for peers.
    fn lent_block(&self, name: Name) -> Option<&Arc<Item>> {
        let chain = self.blockchain.as_ref()?;
        match name {
            Name::Whole(id) => chain.lending.get(id),
            Name::Short(_) => None,
        }
    }

    /// Whether a block was accepted once and isn't in memory any more.
    fn is_to_be_read(&self, name: Name) -> bool {
        let (Some(chain), Name::Whole(id)) = (&self.blockchain, name) else { return false };
        let view = chain.tree.get(id.hash()).filter(|_| id.kind() == ItemKind::Block);
        view.is_some_and(|view| view.status == Status::Stored && view.height > 0)
            && !chain.lending.is_gone(id)
            && self.find(name).is_none()
            && self.lent_block(name).is_none()
    }

    fn read_block(&mut self, name: Name, cx: &mut Cx<'_>) {
        let (Some(chain), Name::Whole(id)) = (&mut self.blockchain, name) else { return };
        if chain.lending.begin(id) {
            cx.actions.push(Action::Load { id, what: Load::Block });
        }
    }

    /// What a peer gets soon is read before it is its turn.
    fn read_ahead(&mut self, asked: &Asked, cx: &mut Cx<'_>) {
        for name in asked.blocks_ahead(AHEAD_MAX) {
            let Some(chain) = &self.blockchain else { return };
            if !chain.lending.has_room_ahead() {
                return;
            }
            if self.is_to_be_read(name) {
                self.read_block(name, cx);
            }
        }
    }

    /// Goes on with answers that couldn't be sent at once.
    pub(super) fn serve_due(&mut self, cx: &mut Cx<'_>) {
        let Self { serving, links, upload, .. } = self;
        let takes = |link| links.get(link).is_some_and(|state| !state.congested);
        let rank = |link| {
            let bringer = links.get(link).map_or(Bringer::Earlier, |state| state.bringer);
            upload.rank(link, bringer)
        };
        for (link, may_pay) in serving.due(cx.now, cx.rng, takes, rank) {
            self.serve(link, may_pay, cx);
        }
    }

    fn serve(&mut self, link: Link, may_pay: bool, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get(link).filter(|state| !state.congested) else { return };
        let asker = Asker { link, since: state.since, bringer: state.bringer };
        let mut asked = self.serving.take(link);
        let (mut sent, mut fetched, mut missing) = (0, 0, [Vec::new(), Vec::new()]);
        for _ in 0..PORTION_MAX {
            if sent >= PORTION {
                break;
            }
            let Some((kind, name)) = asked.next(may_pay, cx.now) else { break };
            if self.is_to_be_read(name) {
                self.read_block(name, cx);
                asked.await_read(name);
                continue;
            }
            let found = self.find(name).or_else(|| self.lent_block(name));
            let Some(item) = found.filter(|item| self.may_serve(link, item, cx)).cloned() else {
                self.record.note(link, name.short(), ItemEvent::Denied, cx.now);
                missing[kind as usize].push(name);
                continue;
            };
            // Of the chain a peer takes what it asked for, at any rate.
            let is_fetched = kind == ItemKind::Block && self.takes_headers(link);
            let takes_at = self.takes_at(link, &item, cx);
            if takes_at > cx.now && !is_fetched {
                asked.put_off((kind, name), takes_at);
                continue;
            }
            let (what, params) = ((item.id(), item.size()), &cx.params.upload);
            if let Answer::Later(at) = self.upload.ask(asker, what, may_pay, cx.now, params) {
                asked.owe((kind, name), at);
                continue;
            }
            sent += item.size();
            fetched += if is_fetched { item.size() } else { 0 };
            self.relay_about(link, cx, |strategy, cx| strategy.on_requested(link, item.id(), cx));
            let (id, params) = (item.id().into(), &cx.params.relay);
            self.anti_entropy.on_taken(link, id, cx.now, params, cx.rng);
            let len = codec::frame_len(&Message::Items(Items::Item(item.clone())));
            if let Some(chain) = &mut self.blockchain {
                chain.lending.on_taken(item.id());
            }
            self.give(link, item, Manner::Answer, cx);
            if is_fetched && let Some(state) = self.links.get_mut(link) {
                state.allowance.give_back_block(len, &cx.params.budgets);
            }
        }
        // What is fetched of the chain is bounded by what we upload.
        self.charge_answer(link, (sent - fetched) / BYTES_PER_REQUEST, cx);
        let [txs, blocks] = missing;
        self.not_found(link, ItemKind::Tx, &txs, cx);
        self.not_found(link, ItemKind::Block, &blocks, cx);
        self.read_ahead(&asked, cx);
        self.serving.hurry(asked.at().max(cx.now));
        self.serving.keep(asked);
    }

    /// What a peer asks for is as good as told to it if a comparison would show it now: cells tell of everything, and name
    /// nothing.
    fn note_shown(&mut self, link: Link, names: impl Iterator<Item = Name>, cx: &mut Cx<'_>) {
        let untold = names.filter_map(|name| self.pool.get(name)).map(|item| item.id());
        let mut untold: Vec<_> = untold.filter(|id| !self.seen.knows(*id, link)).collect();
        if untold.is_empty() {
            return;
        }
        let Some(view) = self.view(link, cx) else { return };
        untold.retain(|id| view.shows((*id).into()));
        let looked_at = view.looked_at();
        self.charge_answer(link, looked_at / LOOKED_AT_PER_REQUEST, cx);
        for id in untold {
            self.seen.note_told(id, link);
            self.record.note(link, id, ItemEvent::Told(Manner::Gap), cx.now);
        }
    }

    /// Whether a peer may be given an item. Blocks are for everybody; of transactions only those that it was
    /// told of (or told us of), that the latest block confirmed, or that are parents of such.
    ///
    /// *Attack*: a stranger who asks for whatever he likes learns what is in the pool, and when it came
    /// (Bitcoin Core's `FindTxForGetData`, `net_processing.cpp`).
    fn may_serve(&self, link: Link, item: &Item, cx: &Cx<'_>) -> bool {
        item.kind() == ItemKind::Block
            || self.seen.knows(item.id(), link)
            || self.pool.was_confirmed_lately(item.id())
            || (self.pool.children(item.id()).iter().any(|child| self.seen.knows(child, link))
                && !self.is_hidden(link, item.id(), cx))
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
