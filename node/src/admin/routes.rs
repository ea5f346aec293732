//! What the API answers.

use std::sync::OnceLock;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Json, Router};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::{Conflict, Description, add_common};
use super::members::shared;
use super::{Api, chain, events, health, kv, members, mine, peers, settings, submit};
use crate::api::problem::ProblemKind;
use crate::api::trouble::{Trouble, Troubled};
use crate::api::{SlowFrom, Slowed, Status, Stopping, path};
use crate::control::Command;
use crate::http::error::ApiError;
use crate::http::take::JsonBody;
use crate::lab::slow_motion::NotSlowed;
use crate::lab::trouble::NotTroubled;

/// The description as it is served: `openapi.json` of this crate, which a test compares with [`document`].
pub const DOCUMENT: &str = include_str!("../../openapi.json");

/// All routes. What stands before them (a token) is the listener's business.
pub fn router(api: Api) -> Router {
    // Put together once in a process: describing it all takes a millisecond, and a host has a router for each request.
    static ROUTES: OnceLock<Router<Api>> = OnceLock::new();
    let routes = ROUTES.get_or_init(|| {
        let (routes, _) = described().split_for_parts();
        routes.fallback(nothing_here).method_not_allowed_fallback(other_method)
    });
    routes.clone().with_state(api)
}

/// The description of all routes (`OpenAPI` 3.1).
#[must_use]
pub fn document() -> OpenApi {
    let mut document = described().split_for_parts().1;
    add_common(&mut document);
    document
}

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(status))
        .routes(routes!(settings::config))
        .routes(routes!(settings::log, settings::set_log))
        .routes(routes!(trouble))
        .routes(routes!(stop))
        .routes(routes!(health::healthy))
        .routes(routes!(health::ready))
        .routes(routes!(openapi))
        .routes(routes!(submit::transactions))
        .routes(routes!(chain::blocks, submit::block))
        .routes(routes!(chain::block))
        .routes(routes!(chain::item))
        .routes(routes!(chain::story))
        .routes(routes!(chain::pool))
        .routes(routes!(events::stream))
        .routes(routes!(peers::peers))
        .routes(routes!(peers::story))
        .routes(routes!(peers::disconnect))
        .routes(routes!(peers::connect))
        .routes(routes!(peers::addresses))
        .routes(routes!(peers::bans, peers::ban, peers::unban_all))
        .routes(routes!(peers::unban))
        .routes(routes!(kv::list, kv::write))
        .routes(routes!(kv::get))
        .routes(routes!(kv::conflicts))
        .routes(routes!(kv::watch))
        .routes(routes!(members::list))
        .routes(routes!(members::join))
        .routes(routes!(members::leave))
        .routes(routes!(members::force_leave))
        .routes(routes!(members::keys, members::change_keys))
        .routes(routes!(shared::state, shared::write))
        .routes(routes!(shared::leaders, shared::announce))
        .routes(routes!(shared::fire))
        .routes(routes!(shared::query))
        .routes(routes!(shared::respond))
        .routes(routes!(shared::rtt))
        .routes(routes!(mine::mine))
        .routes(routes!(slow_down))
}

/// For a path that nothing is at.
pub(crate) async fn nothing_here() -> ApiError {
    let detail =
        format!("there is nothing at this path; {} names all that there are", path::OPENAPI);
    ApiError::new(ProblemKind::NoSuchPath, detail)
}

/// For a path that takes other methods.
pub(crate) async fn other_method() -> ApiError {
    let detail = "this path takes another method: the header `Allow` names those";
    ApiError::new(ProblemKind::MethodNotAllowed, detail)
}

/// Tells how the node is.
#[utoipa::path(
    get,
    path = path::STATUS,
    tag = "node",
    responses((status = 200, description = "State of the node.", body = Status))
)]
async fn status(State(api): State<Api>) -> Result<Json<Status>, ApiError> {
    let mut status = api.control.ask(Command::Status).await?;
    if let Some(members) = &api.members {
        status.members = members.status().await.ok();
    }
    Ok(Json(status))
}

/// Describes the API: this very document.
#[utoipa::path(
    get,
    path = path::OPENAPI,
    tag = "node",
    responses((status = 200, description = "The description (OpenAPI 3.1).", body = serde_json::Value))
)]
async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

/// Lets the node's clock run slow, in a test network.
#[utoipa::path(
    post,
    path = path::SLOW_MOTION,
    tag = "lab",
    request_body = SlowFrom,
    responses((status = 200, description = "How slow it will be.", body = Slowed), Conflict)
)]
async fn slow_down(State(api): State<Api>, body: JsonBody) -> Result<Json<Slowed>, ApiError> {
    let SlowFrom { from_unix_us } = body.read("{\"from_unix_us\": MICROSECONDS}")?;
    let slow_motion = api.control.ask(|reply| Command::SlowDown { from_unix_us, reply }).await??;
    Ok(Json(Slowed { slow_motion }))
}

impl From<NotSlowed> for ApiError {
    fn from(why: NotSlowed) -> Self {
        let kind = match why {
            NotSlowed::Unset => ProblemKind::NotEnabled,
            NotSlowed::Already | NotSlowed::Past => ProblemKind::Conflict,
        };
        Self::new(kind, why.to_string())
    }
}

/// Lets this go wrong with what the node sends from now on, and nothing else, in a test network.
#[utoipa::path(
    put,
    path = path::TROUBLE,
    tag = "lab",
    request_body = Trouble,
    responses((status = 200, description = "So it does.", body = Troubled), Conflict)
)]
async fn trouble(State(api): State<Api>, body: JsonBody) -> Result<Json<Troubled>, ApiError> {
    let trouble = body.read("{\"effects\": [{\"kind\": \"loss\", \"share\": 0.1}]}")?;
    let met = api.control.ask(|reply| Command::Trouble { trouble, reply }).await??;
    Ok(Json(Troubled { met }))
}

impl From<NotTroubled> for ApiError {
    fn from(why: NotTroubled) -> Self {
        let kind = match why {
            NotTroubled::Unset => ProblemKind::NotEnabled,
            NotTroubled::Wrong(_) => ProblemKind::BadRequest,
        };
        Self::new(kind, why.to_string())
    }
}

/// Ends the node.
///
/// Answered before anything stops; this very answer is one of the requests that are let finish.
#[utoipa::path(
    post,
    path = path::STOP,
    tag = "node",
    responses((status = 202, description = "It will.", body = Stopping))
)]
async fn stop(State(api): State<Api>) -> (StatusCode, Json<Stopping>) {
    tracing::info!("stopping: the API was asked to");
    api.stop.request();
    (StatusCode::ACCEPTED, Json(Stopping { stopping: true }))
}
