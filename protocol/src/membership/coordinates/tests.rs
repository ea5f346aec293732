//! Coordinates against distances that are known.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::membership::Malformed;
use crate::wire::bytes::{Encode as _, Reader};

/// Members on a plane of 200 ms by 100 ms, each with a way of up to 5 ms to it.
struct Plane {
    at: Vec<(f64, f64, f64)>,
    members: Vec<Vivaldi>,
    rng: ChaCha8Rng,
    liars: usize,
}

impl Plane {
    fn new(count: usize, liars: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut any = |most: f64| rng.random::<f64>() * most;
        let at = (0..count).map(|_| (any(0.2), any(0.1), any(0.005))).collect();
        Self { at, members: vec![Vivaldi::default(); count], rng, liars }
    }

    fn rtt(&self, a: usize, b: usize) -> f64 {
        let (a, b) = (self.at[a], self.at[b]);
        (a.0 - b.0).hypot(a.1 - b.1) + a.2 + b.2
    }

    /// Each measures one other, with a tenth of jitter; one in fifty waits a second.
    fn round(&mut self) {
        for a in 0..self.members.len() {
            let b = self.rng.random_range(0..self.members.len());
            if a == b {
                continue;
            }
            let late = if self.rng.random_range(0..50) == 0 { 1.0 } else { 0.0 };
            let rtt = self.rtt(a, b) * (1.0 + 0.1 * self.rng.random::<f64>()) + late;
            let mut other = self.members[b].coordinate().clone();
            if b < self.liars {
                // As far as may be, as sure as may be, and each time elsewhere.
                let sign = if self.rng.random() { 1.0 } else { -1.0 };
                other.place = [sign * 10.0; DIMENSIONS];
                other.error = 0.0;
            }
            let rtt = Duration::from_secs_f64(rtt);
            let id = MemberId(b as u64);
            self.members[a].update(id, &other, rtt, &mut self.rng).unwrap();
        }
    }

    /// The errors between honest members, as a part of the round trip, ascending.
    fn errors(&self) -> Vec<f64> {
        let mut errors = Vec::new();
        for a in self.liars..self.members.len() {
            for b in a + 1..self.members.len() {
                let rtt = self.rtt(a, b) * 1.05;
                let told = self.members[a].coordinate().distance(self.members[b].coordinate());
                errors.push((told.as_secs_f64() - rtt).abs() / rtt);
            }
        }
        errors.sort_by(f64::total_cmp);
        errors
    }
}

fn quantile(errors: &[f64], per_cent: usize) -> f64 {
    errors[errors.len() * per_cent / 100]
}

#[test]
fn members_learn_round_trips_that_they_never_measured() {
    let mut plane = Plane::new(60, 0);
    let before = quantile(&plane.errors(), 50);
    for round in [10, 20, 50, 100, 200, 500] {
        while plane.members[0].observed < round {
            plane.round();
        }
        let errors = plane.errors();
        let [half, most] = [50, 90].map(|part| quantile(&errors, part) * 100.0);
        println!(
            "after {round} round trips each: half within {half:.1} %, nine in ten within {most:.1} %"
        );
    }
    let errors = plane.errors();
    assert!(before > 0.9 && quantile(&errors, 50) < 0.03 && quantile(&errors, 90) < 0.1);
}

#[test]
fn one_liar_in_twenty_spoils_little() {
    let (mut honest, mut lied_to) = (Plane::new(60, 0), Plane::new(60, 3));
    (0..500).for_each(|_| honest.round());
    let mut worst: f64 = 0.0;
    for round in 0..500 {
        lied_to.round();
        if round > 100 {
            worst = worst.max(quantile(&lied_to.errors(), 50));
        }
    }
    let [without, with] = [&honest, &lied_to].map(|plane| quantile(&plane.errors(), 50) * 100.0);
    println!(
        "half within {without:.1} % without liars, {with:.1} % with, at worst {:.1} %",
        worst * 100.0
    );
    assert!(worst < 0.2, "{worst}");
    for member in &lied_to.members {
        assert!(member.coordinate().is_usable());
        let length: f64 = member.coordinate().place.iter().map(|part| part * part).sum();
        assert!(length.sqrt() < 1.0, "{length}");
    }
}

#[test]
fn a_step_is_bounded_whatever_the_other_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let far = Coordinate { place: [10.0; DIMENSIONS], height: 10.0, error: 0.0, adjustment: -10.0 };
    let mut member = Vivaldi::default();
    for step in 1..=100 {
        member.update(MemberId(1), &far, Duration::ZERO, &mut rng).unwrap();
        let place = member.coordinate().place.iter().map(|part| part * part).sum::<f64>().sqrt();
        assert!(place <= f64::from(step) * (STEP_MAX + 0.02), "{place}");
    }
    assert_eq!(
        member.update(MemberId(1), &far, RTT_MAX + Duration::from_nanos(1), &mut rng),
        Err(Unusable::Rtt)
    );
}

#[test]
fn two_at_one_place_part_and_a_run_repeats() {
    let run = || {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut member = Vivaldi::default();
        let other = Coordinate::default();
        let rtt = Duration::from_millis(30);
        (0..200).for_each(|_| member.update(MemberId(1), &other, rtt, &mut rng).unwrap());
        member.coordinate().clone()
    };
    let distance = run().distance(&Coordinate::default()).as_secs_f64();
    assert!((distance - 0.03).abs() < 0.003, "{distance}");
    assert_eq!(run(), run());
}

#[test]
fn one_late_answer_is_filtered_out_and_filters_are_bounded() {
    let mut member = Vivaldi::default();
    let rtts = [30, 9_000, 31, 29].map(Duration::from_millis);
    let medians = rtts.map(|rtt| member.filter(MemberId(1), rtt));
    assert_eq!(medians[0], f64::from(0.03_f32));
    assert_eq!(medians[2..], [0.031_f32, 0.031].map(f64::from));
    for other in 0..1_000 {
        member.observed += 1;
        member.filter(MemberId(other), rtts[0]);
        assert!(member.filters.len() <= FILTERED_MAX);
    }
    assert!(
        member.filters.contains_key(&MemberId(999)) && !member.filters.contains_key(&MemberId(1))
    );
}

#[test]
fn bytes_keep_a_coordinate_to_a_microsecond_and_nothing_else_is_read() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut worst = Duration::ZERO;
    for _ in 0..1_000 {
        let mut any = |most: f64| (rng.random::<f64>() - 0.5) * most;
        let coordinate = Coordinate {
            place: std::array::from_fn(|_| any(0.5)),
            height: HEIGHT_MIN + any(0.1).abs(),
            error: any(3.0).abs(),
            adjustment: any(0.02),
        };
        let bytes = coordinate.encoded();
        assert_eq!(bytes.len(), COORDINATE_LEN);
        let read = Coordinate::take(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read.encoded(), bytes);
        let other = Coordinate::default();
        worst = worst.max(read.distance(&other).abs_diff(coordinate.distance(&other)));
    }
    println!("a distance is off by {worst:?} at most");
    assert!(worst < Duration::from_micros(1), "{worst:?}");
    for origin in [Coordinate::default(), Vivaldi::default().coordinate().clone()] {
        assert!(Coordinate::take(&mut Reader::new(&origin.encoded())).is_ok());
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 10.1, -10.1, 1e30] {
        for part in 0..DIMENSIONS + 3 {
            let mut bytes = Coordinate::default().encoded();
            bytes[4 * part..][..4].copy_from_slice(&bad.to_le_bytes());
            let read = Coordinate::take(&mut Reader::new(&bytes));
            assert_eq!(read, Err(Malformed::Meaningless("coordinate")), "{bad} at {part}");
        }
    }
    let mut negative = Coordinate::default().encoded();
    negative[4 * DIMENSIONS..][..4].copy_from_slice(&(-0.1_f32).to_le_bytes());
    assert!(Coordinate::take(&mut Reader::new(&negative)).is_err());
}
