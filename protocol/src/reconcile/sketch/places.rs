//! In which cells of a sketch an id is.

use crate::ground::item::ShortId;
use crate::wire::digest::mixed;

/// The places of an id's cells, in order, from 0 on and without end: place `i` with probability 1 / (1 + i/2), on which the
/// sequence's whole efficiency rests (Yang et al. 2024, §4.1). From one place the next is found by a single random number: the
/// inverse of the distribution of the gap (§4.2).
#[derive(Clone, Debug)]
pub(super) struct Places {
    word: u64,
    next: usize,
}

impl Places {
    pub(super) const fn of(id: ShortId) -> Self {
        Self { word: u64::from_be_bytes(id.0), next: 0 }
    }

    /// A random number above 0, at most 1: of `SplitMix64`, from the id on.
    fn random(&mut self) -> f64 {
        self.word = self.word.wrapping_add(0x9e37_79b9_7f4a_7c15);
        ((mixed(self.word) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = self.next;
        let gap = (place as f64 + 1.5) * (self.random().sqrt().recip() - 1.0);
        // Rounded up: at least the next one. (To cut off is an instruction, to round a call.)
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is too far saturates, beyond every sketch"
        )]
        let skipped = gap as u32;
        self.next = place.saturating_add(skipped as usize + 1);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_in_each_cell_as_often_as_the_sequence_wants_it() {
        const IDS: u64 = 20_000;
        let mut counts = [0_u32; 200];
        for n in 0..IDS {
            let id = ShortId(mixed(n).to_be_bytes());
            let places: Vec<_> = Places::of(id).take_while(|place| *place < counts.len()).collect();
            assert!(places[0] == 0 && places.is_sorted_by(|one, next| one < next));
            places.iter().for_each(|place| counts[*place] += 1);
        }
        for (place, count) in counts.iter().enumerate() {
            let wanted = IDS as f64 / (1.0 + place as f64 / 2.0);
            let off = (f64::from(*count) - wanted).abs();
            assert!(
                off < 5.0 * wanted.sqrt() + 0.02 * wanted,
                "{count} at {place}, wanted {wanted}"
            );
        }
    }
}
