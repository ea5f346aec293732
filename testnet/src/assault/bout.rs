//! One bout: a few nodes, honest transactions, and then the attack.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidings::clock::Clock;
use tidings_attacker::mode::Mode;
use tidings_attacker::target::Target;
use tidings_protocol::ground::time::Time;
use tidings_sim::latency::LinkSpec;
use tidings_sim::overlay::Shape;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tokio::time::{Instant, sleep, sleep_until};

use super::args::{NODES_MIN, Plan};
use super::attacker::Attacker;
use super::full::{self, Settlers, Ways};
use super::honest;
use super::newcomer::{self, Waits};
use super::row::{Row, Stage};
use super::watch::{self, Since};
use crate::launch::clocks::Clocks;
use crate::launch::collect::Collector;
use crate::launch::connect::{self, Goal};
use crate::launch::fleet::Fleet;
use crate::launch::items::{Planned, Schedule};
use crate::launch::local::{Common, LOG, Node, TRACE};
use crate::launch::plan::{self, Plan as NetworkPlan};
use crate::launch::run_folder::RunFolder;
use crate::launch::settings::Settings;
use crate::launch::submit::{self, Arrived, Origins, Submission};
use crate::manifest::{Manifest, Workload};
use crate::usage::{self, Usage};

/// The node that is attacked: the one in the middle.
const VICTIM: usize = 1;

/// How long the row may take to stand.
const CONNECT: Duration = Duration::from_secs(30);

/// Size of each honest transaction, bytes.
const SIZE: usize = 300;

/// Zero bits of a block's id: attackers find as many blocks as they like, as if they had all the machines for it.
const DIFFICULTY: u8 = 4;

/// How long a victim that was full is watched after all is over: longer than strangers have to be secured.
const AFTER: Duration = Duration::from_secs(5);

/// The longest between two newcomers.
const KNOCK: Duration = Duration::from_secs(2);

/// Nodes that are linked, and all that comes with them.
struct Stand {
    run: RunFolder,
    target: Arc<Target>,
    items: Vec<Planned>,
    fleet: Fleet,
    /// Whether the victim's places are all taken, by those below among others.
    is_full: bool,
    settlers: Settlers,
    ways: Ways,
}

/// Has nodes of its own stand in a folder of its own.
async fn raise(plan: &Plan, modes: &[&'static Mode], folder: &Path) -> Result<Stand, String> {
    let is_full = full::is_for(modes);
    let count = plan.nodes.unwrap_or(if is_full { full::NODES } else { NODES_MIN });
    let settings = settings(plan, count)?;
    let NetworkPlan { mut network, mut nodes, mut degrees, items, .. } =
        plan::draw(&settings).map_err(|error| error.to_string())?;
    let mut ways = Ways::default();
    if is_full {
        let paved = Ways::pave(&mut nodes, VICTIM).await;
        let (paved, linked) = paved.map_err(|error| format!("no way to the victim: {error}"))?;
        (ways, degrees) = (paved, Some(linked));
    }
    // What bounds an address and its group must bound those of this machine, too.
    network.local_addresses = false;
    network.settings.tidings.difficulty_bits = DIFFICULTY;
    let run = RunFolder::create(Some(folder), &settings, &network);
    let run = run.map_err(|error| error.to_string())?;
    let target = Arc::new(Target {
        addr: nodes[VICTIM].addr().socket(),
        network: network.name.clone(),
        genesis: network.settings.tidings.genesis,
        difficulty_bits: network.settings.tidings.difficulty_bits,
        seed: plan.seed,
    });
    let common = Common {
        folder: run.nodes(),
        network: run.network(),
        params: settings.manifest.params.clone(),
        slow_motion: None,
        keeps: false,
        captures: false,
        trouble: false,
        node_binary: plan.node_binary.clone(),
        node_arguments: &[],
    };
    let fleet =
        Fleet::start(nodes, &common, None, || {}).await.map_err(|error| error.to_string())?;
    let goal = degrees.as_deref().map_or(Goal::Outbound, Goal::Degrees);
    let standing = connect::wait(&fleet, goal, CONNECT, |_| {}).await;
    standing.map_err(|error| format!("the nodes don't find each other: {error}"))?;
    let mut settlers = Settlers::default();
    if is_full {
        let places = settings.manifest.params.peers.inbound_max;
        let settled = Settlers::settle(&target, &fleet.nodes()[VICTIM], places).await;
        settlers = settled.map_err(|problem| format!("the victim isn't full: {problem}"))?;
    }
    Ok(Stand { run, target, items, fleet, is_full, settlers, ways })
}

/// Runs a bout with nodes of its own in a folder of its own.
///
/// # Errors
/// Why nothing can be told: nodes that don't start or don't find each other, or files.
pub async fn run(plan: &Plan, modes: &[&'static Mode], folder: &Path) -> Result<Row, String> {
    let stand = Box::pin(raise(plan, modes, folder)).await?;
    let Stand { run, target, items, fleet, is_full, mut settlers, ways } = stand;
    let count = fleet.nodes().len();
    let traces: Vec<_> = fleet.nodes().iter().map(|node| node.folder.join(TRACE)).collect();
    let ids = items.iter().map(|item| item.id);
    let mut collector = Collector::new(traces.iter().map(|path| path.as_path()), ids);
    let records = RefCell::new(vec![Submission::default(); items.len()]);
    let arrived = Arrived::default();
    let (clock, mut clocks) = (Clock::start(), Clocks::watch());
    let began = clock.now();
    let submitting = submit::all(
        &fleet,
        (&items, Origins { seed: plan.seed, first: 0, named: None }),
        Schedule { rate: plan.rate },
        (&clock, began),
        (&records, &arrived),
    );
    let attacking = async {
        let before = Since::now(fleet.nodes()[VICTIM].pid());
        sleep_until(clock.instant(began + Duration::from_secs_f64(plan.before))).await;
        let before = before.stage("before");
        attack(&fleet, &target, modes, plan.seconds, before).await
    };
    let measured = async {
        let ((), attacked) = tokio::join!(submitting, attacking);
        let mut row = attacked?;
        let submissions = records.borrow().clone();
        let after = Since::now(fleet.nodes()[VICTIM].pid());
        let settled = honest::settle(&fleet, &mut collector, &submissions).await;
        settled.map_err(|error| format!("cannot read the nodes' traces: {error}"))?;
        if is_full {
            sleep(AFTER).await;
        }
        row.stages.push(after.stage("after"));
        Ok::<_, String>((row, submissions))
    };
    let (mut row, submissions) = Box::pin(settlers.during(measured)).await?;
    let from_us = clock.unix_us(at(began, plan.before));
    if modes.iter().all(|mode| mode.is_fair) {
        row.pool_spread = Some(honest::pools_settle(&fleet).await);
    }
    row.deaths += fleet.new_deaths().len();
    let logs: Vec<_> = fleet.nodes().iter().map(|node| node.folder.join(LOG)).collect();
    fleet.stop().await;
    drop(ways);
    collector.poll().map_err(|error| error.to_string())?;
    let sent: Vec<_> = submissions.iter().map(|submission| submission.sent).collect();
    honest::tell_latency(&mut row, collector.into_deliveries(&sent), (&sent, count), from_us);
    row.submitted = sent.len();
    row.forged_lines = logs.iter().map(|path| watch::forged_lines(path)).sum();
    row.broken = plan.bounds.broken_by(&row);
    // Then latencies mean nothing.
    clocks.look();
    row.broken.extend(clocks.problems());
    if row.broken.is_empty() && !plan.keep_logs {
        run.tidy();
    }
    Ok(row)
}

fn at(began: Time, seconds: f64) -> Time {
    began + Duration::from_secs_f64(seconds)
}

/// Three nodes in a row, or more that are all linked, with default parameters.
fn settings(plan: &Plan, nodes: usize) -> Result<Settings, String> {
    let mut manifest = Manifest::launched_by_default();
    manifest.seed = plan.seed;
    manifest.network.nodes = nodes;
    let in_a_row = nodes == NODES_MIN;
    manifest.network.topology = if in_a_row { Shape::Line } else { Shape::Complete };
    manifest.link = LinkSpec::None;
    // The row has just been linked, and is to relay as one that stands for long.
    manifest.params.unbroadcast.standing_s = 0;
    let watched = Duration::from_secs_f64(plan.before + plan.seconds);
    let schedule = Schedule { rate: plan.rate };
    let txs = (1..).find(|txs| schedule.due(*txs) >= watched).unwrap_or(1);
    let transfers = Transfers { txs, rate: plan.rate, sizes: Sizes::Fixed(SIZE) };
    manifest.workload = Workload::Transfers(transfers);
    manifest.validate()?;
    Settings::of(manifest, plan.node_binary.clone())
}

/// The attack, and all that is looked at meanwhile.
async fn attack(
    fleet: &Fleet,
    target: &Arc<Target>,
    modes: &[&'static Mode],
    seconds: f64,
    before: Stage,
) -> Result<Row, String> {
    let victim = &fleet.nodes()[VICTIM];
    let log = victim.folder.join(LOG);
    let quiet = quiet_cpu(victim).await;
    let (idle, log_before) = (watch::resident(fleet), watch::log_bytes(&log));
    let links_before = honest::links(fleet).await;
    let inbound_before = victim.client.status().await.map_or(0, |status| status.inbound);
    let during = Since::now(victim.pid());
    let (began, cpu_before) = (Instant::now(), cpu_of(victim.pid()));
    let mut attacker =
        Attacker::start(target, modes).map_err(|error| format!("no attacker: {error}"))?;

    let (peak, waits, is_over) = (Cell::new(0), Waits::default(), Cell::new(false));
    let every = KNOCK.min(Duration::from_secs_f64(seconds / 2.0));
    let knocking = async {
        // Not before the attack is under way.
        sleep(every / 2).await;
        newcomer::knock(target, every, &waits, &is_over).await;
    };
    let attacked = async {
        sleep(Duration::from_secs_f64(seconds)).await;
        is_over.set(true);
        let elapsed = began.elapsed();
        let figures = (elapsed, cpu_of(victim.pid()), cpu_of(attacker.pid()), attacker.totals());
        // What a newcomer waits for may not end with the attack.
        let alive = attacker.is_alive();
        (figures, alive, during.stage("during"))
    };
    let watching = watch::descriptors(victim.pid(), &peak);
    let both = async { tokio::join!(attacked, knocking) };
    let ((figures, alive, during), ()) = tokio::select! {
        both = both => both,
        () = watching => unreachable!("it looks until it is dropped"),
    };
    let (elapsed, cpu_after, attacker_cpu, totals) = figures;
    if !alive {
        return Err("the attacker ended by itself".to_owned());
    }
    let rss_above_idle = watch::most_above(fleet, &idle);
    drop(attacker);
    let (links_after, longest_turn_s) = (honest::links(fleet).await, longest_turn(victim).await);
    let own = quiet * elapsed.as_secs_f64();
    let minutes = elapsed.as_secs_f64() / 60.0;
    Ok(Row {
        name: super::args::bout_name(modes),
        modes: modes.len(),
        is_of_blocks: modes.iter().any(|mode| mode.is_of_blocks),
        seconds: elapsed.as_secs_f64(),
        rss_above_idle,
        victim_cpu_s: (usage::cpu_between(cpu_before, cpu_after) - own).max(0.0),
        attacker_cpu_s: attacker_cpu.cpu.as_secs_f64(),
        attacker_sent: totals.sent,
        victim_sent: totals.received,
        attacker_links: totals.links,
        attacker_ended: totals.ended,
        descriptors: peak.get(),
        links: links_before.len() / 2,
        links_lost: honest::lost(&links_before, &links_after, began.elapsed()),
        newcomers: waits.came(),
        strangers_per_s: full::is_for(modes)
            .then(|| totals.connections as f64 / elapsed.as_secs_f64()),
        inbound_before,
        stages: vec![before, during],
        newcomer_s: waits.worst().map(|waited| waited.as_secs_f64()),
        log_bytes_per_min: watch::log_bytes(&log).saturating_sub(log_before) as f64 / minutes,
        longest_turn_s,
        deaths: fleet.new_deaths().len(),
        ..Row::default()
    })
}

/// CPU that a process uses, seconds a second, over a short while without an attack.
async fn quiet_cpu(node: &Node) -> f64 {
    let uptime = node.client.status().await.map_or(0.0, |status| status.uptime_s);
    let used = cpu_of(node.pid()).cpu.as_secs_f64();
    if uptime > 0.0 { used / uptime } else { 0.0 }
}

fn cpu_of(pid: u32) -> Usage {
    usage::usage(pid).unwrap_or_default()
}

async fn longest_turn(node: &Node) -> f64 {
    node.client.status().await.map_or(0.0, |status| status.longest_turn_s)
}
