//! The admin API: how a node's operator asks it things, over HTTP/1.
//!
//! It is offered on a unix socket that only its owner can connect to, and, if the operator wants, on a
//! TCP port to whoever has a token. [`crate::client`] speaks it from the other side.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`](crate::control::Status) |
//! | `GET /v1/peers` | list of [`PeerStatus`](crate::control::PeerStatus) |
//! | `GET /v1/addresses` | list of addresses that the node knows |
//! | `POST /v1/tx`, `POST /v1/block` with the canonical bytes | [`Submitted`](crate::control::Submitted), once it is on the disk |
//! | `GET /v1/items/{id}` | the item's canonical bytes, or 404 |
//! | `GET /v1/explain/tx/{id}` | [`TxStory`](crate::api::explain::TxStory) of an item; the beginning of its id will do |
//! | `GET /v1/explain/peer/{id}` | [`PeerStory`](crate::api::explain::PeerStory); the beginning of its id, an address or a link will do |
//! | `GET /v1/events` | server-sent events, each a [`ShellEvent`] or a notice of how many were missed |
//! | `POST /v1/slow-motion` with [`SlowFrom`](crate::control::SlowFrom) | [`Slowed`](crate::control::Slowed); only where `lab.slow_motion` is set |
//! | `POST /v1/stop` | `{"stopping":true}`, and the node shuts down |
//! | `GET /healthy`, `GET /ready` | [`Health`](routes::Health), [`Readiness`](routes::Readiness); 503 if not |
//!
//! Whatever can't be answered is `{"error": "..."}` with a fitting status: 400, 401, 404, 405, 409 (the
//! beginning of an id fits several, or the clock can't be slowed down), 413, or 503 while the node is overloaded or shutting down; 507 when the
//! disk is full. Requests and connections are bounded; over a
//! bound the asker waits.

pub(crate) mod events;
pub mod routes;

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::control::Command;
use crate::shell::ShellEvent;
use routes::ApiError;

/// How long the shell may take to answer; over it the asker is told that the node is overloaded. A
/// guess: far above what any command takes, signatures included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What the API's handlers share.
#[derive(Clone)]
pub struct Api {
    /// To the shell.
    pub commands: mpsc::Sender<Command>,
    /// From the shell.
    pub events: broadcast::Sender<ShellEvent>,
    /// The rules, for the sizes that a submission may have.
    pub chain: Arc<dyn Chain>,
    /// Ends this process.
    pub stop: Stop,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("rules", &self.chain.name()).finish_non_exhaustive()
    }
}

impl Api {
    /// Asks the shell.
    ///
    /// # Errors
    /// When the shell is gone, or doesn't answer in time.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        let answered = async {
            self.commands.send(command(reply)).await.ok()?;
            answer.await.ok()
        };
        match timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(ApiError::unavailable("the node is shutting down")),
            Err(_) => {
                Err(ApiError::unavailable("the node is overloaded: it did not answer in time"))
            }
        }
    }
}

/// The wish that this process end. All who share it hear of it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Makes the wish.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Waits until somebody makes the wish.
    pub async fn requested(&self) {
        // Fails only when all senders are gone, and we hold one.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}

#[cfg(test)]
pub(crate) mod tests;
