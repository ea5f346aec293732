//! Whom to begin with: addresses, and names that lead to some.
//!
//! | text | what it is |
//! |---|---|
//! | `203.0.113.5:4000`, `[2001:db8::5]:4000/quic` | an address |
//! | `/ip4/203.0.113.5/tcp/4000`, `/ip6/2001:db8::5/udp/4000/quic-v1` | the same as libp2p writes it |
//! | `seed.example.org:4000`, `seed.example.org:4000/quic` | a host, of whatever family of addresses it has |
//! | `/dns/…/tcp/4000`, `/dns4/…/tcp/4000`, `/dns6/…/udp/4000/quic-v1` | the same; of IPv4 alone, of IPv6 alone |
//! | `/dnsaddr/bootstrap.example.org` | addresses in the texts of `_dnsaddr.bootstrap.example.org` (libp2p specs, `addressing`) |
//!
//! Each may end in `/p2p/` and a peer id: then nobody else is taken there.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use libp2p::PeerId;
use tidings_protocol::ground::peer::{PeerAddr, Transport};

/// Longest name of a host, bytes (RFC 1035, section 2.3.4: 255 with the lengths of its labels).
pub const HOST_MAX: usize = 253;

/// Longest label of it (the same).
const LABEL_MAX: usize = 63;

/// Somebody to begin with, and who must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Where.
    pub at: SeedAt,
    /// Who; `None` takes whoever is there.
    pub peer: Option<PeerId>,
}

/// Where somebody to begin with may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeedAt {
    /// At this address.
    Addr(PeerAddr),
    /// Wherever this name leads.
    Name(Name),
    /// Somewhere on this link, from where it answers (`node.mdns`). There is no text for it.
    Neighbourhood,
}

/// A name that leads to addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A host with a port.
    Host {
        /// The host.
        host: String,
        /// Which of its addresses.
        family: Family,
        /// The port.
        port: u16,
        /// The transport.
        transport: Transport,
    },
    /// A name whose texts are addresses, and names of others.
    Texts(String),
}

/// Which addresses of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// All.
    Any,
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
}

impl Family {
    /// Whether an address is of it.
    #[must_use]
    pub const fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

impl From<PeerAddr> for Seed {
    fn from(addr: PeerAddr) -> Self {
        Self { at: SeedAt::Addr(addr), peer: None }
    }
}

impl Seed {
    /// Whoever answers on this link.
    #[must_use]
    pub const fn neighbourhood() -> Self {
        Self { at: SeedAt::Neighbourhood, peer: None }
    }
}

/// Text that names nobody to begin with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither an address nor a name: expected IP:PORT, HOST:PORT, /dnsaddr/HOST or the like of \
     /dns4/HOST/tcp/PORT, and perhaps /p2p/PEER at its end; for instance 127.0.0.1:4000 or seed.example.org:4000"
)]
pub struct ParseSeedError(String);

impl FromStr for Seed {
    type Err = ParseSeedError;

    fn from_str(text: &str) -> Result<Self, ParseSeedError> {
        parse(text).ok_or_else(|| ParseSeedError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Seed> {
    let (place, peer) = match text.split_once("/p2p/") {
        Some((place, id)) => (place, Some(id.parse().ok()?)),
        None => (text, None),
    };
    let at = match place.strip_prefix('/') {
        Some(parts) => parse_multiaddr(parts)?,
        None => match place.parse() {
            Ok(addr) => SeedAt::Addr(addr),
            Err(_) => parse_host(place)?,
        },
    };
    Some(Seed { at, peer })
}

fn parse_multiaddr(text: &str) -> Option<SeedAt> {
    let parts: Vec<&str> = text.split('/').collect();
    let (kind, host, port, transport) = match parts[..] {
        ["dnsaddr", host] => return Some(SeedAt::Name(Name::Texts(parse_name(host)?))),
        [kind, host, "tcp", port] => (kind, host, port, Transport::Tcp),
        [kind, host, "udp", port, "quic-v1"] => (kind, host, port, Transport::Quic),
        _ => return None,
    };
    let port = port.parse().ok()?;
    let addr = |ip: IpAddr| SeedAt::Addr(PeerAddr::new(ip, port, transport));
    let named = |family| {
        let host = parse_name(host)?;
        Some(SeedAt::Name(Name::Host { host, family, port, transport }))
    };
    match kind {
        "ip4" => host.parse().ok().map(IpAddr::V4).map(addr),
        "ip6" => host.parse().ok().map(IpAddr::V6).map(addr),
        "dns" => named(Family::Any),
        "dns4" => named(Family::V4),
        "dns6" => named(Family::V6),
        _ => None,
    }
}

fn parse_host(text: &str) -> Option<SeedAt> {
    let (text, transport) = match text.strip_suffix("/quic") {
        Some(text) => (text, Transport::Quic),
        None => (text, Transport::Tcp),
    };
    let (host, port) = text.rsplit_once(':')?;
    let (host, port) = (parse_name(host)?, port.parse().ok().filter(|port| *port != 0)?);
    Some(SeedAt::Name(Name::Host { host, family: Family::Any, port, transport }))
}

/// A name as it can stand in the DNS or in a file of hosts. What ends in a number is a mistaken address (WHATWG URL,
/// "ends in a number").
fn parse_name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-_".contains(&c);
        (1..=LABEL_MAX).contains(&label.len()) && label.bytes().all(allowed)
    };
    let last = text.rsplit('.').next()?;
    let is_number = last.bytes().all(|c| c.is_ascii_digit());
    let is_name = text.len() <= HOST_MAX && text.split('.').all(is_label) && !is_number;
    is_name.then(|| text.to_ascii_lowercase())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, family, port, transport) = match self {
            Self::Texts(host) => return write!(f, "/dnsaddr/{host}"),
            Self::Host { host, family, port, transport } => (host, family, port, transport),
        };
        let kind = match family {
            Family::Any => {
                let transport = if *transport == Transport::Quic { "/quic" } else { "" };
                return write!(f, "{host}:{port}{transport}");
            }
            Family::V4 => "dns4",
            Family::V6 => "dns6",
        };
        match transport {
            Transport::Tcp => write!(f, "/{kind}/{host}/tcp/{port}"),
            Transport::Quic => write!(f, "/{kind}/{host}/udp/{port}/quic-v1"),
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            SeedAt::Addr(addr) => write!(f, "{addr}")?,
            SeedAt::Name(name) => write!(f, "{name}")?,
            SeedAt::Neighbourhood => f.write_str("(this link)")?,
        }
        self.peer.map_or(Ok(()), |peer| write!(f, "/p2p/{peer}"))
    }
}

impl serde::Serialize for Seed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Seed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    #[test]
    fn a_seed_reads_back_from_its_text_and_others_ways_of_writing_it_are_the_same() {
        for (text, shown) in [
            ("127.0.0.1:4000", "127.0.0.1:4000"),
            ("[::1]:4000/quic", "[::1]:4000/quic"),
            ("/ip4/127.0.0.1/tcp/4000", "127.0.0.1:4000"),
            ("/ip6/::1/udp/4000/quic-v1", "[::1]:4000/quic"),
            ("localhost:4000", "localhost:4000"),
            ("Seed.Example.ORG.:4000/quic", "seed.example.org:4000/quic"),
            ("/dns/seed.example.org/tcp/1", "seed.example.org:1"),
            ("/dns4/seed.example.org/tcp/1", "/dns4/seed.example.org/tcp/1"),
            ("/dns6/a-b_c.d/udp/1/quic-v1", "/dns6/a-b_c.d/udp/1/quic-v1"),
            ("/dnsaddr/bootstrap.example.org", "/dnsaddr/bootstrap.example.org"),
        ] {
            for (text, shown) in [
                (text.to_owned(), shown.to_owned()),
                (format!("{text}/p2p/{PEER}"), format!("{shown}/p2p/{PEER}")),
            ] {
                let seed: Seed = text.parse().unwrap();
                assert_eq!(seed.to_string(), shown);
                assert_eq!(shown.parse(), Ok(seed));
            }
        }
    }

    #[test]
    fn what_is_neither_address_nor_name_is_refused() {
        let long = format!("{}.org:1", "a.".repeat(130));
        for bad in [
            "",
            "localhost",
            "localhost:0",
            "localhost:70000",
            "127.0.0.1",
            "1.2.3:4",
            "1.2.3.400:5",
            "-:",
            "a..b:1",
            "a b:1",
            "ä.org:1",
            ":1",
            "/dns4/a.org",
            "/dns4/a.org/tcp/x",
            "/dnsaddr/a.org/tcp/1",
            "/dnsaddr/",
            "/ip4/::1/tcp/1",
            "/ip4/1.2.3.4/udp/1",
            "/ip4/1.2.3.4/tcp/1/ws",
            "/unix/x",
            "localhost:1/p2p/nobody",
            "localhost:1/p2p/",
            "(this link)",
            &long,
        ] {
            assert!(bad.parse::<Seed>().is_err(), "{bad}");
        }
    }
}
