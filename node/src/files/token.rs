//! The token that opens the API over TCP, in a file of its own.

use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;

use super::identity::{self, IdentityError};
use super::private::{self, PrivateFileError};

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
///
/// # Errors
/// When the file can't be used or made.
pub fn load_or_create(path: &Path) -> Result<Arc<str>, TokenError> {
    match read_token(path) {
        Err(TokenError::File(PrivateFileError::Missing(_))) => {
            let token = HEXLOWER.encode(&identity::random()?);
            private::write(path, format!("{token}\n").as_bytes())?;
            Ok(token.into())
        }
        read => read,
    }
}

/// Reads the token from its file.
///
/// # Errors
/// When the file can't be used.
pub fn read_token(path: &Path) -> Result<Arc<str>, TokenError> {
    let bytes = private::read(path)?;
    let token = String::from_utf8_lossy(&bytes).trim().to_owned();
    if token.is_empty() {
        return Err(TokenError::Empty(path.display().to_string()));
    }
    Ok(token.into())
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
}
