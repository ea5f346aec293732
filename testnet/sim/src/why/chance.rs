//! Shares that were counted, and how far the true one may be from them.

use serde::{Deserialize, Serialize};

/// The 0.975 quantile of the normal distribution: intervals of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Shown", from = "Shown")]
pub struct Estimate {
    /// Branches in which the item came late.
    pub late: u32,
    /// Branches.
    pub of: u32,
}

/// As it is written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Shown {
    late: u32,
    of: u32,
    #[serde(default)]
    share: f64,
    #[serde(default)]
    low: f64,
    #[serde(default)]
    high: f64,
}

impl From<Estimate> for Shown {
    fn from(estimate: Estimate) -> Self {
        let (low, high) = estimate.interval();
        Self { late: estimate.late, of: estimate.of, share: estimate.share(), low, high }
    }
}

impl From<Shown> for Estimate {
    fn from(shown: Shown) -> Self {
        Self { late: shown.late, of: shown.of }
    }
}

impl Estimate {
    /// One more branch.
    pub const fn add(&mut self, late: bool) {
        self.late += late as u32;
        self.of += 1;
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { late: self.late + other.late, of: self.of + other.of }
    }

    /// The share that was late; 0 of none.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.late) / f64::from(self.of.max(1))
    }

    /// Within what the true share lies in 95 of 100 cases: Wilson's score interval (Wilson, "Probable inference, the law
    /// of succession, and statistical inference", JASA 22, 1927). It is right for few branches and for shares near
    /// 0 and 1, where the usual one shrinks to nothing (Brown, Cai and `DasGupta`, Statistical Science 16, 2001).
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (f64::from(self.of), self.share());
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }

    /// As people read it: `3 %`, never 0 or 100 but for none and all.
    #[must_use]
    pub fn percent(self) -> String {
        let share = self.share();
        match (share * 100.0).round() {
            _ if self.late == 0 => "0 %".to_owned(),
            rounded if rounded < 1.0 => "less than 1 %".to_owned(),
            rounded if rounded >= 100.0 && self.late < self.of => "more than 99 %".to_owned(),
            rounded => format!("{rounded} %"),
        }
    }

    /// The same with its interval: `3 % (1 to 8)`.
    #[must_use]
    pub fn percent_within(self) -> String {
        let (low, high) = self.interval();
        format!("{} ({:.0} to {:.0})", self.percent(), low * 100.0, high * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
        for (late, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (below, above) = Estimate { late, of }.interval();
            assert!(
                (below - low).abs() < 1e-4 && (above - high).abs() < 1e-4,
                "{late} of {of}: {below} {above}"
            );
        }
        assert_eq!(Estimate::default().interval(), (0.0, 1.0));
    }

    #[test]
    fn only_all_is_a_hundred_and_only_none_is_nothing() {
        let text = |late, of| Estimate { late, of }.percent();
        assert_eq!(
            [text(0, 9), text(1, 999), text(499, 500), text(9, 9), text(1, 3)],
            ["0 %", "less than 1 %", "more than 99 %", "100 %", "33 %"]
        );
    }
}
