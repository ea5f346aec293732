//! Looks at processes and logs during a bout.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::row::Stage;
use crate::launch::fleet::Fleet;
use crate::usage::{self, Usage};

/// How often descriptors are counted.
const LOOK: Duration = Duration::from_millis(200);

/// What a node of some version writes before everything else in a line: `2026-01-01T00:00:00`.
const STAMP: &str = "0000-00-00T00:00:00";

/// Notes the most descriptors that a process has open, until it is dropped.
pub async fn descriptors(pid: u32, peak: &Cell<usize>) {
    loop {
        peak.set(peak.get().max(usage::descriptors(pid).unwrap_or(0)));
        sleep(LOOK).await;
    }
}

/// A process from some moment on.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    pid: u32,
    at: Instant,
    usage: Usage,
}

impl Since {
    /// From now on.
    #[must_use]
    pub fn now(pid: u32) -> Self {
        Self { pid, at: Instant::now(), usage: usage::usage(pid).unwrap_or_default() }
    }

    /// What it used up to now, and what it holds.
    #[must_use]
    pub fn stage(&self, name: &'static str) -> Stage {
        let used = usage::usage(self.pid).unwrap_or_default();
        Stage {
            name,
            seconds: self.at.elapsed().as_secs_f64(),
            cpu_s: usage::cpu_between(self.usage, used),
            rss_bytes: used.rss_bytes,
            pss_bytes: usage::memory(self.pid).map_or(0, |memory| memory.pss),
        }
    }
}

/// By node, resident bytes now.
#[must_use]
pub fn resident(fleet: &Fleet) -> Vec<u64> {
    fleet.usage().into_iter().map(|usage| usage.map_or(0, |usage| usage.rss_bytes)).collect()
}

/// The most by which a node ever exceeded what it had.
#[must_use]
pub fn most_above(fleet: &Fleet, before: &[u64]) -> u64 {
    let peaks = fleet.nodes().iter().map(|node| usage::peak_rss_bytes(node.pid()).unwrap_or(0));
    peaks.zip(before).map(|(peak, before)| peak.saturating_sub(*before)).max().unwrap_or(0)
}

/// Bytes of a log.
#[must_use]
pub fn log_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Lines of a log that no node wrote: without the time that each of its own begins with, or with characters that do
/// something to a terminal, or with the time that the attacker makes up.
#[must_use]
pub fn forged_lines(path: &Path) -> usize {
    let text = fs::read(path).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter(|line| !is_own(line)).count()
}

fn is_own(line: &[u8]) -> bool {
    let fits = |(byte, stamp): (&u8, u8)| {
        if stamp == b'0' { byte.is_ascii_digit() } else { *byte == stamp }
    };
    let has_time = line.len() > STAMP.len() && line.iter().zip(STAMP.bytes()).all(fits);
    let made_up = line.starts_with(tidings_attacker::modes::FORGED_TIME.as_bytes());
    has_time && !made_up && !line.iter().any(u8::is_ascii_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_no_node_wrote_is_found() {
        assert!(is_own(b"2026-11-29T07:39:44.123456Z  INFO tidings::shell: started"));
        for forged in [
            &b"all is well"[..],
            b"2001-01-01T00:00:00.000000Z  INFO tidings: all is well",
            b"2026-11-29T07:39:44.123456Z  INFO tidings: \x1b[2J",
            b"2026-11-29T07:39:44.123456Z  INFO tidings: \r",
            b"2026-11-29",
        ] {
            assert!(!is_own(forged), "{}", String::from_utf8_lossy(forged));
        }
    }
}
