//! Two peers send valid free transactions, each less than a link may: a valid flood, of which no message is wrong.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::lane::Lane;
use crate::mode::Mode;

/// Transactions a second of each.
const RATE: u32 = 1_950;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "transactions",
    does: "two peers send valid free transactions, 1,950 a second each",
    holds: "links stay, honest transactions are in time, pools are equal at the end",
    lanes: 2,
    is_of_blocks: false,
    is_fair: true,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let (began, mut mint) = (Instant::now(), lane.mint());
    for sent in 0.. {
        if sent % 64 == 0 {
            sleep_until(began + Duration::from_secs(1) * sent / RATE).await;
            if sent % 4_096 == 0 {
                mint = lane.mint();
            }
        }
        link.give(&mint.transfer(1, 155)).await?;
    }
    Ok(())
}
