//! The digest of a set of items: a Bloom filter that tells a peer what one of the two missed
//! (see [`crate::reconcile::anti_entropy`]).

use std::sync::Arc;

use crate::ground::item::ItemId;

/// Most items in a digest. A guess: 68 transactions a second for a minute.
pub const RECENT_MAX: usize = 4_096;

/// Most bytes of a filter.
pub const FILTER_MAX: usize = filter_len(RECENT_MAX);

/// Bits for each item: 2.2 % false positives (Bloom 1970) with the best number of probes, 6. Two more would make
/// it 0.8 %, and digests a quarter larger; what one hides, the next one shows.
const BITS: usize = 8;
const PROBES: u64 = 6;

const fn filter_len(items: usize) -> usize {
    (items * BITS).div_ceil(8)
}

/// A set of items that can only be asked whether it holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// It answers a digest, and so isn't answered by one.
    pub is_answer: bool,
    /// How many items it holds.
    pub count: u32,
    /// Decides which bits an item sets.
    pub salt: u64,
    /// A Bloom filter, at most [`FILTER_MAX`] bytes.
    pub filter: Arc<[u8]>,
}

impl Digest {
    /// The digest of some items. More than [`RECENT_MAX`] would make a filter that peers refuse.
    #[must_use]
    pub fn of(ids: &[ItemId], salt: u64, is_answer: bool) -> Self {
        debug_assert!(ids.len() <= RECENT_MAX, "the peer would refuse it");
        let mut filter = vec![0; filter_len(ids.len())];
        for id in ids {
            for bit in probes(id, salt, filter.len()) {
                filter[bit / 8] |= 1 << (bit % 8);
            }
        }
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        Self { is_answer, count, salt, filter: filter.into() }
    }

    /// Whether it holds an item; wrong in 2.2 % of the cases when it doesn't.
    #[must_use]
    pub fn contains(&self, id: &ItemId) -> bool {
        !self.filter.is_empty()
            && probes(id, self.salt, self.filter.len())
                .all(|bit| self.filter[bit / 8] & (1 << (bit % 8)) != 0)
    }
}

/// The bits of an item: two hashes give all of them (Kirsch, Mitzenmacher 2006). Ids are hashes already,
/// and the salt is new each time, so mixing it in is enough.
fn probes(id: &ItemId, salt: u64, filter_len: usize) -> impl Iterator<Item = usize> {
    let [first, second, ..] = id.hash().words();
    let start = mix(first ^ salt);
    let stride = mix(second ^ salt) | 1;
    let bits = 8 * filter_len as u64;
    (0..PROBES).map(move |probe| {
        let bit = start.wrapping_add(probe.wrapping_mul(stride)) % bits;
        usize::try_from(bit).expect("a filter is small")
    })
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
