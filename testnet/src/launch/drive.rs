//! The measured part of a run: submits, kills, follows and meters, all at once on one thread.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

use tidings::clock::Clock;
use tidings_protocol::ground::time::Time;
use tidings_sim::overlay::Shape;
use tidings_tools::show::format::{grouped, percent};
use tokio::time::{Instant, sleep};

use super::blocks::Blocks;
use super::clocks::Clocks;
use super::collect::{Collector, Coverage};
use super::connect;
use super::cut::{Cut, LAST_LINES};
use super::fleet::{Fleet, FleetWaits};
use super::givers::Givers;
use super::items::{Planned, Schedule};
use super::kill::{self, Kill};
use super::local::{NodeError, TRACE};
use super::mining;
use super::settings::Settings;
use super::submit::{self, Arrived, Origins, Submission};
use super::trouble::Troubles;
use crate::manifest::Manifest;
use crate::ui::Bar;
use crate::usage::{self, Usage};

/// How often traces are read. Nodes write theirs once a second.
const POLL: Duration = Duration::from_millis(500);

/// How long after a kill an item that only the dead had may still turn up in the trace of a node to
/// which it was under way: a slow link and a second of buffering.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long traffic counts on once every node has everything: further copies may be under way, as far as
/// emulated links reach (220 ms and jitter, [`tidings_links`]).
const LAST_COPIES: Duration = Duration::from_millis(250);

/// How long nodes may take after a kill until all that live have their links and are one network. Whom they dial next, half of all
/// addresses at worst being dead, is up to them.
pub const HEAL_MAX: Duration = Duration::from_secs(60);

/// What the measured part of a run came to.
#[derive(Debug)]
pub struct Driven {
    /// When it began, microseconds of the network's Unix time: just before the first submission.
    pub began_us: u64,
    /// What became of each item's submission.
    pub submissions: Vec<Submission>,
    /// Who got what, when.
    pub collector: Collector,
    /// The kill, if one was planned.
    pub kill: Option<Kill>,
    /// Whether the kill came after the last submission.
    pub kill_late: bool,
    /// How long after the kill all that lived had their links again and were one network, or why they weren't within
    /// [`HEAL_MAX`]; `None` for others' nodes and given overlays, too.
    pub healed: Option<Result<Duration, String>>,
    /// What cut it short, if anything did.
    pub cut_short: Option<&'static str>,
    /// Nodes that died by themselves.
    pub deaths: Vec<NodeError>,
    /// CPU time of each node, seconds; `None` if it died by itself.
    pub node_cpu_s: Vec<Option<f64>>,
    /// CPU time of the launcher, seconds.
    pub launcher_cpu_s: f64,
    /// The blocks that were made, if any were to be.
    pub blocks: Option<Blocks>,
    /// How long a node waited for a processor each time it had something to do, and for the others of its host, on
    /// average; `None` if the kernel doesn't tell.
    pub cpu_wait: Option<Duration>,
    /// When it was over, microseconds of the network's Unix time: no delivery that counts is later.
    pub over_us: u64,
    /// How long it took, from the first submission until the last delivery was noticed, seconds of the
    /// network's time.
    pub elapsed_s: f64,
}

/// Drives a run from its first submission until every living node has everything, or nothing has
/// arrived any more for a while, or somebody cuts it short.
///
/// # Errors
/// When a trace can't be read.
pub async fn run(
    (fleet, troubles): (&Fleet, &Troubles<'_>),
    work: Work<'_>,
    givers: Givers,
    settings: &Settings,
    (clock, clocks): (&Clock, &mut Clocks),
    (cut, bar): (&Cut, &Bar),
) -> io::Result<Driven> {
    let Work { items, before, victims } = work;
    let mining = settings.manifest.mining;
    let mut collector = collector(fleet, work, givers, mining.is_some());
    let blocks = RefCell::new(Blocks::new(fleet.nodes().len()));
    let records = RefCell::new(vec![Submission::default(); items.len()]);
    let arrived = Arrived::default();
    let progress = Progress {
        submitting: Cell::new(true),
        mining: Cell::new(mining.is_some()),
        killed: Cell::new(None),
        troubles,
        arrived: &arrived,
        clock,
        bar,
    };
    let schedule = Schedule { rate: settings.manifest.workload.rate() };

    let meter = Meter::begin(fleet).await;
    let began = clock.now();
    let submitting = async {
        let shared = (&records, &arrived);
        let Manifest { seed, origin: named, .. } = settings.manifest;
        let origins = Origins { seed, first: before.len(), named };
        submit::all(fleet, (items, origins), schedule, (clock, began), shared).await;
        progress.submitting.set(false);
    };
    let making = async {
        let Some(mining) = &mining else { return };
        let goes_on = || progress.submitting.get();
        let (seed, since) = (settings.manifest.seed, (clock, began));
        let on_made = |made| match made {
            Ok(made) => blocks.borrow_mut().add(made),
            Err(problem) => blocks.borrow_mut().failures.push(problem),
        };
        mining::mine(fleet, mining, seed, since, goes_on, on_made).await;
        progress.mining.set(false);
    };
    let killing = kill(fleet, victims, settings, (clock, began), &progress);
    let stall = Duration::from_secs_f64(settings.manifest.measure.stall_s);
    let kill_pending = settings.kill.is_some();
    let reading = (&mut collector, clocks);
    let following = async {
        let books = (&records, &blocks);
        let deaths = follow(fleet, reading, books, &progress, kill_pending, stall).await;
        (deaths, clock.now())
    };
    let last = schedule.due(items.len().saturating_sub(1));
    let troubling = Box::pin(troubles.make((clock, began), last));
    let all = async { tokio::join!(submitting, making, killing, following, troubling) };
    let (kill, deaths, over) = match cut.measure(all).await {
        Some(((), (), kill, (deaths, over), ())) => (kill, deaths?, over),
        None => {
            sleep(LAST_LINES).await;
            let over = clock.now();
            collector.poll()?;
            blocks.borrow_mut().follow(&mut collector);
            (None, fleet.new_deaths(), over)
        }
    };

    let (kill, kill_late, healed) =
        kill.map_or((None, false, None), |(kill, late, healed)| (Some(kill), late, healed));
    let cpu_wait = meter.mean_wait(fleet).await;
    let (node_cpu_s, launcher_cpu_s) = meter.end(fleet, kill.as_ref());
    Ok(Driven {
        began_us: clock.unix_us(began),
        submissions: records.into_inner(),
        collector,
        kill,
        kill_late,
        healed,
        cut_short: cut.signal(),
        deaths,
        node_cpu_s,
        launcher_cpu_s,
        blocks: mining.map(|_| blocks.into_inner()),
        cpu_wait,
        over_us: clock.unix_us(over),
        elapsed_s: (over - began).as_secs_f64(),
    })
}

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// Items to submit, in order.
    pub items: &'a [Planned],
    /// Those that were before.
    pub before: &'a [Planned],
    /// Nodes to kill.
    pub victims: &'a [usize],
}

/// Follows the traces of all nodes.
fn collector(fleet: &Fleet, work: Work<'_>, givers: Givers, are_blocks_made: bool) -> Collector {
    let traces: Vec<_> = fleet.nodes().iter().map(|node| node.folder.join(TRACE)).collect();
    let traces = traces.iter().map(|path| path.as_path());
    let ids = |items: &[Planned]| items.iter().map(|item| item.id).collect::<Vec<_>>();
    let collector = Collector::new(traces, ids(work.items)).with_givers(givers);
    let collector = collector.after(ids(work.before));
    if are_blocks_made { collector.with_blocks() } else { collector }
}

/// Kills, if that is planned; whether it was late, and how soon the others had their links again.
async fn kill(
    fleet: &Fleet,
    victims: &[usize],
    settings: &Settings,
    (clock, began): (&Clock, Time),
    progress: &Progress<'_>,
) -> Option<(Kill, bool, Option<Result<Duration, String>>)> {
    let after = Duration::from_secs_f64(settings.kill?.after_s);
    let kill = kill::kill(fleet, victims, clock, began + after).await;
    progress.killed.set(Some(kill.at));
    let late = !progress.submitting.get();
    // Where whom to link with was given, nobody else is dialled.
    let heals = settings.manifest.network.topology == Shape::Gossip;
    let healed = match settings.manifest.contender {
        None if heals => Some(heal(fleet, clock, kill.at).await),
        _ => None,
    };
    Some((kill, late, healed))
}

/// Waits until all that outlived a kill have their links again, and are one network.
async fn heal(fleet: &Fleet, clock: &Clock, killed: Time) -> Result<Duration, String> {
    let patience = clock.instant(killed + HEAL_MAX).saturating_duration_since(Instant::now());
    let again = connect::wait_again(fleet, patience).await;
    again.map(|_| clock.now() - killed).map_err(|error| error.to_string())
}

/// What the parts tell each other.
struct Progress<'a> {
    submitting: Cell<bool>,
    mining: Cell<bool>,
    killed: Cell<Option<Time>>,
    troubles: &'a Troubles<'a>,
    arrived: &'a Arrived,
    clock: &'a Clock,
    bar: &'a Bar,
}

/// Reads traces until all is delivered, or the stall begins. Returns the nodes that died.
async fn follow(
    fleet: &Fleet,
    (collector, clocks): (&mut Collector, &mut Clocks),
    (records, blocks): (&RefCell<Vec<Submission>>, &RefCell<Blocks>),
    progress: &Progress<'_>,
    kill_planned: bool,
    stall: Duration,
) -> io::Result<Vec<NodeError>> {
    let mut deaths = Vec::new();
    let (mut last_news, mut complete_since) = (progress.clock.now(), None);
    loop {
        sleep(POLL).await;
        let now = progress.clock.now();
        clocks.look();
        deaths.extend(fleet.new_deaths());
        let mut is_news = collector.poll()? > 0;
        let alive = fleet.alive();
        let (had, pairs) = {
            let mut blocks = blocks.borrow_mut();
            let before = blocks.reach(&alive).received;
            blocks.follow(collector);
            let reach = blocks.reach(&alive);
            is_news |= reach.received > before;
            reach.settled
        };
        if is_news {
            last_news = now;
        }
        let origins: Vec<Option<usize>> =
            records.borrow().iter().map(|record| record.sent.map(|(_, origin)| origin)).collect();
        let coverage = collector.coverage(&alive, &origins);
        progress.arrived.tell(coverage.complete());
        show(progress.bar, coverage, collector.deliveries(), &origins);
        let settled = match progress.killed.get() {
            Some(at) => now - at > LAST_WORDS || coverage.lost == 0,
            None => !kill_planned,
        };
        let busy = progress.submitting.get()
            || progress.mining.get()
            || progress.troubles.is_pending()
            || !settled;
        if busy {
            // Silence is no stall while there is more to come.
            last_news = now;
        } else if coverage.complete() && had == pairs {
            if now - *complete_since.get_or_insert(now) >= LAST_COPIES {
                return Ok(deaths);
            }
        } else if now - last_news > stall {
            return Ok(deaths);
        }
    }
}

/// The live line.
fn show(bar: &Bar, coverage: Coverage, deliveries: usize, origins: &[Option<usize>]) {
    let submitted = origins.iter().flatten().count();
    let (share, deliveries) = (percent(coverage.share()), grouped(deliveries as u64));
    bar.show(submitted, &format!("coverage {share} %, {deliveries} deliveries"));
}

/// Meters CPU time, and waits for it, from one moment to another.
struct Meter {
    nodes: Vec<Option<Usage>>,
    waits: FleetWaits,
    own: Usage,
}

impl Meter {
    async fn begin(fleet: &Fleet) -> Self {
        let waits = fleet.waits().await;
        Self { nodes: fleet.usage(), waits, own: usage::own_usage() }
    }

    /// How long nodes waited for a processor each time, on average, and for others of their host.
    async fn mean_wait(&self, fleet: &Fleet) -> Option<Duration> {
        self.waits.mean_until(&fleet.waits().await)
    }

    /// CPU seconds of each node and of the launcher. Those of victims with a process of their own were read before they
    /// were killed.
    fn end(self, fleet: &Fleet, kill: Option<&Kill>) -> (Vec<Option<f64>>, f64) {
        let own = usage::cpu_between(self.own, usage::own_usage());
        let mut now = fleet.usage();
        for (victim, usage) in kill.iter().flat_map(|kill| &kill.usage) {
            now[*victim].get_or_insert(*usage);
        }
        let used = |(before, after): (Option<Usage>, Option<Usage>)| {
            Some(usage::cpu_between(before?, after?))
        };
        (self.nodes.into_iter().zip(now).map(used).collect(), own)
    }
}
