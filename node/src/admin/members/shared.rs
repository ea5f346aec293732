//! What members share besides who lives: state, leaders, events, queries, distances.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::{control, read};
use crate::admin::Api;
use crate::api::members::shared::{
    AnnounceRequest, Done, FireRequest, LeaderView, QueryRequest, QueryResult, RespondRequest,
    RttView, StateEntry, StateWrite,
};
use crate::http::error::ApiError;

/// What a query names so; nothing if it doesn't.
fn named(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(each, _)| *each == name).map(|(_, value)| value).next()?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// `GET /v1/members/state?member=…`.
pub(in crate::admin) async fn state(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<Vec<StateEntry>>, ApiError> {
    Ok(Json(control(&api)?.state(named(&uri, "member")).await??))
}

/// `POST /v1/members/state`.
pub(in crate::admin) async fn write(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Done>, ApiError> {
    let control = control(&api)?;
    let write: StateWrite = read(&body, r#"{"key": "role", "value": "sentry"}"#)?;
    Ok(Json(control.write(write).await??))
}

/// `GET /v1/members/leaders`.
pub(in crate::admin) async fn leaders(
    State(api): State<Api>,
) -> Result<Json<Vec<LeaderView>>, ApiError> {
    Ok(Json(control(&api)?.leaders().await??))
}

/// `POST /v1/members/leaders`.
pub(in crate::admin) async fn announce(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<LeaderView>, ApiError> {
    let control = control(&api)?;
    let request: AnnounceRequest =
        read(&body, r#"{"group": "validators", "epoch": 7, "address": "10.0.0.1:26657"}"#)?;
    Ok(Json(control.announce(request).await??))
}

/// `POST /v1/members/event`.
pub(in crate::admin) async fn fire(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Done>, ApiError> {
    let control = control(&api)?;
    let request: FireRequest = read(&body, r#"{"name": "deploy", "payload": "1.2.3"}"#)?;
    Ok(Json(control.fire(request).await??))
}

/// `POST /v1/members/query`: answered when the time for answers is over.
pub(in crate::admin) async fn query(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<QueryResult>, ApiError> {
    let control = control(&api)?;
    let request: QueryRequest = read(&body, r#"{"name": "height", "timeout_ms": 1000}"#)?;
    Ok(Json(control.query(request).await??))
}

/// `POST /v1/members/respond`.
pub(in crate::admin) async fn respond(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Done>, ApiError> {
    let control = control(&api)?;
    let request: RespondRequest =
        read(&body, r#"{"query": "as query-asked names it", "answer": "42"}"#)?;
    Ok(Json(control.respond(request).await??))
}

/// `GET /v1/members/rtt?one=…&other=…`.
pub(in crate::admin) async fn rtt(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<RttView>, ApiError> {
    let control = control(&api)?;
    let (Some(one), Some(other)) = (named(&uri, "one"), named(&uri, "other")) else {
        let message = "say between whom: /v1/members/rtt?one=NAME&other=NAME";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message));
    };
    Ok(Json(control.rtt(one, other).await??))
}
