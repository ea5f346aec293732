//! The fleet's members: who they are, joining, leaving, and the keys.

pub(super) mod shared;

use axum::Json;
use axum::extract::State;

use super::Api;
use super::describe::{Absent, Conflict, Full};
use crate::api::members::{
    ForceLeaveRequest, JoinRequest, Joined, KeyRequest, KeysView, LeftFleet, MemberView, Members,
};
use crate::api::path;
use crate::api::problem::ProblemKind;
use crate::http::error::ApiError;
use crate::http::take::JsonBody;
use crate::members::MembersControl;
use crate::members::control::MembersRefused;
use crate::members::keyring::KeyringError;

/// What is said where the node is no member.
const OFF: &str = "this node is no member of a fleet: set members.enabled = true, and members.join to the addresses of some \
                   others; then start the node again";

impl From<MembersRefused> for ApiError {
    fn from(why: MembersRefused) -> Self {
        let kind = match why {
            MembersRefused::Unknown(_)
            | MembersRefused::NoQuery(_)
            | MembersRefused::NoDistance(..) => ProblemKind::NotFound,
            MembersRefused::Ambiguous { .. } | MembersRefused::Beginning { .. } => {
                ProblemKind::Ambiguous
            }
            MembersRefused::Itself(_) | MembersRefused::Shared(_) => ProblemKind::Conflict,
            MembersRefused::TooMany(_)
            | MembersRefused::Nobody
            | MembersRefused::Filter
            | MembersRefused::Patience => ProblemKind::BadRequest,
            MembersRefused::Busy => return Self::busy(why.to_string()),
        };
        Self::new(kind, why.to_string())
    }
}

impl From<KeyringError> for ApiError {
    fn from(why: KeyringError) -> Self {
        let kind = match why {
            KeyringError::Unknown(_) => ProblemKind::NotFound,
            KeyringError::NoKey => ProblemKind::BadRequest,
            KeyringError::Full | KeyringError::Collides(_) | KeyringError::Primary(_) => {
                ProblemKind::Conflict
            }
            KeyringError::Write { .. } => ProblemKind::NoRoom,
            KeyringError::File(_) | KeyringError::Damaged { .. } | KeyringError::Entropy(_) => {
                ProblemKind::Fault
            }
        };
        Self::new(kind, why.to_string())
    }
}

fn control(api: &Api) -> Result<&MembersControl, ApiError> {
    api.members.as_ref().ok_or_else(|| ApiError::new(ProblemKind::NotEnabled, OFF))
}

/// Lists the members.
///
/// All that the node knows, itself among them, by name.
#[utoipa::path(
    get,
    path = path::MEMBERS,
    tag = "members",
    responses((status = 200, description = "The members.", body = Members), Conflict)
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Members>, ApiError> {
    let members = control(&api)?.list().await?;
    Ok(Json(Members { members }))
}

/// Asks members who is there.
///
/// Answered once all have answered or been silent for ten seconds.
#[utoipa::path(
    post,
    path = path::MEMBERS_JOIN,
    tag = "members",
    request_body = JoinRequest,
    responses((status = 200, description = "How many answered.", body = Joined), Conflict)
)]
pub(super) async fn join(State(api): State<Api>, body: JsonBody) -> Result<Json<Joined>, ApiError> {
    let control = control(&api)?;
    let JoinRequest { addrs } = body.read(r#"{"addrs": ["10.0.0.1:4010"]}"#)?;
    Ok(Json(control.join(addrs).await??))
}

/// Takes the node out of the fleet.
///
/// Answered once it is told.
#[utoipa::path(
    post,
    path = path::MEMBERS_LEAVE,
    tag = "members",
    responses((status = 200, description = "It has left.", body = LeftFleet), Conflict)
)]
pub(super) async fn leave(State(api): State<Api>) -> Result<Json<LeftFleet>, ApiError> {
    control(&api)?.leave().await?;
    Ok(Json(LeftFleet { left: true }))
}

/// Takes a member for one that has left.
#[utoipa::path(
    post,
    path = path::MEMBERS_FORCE_LEAVE,
    tag = "members",
    request_body = ForceLeaveRequest,
    responses((status = 200, description = "The member.", body = MemberView), Absent, Conflict)
)]
pub(super) async fn force_leave(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<MemberView>, ApiError> {
    let control = control(&api)?;
    let ForceLeaveRequest { member } = body.read(r#"{"member": "NAME or ID"}"#)?;
    Ok(Json(control.force_leave(member).await??))
}

/// Lists the keys that members seal with, by their ids.
#[utoipa::path(
    get,
    path = path::MEMBERS_KEYS,
    tag = "members",
    responses((status = 200, description = "The ids.", body = KeysView), Conflict)
)]
pub(super) async fn keys(State(api): State<Api>) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(control(&api)?.keys().view()))
}

/// Changes the keys.
///
/// It is on the disk by the time that this is answered.
#[utoipa::path(
    post,
    path = path::MEMBERS_KEYS,
    tag = "members",
    request_body = KeyRequest,
    responses((status = 200, description = "The ids.", body = KeysView), Absent, Conflict, Full)
)]
pub(super) async fn change_keys(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<KeysView>, ApiError> {
    let keys = control(&api)?.keys().clone();
    let request: KeyRequest = body.read(r#"{"op": "install", "key": "KEY"}"#)?;
    // The disk is waited for.
    let changed = tokio::task::spawn_blocking(move || keys.change(&request)).await;
    let changed = changed
        .map_err(|_| ApiError::new(ProblemKind::Fault, "a fault of the program: see the log"))?;
    Ok(Json(changed?))
}
