//! Links beside the outbound set, and what they do to it.

use super::*;
use crate::peers::feeler::STAY;
use crate::testkit::Mesh;

/// A node whose set of three stands, with 50 addresses that it isn't linked with.
fn standing() -> (World, Vec<u32>) {
    let mut world = World::new();
    world.params.peers.outbound = 3;
    world.remember(1..=53);
    let set = world.dials();
    set.iter().for_each(|n| {
        world.outbound(*n);
    });
    world.actions.clear();
    (world, set)
}

/// Waits for the next feeler and returns whom it dials.
pub(super) fn next_feeler(world: &mut World) -> u32 {
    for _ in 0..100_000 {
        world.wait(Duration::from_secs(1));
        match world.dials()[..] {
            [] => {}
            [n] => return n,
            ref many => panic!("one feeler at a time, not {many:?}"),
        }
    }
    panic!("no feeler within a day");
}

/// Lets a feeler stay for as long as it may; returns the links to be closed then.
fn stay(world: &mut World) -> Vec<Link> {
    let moment = Duration::from_nanos(1);
    world.wait(STAY - moment);
    assert!(surplus(world).is_empty(), "not before its time");
    world.now = world.now + moment;
    surplus(world)
}

/// The links to be closed, as the node asks after every input.
pub(super) fn surplus(world: &mut World) -> Vec<Link> {
    let mut links = std::mem::take(&mut world.surplus);
    links.extend(std::iter::from_fn(|| world.run(Peers::take_surplus)));
    links
}

#[test]
fn a_feeler_stays_for_a_while_beside_the_set() {
    let (mut world, set) = standing();
    world.params.peers.rotate_s = 1_000_000_000;
    let n = next_feeler(&mut world);
    assert!(!set.contains(&n));
    let link = world.outbound(n);
    assert_eq!(world.peers.outbound_ready(), 3, "it doesn't count");
    assert!(surplus(&mut world).is_empty(), "it has just come");
    // The rotation was drawn with the default time when the set came to stand.
    world.peers.feeler.take_rotation(&Cx {
        now: Time::NEVER,
        params: &world.params,
        chain: &world.chain,
        rng: &mut world.rng,
        actions: &mut world.actions,
    });
    assert_eq!(stay(&mut world), [link]);
    assert_eq!(world.peers.outbound_ready(), 3);
    let view = world.peers.book().iter().find(|view| view.addr == addr(n)).unwrap();
    assert_eq!((view.successes, view.failures, view.connected), (2, 0, false), "it is alive");
}

#[test]
fn feelers_come_as_often_as_they_should_and_exchange_links_rarely() {
    let (mut world, _) = standing();
    let (mut feelers, mut exchanged, mut lost) = (0, 0, Vec::new());
    let day = Duration::from_secs(86_400);
    while world.now.since(Time::ZERO) < day {
        let n = next_feeler(&mut world);
        let link = world.outbound(n);
        feelers += 1;
        let leaving = stay(&mut world);
        assert_eq!((leaving.len(), world.peers.outbound_ready()), (1, 3));
        exchanged += usize::from(leaving != [link]);
        lost.extend(leaving);
    }
    // Every 120 s and the 10 s that each stays; an exchange at the first feeler after 300 s.
    assert!((560..770).contains(&feelers), "{feelers}");
    assert!((180..240).contains(&exchanged), "{exchanged}");
    lost.sort_unstable();
    lost.dedup();
    assert_eq!(lost.len(), feelers, "every link is closed once");
}

#[test]
fn a_set_that_was_chosen_among_few_is_exchanged_once_many_are_known_and_then_rests() {
    let mut world = World::new();
    world.params.peers.outbound = 3;
    world.remember(1..=6);
    let first = world.dials();
    let mut set: Vec<Link> = first.iter().map(|n| world.outbound(*n)).collect();
    world.actions.clear();
    world.remember(7..=60);
    let (mut feelers, mut gone) = (0, Vec::new());
    while set.iter().any(|link| !gone.contains(link)) {
        let n = next_feeler(&mut world);
        world.outbound(n);
        gone.extend(stay(&mut world));
        feelers += 1;
    }
    set.clear();
    assert!(world.now < Time::from_millis(400_000), "{:?}", world.now);
    // The first comes before it is looked.
    assert!(feelers <= 5, "{feelers} of three links");
    let begin = world.now;
    for _ in 0..10 {
        let n = next_feeler(&mut world);
        world.dial_failed(n, DialError::Unreachable);
    }
    let rest = world.now.since(begin);
    assert!(rest > Duration::from_secs(400), "ten feelers at their usual pace: {rest:?}");
}

#[test]
fn a_feeler_that_finds_nobody_costs_nothing_but_the_dial() {
    let (mut world, _) = standing();
    let n = next_feeler(&mut world);
    world.dial_failed(n, DialError::Unreachable);
    assert!(surplus(&mut world).is_empty());
    let m = next_feeler(&mut world);
    let (link, _) = world.connect(u64::from(m), Some(m));
    assert_eq!(stay(&mut world), [link], "it never said hello");
    assert_eq!(world.peers.outbound_ready(), 3);
}

#[test]
fn a_feeler_fills_the_place_of_a_link_that_is_lost_meanwhile() {
    let (mut world, set) = standing();
    let n = next_feeler(&mut world);
    world.outbound(n);
    world.disconnect(Link::new(0, 1));
    world.wait(Duration::from_millis(500)); // whoever was there is asked again
    let refill = world.dials();
    assert_eq!(refill.len(), 1, "the set is refilled beside it");
    world.dial_failed(refill[0], DialError::Unreachable);
    for other in world.dials() {
        world.dial_failed(other, DialError::Busy);
    }
    assert!(stay(&mut world).is_empty(), "there is room for it");
    assert_eq!(world.peers.outbound_ready(), set.len());
}

#[test]
fn nobody_is_felt_for_without_a_set_that_stands_or_when_switched_off() {
    let mut fixed = World::fixed(&[1, 2]);
    fixed.wake();
    fixed.dials();
    fixed.outbound(1);
    fixed.outbound(2);
    fixed.wait(Duration::from_secs(86_400));
    assert!(fixed.dials().is_empty(), "only its fixed peers are dialled");
    let mut off = World::new();
    off.params.peers.feeler_s = 0;
    off.params.peers.outbound = 1;
    off.remember(1..=9);
    let n = off.dials()[0];
    off.outbound(n);
    off.actions.clear();
    off.wait(Duration::from_secs(86_400));
    assert!(off.dials().is_empty());
    let mut dialled_only = World::new();
    dialled_only.params.peers.outbound = 0;
    dialled_only.remember(1..=9);
    dialled_only.wait(Duration::from_secs(86_400));
    assert!(dialled_only.dials().is_empty(), "an empty set isn't one that stands");
}

/// Pairs of nodes of different halves that are linked.
fn bridges(mesh: &Mesh, nodes: usize) -> usize {
    let across = |index: usize| {
        let peers = mesh.links(index).into_iter().map(move |(_, peer)| peer);
        peers.filter(|peer| *peer >= nodes / 2).count()
    };
    (0..nodes / 2).map(across).sum()
}

const HALVES: usize = 40;

/// How many links there are after half an hour, and how many of them lead across.
fn grow_together(seed: u64) -> (usize, usize) {
    let mut params = Params::default();
    params.peers.outbound = 4;
    let mut mesh = Mesh::new(HALVES, seed, 1, params, Arc::new(Opaque::default()));
    for index in 1..HALVES {
        let first = if index < HALVES / 2 { 0 } else { HALVES / 2 };
        if index != first {
            mesh.learn(index, &[first]);
        }
    }
    mesh.run_for(Duration::from_secs(60));
    assert_eq!(bridges(&mesh, HALVES), 0, "both stand, each for itself");
    // One node knows one of the other side, and dials it at some time; addresses then spread.
    mesh.learn(1, &[HALVES - 1]);
    mesh.run_for(Duration::from_secs(1_800));
    let all = (0..HALVES).map(|index| mesh.links(index).len()).sum::<usize>() / 2;
    (all, bridges(&mesh, HALVES))
}

#[test]
fn two_networks_that_hear_of_each_other_grow_together() {
    // When the first feeler crosses is a matter of luck: one network in so many may still wait for it.
    let grown: Vec<_> = (1..=16).map(grow_together).collect();
    let (all, across) = grown.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(across * 4 >= all, "{across} of {all} links lead across");
    let met = grown.iter().filter(|(_, across)| *across > 0).count();
    assert!(met >= 15, "{grown:?}");
}
