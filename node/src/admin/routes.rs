//! What the API answers.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use tidings_protocol::ground::item::Hash256;

use super::{Api, bans, chain, events, kv, members, mine, submit};
use crate::api::explain::{PeerStory, TxStory};
use crate::api::{
    AddressStatus, Health, PeerStatus, Readiness, SlowFrom, Slowed, Status, Stopping, path,
};
use crate::control::{Command, Unexplained};
use crate::http::error::ApiError;
use crate::lab::slow_motion::NotSlowed;

/// All routes. What stands before them (a token) is the listener's business.
pub fn router(api: Api) -> Router {
    Router::new()
        .route(path::STATUS, get(status))
        .route(path::PEERS, get(peers))
        .route(path::ADDRESSES, get(addresses))
        .route(path::BANS, get(bans::list).post(bans::ban))
        .route(path::UNBAN, post(bans::unban))
        .route(path::DISCONNECT, post(bans::disconnect))
        .route(path::CONNECT, post(bans::connect))
        .route(path::TX, post(submit::tx))
        .route(path::BLOCK, post(submit::block))
        .route(&by_id(path::ITEMS), get(item))
        .route(&by_id(path::DECODE), get(chain::decode))
        .route(path::BLOCKS, get(chain::blocks))
        .route(&by_id(path::BLOCKS), get(chain::block))
        .route(path::POOL, get(chain::pool))
        .route(path::MINE, post(mine::mine))
        .route(&by_id(path::EXPLAIN_TX), get(explain_tx))
        .route(&by_id(path::EXPLAIN_PEER), get(explain_peer))
        .route(path::EVENTS, get(events::stream))
        .route(path::KV, get(kv::list).post(kv::write))
        .route(path::KV_ENTRY, get(kv::get))
        .route(path::KV_CONFLICTS, get(kv::conflicts))
        .route(path::KV_WATCH, get(kv::watch))
        .route(path::MEMBERS, get(members::list))
        .route(path::MEMBERS_JOIN, post(members::join))
        .route(path::MEMBERS_LEAVE, post(members::leave))
        .route(path::MEMBERS_FORCE_LEAVE, post(members::force_leave))
        .route(path::MEMBERS_KEYS, get(members::keys).post(members::change_keys))
        .route(path::MEMBERS_STATE, get(members::shared::state).post(members::shared::write))
        .route(path::MEMBERS_LEADERS, get(members::shared::leaders).post(members::shared::announce))
        .route(path::MEMBERS_EVENT, post(members::shared::fire))
        .route(path::MEMBERS_QUERY, post(members::shared::query))
        .route(path::MEMBERS_RESPOND, post(members::shared::respond))
        .route(path::MEMBERS_RTT, get(members::shared::rtt))
        .route(path::SLOW_MOTION, post(slow_down))
        .route(path::STOP, post(stop))
        .route(path::HEALTHY, get(healthy))
        .route(path::READY, get(ready))
        .fallback(|| async {
            ApiError::new(StatusCode::NOT_FOUND, "there is nothing at this path")
        })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
        })
        .with_state(api)
}

fn by_id(path: &str) -> String {
    format!("{path}/{{id}}")
}

async fn status(State(api): State<Api>) -> Result<Json<Status>, ApiError> {
    let mut status = api.control.ask(Command::Status).await?;
    if let Some(members) = &api.members {
        status.members = members.status().await.ok();
    }
    Ok(Json(status))
}

async fn peers(State(api): State<Api>) -> Result<Json<Vec<PeerStatus>>, ApiError> {
    Ok(Json(api.control.ask(Command::Peers).await?))
}

async fn addresses(State(api): State<Api>) -> Result<Json<Vec<AddressStatus>>, ApiError> {
    Ok(Json(api.control.ask(Command::Addresses).await?))
}

async fn item(State(api): State<Api>, Path(id): Path<String>) -> Result<Bytes, ApiError> {
    let id: Hash256 =
        id.parse().map_err(|error: tidings_protocol::ground::item::ParseHashError| {
            ApiError::new(StatusCode::BAD_REQUEST, error.to_string())
        })?;
    let found = api.control.ask(|reply| Command::Item { id, reply }).await?;
    found.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "the node doesn't have this item"))
}

async fn explain_tx(
    State(api): State<Api>,
    Path(query): Path<String>,
) -> Result<Json<TxStory>, ApiError> {
    Ok(Json(api.control.ask(|reply| Command::ExplainTx { query, reply }).await??))
}

async fn explain_peer(
    State(api): State<Api>,
    Path(query): Path<String>,
) -> Result<Json<PeerStory>, ApiError> {
    Ok(Json(api.control.ask(|reply| Command::ExplainPeer { query, reply }).await??))
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
    let slow_motion = api.control.ask(|reply| Command::SlowDown { from_unix_us, reply }).await??;
    Ok(Json(Slowed { slow_motion }))
}

impl From<NotSlowed> for ApiError {
    fn from(why: NotSlowed) -> Self {
        Self::new(StatusCode::CONFLICT, why.to_string())
    }
}

/// Answered before anything stops; this very answer is one of the requests that are let finish.
async fn stop(State(api): State<Api>) -> (StatusCode, Json<Stopping>) {
    tracing::info!("stopping: the API was asked to");
    api.stop.request();
    (StatusCode::ACCEPTED, Json(Stopping { stopping: true }))
}

async fn healthy(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let (code, healthy, reason) = match api.control.ask(Command::Status).await {
        Ok(_) => (StatusCode::OK, true, "the node answers".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, false, error.to_string()),
    };
    (code, Json(Health { healthy, reason }))
}

async fn ready(State(api): State<Api>) -> (StatusCode, Json<Readiness>) {
    let readiness = match api.control.ask(Command::Status).await {
        Ok(status) => Readiness::of(&status),
        Err(error) => Readiness { ready: false, reason: error.to_string(), peers: 0, wanted: 0 },
    };
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(readiness))
}
