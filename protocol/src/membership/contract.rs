//! What is handed in to a member, and what comes out. What a driver promises about it stands at [`crate::membership`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;

use super::filter::Filter;
use super::lamport::LamportTime;
use super::leader::Record;
use super::member_id::MemberId;
use super::packet::Packet;
use super::profile::Profile;
use super::queries::{Asked, Query, Question, Response};
use super::said::Said;
use super::state::Change;
use super::user_events::UserEvent;
use crate::ground::time::Time;

/// Most addresses that are asked who is there. A guess: a fleet's sentries.
pub const JOIN_MAX: usize = 16;

/// What surrounds one call.
pub struct Cx<'a> {
    /// The time, which never goes back.
    pub now: Time,
    /// The wall clock, seconds since 1970: when a member started, which tells its runs apart. A driver without one says 0. That is all right if
    /// all of a fleet do: then each run counts on from what others remember of the last one, up to 86,400 runs. Those that have one
    /// are taken by those that haven't for liars ahead of their time, and what they say of themselves isn't stored.
    pub wall: u32,
    /// The only source of randomness.
    pub rng: &'a mut dyn Rng,
    /// Where actions are appended.
    pub actions: &'a mut Vec<Action>,
}

impl std::fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").field("now", &self.now).finish_non_exhaustive()
    }
}

/// A stream that somebody opened to us, as the driver numbers them: an answer goes where the question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The operator says whom to ask who is there. The first [`JOIN_MAX`] are kept, and asked again: all of them while nobody is
    /// known, and later, now and then, those at whose address nobody is.
    Joining(&'a [SocketAddr]),
    /// A datagram came.
    Datagram {
        /// Where from.
        from: SocketAddr,
        /// What it says.
        packet: &'a Packet,
    },
    /// A datagram came that is no packet, or a stream on which nothing is said.
    Malformed {
        /// Where from.
        from: SocketAddr,
    },
    /// Somebody opened a stream and said something.
    Asked {
        /// The stream.
        stream: StreamId,
        /// What.
        said: &'a Said,
    },
    /// Something was said on a stream that [`Action::Stream`] opened.
    Answered {
        /// To which address it was opened.
        by: SocketAddr,
        /// What.
        said: &'a Said,
    },
    /// Nobody listens at an address: a stream was refused there, which is more than silence.
    Refused {
        /// Where.
        addr: SocketAddr,
    },
    /// The operator takes this member out of the fleet, in order.
    Leave,
    /// The operator says that another one has left: for one that will never come back. One that lives refutes it.
    ForceLeave(MemberId),
    /// Other tags. A profile with another name or address than before changes nothing.
    Retag(&'a Arc<Profile>),
    /// A key of ours has a value from now on, for all to know.
    Set {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// A key of ours has none any more.
    Delete {
        /// The key.
        key: &'a [u8],
    },
    /// A consensus says who leads a group.
    Claim {
        /// The group.
        group: &'a [u8],
        /// The epoch that the consensus gave.
        epoch: u64,
        /// Who leads.
        leader: MemberId,
        /// Where clients turn to.
        address: &'a [u8],
    },
    /// Tell all members of an event. Those here aren't told.
    Fire {
        /// What it is called.
        name: &'a [u8],
        /// What it says.
        payload: &'a [u8],
        /// Whether only the latest of its name has to be told.
        coalesce: bool,
        /// Whom it is for.
        filter: &'a Filter,
    },
    /// Ask all members, ourselves too.
    Ask(&'a Question<'a>),
    /// The answer to [`Event::QueryAsked`].
    Respond {
        /// The query.
        query: &'a Query,
        /// The answer: more than [`ANSWER_MAX`](super::queries::ANSWER_MAX) bytes of it aren't sent.
        answer: &'a [u8],
    },
    /// The deadline passed.
    Wake,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a datagram.
    Send {
        /// Where.
        to: SocketAddr,
        /// What: at most [`PACKET_MAX`](super::packet::PACKET_MAX) bytes.
        packet: Packet,
    },
    /// Open a stream, say this, and hand in the answer, or that it was refused. Any other failure is silence.
    Stream {
        /// Where.
        to: SocketAddr,
        /// What.
        said: Said,
    },
    /// Say this on a stream that somebody opened, and close it.
    Answer {
        /// Which.
        stream: StreamId,
        /// What.
        said: Said,
    },
    /// For whoever wants to know.
    Report(Event),
}

/// What happened to the members, as far as this one knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A member is there that wasn't: new, or back.
    Joined {
        /// Who.
        id: MemberId,
    },
    /// A member is suspected. No verdict yet: for figures rather than for alarms.
    Suspected {
        /// Who.
        id: MemberId,
        /// Who had no answer.
        by: MemberId,
    },
    /// A suspected member lives.
    Refuted {
        /// Who.
        id: MemberId,
    },
    /// A member is dead, or can't be reached by anybody.
    Failed {
        /// Who.
        id: MemberId,
        /// Who says so. Ourselves, if a suspicion of ours ran out.
        by: MemberId,
    },
    /// A member has left.
    Left {
        /// Who.
        id: MemberId,
    },
    /// A member that is there has another profile.
    Updated {
        /// Who.
        id: MemberId,
    },
    /// A member that failed or left is forgotten.
    Reaped {
        /// Who.
        id: MemberId,
    },
    /// Two are one, or go by one name. Reported at most once a second.
    Conflict {
        /// Whom it is about: ourselves, if somebody has our id or our name.
        id: MemberId,
        /// Where the other one is.
        addr: SocketAddr,
        /// What the two share.
        what: Shared,
    },
    /// Others took us for dead, and we said that we live.
    Accused {
        /// Who did, as far as it was said.
        by: Option<MemberId>,
    },
    /// We have left: everybody is told, or the time for it is over. The machine does nothing any more.
    Departed,
    /// We stood still for longer than we noticed, and doubt ourselves before others.
    Stalled {
        /// How late we were.
        late: Duration,
    },
    /// What a member says of itself is different. Heartbeats aren't reported.
    Changed(Change),
    /// A group has a leader of a later epoch.
    LeaderChanged(Record),
    /// A consensus gave one epoch to several leaders, or somebody lies.
    BrokenConsensus(Record),
    /// There are too many groups: this one isn't remembered.
    LeaderForgotten(Bytes),
    /// Somebody fired an event that is for us.
    UserEvent(UserEvent),
    /// We are asked: [`Input::Respond`] answers it.
    QueryAsked(Query),
    /// A query of ours is on its way.
    QuerySent {
        /// Its time and number.
        id: (LamportTime, u32),
    },
    /// A member says something to a query of ours.
    QueryAnswered(Response),
    /// The time of a query of ours is over.
    QueryDone(Asked),
    /// What the operator wants can't be.
    Refused(Refused),
}

/// Why something that the operator wants can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is switched off here, or we are leaving.
    #[error("this is switched off, or the member is leaving")]
    Off,
    /// A key of ours.
    #[error(transparent)]
    State(#[from] super::state::Refused),
    /// A claim to lead.
    #[error(transparent)]
    Leader(#[from] super::leader::Refused),
    /// An event.
    #[error(transparent)]
    Event(#[from] super::user_events::Refused),
    /// A query.
    #[error(transparent)]
    Query(#[from] super::queries::Refused),
}

/// What two members share that none should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// An id, from two addresses: a key was copied. The one that is known stays until it fails.
    Id,
    /// A name.
    Name,
}

/// What an input took: what a driver charges whoever sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Claims about members that were looked at.
    pub claims: usize,
    /// Bytes that are sent for it by a stream.
    pub bytes: usize,
}

/// What a member counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that came.
    pub received: u64,
    /// Pings of our own.
    pub pings: u64,
    /// Of these, those that nobody answered by any way.
    pub unanswered: u64,
    /// Members that we suspected ourselves.
    pub suspected: u64,
    /// Members that we declared failed ourselves.
    pub failed: u64,
    /// How often we refuted that we are dead, or suspect.
    pub refuted: u64,
    /// What came that isn't a packet.
    pub malformed: u64,
    /// Parts of kinds that aren't known here.
    pub skipped: u64,
    /// Parts that only members may send, and of which the sender is none, or isn't where that one is.
    pub strange: u64,
    /// Claims with an incarnation that leaps too far.
    pub leapt: u64,
    /// Members that weren't taken, since there are too many.
    pub full: u64,
    /// Members that weren't taken, since we have no version of the protocol in common.
    pub foreign: u64,
    /// Requests to ping that weren't granted.
    pub unrelayed: u64,
    /// News that was dropped before it was told often enough.
    pub dropped: u64,
    /// News of states that wasn't taken: of strangers, of the future, or for want of room.
    pub states_refused: u64,
    /// How often somebody said something of us that we didn't, so that we said all again.
    pub states_refuted: u64,
    /// Events, queries and responses that weren't taken: too many, too old, of the future, or in another's name.
    pub rumors_refused: u64,
    /// Datagrams that told others of rumors at once.
    pub rumors_told: u64,
    /// Two with one id or name.
    pub conflicts: u64,
    /// How often we stood still.
    pub stalled: u64,
}
