//! Order statistics and means.
//!
//! **Quantile.** The quantile of a share p of n values is the *nearest rank*: the smallest value
//! with at least the share p of all values at or below it, which is the value number ⌈p·n⌉ in
//! ascending order. This is definition 1 (the inverse of the empirical distribution function) of
//! Hyndman & Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50(4), 1996.
//! *Rationale:* a quantile is always a value that was measured; it says the same as "when that share
//! of the nodes had it"; and it stays defined where some values are "never". The median of an even
//! number of values is therefore the lower of the two in the middle.

/// The number (from 1) of the value that is the quantile of `share` among `len` ascending values:
/// ⌈share·len⌉, at least 1. A share outside 0 to 1 counts as the nearer of these.
///
/// # Panics
///
/// If `len` is 0: nothing has no quantile.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 1..=len, which is a usize"
)]
pub fn nearest_rank(share: f64, len: usize) -> usize {
    assert!(len > 0, "the quantile of no values was asked for");
    // 0.07 × 100 is 7.000000000000001 in binary floating point, and has to stay rank 7.
    let rounding = 1.0 - 4.0 * f64::EPSILON;
    (share * len as f64 * rounding).ceil().clamp(1.0, len as f64) as usize
}

/// The quantile of `share` among values of which some are "never" (`None`), which is later than
/// every value. `None` if there are no values, or if the quantile falls on a "never".
#[must_use]
pub fn quantile_or_never(values: impl IntoIterator<Item = Option<f64>>, share: f64) -> Option<f64> {
    let values = values.into_iter().map(|value| value.unwrap_or(f64::INFINITY));
    Distribution::new(values.collect()).quantile(share).filter(|value| value.is_finite())
}

/// Values in ascending order, sorted once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    sorted: Vec<f64>,
}

/// A mean with the bounds between which the true mean lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanCi {
    /// The mean of the values.
    pub mean: f64,
    /// Half the width of the interval: it reaches from `mean - half_width` to `mean + half_width`.
    pub half_width: f64,
}

impl Distribution {
    /// Sorts `values`.
    ///
    /// # Panics
    ///
    /// If a value is not a number.
    #[must_use]
    pub fn new(mut values: Vec<f64>) -> Self {
        assert!(!values.iter().any(|value| value.is_nan()), "a value is not a number");
        values.sort_unstable_by(f64::total_cmp);
        Self { sorted: values }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The values, ascending.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.sorted
    }

    /// The smallest value.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.sorted.first().copied()
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.sorted.last().copied()
    }

    /// The quantile of `share` (0 to 1) by nearest rank; `None` without values.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let len = self.sorted.len();
        (len > 0).then(|| self.sorted[nearest_rank(share, len) - 1])
    }

    /// The quantile of one half.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// How many values are at or below `bound`.
    #[must_use]
    pub fn count_at_most(&self, bound: f64) -> usize {
        self.sorted.partition_point(|&value| value <= bound)
    }

    /// The arithmetic mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sorted.iter().sum::<f64>() / self.len() as f64)
    }

    /// The standard deviation of the sample (n - 1 in the denominator); `None` below two values.
    #[must_use]
    pub fn standard_deviation(&self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.len() > 1)?;
        let squares: f64 = self.sorted.iter().map(|value| (value - mean).powi(2)).sum();
        Some((squares / (self.len() - 1) as f64).sqrt())
    }

    /// The mean with its 95 % confidence interval by Student's t, which supposes independent values
    /// whose mean is about normal; `None` below two values.
    #[must_use]
    pub fn mean_ci95(&self) -> Option<MeanCi> {
        let mean = self.mean()?;
        let standard_error = self.standard_deviation()? / (self.len() as f64).sqrt();
        Some(MeanCi { mean, half_width: student_t95(self.len() - 1) * standard_error })
    }
}

/// The two-sided 95 % critical value of Student's t with `freedom` (1 or more) degrees of freedom.
/// Table 1.3.6.7.2 of the NIST/SEMATECH e-Handbook of Statistical Methods, column 0.975. Between
/// its rows the row above counts: a slightly wider interval, never a narrower one.
fn student_t95(freedom: usize) -> f64 {
    const TO_30: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    match freedom {
        0..=30 => TO_30[freedom.max(1) - 1],
        31..40 => 2.042,
        40..60 => 2.021,
        60..100 => 2.000,
        100..1_000 => 1.984,
        _ => 1.962,
    }
}

#[cfg(test)]
mod tests;
