//! Waits until the overlay stands: every node has its links, and together they connect all.

use std::collections::HashMap;
use std::time::Duration;

use tidings::api::{PeerStatus, Status};
use tidings_protocol::ground::link::Direction;
use tidings_sim::overlay::shapes;
use tokio::time::{Instant, sleep};

use super::fleet::{Fleet, ask_all};
use super::local::NodeError;

/// How often nodes that aren't ready are asked again.
const POLL: Duration = Duration::from_millis(100);

/// Nodes named when the overlay doesn't come up.
const NAMED_MAX: usize = 3;

/// What makes a node ready.
#[derive(Clone, Copy, Debug)]
pub enum Goal<'a> {
    /// As many outbound links as it wants, or links with all other nodes.
    Outbound,
    /// Just the links that the topology gives it.
    Degrees(&'a [usize]),
}

/// Links of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkCounts {
    /// Dialled by the node.
    pub outbound: usize,
    /// Dialled by its peers.
    pub inbound: usize,
    /// Outbound links that it wants.
    pub target: usize,
}

impl LinkCounts {
    /// Those of a node that wasn't asked yet: never enough.
    const UNKNOWN: Self = Self { outbound: 0, inbound: 0, target: usize::MAX };
}

impl Goal<'_> {
    fn wanted(self, node: usize, links: LinkCounts, nodes: usize) -> usize {
        match self {
            Self::Outbound => links.target.min(nodes - 1),
            Self::Degrees(degrees) => degrees[node],
        }
    }

    /// Whether a node has its links. In a small network there may be too few nodes to dial that
    /// haven't dialled already, so being linked with everybody is enough.
    fn reached(self, node: usize, links: LinkCounts, nodes: usize) -> bool {
        let all = links.outbound + links.inbound;
        let wanted = self.wanted(node, links, nodes);
        match self {
            Self::Outbound => links.outbound >= wanted || all >= nodes - 1,
            Self::Degrees(_) => all == wanted,
        }
    }

    /// Links that count, of those wanted: `5 of 8 outbound links`.
    fn describe(self, node: usize, links: LinkCounts, nodes: usize) -> String {
        let wanted = self.wanted(node, links, nodes);
        match self {
            Self::Outbound => format!("{} of {wanted} outbound links", links.outbound),
            Self::Degrees(_) => format!("{} of {wanted} links", links.outbound + links.inbound),
        }
    }
}

/// An overlay that stands.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Links of each node.
    pub links: Vec<LinkCounts>,
}

/// An overlay that didn't come up.
#[derive(Debug, thiserror::Error)]
#[error("{ready}/{nodes} ready after {waited_s:.0} s; {}", problems.join("; "))]
pub struct OverlayError {
    /// Nodes that have their links.
    pub ready: usize,
    /// All nodes.
    pub nodes: usize,
    /// How long was waited, seconds.
    pub waited_s: f64,
    /// What is missing, with the last log lines of nodes that lack it.
    pub problems: Vec<String>,
}

/// Waits until every node has its links and the overlay is connected; tells how many nodes are ready.
///
/// # Errors
/// When that takes too long, or a node dies.
pub async fn wait(
    fleet: &Fleet,
    goal: Goal<'_>,
    timeout: Duration,
    mut on_progress: impl FnMut(usize),
) -> Result<Overlay, OverlayError> {
    let began = Instant::now();
    let mut links = vec![LinkCounts::UNKNOWN; fleet.nodes().len()];
    loop {
        let missing = refresh(fleet, goal, &mut links).await;
        on_progress(links.len() - missing.len());
        let late = began.elapsed() > timeout;
        let problems = match fleet.new_deaths() {
            deaths if !deaths.is_empty() => deaths.iter().map(ToString::to_string).collect(),
            _ if !missing.is_empty() && late => describe(fleet, goal, &links, &missing),
            _ if !missing.is_empty() => Vec::new(),
            _ => match inspect(fleet, goal, &mut links).await {
                Ok(()) => return Ok(Overlay { links }),
                Err(problem) if late => vec![problem],
                Err(_) => Vec::new(),
            },
        };
        if !problems.is_empty() {
            return Err(OverlayError {
                ready: links.len() - missing.len(),
                nodes: links.len(),
                waited_s: began.elapsed().as_secs_f64(),
                problems,
            });
        }
        sleep(POLL).await;
    }
}

/// Asks the nodes that weren't ready; returns those that still aren't.
async fn refresh(fleet: &Fleet, goal: Goal<'_>, links: &mut [LinkCounts]) -> Vec<usize> {
    let nodes = links.len();
    let missing = |links: &[LinkCounts]| -> Vec<usize> {
        (0..nodes).filter(|node| !goal.reached(*node, links[*node], nodes)).collect()
    };
    let asked = missing(links).into_iter().map(|node| &fleet.nodes()[node]);
    for (node, status) in ask_all(asked, async |node| node.client.status().await).await {
        // A node that doesn't answer now may be busy; one that died is noticed elsewhere.
        if let Ok(Status { outbound, inbound, outbound_target: target, .. }) = status {
            links[node] = LinkCounts { outbound, inbound, target };
        }
    }
    missing(links)
}

/// Looks at all links at once: links may have gone since their node was found ready, and all of them
/// together must join all nodes.
async fn inspect(fleet: &Fleet, goal: Goal<'_>, links: &mut [LinkCounts]) -> Result<(), String> {
    let nodes = links.len();
    let (statuses, peers) = (
        ask_all(fleet.nodes(), async |node| node.client.status().await).await,
        ask_all(fleet.nodes(), async |node| node.client.peers().await).await,
    );
    let mut numbers = HashMap::with_capacity(nodes);
    for (node, status) in statuses {
        let status = status.map_err(|error| error.to_string())?;
        numbers.insert(status.peer_id, node);
    }
    let mut edges = Vec::new();
    for (node, peers) in peers {
        let peers = peers.map_err(|error| error.to_string())?;
        let outbound = peers.iter().filter(|peer| peer.direction == Direction::Outbound).count();
        links[node].outbound = outbound;
        links[node].inbound = peers.len() - outbound;
        if !goal.reached(node, links[node], nodes) {
            let name = &fleet.nodes()[node].name;
            return Err(format!("{name} has {}", goal.describe(node, links[node], nodes)));
        }
        edges.extend(edges_of(node, &peers, &numbers));
    }
    match shapes::components(nodes, edges)[..] {
        [_] => Ok(()),
        ref parts => {
            Err(format!("the overlay has {} separate parts: {parts:?} nodes", parts.len()))
        }
    }
}

fn edges_of(
    node: usize,
    peers: &[PeerStatus],
    numbers: &HashMap<String, usize>,
) -> impl Iterator<Item = shapes::Edge> {
    peers.iter().filter_map(move |peer| Some((node, *numbers.get(&peer.peer_id)?)))
}

fn describe(fleet: &Fleet, goal: Goal<'_>, links: &[LinkCounts], missing: &[usize]) -> Vec<String> {
    let error = |node: &usize| -> NodeError {
        fleet.nodes()[*node].error(goal.describe(*node, links[*node], links.len()))
    };
    let mut problems: Vec<String> =
        missing.iter().take(NAMED_MAX).map(|node| error(node).to_string()).collect();
    if missing.len() > NAMED_MAX {
        problems.push(format!("and {} more", missing.len() - NAMED_MAX));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(outbound: usize, inbound: usize) -> LinkCounts {
        LinkCounts { outbound, inbound, target: 8 }
    }

    #[test]
    fn a_node_is_ready_with_its_outbound_links_or_linked_with_all() {
        assert!(Goal::Outbound.reached(0, links(8, 0), 200));
        assert!(!Goal::Outbound.reached(0, links(7, 100), 200));
        assert!(Goal::Outbound.reached(0, links(2, 3), 6), "all five others");
        assert!(!Goal::Outbound.reached(0, links(2, 2), 6));
        assert!(!Goal::Outbound.reached(0, LinkCounts::UNKNOWN, 2), "not asked yet");
    }

    #[test]
    fn a_fixed_topology_wants_its_exact_degrees() {
        let goal = Goal::Degrees(&[2, 3]);
        assert!(goal.reached(0, links(1, 1), 200) && goal.reached(1, links(3, 0), 200));
        assert!(!goal.reached(0, links(2, 1), 200), "one too many");
        assert_eq!(goal.describe(1, links(1, 1), 200), "2 of 3 links");
    }
}
