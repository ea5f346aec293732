//! Suspicions, and when each becomes a verdict.
//!
//! A suspicion lasts for long while only one had no answer, and for less the more say so independently of one another (Lifeguard, §IV.B):
//!
//! ```text
//! timeout(C) = max(min, max - (max - min) log(C + 1) / log(K + 1))
//! ```
//! with C confirmations by others, K of them expected, and `min` and `max` of the settings. With fewer than K others to confirm it is `min`
//! (memberlist, `newSuspicion`). Each accuser counts once, however often it is heard; whoever lies for many can make a suspicion
//! as short as `min`, and no shorter: that is long enough to refute it.
//!
//! Before it becomes a verdict, the suspect itself is asked once more, by whoever is about to give it: of those who missed its refutation each has
//! it then. A dead one is long declared by its accusers when those who only heard of it come to that.
//!
//! Bound: one suspicion a member, and a list of [`ACCUSERS_MAX`] in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::member_id::MemberId;
use super::settings::Settings;
use crate::ground::time::Time;

/// Most accusers that are told apart. More confirm nothing. A guess: presets expect two to four confirmations.
pub(crate) const ACCUSERS_MAX: usize = 8;

/// What is due of a suspicion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The suspect is to be asked once more.
    Ask(MemberId),
    /// The time is over.
    Verdict(MemberId),
}

/// An accusation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accusation {
    /// Who had no answer.
    pub(crate) by: MemberId,
    /// How many others told it that they had none either.
    pub(crate) nacks: u8,
    /// Whether that is us, and so it isn't hearsay.
    pub(crate) is_ours: bool,
    /// Whether a stream was refused as well.
    pub(crate) is_refused: bool,
}

#[derive(Clone, Debug)]
struct Suspicion {
    /// When we heard of it.
    start: Time,
    /// When we had no answer ourselves.
    ours: Option<Time>,
    accusers: Vec<MemberId>,
    nacks: u8,
    is_refused: bool,
    due: Time,
    /// When the suspect is asked once more. `None`: it was.
    ask_at: Option<Time>,
}

/// All suspicions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suspicions {
    of: BTreeMap<MemberId, Suspicion>,
    /// When something is due of each.
    due: BTreeSet<(Time, MemberId)>,
}

impl Suspicions {
    /// Notes an accusation among `n` members. Returns whether it is news: the first, or a confirmation.
    pub(crate) fn accuse(
        &mut self,
        id: MemberId,
        accusation: Accusation,
        settings: &Settings,
        n: usize,
        now: Time,
    ) -> bool {
        let suspicion = self.of.entry(id).or_insert_with(|| Suspicion {
            start: now,
            ours: None,
            accusers: Vec::new(),
            nacks: 0,
            is_refused: false,
            due: Time::NEVER,
            ask_at: settings.buddy.then_some(Time::NEVER),
        });
        let is_new =
            !suspicion.accusers.contains(&accusation.by) && suspicion.accusers.len() < ACCUSERS_MAX;
        if is_new {
            suspicion.accusers.push(accusation.by);
        }
        suspicion.nacks = suspicion.nacks.max(accusation.nacks);
        suspicion.is_refused |= accusation.is_refused;
        if accusation.is_ours {
            suspicion.ours.get_or_insert(now);
        }
        let due = suspicion.due(settings, n).max(now);
        self.due.remove(&(suspicion.next(), id));
        suspicion.due = due;
        suspicion.ask_at = suspicion.ask_at.map(|_| before(due, settings.probe_timeout));
        self.due.insert((suspicion.next(), id));
        is_new
    }

    /// Ends a suspicion, whatever became of it.
    pub(crate) fn end(&mut self, id: MemberId) {
        if let Some(suspicion) = self.of.remove(&id) {
            self.due.remove(&(suspicion.next(), id));
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Time {
        self.due.first().map_or(Time::NEVER, |(at, _)| *at)
    }

    /// Takes what is due.
    pub(crate) fn due(&mut self, now: Time) -> Option<Due> {
        let (at, id) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        let suspicion = self.of.get_mut(&id)?;
        if suspicion.ask_at.take().is_none() {
            return Some(Due::Verdict(id));
        }
        self.due.remove(&(at, id));
        self.due.insert((suspicion.next(), id));
        Some(Due::Ask(id))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether somebody is suspected.
    pub(crate) fn contains(&self, id: MemberId) -> bool {
        self.of.contains_key(&id)
    }

    /// We stood still: all last for as much longer, and until `least` at the soonest.
    pub(crate) fn delay(&mut self, by: Duration, least: Time) {
        self.due.clear();
        for (id, suspicion) in &mut self.of {
            suspicion.start = suspicion.start + by;
            suspicion.ours = suspicion.ours.map(|at| at + by);
            suspicion.due = (suspicion.due + by).max(least);
            suspicion.ask_at = suspicion.ask_at.map(|at| at + by);
            self.due.insert((suspicion.next(), *id));
        }
    }

    /// Checks that what is kept twice agrees.
    pub(crate) fn check(&self) {
        assert_eq!(self.of.len(), self.due.len(), "each is due once");
        for (due, id) in &self.due {
            let suspicion = self.of.get(id).expect("what is due is a suspicion");
            assert_eq!(suspicion.next(), *due, "when it is due");
            assert!(suspicion.accusers.len() <= ACCUSERS_MAX, "accusers");
        }
    }
}

impl Suspicion {
    fn next(&self) -> Time {
        self.ask_at.map_or(self.due, |at| at.min(self.due))
    }

    fn due(&self, settings: &Settings, n: usize) -> Time {
        let others = u32::try_from(self.accusers.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let nacks = if settings.nacks_confirm { self.nacks.into() } else { 0 };
        let confirmed = timeout(settings, n, others.max(nacks));
        // Nobody else to ask, or two who had no answer either: then a refusal isn't only ours.
        let several = usize::from(self.nacks) >= n.saturating_sub(2).min(2);
        let lasts = match settings.refused_wait {
            Some(wait) if self.is_refused && several => wait.min(confirmed),
            _ => confirmed,
        };
        let hearsay = self.start + confirmed + settings.hearsay(n);
        self.ours.map_or(hearsay, |at| (at + lasts).min(hearsay))
    }
}

/// So long before a moment.
fn before(at: Time, by: Duration) -> Time {
    Time::ZERO + (at - Time::ZERO).saturating_sub(by)
}

/// How long a suspicion lasts among `n` with so many confirmations.
pub(crate) fn timeout(settings: &Settings, n: usize, confirmations: u32) -> Duration {
    let min = settings.suspicion_min(n);
    let expected = settings.confirmations;
    if confirmations >= expected || n < expected as usize + 2 {
        return min;
    }
    let max = min.mul_f64(settings.suspicion_max_mult);
    let share = f64::from(confirmations + 1).ln() / f64::from(expected + 1).ln();
    max.saturating_sub((max - min).mul_f64(share)).max(min)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: MemberId = MemberId(9);

    fn by(by: u64) -> Accusation {
        Accusation { by: MemberId(by), nacks: 0, is_ours: false, is_refused: false }
    }

    #[test]
    fn timeouts_shrink_as_lifeguard_has_it() {
        let settings = Settings { confirmations: 3, suspicion_mult: 5.0, ..Settings::lan() };
        // min 5 s, max 30 s; by hand: 30 - 25 log(2)/log(4), 30 - 25 log(3)/log(4).
        for (confirmations, seconds) in [(0, 30.0), (1, 17.5), (2, 10.188), (3, 5.0), (9, 5.0)] {
            let lasts = timeout(&settings, 10, confirmations).as_secs_f64();
            assert!((lasts - seconds).abs() < 1e-3, "{confirmations}: {lasts}");
        }
        assert_eq!(timeout(&settings, 4, 0), Duration::from_secs(5), "too few to confirm");
        let plain = settings.without_lifeguard();
        assert_eq!(timeout(&plain, 10, 0), Duration::from_secs(5));
    }

    #[test]
    fn an_accuser_counts_once_and_there_are_few() {
        let (mut all, settings) =
            (Suspicions::default(), Settings { buddy: false, ..Settings::lan() });
        assert!(all.accuse(ID, by(1), &settings, 100, Time::ZERO));
        let alone = all.deadline();
        assert!(!all.accuse(ID, by(1), &settings, 100, Time::ZERO));
        assert_eq!(all.deadline(), alone);
        assert!(all.accuse(ID, by(2), &settings, 100, Time::ZERO));
        assert!(all.deadline() < alone);
        for other in 3..100 {
            assert_eq!(all.accuse(ID, by(other), &settings, 100, Time::ZERO), other <= 8);
            all.check();
        }
        assert_eq!(all.deadline(), Time::ZERO + settings.suspicion_min(100), "and no sooner");
        all.end(ID);
        assert_eq!((all.len(), all.deadline()), (0, Time::NEVER));
    }

    #[test]
    fn hearsay_lasts_longer_and_a_refusal_that_others_share_is_short() {
        let settings = Settings { buddy: false, ..Settings::fleet() };
        let mut all = Suspicions::default();
        all.accuse(ID, Accusation { nacks: 3, ..by(1) }, &settings, 20, Time::ZERO);
        assert_eq!(all.deadline(), Time::from_millis(2_100 + 2 * 5 * 200));
        let now = Time::from_millis(500);
        let ours = Accusation { nacks: 3, is_ours: true, ..by(2) };
        all.accuse(ID, ours, &settings, 20, now);
        assert_eq!(all.deadline(), Time::from_millis(2_600));
        all.accuse(ID, Accusation { is_refused: true, ..ours }, &settings, 20, now);
        assert_eq!(all.deadline(), Time::from_millis(1_500));

        let mut alone = Suspicions::default();
        let refused = Accusation { nacks: 1, is_ours: true, is_refused: true, ..by(2) };
        alone.accuse(ID, refused, &settings, 20, now);
        assert!(alone.deadline() > Time::from_millis(2_600), "only we were refused");
    }

    #[test]
    fn standing_still_delays_them_all() {
        let settings = Settings { buddy: false, ..Settings::fleet() };
        let mut all = Suspicions::default();
        all.accuse(ID, by(1), &settings, 4, Time::ZERO);
        let before = all.deadline();
        all.delay(Duration::from_secs(8), Time::ZERO);
        assert_eq!(all.deadline(), before + Duration::from_secs(8));
        all.delay(Duration::ZERO, Time::from_millis(60_000));
        assert_eq!(all.due(Time::from_millis(59_999)), None);
        assert_eq!(all.due(Time::from_millis(60_000)), Some(Due::Verdict(ID)));
        all.check();
    }

    #[test]
    fn the_suspect_is_asked_once_more_before_the_verdict() {
        let (mut all, settings) = (Suspicions::default(), Settings::fleet());
        let ours = Accusation { nacks: 3, is_ours: true, ..by(2) };
        all.accuse(ID, ours, &settings, 20, Time::ZERO);
        let (ask_at, due) = (Time::from_millis(1_600), Time::from_millis(2_100));
        assert_eq!(all.deadline(), ask_at);
        assert_eq!(all.due(ask_at), Some(Due::Ask(ID)));
        all.check();
        all.accuse(ID, ours, &settings, 20, ask_at);
        assert_eq!((all.due(ask_at), all.deadline()), (None, due), "once");
        assert_eq!(all.due(due), Some(Due::Verdict(ID)));
    }
}
