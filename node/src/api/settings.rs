//! What a node is set to, and what its log tells.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The settings that are in force, with where each came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// By dotted key, in the order of these.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    /// Its dotted key: `params.peers.outbound`. Its unit is the end of its name, as in `_s`, `_ms` and `_bytes`.
    pub key: String,
    /// Its value; `null` if it is unset, and `"(secret)"` if nobody is to know it.
    #[schema(value_type = Value)]
    pub value: Value,
    /// The layer that set it: `default`, `file`, `env` or `flag`.
    pub layer: String,
    /// Where it stands, in words: a file and its line, an environment variable, a flag.
    pub origin: String,
}

/// What the log tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogFilter {
    /// A level (`error`, `warn`, `info`, `debug`, `trace`, `off`), and levels by module: `info,tidings::shell=debug`.
    #[schema(min_length = 1, max_length = 1_000)]
    pub filter: String,
}
