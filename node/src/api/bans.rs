//! Whom the operator keeps out, as the API and the file of bans tell it.

use std::fmt;
use std::str::FromStr;

use libp2p::PeerId;
use serde::{Deserialize, Serialize};
use tidings_protocol::ground::subnet::{Banned, Subnet};
use utoipa::ToSchema;

use super::schema::{Address, BanSubject};
use crate::net::peer_key;

/// Whom a ban is about: a peer by its id, or an address or a subnet. Shown and read as `12D3KooW…`, `192.0.2.7` or `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A peer.
    Peer(PeerId),
    /// An address, or a subnet.
    Subnet(Subnet),
}

impl Subject {
    /// The same as the core knows it.
    #[must_use]
    pub fn banned(&self) -> Banned {
        match self {
            Self::Peer(peer) => Banned::Peer(peer_key(peer)),
            Self::Subnet(subnet) => Banned::Subnet(*subnet),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(peer) => peer.fmt(f),
            Self::Subnet(subnet) => subnet.fmt(f),
        }
    }
}

/// Text that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a whole peer id nor an address nor a subnet: expected for instance 12D3KooW…, 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"
)]
pub struct ParseSubjectError(String);

impl FromStr for Subject {
    type Err = ParseSubjectError;

    fn from_str(text: &str) -> Result<Self, ParseSubjectError> {
        let subnet = text.parse().map(Self::Subnet);
        let peer = || text.parse().map(Self::Peer);
        subnet.or_else(|_| peer()).map_err(|_| ParseSubjectError(text.to_owned()))
    }
}

impl Serialize for Subject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ban {
    /// Whom it keeps out.
    #[schema(value_type = BanSubject)]
    pub subject: Subject,
    /// Until when, seconds since 1970.
    pub until_unix_s: u64,
}

/// All bans, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BanList {
    /// Those that aren't over.
    pub bans: Vec<Ban>,
}

/// Asks to keep somebody out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BanRequest {
    /// Whom.
    #[schema(value_type = BanSubject)]
    pub subject: Subject,
    /// For how long, seconds; a day if unset.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub seconds: Option<u64>,
}

/// What became of a wish about bans or links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Concerned {
    /// How many bans were taken back.
    #[serde(default)]
    pub unbanned: usize,
    /// How many links were closed.
    #[serde(default)]
    pub closed: usize,
}

/// Asks to close the link with a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisconnectRequest {
    /// Which: its id or the beginning of it, its address, or the link.
    pub peer: String,
}

/// Asks to try an address before others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectRequest {
    /// Which.
    #[schema(value_type = Address)]
    pub addr: tidings_protocol::ground::peer::PeerAddr,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_peer_an_address_or_a_subnet() {
        let peer = PeerId::random().to_string();
        for text in [&*peer, "192.0.2.7", "192.0.2.0/24", "2001:db8::/32"] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in ["", "12D3KooW", "192.0.2.0/40", "somebody"] {
            let error = text.parse::<Subject>().unwrap_err().to_string();
            assert!(error.contains("neither a whole peer id"), "{error}");
        }
    }

    #[test]
    fn a_request_without_a_time_leaves_it_to_the_node() {
        let request: BanRequest = serde_json::from_str("{\"subject\":\"192.0.2.7\"}").unwrap();
        assert_eq!(request.seconds, None);
        assert!(
            serde_json::from_str::<BanRequest>("{\"subject\":\"192.0.2.7\",\"for\":1}").is_err()
        );
    }
}
