//! How far an IP address reaches, and who may tell of it.
//!
//! # Why
//! `127.0.0.1:80` leads somewhere for everybody, and to somebody else for each. A peer that tells such
//! addresses has nodes dial their own machines and their neighbours' (a printer, a router's front page), or wastes
//! their dials on ranges where nobody can be.
//!
//! # Rules
//! 1. An address that belongs to no single host in use (unspecified, multicast, broadcast, documentation,
//!    benchmarks, reserved or not given out) is taken from nobody.
//! 2. An address of this host, this link or this site is taken from a peer that is as near or nearer, since it
//!    means the same there. What is told to a peer keeps the same rule.
//! 3. All others are taken from anybody.
//!
//! These are go-ethereum's (`CheckRelayIP` in `p2p/netutil/net.go`), with one more step between host and site. The
//! ranges are those of IANA's registries of special-purpose addresses (RFC 6890). Addresses that stand for an IPv4
//! address (6to4, NAT64) reach as far as that one.
//!
//! Networks whose file says so are beside all that: test networks live on one machine, or in ranges of documentation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches, nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// This host: loopback.
    Host,
    /// This link: link-local.
    Link,
    /// This site: private and shared ranges.
    Site,
    /// Everywhere.
    World,
}

impl Reach {
    /// How far an address reaches; `None` if it is no host's.
    #[must_use]
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => of_v4(ip),
            IpAddr::V6(ip) => of_v6(ip),
        }
    }
}

fn of_v4(ip: Ipv4Addr) -> Option<Reach> {
    match ip.octets() {
        [127, ..] => Some(Reach::Host),
        [169, 254, ..] => Some(Reach::Link),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Some(Reach::Site),
        [0, ..]
        | [192, 0, 0, _]
        | [192, 0, 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [224..=255, ..] => None,
        _ => Some(Reach::World),
    }
}

fn of_v6(ip: Ipv6Addr) -> Option<Reach> {
    if ip == Ipv6Addr::LOCALHOST {
        return Some(Reach::Host);
    }
    match ip.segments() {
        [0xfe80..=0xfebf, ..] => Some(Reach::Link),
        [0xfc00..=0xfdff, ..] => Some(Reach::Site),
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let inner = of_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
            inner.filter(|reach| *reach == Reach::World)
        }
        // Protocol assignments (Teredo among them), documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => None,
        // All that is given out to hosts.
        [0x2000..=0x3fff, ..] => Some(Reach::World),
        _ => None,
    }
}

/// Where a peer is, as far as that decides what it may tell: how near, or in which network of the world. Four bytes,
/// since there is one for each link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin(u32);

impl Origin {
    /// Nobody knows. Such a peer may tell what anybody may.
    pub const UNKNOWN: Self = Self(0);

    /// Above all networks: they begin with 0 (IPv4) or 2 or 3 (IPv6).
    const NEAR: u32 = 0x8000_0000;

    /// Where a peer with this address is.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match (Reach::of(ip), ip.to_canonical()) {
            (None, _) => Self::UNKNOWN,
            (Some(Reach::World), IpAddr::V4(ip)) => Self(ip.to_bits() >> 16),
            (Some(Reach::World), IpAddr::V6(ip)) => {
                Self(u32::try_from(ip.to_bits() >> 96).unwrap_or(0))
            }
            (Some(near), _) => Self(Self::NEAR + near as u32),
        }
    }

    /// Its network, if it has one in the world: the first 16 bits of an IPv4 address, the first 32 of an IPv6
    /// address, as in Bitcoin Core (`NetGroupManager::GetGroup`). Whoever has many addresses usually has them in
    /// few such networks.
    #[must_use]
    pub const fn network(self) -> Option<u32> {
        if self.is_near() || self.0 == 0 { None } else { Some(self.0) }
    }

    /// Whether it is on this host, link or site.
    #[must_use]
    pub const fn is_near(self) -> bool {
        self.0 >= Self::NEAR
    }

    /// Whether an address may be taken from a peer there, or told to it.
    #[must_use]
    pub fn may_tell(self, ip: IpAddr) -> bool {
        match Reach::of(ip) {
            None => false,
            Some(Reach::World) => true,
            Some(near) => self.is_near() && self.0 - Self::NEAR <= near as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(text: &str) -> Option<Reach> {
        Reach::of(text.parse().unwrap())
    }

    #[test]
    fn every_special_range_is_known_and_ends_where_it_should() {
        for (reaches, addresses) in [
            (Some(Reach::Host), &["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"][..]),
            (Some(Reach::Link), &["169.254.0.1", "fe80::1", "febf::1"]),
            (
                Some(Reach::Site),
                &[
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.1.1",
                    "100.64.0.1",
                    "fd00::1",
                ],
            ),
            (
                None,
                &[
                    "0.0.0.0",
                    "0.1.2.3",
                    "192.0.0.8",
                    "192.0.2.1",
                    "198.18.0.1",
                    "198.19.255.255",
                    "198.51.100.7",
                    "203.0.113.9",
                    "224.0.0.1",
                    "240.0.0.1",
                    "255.255.255.255",
                    "::",
                    "::1.2.3.4",
                    "::ffff:255.255.255.255",
                    "100::1",
                    "2001::1",
                    "2001:db8::1",
                    "3fff:fff::1",
                    "5f00::1",
                    "ff02::1",
                    "fec0::1",
                    "4000::1",
                    "64:ff9b::127.0.0.1",
                    "2002:7f00:1::",
                    "2002:a00:1::",
                ],
            ),
            (
                Some(Reach::World),
                &[
                    "1.1.1.1",
                    "126.255.255.255",
                    "128.0.0.1",
                    "172.15.0.1",
                    "172.32.0.1",
                    "192.0.1.1",
                    "100.128.0.1",
                    "223.255.255.255",
                    "2001:4860::1",
                    "2a00::1",
                    "64:ff9b::1.1.1.1",
                    "2002:101:101::",
                    "3fff:1000::1",
                    "::ffff:1.1.1.1",
                ],
            ),
        ] {
            for address in addresses {
                assert_eq!(reach(address), reaches, "{address}");
            }
        }
    }

    #[test]
    fn an_address_is_taken_from_whoever_it_means_the_same_to() {
        let origins = ["127.0.0.1", "169.254.0.1", "192.168.0.1", "1.1.1.1", "255.255.255.255"];
        for (told, takers) in [
            ("127.0.0.2", 1),
            ("169.254.0.2", 2),
            ("10.0.0.1", 3),
            ("8.8.8.8", 5),
            ("2a00::1", 5),
            ("198.51.100.7", 0),
        ] {
            for (index, teller) in origins.iter().enumerate() {
                let may = Origin::of(teller.parse().unwrap()).may_tell(told.parse().unwrap());
                assert_eq!(may, index < takers, "{told} from {teller}");
            }
        }
        assert!(!Origin::UNKNOWN.may_tell("127.0.0.1".parse().unwrap()));
        assert!(Origin::UNKNOWN.may_tell("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn hosts_of_one_network_have_one_origin() {
        let origin = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(origin("8.8.8.8"), origin("8.8.4.4"));
        assert_eq!(origin("8.8.8.8"), origin("::ffff:8.8.4.4"));
        assert_ne!(origin("8.8.8.8"), origin("8.9.8.8"));
        assert_eq!(origin("2a00:1450::1"), origin("2a00:1450:4001::2"));
        assert_ne!(origin("2a00:1450::1"), origin("2a00:1451::1"));
        assert!(origin("1.1.1.1").network().is_some() && origin("3000::1").network().is_some());
        for without in ["127.0.0.1", "fd00::1", "198.51.100.7"] {
            assert_eq!(origin(without).network(), None, "{without}");
        }
    }
}
