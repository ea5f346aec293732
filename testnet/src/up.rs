//! `tidings-testnet up` and `down`: a network that stays, to try things on.
//!
//! `up` stays in the foreground: its nodes live as long as it does, however it ends. Its folder is locked meanwhile, which is how `down`,
//! from another terminal, finds out whether there is a network and whose it is. What a network that is over left there is replaced
//! by the next one; a folder that no network left is never touched.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings_tools::show::table::grid;
use tokio::time::sleep;

use crate::launch::fleet::Fleet;
use crate::launch::run_folder::RunFolder;
use crate::launch::settings::Settings;
use crate::launch::{self, mining, plan};
use crate::manifest::args::SettingArgs;
use crate::manifest::{Manifest, Mining};
use crate::ui::Ui;
use crate::{exit, output};

/// Where the network is unless somebody says otherwise.
const DIR: &str = "runs/up";

/// File in the folder that is locked while the network is up, with the process that has it.
const LOCK: &str = "up.lock";

/// File in the folder that tells where the nodes are.
const ENDPOINTS: &str = "endpoints.json";

/// How many nodes there are unless somebody says otherwise.
const NODES: usize = 10;

/// How often it is looked whether all nodes live.
const WATCH: Duration = Duration::from_secs(1);

/// How long `down` waits until the network is gone. Nodes have ten seconds for it.
const DOWN_MAX: Duration = Duration::from_secs(60);

/// How often `down` looks.
const DOWN_POLL: Duration = Duration::from_millis(50);

/// Failures to make a block that are told.
const FAILURES_TOLD: usize = 10;

/// Arguments of `up`. Without any: 10 nodes between regions, which make no blocks.
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// What to start; nothing is submitted
    #[command(flatten)]
    settings: SettingArgs,
    /// Have blocks made at random nodes, one each so many seconds on average (rules tidings)
    #[arg(long, value_name = "S")]
    block_interval: Option<f64>,
    /// Most transactions of a block [default: as many as fit]
    #[arg(long, value_name = "N", requires = "block_interval")]
    block_txs_max: Option<usize>,
    /// Program to start as a node, instead of this one's own node mode
    #[arg(long, value_name = "PATH")]
    node_binary: Option<PathBuf>,
    /// Folder of the network
    #[arg(long, value_name = "DIR", default_value = DIR)]
    dir: PathBuf,
    /// Print where the nodes are as JSON on stdout, all else on stderr
    #[arg(long)]
    json: bool,
}

/// Arguments of `down`.
#[derive(Clone, Debug, Args)]
pub struct DownArgs {
    /// Folder of the network
    #[arg(long, value_name = "DIR", default_value = DIR)]
    dir: PathBuf,
}

/// Runs `up`, until it is interrupted.
#[must_use]
pub fn up(args: &UpArgs) -> ExitCode {
    let settings = match settings(args) {
        Ok(settings) => settings,
        Err(problem) => return exit::usage(&problem),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(stay(args, &settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            output::complain(problem);
            ExitCode::FAILURE
        }
    }
}

fn settings(args: &UpArgs) -> Result<Settings, String> {
    let mut manifest = Manifest::launched_by_default();
    manifest.network.nodes = NODES;
    let mut manifest = args.settings.lay_over(manifest)?;
    if let Some(interval_s) = args.block_interval {
        let txs_max = args.block_txs_max;
        manifest.mining = Some(Mining { interval_s, txs_max, late_joiners: 0 });
    }
    manifest.validate()?;
    if manifest.slow_motion.is_some() || !manifest.fault.is_empty() {
        return Err("a network that stays has no faults and no slow motion: use launch".to_owned());
    }
    Ok(Settings { stays: true, ..Settings::of(manifest, args.node_binary.clone())? })
}

/// Starts a network, and ends it when somebody wants that.
async fn stay(args: &UpArgs, settings: &Settings) -> Result<(), String> {
    let dir = std::path::absolute(&args.dir).unwrap_or_else(|_| args.dir.clone());
    make_room(&dir)?;
    let plan = plan::draw(settings).map_err(|error| error.to_string())?;
    let folder = RunFolder::create(Some(&dir), settings, &plan.network);
    let folder = folder.map_err(|error| error.to_string())?;
    // Held until this ends.
    let _lock = claim(&dir.join(LOCK))?;
    let mut interrupted = std::pin::pin!(launch::interrupted());
    let ui = Ui::new(args.json);
    let fleet = tokio::select! {
        fleet = launch::bring_up(plan.nodes, plan.degrees.as_deref(), &folder, settings, &ui) => fleet?,
        signal = &mut interrupted => return Err(format!("{signal}: all nodes were ended")),
    };
    let endpoints = endpoints(&fleet, &dir);
    fs::write(dir.join(ENDPOINTS), format!("{endpoints:#}\n"))
        .map_err(|error| format!("cannot write {ENDPOINTS}: {error}"))?;
    let text = if args.json { format!("{endpoints}\n") } else { show(&fleet, &dir) };
    let _ = output::print(&text, true, ExitCode::SUCCESS);
    let ended = tokio::select! {
        lost = watch(&fleet) => Err(lost),
        () = make_blocks(&fleet, settings) => Ok(()),
        _ = &mut interrupted => Ok(()),
    };
    let _ = fs::remove_file(dir.join(ENDPOINTS));
    let forced = fleet.stop().await;
    if forced > 0 {
        output::tell(&format!("nodes that had to be forced to end: {forced}"));
    }
    ended
}

/// Makes blocks, if any are to be made, for ever.
async fn make_blocks(fleet: &Fleet, settings: &Settings) {
    if let Some(mining) = &settings.manifest.mining {
        let clock = Clock::start();
        let mut failures = 0;
        let on_made = |made: Result<_, String>| {
            if let Err(problem) = made {
                failures += 1;
                if failures <= FAILURES_TOLD {
                    output::complain(&problem);
                }
            }
        };
        let since = (&clock, clock.now());
        mining::mine(fleet, mining, settings.manifest.seed, since, || true, on_made).await;
    }
    std::future::pending::<()>().await;
}

/// Tells of nodes that die; ends when none is left.
async fn watch(fleet: &Fleet) -> String {
    loop {
        sleep(WATCH).await;
        fleet.new_deaths().iter().for_each(output::complain);
        if fleet.live().next().is_none() {
            return "no node is left".to_owned();
        }
    }
}

/// Removes what a network that is over left in a folder.
fn make_room(dir: &Path) -> Result<(), String> {
    let lock = dir.join(LOCK);
    if !lock.exists() {
        return Ok(()); // what else is there is found out when the folder is made
    }
    let file =
        File::open(&lock).map_err(|error| format!("cannot open {}: {error}", lock.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(format!(
            "a network is up in {} (process {}): end it with `tidings-testnet down`, or choose another --dir",
            dir.display(),
            holder(&lock)
        ));
    }
    fs::remove_dir_all(dir).map_err(|error| format!("cannot remove {}: {error}", dir.display()))
}

/// Who has a lock, as text.
fn holder(lock: &Path) -> String {
    let mut pid = String::new();
    let read = File::open(lock).and_then(|file| file.take(32).read_to_string(&mut pid));
    match read {
        Ok(_) => pid.trim().to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}

fn claim(lock: &Path) -> Result<File, String> {
    let claimed =
        OpenOptions::new().write(true).create_new(true).open(lock).and_then(|mut file| {
            flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from)?;
            writeln!(file, "{}", std::process::id())?;
            Ok(file)
        });
    claimed.map_err(|error| format!("cannot claim {}: {error}", lock.display()))
}

fn endpoints(fleet: &Fleet, dir: &Path) -> Value {
    let nodes: Vec<Value> = fleet
        .nodes()
        .iter()
        .map(|node| {
            json!({
                "name": node.name,
                "addr": node.addr,
                "data_dir": node.folder,
                "admin": node.folder.join("admin.sock"),
                "pid": node.pid(),
            })
        })
        .collect();
    json!({ "pid": std::process::id(), "dir": dir, "nodes": nodes })
}

fn show(fleet: &Fleet, dir: &Path) -> String {
    let row = |node: &launch::local::Node| {
        vec![node.name.clone(), node.addr.to_string(), node.folder.display().to_string()]
    };
    let rows: Vec<_> = fleet.nodes().iter().map(row).collect();
    let table = grid(&["node", "listens at", "data folder"], &rows);
    let first = fleet.nodes().first().map_or_else(String::new, |node| {
        format!("`tidings --data-dir {} status` asks a node; ", node.folder.display())
    });
    format!(
        "{table}\n{first}{} has all of this. Ctrl-C, or `tidings-testnet down`, ends the network.\n",
        dir.join(ENDPOINTS).display()
    )
}

/// Runs `down`.
#[must_use]
pub fn down(args: &DownArgs) -> ExitCode {
    let lock = args.dir.join(LOCK);
    let nobody = || {
        output::complain(format_args!("no network is up in {}", args.dir.display()));
        ExitCode::FAILURE
    };
    let Ok(file) = File::open(&lock) else { return nobody() };
    let is_over = || flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
    if is_over() {
        return nobody();
    }
    let pid = holder(&lock);
    let signalled = pid
        .parse()
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
    if !signalled {
        output::complain(format_args!("cannot ask process {pid} to end"));
        return ExitCode::FAILURE;
    }
    let deadline = Instant::now() + DOWN_MAX;
    while !is_over() {
        if Instant::now() > deadline {
            output::complain(format_args!("process {pid} doesn't end"));
            return ExitCode::FAILURE;
        }
        std::thread::sleep(DOWN_POLL);
    }
    output::print("the network is down\n", false, ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_network_left_is_replaced_and_nothing_else_is_touched() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("up");
        assert_eq!(make_room(&dir), Ok(()), "there is nothing");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("precious"), "").unwrap();
        assert_eq!(make_room(&dir), Ok(()));
        assert!(dir.join("precious").exists());
        let lock = claim(&dir.join(LOCK)).unwrap();
        let error = make_room(&dir).unwrap_err();
        assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
        drop(lock);
        assert_eq!(make_room(&dir), Ok(()));
        assert!(!dir.exists());
    }
}
