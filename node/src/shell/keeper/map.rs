//! What the store is told of the fleet's map.

use std::collections::BTreeSet;

use tidings_protocol::replica::{Entry, Key, Replica, ReplicaId};

use super::Keeper;
use crate::store::{Change, MapChange, Recalled, StoreHandle};

/// Keys of the map that the store hasn't been told of, and those that it has. As many as the map has keys, and those that it has
/// forgotten since.
#[derive(Debug, Default)]
pub(super) struct MapNotes {
    /// Who we are among the writers.
    writer: Option<ReplicaId>,
    changed: BTreeSet<Key>,
    stored: BTreeSet<Key>,
}

impl MapNotes {
    pub(super) fn is_clean(&self) -> bool {
        self.changed.is_empty()
    }

    /// What is to be stored, and what to be forgotten: the map forgets deletions when their grace is over.
    pub(super) fn flush(&mut self, replica: &Replica) -> Vec<Change> {
        let mut changes = Vec::new();
        for key in std::mem::take(&mut self.changed) {
            if let Some(state) = replica.get(&key) {
                let entry = Entry { key: key.clone(), state: state.clone() };
                changes.push(Change::Map(MapChange::Hold(Box::new(entry))));
                self.stored.insert(key);
            }
        }
        if self.stored.len() > replica.len() {
            self.stored.retain(|key| {
                let stays = replica.get(key).is_some();
                if !stays {
                    changes.push(Change::Map(MapChange::Forget(key.clone())));
                }
                stays
            });
        }
        changes
    }
}

impl MapNotes {
    /// The store has too much to do.
    pub(super) fn take_back(&mut self, change: MapChange) {
        match change {
            MapChange::Hold(entry) => drop(self.changed.insert(entry.key)),
            // It is found again: the map doesn't have it.
            MapChange::Forget(key) => drop(self.stored.insert(key)),
            MapChange::Writer(_) => {}
        }
    }
}

impl Keeper {
    /// What an earlier run held of the map; nothing if there is no store.
    pub(in crate::shell) fn take_recalled(&mut self) -> Option<Recalled> {
        self.store.as_mut().and_then(StoreHandle::take_recalled)
    }

    /// The map is in use, and these of its keys are stored.
    pub(in crate::shell) fn begin_map(&mut self, writer: ReplicaId, stored: BTreeSet<Key>) {
        self.map = MapNotes { writer: Some(writer), changed: BTreeSet::new(), stored };
    }

    /// A key of the map holds something else.
    pub(in crate::shell) fn note_map(&mut self, key: Key) {
        if self.store.is_some() {
            self.map.changed.insert(key);
        }
    }

    /// Says who we were, if all that we wrote is handed over.
    pub(super) fn bow_out(&self) {
        let is_all_there =
            self.is_clean() && self.status().is_none_or(|status| status.dropped == 0);
        if let (Some(store), Some(writer), true) = (&self.store, self.map.writer, is_all_there) {
            let _ = store.note(vec![Change::Map(MapChange::Writer(writer))]);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use tidings_protocol::ground::time::Time;
    use tidings_protocol::replica::{Cx, Kind, Model, Settings, Write};

    use super::*;

    #[test]
    fn what_changed_is_stored_once_and_what_the_map_forgot_is_forgotten() {
        let mut replica = Replica::new(ReplicaId(1), Settings::new(Model::Convergent, 1));
        let key = |name: &[u8]| Key::new(Kind::Counter, name).unwrap();
        let (first, second) = (key(b"a"), key(b"b"));
        let (mut rng, mut actions) = (ChaCha8Rng::seed_from_u64(1), Vec::new());
        for key in [&first, &second, &first] {
            let cx = &mut Cx { now: Time::ZERO, wall: 1, rng: &mut rng, actions: &mut actions };
            replica.write(key, Write::Add(1), cx).unwrap();
        }
        let mut notes = MapNotes::default();
        notes.changed.extend([first.clone(), second.clone(), first.clone()]);
        assert!(!notes.is_clean());
        let hold = |key: &Key| {
            let entry = Entry { key: key.clone(), state: replica.get(key).unwrap().clone() };
            Change::Map(MapChange::Hold(Box::new(entry)))
        };
        let both = [hold(&first), hold(&second)];
        assert_eq!(notes.flush(&replica), both);
        assert!(notes.is_clean() && notes.flush(&replica).is_empty());
        replica.forget(&first);
        assert_eq!(notes.flush(&replica), [Change::Map(MapChange::Forget(first))]);
        assert!(notes.flush(&replica).is_empty());
    }
}
