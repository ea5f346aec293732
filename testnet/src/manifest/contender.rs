//! Somebody else's nodes, which the launcher can start instead of ours: programs that take the same data folder, answer the
//! same admin API and write the same trace. Each is a crate of `testnet/contenders`, which nothing else needs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Somebody else's node, under settings that people run it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Contender {
    /// libp2p's gossipsub with its crate's defaults: signed messages, a mesh of 6.
    Gossipsub,
    /// libp2p's gossipsub as Ethereum sets it: unsigned, a mesh of 8, IDONTWANT for all sizes.
    GossipsubEth,
    /// Every message to every peer, by libp2p's gossipsub.
    GossipsubFlood,
}

impl Contender {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gossipsub, Self::GossipsubEth, Self::GossipsubFlood];

    /// Its name on command lines, in manifests and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gossipsub => "gossipsub",
            Self::GossipsubEth => "gossipsub:eth",
            Self::GossipsubFlood => "gossipsub:flood",
        }
    }

    /// The program that is one of its nodes; the package that makes it is called the same.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Gossipsub | Self::GossipsubEth | Self::GossipsubFlood => "tidings-gossipsub",
        }
    }

    /// What tells the program its settings, on its command line.
    #[must_use]
    pub const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Gossipsub => &["--setting", "default"],
            Self::GossipsubEth => &["--setting", "eth"],
            Self::GossipsubFlood => &["--setting", "flood"],
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Contender> for &'static str {
    fn from(contender: Contender) -> Self {
        contender.name()
    }
}

impl FromStr for Contender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix(":default").unwrap_or(text);
        Self::ALL.into_iter().find(|contender| contender.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join("`, `");
            format!("there is no contender `{text}`: it must be one of `{names}`")
        })
    }
}

impl TryFrom<String> for Contender {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contender_is_known_by_its_name_and_its_defaults_need_none() {
        for contender in Contender::ALL {
            assert_eq!(contender.name().parse(), Ok(contender));
        }
        assert_eq!("gossipsub:default".parse(), Ok(Contender::Gossipsub));
        let error = "plumtree".parse::<Contender>().unwrap_err();
        assert!(error.contains("`gossipsub`, `gossipsub:eth`"), "{error}");
    }
}
