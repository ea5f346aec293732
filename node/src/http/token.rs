//! Lets in only who has the token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;

use super::error::ApiError;
use super::server::Place;
use crate::api::problem::ProblemKind;

/// The scheme of what stands in the header (RFC 6750), of which the letters may have either case (RFC 9110, section 11.1).
const SCHEME: &[u8] = b"bearer";

/// Lets through only requests with `Authorization: Bearer TOKEN`. Whoever has it gets a place of those that are kept for them.
pub(crate) async fn require(
    State(token): State<Arc<str>>,
    request: Request,
    next: Next,
) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if !given.and_then(credentials).is_some_and(|given| equal(given, token.as_bytes())) {
        let message = "this API needs the header `Authorization: Bearer TOKEN`, with the token from the \
                       node's admin.token_file";
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (challenge, ApiError::new(ProblemKind::Unauthorized, message)).into_response();
    }
    if request.extensions().get::<Place>().is_some_and(|place| !place.prove()) {
        let message = "as many connections as may are open: try again once one of them is closed";
        return ApiError::busy(message).into_response();
    }
    next.run(request).await
}

/// What follows the scheme.
fn credentials(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && rest.first() == Some(&b' ');
    is_bearer.then(|| rest.trim_ascii())
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

    #[test]
    fn the_scheme_is_bearer_in_either_case() {
        for good in ["Bearer x", "bearer x", "BEARER  x "] {
            assert_eq!(credentials(good.as_bytes()), Some(&b"x"[..]), "{good}");
        }
        for bad in ["", "Bearer", "Bearerx", "Basic x", "x"] {
            assert_eq!(credentials(bad.as_bytes()), None, "{bad}");
        }
    }
}
