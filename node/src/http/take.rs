//! What requests bring, taken with bounds of size and time. What isn't as it should be is refused as a problem, as everything else is:
//! none of axum's own refusals, which are plain text, reaches anybody.

use std::fmt;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::error::ApiError;
use crate::api::problem::ProblemKind;

/// How long a body may take to arrive. A guess: a block of 4 MB at 1.2 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest body of JSON, bytes: a value of the fleet's map has up to 64 KiB, and in JSON perhaps six times as many.
pub(crate) const JSON_MAX: usize = 512 << 10;

/// A body of JSON.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !matches!(media_type(&request), Media::Json | Media::None) {
            let detail = "send JSON as the body, with the header `Content-Type: application/json`";
            return Err(ApiError::new(ProblemKind::MediaType, detail));
        }
        let too_large = || format!("a request in JSON has at most {JSON_MAX} bytes");
        body(request, JSON_MAX, too_large).await.map(Self)
    }
}

impl JsonBody {
    /// Reads it. Its form is told if it has another: "send FORM as the body".
    pub(crate) fn read<T: DeserializeOwned>(&self, form: &str) -> Result<T, ApiError> {
        let refuse = |why: &dyn fmt::Display| {
            let detail = format!("send {form} as the body ({why})");
            ApiError::new(ProblemKind::BadRequest, detail)
        };
        // All are objects. A list of the values of its fields would do for serde, too.
        if self.0.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(refuse(&"it is no object"));
        }
        serde_json::from_slice(&self.0).or_else(|error| {
            let value = serde_json::from_slice(&self.0).map(whole);
            value.and_then(serde_json::from_value).map_err(|_| refuse(&error))
        })
    }
}

/// The same with whole numbers that are written as others: JSON Schema knows no difference between `3.0` and `3`.
fn whole(value: Value) -> Value {
    match value {
        Value::Array(all) => all.into_iter().map(whole).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, it)| (key, whole(it))).collect(),
        Value::Number(number) => match number.as_f64() {
            // What is as large isn't told apart from its neighbours.
            Some(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                serde_json::from_str(&format!("{float:.0}")).unwrap_or(Value::Number(number))
            }
            _ => Value::Number(number),
        },
        value => value,
    }
}

/// What a body is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// Nothing is said.
    None,
    Json,
    Bytes,
    Other,
}

/// What the body of a request is said to be.
pub(crate) fn media_type(request: &Request) -> Media {
    let Some(value) = request.headers().get(CONTENT_TYPE) else { return Media::None };
    let text = value.to_str().unwrap_or_default();
    let name = text.split_once(';').map_or(text, |(name, _)| name).trim().to_ascii_lowercase();
    match &*name {
        "" => Media::None,
        "application/octet-stream" => Media::Bytes,
        "application/json" => Media::Json,
        name if name.starts_with("application/") && name.ends_with("+json") => Media::Json,
        _ => Media::Other,
    }
}

/// Takes a whole body of so many bytes at most.
pub(crate) async fn body(
    request: Request,
    max: usize,
    too_large: impl FnOnce() -> String,
) -> Result<Bytes, ApiError> {
    match timeout(BODY_TIMEOUT, Limited::new(request.into_body(), max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(ApiError::too_large(too_large(), max))
        }
        Ok(Err(error)) => Err(ApiError::new(ProblemKind::BadRequest, error.to_string())),
        Err(_) => Err(ApiError::new(ProblemKind::TooSlow, "the body took too long to arrive")),
    }
}

/// What the question mark of an address is followed by. Names that it doesn't know are refused.
pub(crate) struct Args<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Args<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let taken = Query::<T>::from_request_parts(parts, state).await;
        taken.map(|Query(args)| Self(args)).map_err(|why: QueryRejection| {
            ApiError::new(ProblemKind::BadRequest, inner(&why.body_text()))
        })
    }
}

/// The part of the path that names what is asked for.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let taken = Path::<String>::from_request_parts(parts, state).await;
        taken.map(|Path(name)| Self(name)).map_err(|why: PathRejection| {
            ApiError::new(ProblemKind::BadRequest, inner(&why.body_text()))
        })
    }
}

/// What a refusal of axum's says, without the words that it begins with.
fn inner(text: &str) -> String {
    let said = text.strip_prefix("Failed to deserialize query string: ");
    format!("the query or the path makes no sense: {}", said.unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::bans::BanRequest;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let read = |json: &str| {
            let body = JsonBody(Bytes::copy_from_slice(json.as_bytes()));
            body.read::<BanRequest>("a ban").map(|request| request.seconds)
        };
        let with =
            |number: &str| read(&format!(r#"{{"subject": "192.0.2.7", "seconds": {number}}}"#));
        for three in ["3", "3.0", "0.3e1", "null"] {
            assert_eq!(with(three), Ok((three != "null").then_some(3)), "{three}");
        }
        for wrong in ["3.5", "-3.0", "1e300", "\"3\""] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        assert!(read(r#"["192.0.2.7", 3]"#).is_err(), "a list of its fields is none");
    }
}
