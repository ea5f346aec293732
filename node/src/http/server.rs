//! Answers HTTP/1 connections of one listener: so many at once, and gracefully until the end.
//!
//! A unix socket is for its owner: whoever comes there finds a place or waits for one. At a TCP port anybody may come
//! (`serve_strangers`): a connection is a stranger's until it has shown the token, and what strangers may have is little and short (`http/door`).
//! Readers of events don't take such a place: they have places of their own ([`READERS_MAX`](crate::control::READERS_MAX)).

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::contain::contain;
use super::door::{Door, Stranger};
use super::patience::Patient;
use crate::control::Stop;

/// Most connections at once on one listener, besides those that read events; over it new ones wait to be accepted, or are told that
/// the node is busy. A guess.
pub(crate) const CONNECTIONS_MAX: usize = 64;

/// How long a connection may take to send the head of a request, or stay idle. It frees the places
/// of those who connect and say nothing. A guess.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long requests under way may take to finish once the node stops. A guess.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection's place among all. Its handlers find it among the extensions of each request.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Those of this listener.
    places: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
    stranger: Option<Stranger>,
}

impl Place {
    fn new(
        places: &Arc<Semaphore>,
        held: Option<OwnedSemaphorePermit>,
        stranger: Option<Stranger>,
    ) -> Self {
        Self(Arc::new(Shared { places: Arc::clone(places), held: Mutex::new(held), stranger }))
    }

    /// The connection has shown the token: it is no stranger's from now on. False if there is no place for it.
    pub(crate) fn prove(&self) -> bool {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Arc::clone(&self.0.places).try_acquire_owned().ok();
        }
        if held.is_some() {
            self.0.stranger.iter().for_each(Stranger::prove);
        }
        held.is_some()
    }

    /// The connection has a place of another kind for the rest of its life.
    pub(crate) fn leave(&self) {
        drop(self.0.held.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Waits until the connection has to go, if ever.
    async fn expelled(&self) {
        match &self.0.stranger {
            Some(stranger) => stranger.expelled().await,
            None => pending().await,
        }
    }
}

/// Serves a listener that only its owner can reach until stopped, then lets requests under way finish. The listener comes back
/// still open: a connection that waits there breaks when it is dropped, and so tells its maker that all is over.
pub async fn serve<L: Listener>(mut listener: L, app: Router, stop: Stop) -> L {
    let app = app.layer(middleware::from_fn(contain));
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            let (io, _) = listener.accept().await;
            (io, place.expect("nobody closes the semaphore"))
        };
        let (io, held) = tokio::select! {
            biased;
            () = stop.requested() => break,
            accepted = next => accepted,
        };
        answer(io, &app, Place::new(&places, Some(held), None), &graceful);
    }
    drain(graceful).await;
    listener
}

/// The same for one that anybody may reach. Nobody waits to be accepted: strangers make room for one another.
pub(crate) async fn serve_strangers(
    listener: TcpListener,
    app: Router,
    door: Door,
    stop: Stop,
) -> TcpListener {
    let mut listener = listener;
    let app = app.layer(middleware::from_fn(contain));
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let (io, from): (_, SocketAddr) = tokio::select! {
            biased;
            () = stop.requested() => break,
            accepted = Listener::accept(&mut listener) => accepted,
        };
        answer(io, &app, Place::new(&places, None, Some(door.enter(from.ip()))), &graceful);
    }
    drain(graceful).await;
    listener
}

/// Answers a connection's requests until it ends.
fn answer<Io>(io: Io, app: &Router, place: Place, graceful: &GracefulShutdown)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (app, at) = (TowerToHyperService::new(app.clone()), place.clone());
    let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(at.clone());
        app.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(Patient::new(io)), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            // An error here is the client's: it went away, or doesn't speak HTTP.
            _ = connection => {}
            () = place.expelled() => {}
        }
    });
}

async fn drain(graceful: GracefulShutdown) {
    if timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some API requests did not finish in time and were cut off");
    }
}
