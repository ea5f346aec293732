//! What each part of a packet is for, and who may say it.
//!
//! Claims about members are heard from newcomers, too, of whom we may not have heard yet. Everything else is for members, where they are known
//! to be; a stranger's ping is answered by a bare ack.

use std::net::SocketAddr;

use super::super::bytes::canonical;
use super::super::contract::{Cx, Shared, Work};
use super::super::member_id::MemberId;
use super::super::packet::{Ack, Packet, Part};
use super::super::state::Digest;
use super::Membership;

/// What a packet asks for as a whole: each once, so that what comes is never less than what goes.
#[derive(Default)]
struct Wanted<'a> {
    /// The number of a ping for us.
    ack: Option<u32>,
    /// What the sender knows of states: with a ping it wants an answer, and otherwise it is one.
    digest: Option<&'a Digest>,
    /// The sender says where it is: this is its own ping, not one for another.
    is_located: bool,
    has_relayed: bool,
    is_accused: bool,
}

impl Membership {
    pub(super) fn on_datagram(
        &mut self,
        from: SocketAddr,
        packet: &Packet,
        cx: &mut Cx<'_>,
    ) -> Work {
        self.counts.received += 1;
        self.counts.skipped += packet.skipped as u64;
        let (from, sender) = (canonical(from), packet.from);
        if sender == self.id {
            self.report_conflict(self.id, from, Shared::Id, cx);
            return Work::default();
        }
        let known = self.roster.get(sender).map(|member| member.profile.addr());
        let is_member = known == Some(from);
        // Of a newcomer we may not have heard yet; one that is known doesn't speak from elsewhere.
        let is_heard = known.is_none_or(|addr| addr == from);
        let (mut wanted, mut work) = (Wanted::default(), Work::default());
        for part in &packet.parts {
            match part {
                Part::Ping(ping) if ping.target == self.id && wanted.ack.is_none() => {
                    wanted.ack = Some(ping.seq);
                }
                Part::Ping(_) => {}
                Part::Alive(_) | Part::Suspect(_) | Part::Failed(_) | Part::Left(_) if is_heard => {
                    work.claims += 1;
                    // What accuses us is answered, so once a packet, too.
                    let is_ours = part.accuses() == Some(self.id);
                    if !is_ours || !std::mem::replace(&mut wanted.is_accused, true) {
                        self.on_claim(part, sender, cx);
                    }
                }
                _ if !is_member => self.counts.strange += 1,
                part => self.on_part(part, (sender, from), &mut wanted, &mut work, cx),
            }
        }
        self.answer((sender, from), is_member, &wanted, cx);
        work
    }

    /// What only a member may say.
    fn on_part<'a>(
        &mut self,
        part: &'a Part,
        (sender, from): (MemberId, SocketAddr),
        wanted: &mut Wanted<'a>,
        work: &mut Work,
        cx: &mut Cx<'_>,
    ) {
        match part {
            Part::Ack(ack) => self.on_ack(sender, *ack, cx),
            Part::Nack(nack) => self.on_nack(sender, *nack),
            Part::PingReq(_) if wanted.has_relayed => self.counts.unrelayed += 1,
            Part::PingReq(request) => {
                wanted.has_relayed = true;
                self.on_ping_req(sender, from, *request, cx);
            }
            Part::Digest(digest) => {
                work.claims += digest.iter().count();
                wanted.digest = wanted.digest.or(Some(digest));
            }
            Part::Delta(delta) => {
                work.claims += delta.iter().map(|part| 1 + part.entries.len()).sum::<usize>();
                self.on_delta(delta, cx);
            }
            // It stands before the ack whose round trip it is for.
            Part::Coordinate(place) => {
                wanted.is_located = true;
                self.places.note(sender, place, &self.settings.riding);
            }
            Part::Record(_) | Part::UserEvent(_) | Part::Query(_) | Part::Response(_) => {
                work.claims += 1;
                self.on_rumor(part, sender, cx);
            }
            // They were looked at before.
            Part::Ping(_) | Part::Alive(_) | Part::Suspect(_) | Part::Failed(_) | Part::Left(_) => {
            }
        }
    }

    /// Last, so that a refutation of what the packet said goes with it.
    fn answer(
        &mut self,
        (sender, from): (MemberId, SocketAddr),
        is_member: bool,
        wanted: &Wanted<'_>,
        cx: &mut Cx<'_>,
    ) {
        match (wanted.ack, wanted.digest) {
            (Some(seq), _) if !is_member => self.send_bare(from, vec![Ack { seq }.into()], cx),
            (Some(seq), digest) => {
                let mut parts = Vec::new();
                // Who pings for another says nothing of itself, and wants to know but whether we live.
                parts.extend(self.places.told().filter(|_| wanted.is_located));
                parts.push(Ack { seq }.into());
                parts.extend(self.notice(sender));
                self.fill_ack(digest, &mut parts, cx);
                self.send_bare(from, parts, cx);
            }
            (None, Some(digest)) => self.on_reply(from, digest, cx),
            (None, None) => {}
        }
    }
}
