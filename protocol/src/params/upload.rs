//! What we send on request.

use serde::{Deserialize, Serialize};

use super::{ParamError, Rate, positive_rates};

/// Bytes that we send on request, but for news: what a peer is given for the first time and came while it was linked
/// (see [`crate::relay::upload`]). What exceeds a rate waits. (Bitcoin Core's `-maxuploadtarget` counts all bytes of a
/// day, and beyond it refuses blocks that are older than a week; by default it is off.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UploadParams {
    /// Whether there is no bound. A node takes this from its network's file, as that of a test network says it
    /// (`local_addresses`).
    pub unlimited: bool,
    /// To one link. A guess: two blocks of 4 MB at once, and a full pool of 300-byte transactions in half a minute.
    pub link: Rate,
    /// To all links of one group, which is who a peer is when something is shared out
    /// ([`crate::ground::bringer`]). A guess: two links' worth.
    pub group: Rate,
    /// To all links. A guess: 80 Mbit/s, and sixteen blocks of 4 MB at once.
    pub all: Rate,
}

impl UploadParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        positive_rates(&[
            ("upload.link", self.link),
            ("upload.group", self.group),
            ("upload.all", self.all),
        ])
    }
}

impl Default for UploadParams {
    fn default() -> Self {
        Self {
            unlimited: false,
            link: Rate::new(1_000_000.0, 8_000_000.0),
            group: Rate::new(2_000_000.0, 16_000_000.0),
            all: Rate::new(10_000_000.0, 64_000_000.0),
        }
    }
}
