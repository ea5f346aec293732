//! Emulated links under real ones: a TCP stream as slow and as far as its two ends' places say.
//!
//! Sits below Noise, so that the bytes that are delayed and paced are those on the wire. After
//! connecting, each side sends a prelude of four bytes that tells its [`Position`]: a place, or a number; then
//! - the **dialler** waits one round trip, for the handshake that TCP would have taken there;
//! - the **writer** paces to its node's uplink, which all its streams share;
//! - the **reader** keeps what arrives until the one-way latency from the peer has passed, with jitter
//!   but never out of order, and paces to its node's downlink, shared as well.
//!
//! What a reader holds back is bounded by the path's bandwidth-delay product, after which it stops
//! reading and TCP's own flow control stops the writer. Not emulated: slow start, congestion, loss,
//! and the shared capacity of anything between the two ends.
//!
//! Hundreds of shaped nodes share a machine, so what arrives doesn't wake those above only to be told to wait: a small task of
//! the stream's own takes it in (`Arrivals`), and they are woken once, when it is due. All time here is that of the
//! node's clock, so that latencies and lines are as slow as it is.

mod dues;
pub(crate) mod prelude;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::time::Time;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};

use self::dues::Dues;
use self::prelude::Peer;
use crate::clock::Clock;
use crate::links::{LinkModel, NodeType, Place, Position, Row};

/// The line of a node without a place: none that would be felt, and still a bound of what is held back.
const BOUNDLESS_BPS: u64 = 1_000_000_000_000;

/// How far ahead of its pace a node may send or receive, in real time. Timers are no finer than a
/// millisecond, so less would cost bandwidth.
const SLACK: Duration = Duration::from_millis(2);

/// Bytes read or written at once: a turn on the shared uplink, 2.6 ms at 50 Mbit/s.
const CHUNK: usize = 16 << 10;

/// What is held back in addition to the bandwidth-delay product, bytes: two chunks and a burst.
const HOLD_MIN: usize = 64 << 10;

thread_local! {
    /// What was just read: one for all streams of a thread, so that it isn't cleared for each read.
    static READ: RefCell<[u8; CHUNK]> = const { RefCell::new([0; CHUNK]) };
}

/// One node's end of all its shaped streams.
#[derive(Clone, Debug)]
pub struct Shaper {
    /// Of which only the jitter matters where a row says how far others are.
    model: LinkModel,
    position: Position,
    clock: Clock,
    up: Arc<Line>,
    down: Arc<Line>,
    /// Streams so far: each has its own jitter.
    streams: Arc<AtomicU64>,
    dues: Arc<Dues>,
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
    pub fn new(position: Position, clock: Clock) -> Self {
        let (model, up_bps, down_bps) = match &position {
            Position::Place(Place { node_type, .. }) => {
                (LinkModel::default(), node_type.up_bps(), node_type.down_bps())
            }
            Position::Row(row) => (LinkModel { jitter: row.jitter }, BOUNDLESS_BPS, BOUNDLESS_BPS),
        };
        Self {
            model,
            position,
            clock,
            up: Line::new(up_bps),
            down: Line::new(down_bps),
            streams: Arc::default(),
            dues: Arc::default(),
        }
    }

    /// Exchanges preludes and, as the dialler, waits out TCP's handshake.
    ///
    /// # Errors
    /// When the connection breaks or the peer isn't shaped.
    pub async fn shape<S>(self, mut stream: S, dialler: bool) -> io::Result<Shaped<S>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        stream.write_all(&prelude::of(&self.position)).await?;
        stream.flush().await?;
        let mut told = [0; prelude::LEN];
        stream.read_exact(&mut told).await?;
        let Path { latency, back, bps } = self.path(told)?;
        if dialler {
            let round_trip = latency + back;
            tokio::time::sleep_until(self.clock.instant(self.clock.now() + round_trip)).await;
        }
        let hold_max = hold_max(bps, latency);
        Ok(Shaped::new(stream, self, latency, hold_max))
    }

    /// What lies between this node and a peer that tells where it is.
    fn path(&self, told: [u8; prelude::LEN]) -> io::Result<Path> {
        match (&self.position, prelude::read(told)?) {
            (Position::Place(Place { region, node_type, .. }), Peer::Place(from, peer_type)) => {
                Ok(Path {
                    latency: self.model.latency(from, *region),
                    back: self.model.latency(*region, from),
                    bps: peer_type.up_bps().min(node_type.down_bps()),
                })
            }
            (Position::Row(row), Peer::Number(number)) => {
                let latency = row.latency(number).ok_or_else(prelude::nowhere)?;
                // Its own row tells the way back; for a handshake this one is near enough.
                Ok(Path { latency, back: latency, bps: NodeType::Supernode.up_bps() })
            }
            _ => Err(prelude::other_links()),
        }
    }

    /// How far ahead of its pace the node may be now.
    fn slack(&self) -> Duration {
        self.clock.shrunk(SLACK)
    }

    /// A random source for the jitter of a stream.
    fn stream_rng(&self, stream: u64) -> ChaCha8Rng {
        let (Position::Place(Place { seed, .. }) | Position::Row(Row { seed, .. })) =
            &self.position;
        let mut rng = ChaCha8Rng::seed_from_u64(*seed);
        rng.set_stream(stream);
        rng
    }
}

/// What lies between two nodes.
struct Path {
    /// Mean one-way latency from the peer.
    latency: Duration,
    /// The same to the peer.
    back: Duration,
    /// What the narrower of both lines carries, bits a second.
    bps: u64,
}

/// Most bytes that a reader holds back: what is under way on a full path, and room for a burst.
fn hold_max(bps: u64, latency: Duration) -> usize {
    let product = u128::from(bps / 8) * latency.as_micros() / 1_000_000;
    usize::try_from(product).unwrap_or(usize::MAX).saturating_add(HOLD_MIN)
}

/// A shaped stream. Dropping it closes the stream below.
#[derive(Debug)]
pub struct Shaped<S> {
    end: Arc<Mutex<End<S>>>,
    arrivals: JoinHandle<()>,
    shaper: Shaper,
    /// The uplink isn't free before.
    pace: Option<Pin<Box<Sleep>>>,
}

/// What a stream shares with its task.
#[derive(Debug)]
struct End<S> {
    stream: S,
    number: u64,
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
    /// When the reader is woken, if it was to be.
    due: Option<Instant>,
    reader: Option<Waker>,
    /// The task, if it takes nothing in because too much is held.
    full: Option<Waker>,
}

/// Bytes that arrived together.
#[derive(Debug)]
struct Mark {
    due: Time,
    len: usize,
    /// They have passed the downlink.
    passed: bool,
}

impl<S: AsyncRead + Send + Unpin + 'static> Shaped<S> {
    fn new(stream: S, shaper: Shaper, latency: Duration, hold_max: usize) -> Self {
        let number = shaper.streams.fetch_add(1, Ordering::Relaxed) + 1;
        shaper.dues.run();
        let end = Arc::new(Mutex::new(End {
            stream,
            number,
            rng: shaper.stream_rng(number),
            shaper: shaper.clone(),
            latency,
            held: BytesMut::new(),
            hold_max,
            marks: VecDeque::new(),
            ended: None,
            due: None,
            reader: None,
            full: None,
        }));
        let arrivals = tokio::spawn(Arrivals(Arc::downgrade(&end)));
        Self { end, arrivals, shaper, pace: None }
    }
}

impl<S> Shaped<S> {
    fn end(&self) -> MutexGuard<'_, End<S>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Drop for Shaped<S> {
    fn drop(&mut self) {
        self.arrivals.abort();
    }
}

/// Takes in what arrives on a stream, as long as there is one.
struct Arrivals<S>(Weak<Mutex<End<S>>>);

impl<S: AsyncRead + Unpin> Future for Arrivals<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(end) = self.0.upgrade() else { return Poll::Ready(()) };
        let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
        let held_some = !end.marks.is_empty();
        READ.with_borrow_mut(|chunk| end.poll_fill(chunk, cx));
        if !held_some {
            end.call_reader();
        }
        if end.ended.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<S: AsyncRead + Unpin> End<S> {
    /// Takes in what has arrived, as far as there is room.
    fn poll_fill(&mut self, chunk: &mut [u8], cx: &mut Context<'_>) {
        let now = self.shaper.clock.now();
        while self.ended.is_none() {
            if self.held.len() >= self.hold_max {
                return self.full = Some(cx.waker().clone());
            }
            let read = match Pin::new(&mut self.stream).poll_read(cx, chunk) {
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
}

impl<S> End<S> {
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
        if self.held.len() < self.hold_max {
            self.full.take().into_iter().for_each(Waker::wake);
        }
        len
    }

    /// Something came, or the end, where nothing was: wakes whoever reads when it is due.
    fn call_reader(&mut self) {
        match self.marks.front().map(|mark| mark.due) {
            Some(due) => self.wake_reader_at(due),
            None if self.ended.is_some() => self.reader.iter().for_each(Waker::wake_by_ref),
            None => {}
        }
    }

    fn wake_reader_at(&mut self, at: Time) {
        let Some(reader) = &self.reader else { return };
        let at = self.shaper.clock.instant(at);
        self.shaper.dues.set(self.number, &mut self.due, at, reader);
    }
}

impl<S> Drop for End<S> {
    fn drop(&mut self) {
        self.due.into_iter().for_each(|due| self.shaper.dues.forget(self.number, due));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Shaped<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut end = self.end();
        let end = &mut *end;
        let later = match end.released(self.shaper.clock.now()) {
            Ok(1..) => return Poll::Ready(Ok(end.release(out))),
            Ok(0) => match end.ended.as_mut().map(Option::take) {
                Some(Some(error)) => return Poll::Ready(Err(error)),
                Some(None) => return Poll::Ready(Ok(0)),
                None => None,
            },
            Err(later) => Some(later),
        };
        match &mut end.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            None => end.reader = Some(cx.waker().clone()),
        }
        if let Some(later) = later {
            end.wake_reader_at(later);
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Shaped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Shaper { up, clock, .. } = &this.shaper;
        let (now, slack) = (clock.now(), this.shaper.slack());
        // Zero bytes only ask whether the line is free.
        if let Err(later) = up.pass(now, 0, slack) {
            let later = clock.instant(later);
            let pace = this.pace.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(later)));
            if pace.deadline() != later {
                pace.as_mut().reset(later);
            }
            if pace.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        let chunk = &bytes[..bytes.len().min(CHUNK)];
        let written = ready!(Pin::new(&mut this.end().stream).poll_write(cx, chunk))?;
        let passed = up.pass(now, written, slack);
        debug_assert!(passed.is_ok(), "the line was free at the same moment");
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end().stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests;
