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
        let group = addr.map_or(0, |addr| group(addr.ip));
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

/// Whom an address's owner easily is, too: its network in the world ([`Origin::network`]). On a machine or site it is one
/// address.
fn group(ip: IpAddr) -> u32 {
    Origin::of(ip).network().unwrap_or_else(|| match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_bits(),
        IpAddr::V6(ip) => {
            let words = ip.octets();
            let (words, _) = words.as_chunks();
            words.iter().fold(0, |folded, word| folded ^ u32::from_be_bytes(*word))
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
