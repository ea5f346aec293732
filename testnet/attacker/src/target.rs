//! Who is attacked.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::tidings::Tidings;
use tidings_protocol::ground::item::Hash256;

/// A node, and what whoever may be its peer knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Name of its network.
    pub network: String,
    /// First block of its network.
    pub genesis: Hash256,
    /// Difficulty of its blocks.
    pub difficulty_bits: u8,
    /// Seed of all that is made up.
    pub seed: u64,
}

impl Target {
    /// Refuses any node that isn't on this machine: this is a rig for tests, and no weapon.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.addr.ip().is_loopback() {
            return Ok(());
        }
        Err(format!("{} is not on this machine: only loopback addresses are attacked", self.addr))
    }

    /// Its rules.
    #[must_use]
    pub fn chain(&self) -> Arc<dyn Chain> {
        Arc::new(self.rules())
    }

    /// Its rules, as those of Tidings.
    #[must_use]
    pub const fn rules(&self) -> Tidings {
        Tidings::new(self.genesis, self.difficulty_bits)
    }

    /// Name of its protocol.
    #[must_use]
    pub fn protocol(&self) -> String {
        format!("/tidings/1/{}", self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_this_machine_is_attacked() {
        let target = |addr: &str| Target {
            addr: addr.parse().unwrap(),
            network: "here".into(),
            genesis: Hash256([0; 32]),
            difficulty_bits: 1,
            seed: 1,
        };
        assert_eq!(target("127.9.9.9:4000").check(), Ok(()));
        assert!(target("192.0.2.1:4000").check().unwrap_err().contains("loopback"));
    }
}
