//! Asks for one valid transaction of 4 KB a thousand times a message, and takes all answers: a request of 32 bytes must
//! not be worth 4,000 of upload without end.

use std::io;

use tidings_protocol::ground::item::ItemKind;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "getdata-tx",
    does: "asks for its own 4 KB transaction without end, and reads all of it",
    holds: "bytes out are bounded by a budget: an id is served once for each time that it may be asked for",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let transaction = lane.mint().transfer(1, 4_000);
    let mut link = lane.link_with(&transaction).await?;
    loop {
        link.ask(ItemKind::Tx, vec![transaction.id(); 1_000]).await?;
    }
}
