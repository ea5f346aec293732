//! The figures of a run, under the names that every command which measures uses.
//!
//! **What counts.**
//! - Nodes: those alive at the end of the run ("live"), for shares, latencies, traffic and memory.
//! - Items: all, but for those *lost with their origin*: the origin was killed, and no live node
//!   ever had the item. No relay could have delivered them; they are counted apart.
//! - Times of an item run from its submission at the origin to its first delivery at the node.
//!
//! A figure that can't be known is `None` (JSON null), never a made-up zero.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::figures::blocks::Chain;
use crate::figures::hops;
use crate::figures::members::Members;
use crate::figures::spread::{Spread, milliseconds};
use crate::figures::statistics::{Distribution, quantile_or_never};
use crate::figures::verdict::{Judgement, Machine, Verdict};
use crate::run::{self, ItemKind, Run, RunError};

/// The kinds of message that carry exactly one whole item, by their names in `traffic.csv`.
pub const PAYLOAD_KINDS: [&str; 2] = ["tx", "block"];

/// Key of what `bytes_per_payload_byte` is on sockets, encryption and multiplexing included, where a launcher
/// asked ([`Inputs::more`]).
pub const SOCKET_BYTES: &str = "socket_bytes_per_payload_byte";

/// Key of the writes to sockets per delivery: each is a system call, and wakes the other end.
pub const SOCKET_WRITES: &str = "socket_writes_per_delivery";

/// What only the launcher or simulator knows, handed in beside the raw data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inputs {
    /// The relay strategy.
    pub strategy: String,
    /// The seed of the run.
    pub seed: u64,
    /// Why the run proves nothing; empty for a valid run.
    pub invalid_reasons: Vec<String>,
    /// Time from the start of the first node until the overlay was ready, seconds.
    pub connect_s: Option<f64>,
    /// CPU time of all processes of the run while they were measured, user and system, seconds.
    /// Where it is `None`, the sum over the nodes of `nodes.csv` is taken.
    pub cpu_s: Option<f64>,
    /// Resident memory per node, MiB. Where it is `None`, the mean over `nodes.csv` is taken.
    pub rss_mib_per_node: Option<f64>,
    /// A node's part of that, MiB: a shared page counts as one over the number of its sharers (PSS), so that the sum over
    /// all nodes is what they take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pss_mib_per_node: Option<f64>,
    /// What a node shares with nobody, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_mib_per_node: Option<f64>,
    /// CPU of one node without work, per cent of one core.
    pub idle_cpu_percent_per_node: Option<f64>,
    /// What cut the run short, if anything did: its last items were still under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<String>,
    /// CPU time of the launcher itself, user and system, seconds.
    pub launcher_cpu_s: Option<f64>,
    /// Trace events that nodes had to drop: deliveries may be missing from the data.
    pub dropped_events: u64,
    /// How the machine kept up, if it had to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// Links closed because a node said that its peer misbehaved. No honest peer does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links_lost: Option<u64>,
    /// What membership did, if the nodes were members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Members>,
    /// What became of the blocks that were made, if any were to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
    /// What a simulation adds.
    #[serde(flatten)]
    pub simulation: Simulation,
    /// Further keys, kept as they are.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// Figures of simulations; absent from the JSON of other runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Simulation {
    /// Events handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Running hash over all events, hexadecimal: equal for equal runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_hash: Option<String>,
    /// CPU time to build the network, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s_setup: Option<f64>,
    /// CPU time to run it, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s_run: Option<f64>,
    /// Largest resident memory of the simulator, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_mib: Option<f64>,
    /// Rounds, for strategies that have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u64>,
}

/// The figures of one run. The field names are the keys of `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Whether the figures mean anything: [`Inputs::invalid_reasons`] is empty.
    pub valid: bool,
    /// The same in three colours: whether they are the network's, too.
    pub verdict: Verdict,
    /// Why they are the machine's as much; empty if they aren't.
    pub machine_reasons: Vec<String>,
    /// The slow motion in which the machine would be out of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_slow_motion: Option<u32>,
    /// Nodes that were started.
    pub nodes: u64,
    /// Nodes that were not alive at the end.
    pub killed_nodes: u64,
    /// What was handed in.
    #[serde(flatten)]
    pub inputs: Inputs,
    /// Transactions submitted.
    pub txs: u64,
    /// Blocks submitted.
    pub blocks: u64,
    /// Payload of all items, bytes.
    pub payload_bytes: u64,
    /// Transactions submitted per second, from the first to the last.
    pub rate_tx_per_s: Option<f64>,
    /// First deliveries at all nodes; the origin's own and those of nodes killed later count.
    pub deliveries: u64,
    /// Items whose origin was killed before any live node had them.
    pub lost_with_origin: u64,
    /// Share of the (item, live node) pairs that were delivered, 0 to 1; `None` without items.
    pub coverage: Option<f64>,
    /// When half of the live nodes had an item, milliseconds: the median over items.
    pub t50_ms: Option<f64>,
    /// When 90 % of the live nodes had an item, milliseconds: the median over items.
    pub t90_ms: Option<f64>,
    /// When 99 % of the live nodes had an item, milliseconds: the median over items.
    pub t99_ms: Option<f64>,
    /// When all live nodes had an item, milliseconds: the median over items.
    pub t100_ms: Option<f64>,
    /// From the last submission to the last delivery, seconds: how long it took to work off what was submitted
    /// faster than it spread.
    pub backlog_s: Option<f64>,
    /// Mean over items of the mean latency of their deliveries, the origins' own excluded,
    /// milliseconds.
    pub latency_mean_ms: Option<f64>,
    /// Half the width of its 95 % confidence interval over items (Student's t), milliseconds.
    pub latency_mean_ci95_ms: Option<f64>,
    /// How many links an item came over to a node, on average; `None` where it isn't known who gave what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hops_mean: Option<f64>,
    /// The same at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hops_max: Option<f64>,
    /// Payload copies received per delivery over the network, minus 1.
    pub redundancy: Option<f64>,
    /// Bytes sent per live node and payload byte.
    pub bytes_per_payload_byte: Option<f64>,
    /// Bytes sent, framing included and transport security excluded, by kind of message.
    pub bytes_by_kind: BTreeMap<String, u64>,
    /// Messages sent by kind of message.
    pub messages_by_kind: BTreeMap<String, u64>,
    /// Messages that live nodes sent, of all kinds, per delivery: each costs its sender and its receiver a wake-up at worst.
    pub messages_per_delivery: Option<f64>,
    /// CPU time of all processes ([`Inputs::cpu_s`]) per delivery, microseconds.
    pub cpu_us_per_delivery: Option<f64>,
}

impl Summary {
    /// Computes the figures of `run`.
    #[must_use]
    pub fn compute(run: &Run, inputs: Inputs) -> Self {
        Self::of(run, &Spread::of(run), inputs)
    }

    /// [`compute`](Self::compute), with the arrivals of `run` at hand.
    #[must_use]
    pub fn of(run: &Run, spread: &Spread, mut inputs: Inputs) -> Self {
        let counted = counted_items(run, spread);
        let traffic = LiveTraffic::of(run);
        let latency = mean_latency_ms(run, spread, &counted);
        let payload: u64 = counted.iter().map(|&item| run.items[item].bytes).sum();
        let deliveries = spread.first_deliveries();
        let hops = hops::hops(run);

        inputs.cpu_s = inputs.cpu_s.or_else(|| sum(run.nodes.iter().map(|node| node.cpu_s)));
        inputs.rss_mib_per_node = inputs.rss_mib_per_node.or_else(|| rss_mib_per_node(run));
        let judgement = inputs.machine.map(|machine| machine.judge(latency.mean()));
        let Judgement { invalid, machine, slow_motion } = judgement.unwrap_or_default();
        note_invalid(run, &mut inputs, invalid);
        let verdict = match (&inputs.invalid_reasons[..], &machine[..]) {
            ([], []) => Verdict::Valid,
            ([], _) => Verdict::Machine,
            _ => Verdict::Invalid,
        };
        let time = |share| {
            quantile_or_never(counted.iter().map(|&item| spread.time_to_share_ms(item, share)), 0.5)
        };
        let count = |kind| run.items.iter().filter(|item| item.kind == kind).count() as u64;
        Self {
            valid: verdict != Verdict::Invalid,
            verdict,
            machine_reasons: machine,
            try_slow_motion: slow_motion,
            nodes: run.nodes.len() as u64,
            killed_nodes: (run.nodes.len() - spread.live_nodes()) as u64,
            txs: count(ItemKind::Tx),
            blocks: count(ItemKind::Block),
            payload_bytes: run.items.iter().map(|item| item.bytes).sum(),
            rate_tx_per_s: rate_tx_per_s(run),
            deliveries: deliveries as u64,
            lost_with_origin: (run.items.len() - counted.len()) as u64,
            coverage: coverage(run, spread, &counted),
            t50_ms: time(0.5),
            t90_ms: time(0.9),
            t99_ms: time(0.99),
            t100_ms: time(1.0),
            backlog_s: backlog_s(run),
            latency_mean_ms: latency.mean(),
            latency_mean_ci95_ms: latency.mean_ci95().map(|mean| mean.half_width),
            hops_mean: hops.mean(),
            hops_max: hops.quantile(1.0),
            redundancy: redundancy(run, spread, &traffic),
            bytes_per_payload_byte: ratio(
                traffic.bytes_by_kind.values().sum::<u64>() as f64,
                spread.live_nodes() as f64 * payload as f64,
            ),
            bytes_by_kind: traffic.bytes_by_kind,
            messages_per_delivery: messages_per_delivery(&traffic.messages_by_kind, deliveries),
            messages_by_kind: traffic.messages_by_kind,
            cpu_us_per_delivery: inputs
                .cpu_s
                .and_then(|seconds| ratio(seconds * 1e6, deliveries as f64)),
            inputs,
        }
    }

    /// Reads `summary.json` of the run folder `dir`.
    ///
    /// # Errors
    ///
    /// If it is missing or isn't a summary.
    pub fn read(dir: &Path) -> Result<Self, RunError> {
        let path = dir.join(run::SUMMARY_JSON);
        let text = run::read_text(&path)?;
        serde_json::from_str(&text).map_err(|source| RunError::Json { path, source })
    }

    /// Writes `summary.json` and `summary.csv` into the run folder `dir`.
    ///
    /// # Errors
    ///
    /// If a file can't be written.
    pub fn write(&self, dir: &Path) -> Result<(), RunError> {
        run::write_text(&dir.join(run::SUMMARY_JSON), &(self.to_json() + "\n"))?;
        run::write_text(&dir.join(run::SUMMARY_CSV), &self.to_csv())
    }

    /// The summary as indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("maps with text keys and numbers are always JSON")
    }

    /// The summary as a table of one row, so that the rows of many runs can be joined. The keys of
    /// nested objects follow their parent's with a dot; null is an empty field.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let (keys, values): (Vec<_>, Vec<_>) = flat_figures(&self.to_value())
            .into_iter()
            .map(|(key, value)| (key, plain_text(&value)))
            .unzip();
        let mut writer = csv::Writer::from_writer(Vec::new());
        let written = writer.write_record(keys).and_then(|()| writer.write_record(values));
        let bytes = written.ok().and_then(|()| writer.into_inner().ok());
        String::from_utf8(bytes.expect("as many values as keys are written to memory"))
            .expect("text was written")
    }

    /// The summary as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("maps with text keys and numbers are always JSON")
    }

    /// Whether every live node has every item that counts.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.coverage.is_none_or(|coverage| coverage >= 1.0)
    }

    /// How a command that made this run ends: 3 if the run wasn't valid, 1 if an item didn't reach
    /// every live node, 0 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit_status())
    }

    fn exit_status(&self) -> u8 {
        match (self.valid, self.complete()) {
            (false, _) => 3,
            (true, false) => 1,
            (true, true) => 0,
        }
    }
}

/// The items that count: all but those lost with their origin.
#[must_use]
pub fn counted_items(run: &Run, spread: &Spread) -> Vec<usize> {
    let lost = |item: usize| {
        !run.nodes[run.items[item].origin as usize].alive && spread.arrivals_of(item).is_empty()
    };
    (0..run.items.len()).filter(|&item| !lost(item)).collect()
}

/// A JSON object as pairs of key and scalar, with dots in the keys of nested objects; arrays become
/// text.
#[must_use]
pub fn flat_figures(value: &serde_json::Value) -> Vec<(String, serde_json::Value)> {
    let mut figures = Vec::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            serde_json::Value::Object(_) => {
                let nested = flat_figures(value).into_iter();
                figures.extend(nested.map(|(inner, value)| (format!("{key}.{inner}"), value)));
            }
            serde_json::Value::Array(entries) => {
                let entries: Vec<_> = entries.iter().map(plain_text).collect();
                figures.push((key.clone(), entries.join("; ").into()));
            }
            scalar => figures.push((key.clone(), scalar.clone())),
        }
    }
    figures
}

/// A JSON scalar as people write it: text without quotes, null as nothing.
#[must_use]
pub fn plain_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Bytes and messages that the live nodes sent, by kind.
struct LiveTraffic {
    bytes_by_kind: BTreeMap<String, u64>,
    messages_by_kind: BTreeMap<String, u64>,
    payload_copies_received: u64,
}

impl LiveTraffic {
    fn of(run: &Run) -> Self {
        let mut bytes_by_kind = BTreeMap::new();
        let mut messages_by_kind = BTreeMap::new();
        let mut payload_copies_received = 0;
        for row in run.traffic.iter().filter(|row| run.nodes[row.node as usize].alive) {
            *bytes_by_kind.entry(row.kind.clone()).or_default() += row.sent_bytes;
            *messages_by_kind.entry(row.kind.clone()).or_default() += row.sent_messages;
            if PAYLOAD_KINDS.contains(&row.kind.as_str()) {
                payload_copies_received += row.received_messages;
            }
        }
        Self { bytes_by_kind, messages_by_kind, payload_copies_received }
    }
}

fn coverage(run: &Run, spread: &Spread, counted: &[usize]) -> Option<f64> {
    if run.items.is_empty() {
        return None;
    }
    let pairs = (counted.len() * spread.live_nodes()) as f64;
    Some(ratio(spread.arrivals().len() as f64, pairs).unwrap_or(0.0))
}

fn backlog_s(run: &Run) -> Option<f64> {
    let submitted = run.items.iter().map(|item| item.submitted_us).max()?;
    let at = |row: &run::Delivery| run.items[row.item as usize].submitted_us + row.latency_us;
    let delivered = run.deliveries.iter().map(at).max()?;
    Some(delivered.saturating_sub(submitted) as f64 / 1e6)
}

/// Copies per delivery minus 1, at live nodes. The origin's own delivery needs no copy, and doesn't
/// count here.
fn redundancy(run: &Run, spread: &Spread, traffic: &LiveTraffic) -> Option<f64> {
    if traffic.messages_by_kind.is_empty() {
        return None;
    }
    let received =
        |delivery: &&run::Delivery| run.items[delivery.item as usize].origin != delivery.node;
    let deliveries = spread.arrivals().iter().filter(received).count();
    ratio(traffic.payload_copies_received as f64, deliveries as f64).map(|copies| copies - 1.0)
}

/// Of all kinds; `None` if nobody counted any.
fn messages_per_delivery(by_kind: &BTreeMap<String, u64>, deliveries: usize) -> Option<f64> {
    let messages = by_kind.values().copied().reduce(|sum, messages| sum + messages)?;
    ratio(messages as f64, deliveries as f64)
}

/// The mean latency of each item's deliveries, the origin's own excluded.
fn mean_latency_ms(run: &Run, spread: &Spread, counted: &[usize]) -> Distribution {
    let mean = |&item: &usize| {
        let origin = run.items[item].origin;
        let received = spread.arrivals_of(item).iter().filter(|arrival| arrival.node != origin);
        Distribution::new(received.map(|arrival| milliseconds(arrival.latency_us)).collect()).mean()
    };
    Distribution::new(counted.iter().filter_map(mean).collect())
}

fn rate_tx_per_s(run: &Run) -> Option<f64> {
    let txs = run.items.iter().filter(|item| item.kind == ItemKind::Tx);
    let times: Vec<u64> = txs.map(|item| item.submitted_us).collect();
    let span_us = times.iter().max()? - times.iter().min()?;
    ratio((times.len() - 1) as f64 * 1e6, span_us as f64)
}

fn rss_mib_per_node(run: &Run) -> Option<f64> {
    let live = run.nodes.iter().filter(|node| node.alive);
    let sizes: Vec<f64> =
        live.filter_map(|node| node.rss_kib).map(|kib| kib as f64 / 1_024.0).collect();
    Distribution::new(sizes).mean()
}

/// Adds what the data itself and the machine say against the run. Saying it twice changes nothing, so that a
/// summary can be computed again from its own inputs.
fn note_invalid(run: &Run, inputs: &mut Inputs, machine: Vec<String>) {
    let mut note = |reason: String| {
        if !inputs.invalid_reasons.contains(&reason) {
            inputs.invalid_reasons.push(reason);
        }
    };
    if run.live_nodes() == 0 {
        note("No node was alive at the end of the run.".to_owned());
    }
    if inputs.dropped_events > 0 {
        let events = inputs.dropped_events;
        note(format!("Nodes dropped {events} trace events, so deliveries may be missing."));
    }
    machine.into_iter().for_each(note);
}

/// The sum of what is known; `None` if nothing is.
fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().reduce(|sum, value| sum + value)
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests;
