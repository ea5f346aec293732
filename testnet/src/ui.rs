//! What a run tells while it goes on: lines and bars on standard error, so that standard output holds the result alone.
//! None of it waits for its reader ([`crate::output`]).

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use tidings::logging::{self, Lossy};

use crate::output;

/// How often a bar is drawn at most. A guess.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Columns of the bar itself.
const BAR_COLUMNS: usize = 30;

/// Columns of a terminal that doesn't say (VT100).
const COLUMNS: usize = 80;

/// Where to tell it.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    quiet: bool,
    bars: bool,
}

impl Ui {
    /// Tells nothing if `quiet`, and draws bars only on a terminal.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Self { quiet, bars: !quiet && io::stderr().is_terminal() }
    }

    /// A line about how far the run is.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            output::tell(line);
        }
    }

    /// A bar up to `length`, hidden unless there is a terminal. It vanishes with the value.
    #[must_use]
    pub fn bar(&self, what: &'static str, length: usize) -> Bar {
        let out = self.bars.then(logging::stderr).flatten();
        Bar { out, what, length, position: Cell::new(0), drawn: Cell::new(None) }
    }
}

/// How far something is, in one line of a terminal.
#[derive(Debug)]
pub struct Bar {
    /// None if it is hidden.
    out: Option<Lossy>,
    what: &'static str,
    length: usize,
    position: Cell<usize>,
    drawn: Cell<Option<Instant>>,
}

impl Bar {
    /// Nobody sees it.
    #[must_use]
    pub const fn is_hidden(&self) -> bool {
        self.out.is_none()
    }

    /// One more is done.
    pub fn step(&self) {
        self.show(self.position.get() + 1, "");
    }

    /// So much is done. Drawn now and then.
    pub fn show(&self, position: usize, message: &str) {
        self.position.set(position);
        let Some(out) = &self.out else { return };
        let now = Instant::now();
        if self.drawn.get().is_some_and(|drawn| now - drawn < DRAW_INTERVAL) {
            return;
        }
        self.drawn.set(Some(now));
        let line = line(self.what, position, self.length, message, columns());
        // ECMA-48: erase in line, to its end.
        let _ = out.clone().write_all(format!("\r{line}\x1b[K").as_bytes());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let (Some(out), Some(_)) = (&mut self.out, self.drawn.get()) {
            let _ = out.write_all(b"\r\x1b[K");
        }
    }
}

/// A bar's line, less than so many columns wide.
fn line(what: &str, position: usize, length: usize, message: &str, columns: usize) -> String {
    let done = BAR_COLUMNS * position.min(length) / length.max(1);
    let (done, rest) = ("=".repeat(done), " ".repeat(BAR_COLUMNS - done));
    let line = format!("{what} [{done}{rest}] {position}/{length} {message}");
    line.chars().take(columns.saturating_sub(1)).collect()
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fits_its_line() {
        let full = "relaying [===============               ] 10/20 coverage 50 %";
        assert_eq!(line("relaying", 10, 20, "coverage 50 %", 80), full);
        assert_eq!(line("relaying", 10, 20, "coverage 50 %", 30), full[..29]);
        assert!(line("starting", 0, 0, "", 80).starts_with("starting [   "));
        assert!(line("starting", 9, 3, "", 80).contains("=] 9/3"));
    }

    #[test]
    fn a_bar_is_hidden_when_quiet() {
        let bar = Ui::new(true).bar("starting", 3);
        bar.step();
        bar.step();
        assert_eq!((bar.position.get(), bar.drawn.get()), (2, None));
    }
}
