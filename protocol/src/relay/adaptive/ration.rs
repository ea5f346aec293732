//! The ration: how many whole items may leave, so that nobody is made to send without end.
//!
//! Of all copies that are sent in a network one for each node is useful, and the dial says how many more there are. A node
//! in the middle sends more than its share and one at the edge fewer; but a peer that claims to lack everything costs
//! all its neighbours a copy of each item, and nobody can tell it from a leaf. So a node sends at most [`SHARE`] times
//! the mean, and if more peers are worth a copy, those go first that brought something last.

use crate::params::Redundancy;

/// How much of what nodes send on average one node may, percent. Measured with `balanced` on a plane: 200 costs 7 % of t99, and with
/// a third of all peers claiming to lack everything nodes send twice as many bytes; 145 costs a sixth, and then it is 1.6 times.
const SHARE: i32 = 200;

/// Most that is saved up, in thousandths of a copy: two items to all of 16 links. A guess.
const SAVED_MAX: i32 = 32_000;

/// One copy, in thousandths.
const COPY: i32 = 1_000;

/// Thousandths of a copy that were sent of what had been saved up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ration(i32);

impl Ration {
    /// An item is worth sending to so many peers: to how many it may go.
    pub(super) fn take(&mut self, copies: usize, dial: Redundancy) -> usize {
        let share = (COPY + i32::from(dial.thousandths())) * SHARE / 100;
        self.0 = (self.0 - share).max(0);
        let left = (SAVED_MAX - self.0).max(0) / COPY;
        let taken = i32::try_from(copies).unwrap_or(i32::MAX).min(left);
        self.0 += taken * COPY;
        usize::try_from(taken).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_long_run_no_more_leaves_than_the_dial_has_it() {
        let (mut ration, dial) = (Ration::default(), Redundancy::of_thousandths(600));
        let left: usize = (0..1_000).map(|_| ration.take(15, dial)).sum();
        let (least, most) = (1_000 * SHARE * 16 / 1_000, 1_000 * SHARE * 16 / 1_000 + 32);
        assert!((least..=most).contains(&(i32::try_from(left).unwrap())), "{left}");
        assert_eq!(Ration::default().take(15, dial), 15, "a burst is in order");
    }
}
