//! What this node would put into the next block, what neighbours would, and what of that isn't pooled here.
//!
//! Miners make blocks of what pays best, and pools are much alike. So a block is mostly known before it is found, as far as
//! neighbours have told one another what they expect: it is then sent as its header and its order, and whoever lacks some of it
//! has asked for that beforehand (BIP 153, `SENDTEMPLATE`; Bitcoin Core, issue 33691). Transactions that came so may be what our
//! policy refused, or what nobody relayed to us. They are *extra*: nothing checks them, nothing relays or serves them, and
//! they are used for nothing but to put a block together, which is then checked as any other (Bitcoin Core keeps some for this too:
//! `vExtraTxnForCompact`, `net_processing.cpp`).
//!
//! A template lists the ids in the order in which they came to be in it, so that a change is what went and what was added.
//!
//! # Who tells whom
//! Whoever dialled begins, with as many as `blocks.template_links` says; whoever is told one tells its own. What is told is in the pool
//! for one interval at least, so that it says nothing of whence a transaction came that announcements haven't said.
//!
//! # Bounds
//! Templates are exchanged with [`INBOUND_MAX`] peers that dialled us, and those that we chose. Of each is kept a template of
//! at most [`TEMPLATE_MAX`] ids, one question of [`EXTRA_MAX`], and [`EXTRA_MAX`] extra transactions, of which none is asked
//! for while there are [`EXTRA_BYTES`]. They are its own: whoever lists junk fills its own share, and what it lists and never sends
//! others are asked for after [`ASKED_FOR`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::chain::Chain;
use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::items::pool::Pool;
use crate::machine::{Cx, Part};
use crate::params::Params;
use crate::wire::message::{EXTRA_MAX, NOWHERE, TEMPLATE_MAX, Template};

/// Most peers that dialled us with whom templates are exchanged. A guess: four times as many as dial us for it, in the mean.
pub const INBOUND_MAX: usize = 16;

/// From so many bytes of extra transactions of one peer on no more are asked for. A guess: a large block's share of what is unknown.
pub const EXTRA_BYTES: usize = 256 << 10;

/// What is kept of one peer at most, bytes: its template, what it is asked for and brought, in tables that are half full, and of the last
/// transaction what no longer fits. (Its largest is Bitcoin's: `MAX_STANDARD_TX_WEIGHT`.)
pub const MATE_BYTES: usize = TEMPLATE_MAX * size_of::<ShortId>()
    + EXTRA_MAX
        * (2 * size_of::<ShortId>() + 2 * size_of::<(ShortId, Arc<Item>)>() + size_of::<Item>())
    + EXTRA_BYTES
    + 100_000;

/// For so long nobody else is asked for what one peer was. A guess: as long as for a transaction.
pub const ASKED_FOR: Duration = Duration::from_secs(2);

/// So many pooled transactions are looked at to make a template: a millisecond's work. A guess.
const LOOKED_AT: usize = 2 * TEMPLATE_MAX;

/// What we know of the next block. Eight bytes for a node that never saw one.
#[derive(Clone, Debug, Default)]
pub struct Templates(Option<Box<State>>);

#[derive(Clone, Debug)]
struct State {
    /// When our own is made anew.
    due: Time,
    own: Own,
    /// In the order in which they came.
    mates: Vec<Mate>,
    /// What is lacking in the pool, of all mates.
    extra: Map<ShortId, Arc<Item>>,
}

/// Our own template.
#[derive(Clone, Debug)]
struct Own {
    number: u32,
    ids: Vec<ShortId>,
    places: Map<ShortId, u16>,
    /// What came to the pool later isn't told yet.
    until: u64,
}

/// A peer with whom templates are exchanged.
#[derive(Clone, Debug)]
struct Mate {
    link: Link,
    direction: Direction,
    since: Time,
    /// It was told of our own template, and of all changes.
    is_told: bool,
    /// What it told, once it did, and its number.
    theirs: Option<(u32, Vec<ShortId>)>,
    /// What it was asked for and hasn't answered, in order; and until when nobody else is.
    asked: Vec<ShortId>,
    asked_until: Time,
    /// The extra transactions that it brought, and their bytes.
    brought: Vec<ShortId>,
    bytes: usize,
}

impl Mate {
    /// Nothing is told either way yet.
    const fn new(link: Link, direction: Direction, since: Time) -> Self {
        Self {
            link,
            direction,
            since,
            is_told: false,
            theirs: None,
            asked: Vec::new(),
            asked_until: Time::ZERO,
            brought: Vec::new(),
            bytes: 0,
        }
    }
}

/// A template can't be what it says: an offence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong;

/// What a peer's template leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is kept.
    Kept,
    /// There is no room for one more peer.
    NoRoom,
    /// It isn't for this peer to begin.
    Unasked,
}

impl Templates {
    /// A block came: from now on templates are told.
    pub fn begin(&mut self, pool: &Pool, salt: Salt, cx: &Cx<'_>) {
        if self.0.is_none() && cx.params.blocks.shares_templates() {
            let own = Own {
                number: 0,
                ids: Vec::new(),
                places: Map::new(salt),
                until: pool.last_sequence(),
            };
            let due = cx.now + interval(cx.params);
            self.0 = Some(Box::new(State { due, own, mates: Vec::new(), extra: Map::new(salt) }));
        }
    }

    fn mates(&self) -> &[Mate] {
        self.0.as_ref().map_or(&[], |state| &state.mates)
    }

    fn mate(&self, link: Link) -> Option<&Mate> {
        self.mates().iter().find(|mate| mate.link == link)
    }

    fn mate_mut(&mut self, link: Link) -> Option<&mut Mate> {
        self.0.as_mut()?.mates.iter_mut().find(|mate| mate.link == link)
    }

    /// With whom to begin now, of peers that we dialled and that deal in templates.
    pub fn choose(&mut self, able: impl Iterator<Item = Link>, cx: &Cx<'_>) {
        let Some(state) = &mut self.0 else { return };
        let counts = |mate: &&Mate| {
            let is_young = cx.now < mate.since + 2 * interval(cx.params);
            mate.direction == Direction::Outbound && (mate.theirs.is_some() || is_young)
        };
        let most = cx.params.blocks.template_links;
        let wanted = most.saturating_sub(state.mates.iter().filter(counts).count());
        let new = |link: &Link| state.mates.iter().all(|mate| mate.link != *link);
        let new: Vec<_> = able.filter(new).take(wanted).collect();
        let mate = |link| Mate::new(link, Direction::Outbound, cx.now);
        state.mates.extend(new.into_iter().map(mate));
    }

    /// Makes our own template anew, of what may be shown; the next time an interval later. What changed, unless nothing did.
    pub fn renew(
        &mut self,
        pool: &Pool,
        is_shown: impl Fn(ItemId) -> bool,
        cx: &Cx<'_>,
    ) -> Option<Arc<Template>> {
        let state = self.0.as_mut()?;
        state.due = cx.now + interval(cx.params);
        let own = &mut state.own;
        let mut room = cx.chain.max_size(ItemKind::Block);
        let mut best = Vec::new();
        for (sequence, item) in pool.best().take(LOOKED_AT) {
            if best.len() == TEMPLATE_MAX || item.size() > room {
                break;
            }
            if sequence <= own.until && is_shown(item.id()) {
                room -= item.size();
                best.push((sequence, ShortId::from(item.id())));
            }
        }
        own.until = pool.last_sequence();
        best.sort_unstable();
        let mut stays: Vec<_> = best.iter().map(|(_, id)| *id).collect();
        stays.sort_unstable();
        let mut gone: Vec<(u16, u16)> = Vec::new();
        let mut place = 0;
        own.ids.retain(|id| {
            let is_kept = stays.binary_search(id).is_ok();
            match gone.last_mut() {
                _ if is_kept => {}
                Some((start, len)) if *start + *len == place => *len += 1,
                _ => gone.push((place, 1)),
            }
            place += 1;
            is_kept
        });
        own.places = Map::new(*own.places.salt());
        for (id, place) in own.ids.iter().zip(0..) {
            own.places.insert(*id, place);
        }
        let before = own.ids.len();
        for (_, id) in best {
            // Two may share an id.
            if own.ids.len() < TEMPLATE_MAX && own.places.get(&id).is_none() {
                own.places.insert(id, u16::try_from(own.ids.len()).unwrap_or(NOWHERE));
                own.ids.push(id);
            }
        }
        let added = &own.ids[before..];
        if gone.is_empty() && added.is_empty() {
            return None;
        }
        own.number = own.number.wrapping_add(1);
        let (gone, added) = (gone.into(), added.into());
        Some(Arc::new(Template { is_new: false, number: own.number, gone, added }))
    }

    /// All of our own, as it is told to one who doesn't know the last.
    #[must_use]
    pub fn whole(&self) -> Option<Arc<Template>> {
        let own = &self.0.as_ref()?.own;
        let (number, added) = (own.number, own.ids.as_slice().into());
        Some(Arc::new(Template { is_new: true, number, gone: Box::default(), added }))
    }

    /// Everybody with whom templates are exchanged, and whether it knows our last one.
    pub fn partners(&self) -> impl Iterator<Item = (Link, bool)> {
        self.mates().iter().map(|mate| (mate.link, mate.is_told))
    }

    /// A peer was told of our own, or wasn't of a change.
    pub fn set_told(&mut self, link: Link, is_told: bool) {
        if let Some(mate) = self.mate_mut(link) {
            mate.is_told = is_told;
        }
    }

    /// Who was told of our own and told of its own: a block may be sent so, either way.
    #[must_use]
    pub fn shares(&self, link: Link) -> bool {
        self.mate(link).is_some_and(|mate| mate.is_told && mate.theirs.is_some())
    }

    /// All of them.
    #[must_use]
    pub fn sharing(&self) -> Vec<Link> {
        let links = self.mates().iter().map(|mate| mate.link);
        links.filter(|link| self.shares(*link)).collect()
    }

    /// A peer told its template. What it is asked for of that is to be found by [`Templates::ask`].
    ///
    /// # Errors
    /// When it isn't one.
    pub fn on_told(
        &mut self,
        link: Link,
        direction: Direction,
        template: &Template,
        now: Time,
    ) -> Result<Taken, Wrong> {
        let Some(state) = &mut self.0 else { return Ok(Taken::NoRoom) };
        let place = state.mates.iter().position(|mate| mate.link == link);
        let is_theirs = |mate: &&Mate| mate.direction == Direction::Inbound;
        let place = match (place, direction) {
            (Some(place), _) => place,
            (None, Direction::Outbound) => return Ok(Taken::Unasked),
            (None, Direction::Inbound) => {
                if state.mates.iter().filter(is_theirs).count() == INBOUND_MAX {
                    return Ok(Taken::NoRoom);
                }
                state.mates.push(Mate::new(link, direction, now));
                state.mates.len() - 1
            }
        };
        let mate = &mut state.mates[place];
        let before = mate.theirs.as_ref().map_or(&[][..], |(_, ids)| ids);
        let ids = template.apply(before).ok_or(Wrong)?;
        if !mate.brought.is_empty() {
            // What it doesn't list any more needs no place.
            let mut listed = ids.clone();
            listed.sort_unstable();
            let gone = mate.brought.extract_if(.., |id| listed.binary_search(id).is_err());
            for item in gone.filter_map(|id| state.extra.remove(&id)) {
                mate.bytes -= item.size();
            }
        }
        mate.theirs = Some((template.number, ids));
        Ok(Taken::Kept)
    }

    /// What a peer is asked for now of what it listed: what isn't here, so far as there is room for it.
    pub fn ask(
        &mut self,
        link: Link,
        is_here: impl Fn(ShortId) -> bool,
        now: Time,
    ) -> Option<Arc<[ShortId]>> {
        let state = self.0.as_mut()?;
        let place = state.mates.iter().position(|mate| mate.link == link)?;
        let mate = &state.mates[place];
        if !mate.asked.is_empty() || mate.bytes >= EXTRA_BYTES {
            return None;
        }
        let room = EXTRA_MAX.saturating_sub(mate.brought.len());
        let others = state.mates.iter().filter(|mate| mate.asked_until > now);
        let mut asked: Vec<_> = others.flat_map(|mate| mate.asked.iter().copied()).collect();
        asked.sort_unstable();
        let is_lacking = |id: &ShortId| {
            !is_here(*id) && state.extra.get(id).is_none() && asked.binary_search(id).is_err()
        };
        let (_, ids) = mate.theirs.as_ref()?;
        let mut wanted: Vec<_> = ids.iter().copied().filter(is_lacking).take(room).collect();
        if wanted.is_empty() {
            return None;
        }
        let message = wanted.as_slice().into();
        wanted.sort_unstable();
        wanted.dedup();
        let mate = &mut state.mates[place];
        (mate.asked, mate.asked_until) = (wanted, now + ASKED_FOR);
        Some(message)
    }

    /// A peer answered. False if that is nothing that it was asked for.
    pub fn on_answer(&mut self, link: Link, transactions: &[Bytes], chain: &dyn Chain) -> bool {
        let Some(state) = &mut self.0 else { return false };
        let Some(mate) = state.mates.iter_mut().find(|mate| mate.link == link) else {
            return false;
        };
        let mut asked = std::mem::take(&mut mate.asked);
        if asked.is_empty() {
            return false;
        }
        for bytes in transactions {
            // Not what it came in, which others share.
            let Ok(item) = chain.item(ItemKind::Tx, Bytes::copy_from_slice(bytes)) else {
                return false;
            };
            let id = ShortId::from(item.id());
            let Ok(place) = asked.binary_search(&id) else { return false };
            asked.remove(place);
            if mate.bytes < EXTRA_BYTES && state.extra.get(&id).is_none() {
                mate.bytes += item.size();
                mate.brought.push(id);
                state.extra.insert(id, item);
            }
        }
        true
    }

    /// An extra transaction.
    #[must_use]
    pub fn extra(&self, id: ShortId) -> Option<&Arc<Item>> {
        self.0.as_ref()?.extra.get(&id)
    }

    /// All extra transactions.
    pub fn extras(&self) -> impl Iterator<Item = &Arc<Item>> {
        let brought = self.mates().iter().flat_map(|mate| &mate.brought);
        brought.filter_map(|id| self.extra(*id))
    }

    /// Whether our template, as it was told, has a transaction: no other is given to whoever asks.
    #[must_use]
    pub fn lists(&self, id: ShortId) -> bool {
        self.0.as_ref().is_some_and(|state| state.own.places.get(&id).is_some())
    }

    /// The number of our own template, and the places in it of some transactions; [`NOWHERE`] of others.
    #[must_use]
    pub fn places(&self, ids: impl Iterator<Item = ShortId>) -> Option<(u32, Arc<[u16]>)> {
        let own = &self.0.as_ref()?.own;
        let place = |id| own.places.get(&id).copied().unwrap_or(NOWHERE);
        Some((own.number, ids.map(place).collect()))
    }

    /// Of some transactions those that a peer's template has.
    #[must_use]
    pub fn listed_by(&self, link: Link, mut some: Vec<ShortId>) -> Vec<ShortId> {
        let theirs = self.mate(link).and_then(|mate| mate.theirs.as_ref());
        let Some((_, theirs)) = theirs.filter(|_| !some.is_empty()) else { return Vec::new() };
        some.sort_unstable();
        let is_one = |id: &ShortId| some.binary_search(id).is_ok();
        let mut listed: Vec<_> = theirs.iter().copied().filter(is_one).collect();
        listed.sort_unstable();
        listed
    }

    /// How many transactions a peer's template has.
    #[must_use]
    pub fn len_of(&self, link: Link) -> usize {
        let theirs = self.mate(link).and_then(|mate| mate.theirs.as_ref());
        theirs.map_or(0, |(_, ids)| ids.len())
    }

    /// What stands at places of a peer's template, of that number; `None` if it told another, or has no such places.
    #[must_use]
    pub fn names(&self, link: Link, number: u32, places: &[u16]) -> Option<Vec<Option<ShortId>>> {
        let (theirs, ids) = self.mate(link)?.theirs.as_ref()?;
        let name = |place: &u16| match *place {
            NOWHERE => Some(None),
            place => Some(Some(*ids.get(usize::from(place))?)),
        };
        (*theirs == number).then(|| places.iter().map(name).collect())?
    }
}

fn interval(params: &Params) -> Duration {
    Duration::from_secs(params.blocks.templates_s.max(1))
}

impl Part for Templates {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        let Some(state) = &mut self.0 else { return };
        let gone = state.mates.iter().position(|mate| mate.link == link);
        let Some(gone) = gone.map(|place| state.mates.remove(place)) else { return };
        gone.brought.iter().for_each(|id| drop(state.extra.remove(id)));
    }

    fn deadline(&self) -> Time {
        self.0.as_ref().map_or(Time::NEVER, |state| state.due)
    }

    fn keeps(&self, link: Link) -> bool {
        self.mate(link).is_some()
    }

    fn check(&self, _params: &Params) {
        let inbound = self.mates().iter().filter(|mate| mate.direction == Direction::Inbound);
        assert!(inbound.count() <= INBOUND_MAX, "peers that exchange templates");
        let Some(state) = &self.0 else { return };
        let brought: usize = state.mates.iter().map(|mate| mate.brought.len()).sum();
        assert_eq!(brought, state.extra.len(), "extra transactions are somebody's");
        assert_eq!(state.own.places.len(), state.own.ids.len());
        for mate in &state.mates {
            let items = mate.brought.iter().filter_map(|id| state.extra.get(id));
            assert_eq!(mate.bytes, items.map(|item| item.size()).sum::<usize>());
            assert!(mate.asked.len() <= EXTRA_MAX && mate.brought.len() <= EXTRA_MAX);
            let ids = mate.theirs.as_ref().map_or(0, |(_, ids)| ids.len());
            assert!(ids <= TEMPLATE_MAX, "{ids} of a template");
        }
    }
}

#[cfg(test)]
mod tests;
