//! Into *tried*, and out of it.

use super::Book;
use super::entry::Entry;
use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::machine::Cx;

use super::Added;

impl Book {
    /// The peer that we dialled at the address said hello, so we vouch for it ourselves now: it goes to *tried*, or waits
    /// for its place there. An address that left the book while it was dialled comes back.
    pub(in crate::peers) fn reach(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) {
        if !self.may_hold(addr, cx.now) {
            return;
        }
        let placing = self.placing(cx);
        placing.given_up.remove(addr);
        let layout = placing.layout;
        if !self.contains(addr) {
            let entry = Entry::new(self.whose(addr, None), cx.now);
            let tried = layout.tried_slot(entry.whose());
            match tried.and_then(|own| self.find_empty(layout.around(own))) {
                Some(slot) => self.push(entry, slot),
                None if self.add(entry, cx) == Added::Refused => return,
                None => {}
            }
        }
        let Some(entry) = self.get_mut(addr) else { return };
        entry.backoff.forgive(cx.now);
        entry.connected = true;
        // The first time it is still whoever told it that had us go there.
        entry.lone_word &= entry.successes == 0;
        (entry.heard, entry.aged_s) = (cx.now, 0);
        entry.reached = Some(cx.now);
        entry.successes = entry.successes.saturating_add(1);
        let (whose, slot) = (entry.whose(), entry.slot);
        if std::mem::take(&mut entry.counted) {
            self.placed().hosts.release(addr.ip);
        }
        if layout.is_tried(slot) {
            return self.placed().collisions.keep(slot);
        }
        let Some(own) = layout.tried_slot(whose) else { return };
        if let Some(empty) = self.find_empty(layout.around(own)) {
            self.placed().collisions.remove(addr);
            self.move_to(addr, empty);
        } else if self.at(own).is_some_and(|other| !other.connected) {
            self.placed().collisions.push(addr, own);
        }
    }

    /// An address of *tried* that another one waits for, and that may be dialled now: a feeler is to try it.
    pub(in crate::peers) fn to_test(&self, now: Time) -> Option<PeerAddr> {
        let placing = self.placing.as_ref()?;
        let entries = placing.collisions.slots().filter_map(|slot| self.at(slot));
        let mut free = entries.filter(|entry| entry.is_free(now));
        free.next().map(|entry| entry.addr)
    }

    /// Whether an address stands in *tried*.
    pub(super) fn is_tried(&self, entry: &Entry) -> bool {
        self.placing.as_ref().is_some_and(|placing| placing.layout.is_tried(entry.slot))
    }

    /// The address failed: it doesn't wait for a place any more, nor keep one that another one waits for.
    pub(super) fn give_way(&mut self, addr: PeerAddr) {
        let Some(placing) = &mut self.placing else { return };
        placing.collisions.remove(addr);
        let Some(entry) = self.get(addr).filter(|entry| self.is_tried(entry)) else { return };
        let (slot, is_protected) = (entry.slot, entry.is_protected());
        if is_protected {
            return self.placed().collisions.keep(slot);
        }
        if self.placed().collisions.slots().any(|waited_for| waited_for == slot) {
            self.go_back(addr);
            self.fill(slot);
        }
    }

    /// The address was tried, and somebody is there.
    pub(super) fn stand_by(&mut self, addr: PeerAddr) {
        if let Some(slot) = self.get(addr).map(|entry| entry.slot) {
            self.placed().collisions.keep(slot);
        }
    }

    /// A slot is empty: whoever waits for it gets it.
    pub(super) fn fill(&mut self, slot: u32) {
        if self.at(slot).is_none()
            && let Some(newcomer) = self.placed().collisions.take_first(slot)
        {
            self.move_to(newcomer, slot);
        }
    }

    /// Out of *tried* and into *new*, where whoever has its place leaves the book, unless it is protected.
    fn go_back(&mut self, addr: PeerAddr) {
        let layout = self.placing.as_ref().map(|placing| placing.layout);
        let Some((layout, entry)) = layout.zip(self.get(addr)) else { return };
        let own = layout.new_slot(entry.whose());
        if let Some(empty) = self.find_empty(layout.around(own)) {
            return self.move_to(addr, empty);
        }
        match self.at(own) {
            // Hearsay makes room for it, what was reached doesn't: it may be the newcomer.
            Some(other) if other.is_protected() || other.successes > 0 => self.forget(addr),
            Some(other) => {
                self.forget(other.addr);
                self.move_to(addr, own);
            }
            None => self.move_to(addr, own),
        }
    }

    /// Moves an entry to a slot that is empty.
    fn move_to(&mut self, addr: PeerAddr, slot: u32) {
        let Some(place) = self.places.get(&addr).map(|place| *place as usize) else { return };
        debug_assert!(self.at(slot).is_none(), "a slot holds one address");
        let before = std::mem::replace(&mut self.entries[place].slot, slot);
        let slots = &mut self.placed().slots;
        slots.clear(before);
        slots.set(slot, place);
    }
}
