//! Steps as they are kept: 16 bytes each, in blocks that are dropped whole.

use std::collections::VecDeque;

use super::{Heard, ItemEvent, Manner};
use crate::ground::item::ShortId;
use crate::ground::time::Time;
use crate::report::event::Departure;
use crate::wire::kinds::Budget;

/// Stands in steps of links, which are of no item.
pub(super) const NO_ITEM: ShortId = ShortId([0; 8]);

/// Steps of a block: 4 KiB. Small against the default number of steps, so that a strand loses little at a
/// time.
const BLOCK: usize = 256;

/// One step: the id, the microsecond, and two bytes for what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: ShortId,
    /// Microseconds since the run began (in 48 bits: eight years), kind, detail.
    pub(super) packed: [u8; 8],
}

impl Entry {
    pub(super) fn new(id: ShortId, what: ItemEvent, at: Time, rules: &mut Rules) -> Self {
        let (kind, detail) = code(what, rules);
        let micros = at.as_nanos() / 1_000;
        let packed = (micros << 16 | u64::from(kind) << 8 | u64::from(detail)).to_le_bytes();
        Self { id, packed }
    }

    const fn word(self) -> u64 {
        u64::from_le_bytes(self.packed)
    }

    pub(super) const fn at(self) -> Time {
        Time::from_nanos((self.word() >> 16) * 1_000)
    }

    pub(super) fn what(self, rules: &Rules) -> ItemEvent {
        let [detail, kind, ..] = self.packed;
        decode(kind, detail, rules)
    }

    /// Whether it is about an item, not about the link alone.
    pub(super) const fn is_of_item(self) -> bool {
        self.rank() < CONGESTED
    }

    /// Orders steps of one moment: as [`ItemEvent`] is ordered.
    pub(super) const fn rank(self) -> u8 {
        self.packed[1]
    }
}

/// The rank of a [`ItemEvent::Broke`], which is never kept.
pub(super) const BROKE: u8 = 22;

/// The rank of a [`ItemEvent::Asked`].
pub(super) const ASKED: u8 = 23;

/// The first of the ranks of what happens to links.
const CONGESTED: u8 = 25;

fn code(what: ItemEvent, rules: &mut Rules) -> (u8, u8) {
    match what {
        ItemEvent::Submitted => (0, 0),
        ItemEvent::Restored => (1, 0),
        ItemEvent::Heard(heard) => (2, heard as u8),
        ItemEvent::Implied => (3, 0),
        ItemEvent::Arrived => (4, 0),
        ItemEvent::Duplicate => (5, 0),
        ItemEvent::Unsolicited => (6, 0),
        ItemEvent::Overflow => (7, 0),
        ItemEvent::Orphaned => (8, 0),
        ItemEvent::Checking => (9, 0),
        ItemEvent::Accepted => (10, 0),
        ItemEvent::Rejected(rule) => (11, rules.number(rule)),
        ItemEvent::Delayed => (12, 0),
        ItemEvent::Unsent => (13, 0),
        ItemEvent::Released => (14, 0),
        ItemEvent::Alone => (15, 0),
        ItemEvent::Again => (16, 0),
        ItemEvent::Told(manner) => (17, manner as u8),
        ItemEvent::Sent(manner) => (18, manner as u8),
        ItemEvent::Denied => (19, 0),
        ItemEvent::NotFound => (20, 0),
        ItemEvent::Expired => (21, 0),
        ItemEvent::Broke => (BROKE, 0),
        ItemEvent::Asked => (ASKED, 0),
        ItemEvent::Left(why) => (24, why as u8),
        ItemEvent::Congested => (CONGESTED, 0),
        ItemEvent::Drained => (26, 0),
        ItemEvent::OverBudget(budget) => (27, budget as u8),
    }
}

fn decode(kind: u8, detail: u8, rules: &Rules) -> ItemEvent {
    match kind {
        0 => ItemEvent::Submitted,
        1 => ItemEvent::Restored,
        2 => ItemEvent::Heard(heard(detail)),
        3 => ItemEvent::Implied,
        4 => ItemEvent::Arrived,
        5 => ItemEvent::Duplicate,
        6 => ItemEvent::Unsolicited,
        7 => ItemEvent::Overflow,
        8 => ItemEvent::Orphaned,
        9 => ItemEvent::Checking,
        10 => ItemEvent::Accepted,
        11 => ItemEvent::Rejected(rules.name(detail)),
        12 => ItemEvent::Delayed,
        13 => ItemEvent::Unsent,
        14 => ItemEvent::Released,
        15 => ItemEvent::Alone,
        16 => ItemEvent::Again,
        17 => ItemEvent::Told(manner(detail)),
        18 => ItemEvent::Sent(manner(detail)),
        19 => ItemEvent::Denied,
        20 => ItemEvent::NotFound,
        21 => ItemEvent::Expired,
        BROKE => ItemEvent::Broke,
        ASKED => ItemEvent::Asked,
        24 => ItemEvent::Left(departure(detail)),
        CONGESTED => ItemEvent::Congested,
        26 => ItemEvent::Drained,
        _ => ItemEvent::OverBudget(budget(detail)),
    }
}

fn departure(detail: u8) -> Departure {
    use Departure::{Confirmed, Conflicted, Evicted, Expired, Replaced};
    let all = [Evicted, Replaced, Expired, Confirmed, Conflicted];
    all.into_iter().find(|why| *why as u8 == detail).unwrap_or(Evicted)
}

fn budget(detail: u8) -> Budget {
    let mut all = Budget::ALL.into_iter();
    all.find(|budget| *budget as u8 == detail).unwrap_or(Budget::Messages)
}

fn heard(detail: u8) -> Heard {
    use Heard::{Again, Asked, Dropped, Held, Kept, Known, OverBudget};
    let all = [Asked, Kept, Held, Known, Again, Dropped, OverBudget];
    all.into_iter().find(|heard| *heard as u8 == detail).unwrap_or(Dropped)
}

fn manner(detail: u8) -> Manner {
    use Manner::{Answer, Batch, Gap, Now, Round};
    let all = [Now, Batch, Round, Gap, Answer];
    all.into_iter().find(|manner| *manner as u8 == detail).unwrap_or(Now)
}

/// The names of rules, by number. Rules are constants of the code, of which there are a few dozen; beyond
/// 255 they share a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<&'static str>);

/// The name of a rule whose own isn't kept.
const OTHER_RULE: &str = "another-rule";

impl Rules {
    fn number(&mut self, rule: &'static str) -> u8 {
        let known = self.0.iter().position(|known| *known == rule);
        let number = known.unwrap_or(self.0.len());
        match u8::try_from(number) {
            Ok(number) if number < u8::MAX => {
                if known.is_none() {
                    self.0.push(rule);
                }
                number
            }
            _ => u8::MAX,
        }
    }

    fn name(&self, number: u8) -> &'static str {
        self.0.get(usize::from(number)).copied().unwrap_or(OTHER_RULE)
    }
}

/// The steps of one link, or of none.
#[derive(Clone, Debug, Default)]
pub(super) struct Strand {
    /// The oldest first; only the last one has room.
    blocks: VecDeque<Vec<Entry>>,
    len: usize,
}

impl Strand {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// When its last step happened.
    pub(super) fn last(&self) -> Time {
        let last = self.blocks.back().and_then(|block| block.last());
        last.map_or(Time::ZERO, |entry| entry.at())
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry) {
        self.len += 1;
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push(entry),
            _ => self.begin(entry),
        }
    }

    /// Adds steps of one moment.
    pub(super) fn extend(&mut self, entries: impl ExactSizeIterator<Item = Entry>) {
        let mut entries = entries;
        while let Some(entry) = entries.next() {
            self.push(entry);
            if let Some(block) = self.blocks.back_mut() {
                let before = block.len();
                block.extend(entries.by_ref().take(BLOCK - before));
                self.len += block.len() - before;
            }
        }
    }

    /// Begins a block: the first one grows as it is used, since most strands of a short run need no more.
    #[cold]
    fn begin(&mut self, entry: Entry) {
        let mut block = Vec::with_capacity(if self.blocks.is_empty() { 4 } else { BLOCK });
        block.push(entry);
        self.blocks.push_back(block);
    }

    /// Drops the oldest block: how many steps that were, and when the last of them happened.
    pub(super) fn drop_oldest(&mut self) -> Option<(usize, Time)> {
        let block = self.blocks.pop_front()?;
        self.len -= block.len();
        Some((block.len(), block.last()?.at()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Entry> {
        self.blocks.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_takes_16_bytes_and_reads_back() {
        assert_eq!(size_of::<Entry>(), 16);
        let mut rules = Rules::default();
        let all = [
            ItemEvent::Submitted,
            ItemEvent::Restored,
            ItemEvent::Heard(Heard::Held),
            ItemEvent::Implied,
            ItemEvent::Arrived,
            ItemEvent::Duplicate,
            ItemEvent::Unsolicited,
            ItemEvent::Overflow,
            ItemEvent::Orphaned,
            ItemEvent::Checking,
            ItemEvent::Accepted,
            ItemEvent::Rejected("bad-signature"),
            ItemEvent::Rejected("fee-too-low"),
            ItemEvent::Delayed,
            ItemEvent::Unsent,
            ItemEvent::Released,
            ItemEvent::Alone,
            ItemEvent::Again,
            ItemEvent::Told(Manner::Gap),
            ItemEvent::Sent(Manner::Answer),
            ItemEvent::Denied,
            ItemEvent::NotFound,
            ItemEvent::Expired,
            ItemEvent::Broke,
            ItemEvent::Asked,
            ItemEvent::Left(Departure::Conflicted),
            ItemEvent::Left(Departure::Evicted),
            ItemEvent::Heard(Heard::OverBudget),
            ItemEvent::Congested,
            ItemEvent::Drained,
            ItemEvent::OverBudget(Budget::ControlBytes),
            ItemEvent::OverBudget(Budget::Messages),
        ];
        let at = Time::from_millis(8 * 365 * 86_400_000);
        for what in all {
            let entry = Entry::new(ShortId([7; 8]), what, at, &mut rules);
            assert_eq!((entry.at(), entry.what(&rules)), (at, what));
            let of_links = matches!(
                what,
                ItemEvent::Congested | ItemEvent::Drained | ItemEvent::OverBudget(_)
            );
            assert_eq!(entry.is_of_item(), !of_links, "{what:?}");
        }
        let rank = |what| Entry::new(NO_ITEM, what, at, &mut Rules::default()).rank();
        assert_eq!(rank(ItemEvent::Broke), BROKE);
        assert!(
            rank(ItemEvent::Expired) < rank(ItemEvent::Asked)
                && rank(ItemEvent::Accepted) < rank(ItemEvent::Asked)
        );
    }

    #[test]
    fn rules_without_end_share_a_name() {
        let mut rules = Rules::default();
        for number in 0..300_u32 {
            let rule: &'static str = Box::leak(number.to_string().into_boxed_str());
            let kept = rules.number(rule);
            assert_eq!(rules.name(kept), if number < 255 { rule } else { OTHER_RULE });
        }
    }
}
