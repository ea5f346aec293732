//! Symbols of blocks, for those who asked for some: made of the block, or passed on while they come.
//!
//! Whoever has the block sends pieces of it first, which cost nothing, and then repair symbols. Whoever is getting it sends what comes of
//! the class that was asked for, and once a slice is whole, what else there is of that. No symbol goes twice to the same peer under one request,
//! and no more than were asked for.
//!
//! # Bounds
//! [`PER_LINK`] requests of a link, of which the oldest gives way, and twice as many symbols in all as should do; each is charged by what it asks for. Slices are made ready for
//! repair symbols one an input, and that is charged to whoever needs it. Blocks that symbols are made of: the last [`SOURCES_MAX`].

use std::collections::BTreeSet;

use bytes::Bytes;

use super::coded::includes;
use crate::ground::item::ItemId;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::items::coding::{Layout, Repairer};
use crate::machine::{Cx, Part};
use crate::params::Params;
use crate::wire::message::{SYMBOL_BYTES, Symbol, SymbolId, SymbolsWanted};

/// Most requests of a link at once: a class of each, and each slice of a block of 4 MB.
pub const PER_LINK: usize = 64;

/// Most blocks that symbols are made of. A guess: two may be found at once.
pub const SOURCES_MAX: usize = 2;

/// Most symbols that one input sends. A guess: a quarter of a millisecond's work.
const PORTION: usize = 256;

/// One request.
#[derive(Clone, Debug)]
struct Serve {
    link: Link,
    id: ItemId,
    layout: Layout,
    wanted: SymbolsWanted,
    /// How many it was promised, and how many of those are still to be sent.
    promised: u16,
    left: u16,
    /// What was passed on.
    passed: BTreeSet<SymbolId>,
    /// What comes next of the whole block: number, and slice.
    next: (u32, u8),
}

impl Serve {
    fn symbol(&mut self, id: SymbolId, bytes: Bytes, is_vouched: bool) -> (Link, Symbol) {
        self.left -= 1;
        let (stream, is_last) = (self.wanted.stream, self.left == 0);
        (self.link, Symbol { stream, id, is_vouched, is_last, bytes })
    }

    /// The next one of the whole block that is wanted; `None` if there are no more numbers.
    fn advance(&mut self) -> Option<SymbolId> {
        let slices = self.layout.slices();
        loop {
            let (number, slice) = self.next;
            let id = SymbolId { slice, number: u16::try_from(number).ok()? };
            self.next = if slice + 1 < slices { (number, slice + 1) } else { (number + 1, 0) };
            if includes(&self.wanted, id, self.layout) && !self.passed.contains(&id) {
                return Some(id);
            }
        }
    }

    /// The same one comes next again.
    const fn step_back(&mut self, id: SymbolId) {
        self.next = (id.number as u32, id.slice);
    }
}

/// A block that symbols are made of.
#[derive(Clone, Debug)]
pub struct Source {
    id: ItemId,
    layout: Layout,
    block: Bytes,
    repairers: Vec<Option<Repairer>>,
}

impl Source {
    fn new(id: ItemId, block: Bytes) -> Option<Self> {
        let layout = Layout::new(u32::try_from(block.len()).ok()?)?;
        Some(Self { id, layout, block, repairers: vec![None; usize::from(layout.slices())] })
    }

    /// A symbol, if it doesn't take a slice to be made ready.
    fn ready(&self, id: SymbolId) -> Option<Bytes> {
        let made = || self.repairers.get(usize::from(id.slice))?.as_ref()?.make(id.number);
        self.layout.source(&self.block, id).or_else(made)
    }

    /// A symbol.
    pub fn make(&mut self, id: SymbolId) -> Option<Bytes> {
        let Self { layout, block, repairers, .. } = self;
        if let Some(piece) = layout.source(block, id) {
            return Some(piece);
        }
        let repairer = repairers.get_mut(usize::from(id.slice))?;
        repairer.get_or_insert_with(|| Repairer::new(*layout, block, id.slice)).make(id.number)
    }
}

/// What is to be sent, and who had slices made ready.
#[derive(Debug, Default)]
pub struct Portion {
    /// Symbols.
    pub symbols: Vec<(Link, Symbol)>,
    /// Whoever's request made work.
    pub worked_for: Vec<Link>,
}

/// All requests. Eight bytes for a node that nobody asks.
#[derive(Clone, Debug, Default)]
pub struct SymbolStreams(Option<Box<State>>);

#[derive(Clone, Debug)]
struct State {
    served: Vec<Serve>,
    sources: Vec<Source>,
    at: Time,
}

impl Default for State {
    fn default() -> Self {
        Self { served: Vec::new(), sources: Vec::new(), at: Time::NEVER }
    }
}

impl SymbolStreams {
    fn state(&mut self) -> &mut State {
        self.0.get_or_insert_default()
    }

    /// Whether anybody waits for symbols of a block.
    #[must_use]
    pub fn serves(&self, id: ItemId) -> bool {
        self.0.as_ref().is_some_and(|state| state.served.iter().any(|serve| serve.id == id))
    }

    /// A block that symbols are made of.
    #[must_use]
    pub fn source(&self, id: ItemId) -> Option<Bytes> {
        let mut sources = self.0.iter().flat_map(|state| &state.sources);
        Some(sources.find(|source| source.id == id)?.block.clone())
    }

    /// A block is whole: symbols are made of it from now on. The oldest one gives way.
    pub fn add_source(&mut self, id: ItemId, block: Bytes, now: Time) -> Option<&mut Source> {
        let state = self.state();
        let place = state.sources.iter().position(|source| source.id == id);
        let place = match place {
            Some(place) => place,
            None => {
                let source = Source::new(id, block)?;
                if state.sources.len() == SOURCES_MAX {
                    state.sources.remove(0);
                }
                state.sources.push(source);
                state.sources.len() - 1
            }
        };
        state.at = now;
        Some(&mut state.sources[place])
    }

    /// A peer asks for symbols of a block that is here or coming, which is cut so.
    pub fn on_asked(
        &mut self,
        link: Link,
        id: ItemId,
        layout: Layout,
        wanted: &SymbolsWanted,
        now: Time,
    ) {
        let state = self.state();
        state.served.retain(|it| it.link != link || it.wanted.stream != wanted.stream);
        if state.served.iter().filter(|it| it.link == link).count() == PER_LINK
            && let Some(oldest) = state.served.iter().position(|it| it.link == link)
        {
            state.served.remove(oldest);
        }
        // Nobody needs more than twice what should do.
        let of_link = state.served.iter().filter(|it| it.link == link);
        let promised: usize = of_link.map(|it| usize::from(it.promised)).sum();
        let most = (2 * layout.symbols()).saturating_sub(promised);
        let left = wanted.count.min(u16::try_from(most).unwrap_or(u16::MAX));
        let (wanted, passed, next) = (*wanted, BTreeSet::new(), (u32::from(wanted.from), 0));
        state.served.push(Serve { link, id, layout, wanted, promised: left, left, passed, next });
        state.at = now;
    }

    /// A peer has enough.
    pub fn on_enough(&mut self, link: Link, stream: u32) {
        let served = self.0.iter_mut().flat_map(|state| {
            state.served.extract_if(.., |it| it.link == link && it.wanted.stream == stream)
        });
        served.for_each(drop);
    }

    /// Symbols that have just come, or came before somebody asked: to those who want them, and `may` be sent something.
    pub fn pass(
        &mut self,
        id: ItemId,
        symbols: &[(SymbolId, Bytes)],
        may: impl Fn(Link) -> bool,
    ) -> Vec<(Link, Symbol)> {
        let Some(state) = &mut self.0 else { return Vec::new() };
        let mut passed = Vec::new();
        for serve in state.served.iter_mut().filter(|it| it.id == id && may(it.link)) {
            for (symbol, bytes) in symbols {
                let is_wanted = includes(&serve.wanted, *symbol, serve.layout);
                if serve.left > 0 && is_wanted && serve.passed.insert(*symbol) {
                    passed.push(serve.symbol(*symbol, bytes.clone(), false));
                }
            }
        }
        state.served.retain(|serve| serve.left > 0);
        passed
    }

    /// Symbols of the blocks that are here, a portion, to links that `may` be sent something. The rest is due at once.
    pub fn on_wake(&mut self, now: Time, may: impl Fn(Link) -> bool) -> Portion {
        let mut portion = Portion::default();
        let Some(state) = &mut self.0 else { return portion };
        state.at = Time::NEVER;
        let State { served, sources, at } = &mut **state;
        let mut stopped = None;
        for (place, serve) in served.iter_mut().enumerate() {
            let Some(source) = sources.iter_mut().find(|source| source.id == serve.id) else {
                continue;
            };
            if !may(serve.link) || source.layout != serve.layout {
                continue;
            }
            while serve.left > 0 {
                if portion.symbols.len() >= PORTION {
                    stopped = Some(place);
                    break;
                }
                let Some(id) = serve.advance() else {
                    serve.left = 0;
                    break;
                };
                let bytes = match source.ready(id) {
                    Some(bytes) => Some(bytes),
                    None if portion.worked_for.is_empty() => {
                        portion.worked_for.push(serve.link);
                        source.make(id)
                    }
                    None => {
                        serve.step_back(id);
                        stopped = Some(place);
                        break;
                    }
                };
                let Some(bytes) = bytes else { continue };
                portion.symbols.push(serve.symbol(id, bytes, true));
            }
            if stopped.is_some() {
                break;
            }
        }
        if let Some(place) = stopped {
            served.rotate_left(place);
            *at = now;
        }
        served.retain(|serve| serve.left > 0);
        portion
    }

    /// A link takes something again.
    pub fn hurry(&mut self, now: Time) {
        if let Some(state) = self.0.as_mut().filter(|state| !state.served.is_empty()) {
            state.at = now;
        }
    }

    /// A block won't come: nobody is sent symbols of it. Who waited.
    pub fn fail(&mut self, id: ItemId) -> Vec<Link> {
        let Some(state) = &mut self.0 else { return Vec::new() };
        let mut links: Vec<Link> =
            state.served.extract_if(.., |it| it.id == id).map(|it| it.link).collect();
        links.sort();
        links.dedup();
        links
    }

    /// Most bytes that are held of blocks of some length for so many links, besides what is kept anyway.
    #[must_use]
    pub fn bytes_max(size: usize, links: usize) -> usize {
        // A node of a B-tree has room for eleven entries, and may have five.
        let passed = 2 * size.div_ceil(SYMBOL_BYTES) * size_of::<SymbolId>() * 11 / 5;
        let served = PER_LINK * size_of::<Serve>();
        // The block itself, and its pieces and what is made of them, where it was made ready for repair symbols.
        SOURCES_MAX * (size + 3 * size) + links * (passed + served)
    }
}

impl Part for SymbolStreams {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        if let Some(state) = &mut self.0 {
            state.served.retain(|serve| serve.link != link);
        }
    }

    fn deadline(&self) -> Time {
        self.0.as_ref().map_or(Time::NEVER, |state| state.at)
    }

    fn keeps(&self, link: Link) -> bool {
        self.0.as_ref().is_some_and(|state| state.served.iter().any(|serve| serve.link == link))
    }

    fn check(&self, _params: &Params) {
        let Some(state) = &self.0 else { return };
        assert!(state.sources.len() <= SOURCES_MAX, "blocks that symbols are made of");
        for serve in &state.served {
            let alike = state.served.iter().filter(|it| it.link == serve.link).count();
            assert!(alike <= PER_LINK, "requests for symbols");
        }
    }
}
