//! Whole nodes over real TCP on 127.0.0.1, several in one process on one thread. Every wait is for an
//! event or a condition, never for a time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use libp2p::identity::Keypair;
use tidings::clock::{Clock, SlowMotion, real_unix_us};
use tidings::control::{Command, Outcome, PeerStatus, Status, Submitted};
use tidings::links::{NodeType, Place, Region};
use tidings::net::{Net, NetConfig, NetError, NetEvent};
use tidings::shell::{Shell, ShellConfig, ShellError, ShellEvent, What};
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{ItemId, ItemKind};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::Params;
use tidings_protocol::wire::message::{Hello, Items, Message, Names, Session, VERSION};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Waits for something that must happen.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(20), future).await;
    waited.unwrap_or_else(|_| panic!("{what}: did not happen"))
}

/// A running node.
struct TestNode {
    addr: PeerAddr,
    commands: mpsc::Sender<Command>,
    events: broadcast::Receiver<ShellEvent>,
    task: JoinHandle<()>,
}

fn config(connect: &[PeerAddr]) -> ShellConfig {
    let mut params = Params::default();
    params.relay.trickle_outbound_ms = 5;
    params.relay.trickle_inbound_ms = 5;
    params.peers.retry_min_ms = 20;
    ShellConfig {
        keypair: Keypair::generate_ed25519(),
        network: "loopback".to_owned(),
        chain: Arc::new(Opaque::default()),
        params,
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        advertise: None,
        bootstrap: Vec::new(),
        connect: connect.to_vec(),
        links: None,
        region: None,
        trace: None,
        addresses: None,
        store: None,
        withhold: false,
        slow_motion: None,
        seed: Some(1),
    }
}

async fn start(config: ShellConfig) -> TestNode {
    let (commands, commands_rx) = mpsc::channel(64);
    let (events_tx, events) = broadcast::channel(4_096);
    let shell = Shell::start(config, commands_rx, events_tx).await.unwrap();
    let addr = shell.listening()[0];
    let task = tokio::spawn(async move {
        shell.run(std::future::pending()).await.unwrap();
    });
    TestNode { addr, commands, events, task }
}

impl TestNode {
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> T {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.unwrap();
        soon("an answer", answer).await.unwrap()
    }

    async fn submit(&self, kind: ItemKind, bytes: &[u8]) -> Submitted {
        let bytes = Bytes::copy_from_slice(bytes);
        self.ask(|reply| Command::Submit { kind, bytes, reply }).await.unwrap()
    }

    async fn status(&self) -> Status {
        self.ask(Command::Status).await
    }

    async fn counter(&self, name: &str) -> u64 {
        self.status().await.counters[name]
    }

    async fn peers(&self) -> Vec<PeerStatus> {
        self.ask(Command::Peers).await
    }

    /// The next event that fits.
    async fn event<T>(&mut self, what: &str, pick: impl Fn(What) -> Option<T>) -> T {
        let next = async {
            loop {
                if let Some(picked) = pick(self.events.recv().await.unwrap().what) {
                    return picked;
                }
            }
        };
        soon(what, next).await
    }

    async fn link_up(&mut self) -> String {
        let pick = |what| match what {
            What::LinkUp { link, .. } => Some(link.peer),
            _ => None,
        };
        self.event("a link", pick).await
    }

    async fn accepted(&mut self, id: ItemId) {
        let pick = |what| match what {
            What::Accepted { id: other, .. } => (other == id).then_some(()),
            _ => None,
        };
        self.event("acceptance", pick).await;
    }

    async fn dial_failed(&mut self) -> String {
        let pick = |what| match what {
            What::DialFailed { why, .. } => Some(why),
            _ => None,
        };
        self.event("a failed dial", pick).await
    }

    /// Asks until the answer is as it must be.
    async fn until(&self, what: &str, fits: impl Fn(&Status, &[PeerStatus]) -> bool) {
        let asking = async {
            while !fits(&self.status().await, &self.peers().await) {
                tokio::task::yield_now().await;
            }
        };
        soon(what, asking).await;
    }
}

/// Nodes in a row, each dialling the one before.
async fn row(count: usize) -> Vec<TestNode> {
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
fn free_addr() -> PeerAddr {
    PeerAddr::tcp(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// A peer that a test plays itself, under rules that allow more than the nodes'.
struct RawPeer {
    net: Net,
    link: Link,
}

impl RawPeer {
    /// Two peers with a link between them; the first dialled.
    async fn pair() -> [Self; 2] {
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

    async fn connect(to: &TestNode) -> Self {
        let mut net = Self::net(&[]).await;
        net.dial(to.addr);
        let connected = next(&mut net).await;
        let NetEvent::Connected { link, addr, .. } = connected else { panic!("{connected:?}") };
        assert_eq!(addr, Some(to.addr));
        let hello = Hello { version: VERSION, features: 0, advertise: None, region: None };
        net.send(link, Message::Session(Session::Hello(Box::new(hello))));
        let mut peer = Self { net, link };
        peer.message(|message| {
            matches!(message, Message::Session(Session::Hello(_))).then_some(())
        })
        .await;
        peer
    }

    async fn net(listen: &[&str]) -> Net {
        let chain = Opaque { max_tx_bytes: 10_000_000, max_block_bytes: 10_000_000 };
        let config = NetConfig {
            keypair: Keypair::generate_ed25519(),
            network: "loopback".to_owned(),
            chain: Arc::new(chain),
            listen: listen.iter().map(|addr| addr.parse().unwrap()).collect(),
            inbound_max: 1,
            links: None,
            clock: Clock::start(None),
        };
        Net::start(&config).await.unwrap()
    }

    fn send(&mut self, message: Message) {
        self.net.send(self.link, message);
    }

    /// The next message that fits.
    async fn message<T>(&mut self, pick: impl Fn(&Message) -> Option<T>) -> T {
        loop {
            match next(&mut self.net).await {
                NetEvent::Received { messages, .. } => {
                    if let Some(picked) = messages.iter().find_map(&pick) {
                        return picked;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for a pong: whatever was sent before has been read.
    async fn ping(&mut self, nonce: u64) {
        self.send(Message::Session(Session::Ping { nonce }));
        self.message(|message| {
            (*message == Message::Session(Session::Pong { nonce })).then_some(())
        })
        .await;
    }

    /// The next event that isn't about messages.
    async fn news(&mut self) -> NetEvent {
        loop {
            match next(&mut self.net).await {
                NetEvent::Received { .. } => {}
                news => return news,
            }
        }
    }

    async fn disconnected(&mut self) {
        while !matches!(next(&mut self.net).await, NetEvent::Disconnected { .. }) {}
    }
}

async fn next(net: &mut Net) -> NetEvent {
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

#[tokio::test]
async fn an_item_submitted_at_one_node_arrives_at_all() {
    let mut nodes = row(5).await;
    for (index, kind) in [(0, ItemKind::Tx), (4, ItemKind::Block)] {
        let bytes = vec![7; 40_000 + index];
        let submitted = nodes[index].submit(kind, &bytes).await;
        assert_eq!(submitted.outcome, Outcome::Accepted);
        let id = submitted.id.unwrap();
        for node in &mut nodes {
            node.accepted(id).await;
            let held = node.ask(|reply| Command::Item { id, reply }).await;
            assert_eq!(held.as_deref(), Some(&bytes[..]));
        }
        assert_eq!(nodes[2].submit(kind, &bytes).await.outcome, Outcome::AlreadyKnown);
    }
}

#[tokio::test]
async fn an_item_that_breaks_a_rule_is_refused_by_name() {
    let node = start(config(&[])).await;
    let empty = node.submit(ItemKind::Tx, b"").await;
    assert_eq!((empty.outcome, empty.rule.as_deref()), (Outcome::Rejected, Some("empty")));
    let long = node.submit(ItemKind::Tx, &vec![0; 100_001]).await;
    assert_eq!((long.outcome, long.rule.as_deref()), (Outcome::Rejected, Some("too-large")));
}

#[tokio::test]
async fn a_node_of_another_network_is_told_apart() {
    let here = start(config(&[])).await;
    let mut elsewhere = config(&[here.addr]);
    elsewhere.network = "elsewhere".to_owned();
    let mut elsewhere = start(elsewhere).await;
    assert_eq!(elsewhere.dial_failed().await, "it belongs to another network");
    assert!(here.peers().await.is_empty());
}

#[tokio::test]
async fn a_node_that_dials_itself_notices() {
    let port = free_addr().port;
    // The address that it listens on, and one that leads to it all the same.
    for ip in ["127.0.0.1", "127.0.0.2"] {
        let mut node = config(&[format!("{ip}:{port}").parse().unwrap()]);
        node.listen = vec![format!("0.0.0.0:{port}").parse().unwrap()];
        let mut node = start(node).await;
        assert_eq!(node.dial_failed().await, "it is this node's own address", "{ip}");
        assert!(node.peers().await.is_empty());
        node.ask(Command::Stop).await;
        soon("the end", node.task).await.unwrap();
    }
}

#[tokio::test]
async fn a_node_that_nobody_answers_for_is_unreachable() {
    let mut node = start(config(&[free_addr()])).await;
    assert_eq!(node.dial_failed().await, "nobody answered");
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_keep_one_link() {
    let (left, right) = (free_addr(), free_addr());
    let (mut a, mut b) = (config(&[right]), config(&[left]));
    (a.listen, b.listen) = (vec![left], vec![right]);
    let (a, mut b) = tokio::join!(start(a), start(b));
    // Each dial has come to an end, and of their links one is left.
    let settled = |status: &Status, peers: &[PeerStatus]| {
        let count = |name: &str| status.counters[name];
        let ended = count("net_links_outbound") + count("net_dials_failed");
        count("net_dials") > 0 && ended == count("net_dials") && peers.len() == 1
    };
    a.until("one link", settled).await;
    b.until("one link", settled).await;
    a.until("one link", settled).await;
    let submitted = a.submit(ItemKind::Tx, b"over the link that stayed").await;
    b.accepted(submitted.id.unwrap()).await;
}

#[tokio::test]
async fn bytes_that_are_no_message_end_the_link_and_nothing_else() {
    let mut nodes = row(2).await;
    // An empty part, a ping that is too short, an item longer than the rules allow.
    let chain = Opaque { max_tx_bytes: 10_000_000, max_block_bytes: 10_000_000 };
    let oversized = chain.item(ItemKind::Tx, vec![1; 200_000].into()).unwrap();
    let bad = [
        Message::Unknown { kind: 0, len: 3 },
        Message::Unknown { kind: 2, len: 3 },
        Message::Items(Items::Item(oversized)),
    ];
    for (count, message) in (0..).zip(bad) {
        let mut peer = RawPeer::connect(&nodes[0]).await;
        nodes[0].link_up().await;
        peer.send(message);
        peer.disconnected().await;
        assert_eq!(nodes[0].counter("misbehaved").await, u64::from(count) + 1);
        let submitted = nodes[0].submit(ItemKind::Tx, &[9, count]).await;
        nodes[1].accepted(submitted.id.unwrap()).await;
    }
}

#[tokio::test]
async fn messages_of_unknown_kinds_are_skipped_and_counted() {
    let node = start(config(&[])).await;
    let mut peer = RawPeer::connect(&node).await;
    for len in [0, 5, 60_000] {
        peer.send(Message::Unknown { kind: 200, len });
    }
    peer.ping(1).await;
    let status = node.status().await;
    assert_eq!(status.traffic["unknown"].received_messages, 3);
    assert_eq!(node.peers().await.len(), 1, "and the link stays");
}

#[tokio::test]
async fn a_peer_that_stops_reading_congests_only_itself() {
    let mut nodes = row(2).await;
    let block = vec![3; 2_000_000];
    let submitted = nodes[0].submit(ItemKind::Block, &block).await;
    let id = submitted.id.unwrap();
    nodes[1].accepted(id).await;
    let mut peer = RawPeer::connect(&nodes[0]).await;
    peer.net.throttle(peer.link, Instant::now() + Duration::from_secs(3_600));
    for _ in 0..100 {
        let ids = Arc::from([id]);
        peer.send(Message::Items(Items::GetData(Names::Whole { kind: ItemKind::Block, ids })));
    }
    let congested = |status: &Status, _: &[PeerStatus]| status.counters["net_congested"] > 0;
    let driven = async {
        tokio::select! {
            () = nodes[0].until("congestion", congested) => {}
            () = async { loop { peer.net.wait().await; drop(peer.net.next_event()); } } => {}
        }
    };
    soon("congestion", driven).await;
    for round in 0..20 {
        let submitted = nodes[0].submit(ItemKind::Tx, &[5, round]).await;
        nodes[1].accepted(submitted.id.unwrap()).await;
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let node = start(config(&[])).await;
    let mut second = config(&[]);
    second.listen = vec![node.addr];
    let (_commands, commands_rx) = mpsc::channel(1);
    let (events, _) = broadcast::channel(1);
    let error = Shell::start(second, commands_rx, events).await.unwrap_err();
    assert!(matches!(error, ShellError::Net(NetError::Listen { addr, .. }) if addr == node.addr));
    let text = error.to_string();
    assert!(text.contains(&node.addr.to_string()) && text.contains("node.listen"), "{text}");
}

#[tokio::test]
async fn nodes_go_on_when_one_of_them_is_killed() {
    let mut nodes = row(3).await;
    let extra = start(config(&[nodes[0].addr, nodes[2].addr])).await;
    extra.until("two links", |_, peers| peers.len() == 2).await;
    let killed = nodes.remove(1);
    killed.task.abort();
    for node in &mut nodes {
        let down = |what| matches!(what, What::LinkDown { .. }).then_some(());
        node.event("the end of a link", down).await;
    }
    let submitted = nodes[0].submit(ItemKind::Tx, b"the other way round").await;
    nodes[1].accepted(submitted.id.unwrap()).await;
}

#[tokio::test]
async fn nothing_arrives_from_a_throttled_link_until_it_is_time() {
    let node = start(config(&[])).await;
    let mut peer = RawPeer::connect(&node).await;
    peer.ping(1).await;
    let until = Instant::now() + Duration::from_millis(300);
    peer.net.throttle(peer.link, until);
    peer.ping(2).await;
    assert!(Instant::now() >= until);
    peer.ping(3).await;
    assert!(Instant::now() < until + Duration::from_secs(10), "and then it is over");
}

#[tokio::test]
async fn a_peer_over_its_budget_is_slowed_and_not_closed() {
    let mut slow = config(&[]);
    slow.params.budgets.messages.per_s = 100.0;
    slow.params.budgets.messages.burst = 50.0;
    let node = start(slow).await;
    let mut peer = RawPeer::connect(&node).await;
    let begun = Instant::now();
    for nonce in 0..100 {
        peer.send(Message::Session(Session::Ping { nonce }));
    }
    peer.message(|message| {
        (*message == Message::Session(Session::Pong { nonce: 99 })).then_some(())
    })
    .await;
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    assert!(node.counter("net_throttled").await > 0);
    assert_eq!(node.counter("misbehaved").await, 0);
}

#[tokio::test]
async fn the_address_book_and_the_trace_outlive_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let other = start(config(&[])).await;
    let files = |mut config: ShellConfig| {
        config.addresses = Some(folder.path().join("addresses.json"));
        config.trace = Some(folder.path().join("trace.csv"));
        config
    };
    let mut first = config(&[]);
    first.bootstrap = vec![other.addr];
    let mut first = start(files(first)).await;
    first.link_up().await;
    let id = first.submit(ItemKind::Tx, b"traced").await.id.unwrap();
    first.ask(Command::Stop).await;
    soon("the end", first.task).await.unwrap();
    let trace = std::fs::read_to_string(folder.path().join("trace.csv")).unwrap();
    assert!(trace.contains(&format!(",accepted,tx,{id},6,-\n")), "{trace}");
    let mut second = start(files(config(&[]))).await;
    assert_eq!(second.ask(Command::Addresses).await, [other.addr]);
    second.link_up().await;
}

/// An item of a size.
fn item(bytes: usize) -> Message {
    let chain = Opaque { max_tx_bytes: 10_000_000, max_block_bytes: 10_000_000 };
    Message::Items(Items::Item(chain.item(ItemKind::Tx, vec![1; bytes].into()).unwrap()))
}

#[tokio::test]
async fn messages_given_back_come_before_what_arrived_since() {
    let [mut from, mut to] = RawPeer::pair().await;
    let (mut sent, mut nonces) = (0, Vec::new());
    while nonces.len() < 50 {
        for _ in 0..3 {
            from.net.send(from.link, Message::Session(Session::Ping { nonce: sent }));
            sent += 1;
        }
        let event = next(&mut to.net).await;
        let NetEvent::Received { link, mut messages } = event else { panic!("{event:?}") };
        let Message::Session(Session::Ping { nonce }) = messages.remove(0) else {
            panic!("{messages:?}")
        };
        nonces.push(nonce);
        to.net.give_back(link, messages);
    }
    assert!(nonces.into_iter().eq(0..50), "in the order in which they were sent");
}

#[tokio::test]
async fn a_queue_tells_once_that_it_is_full_and_once_that_it_has_drained() {
    let [mut from, mut to] = RawPeer::pair().await;
    for _ in 0..40 {
        from.send(item(100_000));
    }
    let link = from.link;
    assert!(matches!(from.news().await, NetEvent::Congested(it) if it == link));
    let mut taken = 0;
    while taken < 40 {
        if let NetEvent::Received { messages, .. } = next(&mut to.net).await {
            taken += messages.len();
        }
    }
    assert!(matches!(from.news().await, NetEvent::Drained(it) if it == link));
    assert!(from.net.next_event().is_none(), "and nothing more");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_cut_at_the_hard_bound() {
    let [mut from, mut to] = RawPeer::pair().await;
    to.net.throttle(to.link, Instant::now() + Duration::from_secs(3_600));
    for _ in 0..40 {
        from.send(item(1_000_000));
    }
    let link = from.link;
    assert!(matches!(from.news().await, NetEvent::Congested(it) if it == link));
    let cut = from.news().await;
    assert!(
        matches!(cut, NetEvent::Disconnected { link: it, slow: true } if it == link),
        "{cut:?}"
    );
    assert_eq!((from.net.counters().congested, from.net.counters().slow_readers), (1, 1));
    assert!(matches!(to.news().await, NetEvent::Disconnected { slow: false, .. }));
}

#[tokio::test]
async fn shaped_nodes_relay_as_far_apart_as_they_say_and_take_only_shaped_ones() {
    let place = |region| Place { region, node_type: NodeType::Fullnode, seed: 1 };
    let mut here = config(&[]);
    here.links = Some(place(Region::Europe));
    let mut here = start(here).await;
    let mut there = config(&[here.addr]);
    there.links = Some(place(Region::WestAsia));
    let mut there = start(there).await;
    there.link_up().await;
    here.link_up().await;
    let begun = Instant::now();
    let submitted = here.submit(ItemKind::Tx, b"60 ms away").await;
    there.accepted(submitted.id.unwrap()).await;
    // The default strategy sends it whole to its first peer: 60 ms less 5 % of jitter.
    assert!(begun.elapsed() >= Duration::from_millis(57), "{:?}", begun.elapsed());
    let mut plain = start(config(&[here.addr])).await;
    assert_eq!(plain.dial_failed().await, "nobody answered");
}

#[tokio::test]
async fn a_node_in_slow_motion_takes_so_many_times_as_long() {
    const TIMES: u32 = 4;
    let slow = |connect: &[PeerAddr], region| {
        let mut config = config(connect);
        config.links = Some(Place { region, node_type: NodeType::Fullnode, seed: 1 });
        config.slow_motion = Some(SlowMotion::try_from(TIMES).unwrap());
        config
    };
    let mut here = start(slow(&[], Region::Europe)).await;
    let mut there = start(slow(&[here.addr], Region::Australia)).await;
    there.link_up().await;
    here.link_up().await;
    let (begun, from_unix_us) = (Instant::now(), real_unix_us() + 100_000);
    for node in [&here, &there] {
        let slowed = node.ask(|reply| Command::SlowDown { from_unix_us, reply }).await;
        assert_eq!(slowed.map(SlowMotion::times), Ok(TIMES));
    }
    let submitted = here.submit(ItemKind::Tx, b"165 ms away").await;
    there.accepted(submitted.id.unwrap()).await;
    // Of 165 ms less 5 % of jitter, at most 100 pass before the clocks are slow.
    let least = Duration::from_millis(100) + TIMES * Duration::from_millis(56);
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
}
