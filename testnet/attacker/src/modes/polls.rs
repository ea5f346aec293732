//! Polls without end: each asks what is new.

use std::io;

use crate::items::frame;
use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "polls",
    does: "polls, and asks for addresses, without end",
    holds: "a question is charged by what it has us look at",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let many = [frame(13, &[]), frame(4, &[])].concat().repeat(512);
    loop {
        link.raw(&many).await?;
    }
}
