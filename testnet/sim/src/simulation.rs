//! A simulation from its first moment to its last.

use core::time::Duration;

use tidings_protocol::ground::time::Time;
use tidings_timeline::Timeline;

use crate::baseline::Baseline;
use crate::overlay::Shape;
use crate::recording::about;
use crate::scenario::Scenario;
use crate::units::nanos;
use crate::world::{Outlook, World};

/// How long a network whose nodes all have everything is watched on: until announcements that wait and
/// copies that are under way have been sent and counted. Ten times the default trickle.
const SETTLE: Duration = Duration::from_secs(5);

/// How often it is looked whether an overlay that forms by gossip stands.
const LOOK: Duration = Duration::from_millis(100);

/// A simulation that stands just before its first submission that is measured. What it took until here belongs
/// to no item.
#[derive(Debug)]
pub struct Prepared {
    world: World,
    outlook: Outlook,
    baseline: Baseline,
    connect_s: f64,
    stall_s: f64,
    problems: Vec<String>,
}

/// A simulation under way, for whoever runs it piece by piece.
#[derive(Debug)]
pub struct Course {
    prepared: Prepared,
    ending: Ending,
    events_before: u64,
}

/// When a run ends.
#[derive(Clone, Copy, Debug)]
struct Ending {
    busy_until: Time,
    stall: Duration,
    /// Until when what is under way is watched on, once everybody has everything.
    rest_until: Option<Time>,
}

/// A simulation that has come to its end.
#[derive(Debug)]
pub struct Finished {
    /// The world as it is now.
    pub world: World,
    /// When what happened.
    pub outlook: Outlook,
    /// What nodes had counted before the first submission.
    pub baseline: Baseline,
    /// Simulated time until the overlay stood, seconds.
    pub connect_s: f64,
    /// Inputs that nodes handled from the first submission.
    pub events_run: u64,
    /// Why the run proves nothing; empty if it does.
    pub invalid_reasons: Vec<String>,
}

/// So many steps pass between two looks of whoever watches a run. A guess: a few of them each second.
const STEPS_PER_LOOK: u32 = 1 << 17;

/// Runs the simulation of a valid scenario from beginning to end.
///
/// # Errors
/// A sentence about an overlay or workload that can't be.
pub fn simulate(scenario: &Scenario) -> Result<Finished, String> {
    Ok(Prepared::new(scenario)?.finish(&mut |_| {}))
}

/// The same, and what happened from a second before the first submission that is measured: the moments before are of links
/// that come up and of strategies that learn. Of transactions of the warm-up nothing is noted. `bound` is the most messages
/// and deliveries, [`BOUND`](tidings_timeline::recorder::BOUND) unless there is a reason.
///
/// # Errors
/// A sentence about an overlay or workload that can't be.
pub fn record(scenario: &Scenario, bound: usize) -> Result<(Finished, Timeline), String> {
    let prepared = Prepared::recorded(scenario, bound)?;
    let mut finished = prepared.finish(&mut |_| {});
    let timeline = finished.take_timeline().unwrap_or_default();
    Ok((finished, timeline))
}

impl Finished {
    /// What was recorded, if it was.
    #[must_use]
    pub fn take_timeline(&mut self) -> Option<Timeline> {
        let mut timeline = self.world.finish_recording()?;
        timeline.about.invalid_reasons.clone_from(&self.invalid_reasons);
        Some(timeline)
    }
}

impl Prepared {
    /// Sets up the network of a valid scenario, lets the overlay come up, and the warm-up pass.
    ///
    /// # Errors
    /// A sentence about an overlay or workload that can't be.
    pub fn new(scenario: &Scenario) -> Result<Self, String> {
        Ok(Self::of(scenario, World::new(scenario)?))
    }

    /// The same, recorded as [`record`] does.
    ///
    /// # Errors
    /// A sentence about an overlay or workload that can't be.
    pub fn recorded(scenario: &Scenario, bound: usize) -> Result<Self, String> {
        Ok(Self::with(scenario, World::new(scenario)?, Some(bound)))
    }

    /// The same of a world of the scenario that stands at its beginning.
    #[must_use]
    pub fn of(scenario: &Scenario, world: World) -> Self {
        Self::with(scenario, world, None)
    }

    fn with(scenario: &Scenario, mut world: World, bound: Option<usize>) -> Self {
        let mut problems = Vec::new();
        if !connect(&mut world, scenario) {
            problems.push(format!(
                "the overlay didn't stand after {} simulated seconds",
                scenario.measure.connect_s
            ));
        }
        let connect_s = world.now().since(Time::ZERO).as_secs_f64();
        let outlook = world.schedule(scenario, scenario.measure.idle_s);
        if let Some(bound) = bound {
            start_recording(&mut world, scenario, outlook, bound);
        }
        world.run_until(Time::from_nanos(outlook.first.as_nanos() - 1));
        let baseline = Baseline::of(&world);
        let stall_s = scenario.measure.stall_s;
        Self { world, outlook, baseline, connect_s, stall_s, problems }
    }

    /// What is wrong by now; empty if nothing is.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The world as it stands, and when things are to happen, for whoever runs the rest step by step.
    #[must_use]
    pub fn into_world(self) -> (World, Outlook) {
        (self.world, self.outlook)
    }

    /// Runs the measured part.
    #[must_use]
    pub fn finish(self, watch: &mut dyn FnMut(&World)) -> Finished {
        let mut course = self.begin();
        course.ending.run(&mut course.prepared.world, watch);
        course.finish()
    }

    /// Begins the measured part, which then goes on step by step.
    #[must_use]
    pub fn begin(self) -> Course {
        Course {
            ending: Ending::new(self.outlook, self.stall_s),
            events_before: self.world.events(),
            prepared: self,
        }
    }
}

impl Course {
    /// The world as it is now.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.prepared.world
    }

    /// When things are to happen.
    #[must_use]
    pub const fn outlook(&self) -> Outlook {
        self.prepared.outlook
    }

    /// Handles the next event. False if the run is over: every living node has every item, the last fault is over, and what
    /// was under way then has settled; or nothing was delivered for as long as the scenario waits.
    pub fn step(&mut self) -> bool {
        self.ending.step(&mut self.prepared.world)
    }

    /// What the run came to, as it stands.
    #[must_use]
    pub fn finish(self) -> Finished {
        let Prepared { world, outlook, baseline, connect_s, problems, .. } = self.prepared;
        let mut invalid_reasons = idle_faults(&world);
        invalid_reasons.extend(problems);
        Finished {
            outlook,
            baseline,
            connect_s,
            events_run: world.events() - self.events_before,
            invalid_reasons,
            world,
        }
    }
}

/// How long before the first submission that is measured recording begins.
const BEFORE: Duration = Duration::from_secs(1);

fn start_recording(world: &mut World, scenario: &Scenario, outlook: Outlook, bound: usize) {
    let before = u64::try_from(BEFORE.as_nanos()).unwrap_or(u64::MAX);
    let begin = Time::from_nanos(outlook.first.as_nanos().saturating_sub(before)).max(world.now());
    world.run_until(begin);
    world.start_recording(about(scenario), bound);
    if let Some(recording) = world.recording_mut() {
        let (first, last) = (recording.micros(outlook.first), recording.micros(outlook.last));
        recording.recorder_mut().mark(first, "first submission");
        recording.recorder_mut().mark(last, "last submission");
    }
}

/// Waits for an overlay that forms by gossip; others stand from the beginning. False if it doesn't in
/// time.
fn connect(world: &mut World, scenario: &Scenario) -> bool {
    if scenario.network.topology != Shape::Gossip {
        return true;
    }
    let limit = Time::from_nanos(nanos(scenario.measure.connect_s));
    while !world.overlay_stands() {
        if world.now() >= limit {
            return false;
        }
        world.run_until(world.now() + LOOK);
    }
    true
}

/// Runs until every living node has every item and the last fault is over, or nothing was delivered for
/// `stall_s`. `watch` sees the world now and then.
pub fn run(world: &mut World, outlook: Outlook, stall_s: f64, watch: &mut dyn FnMut(&World)) {
    Ending::new(outlook, stall_s).run(world, watch);
}

impl Ending {
    fn new(outlook: Outlook, stall_s: f64) -> Self {
        Self {
            busy_until: outlook.last.max(outlook.trouble_until),
            stall: Duration::from_nanos(nanos(stall_s)),
            rest_until: None,
        }
    }

    fn run(mut self, world: &mut World, watch: &mut dyn FnMut(&World)) {
        let mut steps = 0_u32;
        while self.step(world) {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(STEPS_PER_LOOK) {
                watch(world);
            }
        }
    }

    fn step(&mut self, world: &mut World) -> bool {
        if self.rest_until.is_none() && world.record().open() == 0 && world.now() >= self.busy_until
        {
            self.rest_until = Some(world.now() + SETTLE);
        }
        let give_up = || world.record().last().max(self.busy_until) + self.stall;
        let until = self.rest_until.unwrap_or_else(give_up);
        world.step(until)
    }
}

/// Faults that met nothing: they weren't tried.
fn idle_faults(world: &World) -> Vec<String> {
    let idle = world.faults().all().iter().filter(|fault| fault.touched == 0);
    idle.map(|fault| format!("the fault {} met nothing", fault.spec.name())).collect()
}
