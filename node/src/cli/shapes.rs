//! What verbs print with `--json` that is no answer of the API: each a type, so that its schema is made of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::chain::Decoded;

/// `tidings version`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    /// The version of the program.
    pub(super) version: &'static str,
}

/// `tidings init`: a data folder that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Made {
    /// Where it is.
    #[schema(value_type = String)]
    pub(super) data_dir: PathBuf,
    /// Identity of its node on the network.
    pub(super) peer_id: String,
    /// Public key of its account, hexadecimal.
    pub(super) account: String,
    /// Name of the network.
    pub(super) network: String,
    /// Name of the chain's rules.
    pub(super) rules: String,
}

/// `tidings run`: the node is up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// That it is.
    pub(super) ready: bool,
    /// Its process.
    pub(super) pid: u32,
    /// Its identity on the network.
    pub(super) peer_id: String,
    /// Where it listens for peers.
    pub(super) listen: Vec<String>,
    /// The socket of its API.
    pub(super) admin: String,
    /// The address of its API, if it has one.
    pub(super) admin_tcp: Option<String>,
    /// The address of its metrics, if it has one.
    pub(super) metrics: Option<String>,
    /// The address of the member of the fleet, if it is one.
    pub(super) members: Option<String>,
}

/// `tidings stop`: the node has ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stopped {
    /// That it has.
    pub(super) stopped: bool,
}

/// `tidings config`: all settings by their dotted keys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
pub(super) struct ShownSettings(pub(super) BTreeMap<String, ShownSetting>);

/// A setting and where it came from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownSetting {
    /// Its value; `null` if it is unset.
    #[schema(value_type = Value)]
    pub(super) value: Value,
    /// The layer that set it: `default`, `file`, `env` or `flag`.
    pub(super) origin: &'static str,
    /// Where it stands, in words.
    pub(super) at: String,
}

/// `tidings connect`: an address that is tried before others.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Noted {
    /// Which.
    pub(super) noted: String,
}

/// `tidings decode`: what bytes may be under the network's rules.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readings {
    /// As what they were read: one kind if it was named, and otherwise what fits best first.
    pub(super) readings: Vec<Decoded>,
}

/// `tidings members keys generate`: a new key, which is kept nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewKey {
    /// The key itself, in base64.
    pub(super) key: String,
    /// What it is called.
    pub(super) id: String,
}

/// `tidings completions`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Script {
    /// For which shell.
    pub(super) shell: String,
    /// What the shell reads.
    pub(super) script: String,
}

/// `tidings manual`: the page, or where the pages are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Manual {
    /// The page of all.
    Page(ManualPage),
    /// The pages that were written.
    Written(ManualPages),
}

/// The manual page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManualPage {
    /// In the language of manuals (roff).
    pub(super) page: String,
}

/// Manual pages that were written.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManualPages {
    /// Where they are.
    #[schema(value_type = Vec<String>)]
    pub(super) written: Vec<PathBuf>,
}

/// `tidings top --svg`: a picture that was drawn.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Drawn {
    /// The file.
    #[schema(value_type = String)]
    pub(super) drawn: PathBuf,
    /// How wide it is, letters.
    pub(super) columns: u16,
    /// How high it is, lines.
    pub(super) rows: u16,
}

/// `tidings schema`: a JSON schema.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
pub(super) struct Schema(pub(super) BTreeMap<String, Value>);
