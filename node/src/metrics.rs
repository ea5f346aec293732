//! Metrics for Prometheus, on a port of their own.
//!
//! Nothing is counted for them as the node runs: at each scrape the node's [`Status`] is asked for and
//! its plain counters are copied. No recorder exists while metrics are off. The only label is `kind`;
//! peers are no label, since there is no end of them (`tidings peers` shows them).

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::api::Status;
use crate::control::{Command, Control};
use crate::http::error::ApiError;

/// Traffic, by kind of message: name and help.
const TRAFFIC: [(&str, &str); 4] = [
    ("tidings_messages_sent_total", "Messages sent, by kind."),
    ("tidings_messages_received_total", "Messages received, by kind."),
    ("tidings_sent_bytes_total", "Bytes of messages sent, framing included, by kind."),
    ("tidings_received_bytes_total", "Bytes of messages received, framing included, by kind."),
];

/// Counters of the core that need more words than their name.
const HELP: [(&str, &str); 39] = [
    ("accepted", "Items accepted, from peers and the operator."),
    ("rejected", "Items refused."),
    ("submitted", "Items that the operator submitted."),
    ("restored", "Items of an earlier run that came back."),
    ("reannounced", "Announcements of own transactions that no peer had asked for."),
    ("store_commits", "Batches of changes written to the store."),
    ("store_failures", "Batches of changes that the disk refused."),
    ("store_dropped", "Changes of the store dropped because the disk refused for too long."),
    ("duplicate_items", "Whole items received that the node had already."),
    ("duplicate_announcements", "Ids announced to the node that it knew already."),
    ("announcements_dropped", "Announcements dropped because their link had too many open."),
    ("announcements_unsent", "Ids never announced to a peer because its queue was full."),
    ("unsolicited", "Items received that nobody had asked for."),
    ("requests", "Requests sent, one per id."),
    ("requests_expired", "Requests that ran out of time."),
    ("requests_failed", "Requests answered by notfound, or whose link broke."),
    ("not_found", "Ids that the node answered with notfound."),
    ("pool_evicted", "Pooled transactions dropped for want of room."),
    ("orphaned", "Transactions that had to wait for their parents."),
    ("orphans_evicted", "Announcements of waiting transactions forgotten for want of room."),
    ("misbehaved", "Links closed because the peer misbehaved."),
    ("verify_overflow", "Items dropped because too many were being checked."),
    ("verified", "Items verified, transactions of blocks included."),
    ("verify_batches", "Batches in which they were verified."),
    ("verdicts_remembered", "Items not verified because they had been before."),
    ("turns", "Turns of the node's main loop."),
    ("turns_over_5ms", "Turns of the main loop that took 5 ms or longer."),
    ("turns_over_10ms", "Turns of the main loop that took 10 ms or longer."),
    ("turns_over_50ms", "Turns of the main loop that took 50 ms or longer."),
    ("addresses_received", "Addresses received."),
    ("addresses_dropped", "Addresses received and not kept."),
    ("net_dials", "Connection attempts."),
    ("net_dials_failed", "Connection attempts that failed."),
    ("net_inbound_failed", "Connections from peers that failed before they were links."),
    ("net_links_outbound", "Links that came up, dialled by the node."),
    ("net_links_inbound", "Links that came up, dialled by peers."),
    ("net_congested", "Times that a link's queue passed its high mark."),
    ("net_slow_readers", "Links cut because the peer took less than was queued for it."),
    ("net_throttled", "Times that a link was not read for a while."),
];

/// What a node has right now: name, unit and help.
const GAUGES: [(&str, Unit, &str); 15] = [
    ("tidings_outbound_links", Unit::Count, "Links that the node dialled."),
    ("tidings_outbound_links_wanted", Unit::Count, "Links that the node wants to dial."),
    ("tidings_inbound_links", Unit::Count, "Links that peers dialled."),
    ("tidings_book_addresses", Unit::Count, "Addresses in the book."),
    ("tidings_pool_transactions", Unit::Count, "Transactions in the pool."),
    ("tidings_pool_bytes", Unit::Bytes, "Bytes of the transactions in the pool."),
    ("tidings_recent_blocks", Unit::Count, "Recent blocks kept to serve."),
    ("tidings_store_items", Unit::Count, "Items in the store; 0 without one."),
    ("tidings_store_file_bytes", Unit::Bytes, "Size of the store's file; 0 without one."),
    ("tidings_seen_ids", Unit::Count, "Ids in the seen cache."),
    ("tidings_resident_memory_bytes", Unit::Bytes, "Resident memory."),
    ("tidings_cpu_seconds", Unit::Seconds, "CPU time used, user and system."),
    ("tidings_longest_turn_seconds", Unit::Seconds, "Longest turn of the node's main loop so far."),
    ("tidings_uptime_seconds", Unit::Seconds, "Time since the node started."),
    ("tidings_healthy", Unit::Count, "1: the node's main loop answered this scrape."),
];

/// Installs the recorder of this process and makes the route that shows it. A recorder that somebody
/// installed earlier stays, and `/metrics` then shows nothing.
pub(crate) fn router(control: Control) -> Router {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("this process has a metrics recorder already; /metrics stays empty");
    }
    describe();
    Router::new().route("/metrics", get(scrape)).with_state((control, handle))
}

async fn scrape(
    State((control, handle)): State<(Control, PrometheusHandle)>,
) -> Result<impl IntoResponse, ApiError> {
    record(&control.ask(Command::Status).await?);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, handle.render()))
}

fn describe() {
    for (name, help) in TRAFFIC {
        describe_counter!(name, help);
    }
    for (name, unit, help) in GAUGES {
        describe_gauge!(name, unit, help);
    }
}

/// Copies a node's state into the recorder.
fn record(status: &Status) {
    for (kind, traffic) in &status.traffic {
        let values = [
            traffic.sent_messages,
            traffic.received_messages,
            traffic.sent_bytes,
            traffic.received_bytes,
        ];
        for ((name, _), value) in TRAFFIC.into_iter().zip(values) {
            counter!(name, "kind" => kind.clone()).absolute(value);
        }
    }
    for (name, value) in &status.counters {
        let metric = format!("tidings_{name}_total");
        let help = HELP.iter().find(|(known, _)| known == name);
        let help = help
            .map_or_else(|| format!("Counter {name} of the core."), |(_, help)| (*help).to_owned());
        describe_counter!(metric.clone(), help);
        counter!(metric).absolute(*value);
    }
    for ((name, _, _), value) in GAUGES.into_iter().zip(gauge_values(status)) {
        gauge!(name).set(value);
    }
}

/// The values of [`GAUGES`], in its order.
fn gauge_values(status: &Status) -> [f64; GAUGES.len()] {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and exact up to 2^53")]
    let count = |count: usize| count as f64;
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    let rss = status.rss_bytes as f64;
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    let file_bytes = status.store.as_ref().map_or(0.0, |store| store.file_bytes as f64);
    [
        count(status.outbound),
        count(status.outbound_target),
        count(status.inbound),
        count(status.addresses),
        count(status.pool_items),
        count(status.pool_bytes),
        count(status.blocks),
        count(status.store.as_ref().map_or(0, |store| store.items)),
        file_bytes,
        count(status.seen),
        rss,
        status.cpu_s,
        status.longest_turn_s,
        status.uptime_s,
        1.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_shows_a_status_with_help_for_every_metric() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let text = metrics::with_local_recorder(&recorder, || {
            describe();
            record(&crate::api::status::example());
            recorder.handle().render()
        });
        assert!(text.contains("tidings_messages_sent_total{kind=\"tx\"} 3\n"), "{text}");
        assert!(text.contains("tidings_accepted_total 7\n"), "{text}");
        assert!(text.contains("tidings_outbound_links 2\n"), "{text}");
        let of = |prefix: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
            lines.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
        };
        assert_eq!(of("# HELP "), of("# TYPE "));
        assert!(of("# TYPE ").len() > GAUGES.len() + TRAFFIC.len());
    }

    #[test]
    fn a_second_scrape_shows_the_later_values() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let text = metrics::with_local_recorder(&recorder, || {
            let mut status = crate::api::status::example();
            record(&status);
            status.counters.insert("accepted".to_owned(), 8);
            status.outbound = 1;
            record(&status);
            recorder.handle().render()
        });
        assert!(text.contains("tidings_accepted_total 8\n"), "{text}");
        assert!(text.contains("tidings_outbound_links 1\n"), "{text}");
    }
}
