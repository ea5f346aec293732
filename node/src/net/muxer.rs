//! Streams over one connection: as much of Yamux as a link needs, and nothing that a stranger could make larger.
//!
//! It speaks `/yamux/1.0.0` with any other (the specification in hashicorp/yamux), and differs from the `yamux` that libp2p
//! brings in what it holds. That one keeps each frame as an allocation of its own, so a window of one-byte frames takes a
//! hundred times its size, and empty frames nothing of it; its windows grow as long as a peer delays its pongs, up to 1 GiB
//! a connection; and it answers a flood of pings, window updates and streams as long as it lasts. `libp2p-yamux` lets none
//! of that be set but the number of streams.
//!
//! # Bounds
//! - A stream holds at most [`WINDOW`] that wasn't read, contiguous; all streams together [`WAITING_MAX`]. Windows
//!   don't grow. Round trips aren't measured, so there are no pings of ours.
//! - [`STREAMS_MAX`] streams. On those that we opened a peer has nothing to say but that it takes them.
//! - What waits for the socket is at most [`OUT_MAX`] of data and [`CONTROL_MAX`] of answers: whoever doesn't read its
//!   answers is closed.
//! - Frames that carry nothing are counted (`muxer/patience.rs`): a flood of them closes the connection.
//! - Closing waits at most [`CLOSE_TIMEOUT`] for the last bytes to leave.
//!
//! `muxer/session.rs` is all of it but the socket.

mod frame;
mod patience;
mod session;
mod stream;

use std::cell::RefCell;
use std::future::{Future as _, Ready, ready};
use std::io;
use std::iter::{Once, once};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use tokio::time::{Instant, Sleep};

use self::session::{Role, Session};
pub(crate) use self::stream::Stream;
use crate::net::held::{Account, Share};

/// What a peer may send on a new stream before it is told that there is room (the specification: 256 KB).
const FIRST_WINDOW: usize = 256 << 10;

/// Most bytes of a stream that wait to be read: twice what the protocol begins with, 5 MB/s over a round trip of 100 ms.
/// A guess.
pub(crate) const WINDOW: usize = 512 << 10;

/// Most bytes of all streams that wait to be read. A link has one that is worth mention.
pub(crate) const WAITING_MAX: usize = WINDOW + ANSWER_MAX;

/// Most bytes that wait on a stream of ours: the peer only says there that it takes it. A guess.
const ANSWER_MAX: usize = 4 << 10;

/// Most streams: one each way, and those that other programs open for protocols that we don't speak. A guess.
pub(crate) const STREAMS_MAX: usize = 8;

/// Data that may wait for the socket, beyond which streams take no more. As much as a link writes at once.
pub(crate) const OUT_MAX: usize = 64 << 10;

/// Answers that may wait for the socket besides. A guess: hundreds of them.
pub(crate) const CONTROL_MAX: usize = 4 << 10;

/// Most memory of a muxer, bytes: its buffers have room for up to twice what they hold, but that of a full window.
pub(crate) const HELD_MAX: usize = WAITING_MAX + 2 * (OUT_MAX + CONTROL_MAX) + (8 << 10);

/// How long the last bytes of a connection may take to leave. A guess.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Most bytes read in one turn, and written before Noise is told to send them: what it keeps is never much more.
const TURN_MAX: usize = 64 << 10;

/// Bytes written before Noise is told to send them, so that it keeps no more.
pub(crate) const FLUSH_EVERY: usize = 32 << 10;

thread_local! {
    /// What was just read: one for all connections of a thread.
    static CHUNK: RefCell<[u8; 16 << 10]> = const { RefCell::new([0; 16 << 10]) };
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The peer is done, or the connection broke.
    #[error("the session is over")]
    Closed,
    #[error("version {0} of Yamux")]
    Version(u8),
    #[error("a frame of kind {0}")]
    Kind(u8),
    #[error("a stream can't have the number {0}")]
    Stream(u32),
    #[error("too many streams")]
    Streams,
    #[error("more was sent than the window lets through")]
    Window,
    #[error("a window that is no number")]
    Credit,
    #[error("data came where none belongs")]
    Unasked,
    #[error("a flood of frames that carry nothing")]
    Flood,
    #[error("answers aren't read")]
    NotReading,
}

impl Fault {
    /// Whether an honest peer never causes it.
    const fn is_offence(self) -> bool {
        !matches!(self, Self::Closed | Self::Streams)
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        let kind = match fault {
            Fault::Closed => io::ErrorKind::BrokenPipe,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, fault)
    }
}

/// The upgrade that makes a [`Muxer`] of a connection, charging an account for what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) account: Arc<Account>,
}

impl Config {
    /// A muxer of a connection that we dialled, or that a peer did.
    pub(crate) fn of<C: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: C,
        is_dialler: bool,
    ) -> Muxer<C> {
        let role = if is_dialler { Role::Dialler } else { Role::Listener };
        Muxer::new(io, role, Arc::clone(&self.account))
    }
}

impl UpgradeInfo for Config {
    type Info = &'static str;
    type InfoIter = Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> InboundConnectionUpgrade<C> for Config {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Output>>;

    fn upgrade_inbound(self, io: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(io, Role::Listener, self.account)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> OutboundConnectionUpgrade<C> for Config {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Output>>;

    fn upgrade_outbound(self, io: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(io, Role::Dialler, self.account)))
    }
}

/// The streams of a connection.
#[derive(Debug)]
pub(crate) struct Muxer<C> {
    shared: Arc<Mutex<Shared<C>>>,
    closing: Option<Pin<Box<Sleep>>>,
}

/// What a muxer and its streams share. They are polled by few tasks, each of which drives it when it waits for it, and hands
/// the others what is theirs.
#[derive(Debug)]
struct Shared<C> {
    io: C,
    session: Session,
    /// Bytes were written and not flushed.
    unflushed: usize,
    over: Option<Fault>,
    /// The connection's task.
    driver: Option<Waker>,
    share: Share,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(io: C, role: Role, account: Arc<Account>) -> Self {
        let shared = Shared {
            io,
            session: Session::new(role, Instant::now()),
            unflushed: 0,
            over: None,
            driver: None,
            share: Share::new(account),
        };
        Self { shared: Arc::new(Mutex::new(shared)), closing: None }
    }

    fn shared(&self) -> MutexGuard<'_, Shared<C>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> Shared<C> {
    /// Reads and writes what can be; the session's other tasks learn what is theirs.
    fn drive(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        if let Some(fault) = self.over {
            return Err(fault);
        }
        let result = CHUNK.with_borrow_mut(|chunk| self.read_in(chunk, cx));
        let result = result.and_then(|()| match self.write_out(cx) {
            Poll::Ready(Err(_)) => Err(Fault::Closed),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        });
        if let Err(fault) = result {
            self.end(fault);
        }
        if self.session.has_accepted() || result.is_err() {
            self.nudge(cx.waker());
        }
        self.share.set(self.session.held_bytes());
        result
    }

    fn end(&mut self, fault: Fault) {
        if fault.is_offence() {
            self.share.account().note_flood();
        }
        self.over = Some(fault);
        self.session.end();
    }

    fn read_in(&mut self, chunk: &mut [u8], cx: &mut Context<'_>) -> Result<(), Fault> {
        let mut total = 0;
        while total < TURN_MAX {
            match Pin::new(&mut self.io).poll_read(cx, chunk) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0) | Err(_)) => return Err(Fault::Closed),
                Poll::Ready(Ok(read)) => {
                    self.session.receive(&chunk[..read], Instant::now())?;
                    total += read;
                }
            }
        }
        cx.waker().wake_by_ref(); // Others get their turn.
        Ok(())
    }

    /// Writes all that waits, and has it sent.
    fn write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let out = &self.session.out;
            if out.is_empty() || self.unflushed >= FLUSH_EVERY {
                if self.unflushed > 0 {
                    ready!(Pin::new(&mut self.io).poll_flush(cx))?;
                    self.unflushed = 0;
                    continue;
                }
                return Poll::Ready(Ok(()));
            }
            let part = &out[..out.len().min(FLUSH_EVERY)];
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, part))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed += written;
            self.session.wrote(written);
        }
    }

    /// The connection's task looks soon at what waits to be written, at a stream that came, or at the end.
    fn nudge(&self, waker: &Waker) {
        if let Some(driver) = &self.driver
            && !driver.will_wake(waker)
        {
            driver.wake_by_ref();
        }
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = Stream<C>;
    type Error = Fault;

    fn poll_inbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Stream<C>, Fault>> {
        // Streams come while it is driven, and it is asked again after that.
        let accepted = self.shared().session.accept();
        match accepted {
            Some(id) => Poll::Ready(Ok(Stream::new(id, Arc::clone(&self.shared)))),
            None => Poll::Pending,
        }
    }

    fn poll_outbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Stream<C>, Fault>> {
        let id = self.shared().session.open()?;
        Poll::Ready(Ok(Stream::new(id, Arc::clone(&self.shared))))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        if self.closing.is_none() {
            self.shared().session.go_away();
            self.closing = Some(Box::pin(tokio::time::sleep(CLOSE_TIMEOUT)));
        }
        let mut shared = self.shared();
        let closed = match shared.write_out(cx) {
            Poll::Ready(Ok(())) => Pin::new(&mut shared.io).poll_close(cx).is_ready(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        drop(shared);
        let is_late = self.closing.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
        if closed || is_late { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Fault>> {
        let mut shared = self.shared();
        match &mut shared.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            None => shared.driver = Some(cx.waker().clone()),
        }
        match shared.drive(cx) {
            Ok(()) => Poll::Pending,
            Err(fault) => Poll::Ready(Err(fault)),
        }
    }
}

impl<C> Drop for Muxer<C> {
    /// Streams that are left learn that nothing comes any more.
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.over.get_or_insert(Fault::Closed);
        shared.session.end();
    }
}
