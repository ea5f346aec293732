//! Keeps its own link throttled by valid transactions of 4 KB, and sends the smallest messages meanwhile: each is two
//! bytes on the wire, and something else in memory.

use std::io;

use crate::items::frame;
use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "tiny-throttled",
    does: "overruns its budget with 4 KB transactions, and sends tiny messages between them",
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
    // What a link may send at once is used up first: 25 MB.
    for _ in 0..6_000 {
        link.give(&transfer).await?;
    }
    let known = frame(14, &[]).repeat(2_000);
    loop {
        link.give(&transfer).await?;
        link.raw(&known).await?;
    }
}
