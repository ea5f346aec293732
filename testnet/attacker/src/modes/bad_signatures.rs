//! Delivers transactions of which only the signature is wrong: the dearest way to be wrong.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "bad-signatures",
    does: "delivers transactions with wrong signatures, as fast as they go",
    holds: "the link is lost with the first one, and an address comes back no faster than a handshake",
    lanes: 4,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let mut mint = lane.mint();
    loop {
        link.give(&mint.forged(100)).await?;
    }
}
