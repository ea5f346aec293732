//! What is known of all members, and how news changes it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::body::{Delta, Digest, Told};
use super::entries::{Entries, Entry, Refused};
use super::news::{Applied, Change, Moment, Settings};
use super::{Generation, VERSION_MAX, Version};
use crate::ground::time::Time;
use crate::membership::member_id::MemberId;

/// How much later than our wall clock a generation may be, seconds. A guess; Cassandra's `Gossiper.MAX_GENERATION_DIFFERENCE` is a year.
pub const GENERATION_AHEAD: Generation = 86_400;

/// Most members. A guess, above the fleets that a full list is meant for.
pub const MEMBERS_MAX: usize = 65_536;

/// How many members are remembered as changed lately. A guess: half of a packet's digest.
pub(super) const RECENT_MAX: usize = 32;

/// What is known of a member. Many have no more than this, so its size counts.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: MemberId,
    pub(super) generation: Generation,
    heartbeat: u32,
    pub(super) version: Version,
    pub(super) collected: Version,
    raised_at: Time,
    /// None if there are no entries.
    pub(super) entries: Option<Box<Entries>>,
}

const _: () = assert!(size_of::<Member>() <= 48, "a heartbeat alone costs little");

/// A change that is told of with priority, so many times more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    pub(super) member: MemberId,
    /// All that was written after this version, as far as it hasn't been told yet, is what changed.
    pub(super) from: Version,
    pub(super) left: u32,
}

/// What is known of all members, ourselves among them.
#[derive(Clone, Debug)]
pub struct States {
    own: MemberId,
    pub(super) settings: Settings,
    /// By ascending id.
    pub(super) members: Vec<Member>,
    /// Whose generation or map changed lately, the latest first. At most [`RECENT_MAX`]: the oldest waits for its turn as all do.
    pub(super) recent: VecDeque<Recent>,
    /// Whom the rotation told of last.
    pub(super) turn: Option<MemberId>,
    /// What all maps take.
    pub(super) bytes: usize,
    pub(super) collect_at: Time,
}

impl States {
    /// A member that starts now, and knows itself alone. Its generation is the wall clock's time.
    #[must_use]
    pub fn new(own: MemberId, settings: Settings, at: Moment) -> Self {
        let mut member = Member::new(own, at.now);
        member.generation = at.wall.max(1);
        Self {
            own,
            settings,
            members: vec![member],
            recent: VecDeque::new(),
            turn: None,
            bytes: 0,
            collect_at: Time::NEVER,
        }
    }

    /// Begins to store what is said of a member; nothing is known yet. Says whether it is stored now, which fails at [`MEMBERS_MAX`].
    pub fn admit(&mut self, member: MemberId, now: Time) -> bool {
        if let Err(place) = self.place(member) {
            if self.members.len() >= MEMBERS_MAX {
                return false;
            }
            if self.members.len() == self.members.capacity() {
                self.members.reserve_exact((self.members.len() / 8).max(4));
            }
            self.members.insert(place, Member::new(member, now));
        }
        true
    }

    /// [Admits](Self::admit) many at once: thousands one by one would move the others each time.
    pub fn admit_all(&mut self, members: &[MemberId], now: Time) {
        let known = self.members.len();
        for id in members {
            let is_known = self.members[..known].binary_search_by_key(id, |one| one.id).is_ok();
            if !is_known && self.members.len() < MEMBERS_MAX {
                if self.members.len() == self.members.capacity() {
                    self.members.reserve_exact((self.members.len() / 8).max(4));
                }
                self.members.push(Member::new(*id, now));
            }
        }
        self.members.sort_unstable_by_key(|member| member.id);
        self.members.dedup_by_key(|member| member.id);
    }

    /// Forgets a member and all that it said. Ourselves we don't forget.
    pub fn forget(&mut self, member: MemberId) {
        if let Ok(place) = self.place(member)
            && member != self.own
        {
            let gone = self.members.remove(place);
            self.bytes -= gone.cost();
            self.recent.retain(|recent| recent.member != member);
        }
    }

    /// Sets a key of ours. Says whether that changed anything.
    ///
    /// # Errors
    /// When it exceeds a bound; nothing has changed then.
    pub fn set(&mut self, key: &[u8], value: &[u8], at: Moment) -> Result<bool, Refused> {
        self.write(key, Some(value), at)
    }

    /// Deletes a key of ours. Says whether it was there.
    ///
    /// # Errors
    /// None for a key that is there.
    pub fn delete(&mut self, key: &[u8], at: Moment) -> Result<bool, Refused> {
        if self.value(self.own, key).is_none() {
            return Ok(false);
        }
        self.write(key, None, at)
    }

    /// Counts our heartbeat up.
    pub fn beat(&mut self, at: Moment) {
        let own = self.own_mut();
        own.raised_at = at.now;
        if own.heartbeat >= VERSION_MAX {
            self.begin_anew(0, at);
        } else {
            own.heartbeat += 1;
        }
    }

    /// Takes in what a peer knows: heartbeats, and generations whose maps aren't known yet.
    pub fn hear(&mut self, digest: &Digest, at: Moment) -> Applied {
        let mut applied = Applied::default();
        for told in &digest.0 {
            self.hear_of(told, at, &mut applied);
        }
        applied
    }

    /// Takes in news.
    pub fn apply(&mut self, delta: &Delta, at: Moment) -> Applied {
        let mut applied = Applied::default();
        for part in &delta.0 {
            // A delta tells nothing of heartbeats.
            let told = Told {
                member: part.member,
                generation: part.generation,
                heartbeat: 0,
                version: part.known,
                collected: part.collected,
            };
            if self.hear_of(&told, at, &mut applied) && part.member != self.own {
                self.take(part, at.now, &mut applied);
            }
        }
        applied
    }

    /// Collects tombstones whose grace is over.
    pub fn collect(&mut self, now: Time) {
        if now < self.collect_at {
            return;
        }
        let (grace, mut oldest, mut freed) = (self.settings.grace, None, 0);
        for member in &mut self.members {
            let Some(entries) = &mut member.entries else { continue };
            let before = entries.cost();
            let gone =
                entries.remove_if(|entry, since| entry.value.is_none() && since + grace <= now);
            freed += before - entries.cost();
            oldest = [oldest, entries.oldest_deletion()].into_iter().flatten().min();
            let greatest = gone.iter().map(|entry| entry.version).max().unwrap_or(0);
            member.collected = member.collected.max(greatest);
            if entries.is_empty() {
                member.entries = None;
            }
        }
        self.bytes -= freed;
        // Each walk costs all members, so there are at most sixteen in a grace.
        self.collect_at =
            oldest.map_or(Time::NEVER, |oldest| (oldest + grace).max(now + grace / 16));
    }

    /// When there is something to collect.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        self.collect_at
    }

    /// What is known of a member.
    #[must_use]
    pub fn told(&self, member: MemberId) -> Option<Told> {
        self.member(member).map(Member::told)
    }

    /// When a member's heartbeat was last seen to rise, or it was admitted.
    #[must_use]
    pub fn raised_at(&self, member: MemberId) -> Option<Time> {
        self.member(member).map(|member| member.raised_at)
    }

    /// A member's value of a key.
    #[must_use]
    pub fn value(&self, member: MemberId, key: &[u8]) -> Option<&Bytes> {
        self.member(member)?.entries.as_ref()?.get(key)?.value.as_ref()
    }

    /// A member's keys and values, by ascending key.
    pub fn values(&self, member: MemberId) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        let entries = self.member(member).and_then(|member| member.entries.as_deref());
        entries
            .into_iter()
            .flat_map(Entries::iter)
            .filter_map(|entry| Some((&entry.key, entry.value.as_ref()?)))
    }

    /// Who is stored, by ascending id.
    pub fn members(&self) -> impl Iterator<Item = MemberId> {
        self.members.iter().map(|member| member.id)
    }

    /// Memory that all maps take, roughly. At most [`Settings::bytes_max`] and our own map.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Who we are.
    #[must_use]
    pub const fn own(&self) -> MemberId {
        self.own
    }

    pub(super) fn member(&self, member: MemberId) -> Option<&Member> {
        self.place(member).ok().map(|place| &self.members[place])
    }

    pub(super) fn place(&self, member: MemberId) -> Result<usize, usize> {
        self.members.binary_search_by_key(&member, |member| member.id)
    }

    fn own_mut(&mut self) -> &mut Member {
        let place = self.place(self.own).expect("we are never forgotten");
        &mut self.members[place]
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>, at: Moment) -> Result<bool, Refused> {
        let own = self.own_mut();
        own.entries.as_deref().unwrap_or(&Entries::NONE).may_write(key, value)?;
        let entries = own.entries.get_or_insert_default();
        if value.is_some() && entries.get(key).and_then(|entry| entry.value.as_deref()) == value {
            return Ok(false);
        }
        let (before, passed) = (entries.cost(), own.version);
        // Only while no later generation can begin is there no number left.
        own.version = own.version.saturating_add(1).min(VERSION_MAX);
        let (key, value) = (Bytes::copy_from_slice(key), value.map(Bytes::copy_from_slice));
        let deletes = value.is_none();
        entries.put(Entry { key, version: own.version, value }, at.now);
        let (version, after) = (own.version, entries.cost());
        self.bytes = self.bytes - before + after;
        if deletes {
            self.collect_at = self.collect_at.min(at.now + self.settings.grace);
        }
        if version >= VERSION_MAX {
            self.begin_anew(0, at);
        }
        self.note_recent(self.own, passed);
        Ok(true)
    }

    /// Begins a generation of ours that is later than all before it, and than one that was seen. Says whether it did: if none later would
    /// be believed the clock has to go on first. What was seen is heard of again.
    fn begin_anew(&mut self, seen: Generation, at: Moment) -> bool {
        let own = self.own_mut();
        let next = own.generation.max(seen).saturating_add(1);
        if next > limit(at.wall) {
            return false;
        }
        own.generation = next;
        (own.heartbeat, own.collected) = (0, 0);
        let before = own.cost();
        own.version = own.entries.as_mut().map_or(0, |entries| entries.renumber());
        // Tombstones don't come with us.
        own.entries.take_if(|entries| entries.is_empty());
        let after = own.cost();
        self.bytes = self.bytes - before + after;
        self.recent.retain(|recent| recent.member != self.own);
        self.note_recent(self.own, 0);
        true
    }

    /// Takes in a generation and heartbeat. Says whether this is of a member's present generation.
    fn hear_of(&mut self, told: &Told, at: Moment, applied: &mut Applied) -> bool {
        let Ok(place) = self.place(told.member) else {
            applied.unknown += 1;
            return false;
        };
        if told.generation > limit(at.wall) {
            applied.ahead += 1;
            return false;
        }
        let member = &mut self.members[place];
        if told.member == self.own {
            let ours = (member.heartbeat, member.version);
            let more = told.heartbeat > ours.0 || told.version > ours.1;
            let is_later = told.generation > member.generation;
            if is_later || (told.generation == member.generation && more) {
                applied.refuted |= self.begin_anew(told.generation, at);
            }
            return false;
        }
        // A peer that knows nothing of it tells of none.
        if told.generation < member.generation || told.generation == 0 {
            return false;
        }
        if told.generation > member.generation {
            let is_first = member.generation == 0;
            self.bytes -= member.cost();
            *member = Member { generation: told.generation, ..Member::new(told.member, at.now) };
            member.heartbeat = told.heartbeat;
            let (member, generation) = (told.member, told.generation);
            applied.changes.push(Change::Began { member, generation });
            applied.changes.push(Change::Beat(member));
            self.recent.retain(|recent| recent.member != member);
            if !is_first {
                // It started anew. Where we hear of it first, all of the fleet may be new to us, and others know it.
                self.note_recent(member, 0);
            }
        } else if told.heartbeat > member.heartbeat {
            member.heartbeat = told.heartbeat;
            member.raised_at = at.now;
            applied.changes.push(Change::Beat(told.member));
        }
        true
    }

    /// Notes that there is news of a member, after a version, to be told as often as memberlist sends a rumour: 4 log10(n + 1) times
    /// (`RetransmitMult`, `retransmitLimit`).
    pub(super) fn note_recent(&mut self, member: MemberId, from: Version) {
        let left = 4 * (self.members.len().ilog10() + 1);
        // What was written before and nobody was told of yet is told with it.
        let untold = self.recent.iter().find(|recent| recent.member == member);
        let untold = untold.filter(|recent| recent.left == left).map(|recent| recent.from);
        let from = untold.map_or(from, |untold| untold.min(from));
        self.recent.retain(|recent| recent.member != member);
        self.recent.truncate(RECENT_MAX - 1);
        self.recent.push_front(Recent { member, from, left });
    }

    /// Checks the bounds, and that what is kept twice agrees.
    ///
    /// # Panics
    /// When that isn't so.
    pub fn check(&self) {
        assert!(self.members.is_sorted_by(|a, b| a.id < b.id));
        assert!(self.members.len() <= MEMBERS_MAX);
        assert!(self.recent.len() <= RECENT_MAX);
        let own = self.member(self.own).map_or(0, Member::cost);
        assert!(self.bytes <= self.settings.bytes_max + own, "{} bytes", self.bytes);
        assert_eq!(self.bytes, self.members.iter().map(Member::cost).sum::<usize>());
        for member in &self.members {
            if let Some(entries) = &member.entries {
                entries.check();
                assert!(!entries.is_empty());
                assert!(entries.oldest_deletion().is_none() || self.collect_at < Time::NEVER);
            }
        }
    }
}

impl Member {
    const fn new(id: MemberId, now: Time) -> Self {
        Self {
            id,
            generation: 0,
            heartbeat: 0,
            version: 0,
            collected: 0,
            raised_at: now,
            entries: None,
        }
    }

    pub(super) const fn told(&self) -> Told {
        Told {
            member: self.id,
            generation: self.generation,
            heartbeat: self.heartbeat,
            version: self.version,
            collected: self.collected,
        }
    }

    /// Whether a copy like this may have keys whose tombstones were collected by somebody.
    pub(super) const fn needs_reset(&self, collected: Version) -> bool {
        self.version < collected && self.collected < collected
    }

    /// Whether something is known of the map, and it isn't in the middle of a reset.
    pub(super) const fn is_whole(&self) -> bool {
        self.version > 0 && self.version >= self.collected
    }

    /// From where on a peer has to be told of this member; none if it lacks nothing that we could tell.
    pub(super) fn news_for(&self, told: &Told) -> Option<Version> {
        let later = (self.generation, self.version) > (told.generation, told.version);
        if !(later && self.is_whole()) || self.generation < told.generation {
            return None;
        }
        let copy_needs_reset = told.version < self.collected && told.collected < self.collected;
        let anew = self.generation > told.generation || copy_needs_reset;
        Some(if anew { 0 } else { told.version })
    }

    /// What was written after a version, by ascending version.
    pub(super) fn entries_after(&self, from: Version) -> Vec<&Entry> {
        self.entries.as_ref().map_or_else(Vec::new, |entries| entries.between(from, self.version))
    }

    pub(super) fn cost(&self) -> usize {
        self.entries.as_ref().map_or(0, |entries| entries.cost())
    }
}

/// The latest generation that is believed.
const fn limit(wall: Generation) -> Generation {
    wall.saturating_add(GENERATION_AHEAD)
}
