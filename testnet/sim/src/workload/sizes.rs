//! Sizes of transactions: fixed, or as they occur on Bitcoin.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Quantiles of the sizes of the 1,557 transactions of Bitcoin's main-net block 413,567 (May 2016),
/// as (share, bytes): a share of the transactions is at most that large. The mean of the block is
/// 642 bytes. Computed from the raw block that Bitcoin Core ships for its benchmarks
/// (bitcoin/bitcoin, src/bench/data/block413567.raw, MIT).
const BITCOIN: [(f64, f64); 30] = [
    (0.0, 185.0),
    (0.05, 223.0),
    (0.1, 223.0),
    (0.15, 224.0),
    (0.2, 224.0),
    (0.25, 225.0),
    (0.3, 225.0),
    (0.35, 225.0),
    (0.4, 226.0),
    (0.45, 226.0),
    (0.5, 226.0),
    (0.55, 256.0),
    (0.6, 334.0),
    (0.65, 340.0),
    (0.7, 373.0),
    (0.75, 404.0),
    (0.8, 437.0),
    (0.85, 520.0),
    (0.9, 814.0),
    (0.95, 962.0),
    (0.96, 975.0),
    (0.97, 1_110.0),
    (0.98, 1_537.0),
    (0.985, 2_110.0),
    (0.99, 4_019.0),
    (0.9925, 5_726.0),
    (0.995, 12_168.0),
    (0.9975, 53_446.0),
    (0.999, 59_204.0),
    (1.0, 65_244.0),
];

/// How large transactions are, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sizes {
    /// All alike.
    Fixed(usize),
    /// As in a Bitcoin block.
    Bitcoin,
}

impl Sizes {
    /// Draws one size.
    pub fn draw(self, rng: &mut impl Rng) -> usize {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::Bitcoin => bitcoin_quantile(rng.random()),
        }
    }

    /// Checks a fixed size; why it can't be less is told as `why`.
    ///
    /// # Errors
    /// A sentence that names both bounds.
    pub fn validate(self, least: usize, most: usize, why: &str) -> Result<(), String> {
        match self {
            Self::Fixed(size) if !(least..=most).contains(&size) => Err(format!(
                "workload.sizes is {size} bytes, but must be {least} ({why}) to {most}"
            )),
            Self::Fixed(_) | Self::Bitcoin => Ok(()),
        }
    }

    /// Largest size that can be drawn.
    #[must_use]
    pub fn max(self) -> usize {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::Bitcoin => bitcoin_quantile(1.0),
        }
    }
}

/// The size that a share of transactions doesn't exceed; linear between the table's points.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of the table are positive and small"
)]
fn bitcoin_quantile(share: f64) -> usize {
    let above = BITCOIN.partition_point(|(at, _)| *at < share).clamp(1, BITCOIN.len() - 1);
    let ((low, from), (high, to)) = (BITCOIN[above - 1], BITCOIN[above]);
    let along = ((share - low) / (high - low)).clamp(0.0, 1.0);
    (from + along * (to - from)).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::shared::{Stream, stream};

    #[test]
    fn quantiles_are_those_of_the_block() {
        let expected =
            [(-1.0, 185), (0.0, 185), (0.25, 225), (0.5, 226), (0.75, 404), (1.0, 65_244)];
        for (share, bytes) in expected {
            assert_eq!(bitcoin_quantile(share), bytes, "{share}");
        }
        assert_eq!(bitcoin_quantile(0.575), 295, "half way between 256 and 334");
    }

    #[test]
    fn drawn_sizes_have_the_mean_and_the_tail_of_the_block() {
        let mut rng = stream(1, Stream::Items);
        let sizes: Vec<usize> = (0..100_000).map(|_| Sizes::Bitcoin.draw(&mut rng)).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((600..685).contains(&mean), "mean {mean}, the block's is 642");
        let large = sizes.iter().filter(|size| **size > 4_198).count();
        assert!((800..1_200).contains(&large), "{large} of 100,000 above the 99th percentile");
        assert!(sizes.iter().all(|size| (185..=Sizes::Bitcoin.max()).contains(size)));
    }

    #[test]
    fn a_fixed_size_is_fixed() {
        let mut rng = stream(1, Stream::Items);
        assert_eq!((Sizes::Fixed(300).draw(&mut rng), Sizes::Fixed(300).max()), (300, 300));
    }
}
