//! How the probability of being late went: moments, branches at each, and the events between which it jumped.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::ground::time::Time;

use super::answer::{Jump, Point};
use super::case::Case;
use super::chance::Estimate;
use super::job::{Done, Job};
use super::tell;
use crate::random::{Use, stream};
use crate::world::World;
use rand::Rng as _;

/// Moments at which it is looked first, evenly between the submission and the decision. A guess.
const GRID: u32 = 8;

/// Most events that are found by halving. A guess.
const JUMPS_MAX: usize = 4;

/// Most moments in all. A guess: four times halving some tens of thousands of events.
const MOMENTS_MAX: usize = 80;

/// The course of the probability.
pub(super) struct Course {
    seed: u64,
    each: u32,
    /// By step.
    moments: Vec<Moment>,
    /// The place of the moments whose branches are being run.
    asked: Vec<Moment>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Grid,
    Halve,
    /// Both sides of each jump are looked at with as many branches again.
    Sharpen,
    Found,
}

#[derive(Clone)]
struct Moment {
    step: u64,
    at: Time,
    late: Estimate,
    world: Arc<World>,
}

impl Course {
    pub(super) fn new(case: &Arc<Case>, each: u32, seed: u64) -> Self {
        let mut course =
            Self { seed, each, moments: Vec::new(), asked: Vec::new(), phase: Phase::Grid };
        course.asked = course.grid(case);
        course
    }

    /// So many seeds of branches, always the same: what differs between two moments isn't their draws.
    pub(super) fn seeds(&self, count: u32) -> Vec<u64> {
        let seed = |number| stream(self.seed, Use::Branch, u64::from(number)).next_u64();
        (0..count).map(seed).collect()
    }

    fn grid(&self, case: &Case) -> Vec<Moment> {
        let start = Moment {
            step: case.start_step,
            at: case.start.now(),
            late: Estimate::default(),
            world: Arc::clone(&case.start),
        };
        let end = case.decided();
        let span = end.since(case.submitted);
        let before = Time::from_nanos(case.submitted.as_nanos().saturating_sub(1));
        let even = (0..GRID).map(|part| case.submitted + span * part / GRID);
        let mut all = vec![start];
        let last = Time::from_nanos(end.as_nanos().saturating_sub(1));
        for at in [before].into_iter().chain(even).chain([last]) {
            let from = all.last().expect("it begins with the start");
            if at <= from.at {
                continue;
            }
            let (mut world, mut step) = ((*from.world).clone(), from.step);
            while world.step(at) {
                step += 1;
            }
            all.push(Moment { step, at, late: Estimate::default(), world: Arc::new(world) });
        }
        all
    }

    pub(super) fn jobs(&self, case: &Arc<Case>) -> Vec<Job> {
        let seeds = match self.phase {
            Phase::Sharpen => self.seeds(3 * self.each).split_off(self.each as usize),
            _ => self.seeds(self.each),
        };
        // In a few pieces, so that two threads have as much to do.
        let pieces = self.asked.len().max(4).div_ceil(self.asked.len().max(1));
        let size = seeds.len().div_ceil(pieces).max(1);
        let chunks: Vec<Arc<[u64]>> = seeds.chunks(size).map(Into::into).collect();
        let of = |moment: &Moment| -> Vec<Job> {
            chunks.iter().map(|seeds| Job::branches(&moment.world, case.goal, seeds)).collect()
        };
        self.asked.iter().flat_map(of).collect()
    }

    /// Takes the results; true if the course is found.
    pub(super) fn take(&mut self, case: &Case, done: &[Done]) -> bool {
        let pieces = done.len() / self.asked.len().max(1);
        let asked = std::mem::take(&mut self.asked);
        for (mut moment, done) in asked.into_iter().zip(done.chunks(pieces.max(1))) {
            let late = done.iter().fold(Estimate::default(), |sum, done| sum.and(done.late()));
            match self.moments.binary_search_by_key(&moment.step, |moment| moment.step) {
                Ok(place) => self.moments[place].late = self.moments[place].late.and(late),
                Err(place) => {
                    moment.late = late;
                    self.moments.insert(place, moment);
                }
            }
        }
        if matches!(self.phase, Phase::Grid | Phase::Halve) {
            if let Some(moment) = self.halve(case) {
                self.phase = Phase::Halve;
                self.asked.push(moment);
                return false;
            }
            self.phase = Phase::Sharpen;
            self.asked = self.sides();
            if !self.asked.is_empty() {
                return false;
            }
        }
        self.phase = Phase::Found;
        // Worlds are large.
        for moment in &mut self.moments {
            moment.world = Arc::clone(&case.start);
        }
        true
    }

    /// The middle of the interval across which it jumped most, if it is worth going on.
    fn halve(&self, case: &Case) -> Option<Moment> {
        if self.moments.len() >= MOMENTS_MAX || self.single().count() >= JUMPS_MAX {
            return None;
        }
        let open = self
            .moments
            .windows(2)
            .filter(|pair| pair[1].step > pair[0].step + 1 && pair[0].late.jumps_to(pair[1].late));
        let height = |pair: &&[Moment]| (pair[1].late.share() - pair[0].late.share()).abs();
        let pair = open.max_by(|a, b| height(a).total_cmp(&height(b)))?;
        let step = pair[0].step.midpoint(pair[1].step);
        let world = case.at_step(&pair[0].world, pair[0].step, step);
        let at = world.now();
        Some(Moment { step, at, late: Estimate::default(), world: Arc::new(world) })
    }

    /// The pairs of moments with one event between them across which it jumped.
    fn single(&self) -> impl Iterator<Item = &[Moment]> {
        self.moments
            .windows(2)
            .filter(|pair| pair[1].step == pair[0].step + 1 && pair[0].late.jumps_to(pair[1].late))
    }

    fn sides(&self) -> Vec<Moment> {
        let mut sides: Vec<Moment> = self.single().flatten().cloned().collect();
        sides.dedup_by_key(|moment| moment.step);
        sides
    }

    /// The probability over time.
    pub(super) fn curve(&self, case: &Case) -> Vec<Point> {
        let point = |moment: &Moment| Point {
            at_us: case.since(moment.at),
            step: moment.step,
            late: moment.late,
        };
        let mut curve: Vec<Point> = self.moments.iter().map(point).collect();
        if !curve.is_empty() && self.phase == Phase::Found {
            // It was late: nothing is left to chance.
            let at = case.decided() + Duration::from_nanos(1);
            let late = Estimate { late: self.each, of: self.each };
            let step = curve.last().map_or(0, |point| point.step + 1);
            curve.push(Point { at_us: case.since(at), step, late });
        }
        curve
    }

    /// The events that decided, by time.
    pub(super) fn jumps(&self, case: &Case) -> Vec<Jump> {
        let jump = |pair: &[Moment]| {
            let step = pair[1].step;
            Jump {
                at_us: case.since(pair[1].at),
                step,
                before: pair[0].late,
                after: pair[1].late,
                what: tell::event(case, step),
            }
        };
        if self.phase == Phase::Found { self.single().map(jump).collect() } else { Vec::new() }
    }
}
