//! The worst case: what all bounds of the transport add up to. `SECURITY.md` has it as tables, which a test compares.

use super::held::{FAIR_SHARE, TOTAL_MAX};
use super::{flow, gate, inbox, muxer, pipe, swarm, transport};

/// Most sockets of peers that dialled, established or being secured, with so many inbound places.
#[must_use]
pub const fn inbound_sockets_max(inbound_max: usize) -> usize {
    inbound_max + swarm::INBOUND_SPARE + gate::PENDING_MAX
}

/// Most memory that one link makes a node hold, bytes, where blocks have up to `block_max`. What all hold together has a
/// bound of its own.
#[must_use]
pub const fn link_held_max(block_max: usize) -> usize {
    // A vector has room for twice what is in it, and takes one message more than is enough.
    let waiting = 2 * inbox::INBOX_MAX + block_max;
    // Two classes are held, each with a message besides.
    let aside = 2 * (2 * inbox::INBOX_MAX + 2 * block_max);
    // One message of each class, and a chunk that waits.
    let unfinished = 2 * block_max + 2 * flow::READ_CHUNK + (384 << 10);
    let queue = pipe::HARD_BOUND + 2 * block_max + 4 * flow::WRITE_MAX;
    waiting + aside + unfinished + queue + muxer::HELD_MAX
}

/// Most memory that all links of a full node make it hold, bytes: `SECURITY.md` has it as a table.
#[must_use]
pub const fn full_node_held_max(links: usize, block_max: usize) -> usize {
    let open = links + swarm::INBOUND_SPARE;
    // Over the account's bound greedy links are cut, until none is.
    let modest = open * (FAIR_SHARE + muxer::HELD_MAX);
    let counted = if modest > TOTAL_MAX { modest } else { TOTAL_MAX };
    // What one turn of each connection brings before the account is looked at, and one reaction of the core.
    let between = open * 2 * inbox::INBOX_MAX + pipe::HARD_BOUND + block_max;
    counted + between + open * transport::NOISE_MAX + gate::PENDING_MAX * transport::NOISE_READ_MAX
}
