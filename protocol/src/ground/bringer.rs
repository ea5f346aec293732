//! Who brought an item, as far as it costs something to be somebody else.
//!
//! Keys and senders are free to make, and a link costs a port. What is scarce is addresses of many networks, and being
//! dialled by us. So what is shared out among those who bring items is shared out by bringer: a stranger gets no
//! more of it by another key, another link, or another account.

use std::net::IpAddr;

use super::link::Direction;
use super::peer::PeerAddr;
use super::reach::Origin;

/// Where an item came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bringer {
    /// Our operator.
    Own,
    /// A peer that we dialled, by its group.
    Dialled(u32),
    /// An earlier run, which didn't write down where from.
    Earlier,
    /// A peer that dialled us, by its group.
    Dialler(u32),
}

impl Bringer {
    /// Those that nobody else chose for us.
    pub const CHOSEN: std::ops::RangeInclusive<Self> = Self::Own..=Self::Dialled(u32::MAX);
    /// Those that come as they like.
    pub const COMING: std::ops::RangeInclusive<Self> = Self::Earlier..=Self::Dialler(u32::MAX);

    /// The bringer that a peer is.
    #[must_use]
    pub fn of(direction: Direction, addr: Option<PeerAddr>) -> Self {
        let group = addr.map_or(0, |addr| group(addr.ip, true));
        match direction {
            Direction::Outbound => Self::Dialled(group),
            Direction::Inbound => Self::Dialler(group),
        }
    }

    /// Whether nobody else chose it for us.
    #[must_use]
    pub fn is_chosen(self) -> bool {
        Self::CHOSEN.contains(&self)
    }
}

/// Whom an address's owner easily is, too: its network, which is the first 16 bits of an IPv4 address and the first 32 of an
/// IPv6 address ([`Origin::network`]). On a machine or site it is the same, or, where each of its addresses is somebody
/// else's, one address.
#[must_use]
pub fn group(ip: IpAddr, by_local_address: bool) -> u32 {
    Origin::of(ip).network().unwrap_or_else(|| match (ip.to_canonical(), by_local_address) {
        (IpAddr::V4(ip), true) => ip.to_bits(),
        (IpAddr::V4(ip), false) => ip.to_bits() >> 16,
        (IpAddr::V6(ip), by_address) => {
            let words = ip.octets();
            let (words, _) = words.as_chunks();
            let words = words.iter().map(|word| u32::from_be_bytes(*word));
            words.take(if by_address { 4 } else { 1 }).fold(0, |folded, word| folded ^ word)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Bringer {
        let addr = PeerAddr::tcp((ip.parse::<IpAddr>().unwrap(), 4_000).into());
        Bringer::of(Direction::Inbound, Some(addr))
    }

    #[test]
    fn addresses_of_one_network_are_one_source() {
        for (a, b, same) in [
            ("8.8.8.8", "8.8.4.4", true),
            ("8.8.8.8", "8.9.8.8", false),
            ("2001:4860:1::1", "2001:4860:2::2", true),
            ("2001:4860::1", "2001:4861::1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("10.0.0.1", "10.0.1.1", false),
            ("fd00::1", "fd00::2", false),
            ("::ffff:8.8.8.8", "8.8.4.4", true),
        ] {
            assert_eq!(of(a) == of(b), same, "{a} and {b}");
        }
    }

    #[test]
    fn a_site_is_one_group_where_its_addresses_are_not_somebody_elses_each() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (a, b) in
            [("127.64.0.1", "127.64.9.9"), ("10.0.0.1", "10.0.1.1"), ("fd00::1", "fd00::2")]
        {
            assert_eq!(group(ip(a), false), group(ip(b), false), "{a} and {b}");
            assert_ne!(group(ip(a), true), group(ip(b), true), "{a} and {b}");
        }
        assert_ne!(group(ip("127.64.0.1"), false), group(ip("127.65.0.1"), false));
        for by_address in [false, true] {
            assert_eq!(group(ip("8.8.8.8"), by_address), group(ip("8.8.4.4"), by_address));
        }
    }

    #[test]
    fn whom_we_dialled_is_another_source_than_who_dialled_us() {
        let addr = Some(PeerAddr::tcp("8.8.8.8:1".parse().unwrap()));
        let [dialled, dialler] =
            [Direction::Outbound, Direction::Inbound].map(|it| Bringer::of(it, addr));
        assert_ne!(dialled, dialler);
        assert!(dialled.is_chosen() && Bringer::Own.is_chosen());
        assert!(!dialler.is_chosen() && !Bringer::Earlier.is_chosen());
        assert!(Bringer::CHOSEN.end() < Bringer::COMING.start());
    }
}
