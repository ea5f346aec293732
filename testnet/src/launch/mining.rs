//! Has nodes make blocks: random living ones, at random times, as miners of equal power do.

use std::time::Duration;

use rand::{Rng, RngExt as _};
use tidings::api::chain::MineRequest;
use tidings::clock::Clock;
use tidings_protocol::ground::time::Time;
use tidings_sim::random::shared::{Stream, stream};
use tokio::time::{Instant, sleep_until, timeout};

use super::blocks::Made;
use super::fleet::Fleet;
use super::local::Node;
use crate::manifest::Mining;

/// How long a node may take to make a block. A guess: test networks ask for little work.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is looked whether blocks are still wanted.
const POLL: Duration = Duration::from_millis(200);

/// When the next block comes, after one that came now: memoryless, so that it is all the same when one looks.
fn gap(mean_s: f64, rng: &mut impl Rng) -> Duration {
    let share: f64 = rng.random();
    Duration::from_secs_f64(-mean_s * (1.0 - share).ln())
}

/// Makes blocks from a time of a clock on, for as long as `goes_on`, and hands each over, or why it wasn't made.
pub async fn mine(
    fleet: &Fleet,
    mining: &Mining,
    seed: u64,
    (clock, began): (&Clock, Time),
    goes_on: impl Fn() -> bool,
    mut on_made: impl FnMut(Result<Made, String>),
) {
    let mut rng = stream(seed, Stream::Blocks);
    let mut due = began;
    loop {
        due = due + gap(mining.interval_s, &mut rng);
        // Nobody waits for a block that isn't to come any more.
        while clock.now() < due {
            if !goes_on() {
                return;
            }
            sleep_until(clock.instant(due).min(Instant::now() + POLL)).await;
        }
        if !goes_on() {
            return;
        }
        let Some(origin) = choose(fleet, &mut rng) else { return };
        on_made(make(origin, mining).await);
    }
}

/// A living node that delivers what it has.
fn choose<'a>(fleet: &'a Fleet, rng: &mut impl Rng) -> Option<&'a Node> {
    let able: Vec<&Node> = fleet.live().filter(|node| !node.withholds).collect();
    (!able.is_empty()).then(|| able[rng.random_range(0..able.len())])
}

/// Has a node make a block, and looks what is in it.
async fn make(origin: &Node, mining: &Mining) -> Result<Made, String> {
    let request = MineRequest { on: None, txs_max: mining.txs_max };
    let failed = |error: tidings::client::ClientError| format!("{}: {error}", origin.name);
    let making = async {
        let mined = origin.client.mine(&request).await.map_err(failed)?;
        let bytes = origin.client.item(mined.id).await.map_err(failed)?;
        let bytes = bytes.ok_or_else(|| format!("{} lost the block that it made", origin.name))?;
        Ok(Made {
            id: mined.id,
            parent: mined.parent,
            height: mined.height,
            bytes: mined.bytes,
            origin: origin.index,
            transactions: Made::contents(&bytes),
        })
    };
    let made = timeout(TIMEOUT, making).await;
    made.unwrap_or_else(|_| {
        Err(format!("{} made no block within {} s", origin.name, TIMEOUT.as_secs()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_at_the_mean_that_was_asked_for_and_at_no_rhythm() {
        let mut rng = stream(1, Stream::Blocks);
        let gaps: Vec<f64> = (0..5_000).map(|_| gap(10.0, &mut rng).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        assert!((9.5..10.5).contains(&mean), "{mean}");
        // Of a memoryless wait, e^-1 take longer than the mean.
        let longer = gaps.iter().filter(|gap| **gap > 10.0).count() as f64 / gaps.len() as f64;
        assert!((0.34..0.40).contains(&longer), "{longer}");
    }
}
