use super::*;

fn latencies(spec: LinkSpec) -> Latencies {
    spec.validate().unwrap();
    Latencies::new(&spec, 2_000, 7)
}

/// Mean latency over many links, with one message each, milliseconds.
fn mean_ms(model: &Latencies) -> f64 {
    let (mut sum, mut jitter) = (0, stream(1, Use::Jitter, 0));
    for n in 0..100_000_u32 {
        let (a, b) = (n % 1_999, (n.wrapping_mul(7_919) + n / 1_999) % 2_000);
        sum += model.arrival(1_000, model.fixed(a, b), &mut jitter) - 1_000;
    }
    sum as f64 / 100_000.0 / MS
}

#[test]
fn each_model_has_its_mean() {
    for draw in [Draw::Link, Draw::Message] {
        let uniform = LinkSpec::Uniform { min_ms: 10.0, max_ms: 90.0, draw };
        let exponential = LinkSpec::Exponential { mean_ms: 50.0, draw };
        let lognormal = LinkSpec::Lognormal { mean_ms: 50.0, sigma: 0.5, draw };
        for spec in [uniform, exponential, lognormal] {
            let mean = mean_ms(&latencies(spec.clone()));
            assert!((mean - 50.0).abs() < 1.0, "{spec:?}: {mean}");
        }
    }
    assert!((mean_ms(&latencies(LinkSpec::Constant { latency_ms: 50.0 })) - 50.0).abs() < 1e-6);
}

#[test]
fn points_of_a_square_are_half_a_side_apart() {
    let planar = LinkSpec::Planar { min_ms: 5.0, max_ms: 217.0, jitter: 0.05 };
    // The mean distance of two points of the unit square is 0.5214 (OEIS A091505).
    let expected = 5.0 + 212.0 * 0.5214 / std::f64::consts::SQRT_2;
    let mean = mean_ms(&latencies(planar));
    assert!((mean - expected).abs() < 3.0, "{mean}, expected {expected}");
}

#[test]
fn regions_are_those_of_launch_and_their_lines_take_time() {
    let model = latencies(LinkSpec::Regions { jitter: 0.05, bandwidth: true });
    let mut rng = shared::stream(7, Stream::Regions);
    let links = LinkModel::default();
    let (region, node_type) = (links.sample_region(&mut rng), links.sample_node_type(&mut rng));
    assert_eq!(model.place(0), Place::Region(region, node_type));
    let expected = 1_250 * 8 * 1_000_000_000 / node_type.up_bps();
    assert_eq!(model.on_line(0, 1_250), expected);
    let fixed = u64::try_from(links.latency(region, region).as_nanos()).unwrap();
    assert_eq!(model.fixed(0, 0), fixed);
}

#[test]
fn a_latency_drawn_for_a_link_is_the_same_both_ways_and_every_time() {
    let model = latencies(LinkSpec::Exponential { mean_ms: 50.0, draw: Draw::Link });
    assert_eq!(model.fixed(3, 9), model.fixed(9, 3));
    assert_ne!(model.fixed(3, 9), model.fixed(3, 10));
}

#[test]
fn rounds_carry_everything_to_the_next_round() {
    let model = latencies(LinkSpec::Rounds { round_ms: 1_000, asynchronous: false });
    let mut jitter = stream(1, Use::Jitter, 0);
    for (sent_ms, arrives_ms) in [(0, 1_000), (1, 1_000), (999, 1_000), (1_000, 2_000)] {
        assert_eq!(model.arrival(sent_ms * 1_000_000, 0, &mut jitter), arrives_ms * 1_000_000);
    }
}

#[test]
fn asynchronous_rounds_are_as_long_at_most() {
    let spec = LinkSpec::Rounds { round_ms: 100, asynchronous: true };
    assert!((mean_ms(&latencies(spec.clone())) - 50.0).abs() < 1.0);
    let mut jitter = stream(1, Use::Jitter, 0);
    let model = latencies(spec);
    assert!((0..1_000).all(|_| (1..=100_000_000).contains(&model.arrival(0, 0, &mut jitter))));
}

#[test]
fn a_figure_that_makes_no_sense_is_named() {
    let bad = [
        (
            LinkSpec::Constant { latency_ms: -1.0 },
            "link.latency_ms is -1, but must be 0 to 3600000",
        ),
        (
            LinkSpec::Uniform { min_ms: 5.0, max_ms: 1.0, draw: Draw::Link },
            "link.max_ms is 1, but must be 5 to 3600000",
        ),
        (
            LinkSpec::Regions { jitter: 2.0, bandwidth: true },
            "link.jitter is 2, but must be 0 to 1",
        ),
        (LinkSpec::Exponential { mean_ms: f64::NAN, draw: Draw::Link }, "link.mean_ms is NaN"),
    ];
    for (spec, sentence) in bad {
        let error = spec.validate().unwrap_err();
        assert!(error.starts_with(sentence), "{error}");
    }
}
