//! The attacker's process from where it was started. Dropping it kills it.

use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use tidings_attacker::mode::Mode;
use tidings_attacker::target::Target;
use tidings_attacker::tcp::Totals;

use super::program::{Order, SUBCOMMAND};

/// A running attacker.
#[derive(Debug)]
pub struct Attacker {
    child: Child,
    totals: Arc<Mutex<Totals>>,
}

impl Attacker {
    /// Starts one.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(target: &Target, modes: &[&'static Mode]) -> io::Result<Self> {
        let order = Order {
            target: target.clone(),
            modes: modes.iter().map(|mode| mode.name.to_owned()).collect(),
            launcher: std::process::id().cast_signed(),
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(SUBCOMMAND).arg(serde_json::to_string(&order)?);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let totals = Arc::<Mutex<Totals>>::default();
        if let Some(stdout) = child.stdout.take() {
            let totals = Arc::clone(&totals);
            std::thread::Builder::new().spawn(move || listen(stdout, &totals))?;
        }
        Ok(Self { child, totals })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it counted so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// Takes in what it tells, until it ends.
fn listen(stdout: ChildStdout, totals: &Mutex<Totals>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Ok(told) = serde_json::from_str(&line) {
            *totals.lock().unwrap_or_else(PoisonError::into_inner) = told;
        }
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
