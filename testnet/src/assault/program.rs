//! The attacker's process: `tidings-testnet attacker`, which is started by `assault` and tells what it counts a line at a
//! time. It ends with whoever started it, or when nobody reads what it tells.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidings_attacker::mode::Mode;
use tidings_attacker::target::Target;
use tidings_attacker::tcp::Counts;
use tidings_attacker::{attack, modes};
use tokio::time::sleep;

use crate::exit;
use crate::launch::local::mode::die_with;
use crate::output;
use crate::usage;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "attacker";

/// How often it tells what it counted.
const TELL: Duration = Duration::from_millis(100);

/// What it is to do: its only argument, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whom.
    pub target: Target,
    /// With which modes.
    pub modes: Vec<String>,
    /// The process without which it shall not live.
    pub launcher: i32,
}

/// Runs the attacker.
#[must_use]
pub fn main(args: &[OsString]) -> ExitCode {
    match obey(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => exit::usage(&problem),
    }
}

fn obey(args: &[OsString]) -> Result<(), String> {
    let order =
        args.first().and_then(|order| order.to_str()).ok_or("it is for `assault` to start")?;
    let order: Order = serde_json::from_str(order).map_err(|error| error.to_string())?;
    order.target.check()?;
    die_with(order.launcher)?;
    // A socket each: as many as the system lets it have.
    let _ = usage::raise_open_files();
    let modes: Option<Vec<&'static Mode>> =
        order.modes.iter().map(|name| modes::find(name)).collect();
    let modes = modes.ok_or("it has no such mode")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let (counts, target) = (Arc::new(Counts::default()), Arc::new(order.target));
    runtime.block_on(async {
        tokio::select! {
            () = attack::run(&modes, &target, &counts) => {}
            () = tell(&counts) => {}
        }
    });
    Ok(())
}

/// Tells what was counted, until nobody reads it.
async fn tell(counts: &Counts) {
    loop {
        let line = serde_json::to_string(&counts.totals()).unwrap_or_default();
        let mut stdout = io::stdout().lock();
        if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
            output::tell("the attacker ends: nobody listens");
            return;
        }
        drop(stdout);
        sleep(TELL).await;
    }
}
