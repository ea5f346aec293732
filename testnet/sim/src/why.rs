//! Why was it late? Branches of a run with other draws, and worlds with one thing otherwise.
//!
//! # Method
//! The question is about one item and one node of a simulated run: the node had the item later than a bound ([`Late`]).
//! 1. The run is simulated once, with notes about what was said of the item ([`crate::watch`]).
//! 2. *Other draws*: the world is kept at moments from a second before the submission on. From each, branches go on to
//!    the bound, and everything that is random is drawn anew in each of them ([`World::reseed`]); what was drawn
//!    by then stays. The share of branches in which the item comes late, with Wilson's interval ([`chance`]), is the
//!    *probability of being late as things stood then*. It begins at what the network as a whole makes of it and ends at 1, since it
//!    was late.
//! 3. Where it jumps, the interval is halved until one event is left: that one decided. Something was drawn in it, for
//!    instance how long a node waits before it announces, or that a message is lost.
//! 4. *One thing otherwise*: what made it late from the beginning makes no jump. So everything that had a part in it is
//!    tried: the same world without a fault, or with one node or link spared by it; a message not lost; a
//!    link with the median latency; a line that carries anything at once; a node that announces at once; parents
//!    that are there; another peer asked first (`suspects`). Each is tried once with the run's own draws,
//!    which tells the milliseconds that it saves. Those that save most are weighed: branches from the moment of
//!    the change, with and without it, from the same seeds.
//! 5. Causes are ranked by how much of the probability goes away. Of those that explain as much, the most precise is
//!    first: a lost message before the fault that lost it.
//!
//! What is called a cause is one without which it wouldn't have been late: a counterfactual, as Hume and Lewis have it (Lewis,
//! "Causation", Journal of Philosophy 70, 1973), in the nearest possible world: same network, same draws, one
//! change. Halving down to what makes a failure is Zeller's ("Isolating cause-effect chains from computer programs", FSE 2002).
//!
//! # Limits
//! Two things of which each alone would have made it late hide one another; of faults, this is looked for: all of them together
//! are tried. What isn't in the list above isn't tried. A cause is of this run and this node.
//!
//! # Who runs it
//! [`Why::step`] does everything on the caller's thread. Who has more threads takes [`Why::jobs`], runs them in any order
//! on any threads, and hands the results back in their order ([`Why::take`]): the answer is the same.
//!
//! [`World::reseed`]: crate::world::World::reseed

pub mod answer;
mod case;
pub mod chance;
mod change;
mod course;
mod job;
mod suspects;
mod tell;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::scenario::Scenario;
use answer::{Answer, Cause, EFFECT_MIN, Hop, Kind, Verdict};
use case::{Case, Source};
use chance::Estimate;
use change::{Candidate, Change};
use course::Course;

pub use case::Make;
pub use job::{Done, Job};

/// What is late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Late {
    /// Later than so many microseconds after the submission.
    Us(u64),
    /// Later than so many times as long as it took until half of all nodes had the item.
    Times(f64),
}

impl Default for Late {
    /// Twice the median. A guess: among nodes that gossip most have an item within that.
    fn default() -> Self {
        Self::Times(2.0)
    }
}

/// The question.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// The item, by its number in the workload, the unmeasured ones included.
    pub item: usize,
    /// The node.
    pub node: u32,
    /// What is late.
    pub late: Late,
    /// About how many branches to run.
    pub branches: u32,
    /// The seed of what is drawn in branches.
    pub seed: u64,
}

impl Default for Question {
    fn default() -> Self {
        Self { item: 0, node: 0, late: Late::default(), branches: 1_000, seed: 1 }
    }
}

/// Fewest branches that can be asked for: some ten moments, and a few causes, of five branches each. A guess.
pub const BRANCHES_MIN: u32 = 100;

/// Most branches: an hour or so of a machine with two cores, for 200 nodes. A guess.
pub const BRANCHES_MAX: u32 = 100_000;

/// Of the branches, one of so many is spent on each moment. A guess: some twenty moments take half of them.
const MOMENT_SHARE: u32 = 40;

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Branches run so far.
    pub branches: u64,
    /// About how many there will be.
    pub of: u64,
    /// Whether the answer is there.
    pub done: bool,
}

/// Causes that are weighed by branches: those that save most. A guess.
const WEIGHED_MAX: usize = 8;

/// An analysis under way.
pub struct Why {
    case: Arc<Case>,
    question: Question,
    /// Branches at each moment.
    each: u32,
    phase: Phase,
    course: Course,
    causes: Vec<Cause>,
    branches: u64,
    events: u64,
}

enum Phase {
    /// The curve is being found.
    Course,
    /// Candidates are tried once each.
    Screen(Arc<Vec<Candidate>>),
    /// The best of them are weighed.
    Weigh(Vec<(Candidate, Option<f64>)>),
    /// All faults together are weighed.
    Together(Candidate),
    Done,
}

impl std::fmt::Debug for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Why({:?}, {} branches)", self.question, self.branches)
    }
}

impl Why {
    /// Simulates the run of a valid scenario, and is ready to ask.
    ///
    /// # Errors
    /// A sentence about an item or a node that isn't there, or a question that makes no sense.
    pub fn new(scenario: &Scenario, question: Question) -> Result<Self, String> {
        Self::ask(Source { scenario: scenario.clone(), make: None }, question)
    }

    /// The same of a run with other rules and items.
    ///
    /// # Errors
    /// As [`Why::new`].
    pub fn of(scenario: &Scenario, make: Arc<Make>, question: Question) -> Result<Self, String> {
        Self::ask(Source { scenario: scenario.clone(), make: Some(make) }, question)
    }

    fn ask(source: Source, question: Question) -> Result<Self, String> {
        if !(BRANCHES_MIN..=BRANCHES_MAX).contains(&question.branches) {
            return Err(format!(
                "branches is {}, but must be {BRANCHES_MIN} to {BRANCHES_MAX}",
                question.branches
            ));
        }
        if let Late::Times(factor) = question.late
            && !(factor.is_finite() && factor > 0.0)
        {
            return Err(format!("the factor of what is late is {factor}, but must be more than 0"));
        }
        let case = Arc::new(Case::new(source, &question)?);
        let each = (question.branches / MOMENT_SHARE).max(5);
        let is_late = matches!(case.verdict, Verdict::Late | Verdict::Never);
        let course = Course::new(&case, each, question.seed);
        let phase = if is_late { Phase::Course } else { Phase::Done };
        Ok(Self { case, question, each, phase, course, causes: Vec::new(), branches: 0, events: 0 })
    }

    /// How it went: known before any branch is run.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.case.verdict
    }

    /// What is to be run next; empty when the answer is there.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        let seeds: Arc<[u64]> = self.course.seeds(2 * self.each).into();
        match &self.phase {
            Phase::Course => self.course.jobs(&self.case),
            Phase::Screen(candidates) => (0..candidates.len())
                .map(|number| Job::screen(&self.case, candidates, number))
                .collect(),
            Phase::Weigh(candidates) => candidates
                .iter()
                .map(|(candidate, _)| Job::weigh(&self.case, candidate, &seeds))
                .collect(),
            Phase::Together(candidate) => vec![Job::weigh(&self.case, candidate, &seeds)],
            Phase::Done => Vec::new(),
        }
    }

    /// Takes the results of [`Why::jobs`], in their order.
    ///
    /// # Errors
    /// A sentence about a world that can't be.
    pub fn take(&mut self, done: Vec<Done>) -> Result<(), String> {
        for done in &done {
            self.branches += done.branches();
            self.events += done.events();
        }
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Course => {
                let is_found = self.course.take(&self.case, &done);
                self.phase = if is_found {
                    Phase::Screen(Arc::new(suspects::suspects(&self.case)))
                } else {
                    Phase::Course
                };
            }
            Phase::Screen(candidates) => {
                self.phase = Phase::Weigh(self.screened(&candidates, done)?);
            }
            Phase::Weigh(candidates) => {
                for ((candidate, saves_ms), done) in candidates.into_iter().zip(done) {
                    self.weighed(candidate, saves_ms, done)?;
                }
                self.phase = self.together().map_or(Phase::Done, Phase::Together);
            }
            Phase::Together(candidate) => {
                for done in done {
                    self.weighed(candidate.clone(), None, done)?;
                }
            }
            Phase::Done => {}
        }
        if matches!(self.phase, Phase::Done) {
            self.rank();
        }
        Ok(())
    }

    /// Runs what is next, and tells how far it is.
    ///
    /// # Errors
    /// As [`Why::take`].
    pub fn step(&mut self) -> Result<Progress, String> {
        let done = self.jobs().iter().map(Job::run).collect();
        self.take(done)?;
        Ok(self.progress())
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let done = matches!(self.phase, Phase::Done);
        let of = if done { self.branches } else { u64::from(self.question.branches) };
        Progress { branches: self.branches, of: of.max(self.branches), done }
    }

    /// The answer as far as it is known.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let case = &self.case;
        let path = case.path(case.goal.node).into_iter();
        let path = path.map(|(node, at, _, from)| Hop { node, from, at_us: case.since(at) });
        let mut answer = Answer {
            item: case.goal.item,
            item_id: case.id.to_string(),
            node: case.goal.node,
            origin: case.origin,
            verdict: case.verdict,
            latency_us: case.latency_us,
            median_us: case.median_us,
            late_us: case.late_us(),
            path: path.collect(),
            curve: self.course.curve(case),
            jumps: self.course.jumps(case),
            causes: self.causes.clone(),
            story: Vec::new(),
            branches: self.branches,
            events: self.events,
            notes_are_missing: case.notes_are_missing,
        };
        answer.story = tell::story(&answer);
        answer
    }

    /// The candidates that save most, with what they save.
    fn screened(
        &self,
        candidates: &[Candidate],
        done: Vec<Done>,
    ) -> Result<Vec<(Candidate, Option<f64>)>, String> {
        let case = &self.case;
        let was = case.latency_us.map_or(f64::INFINITY, f64::from);
        let mut kept = Vec::new();
        for (candidate, done) in candidates.iter().zip(done) {
            let Some(us) = done.screened()? else { continue };
            let us = f64::from(us);
            // Half of what it was too late is worth a closer look.
            let enough = f64::midpoint(was.min(4.0 * case.late_us() as f64), case.late_us() as f64);
            if us < was && us <= enough {
                let saves = (was - us).is_finite().then_some((was - us) / 1e3);
                kept.push((us, (candidate.clone(), saves)));
            }
        }
        kept.sort_by(|(a, (left, _)), (b, (right, _))| {
            let soon = |us: f64| us > case.late_us() as f64;
            (soon(*a), std::cmp::Reverse(left.kind.precision()))
                .cmp(&(soon(*b), std::cmp::Reverse(right.kind.precision())))
                .then(a.total_cmp(b))
        });
        kept.truncate(WEIGHED_MAX);
        Ok(kept.into_iter().map(|(_, kept)| kept).collect())
    }

    fn weighed(
        &mut self,
        candidate: Candidate,
        saves_ms: Option<f64>,
        done: Done,
    ) -> Result<(), String> {
        let (as_it_was, otherwise) = done.weighed()?;
        self.causes.push(Cause {
            kind: candidate.kind,
            node: candidate.node,
            peer: candidate.peer,
            fault: candidate.fault,
            at_us: self.case.since(candidate.at.max(self.case.start.now())),
            saves_ms,
            as_it_was,
            otherwise,
            what: candidate.what,
            instead: candidate.instead,
        });
        Ok(())
    }

    /// All faults together, if none by itself explains anything.
    fn together(&self) -> Option<Candidate> {
        let most = self.causes.iter().map(Cause::effect).fold(0.0, f64::max);
        let running = self.case.end.faults().all();
        let numbers = (0..).zip(running).filter(|(_, fault)| fault.touched > 0);
        let met: Vec<usize> = numbers.map(|(number, _)| number).collect();
        if most >= 2.0 * EFFECT_MIN || met.len() < 2 {
            return None;
        }
        let all = crate::fault::Exempt { all: true, ..Default::default() };
        Some(Candidate {
            kind: Kind::Faults,
            node: None,
            peer: None,
            fault: None,
            at: self.case.start.now(),
            change: Change::Spare(met.iter().map(|number| (*number, all.clone())).collect()),
            what: format!(
                "there were {} faults, of which more than one stood in its way",
                met.len()
            ),
            instead: "without all of them".to_owned(),
        })
    }

    /// Puts the causes in order, decisions included that nothing else explains.
    fn rank(&mut self) {
        for jump in self.course.jumps(&self.case) {
            let (as_it_was, otherwise) = (jump.after, jump.before);
            if as_it_was.share() - otherwise.share() < 2.0 * EFFECT_MIN {
                continue;
            }
            self.causes.push(Cause {
                kind: Kind::Chance,
                node: None,
                peer: None,
                fault: None,
                at_us: jump.at_us,
                saves_ms: None,
                as_it_was,
                otherwise,
                what: jump.what,
                instead: "had it been drawn anew".to_owned(),
            });
        }
        self.causes.retain(|cause| cause.as_it_was.of > 0);
        let most = self.causes.iter().map(Cause::effect).fold(0.0, f64::max);
        // What explains nearly as much as the best is as good: the most precise of them is first.
        let place = |cause: &Cause| {
            let is_best = cause.effect() >= most - EFFECT_MIN;
            let precision = if is_best { cause.kind.precision() } else { 0 };
            (is_best, precision)
        };
        self.causes.sort_by(|a, b| {
            place(b)
                .cmp(&place(a))
                .then(b.effect().total_cmp(&a.effect()))
                .then(b.saves_ms.unwrap_or(0.0).total_cmp(&a.saves_ms.unwrap_or(0.0)))
        });
        // The same thing from another moment on says nothing new.
        let mut seen = Vec::new();
        self.causes.retain(|cause| {
            let who = (cause.kind, cause.node, cause.peer, cause.fault, cause.what.clone());
            let is_new = !seen.contains(&who);
            seen.push(who);
            is_new
        });
    }
}

impl Estimate {
    /// Whether two shares differ by what counts as a jump.
    fn jumps_to(self, other: Self) -> bool {
        (self.share() - other.share()).abs() >= JUMP_MIN
    }
}

/// A difference of so much between two moments is looked into. A guess: a quarter is more than 25 branches from the same
/// seeds differ by accident.
const JUMP_MIN: f64 = 0.25;

#[cfg(test)]
mod tests;
