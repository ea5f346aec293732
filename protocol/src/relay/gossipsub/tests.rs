use super::mesh::{BACKOFF, OUTBOUND_MIN};
use super::*;
use crate::chain::Chain as _;
use crate::chain::opaque::Opaque;
use crate::relay::fake::{Fake, link, sends, tx};

/// So many links that came up one after the other.
fn joined(links: u32) -> (Fake, Gossipsub, Vec<Step>) {
    let (mut fake, mut gossipsub) = (Fake::new(links), Gossipsub::default());
    let all = std::mem::take(&mut fake.links);
    let mut steps = Vec::new();
    for neighbour in all {
        fake.links.push(neighbour);
        steps.extend(fake.ask(|cx| gossipsub.on_link_up(neighbour, cx)));
    }
    (fake, gossipsub, steps)
}

fn say(fake: &mut Fake, gossipsub: &mut Gossipsub, slot: u32, signal: &Signal) -> Vec<Step> {
    fake.ask(|cx| gossipsub.on_signal(link(slot), signal, cx))
}

/// The links that are told something.
fn signalled(steps: &[Step], signal: &Signal) -> Vec<Link> {
    let to = |step: &Step| match step {
        Step::Signal(link, said) if said == signal => Some(*link),
        _ => None,
    };
    steps.iter().filter_map(to).collect()
}

fn large(n: u8) -> Arc<Item> {
    Opaque::default().item(ItemKind::Tx, vec![n; 1_001].into()).unwrap()
}

#[test]
fn links_join_the_mesh_until_it_isnt_small_and_items_go_whole_to_it() {
    let (mut fake, mut gossipsub, steps) = joined(16);
    let grafted = signalled(&steps, &Signal::Graft);
    assert_eq!(grafted, [0, 1, 2, 3, 4].map(link));
    assert_eq!(sends(&fake.accept(&mut gossipsub, 1, Some(0))), 4);
    assert_eq!(sends(&fake.accept(&mut gossipsub, 2, None)), 16, "an own one goes to all");
}

#[test]
fn a_peer_that_grafts_is_in_until_it_prunes_and_then_out_for_a_minute() {
    let (mut fake, mut gossipsub, _) = joined(16);
    assert!(say(&mut fake, &mut gossipsub, 9, &Signal::Graft).is_empty());
    assert!(gossipsub.mesh().contains(link(9)));
    say(&mut fake, &mut gossipsub, 9, &Signal::Prune);
    assert!(!gossipsub.mesh().contains(link(9)));
    let refused = say(&mut fake, &mut gossipsub, 9, &Signal::Graft);
    assert_eq!(signalled(&refused, &Signal::Prune), [link(9)]);
    fake.now = fake.now + BACKOFF;
    assert!(say(&mut fake, &mut gossipsub, 9, &Signal::Graft).is_empty());
    assert!(gossipsub.mesh().contains(link(9)));
}

#[test]
fn whoever_grafts_cannot_fill_a_mesh_nor_take_the_place_of_those_that_we_dialled() {
    let (mut fake, mut gossipsub, _) = joined(40);
    // Every other link was dialled by its peer.
    for slot in (1..40).step_by(2) {
        say(&mut fake, &mut gossipsub, slot, &Signal::Graft);
        assert!(gossipsub.mesh().len() <= 12);
    }
    assert_eq!(gossipsub.mesh().len(), 12);
    let pruned = signalled(&fake.wake(&mut gossipsub), &Signal::Prune);
    assert_eq!((gossipsub.mesh().len(), pruned.len()), (6, 6));
    let dialled = gossipsub.mesh().links().filter(|link| link.slot() % 2 == 0).count();
    assert!(dialled >= OUTBOUND_MIN, "{dialled}");
}

#[test]
fn a_mesh_that_lost_links_is_mended_at_the_next_heartbeat() {
    let (mut fake, mut gossipsub, _) = joined(16);
    for slot in [0, 1, 2] {
        say(&mut fake, &mut gossipsub, slot, &Signal::Prune);
    }
    let grafted = signalled(&fake.wake(&mut gossipsub), &Signal::Graft);
    assert_eq!((grafted.len(), gossipsub.mesh().len()), (4, 6));
    assert!(grafted.iter().all(|link| link.slot() > 4), "not those that pruned us: {grafted:?}");
    assert_eq!(gossipsub.deadline(), Time::NEVER, "there is nothing more to do");
}

#[test]
fn each_heartbeat_some_outside_the_mesh_are_told_of_the_last_three() {
    let (mut fake, mut gossipsub, _) = joined(16);
    fake.accept(&mut gossipsub, 1, Some(0));
    let mut told = Vec::new();
    while gossipsub.deadline() != Time::NEVER {
        let steps = fake.wake(&mut gossipsub);
        let held = steps.iter().filter_map(|step| match step {
            Step::Hold(link, id) if *id == tx(1).id() => Some(*link),
            _ => None,
        });
        told.push(held.collect::<Vec<_>>());
    }
    assert_eq!(told[0].len(), GOSSIP_LAZY);
    let mut all = told.concat();
    assert!(all.iter().all(|link| !gossipsub.mesh().contains(*link)));
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count, "nobody is told twice");
    assert!(told.len() <= 4, "{told:?}");
    assert!(gossipsub.history.is_empty());
}

#[test]
fn of_much_that_came_the_latest_is_told() {
    let (mut fake, mut gossipsub, _) = joined(1);
    for n in 0..HISTORY_MAX + 10 {
        let bytes = n.to_le_bytes().to_vec();
        let item = Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap();
        fake.ask(|cx| gossipsub.on_accepted(&item, Some(link(0)), cx));
    }
    assert_eq!(gossipsub.history.len(), HISTORY_MAX);
}

#[test]
fn who_gets_a_large_item_tells_its_mesh_at_once_that_it_has_it() {
    let (mut fake, mut gossipsub, _) = joined(16);
    let item = large(1);
    let known = Signal::Known([item.id().into()].into());
    let steps = fake.ask(|cx| gossipsub.on_arrived(&item, link(2), cx));
    assert_eq!(signalled(&steps, &known), [0, 1, 3, 4].map(link));
    assert!(fake.ask(|cx| gossipsub.on_arrived(&tx(1), link(2), cx)).is_empty(), "100 bytes");
    fake.params.gossipsub.idontwant_bytes = 0;
    assert_eq!(fake.ask(|cx| gossipsub.on_arrived(&tx(1), link(2), cx)).len(), 4);
}

#[test]
fn who_has_an_item_isnt_sent_it_and_everybody_else_is() {
    let (mut fake, mut gossipsub, _) = joined(16);
    let has = |n: u8| Signal::Known([tx(n).id().into()].into());
    say(&mut fake, &mut gossipsub, 1, &has(1));
    let steps = fake.accept(&mut gossipsub, 1, Some(0));
    let sent = steps.iter().filter_map(|step| match step {
        Step::Send(link, _) => Some(*link),
        _ => None,
    });
    assert_eq!(sent.collect::<Vec<_>>(), [2, 3, 4].map(link));
    // A liar keeps from itself what it says that it has, and nothing from anybody else.
    (2..200).for_each(|n| drop(say(&mut fake, &mut gossipsub, 1, &has(n))));
    assert_eq!(sends(&fake.accept(&mut gossipsub, 2, Some(0))), 3);
    assert_eq!(sends(&fake.accept(&mut gossipsub, 200, Some(0))), 4);
}

#[test]
fn nothing_is_left_of_a_link_that_is_gone() {
    let (mut fake, mut gossipsub, _) = joined(16);
    say(&mut fake, &mut gossipsub, 0, &Signal::Known([tx(1).id().into()].into()));
    say(&mut fake, &mut gossipsub, 1, &Signal::Prune);
    for slot in [0, 1] {
        assert!(gossipsub.keeps(link(slot)));
        fake.ask(|cx| gossipsub.on_link_down(link(slot), cx));
        assert!(!gossipsub.keeps(link(slot)));
    }
}
