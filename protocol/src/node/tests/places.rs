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
