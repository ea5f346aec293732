//! Sends window updates of nothing as fast as it can, for its stream and for streams that there never were.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::mux::Kind;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "window-updates",
    does: "sends empty window updates of Yamux as fast as they go",
    holds: "a flood of window updates is an offence",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    loop {
        link.mux.frame(Kind::WindowUpdate, 0, link.stream, 0);
        link.mux.frame(Kind::WindowUpdate, 0, 9_999, 0);
        link.mux.relieve().await?;
    }
}
