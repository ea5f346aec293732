//! A muxer whose streams are counted: frames and bytes by kind, both ways, multiplexing and encryption left out, as a
//! Tidings node counts its own.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::StreamMuxer;
use libp2p::core::muxing::StreamMuxerEvent;
use tidings::api::TrafficStatus;

use crate::frames::{Frames, KINDS};

/// What all streams of a node carried. Its clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<[Kind; KINDS.len()]>);

#[derive(Debug, Default)]
struct Kind {
    sent: Direction,
    received: Direction,
}

#[derive(Debug, Default)]
struct Direction {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Direction {
    fn note(&self, bytes: u64) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn read(&self) -> (u64, u64) {
        (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

impl Counts {
    /// By kind, what there was; kinds that never occurred are left out.
    pub(crate) fn traffic(&self) -> BTreeMap<String, TrafficStatus> {
        let status = |kind: &Kind| {
            let (sent_messages, sent_bytes) = kind.sent.read();
            let (received_messages, received_bytes) = kind.received.read();
            TrafficStatus { sent_messages, sent_bytes, received_messages, received_bytes }
        };
        let named = KINDS.iter().zip(self.0.iter());
        let all = named.map(|(name, kind)| ((*name).to_owned(), status(kind)));
        all.filter(|(_, status)| *status != TrafficStatus::default()).collect()
    }
}

/// A muxer whose streams are counted.
#[derive(Debug)]
pub(crate) struct Counted<M> {
    muxer: M,
    counts: Counts,
}

impl<M> Counted<M> {
    pub(crate) const fn new(muxer: M, counts: Counts) -> Self {
        Self { muxer, counts }
    }

    fn stream<S>(&self, stream: S) -> CountedStream<S> {
        let counts = self.counts.clone();
        CountedStream { stream, counts, sent: Frames::default(), received: Frames::default() }
    }
}

impl<M: StreamMuxer + Unpin> StreamMuxer for Counted<M>
where
    M::Substream: Unpin,
{
    type Substream = CountedStream<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        let stream = ready!(Pin::new(&mut self.muxer).poll_inbound(cx))?;
        Poll::Ready(Ok(self.stream(stream)))
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        let stream = ready!(Pin::new(&mut self.muxer).poll_outbound(cx))?;
        Poll::Ready(Ok(self.stream(stream)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.muxer).poll_close(cx)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        Pin::new(&mut self.muxer).poll(cx)
    }
}

/// A stream that is counted.
#[derive(Debug)]
pub(crate) struct CountedStream<S> {
    stream: S,
    counts: Counts,
    sent: Frames,
    received: Frames,
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, counts, received, .. } = &mut *self;
        let read = ready!(Pin::new(stream).poll_read(cx, out))?;
        received.take(&out[..read], |kind, size| counts.0[kind].received.note(size));
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, counts, sent, .. } = &mut *self;
        let written = ready!(Pin::new(stream).poll_write(cx, bytes))?;
        sent.take(&bytes[..written], |kind, size| counts.0[kind].sent.note(size));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
