//! How the living nodes hang together at a moment: what is left of an overlay when many died at once, and how it heals.
//!
//! Two nodes are linked if both live and each has a link to the other that has seen both hellos; where `HyParView`'s views are kept, if
//! each has the other in its active view. A broadcast is taken to get over all of these, as a flood does, so that what it reaches is
//! decided by the links alone.

use tidings_protocol::params::OverlayKind;

use crate::overlay::shapes;
use crate::world::World;

/// The living nodes at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Survivors {
    /// How many there are.
    pub living: usize,
    /// How many links a node has on average.
    pub mean_degree: f64,
    /// How many have none.
    pub alone: usize,
    /// Sizes of the parts that hang together, largest first.
    pub parts: Vec<usize>,
    /// Of the links that a node believes in, the share that its peer doesn't.
    pub one_sided: f64,
    /// Of the addresses in passive views, the share at which nobody lives; zero if there are none.
    pub dead_candidates: f64,
}

impl Survivors {
    /// Those of a world now.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let nodes = u32::try_from(world.nodes()).unwrap_or(u32::MAX);
        let places = places(world, nodes);
        let peers: Vec<Vec<u32>> = (0..nodes).map(|node| peers(world, node)).collect();
        let (mut edges, mut believed) = (Vec::new(), 0_usize);
        let mut degrees = vec![0_u32; nodes as usize];
        for node in (0..nodes).filter(|node| world.is_alive(*node)) {
            for peer in &peers[node as usize] {
                believed += 1;
                let is_mutual =
                    world.is_alive(*peer) && peers[*peer as usize].binary_search(&node).is_ok();
                if is_mutual {
                    degrees[node as usize] += 1;
                    edges.push((places[node as usize], places[*peer as usize]));
                }
            }
        }
        let living = world.living();
        let linked = edges.len();
        let is_alone = |node: &u32| world.is_alive(*node) && degrees[*node as usize] == 0;
        Self {
            living,
            mean_degree: linked as f64 / living.max(1) as f64,
            alone: (0..nodes).filter(is_alone).count(),
            parts: shapes::components(living, edges),
            one_sided: (believed - linked) as f64 / believed.max(1) as f64,
            dead_candidates: dead_candidates(world, nodes),
        }
    }

    /// The share of the living that are in the largest part.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.parts.first().copied().unwrap_or(0) as f64 / self.living.max(1) as f64
    }

    /// The share of the living that a broadcast reaches on average, if any of them may begin it: the paper's reliability.
    #[must_use]
    pub fn reliability(&self) -> f64 {
        let pairs: f64 = self.parts.iter().map(|part| (*part as f64).powi(2)).sum();
        pairs / (self.living.max(1) as f64).powi(2)
    }
}

/// The place of each living node among the living.
fn places(world: &World, nodes: u32) -> Vec<usize> {
    let mut next = 0;
    let place = |node| {
        next += usize::from(world.is_alive(node));
        next.saturating_sub(1)
    };
    (0..nodes).map(place).collect()
}

/// Whom a node believes itself linked with, in order.
fn peers(world: &World, node: u32) -> Vec<u32> {
    let node = world.node(node);
    let keeps_views = node.peers().views().is_some();
    let counts = |link| !keeps_views || node.peers().is_neighbour(link);
    let ready = node.links().filter(|link| link.ready && counts(link.link));
    let mut peers: Vec<u32> = ready.map(|link| World::node_of(link.peer)).collect();
    peers.sort_unstable();
    peers
}

fn dead_candidates(world: &World, nodes: u32) -> f64 {
    if world.overlay() != OverlayKind::Hyparview {
        return 0.0;
    }
    let (mut all, mut dead) = (0_usize, 0_usize);
    for node in (0..nodes).filter(|node| world.is_alive(*node)) {
        for addr in world.node(node).peers().candidates() {
            all += 1;
            dead += usize::from(!world.is_alive_at(addr));
        }
    }
    dead as f64 / all.max(1) as f64
}
