//! Blocks of the best chain that aren't here are fetched from several peers at once.
//!
//! What is wanted lies in a window behind the last block that is shared with the best chain (Bitcoin Core:
//! `BLOCK_DOWNLOAD_WINDOW`, 1,024), so that what comes early needn't wait for long. Each peer is asked for those that it has, for few at
//! first and for more as they come, at most [`IN_FLIGHT_MAX`] at a time. What somebody owes for long others are
//! asked for before anything else, since the blocks behind it wait for it. So whoever stalls, or sends slowly, costs some blocks a second
//! request, and not the window a timeout.
//!
//! # Stallers
//! A peer that was overtaken so, and brought nothing for [`STALL_MIN`], is a staller. The time doubles with each one up to [`STALL_MAX`], since
//! it may be our own line that is slow, and shrinks as blocks are connected (Bitcoin Core: `BLOCK_STALLING_TIMEOUT_DEFAULT`,
//! `BLOCK_STALLING_TIMEOUT_MAX`, and the factor 0.85 in `net_processing.cpp`).
//!
//! # Bounds
//! What is in flight for each link, [`IN_FLIGHT_ALL`] in all.

use std::time::Duration;

use crate::blocks::tree::Tree;
use crate::ground::item::Hash256;
use crate::ground::link::Link;
use crate::ground::time::Time;

/// How far ahead blocks are fetched (Bitcoin Core: `BLOCK_DOWNLOAD_WINDOW`, `net_processing.cpp`).
pub const WINDOW: u32 = 1_024;

/// Most blocks that one peer owes at a time. Bitcoin Core asks for 16 (`MAX_BLOCKS_IN_TRANSIT_PER_PEER`); here a few good peers among bad ones
/// are to carry all.
pub const IN_FLIGHT_MAX: usize = 32;

/// How many a peer is asked for at first. A guess.
const IN_FLIGHT_FIRST: usize = 2;

/// Most blocks that all peers owe together. A guess: what four peers may.
pub const IN_FLIGHT_ALL: usize = 128;

/// Most missing blocks that are looked at, from the first on: those that are owed, and as many that may be asked for. Whenever a block
/// comes it is looked again, and the whole window would be a good part of what a block costs.
const LOOKED_AT: usize = 2 * IN_FLIGHT_ALL;

/// Most peers that owe one block. A guess, as many as send one in parts at once.
const ASKED_MAX: usize = 3;

/// A block is owed for long after this many times what one takes on average. A guess.
const LONG: u32 = 4;

/// But not before. A guess: longer than most round trips.
const LONG_MIN: Duration = Duration::from_millis(250);

/// At the latest then, before any came. A guess.
const LONG_MAX: Duration = Duration::from_secs(5);

/// Who brought nothing for so long while others did is a staller (Bitcoin Core: `BLOCK_STALLING_TIMEOUT_DEFAULT`).
pub const STALL_MIN: Duration = Duration::from_secs(2);

/// What a peer owes for so long it may be asked for once more, if nobody else brought it: a block of 4 MB at half a megabit a second. A
/// guess.
const LOST: Duration = Duration::from_secs(64);

/// For so long a peer isn't asked that hadn't what it owed: it may be the only one, and have had trouble with its disk. A guess.
const DENIED: Duration = Duration::from_secs(60);

/// However many there were (Bitcoin Core: `BLOCK_STALLING_TIMEOUT_MAX`).
pub const STALL_MAX: Duration = Duration::from_secs(64);

/// What a peer was asked for.
#[derive(Clone, Copy, Debug)]
struct Flight {
    id: Hash256,
    at: Time,
}

/// A link that blocks are fetched from.
#[derive(Clone, Debug)]
struct Source {
    link: Link,
    /// How many it may owe.
    limit: usize,
    flights: Vec<Flight>,
    /// Since when it owes something without having brought anything.
    silent_since: Option<Time>,
    /// Another one brought what it owed, and it nothing since.
    was_overtaken: bool,
    /// It hadn't what it was asked for, and isn't asked before this moment.
    denied_until: Time,
}

/// What is under way. Empty, it holds no memory.
#[derive(Clone, Debug)]
pub struct Download {
    sources: Vec<Source>,
    /// What a block takes, smoothed.
    takes: Option<Duration>,
    /// How long a peer may be silent.
    patience: Duration,
    /// When it is looked whether somebody owes for long.
    check_at: Time,
}

impl Default for Download {
    fn default() -> Self {
        let (takes, sources) = Default::default();
        Self { sources, takes, patience: STALL_MIN, check_at: Time::NEVER }
    }
}

/// What is known of a block that is missing.
struct Missing {
    id: Hash256,
    asked: usize,
    /// When the last peer was asked for it.
    last: Time,
}

impl Download {
    /// Decides who is asked for what. `bests`: the best header that each link's peer has. `comes`: whether a block comes by itself, since
    /// it was asked for otherwise, or is being checked.
    pub fn plan(
        &mut self,
        tree: &Tree,
        bests: &[(Link, Hash256)],
        comes: impl Fn(Hash256) -> bool,
        now: Time,
    ) -> Vec<(Link, Vec<Hash256>)> {
        self.forget_fetched(tree, now);
        let mut missing: Vec<_> = self.missing(tree, comes).take(LOOKED_AT).collect();
        let mut plan = Vec::new();
        if missing.is_empty() {
            self.check_at = Time::NEVER;
            return plan;
        }
        let long = self.long();
        let mut in_flight: usize = self.sources.iter().map(|source| source.flights.len()).sum();
        for (link, best) in bests {
            let source = self.source(*link);
            if source.denied_until > now || source.was_overtaken {
                continue;
            }
            let mut asked = Vec::new();
            // First what somebody owes for long: the blocks behind it wait for it. Then what nobody owes.
            for again in [true, false] {
                for block in &mut missing {
                    if source.flights.len() >= source.limit || in_flight >= IN_FLIGHT_ALL {
                        break;
                    }
                    let is_due = match again {
                        false => block.asked == 0,
                        true => {
                            let is_long = now.since(block.last) >= long;
                            block.asked > 0 && block.asked < ASKED_MAX && is_long
                        }
                    };
                    let owes = source.flights.iter().any(|flight| flight.id == block.id);
                    let may = is_due && !owes && !source.is_silent(now, long);
                    if may && tree.is_ancestor(*best, block.id) {
                        in_flight += 1;
                        source.flights.push(Flight { id: block.id, at: now });
                        source.silent_since.get_or_insert(now);
                        (block.asked, block.last) = (block.asked + 1, now);
                        asked.push(block.id);
                    }
                }
            }
            if !asked.is_empty() {
                plan.push((*link, asked));
            }
        }
        self.sources.retain(|source| !source.flights.is_empty() || source.has_delivered());
        // While nobody can be asked it is looked now and then whether somebody can.
        self.check_at = now + if in_flight > 0 { long } else { LONG_MAX };
        plan
    }

    /// Something is to be asked for again from a moment on.
    pub fn look_at(&mut self, at: Time) {
        self.check_at = self.check_at.min(at);
    }

    /// Nothing is missing.
    pub fn rest(&mut self) {
        self.sources.retain_mut(|source| {
            source.flights.clear();
            source.has_delivered()
        });
        self.check_at = Time::NEVER;
    }

    /// Whether a peer owes a block.
    #[must_use]
    pub fn was_asked(&self, link: Link, id: Hash256) -> bool {
        let source = self.sources.iter().find(|source| source.link == link);
        source.is_some_and(|source| source.flights.iter().any(|flight| flight.id == id))
    }

    /// A peer brought a block that it owed. Others that owe it too were overtaken.
    pub fn on_delivered(&mut self, link: Link, id: Hash256, now: Time) {
        let mut took = None;
        for source in &mut self.sources {
            let Some(place) = source.flights.iter().position(|flight| flight.id == id) else {
                continue;
            };
            let flight = source.flights.swap_remove(place);
            if source.link == link {
                took = Some(now.since(flight.at));
                source.limit = (source.limit + 1).min(IN_FLIGHT_MAX);
                source.was_overtaken = false;
                source.silent_since = (!source.flights.is_empty()).then_some(now);
            } else {
                source.limit = (source.limit / 2).max(1);
                source.was_overtaken = true;
            }
        }
        if let Some(took) = took {
            self.takes = Some(self.takes.map_or(took, |takes| (takes * 7 + took) / 8));
        }
    }

    /// A peer hasn't got a block that it owes: it isn't asked for others for a while. Whether it owed it.
    pub fn on_denied(&mut self, link: Link, id: Hash256, now: Time) -> bool {
        let owed = self.on_failed(link, id);
        let source = self.sources.iter_mut().find(|source| source.link == link);
        if let Some(source) = source.filter(|_| owed) {
            source.denied_until = now + DENIED;
        }
        owed
    }

    /// What a peer sent of a block that it owes led to nothing. Whether it owed it.
    pub fn on_failed(&mut self, link: Link, id: Hash256) -> bool {
        let source = self.sources.iter_mut().find(|source| source.link == link);
        let Some(source) = source else { return false };
        let owed = source.flights.len();
        source.flights.retain(|flight| flight.id != id);
        source.flights.len() < owed
    }

    /// A peer brought a block that another one brought before.
    pub fn on_late(&mut self, link: Link, now: Time) {
        if let Some(source) = self.sources.iter_mut().find(|source| source.link == link) {
            source.was_overtaken = false;
            source.silent_since = (!source.flights.is_empty()).then_some(now);
        }
    }

    /// A block was connected.
    pub fn on_connected(&mut self) {
        self.patience = (self.patience * 17 / 20).max(STALL_MIN);
    }

    /// A link went down.
    pub fn on_link_down(&mut self, link: Link) {
        self.sources.retain(|source| source.link != link);
    }

    /// The peers that stall by now. The next has more patience.
    pub fn stallers(&mut self, now: Time) -> Vec<Link> {
        let stalls = self.sources.iter().filter(|source| source.stalls(now, self.patience));
        let stallers: Vec<_> = stalls.map(|source| source.link).collect();
        if !stallers.is_empty() {
            self.patience = (self.patience * 2).min(STALL_MAX);
        }
        stallers
    }

    /// When it is to be looked again.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        self.check_at
    }

    /// Whether anything is kept of a link.
    #[must_use]
    pub fn keeps(&self, link: Link) -> bool {
        self.sources.iter().any(|source| source.link == link)
    }

    /// # Panics
    /// When a bound doesn't hold.
    pub fn check(&self) {
        let all: usize = self.sources.iter().map(|source| source.flights.len()).sum();
        assert!(all <= IN_FLIGHT_ALL, "{all} blocks are owed");
    }

    /// How long a block is owed before somebody else is asked.
    fn long(&self) -> Duration {
        self.takes.map_or(LONG_MAX / 5, |takes| (takes * LONG).clamp(LONG_MIN, LONG_MAX))
    }

    fn forget_fetched(&mut self, tree: &Tree, now: Time) {
        use crate::blocks::tree::Status;
        let is_missing = |id| tree.get(id).is_some_and(|view| view.status == Status::Header);
        for source in &mut self.sources {
            let is_lost = |flight: &Flight| now.since(flight.at) >= LOST;
            source.flights.retain(|flight| is_missing(flight.id) && !is_lost(flight));
            if source.flights.is_empty() && !source.was_overtaken {
                source.silent_since = None;
            }
        }
    }

    fn missing(
        &self,
        tree: &Tree,
        comes: impl Fn(Hash256) -> bool,
    ) -> impl Iterator<Item = Missing> {
        let wanted = tree.missing(WINDOW).filter(move |view| !comes(view.id));
        wanted.map(|view| {
            let flights = self.sources.iter().flat_map(|source| &source.flights);
            let flights = flights.filter(|flight| flight.id == view.id);
            let (asked, last) = flights
                .fold((0, Time::ZERO), |(asked, last), flight| (asked + 1, last.max(flight.at)));
            Missing { id: view.id, asked, last }
        })
    }

    fn source(&mut self, link: Link) -> &mut Source {
        let place = self.sources.iter().position(|source| source.link == link);
        let place = place.unwrap_or_else(|| {
            self.sources.push(Source {
                link,
                limit: IN_FLIGHT_FIRST,
                flights: Vec::new(),
                silent_since: None,
                was_overtaken: false,
                denied_until: Time::ZERO,
            });
            self.sources.len() - 1
        });
        &mut self.sources[place]
    }
}

impl Source {
    /// Whether it owes something for long, and brought nothing meanwhile: no more is asked of it.
    fn is_silent(&self, now: Time, long: Duration) -> bool {
        self.silent_since.is_some_and(|since| now.since(since) >= long)
    }

    fn stalls(&self, now: Time, patience: Duration) -> bool {
        self.was_overtaken && self.is_silent(now, patience)
    }

    fn has_delivered(&self) -> bool {
        self.limit != IN_FLIGHT_FIRST || self.was_overtaken || self.denied_until > Time::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::tree::Worth;
    use crate::chain::BlockHeader;
    use crate::ground::map::Salt;

    fn id(n: u8) -> Hash256 {
        Hash256([n; 32])
    }

    /// One peer is asked, and another one brings what it owes; whether the first stalls is asked so many milliseconds later.
    fn overtake(download: &mut Download, tree: &Tree, slow: Link, begin_ms: u64) {
        let (swift, end) = (Link::new(9, 1), (id(20), Time::from_millis(begin_ms)));
        download.plan(tree, &[(slow, end.0)], |_| false, end.1);
        let owed: Vec<_> = (1..=20).map(id).filter(|id| download.was_asked(slow, *id)).collect();
        assert!(!owed.is_empty());
        let later = Time::from_millis(begin_ms + 1_500);
        download.plan(tree, &[(swift, end.0)], |_| false, later);
        owed.iter().for_each(|id| assert!(download.was_asked(swift, *id), "first of all"));
        owed.into_iter().for_each(|id| download.on_delivered(swift, id, later));
    }

    #[test]
    fn the_first_staller_has_two_seconds_and_the_next_four_and_blocks_that_are_connected_shorten_it()
     {
        let (mut tree, mut download) = (Tree::new(id(0), Salt::new(1)), Download::default());
        for n in 1..=20 {
            let header = BlockHeader { id: id(n), parent: id(n - 1), work: 1, time_s: 0, len: 1 };
            tree.insert(&header, &[n], Worth::Vouched, 100).unwrap();
        }
        let [first, second] = [1, 2].map(|slot| Link::new(slot, 1));
        let at = Time::from_millis;
        overtake(&mut download, &tree, first, 1);
        assert_eq!(download.stallers(at(1_900)), []);
        assert_eq!(download.stallers(at(2_001)), [first]);
        download.on_link_down(first);
        overtake(&mut download, &tree, second, 10_000);
        assert_eq!(download.stallers(at(13_900)), []);
        assert_eq!(download.stallers(at(14_000)), [second]);
        (0..20).for_each(|_| download.on_connected());
        assert_eq!(download.patience, STALL_MIN);
    }
}
