//! Inbound places, and who gives way when all are taken.

use super::*;
use crate::ground::peer::PeerAddr;

/// A node with eight inbound places.
fn small() -> Solo {
    let mut params = at_once();
    params.peers.inbound_max = 8;
    Solo::new(params)
}

/// A peer with an address dials the node and says hello, in a slot of its own, which is its key.
fn dials(solo: &mut Solo, slot: u32, ip: &str) -> (Link, Vec<(Link, Reason)>) {
    let link = Link::new(slot, 1);
    let addr = Some(PeerAddr::tcp(format!("{ip}:4000").parse().unwrap()));
    let peer = PeerKey(u64::from(slot) + 1);
    let connected = Input::Connected { link, peer, direction: Direction::Inbound, addr };
    let closed = disconnects(&solo.hand(connected));
    if closed.iter().all(|(other, _)| *other != link) {
        solo.say(link, &hello());
    }
    solo.wait(1);
    (link, closed)
}

#[test]
fn a_newcomer_of_another_network_takes_a_place_of_the_largest() {
    let mut solo = small();
    for slot in 0..8 {
        let (_, closed) = dials(&mut solo, slot, &format!("8.8.{slot}.1"));
        assert!(closed.is_empty());
    }
    let (_, closed) = dials(&mut solo, 8, "8.8.9.1");
    assert_eq!(closed, [(Link::new(8, 1), Reason::Full)], "one more of the same network");
    let (newcomer, closed) = dials(&mut solo, 9, "9.9.9.9");
    assert_eq!(closed, [(Link::new(7, 1), Reason::GaveWay)], "the youngest");
    solo.hand(Input::Disconnected { link: Link::new(7, 1) });
    assert!(solo.node.links.get(newcomer).is_some_and(|state| state.ready));
    // It did nothing wrong: it may come again, as soon as there is room.
    solo.hand(Input::Disconnected { link: Link::new(8, 1) });
    solo.hand(Input::Disconnected { link: newcomer });
    let (again, peer) = (Link::new(7, 2), PeerKey(8));
    let addr = Some(PeerAddr::tcp("8.8.7.1:4000".parse().unwrap()));
    let connected = Input::Connected { link: again, peer, direction: Direction::Inbound, addr };
    assert_eq!(disconnects(&solo.hand(connected)), []);
}

#[test]
fn whoever_brings_what_is_new_keeps_its_place_before_those_who_only_came_earlier() {
    let mut solo = small();
    for slot in 0..8 {
        dials(&mut solo, slot, &format!("8.8.{slot}.1"));
    }
    let (youngest, tx) = (Link::new(7, 1), solo.tx(1));
    solo.say(youngest, &announce(&tx));
    solo.say(youngest, &Message::Items(Items::Item(tx)));
    let (_, closed) = dials(&mut solo, 9, "9.9.9.9");
    assert_eq!(closed, [(Link::new(6, 1), Reason::GaveWay)]);
}

#[test]
fn however_many_strangers_come_nobody_who_is_alone_in_its_network_loses_its_place() {
    let mut solo = small();
    for slot in 0..8 {
        let (_, closed) = dials(&mut solo, slot, &format!("8.{slot}.1.1"));
        assert!(closed.is_empty());
    }
    for n in 0..1_000_u32 {
        let (link, closed) = dials(&mut solo, 8, &format!("{}.{}.1.1", 20 + n % 100, n % 200));
        assert_eq!(closed, [(link, Reason::Full)]);
        solo.hand(Input::Disconnected { link });
    }
}

/// A node all of whose places but those of trials are taken, one by each network, by links of slots 0 to 61.
fn taken_by_as_many_networks() -> Solo {
    let mut params = at_once();
    params.peers.inbound_max = 64;
    let mut solo = Solo::new(params);
    for slot in 0..62 {
        let (_, closed) = dials(&mut solo, slot, &format!("8.{slot}.0.1"));
        assert!(closed.is_empty());
    }
    solo
}

/// Links are down that the node closed.
fn hang_up(solo: &mut Solo, closed: &[(Link, Reason)]) {
    for (link, _) in closed {
        solo.hand(Input::Disconnected { link: *link });
    }
}

#[test]
fn a_newcomer_of_a_network_that_never_came_gets_in_though_each_network_has_one_place() {
    let mut solo = taken_by_as_many_networks();
    let (newcomer, closed) = dials(&mut solo, 70, "9.9.9.9");
    assert_eq!(closed, []);
    assert!(solo.node.links.get(newcomer).is_some_and(|state| state.ready));
    let (known, closed) = dials(&mut solo, 71, "8.0.9.9");
    assert_eq!(closed, [(known, Reason::Full)], "its network has a place");
    let (again, closed) = dials(&mut solo, 72, "9.9.1.1");
    assert_eq!(closed, [(again, Reason::Full)], "its network is on trial");
}

#[test]
fn however_many_networks_come_they_end_no_links_but_those_on_trial() {
    let mut solo = taken_by_as_many_networks();
    let network = |n: u32| format!("{}.{}.0.1", 20 + n / 250, n % 250);
    let mut left = Vec::new();
    for n in 0..500 {
        let (link, closed) = dials(&mut solo, 100 + n, &network(n));
        left.push(link);
        if n >= 2 {
            assert_eq!(closed, [(left.remove(0), Reason::GaveWay)], "the oldest on trial");
        }
        hang_up(&mut solo, &closed);
    }
    for n in 0..300 {
        // Each network had its turn.
        let (link, closed) = dials(&mut solo, 600 + n, &network(n));
        assert_eq!(closed, [(link, Reason::Full)]);
        hang_up(&mut solo, &closed);
    }
    let stands = |slot| solo.node.links.get(Link::new(slot, 1)).is_some_and(|link| link.ready);
    assert!((0..62).all(stands));
    let (newcomer, closed) = dials(&mut solo, 1_300, "99.9.9.9");
    assert_eq!(closed, [(left[0], Reason::GaveWay)]);
    assert!(solo.node.links.get(newcomer).is_some_and(|state| state.ready));
}

#[test]
fn a_network_has_another_trial_after_a_day() {
    let mut solo = taken_by_as_many_networks();
    let (newcomer, _) = dials(&mut solo, 70, "9.9.9.9");
    solo.hand(Input::Disconnected { link: newcomer });
    let (refused, closed) = dials(&mut solo, 71, "9.9.9.9");
    assert_eq!(closed, [(refused, Reason::Full)]);
    hang_up(&mut solo, &closed);
    let day = Duration::from_secs(86_400);
    solo.now = solo.now + day;
    assert_eq!(dials(&mut solo, 72, "9.9.9.9").1, []);
}

#[test]
fn a_trial_is_over_once_another_place_is_free() {
    let mut solo = taken_by_as_many_networks();
    let (newcomer, _) = dials(&mut solo, 70, "9.9.9.9");
    for gone in [0, 1] {
        solo.hand(Input::Disconnected { link: Link::new(gone, 1) });
    }
    // One place is the newcomer's now, the other one's is free, and then there are trials again.
    for slot in 80..90 {
        let (_, closed) = dials(&mut solo, slot, &format!("10{}.0.0.1", slot - 80));
        hang_up(&mut solo, &closed);
    }
    assert!(solo.node.links.get(newcomer).is_some_and(|state| state.ready));
}
