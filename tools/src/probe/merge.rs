//! Records of several probes made one, by the clock of the first.
//!
//! # How clocks are compared
//! *By shared peers*, if there are any: a peer that both probes have a link with sends both the same item, in one turn of its loop.
//! So the difference of the two times of arrival, each less half of its link's shortest round trip, is the difference of the clocks,
//! but for how unequal the two ways are. (Clocks at observatories are compared so by satellites in common view: Allan and
//! Weiss 1980.) Of each shared peer the median over items is taken, and of all peers the median. What is told with it: half the
//! width of the 95 % interval as far as chance goes, and how far it can be off at worst, which is half the sum of the two
//! shortest round trips, of the peer where that is least.
//!
//! *By items alone*, if there are none: of each item the median time over the links of each probe, and of the differences of
//! these the median. It is right only as far as the peers of both are alike; the interval counts who was drawn, and there is no
//! bound.
//!
//! [`crate::probe::wait`] has probes share peers: the first links go to those whose addresses hash lowest.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::item::{ItemKind, ShortId};

use super::record::{Event, Item, Link, Offset, Record};

/// Fewest items by which clocks are compared. A guess.
const ITEMS_LEAST: u32 = 5;

/// Draws of links, for the interval where no peer is shared. A guess.
const RESAMPLES: usize = 200;

/// Normal distribution: 95 % lie within so many standard deviations.
const NORMAL_95: f64 = 1.96;

/// Normal distribution: a median varies by so much more than a mean (the root of half of pi).
const MEDIAN_SPREAD: f64 = 1.2533;

/// Normal distribution: the standard deviation is so many median absolute deviations.
const MAD_TO_SD: f64 = 1.4826;

/// Why records can't be made one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// They are of different networks.
    #[error("they are of different networks, `{0}` and `{1}`")]
    Networks(String, String),
    /// They saw nothing together.
    #[error(
        "only {0} items were seen by both, too few to compare their clocks: they must listen at the same time"
    )]
    TooFew(u32),
}

/// Makes one record of two, with the first one's clock.
///
/// # Errors
/// When they are of different networks, or saw too little together.
pub fn merge(first: Record, second: Record) -> Result<Record, MergeError> {
    let (a, b) = (&first.about.network, &second.about.network);
    if a != b {
        return Err(MergeError::Networks(a.clone(), b.clone()));
    }
    let offset = offset(&first, &second)?;
    Ok(join(first, second, offset))
}

/// How much the second one's clock is ahead of the first one's.
///
/// # Errors
/// When they saw too little together.
pub fn offset(first: &Record, second: &Record) -> Result<Offset, MergeError> {
    let views = [View::of(first), View::of(second)];
    let shared = by_shared_peers(&views);
    let items: u32 = shared.iter().map(|peer| peer.items).sum();
    if items >= ITEMS_LEAST {
        return Ok(of_peers(&shared, items));
    }
    by_items(&views)
}

/// What a shared peer says about the clocks.
struct SharedPeer {
    /// The median difference, nanoseconds.
    ahead_ns: f64,
    /// Half of its 95 % interval.
    chance_ns: f64,
    /// Half the sum of the shortest round trips.
    ways_ns: u64,
    items: u32,
}

/// When each of some links' peers showed an item.
type Shown = [(u32, u64)];

/// A record, by what is compared.
struct View<'a> {
    record: &'a Record,
    /// For each item, when each link's peer showed it, less half a round trip.
    had: BTreeMap<ShortId, Vec<(u32, u64)>>,
    /// The same where it sent it whole.
    sent: BTreeMap<(u32, ShortId), u64>,
}

impl<'a> View<'a> {
    fn of(record: &'a Record) -> Self {
        let less = |link: u32, at_ns: u64| {
            at_ns.saturating_sub(record.links.get(link as usize).map_or(0, |it| it.one_way_ns()))
        };
        let had = record.first_by_link(0).into_iter().zip(&record.items);
        let had = had.filter(|(_, item)| item.kind == ItemKind::Tx).map(|(firsts, item)| {
            let firsts = firsts.into_iter().map(|(link, at_ns)| (link, less(link, at_ns)));
            (item.short, firsts.collect())
        });
        let mut sent = BTreeMap::new();
        for seen in record.sightings.iter().filter(|seen| seen.event == Event::Sent) {
            let short = record.items[seen.item as usize].short;
            sent.entry((seen.link, short)).or_insert_with(|| less(seen.link, seen.at_ns));
        }
        Self { record, had: had.collect(), sent }
    }

    /// When a link's peer sent an item whole.
    fn sent(&self, link: u32, short: ShortId) -> Option<u64> {
        self.sent.get(&(link, short)).copied()
    }
}

fn difference(later: u64, earlier: u64) -> f64 {
    later as f64 - earlier as f64
}

fn link_of<'a>(view: &View<'a>, link: u32) -> &'a Link {
    &view.record.links[link as usize]
}

fn by_shared_peers([first, second]: &[View<'_>; 2]) -> Vec<SharedPeer> {
    let mut by_pair: BTreeMap<(u32, u32), Vec<f64>> = BTreeMap::new();
    for (short, firsts) in &first.had {
        let Some(others) = second.had.get(short) else { continue };
        for (link, _) in firsts {
            let peer = link_of(first, *link);
            let same = others.iter().find(|(other, _)| link_of(second, *other).peer == peer.peer);
            let Some((other, _)) = same.filter(|_| !peer.peer.is_empty()) else { continue };
            // An id may have waited for company on one of the links: only whole items compare.
            let both = (first.sent(*link, *short), second.sent(*other, *short));
            let (Some(here), Some(there)) = both else { continue };
            by_pair.entry((*link, *other)).or_default().push(difference(there, here));
        }
    }
    let mut shared: Vec<SharedPeer> = Vec::new();
    for ((link, other), mut differences) in by_pair {
        let ways = [link_of(first, link).rtt_min_ns, link_of(second, other).rtt_min_ns];
        let [Some(here), Some(there)] = ways else { continue };
        let ahead_ns = median(&mut differences);
        let mut off: Vec<f64> = differences.iter().map(|it| (it - ahead_ns).abs()).collect();
        let deviation = MAD_TO_SD * median(&mut off);
        let chance_ns = NORMAL_95 * MEDIAN_SPREAD * deviation / (differences.len() as f64).sqrt();
        let items = u32::try_from(differences.len()).unwrap_or(u32::MAX);
        shared.push(SharedPeer { ahead_ns, chance_ns, ways_ns: (here + there) / 2, items });
    }
    shared
}

fn of_peers(shared: &[SharedPeer], items: u32) -> Offset {
    let mut heads: Vec<f64> = shared.iter().map(|peer| peer.ahead_ns).collect();
    let ahead = median(&mut heads);
    let apart = heads.last().zip(heads.first()).map_or(0.0, |(last, first)| last - first);
    let least = shared.iter().map(|peer| peer.chance_ns).fold(f64::INFINITY, f64::min);
    // Of several peers it is seen how far they disagree; of one it isn't.
    let chance = least.max(apart / 2.0);
    Offset {
        ahead_ns: whole(ahead),
        chance_ns: whole(chance.ceil()).unsigned_abs(),
        ways_ns: shared.iter().map(|peer| peer.ways_ns).min(),
        shared_peers: u32::try_from(shared.len()).unwrap_or(u32::MAX),
        items,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest that there is")]
fn whole(nanoseconds: f64) -> i64 {
    nanoseconds.round() as i64
}

fn by_items([first, second]: &[View<'_>; 2]) -> Result<Offset, MergeError> {
    let both: Vec<(&Shown, &Shown)> = first
        .had
        .iter()
        .filter_map(|(short, firsts)| Some((&firsts[..], &second.had.get(short)?[..])))
        .filter(|(firsts, others)| !firsts.is_empty() && !others.is_empty())
        .collect();
    let items = u32::try_from(both.len()).unwrap_or(u32::MAX);
    if items < ITEMS_LEAST {
        return Err(MergeError::TooFew(items));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1); // the same records, the same interval
    let all = [first, second].map(|view| vec![1_usize; view.record.links.len()]);
    let ahead = median_difference(&both, &all).unwrap_or(0.0);
    let mut draws = Vec::new();
    for _ in 0..RESAMPLES {
        let times = [first, second].map(|view| {
            let count = view.record.links.len();
            let mut times = vec![0; count];
            (0..count).for_each(|_| times[rng.random_range(0..count)] += 1);
            times
        });
        draws.extend(median_difference(&both, &times));
    }
    let mut off: Vec<f64> = draws.iter().map(|draw| (draw - ahead).abs()).collect();
    off.sort_unstable_by(f64::total_cmp);
    let chance = off.get(off.len() * 19 / 20).copied().unwrap_or(f64::MAX);
    Ok(Offset {
        ahead_ns: whole(ahead),
        chance_ns: whole(chance.ceil()).unsigned_abs(),
        ways_ns: None,
        shared_peers: 0,
        items,
    })
}

/// The median over items of how much later its median time over the second's links is, each link counted some times.
fn median_difference(both: &[(&Shown, &Shown)], [first, second]: &[Vec<usize>; 2]) -> Option<f64> {
    let middle = |shown: &Shown, times: &[usize]| {
        let at = |(link, at_ns): &(u32, u64)| {
            std::iter::repeat_n(*at_ns, times.get(*link as usize).copied().unwrap_or(0))
        };
        let mut at: Vec<u64> = shown.iter().flat_map(at).collect();
        at.sort_unstable();
        at.get(at.len() / 2).copied()
    };
    let difference = |(firsts, others): &(&Shown, &Shown)| {
        Some(difference(middle(others, second)?, middle(firsts, first)?))
    };
    let mut differences: Vec<f64> = both.iter().filter_map(difference).collect();
    (!differences.is_empty()).then(|| median(&mut differences))
}

/// The median; of an even number the mean of both in the middle. Sorts them. 0 of none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values {
        [] => 0.0,
        values if values.len() % 2 == 1 => values[middle],
        values => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Appends the second to the first, by the first one's clock.
fn join(mut first: Record, second: Record, offset: Offset) -> Record {
    let back = |at_ns: u64| at_ns.saturating_add_signed(-offset.ahead_ns);
    let probes = u32::try_from(first.about.probes.len()).unwrap_or(u32::MAX);
    let links = u32::try_from(first.links.len()).unwrap_or(u32::MAX);
    let mut by_short: BTreeMap<ShortId, u32> =
        first.items.iter().zip(0..).map(|(item, number)| (item.short, number)).collect();
    let mut numbers = Vec::with_capacity(second.items.len());
    for item in second.items {
        let next = u32::try_from(first.items.len()).unwrap_or(u32::MAX);
        let number = *by_short.entry(item.short).or_insert(next);
        match first.items.get_mut(number as usize) {
            Some(known) => known_too(known, item),
            None => first.items.push(item),
        }
        numbers.push(number);
    }
    first.links.extend(second.links.into_iter().map(|mut link| {
        link.probe += probes;
        link.dialled_ns = back(link.dialled_ns);
        link.ready_ns = link.ready_ns.map(back);
        link.closed_ns = link.closed_ns.map(back);
        link
    }));
    first.sightings.extend(second.sightings.into_iter().map(|mut seen| {
        seen.link += links;
        seen.item = numbers[seen.item as usize];
        seen.at_ns = back(seen.at_ns);
        seen
    }));
    let (about, other) = (&mut first.about, second.about);
    about.began_ns = about.began_ns.min(back(other.began_ns));
    about.ended_ns = about.ended_ns.max(back(other.ended_ns));
    about.lost.sightings += other.lost.sightings;
    about.lost.items += other.lost.items;
    about.lost.links += other.lost.links;
    if other.clock_step_ns.abs() > about.clock_step_ns.abs() {
        about.clock_step_ns = other.clock_step_ns;
    }
    about.probes.extend(other.probes.into_iter().map(|mut probe| {
        // One that was brought to the second's clock before is now brought on from there.
        let before = probe.offset.take().map_or(0, |before| before.ahead_ns);
        let ahead_ns = offset.ahead_ns.saturating_add(before);
        probe.offset = Some(Offset { ahead_ns, ..offset.clone() });
        probe
    }));
    first
}

/// What the second knows of an item, where the first doesn't.
fn known_too(known: &mut Item, item: Item) {
    known.id = known.id.take().or(item.id);
    known.bytes = known.bytes.or(item.bytes);
}

#[cfg(test)]
mod tests;
