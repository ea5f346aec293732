//! The event queue: a hierarchical timing wheel of 256 slots a level, with nanoseconds as its ticks.
//!
//! (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987.) An event lies on the level
//! of the highest byte in which its time differs from the queue's, in the slot that this byte names: a
//! slot of level 0 is 1 ns wide, of level 2 65 µs, of level 4 4.3 s. To move on, the first slot of the
//! lowest level that isn't empty is spread over the levels below, or, if it holds few events and is
//! narrow, sorted: these are the *next* events, which leave one by one.
//!
//! Two events of one time always share a slot and are appended to it; spreading keeps their order, and
//! sorting is stable. So events leave by (time, sequence) though no sequence is stored.
//!
//! *Why not a heap*: an event moves two or three times, always to the end of an array, while a binary heap
//! of a million events touches twenty cache lines for each that leaves, and takes ten times as long (an
//! ignored test in `queue/tests.rs` measures both).
//!
//! And the next few dozen events are known beforehand, so that the world can fetch their nodes from memory
//! together ([`Queue::next_events`]).

use std::mem::ManuallyDrop;

use tidings_protocol::ground::time::Time;

/// Levels of the wheel: the bytes of a time.
const LEVELS: usize = 8;

/// Slots of a level: the values of a byte.
const SLOTS: usize = 256;

/// A slot of at most this many events is sorted instead of spread.
const SORT_MAX: usize = 512;

/// The highest level whose slots are sorted: 65 µs, less than most delays, so that few new events have to
/// be put between the next ones.
const SORT_LEVEL: usize = 2;

/// So many next events are gathered from successive narrow slots, as far as there are that many in so many slots
/// (half a millisecond): enough to have their memory fetched together.
const GATHER: usize = 64;
const GATHER_SLOTS: usize = 8;

/// More next events than this (new ones between them) are spread again.
const NEXT_MAX: usize = 2_048;

/// An empty slot keeps the memory of at most this many events.
const KEEP_MAX: usize = 64;

/// An event and when it is. Whoever drops the queue drops those that are left, not whoever makes room for one: the compiler
/// would write each event to the stack to have it at hand should that panic, and only from there to where it will lie.
type Timed<T> = (Time, ManuallyDrop<T>);

/// Events ordered by time, and by the order of their arrival within a moment.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    /// By level and slot.
    slots: Vec<Vec<Timed<T>>>,
    /// Which slots of each level hold anything.
    occupied: [Bits; LEVELS],
    /// The events before `next_end`, the first one last.
    next: Vec<Timed<T>>,
    next_end: u64,
    /// Where the present slot begins. Levels are reckoned from here.
    begin: u64,
    /// When the last event left; nothing earlier may enter.
    now: Time,
    len: usize,
}

/// A set of slots.
type Bits = [u64; SLOTS / 64];

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            slots: std::iter::repeat_with(Vec::new).take(LEVELS * SLOTS).collect(),
            occupied: [[0; SLOTS / 64]; LEVELS],
            next: Vec::new(),
            next_end: 0,
            begin: 0,
            now: Time::ZERO,
            len: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Adds an event. One whose time has passed counts as of the present moment; one of
    /// [`Time::NEVER`] is dropped.
    // An event is large: it is made where it will lie.
    #[inline(always)]
    pub fn push(&mut self, at: Time, event: T) {
        if at == Time::NEVER {
            return;
        }
        self.len += 1;
        let (at, event) = (at.max(self.now), ManuallyDrop::new(event));
        if at.as_nanos() >= self.next_end {
            return self.slot(at).push((at, event));
        }
        let behind = self.next.partition_point(|(other, _)| *other > at);
        self.next.insert(behind, (at, event));
        if self.next.len() > NEXT_MAX {
            self.spread_next();
        }
    }

    /// Whether there is an event that isn't later than `until`.
    #[inline]
    pub fn is_due(&mut self, until: Time) -> bool {
        self.look_ahead(until);
        self.next.last().is_some_and(|(at, _)| *at <= until)
    }

    /// When the next event is, once it is known.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        self.next.last().map(|(at, _)| *at)
    }

    /// Takes out the next event, which [is due](Queue::is_due).
    ///
    /// # Panics
    /// If it isn't known.
    // No `Option`: to look whether there is one, the event would be taken to pieces and put together again.
    #[inline]
    pub fn pop(&mut self) -> (Time, T) {
        let (at, event) = self.next.swap_remove(self.next.len() - 1);
        self.now = at;
        self.len -= 1;
        (at, ManuallyDrop::into_inner(event))
    }

    /// Makes the next events known; `None` if there are none until then.
    pub fn look_ahead(&mut self, until: Time) -> Option<()> {
        while self.next.is_empty() {
            self.advance(until.as_nanos())?;
        }
        Some(())
    }

    /// At most so many events that leave next, as far as they are known without more ado; the first one last.
    pub fn next_events(&self, most: usize) -> impl ExactSizeIterator<Item = (Time, &T)> {
        let next = &self.next[self.next.len().saturating_sub(most)..];
        next.iter().map(|(at, event)| (*at, &**event))
    }

    /// All events, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let all = self.slots.iter().flatten().chain(&self.next);
        all.map(|(_, event)| &**event)
    }

    /// How many events wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slot of a moment, which then holds something.
    #[inline]
    fn slot(&mut self, at: Time) -> &mut Vec<Timed<T>> {
        let nanos = at.as_nanos();
        let level = (nanos ^ self.begin).checked_ilog2().map_or(0, |bit| bit as usize / 8);
        let slot = byte(nanos, level);
        self.occupied[level][slot / 64] |= 1 << (slot % 64);
        &mut self.slots[level * SLOTS + slot]
    }

    /// Moves on to the next slot that holds anything, unless it begins after `until`.
    fn advance(&mut self, until: u64) -> Option<()> {
        let level = self.occupied.iter().position(|bits| *bits != [0; SLOTS / 64])?;
        let slot = first(&self.occupied[level]);
        let begin = with_byte(self.begin, level, slot);
        if begin > until {
            return None;
        }
        self.begin = begin;
        self.occupied[level][slot / 64] &= !(1 << (slot % 64));
        let mut events = std::mem::take(&mut self.slots[level * SLOTS + slot]);
        let few = events.len() <= SORT_MAX && level <= SORT_LEVEL;
        if few || level == 0 {
            // New events of a full moment go to its slot again, which is empty now, and so come later.
            self.next_end = if few { begin + (1 << (8 * level)) } else { begin };
            if level == SORT_LEVEL {
                self.gather(slot, &mut events);
            }
            events.sort_by_key(|(at, _)| *at);
            events.reverse();
            std::mem::swap(&mut self.next, &mut events);
        } else {
            self.next_end = begin;
            events.drain(..).for_each(|event| self.slot(event.0).push(event));
        }
        if events.capacity() <= KEEP_MAX {
            self.slots[level * SLOTS + slot] = events;
        }
        Some(())
    }

    /// Adds the events of the slots after this one, if they are few.
    fn gather(&mut self, slot: usize, events: &mut Vec<Timed<T>>) {
        for next in slot + 1..SLOTS.min(slot + GATHER_SLOTS) {
            if events.len() + self.slots[SORT_LEVEL * SLOTS + next].len() > GATHER {
                return;
            }
            events.append(&mut self.slots[SORT_LEVEL * SLOTS + next]);
            self.occupied[SORT_LEVEL][next / 64] &= !(1 << (next % 64));
            self.next_end += 1 << (8 * SORT_LEVEL);
        }
    }

    /// Gives the next events back to the levels below, which are empty.
    fn spread_next(&mut self) {
        self.next_end = self.begin;
        let next = std::mem::take(&mut self.next);
        next.into_iter().rev().for_each(|event| self.slot(event.0).push(event));
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        let slots = self.slots.iter_mut().chain([&mut self.next]);
        slots.flat_map(std::mem::take).for_each(|(_, event)| drop(ManuallyDrop::into_inner(event)));
    }
}

/// A byte of a number, as a slot.
const fn byte(nanos: u64, level: usize) -> usize {
    ((nanos >> (8 * level)) & 0xFF) as usize
}

/// The number with one byte replaced and all below it 0: where a slot begins.
const fn with_byte(nanos: u64, level: usize, byte: usize) -> u64 {
    let at_and_below = u64::MAX >> (u64::BITS as usize - 8 * (level + 1));
    nanos & !at_and_below | (byte as u64) << (8 * level)
}

/// The first slot in a set that isn't empty.
fn first(bits: &Bits) -> usize {
    let word = bits.iter().position(|word| *word != 0).unwrap_or(0);
    word * 64 + bits[word].trailing_zeros() as usize
}

#[cfg(test)]
mod tests;
