//! Failures that are our own.

use super::*;
use crate::peers::outage::ALONE_MAX_MS;

const BOOK: u32 = 1_000;

/// A node that heard of so many addresses from a peer, and then lost all its links.
fn cut_off() -> World {
    let mut world = World::new();
    world.params.peers.book_max = 81_920; // in which one peer may tell that much
    let link = world.inbound(5_000);
    assert_eq!(world.tell(link, 0..BOOK), 1, "but for our own address");
    world.disconnect(link);
    world
}

/// Everything that is dialled fails.
fn fail_all(world: &mut World, why: DialError, time: Duration) -> usize {
    let (until, mut failed) = (world.now + time, 0);
    while world.now < until {
        loop {
            let dials = world.dials();
            if dials.is_empty() {
                break;
            }
            failed += dials.len();
            dials.iter().for_each(|n| world.dial_failed(*n, why));
        }
        world.wait(Duration::from_millis(100));
    }
    failed
}

/// How long it takes until the set stands, if everything that is dialled answers.
fn time_to_stand(world: &mut World) -> Duration {
    let since = world.now;
    while world.peers.outbound_ready() < world.params.peers.outbound {
        for n in world.dials() {
            world.outbound(n);
        }
        world.wait(Duration::from_millis(100));
        assert!(world.now.since(since) < Duration::from_secs(3_600), "it never stands");
    }
    world.now.since(since)
}

#[test]
fn an_hour_without_a_network_costs_no_address_and_no_time() {
    for why in [DialError::Unreachable, DialError::NoRoute, DialError::WrongNetwork] {
        let mut world = cut_off();
        let kept = |world: &World| {
            let kept = world.peers.book().export(world.now).addresses;
            kept.into_iter().map(|record| (record.addr, record.failures)).collect::<Vec<_>>()
        };
        let before = kept(&world);
        fail_all(&mut world, why, Duration::from_secs(3_600));
        assert_eq!(kept(&world), before, "nothing is forgotten, nothing held against");
        let took = time_to_stand(&mut world);
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
}

#[test]
fn a_node_without_a_network_dials_ever_more_slowly() {
    let mut world = cut_off();
    fail_all(&mut world, DialError::NoRoute, Duration::from_secs(600));
    let failed = fail_all(&mut world, DialError::NoRoute, Duration::from_secs(600));
    // Eight every four seconds or so.
    assert!(failed < 2_000, "{failed} dials in ten minutes");
}

#[test]
fn a_node_that_knows_its_peers_is_back_soon_after_the_network_is() {
    let mut world = World::new();
    world.remember(1..=3);
    fail_all(&mut world, DialError::Unreachable, Duration::from_secs(36_000));
    world.params.peers.outbound = 3;
    let took = time_to_stand(&mut world);
    assert!(took <= Duration::from_millis(ALONE_MAX_MS + 1_000), "{took:?}");
}

#[test]
fn a_lone_nodes_only_peer_cannot_have_hearsay_dialled_by_coming_and_going() {
    let mut world = World::new();
    let link = world.inbound(1);
    world.tell(link, [2]);
    world.disconnect(link);
    let mut dials = 0;
    for _ in 0..24 * 360 {
        // Nobody is there when the dial fails, so that it is excused.
        for n in world.dials() {
            dials += u32::from(n == 2);
            world.dial_failed(n, DialError::Unreachable);
        }
        let link = world.inbound(1);
        world.disconnect(link);
        world.wait(Duration::from_secs(10));
    }
    // As the rests grow to an hour, and then once in an hour and when that is over.
    assert!(dials <= 12 + 3 * 24, "{dials} dials in a day");
}

#[test]
fn a_fixed_peer_is_linked_again_soon_after_the_network_is_back() {
    let mut world = World::fixed(&[1]);
    fail_all(&mut world, DialError::Unreachable, Duration::from_secs(36_000));
    world.actions.clear();
    world.wait(Duration::from_millis(ALONE_MAX_MS));
    assert_eq!(world.dials(), [1]);
}

#[test]
fn links_that_only_look_alive_have_no_address_blamed() {
    let mut world = cut_off();
    // Links that die only later, and say nothing more.
    let dead: Vec<_> = (6_000..6_003).map(|n| world.inbound(n)).collect();
    fail_all(&mut world, DialError::Unreachable, Duration::from_secs(120));
    assert!(world.peers.book().iter().all(|view| view.failures == 0));
    assert_eq!(world.peers.book().len(), BOOK as usize + 3);
    dead.into_iter().for_each(|link| world.disconnect(link));
}

#[test]
fn an_address_that_fails_while_others_answer_is_given_up() {
    let mut world = World::new();
    let link = world.inbound(1);
    world.tell(link, [2]);
    for _ in 0..8 {
        world.wait(Duration::from_secs(120));
        assert_eq!(world.dials(), [2]);
        world.dial_failed(2, DialError::Unreachable);
        world.peers.on_pong(link, world.now + Duration::from_nanos(1));
    }
    world.wake();
    assert!(!world.peers.book().contains(addr(2)));
}

#[test]
fn a_peer_on_this_site_does_not_prove_that_the_world_is_there() {
    let far = PeerAddr::tcp("8.8.8.8:4000".parse().unwrap());
    let mut world = World::new();
    let near = world.connect_from(1, "192.168.0.7:1");
    world.hello(near, None);
    world.run(|peers, cx| peers.on_learned(&[far], cx));
    for _ in 0..20 {
        world.wait(Duration::from_secs(60));
        world.peers.on_pong(near, world.now);
        world.run(|peers, cx| peers.on_dial_failed(far, DialError::Unreachable, cx));
    }
    assert_eq!(world.peers.book().iter().next().unwrap().failures, 0);
    let witness = world.connect_from(2, "9.9.9.9:1");
    world.hello(witness, None);
    world.run(|peers, cx| peers.on_dial_failed(far, DialError::Unreachable, cx));
    world.wait(Duration::from_secs(1));
    world.peers.on_pong(witness, world.now);
    world.wake();
    assert_eq!(world.peers.book().iter().next().unwrap().failures, 1);
}

#[test]
fn an_address_of_a_family_that_we_do_not_have_is_never_blamed() {
    let mut world = World::new();
    let link = world.inbound(1);
    world.tell(link, [2]);
    for _ in 0..100 {
        world.wait(Duration::from_secs(3_600));
        assert_eq!(world.dials(), [2]);
        world.peers.on_pong(link, world.now);
        world.dial_failed(2, DialError::NoRoute);
    }
    let view = world.peers.book().iter().find(|view| view.addr == addr(2)).unwrap();
    assert_eq!(view.failures, 0);
}

/// Peers that a node reached before, which is more than it has links.
const REACHED: u32 = 40;

/// How long a dial takes that nobody answers (`CONNECT_TIMEOUT` of the node's transport).
const HUNG: Duration = Duration::from_secs(10);

/// A node whose set stands, of peers that it reached.
fn standing() -> (World, Vec<Link>) {
    let mut world = World::new();
    world.remember(1..=REACHED);
    let mut links = Vec::new();
    while world.peers.outbound_ready() < world.params.peers.outbound {
        links.extend(world.dials().into_iter().map(|n| world.outbound(n)).collect::<Vec<_>>());
        world.wait(Duration::from_millis(100));
    }
    (world, links)
}

/// Its network is away for an hour: dials fail after so long, and links are given up one after another, as pings time out. Returns dials
/// that are under way in the end, and when each fails.
fn hour_away(
    world: &mut World,
    mut links: Vec<Link>,
    (why, takes): (DialError, Duration),
) -> Vec<(u32, Time)> {
    let (since, mut hung) = (world.now, Vec::new());
    while world.now.since(since) < Duration::from_secs(3_600) {
        let left = Duration::from_secs(60 + 60 * (links.len() as u64) / 8);
        if !links.is_empty() && world.now.since(since) > Duration::from_secs(180) - left {
            world.disconnect(links.remove(0));
        }
        hang(world, &mut hung, why, takes);
        world.wait(Duration::from_millis(100));
    }
    assert!(links.is_empty());
    hung
}

/// Dials that begin now fail after so long, and those that began so long ago fail now.
fn hang(world: &mut World, hung: &mut Vec<(u32, Time)>, why: DialError, takes: Duration) {
    let due = world.now + takes;
    hung.extend(world.dials().into_iter().map(|n| (n, due)));
    let over: Vec<_> = hung.iter().filter(|(_, at)| *at <= world.now).map(|(n, _)| *n).collect();
    hung.retain(|(_, at)| *at > world.now);
    over.into_iter().for_each(|n| world.dial_failed(n, why));
}

#[test]
fn after_an_hour_without_network_the_book_is_as_before_and_all_links_stand_within_thirty_seconds() {
    for fate in [(DialError::NoRoute, Duration::ZERO), (DialError::Unreachable, HUNG)] {
        let (mut world, links) = standing();
        let kept = |world: &World| {
            let mut kept = world.peers.book().export(world.now).addresses;
            kept.sort_unstable_by_key(|record| record.addr);
            let facts = kept.into_iter();
            facts.map(|record| (record.addr, record.successes, record.failures)).collect::<Vec<_>>()
        };
        let before = kept(&world);
        let mut hung = hour_away(&mut world, links, fate);
        assert_eq!(kept(&world), before, "{fate:?}");
        // Dials that hang still do; whatever is dialled from now on answers.
        let back = world.now;
        while world.peers.outbound_ready() < world.params.peers.outbound {
            for n in world.dials() {
                world.outbound(n);
            }
            hang(&mut world, &mut hung, fate.0, fate.1);
            world.wait(Duration::from_millis(100));
            let took = world.now.since(back);
            assert!(took <= Duration::from_secs(30), "{fate:?}: {took:?}");
        }
        let [before, after] = [before, kept(&world)].map(|book| {
            book.into_iter().map(|(addr, _, failures)| (addr, failures)).collect::<Vec<_>>()
        });
        assert_eq!(after, before, "{fate:?}");
    }
}

#[test]
fn an_address_that_fails_is_blamed_once_somebody_is_heard_after_it() {
    let mut world = World::new();
    let link = world.inbound(1);
    world.tell(link, [2]);
    let failures = |world: &World| {
        world.peers.book().iter().find(|view| view.addr == addr(2)).unwrap().failures
    };
    world.peers.on_pong(link, world.now);
    world.wait(Duration::from_secs(60));
    world.dial_failed(2, DialError::Unreachable);
    world.wait(Duration::from_secs(60));
    assert_eq!(failures(&world), 0, "our network may be gone since");
    world.peers.on_pong(link, world.now);
    world.wake();
    assert_eq!(failures(&world), 1);
    world.dial_failed(2, DialError::Unreachable);
    world.wait(Duration::from_secs(60));
    world.disconnect(link);
    assert_eq!(failures(&world), 1, "it was gone");
}
