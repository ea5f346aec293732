//! Yamux by single frames (hashicorp/yamux, its specification), so that each of its rules can be kept or broken.
//!
//! One task reads and writes: [`Mux::turn`] does what can be done, and waits if that is nothing. By default our side is
//! polite: it answers pings, and gives back the window that it has read.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, BytesMut};
use futures::{AsyncRead as _, AsyncWrite as _};
use tokio::time::{Instant, sleep_until};

use crate::secure::Secured;

/// Length of a header.
const HEADER: usize = 12;

/// Window of a new stream, both ways.
const WINDOW: u32 = 256 << 10;

/// Most bytes in one frame of ours, as rust-yamux splits them.
const FRAME_MAX: usize = 16 << 10;

/// Bytes waiting to be written at which whoever makes more has to wait.
const OUTBOX_MAX: usize = 256 << 10;

/// Read at once.
const CHUNK: usize = 64 << 10;

/// Received and not yet taken bytes of a stream over which they are dropped: nobody takes them.
const RECEIVED_MAX: usize = 16 << 20;

/// Kinds of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes of a stream.
    Data = 0,
    /// More window for a stream.
    WindowUpdate = 1,
    /// A ping or its answer.
    Ping = 2,
    /// The end of the session.
    GoAway = 3,
}

/// Opens a stream, or asks for an answer to a ping.
pub const SYN: u16 = 1;
/// Accepts a stream, or answers a ping.
pub const ACK: u16 = 2;
/// Ends our half of a stream.
pub const FIN: u16 = 4;
/// Ends a stream at once.
pub const RST: u16 = 8;

/// When pings are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pongs {
    /// At once.
    #[default]
    AtOnce,
    /// So much later: what the other side takes for a round trip grows with it.
    After(Duration),
}

/// A stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// Bytes that we may still send.
    pub window: u32,
    /// Bytes received and not yet taken.
    pub received: BytesMut,
    /// The other side has ended its half.
    pub is_over: bool,
    /// Read bytes that were not given back as window.
    owed: u32,
}

/// A session of Yamux, of which we are the side that dialled.
pub struct Mux {
    io: Secured,
    chunk: Box<[u8]>,
    inbox: BytesMut,
    outbox: BytesMut,
    streams: BTreeMap<u32, Stream>,
    next: u32,
    pongs_due: VecDeque<(Instant, u32)>,
    /// When pings are answered.
    pub pongs: Pongs,
    /// Whether read bytes are given back as window.
    pub credits: bool,
    /// Whether anything is read at all.
    pub reads: bool,
}

impl std::fmt::Debug for Mux {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mux").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}

impl Mux {
    /// A session on a secured connection.
    #[must_use]
    pub fn new(io: Secured) -> Self {
        Self {
            io,
            chunk: vec![0; CHUNK].into(),
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            streams: BTreeMap::new(),
            next: 1,
            pongs_due: VecDeque::new(),
            pongs: Pongs::default(),
            credits: true,
            reads: true,
        }
    }

    /// Queues a frame of any kind.
    pub fn frame(&mut self, kind: Kind, flags: u16, stream: u32, length: u32) {
        self.outbox.put_u8(0);
        self.outbox.put_u8(kind as u8);
        self.outbox.put_u16(flags);
        self.outbox.put_u32(stream);
        self.outbox.put_u32(length);
    }

    /// Queues bytes of a stream, whatever its window.
    pub fn data(&mut self, stream: u32, bytes: &[u8]) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            let taken = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            stream.window = stream.window.saturating_sub(taken);
        }
        for part in bytes.chunks(FRAME_MAX) {
            self.frame(Kind::Data, 0, stream, u32::try_from(part.len()).unwrap_or(0));
            self.outbox.put_slice(part);
        }
    }

    /// Opens a stream.
    pub fn open(&mut self) -> u32 {
        let id = self.next;
        self.next += 2;
        self.frame(Kind::WindowUpdate, SYN, id, 0);
        self.streams.insert(id, Stream { window: WINDOW, ..Stream::default() });
        id
    }

    /// Opens a stream and forgets it at once.
    pub fn open_and_reset(&mut self) {
        let id = self.next;
        self.next = self.next.wrapping_add(2);
        self.frame(Kind::WindowUpdate, SYN, id, 0);
        self.frame(Kind::WindowUpdate, RST, id, 0);
    }

    /// The streams, ours and those that the other side opened.
    pub fn streams(&mut self) -> impl Iterator<Item = (u32, &mut Stream)> {
        self.streams.iter_mut().map(|(id, stream)| (*id, stream))
    }

    /// A stream.
    pub fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        self.streams.get_mut(&id)
    }

    /// Sends bytes on a stream, as fast as its window lets us.
    ///
    /// # Errors
    /// When the connection or the stream ends.
    pub async fn send(&mut self, id: u32, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let stream = self.streams.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
            if stream.is_over {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if stream.window == 0 || self.outbox.len() >= OUTBOX_MAX {
                self.turn().await?;
                continue;
            }
            let length = bytes.len().min(stream.window as usize);
            self.data(id, &bytes[..length]);
            bytes = &bytes[length..];
        }
        self.relieve().await
    }

    /// Waits until not too much waits to be written.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn relieve(&mut self) -> io::Result<()> {
        while self.outbox.len() >= OUTBOX_MAX {
            self.turn().await?;
        }
        // One write for what a loop makes, and others get their turn.
        if self.outbox.len() >= FRAME_MAX {
            self.step().await?;
        }
        Ok(())
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            self.turn().await?;
        }
        Ok(())
    }

    /// Reads and writes what can be at once.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn step(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            let moved = self.poll_io(cx);
            Poll::Ready(moved.map(|_| ()))
        })
        .await?;
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Reads and writes, at least something.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn turn(&mut self) -> io::Result<()> {
        let due = self.pongs_due.front().map(|(at, _)| *at);
        let far = Instant::now() + Duration::from_secs(3_600);
        let mut timer = pin!(sleep_until(due.unwrap_or(far)));
        poll_fn(|cx| {
            let is_due = due.is_some() && timer.as_mut().poll(cx).is_ready();
            match self.poll_io(cx) {
                Ok(false) if !is_due => Poll::Pending,
                moved => Poll::Ready(moved.map(|_| ())),
            }
        })
        .await
    }

    /// Moves what can be moved; true if that is something.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        self.answer_pings();
        let mut moved = false;
        while !self.outbox.is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, &self.outbox) {
                Poll::Ready(written) => self.outbox.advance(written?),
                Poll::Pending => break,
            }
            moved = true;
        }
        if let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(cx) {
            flushed?;
        }
        if self.reads
            && let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, &mut self.chunk)
        {
            match read? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.inbox.extend_from_slice(&self.chunk[..read]),
            }
            moved = true;
            while self.take_frame()? {}
            self.give_back();
        }
        Ok(moved)
    }

    fn answer_pings(&mut self) {
        let now = Instant::now();
        while let Some((at, nonce)) = self.pongs_due.front().copied()
            && at <= now
        {
            self.pongs_due.pop_front();
            self.frame(Kind::Ping, ACK, 0, nonce);
        }
    }

    /// Takes in one frame; false if there is none that is complete.
    fn take_frame(&mut self) -> io::Result<bool> {
        let Some(mut header) = self.inbox.get(..HEADER) else { return Ok(false) };
        let (_version, kind, flags) = (header.get_u8(), header.get_u8(), header.get_u16());
        let (id, length) = (header.get_u32(), header.get_u32());
        let body = if kind == Kind::Data as u8 { length as usize } else { 0 };
        if self.inbox.len() < HEADER + body {
            return Ok(false);
        }
        self.inbox.advance(HEADER);
        let body = self.inbox.split_to(body);
        match kind {
            0 | 1 => {
                if flags & SYN != 0 {
                    self.streams.insert(id, Stream { window: WINDOW, ..Stream::default() });
                    self.frame(Kind::WindowUpdate, ACK, id, 0);
                }
                if let Some(stream) = self.streams.get_mut(&id) {
                    if kind == 1 {
                        stream.window = stream.window.saturating_add(length);
                    } else {
                        stream.owed += length;
                        if stream.received.len() < RECEIVED_MAX {
                            stream.received.extend_from_slice(&body);
                        }
                    }
                    stream.is_over |= flags & (FIN | RST) != 0;
                }
            }
            2 if flags & SYN != 0 => match self.pongs {
                Pongs::AtOnce => self.frame(Kind::Ping, ACK, 0, length),
                Pongs::After(wait) => self.pongs_due.push_back((Instant::now() + wait, length)),
            },
            2 => {}
            _ => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
        Ok(true)
    }

    /// Gives back the window of what was read, in large pieces.
    fn give_back(&mut self) {
        if !self.credits {
            return;
        }
        let owed = |stream: &mut Stream| {
            let is_much = stream.owed >= WINDOW / 4;
            if is_much { std::mem::take(&mut stream.owed) } else { 0 }
        };
        let owed: Vec<(u32, u32)> =
            self.streams.iter_mut().map(|(id, stream)| (*id, owed(stream))).collect();
        for (id, owed) in owed.into_iter().filter(|(_, owed)| *owed > 0) {
            self.frame(Kind::WindowUpdate, 0, id, owed);
        }
    }
}
