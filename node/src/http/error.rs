//! Requests that can't be answered, and what their makers are told.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tidings_protocol::ground::item::Hash256;

use crate::api::problem::{CONTENT_TYPE, Problem, ProblemKind};
use crate::api::rival::Rival;
use crate::control::Unanswered;

/// After how long to try again when the node is busy, seconds. A guess: its queues are worked off in less.
const BUSY_S: u64 = 2;

/// Why a request can't be answered: a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError(Box<Problem>);

impl ApiError {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(kind, detail)))
    }

    /// That the node has too much to do.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Busy, detail).later(BUSY_S)
    }

    /// That the body is larger than what is taken, bytes.
    pub(crate) fn too_large(detail: impl Into<String>, max_bytes: usize) -> Self {
        let mut error = Self::new(ProblemKind::TooLarge, detail);
        error.0.max_bytes = Some(max_bytes);
        error
    }

    /// That an item broke a rule, perhaps for the sake of another.
    pub(crate) fn rule_broken(
        detail: impl Into<String>,
        id: Option<Hash256>,
        rule: impl Into<String>,
        rival: Option<Rival>,
    ) -> Self {
        let mut error = Self::new(ProblemKind::RuleBroken, detail);
        (error.0.id, error.0.rule, error.0.rival) = (id, Some(rule.into()), rival);
        error
    }

    /// Says when to try again, seconds from now.
    pub(crate) fn later(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// What its maker is told.
    pub(crate) fn into_problem(self) -> Problem {
        *self.0
    }
}

impl From<Unanswered> for ApiError {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Stopped => Self::new(ProblemKind::Stopping, why.to_string()),
            Unanswered::Overloaded => Self::busy(why.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = *self.0;
        let status = StatusCode::from_u16(problem.status).unwrap_or_default();
        let later = problem.retry_after_s;
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = later {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
