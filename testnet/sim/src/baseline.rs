//! What nodes had counted before the measured part of a run, so that it can be taken off.

use tidings_protocol::report::counters::Count;
use tidings_protocol::wire::kinds::MessageKind;

use crate::world::World;

/// Kinds of message.
const KINDS: usize = MessageKind::ALL.len();

/// What nodes had counted, and how they were linked, before the first submission: hellos and first pings
/// belong to no item. Half as large as counters, since it is kept for a million nodes.
#[derive(Clone, Debug)]
pub struct Baseline {
    nodes: Vec<NodeBaseline>,
    dialled: Vec<(u32, u32)>,
}

/// Most nodes of whom it is remembered who dialled whom. A guess: more are looked at as a whole.
pub const LINKS_MAX: usize = 100_000;

/// What one node had counted.
#[derive(Clone, Debug)]
pub struct NodeBaseline {
    /// Messages and bytes that it sent, by kind.
    pub sent: [(u32, u32); KINDS],
    /// Messages and bytes that it received, by kind.
    pub received: [(u32, u32); KINDS],
    /// Ready links that it had dialled.
    pub outbound: u32,
    /// Ready links that others had dialled.
    pub inbound: u32,
    /// Bytes that it sent to peers in other regions.
    pub cross_region_bytes: u64,
}

impl Baseline {
    /// What the nodes of a world have counted so far.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let narrow = |count: Count| (saturate(count.messages), saturate(count.bytes));
        let node = |node| {
            let (counters, _) = world.counters(node);
            let peers = world.node(node).peers();
            NodeBaseline {
                sent: MessageKind::ALL.map(|kind| narrow(counters.traffic.sent(kind))),
                received: MessageKind::ALL.map(|kind| narrow(counters.traffic.received(kind))),
                outbound: saturate(peers.outbound_ready() as u64),
                inbound: saturate(peers.inbound_ready() as u64),
                cross_region_bytes: counters.sent_cross_region_bytes,
            }
        };
        Self {
            nodes: (0..saturate(world.nodes() as u64)).map(node).collect(),
            dialled: dialled(world),
        }
    }

    /// By node.
    #[must_use]
    pub fn nodes(&self) -> &[NodeBaseline] {
        &self.nodes
    }

    /// Who had dialled whom, in order; nobody if there are more nodes than [`LINKS_MAX`].
    #[must_use]
    pub fn dialled(&self) -> &[(u32, u32)] {
        &self.dialled
    }
}

/// Who has dialled whom now, in order; nobody if there are more nodes than [`LINKS_MAX`].
#[must_use]
pub fn dialled(world: &World) -> Vec<(u32, u32)> {
    if world.nodes() > LINKS_MAX { Vec::new() } else { world.dialled_links() }
}

fn saturate(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
