//! Two hundred a second connect, and leave at once.

use std::io;
use std::net::Ipv4Addr;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::strangers::{self, Whence};

/// See the table.
pub(super) const FROM_ONE: Mode = strangers::mode(
    Whence::One,
    "leaving-from-1",
    "200 a second connect to a full node from one address, and leave at once",
    |lane| Box::pin(strangers::come(lane, Whence::One, attack)),
);

/// The same from many.
pub(super) const FROM_MANY: Mode = strangers::mode(
    Whence::Many,
    "leaving-from-250",
    "200 a second connect to a full node from 250 addresses of 125 networks, and leave at once",
    |lane| Box::pin(strangers::come(lane, Whence::Many, attack)),
);

async fn attack(lane: Lane, from: Ipv4Addr) -> io::Result<()> {
    lane.tcp_from(from).await.map(drop)
}
