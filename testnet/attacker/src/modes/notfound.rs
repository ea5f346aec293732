//! Says that it hasn't what it was never asked for, a thousand ids a message.

use std::io;

use rand::RngExt as _;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tidings_protocol::wire::message::{GETDATA_MAX, Items, Message, Names};

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "notfound",
    does: "says notfound of what nobody asked for, a thousand ids a message",
    holds: "ids in it are charged as requested ones",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    loop {
        let ids = (0..GETDATA_MAX).map(|_| ItemId::tx(Hash256(lane.rng().random()))).collect();
        let names = Names::Whole { kind: ItemKind::Tx, ids };
        link.say(&Message::Items(Items::NotFound(names))).await?;
    }
}
