//! Transactions of an earlier run that pay too little by themselves: each waits for the child that it came with,
//! which comes back next.
//!
//! # Bounds
//! Together at most `orphans.reserve_bytes`, and for `orphans.expiry_s` at most.

use std::sync::Arc;
use std::time::Duration;

use crate::chain::Inspection;
use crate::ground::item::Item;
use crate::ground::time::Time;
use crate::machine::{Part, RestoredAs};
use crate::params::{OrphanParams, Params};

/// A transaction of an earlier run.
#[derive(Clone, Debug)]
pub struct Comeback {
    /// The transaction.
    pub item: Arc<Item>,
    /// What its inspection found.
    pub inspection: Inspection,
    /// What it was then.
    pub was: RestoredAs,
    /// How long it was kept by then.
    pub age: Duration,
}

/// Those that wait. Empty, it holds no memory.
#[derive(Clone, Debug, Default)]
pub struct Restoring {
    waiting: Option<Box<Waiting>>,
}

#[derive(Clone, Debug)]
struct Waiting {
    parents: Vec<Comeback>,
    until: Time,
}

impl Restoring {
    /// A parent waits for its child; given back if there is no room.
    pub fn hold(&mut self, back: Comeback, now: Time, params: &OrphanParams) -> Option<Comeback> {
        let held = self.waiting.as_ref().map_or(&[][..], |waiting| &waiting.parents);
        let bytes: usize = held.iter().map(|back| back.item.size()).sum();
        if bytes + back.item.size() > params.reserve_bytes {
            return Some(back);
        }
        let until = now + params.expiry();
        let empty = || Box::new(Waiting { parents: Vec::new(), until });
        let waiting = self.waiting.get_or_insert_with(empty);
        waiting.until = until;
        waiting.parents.push(back);
        None
    }

    /// Takes out the parent of a child that came back.
    pub fn take_parent_of(&mut self, child: &Inspection) -> Option<Comeback> {
        let parents = &mut self.waiting.as_mut()?.parents;
        let place = parents
            .iter()
            .position(|back| child.parents.contains(&back.inspection.referred(&back.item)))?;
        let parent = parents.remove(place);
        if parents.is_empty() {
            self.waiting = None;
        }
        Some(parent)
    }

    /// Takes out all, whose time is over.
    pub fn take_all(&mut self) -> Vec<Comeback> {
        self.waiting.take().map(|waiting| waiting.parents).unwrap_or_default()
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }
}

impl Part for Restoring {
    fn deadline(&self) -> Time {
        self.waiting.as_ref().map_or(Time::NEVER, |waiting| waiting.until)
    }

    fn check(&self, params: &Params) {
        let held = self.waiting.as_ref().map_or(&[][..], |waiting| &waiting.parents);
        let bytes: usize = held.iter().map(|back| back.item.size()).sum();
        let max = params.orphans.reserve_bytes;
        assert!(bytes <= max, "restoring: {bytes} of at most {max} bytes");
    }
}
