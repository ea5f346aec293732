//! Lets in only who has the token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;

use super::error::ApiError;

/// Lets through only requests with `Authorization: Bearer TOKEN`.
pub(crate) async fn require(
    State(token): State<Arc<str>>,
    request: Request,
    next: Next,
) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = given.and_then(|value| value.strip_prefix(b"Bearer "));
    if given.is_some_and(|given| equal(given, token.as_bytes())) {
        return next.run(request).await;
    }
    let message = "this API needs the header `Authorization: Bearer TOKEN`, with the token from the \
                   node's admin.token_file";
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (challenge, ApiError::new(StatusCode::UNAUTHORIZED, message)).into_response()
}

/// Compares in a time that doesn't tell where the first difference is. The length is no secret.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_equal_only_whole() {
        assert!(equal(b"abc", b"abc"));
        for other in [&b"abd"[..], b"ab", b"abcd", b"", b"xbc"] {
            assert!(!equal(b"abc", other), "{other:?}");
        }
    }
}
