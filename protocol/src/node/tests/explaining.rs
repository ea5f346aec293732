//! A node can tell what happened to an item.

use super::*;
use crate::record::{Heard, STEPS_DEFAULT, Step as Told, Wait};
use crate::testkit::Mesh;

fn recorded() -> Params {
    let mut params = at_once();
    params.record.steps = Some(STEPS_DEFAULT);
    params
}

/// A step without its link: when it happened, in milliseconds, what, and what the item then waited for.
fn short(step: &Told) -> (u64, What, Option<Wait>) {
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
    let tx = Item::new(ItemKind::Tx, vec![1; 100].into(), &Opaque::default()).unwrap();
    mesh.submit(0, tx.clone());
    mesh.run_for(Duration::from_secs(7));

    let links: Vec<Link> = [1, 4, 5]
        .map(|peer| mesh.links(2).into_iter().find(|(_, at)| *at == peer).unwrap().0)
        .into();
    let [staller, honest, behind] = links[..] else { unreachable!() };
    let story = mesh.node(2).story_of(tx.id()).unwrap();
    let expected = [
        (staller, (1_080, What::Heard(Heard::Asked), None)),
        (staller, (1_080, What::Asked, None)),
        (honest, (1_140, What::Heard(Heard::Kept), Some(Wait::Request(staller)))),
        (staller, (6_080, What::Expired, None)),
        (honest, (6_080, What::Asked, None)),
        (honest, (6_120, What::Arrived, None)),
        (honest, (6_120, What::Accepted, None)),
        (behind, (6_120, What::Told(Manner::Batch), None)),
        (behind, (6_160, What::Sent(Manner::Answer), None)),
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
    assert_eq!(told, [(None, What::Submitted), (None, What::Accepted)]);
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
    solo.say(links[2], &Message::Item(tx.clone()));
    let story = solo.node.story_of(tx.id()).unwrap();
    let told: Vec<_> = story
        .steps
        .iter()
        .filter(|step| !matches!(step.what, What::Heard(_)))
        .map(|step| (step.link.unwrap().slot(), short(step)))
        .collect();
    let expected = [
        (0, (0, What::Asked, None)),
        (0, (10, What::Broke, None)),
        (1, (10, What::Asked, None)),
        (1, (20, What::NotFound, None)),
        (2, (20, What::Asked, None)),
        (2, (30, What::Arrived, None)),
        (2, (30, What::Accepted, None)),
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
    solo.say(a, &Message::Item(tx.clone()));
    solo.wait(10);
    solo.hand(Input::Disconnected { link: a });
    solo.wait(10);
    solo.say(b, &get_data(&tx));
    let story = solo.node.story_of(tx.id()).unwrap();
    assert!(story.steps.iter().all(|step| step.what != What::Broke), "{story:?}");
    assert_eq!(story.steps.last().unwrap().what, What::Sent(Manner::Answer));
}

#[test]
fn a_refusal_names_its_rule() {
    let mut solo = Solo::new(recorded());
    let tx = Item::new(ItemKind::Tx, vec![1; 200_000].into(), &*solo.chain).unwrap();
    solo.hand(Input::Submitted(tx.clone()));
    let story = solo.node.story_of(tx.id()).unwrap();
    let whats: Vec<_> = story.steps.iter().map(|step| step.what).collect();
    assert_eq!(whats, [What::Submitted, What::Rejected("too-large")]);
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
        let tx = Item::new(ItemKind::Tx, vec![1; 100].into(), &Opaque::default()).unwrap();
        mesh.submit(0, tx.clone());
        mesh.run_for(Duration::from_secs(60));
        for index in 0..5 {
            let story = mesh.node(index).story_of(tx.id()).unwrap();
            let accepted = story.steps.iter().find(|step| step.what == What::Accepted);
            let at = mesh.accepted(index).iter().find(|(_, id)| *id == tx.id()).unwrap().0;
            let micros = |time: Time| time.as_nanos() / 1_000;
            assert_eq!(micros(accepted.unwrap().at), micros(at), "{kind}, {index}");
            let (sent, got) = (|what| matches!(what, What::Sent(_)), |what| what == What::Arrived);
            let gave = story.steps.iter().any(|step| sent(step.what));
            let took = story.steps.iter().any(|step| got(step.what));
            assert_eq!(took, index != 0, "{kind}, {index}");
            assert!(gave || index != 0, "{kind}");
        }
    }
}
