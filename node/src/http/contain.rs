//! A panic while a request is answered costs that request.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;

use super::error::ApiError;
use crate::api::problem::ProblemKind;

/// Answers a request, and says so if that failed by a panic. What requests share are channels, and a recorder of which each
/// value is set at once: nothing that a panic leaves half changed.
pub(crate) async fn contain(request: Request, next: Next) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answered.unwrap_or_else(|_| {
        let why = "a fault of the program, which its log tells of; the node goes on";
        ApiError::new(ProblemKind::Fault, why).into_response()
    })
}
