//! Streams that a simulation and a launch of the same seed share, so that both draw the same network.
//!
//! Each use has one stream for all nodes, drawn in the order of their numbers before anything runs.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What randomness is drawn for. The numbers are part of what a seed means: append, never reorder. (4 was
/// the origins of items, which every item now draws for itself: [`crate::workload::origin`].)
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// Identities of the nodes.
    Identities = 0,
    /// Who is linked with whom, or knows whom at first.
    Topology = 1,
    /// Regions and node types.
    Regions = 2,
    /// Items: accounts, sizes, contents.
    Items = 3,
    /// Which nodes fail.
    Faults = 5,
    /// Which nodes are looked at more closely.
    Samples = 6,
    /// Which nodes announce and never deliver.
    Withholders = 7,
    /// When blocks are made, and where.
    Blocks = 8,
}

/// The generator of one stream.
#[must_use]
pub fn stream(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}

/// Shuffles a slice (Fisher and Yates).
pub fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.random_range(0..=last));
    }
}

/// `count` distinct numbers below `n`, ascending; all of them if there are fewer.
#[must_use]
pub fn sample(n: usize, count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    shuffle(&mut all, rng);
    all.truncate(count);
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_repeat_and_differ_from_each_other() {
        let draw = |seed, which| stream(seed, which).random::<u64>();
        assert_eq!(draw(1, Stream::Items), draw(1, Stream::Items));
        assert_ne!(draw(1, Stream::Items), draw(1, Stream::Faults));
        assert_ne!(draw(1, Stream::Items), draw(2, Stream::Items));
    }

    #[test]
    fn a_sample_is_distinct_and_within_range() {
        let mut rng = stream(3, Stream::Samples);
        let mut sample = sample(10, 4, &mut rng);
        assert!(sample.iter().all(|n| *n < 10));
        sample.dedup();
        assert_eq!(sample.len(), 4);
        assert_eq!(super::sample(3, 9, &mut rng), [0, 1, 2]);
    }
}
