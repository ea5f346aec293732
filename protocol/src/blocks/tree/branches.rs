//! How branches of the tree grow, are walked, and leave; and what is to be connected next.

use super::{Entry, Place, ROOT, Refusal, SIDE_MAX, Status, Tree, View, Worth, last, rank};
use crate::ground::item::Hash256;

/// What brings the active chain closer to the best block that can be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The last connected block leaves: it isn't on the way.
    Disconnect(Hash256),
    /// This one joins.
    Connect(Hash256),
}

impl Step {
    /// The block that it is about.
    #[must_use]
    pub const fn block(self) -> Hash256 {
        match self {
            Self::Disconnect(id) | Self::Connect(id) => id,
        }
    }
}

/// How many of the last headers a locator names one by one, before it skips (Bitcoin Core: `LocatorEntries`, `chain.cpp`).
const DENSE: usize = 10;

impl Tree {
    /// What is to be done next, if anything.
    #[must_use]
    pub fn next_step(&self) -> Option<Step> {
        let tip = last(&self.active);
        if self.best_linked == tip {
            return None;
        }
        let height = self.entry(tip).height;
        let is_on_the_way = self.entry(self.best_linked).height > height
            && self.ancestor(self.best_linked, height) == tip;
        Some(if is_on_the_way {
            Step::Connect(self.entry(self.ancestor(self.best_linked, height + 1)).id)
        } else {
            Step::Disconnect(self.entry(tip).id)
        })
    }

    /// A step was taken.
    pub fn on_step(&mut self, step: Step) {
        debug_assert_eq!(self.next_step(), Some(step), "steps are taken in order");
        match step {
            Step::Disconnect(_) if self.active.len() > 1 => drop(self.active.pop()),
            Step::Disconnect(_) => {}
            Step::Connect(id) => self.active.extend(self.place(id)),
        }
    }

    /// Names of blocks of the main chain from its end to the root, the further apart the further back: by them a peer finds the
    /// last block that it shares with us.
    #[must_use]
    pub fn locator(&self) -> Vec<Hash256> {
        let (mut ids, mut gap) = (Vec::new(), 1);
        let mut height = self.best_header().height;
        loop {
            ids.push(self.entry(self.main[height as usize]).id);
            if height == 0 {
                return ids;
            }
            if ids.len() >= DENSE {
                gap *= 2;
            }
            height = height.saturating_sub(gap);
        }
    }

    /// The connected blocks that follow the first of these ids that is connected, at most so many. All from the beginning if none is.
    pub fn after(&self, locator: &[Hash256], max: usize) -> impl Iterator<Item = View<'_>> {
        let known = locator.iter().filter_map(|id| self.place(*id));
        let shared = known.into_iter().find(|place| self.is_on(&self.active, *place));
        let from = self.entry(shared.unwrap_or(ROOT)).height as usize + 1;
        self.active.iter().skip(from).take(max).map(|place| self.view(*place))
    }

    /// The blocks of the main chain that aren't here, within so many heights from where the active chain leaves it.
    pub fn missing(&self, window: u32) -> impl Iterator<Item = View<'_>> {
        let from = self.fork_height() as usize + 1;
        let places = self.main.iter().skip(from).take(window as usize);
        places.map(|place| self.view(*place)).filter(|view| view.status == Status::Header)
    }

    /// The height up to which the main and the active chain are the same.
    #[must_use]
    pub fn fork_height(&self) -> u32 {
        let mut place = last(&self.active);
        while !self.is_on(&self.main, place) {
            place = self.entry(place).parent;
        }
        self.entry(place).height
    }

    /// The block of a height on the way to another.
    pub(super) fn ancestor(&self, of: Place, height: u32) -> Place {
        let mut place = of;
        loop {
            if self.entry(place).height <= height {
                return place;
            }
            for chain in [&self.main, &self.active] {
                if self.is_on(chain, place) {
                    return chain[height as usize];
                }
            }
            place = self.entry(place).parent;
        }
    }

    pub(super) fn is_on(&self, chain: &[Place], place: Place) -> bool {
        chain.get(self.entry(place).height as usize) == Some(&place)
    }

    /// A block and all that come after it are linked, as far as they are stored.
    pub(super) fn link_from(&mut self, first: Place) {
        let mut rest = vec![first];
        while let Some(place) = rest.pop() {
            if self.entry(place).status != Status::Stored || self.entry(place).is_linked {
                continue;
            }
            self.entry_mut(place).is_linked = true;
            if self.entry(place).work > self.entry(self.best_linked).work {
                self.best_linked = place; // of equal work the one that was here first stays
            }
            rest.extend(self.children(place));
        }
    }

    /// A block and all that come after it aren't linked any more.
    pub(super) fn unlink_from(&mut self, first: Place) {
        for place in self.with_descendants(first) {
            self.entry_mut(place).is_linked = false;
        }
        self.find_best_linked();
    }

    /// Finds the best linked block among all. Only after something was lost.
    pub(super) fn find_best_linked(&mut self) {
        let all = (0..).zip(&self.entries).filter(|(_, entry)| entry.is_linked);
        let ranked = all.map(|(place, entry)| {
            let rank = rank(place, entry);
            (rank.work, self.is_on(&self.active, place), rank)
        });
        self.best_linked = ranked.max().map_or(ROOT, |(.., best)| best.place);
    }

    /// A block and all that come after it, parents first.
    pub(super) fn with_descendants(&self, first: Place) -> Vec<Place> {
        let mut all = vec![first];
        let mut at = 0;
        while at < all.len() {
            all.extend(self.children(all[at]));
            at += 1;
        }
        all
    }

    fn children(&self, of: Place) -> impl Iterator<Item = Place> + use<'_> {
        let some = |place: Place| (place != ROOT).then_some(place);
        let first = some(self.entry(of).first_child);
        std::iter::successors(first, move |place| some(self.entry(*place).next_sibling))
    }

    /// The main chain leads to the end of most work.
    pub(super) fn follow_best(&mut self) {
        let Some(best) = self.ends.last().map(|best| best.place) else { return };
        let mut branch = Vec::new();
        let mut place = best;
        while !self.is_on(&self.main, place) {
            branch.push(place);
            place = self.entry(place).parent;
        }
        self.main.truncate(self.entry(place).height as usize + 1);
        self.main.extend(branch.into_iter().rev());
    }

    /// Makes room for a header that follows another.
    pub(super) fn make_room(
        &mut self,
        parent: Place,
        worth: Worth,
        max: usize,
    ) -> Result<(), Refusal> {
        let beside = self.len() - self.main.len();
        let is_beside = parent != last(&self.main) && worth == Worth::Unknown;
        if self.len() <= max && !(is_beside && beside >= SIDE_MAX) {
            return Ok(());
        }
        let may_go = |place: Place| {
            place != parent && !self.is_on(&self.main, place) && !self.is_on(&self.active, place)
        };
        let least = self.ends.iter().map(|end| end.place).find(|place| may_go(*place));
        let least = least.ok_or(Refusal::Full)?;
        self.forget(least);
        if self.best_linked == least {
            self.find_best_linked();
        }
        Ok(())
    }

    /// Forgets a header that nothing follows.
    pub(super) fn forget(&mut self, place: Place) {
        debug_assert_eq!(self.entry(place).first_child, ROOT, "something follows it");
        let Entry { parent, next_sibling, id, .. } = *self.entry(place);
        self.ends.remove(&rank(place, self.entry(place)));
        let before = self.children(parent).find(|it| self.entry(*it).next_sibling == place);
        match before {
            Some(before) => self.entry_mut(before).next_sibling = next_sibling,
            None => self.entry_mut(parent).first_child = next_sibling,
        }
        if self.entry(parent).first_child == ROOT {
            self.ends.insert(rank(parent, self.entry(parent)));
        }
        if self.is_on(&self.main, place) {
            self.main.truncate(self.entry(parent).height as usize + 1);
        }
        self.places.remove(&id);
        let entry = self.entry_mut(place);
        (entry.is_linked, entry.header) = (false, Box::default());
        self.vacant.push(place);
    }

    pub(super) fn place(&self, id: Hash256) -> Option<Place> {
        self.places.get(&id).copied()
    }

    pub(super) fn entry(&self, place: Place) -> &Entry {
        &self.entries[place as usize]
    }

    pub(super) fn entry_mut(&mut self, place: Place) -> &mut Entry {
        &mut self.entries[place as usize]
    }

    pub(super) fn view(&self, place: Place) -> View<'_> {
        let entry = self.entry(place);
        View {
            id: entry.id,
            parent: self.entry(entry.parent).id,
            height: entry.height,
            work: entry.work,
            time_s: entry.time_s,
            status: entry.status,
            is_active: self.is_on(&self.active, place),
            header: &entry.header,
        }
    }

    /// # Panics
    /// When there are more headers than there may be.
    pub fn check_bound(&self, max: usize) {
        assert!(self.len() <= max + 1, "{} headers of at most {max}", self.len());
    }

    /// Looks at all headers.
    ///
    /// # Panics
    /// When a bound doesn't hold, or what is kept in several places doesn't agree.
    pub fn check(&self, max: usize) {
        self.check_bound(max);
        for chain in [&self.main, &self.active] {
            assert!(chain.windows(2).all(|two| self.entry(two[1]).parent == two[0]), "a chain");
        }
        let linked = self.active.iter().all(|place| self.entry(*place).is_linked);
        assert!(linked, "what is connected is linked");
        assert_eq!(self.ends.last().map(|end| end.place), self.main.last().copied(), "the best");
    }
}
