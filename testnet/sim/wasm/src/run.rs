//! One run, piece by piece, so that a page can show how far it is and stop it.

use serde::Serialize;
use tidings_sim::overlay::Shape;
use tidings_sim::scenario::Scenario;
use tidings_sim::simulation::{Course, Finished, Prepared};
use tidings_sim::workload::sizes::Sizes;
use tidings_timeline::recorder::BOUND;

/// Most nodes: ten thousand, at some 20 kB each with their links, fit into a tab beside the record of what they do.
pub const NODES_MAX: usize = 10_000;

/// Most pairs of a transaction and a node: a thousand nodes and four thousand transactions. Each takes some 10 bytes here, and
/// what is recorded of it is bounded by itself. A guess at what a phone bears.
pub const PAIRS_MAX: usize = 4_000_000;

/// Most links at first: ten thousand nodes that dial sixteen. A link takes some kilobytes at each end.
pub const LINKS_MAX: usize = 160_000;

/// Most bytes of all transactions: each is kept once, for all nodes. A guess at what a phone bears.
pub const BYTES_MAX: usize = 64 << 20;

/// More than the mean size of transactions in a Bitcoin block, bytes.
const BITCOIN_MEAN: usize = 1_000;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The hash over all its events: equal for equal runs, wherever they run.
    pub event_hash: String,
    /// Inputs that nodes handled.
    pub events: u64,
    /// Pairs of an item and a living node that missed it.
    pub missing: u64,
    /// When the last delivery was, seconds of simulated time after the first measured submission.
    pub last_delivery_s: f64,
    /// Why it proves nothing; empty if it does.
    pub invalid_reasons: Vec<String>,
}

impl Figures {
    fn of(finished: &Finished) -> Self {
        let (world, first) = (&finished.world, finished.outlook.first);
        Self {
            event_hash: world.hash().to_string(),
            events: world.events(),
            missing: world.record().open(),
            last_delivery_s: world.record().last().since(first).as_secs_f64(),
            invalid_reasons: finished.invalid_reasons.clone(),
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// Simulated time since it began, seconds.
    pub simulated_s: f64,
    /// Pairs of an item and a node that has it.
    pub delivered: u64,
    /// All pairs.
    pub pairs: u64,
    /// Inputs that nodes handled.
    pub events: u64,
}

/// A run under way.
#[derive(Debug)]
pub struct Run {
    course: Course,
}

/// Reads a scenario, and refuses what makes no sense.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn read(scenario: &[u8]) -> Result<Scenario, String> {
    let scenario: Scenario = serde_json::from_slice(scenario).map_err(|error| error.to_string())?;
    scenario.validate()?;
    Ok(scenario)
}

impl Run {
    /// Sets up a network, records it, and lets it stand until just before the first transaction.
    ///
    /// # Errors
    /// A sentence about what is wrong with the scenario, or that it is too large for a tab.
    pub fn begin(scenario: &[u8]) -> Result<Self, String> {
        let scenario = read(scenario)?;
        check_size(&scenario)?;
        Ok(Self { course: Prepared::recorded(&scenario, BOUND)?.begin() })
    }

    /// Handles so many events, or fewer if it is over then. Whether there are more.
    pub fn advance(&mut self, events: u32) -> bool {
        (0..events).all(|_| self.course.step())
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let world = self.course.world();
        Progress {
            simulated_s: world.now().as_nanos() as f64 / 1e9,
            delivered: world.record().delivered(),
            pairs: (world.items().len() * world.nodes()) as u64,
            events: world.events(),
        }
    }

    /// Ends it where it stands: what it came to, and the timeline as a file.
    #[must_use]
    pub fn finish(self) -> (Figures, Vec<u8>) {
        let mut finished = self.course.finish();
        let timeline = finished.take_timeline().unwrap_or_default();
        (Figures::of(&finished), timeline.to_bytes())
    }
}

/// Runs a scenario from beginning to end, of any size, and records nothing.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn whole(scenario: &[u8]) -> Result<Figures, String> {
    Ok(Figures::of(&tidings_sim::simulation::simulate(&read(scenario)?)?))
}

fn check_size(scenario: &Scenario) -> Result<(), String> {
    let nodes = scenario.network.nodes;
    if nodes > NODES_MAX {
        return Err(format!(
            "There are {nodes} nodes, but a tab takes at most {NODES_MAX}. tidings-testnet sim takes more."
        ));
    }
    let items = scenario.workload.txs + scenario.write.len();
    if items * nodes > PAIRS_MAX {
        return Err(format!(
            "There are {items} transactions for {nodes} nodes, but a tab takes at most {} with so many. tidings-testnet sim takes more.",
            PAIRS_MAX / nodes
        ));
    }
    let links = match scenario.network.topology {
        Shape::Complete => nodes * (nodes - 1) / 2,
        Shape::Listed => scenario.network.links.len(),
        _ => nodes.saturating_mul(scenario.params.peers.outbound.max(2)),
    };
    if links > LINKS_MAX {
        return Err(format!(
            "There are {links} links, but a tab takes at most {LINKS_MAX}. tidings-testnet sim takes more."
        ));
    }
    let bytes = match scenario.workload.sizes {
        Sizes::Fixed(bytes) => bytes,
        Sizes::Bitcoin => BITCOIN_MEAN,
    };
    if items.saturating_mul(bytes) > BYTES_MAX {
        return Err(format!(
            "All transactions have {} MB, but a tab takes at most {}. tidings-testnet sim takes more.",
            items.saturating_mul(bytes) >> 20,
            BYTES_MAX >> 20
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_timeline::Timeline;

    const SMALL: &str = r#"{"network": {"nodes": 30}, "seed": 11,
        "workload": {"txs": 3, "rate": 20.0, "sizes": {"fixed": 300}}}"#;

    #[test]
    fn a_run_in_pieces_is_the_run_at_once() {
        let once = whole(SMALL.as_bytes()).unwrap();
        for events in [1, 7, 100_000] {
            let mut run = Run::begin(SMALL.as_bytes()).unwrap();
            let before = run.progress();
            assert_eq!((before.delivered, before.pairs), (0, 90));
            while run.advance(events) {
                assert!(run.progress().simulated_s >= before.simulated_s);
            }
            assert!(!run.advance(events), "it is over");
            assert_eq!(run.progress().delivered, 90);
            let (figures, timeline) = run.finish();
            assert_eq!(figures, once);
            let timeline = Timeline::from_bytes(&timeline).unwrap();
            assert_eq!(timeline.about.event_hash, Some(once.event_hash.clone()));
            assert_eq!(timeline.deliveries.at.len(), 90);
        }
    }

    #[test]
    fn what_is_too_large_for_a_tab_is_refused() {
        for (scenario, sentence) in [
            (r#"{"network": {"nodes": 10001}}"#, "a tab takes at most 10000"),
            (
                r#"{"network": {"nodes": 2000, "topology": "complete"}, "workload": {"txs": 1}}"#,
                "1999000 links, but a tab takes at most 160000",
            ),
            (
                r#"{"network": {"nodes": 9}, "workload": {"txs": 9000, "sizes": {"fixed": 99000}}}"#,
                "849 MB, but a tab takes at most 64",
            ),
            (
                r#"{"network": {"nodes": 5000}, "workload": {"txs": 801}}"#,
                "at most 800 with so many",
            ),
        ] {
            let refused = Run::begin(scenario.as_bytes()).unwrap_err();
            assert!(refused.contains(sentence), "{refused}");
        }
    }
}
