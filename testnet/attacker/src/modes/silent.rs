//! Two hundred a second connect, and say nothing until they are thrown out.

use std::io;
use std::net::Ipv4Addr;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::strangers::{self, Whence};
use futures::AsyncReadExt as _;

/// See the table.
pub(super) const FROM_ONE: Mode = strangers::mode(
    Whence::One,
    "silent-from-1",
    "200 a second connect to a full node from one address, and say nothing",
    |lane| Box::pin(strangers::come(lane, Whence::One, attack)),
);

/// The same from many.
pub(super) const FROM_MANY: Mode = strangers::mode(
    Whence::Many,
    "silent-from-250",
    "200 a second connect to a full node from 250 addresses of 125 networks, and say nothing",
    |lane| Box::pin(strangers::come(lane, Whence::Many, attack)),
);

async fn attack(lane: Lane, from: Ipv4Addr) -> io::Result<()> {
    let mut tcp = lane.tcp_from(from).await?;
    while tcp.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}
