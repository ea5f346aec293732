//! Who is kept out, and the links that are closed by hand.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::Api;
use crate::api::bans::{
    BanList, BanRequest, Concerned, ConnectRequest, DisconnectRequest, UnbanRequest,
};
use crate::control::{Command, NotDone};
use crate::http::error::ApiError;

impl From<NotDone> for ApiError {
    fn from(why: NotDone) -> Self {
        let status = match &why {
            NotDone::Span { .. } => StatusCode::BAD_REQUEST,
            NotDone::Full => StatusCode::INSUFFICIENT_STORAGE,
            NotDone::Unsaved { .. } => StatusCode::SERVICE_UNAVAILABLE,
            NotDone::Unknown(_) | NotDone::NoPeer(_) => StatusCode::NOT_FOUND,
            NotDone::Off | NotDone::Several { .. } => StatusCode::CONFLICT,
        };
        Self::new(status, why.to_string())
    }
}

/// Reads a request, whose form is told if it has another.
fn read<T: DeserializeOwned>(body: &Bytes, form: &str) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, format!("send {form} as the body ({error})"))
    })
}

pub(super) async fn list(State(api): State<Api>) -> Result<Json<BanList>, ApiError> {
    Ok(Json(api.control.ask(Command::Bans).await?))
}

pub(super) async fn ban(State(api): State<Api>, body: Bytes) -> Result<Json<Concerned>, ApiError> {
    let request: BanRequest = read(&body, "{\"subject\": WHOM, \"seconds\": HOW_LONG}")?;
    Ok(Json(api.control.ask(|reply| Command::Ban { request, reply }).await??))
}

pub(super) async fn unban(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Concerned>, ApiError> {
    let UnbanRequest { subject } = read(&body, "{\"subject\": WHOM}, or {} for all,")?;
    Ok(Json(api.control.ask(|reply| Command::Unban { subject, reply }).await??))
}

pub(super) async fn disconnect(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Concerned>, ApiError> {
    let DisconnectRequest { peer } = read(&body, "{\"peer\": WHICH}")?;
    Ok(Json(api.control.ask(|reply| Command::Disconnect { peer, reply }).await??))
}

pub(super) async fn connect(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Concerned>, ApiError> {
    let ConnectRequest { addr } = read(&body, "{\"addr\": \"IP:PORT\"}")?;
    api.control.ask(|reply| Command::Connect { addr, reply }).await?;
    Ok(Json(Concerned::default()))
}
