//! What is told to all members under one [Lamport clock](super::lamport): [known again](super::seen) when it comes twice, and within each
//! member's [rate](super::rate). Events and queries have one of these each.
//!
//! *Attacks*: a storm isn't taken, nor noted, so that a later copy may be. A time too far ahead isn't believed. What comes in our own name we
//! said before we started, or somebody made it up: it isn't told on, and what we say next is later.

use super::lamport::{LamportClock, LamportTime};
use super::member_id::MemberId;
use super::rate::{Pace, Rates};
use super::seen::{Known, Seen};
use crate::ground::time::Time;

/// What becomes of something that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is new: send it on.
    New,
    /// It was seen before, or is in our own name.
    Known,
    /// It is too old to tell.
    TooOld,
    /// Its time is too far ahead.
    Leap,
    /// There are too many of its time.
    Full,
    /// There are too many of its origin, or of all.
    Storm,
}

/// The rumors of a member.
#[derive(Clone, Debug)]
pub(super) struct Rumors {
    own: MemberId,
    /// How often one member may begin one, and how often all may together.
    pace: Pace,
    pace_of_all: Pace,
    clock: LamportClock,
    seen: Seen,
    rates: Rates,
    of_all: Rates,
}

impl Rumors {
    /// A member that has seen none.
    pub(super) fn new(own: MemberId, pace: Pace, pace_of_all: Pace) -> Self {
        Self {
            own,
            pace,
            pace_of_all,
            clock: LamportClock::default(),
            seen: Seen::default(),
            rates: Rates::default(),
            of_all: Rates::default(),
        }
    }

    /// The Lamport clock's time, for whoever joins us.
    pub(super) const fn time(&self) -> LamportTime {
        self.clock.time()
    }

    /// We join somebody with this time: all that is earlier was before us.
    pub(super) fn join(&mut self, time: LamportTime) {
        self.clock.join(time);
        self.seen.begin_at(time);
    }

    /// The time of one that we begin, which is to be [noted](Self::note); `None` if that is too many.
    pub(super) fn begin(&mut self, now: Time) -> Option<LamportTime> {
        self.is_within_rates(self.own, now).then(|| self.clock.tick())
    }

    /// Notes what we began. `id`: what it is known by, beside its time.
    pub(super) fn note(&mut self, time: LamportTime, id: u64) {
        self.seen.note(time, id);
    }

    /// One comes.
    pub(super) fn take(
        &mut self,
        (time, id): (LamportTime, u64),
        origin: MemberId,
        now: Time,
    ) -> Taken {
        match self.seen.known(time, id, self.clock.time()) {
            Known::Before => return Taken::Known,
            Known::TooOld => return Taken::TooOld,
            Known::Full => return Taken::Full,
            Known::New if !self.clock.believes(time) => return Taken::Leap,
            Known::New => {}
        }
        if origin == self.own {
            self.clock.witness(time);
            return Taken::Known;
        }
        if !self.is_within_rates(origin, now) {
            return Taken::Storm;
        }
        self.clock.witness(time);
        self.seen.note(time, id);
        Taken::New
    }

    fn is_within_rates(&mut self, origin: MemberId, now: Time) -> bool {
        self.rates.try_take(origin, self.pace, now)
            && self.of_all.try_take(MemberId(0), self.pace_of_all, now)
    }
}
