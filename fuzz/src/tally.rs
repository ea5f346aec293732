//! How much was fuzzed: libFuzzer counts executions, which say little. A line on standard error at each power of ten, and at
//! each multiple of the largest.

use std::sync::atomic::{AtomicU64, Ordering};

/// Inputs that a node or a replica was handed, but for those after its script, by which it is checked in the end.
pub static OPERATIONS: Tally = Tally::new("operations");

/// Bytes that a decoder was handed.
pub static BYTES: Tally = Tally::new("bytes decoded");

/// Frames of Yamux that a stranger sent.
#[cfg(feature = "surface")]
pub static FRAMES: Tally = Tally::new("frames of a stranger");

/// Above it every multiple is told.
const LARGE: u64 = 10_000_000;

/// A sum since the process began.
pub struct Tally {
    what: &'static str,
    sum: AtomicU64,
}

impl Tally {
    const fn new(what: &'static str) -> Self {
        Self { what, sum: AtomicU64::new(0) }
    }

    /// Adds to it, and tells it now and then.
    pub fn add(&self, amount: u64) {
        let before = self.sum.fetch_add(amount, Ordering::Relaxed);
        let sum = before + amount;
        let step = if sum < LARGE { 10_u64.pow(sum.max(1).ilog10()) } else { LARGE };
        if before / step < sum / step && (before < step || step == LARGE) {
            eprintln!("{sum} {}", self.what);
        }
    }
}
