//! Begins a handshake, closes its half of the connection, and stays.

use std::io;
use std::time::Duration;

use futures::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::secure::{MULTISTREAM, line};

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "tcp-half-open",
    does: "begins a handshake, half-closes the connection, and stays",
    holds: "a handshake that doesn't go on ends in seconds",
    lanes: 4,
    is_of_blocks: false,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(lane: Lane) -> io::Result<()> {
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut tcp = lane.tcp().await?;
        tcp.write_all(&[line(MULTISTREAM), line("/noise")].concat()).await?;
        tcp.finish().await?;
        sockets.push(tcp);
    }
    sleep(Duration::from_secs(2)).await;
    drop(sockets);
    Ok(())
}
