//! What a replica holds: entries, the tree that they are compared by, and in which order they changed.
//!
//! # Bounds
//! [`Settings::keys_max`] keys, deleted ones included, and [`Settings::bytes_max`] bytes. What exceeds them isn't taken, and what is
//! there stays. A key that would need more bytes than there are goes its own way here until there is room. So that this is rare,
//! nobody here begins a new key once three quarters of the bytes are taken; what others began is taken, or a newcomer couldn't
//! come to hold what they do.
//!
//! *Attack*: whoever may write can fill the map with keys, as any client could. Then nothing new can be written, and what
//! is there goes on converging. If each replica was filled with others, each comparison finds all of these again and sends them, at the
//! comparisons' pace, to somebody who doesn't ask for them and can't take them. Deleting makes room once the grace is over.

use std::collections::{BTreeMap, BTreeSet};

use super::key::Key;
use super::settings::Settings;
use super::stamp::Millis;
use super::state::{Refused, State};
use crate::ground::link::{Link, LinkSet};
use crate::merkle::Tree;
use crate::wire::bytes::Encode as _;

/// An entry that is held.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) state: State,
    /// Bytes of key and state.
    pub(crate) len: usize,
    /// The number of its latest change.
    change: u64,
    /// The links that have it like this: they brought it, or it was sent to them.
    had_by: LinkSet,
    deleted_at: Option<Millis>,
}

impl Held {
    /// Whether a link has it like this, as far as is known.
    pub(crate) fn is_had_by(&self, link: Link) -> bool {
        self.had_by.contains(link)
    }
}

/// Everything that a replica holds.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    entries: BTreeMap<Key, Held>,
    tree: Tree<Key>,
    /// Keys in the order of their latest changes.
    changes: BTreeMap<u64, Key>,
    /// Keys by the oldest deletion that they remember.
    aging: BTreeSet<(Millis, Key)>,
    bytes: usize,
    last_change: u64,
}

impl Store {
    pub(crate) fn new(salt: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            tree: Tree::new(salt),
            changes: BTreeMap::new(),
            aging: BTreeSet::new(),
            bytes: 0,
            // Whoever has seen nothing says 0.
            last_change: 1,
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Held> {
        self.entries.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Held)> {
        self.entries.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) const fn tree(&mut self) -> &mut Tree<Key> {
        &mut self.tree
    }

    /// The number of the latest change: at least 1.
    pub(crate) const fn last_change(&self) -> u64 {
        self.last_change
    }

    /// What changed after a change, in order.
    pub(crate) fn changed_after(&self, after: u64) -> impl Iterator<Item = (u64, &Key, &Held)> {
        let later = self.changes.range(after.saturating_add(1)..);
        later.filter_map(|(change, key)| Some((*change, key, self.entries.get(key)?)))
    }

    /// What has its place somewhere in the tree.
    pub(crate) fn at(&self, place: u64) -> impl Iterator<Item = (&Key, &Held)> {
        self.tree.keys_at(place).filter_map(|key| Some((key, self.entries.get(key)?)))
    }

    /// Whether somebody here may begin a new key.
    pub(crate) const fn may_begin(&self, settings: &Settings) -> bool {
        self.bytes < settings.bytes_max / 4 * 3
    }

    /// Holds a state of a key, in place of what it held.
    ///
    /// # Errors
    /// [`Refused::Full`], and nothing has changed.
    pub(crate) fn set(
        &mut self,
        key: Key,
        state: State,
        from: Option<Link>,
        settings: &Settings,
    ) -> Result<(), Refused> {
        let version = state.encoded();
        let len = key.encoded().len() + version.len();
        let before = self.entries.get(&key).map(|held| held.len);
        let is_new = before.is_none();
        let fits = (!is_new || self.entries.len() < settings.keys_max)
            && self.bytes - before.unwrap_or(0) + len <= settings.bytes_max;
        if !fits {
            return Err(Refused::Full);
        }
        self.detach(&key);
        self.last_change += 1;
        let (change, deleted_at) = (self.last_change, state.oldest_deletion());
        self.tree.set(key.clone(), &version);
        self.changes.insert(change, key.clone());
        self.aging.extend(deleted_at.map(|millis| (millis, key.clone())));
        self.bytes += len;
        let mut had_by = LinkSet::default();
        if let Some(link) = from {
            had_by.insert(link);
        }
        self.entries.insert(key, Held { state, len, change, had_by, deleted_at });
        Ok(())
    }

    /// Holds the same state of a key, which knows more of what it overwrote.
    pub(crate) fn remember(&mut self, key: &Key, state: State) {
        if let Some(held) = self.entries.get_mut(key) {
            debug_assert_eq!(held.state, state, "another state is a change");
            held.state = state;
        }
    }

    /// Forgets a key, as if it had never been here.
    pub(crate) fn forget(&mut self, key: &Key) -> bool {
        self.tree.remove(key);
        self.detach(key)
    }

    /// The link is gone: what it has means nothing to the next one.
    pub(crate) fn on_link_down(&mut self, link: Link) {
        for held in self.entries.values_mut() {
            held.had_by.remove(link);
        }
    }

    /// A link has the same of a key.
    pub(crate) fn on_had(&mut self, key: &Key, link: Link) {
        if let Some(held) = self.entries.get_mut(key) {
            held.had_by.insert(link);
        }
    }

    /// Forgets deletions before a time, of at most so many keys. True if there are more.
    pub(crate) fn expire(&mut self, expired: Millis, most: usize, settings: &Settings) -> bool {
        for _ in 0..most {
            match self.aging.first() {
                Some((millis, key)) if *millis < expired => {
                    let key = key.clone();
                    self.expire_key(key, expired, settings);
                }
                _ => return false,
            }
        }
        true
    }

    fn expire_key(&mut self, key: Key, expired: Millis, settings: &Settings) {
        let Some(held) = self.entries.get(&key) else { return };
        match held.state.clone().within(expired, Millis::MAX) {
            // Smaller than before: there is room.
            Some(state) => drop(self.set(key, state, None, settings)),
            None => drop(self.forget(&key)),
        }
    }

    /// Takes a key's entry away, and what tells of it but the tree.
    fn detach(&mut self, key: &Key) -> bool {
        let Some(held) = self.entries.remove(key) else { return false };
        self.changes.remove(&held.change);
        if let Some(millis) = held.deleted_at {
            self.aging.remove(&(millis, key.clone()));
        }
        self.bytes -= held.len;
        true
    }

    /// Checks that its bounds hold, and that what it keeps in several places agrees.
    ///
    /// # Panics
    /// When that isn't so.
    pub(crate) fn check(&self, settings: &Settings) {
        assert!(self.entries.len() <= settings.keys_max, "keys");
        assert!(self.bytes <= settings.bytes_max, "bytes");
        assert_eq!(self.bytes, self.entries.values().map(|held| held.len).sum::<usize>());
        assert_eq!(self.tree.len(), self.entries.len(), "the tree");
        assert_eq!(self.changes.len(), self.entries.len(), "changes");
        let aging = self.entries.values().filter(|held| held.deleted_at.is_some());
        assert_eq!(self.aging.len(), aging.count(), "aging");
        for (key, held) in &self.entries {
            assert_eq!(self.changes.get(&held.change), Some(key));
            assert!(held.len <= super::state::ENTRY_MAX, "{key:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::clock::ClockKind;
    use crate::replica::key::Kind;
    use crate::replica::register::Register;
    use crate::replica::settings::Model;
    use crate::replica::stamp::{ReplicaId, Stamp, Tick};
    use bytes::Bytes;

    fn settings() -> Settings {
        let mut settings = Settings::new(Model::LastWriter(ClockKind::Hybrid), 0);
        (settings.keys_max, settings.bytes_max) = (8, 1_000);
        settings
    }

    fn key(name: u8) -> Key {
        Key::new(Kind::Register, &[name]).unwrap()
    }

    fn state(millis: Millis, value: Option<usize>) -> State {
        let stamp = Stamp { tick: Tick { millis, count: 0 }, writer: ReplicaId(1) };
        State::Register(Register::new(stamp, value.map(|len| Bytes::from(vec![7; len]))))
    }

    #[test]
    fn a_full_map_takes_no_new_key_and_still_changes_those_that_are_there() {
        let (settings, mut store) = (settings(), Store::new(0));
        for name in 0..8 {
            assert_eq!(store.set(key(name), state(1, Some(10)), None, &settings), Ok(()));
        }
        assert_eq!(store.set(key(8), state(1, Some(10)), None, &settings), Err(Refused::Full));
        assert_eq!(store.set(key(0), state(2, Some(500)), None, &settings), Ok(()));
        assert_eq!(store.set(key(1), state(2, Some(500)), None, &settings), Err(Refused::Full));
        store.check(&settings);
    }

    #[test]
    fn nobody_begins_a_key_in_the_last_quarter_and_what_others_began_is_taken() {
        let (settings, mut store) = (settings(), Store::new(0));
        assert!(store.may_begin(&settings));
        assert_eq!(store.set(key(0), state(1, Some(750)), None, &settings), Ok(()));
        assert!(!store.may_begin(&settings));
        assert_eq!(store.set(key(1), state(1, Some(50)), None, &settings), Ok(()));
        store.check(&settings);
    }

    #[test]
    fn deletions_take_places_until_their_grace_is_over() {
        let (settings, mut store) = (settings(), Store::new(0));
        for name in 0..8 {
            assert_eq!(store.set(key(name), state(name.into(), None), None, &settings), Ok(()));
        }
        assert_eq!(store.set(key(8), state(9, None), None, &settings), Err(Refused::Full));
        store.check(&settings);
        assert!(store.expire(3, 2, &settings), "one is left");
        assert!(!store.expire(3, 2, &settings));
        assert_eq!(store.len(), 5);
        store.check(&settings);
    }

    #[test]
    fn changes_are_told_in_order_and_each_key_once() {
        let (settings, mut store) = (settings(), Store::new(0));
        let start = store.last_change();
        for name in [1, 2, 1, 3] {
            store.set(key(name), state(store.last_change(), Some(1)), None, &settings).unwrap();
        }
        let names: Vec<_> = store.changed_after(start).map(|(_, key, _)| key.name()[0]).collect();
        assert_eq!(names, [2, 1, 3]);
        assert_eq!(store.changed_after(store.last_change()).count(), 0);
        assert_eq!(store.changed_after(u64::MAX).count(), 0);
    }
}
