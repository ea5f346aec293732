//! Asks to compare pools by the shortest digests, each with another salt: by each, all that is kept has to be summed anew.

use std::io;

use rand::RngExt as _;

use crate::items::frame;
use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "digests",
    does: "sends digests of 10 bytes with another salt each, on four links",
    holds: "each message is charged by the work that it makes",
    lanes: 4,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    loop {
        let salt: u64 = lane.rng().random();
        link.raw(&frame(15, &salt.to_le_bytes())).await?;
        // And one that says nothing is the same.
        let sums = [&salt.to_le_bytes()[..], &[0], &[7; 64]].concat();
        link.raw(&frame(15, &sums)).await?;
    }
}
