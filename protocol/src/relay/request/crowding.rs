//! What all links together announce is bounded, too.
//!
//! Each may announce `announced_max`, and few do at a time what nobody else has. Together they have room for [`FULL_LINKS`]
//! such. Once that is taken, announcements of links with `in_flight_max` or more are dropped, and no more are granted to
//! them. So memory is bounded by `FULL_LINKS` x `announced_max` and links x `in_flight_max`, at [`ANNOUNCED_BYTES`] each
//! at worst; and whoever has little open, since what it announces comes, is heard whatever others announce. What is dropped
//! is found by a comparison.

use super::Requests;
use super::link::LinkRequests;
use crate::ground::item::ItemKind;
use crate::ground::link::Link;
use crate::params::RequestParams;

/// Of so many links at their bounds all wanted items are remembered. A guess: more than announce at a time what nobody
/// else has.
pub const FULL_LINKS: usize = 10;

/// What an announcement takes at worst, bytes: of an item that nobody else announced.
pub const ANNOUNCED_BYTES: usize = 350;

/// Whether all links together have announced as much of a kind as there is room for.
pub(super) const fn is_crowded(
    announced: &[usize; 2],
    kind: ItemKind,
    params: &RequestParams,
) -> bool {
    announced[kind as usize] >= FULL_LINKS * params.announced_max(kind)
}

impl Requests {
    /// How many transactions that a link announced are wanted, and how many may be.
    #[must_use]
    pub fn announced(&self, link: Link, params: &RequestParams) -> (usize, usize) {
        let kind = ItemKind::Tx;
        let is_crowded = is_crowded(&self.announced, kind, params);
        let of = |state: &LinkRequests| {
            (state.lane(kind).announced as usize, state.granted_max(kind, is_crowded, params))
        };
        self.links.get(link).map_or((0, params.announced_max), of)
    }

    /// A link is gone: what it announced doesn't count any more.
    pub(super) fn discount(&mut self, gone: &LinkRequests) {
        for kind in [ItemKind::Tx, ItemKind::Block] {
            self.announced[kind as usize] -= gone.lane(kind).announced as usize;
        }
    }
}
