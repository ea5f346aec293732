//! Announces transactions that it has, as fast as it was granted, and delivers none.

use std::io;
use std::time::Duration;

use rand::RngExt as _;
use tidings_protocol::ground::item::ShortId;
use tidings_protocol::wire::message::{Items, Message, Names};

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "withhold",
    does: "announces real transactions and never delivers one",
    holds: "others are asked when one doesn't deliver",
    lanes: 4,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.link().await?;
    loop {
        let ids = (0..100).map(|_| ShortId(lane.rng().random())).collect();
        link.say(&Message::Items(Items::Announce(Names::Short(ids)))).await?;
        link.stay(Duration::from_millis(100)).await?;
    }
}
