//! What comparing finds much of at once: no news, and not relayed as news is.
//!
//! Where a partition heals or a node comes back, what one lacks most of its neighbours have, or are about to find
//! in the same way. Announcing all of it to each of them costs more than it is worth: so it isn't, and once it is here, a
//! node compares with each of its peers once. Whoever lacks it finds it by that, and goes on in the same way.
//!
//! So what is found takes some seconds for each link, and costs what differs. Whatever a peer announces by itself is news all the
//! same.
//!
//! *Attack*: a peer that tells of news as if a comparison had found it has us pass it on late, as if it had told us late.
//! It can do so for what we hear from nobody else meanwhile; and it may keep that from us altogether. Ids that don't exist
//! keep us from comparing for [some seconds](Found::is_coming) of a gap, and are forgotten after a minute; four transactions that do
//! exist have us compare with each peer once, at most every three seconds.

use std::time::Duration;

use super::turns::Turns;
use crate::ground::item::ShortId;
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::machine::Part;
use crate::params::Params;

/// Most ids that were found and aren't here yet; what is over it is news. A guess: ten seconds' transactions of a comparison.
const WANTED_MAX: usize = 8_192;

/// Ids that didn't come within that time are forgotten, all of them. A guess.
const PATIENCE: Duration = Duration::from_secs(60);

/// So long after all of it came, peers are compared with. A guess: above the time between two answers.
const QUIET: Duration = Duration::from_secs(1);

/// When nothing of it came for so long, they are all the same. A guess: what a budget may hold a peer's answers up.
const STALLED: Duration = Duration::from_secs(3);

/// If it goes on coming for so long, they are compared with meanwhile. A guess: ten megabytes by a quick link.
const LATEST: Duration = Duration::from_secs(30);

/// A round of comparisons; each peer has a turn in two. A guess.
const ROUND: Duration = Duration::from_secs(1);

/// For so long an answer is waited for that shows much. A guess: some round trips.
const ANSWER: Duration = Duration::from_secs(1);

/// What was found, and what is to be done about it.
#[derive(Clone, Debug, Default)]
pub struct Found {
    gap: Option<Box<Gap>>,
    /// Until when the answer to a question may come, what differs between us and a peer.
    asked_until: Time,
}

#[derive(Clone, Debug)]
struct Gap {
    wanted: Map<ShortId, ()>,
    noted_at: Time,
    /// When the first was noted that peers weren't compared about.
    began_at: Time,
    /// When the last one came, or the first was noted.
    active_at: Time,
    /// Peers are compared with then; never if none of it is here yet.
    share_at: Time,
    turns: Turns,
}

impl Gap {
    fn new(salt: Salt, now: Time) -> Self {
        Self {
            wanted: Map::new(salt),
            noted_at: now,
            began_at: now,
            active_at: now,
            share_at: Time::NEVER,
            turns: Turns::default(),
        }
    }

    fn is_sharing(&self) -> bool {
        self.turns.deadline() < Time::NEVER
    }

    /// Nothing has come that is to be passed on.
    fn is_quiet(&self) -> bool {
        self.share_at == Time::NEVER && !self.is_sharing()
    }
}

impl Found {
    /// Whether to ask a peer what differs, which may be much. Not while another one's answer may come: most of what it shows this one
    /// would show, too. If none comes, nobody is waited for as long again: so silent peers at most halve what we ask.
    pub fn may_ask(&mut self, now: Time) -> bool {
        if now < self.asked_until {
            return false;
        }
        if now >= self.asked_until + ANSWER {
            self.asked_until = now + ANSWER;
        }
        true
    }

    /// A peer answered that.
    pub const fn on_answer(&mut self) {
        self.asked_until = Time::ZERO;
    }

    /// A comparison found these, which nobody had told of.
    pub fn note(&mut self, ids: impl Iterator<Item = ShortId>, salt: Salt, now: Time) {
        let gap = self.gap.get_or_insert_with(|| Box::new(Gap::new(salt, now)));
        if now >= gap.noted_at + PATIENCE {
            gap.wanted = Map::new(salt);
        }
        gap.noted_at = now; // and no more: whoever notes again and again would keep it coming
        for id in ids {
            if gap.wanted.len() >= WANTED_MAX {
                return;
            }
            gap.wanted.insert(id, ());
        }
    }

    /// Whether some of it is on its way: until it is here, comparing with others would find it once more. At most for
    /// half a minute, after which others are compared with: nobody keeps us from that by what doesn't come, or comes slowly.
    #[must_use]
    pub fn is_coming(&self, now: Time) -> bool {
        self.gap.as_deref().is_some_and(|gap| {
            let until = (gap.active_at + STALLED).min(gap.began_at + LATEST);
            !gap.wanted.is_empty() && !gap.is_sharing() && now < until
        })
    }

    /// Whether something of a gap has come and is yet to be passed on: then what else is found belongs to it, however little.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.gap.as_deref().is_some_and(|gap| !gap.is_quiet())
    }

    /// Peers announced or sent these by themselves, or our operator submitted them: if they aren't here yet, they are news.
    pub fn on_news(&mut self, ids: impl Iterator<Item = ShortId>) {
        if let Some(gap) = &mut self.gap {
            ids.for_each(|id| _ = gap.wanted.remove(&id));
        }
    }

    /// An item was accepted. Says whether it was found, and isn't to be relayed.
    pub fn on_accepted(&mut self, id: ShortId, now: Time) -> bool {
        let Some(gap) = &mut self.gap else { return false };
        if gap.wanted.remove(&id).is_none() {
            return false;
        }
        gap.active_at = now;
        gap.share_at = match gap.wanted.is_empty() {
            true => now + QUIET,
            false => (now + STALLED).min((gap.began_at + LATEST).max(now)),
        };
        true
    }

    /// Which of so many peers to compare with now, if any.
    pub fn on_wake(&mut self, peers: usize, now: Time) -> Option<usize> {
        let gap = self.gap.as_mut()?;
        if now >= gap.share_at {
            (gap.share_at, gap.began_at, gap.active_at) = (Time::NEVER, now, now);
            gap.turns.on_news(ROUND, peers, now);
        }
        let turn = gap.turns.on_wake(ROUND, peers, now);
        if gap.is_quiet() && (gap.wanted.is_empty() || now >= gap.noted_at + PATIENCE) {
            self.gap = None;
        }
        turn
    }
}

impl Part for Found {
    fn deadline(&self) -> Time {
        self.gap.as_ref().map_or(Time::NEVER, |gap| match gap.is_quiet() {
            true => gap.noted_at + PATIENCE,
            false => gap.share_at.min(gap.turns.deadline()),
        })
    }

    fn check(&self, _params: &Params) {
        let wanted = self.gap.as_ref().map_or(0, |gap| gap.wanted.len());
        assert!(wanted <= WANTED_MAX, "{wanted} ids that were found");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> ShortId {
        ShortId(n.to_le_bytes())
    }

    fn noted(ids: std::ops::Range<u64>) -> Found {
        let mut found = Found::default();
        found.note(ids.map(id), Salt::new(1), Time::ZERO);
        found
    }

    /// The peers that are compared with from now on, and when.
    fn compared(found: &mut Found, peers: usize) -> Vec<(Duration, usize)> {
        let mut turns = Vec::new();
        while found.deadline() < Time::NEVER {
            let now = found.deadline();
            turns.extend(found.on_wake(peers, now).map(|peer| (now.since(Time::ZERO), peer)));
        }
        turns
    }

    #[test]
    fn what_was_found_is_not_relayed_and_each_peer_is_compared_with_once_it_has_come() {
        let mut found = noted(0..10);
        for n in 0..10 {
            assert!(found.on_accepted(id(n), Time::from_millis(100 * n)));
        }
        assert!(!found.on_accepted(id(0), Time::from_millis(900)), "once");
        assert!(!found.on_accepted(id(11), Time::from_millis(900)), "news");
        let turns = compared(&mut found, 4);
        let (first, last) = (turns[0].0, turns[turns.len() - 1].0);
        assert!(first >= Duration::from_millis(1_900) && last <= Duration::from_millis(4_000));
        let mut peers: Vec<_> = turns.iter().map(|(_, peer)| *peer).collect();
        peers.sort_unstable();
        assert_eq!(peers, [0, 1, 2, 3]);
        assert!(found.gap.is_none(), "nothing is kept of it");
    }

    #[test]
    fn one_peer_at_a_time_is_asked_what_differs_and_silent_ones_do_not_keep_us_from_others_for_long()
     {
        let mut found = Found::default();
        let asked = (0..100).map(|tenth| found.may_ask(Time::from_millis(1_000 + 100 * tenth)));
        let asked = asked.filter(|may| *may).count();
        assert!((50..=60).contains(&asked), "{asked} of a hundred while none answers");
        let mut found = Found::default();
        let now = Time::from_millis(5_000);
        assert!(found.may_ask(now) && !found.may_ask(now));
        found.on_answer();
        assert!(found.may_ask(now));
    }

    #[test]
    fn what_a_peer_announces_by_itself_is_news() {
        let mut found = noted(0..2);
        found.on_news([id(1)].into_iter());
        assert!(!found.on_accepted(id(1), Time::ZERO) && found.on_accepted(id(0), Time::ZERO));
    }

    #[test]
    fn what_goes_on_coming_is_passed_on_meanwhile() {
        let mut found = noted(0..100);
        for n in 0..100 {
            let now = Time::from_millis(n * 500);
            while found.deadline() <= now {
                let _ = found.on_wake(2, found.deadline());
            }
            found.on_accepted(id(n), now);
            assert!(found.deadline() <= now + LATEST);
        }
    }

    #[test]
    fn nobody_is_compared_with_while_it_comes_but_not_for_ever() {
        let (mut found, mut compared) = (noted(0..1_000), std::collections::BTreeSet::new());
        for n in 0..330 {
            let now = Time::from_millis(n * 100);
            found.note([id(5_000 + n)].into_iter(), Salt::new(1), now);
            found.on_accepted(id(n), now);
            while found.deadline() <= now {
                compared.extend(found.on_wake(8, found.deadline()));
            }
            assert!(found.is_coming(now) || now >= Time::ZERO + LATEST);
        }
        assert_eq!(compared.len(), 8, "each once in half a minute, whatever comes");
        let silent = noted(0..1_000);
        assert!(silent.is_coming(Time::from_millis(2_999)));
        assert!(!silent.is_coming(Time::from_millis(3_000)));
    }

    #[test]
    fn ids_that_do_not_exist_keep_nothing_open_whatever_their_peer_does() {
        let (mut found, mut coming) = (Found::default(), 0);
        for second in 0..600 {
            let now = Time::from_millis(1_000 * second);
            while found.deadline() <= now {
                let turn = found.on_wake(8, found.deadline());
                assert_eq!(turn, None);
            }
            let fakes = 4 * second..4 * second + 4;
            found.note(fakes.clone().map(id), Salt::new(1), now);
            coming += u64::from(found.is_coming(now));
            assert!(!found.is_open());
            found.on_news(fakes.map(id)); // so that none is wanted
        }
        assert!(coming <= 3, "{coming} s of ten minutes");
        found.note([id(1)].into_iter(), Salt::new(1), Time::from_millis(600_000));
        assert_eq!(found.deadline(), Time::from_millis(600_000) + PATIENCE);
        let _ = found.on_wake(8, found.deadline());
        assert!(found.gap.is_none(), "forgotten");
    }

    #[test]
    fn what_does_not_come_is_forgotten_and_more_than_is_kept_is_news() {
        let mut found = noted(0..20_000);
        found.check(&Params::default());
        assert!(!found.on_accepted(id(19_999), Time::ZERO));
        found.note([id(7)].into_iter(), Salt::new(1), Time::from_millis(61_000));
        assert!(!found.on_accepted(id(8), Time::from_millis(61_000)));
        assert!(found.on_accepted(id(7), Time::from_millis(61_000)));
    }
}
