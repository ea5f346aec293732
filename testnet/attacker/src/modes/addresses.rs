//! Tells of addresses at which nobody is, a thousand a message.

use std::io;

use rand::RngExt as _;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::wire::message::{ADDRESSES_MAX, Message, PeerExchange};

use crate::lane::Lane;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "addresses",
    does: "tells of made-up addresses, a thousand a message",
    holds: "addresses over the budget are dropped, and the book stays with those that answer",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    loop {
        let addr = |_| {
            let octets: [u8; 3] = lane.rng().random();
            let ip = std::net::Ipv4Addr::new(8, octets[0], octets[1], octets[2]);
            PeerAddr::tcp((ip, 4_000).into())
        };
        let addrs = (0..ADDRESSES_MAX).map(addr).collect();
        link.say(&Message::Peers(PeerExchange::Addresses(addrs))).await?;
    }
}
