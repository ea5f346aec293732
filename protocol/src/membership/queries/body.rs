//! A query and what is said to it, and how both look in bytes.

use std::time::Duration;

use bytes::Bytes;

use super::{ANSWER_MAX, QUERY_MAX, TIMEOUT_MAX};
use crate::membership::filter::Filter;
use crate::membership::lamport::LamportTime;
use crate::membership::member_id::MemberId;
use crate::membership::user_events::NAME_MAX;
use crate::wire::bytes::{Encode as _, Malformed, Reader, put_string};

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// When, by the Lamport clock of whoever asks.
    pub time: LamportTime,
    /// Any number: tells queries of one time apart.
    pub id: u32,
    /// Who asks.
    pub origin: MemberId,
    /// What is asked: 1 to [`NAME_MAX`] bytes.
    pub name: Bytes,
    /// And with what: at most [`QUERY_MAX`] bytes.
    pub payload: Bytes,
    /// Whether it is to be said that the query came.
    pub ack: bool,
    /// How long answers are waited for, milliseconds.
    pub timeout_ms: u32,
    /// Whom it is for.
    pub filter: Filter,
}

/// What a member says to a query's origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The query's time.
    pub time: LamportTime,
    /// The query's number.
    pub id: u32,
    /// Who says it.
    pub from: MemberId,
    /// The answer, at most [`ANSWER_MAX`] bytes; none says that the query came.
    pub answer: Option<Bytes>,
}

impl Query {
    /// Appends its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        self.time.put(out);
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.origin.0.to_le_bytes());
        put_string(&self.name, out);
        put_string(&self.payload, out);
        out.push(u8::from(self.ack));
        out.extend_from_slice(&self.timeout_ms.to_le_bytes());
        self.filter.put(out);
    }

    /// Reads one that takes all of these bytes.
    ///
    /// # Errors
    /// For whatever no member of ours writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let input = &mut Reader::new(bytes);
        let query = Self {
            time: LamportTime::take(input)?,
            id: input.u32()?,
            origin: input.id()?,
            name: input.string("name", NAME_MAX)?,
            payload: input.string("payload", QUERY_MAX)?,
            ack: flag(input)?,
            timeout_ms: input.u32()?,
            filter: Filter::take(input)?,
        };
        if query.name.is_empty() {
            return Err(Malformed::Length("name"));
        }
        if query.timeout() > TIMEOUT_MAX {
            return Err(Malformed::Meaningless("time to wait"));
        }
        input.finish().map(|()| query)
    }

    /// How long answers are waited for.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

impl Response {
    /// Appends its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        self.time.put(out);
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.from.0.to_le_bytes());
        out.push(u8::from(self.answer.is_some()));
        if let Some(answer) = &self.answer {
            put_string(answer, out);
        }
    }

    /// Reads one that takes all of these bytes.
    ///
    /// # Errors
    /// For whatever no member of ours writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let input = &mut Reader::new(bytes);
        let response = Self {
            time: LamportTime::take(input)?,
            id: input.u32()?,
            from: input.id()?,
            answer: match flag(input)? {
                true => Some(input.string("answer", ANSWER_MAX)?),
                false => None,
            },
        };
        input.finish().map(|()| response)
    }
}

fn flag(input: &mut Reader<'_>) -> Result<bool, Malformed> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed::Meaningless("flag")),
    }
}
