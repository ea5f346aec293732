//! Subnets of addresses, and whom a ban is about.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::peer::PeerKey;

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    ip: IpAddr,
    bits: u8,
}

impl Subnet {
    /// The subnet of an address and so many leading bits; what follows them doesn't count. `None` if there are more bits than the address
    /// has, or none: that would be everybody.
    #[must_use]
    pub fn new(ip: IpAddr, bits: u8) -> Option<Self> {
        let (ip, bits) = match (ip, ip.to_canonical()) {
            // A subnet of IPv4 in the form of IPv6 has 96 bits more.
            (IpAddr::V6(_), IpAddr::V4(v4)) => (IpAddr::V4(v4), bits.checked_sub(96)?),
            (_, ip) => (ip, bits),
        };
        let ip = match ip {
            IpAddr::V4(v4) if (1..=32).contains(&bits) => {
                IpAddr::V4((v4.to_bits() & (u32::MAX << (32 - bits))).into())
            }
            IpAddr::V6(v6) if (1..=128).contains(&bits) => {
                IpAddr::V6((v6.to_bits() & (u128::MAX << (128 - bits))).into())
            }
            _ => return None,
        };
        Some(Self { ip, bits })
    }

    /// One address alone.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self { ip, bits: if ip.is_ipv4() { 32 } else { 128 } }
    }

    /// The address that it begins with.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// How many leading bits all its addresses have in common.
    #[must_use]
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.ip.is_ipv4() && Self::new(ip, self.bits) == Some(*self)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits == Self::of(self.ip).bits {
            true => write!(f, "{}", self.ip),
            false => write!(f, "{}/{}", self.ip, self.bits),
        }
    }
}

/// Text that is no subnet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no address and no subnet: expected for instance 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"
)]
pub struct ParseSubnetError(String);

impl FromStr for Subnet {
    type Err = ParseSubnetError;

    fn from_str(text: &str) -> Result<Self, ParseSubnetError> {
        let bad = || ParseSubnetError(text.to_owned());
        let Some((ip, bits)) = text.split_once('/') else {
            return text.parse().map(Self::of).map_err(|_| bad());
        };
        let (ip, bits) = (ip.parse().map_err(|_| bad())?, bits.parse().map_err(|_| bad())?);
        Self::new(ip, bits).ok_or_else(bad)
    }
}

/// Whom a ban is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Banned {
    /// Whoever has a key.
    Peer(PeerKey),
    /// Whoever is at an address.
    Subnet(Subnet),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn a_subnet_is_read_and_shown_and_knows_its_own() {
        for (text, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("2001:db8:1::7/32", "2001:db8::/32"),
            ("2001:db8::7", "2001:db8::7"),
        ] {
            assert_eq!(subnet(text).to_string(), shown, "{text}");
        }
        let net = subnet("192.0.2.0/25");
        let is_in = |ip: &str| net.contains(ip.parse().unwrap());
        assert_eq!(
            ["192.0.2.127", "::ffff:192.0.2.1", "192.0.2.128", "2001:db8::1"].map(is_in),
            [true, true, false, false]
        );
    }

    #[test]
    fn what_is_no_subnet_has_its_sentence() {
        for text in [
            "",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.0/0",
            "::/0",
            "192.0.2.0/x",
            "2001:db8::/129",
            "host",
        ] {
            let error = text.parse::<Subnet>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no address")), "{error}");
        }
    }
}
