//! What a run tells while it goes on: lines and bars on stderr, so that stdout holds the result alone.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
        Self { quiet, bars: !quiet && std::io::stderr().is_terminal() }
    }

    /// A line about how far the run is.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }

    /// A bar up to `length`, hidden unless there is a terminal. It vanishes with the value.
    #[must_use]
    pub fn bar(&self, what: &str, length: usize) -> ProgressBar {
        let target =
            if self.bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg}")
            .expect("the template is fixed and tested")
            .progress_chars("=> ");
        ProgressBar::with_draw_target(Some(length as u64), target)
            .with_style(style)
            .with_prefix(what.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_can_be_made_and_is_hidden_when_quiet() {
        let bar = Ui::new(true).bar("starting", 3);
        bar.inc(2);
        assert!(bar.is_hidden());
        assert_eq!(bar.position(), 2);
    }
}
