//! Runs with a planted cause each: `why` has to name it, and who it was.
//!
//! What is planted is known to the test alone: the analysis gets a scenario, an item and a node. Where it matters which
//! message is met, the run without the fault tells when it is sent.

use std::sync::Arc;

use tidings_protocol::ground::item::Item;
use tidings_protocol::testkit::hostile::{Lie, Lies};
use tidings_protocol::testkit::ties::{Draft, Ties};

use super::*;
use crate::fault::{Cut, FaultSpec};
use crate::latency::{Draw, LinkSpec};
use crate::watch::{What, Word};

/// What was planted: in which scenario, and what is to be named.
struct Plant {
    scenario: Scenario,
    make: Option<Arc<Make>>,
    late: Late,
    kind: Kind,
    who: Vec<u32>,
}

impl Plant {
    fn new(scenario: &Scenario, fault: FaultSpec, kind: Kind, who: &[u32]) -> Self {
        let mut scenario = scenario.clone();
        scenario.fault.push(fault);
        let who = who.to_vec();
        Self { scenario, make: None, late: Late::default(), kind, who }
    }

    fn source(&self) -> Source {
        Source { scenario: self.scenario.clone(), make: self.make.clone() }
    }
}

/// The run without what is planted.
fn clean(scenario: &Scenario, item: usize, node: u32) -> Case {
    let source = Source { scenario: scenario.clone(), make: None };
    let late = Late::Us(1);
    Case::new(source, &Question { late, ..question(item, node) }).unwrap()
}

/// Plants at one node after the other, until the item is late there; then asks.
fn name(what: &str, item: usize, plant: impl Fn(u32) -> Option<Plant>) {
    for node in (0..40).rev() {
        let Some(plant) = plant(node) else { continue };
        let question = Question { late: plant.late, ..question(item, node) };
        // Where hardly anybody has it there is no median.
        let Ok(why) = Why::ask(plant.source(), question) else { continue };
        if !matches!(why.verdict(), Verdict::Late | Verdict::Never) {
            continue;
        }
        let answer = finish(why);
        let found = answer.named().map(|cause| {
            let mut who: Vec<u32> = cause.node.into_iter().chain(cause.peer).collect();
            who.sort_unstable();
            (cause.kind, who)
        });
        let (kind, mut who) = (plant.kind, plant.who);
        who.sort_unstable();
        let is_named = found.as_ref().is_some_and(|(found, nodes)| {
            // Of some kinds one end alone was planted.
            *found == kind && who.iter().all(|node| nodes.contains(node))
        });
        assert!(
            is_named,
            "{what}: {kind:?} {who:?} was planted, {found:?} is named\n{}\n{:#?}",
            answer.story.join("\n"),
            answer.causes
        );
        return;
    }
    panic!("{what}: it is late nowhere");
}

/// Who gave the item to a node, if somebody gave it to him as well.
fn giver(case: &Case, node: u32) -> Option<u32> {
    let path = case.path(node);
    let [.., (_, _, _, Some(_)), (_, _, _, Some(giver))] = path[..] else { return None };
    Some(giver)
}

/// When a message about the item was sent, seconds from the first submission.
fn said(case: &Case, sender: u32, receiver: u32, said: Word) -> Option<f64> {
    let sent = case.notes.iter().find(|note| {
        matches!(note.what, What::Sent { from, to, word, .. } if (from, to, word) == (sender, receiver, said))
    })?;
    Some(sent.at.since(case.first).as_secs_f64())
}

/// When the item was submitted, seconds from the first submission.
fn submitted(case: &Case) -> f64 {
    case.submitted.since(case.first).as_secs_f64()
}

fn lossy(at_s: f64) -> FaultSpec {
    FaultSpec::Loss { share: 1.0, at_s: (at_s - 2e-4).max(0.0), for_s: Some(4e-4) }
}

fn pause(nodes: Vec<u32>, at_s: f64) -> FaultSpec {
    FaultSpec::Pause { share: 0.0, nodes, at_s, for_s: 3.0 }
}

fn crash(node: u32, at_s: f64, restart_after_s: Option<f64>, silent: bool) -> FaultSpec {
    FaultSpec::Crash { share: 0.0, nodes: vec![node], at_s, restart_after_s, silent }
}

fn liar(node: u32, lie: Lie, withhold: Option<bool>) -> FaultSpec {
    FaultSpec::Liar {
        share: 0.0,
        nodes: vec![node],
        say: Lies::One(lie),
        withhold,
        at_s: None,
        for_s: None,
    }
}

/// A message of the last hop is lost.
fn lose(what: &str, scenario: &Scenario, word: Word, kind: Kind) {
    name(what, 1, |node| {
        if node as usize >= scenario.network.nodes {
            return None;
        }
        let case = clean(scenario, 1, node);
        let giver = giver(&case, node)?;
        let (from, to) = if word == Word::Request { (node, giver) } else { (giver, node) };
        let at_s = said(&case, from, to, word)?;
        Some(Plant::new(scenario, lossy(at_s), kind, &[from, to]))
    });
}

/// Something happens to whoever gives the item.
fn giver_is(what: &str, scenario: &Scenario, kind: Kind, fault: impl Fn(u32, f64) -> FaultSpec) {
    name(what, 1, |node| {
        if node as usize >= scenario.network.nodes {
            return None;
        }
        let case = clean(scenario, 1, node);
        let giver = giver(&case, node)?;
        Some(Plant::new(scenario, fault(giver, submitted(&case)), kind, &[giver]))
    });
}

/// A graph with several ways to everybody.
fn graph(seed: u64, nodes: usize, outbound: usize) -> Scenario {
    let mut scenario = tree(seed, nodes);
    scenario.network.topology = Shape::Outbound;
    scenario.params.peers.outbound = outbound;
    scenario
}

#[test]
fn a_lost_announcement() {
    lose("tree", &tree(1, 21), Word::Announcement, Kind::LostAnnouncement);
}

#[test]
fn a_lost_announcement_among_other_losses() {
    let mut scenario = tree(2, 21);
    scenario.fault.push(FaultSpec::Duplicate { share: 0.2, at_s: 0.0, for_s: None });
    scenario.fault.push(FaultSpec::Reorder { share: 0.05, by_ms: 20.0, at_s: 0.0, for_s: None });
    lose("noisy tree", &scenario, Word::Announcement, Kind::LostAnnouncement);
}

#[test]
fn a_lost_request() {
    lose("tree", &tree(3, 21), Word::Request, Kind::LostRequest);
}

#[test]
fn a_lost_item() {
    lose("tree", &tree(4, 26), Word::Item, Kind::LostItem);
}

#[test]
fn a_lost_item_of_a_flood() {
    let mut scenario = tree(5, 21);
    scenario.params.relay.strategy = StrategyKind::Flood;
    lose("flood", &scenario, Word::Item, Kind::LostItem);
}

#[test]
fn a_giver_who_stands_still() {
    giver_is("tree", &tree(6, 21), Kind::Pause, |giver, at_s| pause(vec![giver], at_s));
}

#[test]
fn the_one_of_several_pauses_that_mattered() {
    let mut scenario = tree(7, 26);
    scenario.params.relay.strategy = StrategyKind::Adaptive;
    giver_is("pauses", &scenario, Kind::Pause, |giver, at_s| {
        let others = [1, 9, 17].map(|other| (giver + other) % 26);
        pause([giver].into_iter().chain(others).collect(), at_s)
    });
}

#[test]
fn a_node_that_stood_still_itself() {
    let scenario = tree(8, 21);
    name("itself", 1, |node| {
        let case = (node < 21).then(|| clean(&scenario, 1, node))?;
        giver(&case, node)?;
        Some(Plant::new(&scenario, pause(vec![node], submitted(&case)), Kind::Pause, &[node]))
    });
}

#[test]
fn a_giver_who_crashed_and_came_back() {
    giver_is("restart", &tree(9, 21), Kind::Crash, |giver, at_s| {
        crash(giver, at_s, Some(2.0), false)
    });
}

#[test]
fn a_giver_whose_cable_was_cut() {
    giver_is("silent", &tree(10, 21), Kind::Crash, |giver, at_s| crash(giver, at_s, None, true));
}

#[test]
fn a_partition_that_loses() {
    let scenario = tree(11, 21);
    name("drop", 1, |node| {
        let case = (node < 21).then(|| clean(&scenario, 1, node))?;
        let at_s = submitted(&case);
        let fault = FaultSpec::Partition { share: 0.15, at_s, for_s: 2.0, mode: Cut::Drop };
        Some(Plant::new(&scenario, fault, Kind::Partition, &[]))
    });
}

#[test]
fn a_partition_that_stalls() {
    let scenario = tree(32, 21);
    name("stall", 1, |node| {
        let case = (node < 21).then(|| clean(&scenario, 1, node))?;
        let at_s = submitted(&case);
        let fault = FaultSpec::Partition { share: 0.15, at_s, for_s: 2.0, mode: Cut::Stall };
        Some(Plant::new(&scenario, fault, Kind::Partition, &[]))
    });
}

#[test]
fn a_clogged_link() {
    let scenario = tree(13, 21);
    name("clog", 1, |node| {
        let case = (node < 21).then(|| clean(&scenario, 1, node))?;
        let fault = FaultSpec::Clog { share: 0.1, at_s: submitted(&case), for_s: 2.0 };
        let plant = Plant::new(&scenario, fault, Kind::ClogLink, &[]);
        let late = Late::Us(1);
        let met = Case::new(plant.source(), &Question { late, ..question(1, node) }).unwrap();
        let links = &met.end.faults().all()[0].met_links;
        let way: Vec<(u32, u32)> =
            case.path(node).iter().filter_map(|(node, .., from)| Some((*node, (*from)?))).collect();
        let is_met = |(a, b): &&(u32, u32)| links.contains(&(*a, *b)) || links.contains(&(*b, *a));
        let clogged: Vec<_> = way.iter().filter(is_met).collect();
        let [&(a, b)] = clogged[..] else { return None };
        Some(Plant { who: vec![a, b], ..plant })
    });
}

#[test]
fn a_message_that_was_held_up() {
    let scenario = tree(14, 21);
    name("reorder", 1, |node| {
        let case = (node < 21).then(|| clean(&scenario, 1, node))?;
        let giver = giver(&case, node)?;
        let at_s = said(&case, giver, node, Word::Item)? - 2e-4;
        let fault = FaultSpec::Reorder { share: 1.0, by_ms: 1_500.0, at_s, for_s: Some(4e-4) };
        Some(Plant::new(&scenario, fault, Kind::HeldUp, &[giver, node]))
    });
}

#[test]
fn a_peer_who_announces_and_never_delivers() {
    let mut scenario = graph(15, 24, 2);
    scenario.fault.push(FaultSpec::Duplicate { share: 0.1, at_s: 0.0, for_s: None });
    giver_is("withholder", &scenario, Kind::Withholder, |giver, _| {
        liar(giver, Lie::Known, Some(true))
    });
}

#[test]
fn a_peer_who_sends_garbage() {
    giver_is("bytes", &tree(16, 21), Kind::Liar, |giver, _| liar(giver, Lie::Bytes, None));
}

#[test]
fn a_link_that_is_slow() {
    let mut scenario = tree(17, 21);
    scenario.link = LinkSpec::Lognormal { mean_ms: 40.0, sigma: 1.0, draw: Draw::Link };
    name("slow link", 1, |node| {
        let case = (node < 21).then(|| clean(&scenario, 1, node))?;
        let hops = case.path(node).into_iter();
        let hops = hops
            .filter_map(|(node, .., from)| Some((case.start.latency(node, from?)?, node, from?)));
        let (slowest, a, b) = hops.clone().max()?;
        // Nothing else on its way is slow.
        let next = hops.filter(|hop| (hop.1, hop.2) != (a, b)).map(|hop| hop.0).max()?;
        (slowest > 3 * next).then(|| Plant {
            scenario: scenario.clone(),
            make: None,
            late: Late::Times(1.5),
            kind: Kind::SlowLink,
            who: vec![a, b],
        })
    });
}

#[test]
fn a_message_that_was_drawn_slow() {
    let mut scenario = tree(18, 21);
    scenario.params.relay.strategy = StrategyKind::Flood;
    scenario.link = LinkSpec::Lognormal { mean_ms: 40.0, sigma: 1.0, draw: Draw::Message };
    name("slow message", 1, |node| {
        let case = (node < 21).then(|| clean(&scenario, 1, node))?;
        let hops = case.path(node).into_iter().filter_map(|(node, at, _, from)| {
            let (before, ..) = case.accepted(from?)?;
            Some((at.since(before), node, from?))
        });
        let (slowest, a, b) = hops.clone().max()?;
        let next = hops.filter(|hop| hop.1 != a).map(|hop| hop.0).max()?;
        (slowest > 3 * next).then(|| Plant {
            scenario: scenario.clone(),
            make: None,
            late: Late::Times(1.5),
            kind: Kind::SlowMessage,
            who: vec![a, b],
        })
    });
}

#[test]
fn a_wait_before_an_announcement_that_was_drawn_long() {
    let mut scenario = tree(19, 21);
    scenario.link = LinkSpec::Constant { latency_ms: 10.0 };
    scenario.params.relay.trickle_outbound_ms = 300;
    scenario.params.relay.trickle_inbound_ms = 300;
    name("trickle", 1, |node| {
        let case = (node < 21).then(|| clean(&scenario, 1, node))?;
        let hops = case.path(node).into_iter().filter_map(|(_, at, _, from)| {
            let (before, ..) = case.accepted(from?)?;
            Some((at.since(before), from?))
        });
        let (longest, who) = hops.clone().max()?;
        let next = hops.filter(|hop| hop.1 != who).map(|hop| hop.0).max()?;
        (longest > 2 * next).then(|| Plant {
            scenario: scenario.clone(),
            make: None,
            late: Late::Times(1.5),
            kind: Kind::Trickle,
            who: vec![who],
        })
    });
}

#[test]
fn a_line_that_was_full() {
    let mut scenario = tree(20, 16);
    scenario.link = LinkSpec::regions();
    scenario.origin = Some(0);
    scenario.params.relay.strategy = StrategyKind::Flood;
    scenario.workload = Transfers { txs: 30, rate: 40.0, sizes: Sizes::Fixed(90_000) };
    name("line", 20, |node| {
        let case = (node < 16).then(|| clean(&scenario, 20, node))?;
        // The root sends four copies of each, 115 Mbit a second, and the others none or as many as they get.
        let (root, ..) = case.path(node).first().copied()?;
        Some(Plant {
            scenario: scenario.clone(),
            make: None,
            late: Late::Us(600_000),
            kind: Kind::FullLine,
            who: vec![root],
        })
    });
}

#[test]
fn parents_that_are_missing() {
    let mut scenario = tree(22, 21);
    scenario.link = LinkSpec::Constant { latency_ms: 60.0 };
    scenario.origin = Some(0);
    let parent = Draft::paying(1, 0).item();
    let child = Draft::paying(2, 0).after(&[&parent]).item();
    let items: Vec<Arc<Item>> = vec![parent, child, Draft::paying(3, 0).item()];
    let make: Arc<Make> = Arc::new(move || (Box::new(Ties), items.clone()));
    name("parents", 1, |node| {
        if node >= 21 {
            return None;
        }
        let source = Source { scenario: scenario.clone(), make: Some(Arc::clone(&make)) };
        let of_parent = Case::new(source.clone(), &question(0, node)).unwrap();
        let of_child = Case::new(source, &question(1, node)).unwrap();
        let giver = giver(&of_child, node)?;
        let at_s = said(&of_parent, giver, node, Word::Announcement)?;
        let us = u64::from(of_child.latency_us?);
        let plant = Plant::new(&scenario, lossy(at_s), Kind::MissingParent, &[node]);
        Some(Plant { make: Some(Arc::clone(&make)), late: Late::Us(us + 60_000), ..plant })
    });
}
