//! Turns what a run came to into the tables and figures of its folder.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tidings_protocol::ground::item::ItemKind;
use tidings_tools::figures::blocks::Chain;
use tidings_tools::figures::members::Members;
use tidings_tools::figures::summary::{Inputs, SOCKET_BYTES, SOCKET_WRITES, Summary};
use tidings_tools::probe::submissions::BEGAN_UNIX_US;
use tidings_tools::run::{self, Link, Manifest, Run};

use super::clocks::Mistimed;
use super::collect::Oddities;
use super::connect::Overlay;
use super::drive::Driven;
use super::fleet::Fleet;
use super::items::{Planned, Schedule};
use super::local::{Fate, Node};
use super::observe::{self, AllTraffic, Comparison, MemoryMib};
use super::pace;
use super::positions::Drawn;
use super::settings::{Settings, narrow};
use super::submit::Submission;
use super::trouble::Met;
use crate::manifest::recorded::instant;
use crate::usage::Usage;

/// Problems of one sort that are told in full; of the others only the number.
const TOLD_MAX: usize = 3;

/// What was seen before and after the measured part.
#[derive(Debug)]
pub struct Observed {
    /// From the first spawn until the API of every node answered, seconds.
    pub start_s: f64,
    /// From the first spawn until the overlay stood, seconds.
    pub connect_s: f64,
    /// The overlay then.
    pub overlay: Overlay,
    /// CPU of a node without work, per cent of a core.
    pub idle_cpu_percent: Option<f64>,
    /// Memory of a node without work.
    pub idle_memory: Option<MemoryMib>,
    /// Memory of a node at the end.
    pub memory: Option<MemoryMib>,
    /// Who dialled whom at the end.
    pub dialled_at_end: Vec<(u32, u32)>,
    /// Traffic just before the first submission.
    pub traffic_before: AllTraffic,
    /// Traffic at the end.
    pub traffic_after: AllTraffic,
    /// Links that live nodes closed because the peer misbehaved.
    pub links_lost: Option<u64>,
    /// CPU time and memory at the end, by node.
    pub usage_after: Vec<Option<Usage>>,
    /// Bytes compared, if they were.
    pub comparison: Option<Comparison>,
    /// What membership did, if the nodes are members.
    pub members: Option<Members>,
    /// What became of the blocks that were made, if any were to be, and their table.
    pub chain: Option<(Chain, Vec<run::Block>)>,
    /// What became of the faults of the manifest, but for a crash for good.
    pub faults: Vec<Met>,
    /// What went wrong with them that wasn't to.
    pub fault_problems: Vec<String>,
    /// Why times don't compare, as far as the launcher's clock tells.
    pub clock_problems: Vec<String>,
}

impl Observed {
    /// What is known before the first submission: when all had started and the overlay stood, the overlay, what a node without work
    /// takes, and the traffic so far.
    #[must_use]
    pub const fn before(
        (start_s, connect_s): (f64, f64),
        overlay: Overlay,
        (idle_cpu_percent, idle_memory): (Option<f64>, Option<MemoryMib>),
        traffic_before: AllTraffic,
    ) -> Self {
        Self {
            start_s,
            connect_s,
            overlay,
            dialled_at_end: Vec::new(),
            idle_cpu_percent,
            idle_memory,
            memory: None,
            traffic_before,
            traffic_after: Vec::new(),
            links_lost: None,
            usage_after: Vec::new(),
            comparison: None,
            members: None,
            chain: None,
            faults: Vec::new(),
            fault_problems: Vec::new(),
            clock_problems: Vec::new(),
        }
    }
}

/// The tables and the figures of a run.
#[must_use]
pub fn assemble(
    settings: &Settings,
    manifest: Manifest,
    fleet: &Fleet,
    places: &[Drawn],
    items: &[Planned],
    observed: &Observed,
    driven: Driven,
) -> (Run, Summary) {
    let nodes = fleet
        .nodes()
        .iter()
        .map(|node| node_row(node, &places[node.index], observed, &driven))
        .collect();
    let submissions: Vec<_> = driven.submissions.iter().map(|record| record.sent).collect();
    let sent = items.iter().zip(&submissions).filter(|(_, sent)| sent.is_some());
    let submitted_bytes = sent.map(|(item, _)| item.bytes.len()).sum();
    let inputs = inputs(settings, fleet, observed, &driven, submitted_bytes);
    let run = Run {
        manifest,
        nodes,
        items: item_rows(items, &submissions, driven.began_us),
        deliveries: driven.collector.into_deliveries(&submissions),
        traffic: observe::traffic_rows(&observed.traffic_before, &observed.traffic_after),
        links: Link::between(&observed.overlay.dialled, &observed.dialled_at_end),
    };
    let summary = Summary::compute(&run, inputs);
    (run, summary)
}

/// The tables and figures of a run that never got to its first submission.
#[must_use]
pub fn assemble_failed(settings: &Settings, manifest: Manifest, reason: String) -> (Run, Summary) {
    let run = Run {
        manifest,
        nodes: vec![run::Node::default(); settings.manifest.network.nodes],
        ..Run::default()
    };
    let inputs = Inputs {
        strategy: settings.manifest.relayed_by(),
        seed: settings.manifest.seed,
        invalid_reasons: vec![reason],
        ..Inputs::default()
    };
    let summary = Summary::compute(&run, inputs);
    (run, summary)
}

fn node_row(node: &Node, at: &Drawn, observed: &Observed, driven: &Driven) -> run::Node {
    let links = observed.overlay.links[node.index];
    run::Node {
        region: at.region.clone(),
        node_type: at.node_type.clone(),
        addr: node.addr.to_string(),
        pid: Some(node.pid()),
        outbound: narrow(links.outbound),
        inbound: narrow(links.inbound),
        rss_kib: observed.usage_after[node.index].map(|usage| usage.rss_bytes / 1_024),
        cpu_s: driven.node_cpu_s[node.index],
        alive: node.is_alive(),
    }
}

fn item_rows(
    items: &[Planned],
    submissions: &[Option<(u64, usize)>],
    began_us: u64,
) -> Vec<run::Item> {
    let row = |(item, sent): (&Planned, &Option<(u64, usize)>)| {
        let (at, origin) = (*sent)?;
        Some(run::Item {
            id: item.id.to_string(),
            kind: match item.id.kind() {
                ItemKind::Tx => run::ItemKind::Tx,
                ItemKind::Block => run::ItemKind::Block,
            },
            bytes: item.bytes.len() as u64,
            origin: narrow(origin),
            submitted_us: at.saturating_sub(began_us),
        })
    };
    items.iter().zip(submissions).filter_map(row).collect()
}

fn inputs(
    settings: &Settings,
    fleet: &Fleet,
    observed: &Observed,
    driven: &Driven,
    submitted_bytes: usize,
) -> Inputs {
    let nodes_cpu_s: f64 = driven.node_cpu_s.iter().flatten().sum();
    Inputs {
        strategy: settings.manifest.relayed_by(),
        seed: settings.manifest.seed,
        invalid_reasons: invalid_reasons(fleet, observed, driven),
        connect_s: Some(observed.connect_s),
        // The launcher does part of the network's work (it submits), so it counts.
        cpu_s: Some(nodes_cpu_s + driven.launcher_cpu_s),
        rss_mib_per_node: None,
        pss_mib_per_node: observed.memory.map(|memory| memory.pss),
        private_mib_per_node: observed.memory.map(|memory| memory.private),
        idle_cpu_percent_per_node: observed.idle_cpu_percent,
        launcher_cpu_s: Some(driven.launcher_cpu_s),
        cut_short: driven.cut_short.map(str::to_owned),
        dropped_events: driven.collector.oddities().dropped,
        machine: Some(pace::machine(settings, driven)),
        links_lost: observed.links_lost,
        members: observed.members.clone(),
        chain: observed.chain.as_ref().map(|(chain, _)| chain.clone()),
        simulation: tidings_tools::figures::summary::Simulation::default(),
        more: more(settings, observed, driven, (nodes_cpu_s, submitted_bytes)),
    }
}

/// Keys beyond those that all measuring commands share.
fn more(
    settings: &Settings,
    observed: &Observed,
    driven: &Driven,
    (nodes_cpu_s, submitted_bytes): (f64, usize),
) -> Map<String, Value> {
    let deliveries = driven.collector.deliveries().max(1) as f64;
    let unacknowledged =
        driven.submissions.iter().filter(|record| record.problem.is_some()).count();
    let schedule = Schedule { rate: settings.manifest.workload.rate() };
    let late_ms_max = pace::late_ms(schedule, driven).max().unwrap_or(0.0).max(0.0);
    let mut more = Map::new();
    let mut put = |key: &str, value: Value| more.insert(key.to_owned(), value);
    put("cpu_us_per_delivery_nodes", json!(nodes_cpu_s * 1e6 / deliveries));
    put("cpu_us_per_delivery_launcher", json!(driven.launcher_cpu_s * 1e6 / deliveries));
    put(BEGAN_UNIX_US, json!(driven.began_us));
    put("elapsed_s", json!(driven.elapsed_s));
    put("began", json!(instant(driven.began_us)));
    put("began_unix_ns", json!(driven.began_us.saturating_mul(1_000)));
    if let Some(healed) = &driven.healed {
        put("heal_s", json!(healed.as_ref().ok().map(Duration::as_secs_f64)));
    }
    let idle = |of: fn(MemoryMib) -> f64| json!(observed.idle_memory.map(of));
    put("idle_rss_mib_per_node", idle(|memory| memory.rss));
    put("idle_pss_mib_per_node", idle(|memory| memory.pss));
    put("idle_private_mib_per_node", idle(|memory| memory.private));
    if let Some(hosts) = settings.hosts {
        put("hosts", json!(hosts));
    }
    if let Some(slow_motion) = settings.manifest.slow_motion {
        put("slow_motion", json!(slow_motion));
    }
    let (sockets, told) = observe::sockets(&observed.traffic_before, &observed.traffic_after);
    if sockets.writes > 0 {
        let payload = submitted_bytes as f64 * told as f64;
        put(SOCKET_BYTES, json!(sockets.bytes as f64 / payload.max(1.0)));
        put(SOCKET_WRITES, json!(sockets.writes as f64 / deliveries));
    }
    put("start_s", json!(observed.start_s));
    put("rejected_events", json!(driven.collector.oddities().rejected));
    put("submissions_late_ms_max", json!(late_ms_max));
    put("submissions_unacknowledged", json!(unacknowledged));
    if let Some(kill) = &driven.kill {
        put("killed_after_s", json!(settings.kill.map(|kill| kill.after_s)));
        put("killed_live_nodes", json!(kill.touched));
    }
    if !observed.faults.is_empty() {
        let faults = observed.faults.iter();
        put(
            "faults",
            faults
                .map(|Met { kind, touched }| json!({ "kind": kind, "touched": touched }))
                .collect(),
        );
    }
    if let Some(comparison) = &observed.comparison {
        put("compared_copies", json!(comparison.compared));
        put("compared_nodes", json!(comparison.nodes));
        put("wrong_copies", json!(comparison.problems.len()));
    }
    more
}

/// Why the run proves nothing; empty if it does. That the overlay stood before the first submission
/// was checked before there was one.
fn invalid_reasons(fleet: &Fleet, observed: &Observed, driven: &Driven) -> Vec<String> {
    let mut reasons: Vec<String> = driven.deaths.iter().map(ToString::to_string).collect();
    let Oddities { dropped, unreadable, foreign, rejected: _ } = driven.collector.oddities();
    let counts = [
        (dropped, "trace events were dropped by nodes: deliveries are missing from the data"),
        (unreadable, "lines of traces can't be read"),
        (foreign, "deliveries are of items that were never submitted"),
    ];
    reasons.extend(
        counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}")),
    );
    if driven.kill.as_ref().is_some_and(|kill| kill.touched == 0) {
        reasons.push("the kill met no living node".to_owned());
    }
    if driven.kill_late {
        reasons.push("the kill came after the last submission".to_owned());
    }
    let idle = observed.faults.iter().filter(|met| met.touched == 0 && driven.cut_short.is_none());
    reasons.extend(idle.map(|met| format!("the fault {} met nothing", met.kind)));
    reasons.extend(told(observed.fault_problems.clone(), "problem"));
    reasons.extend(told(observed.clock_problems.clone(), "step"));
    let submissions: Vec<_> = driven.submissions.iter().map(|record| record.sent).collect();
    let mistimed = driven.collector.mistimed(&submissions, driven.over_us);
    reasons.extend(told(mistimed.iter().map(Mistimed::sentence).collect(), "node"));
    // Where a run was cut short, answers were still to come.
    if driven.cut_short.is_none() {
        reasons.extend(told(unacknowledged(fleet, &driven.submissions), "submission"));
    }
    let silent = fleet.live().filter(|node| observed.traffic_after[node.index].is_none());
    let silent = silent.map(|node| format!("{} didn't tell its traffic", node.name)).collect();
    reasons.extend(told(silent, "node"));
    reasons
}

/// Submissions that weren't acknowledged, but for those whose origin we killed: these are the kill's
/// effect, not a defect of the run.
fn unacknowledged(fleet: &Fleet, submissions: &[Submission]) -> Vec<String> {
    let problem = |(index, record): (usize, &Submission)| match (record.sent, &record.problem) {
        (None, _) => Some(format!("item {index} found no living node")),
        (Some((_, origin)), Some(problem)) => (fleet.nodes()[origin].fate() != Fate::Killed)
            .then(|| format!("item {index}: {problem}")),
        (Some(_), None) => None,
    };
    submissions.iter().enumerate().filter_map(problem).collect()
}

/// A few problems in full, and how many more there are.
fn told(mut problems: Vec<String>, what: &str) -> Vec<String> {
    if problems.len() > TOLD_MAX {
        let more = problems.len() - TOLD_MAX;
        problems.truncate(TOLD_MAX);
        problems.push(format!("and {more} more {what}s"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_problems_are_told_by_example() {
        let problems = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(told(problems(3), "node"), problems(3));
        assert_eq!(told(problems(5), "node"), ["0", "1", "2", "and 2 more nodes"]);
    }
}
