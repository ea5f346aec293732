//! Sends pings of Yamux as fast as it can, and takes the answers.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::mux::{Kind, SYN};

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "yamux-pings",
    does: "sends pings of Yamux as fast as they go",
    holds: "a flood of pings is an offence",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let mut nonce = 0;
    loop {
        nonce += 1;
        link.mux.frame(Kind::Ping, SYN, 0, nonce);
        link.mux.relieve().await?;
    }
}
