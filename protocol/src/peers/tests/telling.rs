//! Who may tell which addresses, and what that can make us do.

use std::collections::BTreeMap;

use super::*;
use crate::peers::book::HOST_MAX;
use crate::wire::message::PeerExchange;

/// A node of a network whose addresses are the world's.
fn world() -> World {
    let mut world = World::new();
    world.params.peers.local_addresses = false;
    world
}

fn parse(text: &str) -> PeerAddr {
    text.parse().unwrap()
}

impl World {
    /// A peer connects from an address.
    pub(super) fn connect_from(&mut self, key: u64, from: &str) -> Link {
        let link = Link::new(self.links, 1);
        self.links += 1;
        let (direction, from) = (Direction::Inbound, Some(parse(from)));
        let admitted = self.run(|peers, cx| {
            peers.on_connected(link, PeerKey(key), (direction, from), &|_| Standing::default(), cx)
        });
        assert_eq!(admitted, Admission::Welcome);
        link
    }

    fn tell_one(&mut self, link: Link, addr: PeerAddr) -> bool {
        self.run(|peers, cx| peers.on_addresses(link, &[addr], cx)) == 0
    }

    pub(super) fn dialled(&mut self) -> Vec<PeerAddr> {
        let dial = |action| match action {
            Action::Dial { addr } => Some(addr),
            _ => None,
        };
        self.actions.drain(..).filter_map(dial).collect()
    }
}

#[test]
fn addresses_that_are_not_the_worlds_are_taken_from_nobody_far_away() {
    let mut world = world();
    let liar = world.connect_from(1, "9.9.9.9:1");
    world.hello(liar, Some(7)); // 10.0.0.7
    for bad in [
        "127.0.0.1:80",
        "10.0.0.1:80",
        "192.168.1.1:80",
        "169.254.169.254:80",
        "100.64.0.1:80",
        "255.255.255.255:80",
        "198.51.100.7:80",
        "240.0.0.1:80",
        "[::1]:80",
        "[fe80::1]:80",
        "[fd00::1]:80",
        "[2001:db8::1]:80",
        "[::ffff:127.0.0.1]:80",
    ] {
        assert!(!world.tell_one(liar, parse(bad)), "{bad}");
    }
    assert!(world.tell_one(liar, parse("8.8.8.8:80")));
    assert_eq!(world.peers.book().len(), 1, "nor is the one that it says is its own");
}

#[test]
fn a_peer_on_this_site_may_tell_of_this_site_but_not_of_this_machine() {
    let mut world = world();
    let neighbour = world.connect_from(1, "192.168.0.7:1");
    world.hello(neighbour, Some(7));
    assert!(world.tell_one(neighbour, parse("192.168.0.8:4000")));
    assert!(!world.tell_one(neighbour, parse("127.0.0.1:4000")));
    let local = world.connect_from(2, "127.0.0.1:1");
    world.hello(local, None);
    assert!(world.tell_one(local, parse("127.0.0.1:4000")));
    assert_eq!(world.peers.book().len(), 3);
}

#[test]
fn where_the_network_allows_it_local_addresses_are_taken_from_anybody() {
    let mut world = world();
    world.params.peers.local_addresses = true;
    let link = world.connect_from(1, "9.9.9.9:1");
    world.hello(link, None);
    assert!(world.tell_one(link, parse("127.0.0.1:4000")));
    assert!(world.tell_one(link, parse("198.51.100.7:4000")));
}

#[test]
fn what_is_of_this_site_only_is_not_told_to_the_world() {
    let mut world = world();
    let neighbour = world.connect_from(1, "192.168.0.7:1");
    world.hello(neighbour, None);
    let stranger = world.connect_from(2, "9.9.9.9:1");
    world.hello(stranger, None);
    world.tell_one(neighbour, parse("192.168.0.8:4000"));
    world.tell_one(neighbour, parse("8.8.8.8:4000"));
    world.wait(Duration::from_secs(60));
    world.run(|peers, cx| peers.on_get_addresses(stranger, cx));
    let told = world.sent().into_iter().filter(|(link, _)| *link == stranger);
    let told: Vec<PeerAddr> = told
        .filter_map(|(_, message)| match message {
            Message::Peers(PeerExchange::Addresses(addrs)) => Some(addrs.to_vec()),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(!told.is_empty() && told.iter().all(|addr| *addr == parse("8.8.8.8:4000")), "{told:?}");
}

#[test]
fn our_operator_and_an_earlier_run_may_name_any_address() {
    let mut world = world();
    world.learn([1]);
    world.remember([2]);
    assert!(world.peers.book().contains(addr(1)) && world.peers.book().contains(addr(2)));
    // But what peers had told an earlier run counts as if they told it now.
    world.import(&vec![AddressRecord::heard(addr(3))].into());
    assert!(!world.peers.book().contains(addr(3)));
}

#[test]
fn nobody_can_have_a_victim_dialled_again_and_again() {
    let mut world = world();
    let victim = parse("8.8.8.8:443");
    let honest = world.connect_from(1, "9.9.9.9:1");
    world.hello(honest, None);
    let mut dials = 0;
    for minute in 0..24 * 60 {
        // Another name each time, from another network each time; it also says that the victim's address is its own.
        let from = format!("{}.{}.0.1:1", 20 + minute % 100, minute / 100);
        let liar = world.connect_from(10_000 + minute, &from);
        world.run(|peers, cx| peers.on_hello(liar, Some(victim), cx));
        world.tell_one(liar, victim);
        world.disconnect(liar);
        for _ in 0..4 {
            for addr in world.dialled() {
                assert_eq!(addr, victim);
                dials += 1;
                world.run(|peers, cx| peers.on_dial_failed(addr, DialError::Unreachable, cx));
            }
            world.wait(Duration::from_secs(15));
            world.peers.on_pong(honest, world.now);
        }
    }
    assert!(dials <= 20, "{dials} dials in a day");
}

#[test]
fn a_host_has_few_of_its_ports_dialled_on_hearsay() {
    let mut world = world();
    for n in 0..50_u32 {
        let liar = world.connect_from(u64::from(n), &format!("{}.1.0.1:1", 20 + n));
        world.hello(liar, None);
        for port in 1..100 {
            world.tell_one(liar, parse(&format!("8.8.8.8:{port}")));
        }
    }
    let of_host = world.peers.book().iter().filter(|view| view.addr.ip == parse("8.8.8.8:1").ip);
    assert_eq!(of_host.count(), HOST_MAX as usize);
    // The host itself is heard all the same.
    let host = world.connect_from(1_001, "8.8.8.8:50000");
    world.run(|peers, cx| peers.on_hello(host, Some(parse("8.8.8.8:4000")), cx));
    assert!(world.peers.book().contains(parse("8.8.8.8:4000")));
}

#[test]
fn peers_of_one_network_share_one_share_of_the_book() {
    let mut world = world();
    world.params.peers.book_max = 3_200;
    let mut told = BTreeMap::new();
    for n in 0..40_u32 {
        let network = if n < 20 { "20.1" } else { "20.2" };
        let link = world.connect_from(u64::from(n), &format!("{network}.0.{n}:1"));
        world.hello(link, None);
        for k in 0..100_u32 {
            let ip = Ipv4Addr::from_bits(0x5000_0000 + ((n * 100 + k) << 12));
            let kept = world.tell_one(link, PeerAddr::tcp(SocketAddr::new(ip.into(), 4_000)));
            *told.entry(network).or_insert(0) += u32::from(kept);
        }
    }
    // At most 64 buckets of two slots each.
    assert!(told.values().all(|kept| (80..=128).contains(kept)), "{told:?}");
}

#[test]
fn a_host_that_was_given_up_is_taken_back_at_its_own_word() {
    let mut world = world();
    let host = parse("8.8.8.8:4000");
    let honest = world.connect_from(1, "9.9.9.9:1");
    world.hello(honest, None);
    world.tell_one(honest, host);
    while world.peers.book().contains(host) {
        for addr in world.dialled() {
            world.run(|peers, cx| peers.on_dial_failed(addr, DialError::Unreachable, cx));
        }
        world.wait(Duration::from_secs(10));
        world.peers.on_pong(honest, world.now);
    }
    assert!(!world.tell_one(honest, host), "it rests");
    let link = world.connect_from(2, "8.8.8.8:50000");
    world.run(|peers, cx| peers.on_hello(link, Some(host), cx));
    assert!(world.peers.book().contains(host));
}
