//! Begins blocks of 4 MB and never ends them, on many links: what was received is held for as long as the rest doesn't come.

use std::io;
use std::time::Duration;

use crate::items::first_part;
use crate::lane::Lane;
use crate::mode::Mode;

/// Bytes of a block, as long as the rules let it be.
const TOTAL: usize = 3_900_000;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "unfinished",
    does: "sends all but the end of blocks of 4 MB, and stays",
    holds: "unfinished messages have a time-out of progress, and count as held bytes",
    lanes: 32,
    is_of_blocks: true,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.link().await?;
    link.raw(&first_part(1, 10, TOTAL)).await?;
    // Further parts are full: their length, a zero, the class, data.
    let part = [&[0x82, 0x80, 0x01, 0, 1][..], &[0; 16 << 10]].concat();
    for _ in 2..TOTAL / (16 << 10) {
        link.raw(&part).await?;
    }
    loop {
        link.stay(Duration::from_secs(5)).await?;
    }
}
