//! Sends pings of our protocol as fast as it can, and reads nothing: each has an answer.

use std::io;

use crate::items::frame;
use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "pings",
    does: "sends pings without end, and reads nothing",
    holds: "answers wait within the bound of a link",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.link().await?;
    (link.listens, link.mux.credits) = (false, false);
    let many = frame(2, &[7; 8]).repeat(1_024);
    loop {
        link.raw(&many).await?;
    }
}
