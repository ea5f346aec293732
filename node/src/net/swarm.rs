//! The task that owns the swarm: dialling, listening, admission, closing. Payload never passes here.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{self, ConnectionId, StreamProtocol, SwarmEvent};
use libp2p::{PeerId, Swarm, Transport as _, connection_limits};
use tidings_protocol::ground::peer::{DialError, PeerAddr};
use tokio::sync::mpsc;

use crate::net::behaviour::{Behaviours, Relay, Told};
use crate::net::contained::Lost;
use crate::net::door::{Door, Guarded};
use crate::net::held::Account;
use crate::net::meter::Meter;
use crate::net::pipe::Ready;
use crate::net::reach::{Mute, Reach, Verdict};
use crate::net::transport::{self, BoxedTransport, from_multiaddr, to_multiaddr};
use crate::net::{NetConfig, NetError};

/// Most dials handed over and not yet begun; the core has at most `peers.dialling_max` under way.
pub(crate) const DIALS_MAX: u32 = 64;

/// Most reports waiting for the driver; over it the swarm waits.
pub(crate) const REPORTS_MAX: usize = 64;

/// Inbound connections in excess of the core's places: it needs them to tell whom to turn away, and
/// those on their way out still count. A guess.
pub(crate) const INBOUND_SPARE: usize = 16;

/// Most connections with one peer: both sides may dial at once, and reconnect before the old ones are
/// gone.
const PER_PEER_MAX: u32 = 4;

/// How long a connection without streams is kept: those of links always have some.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long listening may take to tell its addresses.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// What the driver wants of the swarm's task.
#[derive(Debug)]
pub(crate) enum Task {
    /// A dial.
    Dial(DialOpts),
    /// Ask a peer to dial us at this port.
    Ask(PeerId, u16),
}

/// What the swarm's task tells the driver.
#[derive(Debug)]
pub(crate) enum Report {
    /// A dial came to nothing before the connection was secured.
    DialFailed(ConnectionId, DialError),
    /// An inbound connection came to nothing before it was secured, or was refused.
    InboundFailed,
    /// What came of a question whether we can be dialled.
    DialledBack(PeerId, Verdict),
}

/// Builds the swarm of a node.
///
/// # Errors
/// When the identity can't be used, or the network's name.
pub(crate) fn build(
    config: &NetConfig,
    door: Door,
    ready: Arc<Ready>,
    account: &Arc<Account>,
    lost: Lost,
    meter: Meter,
) -> Result<Swarm<Behaviours>, NetError> {
    let NetConfig { keypair, position, clock, .. } = config;
    let transport = transport::build(keypair, position.as_ref(), clock, account, meter)?;
    let stretched = |duration| config.clock.stretched(duration);
    let transport = Guarded::new(transport, door.clone(), stretched).boxed();
    over(transport, door, config, ready, account, lost)
}

/// Builds a swarm over a transport that a door guards.
///
/// # Errors
/// When the network's name can't be used.
pub(crate) fn over(
    transport: BoxedTransport,
    door: Door,
    config: &NetConfig,
    ready: Arc<Ready>,
    account: &Arc<Account>,
    lost: Lost,
) -> Result<Swarm<Behaviours>, NetError> {
    let named = |protocol: String| {
        let bad_name = |_| NetError::Network(config.network.clone());
        StreamProtocol::try_from_owned(protocol).map_err(bad_name)
    };
    let protocol = named(format!("/tidings/1/{}", config.network))?;
    let mute = Mute::default();
    let reach = match config.autonat {
        true => {
            let protocol = named(format!("/tidings/reach/1/{}", config.network))?;
            Some(Reach::new(protocol, config.local_addresses, mute.clone()))
        }
        false => None,
    };
    let places = u32::try_from(config.inbound_max + INBOUND_SPARE).unwrap_or(u32::MAX);
    // How many are being secured is the door's matter.
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_outgoing(Some(DIALS_MAX))
        .with_max_established_incoming(Some(places))
        .with_max_established_per_peer(Some(PER_PEER_MAX));
    let behaviours = Behaviours {
        limits: connection_limits::Behaviour::new(limits),
        reach: reach.into(),
        relay: Relay::new(
            protocol,
            Arc::clone(&config.chain),
            config.clock.clone(),
            ready,
            Arc::clone(account),
            door,
            mute,
        ),
    };
    let idle = config.clock.stretched(IDLE_TIMEOUT);
    let settings = swarm::Config::with_executor(lost).with_idle_connection_timeout(idle);
    let peer_id = config.keypair.public().to_peer_id();
    Ok(Swarm::new(transport, behaviours, peer_id, settings))
}

/// Listens, and waits until each listener has told its addresses. A wildcard stays what it is, with the port that it
/// got: libp2p tells the address of each interface instead, and which one comes first means nothing.
///
/// # Errors
/// When an address can't be listened on.
pub(crate) async fn listen(
    swarm: &mut Swarm<Behaviours>,
    addrs: &[PeerAddr],
) -> Result<Vec<PeerAddr>, NetError> {
    let mut listening = Vec::new();
    for addr in addrs {
        let failed = |why: String| NetError::Listen { addr: *addr, why };
        transport::probe(addr).map_err(|error| failed(error.to_string()))?;
        let id = swarm.listen_on(to_multiaddr(addr)).map_err(|error| failed(error.to_string()))?;
        let told = async {
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::NewListenAddr { listener_id, address } if listener_id == id => {
                        break Ok(from_multiaddr(&address));
                    }
                    SwarmEvent::ListenerClosed { listener_id, reason, .. } if listener_id == id => {
                        break Err(format!("{reason:?}"));
                    }
                    _ => {}
                }
            }
        };
        match tokio::time::timeout(LISTEN_TIMEOUT, told).await {
            Ok(Ok(Some(told))) if addr.ip.is_unspecified() => {
                listening.push(PeerAddr { port: told.port, ..*addr });
            }
            Ok(Ok(told)) => listening.extend(told),
            Ok(Err(why)) => return Err(failed(why)),
            Err(_) => return Err(failed("no address became known".to_owned())),
        }
    }
    Ok(listening)
}

/// Runs the swarm until the driver is gone.
pub(crate) async fn run(
    mut swarm: Swarm<Behaviours>,
    mut tasks: mpsc::Receiver<Task>,
    reports: mpsc::Sender<Report>,
) {
    loop {
        let report = tokio::select! {
            biased;
            task = tasks.recv() => match task {
                Some(Task::Dial(opts)) => begin_dial(&mut swarm, opts),
                Some(Task::Ask(peer, port)) => ask(&mut swarm, peer, port),
                None => return,
            },
            event = swarm.select_next_some() => on_event(event),
        };
        if let Some(report) = report
            && reports.send(report).await.is_err()
        {
            return;
        }
    }
}

fn begin_dial(swarm: &mut Swarm<Behaviours>, opts: DialOpts) -> Option<Report> {
    let id = opts.connection_id();
    let error = swarm.dial(opts).err()?;
    Some(Report::DialFailed(id, dial_error(&error)))
}

fn ask(swarm: &mut Swarm<Behaviours>, peer: PeerId, port: u16) -> Option<Report> {
    match swarm.behaviour_mut().reach.as_mut() {
        Some(reach) => {
            reach.ask(peer, port);
            None
        }
        None => Some(Report::DialledBack(peer, Verdict::Untried)),
    }
}

fn on_event(event: SwarmEvent<Told>) -> Option<Report> {
    match event {
        SwarmEvent::Behaviour(Told(peer, verdict)) => Some(Report::DialledBack(peer, verdict)),
        SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
            tracing::debug!(%error, "a dial failed");
            Some(Report::DialFailed(connection_id, dial_error(&error)))
        }
        SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
            tracing::debug!(from = %send_back_addr, %error, "an inbound connection failed");
            Some(Report::InboundFailed)
        }
        SwarmEvent::ListenerClosed { addresses, reason, .. } => {
            tracing::error!(?addresses, ?reason, "no longer listening");
            None
        }
        SwarmEvent::ListenerError { error, .. } => {
            // Out of file descriptors, mostly; libp2p goes on listening.
            tracing::warn!(%error, "could not accept a connection");
            None
        }
        _ => None,
    }
}

fn dial_error(error: &swarm::DialError) -> DialError {
    match error {
        // The swarm leaves out the addresses that it listens on itself, and we give it only one.
        swarm::DialError::LocalPeerId { .. } | swarm::DialError::NoAddresses => DialError::Myself,
        swarm::DialError::Denied { .. } => DialError::Busy,
        swarm::DialError::WrongPeerId { .. } => DialError::WrongPeer,
        swarm::DialError::Transport(errors) => {
            let first = errors.first().map(|(_, error)| transport::dial_error(error));
            first.unwrap_or(DialError::Unreachable)
        }
        _ => DialError::Unreachable,
    }
}
