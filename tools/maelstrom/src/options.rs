//! How the driver is told what to do, and the parameters that differ behind Maelstrom.

use std::time::Duration;

use tidings_protocol::params::{BudgetParams, Params, Rate, StrategyKind};
use tidings_protocol::replica::{self, Model, Spread};

use super::overlay::Overlay;
use super::session::Timing;

/// What is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Workload {
    /// What a relay node can do: `broadcast`, `g-set`, `echo` and `unique-ids`.
    #[default]
    Relay,
    /// A set that grows, by a replica of the map.
    GSet,
    /// A number that grows, by a replica of the map.
    GCounter,
    /// A number, by a replica of the map.
    PnCounter,
}

/// How a replica spreads its news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Rounds {
    /// Whoever has news sends it.
    Push,
    /// Everybody asks for news.
    Pull,
    /// Both.
    #[default]
    PushPull,
}

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// What is served: by a relay node, or by a replica of the map.
    #[arg(long, value_enum, default_value_t)]
    workload: Workload,
    /// How replicas spread their news.
    #[arg(long, value_enum, default_value_t)]
    spread: Rounds,
    /// From one round of a replica to the next, on average.
    #[arg(long, value_name = "MS", default_value_t = 200,
          value_parser = clap::value_parser!(u64).range(1..))]
    round_ms: u64,
    /// How many others a replica contacts in a round.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..))]
    fanout: u32,
    /// From one comparison of a replica with a random other to the next, on average.
    #[arg(long, value_name = "MS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    compare_ms: u64,
    /// The relay strategy.
    #[arg(long, value_name = "NAME", default_value = "flood")]
    strategy: StrategyKind,
    /// Any parameter of the core, by its dotted name, for instance `relay.batch_ms=100`. May be repeated.
    #[arg(long = "param", value_name = "KEY=VALUE")]
    params: Vec<String>,
    /// The same, for nodes with more than one link: those that pass on what others send.
    #[arg(long = "inner-param", value_name = "KEY=VALUE")]
    inner_params: Vec<String>,
    /// Which links the nodes keep.
    #[arg(long, value_enum, default_value_t)]
    overlay: Overlay,
    /// How many children a node has in the overlay `tree`; as many as there are nodes make a star.
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..))]
    children: u32,
    /// How long an acknowledgement waits for something to travel with.
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    ack_ms: u64,
    /// How long to wait for an acknowledgement before sending again: longer than that and a round trip.
    #[arg(long, value_name = "MS", default_value_t = 2_500)]
    retry_ms: u64,
    /// Decides every random choice, together with the node's place in `init`.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// What [`Options`] come to.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) replica: ReplicaSettings,
    pub(super) params: Params,
    pub(super) inner_params: Params,
    pub(super) overlay: Overlay,
    pub(super) children: usize,
    pub(super) timing: Timing,
    pub(super) seed: u64,
}

/// What is told a replica.
#[derive(Clone, Debug)]
pub(super) struct ReplicaSettings {
    pub(super) workload: Workload,
    pub(super) map: replica::Settings,
}

impl Options {
    /// Checks everything.
    ///
    /// # Errors
    /// A sentence that says which option is wrong, and how.
    pub(super) fn settle(&self) -> Result<Settings, String> {
        if self.retry_ms <= self.ack_ms {
            return Err(format!(
                "--retry-ms {} must be more than --ack-ms {}: otherwise all is sent twice",
                self.retry_ms, self.ack_ms
            ));
        }
        let params = with_overrides("--param", &defaults(self.strategy), &self.params)?;
        let inner_params = with_overrides("--inner-param", &params, &self.inner_params)?;
        if params.relay.strategy != self.strategy || inner_params.relay.strategy != self.strategy {
            return Err("the strategy is chosen by --strategy, not as a parameter".to_owned());
        }
        Ok(Settings {
            replica: ReplicaSettings { workload: self.workload, map: self.map() },
            params,
            inner_params,
            overlay: self.overlay,
            children: self.children as usize,
            timing: Timing {
                ack: Duration::from_millis(self.ack_ms),
                retry: Duration::from_millis(self.retry_ms),
            },
            seed: self.seed,
        })
    }

    /// The settings of a replica: the workload says how much there is to remember.
    fn map(&self) -> replica::Settings {
        let mut map = replica::Settings::new(Model::Convergent, 0);
        map.spread = match self.spread {
            Rounds::Push => Spread::Push,
            Rounds::Pull => Spread::Pull,
            Rounds::PushPull => Spread::PushPull,
        };
        map.round = Duration::from_millis(self.round_ms);
        map.compare = Duration::from_millis(self.compare_ms);
        map.fanout = self.fanout as usize;
        map.bytes_max = 1 << 30;
        map
    }
}

/// The core's parameters where they aren't for a network of strangers: whoever answers to Maelstrom is a
/// friend, links never break, and everything must arrive in the end, however long a partition lasts.
fn defaults(strategy: StrategyKind) -> Params {
    const MANY: usize = 1_000_000;
    const TEN_YEARS_S: u64 = 10 * 365 * 24 * 3_600;
    let mut params = Params::default();
    let relay = &mut params.relay;
    relay.strategy = strategy;
    // Nobody spies: a wait only makes sense to fill batches, and then it is a fixed one (`batch_ms`).
    relay.trickle_outbound_ms = 0;
    relay.trickle_inbound_ms = 0;
    // What the core keeps for a peer that nothing gets through to, or asks of one that is back.
    relay.announce_queue_max = MANY;
    params.requests.announced_max = MANY;
    params.memory.serve_queue_max = MANY;
    relay.recent_ms = 1_000 * TEN_YEARS_S;
    relay.safety_recent_ms = 1_000 * TEN_YEARS_S;
    // Sessions lose nothing, so digests find nothing but what the strategy itself leaves out.
    let leaves_out = matches!(
        strategy,
        StrategyKind::DirectMail
            | StrategyKind::Rumor
            | StrategyKind::Dog
            | StrategyKind::Cat
            | StrategyKind::Gossipsub
            | StrategyKind::Reconcile
    );
    if !leaves_out {
        relay.safety_pull_ms = 0;
    }
    // An answer always comes. If its question had run out meanwhile, strategies that take nothing unasked
    // would refuse it.
    params.requests.tx_timeout_ms = 1_000 * TEN_YEARS_S;
    // The workload says how much there is to remember, since a read returns all of it.
    params.memory.seen_max = 10 * MANY;
    params.memory.pool_max_bytes = 1 << 40;
    params.memory.pool_expiry_s = TEN_YEARS_S;
    params.peers.inbound_max = MANY;
    // Whoever dialled is no stranger either, and may have everything as often as it likes.
    params.unbroadcast.standing_s = 0;
    params.upload.unlimited = true;
    let unlimited = Rate::new(1e12, 1e12);
    params.budgets = BudgetParams {
        messages: unlimited,
        txs: unlimited,
        announcements: unlimited,
        requests: unlimited,
        tx_bytes: unlimited,
        block_bytes: unlimited,
        addresses: unlimited,
        control_bytes: unlimited,
        excesses: unlimited,
        relayed: unlimited,
        relayed_bytes: unlimited,
        pushed_block_bytes: unlimited,
        backlog_max: MANY,
    };
    params
}

/// Parameters with `KEY=VALUE`s laid over them.
fn with_overrides(option: &str, params: &Params, overrides: &[String]) -> Result<Params, String> {
    let mut tree = toml::Table::try_from(params).map_err(|error| error.to_string())?;
    let mut params = params.clone();
    for entry in overrides {
        let (key, value) = entry
            .split_once('=')
            .ok_or_else(|| format!("{option} {entry} has no value: write KEY=VALUE"))?;
        lay(&mut tree, key.trim(), parse_value(value.trim()))
            .ok_or_else(|| format!("{option} {key}: there is no such section of parameters"))?;
        // Checked one by one, so that the message can name the culprit.
        params = tree
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| format!("{option} {entry}: {}", error.message()))?;
    }
    params.validate().map_err(|error| format!("{option} {error}"))?;
    Ok(params)
}

/// Sets a dotted key; `None` if one of its sections doesn't exist.
fn lay(tree: &mut toml::Table, key: &str, value: toml::Value) -> Option<()> {
    match key.split_once('.') {
        Some((section, rest)) => lay(tree.get_mut(section)?.as_table_mut()?, rest, value),
        None => {
            tree.insert(key.to_owned(), value);
            Some(())
        }
    }
}

/// A value as TOML has it; text needs no quotes.
fn parse_value(text: &str) -> toml::Value {
    format!("value = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn settle(arguments: &str) -> Result<Settings, String> {
        let words = std::iter::once("x").chain(arguments.split_whitespace());
        Line::try_parse_from(words).map_err(|error| error.to_string())?.options.settle()
    }

    #[test]
    fn any_parameter_can_be_set_and_inner_nodes_differ() {
        let settings = settle(
            "--strategy plumtree --param relay.batch_ms=20 --param relay.plumtree.graft_ms=300 \
             --inner-param relay.batch_ms=150 --param relay.adaptive.preset=lean",
        )
        .unwrap();
        let (params, inner) = (settings.params.relay, settings.inner_params.relay);
        assert_eq!((params.strategy, params.batch_ms), (StrategyKind::Plumtree, 20));
        assert_eq!((inner.plumtree.graft_ms, inner.batch_ms), (300, 150));
    }

    #[test]
    fn nothing_is_forgotten_by_default_whatever_the_strategy() {
        for strategy in StrategyKind::ALL {
            let params = settle(&format!("--strategy {strategy}")).unwrap().params;
            let digests = params.relay.safety_pull_ms > 0;
            assert_eq!(
                digests,
                ["direct-mail", "rumor", "dog", "cat", "gossipsub", "reconcile"]
                    .contains(&strategy.name()),
                "{strategy}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, complaint) in [
            ("--strategy gossip", "there is no strategy `gossip`"),
            ("--overlay ring", "invalid value 'ring'"),
            ("--children 0", "0 is not in 1.."),
            ("--ack-ms 500 --retry-ms 500", "--retry-ms 500 must be more than --ack-ms 500"),
            ("--param relay.batch_ms", "has no value: write KEY=VALUE"),
            ("--param relay.batch=1", "--param relay.batch=1: unknown field `batch`"),
            ("--param rely.batch_ms=1", "rely.batch_ms: there is no such section"),
            ("--inner-param relay.fanout=0", "--inner-param relay.fanout is 0, but must be"),
            ("--param relay.strategy=push", "chosen by --strategy"),
        ] {
            let error = settle(arguments).unwrap_err();
            assert!(error.contains(complaint), "{arguments}: {error}");
        }
    }
}
