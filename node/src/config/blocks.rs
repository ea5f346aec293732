//! The chain of blocks on the disk, where the rules have one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidings_protocol::params::ParamError;

/// From which size on another file of blocks is begun, bytes (Bitcoin Core: `MAX_BLOCKFILE_SIZE`, 128 MiB).
pub const SEGMENT_BYTES: u64 = 128 << 20;

/// So many of the last blocks of the chain are always kept (Bitcoin Core: `MIN_BLOCKS_TO_KEEP`, two days' worth).
pub const KEPT_MIN: u32 = 288;

/// Where blocks are kept by default.
pub const BLOCKS_FOLDER: &str = "blocks";

/// The chain of blocks: see `crate::blocks`. Nothing is kept where `store.enabled` is false.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlocksSettings {
    /// The folder.
    pub folder: PathBuf,
    /// How many of the last blocks are kept at least; unset: all.
    pub kept: Option<u32>,
    /// How many bytes of blocks are kept at most; unset: as many as come.
    pub max_bytes: Option<u64>,
}

impl Default for BlocksSettings {
    fn default() -> Self {
        Self { folder: BLOCKS_FOLDER.into(), kept: None, max_bytes: None }
    }
}

/// Least `blocks.max_bytes`: one file that is written to, and one to leave.
const MAX_BYTES_MIN: u64 = 2 * SEGMENT_BYTES;

impl BlocksSettings {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        if let Some(kept) = self.kept.filter(|kept| *kept < KEPT_MIN) {
            return Err(ParamError { key: "kept", value: kept.to_string(), must: "at least 288" });
        }
        if let Some(max) = self.max_bytes.filter(|max| *max < MAX_BYTES_MIN) {
            let must = "at least 268435456, twice the size of a file of blocks";
            return Err(ParamError { key: "max_bytes", value: max.to_string(), must });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_is_refused_by_key() {
        let key = |settings: BlocksSettings| settings.validate().map_err(|error| error.key);
        assert_eq!(key(BlocksSettings::default()), Ok(()));
        let few = BlocksSettings { kept: Some(287), ..BlocksSettings::default() };
        assert_eq!(key(few), Err("kept"));
        let small = BlocksSettings { max_bytes: Some(1 << 20), ..BlocksSettings::default() };
        assert_eq!(key(small), Err("max_bytes"));
        let enough =
            BlocksSettings { kept: Some(288), max_bytes: Some(1 << 28), ..Default::default() };
        assert_eq!(key(enough), Ok(()));
    }
}
