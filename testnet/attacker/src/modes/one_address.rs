//! One address takes every place for inbound links that it gets, and behaves well on them.

use std::io;
use std::net::Ipv4Addr;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "one-address",
    does: "takes all inbound places from one address, and behaves well",
    holds: "an address and a group have few places: a newcomer of another group comes in",
    lanes: 160,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.link_from(Ipv4Addr::new(127, 64, 0, 1)).await?;
    link.stay_for_good().await
}
