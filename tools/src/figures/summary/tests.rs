use super::*;
use crate::run::{Delivery, Item, Node, Traffic};
use crate::sample::Sample;

fn node(alive: bool) -> Node {
    Node { alive, rss_kib: Some(8 * 1_024), cpu_s: Some(0.25), ..Node::default() }
}

fn tx(origin: u32, bytes: u64, submitted_us: u64) -> Item {
    Item { id: "00".to_owned(), kind: ItemKind::Tx, bytes, origin, submitted_us }
}

fn delivery(item: u32, node: u32, latency_ms: u64) -> Delivery {
    Delivery { item, node, latency_us: latency_ms * 1_000, from: None }
}

fn traffic(node: u32, kind: &str, sent: (u64, u64), received: (u64, u64)) -> Traffic {
    Traffic {
        node,
        kind: kind.to_owned(),
        sent_messages: sent.0,
        sent_bytes: sent.1,
        received_messages: received.0,
        received_bytes: received.1,
    }
}

/// Four nodes, three transactions, each with another order of arrival, all delivered.
fn complete_run() -> Run {
    Run {
        nodes: vec![node(true); 4],
        items: vec![tx(0, 100, 0), tx(1, 200, 500_000), tx(2, 300, 1_000_000)],
        deliveries: vec![
            delivery(0, 0, 0),
            delivery(0, 1, 10),
            delivery(0, 2, 20),
            delivery(0, 3, 30),
            delivery(1, 1, 0),
            delivery(1, 0, 40),
            delivery(1, 2, 50),
            delivery(1, 3, 60),
            delivery(2, 2, 0),
            delivery(2, 0, 5),
            delivery(2, 1, 15),
            delivery(2, 3, 100),
        ],
        ..Run::default()
    }
}

fn summary_of(run: &Run) -> Summary {
    Summary::compute(run, Inputs::default())
}

#[test]
fn times_are_medians_over_items_of_when_the_share_was_reached() {
    let summary = summary_of(&complete_run());
    // Half of 4 nodes is the second: 10, 40, 5 ms. All are four: 30, 60, 100 ms.
    assert_eq!(summary.t50_ms, Some(10.0));
    assert_eq!([summary.t90_ms, summary.t99_ms, summary.t100_ms], [Some(60.0); 3]);
}

#[test]
fn a_time_is_null_if_the_median_item_never_got_there() {
    let mut run = complete_run();
    run.deliveries.retain(|delivery| delivery.item == 0 || delivery.node != 3);
    let summary = summary_of(&run);
    assert_eq!(summary.t50_ms, Some(10.0));
    assert_eq!(summary.t100_ms, None, "two of three items never reached node 3");
}

#[test]
fn a_time_is_known_while_the_median_item_got_there() {
    let mut run = complete_run();
    run.deliveries.retain(|delivery| *delivery != self::delivery(1, 3, 60));
    assert_eq!(summary_of(&run).t100_ms, Some(100.0), "of 30, never and 100");
}

#[test]
fn coverage_is_the_share_of_pairs_of_item_and_live_node() {
    let mut run = complete_run();
    assert_eq!(summary_of(&run).coverage, Some(1.0));
    run.deliveries.truncate(9);
    assert_eq!(summary_of(&run).coverage, Some(9.0 / 12.0));
}

#[test]
fn killed_nodes_are_not_waited_for() {
    let mut run = complete_run();
    run.nodes[3].alive = false;
    run.deliveries.retain(|delivery| delivery.node != 3 || delivery.item == 0);
    let summary = summary_of(&run);
    assert_eq!((summary.nodes, summary.killed_nodes), (4, 1));
    assert_eq!(summary.coverage, Some(1.0));
    assert_eq!(summary.deliveries, 10, "what a node had before it was killed was delivered");
}

#[test]
fn an_item_that_died_with_its_origin_is_counted_apart() {
    let mut run = complete_run();
    run.nodes[2].alive = false;
    run.deliveries.retain(|delivery| delivery.item != 2 || delivery.node == 2);
    let summary = summary_of(&run);
    assert_eq!(summary.lost_with_origin, 1);
    assert_eq!(summary.coverage, Some(1.0));
    assert_eq!(summary.t100_ms, Some(30.0), "of 30 and 60 ms, without the lost one");
}

#[test]
fn an_item_that_one_live_node_has_is_not_lost_with_its_origin() {
    let mut run = complete_run();
    run.nodes[2].alive = false;
    run.deliveries.retain(|delivery| delivery.item != 2 || delivery.node == 0);
    let summary = summary_of(&run);
    assert_eq!((summary.lost_with_origin, summary.coverage), (0, Some(7.0 / 9.0)));
}

#[test]
fn if_every_item_died_with_its_origin_nothing_was_covered() {
    let run =
        Run { nodes: vec![node(false), node(true)], items: vec![tx(0, 1, 0)], ..Run::default() };
    assert_eq!(summary_of(&run).coverage, Some(0.0));
}

#[test]
fn without_items_there_is_no_coverage_and_nothing_is_missing() {
    let summary = summary_of(&Run { nodes: vec![node(true)], ..Run::default() });
    assert_eq!((summary.coverage, summary.t50_ms, summary.redundancy), (None, None, None));
    assert!(summary.complete());
}

#[test]
fn redundancy_is_payload_copies_received_per_delivery_over_the_network_minus_one() {
    let mut run = complete_run();
    // Nine deliveries came over the network; twelve copies did. Announcements are no copies.
    run.traffic = vec![
        traffic(0, "tx", (12, 0), (7, 0)),
        traffic(1, "tx", (0, 0), (5, 0)),
        traffic(1, "announce", (0, 0), (90, 0)),
    ];
    let redundancy = summary_of(&run).redundancy.unwrap();
    assert!((redundancy - (12.0 / 9.0 - 1.0)).abs() < 1e-12, "{redundancy}");
}

#[test]
fn blocks_are_payload_too() {
    let mut run = complete_run();
    run.traffic = vec![traffic(0, "block", (0, 0), (9, 0))];
    assert_eq!(summary_of(&run).redundancy, Some(0.0));
}

#[test]
fn bytes_per_payload_byte_is_all_bytes_sent_over_nodes_times_payload() {
    let mut run = complete_run();
    run.traffic =
        vec![traffic(0, "tx", (0, 4_000), (0, 0)), traffic(1, "announce", (0, 800), (0, 4_000))];
    // 4,800 bytes sent; 4 nodes × 600 bytes of payload.
    assert_eq!(summary_of(&run).bytes_per_payload_byte, Some(2.0));
}

#[test]
fn traffic_of_killed_nodes_is_left_out() {
    let mut run = complete_run();
    run.nodes[3].alive = false;
    run.traffic = vec![traffic(0, "tx", (3, 1_800), (6, 0)), traffic(3, "tx", (9, 9_999), (9, 0))];
    let summary = summary_of(&run);
    assert_eq!(summary.bytes_per_payload_byte, Some(1.0));
    assert_eq!(summary.redundancy, Some(0.0));
    assert_eq!(summary.messages_by_kind["tx"], 3);
}

#[test]
fn traffic_by_kind_is_what_was_sent() {
    let mut run = complete_run();
    run.traffic = vec![traffic(0, "ping", (1, 12), (5, 60)), traffic(1, "ping", (2, 24), (0, 0))];
    let summary = summary_of(&run);
    assert_eq!(summary.bytes_by_kind, BTreeMap::from([("ping".to_owned(), 36)]));
    assert_eq!(summary.messages_by_kind, BTreeMap::from([("ping".to_owned(), 3)]));
}

#[test]
fn messages_of_all_kinds_per_delivery_are_a_key_of_every_summary() {
    let mut run = complete_run();
    let deliveries = summary_of(&run).deliveries as f64;
    assert_eq!(summary_of(&run).messages_per_delivery, None, "nobody counted");
    run.traffic = vec![traffic(0, "tx", (9, 900), (0, 0)), traffic(1, "ping", (3, 36), (0, 0))];
    assert_eq!(summary_of(&run).messages_per_delivery, Some(12.0 / deliveries));
    assert!(summary_of(&run).to_value().get("messages_per_delivery").is_some());
}

#[test]
fn cpu_per_delivery_is_cpu_time_over_deliveries() {
    let inputs = Inputs { cpu_s: Some(0.0006), ..Inputs::default() };
    let summary = Summary::compute(&complete_run(), inputs);
    assert!((summary.cpu_us_per_delivery.unwrap() - 50.0).abs() < 1e-9);
}

#[test]
fn what_was_not_handed_in_comes_from_the_table_of_nodes() {
    let mut run = complete_run();
    run.nodes[0].rss_kib = Some(12 * 1_024);
    run.nodes[3].alive = false;
    let summary = summary_of(&run);
    assert_eq!(summary.inputs.cpu_s, Some(1.0), "of all nodes");
    assert_eq!(summary.inputs.rss_mib_per_node, Some(28.0 / 3.0), "of the live ones");
}

#[test]
fn the_rate_is_that_of_the_submissions() {
    assert_eq!(summary_of(&complete_run()).rate_tx_per_s, Some(2.0));
    let single = Run { nodes: vec![node(true)], items: vec![tx(0, 1, 0)], ..Run::default() };
    assert_eq!(summary_of(&single).rate_tx_per_s, None);
}

#[test]
fn the_mean_latency_leaves_out_the_origins() {
    let summary = summary_of(&complete_run());
    // Items: 20, 50 and 40 ms.
    assert_eq!(summary.latency_mean_ms, Some(110.0 / 3.0));
    // Standard deviation 15.2753 over three items, t(2) = 4.303.
    let half_width = summary.latency_mean_ci95_ms.unwrap();
    assert!((half_width - 4.303 * 15.275_252 / 3.0_f64.sqrt()).abs() < 1e-3, "{half_width}");
}

#[test]
fn dropped_events_make_a_run_invalid() {
    let inputs = Inputs { dropped_events: 7, ..Inputs::default() };
    let summary = Summary::compute(&complete_run(), inputs);
    assert!(!summary.valid);
    assert_eq!(
        summary.inputs.invalid_reasons,
        ["Nodes dropped 7 trace events, so deliveries may be missing."]
    );
}

#[test]
fn a_network_that_died_out_makes_a_run_invalid() {
    let run = Run { nodes: vec![node(false)], items: vec![tx(0, 1, 0)], ..Run::default() };
    assert!(!summary_of(&run).valid);
}

#[test]
fn computing_a_summary_from_its_own_inputs_changes_nothing() {
    let sample = Sample { killed: 2, lost: 0.01, ..Sample::default() };
    let (run, mut inputs) = (sample.run(), sample.inputs());
    inputs.dropped_events = 1;
    let first = Summary::compute(&run, inputs);
    assert_eq!(Summary::compute(&run, first.inputs.clone()), first);
}

#[test]
fn the_exit_status_tells_invalid_from_incomplete_from_complete() {
    let status = |valid, coverage| Summary { valid, coverage, ..Summary::default() }.exit_status();
    assert_eq!(status(true, Some(1.0)), 0);
    assert_eq!(status(true, None), 0);
    assert_eq!(status(true, Some(0.999_999)), 1);
    assert_eq!(status(false, Some(1.0)), 3);
    assert_eq!(status(false, Some(0.5)), 3);
}

#[test]
fn the_agreed_keys_are_all_there() {
    let sample = Sample::default();
    let value = Summary::compute(&sample.run(), sample.inputs()).to_value();
    let keys = [
        "nodes",
        "strategy",
        "seed",
        "txs",
        "coverage",
        "t50_ms",
        "t90_ms",
        "t99_ms",
        "t100_ms",
        "redundancy",
        "bytes_per_payload_byte",
        "bytes_by_kind",
        "cpu_us_per_delivery",
        "rss_mib_per_node",
        "connect_s",
    ];
    for key in keys {
        assert!(value.get(key).is_some_and(|value| !value.is_null()), "{key}");
    }
    assert!(value.get("event_hash").is_none(), "a key of simulations only");
    assert!(!serde_json::to_string(&value).unwrap().contains("null"));
}

#[test]
fn an_unknown_time_is_null_in_json() {
    let value = Summary::default().to_value();
    assert!(value.get("t99_ms").is_some_and(serde_json::Value::is_null));
}

#[test]
fn json_comes_back_as_it_went_with_keys_of_others_kept() {
    let sample = Sample::default();
    let mut inputs = sample.inputs();
    inputs.simulation.events = Some(u64::MAX);
    inputs.simulation.event_hash = Some("ab".repeat(32));
    inputs.more.insert("wire_bytes".to_owned(), 17.into());
    let summary = Summary::compute(&sample.run(), inputs);
    assert_eq!(serde_json::from_str::<Summary>(&summary.to_json()).unwrap(), summary);
}

#[test]
fn csv_is_one_row_with_nested_keys_and_quoted_text() {
    let mut summary = summary_of(&complete_run());
    summary.bytes_by_kind.insert("tx".to_owned(), 5);
    summary.inputs.invalid_reasons = vec!["one, two".to_owned(), "a \"third\"".to_owned()];
    let csv = summary.to_csv();
    let (header, row) = csv.trim_end().split_once('\n').unwrap();
    assert!(header.contains("bytes_by_kind.tx"));
    assert!(row.contains("\"one, two; a \"\"third\"\"\""), "{row}");
    let unquoted = row.replace("\"one, two; a \"\"third\"\"\"", "");
    assert_eq!(header.split(',').count(), unquoted.split(',').count());
}
