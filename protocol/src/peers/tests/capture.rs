//! Links in a network where addresses have groups, and one source may lie.

use std::collections::BTreeSet;

use super::feeler::{next_feeler, surplus};
use super::*;
use crate::peers::feeler::STAY;
use crate::peers::outbound::HEAR_OTHERS;

/// The `n`th address of a group of the world.
pub(super) fn far(group: u32, n: u32) -> PeerAddr {
    PeerAddr::tcp((Ipv4Addr::from_bits(0x1400_0000 + (group << 16) + n + 1), 4_000).into())
}

impl World {
    pub(super) fn remember_far(&mut self, addrs: impl IntoIterator<Item = PeerAddr>) {
        let records: Vec<_> = addrs.into_iter().map(AddressRecord::reached).collect();
        self.import(&records.into());
        self.wait(Duration::ZERO);
    }

    /// A peer that we dialled is there and says hello.
    pub(super) fn outbound_at(&mut self, addr: PeerAddr) -> Link {
        let link = Link::new(self.links, 1);
        self.links += 1;
        let (key, from) = (PeerKey(u64::from(self.links)), (Direction::Outbound, Some(addr)));
        let admitted =
            self.run(|peers, cx| peers.on_connected(link, key, from, &|_| Standing::default(), cx));
        assert_eq!(admitted, Admission::Welcome);
        self.run(|peers, cx| peers.on_hello(link, Some(addr), cx));
        link
    }

    /// Everything that is dialled answers, until nothing more is. Returns where it was.
    pub(super) fn answer_all(&mut self) -> Vec<PeerAddr> {
        let mut dialled = Vec::new();
        loop {
            let dials = self.dialled();
            if dials.is_empty() {
                return dialled;
            }
            for addr in dials {
                self.outbound_at(addr);
                dialled.push(addr);
            }
        }
    }

    fn tell_far(&mut self, link: Link, addrs: impl IntoIterator<Item = PeerAddr>) {
        let addrs: Vec<_> = addrs.into_iter().collect();
        assert_eq!(self.run(|peers, cx| peers.on_addresses(link, &addrs, cx)), 0);
    }
}

#[test]
fn no_two_links_lead_to_one_group() {
    let mut world = World::new();
    // Of 260 addresses 200 are of one group.
    let many = (0..200).map(|n| far(0, n));
    world.remember_far(many.chain((1..=60).map(|group| far(group, 0))));
    let links = world.answer_all();
    assert_eq!((links.len(), world.peers.outbound_ready()), (8, 8));
    let groups: BTreeSet<_> =
        links.iter().map(|addr| addr.ip.to_string()[..5].to_owned()).collect();
    assert_eq!(groups.len(), 8, "{links:?}");
}

#[test]
fn a_network_of_one_provider_connects_all_the_same() {
    let mut world = World::new();
    world.remember_far((0..20).map(|n| far(0, n)));
    assert_eq!(world.answer_all().len(), 8);
    // One group isn't enough while others may answer, and is once they don't.
    let mut world = World::new();
    world.remember_far((0..20).map(|n| far(0, n)).chain([far(1, 0), far(2, 0)]));
    world.params.peers.retry_max_ms = 2_000;
    let (mut ours, mut failed) = (0, 0);
    while ours < 8 {
        for addr in world.dialled() {
            if addr.to_string().starts_with("20.0.") {
                world.outbound_at(addr);
                ours += 1;
                assert!(ours == 1 || failed >= 1, "the others were tried before");
            } else {
                failed += 1;
                world.run(|peers, cx| peers.on_dial_failed(addr, DialError::Unreachable, cx));
            }
        }
        world.wait(Duration::from_secs(1));
        assert!(world.now < Time::from_millis(120_000), "{ours} links");
    }
}

#[test]
fn a_seed_alone_does_not_choose_the_links_of_a_new_node() {
    let mut world = World::new();
    let seed = far(200, 0);
    world.run(|peers, cx| peers.on_learned(&[seed], cx));
    assert_eq!(world.dialled(), [seed]);
    let seed = world.outbound_at(seed);
    world.tell_far(seed, (0..60).map(|group| far(group, 0)));
    let first = world.dialled();
    assert_eq!(first.len(), 2, "a quarter of eight");
    // Others are heard: what they know as well is no longer the seed's word alone.
    let other = world.outbound_at(first[0]);
    world.tell_far(other, (20..40).map(|group| far(group, 0)).chain([far(100, 0)]));
    let next = world.dialled();
    assert_eq!(next.len(), 6, "{next:?}");
    let is_confirmed =
        |addr: &PeerAddr| *addr == far(100, 0) || (20..40).any(|group| *addr == far(group, 0));
    assert!(next.iter().all(is_confirmed), "{next:?}");
}

#[test]
fn a_node_that_hears_nothing_else_takes_its_seeds_word_in_the_end() {
    let mut world = World::new();
    let seed = far(200, 0);
    world.run(|peers, cx| peers.on_learned(&[seed], cx));
    world.dialled();
    let seed = world.outbound_at(seed);
    world.tell_far(seed, (0..60).map(|group| far(group, 0)));
    assert_eq!(world.answer_all().len(), 2);
    world.wait(HEAR_OTHERS - Duration::from_millis(1));
    assert_eq!(world.dialled(), []);
    world.wait(Duration::from_millis(1));
    assert_eq!(world.answer_all().len(), 6);
    assert_eq!(surplus(&mut world), [seed]);
    assert_eq!(world.peers.outbound_ready(), 8);
}

#[test]
fn a_feeler_of_a_group_that_has_a_link_does_not_stay() {
    let mut world = World::new();
    world.params.peers.outbound = 1;
    world.params.peers.rotate_s = 0;
    world.remember_far((0..50).map(|n| far(0, n)));
    assert_eq!(world.answer_all().len(), 1);
    for _ in 0..20 {
        while world.peers.dialling() == 0 {
            world.wait(Duration::from_secs(1));
        }
        let [addr] = world.dialled()[..] else { panic!("one feeler at a time") };
        let link = world.outbound_at(addr);
        world.wait(STAY);
        assert_eq!(surplus(&mut world), [link]);
    }
}

#[test]
fn feelers_first_try_those_whose_place_another_one_waits_for() {
    let mut world = World::new();
    world.params.peers.outbound = 3;
    world.params.peers.book_max = 100;
    world.remember(1..=60);
    for n in world.dials() {
        world.outbound(n);
    }
    // Newcomers are reached until one finds its bucket full of others.
    for n in 100..1_000 {
        world.run(|peers, cx| peers.book.reach(addr(n), cx));
        world.peers.book.set_connected(addr(n), false);
        if world.peers.book.to_test(world.now).is_some() {
            break;
        }
    }
    let mut tested = 0;
    while let Some(old) = world.peers.book.to_test(world.now) {
        let n = next_feeler(&mut world);
        assert_eq!(addr(n), old);
        world.outbound(n);
        world.wait(STAY);
        surplus(&mut world);
        tested += 1;
    }
    assert!(tested > 0);
}
