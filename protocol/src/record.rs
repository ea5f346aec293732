//! The record: what happened to each recent item, step by step, so that a node can explain itself.
//!
//! # Model
//! A [`ItemEvent`] happened to an item at a moment, on a link or here: a step, 16 bytes. Each link has a *strand*
//! of its own steps, in the order of their happening, and what no link had a part in makes one more strand.
//! Nothing is indexed: writing a step is all that the hot path pays, and who asks a question pays for
//! looking through all of them. Answers are made in
//! [`story`].
//!
//! # Bounds
//! At most `record.steps` steps are kept over all links. When there are more, the longest strand loses its
//! oldest ones. *Attack*: in one queue for all, a peer that announces ids without end would wash away
//! what the others did; here it washes away its own steps, until they are as few as those of the
//! others. What a link did stays when it is gone, for the latest [`PAST_MAX`] links. Which transaction was in whose way
//! is kept of the latest [`RIVALS_MAX`] that were refused for it; of earlier ones the broken rule alone is known.
//!
//! # Cost
//! Memory: 16 bytes a step, taken as steps come. `protocol/examples/core_intake.rs` measures the time.

mod passed;
pub mod story;
mod strand;

use std::collections::VecDeque;
use std::time::Duration;

use crate::chain::Rival;
use crate::ground::item::{ItemId, ShortId};
use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::peer::PeerKey;
use crate::ground::time::Time;
use crate::limits::misbehavior::{Offence, Reason};
use crate::params::RecordParams;
use crate::wire::kinds::Budget;
use strand::{Entry, Rules, Strand};

pub use crate::report::event::Departure;
pub use passed::Passed;
pub use story::{Dealings, Step, Story, Totals, Wait};

/// Most links that are remembered after they are gone; over it the oldest are forgotten. A guess: all
/// inbound peers once over.
pub const PAST_MAX: usize = 128;

/// Most refused transactions of which it is known whom they conflict with; over it the oldest are forgotten: 16 KiB. A guess.
pub const RIVALS_MAX: usize = 256;

/// Most ids of one message that are noted though they weren't looked at: noting all would cost more than a
/// flood does. A guess.
const UNSEEN_MAX: usize = 32;

/// One thing that happened to an item. Of what happens in one moment, the order is that of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemEvent {
    /// Our operator submitted it.
    Submitted,
    /// It came back from an earlier run.
    Restored,
    /// The peer announced it.
    Heard(Heard),
    /// The peer has a child of it: so it should have it, too, and may be asked.
    Implied,
    /// The peer sent it whole.
    Arrived,
    /// The peer sent it whole, and we had it already.
    Duplicate,
    /// The peer sent it whole; we hadn't asked, and don't take items unasked.
    Unsolicited,
    /// It was dropped: too many items were being checked.
    Overflow,
    /// It waits for its parents.
    Orphaned,
    /// Its expensive checks began.
    Checking,
    /// It passed the rules.
    Accepted,
    /// It broke the named rule.
    Rejected(&'static str),
    /// It isn't announced yet: our budget for announcements is spent, and those that pay more go first.
    Delayed,
    /// It is announced out of the pool later: too many that pay more wait for the budget.
    Unsent,
    /// The budget lets it be announced after all.
    Released,
    /// There is no peer that could be told of it.
    Alone,
    /// It is announced again: nobody has asked for it, or our operator submitted it once more.
    Again,
    /// The peer was told of it.
    Told(Manner),
    /// The peer was sent it whole.
    Sent(Manner),
    /// The peer asked for it, and we didn't have it.
    Denied,
    /// The peer was asked, and said that it doesn't have it.
    NotFound,
    /// The peer was asked, and the time ran out.
    Expired,
    /// The peer was asked, and the link went down. Never noted: a [story](Story) finds it out.
    Broke,
    /// The peer was asked for it.
    Asked,
    /// It left the pool.
    Left(Departure),
    /// From now on the link takes nothing large. Of no item.
    Congested,
    /// The link takes everything again. Of no item.
    Drained,
    /// The peer overran a budget. Of no item.
    OverBudget(Budget),
}

/// What came of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Heard {
    /// The peer is asked at once.
    Asked,
    /// Remembered: somebody else is being asked, or the peer has as many requests as it may.
    Kept,
    /// Remembered: the strategy waits whether somebody sends it unasked.
    Held,
    /// We had it, or were checking it.
    Known,
    /// The peer had announced it before.
    Again,
    /// Dropped: the peer has too many open announcements.
    Dropped,
    /// Not looked at: the peer announces more than its budget allows.
    OverBudget,
}

/// How an item or its id came to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Manner {
    /// At once, as the strategy decided.
    Now,
    /// In a batch, when the link's own timer fired.
    Batch,
    /// In a batch, when the strategy's timer fired.
    Round,
    /// The peer's digest lacked it.
    Gap,
    /// The peer had asked for it.
    Answer,
}

/// A link from its coming up to its going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its handle.
    pub link: Link,
    /// Who was there.
    pub peer: PeerKey,
    /// Who dialled.
    pub direction: Direction,
    /// When it came up.
    pub up: Time,
    /// When it went down, if it did, and why, if we closed it.
    pub down: Option<(Time, Option<Reason>)>,
    /// How often the peer misbehaved.
    pub offences: u32,
    /// The last time that it did.
    pub last_offence: Option<(Time, Offence)>,
    /// What its budgets cost it.
    pub excess: Excess,
    /// What passed on it.
    pub passed: Passed,
}

/// What a peer's running over its budgets cost it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excess {
    /// How often it overran each, by [`Budget`].
    pub overrun: [u32; Budget::ALL.len()],
    /// Announced ids that weren't looked at.
    pub announcements: u64,
    /// For how long nothing was read from it.
    pub slowed: Duration,
    /// Until when nothing is.
    slowed_until: Time,
}

#[derive(Clone, Debug)]
struct Past {
    life: Life,
    strand: Strand,
}

/// All that is remembered.
#[derive(Clone, Debug)]
pub struct Record {
    live: LinkTable<Past>,
    /// Links that are gone, the oldest first.
    past: VecDeque<Past>,
    /// What no link had a part in.
    own: Strand,
    rules: Rules,
    /// Who was in the way of transactions that were refused for it, the oldest first; each once.
    rivals: VecDeque<(ShortId, Rival)>,
    /// Steps in all strands.
    len: usize,
    max: usize,
    /// When the latest of the forgotten steps happened.
    forgotten: Time,
}

/// A [`Record`], or none where it is off.
#[derive(Clone, Debug)]
pub struct Recorder(Option<Box<Record>>);

impl Recorder {
    /// An empty record. It takes memory once something happens.
    #[must_use]
    pub fn new(params: RecordParams) -> Self {
        let steps = params.steps.filter(|steps| *steps > 0);
        Self(steps.map(|steps| Box::new(Record::new(steps))))
    }

    /// The record, if it is on.
    #[must_use]
    pub fn get(&self) -> Option<&Record> {
        self.0.as_deref()
    }

    /// A link came up.
    pub fn on_connected(&mut self, link: Link, peer: PeerKey, direction: Direction, now: Time) {
        if let Some(record) = &mut self.0 {
            let life = Life {
                link,
                peer,
                direction,
                up: now,
                down: None,
                offences: 0,
                last_offence: None,
                excess: Excess::default(),
                passed: Passed::default(),
            };
            record.live.insert(link, Past { life, strand: Strand::default() });
        }
    }

    /// A link went down.
    pub fn on_disconnected(&mut self, link: Link, why: Option<Reason>, now: Time) {
        if let Some(record) = &mut self.0 {
            record.on_disconnected(link, why, now);
        }
    }

    /// The peer of a link misbehaved.
    pub fn on_offence(&mut self, link: Link, offence: Offence, now: Time) {
        if let Some(past) = self.0.as_mut().and_then(|record| record.live.get_mut(link)) {
            past.life.offences = past.life.offences.saturating_add(1);
            past.life.last_offence = Some((now, offence));
        }
    }

    /// The peer of a link overran a budget.
    pub fn on_over_budget(&mut self, link: Link, budget: Budget, now: Time) {
        if let Some(excess) = self.excess_mut(link) {
            let count = &mut excess.overrun[budget as usize];
            *count = count.saturating_add(1);
            self.note_link(link, ItemEvent::OverBudget(budget), now);
        }
    }

    /// Nothing is read from a link until a moment.
    pub fn on_slowed(&mut self, link: Link, until: Time, now: Time) {
        if let Some(excess) = self.excess_mut(link) {
            excess.slowed += until - excess.slowed_until.max(now);
            excess.slowed_until = excess.slowed_until.max(until);
        }
    }

    /// The peer announced items that weren't looked at. The first few of them are noted.
    pub fn on_unseen(
        &mut self,
        link: Link,
        ids: impl ExactSizeIterator<Item = ShortId>,
        now: Time,
    ) {
        if let Some(excess) = self.excess_mut(link) {
            excess.announcements += ids.len() as u64;
            for id in ids.take(UNSEEN_MAX) {
                self.note(link, id, ItemEvent::Heard(Heard::OverBudget), now);
            }
        }
    }

    /// A message came from the peer, of so many bytes.
    pub fn on_received(&mut self, link: Link, bytes: usize) {
        if let Some(past) = self.0.as_mut().and_then(|record| record.live.get_mut(link)) {
            past.life.passed.received_bytes += bytes as u64;
        }
    }

    /// A message left for the peer, of so many bytes.
    pub fn on_sent(&mut self, link: Link, bytes: usize) {
        if let Some(past) = self.0.as_mut().and_then(|record| record.live.get_mut(link)) {
            past.life.passed.sent_bytes += bytes as u64;
        }
    }

    fn excess_mut(&mut self, link: Link) -> Option<&mut Excess> {
        let past = self.0.as_mut()?.live.get_mut(link)?;
        Some(&mut past.life.excess)
    }

    /// Something happened to an item, on a link.
    #[inline]
    pub fn note(&mut self, link: Link, id: impl Into<ShortId>, what: ItemEvent, now: Time) {
        if let Some(record) = &mut self.0 {
            record.note(Some(link), id.into(), what, now);
        }
    }

    /// The same happened to several items, on a link.
    pub fn note_all(&mut self, link: Link, ids: &[ItemId], what: ItemEvent, now: Time) {
        if let Some(record) = &mut self.0 {
            record.note_all(link, ids, what, now);
        }
    }

    /// Something happened to an item, on the link that it came by, or at our operator's hand.
    #[inline]
    pub fn note_from(
        &mut self,
        ingress: Option<Link>,
        id: impl Into<ShortId>,
        what: ItemEvent,
        now: Time,
    ) {
        if let Some(record) = &mut self.0 {
            record.note(ingress, id.into(), what, now);
        }
    }

    /// A transaction was refused because of a pooled one.
    pub fn note_rival(&mut self, id: impl Into<ShortId>, rival: Rival) {
        if let Some(record) = &mut self.0 {
            let id = id.into();
            record.rivals.retain(|(refused, _)| *refused != id);
            if record.rivals.len() >= RIVALS_MAX {
                record.rivals.pop_front();
            }
            record.rivals.push_back((id, rival));
        }
    }

    /// Something happened to a link.
    pub fn note_link(&mut self, link: Link, what: ItemEvent, now: Time) {
        self.note(link, strand::NO_ITEM, what, now);
    }
}

impl Record {
    fn new(max: usize) -> Self {
        Self {
            live: LinkTable::default(),
            past: VecDeque::new(),
            own: Strand::default(),
            rules: Rules::default(),
            rivals: VecDeque::new(),
            len: 0,
            max,
            forgotten: Time::ZERO,
        }
    }

    /// How many steps are kept.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing happened yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Since when nothing is missing. Older steps of quiet links are kept too.
    #[must_use]
    pub const fn complete_since(&self) -> Time {
        self.forgotten
    }

    /// The links that are remembered: the live ones, then those that are gone.
    pub fn lives(&self) -> impl Iterator<Item = &Life> {
        self.links().map(|past| &past.life)
    }

    /// A link that is up.
    #[must_use]
    pub fn life(&self, link: Link) -> Option<&Life> {
        self.live.get(link).map(|past| &past.life)
    }

    fn links(&self) -> impl Iterator<Item = &Past> {
        self.live.iter().map(|(_, past)| past).chain(&self.past)
    }

    fn note(&mut self, link: Option<Link>, id: ShortId, what: ItemEvent, now: Time) {
        if self.len >= self.max {
            self.make_room();
        }
        let entry = Entry::new(id, what, now, &mut self.rules);
        let strand = match link {
            None => &mut self.own,
            Some(link) => match self.live.get_mut(link) {
                Some(past) => {
                    past.life.passed.count(what, 1);
                    &mut past.strand
                }
                // The verdict on an item whose peer has left.
                None => match self.past.iter_mut().rev().find(|past| past.life.link == link) {
                    Some(past) => &mut past.strand,
                    None => return,
                },
            },
        };
        strand.push(entry);
        self.len += 1;
    }

    fn note_all(&mut self, link: Link, ids: &[ItemId], what: ItemEvent, now: Time) {
        for ids in ids.chunks(self.max) {
            while self.len + ids.len() > self.max {
                self.make_room();
            }
            let Some(past) = self.live.get_mut(link) else { return };
            let like = Entry::new(strand::NO_ITEM, what, now, &mut self.rules);
            past.life.passed.count(what, ids.len() as u64);
            past.strand.extend(ids.iter().map(|id| Entry { id: id.into(), ..like }));
            self.len += ids.len();
        }
    }

    fn on_disconnected(&mut self, link: Link, why: Option<Reason>, now: Time) {
        let Some(mut past) = self.live.remove(link) else { return };
        past.life.down = Some((now, why));
        self.past.push_back(past);
        if self.past.len() > PAST_MAX
            && let Some(oldest) = self.past.pop_front()
        {
            self.len -= oldest.strand.len();
            self.forgotten = self.forgotten.max(oldest.strand.last());
        }
    }

    /// Drops the oldest steps of the longest strand.
    fn make_room(&mut self) {
        let live = self.live.iter_mut().map(|(_, past)| &mut past.strand);
        let past = self.past.iter_mut().map(|past| &mut past.strand);
        let longest = live.chain(past).chain([&mut self.own]).max_by_key(|strand| strand.len());
        let Some((dropped, last)) = longest.and_then(Strand::drop_oldest) else { return };
        self.len -= dropped;
        self.forgotten = self.forgotten.max(last);
    }

    /// All steps, strand by strand.
    fn entries(&self) -> impl Iterator<Item = (Option<Link>, Entry)> {
        let links = self.links().map(|past| (Some(past.life.link), &past.strand));
        let strands = links.chain([(None, &self.own)]);
        strands.flat_map(|(link, strand)| strand.iter().map(move |entry| (link, entry)))
    }
}

#[cfg(test)]
mod tests;
