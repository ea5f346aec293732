//! Randomness of simulations: small generators, and independent streams of them from one seed.
//!
//! Every use has a stream of its own, and within it every node or link, so that a fault switched on or
//! a node that draws once more changes nothing else: two runs then differ by what was changed alone
//! (common random numbers).

pub mod shared;

use std::convert::Infallible;

use rand::TryRng;

/// `SplitMix64`: eight bytes of state, so that each of a million nodes can have its own. (Steele, Lea and
/// Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014; the constants are those of
/// Vigna's `splitmix64.c`.) Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }
}

impl TryRng for SplitMix64 {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// The output function of `SplitMix64` (Stafford's mix 13): every input bit changes half of the output.
#[must_use]
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What randomness is drawn for, beyond the streams that simulation and launch share
/// ([`shared::Stream`]). The numbers are part of what a seed means: append, never reorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A node's own choices: what its core draws from `cx.rng`.
    Node = 1,
    /// The fixed latency of a link.
    Latency = 2,
    /// What the messages that a node sends are delayed by.
    Jitter = 3,
    /// When a node first wakes, so that not all wake together.
    Stagger = 4,
    /// Payloads.
    Payload = 5,
    /// At which node an item is submitted.
    Origin = 6,
    /// Addresses that a node knows besides its links.
    Known = 7,
    /// A fault's choices: which nodes, links and messages it meets, and when.
    Fault = 8,
    /// Places of nodes in the unit square.
    Place = 9,
    /// Whether a node is a spy.
    Spy = 10,
    /// What happens to a node in the gym: 0 is what is done, 1 who is up in the beginning, 2 who the node is.
    Gym = 11,
    /// Which transactions of a block a node lacks.
    Pool = 12,
    /// The order of a block's transactions.
    Order = 13,
    /// What branches of a run draw instead of what the run drew: their seeds, by number.
    Branch = 14,
}

/// The generator of one use and, within it, of one number (a node, an item, a fault).
#[must_use]
pub const fn stream(seed: u64, which: Use, number: u64) -> SplitMix64 {
    SplitMix64(mix(mix(mix(seed ^ 0x7469_6469_6E67_7321) ^ which as u64) ^ number))
}

/// A number in [0, 1) of 53 bits from a random word.
#[must_use]
pub const fn unit(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng as _, RngExt as _};

    #[test]
    fn it_is_splitmix64() {
        // The first outputs of Vigna's splitmix64.c for seed 1234567, as Rosetta Code gives them.
        let mut rng = SplitMix64::new(1_234_567);
        let drawn = [rng.next_u64(), rng.next_u64()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn streams_differ_by_seed_use_and_number() {
        let first = |seed, which, number| stream(seed, which, number).next_u64();
        let base = first(1, Use::Node, 1);
        assert_eq!(base, first(1, Use::Node, 1));
        assert!(
            ![first(2, Use::Node, 1), first(1, Use::Jitter, 1), first(1, Use::Node, 2)]
                .contains(&base)
        );
    }

    #[test]
    fn bytes_are_filled_to_the_last() {
        let mut bytes = [0; 11];
        SplitMix64::new(1).fill_bytes(&mut bytes);
        assert_ne!(bytes[8..], [0; 3]);
        let mean = (0..10_000).map(|n| unit(mix(n))).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let _: f64 = SplitMix64::new(1).random();
    }
}
