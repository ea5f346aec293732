//! What members share besides who lives: state, leaders, events, queries, distances.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use percent_encoding::percent_decode_str;

use super::control;
use crate::admin::Api;
use crate::admin::describe::{Absent, Conflict};
use crate::api::members::shared::{
    AnnounceRequest, Done, FireRequest, LeaderView, Leaders, QueryRequest, QueryResult,
    RespondRequest, RttView, StateEntries, StateWrite,
};
use crate::api::path;
use crate::api::problem::ProblemKind;
use crate::http::error::ApiError;
use crate::http::take::JsonBody;

/// What a query names so; nothing if it doesn't.
fn named(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(each, _)| *each == name).map(|(_, value)| value).next()?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// Lists what members say of themselves, by member and key.
#[utoipa::path(
    get,
    path = path::MEMBERS_STATE,
    tag = "members",
    params(("member" = Option<String>, Query, description = "Whose: a name or an id; everybody's if it isn't said.")),
    responses((status = 200, description = "The keys with their values.", body = StateEntries), Absent, Conflict)
)]
pub(in crate::admin) async fn state(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<StateEntries>, ApiError> {
    let entries = control(&api)?.state(named(&uri, "member")).await??;
    Ok(Json(StateEntries { entries }))
}

/// Says something of the node itself.
#[utoipa::path(
    post,
    path = path::MEMBERS_STATE,
    tag = "members",
    request_body = StateWrite,
    responses((status = 200, description = "It is said.", body = Done), Conflict)
)]
pub(in crate::admin) async fn write(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<Done>, ApiError> {
    let control = control(&api)?;
    let write: StateWrite = body.read(r#"{"key": "role", "value": "sentry"}"#)?;
    Ok(Json(control.write(write).await??))
}

/// Lists who leads.
#[utoipa::path(
    get,
    path = path::MEMBERS_LEADERS,
    tag = "members",
    responses((status = 200, description = "By group.", body = Leaders), Conflict)
)]
pub(in crate::admin) async fn leaders(State(api): State<Api>) -> Result<Json<Leaders>, ApiError> {
    let leaders = control(&api)?.leaders().await??;
    Ok(Json(Leaders { leaders }))
}

/// Says who leads a group, since a consensus decided it.
#[utoipa::path(
    post,
    path = path::MEMBERS_LEADERS,
    tag = "members",
    request_body = AnnounceRequest,
    responses((status = 200, description = "Who leads it now.", body = LeaderView), Absent, Conflict)
)]
pub(in crate::admin) async fn announce(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<LeaderView>, ApiError> {
    let control = control(&api)?;
    let request: AnnounceRequest =
        body.read(r#"{"group": "validators", "epoch": 7, "address": "10.0.0.1:26657"}"#)?;
    Ok(Json(control.announce(request).await??))
}

/// Tells all members of an event.
#[utoipa::path(
    post,
    path = path::MEMBERS_EVENT,
    tag = "members",
    request_body = FireRequest,
    responses((status = 200, description = "It is told.", body = Done), Conflict)
)]
pub(in crate::admin) async fn fire(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<Done>, ApiError> {
    let control = control(&api)?;
    let request: FireRequest = body.read(r#"{"name": "deploy", "payload": "1.2.3"}"#)?;
    Ok(Json(control.fire(request).await??))
}

/// Asks all members.
///
/// Answered when the time for answers is over.
#[utoipa::path(
    post,
    path = path::MEMBERS_QUERY,
    tag = "members",
    request_body = QueryRequest,
    responses((status = 200, description = "What they answered.", body = QueryResult), Conflict)
)]
pub(in crate::admin) async fn query(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<QueryResult>, ApiError> {
    let control = control(&api)?;
    let request: QueryRequest = body.read(r#"{"name": "height", "timeout_ms": 1000}"#)?;
    Ok(Json(control.query(request).await??))
}

/// Answers what another member asks.
#[utoipa::path(
    post,
    path = path::MEMBERS_RESPOND,
    tag = "members",
    request_body = RespondRequest,
    responses((status = 200, description = "It is answered.", body = Done), Absent, Conflict)
)]
pub(in crate::admin) async fn respond(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<Done>, ApiError> {
    let control = control(&api)?;
    let request: RespondRequest =
        body.read(r#"{"query": "as query-asked names it", "answer": "42"}"#)?;
    Ok(Json(control.respond(request).await??))
}

/// Tells how far two members are apart.
#[utoipa::path(
    get,
    path = path::MEMBERS_RTT,
    tag = "members",
    params(
        ("one" = String, Query, description = "The name or id of one.", min_length = 1),
        ("other" = String, Query, description = "The name or id of the other.", min_length = 1)
    ),
    responses((status = 200, description = "The estimate.", body = RttView), Absent, Conflict)
)]
pub(in crate::admin) async fn rtt(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<RttView>, ApiError> {
    let control = control(&api)?;
    let (Some(one), Some(other)) = (named(&uri, "one"), named(&uri, "other")) else {
        let message = "say between whom: /v1/members/rtt?one=NAME&other=NAME";
        return Err(ApiError::new(ProblemKind::BadRequest, message));
    };
    Ok(Json(control.rtt(one, other).await??))
}
