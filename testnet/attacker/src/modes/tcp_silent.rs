//! Opens sockets and says nothing: as many as it can from addresses of one group.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::sleep;

use crate::lane::Lane;
use crate::mode::Mode;

/// Sockets of a lane: in all more than a node secures at once.
const PER_LANE: u8 = 40;

/// How long they are held until new ones come: less than any time-out of a handshake.
const HELD: Duration = Duration::from_secs(2);

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "tcp-silent",
    does: "holds sockets open without a word, 40 at a time",
    holds: "handshakes are few for an address and a group, and short: a newcomer comes in all the same",
    lanes: 4,
    is_of_blocks: false,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(lane: Lane) -> io::Result<()> {
    let mut sockets = Vec::new();
    let [a, b, ..] = lane.address().octets();
    for host in 1..=PER_LANE {
        sockets.push(lane.tcp_from(Ipv4Addr::new(a, b, 9, host)).await?);
    }
    sleep(HELD).await;
    drop(sockets);
    Ok(())
}
