//! What is to happen when, and the links of whoever it happens to: what all rigs with a clock stand on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::Holds;
use crate::wire::kinds::Class;

/// What is to happen, in the order of its time; of one time, in the order in which it was put in.
pub(super) struct Queue<T> {
    entries: BinaryHeap<Reverse<Entry<T>>>,
    /// How many were put in.
    count: u64,
    now: Time,
}

struct Entry<T> {
    at: Time,
    number: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { entries: BinaryHeap::new(), count: 0, now: Time::ZERO }
    }
}

impl<T> Queue<T> {
    /// The time.
    pub(super) const fn now(&self) -> Time {
        self.now
    }

    /// Time goes on; never back.
    pub(super) fn advance(&mut self, to: Time) {
        self.now = self.now.max(to);
    }

    /// Something is to happen.
    pub(super) fn push(&mut self, at: Time, what: T) {
        self.count += 1;
        self.entries.push(Reverse(Entry { at, number: self.count, what }));
    }

    /// When the next thing happens; [`Time::NEVER`] if nothing does.
    pub(super) fn next_at(&self) -> Time {
        self.entries.peek().map_or(Time::NEVER, |Reverse(entry)| entry.at)
    }

    /// It happens: its time is now.
    pub(super) fn pop(&mut self) -> Option<T> {
        let Reverse(entry) = self.entries.pop()?;
        self.advance(entry.at);
        Some(entry.what)
    }
}

/// The links of one machine, by slot, each with what lies behind it, as [`crate::machine`] wants them: a slot that is
/// free again comes back with a generation that it never had.
#[derive(Clone, Debug)]
pub(super) struct Ends<T> {
    slots: Vec<Slot<T>>,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    generation: u32,
    holds: Holds,
    end: Option<T>,
}

impl<T> Default for Ends<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<T> Ends<T> {
    /// The link that comes next: in the lowest free slot.
    pub(super) fn next(&self) -> Link {
        let free = self.slots.iter().position(|slot| slot.end.is_none());
        self.next_in(free.unwrap_or(self.slots.len()))
    }

    /// The link that comes next in a slot.
    pub(super) fn next_in(&self, slot: usize) -> Link {
        let generation = self.slots.get(slot).map_or(0, |slot| slot.generation) + 1;
        Link::new(u32::try_from(slot).unwrap_or(u32::MAX), generation)
    }

    /// It comes up.
    pub(super) fn open(&mut self, link: Link, end: T) {
        while self.slots.len() <= link.slot() {
            self.slots.push(Slot { generation: 0, holds: Holds::default(), end: None });
        }
        self.slots[link.slot()] =
            Slot { generation: link.generation(), holds: Holds::default(), end: Some(end) };
    }

    /// It is gone.
    pub(super) fn close(&mut self, link: Link) -> Option<T> {
        self.slot(link)?;
        self.slots[link.slot()].end.take()
    }

    /// What lies behind a link, if it is up.
    pub(super) fn get(&self, link: Link) -> Option<&T> {
        self.slot(link)?.end.as_ref()
    }

    /// The link in a slot, if one is up.
    pub(super) fn in_slot(&self, slot: usize) -> Option<Link> {
        let Slot { generation, end, .. } = self.slots.get(slot)?;
        end.is_some().then(|| Link::new(u32::try_from(slot).unwrap_or(u32::MAX), *generation))
    }

    /// All that are up, in the order of their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Link, &T)> {
        let links = (0..self.slots.len()).filter_map(|slot| self.in_slot(slot));
        links.filter_map(|link| Some((link, self.get(link)?)))
    }

    /// Nothing that comes by a link is handed in before, or nothing of a class.
    pub(super) fn hold(&mut self, link: Link, class: Option<Class>, until: Time) {
        if self.get(link).is_some() {
            self.slots[link.slot()].holds.hold(class, until);
        }
    }

    /// Until when.
    pub(super) fn held_until(&self, link: Link, class: Class) -> Time {
        self.slot(link).map_or(Time::ZERO, |slot| slot.holds.until(class))
    }

    fn slot(&self, link: Link) -> Option<&Slot<T>> {
        self.slots.get(link.slot()).filter(|slot| slot.generation == link.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_one_time_happens_in_the_order_in_which_it_was_put_in() {
        let mut queue = Queue::default();
        for (ms, what) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b')] {
            queue.push(Time::from_millis(ms), what);
        }
        let happened: String = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(
            (&*happened, queue.now(), queue.next_at()),
            ("abcd", Time::from_millis(2), Time::NEVER)
        );
    }

    #[test]
    fn a_slot_comes_back_with_a_generation_that_it_never_had() {
        let mut ends = Ends::default();
        let (a, b) = (ends.next(), ends.next_in(1));
        ends.open(a, 'a');
        ends.open(b, 'b');
        assert_eq!(ends.close(a), Some('a'));
        let c = ends.next();
        assert!(c.slot() == a.slot() && c != a);
        ends.open(c, 'c');
        assert_eq!((ends.close(a), ends.get(a), ends.get(c)), (None, None, Some(&'c')));
        assert_eq!(ends.iter().map(|(_, end)| *end).collect::<String>(), "cb");
    }
}
