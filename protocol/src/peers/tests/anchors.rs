//! Peers that are dialled first after a restart.

use super::capture::far;
use super::feeler::surplus;
use super::*;

/// A node that comes back and remembers 100 groups and two anchors.
fn restarted() -> World {
    let mut world = World::new();
    world.params.peers.feeler_s = 0;
    let addresses: Vec<_> = (0..100).map(|group| AddressRecord::reached(far(group, 0))).collect();
    let anchors = vec![far(70, 0), far(71, 0)];
    world.import(&BookRecord { anchors, ..addresses.into() });
    world.wait(Duration::ZERO);
    world
}

#[test]
fn anchors_are_dialled_first_and_beside_the_set() {
    let mut world = restarted();
    let dialled = world.answer_all();
    assert_eq!(dialled[..2], [far(71, 0), far(70, 0)], "the oldest one first");
    assert_eq!((dialled.len(), world.peers.outbound_ready()), (10, 10));
    world.wait(ANCHORS_STAY - Duration::from_nanos(1));
    assert_eq!(surplus(&mut world), []);
    world.wait(Duration::from_nanos(1));
    assert_eq!(surplus(&mut world).len(), 2, "then the set is as large as it should be");
    assert_eq!(world.peers.outbound_ready(), 8);
    world.wait(Duration::from_secs(3_600));
    assert_eq!((world.dialled(), surplus(&mut world)), (vec![], vec![]));
}

#[test]
fn anchors_that_are_gone_are_no_loss() {
    let mut world = restarted();
    for addr in world.dialled() {
        match [far(70, 0), far(71, 0)].contains(&addr) {
            true => {
                world.run(|peers, cx| peers.on_dial_failed(addr, DialError::Unreachable, cx));
            }
            false => _ = world.outbound_at(addr),
        }
    }
    world.answer_all();
    assert_eq!(world.peers.outbound_ready(), 8);
    world.wait(ANCHORS_STAY * 2);
    assert_eq!((world.peers.outbound_ready(), surplus(&mut world)), (8, vec![]));
}

#[test]
fn an_anchor_that_the_book_does_not_know_is_not_dialled() {
    let mut world = World::new();
    world.import(&BookRecord { anchors: vec![far(1, 0)], ..BookRecord::default() });
    world.wait(Duration::from_secs(3_600));
    assert_eq!(world.dialled(), []);
}

#[test]
fn the_oldest_links_that_brought_something_are_kept_as_anchors() {
    let mut world = World::new();
    world.remember_far((0..100).map(|group| far(group, 0)));
    let mut links = Vec::new();
    for addr in world.dialled() {
        world.now = world.now + Duration::from_secs(1);
        links.push((world.outbound_at(addr), addr));
    }
    let stranger = world.connect_from(1_000_000, "9.9.9.9:1");
    world.hello(stranger, None);
    let kept = world.peers.export(|link| link != links[1].0, world.now);
    assert_eq!(kept.anchors, [links[2].1, links[0].1], "the oldest one last");
    assert_eq!(kept.addresses.len(), 100);
    let silent = world.peers.export(|_| false, world.now);
    assert!(silent.anchors.is_empty(), "who brings nothing is none");
    world.disconnect(links[0].0);
    let kept = world.peers.export(|_| true, world.now);
    assert_eq!(kept.anchors, [links[2].1, links[1].1]);
}
