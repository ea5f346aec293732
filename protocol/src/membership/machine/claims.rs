//! What is said of members, and what we believe of it.
//!
//! A member alone raises its incarnation. Of two claims the one with the higher incarnation holds; with the same one, the worse
//! ([`Status`]'s order). So suspicions and deaths are refuted by a higher incarnation, and by nothing else. Who is taken for dead itself accuses
//! nobody else before it has refuted that.
//!
//! # Lies about incarnations
//! Whoever may speak here can lie about them, and nobody else can tell. What a lie can do is bounded so:
//! - A claim whose incarnation is more than [`LEAP`] above what is known isn't believed. It is counted, and has no effect. (After
//!   a member was away for so many refutations it is forgotten as a dead one first, and then taken up anew.)
//! - A newcomer is taken up to [`FIRST_MAX`] only: half of the range is left to it.
//! - A member that is accused under an incarnation far above its own rises by [`STEP`] at most, and once in a gossip interval; it goes on
//!   while it is accused. So it overtakes whatever others can have been made to believe in 16 steps, a few seconds, and to bring it to the end of
//!   its range takes two days of constant lies by a member.
//! - At the end of its range a member can't refute any more: it is taken for dead, and needs another identity.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::contract::{Action, Cx, Event, Shared};
use super::super::member_id::MemberId;
use super::super::packet::{Alive, Failed, Left, Part, Suspect};
use super::super::profile::Profile;
use super::super::roster::Member;
use super::super::said::Full;
use super::super::status::Status;
use super::super::suspicion::Accusation;
use super::{Membership, Stay, Topic};
use crate::ground::time::Time;

/// How far an incarnation may leap to be believed. A guess: nobody misses so many refutations.
pub(super) const LEAP: u32 = 1 << 16;

/// The highest incarnation of a newcomer.
pub(super) const FIRST_MAX: u32 = 1 << 31;

/// How far a member raises its own incarnation at once, when it is accused under a higher one. A sixteenth of a leap: whoever missed fifteen
/// steps still believes the next.
pub(super) const STEP: u32 = LEAP / 16;

/// Conflicts are reported once in this. A guess: they come with every packet.
const CONFLICT_PAUSE: Duration = Duration::from_secs(1);

impl Membership {
    /// Takes in what a member says of somebody.
    pub(super) fn on_claim(&mut self, claim: &Part, sender: MemberId, cx: &mut Cx<'_>) {
        let accused = match claim {
            Part::Suspect(Suspect { id, .. }) | Part::Failed(Failed { id, .. }) => Some(*id),
            _ => None,
        };
        let sender_is = self.roster.get(sender).map(|member| member.status);
        let is_doubted = self.settings.doubt_failed && sender_is == Some(Status::Failed);
        if accused.is_some_and(|id| id != self.id) && is_doubted {
            // Nobody hears it, or it hears nobody: it may not know better.
            self.counts.strange += 1;
            return;
        }
        match claim {
            Part::Alive(alive) => self.on_alive(alive, true, cx),
            Part::Suspect(suspect) => self.on_suspect(*suspect, sender, cx),
            Part::Failed(failed) => self.on_failed(*failed, sender, cx),
            Part::Left(left) => self.on_left(*left, sender, cx),
            _ => {}
        }
    }

    /// Takes in what somebody knows of all. Whom it takes for dead we only suspect (memberlist, `mergeState`): they may yet
    /// refute it. The dead whom we don't know stay unknown. Whom we don't know yet others are told of, if it may be news to them.
    pub(super) fn merge(&mut self, full: &Full, sender: MemberId, is_news: bool, cx: &mut Cx<'_>) {
        let mut is_accused = false;
        for entry in &full.entries {
            let Alive { id, incarnation, .. } = entry.last;
            if id == self.id {
                if !std::mem::replace(&mut is_accused, true) {
                    self.on_own(&entry.last, entry.status, sender, cx);
                }
                continue;
            }
            let is_known = self.roster.get(id).is_some();
            if is_known || entry.status.is_present() {
                self.on_alive(&entry.last, is_news, cx);
            }
            match entry.status {
                Status::Alive => {}
                // Who says so may only have heard of it: that confirms nothing.
                Status::Suspect | Status::Failed if self.suspicions.contains(id) => {}
                Status::Suspect | Status::Failed => {
                    self.on_suspect(Suspect { id, incarnation, by: sender, nacks: 0 }, sender, cx);
                }
                Status::Left => self.on_left(Left { id, incarnation }, sender, cx),
            }
        }
        // Who is a member is known by now, whoever it was before.
        if self.roster.get(sender).is_some() {
            self.merge_states(full, cx);
            self.merge_rumors(full, sender, cx);
        }
    }

    /// What others know of us, in an exchange: what we said in an earlier run, or that we are dead.
    fn on_own(&mut self, last: &Alive, status: Status, sender: MemberId, cx: &mut Cx<'_>) {
        if status == Status::Alive {
            self.on_alive(last, true, cx);
        } else {
            self.on_accused(last.incarnation, sender, sender, cx);
        }
    }

    fn on_alive(&mut self, alive: &Alive, is_news: bool, cx: &mut Cx<'_>) {
        let Alive { id, incarnation, ref profile } = *alive;
        if id == self.id {
            self.on_double(alive, cx);
            return;
        }
        if !profile.versions().meets(self.profile.versions()) {
            self.counts.foreign += 1;
            return;
        }
        match self.roster.get(id) {
            None => {
                if incarnation > FIRST_MAX {
                    self.counts.leapt += 1;
                    return;
                }
                if !self.make_room(cx) {
                    self.counts.full += 1;
                    return;
                }
                self.take_up(id, incarnation, profile, cx);
            }
            Some(member) => {
                let is_old = incarnation <= member.incarnation;
                let (status, moves) = (member.status, member.profile.addr() != profile.addr());
                let known = member.incarnation;
                if is_old || self.leaps(known, incarnation) {
                    return;
                }
                if moves && status.is_present() {
                    // One that lives doesn't move: a second one has its key, or it has just been started elsewhere, and will be taken up
                    // when the first is dead.
                    self.report_conflict(id, profile.addr(), Shared::Id, cx);
                    return;
                }
                self.renew(id, status, incarnation, profile, cx);
            }
        }
        if is_news {
            self.tell(id, alive.clone().into(), cx.now);
        }
        if profile.name() == self.profile.name() {
            self.report_conflict(self.id, profile.addr(), Shared::Name, cx);
        }
    }

    fn take_up(&mut self, id: MemberId, incarnation: u32, profile: &Arc<Profile>, cx: &mut Cx<'_>) {
        let (profile, since) = (Arc::clone(profile), cx.now);
        let member = Member { id, profile, since, incarnation, status: Status::Alive };
        self.roster.insert(member, cx.rng);
        self.stating.admit_later(id);
        self.schedule(cx);
        cx.actions.push(Action::Report(Event::Joined { id }));
    }

    /// A known member says something new of itself.
    fn renew(
        &mut self,
        id: MemberId,
        before: Status,
        incarnation: u32,
        profile: &Arc<Profile>,
        cx: &mut Cx<'_>,
    ) {
        self.suspicions.end(id);
        self.beats.excuse(id, cx.now);
        let Some(member) = self.roster.set(id, Status::Alive, incarnation, cx.now) else { return };
        let changes = member.profile != *profile;
        if changes {
            member.profile = Arc::clone(profile);
        }
        self.schedule(cx);
        let mut report = |event| cx.actions.push(Action::Report(event));
        match before {
            Status::Alive => {}
            Status::Suspect => report(Event::Refuted { id }),
            Status::Failed | Status::Left => report(Event::Joined { id }),
        }
        if changes && before.is_present() {
            report(Event::Updated { id });
        }
    }

    fn on_suspect(&mut self, suspect: Suspect, sender: MemberId, cx: &mut Cx<'_>) {
        let Suspect { id, incarnation, by, nacks } = suspect;
        if id == self.id {
            self.on_accused(incarnation, by, sender, cx);
            return;
        }
        let Some(member) = self.roster.get(id) else { return };
        let is_old = incarnation < member.incarnation || !member.status.is_present();
        let known = member.incarnation;
        if is_old || self.leaps(known, incarnation) {
            return;
        }
        // Our own accusations come back to us, and are none anew.
        if by != self.id {
            let accusation = Accusation { by, nacks, is_ours: false, is_refused: false };
            self.suspect(id, incarnation, accusation, cx);
        }
    }

    fn on_failed(&mut self, failed: Failed, sender: MemberId, cx: &mut Cx<'_>) {
        if failed.id == self.id {
            self.on_accused(failed.incarnation, failed.by, sender, cx);
            return;
        }
        let Some(member) = self.roster.get(failed.id) else { return };
        let is_old = failed.incarnation < member.incarnation || !member.status.is_present();
        let known = member.incarnation;
        if !is_old && !self.leaps(known, failed.incarnation) {
            self.bury(failed, cx);
        }
    }

    fn on_left(&mut self, left: Left, sender: MemberId, cx: &mut Cx<'_>) {
        let Left { id, incarnation } = left;
        if id == self.id {
            self.on_accused(incarnation, sender, sender, cx);
            return;
        }
        let Some(member) = self.roster.get(id) else { return };
        let is_old = incarnation < member.incarnation || member.status == Status::Left;
        let known = member.incarnation;
        if !is_old && !self.leaps(known, incarnation) {
            self.see_off(left, cx);
        }
    }

    /// Takes somebody for gone, and tells others. It is known.
    pub(super) fn see_off(&mut self, left: Left, cx: &mut Cx<'_>) {
        self.suspicions.end(left.id);
        self.roster.set(left.id, Status::Left, left.incarnation, cx.now);
        cx.actions.push(Action::Report(Event::Left { id: left.id }));
        self.tell(left.id, left.into(), cx.now);
    }

    fn leaps(&mut self, known: u32, incarnation: u32) -> bool {
        let leaps = incarnation.saturating_sub(known) > LEAP;
        self.counts.leapt += u64::from(leaps);
        leaps
    }

    /// Whether there is room for one more. Whoever failed or left first gives way.
    fn make_room(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.roster.len() + 1 < self.settings.members_max {
            return true;
        }
        if self.roster.len() == self.roster.present() {
            return false;
        }
        let gone = self.roster.list().iter().filter(|member| !member.status.is_present());
        let first = gone.min_by_key(|member| (member.since, member.id)).map(|member| member.id);
        first.inspect(|id| self.reap(*id, cx)).is_some()
    }

    /// Somebody says what we say of ourselves: it is an echo, what we said in an earlier run, or somebody else has our id.
    fn on_double(&mut self, alive: &Alive, cx: &mut Cx<'_>) {
        if alive.profile.addr() != self.profile.addr() {
            self.report_conflict(self.id, alive.profile.addr(), Shared::Id, cx);
        }
        let is_echo = alive.incarnation == self.incarnation && alive.profile == self.profile;
        if self.stay == Stay::Here && alive.incarnation >= self.incarnation && !is_echo {
            self.claim(alive.incarnation, None, cx);
        }
    }

    /// Somebody takes us for dead, or nearly.
    fn on_accused(&mut self, incarnation: u32, by: MemberId, sender: MemberId, cx: &mut Cx<'_>) {
        if self.stay != Stay::Here {
            return;
        }
        if incarnation >= self.incarnation {
            let is_first = self.claimed.is_none();
            self.claim(incarnation, Some(by), cx);
            if is_first {
                self.worsen(1);
            }
        } else if by == sender {
            // It was refuted, and the accuser doesn't know yet.
            self.assure(by, cx);
        }
    }

    /// Others hold an incarnation of ours that we have to surpass: now, or as soon as we may.
    fn claim(&mut self, incarnation: u32, by: Option<MemberId>, cx: &mut Cx<'_>) {
        let before = self.claimed.unwrap_or((incarnation, by));
        self.claimed = Some((before.0.max(incarnation), before.1.or(by)));
        if cx.now >= self.refuted_until {
            self.refute(cx);
        } else {
            self.timers.refute = self.refuted_until;
        }
    }

    /// Says that we live: to all, and to whoever said otherwise at once.
    pub(super) fn refute(&mut self, cx: &mut Cx<'_>) {
        self.timers.refute = Time::NEVER;
        let Some((claimed, by)) = self.claimed.take() else { return };
        if self.incarnation == u32::MAX {
            return;
        }
        let far = self.incarnation.saturating_add(STEP);
        self.incarnation = claimed.saturating_add(1).min(far);
        self.refuted_until = cx.now + self.settings.gossip_interval;
        self.tell(self.id, self.own().into(), cx.now);
        // Without an accuser it is but an earlier run of ours.
        self.counts.refuted += u64::from(by.is_some());
        if let Some(accuser) = by {
            cx.actions.push(Action::Report(Event::Accused { by }));
            self.assure(accuser, cx);
        }
    }

    /// Tells one member that we live.
    fn assure(&mut self, id: MemberId, cx: &mut Cx<'_>) {
        let addr = self.roster.get(id).map(|member| member.profile.addr());
        if let Some(addr) = addr.filter(|_| self.settings.buddy) {
            self.send_bare(addr, vec![self.own().into()], cx);
        }
    }

    /// What we say of ourselves.
    pub(super) fn own(&self) -> Alive {
        let (incarnation, profile) = (self.incarnation, Arc::clone(&self.profile));
        Alive { id: self.id, incarnation, profile }
    }

    /// Others are to hear of it.
    pub(super) fn tell(&mut self, id: MemberId, part: Part, now: Time) {
        if self.news.is_empty() {
            // Nothing was told lately: at once, and then at the interval.
            self.timers.gossip = self.timers.gossip.max(now);
        }
        let len = part.encoded_len();
        self.counts.dropped += self.news.push(Topic::Member(id), part, len) as u64;
    }

    pub(super) fn report_conflict(
        &mut self,
        id: MemberId,
        addr: SocketAddr,
        what: Shared,
        cx: &mut Cx<'_>,
    ) {
        self.counts.conflicts += 1;
        if cx.now >= self.conflict_until {
            self.conflict_until = cx.now + CONFLICT_PAUSE;
            cx.actions.push(Action::Report(Event::Conflict { id, addr, what }));
        }
    }
}
