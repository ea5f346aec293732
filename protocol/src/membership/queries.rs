//! Questions that all members are asked at once, and whose answers are collected until their time is over, as Serf has them.
//!
//! A query spreads as an event does ([`super::user_events`]), by its own Lamport clock. Whoever it is for sends a [`Response`] to its origin: that the
//! query came (an ack, if it is wanted), and an answer. The origin counts one of each from each member; what comes later is counted
//! as late. Serf's relays of responses are left out.
//!
//! # Bounds and attacks
//! - [`OPEN_MAX`] queries are open here at a time, each with [`ANSWERS_MAX`] answers and [`ANSWER_BYTES_MAX`] bytes of them.
//! - Queries in a victim's name: all members answer to it, up to [`ANSWER_MAX`] bytes each. So each member may ask but
//!   [`Settings::pace`], answers go to members alone (the driver sends them where the origin is known to be), and to
//!   what nobody asked nothing is kept.
//! - Answers of invented members: the driver hands in those of members that it knows.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rand::{Rng, RngExt as _};

pub use body::{Query, Response};

use super::filter::Filter;
use super::lamport::LamportTime;
use super::member_id::MemberId;
use super::rate::Pace;
use super::rumors::Rumors;
use super::user_events::{NAME_MAX, Taken};
use crate::ground::time::Time;

mod body;

/// The longest payload of a query, bytes. Of Serf's `QuerySizeLimit`, 1,024, it leaves room for a name and a filter.
pub const QUERY_MAX: usize = 512;
/// The longest answer, bytes. Serf's `QueryResponseSizeLimit`.
pub const ANSWER_MAX: usize = 1_024;
/// Most queries of ours whose time isn't over. A guess.
pub const OPEN_MAX: usize = 16;
/// Most members whose responses to a query are kept. A guess.
pub const ANSWERS_MAX: usize = 16_384;
/// Most bytes of a query's answers. A guess: a mebibyte, 100 bytes each of 10,000.
pub const ANSWER_BYTES_MAX: usize = 1_024 * 1_024;
/// The longest time of a query. A guess.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// How much longer than a gossip interval a query takes, for each power of ten of members. Serf's `QueryTimeoutMult`.
const TIMEOUT_MULT: u32 = 16;

/// How long answers are waited for: `gossip_interval * 16 * ceil(log10(members + 1))`, as Serf's `DefaultQueryTimeout`.
#[must_use]
pub fn timeout(gossip_interval: Duration, members: usize) -> Duration {
    // The powers of ten that are less than the number.
    let powers = members.checked_ilog10().map_or(0, |log| log + 1);
    gossip_interval.saturating_mul(TIMEOUT_MULT * powers.max(1)).min(TIMEOUT_MAX)
}

/// How queries are dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How often one member may ask. A guess: once in two seconds, and ten at once.
    pub pace: Pace,
    /// How often all may together. A guess: twenty a second, and a hundred at once.
    pub pace_of_all: Pace,
}

impl Settings {
    /// What is usual.
    pub const USUAL: Self = Self {
        pace: Pace { every: Duration::from_secs(2), burst: 10 },
        pace_of_all: Pace { every: Duration::from_millis(50), burst: 100 },
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self::USUAL
    }
}

/// What is asked, and of whom.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    /// 1 to [`NAME_MAX`] bytes.
    pub name: &'a [u8],
    /// At most [`QUERY_MAX`] bytes.
    pub payload: &'a [u8],
    /// Whether members are to say that it came.
    pub ack: bool,
    /// Whom it is for.
    pub filter: Filter,
    /// How long answers are waited for, in whole milliseconds and at most [`TIMEOUT_MAX`]; see [`timeout`].
    pub timeout: Duration,
}

/// Why a query can't be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name is empty or longer than [`NAME_MAX`], or the payload longer than [`QUERY_MAX`].
    #[error("a name has 1 to {NAME_MAX} bytes, and a payload at most {QUERY_MAX}")]
    Length,
    /// [`OPEN_MAX`] are open.
    #[error("{OPEN_MAX} queries wait for answers already")]
    Open,
    /// Too many were asked.
    #[error("too many queries")]
    Storm,
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// It counts.
    New,
    /// The member said so before: the first answer stays.
    Twice,
    /// The query's time is over.
    Late,
    /// Nobody asked, or so long ago that it isn't remembered.
    Unasked,
    /// There is no room for more.
    Full,
}

/// A query of ours, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its time and number.
    pub id: (LamportTime, u32),
    /// When its time is over.
    pub until: Time,
    /// What each member answered; none if it only said that the query came.
    pub answers: BTreeMap<MemberId, Option<Bytes>>,
    /// Responses for which there was no room.
    pub dropped: u32,
    /// Who said that the query came.
    pub acks: u32,
    bytes: usize,
}

/// The queries of a member.
#[derive(Clone, Debug)]
pub struct Queries {
    own: MemberId,
    rumors: Rumors,
    open: Vec<Asked>,
    /// Those whose time was over lately, at most [`OPEN_MAX`]: what comes for them is late and not made up.
    over: VecDeque<(LamportTime, u32)>,
    late: u64,
}

impl Queries {
    /// A member that has asked nothing.
    #[must_use]
    pub fn new(own: MemberId, settings: Settings) -> Self {
        Self {
            own,
            rumors: Rumors::new(own, settings.pace, settings.pace_of_all),
            open: Vec::new(),
            over: VecDeque::new(),
            late: 0,
        }
    }

    /// The Lamport clock's time, for whoever joins us.
    #[must_use]
    pub const fn time(&self) -> LamportTime {
        self.rumors.time()
    }

    /// We join somebody with this time: all that is earlier was before us.
    pub fn join(&mut self, time: LamportTime) {
        self.rumors.join(time);
    }

    /// Asks all members. We ourselves aren't asked by this.
    ///
    /// # Errors
    /// When it exceeds a bound.
    pub fn ask(
        &mut self,
        question: &Question<'_>,
        now: Time,
        rng: &mut dyn Rng,
    ) -> Result<Query, Refused> {
        let Question { name, payload, ack, filter, timeout } = question;
        if !(1..=NAME_MAX).contains(&name.len()) || payload.len() > QUERY_MAX {
            return Err(Refused::Length);
        }
        if self.open.len() >= OPEN_MAX {
            return Err(Refused::Open);
        }
        let time = self.rumors.begin(now).ok_or(Refused::Storm)?;
        let millis = u32::try_from((*timeout).min(TIMEOUT_MAX).as_millis());
        let query = Query {
            time,
            id: rng.random(),
            origin: self.own,
            name: Bytes::copy_from_slice(name),
            payload: Bytes::copy_from_slice(payload),
            ack: *ack,
            timeout_ms: millis.unwrap_or(u32::MAX),
            filter: filter.clone(),
        };
        self.rumors.note(query.time, seen_id(&query));
        self.open.push(Asked {
            id: (query.time, query.id),
            until: now + query.timeout(),
            answers: BTreeMap::new(),
            dropped: 0,
            acks: 0,
            bytes: 0,
        });
        Ok(query)
    }

    /// A query comes. If it is [new](Taken::New) it is to be sent on, and answered by those whom it is for.
    pub fn take(&mut self, query: &Query, now: Time) -> Taken {
        self.rumors.take((query.time, seen_id(query)), query.origin, now)
    }

    /// A response comes, of a member that is known.
    pub fn collect(&mut self, response: &Response, now: Time) -> Collected {
        let id = (response.time, response.id);
        let Some(asked) = self.open.iter_mut().find(|asked| asked.id == id) else {
            if self.over.contains(&id) {
                self.late += 1;
                return Collected::Late;
            }
            return Collected::Unasked;
        };
        if asked.until <= now {
            self.late += 1;
            return Collected::Late;
        }
        asked.collect(response)
    }

    /// Hands out the queries whose time is over, in the order in which they were asked.
    pub fn poll(&mut self, now: Time) -> Vec<Asked> {
        let over: Vec<_> = self.open.extract_if(.., |asked| asked.until <= now).collect();
        self.over.extend(over.iter().map(|asked| asked.id));
        let many = self.over.len().saturating_sub(OPEN_MAX);
        self.over.drain(..many);
        over
    }

    /// When there is something to [poll](Self::poll).
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.open.iter().map(|asked| asked.until).min().unwrap_or(Time::NEVER)
    }

    /// Queries of ours whose time isn't over.
    #[must_use]
    pub fn open(&self) -> &[Asked] {
        &self.open
    }

    /// How many responses came when their query's time was over.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }
}

impl Asked {
    fn collect(&mut self, response: &Response) -> Collected {
        let known = self.answers.get(&response.from);
        let more = response.answer.as_ref().map_or(0, Bytes::len);
        match (known, &response.answer) {
            // Its ack may come after its answer, and says nothing new then.
            (Some(_), None) | (Some(Some(_)), Some(_)) => return Collected::Twice,
            (None, _) if self.answers.len() >= ANSWERS_MAX => self.dropped += 1,
            _ if self.bytes + more > ANSWER_BYTES_MAX => self.dropped += 1,
            _ => {
                self.bytes += more;
                self.acks += u32::from(response.answer.is_none());
                self.answers.insert(response.from, response.answer.clone());
                return Collected::New;
            }
        }
        Collected::Full
    }
}

/// What a query is known by, beside its time.
const fn seen_id(query: &Query) -> u64 {
    // Whoever makes up a query of the same numbers before it is heard of keeps this one from being taken: as with any lie, one
    // has to be in the fleet for it.
    query.origin.0.rotate_left(32) ^ query.id as u64
}

#[cfg(test)]
mod tests;
