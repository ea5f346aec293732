//! What crosses a node's sockets: bytes as the kernel takes them, Noise and Yamux included, and how often it was
//! asked to. A write is a system call and wakes the other end, which is most of what a small message costs.
//!
//! TCP only: of QUIC the kernel sees datagrams, which libp2p sends itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};

/// Counts for all sockets of a node. Its clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    writes: AtomicU64,
    received: AtomicU64,
    reads: AtomicU64,
}

impl Meter {
    /// What was counted so far, by the names of [`crate::api::counters`].
    #[must_use]
    pub fn counters(&self) -> [(&'static str, u64); 4] {
        let Counts { sent, writes, received, reads } = &*self.0;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("net_socket_bytes_sent", load(sent)),
            ("net_socket_writes", load(writes)),
            ("net_socket_bytes_received", load(received)),
            ("net_socket_reads", load(reads)),
        ]
    }

    /// A stream that is counted.
    pub const fn over<S>(self, stream: S) -> Metered<S> {
        Metered { stream, meter: self }
    }

    fn sent(&self, bytes: usize) {
        self.0.writes.fetch_add(1, Ordering::Relaxed);
        self.0.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn received(&self, bytes: usize) {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A stream that is counted.
#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    meter: Meter,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, out))?;
        self.meter.received(read);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.meter.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.meter.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;
    use futures::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn all_streams_of_a_node_are_counted_together_call_by_call() {
        let meter = Meter::default();
        let mut first = meter.clone().over(Cursor::new(vec![0; 10]));
        let mut second = meter.clone().over(Cursor::new(vec![0; 10]));
        block_on(async {
            first.write_all(&[1; 7]).await.unwrap();
            second.write_all(&[1; 2]).await.unwrap();
            second.read_exact(&mut [0; 5]).await.unwrap();
        });
        let counts = meter.counters().map(|(_, count)| count);
        assert_eq!(counts, [9, 2, 5, 1]);
    }
}
