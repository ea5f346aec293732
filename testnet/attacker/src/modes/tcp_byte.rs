//! Sends a byte a second: half of the lanes in the handshake, the others in a message of a link that is up.

use std::io;
use std::time::Duration;

use futures::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::secure::{MULTISTREAM, line};

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "tcp-byte",
    does: "sends a byte a second, in handshakes and in messages",
    holds: "what doesn't get on is ended: handshakes and messages have a time-out of progress",
    lanes: 16,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    if lane.number.is_multiple_of(2) {
        let mut tcp = lane.tcp().await?;
        for byte in [line(MULTISTREAM), line("/noise")].concat() {
            tcp.write_all(&[byte]).await?;
            sleep(Duration::from_secs(1)).await;
        }
        return Ok(());
    }
    let mut link = lane.link().await?;
    // A message of 64 KB of an unknown kind, byte by byte.
    link.raw(&[0xff, 0x7f, 200]).await?;
    loop {
        link.raw(&[0]).await?;
        link.stay(Duration::from_secs(1)).await?;
    }
}
