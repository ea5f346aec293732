//! The two keys of a node: who it is on the network, and the account that signs its transfers.
//!
//! Both live in files of their own with mode 0600. A file that is damaged or open to others is
//! refused and left as it is, since the key in it may not exist anywhere else.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use libp2p::identity::Keypair;
use rand::TryRng as _;

use super::datadir::{ACCOUNT, DataDir, IDENTITY};
use super::private::{self, PrivateFileError};

/// Length of the seed of an Ed25519 key, bytes.
pub const SEED_LEN: usize = 32;

/// Why a key can't be had. The file was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is there, but has no key in it.
    #[error(
        "{name} in {folder} is damaged ({problem}); the file was left as it is: restore it from a backup, \
         or move the data folder away and run `tidings init` for a new identity"
    )]
    Damaged {
        /// Name of the file.
        name: &'static str,
        /// The data folder.
        folder: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file isn't there.
    #[error(
        "{name} is missing in {folder}: run `tidings init` if the folder is new, or restore the file from a backup"
    )]
    Missing {
        /// Name of the file.
        name: &'static str,
        /// The data folder.
        folder: String,
    },
    /// The file can't be read, or others can read it.
    #[error(transparent)]
    File(PrivateFileError),
    /// The system has no randomness to give.
    #[error("the system gave no random bytes for a new key: {0}")]
    Entropy(String),
}

/// Creates the identity of a node. Never overwrites one.
///
/// # Errors
/// When the file exists or can't be written.
pub fn create(dir: &DataDir) -> Result<Keypair, IdentityError> {
    let keypair = keypair(random()?);
    private::write(&dir.join(IDENTITY), &encode(&keypair)).map_err(IdentityError::File)?;
    Ok(keypair)
}

fn keypair(seed: [u8; SEED_LEN]) -> Keypair {
    Keypair::ed25519_from_bytes(seed).expect("every 32 bytes are the seed of an Ed25519 key")
}

fn encode(keypair: &Keypair) -> Vec<u8> {
    keypair.to_protobuf_encoding().expect("an Ed25519 key has an encoding")
}

/// Loads the identity of a node.
///
/// # Errors
/// When the file is missing, damaged, or open to others.
pub fn load(dir: &DataDir) -> Result<Keypair, IdentityError> {
    let bytes = read(dir, IDENTITY)?;
    Keypair::from_protobuf_encoding(&bytes).map_err(|error| damaged(dir, IDENTITY, error))
}

/// Creates the account of a node: the seed of a key, as hexadecimal. Never overwrites one.
///
/// # Errors
/// When the file exists or can't be written.
pub fn create_account(dir: &DataDir) -> Result<(), IdentityError> {
    let text = account_text(&random()?);
    private::write(&dir.join(ACCOUNT), text.as_bytes()).map_err(IdentityError::File)
}

/// The file of an account: its seed in hexadecimal; and its public key, which shows whether a digit was damaged.
#[must_use]
pub fn account_text(seed: &[u8; SEED_LEN]) -> String {
    format!("{}\n{}\n", HEXLOWER.encode(seed), HEXLOWER.encode(&public(*seed)))
}

fn public(seed: [u8; SEED_LEN]) -> [u8; 32] {
    VerificationKeyBytes::from(&SigningKey::from(seed)).into()
}

/// That the account, if there is one, can be used: whoever notices only when a transfer is to be signed notices late.
///
/// # Errors
/// When the file is damaged, or open to others.
pub fn check_account(dir: &DataDir) -> Result<(), IdentityError> {
    match load_account(dir) {
        Err(IdentityError::Missing { .. }) => Ok(()),
        loaded => loaded.map(drop),
    }
}

/// Loads the seed of the account's key.
///
/// # Errors
/// When the file is missing, damaged, or open to others.
pub fn load_account(dir: &DataDir) -> Result<[u8; SEED_LEN], IdentityError> {
    let bytes = read(dir, ACCOUNT)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| damaged(dir, ACCOUNT, error))?;
    let keys: Option<Vec<[u8; SEED_LEN]>> = text.split_whitespace().map(key).collect();
    match keys.as_deref() {
        // As earlier versions wrote it.
        Some([seed]) => Ok(*seed),
        Some([seed, of_seed]) if public(*seed) == *of_seed => Ok(*seed),
        Some([_, _]) => {
            Err(damaged(dir, ACCOUNT, "its second line is not the public key of its first"))
        }
        _ => Err(damaged(
            dir,
            ACCOUNT,
            "it should hold a key and its public key, 64 hexadecimal digits each",
        )),
    }
}

fn key(word: &str) -> Option<[u8; SEED_LEN]> {
    HEXLOWER_PERMISSIVE.decode(word.as_bytes()).ok()?.try_into().ok()
}

/// 32 bytes from the system's source of randomness.
///
/// # Errors
/// When the system has none.
pub fn random() -> Result<[u8; SEED_LEN], IdentityError> {
    let mut bytes = [0; SEED_LEN];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| IdentityError::Entropy(error.to_string()))?;
    Ok(bytes)
}

fn read(dir: &DataDir, name: &'static str) -> Result<Vec<u8>, IdentityError> {
    private::read(&dir.join(name)).map_err(|error| match error {
        PrivateFileError::Missing(_) => {
            IdentityError::Missing { name, folder: dir.path().display().to_string() }
        }
        error @ (PrivateFileError::Exposed { .. }
        | PrivateFileError::Foreign { .. }
        | PrivateFileError::Io { .. }) => IdentityError::File(error),
    })
}

fn damaged(dir: &DataDir, name: &'static str, problem: impl ToString) -> IdentityError {
    IdentityError::Damaged {
        name,
        folder: dir.path().display().to_string(),
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder() -> (tempfile::TempDir, DataDir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(temp.path())).unwrap();
        (temp, dir)
    }

    #[test]
    fn an_identity_reads_back() {
        let (_temp, dir) = folder();
        let made = create(&dir).unwrap();
        assert_eq!(load(&dir).unwrap().public(), made.public());
        assert!(create(&dir).is_err(), "it must never be overwritten");
    }

    #[test]
    fn a_damaged_identity_is_refused_and_kept() {
        let (_temp, dir) = folder();
        private::write(&dir.join(IDENTITY), b"not a key").unwrap();
        let error = load(&dir).unwrap_err();
        assert!(matches!(error, IdentityError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(dir.join(IDENTITY)).unwrap(), b"not a key");
    }

    #[test]
    fn an_account_reads_back_and_a_damaged_one_is_refused() {
        let (_temp, dir) = folder();
        create_account(&dir).unwrap();
        let seed = load_account(&dir).unwrap();
        let text = fs::read_to_string(dir.join(ACCOUNT)).unwrap();
        assert_eq!(text, account_text(&seed));
        fs::write(dir.join(ACCOUNT), text.to_uppercase()).unwrap();
        assert_eq!(load_account(&dir).unwrap(), seed, "as others may write it");
        for damaged in ["12", &"0g".repeat(32), &"é".repeat(32), &text[1..]] {
            fs::write(dir.join(ACCOUNT), damaged).unwrap();
            assert!(matches!(load_account(&dir), Err(IdentityError::Damaged { .. })), "{damaged}");
        }
    }

    #[test]
    fn any_changed_letter_of_a_key_is_noticed() {
        let (_temp, dir) = folder();
        create_account(&dir).unwrap();
        create(&dir).unwrap();
        check_account(&dir).unwrap();
        for name in [ACCOUNT, IDENTITY] {
            let whole = fs::read(dir.join(name)).unwrap();
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                // Another digit, as a flipped bit makes one of another.
                bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
                fs::write(dir.join(name), &bytes).unwrap();
                let error = load_account(&dir).err().or_else(|| load(&dir).err());
                assert!(matches!(error, Some(IdentityError::Damaged { .. })), "{name}, byte {at}");
            }
            fs::write(dir.join(name), whole).unwrap();
        }
        fs::remove_file(dir.join(ACCOUNT)).unwrap();
        check_account(&dir).expect("a node relays without an account");
    }

    #[test]
    fn an_account_of_an_earlier_version_reads_as_ever() {
        let (_temp, dir) = folder();
        private::write(&dir.join(ACCOUNT), &[b'7'; 64]).unwrap();
        assert_eq!(load_account(&dir).unwrap(), [0x77; SEED_LEN]);
    }

    #[test]
    fn a_missing_key_says_what_to_do() {
        let (_temp, dir) = folder();
        let error = load(&dir).unwrap_err().to_string();
        assert!(error.starts_with("identity.key is missing in "), "{error}");
        assert!(error.contains("tidings init"), "{error}");
    }
}
