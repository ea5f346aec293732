//! Asks for blocks, and reads a few kilobytes a second: each connection holds as much as it is given.

use std::io;
use std::time::Duration;

use tidings_protocol::ground::item::ItemKind;
use tokio::time::sleep;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "slow-reader",
    does: "asks for blocks on 32 links, and reads 16 KB a second of each",
    holds: "what waits for a peer is bounded, and a peer that doesn't take it loses its link",
    lanes: 32,
    is_of_blocks: true,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let block = lane.mint().block(10, 99_000)?;
    let mut link = lane.link_with(&block).await?;
    link.mux.credits = false;
    link.ask(ItemKind::Block, vec![block.id(); 64]).await?;
    loop {
        link.mux.step().await?;
        sleep(Duration::from_secs(1)).await;
        let theirs: Vec<u32> = link.mux.streams().map(|(id, _)| id).collect();
        for stream in theirs.into_iter().filter(|id| id % 2 == 0) {
            link.mux.frame(crate::mux::Kind::WindowUpdate, 0, stream, 16 << 10);
        }
    }
}
