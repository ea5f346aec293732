//! Emulated links under real ones: a TCP stream as slow and as far as its two ends' places say.
//!
//! Sits below Noise, so that the bytes that are delayed and paced are those on the wire. After
//! connecting, each side sends a prelude of four bytes that tells its [`Place`]; then
//! - the **dialler** waits one round trip, for the handshake that TCP would have taken there;
//! - the **writer** paces to its node's uplink, which all its streams share;
//! - the **reader** keeps what arrives until the one-way latency from the peer has passed, with jitter
//!   but never out of order, and paces to its node's downlink, shared as well.
//!
//! What a reader holds back is bounded by the path's bandwidth-delay product, after which it stops
//! reading and TCP's own flow control stops the writer. Not emulated: slow start, congestion, loss,
//! and the shared capacity of anything between the two ends.
//!
//! One timer a stream and no task: hundreds of shaped nodes share a machine. All time here is that of the
//! node's clock, so that latencies and lines are as slow as it is.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::time::Time;
use tokio::time::{Instant, Sleep};

use crate::clock::Clock;
use crate::links::{LinkModel, NodeType, Place, Region};

/// First two bytes of a prelude: two that begin neither a libp2p nor a TLS connection.
const MAGIC: u8 = 0xD7;
const VERSION: u8 = 1;

/// How far ahead of its pace a node may send or receive, in real time. Timers are no finer than a
/// millisecond, so less would cost bandwidth.
const SLACK: Duration = Duration::from_millis(2);

/// Bytes read or written at once: a turn on the shared uplink, 2.6 ms at 50 Mbit/s.
const CHUNK: usize = 16 << 10;

/// What is held back in addition to the bandwidth-delay product, bytes: two chunks and a burst.
const HOLD_MIN: usize = 64 << 10;

/// One node's end of all its shaped streams.
#[derive(Clone, Debug)]
pub struct Shaper {
    model: LinkModel,
    place: Place,
    clock: Clock,
    up: Arc<Line>,
    down: Arc<Line>,
    /// Streams so far: each has its own jitter.
    streams: Arc<Mutex<u64>>,
}

/// A node's line one way, shared by its streams: when what was accepted so far will have passed.
#[derive(Debug)]
struct Line {
    bps: u64,
    free_at: Mutex<Time>,
}

impl Line {
    fn new(bps: u64) -> Arc<Self> {
        Arc::new(Self { bps, free_at: Mutex::new(Time::ZERO) })
    }

    /// Puts bytes on the line if it is free, or will be within `slack`.
    ///
    /// # Errors
    /// When to come again, if it isn't.
    fn pass(&self, now: Time, bytes: usize, slack: Duration) -> Result<(), Time> {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        if *free_at > now + slack {
            return Err(now + (*free_at - now - slack));
        }
        let nanos = bytes as u64 * 8 * 1_000_000_000 / self.bps;
        *free_at = (*free_at).max(now) + Duration::from_nanos(nanos);
        Ok(())
    }
}

impl Shaper {
    /// The shaper of a node at a place.
    #[must_use]
    pub fn new(place: Place, clock: Clock) -> Self {
        Self {
            model: LinkModel::default(),
            place,
            clock,
            up: Line::new(place.node_type.up_bps()),
            down: Line::new(place.node_type.down_bps()),
            streams: Arc::default(),
        }
    }

    /// Exchanges preludes and, as the dialler, waits out TCP's handshake.
    ///
    /// # Errors
    /// When the connection breaks or the peer isn't shaped.
    pub async fn shape<S>(self, mut stream: S, dialler: bool) -> io::Result<Shaped<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Place { region, node_type, .. } = self.place;
        stream.write_all(&[MAGIC, VERSION, region as u8, node_type as u8]).await?;
        stream.flush().await?;
        let mut prelude = [0; 4];
        stream.read_exact(&mut prelude).await?;
        let (from, peer_type) = read_prelude(prelude)?;
        let latency = self.model.latency(from, region);
        if dialler {
            let round_trip = latency + self.model.latency(region, from);
            tokio::time::sleep_until(self.clock.instant(self.clock.now() + round_trip)).await;
        }
        let bps = peer_type.up_bps().min(node_type.down_bps());
        Ok(Shaped {
            stream,
            rng: self.stream_rng(),
            hold_max: hold_max(bps, latency),
            shaper: self,
            latency,
            held: BytesMut::new(),
            marks: VecDeque::new(),
            ended: None,
            timer: None,
        })
    }

    /// How far ahead of its pace the node may be now.
    fn slack(&self) -> Duration {
        self.clock.shrunk(SLACK)
    }

    /// A random source for the jitter of one more stream.
    fn stream_rng(&self) -> ChaCha8Rng {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        *streams += 1;
        let mut rng = ChaCha8Rng::seed_from_u64(self.place.seed);
        rng.set_stream(*streams);
        rng
    }
}

/// Where the peer is, and how it is connected.
fn read_prelude([magic, version, region, node_type]: [u8; 4]) -> io::Result<(Region, NodeType)> {
    if (magic, version) != (MAGIC, VERSION) {
        return Err(io::Error::other(
            "the peer's links are not shaped: links.model must be the same on all nodes of a network",
        ));
    }
    let place = (Region::from_number(region), NodeType::from_number(node_type));
    let (Some(region), Some(node_type)) = place else {
        return Err(io::Error::other("the peer says that it is in no place that we know"));
    };
    Ok((region, node_type))
}

/// Most bytes that a reader holds back: what is under way on a full path, and room for a burst.
fn hold_max(bps: u64, latency: Duration) -> usize {
    let product = u128::from(bps / 8) * latency.as_micros() / 1_000_000;
    usize::try_from(product).unwrap_or(usize::MAX).saturating_add(HOLD_MIN)
}

/// A shaped stream. Both halves must be polled by one task, as libp2p does: they share the timer.
#[derive(Debug)]
pub struct Shaped<S> {
    stream: S,
    shaper: Shaper,
    rng: ChaCha8Rng,
    /// Mean one-way latency from the peer.
    latency: Duration,
    /// Bytes that arrived and were not released, at most `hold_max`.
    held: BytesMut,
    hold_max: usize,
    /// Which of them may leave when: in order of both.
    marks: VecDeque<Mark>,
    /// The stream ended or broke behind what is held.
    ended: Option<Option<io::Error>>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Bytes that arrived together.
#[derive(Debug)]
struct Mark {
    due: Time,
    len: usize,
    /// They have passed the downlink.
    passed: bool,
}

impl<S: AsyncRead + Unpin> Shaped<S> {
    /// Takes in what has arrived, as far as there is room.
    fn poll_fill(&mut self, cx: &mut Context<'_>, now: Time) {
        let mut chunk = [0; CHUNK];
        while self.ended.is_none() && self.held.len() < self.hold_max {
            let read = match Pin::new(&mut self.stream).poll_read(cx, &mut chunk) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => return self.ended = Some(None),
                Poll::Ready(Err(error)) => return self.ended = Some(Some(error)),
                Poll::Ready(Ok(read)) => read,
            };
            let due = now + self.shaper.model.jittered(self.latency, &mut self.rng);
            let due = self.marks.back().map_or(due, |last| due.max(last.due));
            self.marks.push_back(Mark { due, len: read, passed: false });
            self.held.extend_from_slice(&chunk[..read]);
        }
    }

    /// How many of the held bytes may leave now; if none, when to look again.
    fn released(&mut self, now: Time) -> Result<usize, Time> {
        let Some(mark) = self.marks.front_mut() else { return Ok(0) };
        if mark.due > now {
            return Err(mark.due);
        }
        if !mark.passed {
            self.shaper.down.pass(now, mark.len, self.shaper.slack())?;
            mark.passed = true;
        }
        Ok(mark.len)
    }

    fn release(&mut self, out: &mut [u8]) -> usize {
        let Some(mark) = self.marks.front_mut() else { return 0 };
        let len = mark.len.min(out.len());
        self.held.copy_to_slice(&mut out[..len]);
        mark.len -= len;
        if mark.len == 0 {
            self.marks.pop_front();
        }
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
        len
    }
}

impl<S> Shaped<S> {
    /// Wakes the task at a moment, or at an earlier one that is already set.
    fn wake_at(&mut self, cx: &mut Context<'_>, at: Time) {
        let (at, now) = (self.shaper.clock.instant(at), Instant::now());
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() > at || timer.deadline() <= now {
            timer.as_mut().reset(at);
        }
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Shaped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let now = self.shaper.clock.now();
        if !matches!(self.released(now), Ok(1..)) {
            self.poll_fill(cx, now);
        }
        match self.released(now) {
            Ok(0) => match self.ended.as_mut().map(Option::take) {
                Some(Some(error)) => Poll::Ready(Err(error)),
                Some(None) => Poll::Ready(Ok(0)),
                None => Poll::Pending,
            },
            Ok(_) => Poll::Ready(Ok(self.release(out))),
            Err(later) => {
                self.wake_at(cx, later);
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Shaped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let (now, slack) = (self.shaper.clock.now(), self.shaper.slack());
        // Zero bytes only ask whether the line is free.
        if let Err(later) = self.shaper.up.pass(now, 0, slack) {
            self.wake_at(cx, later);
            return Poll::Pending;
        }
        let chunk = &bytes[..bytes.len().min(CHUNK)];
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, chunk))?;
        let passed = self.shaper.up.pass(now, written, slack);
        debug_assert!(passed.is_ok(), "the line was free at the same moment");
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
mod tests;
