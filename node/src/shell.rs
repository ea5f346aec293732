//! The shell: the one driver loop of a node. It owns the core, the clock and the random source, hands
//! in what happens and carries out what the core decides, as [`tidings_protocol::machine`] demands.
//!
//! Every turn waits for whatever comes first, then takes what is ready before the core is told that its
//! deadline passed: what several inputs of one moment cause then leaves together, as one message and one
//! write. Local work (commands, verdicts) goes before remote work. A turn ends after a few milliseconds all the
//! same (`shell/turns.rs`), and what is left waits for the next one.

mod absence;
mod bans;
mod blocks;
mod capturing;
mod chain;
mod commands;
pub mod config;
mod error;
pub mod explain;
mod fault;
mod housekeeping;
mod joining;
mod keeper;
mod kv;
mod peers;
mod reach;
mod report;
mod status;
mod troubled;
mod turns;
mod verify;
mod waiting;

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tidings_protocol::report::event::Event;

use futures::FutureExt as _;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::item::{ItemId, ItemKind};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::peer::{DialError, PeerAddr};
use tidings_protocol::ground::time::Time;
use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::STEPS_DEFAULT;
use tidings_protocol::peers::book::groups::Groups;
use tidings_protocol::wire::message::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::absence::Absence;
use self::bans::Bans;
use self::blocks::Blocks;
use self::chain::Arrivals;
pub use self::config::ShellConfig;
pub use self::error::ShellError;
use self::explain::Acquaintances;
use self::fault::Doing;
use self::housekeeping::Wall;
use self::joining::Joining;
use self::keeper::Keeper;
use self::kv::MapDesk;
use self::reach::Reachability;
use self::report::Reporter;
use self::turns::{Turn, Turns};
use self::verify::{Verdict, Verifier};
use self::waiting::{First, Waiting};
use crate::capture::{Capture, End};
use crate::clock::Clock;
use crate::control::{Command, Events, SubmitReply};
use crate::files::addresses;
use crate::lab::slow_motion;
use crate::lab::trouble::Troubles;
use crate::measured::Measured;
use crate::names::{Names, Resolver, System};
use crate::net::{Net, NetEvent, peer_key};
use crate::trace::Trace;

/// How often the address book is saved, and with it the anchors: what a node that is killed loses. A guess; Bitcoin Core
/// saves its book every 15 minutes, and anchors at the end only.
const SAVE_INTERVAL: Duration = Duration::from_secs(300);

/// Longest that a line of the trace stays unwritten, and that the store isn't told of what peers brought.
const TRACE_INTERVAL: Duration = Duration::from_secs(1);

/// How soon it is looked again whether blocks may be opened that wait for the disk. A guess: a part of a commit.
const HOLD: Duration = Duration::from_millis(2);

/// Somebody who submitted an item and waits for what becomes of it.
#[derive(Debug)]
struct Pending {
    reply: SubmitReply,
    /// The item was known when it was submitted.
    knew: bool,
}

/// A running node.
#[derive(Debug)]
pub struct Shell {
    config: Arc<ShellConfig>,
    node: Node,
    rng: ChaCha8Rng,
    net: Net,
    commands: mpsc::Receiver<Command>,
    verifier: Verifier,
    reporter: Reporter,
    acquaintances: Acquaintances,
    capture: Option<Capture>,
    /// Who waits for what becomes of a submitted item.
    pending: HashMap<ItemId, Vec<Pending>>,
    keeper: Keeper,
    desk: MapDesk,
    blocks: Blocks,
    arrivals: Arrivals,
    /// The core's output; empty but while it is carried out.
    actions: Vec<Action>,
    clock: Clock,
    /// Watches the system's own.
    wall: Wall,
    turn: Turn,
    turns: Turns,
    measured: Measured,
    absence: Absence,
    names: Names,
    /// Who of our network is found on this link, if that is asked.
    neighbours: Option<mpsc::Receiver<PeerAddr>>,
    joining: Joining,
    reachability: Reachability,
    bans: Bans,
    /// How often our identity was found at an address that isn't ours.
    twins: u64,
    /// The time when the input at hand was taken: the same for all messages that came together.
    now: Time,
    /// The same of real time.
    real: Instant,
    doing: Doing,
    /// What goes wrong on purpose, in a test network.
    troubles: Option<Box<Troubles>>,
    /// When to look after files next.
    housekeeping_at: Instant,
    save_at: Instant,
    saving: Option<JoinHandle<()>>,
    /// Whoever asked to stop, told once everything is saved.
    stopping: Option<oneshot::Sender<()>>,
}

fn open_trace(path: &Path) -> Result<Trace, ShellError> {
    Trace::open(path).map_err(|source| ShellError::Trace { path: path.to_owned(), source })
}

impl Shell {
    /// Opens everything that a node needs and starts listening. It relays once it [runs](Self::run).
    ///
    /// # Errors
    /// When an address can't be listened on, a parameter makes no sense, or a file can't be used.
    pub async fn start(
        config: ShellConfig,
        commands: mpsc::Receiver<Command>,
        events: impl Into<Events>,
    ) -> Result<Self, ShellError> {
        Self::start_with(config, commands, events, Arc::new(System)).await
    }

    /// The same, where somebody else is asked for what names lead to.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(
        mut config: ShellConfig,
        commands: mpsc::Receiver<Command>,
        events: impl Into<Events>,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, ShellError> {
        config.check()?;
        config.params.record.steps.get_or_insert(STEPS_DEFAULT);
        let known = config.addresses.as_deref().map(addresses::begin).transpose()?;
        let bans = Bans::load(config.bans.clone())?;
        let trace = config.trace.as_deref().map(open_trace).transpose()?;
        let measured = Measured::default();
        let registry = measured.registry();
        let mut keeper = Keeper::start(config.store.clone(), registry).await?;
        let (blocks, headers) = Blocks::start(&config, registry).await?;
        let mut rng = capturing::randomness(config.seed)?;
        let clock = slow_motion::clock(config.lab.slow_motion, config.lab.clock);
        housekeeping::doubt_clock(&config, &keeper);
        let net = Net::start(&config.net(&clock)).await?;
        let key = peer_key(&config.keypair.public().to_peer_id());
        let joined = kv::join(&config, key, keeper.take_recalled(), &mut rng);
        let (member, recalled) = joined.unzip();
        let identity = Identity {
            key,
            advertise: config.advertise,
            fixed: config.connect.clone(),
            region: config.region.map(|region| region as u8),
            member,
            salt: rng.next_u64(),
        };
        let mut node = Node::new(identity.clone(), &config.params);
        if let Some(map) = &config.asmap {
            node.set_groups(Groups::by_system(Arc::new(map.clone())));
        }
        config.lab.warn();
        let (now, known) = (Instant::now(), known.unwrap_or_default());
        let names = joining::names(&config, resolver, known.addresses.len(), now);
        let reachability = Reachability::new(&config, net.listening(), now);
        let neighbours = joining::neighbours(&config, net.listening(), rng.next_u64());
        let capture = capturing::begin(&config, &identity, &rng, &clock)?;
        let mut shell = Self {
            verifier: Verifier::new(Arc::clone(&config.chain), registry),
            reporter: Reporter::new(events.into(), trace),
            acquaintances: Acquaintances::default(),
            capture,
            config: Arc::new(config),
            node,
            rng,
            net,
            commands,
            pending: HashMap::new(),
            keeper,
            desk: MapDesk::default(),
            blocks,
            arrivals: Arrivals::default(),
            actions: Vec::new(),
            wall: Wall::start(clock.system(), now),
            clock,
            turn: Turn::begin(now),
            turns: Turns::new(registry),
            measured,
            absence: Absence::default(),
            names,
            neighbours,
            joining: Joining::default(),
            reachability,
            bans,
            twins: 0,
            now: Time::ZERO,
            real: now,
            doing: Doing::default(),
            troubles: None,
            housekeeping_at: now + TRACE_INTERVAL,
            save_at: now + SAVE_INTERVAL,
            saving: None,
            stopping: None,
        };
        let config = Arc::clone(&shell.config);
        shell.recall_headers(&headers);
        shell.recall(&recalled.unwrap_or_default());
        shell.recall_bans();
        shell.handle(Input::Remembered(&known));
        shell.begin_to_join(&config.bootstrap);
        Ok(shell)
    }

    /// Where it listens.
    #[must_use]
    pub fn listening(&self) -> &[PeerAddr] {
        self.net.listening()
    }

    /// Relays until told to stop, by `shutdown` or by [`Command::Stop`]; then saves what must be kept.
    ///
    /// # Errors
    /// When it was stopped by a fault of the program; what it acknowledged is saved then, too. What else goes wrong
    /// while running is logged and counted, and the node goes on.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ShellError> {
        // After a panic nothing is looked at but what `salvage` says.
        let relayed = AssertUnwindSafe(self.relay(shutdown)).catch_unwind().await;
        // Boxed, so that a running node isn't larger by all that its end needs.
        match relayed {
            Ok(ended) => {
                Box::pin(self.shut_down()).await;
                ended
            }
            Err(payload) => {
                let fault = self.fault(&*payload);
                Box::pin(self.salvage()).await;
                Err(fault)
            }
        }
    }

    async fn relay(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), ShellError> {
        let mut shutdown = pin!(shutdown);
        let mut waiting = Waiting::new(self.wake_at());
        while self.stopping.is_none() {
            let wake_at = self.wake_at();
            waiting.until(wake_at);
            let first = poll_fn(|cx| waiting.poll(self, shutdown.as_mut(), cx)).await;
            let before = self.real;
            self.look_at_clock();
            self.settle_stamps();
            if let Some(gone) = self.absence.look(wake_at, before, self.real) {
                tracing::warn!(
                    for_s = gone.as_secs_f64(),
                    "nothing was done for a while: was the machine suspended?"
                );
            }
            self.turn = Turn::begin(self.real);
            match first {
                First::Shutdown => break,
                First::Command(Some(command)) => self.on_command(command),
                First::Command(None) => waiting.no_commands(),
                First::Verdicts(verdicts) => self.on_verdicts(verdicts),
                First::Loaded(answer) => self.on_loaded(answer),
                First::Restored(restored) => self.on_restored(restored),
                First::Told(told) => self.on_told(told),
                First::Neighbour(addr) => self.on_neighbour(addr),
                First::Other => {}
            }
            let is_rest = self.take_ready();
            if let Some(lost) = self.lost_part() {
                return Err(lost);
            }
            self.turns.end(&self.turn, Instant::now());
            if is_rest {
                // Else the connections would wait until nothing is left.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Takes what is ready until the turn is over, wakes the core if it is due, and looks after the rest. True
    /// if something was left.
    fn take_ready(&mut self) -> bool {
        let is_rest = loop {
            if let Ok(command) = self.commands.try_recv() {
                self.on_command(command);
            } else if let Some(verdicts) = self.verifier.next() {
                self.on_verdicts(verdicts);
            } else if let Some(answer) = self.blocks.next() {
                self.on_loaded(answer);
            } else if let Some(event) = self.net.next_event() {
                self.on_net(event);
            } else {
                break false;
            }
            self.look_at_clock();
            if self.turn.is_over(self.real) {
                break true;
            }
        };
        self.look_at_machines_clock();
        if self.now >= self.node.deadline() && !self.absence.holds() {
            self.handle(Input::Wake);
        }
        self.release();
        self.net.set_full(self.node.peers().is_full(&self.config.params.peers));
        self.verifier.hold_blocks(self.blocks.is_behind(self.real));
        self.verifier.start();
        // What was verified at once leaves with the rest of the turn.
        if !self.turn.is_over(self.real)
            && let Some(verdicts) = self.verifier.next()
        {
            self.look_at_clock();
            self.on_verdicts(verdicts);
        }
        if self.keeper.has_many() {
            self.keeper.flush(&self.node);
        }
        self.look_up();
        self.ask_whether_reachable();
        self.tend_capture();
        if self.real >= self.housekeeping_at {
            self.keep_house();
        }
        is_rest
    }

    /// Reads the clock, which is done once for each input.
    fn look_at_clock(&mut self) {
        self.real = Instant::now();
        self.now = self.clock.at(self.real);
    }

    /// When the next round is due at the latest.
    fn wake_at(&self) -> Instant {
        let is_clean = self.reporter.is_clean() && self.keeper.is_clean();
        let files = if is_clean { self.save_at } else { self.housekeeping_at };
        let files = self.names.due().map_or(files, |due| due.min(files));
        let files = self.reachability.due().map_or(files, |due| due.min(files));
        let files = self.capture_due().map_or(files, |due| due.min(files));
        let files = if self.verifier.holds_some() { files.min(self.real + HOLD) } else { files };
        match self.node.deadline().min(self.held_until()) {
            Time::NEVER => files,
            deadline => self.absence.not_before(self.clock.instant(deadline)).min(files),
        }
    }

    /// Hands one input to the core and carries out what it decides. True if a link was throttled.
    fn handle(&mut self, input: Input<'_>) -> bool {
        let now = self.now;
        self.doing = Doing::of(&input);
        if let Some(capture) = &mut self.capture {
            capture.input(now, &input);
        }
        let mut cx = Cx {
            now,
            params: &self.config.params,
            chain: &*self.config.chain,
            rng: &mut self.rng,
            actions: &mut self.actions,
        };
        self.node.handle(input, &mut cx);
        if let Some(capture) = &mut self.capture {
            capture.acted(&self.actions);
        }
        let mut throttled = false;
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Send { link, message } => self.send(link, message),
                Action::Throttle { link, class, until } => {
                    throttled = true;
                    self.net.throttle(link, class, self.clock.instant(until));
                }
                Action::Verify(item) => self.verifier.push(item),
                Action::Load { id, what } => {
                    let block = self.node.blocks().get(&id).cloned();
                    self.blocks.load(id, what, block);
                }
                Action::Dial { addr } => self.net.dial(addr),
                Action::Disconnect { link, why } => self.close(link, why),
                Action::Changed(key) => {
                    self.reporter.map_changed(&key, self.clock.unix_us(now));
                    self.keeper.note_map(key);
                }
                Action::Written { outcome, .. } => self.desk.outcome = Some(outcome),
                Action::Report(event) => self.report(&event, now, None),
            }
        }
        self.actions = actions;
        // Before anything else is queued: a batch of verdicts could fill a queue to its bound.
        while let Some(link) = self.net.next_congested() {
            throttled |= self.handle(Input::Congested { link });
        }
        throttled
    }

    fn report(&mut self, event: &Event, now: Time, cut: Option<Reason>) {
        let unix_us = self.clock.unix_us(now);
        self.reporter.report(event, unix_us, cut);
        self.measured.reported(event, unix_us, cut, self.real);
        self.keeper.observe(event);
        match *event {
            Event::Accepted { id, ingress, .. } => {
                let from = ingress.and_then(|link| self.reporter.names.get(link).copied());
                self.arrivals.note(id, unix_us, from);
                self.answer_accepted(id, ingress);
            }
            Event::Rejected { id, rejection, .. } => self.answer_rejected(id, rejection),
            Event::AlreadyKnown { id } => self.answer_known(id),
            Event::LinkUp { peer, advertise, .. } => {
                self.joining.joined();
                if let Some(addr) = advertise {
                    self.acquaintances.learn_address(peer, addr);
                }
            }
            Event::DialFailed { addr, why } => {
                self.on_dial_failed(addr, why);
                if why == DialError::Myself {
                    self.found_myself(addr);
                }
            }
            // It was kept where other items are, by an earlier version.
            Event::Restored { id } if id.kind() == ItemKind::Block => {
                self.keep_block(id, Vec::new());
            }
            Event::Restored { .. }
            | Event::Orphaned { .. }
            | Event::Broadcast { .. }
            | Event::Left { .. }
            | Event::BlockConnected { .. }
            | Event::BlockDisconnected { .. }
            | Event::Returned { .. }
            | Event::LinkDown { .. }
            | Event::Misbehaved { .. }
            | Event::OtherMap { .. }
            | Event::MapAhead { .. } => {}
        }
    }

    fn on_verdicts(&mut self, verdicts: Vec<Verdict>) {
        let mut verdicts = verdicts.into_iter();
        while let Some((item, verdict)) = verdicts.next() {
            self.handle(Input::Verdict { item: &item, verdict });
            if verdicts.len() > 0 && self.turn.is_over(Instant::now()) {
                break;
            }
        }
        self.verifier.give_back(verdicts);
    }

    fn on_net(&mut self, event: NetEvent) {
        match event {
            NetEvent::Connected { link, peer, direction, addr } => {
                let info = self.net.info(link);
                let addr = addr.or_else(|| info.as_ref().and_then(|info| info.remote));
                if let Some(info) = info {
                    self.reporter.names.insert(link, info.peer);
                    if let Some(capture) = &mut self.capture {
                        capture.met(self.now, peer, &info.peer.to_bytes());
                    }
                    self.acquaintances.meet(peer, info.peer, addr, self.node.record());
                }
                self.handle(Input::Connected { link, peer, direction, addr });
                self.break_if_cut_off(link);
            }
            NetEvent::Received { link, messages } => self.on_received(link, messages),
            NetEvent::Malformed { link, error } => {
                // While it is throttled nothing is handed in; the network tells it again afterwards.
                if !self.net.is_throttled(link) {
                    self.handle(Input::Malformed { link, error });
                }
            }
            NetEvent::Congested(link) => {
                self.handle(Input::Congested { link });
            }
            NetEvent::Drained(link) => {
                self.handle(Input::Drained { link });
            }
            NetEvent::Disconnected { link, slow } => self.on_disconnected(link, slow),
            NetEvent::DialFailed { addr, why } => {
                self.handle(Input::DialFailed { addr, why });
                self.tell_if_alone();
            }
            NetEvent::DialledBack { peer, verdict } => self.on_dialled_back(peer, verdict),
        }
    }

    /// Hands in messages one by one, until the core throttles what they are or the turn is over.
    fn on_received(&mut self, link: Link, mut messages: Vec<Message>) {
        if self.net.must_hold(link, &messages) {
            return self.net.hold(link, messages);
        }
        for index in 0..messages.len() {
            let message = &messages[index];
            self.measured.received(link, message, self.real);
            if self.handle(Input::Received { link, message })
                && self.net.must_hold(link, &messages[index + 1..])
            {
                messages.drain(..=index);
                return self.net.hold(link, messages);
            }
            if index + 1 < messages.len() && self.turn.is_over(Instant::now()) {
                messages.drain(..=index);
                return self.net.give_back(link, messages);
            }
        }
        self.net.recycle(link, messages);
    }

    fn on_disconnected(&mut self, link: Link, slow: bool) {
        if slow {
            let peer = self.reporter.names.get(link).map(ToString::to_string);
            tracing::warn!(%link, peer, "cut the link: {}", Reason::SlowReader);
        }
        self.handle(Input::Disconnected { link });
        self.measured.disconnected(link);
        self.reporter.names.remove(link);
        self.troubles.iter_mut().for_each(|troubles| troubles.forget(link));
    }

    fn close(&mut self, link: Link, why: Reason) {
        tracing::debug!(%link, %why, "closing a link");
        self.net.disconnect(link);
    }

    async fn shut_down(mut self) {
        self.reporter.flush();
        std::mem::take(&mut self.keeper).close(&self.node).await;
        self.blocks.close().await;
        self.end_capture(End::Stopped).await;
        // Saves must not overtake one another, and can't fail but by a panic of their own.
        let earlier = self.saving.take();
        if let Some(earlier) = earlier {
            let _ = earlier.await;
        }
        if let Some(last) = self.save() {
            let _ = last.await;
        }
        if let Some(reply) = self.stopping.take() {
            let _ = reply.send(());
        }
    }
}
