//! Whether the node works, and whether it has the peers that it needs: for whoever restarts nodes or spreads load over them. Cheap, and
//! nobody needs a token to ask it at the listener of the metrics.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};

use crate::api::{Health, Readiness, path};
use crate::control::{Command, Control};

/// Tells whether the node works.
///
/// Whether its main loop answers.
#[utoipa::path(
    get,
    path = path::HEALTHY,
    tag = "node",
    responses(
        (status = 200, description = "It works.", body = Health),
        (status = 503, description = "It doesn't, and why.", body = Health)
    )
)]
pub(super) async fn healthy(State(control): State<Control>) -> (StatusCode, Json<Health>) {
    let (code, healthy, reason) = match control.ask(Command::Ready).await {
        Ok(_) => (StatusCode::OK, true, "the node answers".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, false, error.to_string()),
    };
    (code, Json(Health { healthy, reason }))
}

/// Tells whether the node has the peers that it needs.
#[utoipa::path(
    get,
    path = path::READY,
    tag = "node",
    responses(
        (status = 200, description = "It has.", body = Readiness),
        (status = 503, description = "It hasn't, and why.", body = Readiness)
    )
)]
pub(super) async fn ready(State(control): State<Control>) -> (StatusCode, Json<Readiness>) {
    let readiness = match control.ask(Command::Ready).await {
        Ok(readiness) => readiness,
        Err(error) => Readiness { ready: false, reason: error.to_string(), peers: 0, wanted: 0 },
    };
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(readiness))
}

/// Both, for a listener of their own.
pub fn router(control: Control) -> Router {
    use axum::routing::get;
    Router::new()
        .route(path::HEALTHY, get(healthy))
        .route(path::READY, get(ready))
        .with_state(control)
}
