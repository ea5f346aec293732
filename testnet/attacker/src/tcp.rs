//! TCP from an address of our choice, with every byte counted.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

/// What an attack has cost and gained so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Bytes sent, Noise and Yamux included.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
    /// TCP connections that came up.
    pub connections: u64,
    /// Links that came up: both sides said hello.
    pub links: u64,
    /// Times that a lane had to begin again, mostly since the victim closed its connection.
    pub ended: u64,
}

/// Counts for many connections.
#[derive(Debug, Default)]
pub struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
    connections: AtomicU64,
    links: AtomicU64,
    ended: AtomicU64,
}

impl Counts {
    /// Counted so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            sent: read(&self.sent),
            received: read(&self.received),
            connections: read(&self.connections),
            links: read(&self.links),
            ended: read(&self.ended),
        }
    }

    /// A link came up.
    pub fn linked(&self) {
        self.links.fetch_add(1, Ordering::Relaxed);
    }

    /// A lane begins again.
    pub fn again(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection whose bytes are counted.
#[derive(Debug)]
pub struct Counted {
    stream: TcpStream,
    counts: Arc<Counts>,
}

/// Connects to an address from another one, which must be this machine's.
///
/// # Errors
/// What the system says.
pub async fn connect(to: SocketAddr, from: Ipv4Addr, counts: &Arc<Counts>) -> io::Result<Counted> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    counts.connections.fetch_add(1, Ordering::Relaxed);
    Ok(Counted { stream, counts: Arc::clone(counts) })
}

impl Counted {
    /// Closes the half on which we send, as `shutdown(SHUT_WR)` does.
    ///
    /// # Errors
    /// What the system says.
    pub async fn finish(&mut self) -> io::Result<()> {
        tokio::io::AsyncWriteExt::shutdown(&mut self.stream).await
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        self.counts.received.fetch_add(read as u64, Ordering::Relaxed);
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.counts.sent.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
