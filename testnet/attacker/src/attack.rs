//! Keeps modes going.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use crate::lane::Lane;
use crate::mode::Mode;
use crate::target::Target;
use crate::tcp::Counts;

/// How long a peer whose link ended waits before it comes back: about a link's worth of handshakes. A guess.
const AGAIN: Duration = Duration::from_millis(20);

/// Runs modes side by side until it is dropped.
pub async fn run(modes: &[&'static Mode], target: &Arc<Target>, counts: &Arc<Counts>) {
    let lanes = modes.iter().flat_map(|mode| {
        (0..mode.lanes).map(move |number| (mode, Lane::new(mode.name, number, target, counts)))
    });
    join_all(lanes.map(|(mode, lane)| keep_going(mode, lane))).await;
}

async fn keep_going(mode: &Mode, mut lane: Lane) {
    loop {
        // Each time it is somebody else.
        lane = lane.next();
        // How a link ends is the victim's business; that it did is counted.
        let _ = (mode.attack)(lane.clone()).await;
        lane.counts.again();
        sleep(AGAIN).await;
    }
}
