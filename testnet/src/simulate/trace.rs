//! `sim --trace FILE`: the timeline of a simulation, as a file.

use std::path::Path;

use tidings_timeline::Timeline;
use tidings_tools::timeline;

use super::SimError;
use crate::output;

/// Refuses a file that is there, or whose folder isn't: before anything is run.
pub(super) fn check(path: &Path) -> Result<(), SimError> {
    let refuse =
        |problem: &str| Err(SimError::Trace { path: path.to_owned(), problem: problem.to_owned() });
    if path.symlink_metadata().is_ok() {
        return refuse("it exists already; name another, or remove it");
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    if dir.is_some_and(|dir| !dir.is_dir()) {
        return refuse("its folder doesn't exist; make that first");
    }
    Ok(())
}

/// Writes it whole or not at all, and says what it has.
pub(super) fn write(path: &Path, mut timeline: Timeline, manifest: &str) -> Result<(), SimError> {
    manifest.clone_into(&mut timeline.about.manifest);
    let bytes = timeline::write(path, &timeline)?;
    output::tell(&told(path, &timeline, bytes));
    Ok(())
}

/// A line about a timeline.
fn told(path: &Path, timeline: &Timeline, bytes: usize) -> String {
    let events = timeline.events();
    let mut line = format!(
        "timeline: {} has {events} events ({} messages, {} deliveries) in {bytes} bytes, {:.1} an event",
        path.display(),
        timeline.messages.sent.len(),
        timeline.deliveries.at.len(),
        bytes as f64 / events.max(1) as f64,
    );
    if timeline.about.dropped_rows > 0 {
        line += &format!(
            "; one item of {} is followed, {} messages and deliveries of the others were left out (--trace-rows)",
            timeline.about.kept_items_one_of, timeline.about.dropped_rows,
        );
    }
    line
}
