//! What a probe saw: its links, the items that peers spoke of, and each time that one did.
//!
//! A [`Recorder`] fills a [`Record`] while the probe listens. Times are nanoseconds of Unix time: the system's clock is asked
//! once, in the beginning, and from then on a clock that only goes on is added; how far the two have come apart in the end is
//! in [`About::clock_step_ns`].
//!
//! *Bounds*: so many links, items and sightings as [`Bounds`] has it. What comes beyond is dropped and counted
//! ([`Lost`]), and what was recorded before stays: the beginning of a record is whole, and its end may be missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::{ItemKind, Name, ShortId};

/// Round trips that are kept of a link, for their median; later ones only count for the least. A guess: two minutes.
const ROUND_TRIPS_MAX: usize = 256;

/// How a peer spoke of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// It told its id.
    Announced,
    /// It sent it whole.
    Sent,
    /// It asked for it, which nobody does of a listener.
    Asked,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Announced, Self::Sent, Self::Asked];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Sent => "sent",
            Self::Asked => "asked",
        }
    }

    /// The one with a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// Whether the peer has the item, if it does this.
    #[must_use]
    pub const fn has_it(self) -> bool {
        matches!(self, Self::Announced | Self::Sent)
    }
}

/// A peer spoke of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When it was read from the link, nanoseconds of Unix time.
    pub at_ns: u64,
    /// On which link, by its number in [`Record::links`].
    pub link: u32,
    /// Of which item, by its number in [`Record::items`].
    pub item: u32,
    /// How.
    pub event: Event,
}

/// A link, from its dial to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Which probe had it, by its number in [`About::probes`].
    pub probe: u32,
    /// In which round it was dialled, from 0.
    pub round: u32,
    /// Which of the probe's places it had, from 0.
    pub place: u32,
    /// Who was there, as the transport writes it; empty if nobody was.
    pub peer: String,
    /// The address that was dialled.
    pub addr: String,
    /// The region that the peer says it is in; empty if it doesn't.
    pub region: String,
    /// When it was dialled, nanoseconds of Unix time, as all times here.
    pub dialled_ns: u64,
    /// When the peer's hello was read; `None` if none came.
    pub ready_ns: Option<u64>,
    /// When it was closed, or the dial failed; `None` while it stands.
    pub closed_ns: Option<u64>,
    /// Why.
    pub why: String,
    /// The shortest round trip of our pings, nanoseconds; `None` if none was answered.
    pub rtt_min_ns: Option<u64>,
    /// The median of the first 256.
    pub rtt_median_ns: Option<u64>,
    /// How many pings were answered.
    pub pongs: u32,
    /// Ids that the peer announced.
    pub announced: u64,
    /// Items that it sent whole.
    pub sent: u64,
    /// Bytes of these.
    pub sent_bytes: u64,
}

impl Link {
    /// How long what the peer sends is under way, as far as round trips tell: half of the median one, since what shows an item takes as
    /// long as most messages, not as the luckiest. Nothing if none is known.
    #[must_use]
    pub fn one_way_ns(&self) -> u64 {
        self.rtt_median_ns.or(self.rtt_min_ns).unwrap_or(0) / 2
    }

    /// Whether it stood, both hellos said, from one time to another.
    #[must_use]
    pub fn stood(&self, from_ns: u64, to_ns: u64) -> bool {
        self.ready_ns.is_some_and(|ready| ready <= from_ns)
            && self.closed_ns.is_none_or(|closed| closed >= to_ns)
    }
}

/// An item that some peer spoke of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its short id, by which all that is said of it is one.
    pub short: ShortId,
    /// Its hash, hexadecimal, if somebody told it.
    pub id: Option<String>,
    /// Transaction or block.
    pub kind: ItemKind,
    /// Its size, bytes, if somebody sent it.
    pub bytes: Option<u32>,
}

/// Most that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Sightings: 24 bytes each.
    pub sightings: usize,
    /// Items: some 150 bytes each.
    pub items: usize,
    /// Links: some 300 bytes each, and round trips.
    pub links: usize,
}

impl Default for Bounds {
    /// A guess: some 200 MB at worst, which is 200,000 items seen by 20 peers.
    fn default() -> Self {
        Self { sightings: 4_000_000, items: 500_000, links: 20_000 }
    }
}

/// What wasn't recorded, for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Sightings of items that are recorded, and of others.
    pub sightings: u64,
    /// Items: each sighting of one that there was no room for.
    pub items: u64,
    /// Links, on which nothing was listened to.
    pub links: u64,
}

/// Where and how a record was made: `probe.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Name of the network.
    pub network: String,
    /// When it began, nanoseconds of Unix time.
    pub began_ns: u64,
    /// When it ended.
    pub ended_ns: u64,
    /// The probes whose record it is.
    pub probes: Vec<Probe>,
    /// What wasn't recorded.
    pub lost: Lost,
    /// How far the system's clock had come from a clock that only goes on when the record ended: it was set, or slewed.
    pub clock_step_ns: i64,
}

/// One of the probes of a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Its name.
    pub name: String,
    /// How many places it had: links at a time.
    pub places: u32,
    /// How many of them, the first ones, were for peers that other probes had too.
    pub shared: u32,
    /// How long it stayed with the same peers, seconds; 0 if for good.
    pub round_s: f64,
    /// Whether it relayed, and so was a hop of what it measured.
    pub relays: bool,
    /// Items that it passed on.
    pub passed_on: u64,
    /// Its place in an emulated world; empty if links are as they are.
    pub region: String,
    /// How its clock was brought to the first probe's; `None` for that itself.
    pub offset: Option<Offset>,
}

/// How much the clock of a probe is ahead of another's, and how well that is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offset {
    /// So much ahead, nanoseconds; less than 0 is behind. It has been subtracted.
    pub ahead_ns: i64,
    /// Half the width of the 95 % confidence interval, as far as chance goes, nanoseconds.
    pub chance_ns: u64,
    /// How far it can be off besides, since the ways of a link may not be equally long: half the sum of the shortest round trips to
    /// the peer of which this is least. `None` if no peer is shared: then there is no such bound.
    pub ways_ns: Option<u64>,
    /// How many peers both had a link with.
    pub shared_peers: u32,
    /// How many items it is made of.
    pub items: u32,
}

/// All that was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Where and how.
    pub about: About,
    /// The links, in the order of their dials.
    pub links: Vec<Link>,
    /// The items, in the order in which they were first spoken of.
    pub items: Vec<Item>,
    /// Who spoke of them, in the order of time for each probe.
    pub sightings: Vec<Sighting>,
}

impl Record {
    /// Whether any of its probes relayed.
    #[must_use]
    pub fn was_a_hop(&self) -> bool {
        self.about.probes.iter().any(|probe| probe.relays)
    }

    /// Whether a link's peer was drawn from all: that of a shared place is the same in each round, and would count as many.
    #[must_use]
    pub fn is_drawn(&self, link: &Link) -> bool {
        let probe = self.about.probes.get(link.probe as usize);
        probe.is_none_or(|probe| probe.round_s == 0.0 || link.place >= probe.shared)
    }

    /// How many links were there at a time, of all probes.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.about.probes.iter().map(|probe| probe.places).sum()
    }

    /// For each item, in order, when each link's peer first showed that it has it: link and time, nanoseconds of Unix time. What was
    /// announced counts so much earlier.
    #[must_use]
    pub fn first_by_link(&self, announced_late_ns: u64) -> Vec<Vec<(u32, u64)>> {
        let had = |seen: &Sighting| {
            let late = if seen.event == Event::Announced { announced_late_ns } else { 0 };
            (seen.item, seen.link, seen.at_ns.saturating_sub(late))
        };
        let mut seen: Vec<(u32, u32, u64)> =
            self.sightings.iter().filter(|seen| seen.event.has_it()).map(had).collect();
        seen.sort_unstable();
        seen.dedup_by_key(|(item, link, _)| (*item, *link));
        let mut firsts = vec![Vec::new(); self.items.len()];
        for (item, link, at_ns) in seen {
            if let Some(firsts) = firsts.get_mut(item as usize) {
                firsts.push((link, at_ns));
            }
        }
        firsts
    }
}

/// Fills a record.
#[derive(Debug)]
pub struct Recorder {
    record: Record,
    bounds: Bounds,
    by_short: BTreeMap<ShortId, u32>,
    /// By link.
    round_trips: Vec<Vec<u64>>,
}

impl Recorder {
    /// An empty record of a probe.
    #[must_use]
    pub fn new(about: About, bounds: Bounds) -> Self {
        let record = Record { about, ..Record::default() };
        Self { record, bounds, by_short: BTreeMap::new(), round_trips: Vec::new() }
    }

    /// What is recorded so far.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// A link is dialled. Its number, or `None` if there is no room for it: then it isn't to be dialled.
    pub fn dial(&mut self, link: Link) -> Option<u32> {
        if self.record.links.len() >= self.bounds.links {
            self.record.about.lost.links += 1;
            return None;
        }
        let number = u32::try_from(self.record.links.len()).ok()?;
        self.record.links.push(link);
        self.round_trips.push(Vec::new());
        Some(number)
    }

    /// A link changes.
    pub fn change(&mut self, link: u32, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.record.links.get_mut(link as usize) {
            change(link);
        }
    }

    /// A ping was answered.
    pub fn pong(&mut self, link: u32, took_ns: u64) {
        if let Some(took) = self.round_trips.get_mut(link as usize)
            && took.len() < ROUND_TRIPS_MAX
        {
            took.push(took_ns);
        }
        self.change(link, |link| {
            link.rtt_min_ns = Some(link.rtt_min_ns.map_or(took_ns, |least| least.min(took_ns)));
            link.pongs += 1;
        });
    }

    /// A peer spoke of an item, of which `bytes` is the size if it sent it.
    pub fn see(&mut self, link: u32, name: Name, event: Event, bytes: Option<u32>, at_ns: u64) {
        self.change(link, |link| match event {
            Event::Announced => link.announced += 1,
            Event::Sent => {
                link.sent += 1;
                link.sent_bytes += u64::from(bytes.unwrap_or(0));
            }
            Event::Asked => {}
        });
        let Some(item) = self.item(name, bytes) else {
            self.record.about.lost.items += 1;
            self.record.about.lost.sightings += 1;
            return;
        };
        if self.record.sightings.len() >= self.bounds.sightings {
            self.record.about.lost.sightings += 1;
            return;
        }
        self.record.sightings.push(Sighting { at_ns, link, item, event });
    }

    fn item(&mut self, name: Name, bytes: Option<u32>) -> Option<u32> {
        let id = match name {
            Name::Whole(id) => Some(id.hash().to_string()),
            Name::Short(_) => None,
        };
        if let Some(number) = self.by_short.get(&name.short()) {
            let item = &mut self.record.items[*number as usize];
            item.id = item.id.take().or(id);
            item.bytes = item.bytes.or(bytes);
            return Some(*number);
        }
        if self.record.items.len() >= self.bounds.items {
            return None;
        }
        let number = u32::try_from(self.record.items.len()).ok()?;
        self.record.items.push(Item { short: name.short(), id, kind: name.kind(), bytes });
        self.by_short.insert(name.short(), number);
        Some(number)
    }

    /// The record, ended at a time; what stood stands no more.
    #[must_use]
    pub fn finish(mut self, ended_ns: u64, clock_step_ns: i64) -> Record {
        self.record.about.ended_ns = ended_ns;
        self.record.about.clock_step_ns = clock_step_ns;
        for (link, took) in self.record.links.iter_mut().zip(&mut self.round_trips) {
            if link.closed_ns.is_none() {
                link.closed_ns = Some(ended_ns);
                "the probe ended".clone_into(&mut link.why);
            }
            took.sort_unstable();
            link.rtt_median_ns = took.get(took.len() / 2).copied();
        }
        self.record
    }
}

#[cfg(test)]
mod tests {
    use tidings_protocol::ground::item::{Hash256, ItemId};

    use super::*;

    fn id(number: u8) -> ItemId {
        ItemId::tx(Hash256::of(&[number]))
    }

    fn recorder(bounds: Bounds) -> Recorder {
        let mut recorder = Recorder::new(About::default(), bounds);
        for place in 0..2 {
            recorder.dial(Link { place, ..Link::default() });
        }
        recorder
    }

    #[test]
    fn what_is_said_of_an_item_by_either_name_is_one() {
        let mut recorder = recorder(Bounds::default());
        recorder.see(0, Name::Short(id(1).into()), Event::Announced, None, 5);
        recorder.see(1, Name::Whole(id(1)), Event::Sent, Some(300), 7);
        recorder.see(1, Name::Whole(id(1)), Event::Sent, Some(300), 9);
        let record = recorder.finish(10, 0);
        assert_eq!(record.items.len(), 1);
        assert_eq!(record.items[0].id.as_deref(), Some(&*id(1).hash().to_string()));
        assert_eq!(record.items[0].bytes, Some(300));
        assert_eq!(record.first_by_link(0), [[(0, 5), (1, 7)]]);
        assert_eq!(record.first_by_link(3), [[(0, 2), (1, 7)]], "only what was announced is late");
        assert_eq!((record.links[1].sent, record.links[1].sent_bytes), (2, 600));
    }

    #[test]
    fn beyond_its_bounds_it_counts_and_keeps_the_beginning() {
        let bounds = Bounds { sightings: 2, items: 1, links: 2 };
        let mut recorder = recorder(bounds);
        assert_eq!(recorder.dial(Link::default()), None);
        for at in 0..3 {
            recorder.see(0, Name::Whole(id(1)), Event::Announced, None, at);
        }
        recorder.see(0, Name::Whole(id(2)), Event::Announced, None, 9);
        let record = recorder.finish(10, 0);
        assert_eq!(record.about.lost, Lost { sightings: 2, items: 1, links: 1 });
        assert_eq!(record.sightings.iter().map(|seen| seen.at_ns).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_link_knows_its_shortest_and_its_median_round_trip() {
        let mut recorder = recorder(Bounds::default());
        for took in [30, 10, 20] {
            recorder.pong(0, took);
        }
        let record = recorder.finish(10, 0);
        let link = &record.links[0];
        assert_eq!((link.rtt_min_ns, link.rtt_median_ns, link.pongs), (Some(10), Some(20), 3));
        assert_eq!((link.one_way_ns(), record.links[1].one_way_ns()), (10, 0));
    }

    #[test]
    fn a_link_stood_only_between_hello_and_end() {
        let link = Link { ready_ns: Some(5), closed_ns: Some(9), ..Link::default() };
        assert!(link.stood(5, 9) && !link.stood(4, 9) && !link.stood(5, 10));
        assert!(!Link::default().stood(5, 9), "no hello");
    }

    #[test]
    fn being_asked_for_an_item_is_no_sign_of_having_it() {
        let mut recorder = recorder(Bounds::default());
        recorder.see(0, Name::Whole(id(1)), Event::Asked, None, 1);
        recorder.see(0, Name::Whole(id(1)), Event::Announced, None, 3);
        assert_eq!(recorder.finish(10, 0).first_by_link(0), [[(0, 3)]]);
        assert!(Event::ALL.into_iter().all(|event| Event::named(event.name()) == Some(event)));
    }
}
