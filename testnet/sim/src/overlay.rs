//! Who is linked with whom at the start of a run.
//!
//! The classic shapes are built in [`shapes`]; this file adds those that stand for real networks.
//! Nodes have numbers of 32 bits, since a million of them have eight million links. `launch` draws its
//! links here as well, so that the same manifest gives the same ones.

pub mod shapes;

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

/// Shape of the overlay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Each node dials `peers.outbound` reachable others, uniformly at random: what address gossip leads
    /// to, without simulating it.
    #[default]
    Outbound,
    /// Each node knows `network.bootstrap` others; the overlay forms by address gossip.
    Gossip,
    /// Each node dials `peers.outbound` others and is dialled by as many, at random.
    RandomRegular,
    /// A circle.
    Ring,
    /// A rectangle of rows and columns.
    Grid,
    /// A chain with two ends.
    Line,
    /// A tree with four children per inner node.
    Tree,
    /// Everybody with everybody.
    Complete,
    /// Two halves, each as `outbound`, and `network.bridges` links between them.
    Clusters,
    /// The links that `network.links` lists.
    Listed,
}

/// A directed link: who dials, who is dialled.
pub type Edge = (u32, u32);

/// All that decides the links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlaySpec {
    /// The shape.
    pub shape: Shape,
    /// How many nodes.
    pub nodes: u32,
    /// The first so many nodes can be dialled; the others only dial.
    pub reachable: u32,
    /// Links that each node dials, where the shape leaves that open.
    pub outbound: usize,
    /// Most links that a node takes from others.
    pub inbound_max: usize,
    /// Links between two clusters.
    pub bridges: usize,
    /// The links themselves, where they are listed.
    pub listed: Vec<Edge>,
}

impl Shape {
    /// All shapes, in the order in which they are offered.
    pub const ALL: [Self; 10] = [
        Self::Outbound,
        Self::Gossip,
        Self::RandomRegular,
        Self::Ring,
        Self::Grid,
        Self::Line,
        Self::Tree,
        Self::Complete,
        Self::Clusters,
        Self::Listed,
    ];

    /// Its name in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Gossip => "gossip",
            Self::RandomRegular => "random-regular",
            Self::Ring => "ring",
            Self::Grid => "grid",
            Self::Line => "line",
            Self::Tree => "tree",
            Self::Complete => "complete",
            Self::Clusters => "clusters",
            Self::Listed => "listed",
        }
    }

    /// What it is, in a few words for whoever has to choose.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Outbound => {
                "Each node dials `peers.outbound` reachable others, uniformly at random: what address gossip \
                 leads to, without simulating it"
            }
            Self::Gossip => {
                "Each node knows `network.bootstrap` others; the overlay forms by address gossip"
            }
            Self::RandomRegular => {
                "Each node dials `peers.outbound` others and is dialled by as many, at random"
            }
            Self::Ring => "A circle",
            Self::Grid => "A rectangle of rows and columns",
            Self::Line => "A chain with two ends",
            Self::Tree => "A tree with four children per inner node",
            Self::Complete => "Everybody with everybody",
            Self::Clusters => {
                "Two halves, each as `outbound`, and `network.bridges` links between them"
            }
            Self::Listed => {
                "The links that `network.links` lists, or the file `network.links_file`"
            }
        }
    }

    /// Whether nodes dial these very links again when they break; otherwise they look for others.
    #[must_use]
    pub const fn is_fixed(self) -> bool {
        !matches!(self, Self::Outbound | Self::Gossip)
    }

    /// Whether the shape itself says how many links nodes have, rather than `peers.outbound`.
    #[must_use]
    pub const fn has_own_degree(self) -> bool {
        matches!(
            self,
            Self::Ring | Self::Grid | Self::Line | Self::Tree | Self::Complete | Self::Listed
        )
    }
}

/// The links, in the order in which they come up; none for [`Shape::Gossip`].
///
/// # Errors
/// A sentence about a shape that can't exist.
pub fn edges(spec: &OverlaySpec, rng: &mut impl Rng) -> Result<Vec<Edge>, String> {
    let nodes = spec.nodes as usize;
    let edges = match spec.shape {
        Shape::Outbound => outbound(spec, 0..spec.nodes, 0..spec.reachable, rng),
        Shape::Complete => complete(spec.nodes),
        Shape::Clusters => clusters(spec, rng),
        Shape::Gossip => Vec::new(),
        Shape::RandomRegular => {
            let built = shapes::random_regular(nodes, spec.outbound, rng);
            all_narrow(built.map_err(|error| error.to_string())?)
        }
        Shape::Ring => all_narrow(shapes::ring(nodes)),
        Shape::Grid => all_narrow(shapes::grid(nodes)),
        Shape::Line => all_narrow(shapes::line(nodes)),
        Shape::Tree => all_narrow(shapes::tree(nodes)),
        Shape::Listed => spec.listed.clone(),
    };
    check_inbound(spec, &edges)?;
    Ok(edges)
}

/// Draws that a node makes for one link before it goes without: enough to find one of the last two free
/// nodes of a network of a hundred.
const DRAWS: usize = 500;

/// Each node dials distinct random targets that have room and are not linked with it already. The links
/// come up in rounds, one of each node, so that dialled and accepted links mix in a node's slots.
fn outbound(
    spec: &OverlaySpec,
    nodes: std::ops::Range<u32>,
    targets: std::ops::Range<u32>,
    rng: &mut impl Rng,
) -> Vec<Edge> {
    let (first, degree) = (nodes.start, spec.outbound);
    // By node, `degree` places each; NOBODY where a node found no more.
    let mut chosen = vec![NOBODY; nodes.len() * degree];
    let mut inbound = vec![0_u32; nodes.len()];
    for node in nodes.clone() {
        let at = (node - first) as usize * degree;
        for place in 0..degree {
            let free = |target: u32, chosen: &[u32], inbound: &[u32]| {
                let theirs = (target - first) as usize * degree;
                target != node
                    && (inbound[(target - first) as usize] as usize) < spec.inbound_max
                    && !chosen[at..at + place].contains(&target)
                    && !chosen[theirs..theirs + degree].contains(&node)
            };
            let target = (0..DRAWS)
                .map(|_| rng.random_range(targets.clone()))
                .find(|target| free(*target, &chosen, &inbound));
            let Some(target) = target else { break };
            chosen[at + place] = target;
            inbound[(target - first) as usize] += 1;
        }
    }
    let edge =
        |(place, node): (usize, u32)| (node, chosen[(node - first) as usize * degree + place]);
    let rounds = (0..degree).flat_map(|place| nodes.clone().map(move |node| (place, node)));
    rounds.map(edge).filter(|(_, target)| *target != NOBODY).collect()
}

const NOBODY: u32 = u32::MAX;

/// Each pair once; who dials alternates, so that the load of being dialled is even.
fn complete(nodes: u32) -> Vec<Edge> {
    let pairs = (0..nodes).flat_map(|a| (0..a).map(move |b| (a, b)));
    pairs.map(|(a, b)| if (a + b) % 2 == 0 { (a, b) } else { (b, a) }).collect()
}

fn clusters(spec: &OverlaySpec, rng: &mut impl Rng) -> Vec<Edge> {
    let half = spec.nodes / 2;
    let mut edges = outbound(spec, 0..half, 0..half, rng);
    edges.extend(outbound(spec, half..spec.nodes, half..spec.nodes, rng));
    let mut bridges = Vec::with_capacity(spec.bridges);
    while bridges.len() < spec.bridges {
        let bridge = (rng.random_range(0..half), rng.random_range(half..spec.nodes));
        if !bridges.contains(&bridge) {
            bridges.push(bridge);
        }
    }
    edges.extend(bridges);
    edges
}

fn check_inbound(spec: &OverlaySpec, edges: &[Edge]) -> Result<(), String> {
    let mut inbound = vec![0_usize; spec.nodes as usize];
    for (_, target) in edges {
        inbound[*target as usize] += 1;
    }
    let most = inbound.into_iter().max().unwrap_or(0);
    if most <= spec.inbound_max {
        return Ok(());
    }
    Err(format!(
        "in this overlay a node is dialled by {most} others, but peers.inbound_max is {}: allow more with \
         --param peers.inbound_max={most}",
        spec.inbound_max
    ))
}

fn all_narrow(edges: Vec<shapes::Edge>) -> Vec<Edge> {
    edges.into_iter().map(|(a, b)| (narrow(a), narrow(b))).collect()
}

fn narrow(node: usize) -> u32 {
    u32::try_from(node).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
