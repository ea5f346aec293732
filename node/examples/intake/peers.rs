//! The peers: they announce, deliver what they are asked for, and count what they are told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use libp2p::identity::Keypair;
use tidings::clock::Clock;
use tidings::net::{Net, NetConfig, NetEvent};
use tidings_protocol::ground::item::{Item, ItemKind, Name, ShortId};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::StrategyKind;
use tidings_protocol::wire::message::{Hello, Items, Message, Names, Session};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::CHAIN;

/// Ids in one announcement.
const BATCH: usize = 128;

/// Most ids announced and not asked for.
const AHEAD: usize = 1_024;

/// How often it is looked whether all is done.
const LOOK: Duration = Duration::from_millis(5);

/// How long nothing may happen before the run is over.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all peers do together.
struct Tally {
    /// All begin together, once every link is up.
    start: Barrier,
    /// Ids that the node announced.
    told: AtomicUsize,
}

/// Has peers announce transactions to a node, each by so many of them, until the node has announced each to all
/// others; how many announcements that were.
pub(crate) fn run(
    addr: PeerAddr,
    items: &Arc<[Arc<Item>]>,
    peers: usize,
    announcers: usize,
    strategy: StrategyKind,
) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let all = items.len() * (peers - announcers);
    runtime.block_on(async {
        let tally = Arc::new(Tally { start: Barrier::new(peers), told: AtomicUsize::new(0) });
        let mut tasks = JoinSet::new();
        for peer in 0..peers {
            let holds = |number: usize| (number + peers - peer) % peers < announcers;
            let own = items.iter().enumerate().filter(|(number, _)| holds(*number));
            let own = own.map(|(_, item)| item.clone()).collect();
            let short = strategy == StrategyKind::Adaptive;
            tasks.spawn(Peer::new(addr, own, short, Arc::clone(&tally)).await.run());
        }
        let (mut last, mut since) = (0, Instant::now());
        // What has several announcers is announced back to some of them, so only quiet tells the end.
        while (last < all || announcers > 1) && since.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
            let told = tally.told.load(Ordering::Relaxed);
            if told != last {
                (last, since) = (told, Instant::now());
            }
        }
        last
    })
}

struct Peer {
    net: Net,
    link: Link,
    /// What it has, in the order in which it announces.
    own: Vec<Arc<Item>>,
    by_id: HashMap<ShortId, Arc<Item>>,
    /// Whether it names transactions by short ids, as peers of its strategy do.
    short: bool,
    announced: usize,
    asked: usize,
    tally: Arc<Tally>,
}

impl Peer {
    /// Connects.
    async fn new(addr: PeerAddr, own: Vec<Arc<Item>>, short: bool, tally: Arc<Tally>) -> Self {
        let config = NetConfig {
            keypair: Keypair::generate_ed25519(),
            network: "intake".to_owned(),
            chain: Arc::new(CHAIN),
            listen: Vec::new(),
            inbound_max: 0,
            local_addresses: true,
            autonat: false,
            position: None,
            clock: Clock::start(),
        };
        let mut net = Net::start(&config).await.unwrap();
        net.dial(addr);
        let link = loop {
            net.wait().await;
            match net.next_event() {
                Some(NetEvent::Connected { link, .. }) => break link,
                Some(NetEvent::DialFailed { why, .. }) => {
                    panic!("the node can't be dialled: {why:?}")
                }
                _ => {}
            }
        };
        let hello = Hello::default();
        net.send(link, Message::Session(Session::Hello(Box::new(hello))));
        let by_id = own.iter().map(|item| (item.id().into(), item.clone())).collect();
        Self { net, link, own, by_id, short, announced: 0, asked: 0, tally }
    }

    async fn run(mut self) {
        let tally = Arc::clone(&self.tally);
        loop {
            self.net.wait().await;
            while let Some(event) = self.net.next_event() {
                match event {
                    NetEvent::Received { link, messages } => {
                        if messages
                            .iter()
                            .any(|message| matches!(message, Message::Session(Session::Hello(_))))
                        {
                            tally.start.wait().await;
                        }
                        messages.iter().for_each(|message| self.on_message(message));
                        self.net.recycle(link, messages);
                        self.announce();
                    }
                    NetEvent::Disconnected { .. } => panic!("the node closed a link"),
                    _ => {}
                }
            }
        }
    }

    fn announce(&mut self) {
        while self.announced < self.own.len() && self.announced - self.asked < AHEAD {
            let until = self.own.len().min(self.announced + BATCH);
            let own = &self.own[self.announced..until];
            let kind = own[0].kind();
            let name = |item: &Arc<Item>| match self.short && kind == ItemKind::Tx {
                true => Name::Short(item.id().into()),
                false => Name::Whole(item.id()),
            };
            let message = Message::Items(Items::Announce(Names::of(kind, own.iter().map(name))));
            self.net.send(self.link, message);
            self.announced = until;
        }
    }

    fn on_message(&mut self, message: &Message) {
        match message {
            Message::Items(Items::GetData(names)) => {
                names.iter().for_each(|name| self.deliver(name.short()));
            }
            Message::Items(Items::Announce(names)) => self.count(names.len()),
            Message::Items(Items::Item(_)) => self.count(1),
            Message::Session(Session::Ping { nonce }) => {
                self.net.send(self.link, Message::Session(Session::Pong { nonce: *nonce }));
            }
            _ => {}
        }
    }

    fn deliver(&mut self, id: ShortId) {
        self.asked += 1;
        let item = self.by_id.get(&id).unwrap().clone();
        self.net.send(self.link, Message::Items(Items::Item(item)));
    }

    fn count(&self, ids: usize) {
        self.tally.told.fetch_add(ids, Ordering::Relaxed);
    }
}
