//! The worst case: what all links together make a node hold, apart from what it keeps anyway. `SECURITY.md` has it as a
//! table, which a test compares.

use super::LinkState;
use crate::chain::Limits;
use crate::ground::item::{ItemId, ItemKind, Name, ShortId};
use crate::ground::link::Link;
use crate::items::coding::Assembly;
use crate::items::rebuilding::{PER_BLOCK, REBUILD_BYTES, REBUILT_MAX};
use crate::items::templates::{INBOUND_MAX, MATE_BYTES};
use crate::items::verification::{BLOCKS_MAX, Checking};
use crate::params::Params;
use crate::reconcile::vain::VAIN_MAX;
use crate::relay::announce::{FULL_QUEUES, Form, SHORT};
use crate::relay::coded::INCOMING_MAX;
use crate::relay::request::{ANNOUNCED_BYTES, FULL_LINKS};
use crate::relay::symbol_streams::SymbolStreams;

/// A queue may have room for twice what is in it.
const QUEUE: usize = 2;

/// A table may be 7/16 full.
const fn table(entry: usize) -> usize {
    (entry + 1) * 16 / 7
}

/// A node of a B-tree has room for eleven entries, and may have five.
const fn tree(entry: usize) -> usize {
    (11 * entry + 3 * size_of::<usize>()) / 5
}

/// What a parked transaction takes besides its bytes, and each of its announcers. A guess, above what was measured.
const ORPHAN_BYTES: usize = 500;

/// What is kept of a link itself, in all parts. A guess, above what was measured (half a kilobyte).
const LINK_BYTES: usize = size_of::<LinkState>() + 2_048;

/// What `links` links make a node hold at worst, by what it is: bytes.
#[must_use]
pub fn held_for_links(links: usize, params: &Params) -> [(&'static str, usize); 10] {
    let (memory, requests, orphans) = (&params.memory, &params.requests, &params.orphans);
    let announced: usize = [ItemKind::Tx, ItemKind::Block]
        .map(|kind| {
            FULL_LINKS * requests.announced_max(kind) + links * requests.in_flight_max(kind)
        })
        .iter()
        .sum();
    let late = QUEUE * requests.in_flight_max * size_of::<ShortId>();
    let waiting = FULL_QUEUES * params.relay.announce_queue_max + links * SHORT;
    let checks = memory.verifying_max + BLOCKS_MAX;
    let checking = table(size_of::<(ItemId, Checking)>()) + links * size_of::<Link>();
    let asked = memory.serve_queue_max
        * (size_of::<Name>() * 9 / 8 + tree(size_of::<(ItemKind, ShortId)>()));
    let vain = VAIN_MAX * tree(size_of::<(ShortId, [u64; 2])>());
    let largest = Limits::default().max_block_bytes;
    let symbols = match params.blocks.coded_above {
        0 => 0,
        _ => INCOMING_MAX * Assembly::bytes_max(largest) + SymbolStreams::bytes_max(largest, links),
    };
    // One share more is of those that an earlier run left, and one of parents that pay too little.
    let parked = (links + 2) * orphans.reserve_bytes + orphans.announcements_max * ORPHAN_BYTES;
    [
        ("announced and not here yet", announced * ANNOUNCED_BYTES + links * late),
        ("waiting for their parents", parked),
        ("blocks that come in parts", REBUILT_MAX * PER_BLOCK * REBUILD_BYTES),
        ("what peers expect in a block", (INBOUND_MAX + params.blocks.template_links) * MATE_BYTES),
        ("blocks that come in symbols", symbols),
        ("being checked", 2 * memory.verifying_max_bytes + checks * checking),
        ("asked for and not taken", links * asked),
        ("announcements that wait", waiting * QUEUE * size_of::<(ItemId, Form)>()),
        ("told by comparisons and not asked for", links * vain),
        ("state of links", links * LINK_BYTES),
    ]
}
