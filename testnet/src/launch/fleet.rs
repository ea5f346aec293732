//! All nodes of a run. Dropping the fleet kills every process of it.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures::future;
use futures::stream::{self, Stream, StreamExt as _};
use tidings::client::ClientError;
use tokio::time::{Instant, sleep};

use super::local::{Common, Host, Node, NodeError};
use super::plan::NodePlan;
use crate::usage::{self, Usage, Waits};

/// Nodes that start at once, per core. Starting is mostly CPU; a few more keep the cores busy.
const STARTING_PER_CORE: usize = 4;

/// Nodes asked at once: more would only queue for the two cores. In a busy host each answer waits for many turns.
const ASKED_AT_ONCE: usize = 64;

/// Failed starts after which no more nodes are started: the cause is likely the same for all.
const FAILURES_MAX: usize = 5;

/// How long nodes may take to shut down gracefully. A guess.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How often ending nodes are looked at.
const STOP_POLL: Duration = Duration::from_millis(50);

/// The nodes of a run, by their numbers.
#[derive(Debug)]
pub struct Fleet {
    nodes: Vec<Node>,
    /// What they share, if not each has a process of its own.
    hosts: Vec<Rc<Host>>,
}

/// One of the processes that nodes run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// How many nodes share it.
    pub nodes: usize,
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

/// How nodes waited up to a moment.
#[derive(Clone, Debug)]
pub struct FleetWaits {
    /// By node, how its process did for a processor; `None` if there is none any more.
    processor: Vec<Option<Waits>>,
    /// By host, how its nodes did for one another.
    queues: Vec<Option<Waits>>,
}

impl FleetWaits {
    /// How long a node waited each time it had something to do, on average; `None` if the kernel doesn't tell.
    #[must_use]
    pub fn mean_until(&self, later: &Self) -> Option<Duration> {
        let processor = usage::mean_wait(&self.processor, &later.processor)?;
        Some(processor + usage::mean_wait(&self.queues, &later.queues).unwrap_or_default())
    }
}

impl Fleet {
    /// Starts all nodes, a few at a time, and waits until their APIs answer. Each has a process of its own, unless they
    /// are to be in hosts. The first of members starts before all others, which ask it who is there: those who have
    /// found one another stop asking, and without it they could be a fleet of their own.
    ///
    /// # Errors
    /// When nodes don't start; all that did are killed then.
    pub async fn start(
        mut plans: Vec<NodePlan>,
        common: &Common,
        hosts: Option<usize>,
        mut on_started: impl FnMut(),
    ) -> Result<Self, StartError> {
        let wanted = plans.len();
        let none = |error| StartError { started: 0, wanted, failures: vec![error] };
        let hosts =
            future::try_join_all((0..hosts.unwrap_or(0)).map(|number| Host::start(number, common)));
        let hosts = hosts.await.map_err(none)?;
        let host_of = |node: usize| {
            let number = node.checked_rem(hosts.len())?;
            Some(Rc::clone(&hosts[number]))
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let are_members = plans.iter().any(|plan| plan.member.is_some());
        let rest = plans.split_off(usize::from(are_members));
        let start = |plan: NodePlan| {
            let host = host_of(plan.index);
            Node::start(plan, common, host)
        };
        let first = stream::iter(plans).then(&start);
        let rest = stream::iter(rest).map(&start).buffer_unordered(STARTING_PER_CORE * cores);
        let (mut nodes, mut failures) = started(first.chain(rest), &mut on_started).await;
        nodes.sort_unstable_by_key(|node| node.index);
        failures.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if failures.is_empty() {
            return Ok(Self { nodes, hosts });
        }
        Err(StartError { started: nodes.len(), wanted, failures })
    }

    /// All nodes, dead ones too.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes that live.
    pub fn live(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_alive())
    }

    /// By node, whether it lives.
    #[must_use]
    pub fn alive(&self) -> Vec<bool> {
        self.nodes.iter().map(Node::is_alive).collect()
    }

    /// Nodes that died since the last call, other than by our hand.
    #[must_use]
    pub fn new_deaths(&self) -> Vec<NodeError> {
        self.nodes.iter().filter_map(Node::check).collect()
    }

    /// The processes of the nodes that live.
    pub fn processes(&self) -> impl Iterator<Item = Process> {
        let own = self.live().filter(|node| node.host().is_none());
        let own = own.map(|node| Process { pid: node.pid(), nodes: 1 });
        let hosts = self.hosts.iter().map(|host| Process { pid: host.pid(), nodes: host.nodes() });
        own.chain(hosts)
    }

    /// By node, something of its process; `None` if there is none any more. A host is asked once for all its nodes.
    fn by_process<T: Copy>(&self, ask: impl Fn(Process) -> Option<T>) -> Vec<Option<T>> {
        let ask_host = |host: &Rc<Host>| ask(Process { pid: host.pid(), nodes: host.nodes() });
        let hosts: Vec<_> = self.hosts.iter().map(ask_host).collect();
        let ask_node = |node: &Node| match node.host() {
            Some(host) => hosts[host.number],
            None if node.is_alive() => ask(Process { pid: node.pid(), nodes: 1 }),
            None => None,
        };
        self.nodes.iter().map(ask_node).collect()
    }

    /// By node, what its process used so far, with earlier ones of it, or its share of what its host did, which each node has an equal one of, dead
    /// or alive; `None` if there is no process any more.
    #[must_use]
    pub fn usage(&self) -> Vec<Option<Usage>> {
        let mut used =
            self.by_process(|process| Some(usage::usage(process.pid)?.share_of(process.nodes)));
        for (node, used) in self.nodes.iter().zip(&mut used) {
            if let Some(used) = used {
                used.cpu += node.earlier_cpu();
            }
        }
        used
    }

    /// How nodes waited so far.
    pub async fn waits(&self) -> FleetWaits {
        let queues = future::join_all(self.hosts.iter().map(|host| host.queue())).await;
        FleetWaits { processor: self.by_process(|process| usage::waits(process.pid)), queues }
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

/// The nodes that start, and why others don't, up to [`FAILURES_MAX`].
async fn started(
    starting: impl Stream<Item = Result<Node, NodeError>>,
    on_started: &mut impl FnMut(),
) -> (Vec<Node>, Vec<NodeError>) {
    let mut starting = pin!(starting);
    let (mut nodes, mut failures) = (Vec::new(), Vec::new());
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
    (nodes, failures)
}

/// Asks many nodes, some at once; answers come in any order.
pub(crate) async fn ask_all<'a, T>(
    nodes: impl IntoIterator<Item = &'a Node>,
    ask: impl AsyncFn(&'a Node) -> Result<T, ClientError>,
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
