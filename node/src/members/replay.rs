//! Which datagrams were here before.
//!
//! Each process of a member has a random session, and counts what it seals in it. Of each session the highest count is
//! remembered, and which of the [`WINDOW`] before it came (RFC 6479's window, without its blocks). What is older than the window is
//! refused as well: nothing overtakes a thousand others.
//!
//! # What a replayer can do
//! Whoever recorded what was sent to this node, and has no key, may hand each datagram in once more *after this node has started
//! again*, or has forgotten its session: the [`SESSIONS_MAX`] that were used last are remembered, and only who has a key makes sessions.
//! It can't hand in what was sent to others, since a datagram opens where it was sent to (`members/seal.rs`). What it gets by that is
//! old news: the claims in it are about incarnations that are over, or that their members refute at the cost of one datagram;
//! an ack answers no ping that is out now; a ping is answered by less than it was. When the key that sealed it is removed, that ends.
//!
//! There is no time in a datagram that would end it sooner: members whose clocks are wrong, or stood still, would be out of
//! the fleet, and that is worse than old news.

use std::num::NonZeroUsize;

use lru::LruCache;

use super::seal::Stamp;

/// How far back counts are told apart. A member sends a handful of datagrams a second to another.
pub(super) const WINDOW: u64 = 1_024;

/// Most sessions: twice as many as there are members at most, by default. Each takes some 200 bytes.
pub(super) const SESSIONS_MAX: NonZeroUsize = NonZeroUsize::new(2 * 16_384).expect("it isn't zero");

const WORDS: usize = 16;

const _: () = assert!(WORDS as u64 * 64 == WINDOW, "a bit for each count");

/// What came of one session.
#[derive(Clone, Debug)]
struct Window {
    highest: u64,
    /// A bit for each count of the window, by its remainder.
    seen: [u64; WORDS],
}

impl Window {
    const fn new(first: u64) -> Self {
        Self { highest: first, seen: [0; WORDS] }
    }

    fn is_new(&mut self, count: u64) -> bool {
        if count > self.highest {
            // What lies between hasn't come.
            let steps = (count - self.highest).min(WINDOW);
            (0..steps).for_each(|back| self.clear(count - back));
            self.highest = count;
        } else if self.highest - count >= WINDOW {
            return false;
        }
        let (word, bit) = Self::place(count);
        let was = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        !was
    }

    fn clear(&mut self, count: u64) {
        let (word, bit) = Self::place(count);
        self.seen[word] &= !bit;
    }

    const fn place(count: u64) -> (usize, u64) {
        let at = (count % WINDOW) as usize;
        (at / 64, 1 << (at % 64))
    }
}

/// What came lately.
#[derive(Debug)]
pub(super) struct Replays(LruCache<[u8; 16], Window>);

impl Default for Replays {
    fn default() -> Self {
        Self::new(SESSIONS_MAX)
    }
}

impl Replays {
    fn new(sessions_max: NonZeroUsize) -> Self {
        // Without a bound of its own, it takes no memory before it is used.
        let mut sessions = LruCache::unbounded();
        sessions.resize(sessions_max);
        Self(sessions)
    }

    /// Whether this hasn't come before, as far as is known. The stamp must be of something that opened.
    pub(super) fn is_new(&mut self, stamp: &Stamp) -> bool {
        let window = self.0.get_or_insert_mut(stamp.session, || Window::new(stamp.count));
        window.is_new(stamp.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(session: u8, count: u64) -> Stamp {
        Stamp { session: [session; 16], count }
    }

    #[test]
    fn nothing_comes_twice_in_any_order() {
        let mut replays = Replays::default();
        for count in [5, 3, 4, 1_000, 999, 6, 1_023, 70_000, 69_999] {
            assert!(replays.is_new(&stamp(1, count)), "{count}");
            assert!(!replays.is_new(&stamp(1, count)), "{count} again");
        }
        assert!(replays.is_new(&stamp(2, 5)), "another session");
        assert!(replays.is_new(&stamp(1, u64::MAX)));
        assert!(!replays.is_new(&stamp(1, u64::MAX)));
    }

    #[test]
    fn what_is_older_than_the_window_is_refused() {
        let mut replays = Replays::default();
        assert!(replays.is_new(&stamp(1, 5_000)));
        assert!(replays.is_new(&stamp(1, 5_000 - WINDOW + 1)));
        assert!(!replays.is_new(&stamp(1, 5_000 - WINDOW)));
        assert!(!replays.is_new(&stamp(1, 0)));
    }

    #[test]
    fn it_says_what_a_set_of_all_counts_would() {
        let (mut window, mut all) = (Window::new(500), std::collections::BTreeSet::new());
        let (mut state, mut highest) = (1u64, 500u64);
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let count = (highest + 40).saturating_sub(state >> 53);
            let is_old = highest >= count + WINDOW;
            let expected = !is_old && all.insert(count);
            assert_eq!(window.is_new(count), expected, "{count} at {highest}");
            highest = highest.max(count);
        }
    }

    #[test]
    fn sessions_are_bounded_and_the_one_that_was_used_last_stays() {
        let mut replays = Replays::new(NonZeroUsize::new(2).unwrap());
        for session in [1, 2, 1, 3] {
            replays.is_new(&stamp(session, u64::from(session) * 10 + replays.0.len() as u64));
        }
        assert_eq!(replays.0.len(), 2);
        assert!(replays.0.contains(&[1; 16]) && !replays.0.contains(&[2; 16]));
    }
}
