//! `tidings-testnet members --processes 20 --beside serf`: real members, and Serf's beside them, in one run.
//!
//! Each contender has its fleet of processes on this machine, one after the other and in each round again; all are asked for the same and watched by the same
//! clock and the same counters. A fleet is gone before the next one starts, and all of them with this process, however it ends.
//!
//! - `plan`: what is done with each, and for how long
//! - `process` is one of a fleet; `fleet` what is done with one, whoever's it is; `ours` and `serf` are theirs, and `rpc` what Serf's agents speak
//! - `traffic` counts, `measure` does it all, `figures` are what it comes to, `table` shows them
//!
//! *What doesn't compare:* the processes. Ours is a whole node, whose relay has nothing to do; what membership takes of its memory is told by
//! nodes without it. Serf's agent is nothing but a member, in Go.

mod figures;
mod fleet;
mod measure;
mod ours;
mod plan;
mod process;
mod rpc;
mod serf;
mod table;
mod traffic;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings::config::members::MembersPreset;
use tidings::members::keyring::Key;

use self::figures::{Measured, Rounds, mean_and_longest, quantile};
use self::fleet::{Fleet, Start};
use self::ours::Ours;
use self::plan::Plan;
use self::process::PROCESSES_MAX;
use self::serf::Serf;
use self::table::Report;
use super::MembersArgs;
use crate::study::table::Goal;
use crate::study::world::write_files;
use crate::{exit, launch, namespace, output, usage};

/// Arguments of `members` for real processes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Real members")]
pub struct ProcessArgs {
    /// Start so many real members and measure them, instead of simulating any
    #[arg(long, value_name = "N", conflicts_with_all = ["tables", "nodes", "kills", "jobs"])]
    pub processes: Option<usize>,
    /// Settings of ours, each measured by itself: fleet, phi, lan, wan or local [default: fleet]
    #[arg(long = "preset", value_name = "PRESET", value_delimiter = ',', value_parser = parse_preset, requires = "processes")]
    pub presets: Vec<MembersPreset>,
    /// Measure another's fleet too, in turns with ours: `serf` with its profile for LANs, `serf-wan` or `serf-local`
    #[arg(long, value_name = "CONTENDER", value_delimiter = ',', requires = "processes")]
    pub beside: Vec<Beside>,
    /// How often each is measured
    #[arg(long, default_value_t = 1, requires = "processes")]
    pub rounds: usize,
    /// Have all fleets seal what they say, with a key
    #[arg(long, requires = "processes")]
    pub sealed: bool,
    #[arg(long = namespace::INSIDE, hide = true, requires = "processes")]
    inside: bool,
}

/// Others' fleets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Beside {
    /// Serf's agents, for machines in one place.
    Serf,
    /// Serf's agents, for machines over the world.
    SerfWan,
    /// Serf's agents, for one machine.
    SerfLocal,
}

/// A contender.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Contender {
    Ours(MembersPreset),
    /// The program, and its profile.
    Serf(PathBuf, &'static str),
}

fn parse_preset(name: &str) -> Result<MembersPreset, String> {
    serde_json::from_value(name.into()).map_err(|error| error.to_string())
}

fn preset_name(preset: MembersPreset) -> String {
    let name = serde_json::to_value(preset).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Beside {
    const fn profile(self) -> &'static str {
        match self {
            Self::Serf => "lan",
            Self::SerfWan => "wan",
            Self::SerfLocal => "local",
        }
    }
}

impl Contender {
    fn name(&self) -> String {
        match self {
            Self::Ours(preset) => format!("tidings {}", preset_name(*preset)),
            Self::Serf(_, profile) => format!("serf {profile}"),
        }
    }
}

/// Runs the command with so many processes.
pub(super) fn main(args: &MembersArgs, processes: usize) -> ExitCode {
    let plan = if args.quick { Plan::quick(processes) } else { Plan::full(processes) };
    if let Err(problem) = check(args, &plan) {
        return exit::usage(&problem);
    }
    let place = if args.real.inside { None } else { Some(namespace::enter(std::env::args_os())) };
    // Here it is inside, or couldn't get there.
    if let Some(out) = &args.out
        && let Err(error) = std::fs::create_dir(out)
    {
        return exit::usage(&format!("--out {}: {error}", out.display()));
    }
    let program = serf::find();
    let mut notes = notes(args, place, program.as_deref());
    let is_missing = program.is_none() && !args.real.beside.is_empty();
    if is_missing {
        let sentence = "there is no `serf` in the PATH: `apt-get install serf` brings it (Debian, Ubuntu); ours alone is measured";
        output::complain(sentence);
        notes.push(sentence.to_owned());
    }
    let contenders = contenders(args, program);
    let measured = match run(args, &plan, &contenders) {
        Ok(measured) => measured,
        Err(code) => return code,
    };
    let goals = goals(&measured);
    let is_good = !is_missing && goals.iter().all(|goal| goal.is_met);
    let code = if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    print(&Report { measured, goals, notes }, args, code)
}

fn print(report: &Report, args: &MembersArgs, code: ExitCode) -> ExitCode {
    let (json, text) = (report.json(), report.text());
    if let Some(out) = &args.out {
        let files = [
            ("summary.json", json.clone()),
            ("members.txt", text.clone()),
            ("report.html", report.page()),
        ];
        if let Err(code) = write_files(out, &files) {
            return code;
        }
    }
    output::print(&if args.json { json + "\n" } else { text }, args.out.is_some(), code)
}

fn check(args: &MembersArgs, plan: &Plan) -> Result<(), String> {
    let (least, most) = (plan.members_min(), PROCESSES_MAX - ours::WITHOUT);
    if !(least..=most).contains(&plan.members) {
        return Err(format!("--processes is {}, but must be {least} to {most}", plan.members));
    }
    if !(1..=100).contains(&args.real.rounds) {
        return Err(format!("--rounds is {}, but must be 1 to 100", args.real.rounds));
    }
    Ok(())
}

/// Who is measured, ours first.
fn contenders(args: &MembersArgs, serf: Option<PathBuf>) -> Vec<Contender> {
    let presets = &args.real.presets;
    let presets = if presets.is_empty() { &[MembersPreset::Fleet][..] } else { presets };
    let others = serf.iter().flat_map(|program| {
        args.real.beside.iter().map(|other| Contender::Serf(program.clone(), other.profile()))
    });
    let mut all: Vec<Contender> =
        presets.iter().copied().map(Contender::Ours).chain(others).collect();
    let mut seen = Vec::new();
    all.retain(|contender| {
        let is_new = !seen.contains(contender);
        seen.push(contender.clone());
        is_new
    });
    all
}

/// What a reader of the figures has to know.
fn notes(args: &MembersArgs, place: Option<String>, serf: Option<&Path>) -> Vec<String> {
    let mut notes = vec![format!(
        "{} real members each, on loopback; sent by each, and medians of memory. Our relay has no links and sends nothing; of Serf's agents what programs are told of \
         members comes a second later than they know it.",
        args.real.processes.unwrap_or_default()
    )];
    notes.push(
        if args.real.sealed { "All that members say is sealed." } else { "Nothing is sealed." }
            .to_owned(),
    );
    if let Some(version) = serf.filter(|_| !args.real.beside.is_empty()).and_then(serf::version) {
        notes.push(format!("Serf's program says: {version}."));
    }
    if cfg!(debug_assertions) {
        notes.push(
            "This is a debug build: CPU and memory of ours aren't those of a release.".to_owned(),
        );
    }
    if args.quick {
        notes.push("In small (--quick): what is rare isn't seen.".to_owned());
    }
    if let Some(why) = place {
        let sentence = format!(
            "This program can't have a network namespace of its own ({why}): what else this machine sends over loopback is counted, too. Run it as root, with util-linux \
             and iproute2."
        );
        output::tell(&sentence);
        notes.push(sentence);
    }
    notes
}

/// Measures everything on one thread, until it is done or somebody interrupts it. All processes are gone then.
fn run(
    args: &MembersArgs,
    plan: &Plan,
    contenders: &[Contender],
) -> Result<Vec<Measured>, ExitCode> {
    let failed = |problem: String| {
        output::complain(problem);
        ExitCode::from(exit::NOT_VALID)
    };
    usage::raise_open_files()
        .map_err(|error| failed(format!("cannot raise the limit on open files: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        tokio::select! {
            measured = all_rounds(args, plan, contenders) => measured.map_err(failed),
            // The measurement is dropped here, and all its processes with it.
            signal = launch::interrupted() => {
                output::tell(&format!("{signal}: the measurement was ended, and all its processes with it"));
                Err(ExitCode::from(exit::INTERRUPTED))
            }
        }
    })
}

async fn all_rounds(
    args: &MembersArgs,
    plan: &Plan,
    contenders: &[Contender],
) -> Result<Vec<Measured>, String> {
    let mut measured = Vec::new();
    for round in 1..=args.real.rounds {
        // Each is asked for the same in a round.
        let seed = args.seed.wrapping_add(round as u64);
        for contender in contenders {
            let name = contender.name();
            output::tell(&format!("round {round} of {}: {name}", args.real.rounds));
            let came =
                one(contender, plan, args.real.sealed, &mut ChaCha8Rng::seed_from_u64(seed)).await;
            let came = came.map_err(|problem| format!("{name}: {problem}"))?;
            measured.push(Measured { contender: name, round, ..came });
        }
    }
    Ok(measured)
}

/// Starts a fleet, measures it, and ends it.
async fn one(
    contender: &Contender,
    plan: &Plan,
    sealed: bool,
    rng: &mut ChaCha8Rng,
) -> Result<Measured, String> {
    let folder = tempfile::Builder::new().prefix("tidings-members-").tempdir();
    let folder = folder.map_err(|error| format!("cannot make a folder for the run: {error}"))?;
    let key = sealed.then(Key::generate).transpose().map_err(|error| error.to_string())?;
    let key = key.map(|key| key.to_text());
    let start = Start { folder: folder.path().to_owned(), members: plan.members, key };
    match contender {
        Contender::Ours(preset) => measured(&Ours::start(&start, *preset).await?, plan, rng).await,
        Contender::Serf(program, profile) => {
            measured(&Serf::start(&start, program.clone(), profile).await?, plan, rng).await
        }
    }
}

async fn measured(
    fleet: &impl Fleet,
    plan: &Plan,
    rng: &mut ChaCha8Rng,
) -> Result<Measured, String> {
    Box::pin(measure::measure(fleet, plan, rng)).await
}

/// What our default settings are to keep to.
fn goals(measured: &[Measured]) -> Vec<Goal> {
    let all = Rounds::of(measured);
    let ours = Contender::Ours(MembersPreset::Fleet).name();
    let Some(rounds) = all.iter().find(|rounds| rounds.contender == ours) else {
        return Vec::new();
    };
    let goal = |text: &str, is_met| Goal { text: format!("{ours}: {text}"), is_met };
    let mut goals = Vec::new();
    let idle = rounds.mean(|one| one.idle.datagrams_per_s);
    // Half of a tenth for what gossips while nothing happens.
    goals.push(goal(&format!("two datagrams a second while idle: {idle:.2}"), idle <= 2.05));
    let deaths = mean_and_longest(rounds.deaths(true).iter().map(|death| death.first_s));
    if let Some((first, _)) = deaths {
        goals.push(goal(
            &format!("a killed member is known to be dead within 4 s on average: {first:.2}"),
            first <= 4.0,
        ));
    }
    if let Some(p99) = quantile(&rounds.all(|one| &one.events.latencies_ms), 0.99) {
        let each = rounds.mean(|one| one.events.datagrams_each);
        goals.push(goal(&format!("99 % of events are there within 300 ms: {p99:.0}"), p99 < 300.0));
        goals.push(goal(&format!("an event costs a member two datagrams: {each:.2}"), each <= 2.0));
    }
    let pauses = rounds.all(|one| &one.pauses);
    for pause in pauses.iter().filter(|pause| pause.seconds == 3) {
        let by = pause.declared_by;
        goals.push(goal(
            &format!("nobody takes one that is paused for 3 s for dead: {by}"),
            by == 0,
        ));
    }
    let wrong: usize = rounds.rounds.iter().map(|one| one.wrong).sum();
    goals.push(goal(&format!("nobody that lives is taken for dead: {wrong}"), wrong == 0));
    if let Some(mib) = rounds.membership_mib() {
        goals.push(goal(&format!("membership takes less than 2 MiB: {mib:.2}"), mib < 2.0));
    }
    goals
}

#[cfg(test)]
mod tests;
