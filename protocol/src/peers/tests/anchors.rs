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

#[test]
fn anchors_are_of_the_links_for_blocks_and_are_for_blocks_again() {
    let groups: Vec<_> = (0..100).map(|group| far(group, 0)).collect();
    let dial = |world: &mut World| {
        world.params.peers.block_only = 2;
        let mut links = Vec::new();
        loop {
            let dialled = world.dialled();
            if dialled.is_empty() {
                return links;
            }
            for addr in dialled {
                world.now = world.now + Duration::from_secs(1);
                let link = world.outbound_at(addr);
                let role = world.peers.choose_role(link, &world.params);
                links.push((link, addr, role));
            }
        }
    };
    let mut world = World::new();
    world.params.peers.block_only = 2;
    world.remember_far(groups.iter().copied());
    let links = dial(&mut world);
    let roles = links.iter().map(|(.., role)| *role);
    assert!(roles.eq([[Role::Relays; 8].as_slice(), &[Role::Blocks; 2]].concat()));
    let kept = world.peers.export(|_| true, world.now);
    assert_eq!(kept.anchors, [links[9].1, links[8].1]);
    let none = world.peers.export(|link| link == links[3].0, world.now);
    assert_eq!(none.anchors, [links[3].1], "where no blocks come, others are");
    let mut again = World::new();
    again.params.peers.block_only = 2;
    again.import(&kept);
    again.wait(Duration::ZERO);
    let first: Vec<_> = dial(&mut again).into_iter().map(|(_, addr, role)| (addr, role)).collect();
    assert_eq!(first[..2], [(links[8].1, Role::Blocks), (links[9].1, Role::Blocks)]);
    assert!(first[2..].iter().all(|(_, role)| *role == Role::Relays), "eight, and two beside them");
}
