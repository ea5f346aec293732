//! The run in question: how it went, and worlds of it at any moment, as they were or with one thing otherwise.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Item, ItemId};
use tidings_protocol::ground::time::Time;

use super::answer::Verdict;
use super::{Late, Question};
use crate::fault::Exempt;
use crate::otherwise::Otherwise;
use crate::scenario::Scenario;
use crate::simulation::Prepared;
use crate::units::nanos;
use crate::watch::{Note, Watch, What};
use crate::world::World;

/// So long before the submission the branches begin: timers that decide when the item leaves may have been drawn
/// before it was there. The default mean trickle of an outbound link. A guess.
const LEAD: Duration = Duration::from_secs(1);

/// Makes the rules and the items of a world that isn't made of a scenario alone.
pub type Make = dyn Fn() -> (Box<dyn Chain + Send + Sync>, Vec<Arc<Item>>) + Send + Sync;

/// What a run is made of.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) scenario: Scenario,
    pub(super) make: Option<Arc<Make>>,
}

/// What a moment's worlds are compared by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub(super) item: usize,
    pub(super) node: u32,
    /// When it is late.
    pub(super) bound: Time,
}

/// The run as it went.
pub(super) struct Case {
    pub(super) source: Source,
    pub(super) goal: Goal,
    pub(super) id: ItemId,
    pub(super) submitted: Time,
    pub(super) origin: u32,
    pub(super) latency_us: Option<u32>,
    pub(super) median_us: Option<u32>,
    pub(super) verdict: Verdict,
    /// All that was said of the item; steps count from the prepared world.
    pub(super) notes: Vec<Note>,
    pub(super) notes_are_missing: bool,
    /// The world at the end of the run.
    pub(super) end: World,
    /// The world from which branches begin, and its step.
    pub(super) start: Arc<World>,
    pub(super) start_step: u64,
    /// The first measured submission.
    pub(super) first: Time,
}

impl Source {
    /// A world of the scenario just before its measured part; `change` is made before anything happens.
    pub(super) fn prepare(&self, change: impl FnOnce(&mut World)) -> Result<(World, Time), String> {
        let mut world = match &self.make {
            None => World::new(&self.scenario)?,
            Some(make) => {
                let (chain, items) = make();
                World::of(&self.scenario, chain, items)?
            }
        };
        change(&mut world);
        let (world, outlook) = Prepared::of(&self.scenario, world).into_world();
        Ok((world, outlook.first))
    }
}

impl Case {
    /// Simulates the run, with notes about the item.
    pub(super) fn new(source: Source, question: &Question) -> Result<Self, String> {
        let (base, first) = source.prepare(|_| {})?;
        let Question { item, node, .. } = *question;
        let (items, nodes) = (base.items().len(), base.nodes());
        let warmup = source.scenario.warmup_txs;
        if item < warmup || item >= items {
            return Err(format!(
                "there is no item {item} here: the measured items are {warmup} to {}",
                items.saturating_sub(1)
            ));
        }
        if node as usize >= nodes {
            return Err(format!("there is no node {node} here: nodes are 0 to {}", nodes - 1));
        }
        let id = base.items()[item].id();
        let mut world = base.clone();
        world.set_watch(Some(Watch::new(id)));
        run(&mut world, item, nanos(source.scenario.measure.stall_s));
        let Some((submitted, origin)) = world.record().submission(item) else {
            return Err(format!("item {item} was never submitted: no honest node lived"));
        };
        let latency_us = world.record().latency_us(item, node);
        let median_us = median(&world, item);
        let late_us = match question.late {
            Late::Us(us) => us,
            Late::Times(factor) => match median_us {
                Some(median) => times(median, factor),
                None => {
                    return Err(format!(
                        "fewer than half of the nodes ever had item {item}, so that there is no median to measure by: say what is late \
                         in milliseconds"
                    ));
                }
            },
        };
        let bound = submitted + Duration::from_micros(late_us);
        let verdict = match latency_us {
            _ if node == origin => Verdict::Origin,
            None => Verdict::Never,
            Some(latency) if u64::from(latency) > late_us => Verdict::Late,
            Some(_) => Verdict::InTime,
        };
        let watch = world.watch().expect("it was set before the run");
        let (notes, notes_are_missing) = (watch.notes().to_vec(), watch.is_full());
        world.set_watch(None);

        let mut start = base;
        start.set_watch(Some(Watch::new(id)));
        let lead = u64::try_from(LEAD.as_nanos()).unwrap_or(u64::MAX);
        let begin = submitted.as_nanos().saturating_sub(lead).max(start.now().as_nanos());
        start.run_until(Time::from_nanos(begin));
        let start_step = start.watch().map_or(0, Watch::steps);
        start.set_watch(None);
        Ok(Self {
            source,
            goal: Goal { item, node, bound },
            id,
            submitted,
            origin,
            latency_us,
            median_us,
            verdict,
            notes,
            notes_are_missing,
            end: world,
            start: Arc::new(start),
            start_step,
            first,
        })
    }

    /// Microseconds from the submission.
    pub(super) fn since(&self, at: Time) -> i64 {
        let (at, zero) = (at.as_nanos() / 1_000, self.submitted.as_nanos() / 1_000);
        i64::try_from(at).unwrap_or(i64::MAX) - i64::try_from(zero).unwrap_or(i64::MAX)
    }

    /// The bound, microseconds from the submission.
    pub(super) fn late_us(&self) -> u64 {
        u64::try_from(self.goal.bound.since(self.submitted).as_micros()).unwrap_or(u64::MAX)
    }

    /// When the question is decided: the item came, or was late.
    pub(super) fn decided(&self) -> Time {
        let came = self.latency_us.map(|us| self.submitted + Duration::from_micros(us.into()));
        came.map_or(self.goal.bound, |came| came.min(self.goal.bound))
    }

    /// The world after a step of the run, gone on from an earlier one.
    pub(super) fn at_step(&self, from: &World, from_step: u64, step: u64) -> World {
        let mut world = from.clone();
        for _ in from_step..step {
            if !world.step(Time::NEVER) {
                break;
            }
        }
        world
    }

    /// The world as it was after a step, which isn't before the branches begin.
    pub(super) fn world_at(&self, step: u64) -> World {
        self.at_step(&self.start, self.start_step, step)
    }

    /// The world as it was at a moment.
    pub(super) fn world_when(&self, at: Time) -> World {
        let mut world = (*self.start).clone();
        if at > world.now() {
            world.run_until(at);
        }
        world
    }

    /// A world that differs from the beginning, warm-up included, at a moment.
    pub(super) fn differently(
        &self,
        exempts: &[(usize, Exempt)],
        otherwise: Option<Otherwise>,
        at: Time,
    ) -> Result<World, String> {
        let (mut world, _) = self.source.prepare(|world| {
            for (fault, exempt) in exempts {
                world.exempt(*fault, exempt.clone());
            }
            world.set_otherwise(otherwise.map(Arc::new));
        })?;
        world.run_until(at.max(self.start.now()));
        Ok(world)
    }

    /// When a node accepted the item, and in which step.
    pub(super) fn accepted(&self, who: u32) -> Option<(Time, u64, Option<u32>)> {
        self.notes.iter().find_map(|note| match note.what {
            What::Accepted { node, from } if node == who => Some((note.at, note.step, from)),
            _ => None,
        })
    }

    /// The way that the item took to a node, the origin first. Empty if it never came.
    pub(super) fn path(&self, node: u32) -> Vec<(u32, Time, u64, Option<u32>)> {
        let mut path = Vec::new();
        let mut next = Some(node);
        while let Some(node) = next {
            let Some((at, step, from)) = self.accepted(node) else { break };
            path.push((node, at, step, from));
            // A node that forgot it and had it again may stand on its own way.
            next = from.filter(|from| path.iter().all(|(node, ..)| node != from));
        }
        path.reverse();
        path
    }
}

impl Goal {
    /// Runs a world until it is decided. What comes out is when the node had the item, if in time.
    pub(super) fn run(&self, world: &mut World) -> bool {
        loop {
            if self.has(world) {
                let latency = world.record().latency_us(self.item, self.node);
                let submitted = world.record().submission(self.item);
                return match (latency, submitted) {
                    (Some(us), Some((at, _))) => at + Duration::from_micros(us.into()) > self.bound,
                    _ => true,
                };
            }
            if world.now() >= self.bound || !world.step(self.bound) {
                return !self.has(world);
            }
        }
    }

    fn has(&self, world: &World) -> bool {
        world.record().latency_us(self.item, self.node).is_some()
    }

    /// When the node has the item, microseconds, if it has it until some time.
    pub(super) fn latency_us(&self, world: &mut World, until: Time) -> Option<u32> {
        while !self.has(world) && world.step(until) {}
        world.record().latency_us(self.item, self.node)
    }
}

/// Runs until all living nodes have the item, or nobody got it for so long.
fn run(world: &mut World, item: usize, stall_ns: u64) {
    let mut had = 0;
    let mut last = world.now();
    loop {
        let count = world.watch().map_or(0, |watch| watch.notes().len());
        if count != had {
            had = count;
            last = world.now();
            let submitted = world.record().submission(item).is_some();
            if submitted && (0..world.nodes()).all(|node| has_or_is_dead(world, item, node)) {
                return;
            }
        }
        let until = match world.record().submission(item) {
            Some(_) => Time::from_nanos(last.as_nanos().saturating_add(stall_ns)),
            None => Time::NEVER,
        };
        if !world.step(until) {
            return;
        }
    }
}

fn has_or_is_dead(world: &World, item: usize, node: usize) -> bool {
    let node = u32::try_from(node).unwrap_or(u32::MAX);
    world.record().latency_us(item, node).is_some() || !world.is_alive(node)
}

/// When half of all nodes had an item, microseconds.
fn median(world: &World, item: usize) -> Option<u32> {
    let mut all: Vec<u32> = world.record().deliveries(item).map(|(_, us)| us).collect();
    all.sort_unstable();
    all.get(world.nodes().div_ceil(2) - 1).copied()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive factor of some seconds"
)]
fn times(us: u32, factor: f64) -> u64 {
    (f64::from(us) * factor).max(1.0) as u64
}
