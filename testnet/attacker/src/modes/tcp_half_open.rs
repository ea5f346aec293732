//! Begins a handshake, closes its half of the connection, and stays for as long as it may.

use std::io;
use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::secure::{MULTISTREAM, line};

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "tcp-half-open",
    does: "begins a handshake, half-closes the connection and stays, 128 times",
    holds: "a handshake that doesn't go on ends in seconds: a newcomer comes in",
    lanes: 128,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(lane: Lane) -> io::Result<()> {
    let mut tcp = lane.tcp().await?;
    tcp.write_all(&[line(MULTISTREAM), line("/noise")].concat()).await?;
    if lane.number.is_multiple_of(2) {
        tcp.finish().await?;
    }
    while tcp.read(&mut [0; 64]).await? > 0 {}
    sleep(Duration::from_millis(200)).await;
    Ok(())
}
