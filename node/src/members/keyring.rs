//! The keys of a fleet's members: the first one seals, and all open.
//!
//! Whoever has one of them is a member, and may say anything of anybody (`protocol/src/membership.rs`, "Whom to believe").
//! Keys change without a gap and without a restart: install the new one at every member, then use it at every member, then
//! remove the old one at every member. As long as each step is over before the next begins, each opens what any other seals.
//!
//! They stand in a file of the data folder, base64, one a line, the first one first. The file is for its owner only, and written
//! whole or not at all. One that can't be read is refused and left as it is.

use std::fmt;
use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use tidings_protocol::ground::item::Hash256;

use crate::files::identity::{self, IdentityError};
use crate::files::private::{self, PrivateFileError};
use crate::files::whole;

/// Length of a key, bytes: what XChaCha20-Poly1305 takes.
pub const KEY_LEN: usize = 32;

/// Most keys. A guess: a rotation needs two.
pub const KEYS_MAX: usize = 16;

/// Why a key isn't installed, used or removed, or keys can't be read or kept. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file can't be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// What is in the file are no keys.
    #[error(
        "{path} is damaged (line {line}): each line should be a key of 32 bytes in base64, as `tidings members keys generate` \
         prints it, no two alike and at most 16; the file was left as it is"
    )]
    Damaged {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// The file can't be written.
    #[error("cannot write {path}: {source}; nothing was changed")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The text is no key.
    #[error(
        "this is no key: one is 32 bytes in base64, as `tidings members keys generate` prints it"
    )]
    NoKey,
    /// There are too many.
    #[error("there are {KEYS_MAX} keys, which is the most: remove one that nobody uses any more")]
    Full,
    /// Another key has the same id.
    #[error("another key is called {0} already: generate a new one")]
    Collides(KeyId),
    /// There is no such key.
    #[error(
        "there is no key `{0}` here: `tidings members keys list` shows them, and `keys install` adds one"
    )]
    Unknown(String),
    /// It is the one that seals.
    #[error("{0} is the key that is used: use another one first, here and at every other member")]
    Primary(KeyId),
    /// The system gives no randomness.
    #[error(transparent)]
    Entropy(#[from] IdentityError),
}

/// A key. It is never shown but by [`Key::to_text`].
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_LEN]);

/// What a key is called: the first bytes of its hash. No secret; it stands in each datagram, so that nobody has to try all keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyringError> {
        Ok(Self(identity::random()?))
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let hash = Hash256::of(&self.0).0;
        let (first, _) = hash.split_first_chunk().expect("a hash is longer than four bytes");
        KeyId(*first)
    }

    /// It as base64: the secret itself.
    #[must_use]
    pub fn to_text(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// Reads base64.
    ///
    /// # Errors
    /// When it is no key.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let bytes = BASE64.decode(text.trim().as_bytes()).map_err(|_| KeyringError::NoKey)?;
        bytes.try_into().map(Self).map_err(|_| KeyringError::NoKey)
    }

    pub(super) const fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

/// At most [`KEYS_MAX`] keys, the primary one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring(Vec<Key>);

impl Keyring {
    /// Reads the keys of a file; none if there is no such file.
    ///
    /// # Errors
    /// When it can't be used, or holds something else.
    pub fn load(path: &Path) -> Result<Self, KeyringError> {
        let bytes = match private::read(path) {
            Err(PrivateFileError::Missing(_)) => return Ok(Self::default()),
            read => read?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut ring = Self::default();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (at, line) in lines {
            let count = ring.0.len();
            let installed = Key::parse(line).and_then(|key| ring.install(key));
            if installed.is_err() || ring.0.len() == count {
                let path = path.display().to_string();
                return Err(KeyringError::Damaged { path, line: at + 1 });
            }
        }
        Ok(ring)
    }

    /// Writes the keys to a file for its owner only.
    ///
    /// # Errors
    /// When the disk refuses. The old file is then as it was.
    pub fn save(&self, path: &Path) -> Result<(), KeyringError> {
        // A temporary file has mode 0600, and takes the other's place with it.
        let written = whole::replace(path, |file| {
            self.0.iter().try_for_each(|key| writeln!(file, "{}", key.to_text()))
        });
        let path = || path.display().to_string();
        written.map_err(|source| KeyringError::Write { path: path(), source })
    }

    /// Adds a key, as the last one; nothing happens if it is there. The first one is the primary at once.
    ///
    /// # Errors
    /// When there are too many, or another is called so.
    pub fn install(&mut self, key: Key) -> Result<(), KeyringError> {
        if self.0.contains(&key) {
            return Ok(());
        }
        let id = key.id();
        if self.get(id).is_some() {
            return Err(KeyringError::Collides(id));
        }
        if self.0.len() >= KEYS_MAX {
            return Err(KeyringError::Full);
        }
        self.0.push(key);
        Ok(())
    }

    /// Makes a key the primary one.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn make_primary(&mut self, named: &str) -> Result<(), KeyringError> {
        let at = self.find(named)?;
        self.0[..=at].rotate_right(1);
        Ok(())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// When there is no such key, or it is the primary one.
    pub fn remove(&mut self, named: &str) -> Result<(), KeyringError> {
        match self.find(named)? {
            0 => Err(KeyringError::Primary(self.0[0].id())),
            at => {
                self.0.remove(at);
                Ok(())
            }
        }
    }

    /// Where the key stands that is named by its id, or by itself.
    fn find(&self, named: &str) -> Result<usize, KeyringError> {
        let named = named.trim();
        let is_it = |key: &Key| key.id().to_string() == named || key.to_text() == named;
        // What isn't called so may be a secret, and is shown by its id.
        let shown =
            || Key::parse(named).map_or_else(|_| named.to_owned(), |key| key.id().to_string());
        self.0.iter().position(is_it).ok_or_else(|| KeyringError::Unknown(shown()))
    }

    /// The key that seals; none if there are none.
    #[must_use]
    pub fn primary(&self) -> Option<&Key> {
        self.0.first()
    }

    /// The key with an id.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&Key> {
        self.0.iter().find(|key| key.id() == id)
    }

    /// What the keys are called, the primary one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.iter().map(Key::id)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn key(number: u8) -> Key {
        Key::new([number; KEY_LEN])
    }

    fn ring(numbers: impl IntoIterator<Item = u8>) -> Keyring {
        let mut ring = Keyring::default();
        numbers.into_iter().for_each(|number| ring.install(key(number)).unwrap());
        ring
    }

    #[test]
    fn keys_outlive_the_process_in_order_and_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("members.keys");
        assert!(Keyring::load(&path).unwrap().is_empty());
        let mut ring = ring([1, 2]);
        ring.save(&path).unwrap();
        ring.make_primary(&key(2).id().to_string()).unwrap();
        ring.save(&path).unwrap();
        let read = Keyring::load(&path).unwrap();
        assert_eq!(read, ring);
        assert_eq!(read.primary(), Some(&key(2)));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keyring::load(&path), Err(KeyringError::File(_))));
    }

    #[test]
    fn a_damaged_file_is_refused_by_its_line_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("members.keys");
        let good = key(1).to_text();
        for bad in ["oops", &good[..40], &good] {
            let text = format!("{good}\n\n{bad}\n");
            let _ = fs::remove_file(&path);
            private::write(&path, text.as_bytes()).unwrap();
            let error = Keyring::load(&path).unwrap_err().to_string();
            assert!(error.contains("(line 3)"), "{error}");
            assert!(!error.contains(&good), "no key is shown");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn the_key_that_seals_stays_until_another_one_does() {
        let mut ring = ring([1, 2]);
        let first = key(1).id();
        assert!(
            matches!(ring.remove(&first.to_string()), Err(KeyringError::Primary(id)) if id == first)
        );
        ring.make_primary(&key(2).to_text()).unwrap();
        ring.remove(&first.to_string()).unwrap();
        assert_eq!(ring.ids().collect::<Vec<_>>(), [key(2).id()]);
        assert!(matches!(ring.make_primary("00000000"), Err(KeyringError::Unknown(_))));
        let unknown = ring.remove(&key(9).to_text()).unwrap_err().to_string();
        assert!(!unknown.contains(&key(9).to_text()), "no key is shown: {unknown}");
    }

    #[test]
    fn there_are_at_most_sixteen_and_none_twice() {
        let mut ring = ring(1..=16);
        ring.install(key(3)).unwrap();
        assert_eq!(ring.ids().count(), 16);
        assert!(matches!(ring.install(key(17)), Err(KeyringError::Full)));
        assert!(matches!(Key::parse("QUJD"), Err(KeyringError::NoKey)));
        assert_eq!(format!("{:?}", key(1)), format!("Key({})", key(1).id()), "no key is shown");
    }
}
