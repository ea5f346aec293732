//! A peer that sends whatever it likes over an in-memory connection: frames of Yamux, messages in them, and bytes that are
//! neither; and a driver that takes its time. Seen through the node's public face; `node/tests/strangers` compiles this
//! file too and replays the same inputs.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tidings::clock::Clock;
use tidings::net::{Keypair, Net, NetConfig, NetEvent, Stranger, link_held_max};
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Link;
use tidings_protocol::wire::codec;
use tidings_protocol::wire::kinds::Class;
use tidings_protocol::wire::message::{Items, Message, Session};
use tokio::time::Instant;

/// So that blocks travel in parts.
const RULES: Opaque = Opaque { max_tx_bytes: 20_000, max_block_bytes: 60_000 };

/// What both sides say when a stream opens.
const NEGOTIATION: &[u8] = b"\x13/multistream/1.0.0\n\x10/tidings/1/fuzz\n";

/// Longest run of turns that the node's tasks get after each step.
const TURNS: usize = 8;

/// A connection's life: each step's first byte says what happens. Returns how many frames the stranger sent.
///
/// # Panics
/// When more is held than may be, or anything is left of it in the end.
pub fn links(bytes: &[u8]) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing");
    runtime.block_on(async {
        let config = NetConfig {
            keypair: Keypair::generate_ed25519(),
            network: "fuzz".to_owned(),
            chain: Arc::new(RULES),
            listen: Vec::new(),
            inbound_max: 4,
            local_addresses: true,
            autonat: false,
            position: None,
            clock: Clock::start(),
        };
        let (net, stranger) = Net::with_stranger(&config).await.expect("the name is a good one");
        let mut life = Life {
            net,
            stranger,
            link: None,
            lent: None,
            input: bytes,
            out: Vec::new(),
            queued: 0,
            frames: 0,
            came: Vec::new(),
            credit: 256 << 10,
            opened: 1,
            is_over: false,
        };
        life.run().await;
        life.frames
    })
}

struct Life<'a> {
    net: Net,
    stranger: Stranger,
    link: Option<Link>,
    /// What the driver has taken and not settled.
    lent: Option<(Link, Vec<Message>)>,
    input: &'a [u8],
    /// What the stranger sends as soon as it is taken, and how many frames that is.
    out: Vec<u8>,
    queued: u64,
    /// Frames that were taken.
    frames: u64,
    /// Of what the node sent, what isn't looked at yet.
    came: Vec<u8>,
    /// What the stranger may still send on its stream.
    credit: usize,
    /// The last stream that it opened.
    opened: u8,
    /// The node has closed the connection.
    is_over: bool,
}

impl Life<'_> {
    async fn run(&mut self) {
        // Half of all lives begin with a link, which few would come to by chance.
        if self.byte().is_multiple_of(2) {
            for (flags, stream) in [(1, 1), (2, 2)] {
                self.frame(0, flags, stream, NEGOTIATION);
                self.flush();
                self.turns().await;
            }
        }
        while !self.input.is_empty() && !self.is_over {
            self.step().await;
            self.flush();
            self.turns().await;
            let (held, max) = self.net.held_bytes();
            let link_max = link_held_max(RULES.max_size(ItemKind::Block));
            assert!(held <= link_max && held <= max, "{held} bytes are held for one connection");
        }
        if let Some((link, messages)) = self.lent.take() {
            self.net.recycle(link, messages);
        }
        if let Some(link) = self.link {
            self.net.disconnect(link);
        }
        // Neither side reads any more, and it ends all the same.
        tokio::time::sleep(Duration::from_secs(60)).await;
        self.events();
        if self.link.is_none() {
            assert_eq!(self.net.held_bytes().0, 0, "something is left of it");
        }
    }

    /// What ends a connection at once is rare, so that lives are long.
    async fn step(&mut self) {
        match self.byte() % 64 {
            0 | 1 | 3 if !self.byte().is_multiple_of(16) => {}
            0 => {
                let bytes = self.take();
                self.out.extend(bytes);
            }
            1 => {
                let (kind, flags, stream) = (self.byte() % 5, self.byte() % 16, self.byte() % 8);
                let bytes = self.take();
                self.frame(kind, flags, stream, &bytes);
            }
            2 => {
                let (kind, flags, stream, length) =
                    (1 + self.byte() % 3, self.byte() % 16, self.byte() % 4, self.byte());
                self.head(kind, flags, stream, u32::from(length) << (length % 25));
            }
            3 => {
                let bytes = self.take();
                self.frame(0, 0, 1, &bytes);
            }
            4..=7 => {
                // A window update, a ping, a stream opened or reset.
                let (what, which) = (self.byte(), self.opened);
                match what % 4 {
                    0 => self.head(1, 0, 2, 1 << 16),
                    1 => self.head(2, 1, 0, 7),
                    2 => {
                        self.opened = self.opened.wrapping_add(2);
                        self.head(1, 1, self.opened, 0);
                    }
                    _ => self.head(0, 8, which, 0),
                }
            }
            8..=31 => {
                let message = self.message();
                let mut out = BytesMut::new();
                codec::encode(&message, &mut out);
                // Mostly it keeps to its window, or most lives would end by that.
                if out.len() + 2_000 > self.credit {
                    return;
                }
                // Small frames are many, and large ones are as likely.
                let cut = 1 + usize::from(self.byte()).pow(2) / 16;
                out.chunks(cut).for_each(|part| self.frame(0, 0, 1, part));
            }
            32..=35 => {
                tokio::time::sleep(Duration::from_millis(u64::from(self.byte()) * 100)).await;
            }
            36..=43 => self.events(),
            44..=49 => self.settle(),
            50..=55 => self.read(),
            _ => {
                let message = self.message();
                if let Some(link) = self.link {
                    self.net.send(link, message);
                }
            }
        }
    }

    /// Reads what came, and learns of the window updates in it.
    fn read(&mut self) {
        while let Some(bytes) = self.stranger.receive().filter(|bytes| !bytes.is_empty()) {
            self.came.extend(bytes);
        }
        let mut rest = &self.came[..];
        while let Some((head, tail)) = rest.split_first_chunk::<12>() {
            let [_, kind, _, _, stream @ .., a, b, c, d] = *head;
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let data = if kind == 0 { length } else { 0 };
            let Some((_, next)) = tail.split_at_checked(data) else { break };
            if kind == 1 && stream == [0, 0, 0, 1] {
                self.credit += length;
            }
            rest = next;
        }
        self.came = rest.to_vec();
    }

    /// The driver looks at what happened.
    fn events(&mut self) {
        while self.lent.is_none() {
            match self.net.next_event() {
                Some(NetEvent::Connected { link, .. }) => self.link = Some(link),
                Some(NetEvent::Disconnected { link, .. }) => {
                    assert_eq!(self.link.take(), Some(link));
                }
                Some(NetEvent::Received { link, messages }) => self.lent = Some((link, messages)),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// The driver is done with what it took, or throttles the link in between, or has no time for the rest.
    fn settle(&mut self) {
        let choice = self.byte();
        let Some((link, mut messages)) = self.lent.take() else { return };
        match choice % 3 {
            0 => self.net.recycle(link, messages),
            1 => {
                let until = Instant::now() + Duration::from_millis(u64::from(choice) * 10);
                let class =
                    Class::ALL.get(usize::from(choice) / 3 % (Class::ALL.len() + 1)).copied();
                self.net.throttle(link, class, until);
                messages.drain(..messages.len() / 2);
                self.net.hold(link, messages);
            }
            _ => {
                messages.drain(..messages.len() / 2);
                self.net.give_back(link, messages);
            }
        }
    }

    fn message(&mut self) -> Message {
        // Small ones are as likely as large ones: each is hashed, and that is what takes long.
        let (kind, size) = (self.byte(), usize::from(self.byte()).pow(2) / 256);
        let item = |kind, bytes: usize| {
            let item = RULES.item(kind, vec![1; bytes].into()).expect("it isn't too large");
            Message::Items(Items::Item(item))
        };
        match kind % 4 {
            0 => Message::Session(Session::Ping { nonce: 1 }),
            1 => Message::Session(Session::Hello(Box::default())),
            2 => item(ItemKind::Tx, 1 + size * 78),
            _ => item(ItemKind::Block, 1 + size * 235),
        }
    }

    fn head(&mut self, kind: u8, flags: u8, stream: u8, length: u32) {
        let [a, b, c, d] = length.to_be_bytes();
        self.out.extend([0, kind, 0, flags, 0, 0, 0, stream, a, b, c, d]);
        self.queued += 1;
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u8, data: &[u8]) {
        self.head(kind, flags, stream, u32::try_from(data.len()).expect("it is short"));
        if kind == 0 {
            self.out.extend(data);
            self.credit = self.credit.saturating_sub(data.len());
        }
    }

    /// Sends as much as is taken now.
    fn flush(&mut self) {
        while !self.out.is_empty() {
            match self.stranger.send(&self.out) {
                None => self.is_over = true,
                Some(0) => {}
                Some(sent) => {
                    self.out.drain(..sent);
                    continue;
                }
            }
            return;
        }
        // Only those count that somebody reads.
        self.frames += std::mem::take(&mut self.queued);
    }

    /// Lets the node's tasks run.
    async fn turns(&self) {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    }

    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.input.split_first() else { return 0 };
        self.input = rest;
        *byte
    }

    /// Bytes of the input, the first of which says how many.
    fn take(&mut self) -> Vec<u8> {
        let wanted = usize::from(self.byte());
        let (bytes, rest) = self.input.split_at(wanted.min(self.input.len()));
        self.input = rest;
        bytes.to_vec()
    }
}
