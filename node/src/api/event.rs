//! What happens at a node, as its event stream tells it.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::link::Direction;
use tidings_protocol::ground::peer::PeerAddr;
use utoipa::ToSchema;

use super::kv::{KvEntry, KvKind, KvText};
use super::members::MemberName;
use super::members::shared::LeaderView;
use super::rival::Rival;
use super::schema::{Address, Dialled, Ingress, ItemHash, Kind, Text};

/// One message of the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Streamed {
    /// Something happened.
    Event(NodeEvent),
    /// Something about the stream itself.
    Notice(Notice),
}

/// Something about the stream itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Notice {
    /// Events are missing here: the reader was too slow, or what it asks to go on from is no longer remembered.
    Lost {
        /// How many, of all kinds; `null` if that isn't known, since the node started anew.
        count: Option<u64>,
    },
}

/// Something that happened, as the event stream tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeEvent {
    /// When, microseconds of Unix time.
    pub unix_us: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. Peers are named by their libp2p identity, links by their handle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// An item passed the rules, for the first time.
    Accepted {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
        /// What it is.
        #[schema(value_type = Kind)]
        kind: ItemKind,
        /// Its size, bytes.
        bytes: u32,
        /// Where it came from; `None` if it was submitted here.
        #[serde(flatten)]
        #[schema(value_type = Ingress)]
        ingress: Option<LinkName>,
    },
    /// An item broke a rule.
    Rejected {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
        /// What it is.
        #[schema(value_type = Kind)]
        kind: ItemKind,
        /// The rule.
        #[schema(value_type = String)]
        rule: Cow<'static, str>,
        /// The pooled transaction that was first, if it was for that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rival: Option<Rival>,
        /// Where it came from; `None` if it was submitted here.
        #[serde(flatten)]
        #[schema(value_type = Ingress)]
        ingress: Option<LinkName>,
    },
    /// A submitted item was known.
    AlreadyKnown {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
    },
    /// An item of an earlier run is back.
    Restored {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
        /// What it is.
        #[schema(value_type = Kind)]
        kind: ItemKind,
    },
    /// A transaction waits for its parents.
    Orphaned {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
    },
    /// A peer was given an item that was submitted here, or has it from elsewhere.
    Broadcast {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
    },
    /// A transaction left the pool.
    Left {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
        /// Why: `evicted` for want of room, `replaced` by one that conflicts and pays for it, `expired`, `confirmed` by a
        /// block, or `conflicted` with one.
        #[schema(value_type = String)]
        why: Cow<'static, str>,
    },
    /// A block joined the chain.
    BlockConnected {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
        /// How many blocks come before it.
        height: u32,
    },
    /// The last block left the chain, because another branch has more work.
    BlockDisconnected {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
        /// How many blocks came before it.
        height: u32,
    },
    /// A transaction is pooled again, since its block left the chain.
    Returned {
        /// Its id.
        #[schema(value_type = ItemHash)]
        id: Hash256,
    },
    /// A link is up.
    LinkUp {
        /// Which.
        #[serde(flatten)]
        link: LinkName,
        /// Who dialled.
        #[schema(value_type = Dialled)]
        direction: Direction,
        /// Where the peer says that it can be dialled.
        #[schema(value_type = Option<Address>)]
        advertise: Option<PeerAddr>,
    },
    /// A link is down.
    LinkDown {
        /// Which.
        #[serde(flatten)]
        link: LinkName,
        /// Why we closed it; `None` if the peer or the network did.
        why: Option<String>,
    },
    /// A peer misbehaved.
    Misbehaved {
        /// Where.
        #[serde(flatten)]
        link: LinkName,
        /// What it did.
        offence: String,
    },
    /// A key of the fleet's map holds something else now.
    KvChanged {
        /// Which.
        #[schema(value_type = Text)]
        key: KvText,
        /// What data it holds.
        kind: KvKind,
    },
    /// A peer of the fleet has a map of other terms.
    OtherMap {
        /// Where.
        #[serde(flatten)]
        link: LinkName,
    },
    /// A peer of the fleet doesn't take some of the map's writes, since they are of its future.
    MapAhead {
        /// Where.
        #[serde(flatten)]
        link: LinkName,
        /// By how much, milliseconds.
        ahead_ms: u64,
    },
    /// A member of the fleet is there: new, or back.
    MemberJoined {
        /// Who.
        #[serde(flatten)]
        member: MemberName,
    },
    /// A member is taken for dead.
    MemberFailed {
        /// Who.
        #[serde(flatten)]
        member: MemberName,
        /// Id of the one who says so.
        by: String,
    },
    /// A member has left, or an operator says so.
    MemberLeft {
        /// Who.
        #[serde(flatten)]
        member: MemberName,
    },
    /// A member has other tags.
    MemberUpdated {
        /// Who.
        #[serde(flatten)]
        member: MemberName,
    },
    /// A member that failed or left long ago is forgotten.
    MemberReaped {
        /// Who.
        #[serde(flatten)]
        member: MemberName,
    },
    /// Two members share what none should.
    MemberConflict {
        /// One of them: the node itself, if somebody has its id or its name.
        #[serde(flatten)]
        member: MemberName,
        /// Where the other one is.
        #[schema(value_type = String)]
        other: SocketAddr,
        /// What they share: `id` or `name`.
        #[schema(value_type = String)]
        shares: Cow<'static, str>,
    },
    /// A key of a member has another value, or none any more.
    MemberState {
        /// Whose.
        #[serde(flatten)]
        member: MemberName,
        /// The key.
        #[schema(value_type = Text)]
        key: KvText,
        /// Its value; `null` if it was deleted.
        #[schema(value_type = Option<Text>)]
        value: Option<KvText>,
    },
    /// A group has a leader of a later epoch.
    LeaderChanged {
        /// Which, and who.
        #[serde(flatten)]
        leader: LeaderView,
    },
    /// A consensus gave one epoch to several leaders, or somebody lies.
    BrokenConsensus {
        /// What they claim.
        #[serde(flatten)]
        leader: LeaderView,
    },
    /// A member told all others of an event.
    UserEvent {
        /// Who did.
        #[serde(flatten)]
        member: MemberName,
        /// What it is called.
        #[schema(value_type = Text)]
        title: KvText,
        /// What it says.
        #[schema(value_type = Text)]
        payload: KvText,
    },
    /// A member asks something, which `POST /v1/members/respond` answers.
    QueryAsked {
        /// Who does.
        #[serde(flatten)]
        member: MemberName,
        /// What names the query.
        query: String,
        /// What it is called.
        #[schema(value_type = Text)]
        title: KvText,
        /// What it says.
        #[schema(value_type = Text)]
        payload: KvText,
        /// How long an answer is waited for, milliseconds.
        timeout_ms: u64,
    },
    /// What the core is handed is captured no more.
    CaptureEnded {
        /// Why.
        #[schema(value_type = String)]
        why: Cow<'static, str>,
    },
    /// A dial came to nothing.
    DialFailed {
        /// The address.
        #[schema(value_type = Address)]
        addr: PeerAddr,
        /// Why.
        why: String,
    },
}

impl What {
    /// The kinds that there are, as [`What::kind`] names them.
    pub const KINDS: [&'static str; 29] = [
        "accepted",
        "rejected",
        "already-known",
        "restored",
        "orphaned",
        "broadcast",
        "left",
        "block-connected",
        "block-disconnected",
        "returned",
        "link-up",
        "link-down",
        "misbehaved",
        "kv-changed",
        "other-map",
        "map-ahead",
        "member-joined",
        "member-failed",
        "member-left",
        "member-updated",
        "member-reaped",
        "member-conflict",
        "member-state",
        "leader-changed",
        "broken-consensus",
        "user-event",
        "query-asked",
        "capture-ended",
        "dial-failed",
    ];

    /// What happened, in a word: the field `event` in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::AlreadyKnown { .. } => "already-known",
            Self::Restored { .. } => "restored",
            Self::Orphaned { .. } => "orphaned",
            Self::Broadcast { .. } => "broadcast",
            Self::Left { .. } => "left",
            Self::BlockConnected { .. } => "block-connected",
            Self::BlockDisconnected { .. } => "block-disconnected",
            Self::Returned { .. } => "returned",
            Self::LinkUp { .. } => "link-up",
            Self::LinkDown { .. } => "link-down",
            Self::Misbehaved { .. } => "misbehaved",
            Self::KvChanged { .. } => "kv-changed",
            Self::OtherMap { .. } => "other-map",
            Self::MapAhead { .. } => "map-ahead",
            Self::MemberJoined { .. } => "member-joined",
            Self::MemberFailed { .. } => "member-failed",
            Self::MemberLeft { .. } => "member-left",
            Self::MemberUpdated { .. } => "member-updated",
            Self::MemberReaped { .. } => "member-reaped",
            Self::MemberConflict { .. } => "member-conflict",
            Self::MemberState { .. } => "member-state",
            Self::LeaderChanged { .. } => "leader-changed",
            Self::BrokenConsensus { .. } => "broken-consensus",
            Self::UserEvent { .. } => "user-event",
            Self::QueryAsked { .. } => "query-asked",
            Self::CaptureEnded { .. } => "capture-ended",
            Self::DialFailed { .. } => "dial-failed",
        }
    }
}

/// One message of the stream that tells what changes of the fleet's map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum KvChange {
    /// What a key holds now; deletions are told, too.
    Entry(KvEntry),
    /// Something about the stream itself.
    Notice(Notice),
}

/// A link and who is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkName {
    /// Its handle.
    pub link: String,
    /// The peer's identity.
    pub peer: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::kv::KvNumber;

    #[test]
    fn an_event_is_one_flat_object() {
        let link = LinkName { link: "3.1".into(), peer: "12D3".into() };
        let what = What::LinkDown { link, why: None };
        let json = serde_json::to_string(&NodeEvent { unix_us: 7, what }).unwrap();
        let expected = r#"{"unix_us":7,"event":"link-down","link":"3.1","peer":"12D3","why":null}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn changes_of_the_map_read_back() {
        let number = Some(KvNumber(3));
        let (key, kind) = ("hits".into(), KvKind::Counter);
        let (deleted, values, fields, written) = (false, Vec::new(), Vec::new(), None);
        let entry = KvEntry { key, kind, deleted, values, number, fields, written };
        for change in [KvChange::Entry(entry), KvChange::Notice(Notice::Lost { count: Some(3) })] {
            let json = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<KvChange>(&json).unwrap(), change, "{json}");
        }
    }

    #[test]
    fn what_is_streamed_reads_back() {
        let (id, kind, link) = (Hash256([7; 32]), ItemKind::Tx, "3.1".to_owned());
        let name = LinkName { link, peer: "12D3".to_owned() };
        let what = [
            What::Accepted { id, kind, bytes: 300, ingress: Some(name.clone()) },
            What::Accepted { id, kind, bytes: 300, ingress: None },
            What::Rejected {
                id,
                kind,
                rule: "too-large".into(),
                rival: None,
                ingress: Some(name.clone()),
            },
            What::Rejected {
                id,
                kind,
                rule: "conflicts-with-pool".into(),
                rival: Some(Rival { id: Hash256([8; 32]), least_fee: Some(51) }),
                ingress: None,
            },
            What::AlreadyKnown { id },
            What::Left { id, why: "evicted".into() },
            What::KvChanged { key: KvText(vec![0xff]), kind: KvKind::Set },
            What::LinkUp { link: name, direction: Direction::Inbound, advertise: None },
            What::MemberFailed {
                member: MemberName { name: "a".to_owned(), id: "0b".to_owned(), addr: None },
                by: "0c".to_owned(),
            },
            What::CaptureEnded { why: "the disk is slow".into() },
            What::DialFailed { addr: "1.2.3.4:5/quic".parse().unwrap(), why: "busy".to_owned() },
        ];
        let events = what.map(|what| Streamed::Event(NodeEvent { unix_us: 7, what }));
        for streamed in events.into_iter().chain([Streamed::Notice(Notice::Lost { count: None })]) {
            let json = serde_json::to_string(&streamed).unwrap();
            if let Streamed::Event(NodeEvent { what, .. }) = &streamed {
                assert!(json.contains(&format!("\"event\":\"{}\"", what.kind())), "{json}");
                assert!(What::KINDS.contains(&what.kind()));
            }
            assert_eq!(serde_json::from_str::<Streamed>(&json).unwrap(), streamed, "{json}");
        }
    }
}
