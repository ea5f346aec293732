//! What our operator has looked up, names above all: hearsay of one source each, whatever they tell.

use super::capture::far;
use super::*;
use crate::ground::peer::Source;
use crate::peers::outbound::HEAR_OTHERS;

impl World {
    fn looked_up(&mut self, name: u64, addrs: impl IntoIterator<Item = PeerAddr>) {
        let addrs: Vec<_> = addrs.into_iter().collect();
        self.run(|peers, cx| peers.on_heard(Source::Lookup(name), &addrs, cx));
    }
}

/// Of these addresses, those of groups from `first` on.
fn of_groups(addrs: &[PeerAddr], first: u32) -> usize {
    addrs.iter().filter(|addr| **addr >= far(first, 0)).count()
}

#[test]
fn of_two_names_neither_chooses_more_than_a_quarter_of_the_links_whatever_it_tells() {
    for salt in 0..20 {
        let mut world = World::with(Vec::new(), salt);
        // One name is an attacker's, and tells much more, in many networks.
        world.looked_up(1, (100..164).map(|group| far(group, 0)));
        world.looked_up(2, (0..4).map(|group| far(group, 0)));
        let first = world.answer_all();
        assert_eq!((first.len(), of_groups(&first, 100)), (4, 2), "seed {salt}: {first:?}");
        // Nobody tells anything else, so in the end they are taken at their word.
        world.wait(HEAR_OTHERS);
        assert_eq!(world.answer_all().len(), 4, "seed {salt}");
    }
}

#[test]
fn whoever_answers_on_this_link_chooses_no_more_than_a_quarter_either() {
    for salt in 0..20 {
        let mut world = World::with(Vec::new(), salt);
        // Addresses of this site, which have no groups.
        world.looked_up(1, (100..164).map(addr));
        world.looked_up(2, (1..5).map(addr));
        let first: Vec<_> = world.answer_all();
        let of_link = first.iter().filter(|told| **told >= addr(100)).count();
        assert_eq!((first.len(), of_link), (4, 2), "seed {salt}: {first:?}");
        world.wait(HEAR_OTHERS);
        assert_eq!(world.answer_all().len(), 4, "seed {salt}");
    }
}

#[test]
fn a_name_alone_is_not_our_operators_word() {
    let mut world = World::new();
    world.looked_up(1, (100..164).map(|group| far(group, 0)));
    let first = world.dialled();
    assert_eq!(first.len(), 2, "a quarter of eight, and none of them a seed");
    // What the first of them know is another's word.
    let link = world.outbound_at(first[0]);
    let others: Vec<_> = (0..20).map(|group| far(group, 0)).collect();
    world.run(|peers, cx| peers.on_addresses(link, &others, cx));
    let next = world.dialled();
    assert_eq!((of_groups(&next, 100), next.len()), (0, 2), "a quarter from that one, too");
}

#[test]
fn what_two_names_tell_is_no_longer_the_word_of_one() {
    let mut world = World::new();
    let addrs = || (0..20).map(|group| far(group, 0));
    world.params.peers.outbound = 0;
    world.looked_up(1, addrs());
    world.looked_up(2, addrs());
    world.params.peers.outbound = 8;
    world.wait(Duration::from_secs(1));
    world.run(|peers, cx| peers.on_heard(Source::Lookup(2), &[], cx));
    assert_eq!(world.answer_all().len(), 8);
}

#[test]
fn a_name_fills_no_more_than_its_share_of_the_book_however_often_it_is_asked() {
    let mut world = World::new();
    world.params.peers.outbound = 0;
    for round in 0..300 {
        world.looked_up(1, (0..32).map(|n| far(round, n)));
    }
    let held = world.peers.book().len();
    assert!((100..=512).contains(&held), "{held}: 64 buckets of eight slots");
    world.looked_up(2, [far(301, 0), "0.0.0.0:1".parse().unwrap(), "1.2.3.4:0".parse().unwrap()]);
    assert_eq!(world.peers.book().len(), held + 1, "others have theirs");
}

#[test]
fn whoever_is_not_the_peer_that_was_named_is_dialled_no_more_once_somebody_else_is_there() {
    let mut world = World::new();
    world.looked_up(1, [far(0, 0)]);
    // Alone, all that is wrong may be our own settings.
    assert_eq!(world.dialled(), [far(0, 0)]);
    world.run(|peers, cx| peers.on_dial_failed(far(0, 0), DialError::WrongPeer, cx));
    world.wait(Duration::from_secs(60));
    assert_eq!(world.dialled(), [far(0, 0)], "it is tried again");
    world.inbound(7);
    world.run(|peers, cx| peers.on_dial_failed(far(0, 0), DialError::WrongPeer, cx));
    assert!(!world.peers.book().contains(far(0, 0)));
    world.looked_up(1, [far(0, 0)]);
    world.wait(Duration::from_secs(600));
    assert!(!world.dialled().contains(&far(0, 0)), "it isn't taken from hearsay again");
}
