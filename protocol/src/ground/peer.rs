//! Peers: who is at the other end of a link, where it can be dialled, and why a dial came to nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// Who is at the other end of a link: a number that stands for the transport's peer identity
/// (for libp2p, a hash of the peer id). Equal keys mean the same peer; both ends compute the same.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct PeerKey(pub u64);

/// Who told an address, as far as it costs something to be somebody else.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This peer, which is near, or nobody knows where.
    Peer(PeerKey),
    /// Some peer in this network of the world.
    Network(u32),
    /// No peer, but a look-up that our operator asked for: a name that was resolved, or who answered on this link. The
    /// driver gives each look-up a number of its own, the same in every run (for names a hash of how it is written), so that
    /// what one tells is the word of one, however many addresses that are.
    Lookup(u64),
}

impl From<PeerKey> for Source {
    fn from(key: PeerKey) -> Self {
        Self::Peer(key)
    }
}

/// How a peer can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP with Noise and Yamux.
    Tcp,
    /// QUIC.
    Quic,
}

/// An address that a peer can be dialled at. Shown and read as `127.0.0.1:4000` (TCP) or
/// `127.0.0.1:4000/quic`. Made by [`PeerAddr::new`], from wherever it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddr {
    /// IP address; never an IPv4 address in the form of IPv6.
    pub ip: IpAddr,
    /// Port; never 0 for an address that can be dialled.
    pub port: u16,
    /// Transport.
    pub transport: Transport,
}

impl PeerAddr {
    /// An address. An IPv4 address in the form of IPv6 (`::ffff:1.2.3.4`) is the IPv4 address: else one host would
    /// be two, in the book, in its share of it and on the list of those that are shunned.
    #[must_use]
    pub const fn new(ip: IpAddr, port: u16, transport: Transport) -> Self {
        Self { ip: ip.to_canonical(), port, transport }
    }

    /// A TCP address.
    #[must_use]
    pub const fn tcp(socket: SocketAddr) -> Self {
        Self::new(socket.ip(), socket.port(), Transport::Tcp)
    }

    /// IP address and port.
    #[must_use]
    pub const fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    /// Whether the address could be dialled at all: a port, and neither an unspecified nor a
    /// multicast or broadcast address. From whom it may be taken is another question ([`Origin::may_tell`]).
    ///
    /// [`Origin::may_tell`]: super::reach::Origin::may_tell
    #[must_use]
    pub const fn is_dialable(&self) -> bool {
        let is_broadcast = matches!(self.ip, IpAddr::V4(Ipv4Addr::BROADCAST));
        self.port != 0 && !self.ip.is_unspecified() && !self.ip.is_multicast() && !is_broadcast
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Tcp => write!(f, "{}", self.socket()),
            Transport::Quic => write!(f, "{}/quic", self.socket()),
        }
    }
}

/// Text that isn't a peer address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an address: expected IP:PORT or IP:PORT/quic, for instance 127.0.0.1:4000 or [::1]:4000"
)]
pub struct ParsePeerAddrError(String);

impl FromStr for PeerAddr {
    type Err = ParsePeerAddrError;

    fn from_str(text: &str) -> Result<Self, ParsePeerAddrError> {
        let (socket, transport) = match text.strip_suffix("/quic") {
            Some(socket) => (socket, Transport::Quic),
            None => (text, Transport::Tcp),
        };
        let bad = || ParsePeerAddrError(text.to_owned());
        let socket: SocketAddr = socket.parse().map_err(|_| bad())?;
        if matches!(socket, SocketAddr::V6(socket) if socket.scope_id() != 0) {
            return Err(bad()); // It would be dropped in silence.
        }
        Ok(Self::new(socket.ip(), socket.port(), transport))
    }
}

impl serde::Serialize for PeerAddr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PeerAddr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a restart needs to know of an address.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRecord {
    /// The address.
    pub addr: PeerAddr,
    /// How often a peer said hello there.
    pub successes: u32,
    /// Failures in a row since.
    pub failures: u16,
    /// Who told it first; `None` if that was our operator, or isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Since when nothing was heard of it but from others, in seconds that a process knew it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub age_s: u32,
}

impl AddressRecord {
    /// An address where a peer said hello once.
    #[must_use]
    pub const fn reached(addr: PeerAddr) -> Self {
        Self { addr, successes: 1, failures: 0, source: None, age_s: 0 }
    }

    /// An address of which an earlier run had only heard.
    #[must_use]
    pub const fn heard(addr: PeerAddr) -> Self {
        Self { addr, successes: 0, failures: 0, source: None, age_s: 0 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a restart needs to know of the address book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookRecord {
    /// What decides where each address has its place; `None` draws a new one.
    pub secret: Option<BookSecret>,
    /// Addresses of long-standing links, which are dialled first.
    pub anchors: Vec<PeerAddr>,
    /// The addresses, those that had a place of their own choice first.
    pub addresses: Vec<AddressRecord>,
}

impl From<Vec<AddressRecord>> for BookRecord {
    fn from(addresses: Vec<AddressRecord>) -> Self {
        Self { addresses, ..Self::default() }
    }
}

/// Where each address has its place in the book depends on this. Whoever knew it could choose addresses that drive others out.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BookSecret(pub u64);

impl fmt::Debug for BookSecret {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BookSecret")
    }
}

/// Why a dial came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialError {
    /// Nobody answered.
    Unreachable,
    /// The host is there and takes no connections at that port.
    Refused,
    /// Somebody is there, but the connection broke before both sides spoke the protocol: another program, a peer that is
    /// full, or one that speaks another version.
    Handshake,
    /// This machine has no way there: its network is down, or has no address of that family. The address isn't to
    /// blame.
    NoRoute,
    /// The peer speaks the protocol of another network.
    WrongNetwork,
    /// The peer isn't the one that our operator named.
    WrongPeer,
    /// The peer emulates its lines, as nodes of a test network do, and this node doesn't; or the other way round.
    OtherLinks,
    /// This node doesn't speak the address's transport. The address isn't to blame.
    NoTransport,
    /// The address is our own, or somebody there has our identity.
    Myself,
    /// The driver has no room for another connection attempt now, or the system has none. The address isn't to
    /// blame.
    Busy,
}

impl DialError {
    /// Whether it is the address that nobody could be reached at, as far as that is anybody's fault but our network's.
    #[must_use]
    pub const fn is_of_address(self) -> bool {
        matches!(self, Self::Unreachable | Self::Refused | Self::Handshake)
    }

    /// Whether somebody is there, and not whom we are looking for.
    #[must_use]
    pub const fn is_somebody_else(self) -> bool {
        matches!(self, Self::WrongNetwork | Self::WrongPeer | Self::OtherLinks)
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "nobody answered",
            Self::Refused => "the connection was refused",
            Self::Handshake => "the handshake failed",
            Self::NoRoute => "this machine has no way there",
            Self::WrongNetwork => "it belongs to another network",
            Self::WrongPeer => "another peer is there than the one that was named",
            Self::OtherLinks => "it has links of another model",
            Self::NoTransport => "this node has no QUIC",
            Self::Myself => "it is this node's own address",
            Self::Busy => "too many connection attempts are under way",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_from_its_text() {
        for text in ["127.0.0.1:4000", "[::1]:4000/quic"] {
            let addr: PeerAddr = text.parse().unwrap();
            assert_eq!(addr.to_string(), text);
            assert!(addr.is_dialable());
        }
        for bad in [
            "",
            "localhost:1",
            "1.2.3.4",
            "1.2.3.4:70000",
            "1.2.3.4:1/tls",
            "::1:1",
            "[fe80::1%2]:1",
        ] {
            assert!(bad.parse::<PeerAddr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_without_a_port_or_host_is_not_dialable() {
        for text in
            ["127.0.0.1:0", "0.0.0.0:4000", "224.0.0.1:4000", "[::]:4000", "255.255.255.255:4000"]
        {
            assert!(!text.parse::<PeerAddr>().unwrap().is_dialable(), "{text}");
        }
    }

    #[test]
    fn a_v4_mapped_address_is_its_v4_address() {
        let plain: PeerAddr = "1.2.3.4:5".parse().unwrap();
        let mapped = SocketAddr::new(Ipv4Addr::new(1, 2, 3, 4).to_ipv6_mapped().into(), 5);
        assert_eq!("[::ffff:1.2.3.4]:5".parse(), Ok(plain));
        assert_eq!(PeerAddr::tcp(mapped), plain);
        assert_eq!(serde_json::from_str::<PeerAddr>("\"[::ffff:1.2.3.4]:5\"").unwrap(), plain);
    }
}
