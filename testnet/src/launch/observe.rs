//! What is asked of the nodes around the measured part: idle CPU, traffic, memory, and the bytes of
//! items.

use std::collections::BTreeMap;
use std::time::Duration;

use tidings::api::{Status, TrafficStatus};
use tidings_sim::random::shared::{self, Stream};
use tidings_tools::run::Traffic;
use tokio::time::{Instant, sleep};

use super::fleet::{Fleet, ask_all};
use super::items::Planned;
use super::settings::narrow;
use crate::usage::{self, Memory};

/// What each node sent and received since it started; `None` if the node couldn't be asked.
pub type AllTraffic = Vec<Option<NodeTraffic>>;

/// What one node sent and received.
#[derive(Clone, Debug, Default)]
pub struct NodeTraffic {
    /// By message kind.
    pub kinds: BTreeMap<String, TrafficStatus>,
    /// On its sockets.
    pub sockets: Sockets,
}

/// What was written to sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sockets {
    /// Bytes.
    pub bytes: u64,
    /// Writes.
    pub writes: u64,
}

/// Nodes whose copies of the items are compared byte by byte.
const COMPARED: usize = 3;

/// How long a new overlay is left alone before it counts as idle: addresses are still being told then.
const SETTLING: Duration = Duration::from_secs(2);

/// Watches the network without work: CPU of one node, per cent of a core, on average.
pub async fn idle_cpu_percent(fleet: &Fleet, duration: Duration) -> Option<f64> {
    if duration.is_zero() {
        return None;
    }
    sleep(SETTLING).await;
    let (began, before) = (Instant::now(), fleet.usage());
    sleep(duration).await;
    let elapsed = began.elapsed().as_secs_f64();
    let after = fleet.usage();
    let used: Vec<f64> = before
        .into_iter()
        .zip(after)
        .filter_map(|(before, after)| Some(usage::cpu_between(before?, after?)))
        .collect();
    (!used.is_empty()).then(|| used.iter().sum::<f64>() / used.len() as f64 / elapsed * 100.0)
}

/// Memory of a node, MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MemoryMib {
    /// Resident.
    pub rss: f64,
    /// Its part of that, what is shared being divided.
    pub pss: f64,
    /// What it shares with nobody.
    pub private: f64,
}

/// Memory of a node, MiB: the mean over the live nodes, those of a host having equal shares of it.
#[must_use]
pub fn memory(fleet: &Fleet) -> Option<MemoryMib> {
    let known =
        fleet.processes().filter_map(|process| Some((usage::memory(process.pid)?, process.nodes)));
    let (mut all, mut nodes) = (Memory::default(), 0);
    for (of_process, sharers) in known {
        all.rss += of_process.rss;
        all.pss += of_process.pss;
        all.private += of_process.private;
        nodes += sharers;
    }
    let mib = |bytes: u64| bytes as f64 / nodes as f64 / f64::from(1 << 20);
    (nodes > 0).then(|| MemoryMib {
        rss: mib(all.rss),
        pss: mib(all.pss),
        private: mib(all.private),
    })
}

/// State of each live node, asked once for all that is to be known of it: a busy host takes its time to answer thousands.
pub async fn statuses(fleet: &Fleet) -> Vec<Option<Status>> {
    let mut all = vec![None; fleet.nodes().len()];
    for (node, status) in ask_all(fleet.live(), async |node| node.client.status().await).await {
        all[node] = status.ok();
    }
    all
}

/// Traffic of nodes since they started.
#[must_use]
pub fn traffic(statuses: &[Option<Status>]) -> AllTraffic {
    statuses.iter().map(|status| status.as_ref().map(traffic_of)).collect()
}

/// Traffic of a node since it started.
#[must_use]
pub fn traffic_of(status: &Status) -> NodeTraffic {
    let count = |name: &str| status.counters.get(name).copied().unwrap_or(0);
    let sockets =
        Sockets { bytes: count("net_socket_bytes_sent"), writes: count("net_socket_writes") };
    NodeTraffic { kinds: status.traffic.clone(), sockets }
}

/// Adds to what nodes sent and received what they did in former lives.
pub fn add_former(traffic: &mut AllTraffic, former: &BTreeMap<usize, NodeTraffic>) {
    for (node, former) in former {
        if let Some(now) = &mut traffic[*node] {
            now.add(former);
        }
    }
}

impl NodeTraffic {
    /// Adds another one's.
    pub fn add(&mut self, other: &Self) {
        for (kind, other) in &other.kinds {
            let of_kind = self.kinds.entry(kind.clone()).or_default();
            of_kind.sent_messages += other.sent_messages;
            of_kind.sent_bytes += other.sent_bytes;
            of_kind.received_messages += other.received_messages;
            of_kind.received_bytes += other.received_bytes;
        }
        self.sockets.bytes += other.sockets.bytes;
        self.sockets.writes += other.sockets.writes;
    }
}

/// Links that nodes closed because the peer misbehaved; `None` if none of them answered.
#[must_use]
pub fn links_lost(statuses: &[Option<Status>]) -> Option<u64> {
    let lost = statuses.iter().flatten();
    lost.filter_map(|status| status.counters.get("misbehaved").copied()).reduce(|a, b| a + b)
}

/// Traffic between two moments, as rows of the run folder.
#[must_use]
pub fn traffic_rows(before: &AllTraffic, after: &AllTraffic) -> Vec<Traffic> {
    let mut rows = Vec::new();
    for (node, (before, after)) in before.iter().zip(after).enumerate() {
        let (Some(before), Some(after)) = (before, after) else { continue };
        for (kind, after) in &after.kinds {
            let before = before.kinds.get(kind).copied().unwrap_or_default();
            rows.push(Traffic {
                node: narrow(node),
                kind: kind.clone(),
                sent_messages: after.sent_messages.saturating_sub(before.sent_messages),
                sent_bytes: after.sent_bytes.saturating_sub(before.sent_bytes),
                received_messages: after.received_messages.saturating_sub(before.received_messages),
                received_bytes: after.received_bytes.saturating_sub(before.received_bytes),
            });
        }
    }
    rows
}

/// What was written to the sockets of all nodes between two moments, and how many nodes could tell.
#[must_use]
pub fn sockets(before: &AllTraffic, after: &AllTraffic) -> (Sockets, usize) {
    let (mut all, mut nodes) = (Sockets::default(), 0);
    for (before, after) in before.iter().zip(after) {
        let (Some(before), Some(after)) = (before, after) else { continue };
        all.bytes += after.sockets.bytes.saturating_sub(before.sockets.bytes);
        all.writes += after.sockets.writes.saturating_sub(before.sockets.writes);
        nodes += 1;
    }
    (all, nodes)
}

/// How the copies at some nodes compare with what was submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Names of the nodes.
    pub nodes: Vec<String>,
    /// Copies compared.
    pub compared: usize,
    /// What was wrong with the others: missing, different, or not to be had.
    pub problems: Vec<String>,
}

/// Fetches every item from a few random live nodes and compares its bytes.
pub async fn compare_bytes(fleet: &Fleet, items: &[Planned], seed: u64) -> Comparison {
    let live: Vec<_> = fleet.live().collect();
    let chosen = shared::sample(live.len(), COMPARED, &mut shared::stream(seed, Stream::Samples));
    let mut comparison = Comparison::default();
    for node in chosen.into_iter().map(|index| live[index]) {
        comparison.nodes.push(node.name.clone());
        for item in items {
            comparison.compared += 1;
            let problem = match node.client.item(item.id.hash()).await {
                Ok(Some(bytes)) if bytes == item.bytes => continue,
                Ok(Some(_)) => "differs".to_owned(),
                Ok(None) => "is missing".to_owned(),
                Err(error) => error.to_string(),
            };
            comparison.problems.push(format!(
                "{} {} at {}: {problem}",
                item.id.kind(),
                item.id,
                node.name
            ));
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_counts_from_the_first_moment_to_the_second() {
        let status = |messages, bytes| TrafficStatus {
            sent_messages: messages,
            sent_bytes: bytes,
            ..TrafficStatus::default()
        };
        let at = |entries: &[(&str, TrafficStatus)]| {
            let kinds =
                entries.iter().map(|(kind, status)| ((*kind).to_owned(), *status)).collect();
            let sockets = Sockets { bytes: 10 * entries.len() as u64, writes: 1 };
            Some(NodeTraffic { kinds, sockets })
        };
        let before = vec![at(&[("ping", status(1, 10))]), at(&[]), None];
        let after = vec![at(&[("ping", status(3, 30)), ("tx", status(1, 300))]), None, at(&[])];
        let rows = traffic_rows(&before, &after);
        let seen: Vec<_> =
            rows.iter().map(|r| (r.node, r.kind.as_str(), r.sent_messages, r.sent_bytes)).collect();
        assert_eq!(seen, [(0, "ping", 2, 20), (0, "tx", 1, 300)], "only nodes asked both times");
        assert_eq!(sockets(&before, &after), (Sockets { bytes: 10, writes: 0 }, 1));
    }
}
