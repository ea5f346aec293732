//! What the tests stand on: nodes in this process, and a peer that a test plays itself.

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tidings_protocol::wire::message::{Hello, Message, Session};

use bytes::Bytes;
use libp2p::identity::Keypair;
use tidings::api::{AddressStatus, NodeEvent, PeerStatus, Status, Submitted, What};
use tidings::clock::Clock;
use tidings::control::{ChainCommand, Command};
use tidings::names::{Resolver, System};
use tidings::net::{Net, NetConfig, NetEvent};
use tidings::shell::{Shell, ShellConfig};
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::Params;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(20), future).await;
    waited.unwrap_or_else(|_| panic!("{what}: did not happen"))
}

/// A running node.
pub(crate) struct TestNode {
    pub(crate) addr: PeerAddr,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) events: broadcast::Receiver<NodeEvent>,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) fn config(connect: &[PeerAddr]) -> ShellConfig {
    let mut params = Params::default();
    params.relay.trickle_outbound_ms = 5;
    params.relay.trickle_inbound_ms = 5;
    params.peers.retry_min_ms = 20;
    params.upload.unlimited = true; // as in any test network
    params.unbroadcast.standing_s = 0; // who has just come is no stranger here
    ShellConfig {
        params,
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        connect: connect.to_vec(),
        autonat: false,
        seed: Some(1),
        ..ShellConfig::new("loopback", Arc::new(Opaque::default()))
    }
}

pub(crate) async fn start(config: ShellConfig) -> TestNode {
    start_with(config, Arc::new(System)).await
}

/// A node that asks somebody else what names lead to.
pub(crate) async fn start_with(config: ShellConfig, resolver: Arc<dyn Resolver>) -> TestNode {
    let (commands, commands_rx) = mpsc::channel(64);
    let (events_tx, events) = broadcast::channel(4_096);
    let shell = Shell::start_with(config, commands_rx, events_tx, resolver).await.unwrap();
    let addr = shell.listening()[0];
    let task = tokio::spawn(async move {
        shell.run(std::future::pending()).await.unwrap();
    });
    TestNode { addr, commands, events, task }
}

impl TestNode {
    pub(crate) async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> T {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.unwrap();
        soon("an answer", answer).await.unwrap()
    }

    pub(crate) async fn submit(&self, kind: ItemKind, bytes: &[u8]) -> Submitted {
        let bytes = Bytes::copy_from_slice(bytes);
        self.ask(|reply| Command::Submit { kind, bytes, reply }).await.unwrap()
    }

    pub(crate) async fn status(&self) -> Status {
        self.ask(Command::Status).await
    }

    pub(crate) async fn counter(&self, name: &str) -> u64 {
        self.status().await.counters[name]
    }

    /// An item that it has, in memory or on the disk.
    pub(crate) async fn item(&self, id: Hash256) -> Option<Bytes> {
        let query = id.to_string();
        let item = self.ask(|reply| Command::Chain(ChainCommand::Item { query, reply })).await;
        item.ok().map(|item| item.bytes().clone())
    }

    /// All addresses that it knows.
    pub(crate) async fn addresses(&self) -> Vec<AddressStatus> {
        let all = |reply| Command::Addresses { after: None, limit: usize::MAX, reply };
        self.ask(all).await.addresses
    }

    pub(crate) async fn peers(&self) -> Vec<PeerStatus> {
        self.ask(Command::Peers).await
    }

    /// The next event that fits.
    pub(crate) async fn event<T>(&mut self, what: &str, pick: impl Fn(What) -> Option<T>) -> T {
        let next = async {
            loop {
                if let Some(picked) = pick(self.events.recv().await.unwrap().what) {
                    return picked;
                }
            }
        };
        soon(what, next).await
    }

    pub(crate) async fn link_up(&mut self) -> String {
        let pick = |what| match what {
            What::LinkUp { link, .. } => Some(link.peer),
            _ => None,
        };
        self.event("a link", pick).await
    }

    pub(crate) async fn accepted(&mut self, id: Hash256) {
        let pick = |what| match what {
            What::Accepted { id: other, .. } => (other == id).then_some(()),
            _ => None,
        };
        self.event("acceptance", pick).await;
    }

    pub(crate) async fn dial_failed(&mut self) -> String {
        let pick = |what| match what {
            What::DialFailed { why, .. } => Some(why),
            _ => None,
        };
        self.event("a failed dial", pick).await
    }

    /// Asks until the answer is as it must be.
    pub(crate) async fn until(&self, what: &str, fits: impl Fn(&Status, &[PeerStatus]) -> bool) {
        let asking = async {
            while !fits(&self.status().await, &self.peers().await) {
                tokio::task::yield_now().await;
            }
        };
        soon(what, asking).await;
    }
}

/// Nodes in a row, each dialling the one before.
pub(crate) async fn row(count: usize) -> Vec<TestNode> {
    let mut nodes: Vec<TestNode> = Vec::new();
    for _ in 0..count {
        let connect: Vec<_> = nodes.last().map(|node| node.addr).into_iter().collect();
        let mut node = start(config(&connect)).await;
        if let Some(before) = nodes.last_mut() {
            node.link_up().await;
            before.link_up().await;
        }
        nodes.push(node);
    }
    nodes
}

/// A free port, for nodes that must know it before they start.
pub(crate) fn free_addr() -> PeerAddr {
    PeerAddr::tcp(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// A peer that a test plays itself, under rules that allow more than the nodes'.
pub(crate) struct RawPeer {
    pub(crate) net: Net,
    pub(crate) link: Link,
}

impl RawPeer {
    /// Two peers with a link between them; the first dialled.
    pub(crate) async fn pair() -> [Self; 2] {
        let (mut left, mut right) = (Self::net(&[]).await, Self::net(&["127.0.0.1:0"]).await);
        left.dial(right.listening()[0]);
        let mut ends = Vec::new();
        for net in [&mut left, &mut right] {
            let connected = next(net).await;
            let NetEvent::Connected { link, .. } = connected else { panic!("{connected:?}") };
            ends.push(link);
        }
        [Self { net: left, link: ends[0] }, Self { net: right, link: ends[1] }]
    }

    pub(crate) async fn connect(to: &TestNode) -> Self {
        Self::connect_to(to.addr).await
    }

    pub(crate) async fn connect_to(to: PeerAddr) -> Self {
        let mut net = Self::net(&[]).await;
        net.dial(to);
        let connected = next(&mut net).await;
        let NetEvent::Connected { link, addr, .. } = connected else { panic!("{connected:?}") };
        assert_eq!(addr, Some(to));
        let hello = Hello::default();
        net.send(link, Message::Session(Session::Hello(hello.into())));
        let mut peer = Self { net, link };
        peer.message(|message| {
            matches!(message, Message::Session(Session::Hello(_))).then_some(())
        })
        .await;
        peer
    }

    pub(crate) async fn net(listen: &[&str]) -> Net {
        let chain = Opaque { max_tx_bytes: 10_000_000, max_block_bytes: 10_000_000 };
        let config = NetConfig {
            keypair: Keypair::generate_ed25519(),
            network: "loopback".to_owned(),
            chain: Arc::new(chain),
            listen: listen.iter().map(|addr| addr.parse().unwrap()).collect(),
            inbound_max: 1,
            local_addresses: true,
            autonat: false,
            position: None,
            clock: Clock::start(),
        };
        Net::start(&config).await.unwrap()
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.net.send(self.link, message);
    }

    /// The next message that fits.
    pub(crate) async fn message<T>(&mut self, pick: impl Fn(&Message) -> Option<T>) -> T {
        loop {
            match next(&mut self.net).await {
                NetEvent::Received { link, messages } => {
                    let picked = messages.iter().find_map(&pick);
                    self.net.recycle(link, messages);
                    if let Some(picked) = picked {
                        return picked;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for a pong: whatever was sent before has been read.
    pub(crate) async fn ping(&mut self, nonce: u64) {
        self.send(Message::Session(Session::Ping { nonce }));
        self.message(|message| {
            (*message == Message::Session(Session::Pong { nonce })).then_some(())
        })
        .await;
    }

    /// The next event that isn't about messages.
    pub(crate) async fn news(&mut self) -> NetEvent {
        loop {
            match next(&mut self.net).await {
                NetEvent::Received { link, messages } => self.net.recycle(link, messages),
                news => return news,
            }
        }
    }

    pub(crate) async fn disconnected(&mut self) {
        while !matches!(self.news().await, NetEvent::Disconnected { .. }) {}
    }
}

pub(crate) async fn next(net: &mut Net) -> NetEvent {
    let event = async {
        loop {
            if let Some(event) = net.next_event() {
                return event;
            }
            net.wait().await;
        }
    };
    soon("an event of the network", event).await
}
