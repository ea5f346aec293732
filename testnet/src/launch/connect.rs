//! Waits until the overlay stands: every node has its links, and together they connect all.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tidings::api::{PeerStatus, Status};
use tidings_protocol::ground::link::Direction;
use tidings_sim::overlay::shapes;
use tokio::time::{Instant, sleep, sleep_until};

use super::fleet::{Fleet, ask_all};
use super::local::NodeError;
use super::settings::narrow;

/// How often nodes that aren't ready are asked again.
const POLL: Duration = Duration::from_millis(100);

/// How often all nodes are looked after, whether they live.
const LOOK: Duration = Duration::from_millis(500);

/// How many nodes that aren't ready are asked again. A guess: 160 answers a second take a twentieth of a core.
const WATCHED: usize = 16;

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
            // Where HyParView's views decide it is the same who dialled, and they are never full everywhere.
            Self::Outbound if wanted == 0 => all > 0,
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
    /// Who dialled whom, in order.
    pub dialled: Vec<(u32, u32)>,
    /// The nodes' identities.
    peer_ids: Vec<String>,
}

impl Overlay {
    /// Who dialled whom of the links that stand now. Nodes that don't answer are left out.
    pub async fn dialled_now(&self, fleet: &Fleet) -> Vec<(u32, u32)> {
        let peers = ask_all(fleet.nodes(), async |node| node.client.peers().await).await;
        let answers = peers.into_iter().filter_map(|(node, peers)| Some((node, peers.ok()?)));
        dialled(answers, &numbers(&self.peer_ids))
    }
}

/// The nodes' numbers by their identities.
fn numbers(peer_ids: &[String]) -> HashMap<&str, u32> {
    (0..).zip(peer_ids).map(|(node, id)| (id.as_str(), node)).collect()
}

/// Who dialled whom, as both ends tell it: so a link is known if one of them answers.
fn dialled(
    answers: impl IntoIterator<Item = (usize, Vec<PeerStatus>)>,
    numbers: &HashMap<&str, u32>,
) -> Vec<(u32, u32)> {
    let mut links = Vec::new();
    for (node, peers) in answers {
        let node = narrow(node);
        let known = |peer: &PeerStatus| Some((peer.direction, *numbers.get(&*peer.peer_id)?));
        links.extend(peers.iter().filter_map(known).map(|(direction, other)| match direction {
            Direction::Outbound => (node, other),
            Direction::Inbound => (other, node),
        }));
    }
    links.sort_unstable();
    links.dedup();
    links
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
    on_progress: impl Fn(usize),
) -> Result<Overlay, OverlayError> {
    let began = Instant::now();
    let watch = Watch::new(fleet, goal, on_progress);
    let failed = |problems| OverlayError {
        ready: watch.ready(),
        nodes: fleet.nodes().len(),
        waited_s: began.elapsed().as_secs_f64(),
        problems,
    };
    loop {
        tokio::select! {
            () = watch.all() => {}
            deaths = first_deaths(fleet) => return Err(failed(deaths)),
            () = sleep_until(began + timeout) => return Err(failed(watch.describe().await)),
        }
        match watch.inspect().await {
            Ok(dialled) => {
                let (links, peer_ids) = (watch.links.into_inner(), watch.peer_ids.into_inner());
                return Ok(Overlay { links, dialled, peer_ids });
            }
            Err(problem) if began.elapsed() > timeout => return Err(failed(vec![problem])),
            Err(_) => sleep(POLL).await,
        }
    }
}

/// Waits until nodes have died.
pub(super) async fn first_deaths(fleet: &Fleet) -> Vec<String> {
    loop {
        sleep(LOOK).await;
        let deaths = fleet.new_deaths();
        if !deaths.is_empty() {
            return deaths.iter().map(ToString::to_string).collect();
        }
    }
}

/// The nodes' links, as far as they were asked.
struct Watch<'a, F> {
    fleet: &'a Fleet,
    goal: Goal<'a>,
    links: RefCell<Vec<LinkCounts>>,
    /// Their identities; empty before a node was asked.
    peer_ids: RefCell<Vec<String>>,
    on_progress: F,
}

impl<'a, F: Fn(usize)> Watch<'a, F> {
    fn new(fleet: &'a Fleet, goal: Goal<'a>, on_progress: F) -> Self {
        let nodes = fleet.nodes().len();
        Self {
            fleet,
            goal,
            links: RefCell::new(vec![LinkCounts::UNKNOWN; nodes]),
            peer_ids: RefCell::new(vec![String::new(); nodes]),
            on_progress,
        }
    }

    fn is_ready(&self, node: usize) -> bool {
        let links = self.links.borrow();
        self.goal.reached(node, links[node], links.len())
    }

    fn missing(&self) -> Vec<usize> {
        (0..self.fleet.nodes().len()).filter(|node| !self.is_ready(*node)).collect()
    }

    fn ready(&self) -> usize {
        self.fleet.nodes().len() - self.missing().len()
    }

    /// Waits until every node was ready once. A few are asked time and again, and the others only once those are: asking
    /// all of a thousand nodes ten times a second would keep them from getting ready.
    async fn all(&self) {
        stream::iter(self.missing())
            .for_each_concurrent(WATCHED, |node| async move {
                while !self.ask(node).await {
                    sleep(POLL).await;
                }
                (self.on_progress)(self.ready());
            })
            .await;
    }

    /// Asks a node; returns whether it is ready.
    async fn ask(&self, node: usize) -> bool {
        // A node that doesn't answer now may be busy; one that died is noticed elsewhere.
        if let Ok(status) = self.fleet.nodes()[node].client.status().await {
            let Status { outbound, inbound, outbound_target: target, peer_id, .. } = status;
            self.links.borrow_mut()[node] = LinkCounts { outbound, inbound, target };
            self.peer_ids.borrow_mut()[node] = peer_id;
        }
        self.is_ready(node)
    }

    /// Looks at all links at once: links may have gone since their node was found ready, and all of them
    /// together must join all nodes.
    async fn inspect(&self) -> Result<Vec<(u32, u32)>, String> {
        let peers = ask_all(self.fleet.nodes(), async |node| node.client.peers().await).await;
        let mut answers = Vec::with_capacity(peers.len());
        for (node, peers) in peers {
            let peers = peers.map_err(|error| error.to_string())?;
            let outbound =
                peers.iter().filter(|peer| peer.direction == Direction::Outbound).count();
            let links = &mut self.links.borrow_mut()[node];
            (links.outbound, links.inbound) = (outbound, peers.len() - outbound);
            answers.push((node, peers));
        }
        if let Some(node) = self.missing().first() {
            return Err(self.wanting(*node));
        }
        let peer_ids = self.peer_ids.borrow();
        let dialled = dialled(answers, &numbers(&peer_ids));
        let edges = dialled.iter().map(|(from, to)| (*from as usize, *to as usize));
        match shapes::components(peer_ids.len(), edges)[..] {
            [_] => Ok(dialled),
            ref parts => {
                Err(format!("the overlay has {} separate parts: {parts:?} nodes", parts.len()))
            }
        }
    }

    /// What a node has and wants.
    fn wanting(&self, node: usize) -> String {
        let links = self.links.borrow();
        let wanting = self.goal.describe(node, links[node], links.len());
        format!("{} has {wanting}", self.fleet.nodes()[node].name)
    }

    /// What is missing now, by example.
    async fn describe(&self) -> Vec<String> {
        let missing = self.missing();
        let asked = missing.iter().map(|node| &self.fleet.nodes()[*node]);
        ask_all(asked, async |node| Ok(self.ask(node.index).await)).await;
        let missing = self.missing();
        let error = |node: &usize| -> NodeError {
            let links = self.links.borrow();
            let wanting = self.goal.describe(*node, links[*node], links.len());
            self.fleet.nodes()[*node].error(wanting)
        };
        let mut problems: Vec<String> =
            missing.iter().take(NAMED_MAX).map(|node| error(node).to_string()).collect();
        if missing.len() > NAMED_MAX {
            problems.push(format!("and {} more", missing.len() - NAMED_MAX));
        }
        problems
    }
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
