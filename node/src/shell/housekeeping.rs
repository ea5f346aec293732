//! What is done now and then: files are written, and the system's clock is looked at.

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{SAVE_INTERVAL, Shell, TRACE_INTERVAL};
use crate::files::addresses;

impl Shell {
    /// Writes the trace out, tells the store, looks at the system's clock, and saves the address book when it is time.
    pub(super) fn keep_house(&mut self) {
        let now = Instant::now();
        self.reporter.flush();
        self.keeper.flush(&self.node);
        self.housekeeping_at = now + TRACE_INTERVAL;
        if let Some(step) = self.watch.look() {
            self.clock_steps += 1;
            tracing::warn!(
                %step,
                "this machine's clock was set: the node isn't affected, but its stamps differ from those of others now"
            );
        }
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
                tracing::error!(%path, %error, "the address book can't be saved; the node goes on");
            }
        }))
    }
}
