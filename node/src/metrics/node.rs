//! The values of a node that are only read at a scrape.

use metrics::{counter, gauge};

use super::values::{Labels, whole};
use crate::api::{BlockStoreStatus, Status};

/// What a node counts under a name of its own ([`crate::api::counters`]), and what metric that is, with its labels.
const COUNTED: [(&str, &str, Labels); 57] = [
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

/// What is shown in another way, out of [what is measured](crate::measured): by reason, by kind, or as a histogram.
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

/// Sets all of it on the recorder at hand.
pub(super) fn set(status: &Status) {
    set_counters(status);
    set_node(status);
    set_links(status);
    set_items(status);
    set_stores(status);
}

fn set_counters(status: &Status) {
    for (counter, name, labels) in COUNTED {
        let of_map = counter.starts_with("kv_");
        if let Some(count) = status.counters.get(counter)
            && (!of_map || status.kv.is_some())
        {
            counter!(name, labels).absolute(*count);
        }
    }
    if let Some(kv) = &status.kv {
        for (counter, name) in OF_MAP {
            counter!(name).absolute(status.counters.get(counter).copied().unwrap_or_default());
        }
        gauge!("tidings_kv_keys").set(whole(kv.keys));
        gauge!("tidings_kv_bytes").set(whole(kv.bytes));
        gauge!("tidings_kv_peers").set(whole(kv.peers));
        gauge!("tidings_kv_contested").set(whole(kv.contested));
    }
}

fn set_node(status: &Status) {
    gauge!(
        "tidings_build_info",
        "version" => status.version.clone(), "os" => std::env::consts::OS, "arch" => std::env::consts::ARCH
    )
    .set(1);
    gauge!(
        "tidings_node_info",
        "peer_id" => status.peer_id.clone(), "network" => status.network.clone(),
        "rules" => status.rules.clone(), "strategy" => status.strategy.clone()
    )
    .set(1);
    gauge!("tidings_longest_turn_seconds").set(status.longest_turn_s);
    gauge!("tidings_held_bytes").set(whole(status.held_bytes));
    gauge!("tidings_held_max_bytes").set(whole(status.held_max_bytes));
}

fn set_links(status: &Status) {
    gauge!("tidings_links", "direction" => "inbound").set(whole(status.inbound));
    gauge!("tidings_links", "direction" => "outbound").set(whole(status.outbound));
    gauge!("tidings_links_wanted", "direction" => "outbound").set(whole(status.outbound_target));
    if let Some(reachable) = status.reachable {
        gauge!("tidings_reachable").set(u8::from(reachable));
    }
    if let Some(views) = &status.views {
        gauge!("tidings_views", "view" => "active").set(whole(views.active));
        gauge!("tidings_views", "view" => "passive").set(whole(views.passive));
    }
    gauge!("tidings_book_addresses").set(whole(status.addresses));
    for (kind, traffic) in &status.traffic {
        let ways = [
            ("received", traffic.received_messages, traffic.received_bytes),
            ("sent", traffic.sent_messages, traffic.sent_bytes),
        ];
        for (direction, messages, bytes) in ways {
            let labels = [("direction", direction.to_owned()), ("kind", kind.clone())];
            counter!("tidings_messages_total", &labels).absolute(messages);
            counter!("tidings_message_bytes_total", &labels).absolute(bytes);
        }
    }
}

fn set_items(status: &Status) {
    gauge!("tidings_seen_ids").set(whole(status.seen));
    gauge!("tidings_pool_transactions").set(whole(status.pool_items));
    gauge!("tidings_pool_bytes").set(whole(status.pool_bytes));
    gauge!("tidings_recent_blocks").set(whole(status.blocks));
    if let Some(chain) = &status.chain {
        gauge!("tidings_chain_height", "of" => "blocks").set(whole(chain.height));
        gauge!("tidings_chain_height", "of" => "headers").set(whole(chain.best_height));
        gauge!("tidings_chain_headers").set(whole(chain.headers));
    }
}

fn set_stores(status: &Status) {
    if let Some(store) = &status.store {
        gauge!("tidings_store_items").set(whole(store.items));
        gauge!("tidings_store_file_bytes").set(whole(store.file_bytes));
        gauge!("tidings_store_unwritten_bytes").set(whole(store.unwritten_bytes));
        gauge!("tidings_store_restoring").set(u8::from(store.restoring));
    }
    if let Some(BlockStoreStatus { blocks, headers, segments, bytes, unwritten_bytes, .. }) =
        &status.block_store
    {
        gauge!("tidings_block_store_blocks").set(whole(*blocks));
        gauge!("tidings_block_store_headers").set(whole(*headers));
        gauge!("tidings_block_store_segments").set(whole(*segments));
        gauge!("tidings_block_store_bytes").set(whole(*bytes));
        gauge!("tidings_block_store_unwritten_bytes").set(whole(*unwritten_bytes));
    }
}
