//! Links that take over from others, and whose place they take.

use super::*;
use crate::peers::feeler::STAY;

/// Peers that let us dial them and then dial us, with keys smaller than ours, so that their links win.
fn dial_and_be_dialled_back(world: &mut World, n: u32) -> Link {
    let dialled = world.outbound(n);
    let (link, admission) = world.connect(u64::from(n), None);
    assert_eq!(admission, Admission::Replaces(dialled));
    world.hello(link, Some(n));
    link
}

#[test]
fn whoever_dials_back_does_not_pass_the_inbound_bound() {
    let mut world = World::new();
    world.params.peers.inbound_max = 4;
    world.remember(1..=200);
    for _ in 0..50 {
        for n in world.dials() {
            dial_and_be_dialled_back(&mut world, n);
        }
        world.wait(Duration::from_millis(100));
    }
    let census = world.peers.table.census();
    assert_eq!(census.links, [4, 8], "all places are taken, and no more");
    assert_eq!(world.connect(900, None).1, Admission::Refused(Reason::Full));
    assert_eq!(world.dials(), [] as [u32; 0]);
}

#[test]
fn a_link_that_took_over_gives_its_place_back_when_it_ends() {
    let mut world = World::new();
    world.params.peers.inbound_max = 0;
    world.params.peers.outbound = 1;
    world.remember(1..=2);
    let [n] = world.dials()[..] else { panic!("one dial") };
    let link = dial_and_be_dialled_back(&mut world, n);
    assert_eq!((world.peers.outbound_ready(), world.peers.inbound_ready()), (1, 0));
    world.disconnect(link);
    assert_eq!(world.dials().len(), 1, "the place is free again");
}

#[test]
fn a_feeler_that_is_dialled_back_is_closed_all_the_same() {
    let mut world = World::new();
    world.params.peers.outbound = 3;
    world.params.peers.rotate_s = 1_000_000;
    world.remember(1..=53);
    for n in world.dials() {
        world.outbound(n);
    }
    world.params.peers.inbound_max = 0;
    let mut feelers = 0;
    while feelers < 20 {
        world.wait(Duration::from_secs(1));
        for n in world.dials() {
            feelers += 1;
            dial_and_be_dialled_back(&mut world, n);
        }
        let outbound = world.peers.table.census().links[Direction::Outbound as usize];
        assert!(outbound <= 4, "{outbound} links of three, and one feeler");
    }
    world.wait(STAY);
    assert_eq!(world.peers.table.census().links, [0, 3]);
}

#[test]
fn a_peer_that_came_to_us_stays_when_a_feeler_finds_it_too() {
    let mut world = World::new();
    world.params.peers.outbound = 1;
    world.params.peers.rotate_s = 1_000_000;
    world.remember([1]);
    assert_eq!(world.dials(), [1]);
    world.outbound(1);
    // Our key is the smaller one, so that the link that we dial wins. It told us no address.
    let (inbound, _) = world.connect(2_000, None);
    world.hello(inbound, None);
    world.tell(inbound, [20]);
    while world.dials() != [20] {
        world.wait(Duration::from_secs(1));
    }
    let (link, admission) = world.connect(2_000, Some(20));
    assert_eq!(admission, Admission::Replaces(inbound));
    world.hello(link, None);
    world.wait(STAY * 2);
    assert!(world.surplus.is_empty(), "it wanted to be linked with us");
    assert_eq!(world.peers.inbound_ready(), 1);
}
