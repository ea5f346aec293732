//! Comes, says hello, and goes: each time as somebody else.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "churn",
    does: "connects, says hello and leaves, again and again",
    holds: "a handshake costs whoever dials as much; rates before it are bounded by group",
    lanes: 4,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    loop {
        let mut link = lane.link().await?;
        link.ping(1).await?;
    }
}
