//! The token that opens the API over TCP.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::ApiError;
use crate::files::datadir::{PrivateFileError, read_private, write_private};
use crate::files::identity::{self, IdentityError};

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its file can't be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Its file has nothing in it.
    #[error("{0} is empty: remove it, and a new token is made")]
    Empty(String),
    /// None can be made.
    #[error(transparent)]
    Entropy(#[from] IdentityError),
}

/// Reads the token from its file, which is made with 32 random bytes in hexadecimal if missing.
pub(crate) fn load_or_create(path: &Path) -> Result<Arc<str>, TokenError> {
    match read_token(path) {
        Err(TokenError::File(PrivateFileError::Missing(_))) => {
            let token = identity::to_hex(&identity::random()?);
            write_private(path, format!("{token}\n").as_bytes())?;
            Ok(token.into())
        }
        read => read,
    }
}

/// Reads the token from its file.
pub(crate) fn read_token(path: &Path) -> Result<Arc<str>, TokenError> {
    let bytes = read_private(path)?;
    let token = String::from_utf8_lossy(&bytes).trim().to_owned();
    if token.is_empty() {
        return Err(TokenError::Empty(path.display().to_string()));
    }
    Ok(token.into())
}

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
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    a.len() == b.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        let token = load_or_create(&path).unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(load_or_create(&path).unwrap(), token);
        assert_eq!(read_token(&path).unwrap(), token);
    }

    #[test]
    fn tokens_are_equal_only_whole() {
        assert!(equal(b"abc", b"abc"));
        for other in [&b"abd"[..], b"ab", b"abcd", b"", b"xbc"] {
            assert!(!equal(b"abc", other), "{other:?}");
        }
    }
}
