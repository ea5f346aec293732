//! Newcomers: honest peers of a group that nobody else is of, who want in while others attack.

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tidings_attacker::lane::Lane;
use tidings_attacker::target::Target;
use tidings_attacker::tcp::Counts;
use tokio::time::{Instant, sleep, timeout};

/// How long one tries. Twice of what is allowed.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Between two tries: as long as a node lets an address rest at first (`peers.retry_min_ms`).
const RETRY: Duration = Duration::from_millis(500);

/// First network of newcomers, 127.200.0.0/16, and how many there are up to the last of this machine: each newcomer is of the next one.
const FIRST: u8 = 200;
const NETWORKS: u16 = 56;

/// The longest that newcomers waited.
#[derive(Debug, Default)]
pub struct Waits {
    worst: Cell<Option<Duration>>,
    came: Cell<usize>,
}

impl Waits {
    /// The longest wait; at least that long if somebody never came in. `None` if nobody knocked.
    #[must_use]
    pub fn worst(&self) -> Option<Duration> {
        self.worst.get()
    }

    /// How many came in.
    #[must_use]
    pub fn came(&self) -> usize {
        self.came.get()
    }

    fn note(&self, waited: Duration) {
        self.worst.set(self.worst.get().max(Some(waited)));
    }
}

/// One newcomer after the other knocks, until it is dropped or told to stop; the last one gets its time.
pub async fn knock(target: &Arc<Target>, every: Duration, waits: &Waits, is_over: &Cell<bool>) {
    let counts = Arc::default();
    for number in 0_u16.. {
        let began = Instant::now();
        if timeout(PATIENCE, enter(target, number, &counts)).await.is_ok() {
            waits.came.set(waits.came() + 1);
        }
        waits.note(began.elapsed());
        sleep(every.saturating_sub(began.elapsed())).await;
        if is_over.get() {
            return;
        }
    }
}

/// Comes in and is answered; then it leaves.
async fn enter(target: &Arc<Target>, number: u16, counts: &Arc<Counts>) {
    let [_, network] = (number % NETWORKS).to_be_bytes();
    let [_, host] = (number / NETWORKS).to_be_bytes();
    let from = Ipv4Addr::new(127, FIRST + network, host, 1);
    let mut lane = Lane::new("newcomer", usize::from(number), target, counts);
    loop {
        if let Ok(mut link) = lane.link_from(from).await
            && link.ping(1).await.is_ok()
        {
            return;
        }
        sleep(RETRY).await;
    }
}
