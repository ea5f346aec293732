//! The machine: inputs with the time in, actions out. Its contract stands at [`crate::replica`].

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use super::clock::{Clock, ClockKind};
use super::contract::{Action, Counts, Cx, Input, Work};
use super::key::Key;
use super::lost::LostWrites;
use super::message::{ENTRIES_MAX, Message, PLACES_MAX};
use super::peers::{Peers, millis_of};
use super::settings::Settings;
use super::siblings::Siblings;
use super::stamp::{Millis, ReplicaId, Tick};
use super::state::{ENTRY_MAX, Entry, Merged, Pen, Refused, State, Write};
use super::store::{Held, Store};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::merkle::Side;
use crate::wire::merkle::Comparison;

/// How often deletions whose grace is over are looked for, and how many keys at a time. Guesses: the grace is days.
const SWEEP: Duration = Duration::from_secs(60);
const SWEPT_MAX: usize = 256;

/// A clock that moves by more than this otherwise than time passes was set. A guess: NTP slews what is less than an eighth of this.
const STEP_MS: Millis = 1_000;

/// A replica of the map. See [`crate::replica`].
#[derive(Clone, Debug)]
pub struct Replica {
    id: ReplicaId,
    settings: Settings,
    clock: Clock,
    store: Store,
    peers: Peers,
    lost: LostWrites,
    counts: Counts,
    next_sweep: Time,
    /// What our machine's clock said last, and when.
    read: Option<(Millis, Time)>,
}

impl Replica {
    /// An empty replica.
    #[must_use]
    pub fn new(id: ReplicaId, mut settings: Settings) -> Self {
        settings.batch_bytes = settings.batch_bytes.min(ENTRY_MAX);
        Self {
            id,
            clock: Clock::new(settings.model.clock(), settings.ahead_ms),
            store: Store::new(settings.salt),
            peers: Peers::new(),
            lost: LostWrites::default(),
            counts: Counts::default(),
            next_sweep: Time::ZERO,
            read: None,
            settings,
        }
    }

    /// Takes one input at a moment, appending what is to be done about it. Says how much work it was.
    pub fn handle(&mut self, input: Input<'_>, cx: &mut Cx<'_>) -> Work {
        self.read_clock(cx);
        match input {
            Input::Connected { link, direction } => self.on_connected(link, direction, cx),
            Input::Disconnected { link } => {
                if self.peers.remove(link) {
                    self.store.on_link_down(link);
                }
            }
            Input::Received { link, message } if self.peers.has(link) => {
                return self.on_message(link, message, cx);
            }
            Input::Received { .. } => {}
            Input::Congested { link } => self.set_congested(link, true),
            Input::Drained { link } => self.set_congested(link, false),
            Input::Restored(entry) => {
                let work = Work { merged: 1, ..Work::default() };
                if self.settings.model.keeps(entry.key.kind()) {
                    self.take_in(&entry, None, cx);
                }
                return work;
            }
            Input::Wake => self.on_wake(cx),
        }
        Work::default()
    }

    /// When it next wants [`Input::Wake`].
    #[must_use]
    pub fn deadline(&self) -> Time {
        let sweep = if self.store.len() > 0 { self.next_sweep } else { Time::NEVER };
        self.peers.deadline(self.store.last_change(), &self.settings).min(sweep)
    }

    /// Writes. It is there at once, and at the peers by the next rounds.
    ///
    /// # Errors
    /// See [`Refused`]; nothing has changed then.
    pub fn write(&mut self, key: &Key, write: Write, cx: &mut Cx<'_>) -> Result<(), Refused> {
        if !self.settings.model.keeps(key.kind()) {
            return Err(Refused::Kind);
        }
        self.read_clock(cx);
        let time = self.time(cx);
        let pen =
            Pen { writer: self.id, tick: self.clock.tick(time), limit: self.clock.limit(time) };
        let before = self.store.get(key).map(|held| &held.state);
        if before.is_none() && !self.store.may_begin(&self.settings) {
            return Err(Refused::Full);
        }
        let (after, merged) = State::written(before, key, write, pen)?;
        self.store.set(key.clone(), after, None, &self.settings)?;
        self.note(key, merged);
        cx.actions.push(Action::Changed { key: key.clone() });
        Ok(())
    }

    /// What a key holds, a deletion too.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&State> {
        self.store.get(key).map(|held| &held.state)
    }

    /// All keys in order, deleted ones too.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &State)> {
        self.store.iter().map(|(key, held)| (key, &held.state))
    }

    /// Keys with several values side by side, between which nobody has chosen yet.
    pub fn contested(&self) -> impl Iterator<Item = (&Key, &Siblings)> {
        self.entries().filter_map(|(key, state)| match state {
            State::Siblings(siblings) if siblings.values().count() > 1 => Some((key, siblings)),
            _ => None,
        })
    }

    /// What it was made with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who it is, as a writer.
    #[must_use]
    pub const fn id(&self) -> ReplicaId {
        self.id
    }

    /// Whether it is linked to somebody by a link.
    #[must_use]
    pub fn has_link(&self, link: Link) -> bool {
        self.peers.has(link)
    }

    /// How many it is linked to.
    #[must_use]
    pub const fn links(&self) -> usize {
        self.peers.len()
    }

    /// How many keys there are, deleted ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all entries.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Writes that are lost, as far as this replica has seen them lose.
    #[must_use]
    pub const fn lost(&self) -> &LostWrites {
        &self.lost
    }

    /// What it counted.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Forgets a key, which is no deletion: peers that have it bring it back. For what is damaged.
    pub fn forget(&mut self, key: &Key) -> bool {
        self.store.forget(key)
    }

    /// Checks every bound, and that what is kept in several places agrees.
    ///
    /// # Panics
    /// When that isn't so.
    pub fn check_invariants(&self) {
        self.store.check(&self.settings);
        self.peers.check();
        assert!(self.lost.iter().count() <= self.settings.lost_max, "lost writes");
    }

    fn on_connected(&mut self, link: Link, direction: Direction, cx: &mut Cx<'_>) {
        self.peers.add(link, self.store.last_change(), cx.now);
        self.send(link, Message::Clock { wall: cx.wall }, cx);
        // What it has now is compared, and what changes from here on is pulled.
        if self.settings.spread.pulls() {
            self.pull(link, cx);
        }
        if direction == Direction::Outbound && !self.settings.compare.is_zero() {
            self.compare(link, cx);
        }
    }

    fn set_congested(&mut self, link: Link, is_congested: bool) {
        if let Some(peer) = self.peers.get_mut(link) {
            peer.is_congested = is_congested;
        }
    }

    fn on_wake(&mut self, cx: &mut Cx<'_>) {
        for link in self.peers.due(cx.now) {
            self.pay(link, cx);
        }
        let last_change = self.store.last_change();
        for link in self.peers.round(last_change, &self.settings, cx.now, cx.rng) {
            if self.settings.spread.pushes() {
                self.push(link, cx);
            }
            if self.settings.spread.pulls() {
                self.pull(link, cx);
            }
        }
        if let Some(link) = self.peers.comparison(&self.settings, cx.now, cx.rng) {
            self.compare(link, cx);
        }
        if cx.now >= self.next_sweep {
            let expired = self.expired(self.time(cx));
            let has_more = self.store.expire(expired, SWEPT_MAX, &self.settings);
            self.next_sweep = if has_more { cx.now } else { cx.now + SWEEP };
        }
    }

    fn on_message(&mut self, link: Link, message: &Message, cx: &mut Cx<'_>) -> Work {
        match message {
            Message::Entries(entries) => {
                let merged = self.take_all(entries, link, cx).0;
                Work { merged, ..Work::default() }
            }
            Message::Pull { after } => {
                let (entries, upto, more) = match after {
                    0 => (Batch::default(), self.store.last_change(), false),
                    after => self.changes(link, *after),
                };
                let bytes = entries.bytes;
                self.on_sent(link, &entries);
                self.send(link, Message::Changes { upto, more, entries: entries.list.into() }, cx);
                Work { bytes, ..Work::default() }
            }
            Message::Changes { upto, more, entries } => {
                let (merged, news) = self.take_all(entries, link, cx);
                if let Some(peer) = self.peers.get_mut(link)
                    && std::mem::take(&mut peer.is_asked)
                {
                    peer.pulled = peer.pulled.max(*upto);
                    // A peer that has more without having anything new can wait.
                    if *more && news > 0 {
                        self.pull(link, cx);
                    }
                }
                Work { merged, ..Work::default() }
            }
            Message::Want(places) => {
                let bytes = places.iter().map(|place| self.owe(link, *place)).sum();
                Work { looked_at: places.len(), bytes, ..Work::default() }
            }
            Message::Compare(theirs) => self.on_compare(link, theirs, cx),
            Message::Ahead { by } => {
                cx.actions.push(Action::ToldAhead { link, by: *by });
                Work::default()
            }
            Message::Clock { wall } => {
                if let Some(peer) = self.peers.get_mut(link) {
                    peer.clock = Some((*wall, cx.now));
                }
                Work::default()
            }
        }
    }

    /// A peer tells what it holds: what differs is sent and asked for, and then the comparison goes on.
    fn on_compare(&mut self, link: Link, theirs: &Comparison, cx: &mut Cx<'_>) -> Work {
        let answer = self.store.tree().answer(theirs);
        let mut work = Work { looked_at: answer.looked_at, ..Work::default() };
        let mut wanted = Vec::new();
        for difference in &answer.differences {
            if difference.side != Side::Theirs {
                work.bytes += self.owe(link, difference.place);
            }
            // A full map wouldn't take another key.
            let is_wanted = match difference.side {
                Side::Ours => false,
                Side::Theirs => self.store.len() < self.settings.keys_max,
                Side::Both => true,
            };
            if is_wanted {
                wanted.push(difference.place);
            }
        }
        for places in wanted.chunks(PLACES_MAX) {
            self.send(link, Message::Want(places.into()), cx);
        }
        let Some(peer) = self.peers.get_mut(link) else { return work };
        peer.reply = answer.reply.map(Arc::new);
        if !peer.is_owed()
            && let Some(reply) = peer.reply.take()
        {
            self.send(link, Message::Compare(reply), cx);
        }
        work
    }

    /// Sends a batch of what is owed, or goes on with the comparison if nothing is.
    fn pay(&mut self, link: Link, cx: &mut Cx<'_>) {
        let (batch_bytes, pace) = (self.settings.batch_bytes, self.settings.pace);
        let Some(peer) = self.peers.get_mut(link) else { return };
        let mut batch = Batch::default();
        while batch.has_room(batch_bytes)
            && let Some(place) = peer.pay()
        {
            self.store.at(place).for_each(|(key, held)| batch.add(key, held, batch_bytes));
        }
        peer.next_batch = cx.now + pace;
        let reply = if peer.is_owed() { None } else { peer.reply.take() };
        self.on_sent(link, &batch);
        if !batch.list.is_empty() {
            self.send(link, Message::Entries(batch.list.into()), cx);
        }
        if let Some(reply) = reply {
            self.send(link, Message::Compare(reply), cx);
        }
    }

    /// What is at a place is to be sent. Returns how many bytes that is.
    fn owe(&mut self, link: Link, place: u64) -> usize {
        let is_new = self.peers.get_mut(link).is_some_and(|peer| peer.owe(place));
        if is_new { self.store.at(place).map(|(_, held)| held.len).sum() } else { 0 }
    }

    fn push(&mut self, link: Link, cx: &mut Cx<'_>) {
        let Some(after) = self.peers.get_mut(link).map(|peer| peer.pushed) else { return };
        let (batch, upto, _) = self.changes(link, after);
        if let Some(peer) = self.peers.get_mut(link) {
            peer.pushed = upto;
        }
        self.on_sent(link, &batch);
        if !batch.list.is_empty() {
            self.send(link, Message::Entries(batch.list.into()), cx);
        }
    }

    /// A link is sent entries: unless they are lost, it needn't be sent them again.
    fn on_sent(&mut self, link: Link, batch: &Batch) {
        batch.list.iter().for_each(|entry| self.store.on_had(&entry.key, link));
    }

    fn pull(&mut self, link: Link, cx: &mut Cx<'_>) {
        if let Some(peer) = self.peers.get_mut(link) {
            peer.is_asked = true;
            let after = peer.pulled;
            self.send(link, Message::Pull { after }, cx);
        }
    }

    fn compare(&mut self, link: Link, cx: &mut Cx<'_>) {
        let comparison = self.store.tree().begin(cx.rng.random(), 0);
        self.send(link, Message::Compare(Arc::new(comparison)), cx);
    }

    /// What changed here after a change, but for what the link has; up to which change that is, and whether there
    /// is more.
    fn changes(&self, link: Link, after: u64) -> (Batch, u64, bool) {
        let (mut batch, mut upto) = (Batch::default(), after.min(self.store.last_change()));
        for (change, key, held) in self.store.changed_after(after) {
            if !batch.has_room(self.settings.batch_bytes) {
                return (batch, upto, true);
            }
            if !held.is_had_by(link) {
                batch.add(key, held, self.settings.batch_bytes);
            }
            upto = change;
        }
        (batch, self.store.last_change(), false)
    }

    /// Takes in what a peer sent. Returns how many entries that were, and how many were news.
    fn take_all(&mut self, entries: &[Entry], link: Link, cx: &mut Cx<'_>) -> (usize, usize) {
        let limit = self.clock.limit(self.time(cx));
        let (mut news, mut latest) = (0, Tick::default());
        for (number, entry) in entries.iter().enumerate() {
            if !self.settings.model.keeps(entry.key.kind()) {
                let why = "it sent a kind of data that this network doesn't keep";
                cx.actions.push(Action::Misbehaved { link, why });
                return (number, news);
            }
            latest = latest.max(entry.state.latest().unwrap_or_default());
            news += usize::from(self.take_in(entry, Some(link), cx));
        }
        let by = latest.millis.saturating_sub(limit);
        if by > 0 {
            self.send(link, Message::Ahead { by }, cx);
        }
        (entries.len(), news)
    }

    /// Takes in an entry. True if it was news.
    fn take_in(&mut self, entry: &Entry, from: Option<Link>, cx: &mut Cx<'_>) -> bool {
        let time = self.time(cx);
        // What was ours stays so whatever the clock says, which may be wrong before there are peers.
        let (limit, expired) = match from {
            Some(_) => (self.clock.limit(time), self.expired(time)),
            None => (Millis::MAX, 0),
        };
        if entry.state.latest().is_some_and(|tick| tick.millis > limit) {
            self.counts.ahead += 1;
        }
        let Some(theirs) = entry.state.clone().within(expired, limit) else {
            let is_old = entry.state.latest().is_some_and(|tick| tick.millis <= limit);
            self.counts.expired += u64::from(is_old);
            return false;
        };
        if let Some(tick) = theirs.latest() {
            self.clock.see(tick, time);
        }
        let ours = self.store.get(&entry.key).map(|held| &held.state);
        let (after, merged) = match ours {
            None => (theirs, Merged::default()),
            Some(ours) => {
                let mut after = ours.clone();
                let merged = after.merge(&theirs, limit);
                (after, merged)
            }
        };
        let is_new = ours != Some(&after);
        // Whoever sent less than there is now lacks it.
        let from = from.filter(|_| after == entry.state);
        if !is_new {
            self.store.remember(&entry.key, after);
            if let Some(link) = from {
                self.store.on_had(&entry.key, link);
            }
        } else if self.store.set(entry.key.clone(), after, from, &self.settings).is_err() {
            self.counts.full += 1;
            return false;
        }
        self.note(&entry.key, merged);
        if is_new {
            self.counts.taken += 1;
            cx.actions.push(Action::Changed { key: entry.key.clone() });
        } else {
            self.counts.known += 1;
        }
        is_new
    }

    fn note(&mut self, key: &Key, merged: Merged) {
        self.counts.trimmed += merged.trimmed as u64;
        for lost in merged.lost {
            self.lost.note(key, lost, self.settings.lost_max);
        }
    }

    /// What time it is: what our machine's clock says, unless our peers' clocks agree that it is wrong.
    fn time(&self, cx: &Cx<'_>) -> Millis {
        match self.settings.model.clock() {
            ClockKind::Hybrid => self.peers.time(cx.wall, cx.now, self.settings.ahead_ms),
            ClockKind::Wall => cx.wall,
        }
    }

    /// Tells all peers when the machine's clock was set.
    fn read_clock(&mut self, cx: &mut Cx<'_>) {
        let before = self.read.replace((cx.wall, cx.now));
        if before.is_none() {
            // By then there are peers, and it is known what time it is.
            self.next_sweep = cx.now + SWEEP;
        }
        let is_set = before.is_some_and(|(wall, at)| {
            let expected = wall.saturating_add(millis_of(cx.now - at));
            expected.abs_diff(cx.wall) > STEP_MS
        });
        if is_set {
            for link in self.peers.links() {
                self.send(link, Message::Clock { wall: cx.wall }, cx);
            }
        }
    }

    /// Deletions before this are forgotten.
    const fn expired(&self, time: Millis) -> Millis {
        time.saturating_sub(self.settings.grace_ms)
    }

    fn send(&self, link: Link, message: Message, cx: &mut Cx<'_>) {
        cx.actions.push(Action::Send { link, message });
    }
}

/// Entries for a message.
#[derive(Debug, Default)]
struct Batch {
    list: Vec<Entry>,
    bytes: usize,
}

impl Batch {
    const fn has_room(&self, most: usize) -> bool {
        self.bytes < most && self.list.len() < ENTRIES_MAX
    }

    /// Adds an entry, if there is room: a place holds one key unless somebody aimed others at it.
    fn add(&mut self, key: &Key, held: &Held, most: usize) {
        if !self.has_room(most) {
            return;
        }
        self.list.push(Entry { key: key.clone(), state: held.state.clone() });
        self.bytes += held.len;
    }
}

#[cfg(test)]
mod tests;
