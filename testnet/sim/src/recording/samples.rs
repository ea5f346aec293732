//! Looks at all nodes now and then: at most so many looks, whatever a run lasts.
//!
//! Nobody knows beforehand how long it does. So looks begin close together; when they are too many, every other one is
//! forgotten, and the time between two doubles.

use tidings_protocol::ground::time::Time;
use tidings_timeline::{Recorder, Sample};

/// Most looks. A guess: a chart has a few hundred points across.
const LOOKS_MAX: usize = 100;

/// The first time between two looks, nanoseconds: 10 ms. A guess: less than what most links take.
const EVERY: u64 = 10_000_000;

/// The looks of a recording.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    began: Time,
    every: u64,
    /// The next look is so many times `every` after the beginning.
    next: u64,
    /// Microseconds, and a sample of each node.
    looks: Vec<(u64, Vec<Sample>)>,
}

impl Samples {
    pub(super) const fn new(began: Time) -> Self {
        Self { began, every: EVERY, next: 0, looks: Vec::new() }
    }

    /// The moment of the next look.
    pub(super) const fn next(&self) -> Time {
        Time::from_nanos(self.began.as_nanos().saturating_add(self.next.saturating_mul(self.every)))
    }

    /// Looks at each node: bytes on their way to it, and what `node` tells.
    pub(super) fn take(&mut self, queued: &[u64], node: impl Fn(u32) -> (usize, usize)) {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let sample = |(number, queued): (u32, &u64)| {
            let (waiting, asked) = node(number);
            let queued = u32::try_from(*queued).unwrap_or(u32::MAX);
            Sample { waiting: narrow(waiting), asked: narrow(asked), queued }
        };
        let at = self.next * self.every / 1_000;
        self.looks.push((at, (0..).zip(queued).map(sample).collect()));
        self.next += 1;
        if self.looks.len() > LOOKS_MAX {
            let mut index = 0;
            self.looks.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every *= 2;
            self.next = self.looks.len() as u64;
        }
    }

    /// Hands all looks to a recorder.
    pub(super) fn hand_over(self, to: &mut Recorder) {
        for (at, looks) in self.looks {
            for (node, sample) in (0..).zip(looks) {
                to.sample(at, node, sample);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_few_however_long_it_lasts_and_evenly_spread() {
        let mut samples = Samples::new(Time::from_millis(5));
        while samples.next() < Time::from_millis(60_000) {
            samples.take(&[7], |_| (1, 2));
        }
        let times: Vec<u64> = samples.looks.iter().map(|(at, _)| *at).collect();
        assert!((50..=100).contains(&times.len()), "{}", times.len());
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == samples.every / 1_000));
        assert_eq!(times[0], 0);
    }
}
