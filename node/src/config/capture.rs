//! The capture of what a node's core is handed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidings_protocol::params::ParamError;

/// From which size on another file is begun, MB (2^20 bytes). A guess: minutes to hours of a node.
const SEGMENT_MB: u64 = 64;

/// Most files. A guess: with those of [`SEGMENT_MB`], a gigabyte.
const SEGMENTS: u32 = 16;

/// Most of either. A guess: a terabyte of files that a tool can still open.
const SEGMENT_MB_MAX: u64 = 4_096;
const SEGMENTS_MAX: u32 = 10_000;

/// The capture of what the core is handed: see [`crate::capture`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureSettings {
    /// What the names of its files begin with; unset: nothing is captured.
    pub file: Option<PathBuf>,
    /// From which size on another file is begun, MB.
    pub segment_mb: u64,
    /// Most files, those of earlier runs included.
    pub segments: u32,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self { file: None, segment_mb: SEGMENT_MB, segments: SEGMENTS }
    }
}

impl CaptureSettings {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        if !(1..=SEGMENT_MB_MAX).contains(&self.segment_mb) {
            let value = self.segment_mb.to_string();
            return Err(ParamError { key: "segment_mb", value, must: "1 to 4096" });
        }
        if !(1..=SEGMENTS_MAX).contains(&self.segments) {
            let value = self.segments.to_string();
            return Err(ParamError { key: "segments", value, must: "1 to 10000" });
        }
        Ok(())
    }

    /// The size of a file, bytes.
    #[must_use]
    pub const fn segment_bytes(&self) -> u64 {
        self.segment_mb << 20
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_too_much_are_refused_by_key() {
        let key = |settings: CaptureSettings| settings.validate().map_err(|error| error.key);
        let usual = CaptureSettings::default();
        assert_eq!(key(usual.clone()), Ok(()));
        assert_eq!(usual.segment_bytes(), 64 << 20);
        for segment_mb in [0, 4_097] {
            assert_eq!(key(CaptureSettings { segment_mb, ..usual.clone() }), Err("segment_mb"));
        }
        for segments in [0, 10_001] {
            assert_eq!(key(CaptureSettings { segments, ..usual.clone() }), Err("segments"));
        }
    }
}
