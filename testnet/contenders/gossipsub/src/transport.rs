//! The transport: TCP as ours (no delay, perhaps shaped), with Noise and the Yamux of libp2p.

use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Transport as _, noise, tcp};
use tidings::clock::Clock;
use tidings::lab::shape::Shaper;
use tidings::links::Position;
use tidings::net::Meter;

use crate::counted::{Counted, Counts};

/// How long connecting and securing may take: as ours.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Builds the transport of a node, with what counts its sockets and its streams.
///
/// # Errors
/// A sentence when Noise can't use the identity.
pub(crate) fn build(
    keypair: &Keypair,
    position: Option<Position>,
    clock: &Clock,
    (meter, counts): (Meter, Counts),
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, String> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .map(move |stream, _| meter.over(stream));
    let Some(position) = position else { return secure(tcp, keypair, counts) };
    let shaper = Shaper::new(position, clock.clone());
    let tcp = tcp.and_then(move |stream, end| shaper.shape(stream, end.is_dialer()));
    secure(tcp, keypair, counts)
}

fn secure<T, S>(
    transport: T,
    keypair: &Keypair,
    counts: Counts,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, String>
where
    T: libp2p::Transport<Output = S> + Send + Unpin + 'static,
    T::Error: Send + Sync,
    T::Dial: Send,
    T::ListenerUpgrade: Send,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let noise = noise::Config::new(keypair).map_err(|error| error.to_string())?;
    Ok(transport
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(libp2p_yamux::Config::default())
        .timeout(TIMEOUT)
        .map(move |(peer, muxer), _| (peer, StreamMuxerBox::new(Counted::new(muxer, counts))))
        .boxed())
}
