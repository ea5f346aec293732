//! Keeps its own link throttled by valid transactions of 4 KB, and sends the smallest messages meanwhile: each is two
//! bytes on the wire, and something else in memory.

use std::io;

use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::item::{Hash256, ItemId, Name};
use tidings_protocol::wire::message::{Items, Message, Names, Signal};

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "tiny-throttled",
    does: "overruns its budget with 4 KB transactions, and sends tiny messages between them",
    holds: "nothing is read of a link while messages of it are held",
    lanes: 1,
    is_of_blocks: false,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.link().await?;
    let mut mint = lane.mint();
    let bytes = mint.transfer(1, 4_000);
    let id = ItemId::tx(Hash256::of(&bytes));
    let deliver = mint.deliver(ItemKind::Tx, bytes);
    let announce = Names::of(ItemKind::Tx, [Name::Short(Name::Whole(id).short())].into_iter());
    let announce = Message::Items(Items::Announce(announce));
    link.listens = false;
    loop {
        link.say(&deliver).await?;
        for _ in 0..200 {
            link.say(&announce).await?;
            link.say(&Message::Relay(Signal::Known([].into()))).await?;
        }
    }
}
