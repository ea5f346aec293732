//! Sends valid blocks of nearly 4 MB.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "big-blocks",
    does: "sends valid blocks of 3.9 MB, as fast as they go",
    holds: "a link's blocks are bounded by its budget, and nothing else waits for them",
    lanes: 1,
    is_of_blocks: true,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let mut mint = lane.mint();
    loop {
        link.give(&mint.block(39, 99_000)?).await?;
        // Others have their turn: to find a block takes a while.
        tokio::task::yield_now().await;
    }
}
