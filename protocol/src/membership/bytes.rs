//! Addresses and ids in bytes: what members say besides what all machines do ([`crate::wire::bytes`]).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::member_id::MemberId;
use crate::wire::bytes::{Malformed, Reader};

impl Reader<'_> {
    pub(crate) fn id(&mut self) -> Result<MemberId, Malformed> {
        self.u64().map(MemberId)
    }

    /// An address: its tag, which is 4 or 6, the IP address and the port.
    pub(crate) fn addr(&mut self) -> Result<SocketAddr, Malformed> {
        let ip = match self.u8()? {
            4 => IpAddr::from(self.array::<4>()?),
            6 => match Ipv6Addr::from(self.array::<16>()?) {
                ip if ip.to_ipv4_mapped().is_none() => ip.into(),
                _ => return Err(Malformed::Meaningless("address")),
            },
            _ => return Err(Malformed::Meaningless("address")),
        };
        Ok(SocketAddr::new(ip, self.array().map(u16::from_le_bytes)?))
    }
}

/// Appends an id.
pub(crate) fn put_id(id: MemberId, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.0.to_le_bytes());
}

/// Appends an address, which is [canonical](canonical).
pub(crate) fn put_addr(addr: SocketAddr, out: &mut Vec<u8>) {
    match addr.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    out.extend_from_slice(&addr.port().to_le_bytes());
}

/// An address as it is compared and told: IPv4 in the form of IPv6 is IPv4, and without zone or flow.
pub(crate) const fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_and_ipv4_has_one_form() {
        for text in ["10.0.0.1:7946", "[2001:db8::1]:1"] {
            let addr: SocketAddr = text.parse().unwrap();
            let mut out = Vec::new();
            put_addr(addr, &mut out);
            assert_eq!(Reader::new(&out).addr(), Ok(addr));
            assert_eq!(Reader::new(&out[1..]).addr().ok(), None);
        }
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:5".parse().unwrap();
        assert_eq!(canonical(mapped), "10.0.0.1:5".parse().unwrap());
        let mut out = Vec::new();
        put_addr(mapped, &mut out);
        assert_eq!(Reader::new(&out).addr(), Err(Malformed::Meaningless("address")));
    }
}
