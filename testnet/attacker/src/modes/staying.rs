//! Two hundred a second finish the handshake, say hello, and stay for as long as they may.

use std::io;
use std::net::Ipv4Addr;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::strangers::{self, Whence};

/// See the table.
pub(super) const FROM_ONE: Mode = Mode {
    name: "staying-from-1",
    does: "200 a second link with a full node from one address, and stay",
    holds: "an address may come ten times, and then once a second: all links stay, a newcomer comes in",
    lanes: 1,
    is_of_blocks: false,
    is_fair: false,
    per_s: Some(strangers::PER_S),
    attack: |lane| Box::pin(strangers::come(lane, Whence::One, attack)),
};

/// The same from many.
pub(super) const FROM_MANY: Mode = Mode {
    name: "staying-from-250",
    does: "200 a second link with a full node from 250 addresses of 125 networks, and stay",
    holds: "all links stay; a newcomer of a network that never came has a place kept for it",
    attack: |lane| Box::pin(strangers::come(lane, Whence::Many, attack)),
    ..FROM_ONE
};

async fn attack(mut lane: Lane, from: Ipv4Addr) -> io::Result<()> {
    lane.link_from(from).await?.stay_for_good().await
}
