//! Who is linked with whom at the start of a run.
//!
//! The classic shapes are built in [`crate::topology`]; this file adds those that stand for real networks.
//! Nodes have numbers of 32 bits, since a million of them have eight million links. `launch` draws its
//! links here as well, so that the same manifest gives the same ones.

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::topology;

/// Shape of the overlay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
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
}

/// A directed link: who dials, who is dialled.
pub type Edge = (u32, u32);

/// All that decides the links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
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
}

impl Plan {
    /// What a manifest says about the overlay.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            shape: manifest.network.topology,
            nodes: narrow(manifest.network.nodes),
            reachable: narrow(manifest.network.reachable()),
            outbound: manifest.params.peers.outbound,
            inbound_max: manifest.params.peers.inbound_max,
            bridges: manifest.network.bridges,
        }
    }
}

impl Shape {
    /// Whether nodes dial these very links again when they break; otherwise they look for others.
    #[must_use]
    pub const fn is_fixed(self) -> bool {
        !matches!(self, Self::Outbound | Self::Gossip)
    }

    /// Whether the shape itself says how many links nodes have, rather than `peers.outbound`.
    #[must_use]
    pub const fn has_own_degree(self) -> bool {
        matches!(self, Self::Ring | Self::Grid | Self::Line | Self::Tree | Self::Complete)
    }
}

/// The links, in the order in which they come up; none for [`Shape::Gossip`].
///
/// # Errors
/// A sentence about a shape that can't exist.
pub fn edges(plan: &Plan, rng: &mut impl Rng) -> Result<Vec<Edge>, String> {
    let nodes = plan.nodes as usize;
    let edges = match plan.shape {
        Shape::Outbound => outbound(plan, 0..plan.nodes, 0..plan.reachable, rng),
        Shape::Complete => complete(plan.nodes),
        Shape::Clusters => clusters(plan, rng),
        Shape::Gossip => Vec::new(),
        Shape::RandomRegular => {
            let built = topology::random_regular(nodes, plan.outbound, rng);
            all_narrow(built.map_err(|error| error.to_string())?)
        }
        Shape::Ring => all_narrow(topology::ring(nodes)),
        Shape::Grid => all_narrow(topology::grid(nodes)),
        Shape::Line => all_narrow(topology::line(nodes)),
        Shape::Tree => all_narrow(topology::tree(nodes)),
    };
    check_inbound(plan, &edges)?;
    Ok(edges)
}

/// Draws that a node makes for one link before it goes without: enough to find one of the last two free
/// nodes of a network of a hundred.
const DRAWS: usize = 500;

/// Each node dials distinct random targets that have room and are not linked with it already. The links
/// come up in rounds, one of each node, so that dialled and accepted links mix in a node's slots.
fn outbound(
    plan: &Plan,
    nodes: std::ops::Range<u32>,
    targets: std::ops::Range<u32>,
    rng: &mut impl Rng,
) -> Vec<Edge> {
    let (first, degree) = (nodes.start, plan.outbound);
    // By node, `degree` places each; NOBODY where a node found no more.
    let mut chosen = vec![NOBODY; nodes.len() * degree];
    let mut inbound = vec![0_u32; nodes.len()];
    for node in nodes.clone() {
        let at = (node - first) as usize * degree;
        for place in 0..degree {
            let free = |target: u32, chosen: &[u32], inbound: &[u32]| {
                let theirs = (target - first) as usize * degree;
                target != node
                    && (inbound[(target - first) as usize] as usize) < plan.inbound_max
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

fn clusters(plan: &Plan, rng: &mut impl Rng) -> Vec<Edge> {
    let half = plan.nodes / 2;
    let mut edges = outbound(plan, 0..half, 0..half, rng);
    edges.extend(outbound(plan, half..plan.nodes, half..plan.nodes, rng));
    let mut bridges = Vec::with_capacity(plan.bridges);
    while bridges.len() < plan.bridges {
        let bridge = (rng.random_range(0..half), rng.random_range(half..plan.nodes));
        if !bridges.contains(&bridge) {
            bridges.push(bridge);
        }
    }
    edges.extend(bridges);
    edges
}

fn check_inbound(plan: &Plan, edges: &[Edge]) -> Result<(), String> {
    let mut inbound = vec![0_usize; plan.nodes as usize];
    for (_, target) in edges {
        inbound[*target as usize] += 1;
    }
    let most = inbound.into_iter().max().unwrap_or(0);
    if most <= plan.inbound_max {
        return Ok(());
    }
    Err(format!(
        "in this overlay a node is dialled by {most} others, but peers.inbound_max is {}: allow more with \
         --param peers.inbound_max={most}",
        plan.inbound_max
    ))
}

fn all_narrow(edges: Vec<topology::Edge>) -> Vec<Edge> {
    edges.into_iter().map(|(a, b)| (narrow(a), narrow(b))).collect()
}

fn narrow(node: usize) -> u32 {
    u32::try_from(node).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
