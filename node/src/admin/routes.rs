//! What the API answers.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tidings_protocol::item::{ItemId, ItemKind};
use tidings_protocol::message::PeerAddr;
use tokio::time::timeout;

use super::{Api, events};
use crate::api::explain::{PeerStory, TxStory, Unexplained};
use crate::clock::NotSlowed;
use crate::control::{Command, NotSaved, PeerStatus, SlowFrom, Slowed, Status, Submitted};

/// How long a submission may take to arrive. A guess: a block of 4 MB at 1.2 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// All routes. What stands before them (a token) is the listener's business.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/peers", get(peers))
        .route("/v1/addresses", get(addresses))
        .route("/v1/tx", post(submit_tx))
        .route("/v1/block", post(submit_block))
        .route("/v1/items/{id}", get(item))
        .route("/v1/explain/tx/{id}", get(explain_tx))
        .route("/v1/explain/peer/{id}", get(explain_peer))
        .route("/v1/events", get(events::stream))
        .route("/v1/slow-motion", post(slow_down))
        .route("/v1/stop", post(stop))
        .route("/healthy", get(healthy))
        .route("/ready", get(ready))
        .fallback(|| async {
            ApiError::new(StatusCode::NOT_FOUND, "there is nothing at this path")
        })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
        })
        .with_state(api)
}

/// Why a request can't be answered: `{"error": "..."}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn unavailable(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

async fn status(State(api): State<Api>) -> Result<Json<Status>, ApiError> {
    api.ask(Command::Status).await.map(Json)
}

async fn peers(State(api): State<Api>) -> Result<Json<Vec<PeerStatus>>, ApiError> {
    api.ask(Command::Peers).await.map(Json)
}

async fn addresses(State(api): State<Api>) -> Result<Json<Vec<PeerAddr>>, ApiError> {
    api.ask(Command::Addresses).await.map(Json)
}

async fn submit_tx(State(api): State<Api>, request: Request) -> Result<Json<Submitted>, ApiError> {
    submit(&api, ItemKind::Tx, request).await
}

async fn submit_block(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<Submitted>, ApiError> {
    submit(&api, ItemKind::Block, request).await
}

async fn submit(api: &Api, kind: ItemKind, request: Request) -> Result<Json<Submitted>, ApiError> {
    let max = api.chain.max_size(kind);
    let read = timeout(BODY_TIMEOUT, Limited::new(request.into_body(), max).collect()).await;
    let bytes = match read {
        // A copy: what was read shares a buffer of many kilobytes, which the pool would keep.
        Ok(Ok(body)) => Bytes::copy_from_slice(&body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("a {kind} has at most {max} bytes under this network's rules");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        Ok(Err(error)) => return Err(ApiError::new(StatusCode::BAD_REQUEST, error.to_string())),
        Err(_) => {
            let message = "the item took too long to arrive";
            return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, message));
        }
    };
    if bytes.is_empty() {
        let message = format!("send the canonical bytes of a {kind} as the body");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message));
    }
    let answer = api.ask(|reply| Command::Submit { kind, bytes, reply }).await?;
    answer.map(Json).map_err(|error| not_saved(kind, &error))
}

fn not_saved(kind: ItemKind, error: &NotSaved) -> ApiError {
    let (status, advice) = if error.disk_full {
        (StatusCode::INSUFFICIENT_STORAGE, "make room on the disk and submit it again")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "submit it again later")
    };
    let message = format!(
        "the {kind} is valid and is being relayed, but it could not be saved, so that a crash may lose it \
         ({error}): {advice}"
    );
    ApiError::new(status, message)
}

async fn item(State(api): State<Api>, Path(id): Path<String>) -> Result<Bytes, ApiError> {
    let id: ItemId = id.parse().map_err(|error: tidings_protocol::item::ParseItemIdError| {
        ApiError::new(StatusCode::BAD_REQUEST, error.to_string())
    })?;
    let found = api.ask(|reply| Command::Item { id, reply }).await?;
    found.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "the node doesn't have this item"))
}

async fn explain_tx(
    State(api): State<Api>,
    Path(query): Path<String>,
) -> Result<Json<TxStory>, ApiError> {
    Ok(Json(api.ask(|reply| Command::ExplainTx { query, reply }).await??))
}

async fn explain_peer(
    State(api): State<Api>,
    Path(query): Path<String>,
) -> Result<Json<PeerStory>, ApiError> {
    Ok(Json(api.ask(|reply| Command::ExplainPeer { query, reply }).await??))
}

impl From<Unexplained> for ApiError {
    fn from(why: Unexplained) -> Self {
        let status = match why {
            Unexplained::Off | Unexplained::Unknown { .. } => StatusCode::NOT_FOUND,
            Unexplained::NoId(_) => StatusCode::BAD_REQUEST,
            Unexplained::Ambiguous { .. } => StatusCode::CONFLICT,
        };
        Self::new(status, why.to_string())
    }
}

async fn slow_down(State(api): State<Api>, body: Bytes) -> Result<Json<Slowed>, ApiError> {
    let SlowFrom { from_unix_us } = serde_json::from_slice(&body).map_err(|error| {
        let message = format!("send {{\"from_unix_us\": MICROSECONDS}} as the body ({error})");
        ApiError::new(StatusCode::BAD_REQUEST, message)
    })?;
    let slow_motion = api.ask(|reply| Command::SlowDown { from_unix_us, reply }).await??;
    Ok(Json(Slowed { slow_motion }))
}

impl From<NotSlowed> for ApiError {
    fn from(why: NotSlowed) -> Self {
        Self::new(StatusCode::CONFLICT, why.to_string())
    }
}

/// Answered before anything stops; this very answer is one of the requests that are let finish.
async fn stop(State(api): State<Api>) -> Response {
    tracing::info!("stopping: the API was asked to");
    api.stop.request();
    (StatusCode::ACCEPTED, Json(json!({ "stopping": true }))).into_response()
}

/// Whether the node's main loop answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it does.
    pub healthy: bool,
    /// The same in words.
    pub reason: String,
}

async fn healthy(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    match api.ask(Command::Status).await {
        Ok(_) => {
            let reason = "the node answers".to_owned();
            (StatusCode::OK, Json(Health { healthy: true, reason }))
        }
        Err(error) => (error.status, Json(Health { healthy: false, reason: error.message })),
    }
}

/// Whether the node has the peers that it needs to relay: as many links, of either direction, as it
/// wants outbound ones. In a network smaller than that, as many as it knows addresses, but at least 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether it has.
    pub ready: bool,
    /// The same in words.
    pub reason: String,
    /// Links that it has.
    pub peers: usize,
    /// Links that it needs.
    pub wanted: usize,
}

impl Readiness {
    fn of(status: &Status) -> Self {
        let peers = status.outbound + status.inbound;
        let wanted = status.outbound_target.min(status.addresses).max(1);
        let reason = format!("{peers} of {wanted} peers connected");
        Self { ready: peers >= wanted, reason, peers, wanted }
    }
}

async fn ready(State(api): State<Api>) -> (StatusCode, Json<Readiness>) {
    match api.ask(Command::Status).await {
        Ok(status) => {
            let readiness = Readiness::of(&status);
            let code =
                if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (code, Json(readiness))
        }
        Err(error) => {
            let reason = error.message;
            (error.status, Json(Readiness { ready: false, reason, peers: 0, wanted: 0 }))
        }
    }
}
