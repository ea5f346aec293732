//! Made-up runs of any size, for tests: the shape of a real run without its duration.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use tidings_tools::figures::summary::Inputs;
use tidings_tools::run::{Delivery, Item, ItemKind, Link, Manifest, Node, Run, Traffic};

/// Region name and distance from the middle of the map, milliseconds.
const REGIONS: [(&str, f64); 8] = [
    ("europe", 20.0),
    ("na_east", 30.0),
    ("na_west", 55.0),
    ("east_asia", 75.0),
    ("australia", 95.0),
    ("west_asia", 45.0),
    ("south_america", 80.0),
    ("south_africa", 70.0),
];

/// What to make up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Nodes.
    pub(crate) nodes: u32,
    /// Transactions; one block follows them.
    pub(crate) txs: u32,
    /// Whether nodes are in regions.
    pub(crate) regions: bool,
    /// How many nodes, the last ones, are killed during the run.
    pub(crate) killed: u32,
    /// Share of deliveries that never happen.
    pub(crate) lost: f64,
    /// Seed of everything.
    pub(crate) seed: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { nodes: 20, txs: 50, regions: true, killed: 0, lost: 0.0, seed: 1 }
    }
}

impl Sample {
    /// The run.
    pub(crate) fn run(self) -> Run {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let nodes: Vec<Node> = (0..self.nodes).map(|node| self.node(node, &mut rng)).collect();
        let items: Vec<Item> = (0..=self.txs).map(|item| self.item(item, &mut rng)).collect();
        let mut deliveries = Vec::new();
        for (number, item) in (0..).zip(&items) {
            for (node, row) in (0..).zip(&nodes) {
                let latency_us = latency_us(&nodes[item.origin as usize], row, &mut rng);
                if node == item.origin {
                    deliveries.push(Delivery { item: number, node, latency_us: 0, from: None });
                } else if rng.random::<f64>() >= self.lost {
                    let from = Some(item.origin);
                    deliveries.push(Delivery { item: number, node, latency_us, from });
                }
            }
        }
        let traffic = (0..self.nodes - self.killed).flat_map(|node| self.traffic(node)).collect();
        // All that a node counts as dialled by it, to those after it.
        let links = (0..self.nodes).flat_map(|from| {
            (1..=8.min(self.nodes / 2)).map(move |step| (from, (from + step) % self.nodes))
        });
        let alive = self.nodes - self.killed;
        let links = links.map(|(from, to)| Link {
            from,
            to,
            at_begin: true,
            at_end: from < alive && to < alive,
        });
        let links = links.collect();
        Run { manifest: self.manifest(), nodes, items, deliveries, traffic, links }
    }

    /// What a launcher would hand in beside it.
    pub(crate) fn inputs(self) -> Inputs {
        Inputs {
            strategy: "inventory".to_owned(),
            seed: self.seed,
            connect_s: Some(3.25),
            cpu_s: Some(f64::from(self.nodes * (self.txs + 1)) * 55e-6),
            idle_cpu_percent_per_node: Some(0.031),
            launcher_cpu_s: Some(1.5),
            ..Inputs::default()
        }
    }

    fn manifest(self) -> Manifest {
        let Self { nodes, txs, seed, .. } = self;
        let links = if self.regions { "regions" } else { "none" };
        Manifest::parse(format!(
            "# A made-up run <with \"characters\" & such>.\nseed = {seed}\n\n[network]\nnodes = {nodes}\n\
             outbound = 8\n\n[links]\nmodel = \"{links}\"\n\n[workload]\ntxs = {txs}\nrate = 50.0\n\n\
             [params.relay]\nstrategy = \"inventory\"\n"
        ))
        .expect("the text above is TOML")
    }

    fn node(self, node: u32, rng: &mut ChaCha8Rng) -> Node {
        // Drawn twice, so that the first regions are the crowded ones.
        let crowding = rng.random_range(1..=REGIONS.len());
        let region = rng.random_range(0..crowding);
        let region = if self.regions { REGIONS[region].0 } else { "" };
        Node {
            region: region.to_owned(),
            node_type: if node.is_multiple_of(5) { "supernode" } else { "fullnode" }.to_owned(),
            addr: format!("127.0.0.1:{}", 4_000 + node),
            pid: Some(10_000 + node),
            outbound: 8,
            inbound: rng.random_range(4..14),
            rss_kib: Some(rng.random_range(7_400..8_600)),
            cpu_s: Some(f64::from(rng.random_range(400..900)) / 1_000.0),
            alive: node < self.nodes - self.killed,
        }
    }

    fn item(self, item: u32, rng: &mut ChaCha8Rng) -> Item {
        let block = item == self.txs;
        Item {
            id: format!("{:032x}{:032x}", rng.random::<u128>(), rng.random::<u128>()),
            kind: if block { ItemKind::Block } else { ItemKind::Tx },
            bytes: if block { 80 + 300 * u64::from(self.txs) } else { rng.random_range(190..600) },
            origin: rng.random_range(0..self.nodes - self.killed),
            submitted_us: u64::from(item) * 20_000,
        }
    }

    /// An inventory relay over 16 links: announced on each, asked for once.
    fn traffic(self, node: u32) -> Vec<Traffic> {
        let items = u64::from(self.txs) + 1;
        let block = 80 + 300 * u64::from(self.txs);
        let kinds = [
            ("hello", 16, 24 * 16),
            ("ping", 80, 80 * 12),
            ("pong", 80, 80 * 12),
            ("getaddresses", 8, 8 * 4),
            ("addresses", 24, 24 * 700),
            ("announce", items * 4, items * 16 * 33),
            ("getdata", items / 2, items * 34),
            ("notfound", 0, 0),
            ("tx", u64::from(self.txs) * 21 / 20, u64::from(self.txs) * 400),
            ("block", 1, block),
        ];
        let row = |(kind, messages, bytes): (&str, u64, u64)| Traffic {
            node,
            kind: kind.to_owned(),
            sent_messages: messages,
            sent_bytes: bytes,
            received_messages: messages,
            received_bytes: bytes,
        };
        kinds.into_iter().map(row).collect()
    }
}

/// Three hops with exponential waits, and the way between the regions.
fn latency_us(origin: &Node, node: &Node, rng: &mut ChaCha8Rng) -> u64 {
    let distance = |node: &Node| {
        REGIONS.iter().find(|(name, _)| *name == node.region).map_or(1.0, |(_, distance)| *distance)
    };
    let waits: f64 = (0..3).map(|_| -55.0 * (1.0 - rng.random::<f64>()).ln()).sum();
    let latency = Duration::from_secs_f64((distance(origin) + distance(node) + waits + 20.0) / 1e3);
    u64::try_from(latency.as_micros()).expect("waits are seconds, not ages")
}
