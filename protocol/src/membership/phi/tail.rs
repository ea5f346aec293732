//! How likely it is that something normally distributed is so many deviations over its mean, as `-log10`.
//!
//! Of the far tail the logarithm is computed and not the probability, which would be rounded to zero at 38 deviations.

use std::f64::consts::{LOG10_E, TAU};

/// Where the series gives way to the fraction. Both have twelve digits there.
const FAR: f64 = 3.0;

/// Terms of the series, and of the fraction. With these both are exact to 1e-12 on their sides of [`FAR`] (checked against each
/// other in the tests).
const TERMS: u32 = 60;

/// `-log10 Q(y)` of the standard normal distribution. By the series of Marsaglia 2004 ("Evaluating the Normal Distribution", §3)
/// near the mean, and by Laplace's continued fraction (Abramowitz and Stegun 26.2.14) far above it. Below the mean by what the other side leaves.
pub(super) fn normal(y: f64) -> f64 {
    if y >= FAR {
        return y * y / 2.0 * LOG10_E + TAU.log10() / 2.0 + fraction(y).log10();
    }
    if y < 0.0 {
        return -(-f64::powf(10.0, -normal(-y))).ln_1p() * LOG10_E;
    }
    // y + y^3/3 + y^5/(3*5) + ...
    let (mut term, mut sum) = (y, y);
    for n in 1..TERMS {
        term *= y * y / f64::from(2 * n + 1);
        sum += term;
    }
    let density = (-y * y / 2.0).exp() / TAU.sqrt();
    -(0.5 - density * sum).log10()
}

/// `y + 1/(y + 2/(y + 3/(y + ...)))`, by which the density is divided.
fn fraction(y: f64) -> f64 {
    (1..=TERMS).rev().fold(y, |below, n| y + f64::from(n) / below)
}

/// The same by the logistic function that Akka uses (`PhiAccrualFailureDetector.phi`): exact to 1.4e-4 in probability (Bowling et
/// al. 2009), which in the far tail is another order of magnitude.
pub(super) fn logistic(y: f64) -> f64 {
    let x = y * (1.5976 + 0.070566 * y * y);
    // log10(1 + e^x), without an e^x that is too great.
    (x.max(0.0) + (-x.abs()).exp().ln_1p()) * LOG10_E
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_the_tables() {
        // Abramowitz and Stegun, table 26.1 and 26.2.
        for (y, q) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (2.0, 0.022_750_131_948_179),
            (3.0, 1.349_898_031_630_1e-3),
            (4.0, 3.167_124_183_312e-5),
            (5.0, 2.866_515_718_79e-7),
        ] {
            assert!((normal(y) + f64::log10(q)).abs() < 1e-9, "{y}: {}", normal(y));
        }
        // -log10 Q(50) = 544.96634 in the same tables.
        assert!((normal(50.0) - 544.966_34).abs() < 1e-4, "{}", normal(50.0));
    }

    #[test]
    fn series_and_fraction_agree_where_they_meet_and_phi_never_falls() {
        assert!((normal(FAR - 1e-12) - normal(FAR)).abs() < 1e-9);
        let mut last = [0.0; 2];
        for step in -1_000_i32..10_000 {
            let y = f64::from(step) / 100.0;
            let now = [normal(y), logistic(y)];
            assert!(now[0] >= last[0] && now[1] >= last[1], "{y}: {last:?}, {now:?}");
            last = now;
        }
    }
}
