//! Blocks that are put together again from what is here, while some of it is still to come.
//!
//! A peer sent the names of a block's transactions. Those that are pooled are found by their names; the others it is asked for by
//! their places. Several peers may be asked at once for one block, since whoever sent it first may stall: that costs what is lacking
//! once more, which is little, and saves a wait.
//!
//! # Bounds
//! At most [`PER_BLOCK`] peers for one block, of which the last place is kept for one that we chose, so that those who
//! dialled us can't hold all; and [`REBUILT_MAX`] blocks, each of which proves its work. What one peer sent of a block, and the places of what is
//! here of it, take [`REBUILD_BYTES`] at most. Of each link as many requests for parts wait, with no more places than one may have. What wasn't pooled of the last [`LACKED_MAX`] blocks is remembered.

mod here;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::chain::Chain;
use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::Params;
use crate::wire::message::{
    BLOCK_PARTS_MAX, ByTemplate, COMPACT_MAX, Compact, PartId, PartsWanted,
};

pub use here::Here;

/// Most peers that one block comes from in parts at once (Bitcoin Core: `MAX_CMPCTBLOCKS_INFLIGHT_PER_BLOCK`,
/// `net_processing.h`).
pub const PER_BLOCK: usize = 3;

/// Most blocks that come in parts at once; more are asked for when those are here. A guess: there is one at a time, and two when
/// two are found at once.
pub const REBUILT_MAX: usize = 4;

/// What a block that comes from one peer takes at most, bytes.
pub const REBUILD_BYTES: usize =
    COMPACT_MAX + BLOCK_PARTS_MAX * (size_of::<Option<Arc<Item>>>() + 2 * size_of::<u16>());

/// Of so many blocks it is remembered what wasn't pooled: for as many as are sent by names (`node/compact.rs`).
pub const LACKED_MAX: usize = 5;

/// A block that comes from one peer.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// The block.
    pub id: ItemId,
    /// The peer.
    pub link: Link,
    /// What the block begins with.
    pub header: Bytes,
    /// How its transactions are named.
    named: Named,
    /// What is here of it, by place.
    parts: Vec<Option<Arc<Item>>>,
    /// The places of what it is asked for, in order.
    pub lacked: Box<[u16]>,
    /// The places of what wasn't pooled, in order: that is lacking elsewhere too.
    pub unpooled: Box<[u16]>,
    /// The parts didn't fit: now it is asked for all of it.
    pub as_whole: bool,
    /// It isn't asked for anything yet: the block may come in symbols (`node/coded.rs`).
    pub is_held: bool,
    /// How long it has for an answer.
    pub until: Time,
}

/// How a block's transactions are named.
#[derive(Clone, Debug)]
enum Named {
    /// By names of this message's own.
    Keyed(Arc<Compact>),
    /// By short ids; none of those that came along.
    Short(Box<[Option<ShortId>]>),
}

impl Rebuild {
    /// Looks up what is here. A name that two of them share is nobody's.
    #[must_use]
    pub fn new(id: ItemId, link: Link, compact: Arc<Compact>, here: Here<'_>, cx: &Cx<'_>) -> Self {
        let mut parts: Vec<Option<Arc<Item>>> = vec![None; compact.count()];
        for (place, bytes) in &compact.prefilled {
            parts[usize::from(*place)] = item(cx.chain, bytes);
        }
        let empty = (0..parts.len()).filter(|place| {
            let place = u16::try_from(*place).expect("a block has no more places");
            compact.prefilled.binary_search_by_key(&place, |(place, _)| *place).is_err()
        });
        let mut places: Map<PartId, Option<usize>> = Map::new(Salt::new(compact.nonce));
        for (name, place) in compact.parts.iter().zip(empty) {
            let is_shared = places.get(name).is_some();
            places.insert(*name, (!is_shared).then_some(place));
        }
        let names = compact.names();
        for id in here.ids() {
            let Some(place) = places.get(&names.name(id)).copied().flatten() else {
                continue;
            };
            if parts[place].is_some() {
                parts[place] = None;
                places.insert(names.name(id), None);
            } else {
                parts[place] = here.find(id).cloned();
            }
        }
        let header = compact.header.clone();
        Self::of((id, link), header, Named::Keyed(compact), parts, here)
    }

    /// The same of a block by places in a template, of which `names` are what stands there. `None` if the names aren't as many.
    #[must_use]
    pub fn by_template(
        id: ItemId,
        link: Link,
        (block, names): (&ByTemplate, Vec<Option<ShortId>>),
        here: Here<'_>,
        cx: &Cx<'_>,
    ) -> Option<Self> {
        let mut names = names;
        let mut parts: Vec<Option<Arc<Item>>> = vec![None; names.len()];
        let mut prefilled = block.prefilled.iter().peekable();
        let mut ids = block.ids.iter();
        for ((part, name), place) in parts.iter_mut().zip(&mut names).zip(0_u16..) {
            if name.is_none()
                && let Some((_, bytes)) = prefilled.next_if(|(along, _)| *along == place)
            {
                *part = item(cx.chain, bytes);
                continue;
            }
            let id = match name {
                Some(id) => *id,
                None => *name.insert(*ids.next()?),
            };
            *part = here.find(id).cloned();
        }
        let named = Named::Short(names.into());
        Some(Self::of((id, link), block.header.clone(), named, parts, here))
    }

    fn of(
        (id, link): (ItemId, Link),
        header: Bytes,
        named: Named,
        parts: Vec<Option<Arc<Item>>>,
        here: Here<'_>,
    ) -> Self {
        let of = |is: &dyn Fn(&Option<Arc<Item>>) -> bool| {
            let places = parts.iter().zip(0..).filter(|(part, _)| is(part));
            places.map(|(_, place)| place).collect()
        };
        let is_pooled = |part: &Arc<Item>| here.is_pooled(part.id().into());
        let (lacked, unpooled) =
            (of(&Option::is_none), of(&|part| !part.as_ref().is_some_and(is_pooled)));
        let (as_whole, is_held, until) = (false, false, Time::NEVER);
        Self { id, link, header, named, parts, lacked, unpooled, as_whole, is_held, until }
    }

    /// Whether its transactions are named by a template.
    #[must_use]
    pub const fn is_by_template(&self) -> bool {
        matches!(self.named, Named::Short(_))
    }

    /// Whether more than half of it isn't here.
    #[must_use]
    pub fn lacks_most(&self) -> bool {
        2 * self.lacked.len() > self.parts.len()
    }

    /// Its transactions, once all of them are here.
    #[must_use]
    pub fn parts(&self) -> Option<Vec<Arc<Item>>> {
        self.parts.iter().cloned().collect()
    }

    /// Takes in what was lacking, in order. False if it isn't that.
    pub fn fill(&mut self, transactions: &[Bytes], chain: &dyn Chain) -> bool {
        if transactions.len() != self.lacked.len() {
            return false;
        }
        let parts: Vec<_> = transactions.iter().map(|bytes| item(chain, bytes)).collect();
        let fits = match &self.named {
            Named::Keyed(compact) => self.fits(compact, &parts),
            Named::Short(names) => self.lacked.iter().zip(&parts).all(|(place, part)| {
                let id = part.as_ref().map(|part| ShortId::from(part.id()));
                id.is_some() && names[usize::from(*place)] == id
            }),
        };
        if fits {
            for (place, part) in self.lacked.iter().zip(parts) {
                self.parts[usize::from(*place)] = part;
            }
        }
        fits
    }

    /// Whether these have the names of what is lacking.
    fn fits(&self, compact: &Compact, parts: &[Option<Arc<Item>>]) -> bool {
        let names = compact.names();
        let mut next = compact.parts.iter();
        let mut named = vec![None; self.parts.len()];
        let prefilled = &compact.prefilled;
        for (place, name) in named.iter_mut().enumerate() {
            let is_prefilled =
                prefilled.binary_search_by_key(&place, |(place, _)| usize::from(*place)).is_ok();
            *name = if is_prefilled { None } else { next.next() };
        }
        self.lacked.iter().zip(parts).all(|(place, part)| {
            let has_name =
                |part: &Arc<Item>| named[usize::from(*place)] == Some(&names.name(part.id()));
            part.as_ref().is_some_and(has_name)
        })
    }

    /// The block, once all of it is here; `None` if its header doesn't commit to this.
    #[must_use]
    pub fn join(&self, chain: &dyn Chain) -> Option<Arc<Item>> {
        let bytes = chain.join(&self.header, &self.parts()?)?;
        Some(Item::identified(self.id, bytes))
    }
}

/// A transaction of a block; `None` if the rules can't name it.
fn item(chain: &dyn Chain, bytes: &Bytes) -> Option<Arc<Item>> {
    chain.item(ItemKind::Tx, bytes.clone()).ok()
}

/// All blocks that come in parts. Eight bytes for a node to whom none ever came.
#[derive(Clone, Debug, Default)]
pub struct Rebuilding(Option<Box<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    blocks: Vec<UnderWay>,
    /// What wasn't pooled of the latest blocks.
    lacked: VecDeque<(ItemId, Box<[u16]>)>,
    /// The block that was last sent, as names, as it is sent to everybody; `None` if it travels whole.
    named: Option<(ItemId, Option<Arc<Compact>>)>,
    /// Requests for parts that can't be answered yet.
    askers: Vec<(Link, Arc<PartsWanted>)>,
}

/// One block.
#[derive(Clone, Debug)]
struct UnderWay {
    id: ItemId,
    /// Never none of them.
    rebuilds: Vec<Rebuild>,
    /// Who sent it, and whom it was passed on to: each once.
    holders: Vec<Link>,
}

impl Rebuilding {
    fn state(&mut self) -> &mut State {
        self.0.get_or_insert_default()
    }

    fn blocks(&self) -> &[UnderWay] {
        self.0.as_ref().map_or(&[], |state| &state.blocks)
    }

    fn find(&self, id: ItemId) -> Option<&UnderWay> {
        self.blocks().iter().find(|block| block.id == id)
    }

    /// All blocks that are under way.
    #[must_use]
    pub fn under_way(&self) -> Vec<ItemId> {
        self.blocks().iter().map(|block| block.id).collect()
    }

    /// Whether a block is under way.
    #[must_use]
    pub fn contains(&self, id: ItemId) -> bool {
        self.find(id).is_some()
    }

    /// Until when whoever sends it has time: nobody else needs to be asked before.
    #[must_use]
    pub fn until(&self, id: ItemId) -> Option<Time> {
        self.find(id)?.rebuilds.iter().map(|rebuild| rebuild.until).max()
    }

    /// Whether another peer may send a block in parts.
    #[must_use]
    pub fn has_room_for(&self, id: ItemId, link: Link, direction: Direction) -> bool {
        match self.find(id) {
            None => self.blocks().len() < REBUILT_MAX,
            Some(block) => {
                let most = PER_BLOCK - usize::from(direction == Direction::Inbound);
                let is_first = block.rebuilds.iter().all(|rebuild| rebuild.link != link);
                is_first && block.rebuilds.len() < most
            }
        }
    }

    /// A block waits for what is lacking.
    pub fn push(&mut self, rebuild: Rebuild) {
        let state = self.state();
        let place = state.blocks.iter().position(|block| block.id == rebuild.id);
        let place = place.unwrap_or_else(|| {
            let (id, rebuilds, holders) = (rebuild.id, Vec::new(), Vec::new());
            state.blocks.push(UnderWay { id, rebuilds, holders });
            state.blocks.len() - 1
        });
        let (id, link) = (rebuild.id, rebuild.link);
        state.blocks[place].rebuilds.push(rebuild);
        self.note_holder(id, link);
    }

    /// Takes out what a peer is asked for of a block. Who has the block stays known until it [ends](Self::end), or
    /// [fails](Self::forget_failed).
    pub fn take(&mut self, id: ItemId, link: Link) -> Option<Rebuild> {
        let state = self.0.as_mut()?;
        let block = state.blocks.iter_mut().find(|block| block.id == id)?;
        let place = block.rebuilds.iter().position(|rebuild| rebuild.link == link)?;
        Some(block.rebuilds.remove(place))
    }

    /// The names of a block that is under way, if a peer sent such as are in a message of their own.
    #[must_use]
    pub fn compact(&self, id: ItemId) -> Option<Arc<Compact>> {
        self.find(id)?.rebuilds.iter().find_map(|rebuild| match &rebuild.named {
            Named::Keyed(compact) => Some(compact.clone()),
            Named::Short(_) => None,
        })
    }

    /// Takes out what nobody was asked for yet: of one block, or all of which the time is over.
    pub fn take_held(&mut self, which: impl Fn(&Rebuild) -> bool) -> Vec<Rebuild> {
        let Some(state) = &mut self.0 else { return Vec::new() };
        let rebuilds = state.blocks.iter_mut().map(|block| &mut block.rebuilds);
        rebuilds.flat_map(|all| all.extract_if(.., |it| it.is_held && which(it))).collect()
    }

    /// Forgets the blocks that nobody is asked for any more.
    pub fn forget_failed(&mut self) {
        if let Some(state) = &mut self.0 {
            state.blocks.retain(|block| !block.rebuilds.is_empty());
        }
    }

    /// Whether a peer is asked for a whole block, whose parts didn't fit.
    #[must_use]
    pub fn awaits_whole(&self, id: ItemId, link: Link) -> bool {
        let mut rebuilds = self.find(id).into_iter().flat_map(|block| &block.rebuilds);
        rebuilds.any(|rebuild| rebuild.link == link && rebuild.as_whole)
    }

    /// A peer has a block that is under way.
    pub fn note_holder(&mut self, id: ItemId, link: Link) {
        let blocks = self.0.iter_mut().flat_map(|state| &mut state.blocks);
        for block in blocks.filter(|block| block.id == id && !block.holders.contains(&link)) {
            block.holders.push(link);
        }
    }

    /// Whether a peer has a block that is under way, or was sent it.
    #[must_use]
    pub fn is_holder(&self, id: ItemId, link: Link) -> bool {
        self.find(id).is_some_and(|block| block.holders.contains(&link))
    }

    /// A block is here: nobody is asked for parts of it any more. Returns who has it, or was sent it.
    pub fn end(&mut self, id: ItemId) -> Vec<Link> {
        let Some(state) = &mut self.0 else { return Vec::new() };
        let place = state.blocks.iter().position(|block| block.id == id);
        place.map(|place| state.blocks.remove(place).holders).unwrap_or_default()
    }

    /// What wasn't pooled of a block that is here now.
    pub fn remember_lacked(&mut self, id: ItemId, lacked: Box<[u16]>) {
        let state = self.state();
        if state.lacked.len() == LACKED_MAX {
            state.lacked.pop_front();
        }
        state.lacked.push_back((id, lacked));
    }

    /// What wasn't pooled of a block; nothing if it came whole.
    #[must_use]
    pub fn lacked(&self, id: ItemId) -> &[u16] {
        let mut blocks = self.0.iter().flat_map(|state| &state.lacked);
        blocks.find(|(block, _)| *block == id).map_or(&[], |(_, lacked)| lacked)
    }

    /// Whether a block was put together here of late: whoever sent its names may not have checked what they name.
    #[must_use]
    pub fn was_rebuilt(&self, id: ItemId) -> bool {
        self.0.iter().flat_map(|state| &state.lacked).any(|(block, _)| *block == id)
    }

    /// How a block travels, if it is the one that was last sent: as these names, or whole.
    #[must_use]
    pub fn named(&self, id: ItemId) -> Option<Option<Arc<Compact>>> {
        let (last, compact) = self.0.as_ref()?.named.as_ref()?;
        (*last == id).then(|| compact.clone())
    }

    /// A block is sent as names, or whole.
    pub fn set_named(&mut self, id: ItemId, compact: Option<Arc<Compact>>) {
        self.state().named = Some((id, compact));
    }

    /// A request for parts waits, in the place of an earlier one of the same block. Where there are too many of the link, the oldest
    /// of them give way.
    pub fn wait(&mut self, link: Link, wanted: Arc<PartsWanted>) {
        let askers = &mut self.state().askers;
        askers.retain(|(other, earlier)| *other != link || earlier.block != wanted.block);
        askers.push((link, wanted));
        let (mut requests, mut places) = (0, 0);
        // The newest first.
        let mut kept: Vec<_> = askers.drain(..).rev().collect();
        kept.retain(|(other, wanted)| {
            if *other != link {
                return true;
            }
            (requests, places) = (requests + 1, places + wanted.places.len());
            requests == 1 || (requests <= REBUILT_MAX && places <= BLOCK_PARTS_MAX)
        });
        askers.extend(kept.into_iter().rev());
    }

    /// Requests that waited, of those that `may` be answered.
    pub fn take_askers(
        &mut self,
        mut may: impl FnMut(Link, &PartsWanted) -> bool,
    ) -> Vec<(Link, Arc<PartsWanted>)> {
        let Some(state) = &mut self.0 else { return Vec::new() };
        state.askers.extract_if(.., |(link, wanted)| may(*link, wanted)).collect()
    }

    /// Peers whose time is over, and the blocks that they were asked for.
    pub fn take_expired(&mut self, now: Time) -> Vec<(ItemId, Link)> {
        let rebuilds = self.blocks().iter().flat_map(|block| &block.rebuilds);
        let expired = rebuilds.filter(|rebuild| rebuild.until <= now);
        let expired: Vec<_> = expired.map(|rebuild| (rebuild.id, rebuild.link)).collect();
        expired.iter().for_each(|(id, link)| drop(self.take(*id, *link)));
        expired
    }
}

impl Part for Rebuilding {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        let Some(state) = &mut self.0 else { return };
        state.askers.retain(|(other, _)| *other != link);
        for block in &mut state.blocks {
            block.rebuilds.retain(|rebuild| rebuild.link != link);
            block.holders.retain(|other| *other != link);
        }
        state.blocks.retain(|block| !block.rebuilds.is_empty());
    }

    fn deadline(&self) -> Time {
        let rebuilds = self.blocks().iter().flat_map(|block| &block.rebuilds);
        rebuilds.map(|rebuild| rebuild.until).min().unwrap_or(Time::NEVER)
    }

    fn keeps(&self, link: Link) -> bool {
        let asks = self.0.iter().flat_map(|state| &state.askers).any(|(other, _)| *other == link);
        let is_in = |block: &UnderWay| {
            block.rebuilds.iter().any(|rebuild| rebuild.link == link)
                || block.holders.contains(&link)
        };
        asks || self.blocks().iter().any(is_in)
    }

    fn check(&self, _params: &Params) {
        assert!(self.blocks().len() <= REBUILT_MAX, "blocks that come in parts");
        for block in self.blocks() {
            let rebuilds = block.rebuilds.len();
            assert!((1..=PER_BLOCK).contains(&rebuilds), "{}: {rebuilds} peers", block.id);
        }
    }
}

#[cfg(test)]
mod tests;
