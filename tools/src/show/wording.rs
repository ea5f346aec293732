//! The figures of a summary in words: what each is called, its unit, and what it means.

use crate::figures::blocks::Chain;
use crate::figures::summary::{SOCKET_BYTES, SOCKET_WRITES, Summary};
use crate::figures::verdict::Verdict;
use crate::show::format::{counted, grouped, measured, percent};

/// One figure as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its key in `summary.json`.
    pub key: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// Its value, or `-` if it isn't known.
    pub value: String,
    /// Its unit; empty for counts and names.
    pub unit: &'static str,
    /// What it means, for somebody who sees it for the first time.
    pub meaning: &'static str,
}

/// Figures that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The figures.
    pub figures: Vec<Figure>,
}

/// What stands for a figure that isn't known.
pub const UNKNOWN: &str = "-";

/// All figures of `summary` that have something to say, in reading order.
#[must_use]
pub fn groups(summary: &Summary) -> Vec<Group> {
    let groups = [
        Group { title: "Network", figures: network(summary) },
        Group { title: "Spread", figures: spread(summary) },
        Group { title: "Blocks", figures: chain(summary) },
        Group { title: "Cost", figures: cost(summary) },
        Group { title: "Members", figures: members(summary) },
        Group { title: "Machine", figures: machine(summary) },
        Group { title: "Simulation", figures: simulation(summary) },
    ];
    groups.into_iter().filter(|group| !group.figures.is_empty()).collect()
}

/// The figure `key`, wherever it stands.
#[must_use]
pub fn find(groups: &[Group], key: &str) -> Option<Figure> {
    groups.iter().flat_map(|group| &group.figures).find(|figure| figure.key == key).cloned()
}

fn network(summary: &Summary) -> Vec<Figure> {
    let inputs = &summary.inputs;
    let mut figures = vec![count("nodes", "Nodes", summary.nodes, "nodes started")];
    if summary.killed_nodes > 0 {
        let meaning = "nodes not alive at the end; the rest are \"live\"";
        figures.push(count("killed_nodes", "Killed nodes", summary.killed_nodes, meaning));
    }
    figures.push(Figure {
        key: "strategy",
        label: "Relay strategy",
        value: inputs.strategy.clone(),
        unit: "",
        meaning: "how a node passes on what it has accepted",
    });
    figures.push(Figure {
        key: "seed",
        label: "Seed",
        value: inputs.seed.to_string(),
        unit: "",
        meaning: "of every random choice the run itself makes",
    });
    let connect = "until every node had its links";
    figures.push(number("connect_s", "Time to connect", inputs.connect_s, "s", connect));
    figures
}

fn spread(summary: &Summary) -> Vec<Figure> {
    let mut figures = vec![count("txs", "Transactions", summary.txs, "submitted at random nodes")];
    if summary.blocks > 0 {
        figures.push(count("blocks", "Blocks", summary.blocks, "submitted"));
    }
    let rate = "from the first submission to the last";
    figures.push(number("rate_tx_per_s", "Rate", summary.rate_tx_per_s, "tx/s", rate));
    figures.push(count(
        "deliveries",
        "Deliveries",
        summary.deliveries,
        "items accepted, once per node",
    ));
    figures.push(Figure {
        key: "coverage",
        label: "Coverage",
        value: summary.coverage.map_or_else(|| UNKNOWN.to_owned(), percent),
        unit: "%",
        meaning: "of all (item, live node) pairs were delivered",
    });
    if summary.lost_with_origin > 0 {
        let meaning = "items that died with their origin; not in the coverage";
        let lost = summary.lost_with_origin;
        figures.push(count("lost_with_origin", "Lost with origin", lost, meaning));
    }
    figures.extend([
        number(
            "t50_ms",
            "Time to 50 %",
            summary.t50_ms,
            "ms",
            "until half the live nodes had an item",
        ),
        number("t90_ms", "Time to 90 %", summary.t90_ms, "ms", "until 90 % of them had it"),
        number("t99_ms", "Time to 99 %", summary.t99_ms, "ms", "until 99 % of them had it"),
        number(
            "t100_ms",
            "Time to all",
            summary.t100_ms,
            "ms",
            "until all of them had it (each: median item)",
        ),
        number(
            "backlog_s",
            "Backlog through after",
            summary.backlog_s,
            "s",
            "from the last submission to the last delivery",
        ),
    ]);
    if summary.hops_mean.is_some() {
        let meaning = "links that an item came over to a node, on average";
        figures.push(number("hops_mean", "Hops", summary.hops_mean, "", meaning));
        figures.push(number("hops_max", "Most hops", summary.hops_max, "", "the longest way"));
    }
    if let Some(lost) = summary.inputs.links_lost {
        let meaning = "because a node said that its peer misbehaved";
        figures.push(count("links_lost", "Links lost", lost, meaning));
    }
    figures
}

fn cost(summary: &Summary) -> Vec<Figure> {
    let inputs = &summary.inputs;
    let mut figures = vec![
        number(
            "redundancy",
            "Redundancy",
            summary.redundancy,
            "copies",
            "further copies of an item that a node got; 0 is best",
        ),
        number(
            "bytes_per_payload_byte",
            "Bytes per payload byte",
            summary.bytes_per_payload_byte,
            "B/B",
            "bytes a node sent per byte of the items",
        ),
        number(
            "messages_per_delivery",
            "Messages per delivery",
            summary.messages_per_delivery,
            "",
            "sent, of all kinds",
        ),
        number(
            "cpu_us_per_delivery",
            "CPU per delivery",
            summary.cpu_us_per_delivery,
            "µs",
            "CPU time of all processes, divided by deliveries",
        ),
        number(
            "rss_mib_per_node",
            "Memory per node",
            inputs.rss_mib_per_node,
            "MiB",
            "resident memory (RSS)",
        ),
    ];
    let parts = [
        (
            "pss_mib_per_node",
            "… its part",
            inputs.pss_mib_per_node,
            "with shared pages divided (PSS)",
        ),
        ("private_mib_per_node", "… its own", inputs.private_mib_per_node, "shared with nobody"),
    ];
    let parts = parts.into_iter().filter(|(_, _, mib, _)| mib.is_some());
    figures.extend(parts.map(|(key, label, mib, meaning)| number(key, label, mib, "MiB", meaning)));
    let more = |key: &str| inputs.more.get(key).and_then(serde_json::Value::as_f64);
    if let Some(bytes) = more(SOCKET_BYTES) {
        let meaning = "the same on sockets, encrypted and multiplexed";
        figures.push(number(SOCKET_BYTES, "Bytes on sockets", Some(bytes), "B/B", meaning));
    }
    if let Some(writes) = more(SOCKET_WRITES) {
        let meaning = "to sockets, each a system call";
        figures.push(number(SOCKET_WRITES, "Writes per delivery", Some(writes), "", meaning));
    }
    if inputs.idle_cpu_percent_per_node.is_some() {
        let idle = inputs.idle_cpu_percent_per_node;
        let meaning = "of one core, by a node without work";
        figures.push(number("idle_cpu_percent_per_node", "Idle CPU per node", idle, "%", meaning));
    }
    figures
}

fn chain(summary: &Summary) -> Vec<Figure> {
    let Some(chain) = &summary.inputs.chain else { return Vec::new() };
    let mut figures = vec![
        count("chain.made", "Blocks made", chain.made, "at random nodes, at random times"),
        count(
            "chain.stale",
            "Stale blocks",
            chain.stale,
            "not on the chain that most nodes ended with",
        ),
    ];
    if chain.failed > 0 {
        figures.push(count(
            "chain.failed",
            "Not made",
            chain.failed,
            "requests for a block that failed",
        ));
    }
    if chain.tips > 1 {
        figures.push(count(
            "chain.tips",
            "Tips",
            chain.tips,
            "nodes ended with different last blocks",
        ));
    }
    figures.extend(travel(chain));
    if !chain.joiners.is_empty() {
        let joiners = chain.joiners.len() as u64;
        let caught = "until a late node had the last block (median)";
        figures.extend([
            count("chain.joiners", "Late nodes", joiners, "started after the load"),
            number("chain.catch_up_s", "Caught up after", chain.catch_up_s, "s", caught),
            number(
                "chain.catch_up_ms_per_block",
                "… for each block",
                chain.catch_up_ms_per_block,
                "ms",
                "of the chain",
            ),
        ]);
    }
    figures
}

/// How far and how soon blocks went, and at what cost.
fn travel(chain: &Chain) -> impl Iterator<Item = Figure> + use<> {
    let percent = |share: Option<f64>| share.map(|share| share * 100.0);
    let half = "until half the live nodes had a block";
    let measured = [
        ("chain.stale_rate", "Stale rate", percent(chain.stale_rate), "%", "of the blocks made"),
        ("chain.txs_mean", "Transactions", chain.txs_mean, "/block", "on average"),
        (
            "chain.confirmed",
            "Confirmed",
            percent(chain.confirmed),
            "%",
            "of the transactions are in the chain",
        ),
        (
            "chain.coverage",
            "Block coverage",
            percent(chain.coverage),
            "%",
            "of all (settled block, live node) pairs",
        ),
        ("chain.t50_ms", "Block to 50 %", chain.t50_ms, "ms", half),
        ("chain.t90_ms", "Block to 90 %", chain.t90_ms, "ms", "until 90 % of them had it"),
        ("chain.t99_ms", "Block to 99 %", chain.t99_ms, "ms", "until 99 % of them had it"),
        (
            "chain.hit_rate",
            "Rebuilt at once",
            percent(chain.hit_rate),
            "%",
            "of blocks received, without asking for parts",
        ),
        (
            "chain.bytes_received",
            "Bytes per block",
            chain.bytes_received,
            "B",
            "that a node received for one of another",
        ),
        (
            "chain.template_bytes",
            "Templates",
            chain.template_bytes,
            "B/block",
            "that a node received of what others expect",
        ),
    ];
    measured
        .into_iter()
        .map(|(key, label, value, unit, meaning)| number(key, label, value, unit, meaning))
}

fn members(summary: &Summary) -> Vec<Figure> {
    let Some(members) = &summary.inputs.members else { return Vec::new() };
    let share = members.share_of_relay.map(|share| share * 100.0);
    let measured = [
        (
            "members.converged_s",
            "Converged after",
            members.converged_s,
            "s",
            "until each node had seen all others alive",
        ),
        (
            "members.datagrams_per_s",
            "Datagrams",
            members.datagrams_per_s,
            "/s",
            "that a node sent as a member",
        ),
        (
            "members.datagrams_per_s_max",
            "… the busiest node",
            members.datagrams_per_s_max,
            "/s",
            "",
        ),
        (
            "members.datagram_bytes_per_s",
            "Bytes of datagrams",
            members.datagram_bytes_per_s,
            "B/s",
            "of a node, without IP and UDP",
        ),
        (
            "members.stream_bytes_per_s",
            "Bytes on streams",
            members.stream_bytes_per_s,
            "B/s",
            "of a node, as a member",
        ),
        (
            "members.relay_bytes_per_s",
            "Bytes of the relay",
            members.relay_bytes_per_s,
            "B/s",
            "that a node sent to its links",
        ),
        ("members.share_of_relay", "… members' share", share, "%", "members' bytes by the relay's"),
    ];
    let mut figures = vec![Figure {
        key: "members.preset",
        label: "Preset",
        value: members.preset.clone(),
        unit: "",
        meaning: "how soon members find each other dead",
    }];
    figures.extend(
        measured.map(|(key, label, value, unit, meaning)| number(key, label, value, unit, meaning)),
    );
    let suspicions = "living nodes had to say that they live";
    let deaths = "a node took a living one for dead";
    figures.extend([
        count("members.false_suspicions", "False suspicions", members.false_suspicions, suspicions),
        count("members.false_deaths", "False deaths", members.false_deaths, deaths),
    ]);
    if !members.kills.is_empty() {
        let first = "after a kill, until a survivor took it for dead";
        let last = "until all survivors did (each: mean over kills)";
        figures.extend([
            number(
                "members.first_death_s",
                "First to see a death",
                members.first_death_s,
                "s",
                first,
            ),
            number("members.last_death_s", "Last to see a death", members.last_death_s, "s", last),
        ]);
    }
    figures
}

fn machine(summary: &Summary) -> Vec<Figure> {
    let Some(machine) = &summary.inputs.machine else { return Vec::new() };
    let wait = "of a node for a processor, each time it had work";
    let late = "at most, of 99 % of the submissions";
    vec![
        number("machine.cpu_wait_ms", "Wait", machine.cpu_wait_ms, "ms", wait),
        number("machine.late_p99_ms", "Lateness", Some(machine.late_p99_ms), "ms", late),
    ]
}

fn simulation(summary: &Summary) -> Vec<Figure> {
    let simulation = &summary.inputs.simulation;
    let mut figures = Vec::new();
    if let Some(events) = simulation.events {
        figures.push(count("events", "Events", events, "handled by the simulator"));
    }
    if let Some(hash) = &simulation.event_hash {
        figures.push(Figure {
            key: "event_hash",
            label: "Event hash",
            value: hash.clone(),
            unit: "",
            meaning: "equal for equal runs",
        });
    }
    if let Some(rounds) = simulation.rounds {
        figures.push(count("rounds", "Rounds", rounds, "of the strategy's timer"));
    }
    let more = |key: &str| summary.inputs.more.get(key).and_then(serde_json::Value::as_f64);
    let measured = [
        ("cpu_s_setup", "CPU for set-up", simulation.cpu_s_setup, "s", "to build the network"),
        ("cpu_s_run", "CPU for the run", simulation.cpu_s_run, "s", "to run it"),
        ("cpu_s_per_tx", "CPU per transaction", more("cpu_s_per_tx"), "s", "after set-up"),
        ("events_per_cpu_s", "Speed", more("events_per_cpu_s"), "/s", "events per CPU second"),
        ("peak_rss_mib", "Peak memory", simulation.peak_rss_mib, "MiB", "of the simulator"),
    ];
    let known = measured.into_iter().filter(|figure| figure.2.is_some());
    figures.extend(
        known.map(|(key, label, value, unit, meaning)| number(key, label, value, unit, meaning)),
    );
    figures
}

fn count(key: &'static str, label: &'static str, value: u64, meaning: &'static str) -> Figure {
    Figure { key, label, value: grouped(value), unit: "", meaning }
}

fn number(
    key: &'static str,
    label: &'static str,
    value: Option<f64>,
    unit: &'static str,
    meaning: &'static str,
) -> Figure {
    let value = value.map_or_else(|| UNKNOWN.to_owned(), measured);
    Figure { key, label, value, unit, meaning }
}

/// The colour of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// All is well.
    Green,
    /// Something is missing, or the times are the machine's.
    Amber,
    /// Nothing is proved.
    Red,
}

/// The colour of a run's verdict.
#[must_use]
pub fn colour(summary: &Summary) -> Colour {
    match (summary.valid, summary.verdict) {
        (false, _) | (_, Verdict::Invalid) => Colour::Red,
        (true, Verdict::Machine) => Colour::Amber,
        (true, Verdict::Valid) if !summary.complete() => Colour::Amber,
        (true, Verdict::Valid) => Colour::Green,
    }
}

/// The run in one sentence: what it proved, or that it proved nothing.
#[must_use]
pub fn verdict(summary: &Summary) -> String {
    if let (true, Some(signal), Some(coverage)) =
        (summary.valid, &summary.inputs.cut_short, summary.coverage)
    {
        let share = percent(coverage);
        return format!("Cut short ({signal}): {share} % of the deliveries had happened by then.");
    }
    match (summary.valid, summary.coverage) {
        (false, _) => "Invalid: the figures of this run prove nothing.".to_owned(),
        (true, None) => "Valid: nothing was submitted.".to_owned(),
        (true, Some(_)) if summary.complete() => {
            "Complete: every live node has every item.".to_owned()
        }
        (true, Some(coverage)) => {
            format!("Incomplete: {} % of the deliveries happened.", percent(coverage))
        }
    }
}

/// A second sentence where the times are the machine's: that they are, and what helps.
#[must_use]
pub fn whose_time(summary: &Summary) -> Option<String> {
    let advice = match (summary.try_slow_motion, summary.verdict) {
        (_, Verdict::Valid) | (None, Verdict::Invalid) => return None,
        (Some(times), _) => format!("try --slow-motion {times}."),
        (None, Verdict::Machine) => "try fewer nodes or items.".to_owned(),
    };
    Some(format!("This is the machine's time, not the network's: {advice}"))
}

/// Why a run is invalid, or else why its times are the machine's; empty if neither.
#[must_use]
pub fn reasons(summary: &Summary) -> &[String] {
    if summary.valid { &summary.machine_reasons } else { &summary.inputs.invalid_reasons }
}

/// What went through what: `1,000 transactions through 200 nodes, 8 regions`.
#[must_use]
pub fn headline(summary: &Summary, regions: usize) -> String {
    let items: Vec<String> = [(summary.txs, "transaction"), (summary.blocks, "block")]
        .into_iter()
        .filter(|&(number, _)| number > 0)
        .map(|(number, one)| counted(number, one))
        .collect();
    let items = if items.is_empty() { "nothing".to_owned() } else { items.join(" and ") };
    let nodes = counted(summary.nodes, "node");
    let regions = match regions as u64 {
        0 | 1 => String::new(),
        several => format!(", {}", counted(several, "region")),
    };
    format!("{items} through {nodes}{regions}")
}
