//! A connection whose other end has to take what is written, within a time.
//!
//! *What an attacker, or a program that hangs, could do:* ask for events and never read them. What waits for it is bounded
//! (the socket's buffer and one of the server's), and its place is not for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long nothing may be taken of what waits to be written. A guess: as long as a laptop that wakes up needs for its network.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that breaks when its other end takes nothing for too long.
#[derive(Debug)]
pub(super) struct Patient<Io> {
    io: Io,
    /// Since something waits to be written.
    late: Option<Pin<Box<Sleep>>>,
}

impl<Io> Patient<Io> {
    pub(super) const fn new(io: Io) -> Self {
        Self { io, late: None }
    }

    /// What a write came to: if it has to wait, then not for ever.
    fn wait<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.late = None;
            return written;
        }
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        ready!(late.as_mut().poll(cx));
        // Whoever tries once more waits anew.
        late.as_mut().reset(Instant::now() + WRITE_TIMEOUT);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Patient<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Patient<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wait(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wait(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.wait(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.wait(shut, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_nothing_for_too_long_is_cut_off() {
        let (ours, mut theirs) = duplex(8);
        let mut ours = Patient::new(ours);
        let reads_slowly = async {
            let mut byte = [0];
            for _ in 0..32 {
                sleep(WRITE_TIMEOUT / 2).await;
                theirs.read_exact(&mut byte).await.unwrap();
            }
            theirs
        };
        let (written, theirs) = tokio::join!(ours.write_all(&[7; 40]), reads_slowly);
        written.unwrap();
        let began = Instant::now();
        let error = ours.write_all(&[7; 40]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, WRITE_TIMEOUT));
        drop(theirs);
    }
}
