//! Links that only compare: nothing is announced there, but for what a comparison found (`relay.reconcile_links`).
//!
//! More links make a network harder to cut and nodes harder to surround, and each that is announced to costs every item.
//! A link that compares costs some bytes a round, and what differs; so it is for finding what the others withheld
//! or lost, within a round, and not for speed. (Erlay's reason too: Naumenko et al., CCS 2019, §1; Bitcoin Core has links
//! for blocks alone, its pull request 15759, to the same end.)
//!
//! Who dials decides, and tells in its hello; see [`Hello::ONLY_COMPARES`](crate::wire::message::Hello::ONLY_COMPARES). Both ends begin
//! comparisons, [in turn](super::turns). The strategy doesn't see such a link.
//!
//! *Attack*: whoever dials us gets a place in the turns for it. That is a comparison of our own in two rounds, for which
//! nobody is charged: the first cells of what we keep, less than half a kilobyte.

use std::time::Duration;

use super::turns::Turns;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::RelayParams;

/// The links, if there are any. Bounded by the number of links that are up.
#[derive(Clone, Debug, Default)]
pub struct ReconcileLinks(Option<Box<Comparing>>);

#[derive(Clone, Debug, Default)]
struct Comparing {
    links: Vec<Link>,
    turns: Turns,
}

const fn round(params: &RelayParams) -> Duration {
    Duration::from_millis(params.reconcile.round_ms)
}

impl ReconcileLinks {
    /// A link is ready, and only compares.
    pub fn insert(&mut self, link: Link) {
        let comparing = self.0.get_or_insert_default();
        comparing.links.push(link);
    }

    /// Whether a link only compares.
    #[must_use]
    pub fn contains(&self, link: Link) -> bool {
        self.0.as_ref().is_some_and(|comparing| comparing.links.contains(&link))
    }

    /// The links, in the order in which they became ready.
    pub fn iter(&self) -> impl Iterator<Item = Link> {
        self.0.iter().flat_map(|comparing| comparing.links.iter().copied())
    }

    /// A transaction may be found by comparing now.
    pub fn on_news(&mut self, now: Time, params: &RelayParams) {
        if let Some(comparing) = &mut self.0 {
            comparing.turns.on_news(round(params), comparing.links.len(), now);
        }
    }

    /// The link to compare now, if it is any one's turn.
    pub fn on_wake(&mut self, now: Time, params: &RelayParams) -> Option<Link> {
        let comparing = self.0.as_mut()?;
        let place = comparing.turns.on_wake(round(params), comparing.links.len(), now)?;
        Some(comparing.links[place])
    }

    /// The link isn't used any more.
    pub fn remove(&mut self, link: Link) {
        if let Some(comparing) = &mut self.0 {
            comparing.links.retain(|one| *one != link);
            if comparing.links.is_empty() {
                self.0 = None;
            }
        }
    }
}

impl Part for ReconcileLinks {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.remove(link);
    }

    fn deadline(&self) -> Time {
        self.0.as_ref().map_or(Time::NEVER, |comparing| comparing.turns.deadline())
    }

    fn keeps(&self, link: Link) -> bool {
        self.contains(link)
    }
}
