//! Large blocks are offered, asked for and sent as symbols of a code, by several peers at once.
//!
//! When and of whom symbols are asked, and what may go wrong, is told in [`crate::relay::coded`]; how they are sent, in
//! [`crate::relay::symbol_streams`]. Names come first where there are any ([`super::compact`]): whoever has most of a block needs no symbols.
//!
//! A block that was made of symbols is taken if its header commits to it, like one that was put together from names. No one peer
//! answers for it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt as _;

use super::Node;
use super::chain::UNKNOWN_PARENT;
use crate::chain::Chain;
use crate::ground::item::{Item, ItemId, ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::items::coding::Layout;
use crate::items::rebuilding::Rebuild;
use crate::limits::misbehavior::Offence;
use crate::machine::Cx;
use crate::relay::coded::{Asks, Got, Stage, beginning};
use crate::relay::serve::BYTES_PER_REQUEST;
use crate::wire::message::{
    Blocks, Compact, HEADER_MAX, Items, Message, Names, Offer, Symbol, SymbolId, Symbols,
    SymbolsWanted,
};

/// Symbols are sent of so many of the latest blocks: as parts are (`node/compact.rs`).
const SYMBOLS_DEPTH: usize = 10;

/// What making a slice ready for repair symbols is charged, requests: a fraction of a millisecond, and a request is about two
/// microseconds' work. A guess.
const SLICE_COST: usize = 200;

/// Least classes of a block of ours: with fewer, one that doesn't come would be much of it. A guess.
const CLASSES_MIN: usize = 4;

/// How long names wait for an offer, if most of what they name isn't here. A guess: both leave at once.
const OFFER_WAIT: Duration = Duration::from_millis(50);

/// A rule that symbols broke.
const WRONG_SYMBOLS: &str = "wrong-symbols";

impl Node {
    pub(super) fn on_symbols(&mut self, link: Link, message: &Symbols, cx: &mut Cx<'_>) {
        if !self.coded.takers().contains(&link) {
            return self.misbehave(link, Offence::Unsolicited, cx);
        }
        match message {
            Symbols::Offer(offer) => self.on_offer(link, offer, cx),
            Symbols::Classes { block, has } => self.on_classes(link, *block, *has, cx),
            Symbols::Get(wanted) => self.on_get_symbols(link, wanted, cx),
            Symbols::Symbol(symbol) => self.on_symbol(link, symbol, cx),
        }
    }

    fn on_offer(&mut self, link: Link, offer: &Arc<Offer>, cx: &mut Cx<'_>) {
        let id = match cx.chain.identify(ItemKind::Block, &offer.header) {
            Ok(hash) => ItemId::block(hash),
            Err(why) => return self.misbehave(link, Offence::InvalidItem(why.rule), cx),
        };
        let most = cx.chain.max_size(ItemKind::Block);
        let fits = (offer.header.len()..=most).contains(&(offer.size as usize));
        let layout = Layout::new(offer.size).filter(|_| fits && offer.header.len() <= HEADER_MAX);
        let Some(layout) = layout else {
            return self.misbehave(link, Offence::InvalidItem(WRONG_SYMBOLS), cx);
        };
        // It needn't be told of the block, at any rate.
        if self.is_known(id) {
            self.seen.note(id, link);
            self.verification.note_holder(id.into(), link);
            return;
        }
        if !self.coded.contains(id) {
            let are_names_here = !self.rebuilding.take_held(|held| held.id == id).is_empty();
            self.rebuilding.forget_failed();
            if self.requests.is_wanted(id) || !self.coded.has_room() {
                // It comes otherwise; this peer is asked if that fails.
                return self.ask_as_whole(id, &[link], cx);
            }
            let header = Item::identified(id, offer.header.clone());
            if let Err(why) = cx.chain.inspect(&header) {
                return self.refuse(&header, Some(link), why, cx);
            }
            match self.place_block(&offer.header, false, cx) {
                Ok(()) => {}
                Err(UNKNOWN_PARENT) => return self.on_unplaced(link, &header, cx),
                Err(why) => return self.refuse(&header, Some(link), why, cx),
            }
            let names = self.begin_coded(id, layout, offer, are_names_here, cx);
            self.coded.note_offered(id, link);
            let (asks, _) = self.coded.on_classes(id, link, offer.has, Some(offer.size), cx.now);
            self.send_asks(asks, cx);
            if names && !self.block_pushers.is_chosen(link) {
                self.ask_for_names(id, link, offer, cx);
            }
            if cx.params.blocks.cut_through {
                self.offer_to_all(id, |_| offer.clone(), cx);
            }
            return;
        }
        self.hear_classes(id, link, offer.has, Some(offer.size), cx);
    }

    fn begin_coded(
        &mut self,
        id: ItemId,
        layout: Layout,
        offer: &Offer,
        are_names_here: bool,
        cx: &mut Cx<'_>,
    ) -> bool {
        let takes_names = offer.is_named && cx.params.blocks.compact && !are_names_here;
        let names = self.rebuilding.compact(id);
        let stage = match &names {
            Some(_) => Stage::Rests,
            None if takes_names && !self.coded.lacks_most() => Stage::AwaitsNames,
            None => Stage::Flows,
        };
        let (cut, lacks) = ((layout, offer.classes, cx.params.blocks.coded_spare), names.is_none());
        self.coded.begin(id, cut, cx.rng.random(), stage, names, cx.now);
        takes_names && lacks
    }

    /// Whoever offered a block first is asked for its names: then each has them once at least, and if most of them are known, needs no symbols.
    fn ask_for_names(&mut self, id: ItemId, link: Link, offer: &Offer, cx: &mut Cx<'_>) {
        let (block, size) = (id.hash(), offer.size);
        let (class, classes, slice, from, count) = (0, 1, 0, 0, 1);
        let wanted = SymbolsWanted { block, size, stream: 0, class, classes, slice, from, count };
        self.coded.on_names_asked(id, link);
        self.send(link, Symbols::Get(Arc::new(wanted)), cx);
    }

    /// A peer asks for the names of a block that is here or coming.
    fn on_names_wanted(&mut self, link: Link, id: ItemId, cx: &mut Cx<'_>) {
        let compact = match self.blocks.get(&id).cloned() {
            Some(block) => self.as_names(link, &block, cx),
            None => self.coded.want_names(id, link).or_else(|| self.rebuilding.compact(id)),
        };
        if let Some(compact) = compact {
            self.give_names(link, id, &compact, cx);
        }
    }

    fn give_names(&mut self, link: Link, id: ItemId, compact: &Arc<Compact>, cx: &mut Cx<'_>) {
        let message = Message::from(Blocks::Compact(compact.clone()));
        self.charge_answer(link, message.body_len() / BYTES_PER_REQUEST, cx);
        self.rebuilding.note_holder(id, link);
        self.send(link, message, cx);
    }

    /// The names of a block came: whoever asked for them gets them, before it is whole.
    pub(super) fn give_names_on(&mut self, id: ItemId, compact: &Arc<Compact>, cx: &mut Cx<'_>) {
        for link in self.coded.keep_names(id, compact) {
            if self.links.get(link).is_some_and(|it| !it.congested && it.closing.is_none()) {
                self.give_names(link, id, compact, cx);
            }
        }
    }

    fn on_classes(&mut self, link: Link, block: u64, has: u16, cx: &mut Cx<'_>) {
        // Of what is here, or wasn't heard of, there is nothing to do.
        if let Some(id) = self.coded.named(block) {
            self.hear_classes(id, link, has, None, cx);
        }
    }

    /// A peer gives classes of a block that is coming: they are asked for, and those that are news are told to the others.
    fn hear_classes(
        &mut self,
        id: ItemId,
        link: Link,
        has: u16,
        size: Option<u32>,
        cx: &mut Cx<'_>,
    ) {
        let (asks, news) = self.coded.on_classes(id, link, has, size, cx.now);
        self.send_asks(asks, cx);
        if news == 0 || !cx.params.blocks.cut_through {
            return;
        }
        for other in self.coded.offered(id).to_vec() {
            let has = self.coded.news_for(id, other, news);
            if other != link && has != 0 {
                self.send(other, Symbols::Classes { block: beginning(id), has }, cx);
            }
        }
    }

    /// Offers a block to all who take symbols and weren't offered it.
    fn offer_to_all(
        &mut self,
        id: ItemId,
        offer: impl Fn(usize) -> Arc<Offer>,
        cx: &mut Cx<'_>,
    ) -> Vec<Link> {
        let mut offered = Vec::new();
        for link in self.coded.takers().to_vec() {
            if !self.seen.knows(id, link) && self.coded.note_offered(id, link) {
                self.send(link, Symbols::Offer(offer(offered.len())), cx);
                offered.push(link);
            }
        }
        offered
    }

    /// A large block was accepted: whoever takes symbols is offered it, if that wasn't done before, and isn't told of it otherwise.
    pub(super) fn offer_block(&mut self, block: &Arc<Item>, cx: &mut Cx<'_>) {
        let (id, above) = (block.id(), cx.params.blocks.coded_above);
        self.coded.on_accepted(id);
        if self.streams.serves(id) {
            self.streams.add_source(id, block.bytes().clone(), cx.now);
        }
        if above == 0 || block.size() < above || self.coded.takers().is_empty() {
            return;
        }
        for link in self.coded.offered(id).to_vec() {
            self.seen.note_told(id, link);
        }
        let Some(split) = cx.chain.split(block) else { return };
        let size = u32::try_from(block.size()).ok();
        let Some(size) = size.filter(|size| Layout::new(*size).is_some()) else { return };
        if split.header.len() > HEADER_MAX {
            return;
        }
        let (header, is_named) = (split.header, cx.params.blocks.compact);
        let takers = self.coded.takers().len().saturating_sub(self.coded.offered(id).len());
        let classes = takers.clamp(CLASSES_MIN, cx.params.blocks.coded_classes.max(CLASSES_MIN));
        let classes = u8::try_from(classes).expect("there are 16 at most");
        let first: usize = cx.rng.random_range(0..takers.max(1));
        // One class to each, or some, if there are more of them.
        let of = |place: usize| {
            let is_its = |class: &u8| (usize::from(*class) + first) % takers.max(1) == place;
            let has = (0..classes).filter(is_its).fold(0, |has, class| has | 1 << class);
            Arc::new(Offer { header: header.clone(), size, classes, has, is_named })
        };
        // Names are for those who asked for them; a peer that has most of it needs nothing else.
        for link in self.offer_to_all(id, of, cx) {
            if !self.block_pushers.asked_by().contains(&link) {
                self.seen.note_told(id, link);
            }
        }
    }

    fn on_get_symbols(&mut self, link: Link, wanted: &SymbolsWanted, cx: &mut Cx<'_>) {
        if wanted.count == 0 {
            return self.streams.on_enough(link, wanted.stream);
        }
        if self.links.get(link).is_none_or(|state| state.closing.is_some()) {
            return;
        }
        let id = ItemId::block(wanted.block);
        if wanted.stream == 0 {
            return self.on_names_wanted(link, id, cx);
        }
        let layout = Layout::new(wanted.size);
        if let Some(coming) = self.coded.assembly(id).filter(|it| Some(it.layout()) == layout) {
            let layout = coming.layout();
            let held: Vec<_> = (0..layout.slices()).flat_map(|it| coming.held(it)).collect();
            self.streams.on_asked(link, id, layout, wanted, cx.now);
            return self.pass_symbols(id, &held, Some(link), cx);
        }
        let block = self.blocks.get(&id).filter(|_| {
            self.blocks.is_among_latest(&id, SYMBOLS_DEPTH) || self.verification.contains(id)
        });
        let block = block.map(|block| block.bytes().clone());
        let block = block
            .or_else(|| self.streams.source(id))
            .filter(|block| layout.is_some_and(|layout| layout.size() as usize == block.len()));
        match (layout, block) {
            (Some(layout), Some(block)) => {
                self.seen.note_told(id, link);
                self.streams.add_source(id, block, cx.now);
                self.streams.on_asked(link, id, layout, wanted, cx.now);
            }
            // It is asked for as a whole, or being checked.
            (Some(layout), None) if self.verification.contains(id) || self.is_on_the_way(id) => {
                self.streams.on_asked(link, id, layout, wanted, cx.now);
            }
            _ => self.deny_symbols(link, id, cx),
        }
    }

    fn is_on_the_way(&self, id: ItemId) -> bool {
        self.rebuilding.contains(id) || self.requests.is_wanted(id)
    }

    fn deny_symbols(&mut self, link: Link, id: ItemId, cx: &mut Cx<'_>) {
        self.counters.not_found += 1;
        let names = Names::Whole { kind: ItemKind::Block, ids: Arc::new([id]) };
        self.send(link, Items::NotFound(names), cx);
    }

    /// A peer hasn't got a block that it offered. Whether it did.
    pub(super) fn on_symbols_denied(&mut self, link: Link, name: Name) -> bool {
        matches!(name, Name::Whole(id) if self.coded.on_denied(id, link))
    }

    fn on_symbol(&mut self, link: Link, symbol: &Symbol, cx: &mut Cx<'_>) {
        match self.coded.on_symbol(link, symbol, cx.now) {
            Got::Known | Got::Late => {}
            Got::Unasked => {
                self.counters.unsolicited += 1;
                self.misbehave(link, Offence::Unsolicited, cx);
            }
            Got::News { block, is_slice, is_end, asks } => {
                self.send_asks(asks, cx);
                let whole = || self.coded.assembly(block).map(|it| it.held(symbol.id.slice));
                let news = if is_slice { whole().unwrap_or_default() } else { Vec::new() };
                let one = [(symbol.id, symbol.bytes.clone())];
                self.pass_symbols(block, &one, None, cx);
                self.pass_symbols(block, &news, None, cx);
                if is_end {
                    self.end_coded(block, cx);
                }
            }
        }
    }

    /// Symbols go on to whoever wants them, or to one peer.
    fn pass_symbols(
        &mut self,
        id: ItemId,
        symbols: &[(SymbolId, Bytes)],
        to: Option<Link>,
        cx: &mut Cx<'_>,
    ) {
        let Self { streams, links, .. } = self;
        let is_free =
            |link| links.get(link).is_some_and(|it| !it.congested && it.closing.is_none());
        let may = |link| to.is_none_or(|only| only == link) && is_free(link);
        for (link, symbol) in streams.pass(id, symbols, may) {
            self.send(link, Symbols::Symbol(Arc::new(symbol)), cx);
        }
    }

    /// All symbols of a block are here, or never will be.
    fn end_coded(&mut self, id: ItemId, cx: &mut Cx<'_>) {
        let bytes = self.coded.assembly(id).and_then(|assembly| assembly.join());
        let Some(block) = bytes.and_then(|bytes| committed(id, bytes, cx.chain)) else {
            self.counters.rebuilds_failed += 1;
            if let Some((offerers, asks)) = self.coded.on_poisoned(id) {
                self.send_asks(asks, cx);
                self.ask_as_whole(id, &offerers, cx);
            }
            return;
        };
        let Some((offerers, asks)) = self.coded.end(id) else { return };
        self.send_asks(asks, cx);
        self.counters.blocks_coded += 1;
        self.coded.note_rebuilt(id);
        self.streams.add_source(id, block.bytes().clone(), cx.now);
        if let Some(first) = offerers.first() {
            self.on_arrived(*first, &block, cx);
        }
    }

    /// A block came otherwise: nobody is asked for symbols of it any more.
    pub(super) fn stop_coded(&mut self, id: ItemId, cx: &mut Cx<'_>) {
        if let Some((_, asks)) = self.coded.end(id) {
            self.send_asks(asks, cx);
        }
    }

    /// A block can't be had in symbols: those who offered it are asked for the whole, one after the other.
    pub(super) fn ask_as_whole(&mut self, id: ItemId, offerers: &[Link], cx: &Cx<'_>) {
        for link in offerers {
            self.requests.on_announced(
                *link,
                id.into(),
                Duration::ZERO,
                cx.now,
                &cx.params.requests,
            );
        }
    }

    /// A block that was made of symbols broke a rule. Whether it was: nobody answers for all of it.
    pub(super) fn is_nobodys(&self, id: ItemId) -> bool {
        self.coded.was_rebuilt(id)
    }

    /// Whether a block whose names came is rather asked for in symbols, since most of what they name isn't here; and whether these names were
    /// the first.
    pub(super) fn is_rather_coded(&mut self, rebuild: &Rebuild, cx: &mut Cx<'_>) -> Option<bool> {
        let (asks, is_first) = self.coded.on_names(rebuild.id, !rebuild.lacks_most(), cx.now)?;
        self.send_asks(asks, cx);
        Some(is_first)
    }

    /// Until when a block whose names came may yet be offered in symbols, which its sender takes too: offers overtake and are overtaken.
    pub(super) fn offer_awaited(&self, rebuild: &Rebuild, cx: &Cx<'_>) -> Option<Time> {
        let may_come = rebuild.lacks_most() && self.coded.takers().contains(&rebuild.link);
        may_come.then(|| cx.now + OFFER_WAIT)
    }

    /// Until when a block comes in symbols.
    pub(super) fn coded_until(&self, name: Name) -> Option<Time> {
        match name {
            Name::Whole(id) if id.kind() == ItemKind::Block => self.coded.until(id),
            Name::Whole(_) | Name::Short(_) => None,
        }
    }

    fn send_asks(&mut self, asks: Asks, cx: &mut Cx<'_>) {
        for (link, wanted) in asks {
            self.send(link, Symbols::Get(Arc::new(wanted)), cx);
        }
    }

    /// Others are to be asked, or symbols to be compared.
    pub(super) fn coded_due(&mut self, cx: &mut Cx<'_>) {
        self.compare_symbols(cx);
        let (asks, failed) = self.coded.on_wake(cx.now);
        self.send_asks(asks, cx);
        for block in failed {
            self.stop_coded(block.id, cx);
            self.ask_as_whole(block.id, &block.offerers, cx);
        }
    }

    /// Symbols leave, a portion.
    pub(super) fn streams_due(&mut self, cx: &mut Cx<'_>) {
        let Self { streams, links, .. } = self;
        let may = |link| links.get(link).is_some_and(|it| !it.congested && it.closing.is_none());
        let portion = streams.on_wake(cx.now, may);
        for link in portion.worked_for {
            self.charge_answer(link, SLICE_COST, cx);
        }
        for (link, symbol) in portion.symbols {
            self.send(link, Symbols::Symbol(Arc::new(symbol)), cx);
        }
    }

    /// Compares symbols of one slice with the block that others brought.
    fn compare_symbols(&mut self, cx: &mut Cx<'_>) {
        let Some(suspects) = self.coded.take_suspects() else { return };
        let Some(block) = self.blocks.get(&suspects.id).cloned() else { return };
        let is_of_it = suspects.layout.size() as usize == block.size();
        let Some(source) = self.streams.add_source(suspects.id, block.bytes().clone(), cx.now)
        else {
            return;
        };
        let mut wrong: Vec<(Link, bool)> = Vec::new();
        for one in &suspects.received {
            let right = source.make(one.id).filter(|_| is_of_it);
            if right.is_none_or(|right| suspects.salt.rank(&right[..]) != one.sum) {
                wrong.push((one.link, one.is_vouched));
            }
        }
        for (link, is_vouched) in wrong {
            if is_vouched {
                self.misbehave(link, Offence::InvalidItem(WRONG_SYMBOLS), cx);
            } else if self.links.get(link).is_some() {
                self.coded.avoid(link, cx.now);
            }
        }
    }
}

/// A block, if its header is the one of this id and commits to all of it.
fn committed(id: ItemId, bytes: Bytes, chain: &dyn Chain) -> Option<Arc<Item>> {
    let block = chain.item(ItemKind::Block, bytes).ok().filter(|block| block.id() == id)?;
    let split = chain.split(&block)?;
    let joined = chain.join(&split.header, &split.transactions)?;
    (joined == *block.bytes()).then_some(block)
}
