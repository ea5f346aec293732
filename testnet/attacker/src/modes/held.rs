//! Sends one valid transaction of 4 KB again and again, faster than a link may: what was read and waits for the budget is
//! held somewhere, and that must stop the reading.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "held",
    does: "sends one valid 4 KB transaction again and again, faster than a link may",
    holds: "nothing is read of a link while messages of it are held",
    lanes: 1,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let transfer = lane.mint().transfer(1, 4_000);
    loop {
        link.give(&transfer).await?;
    }
}
