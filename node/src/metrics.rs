//! Metrics for Prometheus, on a port of their own.
//!
//! Nothing is counted for them as the node runs: at each scrape the node's [`Status`] is asked for and
//! its plain counters are copied, into a recorder that nothing else knows. The only label is `kind`;
//! peers are no label, since there is no end of them (`tidings peers` shows them).

mod exposition;
mod members;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use tidings_protocol::wire::kinds::Budget;

use self::exposition::{CONTENT_TYPE, Exposition};
use crate::api::counters::{COUNTERS, over_budget};
use crate::api::kv::KvStatus;
use crate::api::{BlockStoreStatus, Status};
use crate::control::{Command, Control};
use crate::http::error::ApiError;
use crate::members::MembersControl;

/// Traffic, by kind of message: name and help.
const TRAFFIC: [(&str, &str); 4] = [
    ("tidings_messages_sent_total", "Messages sent, by kind."),
    ("tidings_messages_received_total", "Messages received, by kind."),
    ("tidings_sent_bytes_total", "Bytes of messages sent, framing included, by kind."),
    ("tidings_received_bytes_total", "Bytes of messages received, framing included, by kind."),
];

/// What a node has right now: name, unit and help.
const GAUGES: [(&str, Unit, &str); 23] = [
    ("tidings_outbound_links", Unit::Count, "Links that the node dialled."),
    ("tidings_outbound_links_wanted", Unit::Count, "Links that the node wants to dial."),
    ("tidings_inbound_links", Unit::Count, "Links that peers dialled."),
    ("tidings_book_addresses", Unit::Count, "Addresses in the book."),
    ("tidings_pool_transactions", Unit::Count, "Transactions in the pool."),
    ("tidings_pool_bytes", Unit::Bytes, "Bytes of the transactions in the pool."),
    ("tidings_recent_blocks", Unit::Count, "Recent blocks kept to serve."),
    ("tidings_store_items", Unit::Count, "Items in the store; 0 without one."),
    ("tidings_store_file_bytes", Unit::Bytes, "Size of the store's file; 0 without one."),
    ("tidings_block_store_blocks", Unit::Count, "Blocks on the disk; 0 where none are kept."),
    ("tidings_block_store_headers", Unit::Count, "Blocks that ever were on the disk."),
    ("tidings_block_store_segments", Unit::Count, "Files of blocks."),
    ("tidings_block_store_bytes", Unit::Bytes, "Size of the files of blocks."),
    ("tidings_kv_keys", Unit::Count, "Keys of the fleet's map, deleted ones included."),
    ("tidings_kv_bytes", Unit::Bytes, "Bytes of the map's entries."),
    ("tidings_kv_peers", Unit::Count, "Peers that share the map over links that are up."),
    ("tidings_kv_contested", Unit::Count, "Keys with several values that nobody has chosen from."),
    ("tidings_seen_ids", Unit::Count, "Ids in the seen cache."),
    ("tidings_resident_memory_bytes", Unit::Bytes, "Resident memory."),
    ("tidings_cpu_seconds", Unit::Seconds, "CPU time used, user and system."),
    ("tidings_longest_turn_seconds", Unit::Seconds, "Longest turn of the node's main loop so far."),
    ("tidings_uptime_seconds", Unit::Seconds, "Time since the node started."),
    ("tidings_healthy", Unit::Count, "1: the node's main loop answered this scrape."),
];

/// Makes the route that shows a node, with a recorder of its own: a process may have many nodes.
pub(crate) fn router(control: Control, members: Option<MembersControl>) -> Router {
    let exposition = Exposition::default();
    metrics::with_local_recorder(&exposition, || {
        describe();
        members::describe();
    });
    Router::new().route("/metrics", get(scrape)).with_state((control, members, exposition))
}

async fn scrape(
    State((control, members, exposition)): State<(Control, Option<MembersControl>, Exposition)>,
) -> Result<impl IntoResponse, ApiError> {
    let status = control.ask(Command::Status).await?;
    let members = match &members {
        Some(members) => members.status().await.ok(),
        None => None,
    };
    metrics::with_local_recorder(&exposition, || {
        record(&status);
        members.iter().for_each(members::record);
    });
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], exposition.text()))
}

/// Says once what each metric is.
fn describe() {
    for (name, help) in TRAFFIC {
        describe_counter!(name, help);
    }
    for (name, help) in COUNTERS {
        describe_counter!(metric(name), help);
    }
    for budget in Budget::ALL {
        let name = metric(&over_budget(budget));
        describe_counter!(
            name,
            format!("Times that a peer overran its budget of {}.", budget.name())
        );
    }
    for (name, unit, help) in GAUGES {
        describe_gauge!(name, unit, help);
    }
}

/// The metric of a counter.
fn metric(counter: &str) -> String {
    format!("tidings_{counter}_total")
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
        counter!(metric(name)).absolute(*value);
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
    let map = |of: fn(&KvStatus) -> usize| count(status.kv.as_ref().map_or(0, of));
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    let file_bytes = status.store.as_ref().map_or(0.0, |store| store.file_bytes as f64);
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    let blocks =
        |of: fn(&BlockStoreStatus) -> u64| status.block_store.as_ref().map_or(0, of) as f64;
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
        blocks(|blocks| blocks.blocks),
        blocks(|blocks| blocks.headers),
        count(status.block_store.as_ref().map_or(0, |blocks| blocks.segments)),
        blocks(|blocks| blocks.bytes),
        map(|kv| kv.keys),
        map(|kv| kv.bytes),
        map(|kv| kv.peers),
        map(|kv| kv.contested),
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
    use std::collections::BTreeSet;

    use super::*;

    fn scraped(statuses: &[Status]) -> String {
        let exposition = Exposition::default();
        metrics::with_local_recorder(&exposition, || {
            describe();
            statuses.iter().for_each(record);
        });
        exposition.text()
    }

    #[test]
    fn a_scrape_shows_a_status_with_help_for_every_metric() {
        let text = scraped(&[crate::api::status::example()]);
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
    fn a_scrape_is_well_formed() {
        let text = scraped(&[crate::api::status::example()]);
        let (mut family, mut seen) = ("", BTreeSet::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                (family, _) = help.split_once(' ').unwrap();
                assert!(seen.insert(family), "{family} comes twice");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(name, family);
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            } else {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert_eq!(name.split('{').next(), Some(family), "{line}");
                assert!(seen.insert(name) || name == family, "{name} comes twice");
                assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            }
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn a_second_scrape_shows_the_later_values() {
        let before = crate::api::status::example();
        let mut after = before.clone();
        after.counters.insert("accepted".to_owned(), 8);
        after.outbound = 1;
        let text = scraped(&[before, after]);
        assert!(text.contains("tidings_accepted_total 8\n"), "{text}");
        assert!(text.contains("tidings_outbound_links 1\n"), "{text}");
    }
}
