//! An item that was announced and isn't here, and who announced it.

use crate::ground::item::{ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::time::Time;

#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// At most one for each link.
    pub(super) announcers: Vec<Announcer>,
    /// Who is asked.
    pub(super) asked: Option<Asked>,
    /// Somebody was asked in vain.
    pub(super) failed: bool,
    /// When an inbound peer that is asked has to give way to an outbound one.
    pub(super) contested: Time,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { announcers: Vec::new(), asked: None, failed: false, contested: Time::NEVER }
    }
}

impl Wanted {
    /// What a link announced it as.
    pub(super) fn announcer(&self, link: Link) -> Option<&Announcer> {
        self.announcers.iter().find(|held| held.link == link)
    }
}

/// A request in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) link: Link,
    /// As the link named the item.
    pub(super) kind: ItemKind,
    /// When the request runs out.
    pub(super) until: Time,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Announcer {
    pub(super) link: Link,
    /// What it called the item, and will be asked for.
    pub(super) name: Name,
    pub(super) was_asked: bool,
    /// The item is in the link's queue of those that wait.
    pub(super) is_waiting: bool,
    /// It isn't asked before, unless a request has failed.
    pub(super) turn: Time,
}
