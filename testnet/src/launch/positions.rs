//! Where nodes are among one another, if links are emulated: in regions of the world as the simulator places them, or as
//! far from each other as any other of its link models says.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tidings_links::{LinkModel, Place, Position, Row};
use tidings_sim::latency::Latencies;
use tidings_sim::random::shared::{Stream, stream};

use super::settings::{Links, Settings, narrow};

/// Draws positions, in the order of the nodes' numbers.
#[derive(Debug)]
pub struct Positions {
    links: Links,
    latencies: Latencies,
    nodes: u32,
    next: u32,
    rng: ChaCha8Rng,
}

/// Where a node is, and what that is called.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// What is emulated, if anything.
    pub position: Option<Position>,
    /// Its region; empty where the links have none.
    pub region: String,
    /// What kind of machine it has; empty where the links have none.
    pub node_type: String,
}

impl Positions {
    /// Of so many nodes, those that start late included.
    #[must_use]
    pub fn new(settings: &Settings, nodes: usize) -> Self {
        let manifest = &settings.manifest;
        Self {
            links: settings.links,
            latencies: Latencies::new(&manifest.link, nodes, manifest.seed),
            nodes: narrow(nodes),
            next: 0,
            rng: stream(manifest.seed, Stream::Regions),
        }
    }

    /// The next node's.
    pub fn draw(&mut self) -> Drawn {
        let number = self.next;
        self.next += 1;
        let position = match self.links {
            Links::None => return Drawn::default(),
            Links::Regions => Position::Place(place(&mut self.rng)),
            Links::Rows => Position::Row(self.row(number)),
        };
        let (region, node_type) = self.latencies.names(number);
        Drawn { position: Some(position), region, node_type }
    }

    fn row(&mut self, number: u32) -> Row {
        let from = |other| self.latencies.fixed(other, number) / 1_000;
        Row {
            number: u16::try_from(number).expect("a launch has at most some thousand nodes"),
            from_us: (0..self.nodes).map(from).collect(),
            jitter: self.latencies.jitter(),
            seed: self.rng.random::<u64>() >> 1,
        }
    }
}

fn place(rng: &mut ChaCha8Rng) -> Place {
    let model = LinkModel::default();
    Place {
        region: model.sample_region(rng),
        node_type: model.sample_node_type(rng),
        // Within what TOML's signed integers hold.
        seed: rng.random::<u64>() >> 1,
    }
}

#[cfg(test)]
mod tests {
    use tidings_sim::latency::LinkSpec;

    use super::*;
    use crate::manifest::Manifest;

    fn drawn(link: LinkSpec) -> Vec<Drawn> {
        let mut manifest = Manifest::launched_by_default();
        manifest.link = link;
        let settings = Settings::of(manifest, None).unwrap();
        let mut positions = Positions::new(&settings, 20);
        (0..20).map(|_| positions.draw()).collect()
    }

    #[test]
    fn regions_are_those_of_the_simulator() {
        let latencies = Latencies::new(&LinkSpec::regions(), 20, 1);
        for (node, drawn) in (0..).zip(drawn(LinkSpec::regions())) {
            let Some(Position::Place(place)) = drawn.position else { panic!("it is no place") };
            assert_eq!((drawn.region.clone(), drawn.node_type), latencies.names(node));
            assert_eq!(place.region.name(), drawn.region);
        }
        assert!(drawn(LinkSpec::None).iter().all(|drawn| drawn.position.is_none()));
    }

    #[test]
    fn rows_are_as_long_as_the_model_says_both_ways() {
        let planar = LinkSpec::Planar { min_ms: 5.0, max_ms: 217.0, jitter: 0.2 };
        let latencies = Latencies::new(&planar, 20, 1);
        let rows: Vec<Row> = drawn(planar)
            .into_iter()
            .map(|drawn| match drawn.position {
                Some(Position::Row(row)) => row,
                other => panic!("{other:?} is no row"),
            })
            .collect();
        assert_eq!((rows[3].number, rows[3].from_us.len()), (3, 20));
        assert_eq!(rows[3].from_us[7], latencies.fixed(7, 3) / 1_000);
        assert_eq!(rows[3].from_us[7], rows[7].from_us[3]);
        assert!((rows[3].jitter - 0.2).abs() < 1e-9);
    }
}
