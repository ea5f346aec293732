//! What real nodes on this machine make of a manifest, or why they can't.

use std::path::PathBuf;
use tidings_sim::fault::FaultSpec;
use tidings_sim::latency::{Draw, LinkSpec};
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
    /// Who is killed for good, as drawn beforehand.
    pub kill: Option<PlannedKill>,
    /// What else goes wrong on purpose.
    pub faults: Vec<FaultSpec>,
    /// How many nodes announce items and never deliver any.
    pub withhold: usize,
    /// The program that is started as a node; this one if unset.
    pub node_binary: Option<PathBuf>,
    /// In how many processes all nodes are; in one each if unset.
    pub hosts: Option<usize>,
    /// Nodes keep what they have on the disk: the network stays, and may have more blocks than memory has room for.
    pub stays: bool,
    /// Nodes capture what their cores are handed, and what becomes of that.
    pub traced: Option<Traced>,
}

/// What becomes of the nodes' captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Where the timeline is written, if anywhere; [`IN_THE_FOLDER`](super::traced::IN_THE_FOLDER) is in the run's.
    pub file: Option<PathBuf>,
    /// The captures stay.
    pub keep: bool,
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
    /// Latency as any other model has it, from each node to each.
    Rows,
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
        let (kill, faults) = faults(&manifest)?;
        Ok(Self {
            manifest,
            links,
            kill,
            faults,
            withhold: 0,
            node_binary,
            hosts: None,
            stays: false,
            traced: None,
        })
    }

    /// What of the manifest has no meaning for real nodes, and is left aside, in a sentence each.
    #[must_use]
    pub fn left_aside(&self) -> Vec<String> {
        let spies =
            "spies: only a simulation tells what spies would guess; they change nothing else";
        (self.manifest.spies > 0.0).then(|| spies.to_owned()).into_iter().collect()
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

    /// The same with all nodes captured, for a timeline in a file, or to keep the captures, or both.
    ///
    /// # Errors
    /// When the nodes aren't ours.
    pub fn traced(self, file: Option<PathBuf>, keep: bool) -> Result<Self, String> {
        if file.is_none() && !keep {
            return Ok(self);
        }
        if self.manifest.contender.is_some() {
            return Err("--trace and --capture: only our own nodes can be captured".to_owned());
        }
        Ok(Self { traced: Some(Traced { file, keep }), ..self })
    }

    /// Whether nodes come back from a crash.
    #[must_use]
    pub fn restarts(&self) -> bool {
        let comes_back = |fault: &FaultSpec| {
            matches!(
                fault,
                FaultSpec::Crash { restart_after_s: Some(_), .. } | FaultSpec::Churn { .. }
            )
        };
        self.faults.iter().any(comes_back)
    }

    /// The same with all nodes in so many processes, if a number is given.
    ///
    /// # Errors
    /// When there is no process, or one without a node.
    pub fn in_hosts(self, hosts: Option<usize>) -> Result<Self, String> {
        let nodes = self.manifest.network.nodes;
        let of_processes = self.faults.iter().find(|fault| is_of_processes(fault));
        if let (Some(_), Some(fault)) = (hosts, of_processes) {
            let name = fault.name();
            return Err(format!(
                "--hosts: fault {name} needs nodes with processes of their own: leave --hosts out"
            ));
        }
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
        LinkSpec::Regions { bandwidth: true, .. } => Err(format!(
            "link: launch emulates regions with a jitter of {}, or without bandwidth; others are for sim",
            tidings_links::JITTER
        )),
        LinkSpec::Rounds { .. } => {
            Err("link.model: launch can't keep rounds: use sim, or another model".to_owned())
        }
        LinkSpec::Uniform { draw, .. } | LinkSpec::Exponential { draw, .. } | LinkSpec::Lognormal { draw, .. }
            if draw == Draw::Message =>
        {
            Err("link.draw: launch draws latencies for links, and not for messages: leave it out, or use sim"
                .to_owned())
        }
        _ => Ok(Links::Rows),
    }
}

/// Refuses what only a simulator has.
fn check_only_simulated(manifest: &Manifest) -> Result<(), String> {
    let network = &manifest.network;
    if network.nodes > NODES_MAX {
        let nodes = network.nodes;
        return Err(format!("network.nodes is {nodes}, but launch starts at most {NODES_MAX}"));
    }
    let (reachable, outbound) = (network.reachable(), manifest.params.peers.outbound);
    if network.topology == Shape::Gossip && reachable < network.nodes && reachable <= outbound {
        return Err(format!(
            "network.reachable is {reachable}, but nodes dial {outbound} others: launch waits until each has its links, so \
             let more be reachable, or use sim"
        ));
    }
    if !manifest.write.is_empty() {
        return Err(
            "write: only a simulation submits at a node of one's choice: leave it out, or use sim"
                .to_owned(),
        );
    }
    if manifest.warmup_txs > 0 && manifest.mining.is_some() {
        return Err(
            "warmup_txs: launch has no warm-up where blocks are made; leave it out, or use sim"
                .to_owned(),
        );
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

/// The one crash for good that `launch` plans beforehand, and the faults that it makes when they are due.
fn faults(manifest: &Manifest) -> Result<(Option<PlannedKill>, Vec<FaultSpec>), String> {
    match &manifest.fault[..] {
        [FaultSpec::Crash { share, nodes, at_s, restart_after_s: None, silent: false }]
            if nodes.is_empty() =>
        {
            let kill = PlannedKill { nodes: killed(manifest, *share)?, after_s: *at_s };
            check_in_time("the crash", *at_s, manifest)?;
            Ok((Some(kill), Vec::new()))
        }
        faults => {
            faults.iter().try_for_each(|fault| check_fault(fault, manifest))?;
            Ok((None, faults.to_vec()))
        }
    }
}

/// Refuses a fault that real nodes can't have.
fn check_fault(fault: &FaultSpec, manifest: &Manifest) -> Result<(), String> {
    let name = fault.name();
    if let Some(contender) = manifest.contender {
        return Err(format!("fault {name}: only our own nodes have faults, and not {contender}"));
    }
    if manifest.slow_motion.is_some_and(|slow| slow.times() > 1) && is_of_processes(fault) {
        return Err(format!(
            "fault {name}: a process that starts again runs at full speed: leave slow_motion out, or use sim"
        ));
    }
    match fault {
        FaultSpec::Slow { .. } => Err(format!(
            "fault {name}: launch has no slow nodes: use sim, or links of another model"
        )),
        FaultSpec::Liar { .. } => Err(format!(
            "fault {name}: launch has no liars: use sim, or `assault`, where they attack real nodes, or --withhold"
        )),
        FaultSpec::Crash { share, restart_after_s: None, .. } => killed(manifest, *share).map(drop),
        _ => check_in_time(&format!("the fault {name}"), fault.window().0, manifest),
    }
}

/// Whether a fault stops, ends or starts processes.
const fn is_of_processes(fault: &FaultSpec) -> bool {
    matches!(fault, FaultSpec::Crash { .. } | FaultSpec::Churn { .. } | FaultSpec::Pause { .. })
}

/// How many nodes a crash for good kills.
fn killed(manifest: &Manifest, share: f64) -> Result<usize, String> {
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
    Ok(kill)
}

/// A fault that comes after the last submission meets nothing that is measured.
fn check_in_time(what: &str, at_s: f64, manifest: &Manifest) -> Result<(), String> {
    // The last item of a block is the block; when that is submitted, its file decides.
    let Workload::Transfers(Transfers { txs, rate, .. }) = manifest.workload else { return Ok(()) };
    let last_s = (txs - 1) as f64 / rate;
    if at_s <= last_s {
        return Ok(());
    }
    Err(format!(
        "{what} comes after {at_s} seconds, but the workload takes {last_s} seconds: it has to come while that runs"
    ))
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
        let cases: [(Change, &str); 8] = [
            (
                |manifest| manifest.link = LinkSpec::Rounds { round_ms: 100, asynchronous: true },
                "launch can't keep rounds",
            ),
            (
                |manifest| {
                    manifest.link = LinkSpec::Exponential { mean_ms: 9.0, draw: Draw::Message }
                },
                "link.draw: launch draws latencies for links",
            ),
            (
                |manifest| {
                    manifest.warmup_txs = 5;
                    manifest.mining = Some(crate::manifest::Mining {
                        interval_s: 1.0,
                        txs_max: None,
                        late_joiners: 0,
                    });
                },
                "warmup_txs: launch has no warm-up where blocks",
            ),
            (|manifest| manifest.network.reachable = Some(8), "but nodes dial 8 others"),
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
    }

    #[test]
    fn a_fault_that_real_nodes_cannot_have_is_refused_with_why() {
        for (faults, sentence) in [
            (vec![FaultSpec::kill(0.5, 0.0), FaultSpec::kill(0.0, 0.0)], "a crash of 0% of 200"),
            (vec![FaultSpec::Loss { share: 0.1, at_s: 90.0, for_s: None }], "after 90 seconds"),
            (
                vec![FaultSpec::Liar {
                    share: 0.1,
                    nodes: vec![],
                    say: tidings_protocol::testkit::hostile::Lies::All,
                    withhold: None,
                    at_s: None,
                    for_s: None,
                }],
                "launch has no liars",
            ),
            (
                vec![FaultSpec::Slow {
                    share: 0.1,
                    nodes: vec![],
                    links: vec![],
                    by_ms: 500.0,
                    at_s: 0.0,
                    for_s: None,
                }],
                "launch has no slow nodes",
            ),
        ] {
            let error = settings(|manifest| manifest.fault = faults).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn writes_are_for_a_simulation() {
        let write = tidings_sim::workload::Write { at_s: 1.0, node: 3 };
        let error = settings(|manifest| manifest.write = vec![write]).unwrap_err();
        assert!(error.contains("write: only a simulation"), "{error}");
    }

    #[test]
    fn a_manifest_of_a_simulation_is_launched_as_it_is() {
        let settings = settings(|manifest| {
            (manifest.warmup_txs, manifest.origin, manifest.spies) = (5, Some(3), 0.1);
            manifest.network.reachable = Some(50);
            manifest.link = Manifest::default().link;
        });
        let settings = settings.unwrap();
        assert_eq!(settings.links, Links::Rows);
        let left_aside = settings.left_aside();
        assert!(left_aside.len() == 1 && left_aside[0].starts_with("spies: "), "{left_aside:?}");
    }

    #[test]
    fn faults_of_real_nodes_are_made_when_they_are_due() {
        let loss = FaultSpec::Loss { share: 0.1, at_s: 0.0, for_s: None };
        let churn = FaultSpec::Churn { per_minute: 0.5, away_s: 2.0, at_s: 1.0, for_s: None };
        let settings = settings(|manifest| manifest.fault = vec![loss.clone(), churn.clone()]);
        let settings = settings.unwrap();
        assert_eq!((settings.kill, settings.restarts()), (None, true));
        assert_eq!(settings.faults, [loss, churn]);
        let error = settings.in_hosts(Some(2)).unwrap_err();
        assert!(error.contains("fault churn needs nodes with processes"), "{error}");
    }
}
