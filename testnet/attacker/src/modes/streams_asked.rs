//! Opens streams, and asks for protocols that nobody speaks: each is a negotiation.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::mux::{Kind, RST};
use crate::secure::{MULTISTREAM, line};

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "streams-asked",
    does: "opens streams for protocols that nobody speaks, one after the other",
    holds: "a flood of streams is an offence",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    let asked = [line(MULTISTREAM), line("/no/such/protocol")].concat();
    loop {
        let stream = link.mux.open();
        link.mux.data(stream, &asked);
        link.mux.step().await?;
        link.mux.frame(Kind::WindowUpdate, RST, stream, 0);
        link.mux.relieve().await?;
    }
}
