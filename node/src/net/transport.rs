//! The transport: TCP (shaped, if asked for) with Noise and our Yamux, or QUIC; and addresses in libp2p's form.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::timeout::{TransportTimeout, TransportTimeoutError};
use libp2p::core::transport::{Boxed, MemoryTransport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, Transport as _, TransportError, noise, tcp};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};
use tidings_protocol::ground::peer::{DialError, PeerAddr, Transport};

use crate::clock::Clock;
use crate::lab::plain::Plain;
use crate::lab::shape::Shaper;
use crate::lab::shape::prelude::is_other_links;
use crate::links::Position;
use crate::net::NetError;
use crate::net::held::Account;
use crate::net::meter::Meter;
use crate::net::muxer;

/// How long connecting and securing may take: libp2p's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long sent bytes may stay unacknowledged, or the peer's window shut, before the kernel breaks a
/// connection. Without it a peer that reads nothing more could keep a closed connection in its place
/// for ever, since closing waits for the last bytes to leave. Longer than any throttling and than the
/// default time-out of a ping. A guess.
const UNACKED_MAX: Duration = Duration::from_secs(120);

/// Most memory of Noise for a connection, bytes; its buffers stay as large as they once were. Reading: a message of up to
/// 64 KiB, what was read beyond, and the same decrypted. Writing: as much as we write before we flush, as it is, encrypted
/// and framed, each in a buffer of up to twice the size. (the module `io` of libp2p-noise)
pub(crate) const NOISE_MAX: usize = NOISE_READ_MAX + 3 * 2 * muxer::FLUSH_EVERY;

/// The same while a connection is being secured: what we write then is a few hundred bytes.
pub(crate) const NOISE_READ_MAX: usize = 3 * (64 << 10);

/// What the swarm dials and listens with.
pub(crate) type BoxedTransport = Boxed<(PeerId, StreamMuxerBox)>;

/// Builds the transport of a node with an identity, perhaps an emulated position, and a clock, by which it waits.
///
/// # Errors
/// When Noise can't sign its key with the identity.
pub(crate) fn build(
    keypair: &Keypair,
    position: Option<&Position>,
    clock: &Clock,
    account: &Arc<Account>,
    meter: Meter,
) -> Result<BoxedTransport, NetError> {
    let (connect, unacked) = (clock.stretched(CONNECT_TIMEOUT), clock.stretched(UNACKED_MAX));
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true));
    // What has no answer by then is told from what was connected, and not secured in time.
    let tcp = TransportTimeout::with_outgoing_timeout(tcp, connect).map_err(|error| match error {
        TransportTimeoutError::Timeout => System(io::Error::from(Errno::TIMEDOUT)),
        TransportTimeoutError::TimerError(error) | TransportTimeoutError::Other(error) => {
            System(error)
        }
    });
    let tcp = tcp.map(move |stream, _| {
        let millis = u32::try_from(unacked.as_millis()).unwrap_or(u32::MAX);
        // A system without the option is only slower to notice.
        let _ = sockopt::set_tcp_user_timeout(&stream.0, millis);
        meter.over(stream)
    });
    let Some(position) = position else {
        let tcp = tcp.map(|stream, _| Plain::new(stream));
        let secured = secure(tcp, keypair, connect, account)?;
        #[cfg(feature = "quic")]
        let secured = with_quic(secured, keypair);
        return Ok(secured);
    };
    let shaper = Shaper::new(position.clone(), clock.clone());
    let tcp = tcp.and_then(move |stream, end| shaper.shape(stream, end.is_dialer()));
    secure(tcp, keypair, connect, account)
}

/// A transport within this process, with the muxer and without Noise. Everybody is somebody else.
pub(crate) fn in_memory(account: &Arc<Account>) -> BoxedTransport {
    let config = muxer::Config { account: Arc::clone(account) };
    MemoryTransport::new()
        .map(move |channel, end| {
            let muxer = config.of(channel, end.is_dialer());
            (PeerId::random(), StreamMuxerBox::new(muxer))
        })
        .boxed()
}

/// Adds Noise and Yamux. Negotiating lazily saves a round trip for each.
fn secure<T, S>(
    transport: T,
    keypair: &Keypair,
    timeout: Duration,
    account: &Arc<Account>,
) -> Result<BoxedTransport, NetError>
where
    T: libp2p::Transport<Output = S> + Send + Unpin + 'static,
    T::Error: Send + Sync,
    T::Dial: Send,
    T::ListenerUpgrade: Send,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let noise =
        noise::Config::new(keypair).map_err(|error| NetError::Identity(error.to_string()))?;
    let muxer = muxer::Config { account: Arc::clone(account) };
    Ok(transport
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(muxer)
        .timeout(timeout)
        .boxed())
}

#[cfg(feature = "quic")]
fn with_quic(tcp: BoxedTransport, keypair: &Keypair) -> BoxedTransport {
    use futures::future::Either;
    let mut config = libp2p::quic::Config::new(keypair);
    config.max_stream_data = u32::try_from(muxer::WINDOW).unwrap_or(u32::MAX);
    config.max_connection_data = u32::try_from(muxer::WAITING_MAX).unwrap_or(u32::MAX);
    config.max_concurrent_stream_limit = u32::try_from(muxer::STREAMS_MAX).unwrap_or(u32::MAX);
    let quic = libp2p::quic::tokio::Transport::new(config).map_err(|error| match error {
        // Over UDP that is what silence looks like.
        libp2p::quic::Error::HandshakeTimedOut => System(io::Error::from(Errno::TIMEDOUT)),
        error => System(io::Error::other(error)),
    });
    tcp.or_transport(quic)
        .map(|either, _| match either {
            Either::Left(output) => output,
            Either::Right((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
        })
        .boxed()
}

/// An error of the system. It stands behind one of ours, since the layers above hand on what is behind an error
/// and drop the error itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct System(#[source] io::Error);

/// Why a transport couldn't dial: what the system says tells our own trouble from the address's.
pub(crate) fn dial_error(error: &TransportError<io::Error>) -> DialError {
    let TransportError::Other(error) = error else { return DialError::NoTransport };
    if is_other_links(error) {
        return DialError::OtherLinks;
    }
    match system_error(error) {
        // No route, no network, no address of that family; or we may not (a firewall of our own).
        Some(
            Errno::NETUNREACH
            | Errno::NETDOWN
            | Errno::ADDRNOTAVAIL
            | Errno::AFNOSUPPORT
            | Errno::INVAL
            | Errno::PERM
            | Errno::ACCESS,
        ) => DialError::NoRoute,
        // No descriptor, no memory.
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => DialError::Busy,
        Some(Errno::CONNREFUSED) => DialError::Refused,
        // It had been connected; what isn't the system's is that the secured connection didn't come about.
        Some(Errno::CONNRESET | Errno::PIPE) | None => DialError::Handshake,
        Some(_) => DialError::Unreachable,
    }
}

/// The error of the system at the bottom of one, if there is one.
fn system_error(error: &io::Error) -> Option<Errno> {
    if let Some(errno) = Errno::from_io_error(error) {
        return Some(errno);
    }
    let mut at: Option<&(dyn Error + 'static)> = error.get_ref().map(|error| error as _);
    while let Some(error) = at {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return system_error(error);
        }
        at = error.source();
    }
    None
}

/// Makes sure that nobody else listens on an address.
///
/// libp2p listens with `SO_REUSEPORT`, with which two nodes of one user get the same port without an
/// error, and then each other's connections. Like libp2p's, an IPv6 socket is for IPv6 only, so that a node
/// may listen on one port of both families.
///
/// # Errors
/// What binding says.
pub(crate) fn probe(addr: &PeerAddr) -> io::Result<()> {
    if addr.port == 0 {
        return Ok(());
    }
    let family = if addr.ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let kind = match addr.transport {
        Transport::Tcp => SocketType::STREAM,
        Transport::Quic => SocketType::DGRAM,
    };
    let socket = rustix::net::socket(family, kind, None)?;
    if addr.ip.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if addr.transport == Transport::Tcp {
        // Else connections of an earlier run would be in the way for a minute.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &addr.socket())?;
    if addr.transport == Transport::Tcp {
        rustix::net::listen(&socket, 1)?;
    }
    Ok(())
}

/// Refuses addresses of a transport that a node doesn't have which is at this place, or nowhere in particular. `key` is where they
/// are set.
///
/// # Errors
/// [`NetError::NoTransport`], which says what it lacks.
pub(crate) fn check(
    key: &'static str,
    addrs: &[PeerAddr],
    position: Option<&Position>,
) -> Result<(), NetError> {
    let lacking = addrs.iter().find_map(|addr| Some((*addr, lacks(addr.transport, position)?)));
    match lacking {
        Some((addr, lacks)) => Err(NetError::NoTransport { key, addr, lacks }),
        None => Ok(()),
    }
}

const fn lacks(transport: Transport, position: Option<&Position>) -> Option<&'static str> {
    match transport {
        Transport::Quic if !cfg!(feature = "quic") => Some(
            "this build has no QUIC: build it without `--no-default-features`, or leave `/quic` away",
        ),
        Transport::Quic if position.is_some() => {
            Some("a node whose links are emulated (links.model) has no QUIC: leave `/quic` away")
        }
        Transport::Tcp | Transport::Quic => None,
    }
}

/// Whether an IP address is one of this machine's.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    std::net::UdpSocket::bind((ip, 0)).is_ok()
}

/// An address in libp2p's form.
#[must_use]
pub fn to_multiaddr(addr: &PeerAddr) -> Multiaddr {
    let base = Multiaddr::from(addr.ip);
    match addr.transport {
        Transport::Tcp => base.with(Protocol::Tcp(addr.port)),
        Transport::Quic => base.with(Protocol::Udp(addr.port)).with(Protocol::QuicV1),
    }
}

/// An address in ours; `None` if it isn't an IP address of one of our transports.
#[must_use]
pub fn from_multiaddr(addr: &Multiaddr) -> Option<PeerAddr> {
    let mut parts = addr.iter();
    let ip: IpAddr = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match (parts.next()?, parts.next()) {
        (Protocol::Tcp(port), _) => Some(PeerAddr::tcp(SocketAddr::new(ip, port))),
        (Protocol::Udp(port), Some(Protocol::QuicV1)) => {
            Some(PeerAddr::new(ip, port, Transport::Quic))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_from_libp2ps_form() {
        for text in ["127.0.0.1:4000", "[::1]:4000", "1.2.3.4:5/quic"] {
            let addr: PeerAddr = text.parse().unwrap();
            assert_eq!(from_multiaddr(&to_multiaddr(&addr)), Some(addr));
        }
        assert_eq!(from_multiaddr(&"/dns4/example.org/tcp/1".parse().unwrap()), None);
    }

    #[test]
    fn whoever_has_no_quic_says_so_of_an_address_that_needs_it() {
        let addrs = ["127.0.0.1:1".parse().unwrap(), "127.0.0.1:2/quic".parse().unwrap()];
        let place = Position::Place(crate::links::Place {
            region: crate::links::Region::Europe,
            node_type: crate::links::NodeType::Fullnode,
            seed: 1,
        });
        let told = |place| check("node.listen", &addrs, place).map_err(|error| error.to_string());
        assert_eq!(check("node.listen", &addrs[..1], Some(&place)), Ok(()));
        if cfg!(feature = "quic") {
            assert_eq!(told(None), Ok(()));
            let error = told(Some(&place)).unwrap_err();
            assert!(
                error.starts_with("node.listen has 127.0.0.1:2/quic, and a node whose links"),
                "{error}"
            );
        } else {
            let error = told(None).unwrap_err();
            assert!(
                error.starts_with("node.listen has 127.0.0.1:2/quic, and this build has no QUIC"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_port_in_use_is_noticed_though_libp2p_would_share_it() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = PeerAddr::tcp(held.local_addr().unwrap());
        assert_eq!(probe(&addr).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn the_systems_error_is_found_at_the_bottom_of_others() {
        let refused = io::Error::from(Errno::CONNREFUSED);
        assert_eq!(dial_error(&TransportError::Other(refused)), DialError::Refused);
        let broken = io::Error::other(io::Error::other("no Noise"));
        assert_eq!(dial_error(&TransportError::Other(broken)), DialError::Handshake);
        for (errno, why) in [
            (Errno::NETUNREACH, DialError::NoRoute),
            (Errno::AFNOSUPPORT, DialError::NoRoute),
            (Errno::MFILE, DialError::Busy),
            (Errno::HOSTUNREACH, DialError::Unreachable),
            (Errno::TIMEDOUT, DialError::Unreachable),
        ] {
            let deep = io::Error::other(io::Error::other(System(io::Error::from(errno))));
            assert_eq!(dial_error(&TransportError::Other(deep)), why, "{errno:?}");
        }
    }
}
