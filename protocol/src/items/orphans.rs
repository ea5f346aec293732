//! Transactions that wait for their parents, and those that need not any more: these are dealt with before the
//! input that freed them is finished, unless they are so many that the rest has to wait for the next.
//!
//! Most nodes have none, and then this is no more than a null pointer.

use std::collections::{BTreeSet, VecDeque};

use crate::chain::Confirmed;
use crate::ground::item::{ItemId, Name};
use crate::ground::link::Link;
use crate::ground::map::Salt;
use crate::ground::time::Time;
use crate::items::orphanage::{Orphan, Orphanage};
use crate::machine::{Cx, Part};
use crate::params::{OrphanParams, Params};

/// What waits, and what has waited.
#[derive(Clone, Debug)]
pub struct Orphans {
    salt: Salt,
    held: Option<Box<Held>>,
}

#[derive(Clone, Debug)]
struct Held {
    waiting: Orphanage,
    /// Parents that came, and such as were refused, whose children haven't all been dealt with: at most one for each
    /// of those that wait, and for each that left them.
    came: VecDeque<ItemId>,
    refused: VecDeque<ItemId>,
    forsaken: Vec<Orphan>,
}

/// One that need not wait any more.
#[derive(Clone, Debug)]
pub enum Settled {
    /// Its parents are all there.
    Ready(Orphan),
    /// A parent was refused for good.
    Refused(Orphan),
    /// Our operator's, for which there is no room any more, or which waited for too long.
    Forsaken(Orphan),
}

impl Orphans {
    /// None waits.
    #[must_use]
    pub const fn new(salt: Salt) -> Self {
        Self { salt, held: None }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.held.is_none()
    }

    /// Those that wait, if there are any.
    #[must_use]
    pub fn orphanage(&self) -> Option<&Orphanage> {
        self.held.as_ref().map(|held| &held.waiting)
    }

    /// Whether a transaction waits.
    #[must_use]
    pub fn contains(&self, id: impl Into<Name>) -> bool {
        self.orphanage().is_some_and(|waiting| waiting.get(id).is_some())
    }

    /// Those that wait, to add to.
    pub fn orphanage_mut(&mut self) -> &mut Orphanage {
        let salt = self.salt;
        let empty = || Held {
            waiting: Orphanage::new(salt),
            came: VecDeque::new(),
            refused: VecDeque::new(),
            forsaken: Vec::new(),
        };
        &mut self.held.get_or_insert_with(|| Box::new(empty())).waiting
    }

    /// A peer announced one: the parents that it lacks. `None` if it doesn't wait here.
    pub fn on_announced(
        &mut self,
        link: Link,
        name: Name,
        params: &OrphanParams,
    ) -> Option<BTreeSet<ItemId>> {
        self.held.as_mut()?.waiting.on_announced(link, name, params)
    }

    /// A parent came.
    pub fn on_parent_accepted(&mut self, parent: ItemId) {
        if let Some(held) = &mut self.held
            && held.waiting.has_children(parent)
        {
            held.came.push_back(parent);
        }
    }

    /// A parent was refused for good.
    pub fn on_parent_refused(&mut self, parent: ItemId) {
        if let Some(held) = &mut self.held
            && held.waiting.has_children(parent)
        {
            held.refused.push_back(parent);
        }
    }

    /// A block was accepted: its transactions are there, as parents.
    pub fn on_block(&mut self, confirmed: &[Confirmed]) {
        let Some(held) = &mut self.held else { return };
        held.came.extend(held.waiting.on_block(confirmed));
    }

    /// Time passed: what came back from an earlier run doesn't wait for ever.
    pub fn on_wake(&mut self, now: Time) {
        if let Some(held) = &mut self.held {
            held.waiting.on_wake(now);
        }
    }

    /// Takes out the next that need not wait any more, looking at `room` of them at most. When there is none, sees to the
    /// bounds: then `evicted` grows by the announcements that were taken back.
    pub fn next_settled(
        &mut self,
        room: &mut usize,
        params: &OrphanParams,
        evicted: &mut u64,
    ) -> Option<Settled> {
        let held = self.held.as_mut()?;
        while *room > 0
            && let Some(parent) = held.came.front().copied()
        {
            match held.waiting.next_ready(parent) {
                Some(released) => {
                    *room -= 1;
                    if let Some(orphan) = released {
                        return Some(Settled::Ready(orphan));
                    }
                }
                None => _ = held.came.pop_front(),
            }
        }
        while *room > 0
            && let Some(parent) = held.refused.front().copied()
        {
            match held.waiting.next_refused(parent) {
                Some(released) => {
                    *room -= 1;
                    if let Some(orphan) = released {
                        let referred = orphan.inspection.referred(&orphan.item);
                        held.refused
                            .extend(held.waiting.has_children(referred).then_some(referred));
                        return Some(Settled::Refused(orphan));
                    }
                }
                None => _ = held.refused.pop_front(),
            }
        }
        held.waiting.trim(params);
        *evicted += held.waiting.take_evicted();
        held.forsaken.extend(held.waiting.take_forsaken());
        if *room > 0
            && let Some(orphan) = held.forsaken.pop()
        {
            *room -= 1;
            return Some(Settled::Forsaken(orphan));
        }
        if held.waiting.is_empty() && held.forsaken.is_empty() {
            self.held = None;
        }
        None
    }
}

impl Held {
    fn deadline(&self) -> Time {
        let is_settled =
            self.came.is_empty() && self.refused.is_empty() && self.forsaken.is_empty();
        if is_settled { self.waiting.deadline() } else { Time::ZERO }
    }
}

impl Part for Orphans {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        if let Some(held) = &mut self.held {
            held.waiting.on_disconnected(link);
        }
    }

    fn deadline(&self) -> Time {
        self.held.as_ref().map_or(Time::NEVER, |held| held.deadline())
    }

    fn check(&self, params: &Params) {
        let Some(orphanage) = self.orphanage() else { return };
        let (bytes, max) = (orphanage.bytes(), orphanage.max_bytes(&params.orphans));
        assert!(bytes <= max, "orphans: {bytes} of at most {max} bytes");
        let (score, max) = (orphanage.score(), params.orphans.announcements_max);
        assert!(score <= max, "orphans: {score} of at most {max} announcements");
    }

    fn keeps(&self, link: Link) -> bool {
        self.orphanage().is_some_and(|waiting| waiting.is_announcer(link))
    }
}
