//! What a partition that ended left to do, and what doing it took.
//!
//! At that moment each node lacks what was submitted on the other side. What it receives from then on, of any kind, is
//! set beside the bytes of the items that it lacked.

use tidings_protocol::ground::time::Time;
use tidings_protocol::report::counters::Traffic;
use tidings_protocol::wire::kinds::MessageKind;

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
    /// A partition ends now. `nodes`: of each the bytes of the items that it lacks, and what it has received.
    #[must_use]
    pub fn new(at: Time, nodes: impl Iterator<Item = (u64, Traffic)>) -> Self {
        let lack = |(bytes, traffic)| Lack { bytes, received: received(&traffic) };
        Self { at, nodes: nodes.map(lack).collect() }
    }

    /// What it took until now. Nodes that lacked nothing aren't counted. `nodes`: what each has received; `last`: when the
    /// last item came to a node first.
    #[must_use]
    pub fn until(
        &self,
        nodes: impl Iterator<Item = Traffic>,
        last: Time,
        complete: bool,
    ) -> Healed {
        let (mut lacked, mut since, mut worst) = (0, [0; KINDS], 0.0_f64);
        for (lack, now) in self.nodes.iter().zip(nodes).filter(|(lack, _)| lack.bytes > 0) {
            let mut all = 0;
            for (kind, (now, then)) in received(&now).iter().zip(lack.received).enumerate() {
                let bytes = now.saturating_sub(then); // a node that crashed counts anew
                since[kind] += bytes;
                all += bytes;
            }
            lacked += lack.bytes;
            worst = worst.max(all as f64 / lack.bytes as f64);
        }
        let took_s = last.since(self.at).as_secs_f64();
        Healed { lacked, received: since, worst, took_s, complete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(bytes: usize) -> Traffic {
        let mut traffic = Traffic::default();
        traffic.count_received(MessageKind::Tx, bytes);
        traffic
    }

    #[test]
    fn what_is_received_since_is_set_beside_what_was_lacked_by_node_and_in_all() {
        let nodes = [(100, traffic(7)), (300, traffic(0)), (0, traffic(0))];
        let healing = Healing::new(Time::from_millis(1_000), nodes.into_iter());
        let now = [157, 330, 5_000].map(traffic).into_iter();
        let healed = healing.until(now, Time::from_millis(3_500), true);
        assert_eq!((healed.lacked, healed.ratio()), (400, 1.2));
        assert_eq!((healed.worst, healed.took_s), (1.5, 2.5));
    }
}
