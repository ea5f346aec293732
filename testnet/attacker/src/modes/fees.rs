//! Fills the pool with free transactions that claim the highest fee there is: under rules without a ledger it costs nothing.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::lane::Lane;
use crate::mode::Mode;

/// Time between two: a little below the bytes of transactions that a link may send (6.25 MB a second).
const EVERY: Duration = Duration::from_millis(10);

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "fees",
    does: "fills the pool with transactions of fee 2^64-1, from as many senders as it likes",
    holds: "fees rank only as far as the chain vouches for them: honest transactions get in",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let began = Instant::now();
    for sent in 0.. {
        // A key of its own for each: shares of senders bound nobody who makes them up.
        link.give(&lane.mint().transfer(u64::MAX, 60_000)).await?;
        if sent % 10 == 0 {
            sleep_until(began + EVERY * sent).await;
        }
    }
    Ok(())
}
