//! Takes every place for inbound links that it gets, from eight groups, and behaves well on them.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "many-addresses",
    does: "takes all inbound places from eight groups, and behaves well",
    holds: "places are shared out by group, and a newcomer of another one comes in",
    lanes: 160,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.link().await?;
    link.stay_for_good().await
}
