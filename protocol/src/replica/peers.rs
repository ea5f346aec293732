//! Whom a replica speaks to, and when: rounds that spread news, comparisons that find what rounds missed, and what is
//! owed to whom.
//!
//! # Rounds
//! A few random peers at a time. Each replica numbers its changes, so that of each peer it need only remember two numbers:
//! up to which of ours it was sent, and up to which of its own it told us. A key that changed often is sent once, as it is now.
//! Nobody is sent what it is known to have. *What rounds miss*: what a link lost, what changed while a link was new.
//!
//! # Comparisons
//! With each peer that we dialled, and at an interval with a random one. What is found to differ is sent or asked for
//! in batches, one each `pace`; and only then the comparison goes on.
//!
//! # Clocks
//! Peers tell what their clocks say, when a link is new and when a clock was set. A replica whose own is further from the median of all
//! than a stamp may be ahead goes by the median: it is the one that is wrong. Otherwise a slow clock would have it refuse all that the others
//! write, and a fast one have them refuse all that it writes. With a single peer nobody knows who is wrong. *Attack*: whoever
//! has most of our links decides what time it is here, and so which of our stamps the others take.
//!
//! # Bound
//! For each link [`OWED_MAX`] places and one message. What is more is found again by a later comparison.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::{Rng, RngExt as _};

use super::settings::Settings;
use super::stamp::Millis;
use crate::ground::link::{Link, LinkTable};
use crate::ground::time::Time;
use crate::wire::merkle::Comparison;

/// Most places that are owed to a peer. A guess: what two comparisons find.
pub(crate) const OWED_MAX: usize = 2_048;

/// What is remembered of a peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// Up to which of our changes it was sent.
    pub(crate) pushed: u64,
    /// Up to which of its changes it told us. 0: nothing is known.
    pub(crate) pulled: u64,
    /// It was asked and hasn't answered.
    pub(crate) is_asked: bool,
    /// It takes no more for now.
    pub(crate) is_congested: bool,
    /// Where what it lacks has its places, in the order of their finding.
    owed: VecDeque<u64>,
    /// What to go on with once nothing is owed.
    pub(crate) reply: Option<Arc<Comparison>>,
    /// When the next batch may leave.
    pub(crate) next_batch: Time,
    /// What its clock said, and when.
    pub(crate) clock: Option<(Millis, Time)>,
}

impl Peer {
    /// Notes that entries at a place are to be sent. False if that is known, or there is no room.
    pub(crate) fn owe(&mut self, place: u64) -> bool {
        let is_new = self.owed.len() < OWED_MAX && !self.owed.contains(&place);
        if is_new {
            self.owed.push_back(place);
        }
        is_new
    }

    /// The next place whose entries are to be sent.
    pub(crate) fn pay(&mut self) -> Option<u64> {
        self.owed.pop_front()
    }

    /// Whether something is to be sent.
    pub(crate) fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    fn deadline(&self) -> Time {
        let has_more = self.is_owed() || self.reply.is_some();
        if has_more && !self.is_congested { self.next_batch } else { Time::NEVER }
    }
}

/// All peers, and when it is time for what.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    links: LinkTable<Peer>,
    next_round: Time,
    next_comparison: Time,
}

impl Peers {
    pub(crate) fn new() -> Self {
        Self { links: LinkTable::default(), next_round: Time::ZERO, next_comparison: Time::ZERO }
    }

    pub(crate) fn add(&mut self, link: Link, pushed: u64, now: Time) {
        if self.links.is_empty() {
            self.next_comparison = now;
        }
        self.links.insert(link, Peer { pushed, next_batch: now, ..Peer::default() });
    }

    pub(crate) fn remove(&mut self, link: Link) -> bool {
        self.links.remove(link).is_some()
    }

    pub(crate) fn get_mut(&mut self, link: Link) -> Option<&mut Peer> {
        self.links.get_mut(link)
    }

    pub(crate) fn has(&self, link: Link) -> bool {
        self.links.get(link).is_some()
    }

    pub(crate) const fn len(&self) -> usize {
        self.links.len()
    }

    /// All links.
    pub(crate) fn links(&self) -> Vec<Link> {
        self.links.iter().map(|(link, _)| link).collect()
    }

    /// What time it is, where our own clock says `wall`: that, or the median of all clocks that are known if it is
    /// further off than `tolerance`.
    pub(crate) fn time(&self, wall: Millis, now: Time, tolerance: Millis) -> Millis {
        let clocks = self.links.iter().filter_map(|(_, peer)| peer.clock);
        let say = |(millis, at): (Millis, Time)| millis.saturating_add(millis_of(now - at));
        let mut clocks: Vec<_> = clocks.map(say).chain([wall]).collect();
        clocks.sort_unstable();
        // Between the two in the middle, if they are an even number: it takes more than half to be overruled.
        let (low, high) = (clocks[(clocks.len() - 1) / 2], clocks[clocks.len() / 2]);
        let median = wall.clamp(low, high);
        if median.abs_diff(wall) > tolerance { median } else { wall }
    }

    /// The peers of a round, if it is time for one: at random among those that take something, and where nobody asks, lack
    /// something.
    pub(crate) fn round(
        &mut self,
        last_change: u64,
        settings: &Settings,
        now: Time,
        rng: &mut dyn Rng,
    ) -> Vec<Link> {
        if self.round_deadline(last_change, settings) > now {
            return Vec::new();
        }
        // Between half and one and a half: nodes that began together don't stay so.
        let (half, share) = (settings.round / 2, rng.random_range(0.0..1.0));
        self.next_round = now + half + settings.round.mul_f64(share);
        let mut links: Vec<_> = self.concerned(last_change, settings).collect();
        // The first few of a shuffle.
        for place in 0..settings.fanout.min(links.len()) {
            let other = rng.random_range(place..links.len());
            links.swap(place, other);
        }
        links.truncate(settings.fanout);
        links
    }

    /// The peer to compare with, if it is time to.
    pub(crate) fn comparison(
        &mut self,
        settings: &Settings,
        now: Time,
        rng: &mut dyn Rng,
    ) -> Option<Link> {
        if self.comparison_deadline(settings) > now {
            return None;
        }
        let share = rng.random_range(0.5..1.5);
        self.next_comparison = now + settings.compare.mul_f64(share);
        let idle = |peer: &Peer| !peer.is_congested && !peer.is_owed() && peer.reply.is_none();
        let idle = self.links.iter().filter(|(_, peer)| idle(peer)).map(|(link, _)| link);
        let idle: Vec<_> = idle.collect();
        (!idle.is_empty()).then(|| idle[rng.random_range(0..idle.len())])
    }

    /// Peers that a batch may be sent to, or that the comparison goes on with.
    pub(crate) fn due(&self, now: Time) -> Vec<Link> {
        let due = self.links.iter().filter(|(_, peer)| peer.deadline() <= now);
        due.map(|(link, _)| link).collect()
    }

    pub(crate) fn deadline(&self, last_change: u64, settings: &Settings) -> Time {
        let batches = self.links.iter().map(|(_, peer)| peer.deadline());
        let batches = batches.min().unwrap_or(Time::NEVER);
        let comparison = self.comparison_deadline(settings);
        batches.min(comparison).min(self.round_deadline(last_change, settings))
    }

    fn round_deadline(&self, last_change: u64, settings: &Settings) -> Time {
        let is_on = !settings.round.is_zero() && settings.fanout > 0;
        let has_peers = is_on && self.concerned(last_change, settings).next().is_some();
        if has_peers { self.next_round } else { Time::NEVER }
    }

    fn comparison_deadline(&self, settings: &Settings) -> Time {
        let is_on = !settings.compare.is_zero() && !self.links.is_empty();
        if is_on { self.next_comparison } else { Time::NEVER }
    }

    fn concerned(&self, last_change: u64, settings: &Settings) -> impl Iterator<Item = Link> {
        let pulls = settings.spread.pulls();
        let concerned =
            move |peer: &Peer| !peer.is_congested && (pulls || peer.pushed < last_change);
        self.links.iter().filter(move |(_, peer)| concerned(peer)).map(|(link, _)| link)
    }

    pub(crate) fn check(&self) {
        assert!(self.links.iter().all(|(_, peer)| peer.owed.len() <= OWED_MAX), "owed");
    }
}

/// Whole milliseconds.
pub(crate) fn millis_of(span: std::time::Duration) -> Millis {
    Millis::try_from(span.as_millis()).unwrap_or(Millis::MAX)
}
