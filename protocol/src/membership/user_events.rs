//! Events that an operator fires and every member hears of: a name and a payload, as Serf has them.
//!
//! An event has a [Lamport time](super::lamport) and is told to all; each member tells it to its users if the [filter](Filter) is for it. By
//! time and content it is known again: what comes twice is neither told nor sent on. Events that may be *coalesced* wait a little, and of
//! those with one name only the latest is told.
//!
//! # Bounds and attacks
//! - Name and payload are short enough for a packet ([`NAME_MAX`], [`PAYLOAD_MAX`]).
//! - A storm: each member may fire [`Settings::pace`]; what is more isn't taken, and not noted either, so that a later copy may be. All
//!   together may fire [`Settings::pace_of_all`]. That holds where events are fired, too.
//! - A flood of names to coalesce: [`WAITING_MAX`] wait; of more, the one that waits longest is told at once.
//! - Lies about times and repetitions: see [`super::lamport`]; what is known again is bounded, too (`seen`).
//! - Nothing is signed: a liar fires events in the name of others, and uses up their rates.

use std::time::Duration;

use bytes::Bytes;

use super::filter::Filter;
use super::lamport::LamportTime;
use super::member_id::MemberId;
use super::rate::Pace;
use super::rumors::Rumors;
use crate::ground::map::Salt;
use crate::ground::time::Time;
use crate::wire::bytes::{Encode, Malformed, Reader, put_string};

pub use super::rumors::Taken;

/// The longest name, bytes. A guess.
pub const NAME_MAX: usize = 64;
/// The longest payload, bytes. Serf's default for name and payload together, `UserEventSizeLimit`.
pub const PAYLOAD_MAX: usize = 512;
/// Most events that wait to be coalesced. A guess.
pub const WAITING_MAX: usize = 64;

/// How events are dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How often one member may fire. A guess: two a second, and twenty at once.
    pub pace: Pace,
    /// How often all may together. A guess: a hundred a second, and five hundred at once.
    pub pace_of_all: Pace,
    /// How long an event waits for later ones of its name at most. Three seconds: `UserCoalescePeriod` of Serf's agent.
    pub coalesce: Duration,
    /// It waits no longer once none came for so long. A second: `UserQuiescentPeriod` there.
    pub quiet: Duration,
}

impl Settings {
    /// What is usual.
    pub const USUAL: Self = Self {
        pace: Pace { every: Duration::from_millis(500), burst: 20 },
        pace_of_all: Pace { every: Duration::from_millis(10), burst: 500 },
        coalesce: Duration::from_secs(3),
        quiet: Duration::from_secs(1),
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self::USUAL
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEvent {
    /// When, by the Lamport clock of whoever fired it.
    pub time: LamportTime,
    /// Who fired it.
    pub origin: MemberId,
    /// What it is called: 1 to [`NAME_MAX`] bytes.
    pub name: Bytes,
    /// What it says: at most [`PAYLOAD_MAX`] bytes.
    pub payload: Bytes,
    /// Whether only the latest of its name has to be told.
    pub coalesce: bool,
    /// Whom it is for.
    pub filter: Filter,
}

impl UserEvent {
    /// Appends its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        self.time.put(out);
        out.extend_from_slice(&self.origin.0.to_le_bytes());
        put_string(&self.name, out);
        put_string(&self.payload, out);
        out.push(u8::from(self.coalesce));
        self.filter.put(out);
    }

    /// Reads one that takes all of these bytes.
    ///
    /// # Errors
    /// For whatever no member of ours writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let input = &mut Reader::new(bytes);
        let event = Self {
            time: LamportTime::take(input)?,
            origin: input.id()?,
            name: input.string("name", NAME_MAX)?,
            payload: input.string("payload", PAYLOAD_MAX)?,
            coalesce: match input.u8()? {
                0 => false,
                1 => true,
                _ => return Err(Malformed::Meaningless("flag")),
            },
            filter: Filter::take(input)?,
        };
        if event.name.is_empty() {
            return Err(Malformed::Length("name"));
        }
        input.finish().map(|()| event)
    }
}

/// Why an event can't be fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name is empty or longer than [`NAME_MAX`], or the payload longer than [`PAYLOAD_MAX`].
    #[error("a name has 1 to {NAME_MAX} bytes, and a payload at most {PAYLOAD_MAX}")]
    Length,
    /// Too many were fired.
    #[error("too many events")]
    Storm,
}

/// An event that waits for later ones of its name.
#[derive(Clone, Debug)]
struct Waiting {
    event: UserEvent,
    since: Time,
    due: Time,
}

/// The events of a member.
#[derive(Clone, Debug)]
pub struct UserEvents {
    own: MemberId,
    settings: Settings,
    salt: Salt,
    rumors: Rumors,
    /// In the order in which they began to wait.
    waiting: Vec<Waiting>,
}

impl UserEvents {
    /// A member that has seen none. The salt keeps peers from making up events that look like others.
    #[must_use]
    pub fn new(own: MemberId, settings: Settings, salt: Salt) -> Self {
        Self {
            own,
            settings,
            salt,
            rumors: Rumors::new(own, settings.pace, settings.pace_of_all),
            waiting: Vec::new(),
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

    /// Fires an event, to be sent to all. Our own users are told by whoever fires it, if it is for them.
    ///
    /// # Errors
    /// When it exceeds a bound.
    pub fn fire(
        &mut self,
        name: &[u8],
        payload: &[u8],
        coalesce: bool,
        filter: Filter,
        now: Time,
    ) -> Result<UserEvent, Refused> {
        if !(1..=NAME_MAX).contains(&name.len()) || payload.len() > PAYLOAD_MAX {
            return Err(Refused::Length);
        }
        let time = self.rumors.begin(now).ok_or(Refused::Storm)?;
        let [name, payload] = [name, payload].map(Bytes::copy_from_slice);
        let origin = self.own;
        let event = UserEvent { time, origin, name, payload, coalesce, filter };
        self.rumors.note(time, self.id(&event));
        Ok(event)
    }

    /// An event comes. `told` gets what our users are to be told now, if it is for us ([`Filter::matches`]).
    pub fn take(
        &mut self,
        event: &UserEvent,
        is_for_us: bool,
        now: Time,
        told: &mut Vec<UserEvent>,
    ) -> Taken {
        let taken = self.rumors.take((event.time, self.id(event)), event.origin, now);
        if taken != Taken::New {
            return taken;
        }
        if is_for_us && event.coalesce {
            self.wait(event, now, told);
        } else if is_for_us {
            told.push(event.clone());
        }
        Taken::New
    }

    /// Tells what has waited long enough, in the order in which it began to wait.
    pub fn poll(&mut self, now: Time, told: &mut Vec<UserEvent>) {
        told.extend(
            self.waiting.extract_if(.., |waiting| waiting.due <= now).map(|waiting| waiting.event),
        );
    }

    /// When there is something to [poll](Self::poll).
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.waiting.iter().map(|waiting| waiting.due).min().unwrap_or(Time::NEVER)
    }

    fn wait(&mut self, event: &UserEvent, now: Time, told: &mut Vec<UserEvent>) {
        let Settings { coalesce, quiet, .. } = self.settings;
        let same = self.waiting.iter_mut().find(|waiting| waiting.event.name == event.name);
        if let Some(waiting) = same {
            waiting.due = (now + quiet).min(waiting.since + coalesce);
            // Of one time the later origin, so that it doesn't matter what comes first.
            let order = |event: &UserEvent| (event.time, event.origin);
            if order(event) >= order(&waiting.event) {
                waiting.event = event.clone();
            }
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            told.push(self.waiting.remove(0).event);
        }
        let due = now + quiet.min(coalesce);
        self.waiting.push(Waiting { event: event.clone(), since: now, due });
    }

    /// What an event is known by, beside its time.
    fn id(&self, event: &UserEvent) -> u64 {
        self.salt.rank((event.origin, &event.name, &event.payload, event.coalesce, &event.filter))
    }
}

#[cfg(test)]
mod tests;
