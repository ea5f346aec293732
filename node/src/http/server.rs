//! Answers HTTP/1 connections of one listener: so many at once, and gracefully until the end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::contain::contain;
use crate::control::Stop;

/// Most connections at once on one listener; over it new ones wait to be accepted. A guess.
pub(crate) const CONNECTIONS_MAX: usize = 64;

/// How long a connection may take to send the head of a request, or stay idle. It frees the places
/// of those who connect and say nothing. A guess.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long requests under way may take to finish once the node stops. A guess.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until stopped, then lets requests under way finish. The listener comes back still open: a
/// connection that waits there breaks when it is dropped, and so tells its maker that all is over.
pub async fn serve<L: Listener>(mut listener: L, app: Router, stop: Stop) -> L {
    let app = app.layer(middleware::from_fn(contain));
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            let (io, _) = listener.accept().await;
            (io, place.expect("nobody closes the semaphore"))
        };
        let (io, place) = tokio::select! {
            biased;
            () = stop.requested() => break,
            accepted = next => accepted,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(io), TowerToHyperService::new(app.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // An error here is the client's: it went away, or doesn't speak HTTP.
            let _ = connection.await;
            drop(place);
        });
    }
    if timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some API requests did not finish in time and were cut off");
    }
    listener
}
