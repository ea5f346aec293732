//! Blocks are sent as the names of their transactions, and put together again.
//!
//! # How a block travels
//! Whoever takes names (`Hello::REBUILDS`) is sent names wherever it would be sent a block: when it asks, and unasked if it asked for
//! that beforehand ([`crate::relay::block_pushers`]). All others are told of a block, and ask. A strategy decides of those who
//! don't take names. What the receiver lacks it asks for by place; what the sender had to ask for itself it sends along, since
//! whoever comes next probably lacks it too (*prefilling*).
//!
//! # What may go wrong
//! | what | what follows |
//! |---|---|
//! | names that two pooled transactions share, by chance once in 2^48 pairs | asked for as if it were lacking |
//! | parts that fit their names but not the header | the block is asked for as a whole, of the same peer |
//! | parts that don't fit their names, too few or too many | an offence; another peer is asked |
//! | a peer that doesn't send what is lacking | another one is asked after `requests.block_patience_ms`, or `block_timeout_ms` if we dialled it |
//! | a header without proof of work | an offence, before anything is looked up |
//! | a block that was passed on and never gets whole | whoever asked is told that it isn't here |
//!
//! # Bounds
//! Names are sent of the latest [`NAMED_DEPTH`] blocks and parts of the latest [`PARTS_DEPTH`]; of older ones whoever asks gets the
//! whole block. Looking the pool through is charged, and so is what is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt as _;

use super::anti_entropy::LOOKED_AT_PER_REQUEST;
use super::chain::UNKNOWN_PARENT;
use super::{LinkState, Node};
use crate::ground::item::{Item, ItemId, ItemKind, Name};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::items::rebuilding::{Here, Rebuild};
use crate::limits::misbehavior::Offence;
use crate::machine::Cx;
use crate::record::{ItemEvent, Manner};
use crate::relay::Strategy as _;
use crate::relay::serve::BYTES_PER_REQUEST;
use crate::relay::upload::{Answer, Asker};
use crate::wire::codec;
use crate::wire::message::{
    BLOCK_PARTS_MAX, Blocks, Compact, HEADER_MAX, Items, Message, Names, PartNames, Parts,
    PartsWanted,
};

/// Of so many of the latest blocks names are sent (Bitcoin Core: `MAX_CMPCTBLOCK_DEPTH`, `net_processing.cpp`).
const NAMED_DEPTH: usize = 5;

/// Of so many of the latest blocks parts are sent (Bitcoin Core: `MAX_BLOCKTXN_DEPTH`).
const PARTS_DEPTH: usize = 10;

/// A rule that parts broke.
const WRONG_PARTS: &str = "wrong-parts";

impl Node {
    pub(super) fn on_blocks(&mut self, link: Link, message: &Blocks, cx: &mut Cx<'_>) {
        match message {
            Blocks::Compact(compact) => self.on_compact(link, compact, cx),
            Blocks::GetParts(wanted) => self.on_get_parts(link, wanted, cx),
            Blocks::Parts(parts) => self.on_parts(link, parts, cx),
            Blocks::Prefer(wanted) => self.block_pushers.on_prefer(link, *wanted),
            Blocks::GetHeaders(locator) => self.on_get_headers(link, locator, cx),
            Blocks::Headers(headers) => self.on_headers(link, headers, cx),
            Blocks::ByTemplate(block) => self.on_by_template(link, block, cx),
            Blocks::Template(template) => self.on_template(link, template, cx),
            Blocks::GetListed(wanted) => self.on_get_listed(link, wanted, cx),
            Blocks::Listed(transactions) => self.on_listed(link, transactions, cx),
        }
    }

    /// A block as names, if this peer takes it so.
    pub(super) fn as_names(
        &mut self,
        link: Link,
        block: &Item,
        cx: &mut Cx<'_>,
    ) -> Option<Arc<Compact>> {
        let takes = self.links.get(link).is_some_and(|state| state.rebuilds);
        if block.kind() != ItemKind::Block || !takes {
            return None;
        }
        if !self.blocks.is_among_latest(&block.id(), NAMED_DEPTH) {
            return None;
        }
        if let Some(named) = self.rebuilding.named(block.id()) {
            return named;
        }
        let named = name_parts(block, self.rebuilding.lacked(block.id()), cx);
        self.rebuilding.set_named(block.id(), named.clone());
        named
    }

    /// Whether a block that the strategy would push is announced to a peer instead, since it takes names and didn't ask to be
    /// pushed to. Our operator's are pushed.
    pub(super) fn is_announced(&mut self, link: Link, block: &Item, cx: &mut Cx<'_>) -> bool {
        !self.pushed_blocks.is_own(block.id()) && self.as_names(link, block, cx).is_some()
    }

    /// Sends a block that is here now to whoever asked for that, unless they have it.
    pub(super) fn push_block(&mut self, block: &Arc<Item>, cx: &mut Cx<'_>) {
        let id = block.id();
        self.push_whole_by_template(block, cx);
        self.offer_block(block, cx);
        for link in self.block_pushers.asked_by().to_vec() {
            let is_free = self.links.get(link).is_some_and(|state| !state.congested);
            if !is_free || self.seen.knows(id, link) {
                continue;
            }
            let Some(compact) = self.as_names(link, block, cx) else { continue };
            let bytes = codec::frame_len(&Message::Blocks(Blocks::Compact(compact)));
            if self.pushed_blocks.try_push_as(id, bytes, cx.now, &cx.params.budgets) {
                self.give(link, block.clone(), Manner::Now, cx);
            }
        }
    }

    /// A peer was the first to bring a block: it is asked to push, unless as many send blocks anyway, by templates.
    pub(super) fn choose_pusher(&mut self, link: Link, cx: &mut Cx<'_>) {
        let pushers = cx.params.blocks.pushers;
        if pushers > 0 && self.templates.sharing().len() >= pushers {
            for link in self.block_pushers.release() {
                self.send(link, Blocks::Prefer(false), cx);
            }
            return;
        }
        let is_asked = |state: &&LinkState| state.rebuilds && !self.templates.shares(link);
        let Some(state) = self.links.get(link).filter(is_asked) else { return };
        let direction = state.direction;
        let choice = self.block_pushers.on_brought(link, direction, pushers);
        for (link, wanted) in [(choice.asked, true), (choice.released, false)] {
            if let Some(link) = link {
                self.send(link, Blocks::Prefer(wanted), cx);
            }
        }
    }

    /// A block begins to come: what is done about its header. Its id and who dialled, unless nothing more is to be done. `is_taken`: it
    /// may come unasked.
    pub(super) fn on_block_head(
        &mut self,
        link: Link,
        header: &Bytes,
        is_taken: bool,
        cx: &mut Cx<'_>,
    ) -> Option<(ItemId, Direction)> {
        let id = match cx.chain.identify(ItemKind::Block, header) {
            Ok(hash) => ItemId::block(hash),
            Err(why) => {
                self.misbehave(link, Offence::InvalidItem(why.rule), cx);
                return None;
            }
        };
        if self.note_holder(id.into(), link, cx) && !self.is_fetched_again(link, id) {
            self.counters.duplicate_items += 1;
            self.record.note(link, id, ItemEvent::Duplicate, cx.now);
            self.on_late_block(link, id, cx);
            self.relay_about(link, cx, |strategy, cx| strategy.on_duplicate(link, id, cx));
            return None;
        }
        let may = is_taken
            || self.requests.was_asked(link, id)
            || self.owes_block(link, id)
            || self.coded.was_asked_for_names(id, link)
            || self.strategy.takes_unasked();
        let direction = self.links.get(link)?.direction;
        if !may || !cx.params.blocks.compact {
            self.counters.unsolicited += 1;
            self.record.note(link, id, ItemEvent::Unsolicited, cx.now);
            self.misbehave(link, Offence::Unsolicited, cx);
            return None;
        }
        let was_asked = self.requests.was_asked(link, id) || self.owes_block(link, id);
        if !was_asked && self.is_far_ahead(header, cx) {
            self.record.note(link, id, ItemEvent::Unsolicited, cx.now);
            return None;
        }
        let bytes = header;
        let header = Item::identified(id, bytes.clone());
        if let Err(why) = cx.chain.inspect(&header) {
            self.refuse(&header, Some(link), why, cx);
            return None;
        }
        match self.place_block(bytes, false, cx) {
            Ok(()) => self.on_chain_holder(link, id.into()),
            Err(UNKNOWN_PARENT) => {
                self.on_unplaced(link, &header, cx);
                return None;
            }
            Err(why) => {
                self.refuse(&header, Some(link), why, cx);
                return None;
            }
        }
        Some((id, direction))
    }

    fn on_compact(&mut self, link: Link, compact: &Arc<Compact>, cx: &mut Cx<'_>) {
        let is_taken = self.block_pushers.is_chosen(link);
        let Some((id, direction)) = self.on_block_head(link, &compact.header, is_taken, cx) else {
            return;
        };
        if !self.rebuilding.has_room_for(id, link, direction) {
            self.on_fetch_failed(link, id, cx.now);
            // As if it had only been announced.
            self.rebuilding.note_holder(id, link);
            self.want_after_rebuild(link, id, cx);
            return;
        }
        let looked_at = self.here().len_max();
        self.charge_answer(link, looked_at / LOOKED_AT_PER_REQUEST, cx);
        let here = self.here();
        let rebuild = Rebuild::new(id, link, compact.clone(), here, cx);
        if let Some(is_first) = self.is_rather_coded(&rebuild, cx) {
            if is_first {
                self.pass_on(id, link, compact, cx);
            }
            return;
        }
        self.begin_rebuild(rebuild, direction, Some(compact), cx);
    }

    /// Where transactions of blocks are looked for.
    pub(super) const fn here(&self) -> Here<'_> {
        Here { pool: &self.pool, orphans: &self.orphans, templates: &self.templates }
    }

    /// What is here of a block was looked up. It is passed on, and put together or asked for.
    pub(super) fn begin_rebuild(
        &mut self,
        mut rebuild: Rebuild,
        direction: Direction,
        compact: Option<&Arc<Compact>>,
        cx: &mut Cx<'_>,
    ) {
        let (id, link) = (rebuild.id, rebuild.link);
        rebuild.until = cx.now + patience(direction, cx);
        self.counters.block_parts_lacked += rebuild.lacked.len() as u64;
        let is_whole = rebuild.lacked.is_empty();
        if let Some(until) = self.offer_awaited(&rebuild, cx) {
            (rebuild.is_held, rebuild.until) = (true, until);
        } else if !is_whole {
            self.ask_for_parts(&rebuild, cx);
        }
        let block = if is_whole { rebuild.join(cx.chain) } else { None };
        let parts = block.as_ref().and_then(|_| rebuild.parts());
        let header = rebuild.header.clone();
        self.rebuilding.push(rebuild);
        if let Some(parts) = parts.filter(|_| cx.params.blocks.cut_through) {
            let has_it = |node: &Self, to| node.rebuilding.is_holder(id, to);
            let told = self.push_by_template((id, &header), &parts, has_it, cx);
            told.into_iter().for_each(|to| self.rebuilding.note_holder(id, to));
        }
        if let Some(compact) = compact {
            self.pass_on(id, link, compact, cx);
        }
        if let Some(rebuild) = is_whole.then(|| self.rebuilding.take(id, link)).flatten() {
            self.put_together(rebuild, block, cx);
        }
    }

    /// A block whose header is good goes on to whoever asked for that, before it is whole.
    fn pass_on(&mut self, id: ItemId, from: Link, compact: &Arc<Compact>, cx: &mut Cx<'_>) {
        self.give_names_on(id, compact, cx);
        if !cx.params.blocks.cut_through {
            return;
        }
        for link in self.block_pushers.asked_by().to_vec() {
            let is_free = self.links.get(link).is_some_and(|state| !state.congested);
            if link == from || !is_free || self.rebuilding.is_holder(id, link) {
                continue;
            }
            let message = Message::from(Blocks::Compact(compact.clone()));
            let bytes = codec::frame_len(&message);
            if self.pushed_blocks.try_push_as(id, bytes, cx.now, &cx.params.budgets) {
                self.record.note(link, id, ItemEvent::Sent(Manner::Now), cx.now);
                self.rebuilding.note_holder(id, link);
                self.send(link, message, cx);
            }
        }
    }

    fn ask_for_parts(&mut self, rebuild: &Rebuild, cx: &mut Cx<'_>) {
        let places = if rebuild.as_whole { Box::default() } else { rebuild.lacked.clone() };
        let wanted = PartsWanted { block: rebuild.id.hash(), places };
        self.send(rebuild.link, Blocks::GetParts(Arc::new(wanted)), cx);
    }

    /// All parts of a block are here, and this is it, if its header commits to them.
    fn put_together(&mut self, mut rebuild: Rebuild, block: Option<Arc<Item>>, cx: &mut Cx<'_>) {
        let Some(block) = block else {
            // Two transactions may share a name, so nobody is to blame.
            self.counters.rebuilds_failed += 1;
            if rebuild.is_by_template() {
                // Other names may tell them apart.
                self.rebuilding.forget_failed();
                return self.want_after_rebuild(rebuild.link, rebuild.id, cx);
            }
            rebuild.as_whole = true;
            self.ask_for_parts(&rebuild, cx);
            return self.rebuilding.push(rebuild);
        };
        self.counters.blocks_rebuilt += 1;
        self.rebuilding.remember_lacked(rebuild.id, std::mem::take(&mut rebuild.unpooled));
        self.on_arrived(rebuild.link, &block, cx);
    }

    fn on_parts(&mut self, link: Link, parts: &Parts, cx: &mut Cx<'_>) {
        let id = ItemId::block(parts.block);
        // What comes late, or once the block came from another peer, is in order: it was paid for.
        let Some(mut rebuild) = self.rebuilding.take(id, link) else { return };
        if !rebuild.as_whole && rebuild.fill(&parts.transactions, cx.chain) {
            let block = rebuild.join(cx.chain);
            return self.put_together(rebuild, block, cx);
        }
        self.give_up(id, link, cx);
        self.misbehave(link, Offence::InvalidItem(WRONG_PARTS), cx);
    }

    /// A peer won't bring a block that it began to: others are asked.
    fn give_up(&mut self, id: ItemId, link: Link, cx: &mut Cx<'_>) {
        self.on_fetch_failed(link, id, cx.now);
        self.requests.on_failed(link, id, cx.now, &cx.params.requests);
        self.rebuilding.forget_failed();
        if !self.rebuilding.contains(id) {
            self.answer_askers(cx);
        }
    }

    /// Peers had their time.
    pub(super) fn rebuilds_due(&mut self, cx: &mut Cx<'_>) {
        for mut rebuild in self.rebuilding.take_held(|held| held.until <= cx.now) {
            let Some(state) = self.links.get(rebuild.link) else { continue };
            (rebuild.is_held, rebuild.until) = (false, cx.now + patience(state.direction, cx));
            self.ask_for_parts(&rebuild, cx);
            self.rebuilding.push(rebuild);
        }
        for (id, link) in self.rebuilding.take_expired(cx.now) {
            self.give_up(id, link, cx);
        }
    }

    /// A peer that was asked for parts of a block hasn't got it. Whether it was.
    pub(super) fn on_rebuild_denied(&mut self, link: Link, name: Name) -> bool {
        match name {
            Name::Whole(id) => {
                let was_asked = self.rebuilding.take(id, link).is_some();
                self.rebuilding.forget_failed();
                was_asked
            }
            Name::Short(_) => false,
        }
    }

    /// Until when nobody else is asked for a block that is being put together.
    pub(super) fn rebuilt_until(&self, name: Name) -> Option<Time> {
        match name {
            Name::Whole(id) if id.kind() == ItemKind::Block => self.rebuilding.until(id),
            Name::Whole(_) | Name::Short(_) => None,
        }
    }

    /// A peer has a block that comes from others: it is asked if they fail.
    pub(super) fn want_after_rebuild(&mut self, link: Link, id: ItemId, cx: &Cx<'_>) {
        let until = self.rebuilding.until(id).unwrap_or(cx.now);
        let wait = until.since(cx.now);
        self.requests.on_announced(link, id.into(), wait, cx.now, &cx.params.requests);
    }

    fn on_get_parts(&mut self, link: Link, wanted: &Arc<PartsWanted>, cx: &mut Cx<'_>) {
        if self.links.get(link).is_none_or(|state| state.closing.is_some()) {
            return;
        }
        self.rebuilding.wait(link, wanted.clone());
        self.answer_askers(cx);
    }

    /// Answers whoever waits for parts of a block that is here, or won't be.
    pub(super) fn answer_askers(&mut self, cx: &mut Cx<'_>) {
        let Self { rebuilding, links, blocks, verification, .. } = self;
        let under_way = rebuilding.under_way();
        let askers = rebuilding.take_askers(|link, wanted| {
            let id = ItemId::block(wanted.block);
            let is_settled = blocks.get(&id).is_some()
                || !(under_way.contains(&id) || verification.contains(id));
            is_settled && links.get(link).is_some_and(|state| !state.congested)
        });
        for (link, wanted) in askers {
            self.give_parts(link, &wanted, cx);
        }
    }

    fn give_parts(&mut self, link: Link, wanted: &PartsWanted, cx: &mut Cx<'_>) {
        let id = ItemId::block(wanted.block);
        let Some(block) = self.blocks.get(&id).cloned() else {
            return self.has_not(link, id, cx);
        };
        self.seen.note_told(id, link);
        let is_late = !self.blocks.is_among_latest(&id, PARTS_DEPTH);
        let split = if wanted.places.is_empty() || is_late { None } else { cx.chain.split(&block) };
        let Some(split) = split else { return self.give_whole(link, block, cx) };
        let part = |place: &u16| split.transactions.get(usize::from(*place));
        let parts: Option<Box<[_]>> =
            wanted.places.iter().map(|place| Some(part(place)?.bytes().clone())).collect();
        let Some(transactions) = parts else {
            return self.misbehave(link, Offence::InvalidItem(WRONG_PARTS), cx);
        };
        let message =
            Message::from(Blocks::Parts(Arc::new(Parts { block: wanted.block, transactions })));
        if message.body_len() > cx.chain.max_size(ItemKind::Block) {
            return self.give_whole(link, block, cx); // its header is shorter than a hash
        }
        // The block was read for it, too: an eighth of what sending it would cost. A guess.
        let work = codec::frame_len(&message) + block.size() / 8;
        self.charge_answer(link, work / BYTES_PER_REQUEST, cx);
        self.send(link, message, cx);
    }

    /// A block whose parts didn't fit, within what we upload.
    fn give_whole(&mut self, link: Link, block: Arc<Item>, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get(link) else { return };
        let asker = Asker { link, since: state.since, bringer: state.bringer };
        let what = (block.id(), block.size());
        if self.takes_at(link, &block, cx) > cx.now
            || matches!(
                self.upload.ask(asker, what, true, cx.now, &cx.params.upload),
                Answer::Later(_)
            )
        {
            return self.has_not(link, block.id(), cx);
        }
        self.charge_answer(link, block.size() / BYTES_PER_REQUEST, cx);
        self.record.note(link, block.id(), ItemEvent::Sent(Manner::Answer), cx.now);
        self.send(link, Items::Item(block), cx);
    }

    /// Says that a block isn't here.
    fn has_not(&mut self, link: Link, id: ItemId, cx: &mut Cx<'_>) {
        self.counters.not_found += 1;
        let names = Names::Whole { kind: ItemKind::Block, ids: Arc::new([id]) };
        self.send(link, Items::NotFound(names), cx);
    }
}

/// How long a peer has for what is lacking of a block.
fn patience(direction: Direction, cx: &Cx<'_>) -> Duration {
    let requests = &cx.params.requests;
    Duration::from_millis(match direction {
        Direction::Outbound => requests.block_timeout_ms,
        Direction::Inbound => requests.block_patience_ms,
    })
}

/// Names what is in a block. What was made with it, and what we lacked ourselves, comes along as far as there is room.
/// `None` if it is to travel whole: it can't be taken apart, or is as small.
fn name_parts(block: &Item, lacked: &[u16], cx: &mut Cx<'_>) -> Option<Arc<Compact>> {
    let split = cx.chain.split(block)?;
    let count = split.transactions.len();
    if !(1..=BLOCK_PARTS_MAX).contains(&count) || split.header.len() > HEADER_MAX {
        return None;
    }
    let nonce = cx.rng.random();
    let names = PartNames::of(&split.header, nonce);
    let (mut prefilled, mut parts) = (Vec::new(), Vec::with_capacity(count));
    let mut room = cx.params.blocks.prefilled_max;
    for (place, part) in split.transactions.iter().enumerate() {
        let number = u16::try_from(place).expect("a block has no more places");
        let comes_along = place < split.made_with
            || (lacked.binary_search(&number).is_ok() && part.size() <= room);
        if comes_along {
            room = room.saturating_sub(part.size());
            prefilled.push((number, part.bytes().clone()));
        } else {
            parts.push(names.name(part.id()));
        }
    }
    let compact =
        Compact { header: split.header, nonce, prefilled: prefilled.into(), parts: parts.into() };
    let compact = Arc::new(compact);
    let message = Message::from(Blocks::Compact(compact.clone()));
    let is_shorter = codec::frame_len(&message) < block.size();
    (is_shorter && message.is_allowed()).then_some(compact)
}
