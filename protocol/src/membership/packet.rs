//! A datagram: who sends it, and a list of parts.
//!
//! ```text
//! packet   version u8 (1)  from u64  parts, up to the end
//! part     kind u8  length  body
//! Ping     1  seq u32  target u64                     "do you live, target?"
//! Ack      2  seq u32                                 "yes"; of a relay: "it does"
//! PingReq  3  seq u32  target u64                     "ask it for me"
//! Nack     4  seq u32                                 "I asked, and have no answer yet"
//! Alive    5  id u64  incarnation u32  profile        what a member says of itself
//! Suspect  6  id u64  incarnation u32  by u64  nacks u8
//! Failed   7  id u64  incarnation u32  by u64
//! Left     8  id u64  incarnation u32
//! Digest     9  of states: what somebody knows           `state`
//! Delta     10  of states: what it knows more            `state`
//! Coordinate 11 where the sender is                     `coordinates`
//! Record    12  who leads a group                        `leader`
//! UserEvent 13                                           `user_events`
//! Query     14  Response 15                              `queries`
//! ```
//! A part of a kind that isn't known here is skipped and counted, so that new kinds need no new version. A new kind is a variant with its
//! row in the table below, and a body that encodes itself.
//!
//! Who a packet says it is from is believed as far as whatever seals datagrams vouches for it: whoever has the fleet's key may say any id.

use std::sync::Arc;

use super::bytes::put_id;
use super::coordinates::Coordinate;
use super::leader::Record;
use super::member_id::MemberId;
use super::profile::Profile;
use super::queries::{Query, Response};
use super::state::{Delta, Digest};
use super::user_events::UserEvent;
use crate::ground::varint;
use crate::wire::bytes::{Encode, Malformed, Reader, put_count};

/// Most bytes of a packet: memberlist's `UDPBufferSize`, below what Ethernet carries in one frame with the seal.
pub const PACKET_MAX: usize = 1_400;

/// The version of the format.
const VERSION: u8 = 1;

/// Bytes before the first part.
pub(crate) const HEAD: usize = 1 + 8;

/// Makes the enum of the parts, and the number of each.
macro_rules! parts {
    ($($(#[$doc:meta])* $number:literal => $kind:ident),+ $(,)?) => {
        /// One thing that a packet says.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Part {
            $($(#[$doc])* $kind($kind),)+
        }

        impl Part {
            const fn number(&self) -> u8 {
                match self {
                    $(Self::$kind(_) => $number,)+
                }
            }

            fn put_body(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$kind(body) => body.put(out),)+
                }
            }

            fn body_len(&self) -> usize {
                match self {
                    $(Self::$kind(body) => Encode::encoded_len(body),)+
                }
            }

            /// `None` for a kind that isn't known here.
            fn take_body(number: u8, body: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
                Ok(Some(match number {
                    $($number => Self::$kind($kind::take(body)?),)+
                    _ => return Ok(None),
                }))
            }
        }

        $(impl From<$kind> for Part {
            fn from(body: $kind) -> Self {
                Self::$kind(body)
            }
        })+
    };
}

parts! {
    /// Asks whether somebody lives.
    1 => Ping,
    /// Somebody does.
    2 => Ack,
    /// Asks somebody to ping somebody else.
    3 => PingReq,
    /// Whoever was asked to ping has no answer yet.
    4 => Nack,
    /// A member lives, and says this of itself.
    5 => Alive,
    /// A member didn't answer.
    6 => Suspect,
    /// A member is taken for dead.
    7 => Failed,
    /// A member has left.
    8 => Left,
    /// What somebody knows of what members say of themselves.
    9 => Digest,
    /// What somebody knows more of it.
    10 => Delta,
    /// Where the sender is.
    11 => Coordinate,
    /// Who leads a group.
    12 => Record,
    /// An event.
    13 => UserEvent,
    /// A query.
    14 => Query,
    /// What a member says to a query.
    15 => Response,
}

/// What reads all of its bytes encodes itself so.
macro_rules! encode_whole {
    ($($kind:ty),+ $(,)?) => {
        $(impl Encode for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                Self::put(self, out);
            }

            fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
                Self::decode(input.all())
            }
        })+
    };
}

encode_whole!(Delta, Record, UserEvent, Query, Response);

/// See [`Part::Ping`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Comes back with the answer. Random, so that whoever doesn't see the ping can't answer it.
    pub seq: u32,
    /// Who is meant: somebody else may have its address now.
    pub target: MemberId,
}

/// See [`Part::Ack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// What it answers.
    pub seq: u32,
}

/// See [`Part::PingReq`]. It names no address: the one asked knows it, or doesn't ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingReq {
    /// Comes back with the answer.
    pub seq: u32,
    /// Who is to be pinged.
    pub target: MemberId,
}

/// See [`Part::Nack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack {
    /// What it answers.
    pub seq: u32,
}

/// See [`Part::Alive`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// Who.
    pub id: MemberId,
    /// Its own count of its refutations and changes: the higher one is the later one.
    pub incarnation: u32,
    /// What it says of itself.
    pub profile: Arc<Profile>,
}

/// See [`Part::Suspect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Who.
    pub id: MemberId,
    /// The incarnation that didn't answer.
    pub incarnation: u32,
    /// Who had no answer.
    pub by: MemberId,
    /// How many others, whom that one asked, said that they had none either.
    pub nacks: u8,
}

/// See [`Part::Failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Who.
    pub id: MemberId,
    /// The incarnation that is dead.
    pub incarnation: u32,
    /// Who says so.
    pub by: MemberId,
}

/// See [`Part::Left`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Who.
    pub id: MemberId,
    /// The incarnation that left.
    pub incarnation: u32,
}

impl Part {
    /// Whom it takes for dead, or nearly.
    #[must_use]
    pub const fn accuses(&self) -> Option<MemberId> {
        match self {
            Self::Suspect(Suspect { id, .. })
            | Self::Failed(Failed { id, .. })
            | Self::Left(Left { id, .. }) => Some(*id),
            _ => None,
        }
    }

    /// How many bytes of a packet it takes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let body = self.body_len();
        1 + varint::len(u32::try_from(body).unwrap_or(u32::MAX)) + body
    }

    fn put(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(64);
        self.put_body(&mut body);
        out.push(self.number());
        put_count(body.len(), out);
        out.extend_from_slice(&body);
    }
}

/// A datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sends it.
    pub from: MemberId,
    /// What it says.
    pub parts: Vec<Part>,
    /// How many parts it had of kinds that aren't known here. None when it is sent.
    pub skipped: usize,
}

impl Packet {
    /// A packet with parts.
    #[must_use]
    pub const fn new(from: MemberId, parts: Vec<Part>) -> Self {
        Self { from, parts, skipped: 0 }
    }

    /// It as bytes: at most [`PACKET_MAX`], as whoever filled it saw to.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.push(VERSION);
        put_id(self.from, &mut out);
        self.parts.iter().for_each(|part| part.put(&mut out));
        debug_assert!(out.len() <= PACKET_MAX, "{} bytes", out.len());
        out
    }

    /// How many bytes it has.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        HEAD + self.parts.iter().map(Part::encoded_len).sum::<usize>()
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// For whatever no member writes, whatever kinds of parts it knows. Nothing of the packet is taken then.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > PACKET_MAX {
            return Err(Malformed::Length("packet"));
        }
        let input = &mut Reader::new(bytes);
        match input.u8()? {
            VERSION => {}
            other => return Err(Malformed::Version(other)),
        }
        let mut packet = Self::new(input.id()?, Vec::new());
        while !input.is_empty() {
            let number = input.u8()?;
            let mut body = input.section("part", PACKET_MAX)?;
            match Part::take_body(number, &mut body)? {
                Some(part) => {
                    body.finish()?;
                    packet.parts.push(part);
                }
                None => packet.skipped += 1,
            }
        }
        Ok(packet)
    }
}

impl Encode for Digest {
    fn put(&self, out: &mut Vec<u8>) {
        Self::put(self, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::decode(input.all())
    }

    // It is measured with every ping, and tells of many.
    fn encoded_len(&self) -> usize {
        Self::encoded_len(self)
    }
}

mod encode;

#[cfg(test)]
mod tests;
