//! Asks for one block of a megabyte again and again, and takes all answers: the largest factor between what is asked and
//! what is answered.

use std::io;

use tidings_protocol::chain::Chain as _;
use tidings_protocol::ground::item::ItemId;
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
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.link().await?;
    let mut mint = lane.mint();
    let transfers: Vec<_> = (0..10).map(|_| mint.transfer(1, 99_000)).collect();
    let block = mint.block(&transfers).ok_or(io::ErrorKind::InvalidInput)?;
    let id = lane.target.rules().identify(ItemKind::Block, &block).map_err(io::Error::other)?;
    link.say(&mint.deliver(ItemKind::Block, block)).await?;
    link.ping(1).await?;
    link.listens = false;
    loop {
        link.ask(ItemKind::Block, vec![ItemId::block(id); 16]).await?;
        link.turn().await?;
    }
}
