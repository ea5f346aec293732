//! What the machine reports: to the log, to whoever listens, and to whoever waits for it.

use tidings_protocol::membership::{Event, MemberId, Shared};

use super::Driver;
use super::sharing::{Desk, leader_view};
use crate::api::kv::KvText;
use crate::api::{NodeEvent, What};
use crate::clock::real_unix_us;
use crate::members::view;

/// Most bytes of a stranger's text in the log. A guess.
const SHOWN_MAX: usize = 100;

impl Driver {
    /// Passes a report on.
    pub(super) fn report(&mut self, event: Event) {
        let what = match event {
            Event::Reaped { id } => {
                self.trips.forget(id);
                Some(What::MemberReaped { member: view::name(&self.machine, id) })
            }
            Event::Departed => {
                self.since = self.clock.now();
                // Its queries are over with it.
                self.desk = Desk::default();
                for reply in self.leaving.drain(..) {
                    let _ = reply.send(());
                }
                tracing::info!("this member has left the fleet");
                None
            }
            Event::Failed { .. } => {
                self.counted.deaths += 1;
                self.of_members(&event)
            }
            Event::Joined { .. }
            | Event::Suspected { .. }
            | Event::Refuted { .. }
            | Event::Left { .. }
            | Event::Updated { .. }
            | Event::Conflict { .. }
            | Event::Accused { .. }
            | Event::Stalled { .. } => self.of_members(&event),
            event => self.of_what_is_shared(event),
        };
        if let Some(what) = what {
            self.events.tell(|| NodeEvent { unix_us: real_unix_us(), what });
        }
    }

    /// Who lives and who doesn't.
    fn of_members(&self, event: &Event) -> Option<What> {
        let name = |id: MemberId| view::name(&self.machine, id);
        match *event {
            Event::Joined { id } => {
                let member = name(id);
                let addr = member.addr.map(tracing::field::display);
                tracing::info!(name = member.name, id = member.id, addr, "a member joined");
                Some(What::MemberJoined { member })
            }
            Event::Failed { id, by } => {
                let member = name(id);
                let addr = member.addr.map(tracing::field::display);
                tracing::warn!(name = member.name, id = member.id, addr, %by, "a member failed");
                Some(What::MemberFailed { member, by: by.to_string() })
            }
            Event::Left { id } => {
                let member = name(id);
                tracing::info!(name = member.name, id = member.id, "a member left");
                Some(What::MemberLeft { member })
            }
            Event::Updated { id } => Some(What::MemberUpdated { member: name(id) }),
            Event::Conflict { id, addr, what } => {
                let shares = match what {
                    Shared::Id => "id",
                    Shared::Name => "name",
                };
                let member = name(id);
                tracing::warn!(
                    name = member.name, id = member.id, other = %addr, shares,
                    "two members have one {shares}: give each its own, or find out who copied a data folder"
                );
                Some(What::MemberConflict { member, other: addr, shares: shares.into() })
            }
            Event::Suspected { id, by } => {
                tracing::debug!(name = name(id).name, %id, %by, "a member is suspected");
                None
            }
            Event::Refuted { id } => {
                tracing::debug!(name = name(id).name, %id, "a suspected member lives");
                None
            }
            Event::Accused { by } => {
                let by = by.map(|by| name(by).name);
                tracing::info!(by, "others took this member for dead, and were told that it lives");
                None
            }
            Event::Stalled { late } => {
                tracing::warn!(for_s = late.as_secs_f64(), "this member stood still for a while");
                None
            }
            _ => None,
        }
    }

    /// What members say besides.
    fn of_what_is_shared(&mut self, event: Event) -> Option<What> {
        match event {
            Event::Changed(change) => self.changed(change),
            Event::LeaderChanged(record) => {
                let leader = leader_view(&self.machine, &record);
                let group = crate::printable::line(&leader.group, SHOWN_MAX);
                tracing::info!(group, epoch = leader.epoch, "a group has another leader");
                Some(What::LeaderChanged { leader })
            }
            Event::BrokenConsensus(record) => {
                let leader = leader_view(&self.machine, &record);
                let group = crate::printable::line(&leader.group, SHOWN_MAX);
                tracing::error!(
                    group,
                    epoch = leader.epoch,
                    claims = leader.claims.len(),
                    "one epoch has several leaders: the consensus that gave it is broken, or somebody lies"
                );
                Some(What::BrokenConsensus { leader })
            }
            Event::LeaderForgotten(group) => {
                let group = crate::printable::line(&KvText::from(&group[..]), SHOWN_MAX);
                tracing::warn!(group, "there are too many groups: who leads this one is forgotten");
                None
            }
            Event::UserEvent(event) => Some(What::UserEvent {
                member: view::name(&self.machine, event.origin),
                title: (&event.name[..]).into(),
                payload: (&event.payload[..]).into(),
            }),
            Event::QueryAsked(query) => Some(self.asked(query)),
            Event::QuerySent { id } => {
                self.desk.sent = Some(id);
                None
            }
            Event::QueryDone(asked) => {
                self.query_is_over(asked);
                None
            }
            Event::Refused(why) => {
                self.desk.refused = Some(why);
                None
            }
            _ => None,
        }
    }
}
