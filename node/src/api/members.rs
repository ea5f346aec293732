//! The fleet's members, as the API tells of them.

pub mod shared;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a member is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MemberStatus {
    /// It answers, or nobody says otherwise.
    Alive,
    /// It didn't answer, and may yet say that it lives.
    Suspect,
    /// It is taken for dead.
    Failed,
    /// It has left.
    Left,
}

impl MemberStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Alive, Self::Suspect, Self::Failed, Self::Left];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

/// What a node knows of a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// What people call it.
    pub name: String,
    /// Who it is: 16 hexadecimal digits that are made of its peer id.
    pub id: String,
    /// Where it is, for datagrams and streams of members.
    #[schema(value_type = String)]
    pub addr: SocketAddr,
    /// What it is taken for.
    pub status: MemberStatus,
    /// For how long, seconds.
    pub since_s: f64,
    /// How often it has refuted its death or changed its tags.
    pub incarnation: u32,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is the node that was asked.
    pub own: bool,
    /// Round trip of the last ping that it answered to this node, milliseconds; `None` before there was one.
    pub rtt_ms: Option<f64>,
    /// How much speaks for its being dead, by its heartbeats: at n, one such verdict in 10^n is wrong. `None` where it isn't known.
    #[serde(default)]
    pub phi: Option<f64>,
}

/// All members that a node knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Members {
    /// By name, the node itself among them.
    pub members: Vec<MemberView>,
}

/// A member as events name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberName {
    /// What people call it; empty if that isn't known any more.
    pub name: String,
    /// Who it is.
    pub id: String,
    /// Where it is; nothing if that isn't known any more.
    #[schema(value_type = Option<String>)]
    pub addr: Option<SocketAddr>,
}

/// How the membership of a node is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MembersStatus {
    /// What people call the node.
    pub name: String,
    /// Who it is among the members.
    pub id: String,
    /// Where it is for them.
    #[schema(value_type = Option<String>)]
    pub addr: Option<SocketAddr>,
    /// Whether it has left the fleet.
    pub left: bool,
    /// Whether what it says is sealed.
    pub sealed: bool,
    /// Which of its lives this is: higher with each start.
    pub generation: u64,
    /// How often it has refuted its death or changed its tags.
    pub incarnation: u32,
    /// What it thinks of its own health: 0 is good. Its pings take that many times longer.
    pub health: u32,
    /// How many members it knows, itself among them, by what they are taken for.
    pub members: BTreeMap<String, u64>,
    /// Round trip of the last ping that was answered, milliseconds.
    pub rtt_ms: Option<f64>,
    /// What it counted since its start, by name.
    pub counters: BTreeMap<String, u64>,
    /// What came and wasn't heard, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// Whom to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// Addresses of members.
    #[schema(value_type = Vec<String>)]
    pub addrs: Vec<SocketAddr>,
}

/// What became of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Joined {
    /// How many were asked: all but the node itself.
    pub asked: usize,
    /// How many of them answered.
    pub answered: usize,
}

/// Whom to take for one that has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForceLeaveRequest {
    /// Its name or id.
    pub member: String,
}

/// The node has left the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftFleet {
    /// That it has.
    pub left: bool,
}

/// What to do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyOp {
    /// Add it: what others seal with it opens from now on.
    Install,
    /// Seal with it from now on.
    Use,
    /// Remove it: what others seal with it doesn't open any more.
    Remove,
}

/// A change of the keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What to do.
    pub op: KeyOp,
    /// With which: to install it the key itself, in base64, else its id or the key.
    pub key: String,
}

impl std::fmt::Debug for KeyRequest {
    /// Shows no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRequest").field("op", &self.op).finish_non_exhaustive()
    }
}

/// The keys of a node, by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeysView {
    /// The one that seals; `None` if there are none, and nothing is sealed.
    pub primary: Option<String>,
    /// All that open, the primary one first.
    pub keys: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_no_debug_text() {
        let request = KeyRequest { op: KeyOp::Install, key: "secret".to_owned() };
        assert!(!format!("{request:?}").contains("secret"));
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(json, r#"{"op":"install","key":"secret"}"#);
    }
}
