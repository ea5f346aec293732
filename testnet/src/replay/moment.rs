//! A moment of a node's life, and what the node would tell then.

use std::collections::BTreeSet;
use std::str::FromStr;

use tidings::PeerId;
use tidings::api::explain::TxStory;
use tidings::capture::{Difference, ReadError, Recorded, Replay, Step};
use tidings::shell::explain::{Acquaintances, Teller};
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::Action;
use tidings_protocol::report::event::Event;

/// Microseconds of a day.
const DAY_US: u64 = 86_400 * 1_000_000;

/// A moment of a node's life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// So many seconds after its start.
    After(f64),
    /// The first time that its clock shows this time of day, microseconds.
    OfDay(u64),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "`{text}` is no moment: write seconds since the node's start, as 12.5, or a time of day, as 14:03:07.5"
            )
        };
        let seconds = |text: &str| {
            let seconds = text.strip_suffix('s').unwrap_or(text).parse::<f64>().ok();
            seconds.filter(|seconds| (0.0..1e9).contains(seconds)).ok_or_else(bad)
        };
        match text.split(':').collect::<Vec<_>>()[..] {
            [after] => seconds(after).map(Self::After),
            [hours, minutes, rest] => {
                let number = |text: &str, most: u64| {
                    text.parse::<u64>().ok().filter(|number| *number <= most).ok_or_else(bad)
                };
                let (hours, minutes, rest) =
                    (number(hours, 23)?, number(minutes, 59)?, seconds(rest)?);
                if rest >= 60.0 {
                    return Err(bad());
                }
                let whole_us = (hours * 3_600 + minutes * 60) * 1_000_000;
                Ok(Self::OfDay(whole_us + micros(rest)))
            }
            _ => Err(bad()),
        }
    }
}

/// Seconds in microseconds.
fn micros(seconds: f64) -> u64 {
    u64::try_from(std::time::Duration::from_secs_f64(seconds).as_micros()).unwrap_or(u64::MAX)
}

impl Moment {
    /// The same in the core's time, for a node that began then.
    #[must_use]
    pub fn of_core(self, began_unix_us: u64) -> Time {
        let after_us = match self {
            Self::After(seconds) => micros(seconds),
            Self::OfDay(of_day_us) => {
                let began_of_day_us = began_unix_us % DAY_US;
                (of_day_us + DAY_US - began_of_day_us) % DAY_US
            }
        };
        Time::from_nanos(after_us.saturating_mul(1_000))
    }
}

/// The peers that a node met, by name.
#[derive(Debug, Default)]
pub struct Met {
    acquaintances: Acquaintances,
    named: BTreeSet<PeerKey>,
}

impl Met {
    /// Notes whom a step is about.
    pub fn note(&mut self, replay: &Replay, step: &Step) {
        self.note_input(replay, &step.record.what);
        for action in &step.actions {
            if let Action::Report(Event::LinkUp { peer, advertise: Some(addr), .. }) = action {
                self.acquaintances.learn_address(*peer, *addr);
            }
        }
    }

    /// The same of an input alone.
    pub fn note_input(&mut self, replay: &Replay, what: &Recorded) {
        if let Recorded::Met { peer, .. } = what {
            self.named.insert(*peer);
        }
        if let Recorded::Connected { peer, addr, .. } = what
            && let Some(id) = replay.name_of(*peer).and_then(|id| PeerId::from_bytes(id).ok())
        {
            self.acquaintances.meet(*peer, id, *addr, replay.node().record());
        }
    }

    /// What the node tells of an item.
    ///
    /// # Errors
    /// A sentence, if it can't.
    pub fn explain(&self, replay: &Replay, query: &str) -> Result<TxStory, String> {
        let teller = Teller {
            node: replay.node(),
            params: replay.params(),
            acquaintances: &self.acquaintances,
            now: replay.now(),
            unix_us: &|at| replay.unix_us(at),
        };
        teller.explain_tx(query).map_err(|error| error.to_string())
    }
}

/// Replays up to a moment, or to the end; at the first difference it ends, and returns that.
///
/// # Errors
/// When the capture can't be read.
pub fn run_to(
    replay: &mut Replay,
    until: Option<Moment>,
    met: &mut Met,
) -> Result<Option<Box<Difference>>, ReadError> {
    let until = until.map(|until| until.of_core(replay.head().began_unix_us));
    while until.is_none_or(|until| replay.now() < until) {
        let Some(step) = replay.step_until(until)? else { break };
        met.note(replay, &step);
        if step.difference.is_some() {
            return Ok(step.difference);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_or_times_of_day() {
        assert_eq!("12.5".parse(), Ok(Moment::After(12.5)));
        assert_eq!("3s".parse(), Ok(Moment::After(3.0)));
        let at = "14:03:07.5".parse::<Moment>().unwrap();
        assert_eq!(at, Moment::OfDay(50_587_500_000));
        for bad in ["", "x", "-1", "24:00:00", "1:60:00", "1:00:60", "1:2", "1:2:3:4", "inf"] {
            let error = bad.parse::<Moment>().unwrap_err();
            assert!(error.contains("is no moment"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_time_of_day_comes_after_the_start_though_it_is_past_midnight() {
        let began_unix_us = 10 * DAY_US + (23 * 3_600 + 59 * 60) * 1_000_000;
        let at: Moment = "00:01:00".parse().unwrap();
        assert_eq!(at.of_core(began_unix_us), Time::from_millis(120_000));
    }
}
