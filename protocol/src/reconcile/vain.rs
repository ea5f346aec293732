//! What a peer was told of, because it lacked it, and didn't ask for.
//!
//! Mostly it has refused that: it holds a transaction that conflicts, or takes no such fees. Else its announcement was
//! lost, or was one too many. Nobody can tell which, so it is told again after a wait that doubles, and after
//! `TRIES` no more on this link. While we wait, the comparison leaves it out: two nodes whose difference is
//! what one of them refused look equal, and are silent.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ground::item::ShortId;
use crate::ground::time::Time;

/// How often a peer is told. With the default interval, over 21 minutes. A guess.
const TRIES: u8 = 7;

/// Most that is remembered of one link; what is over it is told again in each comparison. A guess: twice what one
/// answer tells.
pub const VAIN_MAX: usize = 8_192;

/// The transactions that one peer was told of in vain.
#[derive(Clone, Debug)]
pub struct Vain {
    told: BTreeMap<ShortId, Told>,
    /// When the first of them is to be told again, or before.
    retry_at: Time,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    times: u8,
    /// Until when it is left out.
    until: Time,
}

impl Default for Vain {
    fn default() -> Self {
        Self { told: BTreeMap::new(), retry_at: Time::NEVER }
    }
}

impl Vain {
    /// The peer is being told. `wait`: the first one.
    pub fn on_told(&mut self, id: ShortId, wait: Duration, now: Time) {
        let is_full = self.told.len() >= VAIN_MAX;
        let times = match self.told.get(&id) {
            Some(told) => told.times,
            None if is_full => return,
            None => 0,
        };
        let wait = wait.saturating_mul(1 << times.min(TRIES));
        let until = if times + 1 < TRIES { now + wait } else { Time::NEVER };
        self.told.insert(id, Told { times: (times + 1).min(TRIES), until });
        self.retry_at = self.retry_at.min(until);
    }

    /// The peer asked for it, or has it. True if it was told.
    pub fn on_taken(&mut self, id: ShortId) -> bool {
        self.told.remove(&id).is_some()
    }

    /// What is left out now.
    pub fn left_out(&self, now: Time) -> impl Iterator<Item = ShortId> {
        self.told.iter().filter(move |(_, told)| told.until > now).map(|(id, _)| *id)
    }

    /// When the next one is to be told again, or before.
    #[must_use]
    pub const fn retry_at(&self) -> Time {
        self.retry_at
    }

    /// The peer is compared with now: what was to be told again by now is seen to.
    pub fn on_compared(&mut self, now: Time) {
        if self.retry_at <= now {
            let later = self.told.values().map(|told| told.until).filter(|until| *until > now);
            self.retry_at = later.min().unwrap_or(Time::NEVER);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    fn id(n: u64) -> ShortId {
        ShortId(n.to_be_bytes())
    }

    #[test]
    fn whoever_does_not_ask_is_told_again_ever_later_and_then_no_more() {
        let (mut vain, mut now, mut times) = (Vain::default(), Time::ZERO, 0);
        while now < Time::NEVER {
            vain.on_told(id(1), WAIT, now);
            assert_eq!(vain.left_out(now).count(), 1);
            assert!(vain.retry_at() == Time::NEVER || vain.retry_at() == now + WAIT * (1 << times));
            now = vain.retry_at();
            vain.on_compared(now);
            times += 1;
        }
        assert_eq!(times, TRIES);
        assert_eq!(vain.left_out(Time::from_millis(1 << 40)).count(), 1);
    }

    #[test]
    fn what_the_peer_took_is_forgotten() {
        let mut vain = Vain::default();
        vain.on_told(id(1), WAIT, Time::ZERO);
        assert!(vain.on_taken(id(1)) && !vain.on_taken(id(1)) && vain.is_empty());
    }

    #[test]
    fn over_the_bound_nothing_more_is_remembered() {
        let mut vain = Vain::default();
        (0..2 * VAIN_MAX as u64).for_each(|n| vain.on_told(id(n), WAIT, Time::ZERO));
        assert_eq!(vain.len(), VAIN_MAX);
    }
}
