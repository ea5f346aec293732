//! What a digest and a delta tell of when not everything fits. The rules stand at [`super`].

use rand::{Rng, RngExt as _};

use super::body::{COUNT_MAX, Delta, Digest, PART_HEAD_MAX, Part, TOLD_MAX, Told};
use super::table::{Member, Recent, States};
use super::{Entry, KEY_MAX, VALUE_MAX, Version};
use crate::ground::varint;
use crate::membership::member_id::MemberId;

/// What a delta needs so that any entry fits. With less, the longest entries are never told.
pub const DELTA_MIN: usize =
    COUNT_MAX + PART_HEAD_MAX + varint::LEN_MAX + 1 + KEY_MAX + 1 + 2 + VALUE_MAX;

/// How many members' news may find no room before no more are looked at: each costs a few microseconds. A guess.
const MISSES_MAX: usize = 64;

impl States {
    /// What we know, in at most `budget` bytes. The generator decides where the rotation begins.
    pub fn digest(&mut self, budget: usize, rng: &mut dyn Rng) -> Digest {
        self.digest_of(|_| true, budget, rng)
    }

    /// What we know of some members, and of ourselves.
    pub fn digest_of(
        &mut self,
        is_told: impl Fn(MemberId) -> bool,
        budget: usize,
        rng: &mut dyn Rng,
    ) -> Digest {
        let mut room = budget.saturating_sub(COUNT_MAX);
        let mut told: Vec<Told> = Vec::new();
        let own = self.own();
        self.tell(own, &mut room, &mut told);
        let mut for_recent = room / 2;
        let kept = room - for_recent;
        let recent = self.recent.iter().map(|recent| recent.member);
        let recent: Vec<_> = recent.filter(|member| is_told(*member)).collect();
        let newest: Vec<_> = recent
            .into_iter()
            .filter(|member| *member == own || self.tell(*member, &mut for_recent, &mut told))
            .collect();
        for recent in self.recent.iter_mut().filter(|recent| newest.contains(&recent.member)) {
            recent.left -= 1;
        }
        self.recent.retain(|recent| recent.left > 0);
        room = kept + for_recent;
        let count = self.members.len();
        let start = match self.turn {
            Some(last) => self.members.partition_point(|member| member.id <= last),
            None => rng.random_range(0..count),
        };
        let mut first: Vec<_> = told.iter().map(|told| told.member).collect();
        first.sort_unstable();
        for step in 0..count {
            let member = &self.members[(start + step) % count];
            let is_due = is_told(member.id) && first.binary_search(&member.id).is_err();
            if is_due && !tell(member.told(), &mut room, &mut told) {
                break;
            }
            self.turn = Some(member.id);
        }
        told.sort_unstable_by_key(|told| told.member);
        Digest(told)
    }

    /// What we know of those of whom a peer knows more, or less, in at most `budget` bytes: it hears our heartbeats by this, and
    /// answers with what we lack.
    #[must_use]
    pub fn reply(&self, digest: &Digest, budget: usize) -> Digest {
        let mut room = budget.saturating_sub(COUNT_MAX);
        let mut differing = Vec::new();
        for theirs in &digest.0 {
            let ours = self.member(theirs.member).map(Member::told);
            let same = |told: Told| (told.generation, told.heartbeat, told.version);
            if ours.is_some_and(|ours| same(ours) != same(*theirs)) {
                self.tell(theirs.member, &mut room, &mut differing);
            }
        }
        Digest(differing)
    }

    /// What a peer that knows this lacks, in at most `budget` bytes: give it [`DELTA_MIN`] at least.
    pub fn delta_for(&self, digest: &Digest, budget: usize, rng: &mut dyn Rng) -> Delta {
        let lacks = |told: &Told| {
            let member = self.member(told.member)?;
            Some((member, member.news_for(told)?))
        };
        let mut news: Vec<_> = digest.0.iter().filter_map(lacks).take(TOLD_MAX).collect();
        let mut parts = Vec::new();
        let mut room = budget.saturating_sub(COUNT_MAX);
        let mut for_recent = room / 2;
        let kept = room - for_recent;
        for recent in &self.recent {
            let place = news.binary_search_by_key(&recent.member, |(member, _)| member.id);
            if let Ok(place) = place
                && tell_news(news[place].0, news[place].1, &mut for_recent, &mut parts)
            {
                news.remove(place);
            }
        }
        room = kept + for_recent;
        if !news.is_empty() {
            let first = rng.random_range(0..news.len());
            news.rotate_left(first);
        }
        let mut misses = 0;
        for (member, from) in news {
            misses += usize::from(!tell_news(member, from, &mut room, &mut parts));
            if misses > MISSES_MAX {
                break;
            }
        }
        // What nobody else has news for is theirs whose news was cut off at half.
        for part in parts.iter_mut().filter(|part| part.upto < part.known) {
            if let Some(member) = self.member(part.member) {
                let (entries, upto) = fitting(member, part.upto, &mut room);
                part.entries.extend(entries);
                part.upto = upto;
            }
        }
        parts.sort_unstable_by_key(|part| part.member);
        Delta(parts)
    }

    /// The latest changes of those of whom a peer told nothing, in at most `budget` bytes: the guess is that it has all that was before them. If
    /// it hasn't, they don't fit there, and digests find out.
    #[must_use]
    pub fn guess(&self, told: &Digest, budget: usize) -> Delta {
        let mut room = budget.saturating_sub(COUNT_MAX);
        let mut parts = Vec::new();
        for Recent { member, from, .. } in &self.recent {
            let is_told = told.0.binary_search_by_key(member, |told| told.member).is_ok();
            if let Some(member) = self.member(*member).filter(|one| !is_told && one.is_whole()) {
                tell_news(member, *from, &mut room, &mut parts);
            }
        }
        parts.sort_unstable_by_key(|part| part.member);
        Delta(parts)
    }

    /// Appends what is known of a member if there is room. Says whether there was.
    fn tell(&self, member: MemberId, room: &mut usize, told: &mut Vec<Told>) -> bool {
        self.member(member).is_none_or(|member| tell(member.told(), room, told))
    }
}

fn tell(one: Told, room: &mut usize, told: &mut Vec<Told>) -> bool {
    let fits = one.encoded_len() <= *room && told.len() < TOLD_MAX;
    if fits {
        *room -= one.encoded_len();
        told.push(one);
    }
    fits
}

/// Appends what was written after a version, as far as it fits. Says whether anything did.
fn tell_news(member: &Member, from: Version, room: &mut usize, parts: &mut Vec<Part>) -> bool {
    let Some(mut left) = room.checked_sub(PART_HEAD_MAX) else { return false };
    let (entries, upto) = fitting(member, from, &mut left);
    if upto <= from {
        return false;
    }
    *room = left;
    let Told { member, generation, version, collected, .. } = member.told();
    parts.push(Part { member, generation, from, upto, known: version, collected, entries });
    true
}

/// What was written after a version, as far as it fits, and up to which version that is all.
fn fitting(member: &Member, from: Version, room: &mut usize) -> (Vec<Entry>, Version) {
    let mut entries: Vec<Entry> = Vec::new();
    for entry in member.entries_after(from) {
        let Some(left) = room.checked_sub(entry.encoded_len()) else {
            let upto = entries.last().map_or(from, |entry| entry.version);
            return (entries, upto);
        };
        *room = left;
        entries.push(entry.clone());
    }
    (entries, member.version)
}
