//! The loop: takes the next event, hands it to its node, and carries out what the node asks for.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Verified;
use tidings_protocol::ground::item::{Item, ItemKind};
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _, RestoredAs};
use tidings_protocol::report::event::Event as Report;

use rand::RngExt as _;
use tidings_protocol::items::pool::template::Room;

use super::state::{Entry, Event, Leg, WAKES, World};
use crate::listing::Listing;
use crate::watch::What;
use crate::workload;

impl World {
    /// Handles everything up to and including a moment.
    pub fn run_until(&mut self, until: Time) {
        while self.step(until) {}
    }

    /// Handles the next event, unless it is later than `until`; false if it is or there is none.
    pub fn step(&mut self, until: Time) -> bool {
        self.fetch_ahead(until);
        if !self.queue.is_due(until) {
            if until != Time::NEVER {
                self.now = self.now.max(until);
            }
            return false;
        }
        if self.recording.is_some() {
            self.look_until();
        }
        let next = self.queue.pop();
        let (at, Entry { node, event }) = &next;
        self.now = *at;
        if let Some(watch) = &mut self.watch {
            watch.step();
        }
        match event {
            Event::Submit { item } => self.submit(*item as usize),
            Event::Mine => self.mine(),
            Event::Begin { fault } => self.begin(*fault as usize),
            Event::End { fault } => self.end(*fault as usize),
            event if self.seats[*node as usize].paused => {
                self.paused.entry(*node).or_default().push(event.clone());
            }
            event => self.happen(*node, event),
        }
        true
    }

    // By reference: an event is large, and most of it is only read.
    pub(super) fn happen(&mut self, node: u32, event: &Event) {
        match *event {
            Event::Wake => self.wake(node),
            Event::Message { leg, link, ref message } => match leg {
                Leg::Lie => self.transmit(node, link, message.clone()),
                Leg::OnLine => self.on_line(node, link, message.clone()),
                Leg::Out => self.receive(node, link, message),
            },
            Event::Garbled { link, error } => {
                if self.end_mut(node, link).is_some() {
                    self.hand(node, Input::Malformed { link, error });
                }
            }
            Event::Broken { link } => self.broken(node, link),
            Event::Release { slot } => self.release(node, slot),
            Event::Dialled { addr, life } => self.dialled(node, addr, life),
            Event::Verdict { item, life } if self.lives(node, life) => {
                let item = &self.fixed.items[item as usize];
                let (item, verdict) = (Arc::clone(item), self.fixed.chain.verify(item));
                self.hand(node, Input::Verdict { item: &item, verdict });
            }
            Event::VerdictOfJunk { ref item, life } if self.lives(node, life) => {
                let verdict = self.fixed.chain.verify(item);
                self.hand(node, Input::Verdict { item, verdict });
            }
            Event::Loaded { id, what, life } if self.lives(node, life) => {
                let block = self.kept.get(&id);
                let loaded = block.and_then(|block| what.of(block, &*self.fixed.chain));
                self.hand(node, Input::Loaded { id, what, loaded });
            }
            Event::Learn(ref addrs) => self.hand(node, Input::Learned(addrs)),
            Event::Crash { fault, life } if self.lives(node, life) => self.churn(node, fault),
            Event::Restart(ref known) => self.restart(node, known),
            Event::Doom { fault } => self.doomed(node, fault),
            // Of a former life.
            Event::Verdict { .. }
            | Event::VerdictOfJunk { .. }
            | Event::Loaded { .. }
            | Event::Crash { .. } => {}
            Event::Submit { .. } | Event::Mine | Event::Begin { .. } | Event::End { .. } => {
                unreachable!("these concern no single node")
            }
        }
    }

    /// Submits an item now, at the node that the workload names.
    pub fn submit_now(&mut self, item: usize) {
        self.submit(item);
    }

    /// Puts a transaction into a node's pool, as if it had been there before it started.
    pub fn restore(&mut self, node: u32, item: Arc<Item>) {
        let (was, age, verified) = (RestoredAs::Kept, Duration::ZERO, Verified::default());
        self.hand(node, Input::Restored { item, was, age, verified });
    }

    fn submit(&mut self, item: usize) {
        let able = |node: u32| self.is_alive(node) && !self.seats[node as usize].paused;
        let alive = |node: u32| able(node) && !self.faults.is_liar(node);
        let origin = if let Some(named) = self.fixed.written_at(item) {
            Some(named).filter(|named| able(*named))
        } else {
            let fixed = self.fixed.origin.filter(|origin| alive(*origin));
            let drawn = || workload::origin(self.fixed.seed, item, self.fixed.layout.nodes, alive);
            fixed.or_else(drawn)
        };
        let Some(origin) = origin else {
            return;
        };
        self.record.submit(item, origin, self.living, self.now);
        let (number, item) = (item, self.fixed.items[item].clone());
        if let Some(recording) = &mut self.recording {
            recording.submitted(self.now, number, origin, item.id(), item.size());
        }
        self.hand(origin, Input::Submitted(item));
    }

    /// A random living node makes a block of what waits in its pool, on the block that it has connected last; and the next is drawn.
    fn mine(&mut self) {
        let (Some(mining), true) = (self.fixed.mining, self.now <= self.mines_until) else {
            return;
        };
        let next = Time::from_nanos(self.now.as_nanos() + mining.gap(&mut self.mining_rng));
        self.push(next, 0, Event::Mine);
        let able = |node: &u32| {
            let is_up = self.is_alive(*node) && !self.seats[*node as usize].paused;
            is_up && !self.faults.is_liar(*node)
        };
        let able: Vec<u32> = (0..self.fixed.layout.nodes).filter(able).collect();
        if able.is_empty() {
            return;
        }
        let origin = able[self.mining_rng.random_range(0..able.len())];
        let node = &self.seats[origin as usize].node;
        let (parent, height) = match node.tree() {
            Some(tree) => (tree.tip().id, tree.tip().height + 1),
            None => (Listing::default().genesis(), 1),
        };
        let room = Room { bytes: usize::MAX, each: 0, transactions: mining.txs_max };
        let transactions = node.pool().template(room);
        let block = Listing::default().block(parent, &transactions);
        let ids = transactions.iter().map(|item| item.id()).collect();
        let nodes = self.fixed.layout.nodes as usize;
        self.mined.make((&block, ids), (parent, height), (origin, nodes), self.now);
        if let Some(recording) = &mut self.recording {
            recording.made(self.now, origin, block.id(), block.size());
        }
        self.hand(origin, Input::Submitted(block));
    }

    /// Hands an input to a living node, carries out what it asks for, and sees to its next waking.
    pub(super) fn hand(&mut self, node: u32, input: Input<'_>) {
        if self.seats[node as usize].alive {
            self.hand_unarmed(node, &input);
            self.carry_out_all(node);
            self.arm(node, Time::ZERO);
        }
    }

    /// Hands an input to a node. What it asks for stands in the list of actions.
    pub(super) fn hand_unarmed(&mut self, node: u32, input: &Input<'_>) {
        let seat = &mut self.seats[node as usize];
        self.events += 1;
        self.hash.input(self.now, node, input);
        let own = self.otherwise.as_ref().and_then(|otherwise| otherwise.params_of(node));
        let mut cx = Cx {
            now: self.now,
            params: own.unwrap_or(&self.fixed.params),
            chain: &*self.fixed.chain,
            rng: &mut seat.rng,
            actions: &mut self.actions,
        };
        // A clone copies what an input of its kind has, a move the room that the largest needs.
        seat.node.handle(input.clone(), &mut cx);
        // After every step of a debug build: is the node that it touched still sound?
        #[cfg(debug_assertions)]
        seat.node.check_invariants(own.unwrap_or(&self.fixed.params));
    }

    pub(super) fn carry_out_all(&mut self, node: u32) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.carry_out(node, action);
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, node: u32, action: Action) {
        match action {
            Action::Send { link, message } => self.send(node, link, message),
            Action::Throttle { link, class, until } => self.hold(node, link, class, until),
            Action::Verify(item) => {
                let life = self.seats[node as usize].life;
                let event = match self.fixed.number(item.id()) {
                    Some(item) => Event::Verdict { item, life },
                    None => Event::VerdictOfJunk { item, life },
                };
                self.push(self.now, node, event);
            }
            Action::Load { id, what } => {
                let life = self.seats[node as usize].life;
                self.push(self.now, node, Event::Loaded { id, what, life });
            }
            Action::Dial { addr } => self.dial(node, addr),
            Action::Disconnect { link, .. } => self.close(node, link),
            Action::Report(report) => self.take(node, &report),
            // Nobody has a map here.
            Action::Changed(_) | Action::Written { .. } => {}
        }
    }

    fn take(&mut self, node: u32, report: &Report) {
        if let Report::Accepted { id, ingress, .. } = report
            && id.kind() == ItemKind::Block
            && let Some(block) = self.seats[node as usize].node.blocks().get(id)
        {
            self.kept.entry(*id).or_insert_with(|| Arc::clone(block));
            // What came with it needn't come by itself.
            let brought = self.mined.arrive(*id, node, self.now);
            if let (Some(_), Some(recording)) = (brought, &mut self.recording) {
                let slot = ingress.map(|link| link.slot());
                recording.delivered_block(self.now, node, *id, slot);
            }
            for tx in brought.unwrap_or_default() {
                if let Some(item) = self.fixed.number(*tx)
                    && self.record.accept(item as usize, node, None, self.now)
                    && let Some(recording) = &mut self.recording
                {
                    recording.delivered(self.now, node, item, None);
                }
            }
        }
        if let Report::Accepted { id, ingress, .. } = report
            && let Some(item) = self.fixed.number(*id)
        {
            let end = ingress.and_then(|link| self.seats[node as usize].ends.get(link.slot()));
            let from = end.map(|end| end.peer);
            let is_first = self.record.accept(item as usize, node, from, self.now);
            if let Some(recording) = self.recording.as_mut().filter(|_| is_first) {
                recording.delivered(self.now, node, item, ingress.map(|link| link.slot()));
            }
            if let Some(watch) = &mut self.watch
                && watch.item() == *id
            {
                watch.note(self.now, What::Accepted { node, from });
            }
        }
    }

    /// Sees to it that the node is woken at its deadline, but not before `earliest`.
    pub(super) fn arm(&mut self, node: u32, earliest: Time) {
        let now = self.now;
        let seat = &mut self.seats[node as usize];
        let at = seat.node.deadline().max(now).max(earliest);
        if at == Time::NEVER {
            return;
        }
        let next = seat.wakes.iter().rposition(|wake| *wake != Time::NEVER);
        if next.is_some_and(|next| seat.wakes[next] <= at) {
            return;
        }
        match next {
            Some(last) if last + 1 == WAKES => {
                // The latest is forgotten; its event will find nothing.
                seat.wakes.rotate_left(1);
                seat.wakes[last] = at;
            }
            Some(next) => seat.wakes[next + 1] = at,
            None => seat.wakes[0] = at,
        }
        self.push(at, node, Event::Wake);
    }

    fn wake(&mut self, node: u32) {
        let seat = &mut self.seats[node as usize];
        let next = seat.wakes.iter().rposition(|wake| *wake != Time::NEVER);
        let Some(next) = next.filter(|next| seat.wakes[*next] <= self.now) else {
            return; // forgotten, or of a former life
        };
        seat.wakes[next] = Time::NEVER;
        if seat.node.deadline() <= self.now {
            self.hand(node, Input::Wake);
        } else {
            self.arm(node, Time::ZERO);
        }
    }
}
