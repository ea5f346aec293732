//! Whom the operator bans.

use super::*;
use crate::ground::subnet::{Banned, Subnet};

const HOUR: Duration = Duration::from_secs(3_600);

fn ban(world: &mut World, whom: Banned) {
    let now = world.now;
    world.peers.ban(whom, HOUR, now);
}

#[test]
fn a_banned_peer_is_not_let_in_until_its_ban_is_over() {
    let mut world = World::new();
    ban(&mut world, Banned::Peer(PeerKey(7)));
    assert_eq!(world.connect(7, None).1, Admission::Refused(Reason::Banned));
    assert_eq!(world.connect(8, None).1, Admission::Welcome);
    world.wait(HOUR);
    assert_eq!(world.connect(7, None).1, Admission::Welcome);
}

#[test]
fn nobody_dials_a_banned_address_and_it_leaves_the_book() {
    let mut world = World::new();
    ban(&mut world, Banned::Subnet(Subnet::of(addr(1).ip)));
    world.learn([1]);
    world.wait(Duration::from_secs(600));
    assert_eq!(world.dials(), [] as [u32; 0]);
    assert!(!world.peers.book().contains(addr(1)));
}

#[test]
fn an_address_at_which_a_banned_peer_is_found_is_left() {
    let mut world = World::new();
    world.learn([7]);
    assert_eq!(world.dials(), [7]);
    ban(&mut world, Banned::Peer(PeerKey(7)));
    assert_eq!(world.connect(7, Some(7)).1, Admission::Refused(Reason::Banned));
    world.actions.clear();
    world.wait(HOUR / 2);
    assert_eq!(world.dials(), [] as [u32; 0]);
}

#[test]
fn an_address_to_stay_connected_to_rests_while_it_is_banned_and_is_dialled_again_after() {
    let mut world = World::fixed(&[3]);
    let whom = Banned::Subnet(Subnet::of(addr(3).ip));
    ban(&mut world, whom);
    world.wait(Duration::from_secs(60));
    assert_eq!(world.dials(), [] as [u32; 0]);
    world.peers.unban(whom);
    world.wait(HOUR);
    assert_eq!(world.dials(), [3]);
}
