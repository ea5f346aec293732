//! The handshake of Noise: the dearest thing that a stranger may ask for with so few bytes.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::upgrade::{
    InboundConnectionUpgrade as _, OutboundConnectionUpgrade as _, UpgradeInfo as _,
};
use libp2p::noise;
use tidings::net::Keypair;

use crate::{Row, cpu, median};

/// How often it is measured.
const LIVES: usize = 101;

/// Bytes on their way from one side to the other.
type Way = Arc<Mutex<VecDeque<u8>>>;

fn open(way: &Way) -> MutexGuard<'_, VecDeque<u8>> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a line. Nobody is woken: both ends are asked in turn.
struct End {
    from: Way,
    to: Way,
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut from = open(&self.from);
        let read = from.len().min(into.len());
        for (slot, byte) in into.iter_mut().zip(from.drain(..read)) {
            *slot = byte;
        }
        if read == 0 { Poll::Pending } else { Poll::Ready(Ok(read)) }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        open(&self.to).extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Measures a handshake.
pub(crate) fn measure() -> Row {
    let lives: Vec<_> = (0..LIVES).map(|_| shake_hands()).collect();
    let of = |who: usize| median(lives.iter().map(|(took, _)| took[who]).collect());
    let bytes = lives[0].1;
    Row { name: "handshake of Noise", count: 1, bytes, attacker: of(0), victim: of(1), limit: 2.0 }
}

/// What it took the one who dialled and the other one, and how many bytes the first sent.
fn shake_hands() -> ([Duration; 2], usize) {
    let [there, back] = [Way::default(), Way::default()];
    let sent = Arc::clone(&there);
    let (dialler, listener) =
        (End { from: Arc::clone(&back), to: Arc::clone(&there) }, End { from: there, to: back });
    let configs = [(); 2]
        .map(|()| noise::Config::new(&Keypair::generate_ed25519()).expect("a new key can be used"));
    let [dials, listens] = configs;
    let info = dials.protocol_info().next().expect("it has a name");
    let (mut dialler, mut listener) = (
        pin!(dials.upgrade_outbound(dialler, info)),
        pin!(listens.upgrade_inbound(listener, info)),
    );
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut took, mut bytes, mut is_over) = ([Duration::ZERO; 2], 0, [false; 2]);
    while is_over != [true; 2] {
        let began = cpu();
        if !is_over[0]
            && let Poll::Ready(secured) = dialler.as_mut().poll(cx)
        {
            assert!(secured.is_ok(), "both are honest");
            is_over[0] = true;
        }
        let between = cpu();
        bytes += open(&sent).len();
        if !is_over[1]
            && let Poll::Ready(secured) = listener.as_mut().poll(cx)
        {
            assert!(secured.is_ok(), "both are honest");
            is_over[1] = true;
        }
        took[0] += between - began;
        took[1] += cpu() - between;
    }
    (took, bytes)
}
