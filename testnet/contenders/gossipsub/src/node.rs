//! A node: the loop between the swarm, whose behaviour is gossipsub's, and whoever asks over the API.

use std::error::Error;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use libp2p::Swarm;
use libp2p::swarm::{self, SwarmEvent};
use libp2p_gossipsub::{Behaviour, Event, PublishError};
use tidings::admin::{Api, routes};
use tidings::api::bans::BanList;
use tidings::api::{AddressPage, Outcome, Readiness, Status, Submitted};
use tidings::clock::Clock;
use tidings::config::{self, Config};
use tidings::control::{COMMANDS_MAX, Command, Control, Events, NotDone, Stop, Unexplained};
use tidings::files::datadir::{CONFIG, DataDir};
use tidings::files::identity;
use tidings::files::network::Network;
use tidings::host::{self, Guest};
use tidings::http::bind::AdminSocket;
use tidings::http::server;
use tidings::lab::slow_motion::NotSlowed;
use tidings::lab::trouble::NotTroubled;
use tidings::logging;
use tidings::net::{Meter, to_multiaddr};
use tidings::trace::{Entry, Line, PeerId, Trace};
use tidings_protocol::chain::{Chain, Rules};
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::ground::time::Time;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::interval;

use crate::counted::Counts;
use crate::links::{Links, RETRY};
use crate::setting::{Setting, topic};
use crate::transport;

/// Whatever stops a node.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Longest that a line of the trace stays unwritten: as ours.
const TRACE_INTERVAL: Duration = Duration::from_secs(1);

/// How long a connection may be idle: peers outside of the mesh say little, and the overlay is given.
const IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 3_600);

/// Runs the node of a data folder until it is asked to stop.
///
/// # Errors
/// When the folder can't be used, or the node can't start.
pub(crate) fn run(data_dir: &Path, setting: Setting) -> Result<(), Failure> {
    let dir = DataDir::locate(Some(data_dir))?;
    let _lock = dir.lock()?;
    let mut config = config::resolve(&dir.join(CONFIG), config::env::variables(), &[])?.config;
    config.log.file = config.log.file.map(|file| dir.join(file));
    let _log = logging::init(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A task of its own: waking the future that `block_on` polls itself costs a system call each time.
    runtime.block_on(async { tokio::spawn(serve(dir, config, setting)).await })?
}

/// Puts the node of a data folder together as one of many in this process.
///
/// # Errors
/// What is wrong with the folder, or that it can't listen.
pub(crate) fn guest(folder: &Path, setting: Setting) -> Result<Guest, host::Failure> {
    let failed = |error: Failure| host::Failure { code: 1, sentence: error.to_string() };
    let put_together = || -> Result<Guest, Failure> {
        let dir = DataDir::locate(Some(folder))?;
        let config = config::resolve(&dir.join(CONFIG), [], &[])?.config;
        let stop = Stop::default();
        let (node, api) = Node::start(&dir, &config, setting, stop.clone())?;
        let stopping = stop.clone();
        Ok(Guest {
            routes: Box::new(move || routes::router(api.clone())),
            stop,
            life: Box::pin(async move {
                node.run(async { stopping.requested().await }).await.map_err(failed)
            }),
        })
    };
    put_together().map_err(failed)
}

async fn serve(dir: DataDir, config: Config, setting: Setting) -> Result<(), Failure> {
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let socket = AdminSocket::bind(dir.join(&config.admin.socket))?;
    let (node, api) = Node::start(&dir, &config, setting, stop.clone())?;
    let mut served = tokio::spawn(server::serve(socket, routes::router(api), stop));
    node.run(async { drop((&mut served).await) }).await
}

fn stop_on_signals(stop: &Stop) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.request();
    });
    Ok(())
}

/// A running node.
pub(crate) struct Node {
    setting: Setting,
    inbox: mpsc::Receiver<Command>,
    stop: Stop,
    network: String,
    listen: Vec<PeerAddr>,
    chain: Arc<dyn Chain>,
    clock: Clock,
    trace: Option<Trace>,
    swarm: Swarm<Behaviour>,
    links: Links,
    meter: Meter,
    counts: Counts,
    accepted: u64,
}

impl Node {
    /// Starts the node of a data folder; returns it with what its API needs.
    ///
    /// # Errors
    /// When its settings, keys or network file can't be used, or it can't listen.
    pub(crate) fn start(
        dir: &DataDir,
        config: &Config,
        setting: Setting,
        stop: Stop,
    ) -> Result<(Self, Api), Failure> {
        let network = Network::load(&dir.join(&config.node.network))?;
        if network.rules != Rules::Opaque {
            let rules = network.rules;
            return Err(format!(
                "this network has the rules {rules}, but a contender relays opaque items only: launch it with \
                 --rules opaque"
            )
            .into());
        }
        let (chain, keypair, clock) = (network.chain(), identity::load(dir)?, Clock::start());
        let (meter, counts) = (Meter::default(), Counts::default());
        let counting = (meter.clone(), counts.clone());
        let transport = transport::build(&keypair, config.links.position(), &clock, counting)?;
        let behaviour = setting.behaviour(&keypair, chain.max_size(ItemKind::Tx))?;
        let settings =
            swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE_TIMEOUT);
        let peer_id = keypair.public().to_peer_id();
        let mut swarm = Swarm::new(transport, behaviour, peer_id, settings);
        for addr in &config.node.listen {
            swarm.listen_on(to_multiaddr(addr))?;
        }
        let trace = config.trace.file.as_ref().map(|file| Trace::open(&dir.join(file)));
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let api = Api {
            control: Control::new(commands),
            events: Events::default(),
            members: None,
            chain: Arc::clone(&chain),
            settings: None,
            stop: stop.clone(),
        };
        tracing::info!(%peer_id, setting = setting.name(), "the node is up");
        let node = Self {
            setting,
            inbox,
            stop,
            network: network.name,
            listen: config.node.listen.clone(),
            chain,
            clock,
            trace: trace.transpose()?,
            swarm,
            links: Links::new(&config.node.connect),
            meter,
            counts,
            accepted: 0,
        };
        Ok((node, api))
    }

    /// Runs until an end, and answers until then.
    ///
    /// # Errors
    /// When it can listen no longer.
    pub(crate) async fn run(mut self, end: impl Future<Output = ()>) -> Result<(), Failure> {
        let mut end = pin!(end);
        let (mut retry, mut flush) = (interval(RETRY), interval(TRACE_INTERVAL));
        loop {
            tokio::select! {
                biased;
                () = &mut end => break,
                Some(command) = self.inbox.recv() => self.on_command(command),
                _ = flush.tick() => self.flush(),
                _ = retry.tick() => self.dial(),
                event = self.swarm.select_next_some() => self.on_event(event)?,
            }
        }
        self.flush();
        Ok(())
    }

    fn dial(&mut self) {
        for opts in self.links.dials() {
            let connection = opts.connection_id();
            if let Err(error) = self.swarm.dial(opts) {
                tracing::debug!(%error, "could not dial");
                self.links.down(connection);
            }
        }
    }

    fn flush(&mut self) {
        self.trace.iter_mut().for_each(Trace::flush);
    }

    fn on_event(&mut self, event: SwarmEvent<Event>) -> Result<(), Failure> {
        match event {
            SwarmEvent::Behaviour(Event::Message { propagation_source, message, .. }) => {
                match self.chain.identify(ItemKind::Tx, &message.data) {
                    Ok(id) => {
                        let ingress = self.links.link(&propagation_source);
                        self.accept(id, message.data.len(), ingress);
                    }
                    Err(rejection) => tracing::warn!(rule = rejection.rule, "rejected"),
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. }
                if self.links.up(peer_id, &endpoint) =>
            {
                self.setting.welcome(self.swarm.behaviour_mut(), &peer_id);
                tracing::info!(peer = %peer_id, "link up");
                self.note_link(peer_id);
            }
            SwarmEvent::ConnectionClosed {
                peer_id, connection_id, num_established, cause, ..
            } => {
                self.links.down(connection_id);
                if num_established == 0 {
                    self.links.gone(&peer_id);
                    tracing::info!(peer = %peer_id, ?cause, "link down");
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                tracing::debug!(%error, "a dial failed");
                self.links.down(connection_id);
            }
            SwarmEvent::ListenerClosed { reason, .. } => {
                return Err(format!("no longer listening: {reason:?}").into());
            }
            _ => {}
        }
        Ok(())
    }

    fn accept(&mut self, id: Hash256, len: usize, ingress: Option<Link>) {
        self.accepted += 1;
        let Some(trace) = &mut self.trace else { return };
        let unix_us = self.clock.unix_us(self.clock.now());
        let bytes = u32::try_from(len).unwrap_or(u32::MAX);
        trace.record(&Line::Accepted(Entry { unix_us, id: ItemId::tx(id), bytes, ingress }));
    }

    fn note_link(&mut self, peer: PeerId) {
        let (Some(trace), Some(link)) = (&mut self.trace, self.links.link(&peer)) else { return };
        let unix_us = self.clock.unix_us(self.clock.now());
        trace.record(&Line::Linked { unix_us, link, peer });
    }

    fn on_command(&mut self, command: Command) {
        // Whoever asked may be gone by now; that is no error.
        match command {
            Command::Status(reply) => drop(reply.send(self.status())),
            Command::Peers(reply) => drop(reply.send(self.links.all())),
            Command::Ready(reply) => {
                let status = self.status();
                let _ = reply.send(Readiness::of(&status));
            }
            Command::Addresses { reply, .. } => drop(reply.send(AddressPage::default())),
            Command::Submit { kind, bytes, reply } => {
                let _ = reply.send(Ok(self.submit(kind, &bytes)));
            }
            Command::ExplainTx { reply, .. } => drop(reply.send(Err(Unexplained::Off))),
            Command::ExplainPeer { reply, .. } => drop(reply.send(Err(Unexplained::Off))),
            Command::SlowDown { reply, .. } => drop(reply.send(Err(NotSlowed::Unset))),
            Command::Trouble { reply, .. } => drop(reply.send(Err(NotTroubled::Unset))),
            Command::Bans(reply) => drop(reply.send(BanList::default())),
            Command::Ban { reply, .. }
            | Command::Unban { reply, .. }
            | Command::Disconnect { reply, .. } => drop(reply.send(Err(NotDone::Off))),
            Command::Readings(reply) => drop(reply),
            Command::Connect { reply, .. } | Command::Alive(reply) => {
                let _ = reply.send(());
            }
            // Gossipsub keeps messages for a few heartbeats, for its peers only.
            Command::Chain(command) => command.refuse(),
            Command::Kv(command) => command.refuse(),
            Command::Stop(reply) => {
                self.stop.request();
                let _ = reply.send(());
            }
        }
    }

    fn submit(&mut self, kind: ItemKind, bytes: &Bytes) -> Submitted {
        let refused = |id, rule: String| Submitted {
            id,
            outcome: Outcome::Rejected,
            rule: Some(rule),
            rival: None,
        };
        if kind == ItemKind::Block {
            return refused(None, "a contender relays transactions only".to_owned());
        }
        let id = match self.chain.identify(kind, bytes) {
            Ok(id) => id,
            Err(rejection) => return refused(None, rejection.rule.to_owned()),
        };
        match self.swarm.behaviour_mut().publish(topic(), bytes.to_vec()) {
            Ok(_) => {
                self.accept(id, bytes.len(), None);
                Submitted { id: Some(id), outcome: Outcome::Accepted, rule: None, rival: None }
            }
            Err(PublishError::Duplicate) => {
                Submitted { id: Some(id), outcome: Outcome::AlreadyKnown, rule: None, rival: None }
            }
            Err(error) => refused(Some(id), error.to_string()),
        }
    }

    fn status(&self) -> Status {
        let sockets = self.meter.counters().map(|(name, count)| (name.to_owned(), count));
        let dropped = self.trace.as_ref().map_or(0, Trace::dropped);
        let own = [("accepted", self.accepted), ("trace_dropped", dropped)];
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            peer_id: self.swarm.local_peer_id().to_string(),
            network: self.network.clone(),
            rules: self.chain.name().to_owned(),
            strategy: self.setting.name().to_owned(),
            listen: self.listen.clone(),
            uptime_s: (self.clock.now() - Time::ZERO).as_secs_f64(),
            outbound: self.links.count(Direction::Outbound),
            inbound: self.links.count(Direction::Inbound),
            outbound_target: self.links.wanted(),
            addresses: 0,
            last_failure: None,
            reachable: None,
            pool_items: 0,
            pool_bytes: 0,
            blocks: 0,
            latest_block: None,
            chain: None,
            capture: None,
            views: None,
            seen: 0,
            traffic: self.counts.traffic(),
            counters: own
                .map(|(name, count)| (name.to_owned(), count))
                .into_iter()
                .chain(sockets)
                .collect(),
            store: None,
            block_store: None,
            kv: None,
            members: None,
            // The launcher asks the kernel.
            rss_bytes: 0,
            held_bytes: 0,
            held_max_bytes: 0,
            cpu_s: 0.0,
            longest_turn_s: 0.0,
        }
    }
}
