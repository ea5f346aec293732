//! Who is known, and whose turn it is to be pinged.
//!
//! Members stand in the order in which they are pinged: a shuffled list that is gone through from its begin to its end, and shuffled anew
//! (Das et al. 2002, §4.3). A newcomer gets a random place in what is still to come. So between two pings of a member by another lie at most
//! 2n - 1 others.
//!
//! Thousands of simulated members know the same thousands: a known one takes 32 bytes in the list and 5 to 10 in the table that finds it,
//! besides its shared profile. The table has no order that could reach outside: it is only asked for one id.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::HashTable;
use rand::{Rng, RngExt as _};

use super::member_id::MemberId;
use super::profile::Profile;
use super::status::Status;
use crate::ground::map::Salt;
use crate::ground::time::Time;

/// Up to so many members all that qualify are listed to choose among them; with more, random places are tried. A guess.
const SMALL: usize = 64;

/// How many random places are tried for each one that is wanted. A guess: with half of all qualifying, one in 65,000 isn't found.
const TRIES: usize = 16;

/// What is known of a member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who it is.
    pub id: MemberId,
    /// What it says of itself.
    pub profile: Arc<Profile>,
    /// Since when it is taken for what it is.
    pub since: Time,
    /// Which of its incarnations that is about.
    pub incarnation: u32,
    /// What it is taken for.
    pub status: Status,
}

const _: () = assert!(size_of::<Member>() <= 32, "thousands know thousands");

/// All others that are known.
#[derive(Clone)]
pub(crate) struct Roster {
    members: Vec<Member>,
    /// Where in the list each stands.
    places: HashTable<u32>,
    salt: Salt,
    /// Who is pinged next.
    next: usize,
    /// How many there are of each status.
    counts: [usize; 4],
}

impl std::fmt::Debug for Roster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roster").field("members", &self.members).finish_non_exhaustive()
    }
}

impl Roster {
    pub(crate) const fn new(salt: Salt) -> Self {
        Self { members: Vec::new(), places: HashTable::new(), salt, next: 0, counts: [0; 4] }
    }

    /// How many are known, whatever they are taken for.
    pub(crate) const fn len(&self) -> usize {
        self.members.len()
    }

    /// How many are taken for something.
    pub(crate) const fn count(&self, status: Status) -> usize {
        self.counts[status as usize]
    }

    /// How many are counted on.
    pub(crate) const fn present(&self) -> usize {
        self.count(Status::Alive) + self.count(Status::Suspect)
    }

    pub(crate) fn get(&self, id: MemberId) -> Option<&Member> {
        self.place(id).map(|place| &self.members[place])
    }

    /// All, in the order in which they are pinged.
    pub(crate) fn list(&self) -> &[Member] {
        &self.members
    }

    /// Takes up somebody who isn't known, at a random place among those whose turn is to come.
    pub(crate) fn insert(&mut self, member: Member, rng: &mut dyn Rng) {
        debug_assert!(self.get(member.id).is_none(), "it is known");
        if self.members.len() == self.members.capacity() {
            // An eighth more, where a vector would double: this list is what a simulated member's memory is.
            self.members.reserve_exact(self.members.len() / 8 + 4);
        }
        self.counts[member.status as usize] += 1;
        let last = self.members.len();
        let id = member.id;
        self.members.push(member);
        let place = u32::try_from(last).expect("a roster is bounded far below");
        let (members, salt) = (&self.members, self.salt);
        let hash = salt.hash_one(id);
        self.places.insert_unique(hash, place, |other| salt.hash_one(members[*other as usize].id));
        let to = rng.random_range(self.next.min(last)..=last);
        self.swap(last, to);
    }

    /// Changes what is known of somebody.
    pub(crate) fn set(
        &mut self,
        id: MemberId,
        status: Status,
        incarnation: u32,
        now: Time,
    ) -> Option<&mut Member> {
        let place = self.place(id)?;
        let member = &mut self.members[place];
        self.counts[member.status as usize] -= 1;
        self.counts[status as usize] += 1;
        if member.status != status {
            member.since = now;
        }
        (member.status, member.incarnation) = (status, incarnation);
        Some(member)
    }

    /// Forgets somebody.
    pub(crate) fn remove(&mut self, id: MemberId) -> Option<Member> {
        let mut place = self.place(id)?;
        if place < self.next {
            // Those who had their turn and those who haven't stay apart.
            self.next -= 1;
            self.swap(place, self.next);
            place = self.next;
        }
        let last = self.members.len() - 1;
        self.swap(place, last);
        let members = &self.members;
        let hash = self.salt.hash_one(id);
        if let Ok(found) = self.places.find_entry(hash, |other| members[*other as usize].id == id) {
            found.remove();
        }
        let member = self.members.pop()?;
        self.counts[member.status as usize] -= 1;
        Some(member)
    }

    /// Whose turn it is to be pinged: the next who is counted on.
    pub(crate) fn next_target(&mut self, rng: &mut dyn Rng) -> Option<MemberId> {
        if self.present() == 0 {
            return None;
        }
        loop {
            if self.next >= self.members.len() {
                self.shuffle(rng);
                self.next = 0;
            }
            let member = &self.members[self.next];
            self.next += 1;
            if member.status.is_present() {
                return Some(member.id);
            }
        }
    }

    /// Up to `most` different ones at random that qualify.
    pub(crate) fn random(
        &self,
        most: usize,
        rng: &mut dyn Rng,
        qualifies: impl Fn(&Member) -> bool,
    ) -> Vec<&Member> {
        let len = self.members.len();
        let mut chosen: Vec<usize> = Vec::with_capacity(most.min(len));
        if len <= SMALL {
            let mut all: Vec<_> = (0..len).filter(|at| qualifies(&self.members[*at])).collect();
            while chosen.len() < most && !all.is_empty() {
                chosen.push(all.swap_remove(rng.random_range(0..all.len())));
            }
        } else {
            for _ in 0..most * TRIES {
                if chosen.len() == most {
                    break;
                }
                let at = rng.random_range(0..len);
                if !chosen.contains(&at) && qualifies(&self.members[at]) {
                    chosen.push(at);
                }
            }
        }
        chosen.into_iter().map(|at| &self.members[at]).collect()
    }

    /// Checks that what is kept in several places agrees.
    pub(crate) fn check(&self) {
        assert_eq!(self.places.len(), self.members.len(), "each has a place");
        assert!(self.next <= self.members.len(), "the next is among them");
        let mut counts = [0; 4];
        for (at, member) in self.members.iter().enumerate() {
            counts[member.status as usize] += 1;
            assert_eq!(self.place(member.id), Some(at), "its place");
        }
        assert_eq!(counts, self.counts, "counts");
    }

    fn place(&self, id: MemberId) -> Option<usize> {
        let is_it = |place: &u32| self.members[*place as usize].id == id;
        self.places.find(self.salt.hash_one(id), is_it).map(|place| *place as usize)
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one == other {
            return;
        }
        let ids = [self.members[one].id, self.members[other].id];
        // Found before they move: the table knows them by what stands at their places.
        let hashes = ids.map(|id| self.salt.hash_one(id));
        let members = &self.members;
        let [Some(first), Some(second)] = self
            .places
            .get_disjoint_mut(hashes, |at, place| members[*place as usize].id == ids[at])
        else {
            return;
        };
        std::mem::swap(first, second);
        self.members.swap(one, other);
    }

    fn shuffle(&mut self, rng: &mut dyn Rng) {
        for last in (1..self.members.len()).rev() {
            self.swap(last, rng.random_range(0..=last));
        }
    }
}

#[cfg(test)]
mod tests;
