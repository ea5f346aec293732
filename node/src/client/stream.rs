//! The reading end of the event stream.

use std::marker::PhantomData;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::connection::Connection;
use super::{ClientError, Target};
use crate::api::Streamed;

/// Longest event that is taken, bytes. Events have a few hundred, and an entry of the fleet's map up to 64 KiB, in JSON perhaps six
/// times as many.
const EVENT_MAX: usize = 512 << 10;

/// After how long without a sign of life the connection counts as broken: a node gives one each 15 seconds, and a machine that is gone
/// closes nothing. A guess.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What a node tells as it happens: events, or changes of the fleet's map.
#[derive(Debug)]
pub struct EventStream<T = Streamed> {
    target: Target,
    _connection: Connection,
    body: Incoming,
    /// What arrived and isn't a whole line yet.
    received: BytesMut,
    last_id: Option<String>,
    told: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> EventStream<T> {
    pub(super) fn new(target: Target, connection: Connection, body: Incoming) -> Self {
        let (received, told) = (BytesMut::new(), PhantomData);
        Self { target, _connection: connection, body, received, last_id: None, told }
    }

    /// The next event, or how many are missing where this reader was too slow; `None` once the node has stopped.
    ///
    /// # Errors
    /// When the connection breaks or something else than an event arrives.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            while let Some(line) = take_line(&mut self.received) {
                // Anything else is a sign of life, the kind, which the data has too, or the empty line between events.
                if let Some(id) = line.strip_prefix(b"id:") {
                    self.last_id = Some(String::from_utf8_lossy(id).trim().to_owned());
                }
                if let Some(json) = line.strip_prefix(b"data:") {
                    return serde_json::from_slice(json).map(Some).map_err(|error| self.odd(error));
                }
            }
            if self.received.len() > EVENT_MAX {
                return Err(self.odd("an event without end"));
            }
            let Ok(frame) = timeout(SILENCE_MAX, self.body.frame()).await else {
                let target = self.target.to_string();
                let problem = format!("it was silent for {} s", SILENCE_MAX.as_secs());
                return Err(ClientError::Broken { target, problem });
            };
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    self.received.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                }
                Some(Err(error)) => {
                    let target = self.target.to_string();
                    return Err(ClientError::Broken { target, problem: error.to_string() });
                }
            }
        }
    }

    /// Where to go on from ([`Client::events_of`](super::Client::events_of)); nothing if nothing came yet.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    fn odd(&self, problem: impl ToString) -> ClientError {
        ClientError::Answer { target: self.target.to_string(), problem: problem.to_string() }
    }
}

/// Takes a whole line off the front, without its end.
fn take_line(received: &mut BytesMut) -> Option<BytesMut> {
    let end = received.iter().position(|byte| *byte == b'\n')?;
    let line = received.split_to(end);
    received.advance(1);
    Some(line)
}
