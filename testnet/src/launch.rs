//! `tidings-testnet launch`: the story of a run, from the top down.
//!
//! # Map
//! - before anything starts: [`settings`] is what real nodes make of a manifest, [`contenders`] finds others' nodes,
//!   [`plan`] draws all that the seed decides ([`positions`] where nodes are), [`items`] are what is submitted, [`ports`] finds free ports,
//!   [`descriptors`] says whether there are enough of those
//! - the nodes: [`local`] is one of them, in a process of this machine, [`fleet`] all of them; [`connect`] waits
//!   until they are linked ([`ready`] is what waiting for all nodes is), [`slow_motion`] slows their clocks
//! - [`members`]: the nodes as members of a fleet, if they are to be
//! - the measured part, after a [`warmup`]: [`drive`] runs it; [`submit`] submits, [`mining`] has blocks made, [`kill`] kills, [`trouble`]
//!   makes the other faults, [`collect`] follows the deliveries ([`givers`] says whose they were) and [`blocks`] those of blocks, [`cut`] ends it before its time, [`clocks`] sees to it that times compare, [`pace`] whether the machine kept up
//! - around and after it: [`observe`] asks the nodes, [`joiners`] start late, [`chain`] looks
//!   what became of it, [`results`] makes tables and figures of it all,
//!   [`run_folder`] keeps them, [`traced`] makes a timeline of the nodes' captures, [`crate::ui`] shows how far it is
//!
//! Everything runs on one thread, the one that starts the nodes: the kernel ends a node when the thread that
//! started it ends.

pub mod blocks;
pub mod chain;
pub mod clocks;
pub mod collect;
pub mod connect;
pub mod contenders;
pub mod cut;
pub mod descriptors;
pub mod drive;
pub mod fleet;
pub mod givers;
pub mod items;
pub mod joiners;
pub mod kill;
pub mod local;
pub mod members;
pub mod mining;
pub mod observe;
pub mod pace;
pub mod plan;
pub mod ports;
pub mod positions;
pub mod ready;
pub mod results;
pub mod run_folder;
pub mod settings;
pub mod slow_motion;
pub mod submit;
pub mod traced;
pub mod trouble;
pub mod warmup;

use std::cell::Cell;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use futures::future;
use tidings::api::Status;
use tidings_tools::figures::summary::Summary;
use tidings_tools::run::{Run, RunError};
use tidings_tools::show::format::grouped;
use tidings_tools::show::table;
use tokio::time::Instant;

use crate::exit;
use crate::manifest::Workload;
use crate::manifest::contender::Contender;
use crate::output;
use crate::ui::Ui;
use crate::usage;
use clocks::Clocks;
use connect::{Goal, Overlay};
use cut::Cut;
use descriptors::{Room, TooFew};
use drive::{Driven, Work};
use fleet::Fleet;
use local::{Common, NodeError};
use members::Measured;
use plan::{NodePlan, Plan, PlanError};
use results::Observed;
use run_folder::{FolderError, RunFolder};
use settings::{Options, Settings};
use traced::{Story, TraceError};
use trouble::Troubles;

/// Copies of items that are wrong and told one by one; the summary has the number of all.
const WRONG_COPIES_TOLD: usize = 5;

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
enum LaunchError {
    /// More than the system lets processes hold.
    #[error(transparent)]
    OpenFiles(#[from] TooFew),
    /// The limit can't be raised.
    #[error("cannot raise the limit on open files: {0}")]
    Limit(rustix::io::Errno),
    /// The plan can't be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The run folder can't be made.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Reading the traces failed.
    #[error("cannot read the nodes' traces: {0}")]
    Traces(io::Error),
    /// A node that starts late didn't, or died.
    #[error("a late node: {0}")]
    Joiner(#[from] NodeError),
    /// Writing the results failed.
    #[error(transparent)]
    Results(#[from] RunError),
    /// Writing the timeline failed.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

impl LaunchError {
    /// Wrong input is a wrong argument, whichever way it came to light.
    const fn exit_code(&self) -> u8 {
        match self {
            Self::OpenFiles(_)
            | Self::Plan(PlanError::Overlay(_) | PlanError::Workload(_))
            | Self::Folder(FolderError::Exists(_) | FolderError::TooDeep(_)) => exit::USAGE,
            Self::Limit(_)
            | Self::Plan(PlanError::Ports(_))
            | Self::Folder(
                FolderError::Io { .. } | FolderError::Manifest(_) | FolderError::Toml(_),
            )
            | Self::Traces(_)
            | Self::Joiner(_)
            | Self::Results(_)
            | Self::Trace(_) => 1,
        }
    }
}

/// A launch that came to its end, good or bad. Its results are in its folder.
#[derive(Debug)]
pub struct Launched {
    folder: RunFolder,
    /// The figures.
    pub summary: Summary,
    /// What is wrong: copies of items, or links after a kill.
    wrong: Vec<String>,
}

/// Runs the command.
#[must_use]
pub fn main(settings: &Settings, options: &Options) -> ExitCode {
    match on_one_thread(settings, options, true) {
        Ok(launched) => launched.tell(options),
        Err(code) => code,
    }
}

/// Runs the whole thing on one thread, until it is done or somebody interrupts it. All nodes are
/// gone when this returns.
///
/// # Errors
/// What to exit with when it came to nothing; why has been told by then.
pub fn run(settings: &Settings, options: &Options) -> Result<Launched, ExitCode> {
    on_one_thread(settings, options, false)
}

/// The same. `may_cut`: whoever interrupts it while it is measured cuts it short, instead of ending it without results.
fn on_one_thread(
    settings: &Settings,
    options: &Options,
    may_cut: bool,
) -> Result<Launched, ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        output::complain(format_args!("cannot start: {error}"));
        ExitCode::FAILURE
    })?;
    runtime.block_on(async {
        let cut = Cut::default();
        let mut launch = std::pin::pin!(launch(settings, options, &cut));
        loop {
            tokio::select! {
                result = &mut launch => return result.map_err(|error| {
                    output::complain(&error);
                    ExitCode::from(error.exit_code())
                }),
                signal = interrupted() => {
                    if may_cut && cut.ask(signal) {
                        output::tell(&format!(
                            "{signal}: what was measured is being written; again, to end at once"
                        ));
                        continue;
                    }
                    // The run is dropped here, and all its processes with it.
                    output::tell(&format!(
                        "{signal}: the run was ended, and all nodes with it; nothing was written"
                    ));
                    return Err(ExitCode::from(exit::INTERRUPTED));
                }
            }
        }
    })
}

/// Waits for a signal that asks to end. From the call on, not only once it is waited for: whoever starts processes first would
/// otherwise be ended by the kernel, and they with it or not.
pub(crate) fn interrupted() -> impl Future<Output = &'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind, name| {
        let signals = signal(kind);
        async move {
            match signals {
                Ok(mut signals) => {
                    signals.recv().await;
                    name
                }
                // Then this signal keeps its default effect, and the kernel ends the nodes with us.
                Err(_) => std::future::pending().await,
            }
        }
    };
    let interrupt = listen(SignalKind::interrupt(), "interrupted");
    let terminate = listen(SignalKind::terminate(), "terminated");
    let hangup = listen(SignalKind::hangup(), "hung up");
    async move {
        tokio::select! {
            name = interrupt => name,
            name = terminate => name,
            name = hangup => name,
        }
    }
}

/// The story.
async fn launch(
    settings: &Settings,
    options: &Options,
    cut: &Cut,
) -> Result<Launched, LaunchError> {
    let ui = Ui::new(options.quiet);
    raise_limits(settings)?;
    let Plan { network, nodes, degrees, items, victims, joiners } = plan::draw(settings)?;
    let folder = RunFolder::create(options.out.as_deref(), settings, &network)?;
    let places: Vec<_> = nodes.iter().map(|node| node.at.clone()).collect();
    let story = Story::of(&nodes, &joiners, &victims);

    let (began, mut clocks) = (Instant::now(), Clocks::watch());
    let fleet = match start(nodes, &folder, settings, &ui).await {
        Ok(fleet) => fleet,
        Err(reason) => return give_up(folder, settings, reason),
    };
    let start_s = began.elapsed().as_secs_f64();
    let goal = degrees.as_deref().map_or(Goal::Outbound, Goal::Degrees);
    let stood = match stand(&fleet, goal, settings, (began, start_s), &ui).await {
        Ok(stood) => stood,
        Err(reason) => return give_up(folder, settings, reason),
    };
    let Stood { overlay, connect_s, converged_s } = stood;

    let idle = Duration::from_secs_f64(settings.manifest.measure.idle_s);
    let idle_cpu_percent = observe::idle_cpu_percent(&fleet, idle).await;
    let idle_memory = observe::memory(&fleet);
    let clock =
        match slow_motion::slow_down(&fleet, settings.manifest.slow_motion, folder.path()).await {
            Ok(clock) => clock,
            Err(reason) => return give_up(folder, settings, reason),
        };
    if let Some(times) = settings.manifest.slow_motion {
        ui.say(&format!("from here on, {times} seconds of real time are one of the network's"));
    }
    let (warm_items, items) = items.split_at(settings.manifest.warmup_txs);
    let common = common(&folder, settings);
    let (stands, times) = ((&fleet, &common, &overlay), (&clock, &mut clocks));
    let warm = warmup::warm_up(stands, warm_items, settings, times, &ui).await;
    warm.map_err(LaunchError::Traces)?;
    let before = observe::statuses(&fleet).await;
    let members = Measured::begin(settings.manifest.members, converged_s, &before);
    let idle = (idle_cpu_percent, idle_memory);
    let mut observed =
        Observed::before((start_s, connect_s), overlay, idle, observe::traffic(&before));
    let bar = ui.bar("relaying", items.len());
    let times = (&clock, &mut clocks);
    let givers = observed.overlay.givers();
    let seed = settings.manifest.seed;
    let troubles = Troubles::new((&fleet, &common), (&settings.faults, seed), &observed.overlay);
    let work = Work { items, before: warm_items, victims: &victims };
    let driven = drive::run((&fleet, &troubles), work, givers, settings, times, (cut, &bar)).await;
    drop(bar);
    let driven = driven.map_err(LaunchError::Traces)?;
    let over = troubles.over().await;
    let unhealed = tell(&driven, &ui);

    let statuses = look_again(&mut observed, &fleet, over, &mut clocks).await;
    if matches!(settings.manifest.workload, Workload::BitcoinBlock { .. }) {
        observed.comparison =
            Some(observe::compare_bytes(&fleet, items, settings.manifest.seed).await);
    }
    if let Some(members) = members {
        let kill = driven.kill.as_ref().map(|kill| (&victims[..], clock.instant(kill.at)));
        let figures = members.figures(&statuses, &fleet, kill, settings, &ui).await;
        observed.members = Some(figures);
    }
    let looked = chain::look(&driven, &fleet, (items, &statuses), settings);
    let joiners = if driven.cut_short.is_none() { joiners } else { Vec::new() };
    observed.chain = chain::catch_up(looked, joiners, &common, settings, &ui).await?;
    let began_us = driven.began_us;
    let (run, summary) = results::assemble(
        settings,
        folder.manifest().clone(),
        &fleet,
        &places,
        items,
        &observed,
        driven,
    );
    stop(fleet, &ui).await;
    let story = story.over(began_us, &summary);
    let mut wrong = traced::write(&folder, settings, story, &ui).await?;
    wrong.extend(unhealed);
    finish(folder, &run, summary, (observed, wrong), options)
}

/// Notes how the nodes are after the measured part, and what became of its faults; returns what they told.
async fn look_again(
    observed: &mut Observed,
    fleet: &Fleet,
    over: trouble::Over,
    clocks: &mut Clocks,
) -> Vec<Option<Status>> {
    let statuses = observe::statuses(fleet).await;
    observed.traffic_after = observe::traffic(&statuses);
    observe::add_former(&mut observed.traffic_after, &over.former);
    (observed.faults, observed.fault_problems) = (over.met, over.problems);
    observed.dialled_at_end = observed.overlay.dialled_now(fleet).await;
    observed.links_lost = observe::links_lost(&statuses);
    observed.usage_after = fleet.usage();
    observed.memory = observe::memory(fleet);
    clocks.look();
    observed.clock_problems = clocks.problems();
    statuses
}

/// Tells what was delivered, and how soon those who outlived a kill had their links again; returns what is wrong with that, if
/// anything is.
fn tell(driven: &Driven, ui: &Ui) -> Option<String> {
    let deliveries = grouped(driven.collector.deliveries() as u64);
    ui.say(&format!("{deliveries} deliveries in {:.1} s", driven.elapsed_s));
    match driven.healed.as_ref()? {
        Ok(healed) => {
            let healed_s = healed.as_secs_f64();
            ui.say(&format!(
                "all that outlived the kill had their links again and were one network after {healed_s:.1} s"
            ));
            None
        }
        Err(problem) => Some(format!("not all links stand again after the kill: {problem}")),
    }
}

/// Lets this process and the hosts hold as many files as they need, or says that they can't.
fn raise_limits(settings: &Settings) -> Result<(), LaunchError> {
    usage::raise_open_files().map_err(LaunchError::Limit)?;
    let Some(limit) = usage::open_files_max() else { return Ok(()) };
    let manifest = &settings.manifest;
    let (nodes, members) = (manifest.network.nodes, manifest.members.is_some());
    let room = Room { nodes, hosts: settings.hosts, members, limit };
    match plan::degrees(manifest).map_err(PlanError::Overlay)? {
        Some(degrees) => room.check(degrees.iter().sum())?,
        None => room.check_dialled(manifest.params.peers.outbound)?,
    }
    Ok(())
}

/// What all nodes have in common.
fn common(folder: &RunFolder, settings: &Settings) -> Common {
    Common {
        folder: folder.nodes(),
        network: folder.network(),
        params: settings.manifest.params.clone(),
        slow_motion: settings.manifest.slow_motion,
        // Who comes back has what it acknowledged.
        keeps: settings.stays || settings.restarts(),
        captures: settings.traced.is_some(),
        trouble: !settings.faults.is_empty(),
        node_binary: settings.node_binary.clone(),
        node_arguments: settings.manifest.contender.map_or(&[], Contender::arguments),
    }
}

/// Starts all nodes of a plan and waits until their links stand: for whoever does something else with them than measure a workload.
///
/// # Errors
/// A sentence about what went wrong; all nodes are gone then.
pub async fn bring_up(
    nodes: Vec<NodePlan>,
    degrees: Option<&[usize]>,
    folder: &RunFolder,
    settings: &Settings,
    ui: &Ui,
) -> Result<Fleet, String> {
    raise_limits(settings).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let fleet = start(nodes, folder, settings, ui).await?;
    let goal = degrees.map_or(Goal::Outbound, Goal::Degrees);
    stand(&fleet, goal, settings, (began, began.elapsed().as_secs_f64()), ui).await?;
    Ok(fleet)
}

async fn start(
    nodes: Vec<NodePlan>,
    folder: &RunFolder,
    settings: &Settings,
    ui: &Ui,
) -> Result<Fleet, String> {
    let common = common(folder, settings);
    let shared = settings.hosts.map_or_else(String::new, |hosts| format!(" in {hosts} hosts"));
    ui.say(&format!("starting {} nodes{shared}, in {}", nodes.len(), folder.shown()));
    let bar = ui.bar("starting", nodes.len());
    let fleet = Fleet::start(nodes, &common, settings.hosts, || bar.step()).await;
    drop(bar);
    fleet.map_err(|error| error.to_string())
}

/// What nodes found before anything was submitted.
struct Stood {
    overlay: Overlay,
    /// How long that took, from the first start, seconds.
    connect_s: f64,
    /// The same for members, if they are.
    converged_s: Option<f64>,
}

/// Waits until the overlay stands, and members know each other, and tells how long that took.
async fn stand(
    fleet: &Fleet,
    goal: Goal<'_>,
    settings: &Settings,
    (began, start_s): (Instant, f64),
    ui: &Ui,
) -> Result<Stood, String> {
    let patience = Duration::from_secs_f64(settings.manifest.measure.connect_s);
    let nodes = fleet.nodes().len();
    let (bar, linked, known) = (ui.bar("connecting", nodes), Cell::new(0), Cell::new(None));
    let show = || {
        let told = known
            .get()
            .map_or_else(String::new, |known: usize| format!("members: {known}/{nodes} know all"));
        bar.show(linked.get(), &told);
    };
    let connecting = async {
        let on_progress = |ready| {
            linked.set(ready);
            show();
        };
        let overlay = connect::wait(fleet, goal, patience, on_progress).await;
        let overlay = overlay.map_err(|error| format!("the overlay didn't come up: {error}"))?;
        Ok::<_, String>((overlay, began.elapsed().as_secs_f64()))
    };
    let converging = async {
        if settings.manifest.members.is_none() {
            return Ok(None);
        }
        let on_progress = |ready| {
            known.set(Some(ready));
            show();
        };
        on_progress(0);
        let converged = members::converge::wait(fleet, patience, on_progress).await;
        converged.map_err(|error| format!("membership didn't converge: {error}"))?;
        Ok::<_, String>(Some(began.elapsed().as_secs_f64()))
    };
    let ((overlay, connect_s), converged_s) = future::try_join(connecting, converging).await?;
    drop(bar);
    ui.say(&format!("all started after {start_s:.1} s, connected after {connect_s:.1} s"));
    if let Some(converged_s) = converged_s {
        ui.say(&format!(
            "membership converged after {converged_s:.1} s: each node has seen all others alive"
        ));
    }
    Ok(Stood { overlay, connect_s, converged_s })
}

async fn stop(fleet: Fleet, ui: &Ui) {
    let forced = fleet.stop().await;
    if forced > 0 {
        ui.say(&format!("nodes that had to be forced to end: {forced}"));
    }
}

/// Writes the results of a run that was driven to its end.
fn finish(
    folder: RunFolder,
    run: &Run,
    summary: Summary,
    (observed, found): (Observed, Vec<String>),
    options: &Options,
) -> Result<Launched, LaunchError> {
    folder.fill(run, &summary)?;
    let chain_wrong = match &observed.chain {
        Some((chain, rows)) => {
            folder.fill_blocks(rows)?;
            chain::wrong_with(chain)
        }
        None => Vec::new(),
    };
    let mut wrong = observed.comparison.map_or_else(Vec::new, |compared| compared.problems);
    wrong.extend(found);
    wrong.extend(chain_wrong);
    if summary.valid && summary.complete() && wrong.is_empty() && !options.keep_logs {
        folder.tidy();
    }
    Ok(Launched { folder, summary, wrong })
}

/// Writes that a run never got to its first submission.
fn give_up(
    folder: RunFolder,
    settings: &Settings,
    reason: String,
) -> Result<Launched, LaunchError> {
    output::complain(&reason);
    let manifest = folder.manifest().clone();
    let (run, summary) = results::assemble_failed(settings, manifest, reason);
    folder.fill(&run, &summary)?;
    Ok(Launched { folder, summary, wrong: Vec::new() })
}

impl Launched {
    /// Prints the results, and says what to exit with.
    fn tell(&self, options: &Options) -> ExitCode {
        let Self { folder, summary, wrong } = self;
        wrong.iter().take(WRONG_COPIES_TOLD).for_each(output::complain);
        let is_wrong = summary.valid && !wrong.is_empty();
        let code = match &summary.inputs.cut_short {
            Some(_) => ExitCode::from(exit::INTERRUPTED),
            None if is_wrong => ExitCode::FAILURE,
            None => summary.exit_code(),
        };
        let text = if options.json {
            summary.to_json() + "\n"
        } else {
            let table = table::render(summary, output::ink());
            format!("{table}\n{}\n", folder.report().display())
        };
        output::print(&text, true, code)
    }
}
