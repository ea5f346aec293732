//! A simulation from its first moment to its last.

use std::time::Duration;

use tidings_protocol::ground::time::Time;

use super::fault::nanos;
use super::overlay::Shape;
use super::summary::Baseline;
use super::world::{Outlook, World};
use crate::manifest::Manifest;
use crate::measure::{cpu_between, own_usage};

/// How long a network whose nodes all have everything is watched on: until announcements that wait and
/// copies that are under way have been sent and counted. Ten times the default trickle.
const SETTLE: Duration = Duration::from_secs(5);

/// How often it is looked whether an overlay that forms by gossip stands.
const LOOK: Duration = Duration::from_millis(100);

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
    /// CPU time until the first submission, seconds.
    pub cpu_s_setup: f64,
    /// CPU time from there, seconds.
    pub cpu_s_run: f64,
    /// Inputs that nodes handled from the first submission.
    pub events_run: u64,
    /// Why the run proves nothing; empty if it does.
    pub invalid_reasons: Vec<String>,
}

/// Runs the simulation of a valid manifest.
///
/// # Errors
/// A sentence about an overlay or workload that can't be.
pub fn simulate(manifest: &Manifest) -> Result<Finished, String> {
    let begun = own_usage();
    let mut world = World::new(manifest)?;
    let stands = connect(&mut world, manifest);
    let connect_s = world.now().since(Time::ZERO).as_secs_f64();
    let outlook = world.schedule(manifest, manifest.measure.idle_s);
    world.run_until(Time::from_nanos(outlook.first.as_nanos() - 1));
    let baseline = Baseline::of(&world);
    let (set_up, events_before) = (own_usage(), world.events());
    run(&mut world, outlook, manifest.measure.stall_s);
    let ended = own_usage();
    let mut invalid_reasons = idle_faults(&world);
    if !stands {
        invalid_reasons.push(format!(
            "the overlay didn't stand after {} simulated seconds",
            manifest.measure.connect_s
        ));
    }
    Ok(Finished {
        outlook,
        baseline,
        connect_s,
        cpu_s_setup: cpu_between(begun, set_up),
        cpu_s_run: cpu_between(set_up, ended),
        events_run: world.events() - events_before,
        invalid_reasons,
        world,
    })
}

/// Waits for an overlay that forms by gossip; others stand from the beginning. False if it doesn't in
/// time.
fn connect(world: &mut World, manifest: &Manifest) -> bool {
    if manifest.network.topology != Shape::Gossip {
        return true;
    }
    let limit = Time::from_nanos(nanos(manifest.measure.connect_s));
    while !world.overlay_stands() {
        if world.now() >= limit {
            return false;
        }
        world.run_until(world.now() + LOOK);
    }
    true
}

/// Runs until every living node has every item and the last fault is over, or nothing was delivered for
/// `stall_s`.
pub fn run(world: &mut World, outlook: Outlook, stall_s: f64) {
    let busy_until = outlook.last.max(outlook.trouble_until);
    let stall = Duration::from_nanos(nanos(stall_s));
    loop {
        if world.record().open() == 0 && world.now() >= busy_until {
            return world.run_until(world.now() + SETTLE);
        }
        let give_up = world.record().last().max(busy_until) + stall;
        if !world.step(give_up) {
            return;
        }
    }
}

/// Faults that met nothing: they weren't tried.
fn idle_faults(world: &World) -> Vec<String> {
    let idle = world.faults().all().iter().filter(|fault| fault.touched == 0);
    idle.map(|fault| format!("the fault {} met nothing", fault.spec.name())).collect()
}
