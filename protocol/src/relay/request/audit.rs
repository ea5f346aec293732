//! What the requests keep in several places, compared.

use super::link::LinkRequests;
use super::{FULL_LINKS, Requests};
use crate::ground::item::ItemKind;
use crate::params::Params;

/// With more wanted items than that nothing is counted anew: a walk at each input would cost the square.
const WANTED_MAX: usize = 64;

impl Requests {
    /// Checks the bounds of each link, and while little is wanted that its counters are what the items say.
    pub(super) fn audit(&self, params: &Params) {
        let is_small = self.wanted.len() <= WANTED_MAX;
        for (link, state) in self.links.iter() {
            for kind in [ItemKind::Tx, ItemKind::Block] {
                let lane = state.lane(kind);
                let (flying, announced) = (lane.in_flight as usize, lane.announced as usize);
                let max = params.requests.in_flight_max(kind);
                assert!(flying <= max, "{kind}s in flight on {link}: {flying} of at most {max}");
                let max = params.requests.announced_max(kind);
                assert!(
                    announced <= max,
                    "{kind}s announced on {link}: {announced} of at most {max}"
                );
                if !is_small {
                    continue;
                }
                let asked = self.wanted.count(|wanted| {
                    wanted.asked.is_some_and(|asked| (asked.link, asked.kind) == (link, kind))
                });
                assert_eq!(flying, asked, "{kind}s in flight on {link}");
                let held = self.wanted.count(|wanted| {
                    wanted.announcer(link).is_some_and(|held| held.name.kind() == kind)
                });
                assert_eq!(announced, held, "{kind}s announced on {link}");
            }
        }
        for kind in [ItemKind::Tx, ItemKind::Block] {
            let of = |state: &LinkRequests| state.lane(kind).announced as usize;
            let sum: usize = self.links.iter().map(|(_, state)| of(state)).sum();
            assert_eq!(self.announced[kind as usize], sum, "{kind}s announced on all links");
            let max = FULL_LINKS * params.requests.announced_max(kind)
                + self.links.len() * params.requests.in_flight_max(kind);
            assert!(sum <= max, "{kind}s announced: {sum} of at most {max}");
        }
        if self.links.is_empty() && self.bereft.is_empty() {
            assert!(self.is_empty(), "something is wanted, and nobody is there who has it");
        }
    }
}
