//! Pieces of the work, which know nothing of one another: each can be run on any thread, in any order.

use std::sync::Arc;
use std::time::Duration;

use super::case::{Case, Goal};
use super::chance::Estimate;
use super::change::Candidate;
use crate::world::World;

/// A piece of the work.
#[derive(Clone)]
pub struct Job(Work);

#[derive(Clone)]
enum Work {
    /// Branches from a moment.
    Branches { world: Arc<World>, goal: Goal, seeds: Arc<[u64]> },
    /// One world with one thing otherwise, and the same draws.
    Screen { case: Arc<Case>, candidates: Arc<Vec<Candidate>>, number: usize },
    /// Branches with and without one thing otherwise.
    Weigh { case: Arc<Case>, candidate: Box<Candidate>, seeds: Arc<[u64]> },
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Done {
    what: Result<Came, String>,
    branches: u64,
    events: u64,
}

#[derive(Clone, Debug)]
enum Came {
    Late(Estimate),
    Screened(Option<u32>),
    Weighed(Estimate, Estimate),
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Work::Branches { .. } => "Job(branches)",
            Work::Screen { .. } => "Job(screen)",
            Work::Weigh { .. } => "Job(weigh)",
        })
    }
}

impl Job {
    pub(super) fn branches(world: &Arc<World>, goal: Goal, seeds: &Arc<[u64]>) -> Self {
        Self(Work::Branches { world: Arc::clone(world), goal, seeds: Arc::clone(seeds) })
    }

    pub(super) fn screen(
        case: &Arc<Case>,
        candidates: &Arc<Vec<Candidate>>,
        number: usize,
    ) -> Self {
        let (case, candidates) = (Arc::clone(case), Arc::clone(candidates));
        Self(Work::Screen { case, candidates, number })
    }

    pub(super) fn weigh(case: &Arc<Case>, candidate: &Candidate, seeds: &Arc<[u64]>) -> Self {
        let (case, seeds) = (Arc::clone(case), Arc::clone(seeds));
        Self(Work::Weigh { case, candidate: Box::new(candidate.clone()), seeds })
    }

    /// Does it.
    #[must_use]
    pub fn run(&self) -> Done {
        match &self.0 {
            Work::Branches { world, goal, seeds } => {
                let (estimate, events) = branches(world, goal, seeds);
                Done { what: Ok(Came::Late(estimate)), branches: seeds.len() as u64, events }
            }
            Work::Screen { case, candidates, number } => {
                match candidates[*number].otherwise(case) {
                    Ok(mut world) => {
                        let before = world.events();
                        let bound = case.submitted + Duration::from_micros(4 * case.late_us());
                        let came = case
                            .latency_us
                            .map(|us| case.submitted + Duration::from_micros(us.into()));
                        let us = case.goal.latency_us(&mut world, came.unwrap_or(bound));
                        let events = world.events() - before;
                        Done { what: Ok(Came::Screened(us)), branches: 1, events }
                    }
                    Err(problem) => Done { what: Err(problem), branches: 0, events: 0 },
                }
            }
            Work::Weigh { case, candidate, seeds } => match candidate.pair(case) {
                Ok(pair) => {
                    let (was, events) = branches(&pair.was, &case.goal, seeds);
                    let (otherwise, more) = branches(&pair.otherwise, &case.goal, seeds);
                    let (branches, events) = (2 * seeds.len() as u64, events + more);
                    Done { what: Ok(Came::Weighed(was, otherwise)), branches, events }
                }
                Err(problem) => Done { what: Err(problem), branches: 0, events: 0 },
            },
        }
    }
}

/// Runs branches from a moment.
fn branches(world: &World, goal: &Goal, seeds: &[u64]) -> (Estimate, u64) {
    let (mut estimate, mut events) = (Estimate::default(), 0);
    for seed in seeds {
        let mut branch = world.clone();
        branch.reseed(*seed);
        estimate.add(goal.run(&mut branch));
        events += branch.events() - world.events();
    }
    (estimate, events)
}

/// Results of another kind than were asked for.
const MIXED: &str = "results are handed back in the order of their jobs";

impl Done {
    /// Branches that were run.
    #[must_use]
    pub const fn branches(&self) -> u64 {
        self.branches
    }

    /// Events that they took.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn late(&self) -> Estimate {
        match self.what {
            Ok(Came::Late(estimate)) => estimate,
            _ => Estimate::default(),
        }
    }

    pub(super) fn screened(self) -> Result<Option<u32>, String> {
        match self.what? {
            Came::Screened(us) => Ok(us),
            _ => Err(MIXED.to_owned()),
        }
    }

    pub(super) fn weighed(self) -> Result<(Estimate, Estimate), String> {
        match self.what? {
            Came::Weighed(was, otherwise) => Ok((was, otherwise)),
            _ => Err(MIXED.to_owned()),
        }
    }
}
