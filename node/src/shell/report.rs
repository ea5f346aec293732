//! Reports of the core, resolved and passed on: to the log, to the event stream, to the trace.

use tidings_protocol::ground::link::{Link, LinkTable};
use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::replica::Key;
use tidings_protocol::report::event::Event;

use crate::api::kv::KvText;
use crate::api::{LinkName, NodeEvent, What};
use crate::control::Events;
use crate::trace::{Entry, Line, Trace};

/// Passes reports on.
#[derive(Debug)]
pub(super) struct Reporter {
    events: Events,
    trace: Option<Trace>,
    /// Peers of the live links, and of those whose end is being reported.
    pub(super) names: LinkTable<libp2p::PeerId>,
}

impl Reporter {
    pub(super) fn new(events: Events, trace: Option<Trace>) -> Self {
        Self { events, trace, names: LinkTable::default() }
    }

    /// Passes on one report of a moment. `cut` is why the shell itself just closed the link, if so.
    pub(super) fn report(&mut self, event: &Event, unix_us: u64, cut: Option<Reason>) {
        self.trace(event, unix_us);
        self.log(event, cut);
        self.events.tell(|| NodeEvent { unix_us, what: self.what(event, cut) });
    }

    /// Tells those who listen of something that the core has no part in.
    pub(super) fn tell(&self, event: impl FnOnce() -> NodeEvent) {
        self.events.tell(event);
    }

    /// Passes on that a key of the fleet's map holds something else.
    pub(super) fn map_changed(&self, key: &Key, unix_us: u64) {
        tracing::debug!(%key, kind = ?key.kind(), "the map changed");
        let (key, kind) = (KvText::from(key.name()), key.kind().into());
        self.events.tell(|| NodeEvent { unix_us, what: What::KvChanged { key, kind } });
    }

    /// Whether the trace holds lines that aren't written.
    pub(super) fn is_clean(&self) -> bool {
        self.trace.as_ref().is_none_or(Trace::is_clean)
    }

    /// Writes the trace out.
    pub(super) fn flush(&mut self) {
        if let Some(trace) = &mut self.trace {
            trace.flush();
        }
    }

    /// Lines missing from the trace.
    pub(super) fn trace_dropped(&self) -> u64 {
        self.trace.as_ref().map_or(0, Trace::dropped)
    }

    fn name(&self, link: Link) -> LinkName {
        let peer = self.names.get(link).map(libp2p::PeerId::to_string).unwrap_or_default();
        LinkName { link: link.to_string(), peer }
    }

    fn peer(&self, link: Link) -> String {
        self.name(link).peer
    }

    fn trace(&mut self, event: &Event, unix_us: u64) {
        let Some(trace) = &mut self.trace else { return };
        let line = match *event {
            Event::Accepted { id, size, ingress, .. } => {
                Line::Accepted(Entry { unix_us, id, bytes: size, ingress })
            }
            Event::Rejected { id, ingress, .. } => {
                Line::Rejected(Entry { unix_us, id, bytes: 0, ingress })
            }
            Event::Restored { id } => {
                Line::Restored(Entry { unix_us, id, bytes: 0, ingress: None })
            }
            Event::LinkUp { link, .. } => match self.names.get(link) {
                Some(peer) => Line::Linked { unix_us, link, peer: *peer },
                None => return,
            },
            _ => return,
        };
        trace.record(&line);
    }

    fn log(&self, event: &Event, cut: Option<Reason>) {
        match *event {
            Event::Accepted { id, size, ingress } => {
                tracing::debug!(%id, kind = %id.kind(), size, ?ingress, "accepted");
            }
            Event::Rejected { id, ingress, rejection } => {
                let rival = rejection.rival.map(|rival| rival.id);
                tracing::debug!(%id, kind = %id.kind(), ?ingress, rule = rejection.rule, ?rival, "rejected");
            }
            Event::AlreadyKnown { id } => tracing::debug!(%id, "already known"),
            Event::Restored { id } => tracing::debug!(%id, kind = %id.kind(), "restored"),
            Event::Orphaned { id } => tracing::debug!(%id, "waits for its parents"),
            Event::Broadcast { id } => tracing::debug!(%id, "a peer has our own transaction"),
            Event::Left { id, why } => {
                tracing::debug!(%id, why = why.name(), "left the pool");
            }
            Event::BlockConnected { id, height } => tracing::debug!(%id, height, "block connected"),
            Event::BlockDisconnected { id, height } => {
                tracing::info!(%id, height, "block disconnected: another branch has more work");
            }
            Event::Returned { id } => {
                tracing::debug!(%id, "pooled again: its block left the chain");
            }
            Event::LinkUp { link, direction, advertise, .. } => {
                let advertise = advertise.map(|addr| addr.to_string());
                tracing::info!(%link, peer = %self.peer(link), %direction, advertise, "link up");
            }
            Event::LinkDown { link, why } => {
                let why = cut.or(why).map(|why| why.to_string());
                let why = why.as_deref().unwrap_or("the peer or the network closed it");
                tracing::info!(%link, peer = %self.peer(link), why, "link down");
            }
            Event::Misbehaved { link, offence } => {
                tracing::warn!(%link, peer = %self.peer(link), "the peer {offence}");
            }
            Event::OtherMap { link, theirs } => {
                tracing::warn!(
                    %link, peer = %self.peer(link), ?theirs,
                    "a peer of the fleet has a map of other terms: nothing of it is exchanged with that peer. All must have \
                     the same kv.model, kv.keys_max and kv.bytes_max"
                );
            }
            Event::MapAhead { link, by } => {
                tracing::warn!(
                    %link, peer = %self.peer(link), ahead_ms = by,
                    "a peer of the fleet doesn't take some of the map's writes, since they are of its future: this machine's \
                     clock is wrong, or that peer's, or the writer's"
                );
            }
            Event::DialFailed { addr, why } => tracing::debug!(%addr, %why, "dial failed"),
        }
    }

    fn what(&self, event: &Event, cut: Option<Reason>) -> What {
        match *event {
            Event::Accepted { id, size, ingress } => {
                let (kind, ingress) = (id.kind(), ingress.map(|link| self.name(link)));
                What::Accepted { id: id.hash(), kind, bytes: size, ingress }
            }
            Event::Rejected { id, ingress, rejection } => {
                let (kind, ingress) = (id.kind(), ingress.map(|link| self.name(link)));
                let (rule, rival) = (rejection.rule.into(), rejection.rival.map(Into::into));
                What::Rejected { id: id.hash(), kind, rule, rival, ingress }
            }
            Event::AlreadyKnown { id } => What::AlreadyKnown { id: id.hash() },
            Event::Restored { id } => What::Restored { id: id.hash(), kind: id.kind() },
            Event::Orphaned { id } => What::Orphaned { id: id.hash() },
            Event::Broadcast { id } => What::Broadcast { id: id.hash() },
            Event::Left { id, why } => What::Left { id: id.hash(), why: why.name().into() },
            Event::BlockConnected { id, height } => What::BlockConnected { id: id.hash(), height },
            Event::BlockDisconnected { id, height } => {
                What::BlockDisconnected { id: id.hash(), height }
            }
            Event::Returned { id } => What::Returned { id: id.hash() },
            Event::LinkUp { link, direction, advertise, .. } => {
                What::LinkUp { link: self.name(link), direction, advertise }
            }
            Event::LinkDown { link, why } => {
                let why = cut.or(why).map(|why| why.to_string());
                What::LinkDown { link: self.name(link), why }
            }
            Event::Misbehaved { link, offence } => {
                What::Misbehaved { link: self.name(link), offence: offence.to_string() }
            }
            Event::OtherMap { link, .. } => What::OtherMap { link: self.name(link) },
            Event::MapAhead { link, by } => What::MapAhead { link: self.name(link), ahead_ms: by },
            Event::DialFailed { addr, why } => What::DialFailed { addr, why: why.to_string() },
        }
    }
}
