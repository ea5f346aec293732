//! What the shell is asked for, and how it answers.

use bytes::Bytes;
use tidings_protocol::chain::Rejection;
use tidings_protocol::ground::item::{ItemId, ItemKind};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::Input;

use super::verify::Verified;
use super::{Pending, Shell, status};
use crate::api::{Outcome, Readiness, Status, Submitted, ViewsStatus};
use crate::control::{Command, Readings, SubmitReply};
use crate::lab::slow_motion::{self, NotSlowed, SlowMotion};
use crate::logging;
use crate::store::{Change, Waiter};

/// Most submitted items waiting to be accepted or refused, or to be saved; over it further ones are refused. A guess:
/// as many as the core checks at once by default.
pub(super) const PENDING_MAX: usize = 4_096;

/// Whoever submitted an item, and what they are told once it is saved; those who are gone miss nothing.
fn answer_when_saved(reply: SubmitReply, submitted: Submitted) -> Waiter {
    Waiter::new(move |saved| drop(reply.send(saved.map(|()| submitted))))
}

impl Shell {
    pub(super) fn on_command(&mut self, command: Command) {
        // Whoever asked may be gone by now; that is no error.
        match command {
            Command::Status(reply) => drop(reply.send(self.status())),
            Command::Readings(reply) => drop(reply.send(Box::new(self.readings()))),
            Command::Alive(reply) => drop(reply.send(())),
            Command::Peers(reply) => drop(reply.send(self.peers())),
            Command::Ready(reply) => drop(reply.send(self.readiness())),
            Command::Addresses { after, limit, reply } => {
                let _ = reply.send(self.addresses(after, limit));
            }
            Command::Bans(reply) => drop(reply.send(self.ban_list())),
            Command::Ban { request, reply } => drop(reply.send(self.ban(&request))),
            Command::Unban { subject, reply } => drop(reply.send(self.unban(subject))),
            Command::Disconnect { peer, reply } => drop(reply.send(self.disconnect(&peer))),
            Command::Connect { addr, reply } => {
                self.connect(addr);
                let _ = reply.send(());
            }
            Command::Submit { kind, bytes, reply } => self.submit(kind, bytes, reply),
            Command::ExplainTx { query, reply } => drop(reply.send(self.explain_tx(&query))),
            Command::ExplainPeer { query, reply } => drop(reply.send(self.explain_peer(&query))),
            Command::SlowDown { from_unix_us, reply } => {
                let _ = reply.send(self.slow_down(from_unix_us));
            }
            Command::Trouble { trouble, reply } => drop(reply.send(self.trouble(&trouble))),
            Command::Chain(command) => self.on_chain(command),
            Command::Kv(command) => self.on_kv(command),
            Command::Stop(reply) => self.stopping = Some(reply),
        }
    }

    fn readiness(&self) -> Readiness {
        let peers = self.node.peers();
        let links = peers.outbound_ready() + peers.inbound_ready();
        Readiness::with_links(links, self.outbound_target(), peers.book().len())
    }

    fn slow_down(&self, from_unix_us: u64) -> Result<SlowMotion, NotSlowed> {
        let slow_motion =
            slow_motion::begin(self.config.lab.slow_motion, &self.clock, from_unix_us)?;
        tracing::warn!(
            from_unix_us,
            "this node's clock runs {slow_motion} times slower from now on"
        );
        Ok(slow_motion)
    }

    fn submit(&mut self, kind: ItemKind, bytes: Bytes, reply: SubmitReply) {
        let refused = |id, rule: &str| {
            let rule = Some(rule.to_owned());
            Ok(Submitted { id, outcome: Outcome::Rejected, rule, rival: None })
        };
        if bytes.len() > self.config.chain.max_size(kind) {
            self.measured.refused(kind, "too-large");
            let _ = reply.send(refused(None, "too-large"));
            return;
        }
        let item = match (*self.config.chain).item(kind, bytes) {
            Ok(item) => item,
            Err(rejection) => {
                self.measured.refused(kind, rejection.rule);
                let _ = reply.send(refused(None, rejection.rule));
                return;
            }
        };
        if self.pending.len() + self.keeper.waiting() + self.blocks.waiting() >= PENDING_MAX {
            self.measured.refused(kind, "node-busy");
            let _ = reply.send(refused(Some(item.id().hash()), "node-busy"));
            return;
        }
        let pending = Pending { reply, knew: false };
        self.pending.entry(item.id()).or_default().push(pending);
        self.handle(Input::Submitted(item));
    }

    /// An item was accepted: answers everybody who submitted it, as soon as it is saved. Blocks of a chain are kept whoever
    /// brought them.
    pub(super) fn answer_accepted(&mut self, id: ItemId, ingress: Option<Link>) {
        let waiters = self.pending.remove(&id).unwrap_or_default();
        let is_kept = id.kind() == ItemKind::Block && self.blocks.keeps();
        if waiters.is_empty() && !is_kept {
            return;
        }
        let waiters = waiters.into_iter().map(|Pending { reply, knew }| {
            let outcome = if knew { Outcome::AlreadyKnown } else { Outcome::Accepted };
            let id = Some(id.hash());
            answer_when_saved(reply, Submitted { id, outcome, rule: None, rival: None })
        });
        self.keep(id, ingress.is_none(), waiters.collect());
    }

    /// An item was refused: answers everybody who submitted it.
    pub(super) fn answer_rejected(&mut self, id: ItemId, rejection: Rejection) {
        for Pending { reply, .. } in self.pending.remove(&id).unwrap_or_default() {
            let (id, rule) = (Some(id.hash()), Some(rejection.rule.to_owned()));
            let rival = rejection.rival.map(Into::into);
            let _ = reply.send(Ok(Submitted { id, outcome: Outcome::Rejected, rule, rival }));
        }
    }

    /// The item that was just submitted is known already. Its submitter is answered when it is saved, which
    /// it may not be yet; if it is still being checked, with the others who wait for that.
    pub(super) fn answer_known(&mut self, id: ItemId) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        if self.node.is_verifying(&id) {
            if let Some(last) = pending.last_mut() {
                last.knew = true;
            }
            return;
        }
        let waiters = self.pending.remove(&id).unwrap_or_default().into_iter();
        let submitted = Submitted {
            id: Some(id.hash()),
            outcome: Outcome::AlreadyKnown,
            rule: None,
            rival: None,
        };
        let waiters = waiters.map(|pending| answer_when_saved(pending.reply, submitted.clone()));
        self.keep(id, false, waiters.collect());
    }

    /// Has an item saved, and then its submitters answered; at once if there is nothing to save.
    fn keep(&mut self, id: ItemId, own: bool, waiters: Vec<Waiter>) {
        if id.kind() == ItemKind::Block && self.blocks.keeps() {
            return self.keep_block(id, waiters);
        }
        match (self.keeper.store(), self.node.item(&id)) {
            (Some(store), Some(item)) => {
                let (item, is_block) = (item.clone(), item.kind() == ItemKind::Block);
                store.save(Change::Put { item, own }, waiters);
                if is_block {
                    self.keeper.note_block(id);
                }
            }
            _ => waiters.into_iter().for_each(|waiter| waiter.tell(Ok(()))),
        }
    }

    fn readings(&self) -> Readings {
        Readings { status: self.status(), registry: self.measured.registry().clone() }
    }

    fn status(&self) -> Status {
        let (held_bytes, held_max_bytes) = self.net.held_bytes();
        let (node, peers, counted) = (&self.node, self.node.peers(), self.node.counters());
        let mut counters = status::counters(&counted, &self.net.counters());
        counters.insert("trace_dropped".to_owned(), self.reporter.trace_dropped());
        counters.insert("log_dropped".to_owned(), logging::dropped());
        counters.insert("clock_steps".to_owned(), self.wall.steps());
        counters.insert("own_identity_elsewhere".to_owned(), self.twins);
        counters.extend(self.turns.counters().map(|(name, count)| (name.to_owned(), count)));
        let Verified { items, batches, remembered } = self.verifier.counters();
        let verified =
            [("verified", items), ("verify_batches", batches), ("verdicts_remembered", remembered)];
        counters.extend(verified.map(|(name, count)| (name.to_owned(), count)));
        let sockets = self.net.meter().counters();
        counters.extend(sockets.map(|(name, count)| (name.to_owned(), count)));
        counters.extend(status::map_counters(node.replica()));
        let store = self.keeper.status();
        if let Some(store) = &store {
            let named = [
                ("store_commits", store.commits),
                ("store_failures", store.failures),
                ("store_dropped", store.dropped),
            ];
            counters.extend(named.map(|(name, count)| (name.to_owned(), count)));
        }
        let block_store = self.blocks.status();
        if let Some(blocks) = &block_store {
            let named = [
                ("block_store_commits", blocks.commits),
                ("block_store_failures", blocks.failures),
                ("block_store_dropped", blocks.dropped),
                ("block_store_damaged", blocks.damaged),
                ("block_store_pruned", blocks.pruned),
            ];
            counters.extend(named.map(|(name, count)| (name.to_owned(), count)));
        }
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            peer_id: self.config.keypair.public().to_peer_id().to_string(),
            network: self.config.network.clone(),
            rules: self.config.chain.name().to_owned(),
            strategy: self.config.params.relay.strategy.name().to_owned(),
            listen: self.net.listening().to_vec(),
            uptime_s: (self.clock.now() - Time::ZERO).as_secs_f64(),
            outbound: peers.outbound_ready(),
            inbound: peers.inbound_ready(),
            outbound_target: self.outbound_target(),
            addresses: peers.book().len(),
            reachable: self.reachability.is_reachable(),
            last_failure: self.joining.latest(self.real),
            views: peers.views().map(|(active, passive)| ViewsStatus { active, passive }),
            pool_items: node.pool().len(),
            pool_bytes: node.pool().bytes(),
            blocks: node.blocks().len(),
            chain: self.chain_status(),
            latest_block: node.blocks().latest().map(|block| block.id().to_string()),
            seen: node.seen().len(),
            store,
            block_store,
            capture: self.capture_status(),
            kv: self.map_status(),
            members: None,
            traffic: status::traffic(&counted.traffic),
            counters,
            rss_bytes: status::rss_bytes(),
            held_bytes,
            held_max_bytes,
            cpu_s: status::cpu_time().as_secs_f64(),
            longest_turn_s: self.turns.longest().as_secs_f64(),
        }
    }

    pub(super) fn outbound_target(&self) -> usize {
        match self.config.connect.len() {
            0 if self.config.params.keeps_views() => 0,
            0 => self.config.params.outbound(),
            fixed => fixed,
        }
    }
}
