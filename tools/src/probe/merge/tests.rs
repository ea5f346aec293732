use proptest::prelude::*;

use super::*;
use crate::probe::record::{About, Probe, Sighting};

const MS: u64 = 1_000_000;

/// A probe of a made-up network.
#[derive(Clone, Debug)]
struct Made {
    /// By link: the node, the way from it and the way to it, nanoseconds.
    links: Vec<(u64, u64, u64)>,
    /// How much its clock is ahead, nanoseconds.
    ahead_ns: i64,
}

/// What a probe records of nodes that have items at some times: items by row, nodes by column.
fn record_of(made: &Made, had_ns: &[Vec<u64>]) -> Record {
    let link = |(node, from, to): &(u64, u64, u64)| Link {
        peer: format!("node{node}"),
        ready_ns: Some(0),
        rtt_min_ns: Some(from + to),
        ..Link::default()
    };
    let item = |number: u64| Item {
        short: ShortId(number.to_be_bytes()),
        id: None,
        kind: ItemKind::Tx,
        bytes: None,
    };
    let mut sightings = Vec::new();
    for (item, nodes) in (0..).zip(had_ns) {
        for (link, (node, from, _)) in (0..).zip(&made.links) {
            let at = nodes[usize::try_from(*node).unwrap()] + from;
            let at_ns = at.saturating_add_signed(made.ahead_ns);
            sightings.push(Sighting { at_ns, link, item, event: Event::Sent });
        }
    }
    Record {
        about: About { network: "net".into(), probes: vec![Probe::default()], ..About::default() },
        links: made.links.iter().map(link).collect(),
        items: (0..had_ns.len() as u64).map(item).collect(),
        sightings,
    }
}

fn any_made(nodes: u64) -> impl Strategy<Value = Made> {
    let link = (0..nodes, 5 * MS..80 * MS, -4_i64..=4);
    let links = prop::collection::vec(link, 3..10);
    (links, -10_000_000_000_i64..10_000_000_000).prop_map(|(links, ahead_ns)| {
        // The way back differs by up to four milliseconds: what is seen of a link can't tell.
        let there = |from: u64, more: i64| from.saturating_add_signed(more * 1_000_000);
        let links = links.into_iter().map(|(node, from, more)| (node, from, there(from, more)));
        let mut links: Vec<_> = links.collect();
        links.sort_unstable();
        links.dedup_by_key(|(node, ..)| *node);
        Made { links, ahead_ns }
    })
}

fn any_times(nodes: usize) -> impl Strategy<Value = Vec<Vec<u64>>> {
    let item = prop::collection::vec(0..300 * MS, nodes);
    prop::collection::vec((0_u64..1_000, item), 10..40).prop_map(|items| {
        let base = 20_000_000_000;
        let item =
            |(at, had): (u64, Vec<u64>)| had.iter().map(|had| base + at * MS + had).collect();
        items.into_iter().map(item).collect()
    })
}

/// The median over shared nodes of the median over items of all differences, looked for one by one.
fn naive(first: &Made, second: &Made, had_ns: &[Vec<u64>]) -> Option<f64> {
    let mut of_nodes = Vec::new();
    for (node, from, to) in &first.links {
        for (other, other_from, other_to) in &second.links {
            if node != other {
                continue;
            }
            let mut differences = Vec::new();
            for nodes in had_ns {
                let had = nodes[usize::try_from(*node).unwrap()] as f64;
                let at = |made: &Made, from: u64, to: u64| {
                    had + from as f64 + made.ahead_ns as f64 - ((from + to) / 2) as f64
                };
                differences.push(at(second, *other_from, *other_to) - at(first, *from, *to));
            }
            of_nodes.push(median(&mut differences));
        }
    }
    (!of_nodes.is_empty()).then(|| median(&mut of_nodes))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn an_offset_is_that_of_a_naive_model_and_within_its_bounds(
        first in any_made(6),
        second in any_made(6),
        had_ns in any_times(6),
    ) {
        let first = Made { ahead_ns: 0, ..first };
        let records = [&first, &second].map(|made| record_of(made, &had_ns));
        let found = offset(&records[0], &records[1]).unwrap();
        let Some(expected) = naive(&first, &second, &had_ns) else {
            prop_assert_eq!((found.shared_peers, found.ways_ns), (0, None));
            return Ok(());
        };
        prop_assert!((found.ahead_ns as f64 - expected).abs() < 1_000.0, "{found:?}, not {expected}");
        let off = found.ahead_ns.abs_diff(second.ahead_ns);
        prop_assert!(off <= 5 * MS, "off by {off} ns: {found:?}");
        prop_assert!(off <= found.ways_ns.unwrap() + found.chance_ns, "{found:?}");
    }

    #[test]
    fn a_merged_record_is_one_by_the_first_ones_clock(
        ahead_ns in -5_000_000_000_i64..5_000_000_000,
        had_ns in any_times(3),
    ) {
        let links = vec![(0, 10 * MS, 10 * MS), (1, 20 * MS, 20 * MS), (2, 9 * MS, 9 * MS)];
        let first = record_of(&Made { links: links.clone(), ahead_ns: 0 }, &had_ns);
        let second = record_of(&Made { links, ahead_ns }, &had_ns);
        let merged = merge(first.clone(), second).unwrap();
        prop_assert_eq!(merged.items.len(), first.items.len());
        prop_assert_eq!(merged.links.len(), 6);
        prop_assert_eq!(merged.links[3].probe, 1);
        let (here, there) = merged.sightings.split_at(first.sightings.len());
        for (here, there) in here.iter().zip(there) {
            prop_assert_eq!((here.item, here.link + 3), (there.item, there.link));
            prop_assert!(here.at_ns.abs_diff(there.at_ns) < 1_000);
        }
        let offset = merged.about.probes[1].offset.clone().unwrap();
        prop_assert_eq!((offset.shared_peers, offset.ahead_ns.abs_diff(ahead_ns) < 1_000), (3, true));
        prop_assert!(merged.about.probes[0].offset.is_none());
    }
}

#[test]
fn records_without_a_shared_peer_are_compared_by_items_and_have_no_bound() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let had_ns: Vec<Vec<u64>> = (0..200)
        .map(|item| {
            (0..40).map(|_| (item + 1) * 100 * MS + rng.random_range(0..200 * MS)).collect()
        })
        .collect();
    let made = |nodes: std::ops::Range<u64>, ahead_ns| Made {
        links: nodes.map(|node| (node, 10 * MS, 10 * MS)).collect(),
        ahead_ns,
    };
    let ahead_ns = 3_000_000_000;
    let first = record_of(&made(0..20, 0), &had_ns);
    let second = record_of(&made(20..40, ahead_ns), &had_ns);
    let found = offset(&first, &second).unwrap();
    assert_eq!((found.shared_peers, found.ways_ns), (0, None));
    let off = found.ahead_ns.abs_diff(ahead_ns);
    assert!(off <= 2 * found.chance_ns && off < 20 * MS, "{found:?}");
}

#[test]
fn ids_that_may_have_waited_are_not_compared() {
    let had_ns: Vec<Vec<u64>> = (1..=20).map(|item| vec![item * 100 * MS]).collect();
    let made = Made { links: vec![(0, MS, MS)], ahead_ns: 0 };
    let first = record_of(&made, &had_ns);
    let mut second = first.clone();
    for seen in &mut second.sightings {
        (seen.event, seen.at_ns) = (Event::Announced, seen.at_ns + 40 * MS);
    }
    let found = offset(&first, &second).unwrap();
    assert_eq!(found.shared_peers, 0, "it falls back on items, and says so");
}

#[test]
fn records_that_have_nothing_in_common_are_refused() {
    let made = Made { links: vec![(0, MS, MS)], ahead_ns: 0 };
    let record = record_of(&made, &[vec![100 * MS]]);
    let error = merge(record.clone(), record.clone()).unwrap_err();
    assert_eq!(error, MergeError::TooFew(1));
    assert!(error.to_string().contains("at the same time"), "{error}");
    let mut other = record.clone();
    other.about.network = "other".into();
    assert!(merge(record, other).unwrap_err().to_string().contains("different networks"));
}
