//! Frames of Yamux, and messages in them.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tidings::clock::Clock;
use tidings::net::{Keypair, Net, NetConfig, NetEvent, Stranger};
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tidings_protocol::wire::codec;
use tidings_protocol::wire::message::{ANNOUNCE_MAX, Items, Message, Names, Session};

use crate::{Row, cpu, median};

const RULES: Opaque = Opaque { max_tx_bytes: 100_000, max_block_bytes: 4_000_000 };

/// What both sides say when a stream opens.
const NEGOTIATION: &[u8] = b"\x13/multistream/1.0.0\n\x10/tidings/1/cost\n";

/// What a stream says that wants a protocol which we don't speak.
const ELSEWHERE: &[u8] = b"\x13/multistream/1.0.0\n\x0b/ipfs/id/1\n";

/// Connections for each kind.
const LIVES: usize = 21;

/// Turns that the node's tasks get for what was sent at once.
const TURNS: usize = 40;

/// Largest data frame: what a stream's first window lets through.
const LARGEST: usize = 256 << 10;

/// Kinds of frames that carry nothing, and so many of them as are borne: 64, less what opening the link took.
const IDLE: usize = 56;

const DATA: u8 = 0;
const WINDOW: u8 = 1;
const PING: u8 = 2;
const SYN: u8 = 1;
const ACK: u8 = 2;
const RST: u8 = 8;

/// What is sent, in parts none of which is cut, and how many of it that is.
#[derive(Default)]
struct Sent {
    parts: Vec<Vec<u8>>,
    count: usize,
}

/// A frame.
fn frame(kind: u8, flags: u8, stream: u8, length: usize, data: &[u8]) -> Vec<u8> {
    let [a, b, c, d] = u32::try_from(length).expect("it is short").to_be_bytes();
    [&[0, kind, 0, flags, 0, 0, 0, stream, a, b, c, d][..], data].concat()
}

/// The same frames for each number, at once.
fn each(count: usize, of: impl Fn(u8) -> Vec<u8>) -> Sent {
    let numbers = (0..count).map(|n| u8::try_from(n).expect("they are few"));
    Sent { parts: vec![numbers.flat_map(of).collect()], count }
}

/// Messages, so many of them, on the link's stream in frames of a length; counted are frames or messages.
fn say(message: &Message, messages: usize, len: usize, counts_frames: bool) -> Sent {
    let mut out = BytesMut::new();
    (0..messages).for_each(|_| codec::encode(message, &mut out));
    let frames: Vec<_> = out.chunks(len).map(|data| frame(DATA, 0, 1, data.len(), data)).collect();
    let count = if counts_frames { frames.len() } else { messages };
    // What is written at once: a socket takes more than a byte, too.
    let parts = frames.chunks((LARGEST / 2 / (len + 12)).max(1)).map(<[_]>::concat).collect();
    Sent { parts, count }
}

fn item(kind: ItemKind, size: usize) -> Message {
    let item = RULES.item(kind, vec![1; size].into()).expect("it isn't too large");
    Message::Items(Items::Item(item))
}

fn announcement() -> Message {
    let ids = (0..ANNOUNCE_MAX).map(|n| ItemId::tx(Hash256::of(&n.to_le_bytes())));
    Message::Items(Items::Announce(Names::of(ItemKind::Tx, ids.map(Into::into))))
}

/// All kinds, with the ratio that each may not exceed: about three times what was measured.
fn kinds() -> Vec<(&'static str, f64, Sent)> {
    let ping = Message::Session(Session::Ping { nonce: 7 });
    let unknown = Message::Unknown { kind: 200, len: 100 };
    let stream = |n: u8| 3 + 2 * n;
    let opened_and_reset = |n: u8| {
        [frame(WINDOW, SYN, stream(n), 0, &[]), frame(DATA, RST, stream(n), 0, &[])].concat()
    };
    let asked = |n: u8| frame(DATA, SYN, stream(n), ELSEWHERE.len(), ELSEWHERE);
    vec![
        ("stream opened and reset", 12.0, each(IDLE / 2, opened_and_reset)),
        ("stream opened for a protocol we don't speak", 4.0, each(6, asked)),
        ("ping", 4.0, each(IDLE, |n| frame(PING, SYN, 0, n.into(), &[]))),
        ("ping's answer that nobody asked for", 4.0, each(IDLE, |_| frame(PING, ACK, 0, 1, &[]))),
        ("window update", 4.0, each(IDLE, |_| frame(WINDOW, 0, 2, 1, &[]))),
        ("data frame without data", 6.0, each(IDLE, |_| frame(DATA, 0, 1, 0, &[]))),
        (
            "data of a stream that isn't there",
            4.0,
            each(IDLE, |_| frame(DATA, 0, 99, 99, &[1; 99])),
        ),
        ("data frame of 1 byte", 90.0, say(&ping, 2_000, 1, true)),
        ("largest data frame", 25.0, say(&item(ItemKind::Block, 3_900_000), 4, LARGEST, true)),
        ("message: ping", 350.0, say(&ping, 20_000, 16 << 10, false)),
        ("message: of an unknown kind, 100 bytes", 25.0, say(&unknown, 5_000, 16 << 10, false)),
        ("message: 1,024 ids announced", 12.0, say(&announcement(), 100, 16 << 10, false)),
        (
            "message: transaction, 300 bytes",
            45.0,
            say(&item(ItemKind::Tx, 300), 5_000, 16 << 10, false),
        ),
        (
            "message: transaction, 100,000 bytes",
            25.0,
            say(&item(ItemKind::Tx, 100_000), 40, 16 << 10, false),
        ),
        (
            "message: block, 4,000,000 bytes",
            25.0,
            say(&item(ItemKind::Block, 4_000_000), 2, 16 << 10, false),
        ),
    ]
}

/// Measures all kinds.
pub(crate) fn measure() -> Vec<Row> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O needs nothing");
    let rows = kinds().into_iter().map(|(name, limit, sent)| {
        let lives: Vec<_> = (0..LIVES)
            .map(|_| runtime.block_on(async { Life::begin().await.live(&sent).await }))
            .collect();
        let [attacker, victim] =
            [0, 1].map(|who| median(lives.iter().map(|life| life[who]).collect()));
        let bytes = sent.parts.iter().map(Vec::len).sum();
        Row { name, count: sent.count, bytes, attacker, victim, limit }
    });
    rows.collect()
}

/// A connection, and what it has cost.
struct Life {
    net: Net,
    stranger: Stranger,
    /// What the stranger may still send on its stream.
    credit: usize,
    attacker: Duration,
    victim: Duration,
}

impl Life {
    /// Comes up to a link.
    async fn begin() -> Self {
        let config = NetConfig {
            keypair: Keypair::generate_ed25519(),
            network: "cost".to_owned(),
            chain: Arc::new(RULES),
            listen: Vec::new(),
            inbound_max: 4,
            local_addresses: true,
            autonat: false,
            position: None,
            clock: Clock::start(),
        };
        let (net, stranger) = Net::with_stranger(&config).await.expect("the name is a good one");
        let (attacker, victim) = (Duration::ZERO, Duration::ZERO);
        let mut life = Self { net, stranger, credit: LARGEST, attacker, victim };
        for (flags, stream) in [(SYN, 1), (ACK, 2)] {
            life.send(&frame(DATA, flags, stream, NEGOTIATION.len(), NEGOTIATION)).await;
        }
        life.credit -= NEGOTIATION.len();
        (life.attacker, life.victim) = (attacker, victim);
        life
    }

    /// Sends all, and tells what that cost the stranger and the node.
    async fn live(mut self, sent: &Sent) -> [Duration; 2] {
        // What turns take in which there is nothing to do.
        self.turns().await;
        let idle = std::mem::take(&mut self.victim);
        let mut rounds = 0;
        for part in &sent.parts {
            while self.credit < part.len() {
                self.turns().await;
                self.read();
                rounds += 1;
                assert!(rounds < 100_000, "nothing more is granted");
            }
            self.send(part).await;
            self.credit = self.credit.saturating_sub(part.len());
            rounds += 1;
        }
        self.turns().await;
        [self.attacker, self.victim.saturating_sub(idle * (rounds + 1))]
    }

    async fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let began = cpu();
            let taken =
                self.stranger.send(bytes).expect("no kind is sent so often that the link ends");
            self.attacker += cpu() - began;
            bytes = &bytes[taken..];
            self.turns().await;
        }
        self.read();
    }

    /// The node has its turns; what it was sent is dropped.
    async fn turns(&mut self) {
        let began = cpu();
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
            while let Some(event) = self.net.next_event() {
                if let NetEvent::Received { link, messages } = event {
                    self.net.recycle(link, messages);
                }
            }
        }
        self.victim += cpu() - began;
    }

    /// The stranger reads, and learns what it may send.
    fn read(&mut self) {
        let began = cpu();
        while let Some(came) = self.stranger.receive().filter(|came| !came.is_empty()) {
            let heads = came
                .windows(12)
                .filter(|head| head[..2] == [0, WINDOW] && head[4..8] == [0, 0, 0, 1]);
            let granted = heads.filter_map(|head| head[8..].first_chunk().copied());
            self.credit += granted.map(|four| u32::from_be_bytes(four) as usize).sum::<usize>();
        }
        self.attacker += cpu() - began;
    }
}
