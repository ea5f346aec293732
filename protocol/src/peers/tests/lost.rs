//! Links that broke.

use super::super::lost::LOST_MAX;
use super::capture::far;
use super::*;

/// A node whose set stands, of 100 groups, and its links with where they lead.
fn standing() -> (World, Vec<(Link, PeerAddr)>) {
    let mut world = World::new();
    world.params.peers.feeler_s = 0;
    let addresses: Vec<_> = (0..100).map(|group| AddressRecord::reached(far(group, 0))).collect();
    world.import(&addresses.into());
    world.wait(Duration::ZERO);
    let set = world.dialled().into_iter().map(|addr| (world.outbound_at(addr), addr)).collect();
    (world, set)
}

#[test]
fn whoever_was_at_the_other_end_of_a_link_that_broke_is_dialled_before_anybody_else() {
    let (mut world, set) = standing();
    world.wait(SHORT_LIVED);
    for (link, addr) in &set[..3] {
        world.disconnect(*link);
        assert_eq!(world.dialled(), [], "its place is kept while it rests");
        world.wait(Duration::from_millis(500));
        assert_eq!(world.dialled(), [*addr]);
        world.outbound_at(*addr);
    }
    let all: Vec<_> = set.iter().map(|(_, addr)| *addr).collect();
    assert_eq!((world.dialled(), world.peers.outbound_ready()), (vec![], all.len()));
}

#[test]
fn who_is_not_there_any_more_is_asked_once() {
    let (mut world, set) = standing();
    world.wait(SHORT_LIVED);
    for (link, _) in &set {
        world.disconnect(*link);
    }
    world.wait(Duration::from_millis(500));
    let mut dialled = world.dialled();
    for addr in &dialled {
        world.run(|peers, cx| peers.on_dial_failed(*addr, DialError::NoRoute, cx));
    }
    let mut before: Vec<_> = set.iter().map(|(_, addr)| *addr).collect();
    dialled.sort_unstable();
    before.sort_unstable();
    assert_eq!(dialled, before);
    let others = world.answer_all();
    assert_eq!(world.peers.outbound_ready(), set.len());
    assert!(others.iter().all(|addr| !before.contains(addr)), "{others:?}");
}

#[test]
fn a_link_that_was_short_or_misbehaved_or_that_we_closed_is_no_loss() {
    let (mut world, set) = standing();
    let [(short, at_short), (bad, at_bad), ..] = set[..] else { panic!("eight links") };
    world.disconnect(short);
    let instead = world.answer_all();
    assert!(instead.len() == 1 && instead[0] != at_short, "{instead:?}");
    world.wait(SHORT_LIVED);
    world.peers.on_misbehaved(bad, world.now);
    world.disconnect(bad);
    world.wait(Duration::from_millis(500));
    let instead = world.answer_all();
    assert!(instead.len() == 1 && instead[0] != at_bad, "{instead:?}");
}

#[test]
fn breaking_links_for_hours_brings_an_attacker_no_more_than_breaking_none() {
    // A third of all addresses are his, and of his links none breaks; of the others one does each minute.
    let his = |addr: &PeerAddr| far(0, 0).ip <= addr.ip && addr.ip < far(34, 0).ip;
    let (mut world, mut set) = standing();
    let before = set.iter().filter(|(_, addr)| his(addr)).count();
    for _ in 0..900 {
        world.wait(Duration::from_secs(60));
        let Some(at) = set.iter().position(|(_, addr)| !his(addr)) else { break };
        let (link, _) = set.swap_remove(at);
        world.disconnect(link);
        world.wait(Duration::from_millis(500));
        for addr in world.dialled() {
            set.push((world.outbound_at(addr), addr));
        }
    }
    assert_eq!(set.iter().filter(|(_, addr)| his(addr)).count(), before);
    assert!(before < set.len() && set.len() == 8, "{before} of {}", set.len());
}

#[test]
fn of_very_many_that_break_at_once_so_many_are_remembered() {
    let mut lost = super::super::lost::Lost::new();
    (0..100).for_each(|group| lost.push(far(group, 0)));
    assert_eq!(lost.len(), LOST_MAX);
}
