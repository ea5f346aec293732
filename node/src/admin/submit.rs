//! Items that are handed in.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tidings_protocol::ground::item::ItemKind;
use tokio::time::timeout;

use super::Api;
use crate::api::Submitted;
use crate::control::Command;
use crate::http::error::ApiError;
use crate::store::NotSaved;

/// How long a submission may take to arrive. A guess: a block of 4 MB at 1.2 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// `POST /v1/tx`.
pub(super) async fn tx(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<Submitted>, ApiError> {
    submit(&api, ItemKind::Tx, request).await
}

/// `POST /v1/block`.
pub(super) async fn block(
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
    let answer = api.control.ask(|reply| Command::Submit { kind, bytes, reply }).await?;
    answer.map(Json).map_err(|error| not_saved(kind, &error))
}

/// That an accepted item isn't on the disk.
pub(super) fn not_saved(kind: ItemKind, error: &NotSaved) -> ApiError {
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
