//! Goes on from a moment of a node's life with other parameters.
//!
//! # What is known then
//! When *this* node would have asked, announced, sent and accepted, if all that it is handed by others came as it came. What others
//! would have done about it isn't known: they say what they said, when they said it. Verifying takes no time here, links that
//! the other core closes are closed, and those that it would dial besides aren't there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tidings::api::explain::TxStory;
use tidings::capture::{Difference, ReadError, Recorded, Replay};
use tidings_protocol::chain::Verdict;
use tidings_protocol::ground::item::{Item, ItemId};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Input, Machine as _};
use tidings_protocol::params::Params;
use tidings_protocol::report::event::Event;
use tidings_protocol::wire::codec;
use tidings_protocol::wire::kinds::MessageKind;

use super::moment::{Met, Moment, run_to};
use crate::captures::sightings::{names, number_of};

/// Between two wake-ups of a core that wants another one at once. A guess: a turn of a node's loop.
const TURN: Duration = Duration::from_micros(20);

/// Most items whose times are kept; the first stay.
const ITEMS_MAX: usize = 1 << 20;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The other parameters.
    pub params: Params,
    /// From when on; from the start if unset.
    pub from: Option<Moment>,
    /// An item whose story is to be told, as it was and as it would have been.
    pub explain: Option<String>,
}

/// When what became of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The node asked for it first.
    pub asked: Option<Time>,
    /// It accepted it.
    pub accepted: Option<Time>,
    /// It announced or sent it to a peer first.
    pub told: Option<Time>,
    /// The same for the last peer.
    pub told_last: Option<Time>,
    /// To so many peers, each time counted.
    pub tellings: u32,
}

/// What a core did from the moment on.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Messages sent, and their bytes, by kind.
    pub sent: BTreeMap<&'static str, (u64, u64)>,
    /// Items by short id.
    pub items: BTreeMap<u64, Times>,
    /// Their ids, as far as they were accepted.
    pub ids: BTreeMap<u64, ItemId>,
    named: Vec<u64>,
}

/// As it was, and as it would have been.
#[derive(Debug)]
pub struct Compared {
    /// From when on, in the core's time.
    pub from: Time,
    /// When the node began, microseconds of Unix time.
    pub began_unix_us: u64,
    /// What the captured core did.
    pub was: Tally,
    /// What the other would have done.
    pub would: Tally,
    /// The story of the item that was asked for, either way.
    pub stories: Option<[Result<TxStory, String>; 2]>,
    /// The binary acts otherwise already with the captured parameters: then all this says little.
    pub difference: Option<Box<Difference>>,
}

impl Tally {
    fn note(&mut self, at: Time, action: &Action) {
        match action {
            Action::Send { message, .. } => {
                let kind = message.kind();
                let (messages, bytes) = self.sent.entry(kind.name()).or_default();
                (*messages, *bytes) = (*messages + 1, *bytes + codec::frame_len(message) as u64);
                let mut named = std::mem::take(&mut self.named);
                names(message, &mut named);
                for short in named.drain(..) {
                    self.note_named(at, kind, short);
                }
                self.named = named;
            }
            Action::Report(Event::Accepted { id, .. }) => {
                let short = number_of(*id);
                if let Some(times) = self.times(short) {
                    times.accepted.get_or_insert(at);
                    self.ids.insert(short, *id);
                }
            }
            _ => {}
        }
    }

    fn note_named(&mut self, at: Time, kind: MessageKind, short: u64) {
        let Some(times) = self.times(short) else { return };
        match kind {
            MessageKind::GetData => {
                times.asked.get_or_insert(at);
            }
            MessageKind::Announce | MessageKind::Lacked | MessageKind::Tx | MessageKind::Block => {
                times.told.get_or_insert(at);
                times.told_last = Some(at);
                times.tellings += 1;
            }
            _ => {}
        }
    }

    fn times(&mut self, short: u64) -> Option<&mut Times> {
        if self.items.len() >= ITEMS_MAX && !self.items.contains_key(&short) {
            return None;
        }
        Some(self.items.entry(short).or_default())
    }

    /// Spans from an item's acceptance to its being told first and last, of the items that were both, sorted.
    #[must_use]
    pub fn spans(&self) -> [Vec<Duration>; 2] {
        let spans = |until: fn(&Times) -> Option<Time>| {
            let spans =
                self.items.values().filter_map(|times| Some(until(times)?.since(times.accepted?)));
            let mut spans: Vec<_> = spans.collect();
            spans.sort_unstable();
            spans
        };
        [spans(|times| times.told), spans(|times| times.told_last)]
    }
}

/// Parameters that a core reads when it is made and never again.
#[must_use]
pub fn of_the_start(a: &Params, b: &Params) -> Option<&'static str> {
    let changes = [
        (a.relay.strategy != b.relay.strategy, "params.relay.strategy"),
        (a.peers.overlay != b.peers.overlay, "params.peers.overlay"),
        (a.memory.seen_max != b.memory.seen_max, "params.memory.seen_max"),
        (a.memory.pool_entry_bytes != b.memory.pool_entry_bytes, "params.memory.pool_entry_bytes"),
        (a.record != b.record, "params.record.steps"),
    ];
    changes.into_iter().find(|(differs, _)| *differs).map(|(_, key)| key)
}

/// Runs both: two replays of one capture that haven't begun.
///
/// # Errors
/// When the capture can't be read.
pub fn compare(mut was: Replay, other: Replay, asked: &Asked) -> Result<Compared, ReadError> {
    let began_unix_us = was.head().began_unix_us;
    let from = asked.from.map_or(Time::ZERO, |from| from.of_core(began_unix_us));
    let (mut met_was, mut met_would) = (Met::default(), Met::default());
    let mut difference = None;
    let mut would = match asked.from {
        None => other.remade(asked.params.clone())?,
        Some(_) => {
            let mut other = other;
            difference = run_to(&mut was, asked.from, &mut met_was)?;
            run_to(&mut other, asked.from, &mut met_would)?;
            other.change(asked.params.clone());
            other
        }
    };
    let mut tallies = [Tally::default(), Tally::default()];
    if difference.is_none() {
        while let Some(step) = was.step()? {
            met_was.note(&was, &step);
            let at = step.record.at;
            step.actions.iter().for_each(|action| tallies[0].note(at, action));
            if step.difference.is_some() {
                difference = step.difference;
                break;
            }
        }
        Other::new(&mut would, &mut tallies[1], &mut met_would).run()?;
    }
    let [of_was, of_would] = tallies;
    let stories = asked
        .explain
        .as_deref()
        .map(|query| [met_was.explain(&was, query), met_would.explain(&would, query)]);
    Ok(Compared { from, began_unix_us, was: of_was, would: of_would, stories, difference })
}

/// A core that goes on in another way.
struct Other<'a> {
    replay: &'a mut Replay,
    tally: &'a mut Tally,
    met: &'a mut Met,
    /// Links that it closed, though the captured one didn't then.
    closed: BTreeSet<Link>,
    actions: Vec<Action>,
}

/// What follows from an action at once.
enum Answer {
    Verdict(Arc<Item>, Verdict),
    Disconnected(Link),
}

impl<'a> Other<'a> {
    fn new(replay: &'a mut Replay, tally: &'a mut Tally, met: &'a mut Met) -> Self {
        Self { replay, tally, met, closed: BTreeSet::new(), actions: Vec::new() }
    }

    fn run(mut self) -> Result<(), ReadError> {
        while let Some(record) = self.replay.read()? {
            self.wake_until(record.at);
            self.replay.meet(&record.what);
            self.met.note_input(self.replay, &record.what);
            if !self.is_past(&record.what)
                && let Some(input) = record.what.input(None)
            {
                self.hand(record.at, input);
            }
        }
        Ok(())
    }

    /// Whether an input is one that this core has had in its own way, or that is of a link that it closed.
    fn is_past(&mut self, what: &Recorded) -> bool {
        match what {
            Recorded::Wake | Recorded::Verdict { .. } => true,
            Recorded::Connected { link, .. } => {
                self.closed.remove(link);
                false
            }
            Recorded::Disconnected { link }
            | Recorded::Received { link, .. }
            | Recorded::Malformed { link, .. }
            | Recorded::Congested { link }
            | Recorded::Drained { link } => self.closed.contains(link),
            _ => false,
        }
    }

    /// Lets time pass.
    fn wake_until(&mut self, until: Time) {
        loop {
            let (now, deadline) = (self.replay.now(), self.replay.node().deadline());
            let at = if deadline > now { deadline } else { now + TURN };
            if deadline == Time::NEVER || at >= until {
                return;
            }
            self.hand(at, Input::Wake);
        }
    }

    fn hand(&mut self, at: Time, input: Input<'_>) {
        let mut answers = VecDeque::new();
        self.take(at, input, &mut answers);
        while let Some(answer) = answers.pop_front() {
            match answer {
                Answer::Verdict(item, verdict) => {
                    self.take(at, Input::Verdict { item: &item, verdict }, &mut answers);
                }
                Answer::Disconnected(link) => {
                    self.take(at, Input::Disconnected { link }, &mut answers);
                }
            }
        }
    }

    fn take(&mut self, at: Time, input: Input<'_>, answers: &mut VecDeque<Answer>) {
        let mut actions = std::mem::take(&mut self.actions);
        self.replay.hand_in(at, input, &mut actions);
        for action in actions.drain(..) {
            self.tally.note(at, &action);
            match action {
                Action::Verify(item) => {
                    let verdict = self.replay.chain().verify(&item);
                    answers.push_back(Answer::Verdict(item, verdict));
                }
                Action::Disconnect { link, .. } if self.closed.insert(link) => {
                    answers.push_back(Answer::Disconnected(link));
                }
                _ => {}
            }
        }
        self.actions = actions;
    }
}
