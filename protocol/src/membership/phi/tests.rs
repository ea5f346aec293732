//! Phi against the distributions that it claims to know.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;

const MEAN: f64 = 1.0;
const DEVIATION: f64 = 0.1;

/// An interval as the model says, seconds.
fn draw(distribution: Distribution, rng: &mut ChaCha8Rng) -> f64 {
    let uniform = 1.0 - rng.random::<f64>();
    match distribution {
        Distribution::Exponential => -MEAN * uniform.ln(),
        // Box and Muller 1958.
        Distribution::Normal | Distribution::Logistic => {
            let angle = std::f64::consts::TAU * rng.random::<f64>();
            DEVIATION.mul_add((-2.0 * uniform.ln()).sqrt() * angle.cos(), MEAN).max(0.0)
        }
    }
}

/// No pause, no least deviation, nothing that isn't counted: the model alone.
fn bare(distribution: Distribution, threshold: f64) -> PhiSettings {
    PhiSettings {
        distribution,
        window: 1_000,
        threshold,
        pause: Duration::ZERO,
        min_deviation: Duration::ZERO,
        max_interval: Duration::MAX,
        counts_outages: true,
        prior: Prior {
            mean: Duration::from_secs_f64(MEAN),
            deviation: Duration::from_secs_f64(DEVIATION),
            weight: 1_000,
        },
    }
}

/// How many of `count` silences of a healthy member reach the threshold.
fn mistakes(settings: &PhiSettings, known: bool, count: u32, seed: u64) -> u32 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut detector, mut now, mut mistakes) = (Detector::new(Time::ZERO), Time::ZERO, 0);
    for n in 0..count + 1_000 {
        now = now + Duration::from_secs_f64(draw(settings.distribution, &mut rng));
        // The window is filled first.
        if n >= 1_000 {
            mistakes += u32::from(detector.is_suspect(now, settings));
        }
        if known {
            detector.excuse(now);
        } else {
            detector.on_heartbeat(now, settings);
        }
    }
    mistakes
}

#[test]
fn mistakes_are_as_rare_as_phi_says() {
    // Three standard deviations of a binomial count; twelve counts, so one in thirty seeds would fail by chance alone.
    for distribution in [Distribution::Exponential, Distribution::Normal] {
        for (threshold, count) in [(1.0, 20_000), (2.0, 50_000), (3.0, 200_000)] {
            for known in [true, false] {
                let seed = 7;
                let settings = bare(distribution, threshold);
                let measured = f64::from(mistakes(&settings, known, count, seed));
                let expected = f64::from(count) * f64::powf(10.0, -threshold);
                // A mean of 1,000 intervals is off by its standard error, which makes mistakes commoner: exp((phi ln 10)^2 / 2,000)
                // times as common, by the exponential.
                let bias =
                    if known { 0.0 } else { expected * threshold * threshold * 5.3 / 2_000.0 };
                let interval = 3.0 * expected.sqrt() + bias;
                println!(
                    "{distribution:?} {threshold} known {known}: {measured} of {expected} ± {interval:.0}"
                );
                assert!(
                    (measured - expected).abs() <= interval,
                    "seed {seed}: {measured} of {expected}"
                );
            }
        }
    }
}

#[test]
fn the_logistic_function_is_near_the_normal_up_to_phi_3_and_surer_at_8() {
    for y in [0.5, 1.0, 2.0, 3.0] {
        assert!((tail::logistic(y) - tail::normal(y)).abs() < 0.05, "{y}");
    }
    assert!((tail::logistic(5.224) - 8.0).abs() < 0.01, "{}", tail::logistic(5.224));
    assert!((tail::normal(5.224) - 7.06).abs() < 0.01, "{}", tail::normal(5.224));
}

/// A member with a heartbeat each second, `beats` of them.
fn regular(beats: u64, settings: &PhiSettings) -> (Detector, Time) {
    let mut detector = Detector::new(Time::ZERO);
    (1..=beats).for_each(|n| detector.on_heartbeat(Time::from_millis(n * 1_000), settings));
    (detector, Time::from_millis(beats * 1_000))
}

#[test]
fn cassandra_convicts_after_eighteen_mean_intervals() {
    let settings = PhiSettings::cassandra();
    // Before there is an interval: two seconds. 8 * ln 10 * 2 = 36.84 s.
    let new = Detector::new(Time::ZERO);
    assert_eq!(new.suspect_at(&settings).as_nanos() / 10_000_000, 3_684);
    // 1,000 intervals of one second have pushed it out: 8 * ln 10 = 18.42 s.
    let (detector, now) = regular(1_000, &settings);
    assert_eq!((detector.suspect_at(&settings) - now).as_millis(), 18_420);
    assert!((detector.phi(now + Duration::from_secs(10), &settings) - 4.342_944_8).abs() < 1e-6);
    assert!((exponential_silence(8.0) - 18.42).abs() < 0.01);
    // One of 999 intervals is still the first: mean 1.001 s.
    let (detector, _) = regular(999, &settings);
    assert!((detector.estimate(&settings).0 - 1.001).abs() < 1e-9);
}

#[test]
fn akka_convicts_after_the_pause_the_mean_and_five_least_deviations() {
    let settings = PhiSettings::akka();
    let (detector, now) = regular(1_000, &settings);
    assert_eq!(detector.estimate(&settings), (1.0, 0.1));
    // 3 + 1 + 5.224 * 0.1
    let silence = detector.suspect_at(&settings) - now;
    assert!((silence.as_secs_f64() - 4.522).abs() < 0.001, "{silence:?}");
    // y = 2: e^-(2 * 1.5976 + 8 * 0.070566) = 0.02329, so phi = log10(1 + 1 / 0.02329) = 1.6428.
    let phi = detector.phi(now + Duration::from_millis(4_200), &settings);
    assert!((phi - 1.6428).abs() < 1e-3, "{phi}");
    // Before there is an interval: mean 1 s, deviation a quarter of it; 3 + 1 + 5.224 * 0.25.
    let new = Detector::new(Time::ZERO).suspect_at(&settings) - Time::ZERO;
    assert!((new.as_secs_f64() - 5.306).abs() < 0.001, "{new:?}");
}

#[test]
fn an_outage_spoils_no_window_and_a_pause_of_ours_is_forgiven() {
    let settings = PhiSettings::default();
    let (mut detector, now) = regular(100, &settings);
    let before = detector.estimate(&settings);
    detector.on_heartbeat(now + Duration::from_secs(9), &settings);
    assert_eq!(detector.estimate(&settings), before);
    let later = now + Duration::from_secs(60);
    assert!(detector.is_suspect(later, &settings));
    detector.excuse(later);
    assert!(!detector.is_suspect(later, &settings));
}

#[test]
fn a_flood_of_invented_heartbeats_leaves_the_pause_and_the_least_deviation() {
    for (settings, least) in [
        (PhiSettings::default(), 1.0 + 5.6 * 0.2),
        (
            PhiSettings { min_deviation: Duration::from_millis(500), ..PhiSettings::cassandra() },
            18.4 * 0.5,
        ),
    ] {
        let mut detector = Detector::new(Time::ZERO);
        (0..10_000).for_each(|_| detector.on_heartbeat(Time::ZERO, &settings));
        let silence = (detector.suspect_at(&settings) - Time::ZERO).as_secs_f64();
        assert!(silence >= least, "{silence} of {least}");
        assert!(detector.window.capacity() <= settings.size());
    }
}

#[test]
fn a_member_takes_four_bytes_for_each_interval() {
    let settings = PhiSettings::default();
    let (detector, _) = regular(1_000, &settings);
    assert!(size_of::<Detector>() <= 64, "{}", size_of::<Detector>());
    assert!(detector.window.capacity() * 4 <= 256, "{}", detector.window.capacity());
}

proptest! {
    /// Against a window that is a list, and sums that are summed.
    #[test]
    fn sums_are_those_of_the_latest_intervals(
        window in 1_usize..20,
        weight in 0_u32..5,
        intervals in prop::collection::vec(0_u64..5_000_000, 0..100),
    ) {
        let prior = Prior { mean: Duration::from_secs(1), deviation: Duration::ZERO, weight };
        let settings = PhiSettings { window, prior, ..bare(Distribution::Normal, 8.0) };
        let (mut detector, mut now) = (Detector::new(Time::ZERO), Time::ZERO);
        let mut list: Vec<f64> = vec![1.0; weight as usize];
        if weight == 0 && intervals.is_empty() {
            list.push(1.0);
        }
        for micros in intervals {
            now = now + Duration::from_micros(micros);
            detector.on_heartbeat(now, &settings);
            list.push(micros as f64 / 1e6);
        }
        let list = &list[list.len().saturating_sub(window)..];
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        let variance = list.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / list.len() as f64;
        let (got_mean, got_deviation) = detector.estimate(&settings);
        prop_assert!((got_mean - mean).abs() < 1e-9);
        prop_assert!((got_deviation - variance.sqrt().max(1e-6)).abs() < 1e-5);
        for silence in [0, 500, 2_000, 100_000_000] {
            let phi = detector.phi(now + Duration::from_millis(silence), &settings);
            prop_assert!(phi.is_finite() && phi >= 0.0);
        }
        let at = detector.suspect_at(&settings);
        prop_assert!(at == Time::NEVER || detector.is_suspect(at, &settings));
    }
}
