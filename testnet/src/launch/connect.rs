//! Waits until the overlay stands: every node has its links, and together they connect all.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tidings::api::{PeerStatus, Status};
use tidings_protocol::ground::link::Direction;
use tidings_sim::overlay::shapes;
use tokio::time::sleep;

use super::fleet::{Fleet, ask_all};
use super::givers::Givers;
use super::local::Node;
use super::ready::{NotReady, POLL, Readiness, Watch, first_deaths};
use super::settings::narrow;

/// How many nodes that aren't ready are asked again. A guess: 160 answers a second take a twentieth of a core.
const WATCHED: usize = 16;

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
    /// Knows the nodes by their identities, and none of their links yet.
    #[must_use]
    pub fn givers(&self) -> Givers {
        let numbers = numbers(&self.peer_ids).into_iter();
        Givers::new(numbers.filter_map(|(id, node)| Some((id.parse().ok()?, node))).collect())
    }

    /// The nodes' identities; nothing of a node that didn't tell.
    #[must_use]
    pub fn peer_ids(&self) -> &[String] {
        &self.peer_ids
    }

    /// Who dialled whom of the links that stand now. Nodes that don't answer are left out.
    pub async fn dialled_now(&self, fleet: &Fleet) -> Vec<(u32, u32)> {
        let peers = ask_all(fleet.nodes(), async |node| node.client.peers().await).await;
        let answers = peers.into_iter().filter_map(|(node, peers)| Some((node, peers.ok()?.peers)));
        dialled(answers, &numbers(&self.peer_ids))
    }
}

/// The nodes' numbers by their identities.
fn numbers(peer_ids: &[String]) -> HashMap<&str, u32> {
    let known = (0..).zip(peer_ids).filter(|(_, id)| !id.is_empty());
    known.map(|(node, id)| (id.as_str(), node)).collect()
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

/// What a node tells of its links.
#[derive(Clone, Debug)]
pub(super) struct Linked {
    links: LinkCounts,
    peer_id: String,
}

impl Readiness for Goal<'_> {
    type Told = Linked;

    async fn ask(&self, node: &Node) -> Option<Linked> {
        let status = node.client.status().await.ok()?;
        let Status { outbound, inbound, outbound_target: target, peer_id, .. } = status;
        Some(Linked { links: LinkCounts { outbound, inbound, target }, peer_id })
    }

    fn is_ready(&self, node: usize, told: Option<&Linked>, living: usize) -> bool {
        self.reached(node, told.map_or(LinkCounts::UNKNOWN, |told| told.links), living)
    }

    fn wanting(&self, node: usize, told: Option<&Linked>, living: usize) -> String {
        self.describe(node, told.map_or(LinkCounts::UNKNOWN, |told| told.links), living)
    }
}

/// Waits until every node that lives has its links and the overlay of all these is connected; tells how many nodes are ready.
///
/// # Errors
/// When that takes too long, or a node dies.
pub async fn wait(
    fleet: &Fleet,
    goal: Goal<'_>,
    timeout: Duration,
    on_progress: impl Fn(usize),
) -> Result<Overlay, NotReady> {
    wait_or(fleet, goal, timeout, on_progress, || first_deaths(fleet)).await
}

/// The same for those who are left of an overlay in which nodes were killed, while somebody else looks after deaths.
///
/// # Errors
/// When that takes too long.
pub async fn wait_again(fleet: &Fleet, timeout: Duration) -> Result<Overlay, NotReady> {
    wait_or(fleet, Goal::Outbound, timeout, |_| {}, std::future::pending).await
}

async fn wait_or<D: Future<Output = Vec<String>>>(
    fleet: &Fleet,
    goal: Goal<'_>,
    timeout: Duration,
    on_progress: impl Fn(usize),
    deaths: impl Fn() -> D,
) -> Result<Overlay, NotReady> {
    let watch = Watch::begin(fleet, goal, WATCHED, on_progress);
    loop {
        watch.once(timeout, deaths()).await?;
        match inspect(&watch).await {
            Ok(dialled) => {
                let told = watch.told.into_inner();
                let links = told.iter().map(|told| told.as_ref().map(|told| told.links));
                return Ok(Overlay {
                    links: links.map(|links| links.unwrap_or(LinkCounts::UNKNOWN)).collect(),
                    dialled,
                    peer_ids: peer_ids(&told),
                });
            }
            Err(problem) if watch.elapsed() > timeout => return Err(watch.failed(vec![problem])),
            Err(_) => sleep(POLL).await,
        }
    }
}

/// By node, its identity; nothing if it wasn't asked.
fn peer_ids(told: &[Option<Linked>]) -> Vec<String> {
    told.iter()
        .map(|told| told.as_ref().map_or_else(String::new, |told| told.peer_id.clone()))
        .collect()
}

/// Looks at all links at once: links may have gone since their node was found ready, and all of them
/// together must join all nodes. Those with nodes that are dead don't count.
async fn inspect<F: Fn(usize)>(watch: &Watch<'_, Goal<'_>, F>) -> Result<Vec<(u32, u32)>, String> {
    let living = watch.living.iter().map(|node| &watch.fleet.nodes()[*node]);
    let peers = ask_all(living, async |node| node.client.peers().await).await;
    let peer_ids = peer_ids(&watch.told.borrow());
    let numbers = numbers(&peer_ids);
    let mut answers = Vec::with_capacity(peers.len());
    for (node, peers) in peers {
        let mut peers = peers.map_err(|error| error.to_string())?.peers;
        peers.retain(|peer| numbers.contains_key(&*peer.peer_id));
        let outbound = peers.iter().filter(|peer| peer.direction == Direction::Outbound).count();
        if let Some(told) = &mut watch.told.borrow_mut()[node] {
            (told.links.outbound, told.links.inbound) = (outbound, peers.len() - outbound);
        }
        answers.push((node, peers));
    }
    if let Some(node) = watch.missing().first() {
        let name = &watch.fleet.nodes()[*node].name;
        return Err(format!("{name} has {}", watch.wanting(*node)));
    }
    let dialled = dialled(answers, &numbers);
    let place = |node: u32| watch.living.binary_search(&(node as usize)).ok();
    let edges = dialled.iter().filter_map(|(from, to)| Some((place(*from)?, place(*to)?)));
    match shapes::components(watch.living.len(), edges)[..] {
        [_] => Ok(dialled),
        ref parts => {
            Err(format!("the overlay has {} separate parts: {parts:?} nodes", parts.len()))
        }
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
