//! From arguments to settings: every setting is settled, or a sentence says which can't be.

use tidings::network::Rules;
use tidings_protocol::chain::tidings::TRANSFER_LEN_MIN;
use tidings_protocol::params::Params;

use super::{LaunchArgs, Options};
use crate::manifest::{Fault, Measure, Network, Settings, Workload};
use crate::rng;
use crate::topology::{self, Topology};
use crate::workload::sizes::Sizes;

/// Total size of a transaction where none is asked for, bytes: that with which the relay strategies
/// were first compared (design.md §5). Half of Bitcoin's are smaller than 230 ([`Sizes::Bitcoin`]).
const SIZE_DEFAULT: usize = 300;

/// Least size of random bytes that never repeat by accident.
const OPAQUE_MIN: usize = 16;

/// Largest transaction: the default limit of both rule sets.
const SIZE_MAX: usize = 100_000;

/// Most pairs of item and node: each takes 8 bytes of the launcher's memory.
const PAIRS_MAX: usize = 50_000_000;

/// Most nodes: the machine's limits on processes and threads come before. A guess.
const NODES_MAX: usize = 5_000;

impl LaunchArgs {
    /// Settles every setting, or says which can't be.
    pub(super) fn resolve(self) -> Result<(Settings, Options), String> {
        self.check_counts()?;
        let (workload, rules) = self.workload_and_rules()?;
        let params = self.resolve_params()?;
        let fault = self.fault(&workload)?;
        let settings = Settings {
            seed: self.seed,
            network: Network {
                nodes: self.nodes,
                topology: self.topology,
                bootstrap: self.resolve_bootstrap()?,
                links: self.links,
                rules,
                node_binary: self.node_binary,
            },
            workload,
            fault,
            measure: Measure {
                idle_s: self.idle,
                stall_s: self.stall,
                connect_s: self.connect_timeout,
            },
            params,
        };
        check_topology(&settings, self.outbound)?;
        let Self { out, keep_logs, json, quiet, .. } = self;
        Ok((settings, Options { out, keep_logs, json, quiet }))
    }

    fn check_counts(&self) -> Result<(), String> {
        if !(2..=NODES_MAX).contains(&self.nodes) {
            return Err(format!("--nodes is {}, but must be 2 to {NODES_MAX}", self.nodes));
        }
        let positive = |name: &str, value: f64| {
            let fine = value.is_finite() && value > 0.0;
            if fine { Ok(()) } else { Err(format!("{name} is {value}, but must be more than 0")) }
        };
        positive("--rate", self.rate)?;
        positive("--stall", self.stall)?;
        positive("--connect-timeout", self.connect_timeout)?;
        if !(0.0..=3_600.0).contains(&self.idle) {
            return Err(format!("--idle is {}, but must be 0 to 3600 seconds", self.idle));
        }
        Ok(())
    }

    fn workload_and_rules(&self) -> Result<(Workload, Rules), String> {
        let words: Vec<&str> = self.workload.iter().flatten().map(String::as_str).collect();
        match words[..] {
            [] | ["transfers"] => {
                let rules = self.rules.unwrap_or(Rules::Tidings);
                Ok((self.transfers(rules)?, rules))
            }
            ["bitcoin-block", file] => {
                self.check_bitcoin_block()?;
                let workload = Workload::BitcoinBlock { file: file.into(), rate: self.rate };
                Ok((workload, Rules::Opaque))
            }
            ["bitcoin-block"] => {
                Err("--workload bitcoin-block needs the file of a raw block behind it".to_owned())
            }
            _ => Err(format!(
                "--workload is `{}`, but must be `transfers` or `bitcoin-block FILE`",
                words.join(" ")
            )),
        }
    }

    fn transfers(&self, rules: Rules) -> Result<Workload, String> {
        let txs = self.txs.unwrap_or(1_000);
        let most = PAIRS_MAX / self.nodes;
        if !(1..=most).contains(&txs) {
            let nodes = self.nodes;
            return Err(format!("--txs is {txs}, but must be 1 to {most} with {nodes} nodes"));
        }
        let (least, why) = match rules {
            Rules::Tidings => (TRANSFER_LEN_MIN, "a signed transfer without payload"),
            Rules::Opaque => (OPAQUE_MIN, "random bytes that never repeat"),
        };
        let sizes = match (self.size, &self.sizes) {
            (_, Some(_)) => Sizes::Bitcoin,
            (Some(size), None) if (least..=SIZE_MAX).contains(&size) => Sizes::Fixed(size),
            (Some(size), None) => {
                return Err(format!("--size is {size}, but must be {least} ({why}) to {SIZE_MAX}"));
            }
            (None, None) => Sizes::Fixed(SIZE_DEFAULT),
        };
        Ok(Workload::Transfers { txs, rate: self.rate, sizes })
    }

    fn check_bitcoin_block(&self) -> Result<(), String> {
        if self.rules == Some(Rules::Tidings) {
            return Err(
                "--workload bitcoin-block needs --rules opaque: Bitcoin's transactions are no \
                        Tidings transfers"
                    .to_owned(),
            );
        }
        let given = [
            ("--txs", self.txs.is_some()),
            ("--size", self.size.is_some()),
            ("--sizes", self.sizes.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(format!(
                "{name} has no meaning with --workload bitcoin-block: the block decides"
            )),
            None => Ok(()),
        }
    }

    fn resolve_params(&self) -> Result<Params, String> {
        let mut params = with_overrides(&self.params)?;
        if let Some(outbound) = self.outbound {
            params.peers.outbound = outbound;
        }
        if let Some(strategy) = self.strategy {
            params.relay.strategy = strategy;
        }
        if let Some(trickle) = self.trickle {
            params.relay.trickle_outbound_ms = trickle;
            params.relay.trickle_inbound_ms = trickle;
        }
        params.validate().map_err(|error| format!("--param {error}"))?;
        Ok(params)
    }

    fn resolve_bootstrap(&self) -> Result<usize, String> {
        match (self.topology, self.bootstrap) {
            (Topology::Gossip, None) => Ok(3.min(self.nodes - 1)),
            (Topology::Gossip, Some(0)) => {
                Err("--bootstrap is 0, but a node that knows nobody finds nobody".to_owned())
            }
            (Topology::Gossip, Some(count)) => Ok(count.min(self.nodes - 1)),
            (_, None) => Ok(0),
            (_, Some(_)) => Err("--bootstrap only has a meaning with --topology gossip".to_owned()),
        }
    }

    fn fault(&self, workload: &Workload) -> Result<Option<Fault>, String> {
        let Some(share) = self.kill else { return Ok(None) };
        let kill = share_of(share, self.nodes);
        if kill == 0 {
            return Err(format!("--kill {}% of {} nodes is none", share * 100.0, self.nodes));
        }
        if self.nodes - kill < 2 {
            return Err(format!(
                "--kill would leave {} of {} nodes",
                self.nodes - kill,
                self.nodes
            ));
        }
        let Workload::Transfers { txs, rate, .. } = workload else {
            // The block is submitted last; when that is, its file decides.
            return Ok(Some(Fault { kill, after_s: self.kill_after.unwrap_or(5.0) }));
        };
        let last_s = (*txs - 1) as f64 / rate;
        let after_s = self.kill_after.unwrap_or(last_s / 2.0);
        if !(0.0..=last_s).contains(&after_s) {
            return Err(format!(
                "--kill-after is {after_s}, but the workload takes {last_s} seconds: nodes have to be \
                 killed while it runs"
            ));
        }
        Ok(Some(Fault { kill, after_s }))
    }
}

/// Refuses a topology that can't exist, and degrees that it doesn't have.
fn check_topology(settings: &Settings, outbound: Option<usize>) -> Result<(), String> {
    let Network { nodes, topology, .. } = settings.network;
    let target = settings.params.peers.outbound;
    match topology {
        Topology::Gossip | Topology::RandomRegular if target == 0 => {
            Err("--outbound is 0, but nodes without links relay nothing".to_owned())
        }
        Topology::Gossip => Ok(()),
        Topology::RandomRegular => {
            let mut rng = rng::stream(settings.seed, rng::Stream::Topology);
            let built = topology::edges(topology, nodes, target, &mut rng);
            built.map(drop).map_err(|error| error.to_string())
        }
        Topology::Ring | Topology::Grid | Topology::Line | Topology::Tree => match outbound {
            Some(_) => {
                Err("--outbound only has a meaning with --topology gossip or random-regular: \
                            other shapes have the degrees that they have"
                    .to_owned())
            }
            None => Ok(()),
        },
    }
}

/// The default parameters with `KEY=VALUE`s laid over them.
fn with_overrides(overrides: &[String]) -> Result<Params, String> {
    let mut tree = toml::Table::try_from(Params::default()).map_err(|error| error.to_string())?;
    for entry in overrides {
        let (key, value) = entry
            .split_once('=')
            .ok_or_else(|| format!("--param {entry} has no value: write KEY=VALUE"))?;
        let slot = slot(&mut tree, key.trim()).ok_or_else(|| {
            format!(
                "--param {key}: there is no such parameter; the node's config.toml lists them all"
            )
        })?;
        *slot = parse_value(value.trim());
        // Checked one by one, so that the message can name the culprit.
        tree.clone().try_into::<Params>().map_err(|error| {
            format!("--param {entry} is no value for this parameter: {}", error.message())
        })?;
    }
    tree.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

/// Where a dotted key stands in a tree.
fn slot<'a>(tree: &'a mut toml::Table, key: &str) -> Option<&'a mut toml::Value> {
    let mut parts = key.split('.');
    let first = tree.get_mut(parts.next()?)?;
    parts.try_fold(first, |value, part| value.as_table_mut()?.get_mut(part))
}

/// A value as TOML has it; text needs no quotes.
fn parse_value(text: &str) -> toml::Value {
    format!("value = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

/// A share of a number, rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the share lies between 0 and 1"
)]
fn share_of(share: f64, count: usize) -> usize {
    (share * count as f64).round() as usize
}
