//! A stream that isn't shaped, and notices a peer whose streams are.
//!
//! Without it the two would wait for one another until their time is over, and neither could say why: what a shaped peer
//! sends first is for libp2p the beginning of a long message. So the first byte is looked at, and nothing else. A peer that is
//! shaped is told in its turn, by what an unshaped connection begins with.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};

use super::shape::prelude::{MAGIC, other_links};

/// What either end of a connection begins with that isn't shaped (multistream-select 1.0).
const GREETING: &[u8] = b"\x13/multistream/1.0.0\n";

/// A stream that isn't shaped.
#[derive(Debug)]
pub(crate) struct Plain<S> {
    stream: S,
    /// Whether anything was read.
    begun: bool,
}

impl<S> Plain<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, begun: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Plain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, out))?;
        if !self.begun && read > 0 {
            self.begun = true;
            if out[0] == MAGIC {
                // Nothing else was written, so that there is room for it; and if not, the peer is told less.
                let _ = Pin::new(&mut self.stream).poll_write(cx, GREETING);
                return Poll::Ready(Err(other_links()));
            }
        }
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Plain<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
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
    use crate::lab::shape::prelude::is_other_links;

    fn of(bytes: &[u8]) -> Plain<Cursor<Vec<u8>>> {
        Plain::new(Cursor::new(bytes.to_vec()))
    }

    #[test]
    fn only_the_first_byte_that_comes_tells_a_shaped_peer() {
        let read = |bytes: &[u8]| {
            let mut all = Vec::new();
            block_on(of(bytes).read_to_end(&mut all)).map(|_| all)
        };
        assert_eq!(read(b"\x13/multi\xd7").unwrap(), b"\x13/multi\xd7");
        assert_eq!(read(b"").unwrap(), b"");
        let error = read(&[MAGIC, 1, 2, 3]).unwrap_err();
        assert!(is_other_links(&error), "{error}");
    }

    #[test]
    fn what_is_written_passes_as_it_is() {
        let mut plain = of(b"");
        block_on(plain.write_all(&[MAGIC, 7])).unwrap();
        assert_eq!(plain.stream.into_inner(), [MAGIC, 7]);
    }
}
