//! Cutting a run short: whoever interrupts one while it is measured gets what was measured until then.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;

/// How long nodes are waited for whose traces are still in their buffers: they write theirs once a second.
pub const LAST_LINES: Duration = Duration::from_millis(1_200);

/// Whether a run is to be cut short, and whether it can be.
#[derive(Debug, Default)]
pub struct Cut {
    /// The measured part is on.
    is_measuring: Cell<bool>,
    /// What asked for it.
    signal: Cell<Option<&'static str>>,
    told: Notify,
}

impl Cut {
    /// A signal came. False if there is nothing to be kept, or this is the second one: then the run ends at once.
    pub fn ask(&self, signal: &'static str) -> bool {
        if !self.is_measuring.get() || self.signal.get().is_some() {
            return false;
        }
        self.signal.set(Some(signal));
        self.told.notify_one();
        true
    }

    /// Does the measured part of a run, or as much of it as there is time for: `None` if it was cut short.
    pub async fn measure<T>(&self, part: impl Future<Output = T>) -> Option<T> {
        self.is_measuring.set(true);
        tokio::select! {
            done = part => {
                self.is_measuring.set(false);
                Some(done)
            }
            () = self.told.notified() => None,
        }
    }

    /// What cut the run short, if anything did.
    pub fn signal(&self) -> Option<&'static str> {
        self.signal.get()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn only_what_is_being_measured_is_cut_short_and_only_once() {
        let cut = Cut::default();
        assert!(!cut.ask("interrupted"), "there is nothing to keep yet");
        let asks = async {
            assert!(cut.ask("interrupted"));
            assert!(!cut.ask("terminated"), "whoever asks twice means it");
        };
        let (measured, ()) = tokio::join!(cut.measure(pending::<()>()), asks);
        assert_eq!((measured, cut.signal()), (None, Some("interrupted")));
        let whole = Cut::default();
        assert_eq!(whole.measure(ready(5)).await, Some(5));
        assert!(!whole.ask("interrupted"), "it is over");
        assert_eq!(whole.signal(), None);
    }
}
