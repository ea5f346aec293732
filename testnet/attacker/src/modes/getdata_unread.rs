//! Asks for one valid transaction of 4 KB again and again, and never takes the answers: what waits for it must be
//! bounded by bytes, whatever it is made of.

use std::io;

use tidings_protocol::ground::item::ItemKind;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "getdata-unread",
    does: "asks for its own 4 KB transaction without end, and reads nothing",
    holds: "what waits for a peer is counted in bytes, and a peer that takes nothing loses its link",
    lanes: 1,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let transaction = lane.mint().transfer(1, 4_000);
    let mut link = lane.link_with(&transaction).await?;
    // Frames are still read, so that we learn of more window; nothing is given back.
    link.mux.credits = false;
    loop {
        link.ask(ItemKind::Tx, vec![transaction.id()]).await?;
    }
}
