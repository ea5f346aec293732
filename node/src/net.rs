//! The network: links to peers over libp2p, the only module of the project that knows it.
//!
//! Two planes. The control plane is the swarm in a task of its own (`net/swarm.rs`): it dials, listens,
//! secures and closes. The data plane is one pipe for each connection (`net/pipe.rs`), between the link's own
//! task (`net/carrier.rs`) and the driver, past the swarm. [`Net`] is the driver's end of both, and speaks in the core's
//! terms: [`Link`], [`PeerKey`], whole [`Message`]s.

mod behaviour;
mod bounds;
mod carrier;
mod config;
mod contained;
mod counters;
mod door;
mod flow;
mod gate;
mod handler;
mod held;
mod inbox;
mod interner;
mod lending;
mod meter;
mod muxer;
mod pins;
mod pipe;
mod progress;
mod reach;
mod stranger;
mod swarm;
mod transport;

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use libp2p::identity::Keypair;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{PeerId, Swarm};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::{DialError, PeerAddr, PeerKey};
use tidings_protocol::ground::subnet::Subnet;
use tidings_protocol::wire::error::DecodeError;
use tidings_protocol::wire::message::Message;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::net::behaviour::Behaviours;
pub use crate::net::bounds::{full_node_held_max, inbound_sockets_max, link_held_max};
pub use crate::net::config::NetConfig;
use crate::net::contained::Lost;
pub use crate::net::counters::NetCounters;
use crate::net::door::Door;
use crate::net::gate::Gate;
use crate::net::held::{Account, TOTAL_MAX};
use crate::net::interner::Interner;
pub use crate::net::interner::peer_key;
pub use crate::net::meter::{Meter, Metered};
use crate::net::pins::Pins;
use crate::net::pipe::{HIGH_MARK, Phase, Pipe, Ready};
pub use crate::net::reach::Verdict;
pub use crate::net::stranger::Stranger;
use crate::net::swarm::{DIALS_MAX, REPORTS_MAX, Report, Task};
pub(crate) use crate::net::transport::check;
pub use crate::net::transport::{from_multiaddr, to_multiaddr};

/// Longest vector of messages that is kept for the next pipe whatever it held. A longer one is kept while it is
/// used, and gives its memory back after a burst.
const SPARE_MAX: usize = 64;

/// Why the network can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// An address can't be listened on.
    #[error(
        "cannot listen on {addr}: {why}; stop whoever uses it, or set node.listen to another address"
    )]
    Listen {
        /// The address.
        addr: PeerAddr,
        /// What the system says.
        why: String,
    },
    /// An address is of a transport that this node doesn't have.
    #[error("{key} has {addr}, and {lacks}")]
    NoTransport {
        /// Where it is set.
        key: &'static str,
        /// The address.
        addr: PeerAddr,
        /// What the node lacks, and what to do about it.
        lacks: &'static str,
    },
    /// The name of the network can't be part of a protocol name.
    #[error("`{0}` can't name a network: use a-z, 0-9, `-`, `_` and `.`")]
    Network(String),
    /// The identity can't be used.
    #[error("the identity can't be used: {0}")]
    Identity(String),
}

/// What happened on the network, in the order that the core's contract demands.
#[derive(Debug)]
pub enum NetEvent {
    /// A link came up.
    Connected {
        /// Its handle.
        link: Link,
        /// Who is there.
        peer: PeerKey,
        /// Who dialled.
        direction: Direction,
        /// The address that we dialled.
        addr: Option<PeerAddr>,
    },
    /// Messages arrived.
    Received {
        /// Where.
        link: Link,
        /// What. Give the vector back by [`Net::recycle`], [`Net::hold`] or [`Net::give_back`]: until then the link is
        /// charged for it, and nothing more of it is handed in.
        messages: Vec<Message>,
    },
    /// Bytes arrived that are no message; nothing more is read.
    Malformed {
        /// Where.
        link: Link,
        /// What was wrong.
        error: DecodeError,
    },
    /// A send queue passed its high mark.
    Congested(Link),
    /// A congested send queue fell below its low mark.
    Drained(Link),
    /// A link went down.
    Disconnected {
        /// Its handle, which is free again.
        link: Link,
        /// We cut it because it made us hold too much.
        slow: bool,
    },
    /// A dial came to nothing.
    DialFailed {
        /// The address.
        addr: PeerAddr,
        /// Why.
        why: DialError,
    },
    /// What came of having a peer dial us.
    DialledBack {
        /// Which.
        peer: PeerId,
        /// What.
        verdict: Verdict,
    },
}

/// What the transport knows of a live link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// Who is there.
    pub peer: PeerId,
    /// The other end as the transport sees it.
    pub remote: Option<PeerAddr>,
    /// Bytes queued for the peer.
    pub queued_bytes: usize,
    /// Memory that messages of and for the peer take, bytes.
    pub held_bytes: usize,
}

/// The driver's end of the network. Dropping it closes everything.
#[derive(Debug)]
pub struct Net {
    links: Interner,
    door: Door,
    /// What the door knows of the core's places.
    full: bool,
    ready: Arc<Ready>,
    /// Pipes taken off the ready list; empty but while they are looked at.
    taken: Vec<Arc<Pipe>>,
    /// Events that the driver hasn't fetched. Each pipe puts at most a handful here at a time.
    events: VecDeque<NetEvent>,
    /// An empty vector to hand to the next pipe.
    spare: Vec<Message>,
    /// Dials under way.
    dialling: HashMap<ConnectionId, PeerAddr>,
    /// Who must be at an address, so that nobody else is taken there.
    pins: Pins,
    /// Links whose queue has just passed its high mark.
    congested: VecDeque<Link>,
    /// What all links hold.
    account: Arc<Account>,
    tasks: mpsc::Sender<Task>,
    reports: mpsc::Receiver<Report>,
    swarm: JoinHandle<()>,
    lost: Lost,
    listening: Vec<PeerAddr>,
    /// What crosses our sockets.
    meter: Meter,
    counters: NetCounters,
}

impl Net {
    /// Starts listening and the swarm's task.
    ///
    /// # Errors
    /// When an address can't be listened on, or identity or network name can't be used.
    pub async fn start(config: &NetConfig) -> Result<Self, NetError> {
        let (ready, account) = (Arc::default(), Arc::new(Account::default()));
        let (lost, meter) = (Lost::default(), Meter::default());
        let door = Door::new(Gate::new(config.inbound_max, config.local_addresses));
        let (guard, ready_too) = (door.clone(), Arc::clone(&ready));
        let mut swarm =
            swarm::build(config, guard, ready_too, &account, lost.clone(), meter.clone())?;
        let listening = swarm::listen(&mut swarm, &config.listen).await?;
        let mut net = Self::of(swarm, door, ready, account, lost);
        (net.listening, net.meter) = (listening, meter);
        Ok(net)
    }

    /// A network within this process, and a connection to it for a stranger that a test or a fuzzer plays: without Noise,
    /// which any stranger can speak.
    ///
    /// # Errors
    /// When the network's name can't be used.
    pub async fn with_stranger(config: &NetConfig) -> Result<(Self, Stranger), NetError> {
        let (ready, account) = (Arc::default(), Arc::new(Account::default()));
        let transport = transport::in_memory(&account);
        let door = Door::new(Gate::new(config.inbound_max, config.local_addresses));
        let lost = Lost::default();
        let ready_too = Arc::clone(&ready);
        let guard = door.clone();
        let mut swarm = swarm::over(transport, guard, config, ready_too, &account, lost.clone())?;
        let stranger = Stranger::connect(&mut swarm).await;
        Ok((Self::of(swarm, door, ready, account, lost), stranger))
    }

    fn of(
        swarm: Swarm<Behaviours>,
        door: Door,
        ready: Arc<Ready>,
        account: Arc<Account>,
        lost: Lost,
    ) -> Self {
        let (tasks, tasks_rx) = mpsc::channel(DIALS_MAX as usize);
        let (reports_tx, reports) = mpsc::channel(REPORTS_MAX);
        Self {
            links: Interner::default(),
            door,
            full: false,
            ready,
            taken: Vec::new(),
            events: VecDeque::new(),
            spare: Vec::new(),
            dialling: HashMap::new(),
            pins: Pins::default(),
            congested: VecDeque::new(),
            account,
            tasks,
            reports,
            swarm: tokio::spawn(swarm::run(swarm, tasks_rx, reports_tx)),
            lost,
            listening: Vec::new(),
            meter: Meter::default(),
            counters: NetCounters::default(),
        }
    }

    /// Whether an address is one that we listen on, or leads to one on this machine.
    #[must_use]
    pub fn leads_here(&self, addr: &PeerAddr) -> bool {
        self.listening.iter().any(|own| {
            let same_port = own.port == addr.port && own.transport == addr.transport;
            let same_ip = own.ip == addr.ip;
            same_port && (same_ip || own.ip.is_unspecified() && transport::is_local(addr.ip))
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn listening(&self) -> &[PeerAddr] {
        &self.listening
    }

    /// Whom the operator keeps out from now on, and until when: nobody there is let through to a handshake.
    pub fn keep_out(&self, banned: Vec<(Subnet, Instant)>) {
        self.door.keep_out(banned);
    }

    /// Whether the core's inbound places are all taken: then most strangers are turned away before the handshake.
    pub fn set_full(&mut self, full: bool) {
        if self.full != full {
            self.full = full;
            self.door.set_full(full);
        }
    }

    /// Counted so far.
    #[must_use]
    pub fn counters(&self) -> NetCounters {
        NetCounters { floods: self.account.floods(), ..self.counters }
    }

    /// What crosses our sockets.
    #[must_use]
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What the transport knows of a link; `None` if it isn't live.
    #[must_use]
    pub fn info(&self, link: Link) -> Option<LinkInfo> {
        let pipe = self.links.get(link)?;
        let state = pipe.state();
        let (queued_bytes, held_bytes) = (state.writer.queued_bytes(), state.share().bytes());
        Some(LinkInfo { peer: pipe.peer, remote: pipe.remote, queued_bytes, held_bytes })
    }

    /// From now on only this peer is taken at an address when that is dialled; false if too many are kept, and nothing is
    /// done. Of two for one address the first stays.
    pub fn pin(&mut self, addr: PeerAddr, peer: PeerId) -> bool {
        self.pins.insert(addr, peer)
    }

    /// Whether only one peer is taken at an address.
    #[must_use]
    pub fn is_pinned(&self, addr: &PeerAddr) -> bool {
        self.pins.contains(addr)
    }

    /// Dials an address. Answered by one [`NetEvent::Connected`] with it or one
    /// [`NetEvent::DialFailed`].
    pub fn dial(&mut self, addr: PeerAddr) {
        self.counters.dials += 1;
        let to = self.pins.address(&addr);
        let opts = DialOpts::unknown_peer_id().address(to).allocate_new_port();
        let opts = opts.build();
        let id = opts.connection_id();
        self.dialling.insert(id, addr);
        if self.tasks.try_send(Task::Dial(opts)).is_err() {
            self.fail_dial(id, DialError::Busy);
        }
    }

    /// Has a peer that we are linked with dial us at a port of where we come from. Answered by one [`NetEvent::DialledBack`], unless the
    /// peer never says what came of it; an earlier question is forgotten.
    pub fn ask_to_dial_back(&mut self, peer: PeerId, port: u16) {
        if self.tasks.try_send(Task::Ask(peer, port)).is_err() {
            self.events.push_back(NetEvent::DialledBack { peer, verdict: Verdict::Untried });
        }
    }

    /// Queues a message on a link. Nothing happens if the link isn't live.
    pub fn send(&mut self, link: Link, message: Message) {
        let Some(pipe) = self.links.get(link) else { return };
        let mut state = pipe.state();
        if state.writer.push(message).is_err() {
            drop(state);
            self.counters.slow_readers += 1;
            self.cut(link, true);
            return;
        }
        state.count();
        state.tell();
        if !state.congested && state.writer.pressing_bytes() > HIGH_MARK {
            state.congested = true;
            // Drained and full again before the driver learned of it: nothing has changed for it.
            if !std::mem::take(&mut state.drained) {
                self.counters.congested += 1;
                self.congested.push_back(link);
            }
        }
        drop(state);
        self.keep_within_bounds();
    }

    /// A link whose queue has passed its high mark since this was last asked. Else it comes as a
    /// [`NetEvent::Congested`], when the driver may have queued much more.
    pub fn next_congested(&mut self) -> Option<Link> {
        self.congested.pop_front()
    }

    /// Memory that all links hold at present, and may hold at most, bytes. What is in the system's own buffers isn't counted.
    #[must_use]
    pub fn held_bytes(&self) -> (usize, usize) {
        (self.account.bytes(), TOTAL_MAX)
    }

    /// Cuts links until all together hold no more than they may.
    fn keep_within_bounds(&mut self) {
        while self.account.is_overdrawn() && self.account.bytes() - self.shared_bytes() > TOTAL_MAX
        {
            let greedy = self.links.iter().filter_map(|(link, pipe)| {
                let since = pipe.state().share().greedy_since()?;
                Some((since, link))
            });
            let Some((_, link)) = greedy.min() else { return };
            self.counters.slow_readers += 1;
            self.cut(link, true);
        }
    }

    /// What is counted more than once: blocks that wait for many peers.
    fn shared_bytes(&self) -> usize {
        let (mut seen, mut shared) = (HashSet::new(), 0);
        for (_, pipe) in self.links.iter() {
            for block in pipe.state().writer.blocks() {
                if !seen.insert(block.as_ptr()) {
                    shared += block.len();
                }
            }
        }
        shared
    }

    /// Closes a link. Answered by one [`NetEvent::Disconnected`], unless it isn't live.
    pub fn disconnect(&mut self, link: Link) {
        self.cut(link, false);
    }

    /// Waits until there is an event.
    pub async fn wait(&mut self) {
        poll_fn(|cx| self.poll_wait(cx)).await;
    }

    /// Ready when there is an event.
    pub(crate) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.events.is_empty() || !self.congested.is_empty() {
            return Poll::Ready(());
        }
        while let Poll::Ready(report) = self.reports.poll_recv(cx) {
            // None when the swarm's task ended, which must be looked at.
            let Some(report) = report else { return Poll::Ready(()) };
            self.on_report(&report);
        }
        if self.ready.poll(cx).is_ready() {
            self.collect();
        }
        if self.events.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Why the network can't go on, if so: the swarm's task ended, or too many connections' tasks panicked.
    #[must_use]
    pub fn failure(&self) -> Option<&'static str> {
        if self.reports.is_closed() {
            return Some("the task of the network failed");
        }
        (self.lost.count() >= swarm::INBOUND_SPARE)
            .then_some("too many connections failed inside libp2p")
    }

    /// The next event, if one has happened.
    pub fn next_event(&mut self) -> Option<NetEvent> {
        if let Some(link) = self.next_congested() {
            return Some(NetEvent::Congested(link));
        }
        if self.events.is_empty() {
            while let Ok(report) = self.reports.try_recv() {
                self.on_report(&report);
            }
            self.collect();
        }
        self.events.pop_front()
    }

    /// Turns what is on the ready list into events.
    fn collect(&mut self) {
        let mut taken = std::mem::take(&mut self.taken);
        self.ready.take(&mut taken);
        for pipe in taken.drain(..) {
            self.on_ready(&pipe);
        }
        self.taken = taken;
        self.keep_within_bounds();
    }

    fn on_ready(&mut self, pipe: &Arc<Pipe>) {
        let mut state = pipe.state();
        state.unlist();
        if state.phase == Phase::Open {
            let link = self.links.insert(Arc::clone(pipe));
            state.phase = Phase::Live(link);
            self.on_open(pipe, link);
        }
        let Phase::Live(link) = state.phase else {
            if state.closed && state.phase == Phase::Opening {
                let why = state.failure.unwrap_or(DialError::Handshake);
                drop(state);
                match pipe.direction {
                    Direction::Outbound => self.fail_dial(pipe.id, why),
                    Direction::Inbound => self.counters.inbound_failed += 1,
                }
            }
            return;
        };
        if let Some(messages) = state.lend(&mut self.spare) {
            self.events.push_back(NetEvent::Received { link, messages });
        }
        if std::mem::take(&mut state.drained) {
            self.events.push_back(NetEvent::Drained(link));
        }
        // What came before waits for the driver.
        if state.is_open() && state.has_input() {
            return;
        }
        if state.is_open()
            && let Some(error) = state.malformed
        {
            self.events.push_back(NetEvent::Malformed { link, error });
        }
        if state.closed {
            drop(state);
            self.cut(link, false);
        }
    }

    fn on_open(&mut self, pipe: &Pipe, link: Link) {
        let (direction, peer) = (pipe.direction, peer_key(&pipe.peer));
        match direction {
            Direction::Inbound => self.counters.links_inbound += 1,
            Direction::Outbound => self.counters.links_outbound += 1,
        }
        let addr = self.dialling.remove(&pipe.id);
        self.events.push_back(NetEvent::Connected { link, peer, direction, addr });
    }

    /// Ends a link on our side, and the connection if there still is one.
    fn cut(&mut self, link: Link, slow: bool) {
        let Some(pipe) = self.links.remove(link) else { return };
        pipe.state().end();
        self.events.push_back(NetEvent::Disconnected { link, slow });
    }

    fn on_report(&mut self, report: &Report) {
        match *report {
            Report::DialFailed(id, why) => self.fail_dial(id, why),
            Report::InboundFailed => self.counters.inbound_failed += 1,
            Report::DialledBack(peer, verdict) => {
                self.events.push_back(NetEvent::DialledBack { peer, verdict });
            }
        }
    }

    /// Reports the end of a dial, once.
    fn fail_dial(&mut self, id: ConnectionId, why: DialError) {
        if let Some(addr) = self.dialling.remove(&id) {
            self.counters.dials_failed += 1;
            self.events.push_back(NetEvent::DialFailed { addr, why });
        }
    }
}

impl Drop for Net {
    /// Dropping the swarm ends the tasks of all its connections.
    fn drop(&mut self) {
        self.swarm.abort();
    }
}
