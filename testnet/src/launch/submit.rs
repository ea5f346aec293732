//! Submits the items of a run, each on time, each at a random living node.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tidings::api::Outcome;
use tidings::clock::Clock;
use tidings_protocol::ground::time::Time;
use tidings_sim::workload;
use tokio::sync::Notify;
use tokio::time::{sleep_until, timeout};

use super::fleet::Fleet;
use super::items::{Planned, Schedule};
use super::local::Node;
use super::settings::narrow;

/// Submissions under way at once, those that wait for their time included. Over it, later ones are
/// late, which the record shows.
const UNDER_WAY_MAX: usize = 512;

/// How long a node may take to acknowledge one. Far more than a healthy node under load needs.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long an item that follows others may wait for them. A guess, far more than any relay takes.
const FOLLOWING_MAX: Duration = Duration::from_secs(120);

/// What became of one submission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submission {
    /// When it was sent to its origin, microseconds of the network's Unix time, and which node that was; `None` if
    /// it wasn't sent.
    pub sent: Option<(u64, usize)>,
    /// Why it counts as not acknowledged, if it was.
    pub problem: Option<String>,
    /// It waited for those before it: it was late on purpose.
    pub followed: bool,
}

/// Whether all that was submitted so far has arrived: told by whoever reads the traces.
#[derive(Debug, Default)]
pub struct Arrived {
    all: Cell<bool>,
    told: Notify,
}

impl Arrived {
    /// Tells it anew.
    pub fn tell(&self, all: bool) {
        self.all.set(all);
        self.told.notify_waiters();
    }

    /// Waits until everything has arrived, or for as long as is reasonable: an item that is lost stops nobody.
    async fn wait(&self) {
        let told = async {
            self.told.notified().await; // what was told before may not count the latest ones
            while !self.all.get() {
                self.told.notified().await;
            }
        };
        let _ = timeout(FOLLOWING_MAX, told).await; // out of patience
    }
}

/// Submits all items by a clock, from a time of it on; their records are kept up to date meanwhile.
pub async fn all(
    fleet: &Fleet,
    (items, origins): (&[Planned], Origins),
    schedule: Schedule,
    (clock, began): (&Clock, Time),
    (records, arrived): (&RefCell<Vec<Submission>>, &Arrived),
) {
    stream::iter(items.iter().enumerate())
        .for_each_concurrent(UNDER_WAY_MAX, |(index, item)| async move {
            sleep_until(clock.instant(began + schedule.due(index))).await;
            if item.follows {
                arrived.wait().await;
                records.borrow_mut()[index].followed = true;
            }
            let Some(origin) = origins.choose(fleet, index) else { return };
            records.borrow_mut()[index].sent = Some((clock.unix_us(clock.now()), origin.index));
            let problem = submit(origin, item).await.err();
            records.borrow_mut()[index].problem = problem;
        })
        .await;
}

/// Where items are submitted.
#[derive(Clone, Copy, Debug)]
pub struct Origins {
    /// Seed of the run.
    pub seed: u64,
    /// How many items of the workload came before these.
    pub first: usize,
    /// The node at which all are, if one was named; random ones otherwise.
    pub named: Option<u32>,
}

impl Origins {
    /// The living node at which a simulation of the same seed submits the item too.
    fn choose(self, fleet: &Fleet, item: usize) -> Option<&Node> {
        let nodes = fleet.nodes();
        // What is submitted to a node that never delivers gets nowhere.
        let alive = |node: u32| nodes[node as usize].is_up() && !nodes[node as usize].withholds;
        let origin = match self.named {
            Some(named) => alive(named).then_some(named),
            None => workload::origin(self.seed, self.first + item, narrow(nodes.len()), alive),
        };
        Some(&nodes[origin? as usize])
    }
}

async fn submit(origin: &Node, item: &Planned) -> Result<(), String> {
    let name = &origin.name;
    let answer = timeout(TIMEOUT, origin.client.submit(item.id.kind(), item.bytes.clone())).await;
    let answer = answer
        .map_err(|_| format!("{name} didn't acknowledge within {} s", TIMEOUT.as_secs()))?
        .map_err(|error| format!("{name}: {error}"))?;
    match answer.outcome {
        Outcome::Accepted if answer.id == Some(item.id.hash()) => Ok(()),
        Outcome::Accepted => Err(format!("{name} named the item otherwise: {:?}", answer.id)),
        Outcome::AlreadyKnown => Err(format!("{name} knew the item already")),
        Outcome::Rejected => Err(format!(
            "{name} rejected it: {}",
            answer.rule.as_deref().unwrap_or("no rule named")
        )),
    }
}
