//! Streams: a question and its answer, for what is too long for a datagram, and where datagrams don't pass.
//!
//! ```text
//! question, answer   length u32 (little-endian)  so many bytes, sealed (`members/seal.rs`)
//! ```
//! A stream is a TCP connection to the port on which the member's datagrams arrive too: one question, one answer, and it is closed. It is no link
//! and has nothing to do with those: a node whose inbound places are all taken by strangers still hears its fleet, and a
//! refused connection says that nobody listens there any more.
//!
//! # Bounds
//! - [`GUESTS_MAX`] connections that others opened. When there are more, the oldest of whoever has most of them gives way: so what one
//!   address opens drives out its own.
//! - [`ASKED_MAX`] that we opened. What is asked beyond it is silence, and counted.
//! - Each has [`PATIENCE`] in all, and [`CONNECT_PATIENCE`] of it to connect.
//! - A length is read only of who knows the network and the id of a key, and memory grows with what has come.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidings_protocol::membership::said::SAID_MAX;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;

use super::seal::{HEAD, OVERHEAD, Purpose, Seal, Shut, Stamp};

/// Most connections that others opened. A guess: a member is asked once in half a minute, by some more when many join.
pub(super) const GUESTS_MAX: usize = 32;

/// Most connections that we opened. A guess: whom to join, a ping, an exchange.
pub(super) const ASKED_MAX: usize = 32;

/// How long a stream may take in all: memberlist's `TCPTimeout`.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long connecting may take. A guess: a lost packet is sent again after one second, and then after two (RFC 6298).
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);

/// Most that waits to be looked at. Over it streams wait.
const NEWS_MAX: usize = 64;

/// After a failure to accept, which is our own want of descriptors: for how long not to try again. A guess.
const PAUSE: Duration = Duration::from_millis(200);

/// Longest of what is said, sealed.
const SEALED_MAX: usize = SAID_MAX + OVERHEAD;

/// How much is read at a time.
const CHUNK: usize = 16 << 10;

/// What happened on a stream.
#[derive(Debug)]
pub(super) enum News {
    /// Somebody who has a key asks something.
    Asked {
        /// Where from.
        from: SocketAddr,
        /// What names the question.
        stamp: Stamp,
        /// What it is.
        bytes: Vec<u8>,
        /// Takes the answer. Dropped, there is none.
        reply: oneshot::Sender<Vec<u8>>,
    },
    /// Who was asked answered.
    Answered {
        /// Where it was asked.
        by: SocketAddr,
        /// What it said.
        bytes: Vec<u8>,
    },
    /// Nobody listens there.
    Refused(SocketAddr),
    /// There is no answer, for whatever reason.
    Silent(SocketAddr),
    /// What somebody said doesn't open.
    Shut(Shut),
}

/// What crossed streams.
#[derive(Debug, Default)]
pub(super) struct Crossed {
    pub(super) sent_bytes: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) taken: AtomicU64,
    /// Guests that gave way to others.
    pub(super) crowded: AtomicU64,
    /// Questions that weren't asked, since too many were under way.
    pub(super) unasked: AtomicU64,
}

impl Crossed {
    fn add(counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Streams of one member. Dropping it ends those that others opened.
#[derive(Debug)]
pub(super) struct Streams {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    seal: Arc<Seal>,
    news: mpsc::Sender<News>,
    crossed: Arc<Crossed>,
}

impl Streams {
    /// Takes streams of others from now on. What happens comes out of the channel.
    pub(super) fn start(
        listener: TcpListener,
        seal: Arc<Seal>,
        crossed: Arc<Crossed>,
    ) -> (Self, mpsc::Receiver<News>) {
        let (news, inbox) = mpsc::channel(NEWS_MAX);
        let shared = Arc::new(Shared { seal, news, crossed });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        (Self { shared, places: Arc::new(Semaphore::new(ASKED_MAX)), accepting }, inbox)
    }

    /// Asks something, and tells what becomes of it: one [`News`], unless too many are asked already.
    pub(super) fn ask(&self, to: SocketAddr, said: Vec<u8>) -> bool {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            Crossed::add(&self.shared.crossed.unasked, 1);
            return false;
        };
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let news = match timeout(PATIENCE, asked(&shared, to, &said)).await {
                Ok(Ok(bytes)) => News::Answered { by: to, bytes },
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    News::Refused(to)
                }
                Ok(Err(_)) | Err(_) => News::Silent(to),
            };
            drop(place);
            let _ = shared.news.send(news).await;
        });
        true
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Connects, asks, and waits for the answer.
async fn asked(shared: &Shared, to: SocketAddr, said: &[u8]) -> io::Result<Vec<u8>> {
    let connected = timeout(CONNECT_PATIENCE, TcpStream::connect(to)).await;
    let mut stream = connected.map_err(io::Error::from)??;
    Crossed::add(&shared.crossed.opened, 1);
    let (sealed, question) = shared.seal.seal(Purpose::Question, said);
    write(shared, &mut stream, &sealed).await?;
    let sealed = read(shared, &mut stream).await?;
    match shared.seal.open(Purpose::Answer(question), &sealed) {
        Ok((bytes, _)) => Ok(bytes),
        Err(shut) => {
            let _ = shared.news.send(News::Shut(shut)).await;
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

/// Connections that others opened, oldest first.
#[derive(Debug, Default)]
struct Guests(VecDeque<(IpAddr, AbortHandle)>);

impl Drop for Guests {
    fn drop(&mut self) {
        self.0.iter().for_each(|(_, guest)| guest.abort());
    }
}

impl Guests {
    /// Makes room for one more of an address. True if another gave way.
    fn make_room(&mut self, of: IpAddr) -> bool {
        self.0.retain(|(_, guest)| !guest.is_finished());
        if self.0.len() < GUESTS_MAX {
            return false;
        }
        let count = |ip: IpAddr| {
            self.0.iter().filter(|(each, _)| *each == ip).count() + usize::from(ip == of)
        };
        // Of several with as many, the one whose first is the oldest: `max_by_key` takes the last.
        let greediest = self.0.iter().enumerate().rev().max_by_key(|(_, (ip, _))| count(*ip));
        if let Some((at, _)) = greediest
            && let Some((_, guest)) = self.0.remove(at)
        {
            guest.abort();
        }
        true
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut guests = Guests::default();
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "could not accept a member's stream");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        Crossed::add(&shared.crossed.taken, 1);
        let ip = from.ip().to_canonical();
        if guests.make_room(ip) {
            Crossed::add(&shared.crossed.crowded, 1);
        }
        let shared = Arc::clone(&shared);
        let guest = tokio::spawn(async move {
            // Whoever is too slow, or hangs up, has no answer.
            let _ = timeout(PATIENCE, answer(&shared, stream, from)).await;
        });
        guests.0.push_back((ip, guest.abort_handle()));
    }
}

/// Takes a question, and says what is answered.
async fn answer(shared: &Shared, mut stream: TcpStream, from: SocketAddr) -> io::Result<()> {
    let sealed = read(shared, &mut stream).await?;
    let (bytes, stamp) = match shared.seal.open(Purpose::Question, &sealed) {
        Ok(opened) => opened,
        Err(shut) => {
            let _ = shared.news.send(News::Shut(shut)).await;
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let (reply, answered) = oneshot::channel();
    let _ = shared.news.send(News::Asked { from, stamp, bytes, reply }).await;
    let Ok(said) = answered.await else { return Ok(()) };
    let (sealed, _) = shared.seal.seal(Purpose::Answer(stamp), &said);
    write(shared, &mut stream, &sealed).await?;
    stream.shutdown().await
}

async fn write(shared: &Shared, stream: &mut TcpStream, sealed: &[u8]) -> io::Result<()> {
    let mut out = Vec::with_capacity(4 + sealed.len());
    out.extend_from_slice(&u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(sealed);
    stream.write_all(&out).await?;
    Crossed::add(&shared.crossed.sent_bytes, out.len());
    Ok(())
}

/// Reads what is sealed; no more of it than its head, unless that may open.
async fn read(shared: &Shared, stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut begin = [0; 4 + HEAD];
    stream.read_exact(&mut begin).await?;
    Crossed::add(&shared.crossed.received_bytes, begin.len());
    let (len, head) = begin.split_first_chunk().expect("it is longer than a length");
    let len = u32::from_le_bytes(*len) as usize;
    let shut = match shared.seal.may_open(head) {
        Ok(()) if len < HEAD => Some(Shut::Short),
        Ok(()) if len > SEALED_MAX => Some(Shut::Long),
        Ok(()) => None,
        Err(shut) => Some(shut),
    };
    if let Some(shut) = shut {
        let _ = shared.news.send(News::Shut(shut)).await;
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut sealed = head.to_vec();
    while sealed.len() < len {
        let had = sealed.len();
        sealed.resize(len.min(had + CHUNK), 0);
        stream.read_exact(&mut sealed[had..]).await?;
        Crossed::add(&shared.crossed.received_bytes, sealed.len() - had);
    }
    Ok(sealed)
}

#[cfg(test)]
mod tests;
