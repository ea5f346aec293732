//! Times of propagation of a whole network, out of what a few of its nodes showed.
//!
//! # The estimator
//! An item counts with those links that *stood* from before it was submitted until a *window* later; not with those of shared places
//! where there are rounds, since these peers stay the same. Each of their peers is a node drawn from the network, and showed when it had the item: when its announcement or the item was read, less half of the
//! link's median round trip. A peer that showed nothing within the window has it "later". Of these few delays an item's
//! quantiles are taken at Hazen's plotting position (the j-th of k stands for the share (j - 1/2) / k, linear between: Hazen 1914;
//! type 5 of Hyndman and Fan, The American Statistician 50(4), 1996), and of all items the median, as
//! [`crate::figures::summary`] does with all nodes.
//!
//! # What it is off by
//! - *Who is asked*: nodes differ in when they have items, by 50 ms in a world of eight regions with a t50 of 150 ms. Eight of
//!   them, once drawn, are off by 12 % (standard deviation) however many items they show; the interval that is told counts this.
//!   Rounds mend it: other eight each few seconds are off by 3 to 5 % after a minute (measured: `tools/PROBE.md`).
//! - *Few at a time*: of eight delays the 90th percentile is told 1 to 2 % too late, the median is not off; but where times have a step at
//!   the share that is asked for (half of all nodes in one region), few delays fall into the gap (measured: `tools/PROBE.md`).
//! - *When they tell*: a peer that sends at once shows when it had an item; one that announces in batches shows its wait as well.
//!   *Adaptive* peers send at once to whoever never says "known", as far as their ration goes: a fifth of the sightings are announcements.
//!   Those count earlier by a mean wait ([`Reading::announced_late`]), and each is off by how long it really waited. What is left of
//!   this the interval doesn't know.
//! - *Since when*: without times of submission, delays count from the first sight of an item by any link. By then a part of the
//!   network has it, so all times are too short by what that took: a half, in the same world. It is told which of both it is.
//! - *Ways of unequal length*: half of a round trip is wrong by half of the difference.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tidings_protocol::ground::item::ItemKind;

use super::record::{Link, Record};
use super::submissions::Submissions;

/// Fewest links of which an item's quantiles are taken. A guess.
const LINKS_LEAST: usize = 3;

/// How long a link has to stand before an item's first sight counts, if it isn't known when that was submitted, nanoseconds: what
/// was under way when it came up is over by then. A guess.
const SETTLED_NS: u64 = 1_000_000_000;

/// Samples of which the confidence interval is made (Efron 1979; a guess between what is usual for intervals, 1,000, and time).
const RESAMPLES: usize = 300;

/// Items that are drawn from for it: of more, every n-th. A guess.
const RESAMPLED_ITEMS: usize = 2_000;

/// How long an id waits for company at a peer with the strategy `adaptive`, preset `balanced`, on average, milliseconds. Measured: launches of 60
/// nodes between regions, announcements to a probe less the nodes' own traces; the median was 13 and the mean 21.
pub const ANNOUNCED_LATE_MS: u32 = 15;

/// Since when delays count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// Since the item was submitted.
    Submission,
    /// Since any link's peer showed it: times are too short.
    FirstSight,
}

/// An item that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its number in the record.
    pub item: u32,
    /// Since when, nanoseconds of Unix time.
    pub since_ns: u64,
    /// The round in which it came.
    pub round: u32,
    /// For each link that counts, how much later its peer had the item, milliseconds; infinite if not within the window.
    pub delays: Vec<(u32, f64)>,
}

/// Items that count, and how many don't.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Since when delays count.
    pub since: Since,
    /// The items.
    pub items: Vec<Sample>,
    /// Items that nobody knows the submission of.
    pub without_submission: usize,
    /// Items at whose time too few links stood.
    pub without_links: usize,
}

/// A figure, and between which bounds it lies with 95 % confidence, milliseconds; `None` is later than the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figure {
    /// The estimate.
    pub ms: Option<f64>,
    /// The lower bound.
    pub low_ms: Option<f64>,
    /// The upper bound.
    pub high_ms: Option<f64>,
}

/// Times of propagation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Since when they count.
    pub since: Since,
    /// Items that they are of.
    pub items: usize,
    /// Items that nobody knows the submission of.
    pub without_submission: usize,
    /// Items at whose time too few links stood.
    pub without_links: usize,
    /// Links that an item counts with, on average.
    pub links_per_item: f64,
    /// Different peers among them.
    pub peers: usize,
    /// When half of the nodes have an item: the median over items.
    pub t50: Figure,
    /// When 90 % have it.
    pub t90: Figure,
    /// The curve: a share of the nodes, per cent, and when it has an item, milliseconds.
    pub curve: Vec<(u32, Option<f64>)>,
}

/// How sightings are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// How long after its submission an item may come to count, and a link has to stand.
    pub window: Duration,
    /// How long an id waits at a peer for company before it is announced, on average.
    pub announced_late: Duration,
}

/// Brings an item's sightings together with the links that could have shown it.
#[must_use]
pub fn samples(record: &Record, submissions: Option<&Submissions>, reading: Reading) -> Samples {
    let since = if submissions.is_some() { Since::Submission } else { Since::FirstSight };
    let mut samples = Samples { since, items: Vec::new(), without_submission: 0, without_links: 0 };
    let whole_ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (window_ns, late_ns) = (whole_ns(reading.window), whole_ns(reading.announced_late));
    for (number, firsts) in record.first_by_link(late_ns).iter().enumerate() {
        let item = &record.items[number];
        if item.kind != ItemKind::Tx {
            continue;
        }
        let had = |(link, at_ns): &(u32, u64)| {
            let under_way = record.links.get(*link as usize).map_or(0, |link| link.one_way_ns());
            (*link, at_ns.saturating_sub(under_way))
        };
        let firsts: Vec<(u32, u64)> = firsts.iter().map(had).collect();
        let first = firsts.iter().map(|(_, at_ns)| *at_ns).min();
        let (at_ns, settled_ns) = match submissions {
            Some(submissions) => (submissions.of(item.short), 0),
            None => (first, SETTLED_NS),
        };
        let Some(since_ns) = at_ns else {
            samples.without_submission += 1;
            continue;
        };
        let delays = delays(record, &firsts, (since_ns, settled_ns), window_ns);
        match delays.first() {
            Some((link, _)) if delays.len() >= LINKS_LEAST => {
                let round = record.links[*link as usize].round;
                let item = u32::try_from(number).unwrap_or(u32::MAX);
                samples.items.push(Sample { item, since_ns, round, delays });
            }
            _ => samples.without_links += 1,
        }
    }
    samples
}

fn delays(
    record: &Record,
    firsts: &[(u32, u64)],
    (since_ns, settled_ns): (u64, u64),
    window_ns: u64,
) -> Vec<(u32, f64)> {
    let (from, to) = (since_ns.saturating_sub(settled_ns), since_ns.saturating_add(window_ns));
    let mut delays: Vec<(u32, f64)> = Vec::new();
    let counts = |link: &Link| link.stood(from, to) && record.is_drawn(link);
    for (number, link) in (0_u32..).zip(&record.links).filter(|(_, link)| counts(link)) {
        let shown = firsts.binary_search_by_key(&number, |(link, _)| *link).ok();
        let delay = shown.map_or(f64::INFINITY, |place| {
            let delay_ns = firsts[place].1.saturating_sub(since_ns);
            if delay_ns > window_ns { f64::INFINITY } else { delay_ns as f64 / 1e6 }
        });
        // A peer that two probes have a link with is one node.
        let is_same = |(other, _): &&mut (u32, f64)| {
            !link.peer.is_empty() && record.links[*other as usize].peer == link.peer
        };
        match delays.iter_mut().find(is_same) {
            Some((_, known)) => *known = known.min(delay),
            None => delays.push((number, delay)),
        }
    }
    delays
}

/// Estimates times of propagation.
#[must_use]
pub fn estimate(record: &Record, samples: &Samples) -> Estimate {
    let delays: Vec<Vec<f64>> = samples
        .items
        .iter()
        .map(|sample| sorted(sample.delays.iter().map(|(_, delay)| *delay)))
        .collect();
    let at = |share| median_of_quantiles(&delays, share);
    let links = delays.iter().map(Vec::len).sum::<usize>() as f64;
    let mut resampled = resample(samples);
    let mut figure = |share: f64, which: usize| {
        let (low_ms, high_ms) =
            resampled.as_mut().map_or((None, None), |of| interval(&mut of[which]));
        Figure { ms: finite(at(share)), low_ms, high_ms }
    };
    let (t50, t90) = (figure(0.5, 0), figure(0.9, 1));
    let shares = [5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95];
    Estimate {
        since: samples.since,
        items: delays.len(),
        without_submission: samples.without_submission,
        without_links: samples.without_links,
        links_per_item: if delays.is_empty() { 0.0 } else { links / delays.len() as f64 },
        peers: peers(record, samples),
        t50,
        t90,
        curve: shares.map(|share| (share, finite(at(f64::from(share) / 100.0)))).into(),
    }
}

fn peers(record: &Record, samples: &Samples) -> usize {
    let links = samples.items.iter().flat_map(|sample| sample.delays.iter().map(|(link, _)| *link));
    let mut links: Vec<u32> = links.collect();
    links.sort_unstable();
    links.dedup();
    let mut peers: Vec<&str> =
        links.iter().map(|link| record.links[*link as usize].peer.as_str()).collect();
    peers.sort_unstable();
    peers.dedup();
    peers.len()
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// A quantile of sorted values at Hazen's plotting position; infinite if it falls on what never was, or if there are none.
#[must_use]
pub fn hazen(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::INFINITY };
    let place = (share * sorted.len() as f64 - 0.5).clamp(0.0, last as f64);
    let (below, along) = (place.floor(), place.fract());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the places of the values"
    )]
    let below = below as usize;
    let low = sorted[below];
    if along == 0.0 {
        return low;
    }
    low + along * (sorted[below + 1] - low)
}

fn median_of_quantiles(items: &[Vec<f64>], share: f64) -> f64 {
    hazen(&sorted(items.iter().map(|delays| hazen(delays, share))), 0.5)
}

/// What the figures would have been, had others been drawn: rounds are drawn anew, and within each round its links. `None` if there
/// is nothing to draw from.
fn resample(samples: &Samples) -> Option<[Vec<f64>; 2]> {
    let step = samples.items.len().div_ceil(RESAMPLED_ITEMS).max(1);
    let mut rounds: Vec<(u32, Vec<&Sample>)> = Vec::new();
    for sample in samples.items.iter().step_by(step) {
        match rounds.iter_mut().find(|(round, _)| *round == sample.round) {
            Some((_, items)) => items.push(sample),
            None => rounds.push((sample.round, vec![sample])),
        }
    }
    if rounds.is_empty() {
        return None;
    }
    let links: Vec<Vec<u32>> = rounds.iter().map(|(_, items)| links_of(items)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1); // the same record, the same interval
    let mut figures = [Vec::new(), Vec::new()];
    for _ in 0..RESAMPLES {
        let mut items = Vec::new();
        for _ in 0..rounds.len() {
            let drawn = rng.random_range(0..rounds.len());
            let links = &links[drawn];
            let mut times = vec![0_usize; links.len()];
            for _ in 0..links.len() {
                times[rng.random_range(0..links.len())] += 1;
            }
            for sample in &rounds[drawn].1 {
                let drawn = sample.delays.iter().flat_map(|(link, delay)| {
                    let times = links.binary_search(link).map_or(0, |place| times[place]);
                    std::iter::repeat_n(*delay, times)
                });
                let delays = sorted(drawn);
                if !delays.is_empty() {
                    items.push(delays);
                }
            }
        }
        figures[0].push(median_of_quantiles(&items, 0.5));
        figures[1].push(median_of_quantiles(&items, 0.9));
    }
    Some(figures)
}

fn links_of(items: &[&Sample]) -> Vec<u32> {
    let mut links: Vec<u32> =
        items.iter().flat_map(|sample| sample.delays.iter().map(|(link, _)| *link)).collect();
    links.sort_unstable();
    links.dedup();
    links
}

/// The middle 95 % of values.
fn interval(values: &mut [f64]) -> (Option<f64>, Option<f64>) {
    values.sort_unstable_by(f64::total_cmp);
    (finite(hazen(values, 0.025)), finite(hazen(values, 0.975)))
}

#[cfg(test)]
mod tests;
