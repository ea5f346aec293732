use proptest::prelude::*;

use super::*;

/// The definition word by word: the smallest value with at least the share at or below it.
fn naive_quantile(values: &[f64], share: f64) -> f64 {
    let covered = |bound: f64| values.iter().filter(|&&value| value <= bound).count() as f64;
    let enough = |&&bound: &&f64| covered(bound) >= share * values.len() as f64;
    values.iter().filter(enough).copied().fold(f64::INFINITY, f64::min)
}

fn whole_numbers(range: std::ops::RangeInclusive<i32>) -> Distribution {
    Distribution::new(range.rev().map(f64::from).collect())
}

#[track_caller]
fn assert_close(measured: f64, expected: f64, tolerance: f64) {
    assert!((measured - expected).abs() <= tolerance, "{measured} is not {expected} ± {tolerance}");
}

#[test]
fn a_quantile_is_the_value_of_the_nearest_rank() {
    let to_200 = whole_numbers(1..=200);
    assert_eq!(to_200.quantile(0.5), Some(100.0));
    assert_eq!(to_200.quantile(0.9), Some(180.0));
    assert_eq!(to_200.quantile(0.99), Some(198.0));
    assert_eq!(to_200.quantile(0.999), Some(200.0));
    assert_eq!(to_200.quantile(0.0), Some(1.0));
    assert_eq!(to_200.quantile(1.0), Some(200.0));
}

#[test]
fn every_hundredth_has_the_rank_that_decimal_arithmetic_gives_it() {
    for percent in 1..=100_usize {
        for hundreds in [1, 3, 70, 10_000] {
            let rank = nearest_rank(percent as f64 / 100.0, hundreds * 100);
            assert_eq!(rank, percent * hundreds, "{percent} % of {hundreds} hundred");
        }
    }
}

#[test]
fn a_share_outside_zero_to_one_counts_as_the_nearer_of_these() {
    assert_eq!(nearest_rank(-0.1, 7), 1);
    assert_eq!(nearest_rank(1.1, 7), 7);
}

#[test]
fn the_median_of_an_even_number_of_values_is_the_lower_of_the_middle_two() {
    assert_eq!(Distribution::new(vec![4.0, 1.0, 3.0, 2.0]).median(), Some(2.0));
    assert_eq!(Distribution::new(vec![3.0, 1.0, 2.0]).median(), Some(2.0));
}

#[test]
fn uniform_values_have_the_quantiles_of_the_uniform_distribution() {
    let values = (0..10_000).map(|index| (f64::from(index) + 0.5) / 10_000.0).collect();
    let uniform = Distribution::new(values);
    for share in [0.01, 0.1, 0.5, 0.9, 0.99, 0.999] {
        assert_close(uniform.quantile(share).unwrap(), share, 1e-4);
    }
    assert_close(uniform.mean().unwrap(), 0.5, 1e-9);
    assert_close(uniform.standard_deviation().unwrap(), (1.0_f64 / 12.0).sqrt(), 1e-4);
}

#[test]
fn exponential_values_have_the_quantiles_of_the_exponential_distribution() {
    // The values at the middle of 100,000 equal shares of an exponential distribution of mean 1.
    let values = (0..100_000).map(|index| -(1.0 - (f64::from(index) + 0.5) / 100_000.0).ln());
    let exponential = Distribution::new(values.collect());
    for share in [0.1_f64, 0.5, 0.9, 0.99, 0.999] {
        assert_close(exponential.quantile(share).unwrap(), -(1.0 - share).ln(), 0.006);
    }
    assert_close(exponential.mean().unwrap(), 1.0, 1e-4);
}

#[test]
fn a_constant_has_itself_as_every_quantile_and_no_spread() {
    let constant = Distribution::new(vec![7.5; 40]);
    for share in [0.0, 0.1, 0.5, 0.99, 1.0] {
        assert_eq!(constant.quantile(share), Some(7.5));
    }
    assert_eq!(constant.mean_ci95(), Some(MeanCi { mean: 7.5, half_width: 0.0 }));
}

#[test]
fn a_single_value_has_quantiles_but_no_deviation() {
    let single = Distribution::new(vec![3.0]);
    assert_eq!((single.quantile(0.01), single.quantile(1.0)), (Some(3.0), Some(3.0)));
    assert_eq!((single.mean(), single.min(), single.max()), (Some(3.0), Some(3.0), Some(3.0)));
    assert_eq!((single.standard_deviation(), single.mean_ci95()), (None, None));
}

#[test]
fn no_values_have_no_statistics() {
    let empty = Distribution::default();
    assert!(empty.is_empty());
    assert_eq!((empty.median(), empty.mean(), empty.max()), (None, None, None));
    assert_eq!((empty.mean_ci95(), empty.count_at_most(1.0)), (None, 0));
}

#[test]
fn never_is_later_than_every_value() {
    let most_arrived = [Some(3.0), None, Some(1.0)];
    assert_eq!(quantile_or_never(most_arrived, 0.5), Some(3.0));
    assert_eq!(quantile_or_never(most_arrived, 1.0), None);
    assert_eq!(quantile_or_never([None, None, Some(1.0)], 0.5), None);
    assert_eq!(quantile_or_never([], 0.5), None);
}

#[test]
fn the_confidence_interval_is_that_of_students_t() {
    // Mean 3, standard deviation sqrt(2.5), standard error sqrt(0.5), t(4) = 2.776.
    let interval = whole_numbers(1..=5).mean_ci95().unwrap();
    assert_close(interval.mean, 3.0, 1e-12);
    assert_close(interval.half_width, 2.776 * 0.5_f64.sqrt(), 1e-9);
}

#[test]
fn the_critical_value_falls_as_the_sample_grows() {
    let values: Vec<f64> = (1..2_000).map(student_t95).collect();
    assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
    assert!(values.iter().all(|&value| value > 1.96), "never below the normal distribution");
}

proptest! {
    #[test]
    fn quantiles_agree_with_their_definition(
        values in prop::collection::vec(-1e6_f64..1e6, 1..80),
        permille in 1_u32..=1_000,
    ) {
        // Thousandths times at most 80 values are off by far less than a rank, except at an exact
        // rank, where the naive sum may round to either side: leave these to the tests above.
        prop_assume!(!(permille as usize * values.len()).is_multiple_of(1_000));
        let share = f64::from(permille) / 1_000.0;
        let expected = naive_quantile(&values, share);
        prop_assert_eq!(Distribution::new(values).quantile(share), Some(expected));
    }

    #[test]
    fn quantiles_never_fall_as_the_share_grows(
        values in prop::collection::vec(-1e3_f64..1e3, 1..60),
    ) {
        let distribution = Distribution::new(values);
        let quantiles: Vec<_> = (0..=100)
            .map(|percent| distribution.quantile(f64::from(percent) / 100.0).unwrap())
            .collect();
        prop_assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert_eq!(quantiles[0], distribution.min().unwrap());
        prop_assert_eq!(quantiles[100], distribution.max().unwrap());
    }

    #[test]
    fn counting_agrees_with_a_linear_scan(
        values in prop::collection::vec(0_u8..20, 0..60),
        bound in 0_u8..20,
    ) {
        let expected = values.iter().filter(|&&value| value <= bound).count();
        let distribution = Distribution::new(values.into_iter().map(f64::from).collect());
        prop_assert_eq!(distribution.count_at_most(f64::from(bound)), expected);
    }
}
