//! Fee rates: what a transaction pays for its size.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes that a rate is told for.
const MEGABYTE: u128 = 1_000_000;

/// A fee per size, in the chain's smallest unit per megabyte (1,000,000 bytes), rounded down. Bitcoin
/// counts per 1,000 bytes; the finer step keeps apart small transactions that pay a unit or two.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FeeRate(pub u64);

impl FeeRate {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// What `bytes` bytes pay that pay `fee` in all. Saturates; nothing at all pays nothing.
    #[must_use]
    pub fn of(fee: u128, bytes: usize) -> Self {
        if fee == 0 {
            return Self::ZERO;
        }
        let rate = fee.saturating_mul(MEGABYTE).checked_div(bytes as u128).unwrap_or(0);
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// The least fee with which `bytes` bytes pay this rate.
    #[must_use]
    pub const fn fee_for(self, bytes: usize) -> u128 {
        (self.0 as u128 * bytes as u128).div_ceil(MEGABYTE)
    }

    /// The sum of two rates; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/MB", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_fee_for_a_rate_pays_it_and_one_unit_less_does_not() {
        for (rate, bytes) in [(1, 1), (3_334, 300), (100_000, 222), (u64::MAX, 100_000)] {
            let rate = FeeRate(rate);
            let fee = rate.fee_for(bytes);
            assert!(FeeRate::of(fee, bytes) >= rate, "{rate} for {bytes}");
            assert!(FeeRate::of(fee - 1, bytes) < rate, "{rate} for {bytes}");
        }
    }

    #[test]
    fn absurd_fees_saturate() {
        assert_eq!(FeeRate::of(u128::MAX, 1), FeeRate(u64::MAX));
        assert_eq!(FeeRate::of(1, 0), FeeRate::ZERO);
        assert_eq!(FeeRate(u64::MAX).plus(FeeRate(1)), FeeRate(u64::MAX));
    }
}
