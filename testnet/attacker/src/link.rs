//! A link of the relay protocol from its dialling end, correct unless told otherwise.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tidings_protocol::wire::codec;
use tidings_protocol::wire::frame::Reader;
use tidings_protocol::wire::message::{Hello, Items, Message, Names, Session};
use tokio::time::timeout;

use crate::mux::Mux;
use crate::secure::{MULTISTREAM, NOT_AVAILABLE, line, take_line};
use crate::target::Target;
use crate::tcp::Counts;

/// Messages heard and not yet taken; over it the oldest is dropped.
const HEARD_MAX: usize = 1_024;

/// Protocol of libp2p's identify.
pub const IDENTIFY: &str = "/ipfs/id/1.0.0";

/// A link.
pub struct Link {
    /// What it runs on.
    pub mux: Mux,
    /// Our stream, on which we send.
    pub stream: u32,
    /// The peer's stream, once it is agreed on.
    theirs: Option<u32>,
    protocol: String,
    /// What identify is answered with; that nobody speaks it if empty.
    identify: Vec<u8>,
    chain: Arc<dyn Chain>,
    reader: Reader,
    heard: VecDeque<Message>,
    /// Whether received messages are looked at; else their bytes are dropped.
    pub listens: bool,
    encoded: BytesMut,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Link {
    /// Opens a link on a session, and says nothing.
    ///
    /// # Errors
    /// When the streams don't come up.
    pub async fn before_hello(mut mux: Mux, target: &Target, identify: &[u8]) -> io::Result<Self> {
        let (stream, protocol) = (mux.open(), target.protocol());
        mux.data(stream, &[line(MULTISTREAM), line(&protocol)].concat());
        let mut link = Self {
            mux,
            stream,
            theirs: None,
            protocol,
            identify: identify.to_vec(),
            chain: target.chain(),
            reader: Reader::default(),
            heard: VecDeque::new(),
            listens: true,
            encoded: BytesMut::new(),
        };
        let mut agreed = 0;
        while agreed < 2 || link.theirs.is_none() {
            link.turn().await?;
            while let Some(ours) = link.mux.stream(stream)
                && let Some(answer) = take_line(&mut ours.received)
            {
                if answer == NOT_AVAILABLE {
                    return Err(io::ErrorKind::Unsupported.into());
                }
                agreed += 1;
            }
        }
        Ok(link)
    }

    /// Says hello, and waits for the peer's.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn greet(&mut self, counts: &Counts) -> io::Result<()> {
        self.say(&Message::Session(Session::Hello(Hello::default().into()))).await?;
        self.flush().await?;
        self.until(|message| matches!(message, Message::Session(Session::Hello(_)))).await?;
        counts.linked();
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn say(&mut self, message: &Message) -> io::Result<()> {
        self.encoded.clear();
        codec::encode(message, &mut self.encoded);
        let bytes = self.encoded.split().freeze();
        self.raw(&bytes).await
    }

    /// Sends an item.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn give(&mut self, item: &Arc<Item>) -> io::Result<()> {
        self.say(&Message::Items(Items::Item(Arc::clone(item)))).await
    }

    /// Sends any bytes where messages are expected.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.mux.send(self.stream, bytes).await?;
        self.attend()
    }

    /// Asks for items of a kind.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn ask(&mut self, kind: ItemKind, ids: Vec<ItemId>) -> io::Result<()> {
        let names = Names::Whole { kind, ids: ids.into() };
        self.say(&Message::Items(Items::GetData(names))).await
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.mux.flush().await
    }

    /// Does what is to be done, and waits if that is nothing.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn turn(&mut self) -> io::Result<()> {
        self.mux.turn().await?;
        self.attend()
    }

    /// Stays for a while.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn stay(&mut self, duration: Duration) -> io::Result<()> {
        let staying = async {
            loop {
                self.turn().await?;
            }
        };
        timeout(duration, staying).await.unwrap_or(Ok(()))
    }

    /// Stays for good.
    ///
    /// # Errors
    /// When the link ends: always.
    pub async fn stay_for_good(&mut self) -> io::Result<()> {
        loop {
            self.turn().await?;
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn hear(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = self.heard.pop_front() {
                return Ok(message);
            }
            self.turn().await?;
        }
    }

    /// The next message that fits; others are dropped.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn until(&mut self, fits: impl Fn(&Message) -> bool) -> io::Result<Message> {
        loop {
            let message = self.hear().await?;
            if fits(&message) {
                return Ok(message);
            }
        }
    }

    /// Waits for an answer to a ping: all that was sent before has been read.
    ///
    /// # Errors
    /// When the link ends.
    pub async fn ping(&mut self, nonce: u64) -> io::Result<()> {
        self.say(&Message::Session(Session::Ping { nonce })).await?;
        self.flush().await?;
        self.until(|message| *message == Message::Session(Session::Pong { nonce })).await?;
        Ok(())
    }

    /// Agrees on streams that the peer opened, takes in messages, and answers its pings.
    fn attend(&mut self) -> io::Result<()> {
        let mut answers = Vec::new();
        for (id, stream) in self.mux.streams() {
            let is_negotiating = id % 2 == 0 && self.theirs != Some(id);
            while is_negotiating && let Some(asked) = take_line(&mut stream.received) {
                let is_identify = asked == IDENTIFY && !self.identify.is_empty();
                let known = asked == MULTISTREAM || asked == self.protocol || is_identify;
                answers.push((id, line(if known { &asked } else { NOT_AVAILABLE })));
                if is_identify {
                    answers.push((id, self.identify.clone()));
                }
                if asked == self.protocol {
                    self.theirs = Some(id);
                    break;
                }
            }
        }
        answers.iter().for_each(|(id, answer)| self.mux.data(*id, answer));
        self.take_messages()
    }

    fn take_messages(&mut self) -> io::Result<()> {
        let Some(stream) = self.theirs.and_then(|id| self.mux.stream(id)) else { return Ok(()) };
        if stream.is_over && stream.received.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !self.listens {
            stream.received.clear();
            return Ok(());
        }
        let bytes = stream.received.split();
        let mut rest = &bytes[..];
        let mut nonces = Vec::new();
        while let Some(message) =
            self.reader.read(&mut rest, &*self.chain).map_err(io::Error::other)?
        {
            if let Message::Session(Session::Ping { nonce }) = message {
                nonces.push(nonce);
            }
            if self.heard.len() >= HEARD_MAX {
                self.heard.pop_front();
            }
            self.heard.push_back(message);
        }
        debug_assert!(!rest.has_remaining(), "the reader keeps what is incomplete");
        for nonce in nonces {
            self.encoded.clear();
            codec::encode(&Message::Session(Session::Pong { nonce }), &mut self.encoded);
            let pong = self.encoded.split();
            self.mux.data(self.stream, &pong);
        }
        Ok(())
    }
}
