//! Who brought an item, as far as it costs something to be somebody else.
//!
//! Keys and senders are free to make, and a link costs a port. What is scarce is addresses of many networks, and being
//! dialled by us. So what is shared out among those who bring items is shared out by source: a stranger gets no
//! more of it by another key, another link, or another account.

use std::net::IpAddr;

use super::link::Direction;
use super::peer::PeerAddr;
use super::reach::Reach;

/// Where an item came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Our operator.
    Own,
    /// A peer that we dialled, by its group.
    Dialled(u32),
    /// An earlier run, which didn't write down where from.
    Earlier,
    /// A peer that dialled us, by its group.
    Dialler(u32),
}

impl Source {
    /// Those that nobody else chose for us.
    pub const CHOSEN: std::ops::RangeInclusive<Self> = Self::Own..=Self::Dialled(u32::MAX);
    /// Those that come as they like.
    pub const COMING: std::ops::RangeInclusive<Self> = Self::Earlier..=Self::Dialler(u32::MAX);

    /// The source that a peer is.
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

/// Whom an address's owner easily is, too: a network as Bitcoin Core groups them (`NetGroupManager::GetGroup`), 16 bits
/// of IPv4 and 32 of IPv6. On a machine or site it is one address.
fn group(ip: IpAddr) -> u32 {
    let is_worldwide = Reach::of(ip) == Some(Reach::World);
    match ip.to_canonical() {
        IpAddr::V4(ip) if is_worldwide => ip.to_bits() >> 16,
        IpAddr::V4(ip) => ip.to_bits(),
        IpAddr::V6(ip) => {
            let [a, b, c, d] = [96, 64, 32, 0].map(|shift| (ip.to_bits() >> shift) as u32);
            if is_worldwide { a } else { a ^ b ^ c ^ d }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Source {
        let addr = PeerAddr::tcp((ip.parse::<IpAddr>().unwrap(), 4_000).into());
        Source::of(Direction::Inbound, Some(addr))
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
            [Direction::Outbound, Direction::Inbound].map(|it| Source::of(it, addr));
        assert_ne!(dialled, dialler);
        assert!(dialled.is_chosen() && Source::Own.is_chosen());
        assert!(!dialler.is_chosen() && !Source::Earlier.is_chosen());
        assert!(Source::CHOSEN.end() < Source::COMING.start());
    }
}
