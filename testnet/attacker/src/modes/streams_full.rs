//! Opens as many streams as it may, and fills the window of each: nobody reads them.

use std::io;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::mux::Mux;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "streams-full",
    does: "opens streams without end, and fills the window of each",
    holds: "streams are bounded, and each that the protocol has no use for is closed",
    lanes: 4,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut mux: Mux = lane.mux().await?;
    let mut opened = Vec::new();
    let filling = vec![0x7f; 16 << 10];
    loop {
        let stream = mux.open();
        opened.push(stream);
        // A length of a line that never comes.
        while mux.stream(stream).is_some_and(|stream| stream.window > 0 && !stream.is_over) {
            let window = mux.stream(stream).map_or(0, |stream| stream.window) as usize;
            let length = filling.len().min(window);
            mux.send(stream, &filling[..length]).await?;
        }
        mux.step().await?;
        if opened.len() >= 512 {
            mux.turn().await?;
        }
    }
}
