//! What a timeline has of a run: all of it, and nothing else than happened.

use tidings_protocol::params::StrategyKind;
use tidings_protocol::testkit::hostile::{Lie, Lies};
use tidings_protocol::wire::kinds::MessageKind;
use tidings_timeline::recorder::BOUND;
use tidings_timeline::{Fate, State, Timeline};

use crate::fault::{Cut, FaultSpec};
use crate::latency::LinkSpec;
use crate::mining::Mining;
use crate::scenario::Scenario;
use crate::simulation::{self, Finished};
use crate::workload::Transfers;
use crate::workload::sizes::Sizes;

/// Thirty nodes, some transactions, and what goes wrong.
fn scenario(fault: Vec<FaultSpec>) -> Scenario {
    let mut scenario = Scenario { fault, ..Scenario::default() };
    scenario.network.nodes = 30;
    scenario.params.peers.outbound = 4;
    scenario.workload = Transfers { txs: 12, rate: 6.0, sizes: Sizes::Fixed(300) };
    scenario.measure.stall_s = 10.0;
    scenario
}

/// Records a run, and compares it with one that isn't recorded.
fn recorded(scenario: &Scenario) -> (Finished, Timeline) {
    let plain = simulation::simulate(scenario).unwrap();
    let (finished, timeline) = simulation::record(scenario, BOUND).unwrap();
    assert_eq!(finished.world.hash(), plain.world.hash(), "who listens changes nothing");
    assert_eq!(timeline.about.event_hash, Some(plain.world.hash().to_string()));
    timeline.check().unwrap();
    assert_eq!(Timeline::from_bytes(&timeline.to_bytes()).as_ref(), Ok(&timeline));
    (finished, timeline)
}

fn fates(timeline: &Timeline, fate: Fate) -> usize {
    timeline.messages.fate.iter().filter(|other| **other == fate as u8).count()
}

/// Moment, node and state, of one kind.
fn states(timeline: &Timeline, state: State) -> Vec<(u64, u32)> {
    let rows = timeline.states.state.iter().enumerate();
    let rows = rows.filter(|(_, other)| **other == state as u8);
    rows.map(|(row, _)| (timeline.states.at[row], timeline.states.node[row])).collect()
}

#[test]
fn all_messages_and_deliveries_of_the_measured_part_are_there() {
    let (finished, timeline) = recorded(&scenario(Vec::new()));
    let world = &finished.world;
    assert_eq!(timeline.deliveries.at.len() as u64, world.record().delivered());
    assert_eq!(timeline.about.marks[0].at_us, 1_000_000, "a second comes before");
    // Bytes by kind since the first submission, as nodes count them.
    let first = timeline.about.marks[0].at_us;
    for kind in [MessageKind::Announce, MessageKind::Tx, MessageKind::GetData] {
        let counted: u64 = (0..30)
            .map(|node| {
                let before = finished.baseline.nodes()[node as usize].sent[kind as usize];
                world.counters(node).0.traffic.sent(kind).bytes - u64::from(before.1)
            })
            .sum();
        let messages = &timeline.messages;
        let rows = (0..messages.sent.len())
            .filter(|row| messages.kind[*row] == kind as u8 && messages.sent[*row] >= first);
        let told: u64 = rows.map(|row| u64::from(messages.bytes[row])).sum();
        assert_eq!(told, counted, "{}", kind.name());
    }
    assert_eq!(fates(&timeline, Fate::Lost) + fates(&timeline, Fate::Cut), 0);
    assert!(fates(&timeline, Fate::UnderWay) < 30, "some pings");
    assert!(!timeline.samples.at.is_empty());
    assert!(timeline.samples.waiting.iter().any(|waiting| *waiting > 0));
    assert!(timeline.samples.asked.iter().any(|asked| *asked > 0));
    assert!(timeline.samples.queued.iter().any(|queued| *queued > 0));
}

#[test]
fn every_delivery_from_a_peer_has_a_message_that_brought_it() {
    for link in [
        LinkSpec::Planar { min_ms: 5.0, max_ms: 200.0, jitter: 0.3 },
        LinkSpec::regions(),
        LinkSpec::Rounds { round_ms: 100, asynchronous: true },
    ] {
        let (_, timeline) = recorded(&Scenario { link, ..scenario(Vec::new()) });
        let (messages, firsts) = (&timeline.messages, timeline.firsts());
        let mut brought = 0;
        for row in 0..timeline.deliveries.at.len() {
            let Some(end) = timeline.deliveries.from[row] else { continue };
            assert_eq!(timeline.way(end).1, timeline.deliveries.node[row]);
            let is_it = |message: &usize| {
                let message = *message;
                messages.end[message] == end
                    && messages.kind[message] == MessageKind::Tx as u8
                    && messages.named[firsts[message]..firsts[message + 1]]
                        .contains(&timeline.deliveries.item[row])
                    && messages.fate[message] == Fate::Arrived as u8
                    && messages.sent[message] + messages.took[message]
                        == timeline.deliveries.at[row]
            };
            assert!((0..messages.sent.len()).any(|message| is_it(&message)), "delivery {row}");
            brought += 1;
        }
        assert_eq!(brought, 12 * 29);
    }
}

#[test]
fn lost_doubled_and_late_messages_are_told_apart() {
    let (finished, timeline) = recorded(&scenario(vec![
        FaultSpec::Loss { share: 0.1, at_s: 0.0, for_s: Some(1.0) },
        FaultSpec::Duplicate { share: 0.2, at_s: 0.0, for_s: Some(2.0) },
        FaultSpec::Reorder { share: 0.1, by_ms: 300.0, at_s: 0.0, for_s: Some(2.0) },
        FaultSpec::Clog { share: 0.2, at_s: 0.5, for_s: 1.0 },
    ]));
    let faults = finished.world.faults().all();
    assert_eq!(fates(&timeline, Fate::Lost) as u64, faults[0].touched);
    let kinds: Vec<&str> = timeline.about.faults.iter().map(|fault| fault.kind.as_str()).collect();
    assert_eq!(kinds, ["loss", "duplicate", "reorder", "clog"]);
    let first = timeline.about.marks[0].at_us;
    let spans: Vec<_> =
        timeline.about.faults.iter().map(|fault| (fault.at_us, fault.until_us)).collect();
    assert_eq!(spans[0], (first, Some(first + 1_000_000)));
    assert_eq!(spans[3], (first + 500_000, Some(first + 1_500_000)));
    assert_eq!(timeline.about.faults[0].text, "10 % of relay messages vanish");
    assert!(timeline.messages.took.iter().any(|took| *took >= 300_000));
}

#[test]
fn who_crashes_and_comes_back_is_told_and_what_was_on_its_way_is_cut() {
    for silent in [false, true] {
        let crash = FaultSpec::Crash {
            share: 0.2,
            nodes: Vec::new(),
            at_s: 0.6,
            restart_after_s: Some(2.0),
            silent,
        };
        let (_, timeline) = recorded(&scenario(vec![crash]));
        let (down, up) = (states(&timeline, State::Down), states(&timeline, State::Up));
        assert_eq!((down.len(), up.len()), (6, 6));
        assert!(
            down.iter().zip(&up).all(|(down, up)| (up.0, up.1) == (down.0 + 2_000_000, down.1))
        );
        let fault = &timeline.about.faults[0];
        assert_eq!(fault.nodes, down.iter().map(|(_, node)| *node).collect::<Vec<_>>());
        assert!(fates(&timeline, Fate::Cut) > 0);
        assert!(timeline.links.down.iter().flatten().count() > 10);
    }
}

#[test]
fn churn_partitions_pauses_and_liars_are_told() {
    let churn = FaultSpec::Churn { per_minute: 0.9, away_s: 1.0, at_s: 0.0, for_s: Some(4.0) };
    let (_, timeline) = recorded(&scenario(vec![churn]));
    assert!(!states(&timeline, State::Down).is_empty());

    for mode in [Cut::Drop, Cut::Stall, Cut::Break] {
        let cut = FaultSpec::Partition { share: 0.4, at_s: 0.2, for_s: 3.0, mode };
        let (_, timeline) = recorded(&scenario(vec![cut]));
        assert_eq!(timeline.about.faults[0].nodes.len(), 12);
        let gone = timeline.links.down.iter().flatten().count();
        assert_eq!(gone > 0, mode == Cut::Break);
        assert_eq!(fates(&timeline, Fate::Lost) > 0, mode == Cut::Drop);
    }

    let pause = FaultSpec::Pause { share: 0.0, nodes: vec![3, 7], at_s: 0.2, for_s: 1.0 };
    let (_, timeline) = recorded(&scenario(vec![pause]));
    let at = timeline.about.marks[0].at_us + 200_000;
    assert_eq!(states(&timeline, State::Paused), [(at, 3), (at, 7)]);
    assert_eq!(states(&timeline, State::Resumed), [(at + 1_000_000, 3), (at + 1_000_000, 7)]);

    let liar = FaultSpec::Liar {
        share: 0.0,
        nodes: vec![5],
        say: Lies::One(Lie::Known),
        withhold: None,
        at_s: None,
        for_s: None,
    };
    let (_, timeline) = recorded(&scenario(vec![liar]));
    assert_eq!(states(&timeline, State::Lying), [(0, 5)]);
    assert_eq!(timeline.about.faults[0].nodes, [5]);
}

#[test]
fn blocks_are_items_too() {
    let mining = Some(Mining { interval_s: 0.7, txs_max: 5 });
    let (finished, timeline) = recorded(&Scenario { mining, ..scenario(Vec::new()) });
    let made = finished.world.mined().blocks();
    assert!(!made.is_empty());
    let blocks = timeline.items.kind.iter().filter(|kind| **kind == 1).count();
    assert_eq!(blocks, made.len());
    let arrivals: usize = made.iter().map(|block| block.arrivals().count()).sum();
    let is_block = |item: &&u32| timeline.items.kind[**item as usize] == 1;
    assert_eq!(timeline.deliveries.item.iter().filter(is_block).count(), arrivals);
}

#[test]
fn above_the_bound_fewer_items_are_followed_and_these_wholly() {
    let scenario = scenario(Vec::new());
    let (_, all) = recorded(&scenario);
    let (_, some) = simulation::record(&scenario, all.events() / 3).unwrap();
    some.check().unwrap();
    let one_of = some.about.kept_items_one_of;
    assert!(one_of > 1 && some.events() <= all.events() / 3);
    let rows = some.messages.sent.len() + some.deliveries.at.len();
    assert_eq!(rows as u64 + some.about.dropped_rows, all.events() as u64);
    let of_item = |timeline: &Timeline, item: u32| {
        let named = timeline.messages.named.iter().filter(|other| **other == item).count();
        (named, timeline.deliveries.item.iter().filter(|other| **other == item).count())
    };
    for item in (0..12).filter(|item| item % one_of == 0) {
        assert_eq!(of_item(&some, item), of_item(&all, item));
    }
    let dropped: u64 = some.about.dropped.iter().map(|dropped| dropped.bytes).sum();
    let bytes =
        |timeline: &Timeline| timeline.messages.bytes.iter().map(|n| u64::from(*n)).sum::<u64>();
    assert_eq!(bytes(&some) + dropped, bytes(&all));
}

#[test]
fn every_strategy_is_recorded_without_a_change() {
    for strategy in [StrategyKind::Flood, StrategyKind::Adaptive, StrategyKind::Inventory] {
        let mut scenario = scenario(Vec::new());
        scenario.params.relay.strategy = strategy;
        scenario.warmup_txs = 3;
        let (_, timeline) = recorded(&scenario);
        assert_eq!(timeline.items.at.len(), 9, "those of the warm-up aside");
    }
}

#[test]
fn an_event_takes_few_bytes() {
    let mut scenario = scenario(Vec::new());
    scenario.network.nodes = 100;
    scenario.workload.txs = 60;
    let (_, timeline) = simulation::record(&scenario, BOUND).unwrap();
    let (bytes, events) = (timeline.to_bytes().len(), timeline.events());
    assert!(bytes < 5 * events, "{events} events take {bytes} bytes");
}
