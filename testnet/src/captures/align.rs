//! How far apart the nodes' clocks are, by the messages between them.
//!
//! Of two nodes the least difference from sending to receiving, each way, is a least latency plus or minus what the clocks are apart
//! (Cristian 1989; NTP keeps the sample of least delay for the same reason: RFC 5905, §10). Half the difference of the two is what
//! they are apart, wrong by half their sum at most: that far the least latencies of both ways may differ.
//!
//! Nodes of one machine have one clock. So if no message arrives before it left, clocks are taken as they are, which is exact there;
//! and else all are set by a tree of the links that tell most, the errors of which add up.

use super::pairing::{Fate, Life, Pair, Traffic, fates};

/// How clocks were set right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    /// What is to be added to the times of each life, microseconds.
    pub offsets_us: Vec<i64>,
    /// By how much a time may still be wrong compared with another node's, microseconds; `None` if the clocks are taken as they
    /// are.
    pub error_us: Option<u64>,
    /// Lives that no message links to the others: their clocks are taken as they are.
    pub apart: usize,
}

impl Alignment {
    /// A sentence for whoever reads the times.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentence = match self.error_us {
            None => "clocks are taken as they are: no message arrives before it left".to_owned(),
            Some(error_us) => format!(
                "clocks were set by the messages between nodes, since some arrived before they left: a time may be wrong by {:.3} ms",
                error_us as f64 / 1e3
            ),
        };
        if self.error_us.is_some() && self.apart > 0 {
            sentence += &format!("; {} could not be compared", self.apart);
        }
        sentence
    }
}

/// What one link tells of its ends' clocks.
#[derive(Clone, Copy, Debug)]
struct Comparison {
    a: usize,
    b: usize,
    /// How far the clock of `b` is ahead of that of `a`.
    ahead_us: i64,
    error_us: u64,
}

/// The least difference from sending to receiving.
fn least_us(
    lives: &[Life],
    traffic: &Traffic,
    from: super::pairing::End,
    to: super::pairing::End,
) -> Option<i64> {
    let sent = &lives[from.life].seen.sent;
    let took = fates(lives, traffic, from, to).into_iter().filter_map(|(index, fate)| match fate {
        Fate::Arrived(at_us) => Some(at_us.wrapping_sub(sent[index].at_us).cast_signed()),
        _ => None,
    });
    took.min()
}

/// Compares the clocks of all lives.
#[must_use]
pub fn align(lives: &[Life], pairs: &[Pair], traffic: &Traffic) -> Alignment {
    let mut is_wrong = false;
    let mut comparisons = Vec::new();
    for Pair { dialler, dialled } in pairs {
        let there = least_us(lives, traffic, *dialler, *dialled);
        let back = least_us(lives, traffic, *dialled, *dialler);
        is_wrong |= there.is_some_and(|us| us < 0) || back.is_some_and(|us| us < 0);
        if let (Some(there), Some(back)) = (there, back) {
            comparisons.push(Comparison {
                a: dialler.life,
                b: dialled.life,
                ahead_us: (there - back) / 2,
                error_us: u64::try_from((there + back) / 2).unwrap_or(0),
            });
        }
    }
    let mut offsets_us = vec![0; lives.len()];
    if !is_wrong {
        return Alignment { offsets_us, error_us: None, apart: 0 };
    }
    // Prim's tree, by least error, from the first life on.
    comparisons.sort_by_key(|comparison| comparison.error_us);
    let mut error_us = vec![None; lives.len()];
    if let Some(first) = error_us.first_mut() {
        *first = Some(0);
    }
    loop {
        let next = comparisons.iter().find_map(|comparison| {
            let Comparison { a, b, ahead_us, error_us: error } = *comparison;
            match (error_us[a], error_us[b]) {
                (Some(known), None) => Some((b, offsets_us[a] - ahead_us, known + error)),
                (None, Some(known)) => Some((a, offsets_us[b] + ahead_us, known + error)),
                _ => None,
            }
        });
        let Some((life, offset_us, error)) = next else { break };
        (offsets_us[life], error_us[life]) = (offset_us, Some(error));
    }
    let apart = error_us.iter().filter(|error| error.is_none()).count();
    // Two branches of the tree may both be wrong, either way.
    let mut errors: Vec<u64> = error_us.into_iter().flatten().collect();
    errors.sort_unstable_by(|a, b| b.cmp(a));
    let worst = errors.iter().take(2).sum();
    Alignment { offsets_us, error_us: Some(worst), apart }
}

#[cfg(test)]
mod tests {
    use super::super::pairing::pairs;
    use super::super::pairing::tests::{passage, two};
    use super::*;

    /// Two nodes with latencies of 30 and 50 microseconds at least, whose second clock is so far ahead.
    fn apart(ahead_us: i64) -> Vec<Life> {
        let theirs = |us: u64| us.saturating_add_signed(ahead_us);
        let sent = vec![passage(10_000, 1), passage(20_000, 2)];
        let received = vec![passage(theirs(10_090), 1), passage(theirs(20_030), 2)];
        let mut lives = two([1, 1], sent, received);
        lives[1].seen.sent = vec![passage(theirs(30_000), 3), passage(theirs(40_000), 4)];
        lives[0].seen.received = vec![passage(30_050, 3), passage(40_060, 4)];
        lives
    }

    fn aligned(ahead_us: i64) -> Alignment {
        let lives = apart(ahead_us);
        let traffic = Traffic::of(&lives);
        align(&lives, &pairs(&lives, &traffic), &traffic)
    }

    #[test]
    fn clocks_that_break_no_order_are_taken_as_they_are() {
        for ahead_us in [0, 20, -25] {
            let alignment = aligned(ahead_us);
            assert_eq!((alignment.offsets_us, alignment.error_us), (vec![0, 0], None));
        }
    }

    #[test]
    fn clocks_that_are_apart_are_set_within_the_bound() {
        for ahead_us in [5_000, -5_000, 1_000_000] {
            let alignment = aligned(ahead_us);
            let error_us = alignment.error_us.unwrap();
            assert_eq!(error_us, 40, "half of 30 and 50");
            let wrong_us = (alignment.offsets_us[1] + ahead_us).unsigned_abs();
            assert!(wrong_us <= error_us, "{alignment:?}");
            assert!(alignment.sentence().contains("0.040 ms"), "{}", alignment.sentence());
        }
    }
}
