//! Announces transactions that there aren't, a thousand a message.

use std::io;

use rand::RngExt as _;
use tidings_protocol::ground::item::ShortId;
use tidings_protocol::wire::message::{ANNOUNCE_MAX, Items, Message, Names};

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "announcements",
    does: "announces transactions that there aren't by the million",
    holds: "looking at ids is charged, and who announces more than it was granted loses its link",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    loop {
        let ids = (0..ANNOUNCE_MAX).map(|_| ShortId(lane.rng().random())).collect();
        link.say(&Message::Items(Items::Announce(Names::Short(ids)))).await?;
    }
}
