//! Sends empty messages of a kind that nobody knows: two bytes each.

use std::io;

use crate::items::frame;
use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "unknown-kinds",
    does: "sends empty messages of an unknown kind, two bytes each",
    holds: "messages are charged one by one, and a link over its budget is slowed",
    lanes: 1,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let many = frame(200, &[]).repeat(4_096);
    loop {
        link.raw(&many).await?;
    }
}
