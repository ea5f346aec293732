//! What settings say in seconds and shares, in the units of the engine.

/// Nanoseconds of a number of seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "validated to be positive; the cast saturates"
)]
#[must_use]
pub const fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// A share of a number of nodes, rounded to the nearest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 0 to 1 of a usize"
)]
#[must_use]
pub fn share_of(share: f64, nodes: usize) -> usize {
    ((share * nodes as f64).round() as usize).min(nodes)
}
