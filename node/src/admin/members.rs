//! The fleet's members: who they are, joining, leaving, and the keys.

pub(super) mod shared;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::Api;
use crate::api::members::{
    ForceLeaveRequest, JoinRequest, Joined, KeyRequest, KeysView, LeftFleet, MemberView,
};
use crate::http::error::ApiError;
use crate::members::MembersControl;
use crate::members::control::MembersRefused;
use crate::members::keyring::KeyringError;

/// What is said where the node is no member.
const OFF: &str = "this node is no member of a fleet: set members.enabled = true, and members.join to the addresses of some \
                   others; then start the node again";

impl From<MembersRefused> for ApiError {
    fn from(why: MembersRefused) -> Self {
        let status = match why {
            MembersRefused::Unknown(_)
            | MembersRefused::NoQuery(_)
            | MembersRefused::NoDistance(..) => StatusCode::NOT_FOUND,
            MembersRefused::Ambiguous { .. }
            | MembersRefused::Itself(_)
            | MembersRefused::Shared(_) => StatusCode::CONFLICT,
            MembersRefused::TooMany(_)
            | MembersRefused::Nobody
            | MembersRefused::Filter
            | MembersRefused::Patience => StatusCode::BAD_REQUEST,
            MembersRefused::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, why.to_string())
    }
}

impl From<KeyringError> for ApiError {
    fn from(why: KeyringError) -> Self {
        let status = match why {
            KeyringError::Unknown(_) => StatusCode::NOT_FOUND,
            KeyringError::NoKey => StatusCode::BAD_REQUEST,
            KeyringError::Full | KeyringError::Collides(_) | KeyringError::Primary(_) => {
                StatusCode::CONFLICT
            }
            KeyringError::Write { .. } => StatusCode::INSUFFICIENT_STORAGE,
            KeyringError::File(_) | KeyringError::Damaged { .. } | KeyringError::Entropy(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(status, why.to_string())
    }
}

fn control(api: &Api) -> Result<&MembersControl, ApiError> {
    api.members.as_ref().ok_or_else(|| ApiError::new(StatusCode::CONFLICT, OFF))
}

fn read<T: DeserializeOwned>(body: &Bytes, example: &str) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("send {example} as the body ({error})");
        ApiError::new(StatusCode::BAD_REQUEST, message)
    })
}

/// `GET /v1/members`.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Vec<MemberView>>, ApiError> {
    Ok(Json(control(&api)?.list().await?))
}

/// `POST /v1/members/join`.
pub(super) async fn join(State(api): State<Api>, body: Bytes) -> Result<Json<Joined>, ApiError> {
    let control = control(&api)?;
    let JoinRequest { addrs } = read(&body, r#"{"addrs": ["10.0.0.1:4010"]}"#)?;
    Ok(Json(control.join(addrs).await??))
}

/// `POST /v1/members/leave`.
pub(super) async fn leave(State(api): State<Api>) -> Result<Json<LeftFleet>, ApiError> {
    control(&api)?.leave().await?;
    Ok(Json(LeftFleet { left: true }))
}

/// `POST /v1/members/force-leave`.
pub(super) async fn force_leave(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<MemberView>, ApiError> {
    let control = control(&api)?;
    let ForceLeaveRequest { member } = read(&body, r#"{"member": "NAME or ID"}"#)?;
    Ok(Json(control.force_leave(member).await??))
}

/// `GET /v1/members/keys`.
pub(super) async fn keys(State(api): State<Api>) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(control(&api)?.keys().view()))
}

/// `POST /v1/members/keys`.
pub(super) async fn change_keys(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<KeysView>, ApiError> {
    let keys = control(&api)?.keys().clone();
    let request: KeyRequest = read(&body, r#"{"op": "install", "key": "KEY"}"#)?;
    // The disk is waited for.
    let changed = tokio::task::spawn_blocking(move || keys.change(&request)).await;
    let changed = changed.map_err(|_| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "a fault of the program: see the log")
    })?;
    Ok(Json(changed?))
}
