//! Blocks that come in symbols from several peers at once, none of whom sends what another does.
//!
//! # How a block comes
//! Whoever has a large block *offers* it by its header, and divides its symbols into as many classes as it has peers to offer it to, one
//! for each. Whoever hears of a class passes that on at once, as his own to give, and asks whom he heard it from first for its symbols, a few more
//! than should do. What comes is passed on while it comes ([`crate::relay::symbol_streams`]). So each class has a tree of its own,
//! by which it came soonest; all requests along it are made while the offers travel, and then symbols flow. Nobody waits for himself:
//! whom he asks heard of it before.
//!
//! The origin sends its block once, and every other node about as much as it gets, since who is high up in one tree is a leaf in most
//! others. (A tree for each stripe of a stream: Castro et al., "`SplitStream`", SOSP 2003. Here trees are found anew for each block.) What is
//! lost is made up for by the next symbol of any class, and nobody has to know what it was. (Rateless codes for this: Byers et al., "A
//! Digital Fountain Approach", SIGCOMM 1998.) For the same reason a class that doesn't come holds nothing up, if the others have enough to spare.
//!
//! # What may go wrong
//! | what | what follows |
//! |---|---|
//! | all streams ended, and slices lack something | repair symbols of those are asked for, of whoever has the block |
//! | nothing came for [`STALL`] | the same, of others |
//! | nothing came for [`GIVE_UP`] | the block is asked for as a whole, of one after the other |
//! | symbols make something else than the block | the same; once the block is here all symbols are compared: who vouched for a wrong one loses the link, who passed one on isn't asked for symbols for [`AVOIDED`] |
//! | symbols nobody asked for, or more than were | an offence, tolerated until it persists |
//!
//! Who passed a wrong symbol on can't know, and nobody can tell him from whoever made it: so nobody loses a link for that, and its maker
//! can spoil a block for whom he is a neighbour of, once in [`AVOIDED`].
//!
//! # Bounds
//! [`INCOMING_MAX`] blocks at once, of which each proves its work, with [`OFFERERS_MAX`] peers and [`STREAMS_MAX`] streams each.

mod incoming;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::ground::item::ItemId;
use crate::ground::link::Link;
use crate::ground::map::Salt;
use crate::ground::time::Time;
use crate::items::coding::{Assembly, Layout, Taken};
use crate::machine::{Cx, Part};
use crate::params::Params;
use crate::wire::message::{Compact, Symbol, SymbolsWanted};

pub use incoming::{
    Asks, Failed, Incoming, Received, STALL, STREAMS_MAX, Stage, beginning, includes, mask,
};
use incoming::{NEAR_END, Offerer, Stream};

/// Most blocks that come in symbols at once; others are asked for as a whole. A guess: two may be found at once.
pub const INCOMING_MAX: usize = 2;

/// Most peers that are remembered to have offered a block. A guess: four are asked.
pub const OFFERERS_MAX: usize = 16;

/// Streams that are over, whose symbols may still be on their way. A guess.
const ENDED_MAX: usize = 512;

/// Most blocks whose symbols wait to be compared. A guess.
const SUSPECTS_MAX: usize = 2;

/// Of so many of the latest blocks it is known whom they were offered to, and that they came in symbols.
const RECENT_MAX: usize = 4;

/// How long a block waits for its names, if whoever offers it sends those too, and most of what the last names named was here. A guess: a long
/// round trip, and lines that carry them to many.
pub const NAMES_WAIT: Duration = Duration::from_millis(600);

/// How long a block that is being put together from names has, before it is asked for in symbols all the same. A guess: two long round trips.
pub const REST: Duration = Duration::from_secs(1);

/// How long nothing may come before a block is asked for as a whole. A guess: as `requests.block_patience_ms`.
pub const GIVE_UP: Duration = Duration::from_secs(2);

/// For how long whoever passed on a wrong symbol isn't asked for any. A guess: a block in Bitcoin's sense.
pub const AVOIDED: Duration = Duration::from_secs(600);

/// Symbols to be compared with their block.
#[derive(Clone, Debug)]
pub struct Suspects {
    /// The block.
    pub id: ItemId,
    /// How it is cut.
    pub layout: Layout,
    /// The symbols, by slice.
    pub received: Vec<Received>,
    /// What their sums are salted with.
    pub salt: Salt,
    /// The block is here.
    pub is_here: bool,
}

/// What became of a symbol.
#[derive(Debug)]
pub enum Got {
    /// It came after its stream was over.
    Late,
    /// Nobody asked for it.
    Unasked,
    /// It was here.
    Known,
    /// It is news. Of this block, and what is to be asked for now.
    News {
        /// The block.
        block: ItemId,
        /// Its slice is whole with it.
        is_slice: bool,
        /// Its block is whole with it, or never will be.
        is_end: bool,
        /// Requests.
        asks: Asks,
    },
}

/// All blocks that come in symbols. Eight bytes for a node to whom none ever came.
#[derive(Clone, Debug, Default)]
pub struct Coded(Option<Box<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    /// Peers who take symbols, in the order in which they said so.
    takers: Vec<Link>,
    incoming: Vec<Incoming>,
    ended: VecDeque<(Link, u32, u16)>,
    avoided: Vec<(Link, Time)>,
    suspects: VecDeque<Suspects>,
    offered: VecDeque<(ItemId, Vec<Link>)>,
    rebuilt: VecDeque<ItemId>,
    streams: u32,
    /// Most of what the last names named wasn't here.
    lacks_most: bool,
}

impl State {
    fn find(&mut self, id: ItemId) -> Option<&mut Incoming> {
        self.incoming.iter_mut().find(|block| block.id == id)
    }

    fn remember_ended(&mut self, link: Link, stream: u32, left: u16) {
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back((link, stream, left));
    }

    /// Numbers requests, and finds when the block is looked at again.
    fn number(streams: &mut u32, mut asks: Asks, block: &mut Incoming, now: Time) -> Asks {
        if !asks.is_empty() {
            block.asked_at = now;
        }
        for (link, wanted) in &mut asks {
            *streams = streams.wrapping_add(1).max(1); // none has the number of what asks for names
            wanted.stream = *streams;
            block.streams.push(Stream { link: *link, wanted: *wanted, got: 0, is_over: false });
        }
        block.reckon();
        asks
    }
}

impl Coded {
    fn state(&mut self) -> &mut State {
        self.0.get_or_insert_default()
    }

    fn find(&self, id: ItemId) -> Option<&Incoming> {
        self.0.as_ref()?.incoming.iter().find(|block| block.id == id)
    }

    /// A peer takes symbols.
    pub fn on_taker(&mut self, link: Link) {
        self.state().takers.push(link);
    }

    /// Peers who take symbols.
    #[must_use]
    pub fn takers(&self) -> &[Link] {
        self.0.as_ref().map_or(&[], |state| &state.takers)
    }

    /// Notes that a block is offered to a peer. False if it was.
    pub fn note_offered(&mut self, id: ItemId, link: Link) -> bool {
        let offered = &mut self.state().offered;
        let place = offered.iter().position(|(block, _)| *block == id).unwrap_or_else(|| {
            if offered.len() == RECENT_MAX {
                offered.pop_front();
            }
            offered.push_back((id, Vec::new()));
            offered.len() - 1
        });
        let links = &mut offered[place].1;
        let is_new = !links.contains(&link);
        if is_new {
            links.push(link);
        }
        is_new
    }

    /// Whom a block was offered to.
    #[must_use]
    pub fn offered(&self, id: ItemId) -> &[Link] {
        let mut offered = self.0.iter().flat_map(|state| &state.offered);
        offered.find(|(block, _)| *block == id).map_or(&[], |(_, links)| links)
    }

    /// Whether a block is coming.
    #[must_use]
    pub fn contains(&self, id: ItemId) -> bool {
        self.find(id).is_some()
    }

    /// What is here of a block that is coming.
    #[must_use]
    pub fn assembly(&self, id: ItemId) -> Option<&Assembly> {
        Some(&self.find(id)?.assembly)
    }

    /// The block of which the hash begins so, if it is coming.
    #[must_use]
    pub fn named(&self, block: u64) -> Option<ItemId> {
        let mut coming = self.0.iter().flat_map(|state| &state.incoming);
        coming.find(|it| beginning(it.id) == block).map(|it| it.id)
    }

    /// Those of some classes that a peer doesn't give itself.
    #[must_use]
    pub fn news_for(&self, id: ItemId, link: Link, classes: u16) -> u16 {
        let offerers = self.find(id).map(|block| &block.offerers);
        let offerer = offerers.and_then(|all| all.iter().find(|it| it.link == link));
        classes & !offerer.map_or(0, |offerer| offerer.has)
    }

    /// Until when nobody else needs to be asked for a block.
    #[must_use]
    pub fn until(&self, id: ItemId) -> Option<Time> {
        let block = self.find(id)?;
        Some(block.next.max(block.progress + GIVE_UP))
    }

    /// Whether there is room for one more block.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.as_ref().is_none_or(|state| state.incoming.len() < INCOMING_MAX)
    }

    /// A block is offered for the first time, in so many classes. Its sums are salted so.
    pub fn begin(
        &mut self,
        id: ItemId,
        (layout, classes, spare): (Layout, u8, usize),
        salt: u64,
        stage: Stage,
        names: Option<Arc<Compact>>,
        now: Time,
    ) {
        let wait = match stage {
            Stage::AwaitsNames => NAMES_WAIT,
            Stage::Rests => REST,
            Stage::Flows => STALL,
        };

        self.state().incoming.push(Incoming {
            id,
            assembly: Assembly::new(layout),
            offerers: Vec::new(),
            givers: Vec::new(),
            streams: Vec::new(),
            received: Vec::new(),
            salt: Salt::new(salt),
            stage,
            names,
            names_of: None,
            names_for: Vec::new(),
            next: now + wait,
            progress: now,
            asked_at: now,
            classes,
            heard: 0,
            asked: 0,
            spare,
            turn: 0,
        });
    }

    /// A peer gives classes of a block that is coming. Returns what it is to be asked for, and which of them nobody gave before.
    pub fn on_classes(
        &mut self,
        id: ItemId,
        link: Link,
        has: u16,
        size: Option<u32>,
        now: Time,
    ) -> (Asks, u16) {
        let state = self.state();
        let is_avoided = state.avoided.iter().any(|(other, until)| *other == link && *until > now);
        let Some(place) = state.incoming.iter().position(|block| block.id == id) else {
            return Default::default();
        };
        let block = &mut state.incoming[place];
        let has = has & mask(block.classes);
        let has_room = block.offerers.len() < OFFERERS_MAX;
        let before = block.offerers.iter().find(|it| it.link == link).map_or(0, |it| it.has);
        match (block.offerers.iter_mut().find(|offerer| offerer.link == link), size) {
            (Some(offerer), _) => offerer.has |= has,
            (None, Some(size)) if has_room => {
                let is_out = is_avoided || size != block.assembly.layout().size();
                block.offerers.push(Offerer { link, has, is_out });
            }
            (None, _) => return Default::default(),
        }
        let is_out = block.offerers.iter().any(|it| it.link == link && it.is_out);
        let more = has & !before;
        let given = (0..block.classes).filter(|class| more & (1 << class) != 0);
        block.givers.extend(given.map(|class| (class, link)));
        let news = if is_out { 0 } else { has & !block.heard };
        block.heard |= news;
        let asks = block.ask_classes();
        (State::number(&mut state.streams, asks, &mut state.incoming[place], now), news)
    }

    /// The names of a block came. `are_few`: most of what they name is here, so that it is put together from them. What is asked for if it
    /// isn't, and whether these are the first; `None` if it isn't coming so.
    pub fn on_names(&mut self, id: ItemId, are_few: bool, now: Time) -> Option<(Asks, bool)> {
        let state = self.0.as_mut()?;
        state.lacks_most = !are_few;
        let place = state.incoming.iter().position(|block| block.id == id)?;
        let block = &mut state.incoming[place];
        let is_first = block.names.is_none();
        if are_few {
            if block.stage == Stage::AwaitsNames {
                (block.stage, block.next) = (Stage::Rests, now + REST);
            }
            return None;
        }
        if matches!(block.stage, Stage::AwaitsNames | Stage::Rests) {
            block.run(now);
        }
        let asks = block.ask_classes();
        Some((State::number(&mut state.streams, asks, &mut state.incoming[place], now), is_first))
    }

    /// Whether most of what the last names named wasn't here: there is no use in waiting for the next ones.
    #[must_use]
    pub fn lacks_most(&self) -> bool {
        self.0.as_ref().is_some_and(|state| state.lacks_most)
    }

    /// A peer is asked for the names of a block.
    pub fn on_names_asked(&mut self, id: ItemId, link: Link) {
        if let Some(block) = self.0.as_mut().and_then(|state| state.find(id)) {
            block.names_of = Some(link);
        }
    }

    /// Whether a peer was asked for the names of a block.
    #[must_use]
    pub fn was_asked_for_names(&self, id: ItemId, link: Link) -> bool {
        self.find(id).is_some_and(|block| block.names_of == Some(link))
    }

    /// A peer wants the names of a block that is coming: they are here, or it gets them once they are.
    pub fn want_names(&mut self, id: ItemId, link: Link) -> Option<Arc<Compact>> {
        let block = self.0.as_mut()?.find(id)?;
        if block.names.is_none() && !block.names_for.contains(&link) {
            block.names_for.push(link);
        }
        block.names.clone()
    }

    /// The names of a block are here: who wanted them.
    pub fn keep_names(&mut self, id: ItemId, names: &Arc<Compact>) -> Vec<Link> {
        let Some(block) = self.0.as_mut().and_then(|state| state.find(id)) else {
            return Vec::new();
        };
        block.names.get_or_insert_with(|| names.clone());
        std::mem::take(&mut block.names_for)
    }

    /// A symbol came.
    pub fn on_symbol(&mut self, link: Link, symbol: &Symbol, now: Time) -> Got {
        let Some(state) = self.0.as_mut() else { return Got::Unasked };
        let of = |stream: &Stream| stream.link == link && stream.wanted.stream == symbol.stream;
        let Some(place) = state.incoming.iter().position(|block| block.streams.iter().any(of))
        else {
            let is_it = |(other, stream, left): &(Link, u32, u16)| {
                *other == link && *stream == symbol.stream && *left > 0
            };
            let Some(place) = state.ended.iter().position(is_it) else { return Got::Unasked };
            state.ended[place].2 -= 1;
            return Got::Late;
        };
        let block = &mut state.incoming[place];
        let layout = block.assembly.layout();
        let Some(stream) = block.streams.iter_mut().find(|stream| of(stream)) else {
            return Got::Unasked;
        };
        let is_asked = layout.has(symbol.id) && stream.includes(symbol.id, layout);
        if !is_asked || stream.got >= stream.wanted.count {
            return Got::Unasked;
        }
        stream.got += 1;
        stream.is_over |= symbol.is_last;
        let taken = block.assembly.take(symbol.id, &symbol.bytes);
        if taken != Taken::Known {
            let sum = block.salt.rank(&symbol.bytes[..]);
            let is_vouched = symbol.is_vouched;
            block.received.push(Received { id: symbol.id, link, is_vouched, sum });
            block.progress = now;
        }
        let is_end = taken == Taken::Hopeless || block.assembly.lacking() == 0;
        let asks = if is_end { Vec::new() } else { block.refill(false) };
        let block_id = block.id;
        let asks = State::number(&mut state.streams, asks, &mut state.incoming[place], now);
        match taken {
            Taken::Known if asks.is_empty() => Got::Known,
            _ => Got::News { block: block_id, is_slice: taken == Taken::Whole, is_end, asks },
        }
    }

    /// A peer hasn't got a block that it offered, or has one of another length. Whether it was asked.
    pub fn on_denied(&mut self, id: ItemId, link: Link) -> bool {
        let Some(block) = self.0.as_mut().and_then(|state| state.find(id)) else { return false };
        block.leave(link, false)
    }

    /// A block is here, or can't be had so. Returns who offered it, and the streams that are to end.
    pub fn end(&mut self, id: ItemId) -> Option<(Vec<Link>, Asks)> {
        let block = self.take(id)?;
        Some(self.close(&block))
    }

    fn take(&mut self, id: ItemId) -> Option<Incoming> {
        let state = self.0.as_mut()?;
        let place = state.incoming.iter().position(|block| block.id == id)?;
        Some(state.incoming.remove(place))
    }

    fn close(&mut self, block: &Incoming) -> (Vec<Link>, Asks) {
        let state = self.state();
        let mut asks = Vec::new();
        for stream in &block.streams {
            let left = stream.wanted.count - stream.got;
            if left > 0 {
                state.remember_ended(stream.link, stream.wanted.stream, left);
                if !stream.is_over {
                    asks.push((stream.link, SymbolsWanted { count: 0, ..stream.wanted }));
                }
            }
        }
        (block.offerers.iter().map(|offerer| offerer.link).collect(), asks)
    }

    /// A block's symbols make something else: who sent which is kept, to be compared once it is here.
    pub fn on_poisoned(&mut self, id: ItemId) -> Option<(Vec<Link>, Asks)> {
        let mut block = self.take(id)?;
        let mut received = std::mem::take(&mut block.received);
        received.sort_by_key(|one| one.id);
        let (layout, salt) = (block.assembly.layout(), block.salt);
        let suspects = &mut self.state().suspects;
        if suspects.len() == SUSPECTS_MAX {
            suspects.pop_front();
        }
        suspects.push_back(Suspects { id, layout, received, salt, is_here: false });
        Some(self.close(&block))
    }

    /// A block came in symbols: nobody answers for all of it.
    pub fn note_rebuilt(&mut self, id: ItemId) {
        let rebuilt = &mut self.state().rebuilt;
        if rebuilt.len() == RECENT_MAX {
            rebuilt.pop_front();
        }
        rebuilt.push_back(id);
    }

    /// Whether a block came in symbols.
    #[must_use]
    pub fn was_rebuilt(&self, id: ItemId) -> bool {
        self.0.as_ref().is_some_and(|state| state.rebuilt.contains(&id))
    }

    /// A block was accepted, whose symbols may have to be compared.
    pub fn on_accepted(&mut self, id: ItemId) {
        let suspects = self.0.iter_mut().flat_map(|state| &mut state.suspects);
        suspects.filter(|one| one.id == id).for_each(|one| one.is_here = true);
    }

    /// Some symbols to be compared: those of one slice.
    pub fn take_suspects(&mut self) -> Option<Suspects> {
        let suspects = &mut self.0.as_mut()?.suspects;
        let place = suspects.iter().position(|one| one.is_here)?;
        let all = &mut suspects[place];
        let Some(slice) = all.received.last().map(|one| one.id.slice) else {
            suspects.remove(place);
            return None;
        };
        let from = all.received.partition_point(|one| one.id.slice < slice);
        let received = all.received.split_off(from);
        Some(Suspects { received, ..*all })
    }

    /// A peer passed on a wrong symbol.
    pub fn avoid(&mut self, link: Link, now: Time) {
        let state = self.state();
        state.avoided.retain(|(other, until)| *other != link && *until > now);
        state.avoided.push((link, now + AVOIDED));
    }

    /// What is due: requests, and blocks that are given up.
    pub fn on_wake(&mut self, now: Time) -> (Asks, Vec<Failed>) {
        let Some(state) = &mut self.0 else { return Default::default() };
        let (mut asks, mut failed) = (Vec::new(), Vec::new());
        for block in state.incoming.iter_mut().filter(|block| block.next <= now) {
            let more = match block.stage {
                Stage::AwaitsNames | Stage::Rests => {
                    block.run(now);
                    block.ask_classes()
                }
                Stage::Flows if now >= block.progress + GIVE_UP => {
                    let offerers = block.offerers.iter().map(|offerer| offerer.link).collect();
                    failed.push(Failed { id: block.id, offerers });
                    continue;
                }
                Stage::Flows => {
                    let classes = block.ask_classes();
                    if classes.is_empty() && block.is_quiet(now) {
                        block.streams.iter_mut().for_each(|stream| stream.is_over = true);
                        block.refill(true)
                    } else {
                        classes
                    }
                }
            };
            asks.extend(State::number(&mut state.streams, more, block, now));
            block.next = block.next.max(now + NEAR_END);
        }
        (asks, failed)
    }
}

impl Part for Coded {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        let Some(state) = &mut self.0 else { return };
        state.takers.retain(|other| *other != link);
        state.ended.retain(|(other, _, _)| *other != link);
        state.avoided.retain(|(other, _)| *other != link);
        for block in &mut state.incoming {
            block.leave(link, true);
            block.names_for.retain(|other| *other != link);
            block.names_of = block.names_of.filter(|other| *other != link);
        }
        for (_, links) in &mut state.offered {
            links.retain(|other| *other != link);
        }
        for suspects in &mut state.suspects {
            suspects.received.retain(|one| one.link != link);
        }
    }

    fn deadline(&self) -> Time {
        let Some(state) = &self.0 else { return Time::NEVER };
        if state.suspects.iter().any(|one| one.is_here) {
            return Time::ZERO;
        }
        state.incoming.iter().map(|block| block.next).min().unwrap_or(Time::NEVER)
    }

    fn keeps(&self, link: Link) -> bool {
        let Some(state) = &self.0 else { return false };
        let of_block = |block: &Incoming| {
            block.offerers.iter().any(|offerer| offerer.link == link)
                || block.givers.iter().any(|(_, giver)| *giver == link)
                || block.streams.iter().any(|stream| stream.link == link)
                || block.received.iter().any(|one| one.link == link)
                || block.names_for.contains(&link)
                || block.names_of == Some(link)
        };
        state.takers.contains(&link)
            || state.incoming.iter().any(of_block)
            || state.ended.iter().any(|(other, _, _)| *other == link)
            || state.avoided.iter().any(|(other, _)| *other == link)
            || state.offered.iter().any(|(_, links)| links.contains(&link))
            || state.suspects.iter().any(|all| all.received.iter().any(|it| it.link == link))
    }

    fn check(&self, _params: &Params) {
        let Some(state) = &self.0 else { return };
        assert!(state.incoming.len() <= INCOMING_MAX, "blocks that come in symbols");
        for block in &state.incoming {
            assert!(block.offerers.len() <= OFFERERS_MAX, "{} is offered by too many", block.id);
            assert!(block.streams.len() <= STREAMS_MAX + 256, "streams of {}", block.id);
        }
        assert!(state.ended.len() <= ENDED_MAX, "streams that are over");
    }
}
