//! All nodes of a run. Dropping the fleet kills every process of it.

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tidings::client::ClientError;
use tokio::time::{Instant, sleep};

use super::local::{Common, NodeError, NodeProcess};
use super::plan::NodePlan;
use crate::usage::{self, Usage, Waits};

/// Nodes that start at once, per core. Starting is mostly CPU; a few more keep the cores busy.
const STARTING_PER_CORE: usize = 4;

/// Nodes asked at once: more would only queue for the two cores.
const ASKED_AT_ONCE: usize = 32;

/// Failed starts after which no more nodes are started: the cause is likely the same for all.
const FAILURES_MAX: usize = 5;

/// How long nodes may take to shut down gracefully. A guess.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How often ending nodes are looked at.
const STOP_POLL: Duration = Duration::from_millis(50);

/// The nodes of a run, by their numbers.
#[derive(Debug)]
pub struct Fleet {
    nodes: Vec<NodeProcess>,
}

/// Nodes that didn't start.
#[derive(Debug, thiserror::Error)]
#[error("{started}/{wanted} nodes started; {}", join(failures))]
pub struct StartError {
    /// Nodes that did.
    pub started: usize,
    /// Nodes that should have.
    pub wanted: usize,
    /// The first failures.
    pub failures: Vec<NodeError>,
}

/// Errors of nodes in one sentence.
pub(crate) fn join(errors: &[NodeError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Fleet {
    /// Starts all nodes, a few at a time, and waits until their APIs answer.
    ///
    /// # Errors
    /// When nodes don't start; all that did are killed then.
    pub async fn start(
        plans: Vec<NodePlan>,
        common: &Common,
        mut on_started: impl FnMut(),
    ) -> Result<Self, StartError> {
        let wanted = plans.len();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut starting = stream::iter(plans)
            .map(|plan| NodeProcess::start(plan, common))
            .buffer_unordered(STARTING_PER_CORE * cores);
        let mut nodes = Vec::with_capacity(wanted);
        let mut failures = Vec::new();
        while let Some(started) = starting.next().await {
            match started {
                Ok(node) => nodes.push(node),
                Err(error) => failures.push(error),
            }
            on_started();
            if failures.len() >= FAILURES_MAX {
                break;
            }
        }
        drop(starting);
        nodes.sort_unstable_by_key(|node| node.index);
        failures.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if failures.is_empty() {
            return Ok(Self { nodes });
        }
        Err(StartError { started: nodes.len(), wanted, failures })
    }

    /// All nodes, dead ones too.
    #[must_use]
    pub fn nodes(&self) -> &[NodeProcess] {
        &self.nodes
    }

    /// The nodes that live.
    pub fn live(&self) -> impl Iterator<Item = &NodeProcess> {
        self.nodes.iter().filter(|node| node.is_alive())
    }

    /// By node, whether it lives.
    #[must_use]
    pub fn alive(&self) -> Vec<bool> {
        self.nodes.iter().map(NodeProcess::is_alive).collect()
    }

    /// Nodes that died since the last call, other than by our hand.
    #[must_use]
    pub fn new_deaths(&self) -> Vec<NodeError> {
        self.nodes.iter().filter_map(NodeProcess::check).collect()
    }

    /// By node, what its process used so far; `None` if there is none any more.
    #[must_use]
    pub fn usage(&self) -> Vec<Option<Usage>> {
        self.nodes
            .iter()
            .map(|node| node.is_alive().then(|| usage::usage(node.pid)).flatten())
            .collect()
    }

    /// By node, how its process waited for a processor so far; `None` if there is none any more.
    #[must_use]
    pub fn waits(&self) -> Vec<Option<Waits>> {
        let waits = |node: &NodeProcess| node.is_alive().then(|| usage::waits(node.pid)).flatten();
        self.nodes.iter().map(waits).collect()
    }

    /// Shuts all nodes down: gracefully, and those that take too long with force. Returns how many
    /// had to be forced.
    pub async fn stop(self) -> usize {
        for node in &self.nodes {
            node.terminate();
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        loop {
            let _ = self.new_deaths();
            let left = self.live().count();
            if left == 0 || Instant::now() > deadline {
                return left;
            }
            sleep(STOP_POLL).await;
        }
    }
}

/// Asks many nodes, some at once; answers come in any order.
pub(crate) async fn ask_all<'a, T>(
    nodes: impl IntoIterator<Item = &'a NodeProcess>,
    ask: impl AsyncFn(&'a NodeProcess) -> Result<T, ClientError>,
) -> Vec<(usize, Result<T, ClientError>)> {
    let ask = &ask;
    stream::iter(nodes)
        .map(|node| async move { (node.index, ask(node).await) })
        .buffer_unordered(ASKED_AT_ONCE)
        .collect()
        .await
}

impl Drop for Fleet {
    /// All are sent their signal first, so that they end side by side.
    fn drop(&mut self) {
        for node in &self.nodes {
            node.end();
        }
    }
}
