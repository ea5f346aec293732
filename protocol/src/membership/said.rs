//! What members say by a stream: all that they know of one another, and pings where datagrams don't pass.
//!
//! ```text
//! said      version u8 (1)  from u64  kind u8
//! Exchange  1  count  entries: status u8 (0 alive, 1 suspect, 2 failed, 3 left), then as `Alive` in a packet
//!              count  who leads: length, record
//!              events u64  queries u64: Lamport times
//!              length  digest  length  delta: of states
//! Ping      2  seq u32  target u64
//! Ack       3  seq u32
//! ```

use std::sync::Arc;

use super::bytes::put_id;
use super::lamport::LamportTime;
use super::leader::{GROUPS_MAX, RECORD_MAX, Record};
use super::member_id::MemberId;
use super::packet::{Ack, Alive, Ping};
use super::state::{Delta, Digest};
use super::status::Status;
use crate::wire::bytes::{Encode, Malformed, Reader, put_count, put_string};

/// Most entries of an exchange: as many as there are members by default.
pub const ENTRIES_MAX: usize = 16_384;

/// Most bytes of what is said by a stream. A guess: a fleet of ten thousand, with names and tags of fifty bytes.
pub const SAID_MAX: usize = 1 << 20;

/// Most bytes of a digest in it: of some three thousand members. A guess.
pub const DIGEST_MAX: usize = 64 << 10;

/// Most bytes of a delta in it. A guess: 500 members of ten keys each.
pub const DELTA_MAX: usize = 256 << 10;

/// Most bytes of all that isn't about who is there.
pub(crate) const RIDERS_MAX: usize = 64 + GROUPS_MAX * (RECORD_MAX + 2) + DIGEST_MAX + DELTA_MAX;

/// The version of the format.
const VERSION: u8 = 1;

/// What somebody knows of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it takes it for.
    pub status: Status,
    /// What that one said of itself last.
    pub last: Alive,
}

impl Entry {
    /// How many bytes it takes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut out = Vec::with_capacity(64);
        self.put(&mut out);
        out.len()
    }
}

impl Encode for Entry {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.status.number());
        self.last.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let status = Status::of_number(input.u8()?).ok_or(Malformed::Meaningless("status"))?;
        Ok(Self { status, last: Alive::take(input)? })
    }
}

/// What somebody knows of the members, as much as fits: itself first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Full {
    /// One for each member.
    pub entries: Vec<Entry>,
    /// Who leads, by group: at most [`GROUPS_MAX`].
    pub leaders: Vec<Record>,
    /// The Lamport times of events and of queries.
    pub times: [LamportTime; 2],
    /// What is known of what members say of themselves.
    pub digest: Digest,
    /// What the other lacks of it. Only in an answer.
    pub delta: Delta,
}

impl Full {
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.entries.len(), out);
        self.entries.iter().for_each(|entry| entry.put(out));
        put_count(self.leaders.len(), out);
        self.leaders.iter().for_each(|record| put_string(&Encode::encoded(record), out));
        self.times.iter().for_each(|time| time.put(out));
        put_string(&Encode::encoded(&self.digest), out);
        put_string(&Encode::encoded(&self.delta), out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = input.count("entries", ENTRIES_MAX)?;
        let entries = (0..count).map(|_| Entry::take(input)).collect::<Result<_, _>>()?;
        let record =
            |input: &mut Reader<'_>| Record::decode(input.section("record", RECORD_MAX)?.all());
        let leaders = input.list("groups", GROUPS_MAX, record, |record| record.group.clone())?;
        let times = [LamportTime::take(input)?, LamportTime::take(input)?];
        let digest = Digest::decode(input.section("digest", DIGEST_MAX)?.all())?;
        let delta = Delta::decode(input.section("delta", DELTA_MAX)?.all())?;
        Ok(Self { entries, leaders, times, digest, delta })
    }
}

/// Something that is said by a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// What the sender knows. Whoever opened the stream is answered with the same.
    Exchange(Arc<Full>),
    /// Asks whether somebody lives.
    Ping(Ping),
    /// It does.
    Ack(Ack),
}

/// What is said by a stream, and who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub from: MemberId,
    /// What.
    pub saying: Saying,
}

impl Said {
    /// It as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_id(self.from, &mut out);
        match &self.saying {
            Saying::Exchange(full) => {
                out.push(1);
                full.put(&mut out);
            }
            Saying::Ping(ping) => {
                out.push(2);
                ping.put(&mut out);
            }
            Saying::Ack(ack) => {
                out.push(3);
                ack.put(&mut out);
            }
        }
        debug_assert!(out.len() <= SAID_MAX, "{} bytes", out.len());
        out
    }

    /// Reads it.
    ///
    /// # Errors
    /// For whatever no member writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > SAID_MAX {
            return Err(Malformed::Length("exchange"));
        }
        let input = &mut Reader::new(bytes);
        match input.u8()? {
            VERSION => {}
            other => return Err(Malformed::Version(other)),
        }
        let from = input.id()?;
        let saying = match input.u8()? {
            1 => Saying::Exchange(Arc::new(Full::take(input)?)),
            2 => Saying::Ping(Ping::take(input)?),
            3 => Saying::Ack(Ack::take(input)?),
            _ => return Err(Malformed::Meaningless("kind")),
        };
        input.finish().map(|()| Self { from, saying })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::profile::{Profile, Versions};

    #[test]
    fn what_is_said_reads_back_and_nothing_shorter_or_longer() {
        let addr = ([10, 0, 0, 1], 1).into();
        let profile = Arc::new(Profile::new("a", addr, &[("k", "v")], Versions::OURS).unwrap());
        let entry = |status| Entry {
            status,
            last: Alive { id: MemberId(9), incarnation: 4, profile: Arc::clone(&profile) },
        };
        let entries = vec![entry(Status::Alive), entry(Status::Left)];
        let claim = crate::membership::leader::Claim {
            leader: MemberId(4),
            address: bytes::Bytes::from_static(b"a"),
            by: MemberId(5),
        };
        let leaders =
            vec![Record { group: bytes::Bytes::from_static(b"g"), epoch: 7, claims: vec![claim] }];
        let times = [LamportTime(3), LamportTime(4)];
        let full = Full { entries, leaders, times, ..Full::default() };
        for saying in [
            Saying::Exchange(Arc::new(full)),
            Saying::Ping(Ping { seq: 1, target: MemberId(2) }),
            Saying::Ack(Ack { seq: 1 }),
        ] {
            let said = Said { from: MemberId(3), saying };
            let mut bytes = said.encode();
            for len in 0..bytes.len() {
                assert!(Said::decode(&bytes[..len]).is_err(), "{len}");
            }
            assert_eq!(Said::decode(&bytes), Ok(said));
            bytes.push(0);
            assert_eq!(Said::decode(&bytes), Err(Malformed::Trailing));
        }
    }
}
