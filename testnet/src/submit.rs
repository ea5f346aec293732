//! Submits the items of a run, each on time, each at a random living node.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::stream::{self, StreamExt as _};
use rand::RngExt;
use tidings::control::Outcome;
use tokio::time::{Instant, sleep_until, timeout};

use crate::fleet::Fleet;
use crate::node_process::NodeProcess;
use crate::rng::{self, Stream};
use crate::workload::{Planned, Schedule};

/// Submissions under way at once, those that wait for their time included. Over it, later ones are
/// late, which the record shows.
const UNDER_WAY_MAX: usize = 512;

/// How long a node may take to acknowledge one. Far more than a healthy node under load needs.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What became of one submission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submission {
    /// When it was sent to its origin, microseconds of Unix time, and which node that was; `None` if
    /// it wasn't sent.
    pub sent: Option<(u64, usize)>,
    /// Why it counts as not acknowledged, if it was.
    pub problem: Option<String>,
}

/// Microseconds of Unix time, the clock of the nodes' traces.
#[must_use]
pub fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Submits all items; their records are kept up to date meanwhile.
pub async fn all(
    fleet: &Fleet,
    items: &[Planned],
    schedule: Schedule,
    seed: u64,
    began: Instant,
    records: &RefCell<Vec<Submission>>,
) {
    let mut origins = rng::stream(seed, Stream::Origins);
    // Drawn in order, whatever happens later.
    let drawn = items.iter().map(|item| (item, origins.random::<u64>())).enumerate();
    stream::iter(drawn)
        .for_each_concurrent(UNDER_WAY_MAX, |(index, (item, draw))| async move {
            sleep_until(began + schedule.due(index)).await;
            let Some(origin) = choose(fleet, draw) else { return };
            records.borrow_mut()[index].sent = Some((unix_us(), origin.index));
            let problem = submit(origin, item).await.err();
            records.borrow_mut()[index].problem = problem;
        })
        .await;
}

/// A living node: the one that the draw names, or the next one alive.
fn choose(fleet: &Fleet, draw: u64) -> Option<&NodeProcess> {
    let nodes = fleet.nodes();
    let start = usize::try_from(draw % nodes.len() as u64).unwrap_or(0);
    nodes[start..].iter().chain(&nodes[..start]).find(|node| node.is_alive())
}

async fn submit(origin: &NodeProcess, item: &Planned) -> Result<(), String> {
    let name = &origin.name;
    let answer = timeout(TIMEOUT, origin.client.submit(item.kind, item.bytes.clone())).await;
    let answer = answer
        .map_err(|_| format!("{name} didn't acknowledge within {} s", TIMEOUT.as_secs()))?
        .map_err(|error| format!("{name}: {error}"))?;
    match answer.outcome {
        Outcome::Accepted if answer.id == Some(item.id) => Ok(()),
        Outcome::Accepted => Err(format!("{name} named the item otherwise: {:?}", answer.id)),
        Outcome::AlreadyKnown => Err(format!("{name} knew the item already")),
        Outcome::Rejected => Err(format!(
            "{name} rejected it: {}",
            answer.rule.as_deref().unwrap_or("no rule named")
        )),
    }
}
