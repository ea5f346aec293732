//! What the shell is asked for, and how it answers.

use bytes::Bytes;
use tidings_protocol::chain::Rejection;
use tidings_protocol::item::{Item, ItemId, ItemKind};
use tidings_protocol::machine::Input;
use tokio::sync::oneshot;

use super::{Shell, status};
use crate::control::{Command, Outcome, PeerStatus, Status, Submitted};

/// Most submitted items waiting to be accepted or refused; over it further ones are refused. A guess:
/// as many as the core checks at once by default.
const PENDING_MAX: usize = 4_096;

impl Shell {
    pub(super) fn on_command(&mut self, command: Command) {
        // Whoever asked may be gone by now; that is no error.
        match command {
            Command::Status(reply) => drop(reply.send(self.status())),
            Command::Peers(reply) => drop(reply.send(self.peers())),
            Command::Addresses(reply) => {
                let book = self.node.peers().book();
                let _ = reply.send(book.iter().map(|view| view.addr).collect());
            }
            Command::Submit { kind, bytes, reply } => self.submit(kind, bytes, reply),
            Command::Item { id, reply } => {
                let _ = reply.send(self.node.item(&id).map(|item| item.bytes().clone()));
            }
            Command::ExplainTx { query, reply } => drop(reply.send(self.explain_tx(&query))),
            Command::ExplainPeer { query, reply } => drop(reply.send(self.explain_peer(&query))),
            Command::Stop(reply) => self.stopping = Some(reply),
        }
    }

    fn submit(&mut self, kind: ItemKind, bytes: Bytes, reply: oneshot::Sender<Submitted>) {
        let refused = |id, rule: &str| Submitted {
            id,
            outcome: Outcome::Rejected,
            rule: Some(rule.to_owned()),
        };
        if bytes.len() > self.config.chain.max_size(kind) {
            let _ = reply.send(refused(None, "too-large"));
            return;
        }
        let item = match Item::new(kind, bytes, &*self.config.chain) {
            Ok(item) => item,
            Err(rejection) => {
                let _ = reply.send(refused(None, rejection.rule));
                return;
            }
        };
        if self.pending.len() >= PENDING_MAX {
            let _ = reply.send(refused(Some(item.id()), "node-busy"));
            return;
        }
        self.pending.entry(item.id()).or_default().push(reply);
        self.handle(Input::Submitted(item));
    }

    /// Answers everybody who submitted an item.
    pub(super) fn answer(&mut self, id: ItemId, outcome: Outcome, rejection: Option<Rejection>) {
        for reply in self.pending.remove(&id).unwrap_or_default() {
            let rule = rejection.map(|rejection| rejection.rule.to_owned());
            let _ = reply.send(Submitted { id: Some(id), outcome, rule });
        }
    }

    /// Answers who submitted an item last: it was known. Earlier ones wait on for its verdict.
    pub(super) fn answer_last(&mut self, id: ItemId) {
        let Some(replies) = self.pending.get_mut(&id) else { return };
        if let Some(reply) = replies.pop() {
            let _ =
                reply.send(Submitted { id: Some(id), outcome: Outcome::AlreadyKnown, rule: None });
        }
        if replies.is_empty() {
            self.pending.remove(&id);
        }
    }

    fn status(&self) -> Status {
        let (node, peers, counted) = (&self.node, self.node.peers(), self.node.counters());
        let mut counters = status::counters(&counted, self.net.counters());
        counters.insert("trace_dropped".to_owned(), self.reporter.trace_dropped());
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            peer_id: self.config.keypair.public().to_peer_id().to_string(),
            network: self.config.network.clone(),
            rules: self.config.chain.name().to_owned(),
            strategy: self.config.params.relay.strategy.name().to_owned(),
            listen: self.net.listening().to_vec(),
            uptime_s: self.started.elapsed().as_secs_f64(),
            outbound: peers.outbound_ready(),
            inbound: peers.inbound_ready(),
            outbound_target: self.outbound_target(),
            addresses: peers.book().len(),
            pool_items: node.pool().len(),
            pool_bytes: node.pool().bytes(),
            blocks: node.blocks().len(),
            seen: node.seen().len(),
            traffic: status::traffic(&counted.sent, &counted.received),
            counters,
            rss_bytes: status::rss_bytes(),
            cpu_s: status::cpu_time().as_secs_f64(),
        }
    }

    fn outbound_target(&self) -> usize {
        match self.config.connect.len() {
            0 => self.config.params.peers.outbound,
            fixed => fixed,
        }
    }

    fn peers(&self) -> Vec<PeerStatus> {
        let now = self.now;
        let views = self.node.links().filter(|view| view.ready);
        let status = views.filter_map(|view| {
            let info = self.net.info(view.link)?;
            Some(PeerStatus {
                link: view.link.to_string(),
                peer_id: info.peer.to_string(),
                direction: view.direction,
                remote: info.remote,
                advertise: view.advertise,
                connected_s: now.since(view.since).as_secs_f64(),
                rtt_ms: view.rtt.map(|rtt| rtt.as_secs_f64() * 1_000.0),
                in_flight: view.in_flight,
                queued_bytes: info.queued_bytes,
            })
        });
        status.collect()
    }
}
