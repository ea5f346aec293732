//! What a peer was told of, because it lacked it, and didn't ask for.
//!
//! Mostly it has refused that: it holds a transaction that conflicts, or takes no such fees. Else its announcement was
//! lost, or was one too many. Nobody can tell which, so it is told again after a wait that doubles, and after
//! `TRIES` no more on this link. While we wait, the comparison leaves it out: two nodes whose difference is
//! what one of them refused look equal, and are silent.
//!
//! Two that tell one another of the same at once would each leave it out, look to the other one as if they lacked it, and
//! so on for ever. So what the peer announces or lists all the same it has: that is shown again, and not told again.
//!
//! What it does ask for is on its way, and is left out for a second: else whoever compares meanwhile would be told
//! once more, ask no more, and look as if it had refused it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ground::item::ShortId;
use crate::ground::time::Time;

/// How often a peer is told. With the default interval, over 21 minutes. A guess.
const TRIES: u8 = 7;

/// How long what a peer asked for may be on its way. A guess: some round trips, as `SETTLED`.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Most that is remembered of one link: over it what the peer has after all is forgotten, and what is over it even so is
/// told again in each comparison. A guess: what one answer tells.
pub const VAIN_MAX: usize = 4_096;

/// The transactions that one peer was told of in vain.
#[derive(Clone, Debug)]
pub struct Vain {
    told: BTreeMap<ShortId, Told>,
    /// How many of them the peer has, or asked for.
    settled: usize,
    /// When the first of them is to be told again, or before.
    retry_at: Time,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    times: u8,
    /// Until when it is left out.
    until: Time,
    answer: Answer,
}

/// What a peer did when it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Nothing yet.
    None,
    /// It asked for it.
    Asked,
    /// It said that it has it.
    Has,
}

impl Default for Vain {
    fn default() -> Self {
        Self { told: BTreeMap::new(), settled: 0, retry_at: Time::NEVER }
    }
}

impl Vain {
    /// The peer is being told. `wait`: the first one.
    pub fn on_told(&mut self, id: ShortId, wait: Duration, now: Time) {
        if self.told.len() >= VAIN_MAX && self.settled > 0 {
            self.told.retain(|_, told| told.answer == Answer::None);
            self.settled = 0;
        }
        let is_full = self.told.len() >= VAIN_MAX;
        let times = match self.told.get(&id) {
            Some(told) if told.answer == Answer::Has => return,
            Some(told) if told.answer == Answer::Asked && now < told.until => return,
            Some(told) if told.answer == Answer::Asked => {
                self.settled -= 1;
                0
            }
            Some(told) => told.times,
            None if is_full => return,
            None => 0,
        };
        let wait = wait.saturating_mul(1 << times.min(TRIES));
        let until = if times + 1 < TRIES { now + wait } else { Time::NEVER };
        self.told.insert(id, Told { times: (times + 1).min(TRIES), until, answer: Answer::None });
        self.retry_at = self.retry_at.min(until);
    }

    /// The peer asked for it. True if it was told, and wasn't known to have it.
    pub fn on_asked(&mut self, id: ShortId, now: Time) -> bool {
        let Some(told) = self.told.get_mut(&id) else { return false };
        let is_first = told.answer == Answer::None;
        self.settled += usize::from(is_first);
        *told = Told { until: now + ON_ITS_WAY, answer: Answer::Asked, ..*told };
        is_first
    }

    /// The peer has it, as it says. True if it was told, and wasn't known to.
    pub fn on_there(&mut self, id: ShortId) -> bool {
        match self.told.get_mut(&id) {
            Some(told) => {
                let is_first = told.answer == Answer::None;
                self.settled += usize::from(is_first);
                *told = Told { until: Time::ZERO, answer: Answer::Has, ..*told };
                is_first
            }
            None => false,
        }
    }

    /// Whether the peer has what it was told of.
    #[must_use]
    pub fn is_there(&self, id: &ShortId) -> bool {
        self.told.get(id).is_some_and(|told| told.answer == Answer::Has)
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

    /// The peer is compared with now: what was to be told again by now is seen to, and what it asked for has come.
    pub fn on_compared(&mut self, now: Time) {
        let before = self.told.len();
        self.told.retain(|_, told| told.answer != Answer::Asked || told.until > now);
        self.settled -= before - self.told.len();
        if self.retry_at <= now {
            let open = self.told.values().filter(|told| told.answer == Answer::None);
            let later = open.map(|told| told.until).filter(|until| *until > now);
            self.retry_at = later.min().unwrap_or(Time::NEVER);
        }
    }

    /// How many the peer may lack.
    #[must_use]
    pub fn len(&self) -> usize {
        self.told.len() - self.settled
    }

    /// Whether it lacks none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        assert!(vain.on_asked(id(1), Time::ZERO) && !vain.on_asked(id(1), Time::ZERO));
        assert!(vain.is_empty());
    }

    #[test]
    fn what_is_on_its_way_is_neither_shown_nor_told() {
        let mut vain = Vain::default();
        vain.on_told(id(1), WAIT, Time::ZERO);
        vain.on_asked(id(1), Time::ZERO);
        let later = Time::ZERO + ON_ITS_WAY;
        vain.on_told(id(1), WAIT, Time::from_millis(500));
        assert!(vain.is_empty() && vain.left_out(Time::from_millis(999)).eq([id(1)]));
        assert!(vain.left_out(later).eq([]), "it may have been lost");
        vain.on_told(id(1), WAIT, later);
        assert!(vain.len() == 1 && vain.left_out(later).eq([id(1)]));
        vain.on_asked(id(1), later);
        vain.on_compared(later + ON_ITS_WAY);
        assert!(vain.told.is_empty() && vain.settled == 0);
    }

    #[test]
    fn what_the_peer_has_is_shown_to_it_and_not_told_again() {
        let mut vain = Vain::default();
        assert!(!vain.on_there(id(1)), "nothing is kept of what it was never told");
        vain.on_told(id(1), WAIT, Time::ZERO);
        assert!(vain.left_out(Time::ZERO).eq([id(1)]) && !vain.is_there(&id(1)));
        assert!(vain.on_there(id(1)) && !vain.on_there(id(1)));
        vain.on_told(id(1), WAIT, Time::ZERO);
        assert!(vain.left_out(Time::ZERO).eq([]) && vain.is_there(&id(1)) && vain.is_empty());
    }

    #[test]
    fn what_the_peer_has_makes_room_for_what_it_lacks() {
        let mut vain = Vain::default();
        for n in 0..2 * VAIN_MAX as u64 {
            vain.on_told(id(n), WAIT, Time::ZERO);
            vain.on_there(id(n));
        }
        assert!(vain.told.len() <= VAIN_MAX && vain.is_empty());
        (0..VAIN_MAX as u64).for_each(|n| vain.on_told(id(n), WAIT, Time::ZERO));
        assert!(vain.told.len() == VAIN_MAX && vain.settled < VAIN_MAX);
    }

    #[test]
    fn over_the_bound_nothing_more_is_remembered() {
        let mut vain = Vain::default();
        (0..2 * VAIN_MAX as u64).for_each(|n| vain.on_told(id(n), WAIT, Time::ZERO));
        assert_eq!(vain.len(), VAIN_MAX);
    }
}
