//! The token that opens the API over TCP, in a file of its own.

use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;

use super::identity::{self, IdentityError};
use super::private::{self, PrivateFileError};

/// Fewest letters of a token that somebody chose: what is left of one may be guessed. 64 bits, if they are hexadecimal.
const TOKEN_MIN: usize = 16;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its file can't be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// What is in its file is none.
    #[error(
        "{0} is damaged: it should hold one word of {TOKEN_MIN} letters or more; remove it, and a new token is made"
    )]
    Damaged(String),
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
    let word = bytes.trim_ascii();
    let is_token = word.len() >= TOKEN_MIN && word.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(word) {
        Ok(token) if is_token => Ok(token.into()),
        _ => Err(TokenError::Damaged(path.display().to_string())),
    }
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
    fn a_damaged_token_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        for damaged in
            [&b""[..], b"\n", b"short", &[0; 64], &[0xff; 64], b"two words of some length"]
        {
            private::write(&path, damaged).unwrap();
            assert!(matches!(load_or_create(&path), Err(TokenError::Damaged(_))), "{damaged:?}");
            assert_eq!(std::fs::read(&path).unwrap(), damaged);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
