//! In which order entries are forgotten: lists through one array, linked by places.

use super::Entry;

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// The entries of one list, from the one used last to the one that wasn't used for longest.
#[derive(Clone)]
pub(super) struct Order {
    newest: u32,
    oldest: u32,
    len: usize,
}

impl Default for Order {
    fn default() -> Self {
        Self { newest: NONE, oldest: NONE, len: 0 }
    }
}

impl Order {
    /// How many entries it holds.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The entry that wasn't used for longest.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Makes an entry of this list the one used last.
    pub(super) fn use_now(&mut self, place: u32, entries: &mut [Entry]) {
        if self.newest != place {
            self.detach(place, entries);
            self.attach(place, entries);
        }
    }

    /// Adds an entry, as the one used last.
    pub(super) fn attach(&mut self, place: u32, entries: &mut [Entry]) {
        let older = std::mem::replace(&mut self.newest, place);
        let entry = &mut entries[place as usize];
        (entry.newer, entry.older) = (NONE, older);
        match entries.get_mut(older as usize) {
            Some(older) => older.newer = place,
            None => self.oldest = place,
        }
        self.len += 1;
    }

    /// Takes out an entry of this list.
    pub(super) fn detach(&mut self, place: u32, entries: &mut [Entry]) {
        let Entry { newer, older, .. } = entries[place as usize];
        match entries.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
        match entries.get_mut(older as usize) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
        self.len -= 1;
    }
}
