//! Spies: some of the nodes note who told them of each item first, and put their notes together.
//!
//! The guess is the *first-spy estimator*: the peer that was the first of all to announce or deliver an
//! item to any spy is taken for its origin (Fanti and Viswanath, "Deanonymization in the Bitcoin P2P
//! Network", NIPS 2017). It is the simplest attack on the privacy of whoever submits, and needs nothing
//! but nodes. Spies relay like all others; to look at their notes changes nothing in a run.
//!
//! A node is a spy or not by its own number and the seed, so that more spies are the same ones and others,
//! and one run tells what fewer of them would have guessed ([`SHARES`]).

use tidings_protocol::ground::item::{Name, ShortId};
use tidings_protocol::wire::message::{Items, Message, Reconcile};

use crate::random::{Use, stream, unit};

use rand::Rng as _;

/// Shares of spies that a run with more of them tells of as well.
pub const SHARES: [f64; 3] = [0.05, 0.1, 0.2];

/// The notes of all spies of a run.
#[derive(Clone, Debug)]
pub struct Spies {
    /// Shares of the nodes, ascending; the last one is that of all spies.
    shares: Vec<f64>,
    /// By node: the first of the shares that it belongs to, if any; empty if there are no spies.
    since: Vec<Option<u8>>,
    /// By share and item: who told the first spy that was told.
    first: Vec<Vec<Option<u32>>>,
}

/// How good the guesses were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guesses {
    /// Items that came from an honest node and reached a spy.
    pub all: u64,
    /// Those whose origin was guessed.
    pub right: u64,
}

impl Guesses {
    /// Share of the guesses that are right; `None` without any.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        (self.all > 0).then(|| self.right as f64 / self.all as f64)
    }
}

impl Spies {
    /// Makes spies of a share of the nodes, 0 to 1.
    #[must_use]
    pub fn new(share: f64, nodes: usize, items: usize, seed: u64) -> Self {
        if share <= 0.0 {
            return Self { shares: Vec::new(), since: Vec::new(), first: Vec::new() };
        }
        let mut shares: Vec<f64> = SHARES.into_iter().filter(|less| *less < share).collect();
        shares.push(share);
        let since = |node| {
            let drawn = unit(stream(seed, Use::Spy, node).next_u64());
            (0..).zip(&shares).find(|(_, share)| drawn < **share).map(|(place, _)| place)
        };
        Self {
            since: (0..nodes as u64).map(since).collect(),
            first: vec![vec![None; items]; shares.len()],
            shares,
        }
    }

    /// The shares of the nodes that there are notes of, ascending; the last one is that of all spies.
    #[must_use]
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Whether a node is a spy.
    #[must_use]
    pub fn contains(&self, node: u32) -> bool {
        self.since(node).is_some()
    }

    fn since(&self, node: u32) -> Option<usize> {
        self.since.get(node as usize).copied().flatten().map(usize::from)
    }

    /// A spy is told something by a peer. `number` finds an item.
    pub fn note(
        &mut self,
        spy: u32,
        peer: u32,
        message: &Message,
        number: impl Fn(ShortId) -> Option<u32>,
    ) {
        let Some(since) = self.since(spy) else { return };
        let notes = &mut self.first[since..];
        let mut note = |id: ShortId| {
            if let Some(item) = number(id) {
                notes.iter_mut().for_each(|first| {
                    first[item as usize].get_or_insert(peer);
                });
            }
        };
        match message {
            Message::Items(Items::Item(item)) => note(item.id().into()),
            Message::Items(Items::Announce(names)) => names.iter().map(Name::short).for_each(note),
            Message::Reconcile(Reconcile::Lacked(ids)) => ids.iter().copied().for_each(note),
            Message::Reconcile(Reconcile::Held(lists)) => {
                lists.iter().flat_map(|list| list.ids.iter().copied()).for_each(note);
            }
            _ => {}
        }
    }

    /// Compares the guesses of the spies of the share number `place` with the origins, by item. A spy's own
    /// items need no guess.
    pub fn guesses(&self, place: usize, origin: impl Fn(usize) -> Option<u32>) -> Guesses {
        let mut guesses = Guesses::default();
        for (item, guess) in self.first[place].iter().enumerate() {
            let (Some(guess), Some(origin)) = (guess, origin(item)) else { continue };
            if self.since(origin).is_none_or(|since| since > place) {
                guesses.all += 1;
                guesses.right += u64::from(*guess == origin);
            }
        }
        guesses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::wire::message::Names;

    #[test]
    fn a_share_of_the_nodes_spies_and_more_spies_are_the_same_ones_and_others() {
        let [few, many] = [0.1, 0.2].map(|share| Spies::new(share, 10_000, 0, 1));
        let count = |spies: &Spies| (0..10_000).filter(|node| spies.contains(*node)).count();
        assert!((900..1_100).contains(&count(&few)) && (1_850..2_150).contains(&count(&many)));
        assert!((0..10_000).all(|node| !few.contains(node) || many.contains(node)));
        assert_eq!(count(&Spies::new(0.0, 10_000, 0, 1)), 0);
    }

    #[test]
    fn the_first_to_tell_any_spy_is_taken_for_the_origin() {
        let ids = [[1; 8], [2; 8]].map(ShortId);
        let number = |id| (0..).zip(&ids).find(|(_, other)| **other == id).map(|(place, _)| place);
        let mut spies = Spies::new(0.5, 100, 2, 1);
        assert_eq!(spies.shares(), [0.05, 0.1, 0.2, 0.5]);
        let since = |place| (0..100).find(|node| spies.since(*node) == Some(place)).unwrap();
        let (early, late) = (since(0), since(3));
        let honest: Vec<u32> = (0..100).filter(|node| !spies.contains(*node)).collect();
        let tell = |ids: &[ShortId]| Message::Items(Items::Announce(Names::Short(ids.into())));
        spies.note(late, honest[0], &tell(&ids[..1]), number);
        spies.note(early, honest[1], &tell(&ids), number);
        let asks = Message::Items(Items::GetData(Names::Short(ids[1..].into())));
        spies.note(late, honest[2], &asks, number);
        let right = spies.guesses(3, |item| Some([honest[0], honest[2]][item]));
        assert_eq!(right, Guesses { all: 2, right: 1 });
        assert_eq!(right.precision(), Some(0.5));
        assert_eq!(spies.guesses(3, |_| Some(late)).precision(), None, "spies know their own");
        let fewer = spies.guesses(0, |item| Some([late, honest[1]][item]));
        assert_eq!(fewer, Guesses { all: 2, right: 1 }, "he told the first of fewer spies");
    }
}
