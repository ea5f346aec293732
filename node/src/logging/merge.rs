//! What keeps strangers from filling a disk with lines, and from hiding a line among them.
//!
//! Time is cut into minutes. In each, every place of the program that logs (its *callsite*) has so many lines, all have so
//! many bytes, and a line that says the same as an earlier one of its minute isn't told again. What isn't told is
//! counted, and when the minute is over, a line for each such callsite says how often it was. So whoever has a node log
//! without end gets a bounded number of lines, and takes no room from lines of other callsites but by using up the
//! bytes of all, of which debugging has a share of its own.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Level, Metadata};

use super::line::{Line, VALUES_MAX};

/// How long lines are counted together.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Most lines of a callsite in a window. A guess: more of one kind in a minute than anybody reads.
const LINES_MAX: usize = 30;

/// The same below `info`, which nobody reads as it comes. A guess.
const DEBUG_LINES_MAX: usize = 300;

/// Most bytes of all lines in a window, and as many again of lines below `info`. Any minute touches two windows, so that it
/// has less than a megabyte together with the [`CALLSITES_MAX`] lines that tell counts.
const BYTES_MAX: usize = 200_000;

/// The longest line, bytes: four times what all its values may have, since quotes and backslashes are escaped in
/// JSON, and what frames them. A guess, on the safe side: the last lines of a window's bytes aren't told.
const LINE_MAX: usize = 4 * VALUES_MAX;

/// Most callsites that are told apart in a window; further ones share what one has. This program has some hundred that
/// can log at all, most of them in libraries and below `warn`. A guess.
const CALLSITES_MAX: usize = 150;

/// What was logged in this window.
#[derive(Debug, Default)]
pub(super) struct Merger {
    began: Option<Instant>,
    sites: HashMap<Identifier, Site>,
    /// Of all callsites that aren't told apart.
    rest: Option<Site>,
    bytes: usize,
    debug_bytes: usize,
    /// Whether somebody waits for the window's end.
    is_awaited: bool,
    /// Of lines: strangers choose what they say.
    hasher: RandomState,
}

/// What a callsite logged in this window.
#[derive(Debug)]
struct Site {
    metadata: &'static Metadata<'static>,
    /// What the first line said.
    message: String,
    /// Hashes of the lines that were told.
    told: Vec<u64>,
    /// Lines that weren't.
    merged: u64,
}

impl Site {
    const fn new(metadata: &'static Metadata<'static>) -> Self {
        Self { metadata, message: String::new(), told: Vec::new(), merged: 0 }
    }

    fn is_full(&self) -> bool {
        let is_debug = *self.metadata.level() > Level::INFO;
        self.told.len() >= if is_debug { DEBUG_LINES_MAX } else { LINES_MAX }
    }
}

impl Merger {
    /// What wasn't told in a window that is over, which ends it.
    pub(super) fn turn(&mut self, now: Instant) -> Vec<Line> {
        match self.began {
            Some(began) if now.saturating_duration_since(began) < WINDOW => Vec::new(),
            _ => {
                self.began = Some(now);
                self.finish()
            }
        }
    }

    /// What wasn't told so far; the window's lines and bytes are free again.
    pub(super) fn finish(&mut self) -> Vec<Line> {
        (self.bytes, self.debug_bytes, self.is_awaited) = (0, 0, false);
        let sites = std::mem::take(&mut self.sites).into_values().chain(self.rest.take());
        let merged = sites.filter(|site| site.merged > 0);
        let mut lines: Vec<Line> = merged.map(|site| site.summary()).collect();
        // In the order of the program's text, not of a hash.
        lines.sort_by(|a, b| (a.target, &a.message).cmp(&(b.target, &b.message)));
        lines
    }

    /// When somebody must call [`Merger::turn`] again, because something was counted; said once in a window.
    pub(super) fn due(&mut self) -> Option<Instant> {
        if std::mem::replace(&mut self.is_awaited, true) {
            return None;
        }
        self.began.map(|began| began + WINDOW)
    }

    /// Counts a line that can't be told whatever it says, before anybody makes it: a flood costs little. True if so.
    pub(super) fn merges(&mut self, metadata: &'static Metadata<'static>) -> bool {
        let no_room = *self.bytes_of(*metadata.level()) + LINE_MAX > BYTES_MAX;
        let site = self.site(metadata);
        let is_full = no_room || site.is_full();
        site.merged += u64::from(is_full);
        is_full
    }

    /// Whether a line is to be told, which takes so many bytes and says something; otherwise it is counted.
    pub(super) fn admits(
        &mut self,
        metadata: &'static Metadata<'static>,
        line: &Line,
        says: &str,
    ) -> bool {
        let hash = self.hasher.hash_one(says);
        let bytes = self.bytes_of(line.level).saturating_add(says.len());
        let site = self.site(metadata);
        if site.message.is_empty() {
            site.message.clone_from(&line.message);
        }
        let tells = bytes <= BYTES_MAX && !site.is_full() && !site.told.contains(&hash);
        if tells {
            site.told.push(hash);
            *self.bytes_of(line.level) = bytes;
        } else {
            site.merged += 1;
        }
        tells
    }

    fn bytes_of(&mut self, level: Level) -> &mut usize {
        if level > Level::INFO { &mut self.debug_bytes } else { &mut self.bytes }
    }

    fn site(&mut self, metadata: &'static Metadata<'static>) -> &mut Site {
        let id = metadata.callsite();
        if self.sites.len() >= CALLSITES_MAX && !self.sites.contains_key(&id) {
            return self.rest.get_or_insert_with(|| Site::new(metadata));
        }
        self.sites.entry(id).or_insert_with(|| Site::new(metadata))
    }
}

impl Site {
    fn summary(self) -> Line {
        // What never had room said nothing: then it is told by its place.
        let first = Some(self.message.as_str()).filter(|message| !message.is_empty());
        let message = first.unwrap_or_else(|| self.metadata.name());
        let count = grouped(self.merged);
        let message = format!("{message} … repeated {count} times in the last minute");
        Line::new(self.metadata, message).with("repeated", self.merged)
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_readable() {
        let shown = [0, 999, 1_203, 1_000_000].map(grouped);
        assert_eq!(shown, ["0", "999", "1,203", "1,000,000"]);
    }
}
