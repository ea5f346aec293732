//! Sends small valid blocks one after the other, each on top of the last: their proof is the only price.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "blocks",
    does: "sends valid blocks of a few transactions, as fast as it finds them",
    holds: "blocks of others are announced beyond a rate, not pushed",
    lanes: 2,
    is_of_blocks: true,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let mut mint = lane.mint();
    loop {
        link.give(&mint.block(2, 100)?).await?;
        // Others have their turn: to find a block takes a while.
        tokio::task::yield_now().await;
        link.flush().await?;
    }
}
