//! The fleet's members: whether the node is one of them, where, and what it says of itself.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use tidings_protocol::membership::{Invalid, JOIN_MAX, Profile, Settings, Versions};
use tidings_protocol::params::ParamError;

/// Where a member is by default: beside the relay's port. A guess.
const LISTEN: ([u8; 4], u16) = ([0, 0, 0, 0], 4010);

/// The fleet's members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MembersConfig {
    /// Whether the node is one.
    pub enabled: bool,
    /// What people call it; unset: the end of its peer id.
    pub name: Option<String>,
    /// Where its datagrams and streams come in; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where others reach it, if that isn't `listen`.
    pub advertise: Option<SocketAddr>,
    /// Whom to ask who is there.
    pub join: Vec<SocketAddr>,
    /// What it says of itself: `KEY=VALUE`.
    pub tags: Vec<String>,
    /// How soon it finds others dead.
    pub preset: MembersPreset,
    /// Whether to go without a key where others could join in.
    pub insecure: bool,
}

/// How soon a member finds others dead: see [`Settings`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembersPreset {
    /// As a fleet of one operator needs it.
    #[default]
    Fleet,
    /// The same, by how long heartbeats stay away.
    Phi,
    /// As memberlist does in one place.
    Lan,
    /// As memberlist does over the world.
    Wan,
    /// As memberlist does on one machine.
    Local,
}

impl MembersPreset {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fleet, Self::Phi, Self::Lan, Self::Wan, Self::Local];

    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Phi => "phi",
            Self::Lan => "lan",
            Self::Wan => "wan",
            Self::Local => "local",
        }
    }

    /// What it stands for.
    #[must_use]
    pub const fn settings(self) -> Settings {
        match self {
            Self::Fleet => Settings::fleet(),
            Self::Phi => Settings::phi(),
            Self::Lan => Settings::lan(),
            Self::Wan => Settings::wan(),
            Self::Local => Settings::local(),
        }
    }
}

impl Default for MembersConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            name: None,
            listen: LISTEN.into(),
            advertise: None,
            join: Vec::new(),
            tags: Vec::new(),
            preset: MembersPreset::Fleet,
            insecure: false,
        }
    }
}

impl MembersConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// The first one that makes no sense.
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        let wrong = |key, value: &dyn ToString, must| {
            Err(ParamError { key, value: value.to_string(), must })
        };
        if let Some(name) = &self.name
            && self.profile_of(name, &[], self.listen).is_err()
        {
            return wrong("name", name, "1 to 64 printable ASCII characters without a space");
        }
        if let Some(addr) = self.advertise
            && (addr.ip().is_unspecified() || addr.port() == 0)
        {
            return wrong("advertise", &addr, "an address that others can reach, with its port");
        }
        if self.join.len() > JOIN_MAX {
            return wrong(
                "join",
                &format!("{} addresses", self.join.len()),
                "16 addresses at most",
            );
        }
        let joins_nobody = |addr: &&SocketAddr| addr.ip().is_unspecified() || addr.port() == 0;
        if let Some(addr) = self.join.iter().find(joins_nobody) {
            return wrong("join", addr, "addresses of members, each with its port");
        }
        let must =
            "a list of KEY=VALUE, at most 16, each key once and not empty, and 512 bytes in all";
        match self.tag_pairs() {
            Some(tags) if self.profile_of("x", &tags, self.listen).is_ok() => Ok(()),
            _ => wrong("tags", &self.tags.join(", "), must),
        }
    }

    fn tag_pairs(&self) -> Option<Vec<(&str, &str)>> {
        self.tags.iter().map(|tag| tag.split_once('=')).collect()
    }

    fn profile_of(
        &self,
        name: &str,
        tags: &[(&str, &str)],
        addr: SocketAddr,
    ) -> Result<Profile, Invalid> {
        Profile::new(name, addr, tags, Versions::OURS)
    }

    /// What a member says of itself at an address; `name` is what it is called if the settings don't say.
    ///
    /// # Errors
    /// When that isn't allowed, which [`resolve`](super::resolve) has seen to.
    pub fn profile(&self, name: &str, addr: SocketAddr) -> Result<Profile, Invalid> {
        let tags = self.tag_pairs().ok_or(Invalid::Tags)?;
        self.profile_of(self.name.as_deref().unwrap_or(name), &tags, addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_says_what_the_settings_say() {
        let config = MembersConfig {
            tags: vec!["role=sentry".to_owned(), "note=a=b".to_owned()],
            ..MembersConfig::default()
        };
        assert_eq!(config.validate(), Ok(()));
        let profile = config.profile("x1", "10.0.0.1:4010".parse().unwrap()).unwrap();
        assert_eq!(profile.name(), "x1");
        let tags: Vec<_> = profile.tags().collect();
        assert_eq!(tags, [("note", "a=b"), ("role", "sentry")]);
        let named = MembersConfig { name: Some("berta".to_owned()), ..config };
        assert_eq!(named.profile("x1", named.listen).unwrap().name(), "berta");
        assert_eq!(MembersConfig::default().validate(), Ok(()));
    }

    #[test]
    fn a_preset_has_the_name_and_the_settings_of_the_core() {
        for preset in MembersPreset::ALL {
            assert_eq!(Settings::preset(preset.name()), Some(preset.settings()));
            let written = serde_json::to_value(preset).unwrap();
            assert_eq!(written, preset.name());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let default = MembersConfig::default();
        let addr: SocketAddr = "10.0.0.1:1".parse().unwrap();
        for (key, config) in [
            ("name", MembersConfig { name: Some("a b".to_owned()), ..default.clone() }),
            ("advertise", MembersConfig { advertise: Some(default.listen), ..default.clone() }),
            ("join", MembersConfig { join: vec![addr; 17], ..default.clone() }),
            ("join", MembersConfig { join: vec![default.listen], ..default.clone() }),
            ("tags", MembersConfig { tags: vec!["oops".to_owned()], ..default.clone() }),
            ("tags", MembersConfig { tags: vec!["a=1".to_owned(), "a=2".to_owned()], ..default }),
        ] {
            assert_eq!(config.validate().unwrap_err().key, key);
        }
    }
}
