//! What is told of a member, in the API's terms.

use std::collections::BTreeMap;

use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::{Counts, Member, MemberId, Membership, Profile, Status};

use super::control::MembersRefused;
use super::round_trips::RoundTrips;
use crate::api::members::{MemberName, MemberStatus, MemberView};

const fn status(status: Status) -> MemberStatus {
    match status {
        Status::Alive => MemberStatus::Alive,
        Status::Suspect => MemberStatus::Suspect,
        Status::Failed => MemberStatus::Failed,
        Status::Left => MemberStatus::Left,
    }
}

fn tags(profile: &Profile) -> BTreeMap<String, String> {
    profile.tags().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// What is known of another one.
pub(super) fn of(
    member: &Member,
    machine: &Membership,
    trips: &RoundTrips,
    now: Time,
) -> MemberView {
    MemberView {
        name: member.profile.name().to_owned(),
        id: member.id.to_string(),
        addr: member.profile.addr(),
        status: status(member.status),
        since_s: (now - member.since).as_secs_f64(),
        incarnation: member.incarnation,
        tags: tags(&member.profile),
        own: false,
        rtt_ms: trips.of(member.id),
        phi: machine.phi(member.id, now),
    }
}

/// What a member is itself, since a moment.
pub(super) fn own(machine: &Membership, since: Time, now: Time) -> MemberView {
    let profile = machine.profile();
    MemberView {
        name: profile.name().to_owned(),
        id: machine.id().to_string(),
        addr: profile.addr(),
        status: if machine.is_gone() { MemberStatus::Left } else { MemberStatus::Alive },
        since_s: (now - since).as_secs_f64(),
        incarnation: machine.incarnation(),
        tags: tags(profile),
        own: true,
        rtt_ms: None,
        phi: None,
    }
}

/// A member as events name it.
pub(super) fn name(machine: &Membership, id: MemberId) -> MemberName {
    let own = (id == machine.id()).then(|| machine.profile());
    let profile = own.or_else(|| machine.get(id).map(|member| &member.profile));
    MemberName {
        name: profile.map(|profile| profile.name().to_owned()).unwrap_or_default(),
        id: id.to_string(),
        addr: profile.map(|profile| profile.addr()),
    }
}

/// How many are known by what they are taken for, the node itself among them.
pub(super) fn counted(machine: &Membership) -> BTreeMap<String, u64> {
    let mut counted: BTreeMap<String, u64> =
        MemberStatus::ALL.into_iter().map(|status| (status.name().to_owned(), 0)).collect();
    let own = if machine.is_gone() { MemberStatus::Left } else { MemberStatus::Alive };
    let all = machine.members().iter().map(|member| status(member.status)).chain([own]);
    all.for_each(|status| *counted.entry(status.name().to_owned()).or_default() += 1);
    counted
}

/// The one that is called so, or has that id, or is the only one whose id begins so.
pub(super) fn find(machine: &Membership, named: &str) -> Result<MemberId, MembersRefused> {
    let is_id = |id: MemberId| id.to_string() == named;
    let is_called = |member: &&Member| member.profile.name() == named;
    if is_id(machine.id()) {
        return Err(MembersRefused::Itself(named.to_owned()));
    }
    if let Some(member) = machine.members().iter().find(|member| is_id(member.id)) {
        return Ok(member.id);
    }
    let mut called = machine.members().iter().filter(is_called);
    match (called.next(), called.count()) {
        (Some(member), 0) => Ok(member.id),
        (Some(_), more) => {
            Err(MembersRefused::Ambiguous { name: named.to_owned(), count: more + 1 })
        }
        (None, _) if machine.profile().name() == named => {
            Err(MembersRefused::Itself(named.to_owned()))
        }
        (None, _) => by_beginning(machine, named),
    }
}

/// As many letters of an id are needed at least, so that a slip in a short name is no id.
const BEGINNING_MIN: usize = 4;

/// The only one whose id begins so.
fn by_beginning(machine: &Membership, named: &str) -> Result<MemberId, MembersRefused> {
    let begins = |id: MemberId| named.len() >= BEGINNING_MIN && id.to_string().starts_with(named);
    let mut others = machine.members().iter().filter(|member| begins(member.id));
    match (others.next(), others.count() + usize::from(begins(machine.id()))) {
        (Some(member), 0) => Ok(member.id),
        (Some(_), more) => {
            Err(MembersRefused::Beginning { beginning: named.to_owned(), count: more + 1 })
        }
        (None, 0) => Err(MembersRefused::Unknown(named.to_owned())),
        (None, _) => Err(MembersRefused::Itself(named.to_owned())),
    }
}

/// What the machine counts, by name.
pub(super) fn counters(counts: &Counts) -> impl Iterator<Item = (&'static str, u64)> {
    [
        ("datagrams_sent", counts.sent),
        ("pings", counts.pings),
        ("pings_unanswered", counts.unanswered),
        ("suspected", counts.suspected),
        ("failed", counts.failed),
        ("refuted", counts.refuted),
        ("conflicts", counts.conflicts),
        ("stalled", counts.stalled),
        ("rumors_told", counts.rumors_told),
        ("states_refuted", counts.states_refuted),
        ("news_dropped", counts.dropped),
    ]
    .into_iter()
}

/// What the machine didn't hear, by reason.
pub(super) fn dropped(counts: &Counts) -> impl Iterator<Item = (&'static str, u64)> {
    [
        ("malformed", counts.malformed),
        ("skipped", counts.skipped),
        ("strange", counts.strange),
        ("leapt", counts.leapt),
        ("full", counts.full),
        ("foreign", counts.foreign),
        ("unrelayed", counts.unrelayed),
        ("states_refused", counts.states_refused),
        ("rumors_refused", counts.rumors_refused),
    ]
    .into_iter()
}
