//! The fleet's map: which one, and who takes part.

use std::time::Duration;

use libp2p::PeerId;
use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::Hash256;
use tidings_protocol::member::{FLEET_MAX, Fleet};
use tidings_protocol::params::ParamError;
use tidings_protocol::replica::state::ENTRY_MAX;
use tidings_protocol::replica::{ClockKind, Model, Settings};

use crate::net::peer_key;

/// What stands for everybody in a fleet.
const ANYBODY: &str = "*";

/// Most keys. A guess: a comparison of two maps stays some tens of kilobytes.
const KEYS_MAX: u32 = 65_536;

/// Most bytes of all entries. A guess: all of them are in memory, several times.
const BYTES_MAX: u64 = 64 << 20;

/// The fleet's map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KvConfig {
    /// What data it keeps; the same in all the fleet.
    pub model: KvModel,
    /// Ids of the peers that take part; `*` is everybody.
    pub fleet: Vec<String>,
    /// Most keys; the same in all the fleet.
    pub keys_max: u32,
    /// Most bytes of all entries; the same in all the fleet.
    pub bytes_max: u64,
    /// From one round of news to the next, milliseconds.
    pub round_ms: u64,
    /// From one comparison with a random peer to the next, seconds.
    pub compare_s: u64,
}

/// What data a map keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvModel {
    /// There is none.
    #[default]
    Off,
    /// One value for each key: the last writer's.
    LastWriter,
    /// Values side by side until somebody chooses.
    Versions,
    /// Counters, sets and maps of fields.
    Convergent,
}

impl KvModel {
    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::LastWriter => "last-writer",
            Self::Versions => "versions",
            Self::Convergent => "convergent",
        }
    }

    /// The name of a model.
    #[must_use]
    pub const fn of(model: Model) -> Self {
        match model {
            Model::LastWriter(_) => Self::LastWriter,
            Model::Versions => Self::Versions,
            Model::Convergent => Self::Convergent,
        }
    }

    const fn model(self) -> Option<Model> {
        match self {
            Self::Off => None,
            // The wall's clock is there to show what it loses.
            Self::LastWriter => Some(Model::LastWriter(ClockKind::Hybrid)),
            Self::Versions => Some(Model::Versions),
            Self::Convergent => Some(Model::Convergent),
        }
    }
}

impl Default for KvConfig {
    /// The bounds and times are the core's own.
    fn default() -> Self {
        let Settings { round, compare, keys_max, bytes_max, .. } =
            Settings::new(Model::Convergent, 0);
        Self {
            model: KvModel::Off,
            fleet: Vec::new(),
            keys_max: u32::try_from(keys_max).unwrap_or(KEYS_MAX),
            bytes_max: bytes_max as u64,
            round_ms: u64::try_from(round.as_millis()).unwrap_or(u64::MAX),
            compare_s: compare.as_secs(),
        }
    }
}

/// The map that a node takes part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kv {
    /// Who else does.
    pub fleet: Fleet,
    /// The map.
    pub settings: Settings,
}

impl KvConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// The first one that is out of range, or names no peer.
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        let least_bytes = ENTRY_MAX as u64;
        let wrong = |key, value: &dyn ToString, must| {
            Err(ParamError { key, value: value.to_string(), must })
        };
        if !(1..=KEYS_MAX).contains(&self.keys_max) {
            return wrong("keys_max", &self.keys_max, "1 to 65536");
        }
        if !(least_bytes..=BYTES_MAX).contains(&self.bytes_max) {
            return wrong("bytes_max", &self.bytes_max, "65536 (the longest entry) to 67108864");
        }
        if !(100..=60_000).contains(&self.round_ms) {
            return wrong("round_ms", &self.round_ms, "100 to 60000");
        }
        if !(1..=3_600).contains(&self.compare_s) {
            return wrong("compare_s", &self.compare_s, "1 to 3600");
        }
        if self.fleet.len() > FLEET_MAX {
            return wrong(
                "fleet",
                &format!("a list of {}", self.fleet.len()),
                "at most 1024 peers",
            );
        }
        let is_named = |name: &&String| *name == ANYBODY || name.parse::<PeerId>().is_ok();
        if let Some(name) = self.fleet.iter().find(|name| !is_named(name)) {
            let must = "a list of peer ids, as `tidings status` shows each node's own, or [\"*\"]";
            return wrong("fleet", &format!("`{name}`"), must);
        }
        Ok(())
    }

    /// The map that the node takes part in, in a network of this name; `None` if it is off.
    #[must_use]
    pub fn resolve(&self, network: &str) -> Option<Kv> {
        let model = self.model.model()?;
        let fleet = if self.fleet.iter().any(|name| name == ANYBODY) {
            Fleet::Anybody
        } else {
            let peers = self.fleet.iter().filter_map(|name| name.parse::<PeerId>().ok());
            Fleet::of(peers.map(|peer| peer_key(&peer)))
        };
        let hash = Hash256::of(format!("the map of {network}").as_bytes()).0;
        let salt = u64::from_be_bytes(std::array::from_fn(|place| hash[place]));
        let settings = Settings {
            round: Duration::from_millis(self.round_ms),
            compare: Duration::from_secs(self.compare_s),
            keys_max: self.keys_max as usize,
            bytes_max: usize::try_from(self.bytes_max).unwrap_or(usize::MAX),
            ..Settings::new(model, salt)
        };
        Some(Kv { fleet, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_off_unless_it_is_named_and_its_fleet_is_of_those_that_are() {
        assert_eq!(KvConfig::default().resolve("test"), None);
        assert_eq!(KvConfig::default().validate(), Ok(()));
        let (peer, other) = (PeerId::random(), PeerId::random());
        let config = KvConfig {
            model: KvModel::Versions,
            fleet: vec![peer.to_string()],
            ..KvConfig::default()
        };
        assert_eq!(config.validate(), Ok(()));
        let kv = config.resolve("test").unwrap();
        assert!(kv.fleet.has(peer_key(&peer)) && !kv.fleet.has(peer_key(&other)));
        assert_ne!(kv.settings.salt, config.resolve("other").unwrap().settings.salt);
        let all = KvConfig { fleet: vec![ANYBODY.to_owned()], ..config };
        assert_eq!(all.resolve("test").unwrap().fleet, Fleet::Anybody);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let default = KvConfig::default();
        for (key, config) in [
            ("keys_max", KvConfig { keys_max: 0, ..default.clone() }),
            ("bytes_max", KvConfig { bytes_max: 1_000, ..default.clone() }),
            ("round_ms", KvConfig { round_ms: 0, ..default.clone() }),
            ("compare_s", KvConfig { compare_s: 4_000, ..default.clone() }),
            ("fleet", KvConfig { fleet: vec!["nobody".to_owned()], ..default }),
        ] {
            assert_eq!(config.validate().unwrap_err().key, key);
        }
    }
}
