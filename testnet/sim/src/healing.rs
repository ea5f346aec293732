//! What a partition that ended left to do, and what doing it took.
//!
//! At that moment each node lacks what was submitted on the other side. What it receives from then on, of any kind, is
//! set beside the bytes of the items that it lacked.

use tidings_protocol::ground::time::Time;
use tidings_protocol::report::counters::Traffic;
use tidings_protocol::wire::kinds::MessageKind;

use crate::world::World;

const KINDS: usize = MessageKind::ALL.len();

/// The moment at which a partition ended.
#[derive(Clone, Debug)]
pub struct Healing {
    at: Time,
    /// By node.
    nodes: Vec<Lack>,
}

/// A node at that moment.
#[derive(Clone, Copy, Debug)]
struct Lack {
    /// Bytes of the items that it lacked.
    bytes: u64,
    /// What it had received, by kind.
    received: [u64; KINDS],
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Healed {
    /// Bytes of items that nodes lacked, in all.
    pub lacked: u64,
    /// Bytes that those nodes received since, by kind of message, as [`MessageKind::ALL`] has them.
    pub received: [u64; KINDS],
    /// Bytes received for each byte that was lacked, by the node for which that is most.
    pub worst: f64,
    /// From the end of the partition to the last first delivery, seconds.
    pub took_s: f64,
    /// Whether every living node has every item.
    pub complete: bool,
}

fn received(traffic: &Traffic) -> [u64; KINDS] {
    MessageKind::ALL.map(|kind| traffic.received(kind).bytes)
}

impl Healed {
    /// Bytes received for each byte that was lacked, by all nodes together.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.received.iter().sum::<u64>() as f64 / self.lacked as f64
    }
}

impl Healing {
    /// A partition ends now.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let lack = |node| Lack {
            bytes: world.lacked_bytes(node),
            received: received(&world.counters(node).0.traffic),
        };
        let nodes = u32::try_from(world.nodes()).unwrap_or(u32::MAX);
        Self { at: world.now(), nodes: (0..nodes).map(lack).collect() }
    }

    /// What it took until now. Nodes that lacked nothing aren't counted.
    #[must_use]
    pub fn until(&self, world: &World) -> Healed {
        let (mut lacked, mut since, mut worst) = (0, [0; KINDS], 0.0_f64);
        for (node, lack) in (0..).zip(&self.nodes).filter(|(_, lack)| lack.bytes > 0) {
            let mut all = 0;
            let now = received(&world.counters(node).0.traffic);
            for (kind, (now, then)) in now.iter().zip(lack.received).enumerate() {
                let bytes = now.saturating_sub(then); // a node that crashed counts anew
                since[kind] += bytes;
                all += bytes;
            }
            lacked += lack.bytes;
            worst = worst.max(all as f64 / lack.bytes as f64);
        }
        Healed {
            lacked,
            received: since,
            worst,
            took_s: world.record().last().since(self.at).as_secs_f64(),
            complete: world.record().open() == 0,
        }
    }
}
