//! Answers from the record: the story of one item, and the dealings with one peer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::strand::{ASKED, BROKE};
use super::{Heard, ItemEvent, Life, Record};
use crate::chain::Rival;
use crate::ground::item::ShortId;
use crate::ground::link::Link;
use crate::ground::peer::PeerKey;
use crate::ground::time::Time;

/// One step of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Time,
    /// The item; `None` if it is about the link alone.
    pub id: Option<ShortId>,
    /// The link; `None` if it is our operator's doing.
    pub link: Option<Link>,
    /// What happened.
    pub what: ItemEvent,
    /// What the item then waited for, if it is an announcement that didn't lead to a request at once.
    pub wait: Option<Wait>,
}

/// Why an announcer isn't asked at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Somebody else is being asked.
    Request(Link),
    /// The strategy waits whether somebody sends the item unasked.
    Push,
    /// The announcer has as many requests in flight as it may.
    Capacity,
}

/// What happened to one item, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The item.
    pub id: ShortId,
    /// What happened; never empty.
    pub steps: Vec<Step>,
    /// The links that had a part in it.
    pub lives: Vec<Life>,
    /// The pooled transaction because of which it was refused the last time, if it was and that is still known.
    pub rival: Option<Rival>,
}

/// What passed on one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dealings {
    /// The link.
    pub life: Life,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// The same in numbers.
    pub totals: Totals,
}

/// Dealings in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Announcements that the peer made.
    pub heard: usize,
    /// Of these, those of items that we didn't have.
    pub news: usize,
    /// Items asked for.
    pub asked: usize,
    /// Requests that were answered with the item.
    pub answered: usize,
    /// Requests that ran out of time.
    pub expired: usize,
    /// Requests that were answered with notfound.
    pub not_found: usize,
    /// Requests that weren't answered when another announcer was asked instead.
    pub gave_way: usize,
    /// Requests that weren't answered yet, or when the item came from elsewhere.
    pub open: usize,
    /// Items that it sent and we hadn't.
    pub arrived: usize,
    /// Items that it sent and we had.
    pub duplicates: usize,
    /// Items of its that broke a rule.
    pub rejected: usize,
    /// Items that it was told of.
    pub told: usize,
    /// Items that it was sent.
    pub sent: usize,
    /// Of these, those that it had asked for.
    pub sent_on_request: usize,
    /// Middle of the times that it took to answer.
    pub answer_median: Option<Duration>,
}

impl Record {
    /// What happened to an item; `None` if nothing is known of it.
    #[must_use]
    pub fn story_of(&self, id: ShortId) -> Option<Story> {
        let own = self.entries().filter(|(_, entry)| entry.id == id && entry.is_of_item());
        let mut steps: Vec<_> = own
            .map(|(link, entry)| {
                let what = entry.what(&self.rules);
                let step = Step { at: entry.at(), id: Some(id), link, what, wait: None };
                (step.at, entry.rank(), step)
            })
            .collect();
        if steps.is_empty() {
            return None;
        }
        let lives: Vec<Life> = self
            .lives()
            .filter(|life| steps.iter().any(|(_, _, step)| step.link == Some(life.link)))
            .copied()
            .collect();
        for life in &lives {
            if let Some((at, _)) = life.down {
                let (link, what) = (Some(life.link), ItemEvent::Broke);
                steps.push((at, BROKE, Step { at, id: Some(id), link, what, wait: None }));
            }
        }
        steps.sort_by_key(|(at, rank, _)| (*at, *rank));
        let mut steps: Vec<Step> = steps.into_iter().map(|(_, _, step)| step).collect();
        explain_waits(&mut steps);
        let rival = self.rivals.iter().find(|(refused, _)| *refused == id);
        Some(Story { id, steps, lives, rival: rival.map(|(_, rival)| *rival) })
    }

    /// What passed on each link to a peer, the latest link last. Empty if none is remembered.
    #[must_use]
    pub fn dealings_with(&self, peer: PeerKey) -> Vec<Dealings> {
        let with_it = self.links().filter(|past| past.life.peer == peer);
        let mut dealings: Vec<_> = with_it
            .map(|past| {
                let steps: Vec<_> = past
                    .strand
                    .iter()
                    .map(|entry| Step {
                        at: entry.at(),
                        id: entry.is_of_item().then_some(entry.id),
                        link: Some(past.life.link),
                        what: entry.what(&self.rules),
                        wait: None,
                    })
                    .collect();
                Dealings { life: past.life, totals: self.totals(past.life.link, &steps), steps }
            })
            .collect();
        dealings.sort_by_key(|dealings| dealings.life.up);
        dealings
    }

    fn totals(&self, link: Link, steps: &[Step]) -> Totals {
        let (mut totals, mut open) = Totals::of(steps);
        for (other, entry) in self.entries().filter(|(_, entry)| entry.rank() == ASKED) {
            if other != Some(link) && open.get(&entry.id).is_some_and(|asked| entry.at() >= *asked)
            {
                open.remove(&entry.id);
                totals.gave_way += 1;
            }
        }
        Totals { open: open.len(), ..totals }
    }
}

/// Finds out what announcers waited for, and keeps only the ends of links that mattered.
fn explain_waits(steps: &mut Vec<Step>) {
    let mut open: Option<Link> = None;
    steps.retain_mut(|step| {
        let is_asked = step.link.is_some() && step.link == open;
        match step.what {
            ItemEvent::Heard(Heard::Kept) => {
                step.wait = Some(open.map_or(Wait::Capacity, Wait::Request));
            }
            ItemEvent::Heard(Heard::Held) => {
                step.wait = Some(open.map_or(Wait::Push, Wait::Request));
            }
            ItemEvent::Asked => open = step.link,
            ItemEvent::Arrived | ItemEvent::Accepted => open = None,
            ItemEvent::NotFound | ItemEvent::Expired if is_asked => open = None,
            ItemEvent::Broke => {
                if is_asked {
                    open = None;
                }
                return is_asked;
            }
            _ => {}
        }
        true
    });
}

impl Totals {
    /// What the steps of a link tell by themselves, and its requests without an end, with their times.
    fn of(steps: &[Step]) -> (Self, BTreeMap<ShortId, Time>) {
        let mut totals = Self::default();
        let mut open: BTreeMap<ShortId, Time> = BTreeMap::new();
        let mut answers: Vec<Duration> = Vec::new();
        for step in steps {
            let Some(id) = step.id else { continue };
            match step.what {
                ItemEvent::Heard(heard) => {
                    totals.heard += 1;
                    let is_news = !matches!(heard, Heard::Known | Heard::Again | Heard::OverBudget);
                    totals.news += usize::from(is_news);
                }
                ItemEvent::Asked => {
                    totals.asked += 1;
                    open.insert(id, step.at);
                }
                ItemEvent::Arrived | ItemEvent::Duplicate => {
                    match step.what {
                        ItemEvent::Arrived => totals.arrived += 1,
                        _ => totals.duplicates += 1,
                    }
                    if let Some(asked) = open.remove(&id) {
                        totals.answered += 1;
                        answers.push(step.at - asked);
                    }
                }
                ItemEvent::Expired => {
                    totals.expired += 1;
                    open.remove(&id);
                }
                ItemEvent::NotFound => {
                    totals.not_found += 1;
                    open.remove(&id);
                }
                ItemEvent::Rejected(_) => totals.rejected += 1,
                ItemEvent::Told(_) => totals.told += 1,
                ItemEvent::Sent(manner) => {
                    totals.sent += 1;
                    totals.sent_on_request += usize::from(manner == super::Manner::Answer);
                }
                _ => {}
            }
        }
        answers.sort_unstable();
        totals.answer_median = answers.get(answers.len() / 2).copied();
        (totals, open)
    }
}
