//! The values of a node.

use super::page::{Labels, Page};
use crate::api::{BlockStoreStatus, Status};
use crate::control::Readings;
use crate::measured::Tally;

/// What a node counts under a name of its own ([`crate::api::counters`]), and what metric that is.
const COUNTED: [(&str, &str, Labels<'static>); 57] = [
    ("clock_steps", "tidings_clock_steps_total", &[]),
    ("log_dropped", "tidings_lines_dropped_total", &[("of", "log")]),
    ("trace_dropped", "tidings_lines_dropped_total", &[("of", "trace")]),
    ("net_links_inbound", "tidings_links_opened_total", &[("direction", "inbound")]),
    ("net_links_outbound", "tidings_links_opened_total", &[("direction", "outbound")]),
    ("net_dials", "tidings_dials_total", &[]),
    ("net_inbound_failed", "tidings_inbound_failed_total", &[]),
    ("own_identity_elsewhere", "tidings_own_identity_elsewhere_total", &[]),
    ("net_congested", "tidings_links_congested_total", &[]),
    ("net_throttled", "tidings_links_throttled_total", &[]),
    ("net_slow_readers", "tidings_links_slow_total", &[]),
    ("useless_replaced", "tidings_links_useless_total", &[]),
    ("over_budget_messages", "tidings_over_budget_total", &[("budget", "messages")]),
    ("over_budget_announcements", "tidings_over_budget_total", &[("budget", "announcements")]),
    ("over_budget_requests", "tidings_over_budget_total", &[("budget", "requests")]),
    ("over_budget_tx_bytes", "tidings_over_budget_total", &[("budget", "tx_bytes")]),
    ("over_budget_block_bytes", "tidings_over_budget_total", &[("budget", "block_bytes")]),
    ("over_budget_addresses", "tidings_over_budget_total", &[("budget", "addresses")]),
    ("over_budget_control_bytes", "tidings_over_budget_total", &[("budget", "control_bytes")]),
    ("over_budget_txs", "tidings_over_budget_total", &[("budget", "txs")]),
    ("net_floods", "tidings_floods_total", &[]),
    ("unsolicited", "tidings_items_unsolicited_total", &[]),
    ("addresses_received", "tidings_addresses_received_total", &[]),
    ("addresses_dropped", "tidings_addresses_dropped_total", &[]),
    ("net_socket_bytes_received", "tidings_socket_bytes_total", &[("direction", "received")]),
    ("net_socket_bytes_sent", "tidings_socket_bytes_total", &[("direction", "sent")]),
    ("net_socket_reads", "tidings_socket_calls_total", &[("direction", "received")]),
    ("net_socket_writes", "tidings_socket_calls_total", &[("direction", "sent")]),
    ("submitted", "tidings_items_submitted_total", &[]),
    ("restored", "tidings_items_restored_total", &[]),
    ("duplicate_items", "tidings_items_duplicate_total", &[]),
    ("duplicate_announcements", "tidings_announcements_ignored_total", &[("reason", "known")]),
    (
        "announcements_dropped",
        "tidings_announcements_ignored_total",
        &[("reason", "too-many-open")],
    ),
    ("announcements_unsent", "tidings_announcements_deferred_total", &[]),
    ("reannounced", "tidings_reannounced_total", &[]),
    ("requests", "tidings_requests_total", &[]),
    ("requests_expired", "tidings_requests_failed_total", &[("reason", "expired")]),
    ("requests_failed", "tidings_requests_failed_total", &[("reason", "not-found")]),
    ("not_found", "tidings_not_found_total", &[]),
    ("verified", "tidings_verified_items_total", &[]),
    ("verdicts_remembered", "tidings_verdicts_remembered_total", &[]),
    ("verify_overflow", "tidings_verification_dropped_total", &[]),
    ("pool_evicted", "tidings_pool_evicted_total", &[]),
    ("orphaned", "tidings_orphaned_total", &[]),
    ("orphans_evicted", "tidings_orphans_evicted_total", &[]),
    ("blocks_rebuilt", "tidings_blocks_rebuilt_total", &[]),
    ("block_parts_lacked", "tidings_block_parts_lacked_total", &[]),
    ("rebuilds_failed", "tidings_rebuilds_failed_total", &[]),
    ("store_failures", "tidings_commits_failed_total", &[("store", "items")]),
    ("block_store_failures", "tidings_commits_failed_total", &[("store", "blocks")]),
    ("store_dropped", "tidings_changes_dropped_total", &[("store", "items")]),
    ("block_store_dropped", "tidings_changes_dropped_total", &[("store", "blocks")]),
    ("block_store_damaged", "tidings_block_store_damaged_total", &[]),
    ("block_store_pruned", "tidings_block_store_pruned_total", &[]),
    ("kv_refused_full", "tidings_kv_refused_total", &[("reason", "full")]),
    ("kv_refused_ahead", "tidings_kv_refused_total", &[("reason", "ahead")]),
    ("kv_trimmed", "tidings_kv_trimmed_total", &[]),
];

/// What a node counts of its map: these are shown where there is one.
const OF_MAP: [(&str, &str); 2] =
    [("kv_taken", "tidings_kv_taken_total"), ("kv_lost", "tidings_kv_lost_total")];

/// What is shown in another way: by reason, by kind, or as a histogram.
#[cfg(test)]
pub(super) const ELSEWHERE: [&str; 11] = [
    "accepted",
    "block_store_commits",
    "misbehaved",
    "net_dials_failed",
    "rejected",
    "store_commits",
    "turns",
    "turns_over_10ms",
    "turns_over_50ms",
    "turns_over_5ms",
    "verify_batches",
];

/// The names of all counters that are shown.
#[cfg(test)]
pub(super) fn shown() -> impl Iterator<Item = &'static str> {
    COUNTED.iter().map(|(counter, _, _)| *counter).chain(OF_MAP.map(|(counter, _)| counter))
}

/// Shows all of it.
pub(super) fn show(page: &mut Page, readings: &Readings) {
    let status = &readings.status;
    show_counters(page, status);
    show_node(page, status);
    show_links(page, status);
    show_items(page, readings);
    show_stores(page, readings);
    page.show_times("tidings_turn_seconds", &[], &readings.turns);
    page.show_times("tidings_verification_seconds", &[], &readings.verification);
    let measured = &readings.measured;
    page.show_times("tidings_round_trip_seconds", &[], measured.round_trips.took());
    page.show_times("tidings_delivery_delay_seconds", &[], measured.delivery.took());
    let mut tally = |name: &str, label: &str, tally: &Tally| {
        for (value, count) in tally.iter() {
            page.show(name, &[(label, value)], count);
        }
    };
    tally("tidings_links_closed_total", "reason", &measured.closed);
    tally("tidings_dials_failed_total", "reason", &measured.dials_failed);
    tally("tidings_offences_total", "offence", &measured.offences);
}

fn show_counters(page: &mut Page, status: &Status) {
    for (counter, name, labels) in COUNTED {
        let of_map = counter.starts_with("kv_");
        if let Some(count) = status.counters.get(counter)
            && (!of_map || status.kv.is_some())
        {
            page.show(name, labels, count);
        }
    }
    if let Some(kv) = &status.kv {
        for (counter, name) in OF_MAP {
            page.show(name, &[], status.counters.get(counter).copied().unwrap_or_default());
        }
        page.show("tidings_kv_keys", &[], kv.keys);
        page.show("tidings_kv_bytes", &[], kv.bytes);
        page.show("tidings_kv_peers", &[], kv.peers);
        page.show("tidings_kv_contested", &[], kv.contested);
    }
}

fn show_node(page: &mut Page, status: &Status) {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let built = [("version", status.version.as_str()), ("os", os), ("arch", arch)];
    page.show("tidings_build_info", &built, 1);
    let node = [
        ("peer_id", status.peer_id.as_str()),
        ("network", status.network.as_str()),
        ("rules", status.rules.as_str()),
        ("strategy", status.strategy.as_str()),
    ];
    page.show("tidings_node_info", &node, 1);
    page.show("tidings_longest_turn_seconds", &[], status.longest_turn_s);
    page.show("tidings_held_bytes", &[], status.held_bytes);
    page.show("tidings_held_max_bytes", &[], status.held_max_bytes);
}

fn show_links(page: &mut Page, status: &Status) {
    page.show("tidings_links", &[("direction", "inbound")], status.inbound);
    page.show("tidings_links", &[("direction", "outbound")], status.outbound);
    page.show("tidings_links_wanted", &[("direction", "outbound")], status.outbound_target);
    if let Some(reachable) = status.reachable {
        page.show("tidings_reachable", &[], u8::from(reachable));
    }
    if let Some(views) = &status.views {
        page.show("tidings_views", &[("view", "active")], views.active);
        page.show("tidings_views", &[("view", "passive")], views.passive);
    }
    page.show("tidings_book_addresses", &[], status.addresses);
    for (kind, traffic) in &status.traffic {
        let ways = [
            ("received", traffic.received_messages, traffic.received_bytes),
            ("sent", traffic.sent_messages, traffic.sent_bytes),
        ];
        for (direction, messages, bytes) in ways {
            let labels = [("direction", direction), ("kind", kind.as_str())];
            page.show("tidings_messages_total", &labels, messages);
            page.show("tidings_message_bytes_total", &labels, bytes);
        }
    }
}

fn show_items(page: &mut Page, readings: &Readings) {
    let Readings { status, measured, .. } = readings;
    for ((kind, source), count) in &measured.accepted {
        let labels = [("kind", *kind), ("source", *source)];
        page.show("tidings_items_accepted_total", &labels, count);
    }
    for ((kind, rule), count) in &measured.rejected {
        page.show("tidings_items_rejected_total", &[("kind", *kind), ("rule", *rule)], count);
    }
    if let Some(unix_us) = measured.accepted_last_us {
        #[expect(clippy::cast_precision_loss, reason = "exact for some centuries")]
        let at = unix_us as f64 / 1e6;
        page.show("tidings_items_accepted_last_time_seconds", &[], at);
    }
    page.show("tidings_seen_ids", &[], status.seen);
    page.show("tidings_pool_transactions", &[], status.pool_items);
    page.show("tidings_pool_bytes", &[], status.pool_bytes);
    page.show("tidings_recent_blocks", &[], status.blocks);
    if let Some(chain) = &status.chain {
        page.show("tidings_chain_height", &[("of", "blocks")], chain.height);
        page.show("tidings_chain_height", &[("of", "headers")], chain.best_height);
        page.show("tidings_chain_headers", &[], chain.headers);
    }
}

fn show_stores(page: &mut Page, readings: &Readings) {
    let commits = [("items", &readings.store_commits), ("blocks", &readings.block_commits)];
    for (store, took) in commits {
        if let Some(took) = took {
            page.show_times("tidings_commit_seconds", &[("store", store)], took);
        }
    }
    if let Some(store) = &readings.status.store {
        page.show("tidings_store_items", &[], store.items);
        page.show("tidings_store_file_bytes", &[], store.file_bytes);
        page.show("tidings_store_restoring", &[], u8::from(store.restoring));
    }
    if let Some(BlockStoreStatus { blocks, headers, segments, bytes, unwritten_bytes, .. }) =
        &readings.status.block_store
    {
        page.show("tidings_block_store_blocks", &[], blocks);
        page.show("tidings_block_store_headers", &[], headers);
        page.show("tidings_block_store_segments", &[], segments);
        page.show("tidings_block_store_bytes", &[], bytes);
        page.show("tidings_block_store_unwritten_bytes", &[], unwritten_bytes);
    }
}
