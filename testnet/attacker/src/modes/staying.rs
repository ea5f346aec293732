//! Two hundred a second finish the handshake, say hello, and stay for as long as they may.

use std::io;
use std::net::Ipv4Addr;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::strangers::{self, Whence};

/// See the table.
pub(super) const FROM_ONE: Mode = strangers::mode(
    Whence::One,
    "staying-from-1",
    "200 a second link with a full node from one address, and stay",
    |lane| Box::pin(strangers::come(lane, Whence::One, attack)),
);

/// The same from many.
pub(super) const FROM_MANY: Mode = strangers::mode(
    Whence::Many,
    "staying-from-250",
    "200 a second link with a full node from 250 addresses of 125 networks, and stay",
    |lane| Box::pin(strangers::come(lane, Whence::Many, attack)),
);

async fn attack(mut lane: Lane, from: Ipv4Addr) -> io::Result<()> {
    lane.link_from(from).await?.stay_for_good().await
}
