//! One stream of a session, as the layers above read and write it. Whoever waits on one drives the session meanwhile: the
//! socket then wakes the task that has to do with it, and no other.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::{AsyncRead, AsyncWrite};

use super::Shared;

/// A stream. Dropping it resets what isn't closed of it.
#[derive(Debug)]
pub(crate) struct Stream<C> {
    id: u32,
    shared: Arc<Mutex<Shared<C>>>,
}

impl<C> Stream<C> {
    pub(super) const fn new(id: u32, shared: Arc<Mutex<Shared<C>>>) -> Self {
        Self { id, shared }
    }

    fn shared(&self) -> MutexGuard<'_, Shared<C>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<C> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut shared = self.shared();
        let was_out = shared.session.out.len();
        let mut read = shared.session.read(self.id, into, cx.waker());
        if matches!(read, Ok(None)) {
            let _ = shared.drive(cx); // A fault ends the stream.
            read = shared.session.read(self.id, into, cx.waker());
        } else if shared.session.out.len() > was_out {
            shared.nudge(cx.waker());
        }
        match read {
            Ok(Some(read)) => Poll::Ready(Ok(read)),
            Ok(None) => Poll::Pending,
            Err(fault) => {
                shared.end(fault);
                Poll::Ready(Err(fault.into()))
            }
        }
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<C> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut shared = self.shared();
        if let Some(fault) = shared.over {
            return Poll::Ready(Err(fault.into()));
        }
        let mut written = shared.session.write(self.id, data, cx.waker());
        if matches!(written, Ok(None)) {
            // There was no room, or the peer let nothing through; and now it may be otherwise.
            let _ = shared.drive(cx);
            written = shared.session.write(self.id, data, cx.waker());
        }
        match written {
            Ok(Some(written)) => Poll::Ready(Ok(written)),
            Ok(None) => Poll::Pending,
            Err(fault) => Poll::Ready(Err(fault.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.shared();
        if let Some(fault) = shared.over {
            return Poll::Ready(Err(fault.into()));
        }
        let flushed = shared.write_out(cx);
        if flushed.is_pending() {
            shared.session.wait_for_room(self.id, cx.waker());
        }
        flushed
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared().session.finish(self.id);
        self.poll_flush(cx)
    }
}

impl<C> Drop for Stream<C> {
    fn drop(&mut self) {
        let mut shared = self.shared();
        shared.session.forget(self.id);
        if let Some(driver) = &shared.driver {
            driver.wake_by_ref();
        }
    }
}
