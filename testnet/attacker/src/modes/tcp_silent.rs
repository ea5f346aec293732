//! Opens sockets and says nothing: twice as many as a node secures at once, and each new as soon as it is closed.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures::AsyncReadExt as _;
use tokio::time::sleep;

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "tcp-silent",
    does: "holds 128 sockets open without a word",
    holds: "handshakes are few for an address and a group, and short: a newcomer comes in",
    lanes: 128,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

/// Hosts of one group.
const HOSTS: usize = 200;

async fn attack(lane: Lane) -> io::Result<()> {
    let host = u8::try_from(lane.number % HOSTS).unwrap_or(0) + 1;
    let mut tcp = lane.tcp_from(Ipv4Addr::new(127, 64, 9, host)).await?;
    // Until the victim closes it.
    let _ = tcp.read(&mut [0; 64]).await;
    sleep(Duration::from_millis(200)).await;
    Ok(())
}
