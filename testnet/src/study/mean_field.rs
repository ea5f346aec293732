//! What is to be expected of `reconcile`: how an item spreads that each node announces to a few neighbours and compares with all.
//!
//! A mean field. Every node hears from about as many others as each tells (a Poisson number, as where contacts are drawn), and
//! compares with each of its neighbours at moments that have nothing to do with the item. Whoever has it and tells of it, or
//! shows it in a comparison, delivers it three messages later: an announcement or cells, a request, the item. So of the share
//! `i(t)` of the nodes that have it and `s(t) = 1 - i(t)` that don't, with ℓ a latency of three messages,
//!
//! `s(t) = (1 - 1/n) exp(-f E i(t - ℓ) - (d / T) ∫ E i(u - ℓ) du, u up to t)`
//!
//! for f announcements, d neighbours and a comparison a link every T. Without comparisons it ends at the final size of an
//! epidemic, `s = e^(-f (1 - s))` (Kermack and `McKendrick`, 1927).
//!
//! *What it leaves out*: that links have places. Neighbours of neighbours are neighbours, and where places lie in heaps, as
//! regions do, an item reaches a heap by few links. On a plane times come out within a tenth, in regions sooner than they are.

use std::sync::Arc;

use tidings_protocol::ground::item::ShortId;
use tidings_protocol::wire::codec::frame_len;
use tidings_protocol::wire::message::{Items, Message, Names, Reconcile};
use tidings_protocol::wire::sketch::{Cell, Cells};
use tidings_sim::latency::{Latencies, LinkSpec};
use tidings_sim::random::{Use, stream};

/// A step of the integration, milliseconds.
const STEP_MS: f64 = 1.0;

/// Nothing is followed for longer: ten minutes.
const MOST_MS: f64 = 600_000.0;

/// Trips of three messages that latencies are taken from.
const TRIPS: u32 = 4_096;

/// Bytes that an id takes that a comparison finds: two cells, as [`AntiEntropy::first_cells`] has it, and its name.
///
/// [`AntiEntropy::first_cells`]: tidings_protocol::reconcile::anti_entropy::AntiEntropy::first_cells
const FOUND: f64 = 2.0 * Cell::LEN as f64 + 8.0;

/// Cells with which a comparison begins, see [`tidings_protocol::reconcile::by_sketch::FIRST`].
const FIRST: usize = tidings_protocol::reconcile::by_sketch::FIRST;

/// A network in which each item is announced to some and compared with all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanField {
    /// How many nodes.
    pub nodes: f64,
    /// To how many others each announces an item.
    pub told: f64,
    /// How many neighbours each has.
    pub neighbours: f64,
    /// How often each link is compared, milliseconds; endless for never.
    pub round_ms: f64,
}

/// How long three messages take between nodes: the share of trips that takes each number of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Trips(Vec<f64>);

impl Trips {
    /// Those between random nodes of a model.
    #[must_use]
    pub fn of(spec: &LinkSpec, nodes: usize, seed: u64) -> Self {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX).max(2);
        let latencies = Latencies::new(spec, nodes as usize, seed);
        let mut jitter = stream(seed, Use::Latency, 0);
        let mut trip = |number: u32| {
            let (from, to) = (number % nodes, (number % nodes + 1 + number % (nodes - 1)) % nodes);
            [(from, to), (to, from), (from, to)].into_iter().fold(0, |at, (from, to)| {
                latencies.arrival(at, latencies.fixed(from, to), &mut jitter)
            })
        };
        Self::from_ms((0..TRIPS).map(|number| trip(number) as f64 / 1e6))
    }

    /// Those that take so many milliseconds each.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a span is positive and short"
    )]
    fn from_ms(trips: impl ExactSizeIterator<Item = f64>) -> Self {
        let (mut shares, weight) = (Vec::new(), 1.0 / trips.len() as f64);
        for trip in trips {
            let steps = ((trip / STEP_MS).round() as usize).max(1);
            shares.resize(shares.len().max(steps + 1), 0.0);
            shares[steps] += weight;
        }
        Self(shares)
    }
}

impl MeanField {
    /// The share that has an item after each step, from the moment at which one node has it, until `share` of them have.
    fn course(&self, trips: &Trips, share: f64) -> Vec<f64> {
        let first = 1.0 / self.nodes;
        let (mut course, mut compared) = (vec![first], 0.0);
        while course[course.len() - 1] < share && (course.len() as f64) < MOST_MS / STEP_MS {
            let now = course.len();
            let arrived = trips.0.iter().enumerate().take(now + 1).skip(1);
            let reached: f64 = arrived.map(|(steps, share)| share * course[now - steps]).sum();
            compared += reached * self.neighbours * STEP_MS / self.round_ms;
            course.push(1.0 - (1.0 - first) * (-self.told * reached - compared).exp());
        }
        course
    }

    /// When a share of the nodes has an item, milliseconds; `None` if that is never.
    #[must_use]
    pub fn time_of(&self, share: f64, trips: &Trips) -> Option<f64> {
        let course = self.course(trips, share);
        (course[course.len() - 1] >= share).then(|| (course.len() - 1) as f64 * STEP_MS)
    }

    /// Bytes for each byte of payload, of items of `size` bytes of which `rate` come a second.
    #[must_use]
    pub fn bytes_per_payload_byte(&self, size: usize, rate: f64, trips: &Trips) -> f64 {
        let len = |message: Message| frame_len(&message) as f64;
        let one = || Names::Short(Arc::from([ShortId([0; 8])]));
        let ask = len(Items::GetData(one()).into());
        let head = ask - 8.0;
        let cells = |count: usize| {
            let cells = vec![Cell::default(); count].into();
            len(Reconcile::Cells(Box::new(Cells { of: 0, cells })).into())
        };
        // Of an item that one end of a link has and the other hasn't, a comparison in between tells.
        let course = self.course(trips, 1.0 - 0.1 / self.nodes);
        let apart_ms: f64 = course.iter().map(|had| 2.0 * had * (1.0 - had) * STEP_MS).sum();
        let comparison = cells(FIRST) + FOUND * rate * apart_ms / 1_000.0;
        let comparisons = self.neighbours / 2.0 / (rate * self.round_ms / 1_000.0);
        let told = self.told * len(Items::Announce(one()).into());
        (told + ask + head + size as f64 + comparisons * comparison) / size as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::parse_short;
    use crate::study::theory;

    fn trips() -> Trips {
        Trips::from_ms([150.0; 4].into_iter())
    }

    fn field(told: f64, round_ms: f64) -> MeanField {
        MeanField { nodes: 1_000.0, told, neighbours: 16.0, round_ms }
    }

    #[test]
    fn without_comparisons_it_ends_as_an_epidemic_does() {
        for told in [2_u32, 3, 4] {
            let field = field(f64::from(told), f64::INFINITY);
            let course = field.course(&trips(), 1.0);
            let missed = 1.0 - course[course.len() - 1];
            let residue = theory::rumor_residue(told - 1);
            assert!((missed / residue - 1.0).abs() < 0.01, "{told}: {missed}, {residue}");
            assert_eq!(field.time_of(0.9999, &trips()), None);
        }
    }

    #[test]
    fn with_comparisons_all_have_it_and_sooner_the_more_are_told() {
        let times: Vec<f64> = [1.0, 2.0, 4.0, 8.0]
            .map(|told| field(told, 8_000.0).time_of(0.99, &trips()).unwrap())
            .to_vec();
        assert!(times.is_sorted_by(|slower, faster| slower > faster), "{times:?}");
        // By hand: with 8 announcements a step multiplies by 8, so four of them reach a thousand.
        assert!((600.0..=900.0).contains(&times[3]), "{times:?}");
    }

    #[test]
    fn comparing_alone_reaches_all_in_a_round_or_two() {
        // i grows by e^(16 t / 8 s) if trips took no time, so to 1,000 nodes in 3.5 s and as long a tail.
        let time = field(0.0, 8_000.0).time_of(0.99, &trips()).unwrap();
        assert!((4_000.0..=9_000.0).contains(&time), "{time}");
    }

    #[test]
    fn an_announcement_more_costs_eleven_bytes() {
        let bytes = |told| 300.0 * field(told, 8_000.0).bytes_per_payload_byte(300, 20.0, &trips());
        let more = bytes(6.0) - bytes(5.0);
        assert!((9.0..=12.0).contains(&more), "{more}");
        assert!(bytes(4.0) > 330.0 && bytes(4.0) < 400.0, "{}", bytes(4.0));
    }

    #[test]
    fn trips_are_those_of_the_model() {
        let constant = Trips::of(&LinkSpec::Constant { latency_ms: 50.0 }, 100, 1);
        assert!((constant.0[150] - 1.0).abs() < 1e-9);
        let planar = Trips::of(&parse_short("planar", "model").unwrap(), 100, 1);
        assert!((planar.0.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}
