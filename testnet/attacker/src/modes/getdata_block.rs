//! Asks for one block of a megabyte again and again, and takes all answers: the largest factor between what is asked and
//! what is answered.

use std::io;

use tidings_protocol::ground::item::ItemKind;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "getdata-block",
    does: "asks for a block of 1 MB without end, and reads all of it",
    holds: "a block twice to one peer is a matter of the upload budget",
    lanes: 2,
    is_of_blocks: true,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let block = lane.mint().block(10, 99_000)?;
    let mut link = lane.link_with(&block).await?;
    loop {
        link.ask(ItemKind::Block, vec![block.id(); 16]).await?;
        link.turn().await?;
    }
}
