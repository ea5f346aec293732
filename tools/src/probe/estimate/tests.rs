use proptest::prelude::*;
use tidings_protocol::ground::item::ShortId;

use super::*;
use crate::probe::record::{About, Event, Item, Link, Probe, Sighting};

const MS: u64 = 1_000_000;

fn short(number: u64) -> ShortId {
    ShortId(number.to_be_bytes())
}

fn link(number: u32, round: u32, from_ms: u64, to_ms: u64) -> Link {
    Link {
        round,
        peer: format!("peer{number}"),
        dialled_ns: from_ms * MS,
        ready_ns: Some(from_ms * MS),
        closed_ns: Some(to_ms * MS),
        ..Link::default()
    }
}

fn record(links: Vec<Link>, seen: &[(u64, u32, u32)]) -> Record {
    let items = seen.iter().map(|(_, _, item)| *item).max().map_or(0, |most| u64::from(most) + 1);
    let item = |number| Item { short: short(number), id: None, kind: ItemKind::Tx, bytes: None };
    let sighting = |(at_ms, link, item): &(u64, u32, u32)| Sighting {
        at_ns: at_ms * MS,
        link: *link,
        item: *item,
        event: Event::Sent,
    };
    let places = u32::try_from(links.len()).unwrap();
    let probe = Probe { places, ..Probe::default() };
    Record {
        about: About { probes: vec![probe], ..About::default() },
        links,
        items: (0..items).map(item).collect(),
        sightings: seen.iter().map(sighting).collect(),
    }
}

fn four_links() -> Vec<Link> {
    (0..4).map(|number| link(number, 0, 0, 100_000)).collect()
}

const WINDOW: Reading = Reading { window: Duration::from_secs(2), announced_late: Duration::ZERO };

#[test]
fn hazens_quantiles_lie_between_the_middles_of_steps() {
    let values = [1.0, 2.0, 3.0, 4.0];
    for (share, expected) in [(0.0, 1.0), (0.125, 1.0), (0.25, 1.5), (0.5, 2.5), (0.9, 4.0)] {
        assert_eq!(hazen(&values, share), expected, "{share}");
    }
    assert_eq!(hazen(&[5.0], 0.9), 5.0);
    assert!(hazen(&[], 0.5).is_infinite());
    assert!(hazen(&[1.0, f64::INFINITY], 0.5).is_infinite(), "half way to never is never");
    assert_eq!(hazen(&[1.0, 2.0, 3.0, f64::INFINITY], 0.5), 2.5);
}

#[test]
fn delays_count_since_submission_less_half_a_round_trip() {
    let mut links = four_links();
    links[1].rtt_min_ns = Some(20 * MS);
    let record = record(links, &[(5_050, 0, 0), (5_110, 1, 0), (5_200, 2, 0)]);
    let submissions = [(short(0), 5_000 * MS)].into_iter().collect();
    let samples = samples(&record, Some(&submissions), WINDOW);
    let delays = [(0, 50.0), (1, 100.0), (2, 200.0), (3, f64::INFINITY)];
    assert_eq!(samples.items[0].delays, delays);
    let estimate = estimate(&record, &samples);
    assert_eq!((estimate.t50.ms, estimate.t90.ms), (Some(150.0), None));
    assert_eq!((estimate.since, estimate.items, estimate.peers), (Since::Submission, 1, 4));
}

#[test]
fn without_submissions_the_first_sight_counts_and_that_is_told() {
    let record =
        record(four_links(), &[(5_050, 0, 0), (5_110, 1, 0), (5_200, 2, 0), (5_300, 3, 0)]);
    let samples = samples(&record, None, WINDOW);
    assert_eq!(samples.since, Since::FirstSight);
    assert_eq!(samples.items[0].delays, [(0, 0.0), (1, 60.0), (2, 150.0), (3, 250.0)]);
}

#[test]
fn only_links_that_stood_all_the_time_count() {
    let mut links = four_links();
    links.push(link(4, 0, 5_001, 100_000)); // came after the submission
    links.push(link(5, 0, 0, 6_999)); // went before the window was over
    let record = record(links, &[(5_100, 0, 0), (5_100, 4, 0), (5_100, 5, 0)]);
    let submissions = [(short(0), 5_000 * MS)].into_iter().collect();
    let samples = samples(&record, Some(&submissions), WINDOW);
    let links: Vec<u32> = samples.items[0].delays.iter().map(|(link, _)| *link).collect();
    assert_eq!(links, [0, 1, 2, 3]);
}

#[test]
fn what_was_announced_had_waited_and_what_was_sent_had_not() {
    let mut record = record(four_links(), &[(5_050, 0, 0), (5_110, 1, 0), (5_200, 2, 0)]);
    record.sightings[1].event = Event::Announced;
    let submissions = [(short(0), 5_000 * MS)].into_iter().collect();
    let reading = Reading { announced_late: Duration::from_millis(15), ..WINDOW };
    let samples = samples(&record, Some(&submissions), reading);
    assert_eq!(samples.items[0].delays[..3], [(0, 50.0), (1, 95.0), (2, 200.0)]);
}

#[test]
fn in_rounds_the_peers_of_shared_places_do_not_count() {
    let mut record = record(four_links(), &[(5_050, 0, 0), (5_110, 1, 0), (5_200, 2, 0)]);
    for (place, link) in (0..).zip(&mut record.links) {
        link.place = place;
    }
    let submissions = [(short(0), 5_000 * MS)].into_iter().collect();
    let links = |record: &Record| samples(record, Some(&submissions), WINDOW).items[0].delays.len();
    record.about.probes[0].shared = 1;
    assert_eq!(links(&record), 4, "the same for good, as all of them");
    record.about.probes[0].round_s = 5.0;
    assert_eq!(links(&record), 3);
}

#[test]
fn what_is_left_out_is_counted() {
    let links: Vec<_> = (0..3).map(|number| link(number, 0, 0, 10_000)).collect();
    let record = record(links, &[(5_100, 0, 0), (5_100, 0, 1), (9_000, 0, 2)]);
    let submissions = [(short(0), 5_000 * MS), (short(2), 8_900 * MS)].into_iter().collect();
    let samples = samples(&record, Some(&submissions), WINDOW);
    assert_eq!(samples.items.len(), 1);
    assert_eq!((samples.without_submission, samples.without_links), (1, 1));
    let none = Samples { items: Vec::new(), ..samples };
    let estimate = estimate(&record, &none);
    assert_eq!((estimate.t50, estimate.links_per_item), (Figure::default(), 0.0));
}

/// A network whose nodes have items at times that are a node's own plus an item's own plus chance, of which a probe sees some
/// nodes in rounds: what it tells, and the truth.
fn told_and_true(seed: u64, rounds: u32) -> (Estimate, [f64; 2]) {
    const NODES: usize = 200;
    const PLACES: u32 = 8;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let own: Vec<f64> = (0..NODES).map(|_| rng.random_range(60.0..240.0)).collect();
    let (mut links, mut seen, mut submitted) = (Vec::new(), Vec::new(), Vec::new());
    let (mut t50, mut t90) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let begin = u64::from(round) * 100_000 + 10_000;
        let nodes: Vec<usize> = (0..PLACES).map(|_| rng.random_range(0..NODES)).collect();
        let first = u32::try_from(links.len()).unwrap();
        for place in 0..PLACES {
            links.push(link(first + place, round, begin, begin + 90_000));
        }
        for _ in 0..40 {
            let item = u32::try_from(submitted.len()).unwrap();
            let at = begin + rng.random_range(0..80_000);
            submitted.push((short(item.into()), at * MS));
            let late = rng.random_range(0.0..80.0);
            let delays: Vec<f64> =
                own.iter().map(|own| (own + late + rng.random_range(0.0..40.0)).round()).collect();
            for (place, node) in (0..).zip(&nodes) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small"
                )]
                seen.push((at + delays[*node] as u64, first + place, item));
            }
            let delays = sorted(delays.into_iter());
            t50.push(delays[NODES / 2 - 1]);
            t90.push(delays[NODES * 9 / 10 - 1]);
        }
    }
    let record = record(links, &seen);
    let submissions = submitted.into_iter().collect();
    let estimate = estimate(&record, &samples(&record, Some(&submissions), WINDOW));
    (estimate, [t50, t90].map(|times| hazen(&sorted(times.into_iter()), 0.5)))
}

#[test]
fn eight_links_in_rounds_tell_the_times_of_two_hundred_nodes() {
    for seed in 0..6 {
        let (told, [t50, t90]) = told_and_true(seed, 20);
        for (figure, truth) in [(told.t50, t50), (told.t90, t90)] {
            let ms = figure.ms.unwrap();
            assert!((ms / truth - 1.0).abs() < 0.1, "seed {seed}: {ms} is told, {truth} is true");
        }
    }
}

#[test]
fn the_interval_holds_the_truth_mostly_and_is_narrower_after_more_rounds() {
    let width = |figure: Figure| figure.high_ms.unwrap() - figure.low_ms.unwrap();
    let (mut held, mut widths) = (0, [0.0, 0.0]);
    for seed in 0..8 {
        let (few, [t50, _]) = told_and_true(seed, 3);
        let (many, _) = told_and_true(seed, 12);
        held += usize::from((few.t50.low_ms.unwrap()..=few.t50.high_ms.unwrap()).contains(&t50));
        widths[0] += width(few.t50);
        widths[1] += width(many.t50);
    }
    assert!(held >= 6, "{held} of 8");
    assert!(widths[1] < 0.75 * widths[0], "{widths:?}");
}

proptest! {
    /// Against a model that looks at each pair of item and link by itself.
    #[test]
    fn samples_are_those_of_a_naive_model(
        spans in prop::collection::vec((0_u64..50, 0_u64..100), 3..8),
        seen in prop::collection::vec((0_u64..100, 0_u32..8, 0_u32..5), 0..60),
        at in prop::collection::vec(0_u64..100, 5),
        window in 1_u64..50,
    ) {
        let links: Vec<Link> = (0..)
            .zip(&spans)
            .map(|(number, (from, long))| link(number, 0, *from, from + long))
            .collect();
        let mut seen: Vec<_> = seen.into_iter().filter(|(_, link, _)| (*link as usize) < links.len()).collect();
        seen.push((99, 0, 4)); // all five items are there
        let record = record(links, &seen);
        let submitted: Vec<_> = (0..).map(short).zip(at.iter().map(|at| at * MS)).collect();
        let submissions = submitted.iter().copied().collect();
        let found = samples(&record, Some(&submissions), Reading { window: Duration::from_millis(window), ..WINDOW });
        for item in 0..5_u32 {
            let at = at[item as usize];
            let mut expected = Vec::new();
            for (number, (from, long)) in (0_u32..).zip(&spans) {
                if *from > at || from + long < at + window {
                    continue;
                }
                let times = seen.iter().filter(|(_, link, other)| (*link, *other) == (number, item));
                let first = times.map(|(at, _, _)| *at).min();
                let delay = first.map_or(f64::INFINITY, |first| first.saturating_sub(at) as f64);
                expected.push((number, if delay > window as f64 { f64::INFINITY } else { delay }));
            }
            let sample = found.items.iter().find(|sample| sample.item == item);
            // What nobody ever spoke of is in no record, but for what was never seen of those before the last.
            let is_in = expected.len() >= LINKS_LEAST;
            prop_assert_eq!(sample.map(|sample| &sample.delays), is_in.then_some(&expected));
        }
    }
}
