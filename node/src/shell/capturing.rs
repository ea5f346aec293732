//! The capture of what the core is handed ([`crate::capture`]), if there is one, and where the core's chance comes from, which is
//! a part of it.

use rand::SeedableRng as _;
use rand::rngs::SysRng;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::time::Time;
use tidings_protocol::node::Identity;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::{Shell, ShellConfig, ShellError};
use crate::api::{CaptureStatus, NodeEvent, What};
use crate::capture::{Capture, CaptureError, Captured, End, Head, Origin};
use crate::clock::Clock;

/// All randomness of the core: from the system, unless a seed is given.
pub(super) fn randomness(seed: Option<u64>) -> Result<ChaCha8Rng, ShellError> {
    match seed {
        Some(seed) => Ok(ChaCha8Rng::seed_from_u64(seed)),
        None => ChaCha8Rng::try_from_rng(&mut SysRng)
            .map_err(|error| ShellError::Entropy(error.to_string())),
    }
}

/// Begins a capture, if there is to be one. The source of random numbers stands where the first input finds it.
pub(super) fn begin(
    config: &ShellConfig,
    identity: &Identity,
    rng: &ChaCha8Rng,
    clock: &Clock,
) -> Result<Option<Capture>, ShellError> {
    let Some(capture) = &config.capture else { return Ok(None) };
    let peer_id = config.keypair.public().to_peer_id().to_string();
    let head = Head::of(&Origin {
        identity,
        peer_id: &peer_id,
        params: &config.params,
        network: &capture.network,
        asmap: config.asmap.as_ref(),
        rng,
        began_unix_us: clock.unix_us(Time::ZERO),
    });
    let head =
        head.map_err(|error| CaptureError { path: capture.file.clone(), why: error.to_string() })?;
    let capture = Capture::start(capture.clone(), &head, clock)?;
    let Captured { file, life, .. } = capture.status();
    tracing::info!(file, life, "all that this node's core is handed is captured");
    Ok(Some(capture))
}

impl Shell {
    /// Hands over what was captured, when it is time. Tells the operator if the capture has ended.
    pub(super) fn tend_capture(&mut self) {
        let Some(capture) = &mut self.capture else { return };
        let Some(end) = capture.tick(self.real) else { return };
        let Captured { file, inputs, .. } = capture.status();
        tracing::warn!(
            file,
            inputs,
            "the capture has ended: {end}. What came until then can be replayed; the node goes on"
        );
        let (unix_us, why) = (self.clock.unix_us(self.now), end.to_string());
        let event = || NodeEvent { unix_us, what: What::CaptureEnded { why: why.into() } };
        self.reporter.tell(event);
    }

    /// When what was captured is to be handed over at the latest.
    pub(super) fn capture_due(&self) -> Option<Instant> {
        self.capture.as_ref().and_then(Capture::due)
    }

    /// Ends the capture as the node ends, and waits until it is written.
    pub(super) async fn end_capture(&mut self, end: End) {
        let Some(capture) = self.capture.take() else { return };
        if let Some(thread) = capture.finish(end) {
            let _ = spawn_blocking(move || thread.join()).await;
        }
    }

    pub(super) fn capture_status(&self) -> Option<CaptureStatus> {
        let Captured { file, life, inputs, bytes, queued_bytes, segments, ended } =
            self.capture.as_ref()?.status();
        let ended = ended.map(|end| end.to_string());
        Some(CaptureStatus { file, life, inputs, bytes, queued_bytes, segments, ended })
    }
}

#[cfg(test)]
mod tests;
