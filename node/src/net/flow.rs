//! Moves bytes between a connection's streams and its [`Pipe`]: many messages a system call.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use futures::{AsyncRead, AsyncWrite};
use tidings_protocol::chain::Chain;
use tidings_protocol::wire::frame::Reader;

use crate::net::pipe::{LOW_MARK, Pipe, State};

/// Most bytes written between two looks at the queue: what the driver queues meanwhile waits behind
/// them, whatever its class. A guess, four of Yamux's frames of 16 KiB.
pub(crate) const WRITE_MAX: usize = 64 << 10;

/// Most bytes read per wake-up, after which others get their turn: a block must not hog the thread.
/// A guess, as much as is written at once.
const READ_MAX: usize = 64 << 10;

/// Most bytes written per wake-up, after which others get their turn: a peer that takes all it can get must not
/// hog the thread. A guess: half a millisecond of encryption.
const TURN_MAX: usize = 4 * WRITE_MAX;

/// Bytes read at once. A guess, one of Yamux's frames.
pub(crate) const READ_CHUNK: usize = 16 << 10;

thread_local! {
    /// What was just read. One for all connections of a thread, so that it is neither cleared for each read nor
    /// held by each connection.
    static CHUNK: RefCell<[u8; READ_CHUNK]> = const { RefCell::new([0; READ_CHUNK]) };
}

/// A write buffer larger than this is given back when empty: hundreds of nodes share a machine.
const KEEP_MAX: usize = 4 << 10;

/// Writes what the driver queues.
pub(crate) struct Outflow<S> {
    stream: S,
    /// Bytes that the stream hasn't taken yet.
    buffer: BytesMut,
    /// Something was written and not yet flushed.
    unflushed: bool,
}

impl<S: AsyncWrite + Unpin> Outflow<S> {
    /// Writes on a stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new(), unflushed: false }
    }

    /// Writes until nothing is queued, the stream takes no more, or it is others' turn; flushes once.
    ///
    /// # Errors
    /// When the stream broke. Never ready otherwise.
    pub(crate) fn poll(&mut self, pipe: &Arc<Pipe>, cx: &mut Context<'_>) -> Poll<io::Error> {
        match self.poll_io(pipe, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(error),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    /// Whether something is left to be written or flushed.
    pub(crate) fn has_rest(&self) -> bool {
        self.unflushed || !self.buffer.is_empty()
    }

    fn poll_io(&mut self, pipe: &Arc<Pipe>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut total = 0;
        while total < TURN_MAX && (!self.buffer.is_empty() || self.refill(pipe)) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.buffer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(written);
            self.unflushed = true;
            total += written;
        }
        if total >= TURN_MAX {
            cx.waker().wake_by_ref();
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next bytes from the queue; false if it is empty.
    fn refill(&mut self, pipe: &Arc<Pipe>) -> bool {
        let mut state = pipe.state();
        if state.writer.is_empty() {
            state.sent_all();
            if self.buffer.capacity() > KEEP_MAX {
                self.buffer = BytesMut::new();
            }
            state.leaving = self.buffer.capacity();
            state.count();
            return false;
        }
        state.writer.fill(&mut self.buffer, WRITE_MAX);
        state.leaving = self.buffer.capacity();
        state.count();
        if state.congested && state.writer.pressing_bytes() <= LOW_MARK {
            state.congested = false;
            state.drained = true;
            pipe.list(&mut state);
        }
        true
    }
}

/// Reads messages for the driver.
pub(crate) struct Inflow<S> {
    stream: S,
    reader: Reader,
    /// What was read and not decoded, since the driver had enough: at most a chunk.
    rest: Vec<u8>,
    /// The stream had no more when it was last asked, and wakes the task when it has.
    is_waiting: bool,
}

impl<S: AsyncRead + Unpin> Inflow<S> {
    /// Reads from a stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, reader: Reader::default(), rest: Vec::new(), is_waiting: false }
    }

    /// The message that has been incomplete for longest, see [`Reader::oldest_unfinished`].
    pub(crate) fn oldest_unfinished(&self) -> Option<(u64, usize)> {
        self.reader.oldest_unfinished()
    }

    /// Whether there is nothing to read until the stream wakes the task.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Reads until there is no more, the driver has enough to do, or it is others' turn.
    ///
    /// # Errors
    /// When the stream broke or ended. Never ready otherwise.
    pub(crate) fn poll(
        &mut self,
        pipe: &Arc<Pipe>,
        chain: &dyn Chain,
        cx: &mut Context<'_>,
    ) -> Poll<io::Error> {
        CHUNK.with_borrow_mut(|chunk| self.poll_into(chunk, pipe, chain, cx))
    }

    fn poll_into(
        &mut self,
        chunk: &mut [u8],
        pipe: &Arc<Pipe>,
        chain: &dyn Chain,
        cx: &mut Context<'_>,
    ) -> Poll<io::Error> {
        let mut total = 0;
        self.is_waiting = false;
        while total < READ_MAX && pipe.state().wants_input() {
            let rest = std::mem::take(&mut self.rest);
            let bytes = if rest.is_empty() {
                let read = match Pin::new(&mut self.stream).poll_read(cx, chunk) {
                    Poll::Pending => {
                        self.is_waiting = true;
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(0)) => return Poll::Ready(io::ErrorKind::UnexpectedEof.into()),
                    Poll::Ready(Ok(read)) => read,
                    Poll::Ready(Err(error)) => return Poll::Ready(error),
                };
                &chunk[..read]
            } else {
                &rest[..]
            };
            total += bytes.len();
            let mut state = pipe.state();
            if self.decode(bytes, chain, &mut state) {
                pipe.list(&mut state);
            }
        }
        if total >= READ_MAX {
            cx.waker().wake_by_ref();
        } else {
            // Nothing is taken, but the muxer goes on: with what lets us write, and with the connection's end.
            let _ = Pin::new(&mut self.stream).poll_read(cx, &mut []);
        }
        Poll::Pending
    }

    /// Decodes what has arrived, until the driver has enough: a few bytes make a message that takes a hundred. True if the
    /// driver should look.
    fn decode(&mut self, mut bytes: &[u8], chain: &dyn Chain, state: &mut State) -> bool {
        let mut is_news = false;
        while state.wants_input() {
            match self.reader.read(&mut bytes, chain) {
                Ok(Some(message)) => state.arrive(message),
                Ok(None) => break,
                Err(error) => state.malformed = Some(error),
            }
            is_news = true;
        }
        if state.malformed.is_none() {
            self.rest = bytes.to_vec();
        }
        state.unfinished = self.reader.held_bytes() + self.rest.capacity();
        state.count();
        is_news
    }
}
