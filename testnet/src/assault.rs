//! `tidings-testnet assault`: has three real nodes attacked, or more, and tells what it costs them.
//!
//! The nodes stand in a row, and the one in the middle is the victim: whatever is relayed between the others passes
//! through it. Honest transactions are submitted at a steady rate all the while, before the attack and during
//! it; newcomers of another group knock now and then. The attacker ([`tidings_attacker`]) is a process of its own, so
//! that its CPU is told apart. Each bout has nodes of its own, so that none inherits a full pool.
//!
//! # Map
//! - [`args`] is what may be asked; [`bout`] tells the story of one bout, from the top down
//! - [`full`] is a victim all of whose places are taken beforehand
//! - [`program`] is the attacker's process, [`attacker`] its end here
//! - [`honest`] is how the nodes fare; [`newcomer`] knocks, [`watch`] looks at processes and logs meanwhile
//! - [`row`] is what a bout came to, and which bounds it broke; [`show`] prints rows

pub mod args;
pub mod attacker;
pub mod bout;
pub mod full;
pub mod honest;
pub mod newcomer;
pub mod program;
pub mod row;
pub mod show;
pub mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use args::AssaultArgs;

use crate::exit;
use crate::launch;
use crate::output;
use crate::ui::Ui;
use args::Plan;
use row::Row;

/// File of the rows, in the folder of an assault.
const ROWS: &str = "assault.json";

/// Runs the command.
#[must_use]
pub fn main(args: &AssaultArgs) -> ExitCode {
    if args.list {
        return output::print(&show::list(), false, ExitCode::SUCCESS);
    }
    let plan = match args.plan() {
        Ok(plan) => plan,
        Err(problem) => return exit::usage(&problem),
    };
    let folder = plan.out.clone().unwrap_or_else(launch::run_folder::unused_name);
    if folder.exists() {
        return exit::usage(&format!(
            "{} exists: runs are never overwritten; choose another --out",
            folder.display()
        ));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let rows = runtime.block_on(async {
        tokio::select! {
            rows = all(&plan, &folder) => rows,
            // The bout is dropped here, and all its processes with it.
            signal = launch::interrupted() => {
                output::tell(&format!("{signal}: the assault was ended, and all its processes with it"));
                Err(ExitCode::from(exit::INTERRUPTED))
            }
        }
    });
    match rows {
        Ok(rows) => finish(&rows, &folder, args.json),
        Err(code) => code,
    }
}

/// All bouts, one after the other.
async fn all(plan: &Plan, folder: &Path) -> Result<Vec<Row>, ExitCode> {
    let ui = Ui::new(plan.quiet);
    let mut rows = Vec::with_capacity(plan.bouts.len());
    for (number, modes) in plan.bouts.iter().enumerate() {
        let name = args::bout_name(modes);
        ui.say(&format!("{}/{} {name}", number + 1, plan.bouts.len()));
        let folder = folder.join(args::folder_name(number, &name));
        let row = Box::pin(bout::run(plan, modes, &folder)).await;
        let row = row.map_err(|problem| {
            output::complain(format_args!("{name}: {problem}"));
            ExitCode::from(exit::NOT_VALID)
        })?;
        ui.say(&format!("    {}", show::sentence(&row)));
        rows.push(row);
    }
    Ok(rows)
}

/// Keeps and prints the rows; what they broke decides the exit code.
fn finish(rows: &[Row], folder: &Path, json: bool) -> ExitCode {
    let text = show::json(rows);
    let file: PathBuf = folder.join(ROWS);
    let kept = std::fs::write(&file, &text);
    if let Err(error) = &kept {
        output::complain(format_args!("cannot write {}: {error}", file.display()));
    }
    let is_whole = rows.iter().all(|row| row.broken.is_empty());
    let code = if is_whole && kept.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let shown = if json { text } else { show::table(rows) };
    output::print(&shown, kept.is_ok(), code)
}
