//! What real nodes on this machine make of a manifest, or why they can't.

use std::path::PathBuf;
use tidings_sim::fault::FaultSpec;
use tidings_sim::latency::LinkSpec;
use tidings_sim::overlay::Shape;
use tidings_sim::units;
use tidings_sim::workload::Transfers;

use super::contenders;
use crate::manifest::{Manifest, Workload};

/// Most nodes: the machine's limits on processes and threads come before. A guess.
const NODES_MAX: usize = 5_000;

/// Most nodes that are members, each of which knows all others. A guess: four million times some hundred bytes.
const MEMBERS_MAX: usize = 2_000;

/// A manifest that `launch` can follow, and what it means there.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// All settings.
    pub manifest: Manifest,
    /// What lies between nodes.
    pub links: Links,
    /// What goes wrong on purpose.
    pub kill: Option<PlannedKill>,
    /// How many nodes announce items and never deliver any.
    pub withhold: usize,
    /// The program that is started as a node; this one if unset.
    pub node_binary: Option<PathBuf>,
    /// In how many processes all nodes are; in one each if unset.
    pub hosts: Option<usize>,
    /// Nodes keep what they have on the disk: the network stays, and may have more blocks than memory has room for.
    pub stays: bool,
}

/// What is not part of a run's settings: where to, and how to show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Run folder; chosen by time if unset.
    pub out: Option<PathBuf>,
    /// Keep the nodes' data folders.
    pub keep_logs: bool,
    /// Summary as JSON.
    pub json: bool,
    /// No progress.
    pub quiet: bool,
}

/// What lies between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Latency and bandwidth of eight regions of the world.
    Regions,
    /// Nothing but this machine.
    None,
}

/// What goes wrong on purpose: so many nodes are killed at once (`kill -9`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedKill {
    /// How many nodes.
    pub nodes: usize,
    /// When, seconds after the first submission.
    pub after_s: f64,
}

impl Settings {
    /// Follows a valid manifest.
    ///
    /// # Errors
    /// A sentence about what real nodes on this machine can't do.
    pub fn of(manifest: Manifest, node_binary: Option<PathBuf>) -> Result<Self, String> {
        let links = links(&manifest.link)?;
        check_only_simulated(&manifest)?;
        check_measure(&manifest)?;
        check_members(&manifest)?;
        let node_binary = match manifest.contender {
            Some(contender) => {
                contenders::check(&manifest)?;
                Some(node_binary.map_or_else(|| contenders::find(contender), Ok)?)
            }
            None => node_binary,
        };
        let kill = planned_kill(&manifest)?;
        Ok(Self { manifest, links, kill, withhold: 0, node_binary, hosts: None, stays: false })
    }

    /// The same with some nodes that announce items and never deliver any.
    ///
    /// # Errors
    /// When fewer than two others are left.
    pub fn withholding(self, withhold: usize) -> Result<Self, String> {
        let nodes = self.manifest.network.nodes;
        if withhold > 0 && self.manifest.contender.is_some() {
            return Err("--withhold: only our own nodes can withhold what they announce".to_owned());
        }
        if withhold > nodes.saturating_sub(2) {
            return Err(format!(
                "--withhold is {withhold}, but two of the {nodes} nodes must deliver"
            ));
        }
        Ok(Self { withhold, ..self })
    }

    /// The same with all nodes in so many processes, if a number is given.
    ///
    /// # Errors
    /// When there is no process, or one without a node.
    pub fn in_hosts(self, hosts: Option<usize>) -> Result<Self, String> {
        let nodes = self.manifest.network.nodes;
        match hosts {
            Some(hosts) if hosts == 0 || hosts > nodes => {
                Err(format!("--hosts is {hosts}, but must be 1 to {nodes}: each host has a node"))
            }
            _ => Ok(Self { hosts, ..self }),
        }
    }
}

/// Numbers of nodes and items are far below 2^32: a manifest that isn't within its bounds is refused.
pub(crate) fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("manifests bound nodes and items")
}

fn links(spec: &LinkSpec) -> Result<Links, String> {
    match *spec {
        LinkSpec::None => Ok(Links::None),
        LinkSpec::Regions { bandwidth: true, jitter }
            if jitter.to_bits() == tidings_links::JITTER.to_bits() =>
        {
            Ok(Links::Regions)
        }
        LinkSpec::Regions { .. } => Err(format!(
            "link: launch emulates regions with their bandwidth and a jitter of {}; others are for sim",
            tidings_links::JITTER
        )),
        _ => Err("link.model: launch has links of model none or regions; the others are for sim"
            .to_owned()),
    }
}

/// Refuses what only a simulator has.
fn check_only_simulated(manifest: &Manifest) -> Result<(), String> {
    let Manifest { network, warmup_txs, origin, spies, .. } = manifest;
    let refused =
        |key: &str, what: &str| Err(format!("{key}: launch {what}; leave it out, or use sim"));
    if network.nodes > NODES_MAX {
        let nodes = network.nodes;
        return Err(format!("network.nodes is {nodes}, but launch starts at most {NODES_MAX}"));
    }
    if network.reachable() < network.nodes {
        return refused("network.reachable", "has no unreachable nodes");
    }
    if *warmup_txs > 0 {
        return refused("warmup_txs", "measures all that it submits");
    }
    if origin.is_some() {
        return refused("origin", "submits at random nodes");
    }
    if *spies > 0.0 {
        return refused("spies", "has no spies");
    }
    Ok(())
}

fn check_members(manifest: &Manifest) -> Result<(), String> {
    let nodes = manifest.network.nodes;
    if manifest.members.is_none() {
        return Ok(());
    }
    if nodes > MEMBERS_MAX {
        return Err(format!(
            "members: {nodes} nodes are too many, since each knows all others: have at most {MEMBERS_MAX}, or use sim --members"
        ));
    }
    if manifest.slow_motion.is_some_and(|slow| slow.times() > 1) {
        return Err("members: they keep real time, and slow_motion is for the relay's clocks: leave one of them out"
            .to_owned());
    }
    Ok(())
}

fn check_measure(manifest: &Manifest) -> Result<(), String> {
    let measure = &manifest.measure;
    for (key, value) in [("stall_s", measure.stall_s), ("connect_s", measure.connect_s)] {
        if value <= 0.0 {
            return Err(format!("measure.{key} is {value}, but must be more than 0"));
        }
    }
    Ok(())
}

fn planned_kill(manifest: &Manifest) -> Result<Option<PlannedKill>, String> {
    let (share, after_s) = match &manifest.fault[..] {
        [] => return Ok(None),
        [FaultSpec::Crash { share, nodes, at_s, restart_after_s: None, silent: false }]
            if nodes.is_empty() =>
        {
            (*share, *at_s)
        }
        _ => {
            return Err(
                "fault: launch can crash a share of the nodes once, for good; other faults are \
                        for sim"
                    .to_owned(),
            );
        }
    };
    let nodes = manifest.network.nodes;
    let kill = units::share_of(share, nodes);
    if kill == 0 {
        return Err(format!("a crash of {}% of {nodes} nodes is none", share * 100.0));
    }
    if nodes - kill < 2 {
        return Err(format!("a crash would leave {} of {nodes} nodes", nodes - kill));
    }
    if manifest.network.topology == Shape::Outbound {
        return Err(
            "fault: launch keeps overlay outbound as it was drawn, so that a crash would leave \
                    holes: use overlay gossip, or sim"
                .to_owned(),
        );
    }
    // The last item of a block is the block; when that is submitted, its file decides.
    if let Workload::Transfers(Transfers { txs, rate, .. }) = manifest.workload {
        let last_s = (txs - 1) as f64 / rate;
        if after_s > last_s {
            return Err(format!(
                "the crash comes after {after_s} seconds, but the workload takes {last_s} seconds: nodes \
                 have to be killed while it runs"
            ));
        }
    }
    Ok(Some(PlannedKill { nodes: kill, after_s }))
}

#[cfg(test)]
mod tests {
    use tidings::config::members::MembersPreset;
    use tidings::lab::slow_motion::SlowMotion;

    use super::*;

    fn settings(change: impl FnOnce(&mut Manifest)) -> Result<Settings, String> {
        let mut manifest = Manifest::launched_by_default();
        change(&mut manifest);
        assert_eq!(manifest.validate(), Ok(()));
        Settings::of(manifest, None)
    }

    #[test]
    fn what_real_nodes_can_do_is_done() {
        let settings = settings(|manifest| {
            manifest.fault = vec![FaultSpec::kill(0.2, 3.0)];
        });
        let settings = settings.unwrap();
        assert_eq!(settings.links, Links::Regions);
        assert_eq!(settings.kill, Some(PlannedKill { nodes: 40, after_s: 3.0 }));
    }

    #[test]
    fn what_only_a_simulator_can_do_is_refused_not_ignored() {
        type Change = fn(&mut Manifest);
        let loss = FaultSpec::Loss { share: 0.1, at_s: 0.0, for_s: None };
        let cases: [(Change, &str); 9] = [
            (|manifest| manifest.link = Manifest::default().link, "the others are for sim"),
            (|manifest| manifest.warmup_txs = 5, "warmup_txs: launch measures all"),
            (|manifest| manifest.origin = Some(3), "origin: launch submits at random nodes"),
            (|manifest| manifest.spies = 0.1, "spies: launch has no spies"),
            (|manifest| manifest.network.reachable = Some(50), "network.reachable: launch has no"),
            (|manifest| manifest.network.nodes = 6_000, "launch starts at most 5000"),
            (
                |manifest| {
                    (manifest.members, manifest.network.nodes) = (Some(MembersPreset::Phi), 2_001);
                },
                "members: 2001 nodes are too many",
            ),
            (
                |manifest| {
                    manifest.members = Some(MembersPreset::Fleet);
                    manifest.slow_motion = SlowMotion::try_from(5).ok();
                },
                "members: they keep real time",
            ),
            (
                |manifest| manifest.link = LinkSpec::Regions { jitter: 0.5, bandwidth: true },
                "a jitter of 0.05",
            ),
        ];
        for (change, sentence) in cases {
            let error = settings(change).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
        let error = settings(|manifest| manifest.fault = vec![loss]).unwrap_err();
        assert!(error.contains("other faults are for sim"), "{error}");
    }
}
