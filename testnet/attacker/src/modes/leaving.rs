//! Two hundred a second connect, and leave at once.

use std::io;
use std::net::Ipv4Addr;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::strangers::{self, Whence};

/// See the table.
pub(super) const FROM_ONE: Mode = Mode {
    name: "leaving-from-1",
    does: "200 a second connect to a full node from one address, and leave at once",
    holds: "an address may come ten times, and then once a second: all links stay, a newcomer comes in",
    lanes: 1,
    is_of_blocks: false,
    is_fair: false,
    per_s: Some(strangers::PER_S),
    attack: |lane| Box::pin(strangers::come(lane, Whence::One, attack)),
};

/// The same from many.
pub(super) const FROM_MANY: Mode = Mode {
    name: "leaving-from-250",
    does: "200 a second connect to a full node from 250 addresses of 125 networks, and leave at once",
    holds: "all links stay; a newcomer of a network that never came has a place kept for it",
    attack: |lane| Box::pin(strangers::come(lane, Whence::Many, attack)),
    ..FROM_ONE
};

async fn attack(lane: Lane, from: Ipv4Addr) -> io::Result<()> {
    lane.tcp_from(from).await.map(drop)
}
