//! What the shell answers when it is asked how the node is.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tidings_protocol::replica::Replica;
use tidings_protocol::report::counters::{Counters, Traffic};
use tidings_protocol::wire::kinds::{Budget, MessageKind};

use crate::api::TrafficStatus;
use crate::api::counters::over_budget;
use crate::net::NetCounters;

/// Resident memory of this process, bytes; 0 where the system doesn't tell.
pub(super) fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// CPU time of this process, user and system.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Traffic by message kind; kinds that never occurred are left out.
pub(super) fn traffic(counted: &Traffic) -> BTreeMap<String, TrafficStatus> {
    let status = |kind: MessageKind| TrafficStatus {
        sent_messages: counted.sent(kind).messages,
        sent_bytes: counted.sent(kind).bytes,
        received_messages: counted.received(kind).messages,
        received_bytes: counted.received(kind).bytes,
    };
    let all = MessageKind::ALL.into_iter().map(|kind| (kind.name().to_owned(), status(kind)));
    all.filter(|(_, status)| *status != TrafficStatus::default()).collect()
}

/// All other counters by name: the core's, the network's (`net_...`) and the shell's.
pub(super) fn counters(core: &Counters, net: &NetCounters) -> BTreeMap<String, u64> {
    let named = [
        ("accepted", core.accepted),
        ("rejected", core.rejected),
        ("submitted", core.submitted),
        ("restored", core.restored),
        ("reannounced", core.reannounced),
        ("duplicate_items", core.duplicate_items),
        ("blocks_rebuilt", core.blocks_rebuilt),
        ("block_parts_lacked", core.block_parts_lacked),
        ("rebuilds_failed", core.rebuilds_failed),
        ("duplicate_announcements", core.duplicate_announcements),
        ("announcements_dropped", core.announcements_dropped),
        ("announcements_unsent", core.announcements_unsent),
        ("unsolicited", core.unsolicited),
        ("requests", core.requests),
        ("requests_expired", core.requests_expired),
        ("requests_failed", core.requests_failed),
        ("not_found", core.not_found),
        ("verify_overflow", core.verify_overflow),
        ("pool_evicted", core.pool_evicted),
        ("orphaned", core.orphaned),
        ("orphans_evicted", core.orphans_evicted),
        ("misbehaved", core.misbehaved),
        ("addresses_received", core.addresses_received),
        ("addresses_dropped", core.addresses_dropped),
        ("useless_replaced", core.useless_replaced),
        ("net_dials", net.dials),
        ("net_dials_failed", net.dials_failed),
        ("net_links_outbound", net.links_outbound),
        ("net_links_inbound", net.links_inbound),
        ("net_inbound_failed", net.inbound_failed),
        ("net_congested", net.congested),
        ("net_slow_readers", net.slow_readers),
        ("net_floods", net.floods),
        ("net_throttled", net.throttled),
    ];
    let mut counters: BTreeMap<_, _> =
        named.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    for budget in Budget::ALL {
        counters.insert(over_budget(budget), core.over_budget[budget as usize]);
    }
    counters
}

/// What happened to the fleet's map; nothing where there is none.
pub(super) fn map_counters(replica: Option<&Replica>) -> [(String, u64); 5] {
    let counts = replica.map(Replica::counts).unwrap_or_default();
    let lost = replica.map(|replica| replica.lost().counts()).unwrap_or_default();
    let named = [
        ("kv_taken", counts.taken),
        ("kv_lost", lost.concurrent + lost.outdated + lost.ahead),
        ("kv_trimmed", counts.trimmed),
        ("kv_refused_full", counts.full),
        ("kv_refused_ahead", counts.ahead),
    ];
    named.map(|(name, count)| (name.to_owned(), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_uses_memory_and_time() {
        assert!(rss_bytes() > 100_000, "{}", rss_bytes());
        assert!(cpu_time() > Duration::ZERO);
    }

    #[test]
    fn traffic_is_named_and_leaves_out_what_never_occurred() {
        let mut counted = Traffic::default();
        counted.count_sent(MessageKind::Ping, 10);
        let traffic = traffic(&counted);
        assert_eq!(traffic.len(), 1);
        assert_eq!(traffic["ping"].sent_bytes, 10);
    }
}
