//! What became of a load, and how soon.

use std::collections::BTreeMap;

use serde::Serialize;

/// Most reasons that are told apart; further ones are "other". A guess: a node names few, but each is a stranger's text.
const REASONS_MAX: usize = 64;

/// Most characters of a reason. A guess.
const REASON_LEN: usize = 80;

/// How finely latencies are told: each step is so much longer than the one before.
const STEP: f64 = 1.02;

/// Steps of latencies, from a microsecond to more than an hour.
const STEPS: usize = 1_200;

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The node took it.
    Accepted,
    /// The node had it already.
    Known,
    /// The node said no, for a reason.
    Refused(String),
    /// No answer came: nobody was there, the connection broke, or it took too long.
    Unanswered(String),
    /// It wasn't sent, since too many were waiting for their answers.
    Unsent,
}

impl Fate {
    /// In a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Known => "known",
            Self::Refused(_) => "refused",
            Self::Unanswered(_) => "unanswered",
            Self::Unsent => "unsent",
        }
    }
}

/// Times by steps of 2 %: any number of them takes the same room.
#[derive(Clone, Debug)]
pub struct Times {
    counts: Vec<u64>,
    count: u64,
    most_us: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { counts: vec![0; STEPS], count: 0, most_us: 0 }
    }
}

impl Times {
    /// One more, microseconds.
    pub fn add(&mut self, us: u64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the logarithm of 1 or more, over one of more than 1"
        )]
        let step = ((us.max(1) as f64).ln() / STEP.ln()) as usize;
        self.counts[step.min(STEPS - 1)] += 1;
        self.count += 1;
        self.most_us = self.most_us.max(us);
    }

    /// A quantile, milliseconds, at most 2 % too long; `None` of none.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let mut left = share * self.count as f64;
        for (step, count) in (1_i32..).zip(&self.counts) {
            left -= *count as f64;
            if left <= 0.0 && *count > 0 {
                return Some(STEP.powi(step).min(self.most_us as f64) / 1e3);
            }
        }
        Some(self.most_us as f64 / 1e3)
    }

    /// The longest, milliseconds.
    #[must_use]
    pub fn most_ms(&self) -> f64 {
        self.most_us as f64 / 1e3
    }
}

/// Counts, for a second or for all of a load.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// That were due.
    pub offered: u64,
    /// That nodes took.
    pub accepted: u64,
    /// That nodes had already.
    pub known: u64,
    /// That got no answer, by why.
    pub unanswered: BTreeMap<String, u64>,
    /// That nodes refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// That weren't sent.
    pub unsent: u64,
    /// How long after they were due they were answered.
    pub answers: Times,
    /// How long after they were due they left.
    pub late: Times,
    /// Bytes that nodes took.
    pub accepted_bytes: u64,
}

/// A tally as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Transactions that were due.
    pub offered: u64,
    /// Those that nodes took.
    pub accepted: u64,
    /// Those that nodes had already.
    pub known: u64,
    /// Those that nodes refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Those that got no answer, by why.
    pub unanswered: BTreeMap<String, u64>,
    /// Those that weren't sent since too many waited for answers.
    pub unsent: u64,
    /// Bytes that nodes took.
    pub accepted_bytes: u64,
    /// From due to answered, median, milliseconds.
    pub answer_p50_ms: Option<f64>,
    /// The same, 99 of a hundred.
    pub answer_p99_ms: Option<f64>,
    /// From due to sent, 99 of a hundred, milliseconds: how late the generator was.
    pub late_p99_ms: Option<f64>,
    /// The latest.
    pub late_max_ms: f64,
}

impl Tally {
    /// One is due.
    pub const fn offer(&mut self) {
        self.offered += 1;
    }

    /// One left, so late.
    pub fn left(&mut self, late_us: u64) {
        self.late.add(late_us);
    }

    /// What became of one of so many bytes, and how long after it was due.
    pub fn note(&mut self, fate: &Fate, bytes: usize, answered_us: u64) {
        match fate {
            Fate::Accepted => {
                self.accepted += 1;
                self.accepted_bytes += bytes as u64;
            }
            Fate::Known => self.known += 1,
            Fate::Refused(why) => count(&mut self.refused, why),
            Fate::Unanswered(why) => return count(&mut self.unanswered, why),
            Fate::Unsent => return self.unsent += 1,
        }
        self.answers.add(answered_us);
    }

    /// How many weren't taken as they should be: refused, unanswered, or unsent.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.refused.values().chain(self.unanswered.values()).sum::<u64>() + self.unsent
    }

    /// How many were answered at all.
    #[must_use]
    pub const fn answered(&self) -> u64 {
        self.answers.count
    }

    /// As JSON has it.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            offered: self.offered,
            accepted: self.accepted,
            known: self.known,
            refused: self.refused.clone(),
            unanswered: self.unanswered.clone(),
            unsent: self.unsent,
            accepted_bytes: self.accepted_bytes,
            answer_p50_ms: self.answers.quantile_ms(0.5),
            answer_p99_ms: self.answers.quantile_ms(0.99),
            late_p99_ms: self.late.quantile_ms(0.99),
            late_max_ms: self.late.most_ms(),
        }
    }

    /// In a line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let sum = |reasons: &BTreeMap<String, u64>| reasons.values().sum::<u64>();
        let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1}"));
        format!(
            "offered {}, accepted {}, known {}, refused {}, unanswered {}, unsent {}; answers p50 {} ms, p99 {} ms; late p99 {} ms",
            self.offered,
            self.accepted,
            self.known,
            sum(&self.refused),
            sum(&self.unanswered),
            self.unsent,
            ms(self.answers.quantile_ms(0.5)),
            ms(self.answers.quantile_ms(0.99)),
            ms(self.late.quantile_ms(0.99)),
        )
    }

    /// In lines for people, with all reasons.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.line() + "\n";
        for (what, reasons) in [("refused", &self.refused), ("unanswered", &self.unanswered)] {
            for (why, count) in reasons {
                text += &format!("  {what} {count}: {why}\n");
            }
        }
        text
    }
}

fn count(reasons: &mut BTreeMap<String, u64>, why: &str) {
    let why: String = why.escape_debug().take(REASON_LEN).collect();
    if reasons.len() >= REASONS_MAX && !reasons.contains_key(&why) {
        *reasons.entry("other".to_owned()).or_default() += 1;
    } else {
        *reasons.entry(why).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fate_is_counted_once_and_only_answers_have_a_latency() {
        let mut tally = Tally::default();
        let fates = [
            Fate::Accepted,
            Fate::Known,
            Fate::Refused("fee".into()),
            Fate::Refused("fee".into()),
            Fate::Unanswered("gone".into()),
            Fate::Unsent,
        ];
        for fate in &fates {
            tally.offer();
            tally.note(fate, 300, 2_000);
        }
        let figures = tally.figures();
        assert_eq!((figures.offered, figures.accepted, figures.known), (6, 1, 1));
        assert_eq!((figures.refused["fee"], figures.unanswered["gone"], figures.unsent), (2, 1, 1));
        assert_eq!((figures.accepted_bytes, tally.answers.count, tally.failed()), (300, 4, 4));
        assert!(tally.text().contains("refused 2: fee\n"), "{}", tally.text());
    }

    #[test]
    fn quantiles_are_at_most_two_per_cent_too_long() {
        let mut times = Times::default();
        (1..=10_000).for_each(|us| times.add(us * 10));
        for (share, true_ms) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let told = times.quantile_ms(share).unwrap();
            assert!((1.0..=1.021).contains(&(told / true_ms)), "{told} for {true_ms}");
        }
        assert_eq!(Times::default().quantile_ms(0.5), None);
        let mut one = Times::default();
        one.add(0);
        one.add(u64::MAX);
        assert!(one.quantile_ms(0.0).unwrap() <= 0.002);
    }

    #[test]
    fn reasons_without_end_take_no_more_room() {
        let mut tally = Tally::default();
        for number in 0..1_000 {
            tally.note(&Fate::Refused(format!("{number}{}", "x".repeat(1_000))), 1, 1);
        }
        assert_eq!(tally.refused.len(), REASONS_MAX + 1);
        assert_eq!(tally.refused.values().sum::<u64>(), 1_000);
        assert!(tally.refused.keys().all(|why| why.chars().count() <= REASON_LEN));
    }
}
