//! What is handed in to a member, and what comes out. What a driver promises about it stands at [`crate::membership`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::member_id::MemberId;
use super::packet::Packet;
use super::profile::Profile;
use super::said::Said;
use crate::ground::time::Time;

/// Most addresses that are asked who is there. A guess: a fleet's sentries.
pub const JOIN_MAX: usize = 16;

/// What surrounds one call.
pub struct Cx<'a> {
    /// The time, which never goes back.
    pub now: Time,
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
    /// The operator says whom to ask who is there. The first [`JOIN_MAX`] are kept, and asked again while nobody is
    /// known.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// How often we refuted that we are dead.
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
    /// Two with one id or name.
    pub conflicts: u64,
    /// How often we stood still.
    pub stalled: u64,
}
