//! Our part of the swarm: gives each connection a [`Handler`], and closes it when the handler asks.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, StreamProtocol,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, connection_limits};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Direction;

use crate::clock::Clock;
use crate::net::contained::Contained;
use crate::net::door::Door;
use crate::net::handler::{Close, Handler};
use crate::net::held::Account;
use crate::net::pipe::{Pipe, Ready};
use crate::net::reach::{Mute, Reach, Verdict};
use crate::net::transport::from_multiaddr;

/// All behaviours of the swarm. Limits come first: whom they refuse, the others never see.
#[derive(NetworkBehaviour)]
#[behaviour(to_swarm = "Told")]
pub(crate) struct Behaviours {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) reach: Toggle<Reach>,
    pub(crate) relay: Relay,
}

/// What the behaviours tell the swarm's owner: what came of a question whether we can be dialled.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) PeerId, pub(crate) Verdict);

impl From<Infallible> for Told {
    fn from(event: Infallible) -> Self {
        match event {}
    }
}

impl From<(PeerId, Verdict)> for Told {
    fn from((peer, verdict): (PeerId, Verdict)) -> Self {
        Self(peer, verdict)
    }
}

/// The behaviour that speaks the relay protocol.
pub(crate) struct Relay {
    protocol: StreamProtocol,
    chain: Arc<dyn Chain>,
    clock: Clock,
    ready: Arc<Ready>,
    account: Arc<Account>,
    door: Door,
    /// Connections that are no links.
    mute: Mute,
    /// Connections to close; each asks once.
    closing: VecDeque<(PeerId, ConnectionId)>,
}

impl Relay {
    /// Speaks the protocol of one network.
    pub(crate) const fn new(
        protocol: StreamProtocol,
        chain: Arc<dyn Chain>,
        clock: Clock,
        ready: Arc<Ready>,
        account: Arc<Account>,
        door: Door,
        mute: Mute,
    ) -> Self {
        Self { protocol, chain, clock, ready, account, door, mute, closing: VecDeque::new() }
    }

    fn handler(
        &self,
        id: ConnectionId,
        peer: PeerId,
        direction: Direction,
        remote: &Multiaddr,
    ) -> Contained<Handler> {
        let (remote, ready) = (from_multiaddr(remote), Arc::clone(&self.ready));
        let block_max = self.chain.max_size(ItemKind::Block);
        let account = Arc::clone(&self.account);
        let pipe = Pipe::new((id, peer, direction), remote, block_max, ready, account);
        let protocol = self.protocol.clone();
        let handler = Handler::new(pipe, protocol, Arc::clone(&self.chain), &self.clock);
        Contained::new(if self.mute.has(id) { handler.mute() } else { handler })
    }
}

impl NetworkBehaviour for Relay {
    type ConnectionHandler = Contained<Handler>;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(id, peer, Direction::Inbound, remote))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(id, peer, Direction::Outbound, remote))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(open) => {
                if let ConnectedPoint::Listener { send_back_addr, .. } = open.endpoint {
                    self.door.opened(send_back_addr);
                }
            }
            FromSwarm::ConnectionClosed(closed) => {
                if let ConnectedPoint::Listener { send_back_addr, .. } = closed.endpoint {
                    self.door.closed(send_back_addr);
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        Close: THandlerOutEvent<Self>,
    ) {
        self.closing.push_back((peer, id));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        match self.closing.pop_front() {
            Some((peer_id, id)) => {
                let connection = CloseConnection::One(id);
                Poll::Ready(ToSwarm::CloseConnection { peer_id, connection })
            }
            // Only handler events fill the queue, and after each the swarm polls its behaviours.
            None => Poll::Pending,
        }
    }
}
