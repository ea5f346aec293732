//! What is logged, how, and where to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidings_protocol::params::ParamError;

/// Most files that may be kept beside the one that is written to. A guess: nobody reads more.
pub const KEEP_MAX: u32 = 100;

/// The least size from which on a file is renamed, bytes. A guess: some hundred lines, so that renaming is no work of its own.
pub const MAX_BYTES_MIN: u64 = 64 * 1024;

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What to log: a level, and levels for single modules, such as `info,tidings::shell=debug`.
    pub filter: String,
    /// How.
    pub format: LogFormat,
    /// Where to, instead of standard error.
    pub file: Option<PathBuf>,
    /// From which size on that file is renamed and another one begun, bytes; 0 is never.
    pub max_bytes: u64,
    /// How many such files are kept besides.
    pub keep: u32,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
            file: None,
            // With `keep` 80 MiB in all, some months of a quiet node. A guess.
            max_bytes: 16 << 20,
            keep: 4,
        }
    }
}

impl LogConfig {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        if (1..MAX_BYTES_MIN).contains(&self.max_bytes) {
            let must = "0, or at least 65536";
            return Err(ParamError { key: "max_bytes", value: self.max_bytes.to_string(), must });
        }
        if self.keep > KEEP_MAX {
            return Err(ParamError {
                key: "keep",
                value: self.keep.to_string(),
                must: "at most 100",
            });
        }
        Ok(())
    }
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_by_key() {
        let key = |config: LogConfig| config.validate().map_err(|error| error.key);
        assert_eq!(key(LogConfig::default()), Ok(()));
        assert_eq!(key(LogConfig { max_bytes: 0, keep: 0, ..LogConfig::default() }), Ok(()));
        assert_eq!(key(LogConfig { max_bytes: 1_000, ..LogConfig::default() }), Err("max_bytes"));
        assert_eq!(key(LogConfig { keep: 101, ..LogConfig::default() }), Err("keep"));
    }
}
