//! Answers Yamux's pings a second late. rust-yamux doubles a stream's receive window as long as it is read within two round
//! trips, so what it believes to be a long way lets it grow; then it is filled by a link that is throttled.

use std::io;
use std::time::Duration;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::mux::Pongs;

/// How late. A guess: the window grows by a factor of two each time.
const LATE: Duration = Duration::from_secs(1);

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "yamux-window",
    does: "answers pings of Yamux late, and fills the window that grew of it",
    holds: "receive windows are bounded for a connection, whatever its round trip seems to be",
    lanes: 4,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

async fn attack(mut lane: Lane) -> io::Result<()> {
    let mut link = lane.deaf_link().await?;
    link.mux.pongs = Pongs::After(LATE);
    let mut mint = lane.mint();
    let transfers: Vec<_> = (0..64).map(|_| mint.transfer(1, 90_000)).collect();
    // At what a link may send, the window grows; beyond it, what came fills it.
    loop {
        for transfer in &transfers {
            link.give(transfer).await?;
        }
    }
}
