//! One block that comes in symbols: of whom what was asked, and what is to be asked next ([`super`]).

use std::sync::Arc;
use std::time::Duration;

use crate::ground::item::ItemId;
use crate::ground::link::Link;
use crate::ground::map::Salt;
use crate::ground::time::Time;
use crate::items::coding::{Assembly, Layout};
use crate::wire::message::{Compact, SymbolId, SymbolsWanted};

/// Most streams of one block: a class each, and then repair symbols of each slice, several times.
pub const STREAMS_MAX: usize = 1_024;

/// How long nothing may come before others are asked. A guess: a long round trip, and as much for a line that is busy.
pub const STALL: Duration = Duration::from_millis(500);

/// The same where all streams are about at their end.
pub(super) const NEAR_END: Duration = Duration::from_millis(60);

/// Who offered a block.
#[derive(Clone, Debug)]
pub(super) struct Offerer {
    pub(super) link: Link,
    /// The classes that it gives.
    pub(super) has: u16,
    /// It says otherwise by now, or named another length.
    pub(super) is_out: bool,
}

/// What one peer was asked for.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) link: Link,
    pub(super) wanted: SymbolsWanted,
    pub(super) got: u16,
    pub(super) is_over: bool,
}

impl Stream {
    pub(super) fn is_near_end(&self) -> bool {
        self.is_over || self.got + self.wanted.count / 16 + 1 >= self.wanted.count
    }

    pub(super) fn includes(&self, id: SymbolId, layout: Layout) -> bool {
        includes(&self.wanted, id, layout)
    }
}

/// The first bytes of a block's hash.
#[must_use]
pub fn beginning(id: ItemId) -> u64 {
    u64::from_le_bytes(*id.hash().0.first_chunk().expect("a hash has more than eight bytes"))
}

/// A bit for each of so many classes, of which there are [`CLASSES_MAX`](crate::wire::message::CLASSES_MAX) at most.
#[must_use]
pub fn mask(classes: u8) -> u16 {
    u16::MAX >> (16 - u32::from(classes.clamp(1, 16)))
}

/// Whether a symbol is among those that were asked for.
#[must_use]
pub fn includes(wanted: &SymbolsWanted, id: SymbolId, layout: Layout) -> bool {
    let is_of_slice = wanted.slice >= layout.slices() || wanted.slice == id.slice;
    is_of_slice && id.number >= wanted.from && Layout::class(id, wanted.classes) == wanted.class
}

/// A symbol that came: what is needed to compare it later.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Which.
    pub id: SymbolId,
    /// Of whom.
    pub link: Link,
    /// Whoever sent it answers for it.
    pub is_vouched: bool,
    /// A salted hash of it.
    pub sum: u64,
}

/// What is done about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its names may come.
    AwaitsNames,
    /// It is put together from names.
    Rests,
    /// Symbols are asked for.
    Flows,
}

/// A block that is offered and isn't here.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub(super) id: ItemId,
    pub(super) assembly: Assembly,
    pub(super) offerers: Vec<Offerer>,
    /// Who gives which class, in the order in which they said so: who was later may have it from us.
    pub(super) givers: Vec<(u8, Link)>,
    pub(super) streams: Vec<Stream>,
    pub(super) received: Vec<Received>,
    pub(super) salt: Salt,
    pub(super) stage: Stage,
    /// Its names, once they are here.
    pub(super) names: Option<Arc<Compact>>,
    /// Who was asked for them, and who asks.
    pub(super) names_of: Option<Link>,
    pub(super) names_for: Vec<Link>,
    /// When it is looked at again.
    pub(super) next: Time,
    /// When something came of it last.
    pub(super) progress: Time,
    /// When somebody was asked last.
    pub(super) asked_at: Time,
    pub(super) classes: u8,
    /// Classes that were heard of, a bit each.
    pub(super) heard: u16,
    /// Classes that somebody was asked for.
    pub(super) asked: u16,
    /// Symbols more than should do, percent.
    pub(super) spare: usize,
    /// Whose turn it is to be asked for repair symbols.
    pub(super) turn: usize,
}

/// Requests to be sent.
pub type Asks = Vec<(Link, SymbolsWanted)>;

/// What a block comes to that can't be had in symbols.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The block.
    pub id: ItemId,
    /// Who offered it.
    pub offerers: Vec<Link>,
}

impl Incoming {
    /// Symbols are asked for from now on.
    pub(super) fn run(&mut self, now: Time) {
        (self.stage, self.next, self.progress, self.asked_at) =
            (Stage::Flows, now + STALL, now, now);
    }

    /// Classes that nobody was asked for yet: of whom they were heard from first.
    pub(super) fn ask_classes(&mut self) -> Asks {
        let mut asks = Vec::new();
        if self.stage != Stage::Flows {
            return asks;
        }
        let symbols = self.assembly.layout().symbols();
        let all = symbols + (symbols * self.spare).div_ceil(100);
        for class in 0..self.classes {
            let bit = 1 << class;
            let is_out = |link| self.offerers.iter().any(|it| it.link == link && it.is_out);
            let gives = |(given, link): &&(u8, Link)| *given == class && !is_out(*link);
            let Some((_, giver)) = self.givers.iter().find(gives).copied() else { continue };
            if self.asked & bit == 0 {
                self.asked |= bit;
                let count = all.div_ceil(self.classes.into()) + 1;
                let wanted = self.wanted((class, self.classes), u8::MAX, 0, count);
                asks.push((giver, wanted));
            }
        }
        asks
    }

    /// If all streams are over, what slices lack is asked for: of those who have the block, or of all in turn.
    pub(super) fn refill(&mut self, is_stalled: bool) -> Asks {
        let is_all = self.asked == mask(self.classes);
        let is_over = is_all && self.streams.iter().all(|stream| stream.is_over);
        if !(is_over || is_stalled) || self.stage != Stage::Flows {
            return Vec::new();
        }
        let may = |link: Link| self.offerers.iter().any(|it| it.link == link && !it.is_out);
        let mut able: Vec<Link> = Vec::new();
        if !is_stalled {
            let vouched = self.received.iter().rev().filter(|it| it.is_vouched && may(it.link));
            able.extend(vouched.map(|it| it.link).next());
        }
        if able.is_empty() {
            let offerers = self.offerers.iter();
            able.extend(offerers.filter(|it| !it.is_out).map(|it| it.link));
        }
        if able.is_empty() {
            return Vec::new();
        }
        let layout = self.assembly.layout();
        let mut asks = Vec::new();
        for slice in 0..layout.slices() {
            let lacks = self.assembly.lacks(slice);
            if lacks > 0 && self.streams.len() + asks.len() < STREAMS_MAX {
                let link = able[self.turn.wrapping_add(slice.into()) % able.len()];
                let count = lacks + 1 + lacks / 20;
                asks.push((link, self.wanted((0, 1), slice, self.assembly.unused(slice), count)));
            }
        }
        self.turn = self.turn.wrapping_add(1);
        asks
    }

    pub(super) fn wanted(
        &self,
        (class, classes): (u8, u8),
        slice: u8,
        from: u16,
        count: usize,
    ) -> SymbolsWanted {
        let (block, size) = (self.id.hash(), self.assembly.layout().size());
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        SymbolsWanted { block, size, stream: 0, class, classes, slice, from, count }
    }

    /// When it is looked at again, while symbols flow.
    pub(super) fn reckon(&mut self) {
        if self.stage == Stage::Flows {
            self.next = self.quiet_at();
        }
    }

    /// When nothing came for long.
    pub(super) fn quiet_at(&self) -> Time {
        let is_near = self.streams.iter().all(Stream::is_near_end) && self.asked == self.heard;
        let is_all = self.asked == mask(self.classes);
        self.progress.max(self.asked_at) + if is_near && is_all { NEAR_END } else { STALL }
    }

    pub(super) fn is_quiet(&self, now: Time) -> bool {
        now >= self.quiet_at()
    }

    /// A peer won't send anything. Whether it was asked.
    pub(super) fn leave(&mut self, link: Link, is_gone: bool) -> bool {
        let offerers = self.offerers.iter_mut().filter(|offerer| offerer.link == link);
        offerers.for_each(|offerer| offerer.is_out = true);
        let streams = self.streams.iter_mut().filter(|stream| stream.link == link);
        let mut was_asked = false;
        for stream in streams {
            was_asked = true;
            if stream.wanted.slice == u8::MAX && !stream.is_over {
                self.asked &= !(1 << stream.wanted.class); // another one may give it
            }
            stream.is_over = true;
        }
        if is_gone {
            self.offerers.retain(|offerer| offerer.link != link);
            self.givers.retain(|(_, giver)| *giver != link);
            self.streams.retain(|stream| stream.link != link);
            self.received.retain(|one| one.link != link);
        }
        if was_asked && self.stage == Stage::Flows {
            self.next = self.progress;
        }
        was_asked
    }
}
