//! The sockets of a member: one for datagrams, one that takes streams, on one port.
//!
//! Whoever is woken by the socket of datagrams reads all that came, up to [`READ_MAX`], before it does anything else: a wake-up
//! costs more than a datagram, and what waits in the socket may be the answer that is just missed. What the system has no room to
//! send is dropped and counted: datagrams may be lost, and nobody waits for a slow line.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::task::{Context, Poll};

use super::seal::DATAGRAM_MAX;

/// Most datagrams that are read in one go. A guess: some fifty microseconds' work.
pub(super) const READ_MAX: usize = 64;

/// How often another port is tried where the system chooses one, and it is free for one of the two only. A guess.
const TRIES: usize = 16;

/// Both sockets, bound.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) datagrams: Datagrams,
    pub(super) streams: tokio::net::TcpListener,
    /// Where: with the port that the system chose, if it did.
    pub(super) addr: SocketAddr,
}

/// What one of them can't be had for.
#[derive(Debug)]
pub(super) struct Unbound {
    /// Which: "UDP" or "TCP".
    pub(super) which: &'static str,
    pub(super) source: io::Error,
}

/// Binds both.
pub(super) fn bind(addr: SocketAddr) -> Result<Sockets, Unbound> {
    let mut left = TRIES;
    loop {
        match bind_once(addr) {
            Err(error)
                if addr.port() == 0
                    && left > 0
                    && error.source.kind() == io::ErrorKind::AddrInUse =>
            {
                left -= 1;
            }
            bound => return bound,
        }
    }
}

fn bind_once(addr: SocketAddr) -> Result<Sockets, Unbound> {
    let tcp = |source| Unbound { which: "TCP", source };
    let udp = |source| Unbound { which: "UDP", source };
    let streams = TcpListener::bind(addr).map_err(tcp)?;
    let addr = streams.local_addr().map_err(tcp)?;
    streams.set_nonblocking(true).map_err(tcp)?;
    let streams = tokio::net::TcpListener::from_std(streams).map_err(tcp)?;
    let socket = UdpSocket::bind(addr).map_err(udp)?;
    socket.set_nonblocking(true).map_err(udp)?;
    let socket = tokio::net::UdpSocket::from_std(socket).map_err(udp)?;
    let buffer = Box::new([0; DATAGRAM_MAX + 1]);
    Ok(Sockets { datagrams: Datagrams { socket, buffer }, streams, addr })
}

/// The socket of datagrams.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: tokio::net::UdpSocket,
    /// One byte longer than any: so what is too long shows.
    buffer: Box<[u8; DATAGRAM_MAX + 1]>,
}

impl Datagrams {
    /// Waits until there is something to read.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error is found when it is read.
        self.socket.poll_recv_ready(cx).map(drop)
    }

    /// The next datagram, if one is there, and where it came from. One that is longer than [`DATAGRAM_MAX`] is cut off behind it.
    pub(super) fn next(&mut self) -> Option<(&[u8], SocketAddr)> {
        // What the system has to complain about concerns earlier sends, which may be lost.
        for _ in 0..READ_MAX {
            match self.socket.try_recv_from(&mut self.buffer[..]) {
                Ok((len, from)) => return Some((&self.buffer[..len], from)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => {}
            }
        }
        None
    }

    /// Sends one, unless the system has no room for it or knows no way: then it is lost.
    pub(super) fn send(&self, to: SocketAddr, bytes: &[u8]) -> bool {
        self.socket.try_send_to(bytes, to).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_have_one_port_and_a_busy_one_is_named() {
        let free = "127.0.0.1:0".parse().unwrap();
        let mut one = bind(free).unwrap();
        assert_eq!(one.streams.local_addr().unwrap(), one.addr);
        assert_eq!(bind(one.addr).unwrap_err().which, "TCP");
        let udp = UdpSocket::bind(free).unwrap();
        let taken = bind(udp.local_addr().unwrap()).unwrap_err();
        assert_eq!((taken.which, taken.source.kind()), ("UDP", io::ErrorKind::AddrInUse));

        for len in [3, DATAGRAM_MAX, DATAGRAM_MAX + 5] {
            udp.send_to(&vec![7; len], one.addr).unwrap();
            std::future::poll_fn(|cx| one.datagrams.poll_ready(cx)).await;
            let from = udp.local_addr().unwrap();
            let got = one.datagrams.next().map(|(bytes, from)| (bytes.len(), from));
            assert_eq!(got, Some((len.min(DATAGRAM_MAX + 1), from)));
        }
        assert!(one.datagrams.next().is_none());
        assert!(one.datagrams.send(udp.local_addr().unwrap(), b"back"));
    }
}
