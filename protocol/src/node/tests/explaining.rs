//! A node can tell what happened to an item.

use super::*;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Hash256, Item, ItemId};
use crate::params::STEPS_DEFAULT;
use crate::record::{Departure, Heard, Manner, Step as Told, Wait};
use crate::testkit::Mesh;
use crate::testkit::ties::{Draft, Ties, block};
use crate::wire::message::{Items, Names, Session};
use std::time::Duration;

fn recorded() -> Params {
    let mut params = at_once();
    params.record.steps = Some(STEPS_DEFAULT);
    params
}

/// A step without its link: when it happened, in milliseconds, what, and what the item then waited for.
fn short(step: &Told) -> (u64, ItemEvent, Option<Wait>) {
    (step.at.as_nanos() / 1_000_000, step.what, step.wait)
}

#[test]
fn the_story_of_an_item_whose_first_announcer_stalls_is_told_step_by_step() {
    // From the origin, 0, it is one hop over the staller, 1, to the node that is asked, 2, and two hops
    // over 3 and 4. Behind it is 5.
    let mut params = recorded();
    params.peers.outbound = 0; // no links but those
    params.relay.safety_pull_ms = 0; // and no announcements twice
    let mut mesh = Mesh::new(6, 1, 1, params, Arc::new(Opaque::default()));
    for (from, to) in [(1, 0), (2, 1), (3, 0), (4, 3), (2, 4), (2, 5)] {
        mesh.connect(from, to);
    }
    mesh.withhold(1);
    mesh.run_for(Duration::from_secs(1));
    let tx = Opaque::default().item(ItemKind::Tx, vec![1; 100].into()).unwrap();
    mesh.submit(0, tx.clone());
    mesh.run_for(Duration::from_secs(7));

    let links: Vec<Link> = [1, 4, 5]
        .map(|peer| mesh.links(2).into_iter().find(|(_, at)| *at == peer).unwrap().0)
        .into();
    let [staller, honest, behind] = links[..] else { unreachable!() };
    let story = mesh.node(2).story_of(tx.id()).unwrap();
    let expected = [
        (staller, (1_080, ItemEvent::Heard(Heard::Asked), None)),
        (staller, (1_080, ItemEvent::Asked, None)),
        (honest, (1_140, ItemEvent::Heard(Heard::Kept), Some(Wait::Request(staller)))),
        (staller, (6_080, ItemEvent::Expired, None)),
        (honest, (6_080, ItemEvent::Asked, None)),
        (honest, (6_120, ItemEvent::Arrived, None)),
        (honest, (6_120, ItemEvent::Accepted, None)),
        (behind, (6_120, ItemEvent::Told(Manner::Batch), None)),
        (behind, (6_160, ItemEvent::Sent(Manner::Answer), None)),
    ];
    let told: Vec<_> = story.steps.iter().map(|step| (step.link.unwrap(), short(step))).collect();
    assert_eq!(told, expected);
    let named: Vec<_> = story.lives.iter().map(|life| (life.link, life.peer)).collect();
    assert_eq!(named, [(staller, PeerKey(2)), (honest, PeerKey(5)), (behind, PeerKey(6))]);

    let dealings = &mesh.node(2).dealings_with(PeerKey(2))[0];
    let totals = dealings.totals;
    assert_eq!((totals.heard, totals.asked, totals.expired, totals.arrived), (1, 1, 1, 0));
    let origin = mesh.node(0).story_of(tx.id()).unwrap();
    let told: Vec<_> = origin.steps.iter().take(2).map(|step| (step.link, step.what)).collect();
    assert_eq!(told, [(None, ItemEvent::Submitted), (None, ItemEvent::Accepted)]);
}

#[test]
fn a_link_that_breaks_and_a_peer_that_has_not_got_it_are_part_of_the_story() {
    let mut solo = Solo::new(recorded());
    let links: Vec<_> = (0..3).map(|slot| solo.link(slot, Direction::Outbound)).collect();
    let tx = solo.tx(1);
    for link in &links {
        solo.say(*link, &announce(&tx));
    }
    solo.wait(10);
    solo.hand(Input::Disconnected { link: links[0] });
    solo.wait(10);
    solo.say(links[1], &not_found(&tx));
    solo.wait(10);
    solo.say(links[2], &Message::Items(Items::Item(tx.clone())));
    let story = solo.node.story_of(tx.id()).unwrap();
    let told: Vec<_> = story
        .steps
        .iter()
        .filter(|step| !matches!(step.what, ItemEvent::Heard(_)))
        .map(|step| (step.link.unwrap().slot(), short(step)))
        .collect();
    let expected = [
        (0, (0, ItemEvent::Asked, None)),
        (0, (10, ItemEvent::Broke, None)),
        (1, (10, ItemEvent::Asked, None)),
        (1, (20, ItemEvent::NotFound, None)),
        (2, (20, ItemEvent::Asked, None)),
        (2, (30, ItemEvent::Arrived, None)),
        (2, (30, ItemEvent::Accepted, None)),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_link_that_went_down_when_nobody_waited_for_it_is_no_part_of_the_story() {
    let mut solo = Solo::new(recorded());
    let (a, b) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Inbound));
    let tx = solo.tx(1);
    solo.say(a, &announce(&tx));
    solo.wait(10);
    solo.say(a, &Message::Items(Items::Item(tx.clone())));
    solo.wait(10);
    solo.hand(Input::Disconnected { link: a });
    solo.wait(10);
    solo.say(b, &get_data(&tx));
    let story = solo.node.story_of(tx.id()).unwrap();
    assert!(story.steps.iter().all(|step| step.what != ItemEvent::Broke), "{story:?}");
    assert_eq!(story.steps.last().unwrap().what, ItemEvent::Sent(Manner::Answer));
}

#[test]
fn a_refusal_names_its_rule() {
    let mut solo = Solo::new(recorded());
    let tx = (*solo.chain).item(ItemKind::Tx, vec![1; 200_000].into()).unwrap();
    solo.hand(Input::Submitted(tx.clone()));
    let story = solo.node.story_of(tx.id()).unwrap();
    let whats: Vec<_> = story.steps.iter().map(|step| step.what).collect();
    assert_eq!(whats, [ItemEvent::Submitted, ItemEvent::Rejected("too-large")]);
}

#[test]
fn every_strategy_leaves_a_story_at_every_node() {
    for kind in StrategyKind::ALL {
        let mut params = Params::default();
        params.record.steps = Some(STEPS_DEFAULT);
        params.relay.strategy = *kind;
        let mut mesh = Mesh::new(5, 1, 1, params, Arc::new(Opaque::default()));
        for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (1, 3)] {
            mesh.connect(from, to);
        }
        mesh.run_for(Duration::from_secs(1));
        let tx = Opaque::default().item(ItemKind::Tx, vec![1; 100].into()).unwrap();
        mesh.submit(0, tx.clone());
        mesh.run_for(Duration::from_secs(60));
        for index in 0..5 {
            let story = mesh.node(index).story_of(tx.id()).unwrap();
            let accepted = story.steps.iter().find(|step| step.what == ItemEvent::Accepted);
            let at = mesh.accepted(index).iter().find(|(_, id)| *id == tx.id()).unwrap().0;
            let micros = |time: Time| time.as_nanos() / 1_000;
            assert_eq!(micros(accepted.unwrap().at), micros(at), "{kind}, {index}");
            let (sent, got) =
                (|what| matches!(what, ItemEvent::Sent(_)), |what| what == ItemEvent::Arrived);
            let gave = story.steps.iter().any(|step| sent(step.what));
            let took = story.steps.iter().any(|step| got(step.what));
            assert_eq!(took, index != 0, "{kind}, {index}");
            assert!(gave || index != 0, "{kind}");
        }
    }
}

/// A node whose operator submits transactions, and what it tells of one.
fn with_fees(change: impl FnOnce(&mut Params)) -> Solo {
    let mut params = recorded();
    params.relay.strategy = StrategyKind::Inventory;
    params.relay.safety_pull_ms = 0;
    change(&mut params);
    Solo::with_chain(params, Box::new(Ties))
}

impl Solo {
    fn put(&mut self, item: &Arc<Item>) {
        self.hand(Input::Submitted(item.clone()));
        self.hand(Input::Verdict { item, verdict: GOOD });
    }

    fn whats(&self, item: &Item) -> Vec<ItemEvent> {
        let story = self.node.story_of(item.id());
        story.map_or_else(Vec::new, |story| story.steps.iter().map(|step| step.what).collect())
    }

    fn end(&self, item: &Item) -> Option<ItemEvent> {
        self.whats(item).last().copied()
    }
}

#[test]
fn why_a_transaction_left_the_pool_is_told() {
    let poor = Draft::paying(1, 10).item();
    let rich = Draft::paying(2, 1_000).item();
    let mut full = with_fees(|params| {
        params.memory.pool_max_bytes = poor.size() + rich.size() - 1;
        params.memory.pool_entry_bytes = 0;
    });
    full.put(&poor);
    full.put(&rich);
    assert_eq!(full.end(&poor), Some(ItemEvent::Left(Departure::Evicted)));

    let mut replacing = with_fees(|params| params.pool.fee_rate_step = FeeRate(1));
    let [first, second] =
        [10, 1_000].map(|fee| Draft { keys: vec![7], ..Draft::paying(1, fee) }.item());
    replacing.put(&first);
    replacing.put(&second);
    assert_eq!(replacing.end(&first), Some(ItemEvent::Left(Departure::Replaced)));

    let mut aging = with_fees(|params| params.memory.pool_expiry_s = 5);
    aging.put(&poor);
    aging.wait(5_000);
    assert_eq!(aging.end(&poor), Some(ItemEvent::Left(Departure::Expired)));

    let mut confirming = with_fees(|_| ());
    confirming.put(&rich);
    confirming.put(&first);
    let block = block(Hash256([0; 32]), &[&rich, &second]);
    confirming.hand(Input::Submitted(block.clone()));
    confirming.hand(Input::Verdict { item: &block, verdict: Ties.verify(&block) });
    assert_eq!(confirming.end(&rich), Some(ItemEvent::Left(Departure::Confirmed)));
    assert_eq!(confirming.end(&first), Some(ItemEvent::Left(Departure::Conflicted)));
}

#[test]
fn a_wait_for_the_budget_of_announcements_is_told_and_so_is_what_is_left_out() {
    let mut solo = with_fees(|params| {
        params.budgets.relayed = Rate::new(1.0, 1.0);
        params.budgets.backlog_max = 1;
    });
    let link = solo.link(0, Direction::Inbound);
    let txs = [10, 20, 30, 40].map(|fee| Draft::paying(1, fee).item());
    txs.iter().for_each(|tx| solo.put(tx));
    let after = |solo: &Solo, n: usize| {
        let whats = solo.whats(&txs[n]);
        let accepted = whats.iter().position(|what| *what == ItemEvent::Accepted);
        whats[accepted.unwrap() + 1..].to_vec()
    };
    assert_eq!(after(&solo, 2), [ItemEvent::Delayed, ItemEvent::Unsent]);
    assert_eq!(after(&solo, 3), [ItemEvent::Delayed]);
    solo.wait(1_500);
    solo.wait(0);
    let told = ItemEvent::Told(Manner::Batch);
    assert_eq!(after(&solo, 0), [told]);
    assert_eq!(after(&solo, 3), [ItemEvent::Delayed, ItemEvent::Released, told]);
    assert_eq!(solo.node.counters().announcements_unsent, 1);
    assert!(solo.node.links().any(|view| view.link == link));
}

#[test]
fn what_its_budgets_cost_a_peer_is_told() {
    let mut solo = with_fees(|params| {
        params.budgets.announcements = Rate::new(10.0, 5.0);
        params.budgets.messages = Rate::new(1.0, 2.0);
    });
    let link = solo.link(0, Direction::Inbound);
    let ids: Vec<ItemId> =
        (0..100_u32).map(|n| ItemId::tx(Hash256::of(&n.to_le_bytes()))).collect();
    solo.wait(10_000);
    let many = Message::Items(Items::Announce(Names::Whole {
        kind: ItemKind::Tx,
        ids: ids.clone().into(),
    }));
    solo.say(link, &many);
    let heard = |solo: &Solo, n: usize| {
        let story = solo.node.story_of(ids[n]);
        story.map(|story| story.steps[0].what)
    };
    assert_eq!(heard(&solo, 4), Some(ItemEvent::Heard(Heard::Asked)));
    assert_eq!(heard(&solo, 5), Some(ItemEvent::Heard(Heard::OverBudget)));
    assert_eq!(heard(&solo, 36), Some(ItemEvent::Heard(Heard::OverBudget)));
    assert_eq!(heard(&solo, 37), None, "a flood is not worth more");
    (0..4).for_each(|_| drop(solo.say(link, &Message::Session(Session::Ping { nonce: 1 }))));
    let peer = solo.node.links().next().unwrap().peer;
    let dealings = &solo.node.dealings_with(peer)[0];
    let excess = dealings.life.excess;
    assert_eq!(excess.announcements, 95);
    assert_eq!(excess.overrun[Budget::Announcements as usize], 1);
    let over = excess.overrun[Budget::Messages as usize];
    assert!(over > 0 && excess.slowed > Duration::from_secs(1), "{excess:?}");
    let noted =
        dealings.steps.iter().filter(|step| step.what == ItemEvent::OverBudget(Budget::Messages));
    assert_eq!(noted.count(), over as usize);
    assert_eq!((dealings.totals.heard, dealings.totals.news), (37, 5));
}
