//! What is done now and then: files are written, and the system's clock is looked at.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::keeper::Keeper;
use super::{SAVE_INTERVAL, Shell, ShellConfig, TRACE_INTERVAL};
use crate::clock::{self, ClockWatch, Step, SystemClock};
use crate::files::{addresses, advice};

/// How often it is looked whether the system's clock was set, at most: some readings of clocks. A node that does nothing
/// doesn't look, and stamps nothing.
const SETTLE_INTERVAL: Duration = Duration::from_secs(1);

/// The watch over the system's clock.
#[derive(Debug)]
pub(super) struct Wall {
    watch: ClockWatch,
    /// How often it was set.
    steps: u64,
    /// When to look next.
    look_at: Instant,
}

impl Wall {
    pub(super) fn start(clock: SystemClock, now: Instant) -> Self {
        Self { watch: ClockWatch::start(clock), steps: 0, look_at: now }
    }

    pub(super) const fn steps(&self) -> u64 {
        self.steps
    }

    /// By how much it was set since the last look; none if it is too early to look again.
    fn look(&mut self, now: Instant) -> Option<Option<Step>> {
        if now < self.look_at {
            return None;
        }
        self.look_at = now + SETTLE_INTERVAL;
        let step = self.watch.look();
        self.steps += u64::from(step.is_some());
        Some(step)
    }
}

/// Says so if what the machine's clock shows can't be right.
pub(super) fn doubt_clock(config: &ShellConfig, keeper: &Keeper) {
    if let Some(why) = clock::doubt(config.lab.clock.unix_s(), keeper.clock_before_s()) {
        tracing::warn!(
            "this machine's clock is wrong, or was: {why}. What is stored keeps its age all the same; stamps of \
             logs, events and traces are as wrong as the clock, and those of the map"
        );
    }
}

impl Shell {
    /// Looks whether the system's clock was set, or the machine suspended, and moves what hangs on the system's clock: the stamps, and
    /// when bans are over. All else is measured by a clock that only goes on.
    pub(super) fn settle_stamps(&mut self) {
        let Some(step) = self.wall.look(self.real) else { return };
        if let Some(step) = step {
            tracing::warn!(
                %step,
                "this machine's clock was set: stamps follow it from now on, and the node isn't affected otherwise"
            );
        }
        if let Some(moved) = self.clock.settle() {
            if step.is_none() {
                tracing::info!(by = %moved, "stamps are put right: was the machine suspended?");
            }
            self.recall_bans();
        }
    }

    /// Writes the trace out, tells the store, and saves the address book when it is time.
    pub(super) fn keep_house(&mut self) {
        let now = Instant::now();
        self.reporter.flush();
        self.keeper.flush(&self.node);
        self.housekeeping_at = now + TRACE_INTERVAL;
        if now < self.save_at {
            return;
        }
        self.save_at = now + SAVE_INTERVAL;
        if self.saving.as_ref().is_none_or(JoinHandle::is_finished) {
            self.saving = self.save();
        }
    }

    /// Saves the address book on a thread that may wait for the disk.
    pub(super) fn save(&self) -> Option<JoinHandle<()>> {
        let path = self.config.addresses.clone()?;
        let kept = self.node.export_book(self.clock.now());
        Some(tokio::task::spawn_blocking(move || {
            if let Err(error) = addresses::save(&path, &kept) {
                let path = path.display();
                let todo = advice(&error);
                tracing::error!(%path, %error, "the address book can't be saved; the node goes on{todo}");
            }
        }))
    }
}
