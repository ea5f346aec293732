//! How a copy takes in news. Why it has to be so stands at [`super`].

use super::Version;
use super::body::Part;
use super::entries::Entry;
use super::news::{Applied, Change};
use super::table::States;
use crate::ground::time::Time;

impl States {
    /// Takes in news of a member's present generation.
    pub(super) fn take(&mut self, part: &Part, now: Time, applied: &mut Applied) {
        let Ok(place) = self.place(part.member) else { return };
        let member = &self.members[place];
        let is_reset = member.needs_reset(part.collected);
        let fits = match is_reset {
            true => part.from == 0,
            false => {
                part.from <= member.version
                    && part.upto > member.version
                    // In the middle of a reset: whoever is older than it doesn't know what was deleted.
                    && (member.version >= member.collected || part.known >= member.collected)
            }
        };
        if !fits {
            applied.unfit += 1;
            return;
        }
        let after = if is_reset { 0 } else { member.version };
        let mut entries = member.entries.as_deref().cloned().unwrap_or_default();
        let (before, mut changes) = (entries.cost(), Vec::new());
        // What a reset left behind, and this passes by without naming it, is gone.
        let is_named = |version: Version| {
            part.entries.binary_search_by_key(&version, |entry| entry.version).is_ok()
        };
        let gone = entries.remove_if(|entry, _| {
            entry.version > after && entry.version <= part.upto && !is_named(entry.version)
        });
        for entry in part.entries.iter().filter(|entry| entry.version > after) {
            let old = entries.get(&entry.key).and_then(|old| old.value.clone());
            if entries.put(entry.clone(), now) && old != entry.value {
                changes.push(Change::of(part.member, entry));
            }
        }
        for entry in gone.into_iter().filter(|entry| entry.value.is_some()) {
            if entries.get(&entry.key).is_none() {
                changes.push(Change::of(part.member, &Entry { value: None, ..entry }));
            }
        }
        if entries.overflows() {
            self.restart(place, applied);
            return;
        }
        let bytes = self.bytes - before + entries.cost();
        if bytes > self.settings.bytes_max && bytes > self.bytes {
            applied.full += 1;
            return;
        }
        if entries.oldest_deletion().is_some() {
            self.collect_at = self.collect_at.min(now + self.settings.grace);
        }
        self.bytes = bytes;
        let member = &mut self.members[place];
        member.version = part.upto;
        if is_reset {
            member.collected = part.collected;
        }
        member.entries = (!entries.is_empty()).then(|| Box::new(entries));
        applied.changes.append(&mut changes);
        self.note_recent(part.member, after);
    }

    /// Throws a copy away: it is asked for again from the beginning.
    fn restart(&mut self, place: usize, applied: &mut Applied) {
        let member = &mut self.members[place];
        self.bytes -= member.cost();
        (member.version, member.collected, member.entries) = (0, 0, None);
        let (member, generation) = (member.id, member.generation);
        applied.changes.push(Change::Began { member, generation });
        applied.overflown += 1;
    }
}
