//! Writes into the log of whoever runs the victim: strings of the attacker's choice wherever a stranger has a string,
//! with ends of lines, escape codes and what looks like a line of the log. Those strings are names of protocols in
//! negotiations, and identify's agent, protocol, addresses and key.

use std::io;
use std::time::Duration;

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
    attack: |lane| Box::pin(attack(lane)),
};

/// When it never was.
pub(super) const TIME: &str = "2001-01-01T00:00:00.000000Z";

/// What an operator must not find in a log.
const FORGED: &str =
    "\r\n2001-01-01T00:00:00.000000Z  INFO tidings: all is well\n\x1b[2J\x1b[31mforged\x07";

/// Field of a protobuf message with bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let head = [vec![number << 3 | 2], crate::items::varint(bytes.len())].concat();
    [&head[..], bytes].concat()
}

/// An identify message (libp2p specs, identify: 1 key, 2 addresses, 3 protocols, 5 version, 6 agent), length first.
fn identify(round: usize) -> Vec<u8> {
    let text = FORGED.as_bytes();
    let parts = match round % 3 {
        0 => [field(5, text), field(6, text), field(3, text), field(2, text)],
        1 => [field(6, &text.repeat(40)), field(3, &text.repeat(10)), field(1, text), vec![]],
        _ => [field(1, text), field(2, text), field(6, &[0xff, 0xfe, 0x0a]), field(4, text)],
    };
    let body = parts.concat();
    [crate::items::varint(body.len()), body].concat()
}

async fn attack(mut lane: Lane) -> io::Result<()> {
    for round in 0.. {
        lane.identify = identify(round);
        let mut link = lane.link().await?;
        link.listens = false;
        for kind in [IDENTIFY, "/ipfs/id/push/1.0.0", &format!("/x{FORGED}"), FORGED] {
            let stream = link.mux.open();
            let asked = [line(MULTISTREAM), line(kind), identify(round)].concat();
            link.mux.data(stream, &asked);
        }
        // A hello twice, and one of another time: reasons for a link's end.
        link.raw(&crate::items::frame(1, FORGED.as_bytes())).await?;
        link.stay(Duration::from_millis(30)).await.ok();
    }
    Ok(())
}
