//! Captures a node: what its core is handed goes into a buffer, and a thread compresses that and writes it.
//!
//! The node never waits for it. If the disk takes less than comes, or nothing, or there is as much as may be, the capture *ends*, with
//! its beginning whole and a reason, and the node goes on as if there had been none.
//!
//! # Bounds
//! Two blocks' worth in the buffer, [`QUEUE_MAX`] blocks and [`QUEUE_BYTES_MAX`] between it and the thread (but for one input that is
//! larger by itself), and on the disk `segments` times `segment_bytes`, give or take a block.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Input};
use tokio::time::Instant;

use super::actions::{self, Digest};
use super::asked::Asked;
use super::block::{Block, Kind, SegmentHead};
use super::bytes::{put_len, put_number};
use super::files::{self, Found};
use super::head::Head;
use super::input;
use crate::clock::Clock;
use crate::files::advice;

/// From this size on a block is handed over, bytes. A guess: two of deflate's windows.
const BLOCK_BYTES: usize = 64 << 10;

/// A block is handed over after this at the latest: what a node that is killed loses of its last moments. A guess.
const BLOCK_SPAN: Duration = Duration::from_millis(500);

/// Most blocks between the node and the thread.
const QUEUE_MAX: usize = 256;

/// Most bytes of them. A guess: a disk that stands still for seconds.
const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Where and how much is captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureConfig {
    /// What the names of the segments begin with.
    pub file: PathBuf,
    /// From which size on a segment is followed by another one, bytes.
    pub segment_bytes: u64,
    /// Most segments, those of earlier lives included.
    pub segments: u32,
    /// The network's name and rules, as its file has them ([`rules_of`](super::head::rules_of)); empty for rules that no file knows.
    pub network: String,
}

/// Why a capture ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The node was stopped.
    Stopped,
    /// The node was stopped by a fault of the program.
    Fault,
    /// There are as many segments as there may be.
    Full {
        /// How many.
        segments: u32,
    },
    /// The disk took less than came.
    Slow,
    /// The disk refused.
    Disk(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the node was stopped"),
            Self::Fault => f.write_str("a fault of the program stopped the node"),
            Self::Full { segments } => write!(
                f,
                "{segments} segments are full, which is what capture.segments allows: raise it or capture.segment_mb, and \
                 start the node again"
            ),
            Self::Slow => f.write_str("the disk takes less than there is to write"),
            Self::Disk(why) => f.write_str(why),
        }
    }
}

/// A capture that can't begin.
#[derive(Debug, thiserror::Error)]
#[error("cannot capture to {} (capture.file): {why}", path.display())]
pub struct CaptureError {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// What node and thread both know.
#[derive(Debug, Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    written_bytes: AtomicU64,
    segments: AtomicU32,
    end: OnceLock<End>,
}

enum Order {
    Block(Block<Bytes>),
    End(End),
}

/// A capture under way, or one that ended.
pub struct Capture {
    config: CaptureConfig,
    life: u32,
    clock: Clock,
    buffer: BytesMut,
    /// Number of the first input in the buffer.
    first: u64,
    /// The time before it, and what the clock shows then.
    began: (Time, u64),
    /// When the first thing came into the buffer.
    began_real: Option<Instant>,
    inputs: u64,
    last: Time,
    digest: Digest,
    asked: Asked,
    /// None once it has ended.
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    is_told: bool,
}

/// How a capture is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// What the names of its segments begin with.
    pub file: String,
    /// Number of this life.
    pub life: u32,
    /// Inputs so far.
    pub inputs: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes that wait for the disk.
    pub queued_bytes: usize,
    /// Segments of this life.
    pub segments: u32,
    /// Why it ended, if it has.
    pub ended: Option<End>,
}

impl Capture {
    /// Begins a capture: makes room, makes the first segment and starts the thread.
    ///
    /// # Errors
    /// When the files can't be made.
    pub fn start(config: CaptureConfig, head: &Head, clock: &Clock) -> Result<Self, CaptureError> {
        let failed = |why: String| CaptureError { path: config.file.clone(), why };
        let raw = serde_json::to_vec(head).map_err(|error| failed(error.to_string()))?;
        let files =
            Files::create(&config).map_err(|error| failed(format!("{error}{}", advice(&error))))?;
        let (life, shared) = (files.life, Arc::new(Shared::default()));
        let (orders, inbox) = sync_channel(QUEUE_MAX);
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || files.run(&inbox, &of_thread))
            .map_err(|error| failed(error.to_string()))?;
        let mut capture = Self {
            config,
            life,
            clock: clock.clone(),
            buffer: BytesMut::new(),
            first: 0,
            began: (Time::ZERO, head.began_unix_us),
            began_real: None,
            inputs: 0,
            last: Time::ZERO,
            digest: Digest::default(),
            asked: Asked::default(),
            orders: Some(orders),
            thread: Some(thread),
            shared,
            is_told: false,
        };
        capture.send(Kind::Head, raw.into());
        Ok(capture)
    }

    /// An input is handed to the core at a moment. To be followed by [`acted`](Self::acted).
    pub fn input(&mut self, now: Time, input: &Input<'_>) {
        if self.orders.is_none() {
            return;
        }
        self.begin_record(now);
        let asked = &self.asked;
        input::put(input, |item| asked.is(item), &mut self.buffer);
        self.asked.on_input(input);
        self.inputs += 1;
    }

    /// What the core decided about it.
    pub fn acted(&mut self, actions: &[Action]) {
        if self.orders.is_none() {
            return;
        }
        put_len(actions.len(), &mut self.buffer);
        for action in actions {
            self.buffer.put_u8(actions::number(action));
            self.digest.add(action);
            self.asked.on_action(action);
        }
        if !actions.is_empty() {
            self.buffer.put_u32_le(self.digest.kept());
        }
        if self.buffer.len() >= BLOCK_BYTES {
            self.cut();
        }
    }

    /// A peer is about to be linked that the transport knows by a name.
    pub fn met(&mut self, now: Time, peer: PeerKey, id: &[u8]) {
        if self.orders.is_some() {
            self.begin_record(now);
            input::put_met(peer, id, &mut self.buffer);
        }
    }

    fn begin_record(&mut self, now: Time) {
        if self.buffer.is_empty() {
            self.first = self.inputs;
            self.began = (now, self.clock.unix_us(now));
            self.began_real = Some(Instant::now());
            self.last = now;
        }
        let passed = now.as_nanos().wrapping_sub(self.last.as_nanos());
        put_number(passed, &mut self.buffer);
        self.last = now;
    }

    /// When what came is to be handed over at the latest.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.began_real.map(|began| began + BLOCK_SPAN)
    }

    /// Hands over what has waited long enough. Returns why the capture has ended, once, if nobody asked it to.
    pub fn tick(&mut self, now: Instant) -> Option<End> {
        if self.due().is_some_and(|due| due <= now) {
            self.cut();
        }
        if self.orders.is_some() && self.shared.end.get().is_some() {
            self.close();
        }
        if self.orders.is_some() || self.is_told {
            return None;
        }
        self.is_told = true;
        self.shared.end.get().cloned()
    }

    fn cut(&mut self) {
        let raw = self.buffer.split().freeze();
        self.began_real = None;
        if !raw.is_empty() {
            self.send(Kind::Inputs, raw);
        }
    }

    fn send(&mut self, kind: Kind, raw: Bytes) {
        let Some(orders) = &self.orders else { return };
        let (len, (at, unix_us)) = (raw.len(), self.began);
        let queued = self.shared.queued_bytes.fetch_add(len, Ordering::Relaxed);
        let block = Block { kind, first: self.first, at, unix_us, raw };
        let is_over = queued > 0 && queued + len > QUEUE_BYTES_MAX;
        let sent = if is_over {
            Err(TrySendError::Full(Order::Block(block)))
        } else {
            orders.try_send(Order::Block(block))
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let _ = self.shared.end.set(End::Slow);
                self.close();
            }
            // Why, the thread has said.
            Err(TrySendError::Disconnected(_)) => self.close(),
        }
    }

    /// Nothing more is captured.
    fn close(&mut self) {
        (self.orders, self.buffer, self.began_real) = (None, BytesMut::new(), None);
        self.asked = Asked::default();
    }

    /// Ends it since the node ends, with all that came so far. Returns the thread, which is through once all is written.
    #[must_use]
    pub fn finish(mut self, end: End) -> Option<JoinHandle<()>> {
        self.cut();
        if let Some(orders) = self.orders.take() {
            // Nobody reads a node's last words faster than the disk takes them: if there is no room, it ends without a reason.
            let _ = orders.try_send(Order::End(end));
        }
        self.thread.take()
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Captured {
        Captured {
            file: self.config.file.display().to_string(),
            life: self.life,
            inputs: self.inputs,
            bytes: self.shared.written_bytes.load(Ordering::Relaxed),
            queued_bytes: self.shared.queued_bytes.load(Ordering::Relaxed),
            segments: self.shared.segments.load(Ordering::Relaxed),
            ended: self.shared.end.get().cloned(),
        }
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// The thread's part.
struct Files {
    config: CaptureConfig,
    found: Found,
    life: u32,
    segment: u32,
    file: File,
    len: u64,
}

impl Files {
    /// The first segment of a new life.
    fn create(config: &CaptureConfig) -> io::Result<Self> {
        let mut found = files::find(&config.file)?;
        let life = found.next();
        let most = usize::try_from(config.segments).unwrap_or(usize::MAX).saturating_sub(1);
        found.make_room(&config.file, most, life)?;
        found.0.entry(life).or_default().insert(0);
        let (file, len) = open(config, life, 0)?;
        Ok(Self { config: config.clone(), found, life, segment: 0, file, len })
    }

    fn run(mut self, inbox: &Receiver<Order>, shared: &Shared) {
        shared.segments.store(1, Ordering::Relaxed);
        while let Ok(order) = inbox.recv() {
            let (len, result) = match order {
                Order::Block(block) => (block.raw.len(), self.write(&block, shared)),
                Order::End(end) => (0, self.write(&last(&end), shared).and(Err(end))),
            };
            shared.queued_bytes.fetch_sub(len, Ordering::Relaxed);
            if let Err(end) = result {
                if matches!(end, End::Full { .. }) {
                    let _ = self.append(&last(&end), shared);
                }
                let _ = shared.end.set(end);
                return;
            }
        }
        if let Some(end) = shared.end.get() {
            let _ = self.append(&last(end), shared);
        }
    }

    fn write<B: AsRef<[u8]>>(&mut self, block: &Block<B>, shared: &Shared) -> Result<(), End> {
        if self.len >= self.config.segment_bytes {
            self.next(shared)?;
        }
        self.append(block, shared).map_err(|error| self.refused(&error))
    }

    fn append<B: AsRef<[u8]>>(&mut self, block: &Block<B>, shared: &Shared) -> io::Result<()> {
        let mut bytes = Vec::new();
        block.put(&mut bytes);
        self.file.write_all(&bytes)?;
        self.len += bytes.len() as u64;
        shared.written_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Goes on in another file.
    fn next(&mut self, shared: &Shared) -> Result<(), End> {
        if self.segment + 1 >= self.config.segments {
            return Err(End::Full { segments: self.config.segments });
        }
        let most = usize::try_from(self.config.segments).unwrap_or(usize::MAX) - 1;
        let room = self.found.make_room(&self.config.file, most, self.life);
        room.map_err(|error| self.refused(&error))?;
        self.segment += 1;
        let opened = open(&self.config, self.life, self.segment);
        (self.file, self.len) = opened.map_err(|error| self.refused(&error))?;
        self.found.0.entry(self.life).or_default().insert(self.segment);
        shared.segments.store(self.segment + 1, Ordering::Relaxed);
        Ok(())
    }

    fn refused(&self, error: &io::Error) -> End {
        let path = files::path(&self.config.file, self.life, self.segment);
        End::Disk(format!("{} can't be written: {error}{}", path.display(), advice(error)))
    }
}

fn open(config: &CaptureConfig, life: u32, segment: u32) -> io::Result<(File, u64)> {
    let mut file = files::create(&files::path(&config.file, life, segment))?;
    let head = SegmentHead { life, segment }.to_bytes();
    file.write_all(&head)?;
    Ok((file, head.len() as u64))
}

/// The block that says why nothing follows.
fn last(end: &End) -> Block<Vec<u8>> {
    let raw = end.to_string().into_bytes();
    Block { kind: Kind::End, first: 0, at: Time::ZERO, unix_us: 0, raw }
}
