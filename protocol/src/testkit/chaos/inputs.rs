//! What the bytes mean.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Chaos, SLOTS, membership};
use crate::chain::Chain as _;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Hash256, Item, ItemId, ItemKind, ShortId, twin};
use crate::ground::link::Direction;
use crate::ground::peer::{
    AddressRecord, BookRecord, DialError, PeerAddr, PeerKey, Source, Transport,
};
use crate::ground::subnet::{Banned, Subnet};
use crate::ground::time::Time;
use crate::machine::{Input, Machine as _, RestoredAs};
use crate::reconcile::sketch::Sketch;
use crate::reconcile::sketch::estimate::counts;
use crate::replica::stamp::Tick;
use crate::replica::state::Pen;
use crate::replica::{self, Entry, Key, Kind, Millis, ReplicaId, State, Write};
use crate::testkit::ties::Ties;
use crate::wire::digest::{Digest, FAN, LIST_MAX, List, Span, Split};
use crate::wire::error::DecodeError;
use crate::wire::message::{
    Allowed, Blocks, ByTemplate, Compact, EXTRA_MAX, HEADER_MAX, HEADERS_MAX, Hello, Items,
    LOCATOR_MAX, Message, NOWHERE, Names, Offer, PartNames, Parts, PartsWanted, PeerExchange,
    Reconcile, Replica, SYMBOL_BYTES, Session, Signal, Symbol, SymbolId, Symbols, SymbolsWanted,
    Template,
};
use crate::wire::sketch::{Cells, Want};

/// The bytes, one after the other; zeros when there are no more.
pub(super) struct Script<'a>(pub(super) &'a [u8]);

impl Script<'_> {
    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// One of some.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }
}

impl Chaos {
    /// One thing that happens.
    pub(super) fn step(&mut self, what: u8, script: &mut Script<'_>) {
        let slot = script.below(SLOTS);
        if what >= 240 {
            return self.rare(what, slot, script);
        }
        match what % 20 {
            0 => self.arrive(slot, script),
            1 => self.disconnect(slot),
            2 => self.speak(slot, |chaos| Message::Items(Items::Announce(chaos.names(script)))),
            3 => self.speak(slot, |chaos| Message::Items(Items::GetData(chaos.names(script)))),
            4 => self.speak(slot, |chaos| Message::Items(Items::NotFound(chaos.names(script)))),
            5..=8 => self.speak(slot, |chaos| {
                Message::Items(Items::Item(chaos.items[script.below(chaos.items.len())].clone()))
            }),
            9 if script.byte().is_multiple_of(2) => {
                self.speak(slot, |chaos| match script.byte() % 3 {
                    0 => chaos.about_symbols(script).into(),
                    _ => chaos.about_block(script).into(),
                });
            }
            9 => self.speak(slot, |chaos| chaos.signal(script)),
            10 if script.byte().is_multiple_of(3) => {
                self.speak(slot, |_| Replica::Said(said(script).into()).into());
            }
            10 => self.speak(slot, |chaos| chaos.comparison(script)),
            11 => {
                let item = self.items[script.below(self.items.len())].clone();
                self.hand(Input::Submitted(item));
            }
            12 | 13 => self.give_verdicts(1 + script.below(3), what.is_multiple_of(2)),
            14 => {
                let item = self.items[script.below(self.items.len())].clone();
                let was = [RestoredAs::Kept, RestoredAs::Own, RestoredAs::Orphan][script.below(3)];
                let age = Duration::from_secs(u64::from(script.byte()) * 6_000);
                if self.params_allow(&item, was) {
                    let verified = Ties.verify(&item).unwrap_or_default();
                    self.hand(Input::Restored { item, was, age, verified });
                }
            }
            15 => {
                self.links[slot].into_iter().for_each(|link| self.hand(Input::Congested { link }));
            }
            16 => self.links[slot].into_iter().for_each(|link| self.hand(Input::Drained { link })),
            17 => self.pass(Duration::from_millis(u64::from(script.byte()) * 7)),
            18 => {
                let jump = [1, 20, 300, 4_000, 100_000][script.below(5)];
                self.pass(Duration::from_secs(jump));
            }
            _ => {
                let why = [
                    DialError::Unreachable,
                    DialError::NoRoute,
                    DialError::WrongNetwork,
                    DialError::Myself,
                    DialError::Busy,
                    DialError::Refused,
                    DialError::Handshake,
                    DialError::WrongPeer,
                ][slot % 8];
                if let Some(addr) = self.dialled.pop() {
                    self.hand(Input::DialFailed { addr, why });
                }
            }
        }
    }

    /// Somebody connects, and says hello mostly.
    fn arrive(&mut self, slot: usize, script: &mut Script<'_>) {
        let is_inbound = script.byte().is_multiple_of(2);
        let direction = if is_inbound { Direction::Inbound } else { Direction::Outbound };
        if self.links[slot].is_none() {
            let link = self.connect(slot, key(slot), direction);
            if !script.byte().is_multiple_of(8) {
                let is_fellow = !script.byte().is_multiple_of(4);
                let map = is_fellow.then(|| membership().settings.terms());
                let odd = script.byte();
                let features = match odd % 4 {
                    0 => Hello::REBUILDS | Hello::TEMPLATES,
                    2 => Hello::REBUILDS,
                    _ => 0,
                };
                let symbols = if odd.is_multiple_of(3) { Hello::TAKES_SYMBOLS } else { 0 };
                let features = features | symbols;
                let hello = Hello { map, features, ..Hello::default() };
                self.say(link, Message::Session(Session::Hello(Box::new(hello))));
            }
        }
    }

    /// An offer of a block, of any header and any length; a question for symbols, or a symbol that may be right.
    fn about_symbols(&self, script: &mut Script<'_>) -> Symbols {
        let item = &self.items[script.below(self.items.len())];
        let header = item.bytes().slice(..item.size().min(HEADER_MAX));
        let size = match script.byte() % 3 {
            0 => u32::from(script.byte()) * 700,
            _ => u32::try_from(item.size()).unwrap_or(0),
        };
        match script.byte() % 6 {
            0 => {
                let (has, is_named) = (u16::from(script.byte() % 4), script.byte() > 127);
                Symbols::Offer(Arc::new(Offer { header, size, classes: 2, has, is_named }))
            }
            1 => Symbols::Get(Arc::new(SymbolsWanted {
                block: Hash256::of(&header),
                size,
                stream: u32::from(script.byte() % 4),
                class: 0,
                classes: 1 + script.byte() % 3,
                slice: script.byte(),
                from: script.byte().into(),
                count: script.byte().into(),
            })),
            3 => {
                let Hash256(hash) = Hash256::of(&header);
                let block = u64::from_le_bytes(*hash.first_chunk().expect("a hash has more"));
                Symbols::Classes { block, has: script.byte().into() }
            }
            _ => {
                let number = u16::from(script.byte() % 5);
                let mut bytes = item.bytes().to_vec();
                bytes.resize(SYMBOL_BYTES, 0);
                Symbols::Symbol(Arc::new(Symbol {
                    stream: 1 + u32::from(script.byte() % 8),
                    id: SymbolId { slice: script.byte() % 2, number },
                    is_vouched: script.byte() > 127,
                    is_last: script.byte() > 200,
                    bytes: bytes.into(),
                }))
            }
        }
    }

    /// What is told of blocks to come: a template that begins anew or changes, of transactions that are something; a block by places in
    /// it; a question, or an answer.
    fn about_template(&self, some: &[Arc<Item>], header: Bytes, script: &mut Script<'_>) -> Blocks {
        let ids = || some.iter().map(|item| ShortId::from(item.id()));
        let (number, few) = (u32::from(script.byte() % 3), u16::from(script.byte() % 4));
        match script.byte() % 4 {
            0 => {
                let gone = (0..few).map(|n| (3 * n, 1 + n % 2)).collect();
                let is_new = few == 0;
                Blocks::Template(Arc::new(Template {
                    is_new,
                    number,
                    gone,
                    added: ids().collect(),
                }))
            }
            1 => Blocks::GetListed(ids().take(EXTRA_MAX).collect()),
            2 => Blocks::Listed(some.iter().map(|item| item.bytes().clone()).collect()),
            _ => {
                let along = (0..few).map(|place| (place, self.items[0].bytes().clone()));
                let nowhere = usize::from(few) + some.len();
                let places = std::iter::repeat_n(NOWHERE, nowhere).chain(0..few).collect();
                Blocks::ByTemplate(Arc::new(ByTemplate {
                    header,
                    template: number,
                    places,
                    prefilled: along.collect(),
                    ids: ids().collect(),
                }))
            }
        }
    }

    /// A block as names, of any header and any transactions; a question for parts of it, or parts; or a wish for blocks.
    fn about_block(&self, script: &mut Script<'_>) -> Blocks {
        let header = self.items[script.below(self.items.len())].bytes().clone();
        let header = header.slice(..header.len().min(HEADER_MAX));
        let some = &self.items[..script.below(self.items.len())];
        let block = Hash256::of(&header);
        match script.byte() % 8 {
            6 | 7 => self.about_template(some, header, script),
            0 => Blocks::Prefer(script.byte().is_multiple_of(2)),
            4 => Blocks::GetHeaders(
                some.iter().map(|item| item.id().hash()).take(LOCATOR_MAX).collect(),
            ),
            5 => {
                let begins = |item: &Arc<Item>| item.bytes().slice(..item.size().min(HEADER_MAX));
                Blocks::Headers(some.iter().map(begins).take(HEADERS_MAX).collect())
            }
            1 => {
                let places = (0..u16::from(script.byte())).step_by(3).collect();
                Blocks::GetParts(Arc::new(PartsWanted { block, places }))
            }
            2 => {
                let transactions = some.iter().map(|item| item.bytes().clone()).collect();
                Blocks::Parts(Arc::new(Parts { block, transactions }))
            }
            _ => {
                let nonce = script.byte().into();
                let names = PartNames::of(&header, nonce);
                let prefilled = (0..u16::from(script.byte() % 3))
                    .map(|place| (place, self.items[0].bytes().clone()))
                    .collect();
                let own = [names.name(self.items[0].id())];
                let named = some.iter().map(|item| names.name(item.id()));
                let parts = own.into_iter().chain(named).collect();
                Blocks::Compact(Arc::new(Compact { header, nonce, prefilled, parts }))
            }
        }
    }

    /// A sum over all ids, a list of some, cells of some, or a question for such.
    fn comparison(&self, script: &mut Script<'_>) -> Message {
        let count = script.below(self.items.len());
        let some = self.items[..count].iter().take(LIST_MAX);
        let mut ids: Vec<ShortId> = some.map(|item| item.id().into()).collect();
        ids.sort_unstable();
        ids.dedup();
        let (span, salt) = (Span::ALL, u64::from(script.byte()));
        let splits = [Split { span, sums: [script.byte().into(); FAN] }].into();
        let sketch = |cells: usize| Sketch::of(ids.iter().copied(), cells);
        let of = u32::from(script.byte());
        Message::Reconcile(match script.byte() % 5 {
            4 => Reconcile::Lacked(ids.into()),
            0 => Reconcile::Held([List { span, ids: ids.into() }].into()),
            1 => {
                let cells = sketch(script.byte().into()).told();
                Reconcile::Cells(Box::new(Cells { of, cells }))
            }
            2 => Reconcile::Want(Box::new(Want { of, counts: counts(&sketch(32)) })),
            _ => Reconcile::Digest(Box::new(Digest { salt, splits })),
        })
    }

    /// Items come back as a driver brings them: only what it verified again.
    fn params_allow(&self, item: &Arc<Item>, was: RestoredAs) -> bool {
        Ties.verify(item).is_ok() && (item.kind() == ItemKind::Tx || was == RestoredAs::Kept)
    }

    /// Names of a few items, true and false.
    fn names(&self, script: &mut Script<'_>) -> Names {
        let count = 1 + script.below(4);
        let ids: Vec<ItemId> =
            (0..count).map(|_| self.items[script.below(self.items.len())].id()).collect();
        match script.below(5) {
            0 => Names::Short(ids.iter().map(ShortId::from).collect()),
            1 => Names::Whole {
                kind: ItemKind::Block,
                ids: ids.iter().map(|id| ItemId::block(id.hash())).collect(),
            },
            2 => Names::Whole {
                kind: ItemKind::Tx,
                ids: ids.iter().map(|id| twin(ItemId::tx(id.hash()))).collect(),
            },
            _ => Names::Whole {
                kind: ItemKind::Tx,
                ids: ids.iter().map(|id| ItemId::tx(id.hash())).collect(),
            },
        }
    }

    fn signal(&self, script: &mut Script<'_>) -> Message {
        let id = self.items[script.below(self.items.len())].id();
        let ids = [ShortId::from(id)].into();
        Message::Relay(match script.below(5) {
            0 => Signal::Prune,
            1 => Signal::Graft,
            2 => Signal::Poll,
            3 => Signal::Known(ids),
            _ => Signal::First(ids),
        })
    }

    /// The operator keeps somebody out, or lets somebody in again.
    fn ban(&mut self, script: &mut Script<'_>) {
        let (byte, span) = (script.byte(), Duration::from_secs(3_600));
        let whom = match addresses(script).first() {
            Some(addr) => Banned::Subnet(Subnet::of(addr.ip)),
            None => Banned::Peer(PeerKey(u64::from(byte))),
        };
        self.hand(match byte % 2 {
            0 => Input::Ban { whom, span },
            _ => Input::Unban(whom),
        });
    }

    /// What happens less often.
    fn rare(&mut self, what: u8, slot: usize, script: &mut Script<'_>) {
        match what {
            240 => {
                if let Some(link) = self.links[slot] {
                    self.hand(Input::Malformed { link, error: DecodeError::Truncated });
                }
            }
            241..=244 if self.has_views() => self.speak(slot, |_| about_views(script).into()),
            241 => self.speak(slot, |_| Session::Ping { nonce: script.byte().into() }.into()),
            242 => self.speak(slot, |_| Session::Pong { nonce: script.byte().into() }.into()),
            243 => self.speak(slot, |_| PeerExchange::GetAddresses.into()),
            244 => self.speak(slot, |_| PeerExchange::Addresses(addresses(script).into()).into()),
            245 if script.byte().is_multiple_of(4) => self.ban(script),
            245 if script.byte().is_multiple_of(2) => {
                let from = Source::Lookup(u64::from(script.byte() % 4));
                self.hand(Input::Heard { from, addrs: &addresses(script) });
            }
            245 if script.byte().is_multiple_of(8) => {
                self.hand(Input::Reachable(script.byte().is_multiple_of(2)));
            }
            245 => self.hand(Input::Learned(&addresses(script))),
            246 => {
                let known: Vec<_> =
                    addresses(script).into_iter().map(AddressRecord::reached).collect();
                let anchors = known.iter().map(|record| record.addr).take(3).collect();
                self.hand(Input::Remembered(&BookRecord { anchors, ..known.into() }));
            }
            247 => self.speak(slot, |_| {
                Items::FeeFilter(FeeRate(u64::from(script.byte()) * 1_000)).into()
            }),
            248 => self.speak(slot, |_| Items::Credit(u32::from(script.byte())).into()),
            249 => self.speak(slot, |_| Message::Unknown { kind: 255, len: script.byte().into() }),
            250 | 251 => {
                if self.links[slot].is_none()
                    && let Some(addr) = self.dialled.pop()
                {
                    let (peer, out) = (key(slot), Direction::Outbound);
                    let link = self.connect_at(slot, peer, out, Some(addr));
                    self.say(link, Session::Hello(Box::default()).into());
                }
            }
            252 => self.speak(slot, |_| Session::Hello(Box::new(modest(script))).into()),
            // More than any bound.
            253 => self.speak(slot, |chaos| {
                let salt = script.byte();
                let made = |n: u8| ItemId::tx(Hash256::of(&[n, salt % 4]));
                let kind = if salt.is_multiple_of(8) { ItemKind::Block } else { ItemKind::Tx };
                let ids = (0..40).map(|n| match kind {
                    ItemKind::Tx => made(n),
                    ItemKind::Block => ItemId::block(made(n).hash()),
                });
                let known = chaos.items.iter().map(|item| item.id()).filter(|id| id.kind() == kind);
                Items::Announce(Names::Whole { kind, ids: ids.chain(known).collect() }).into()
            }),
            254 if script.byte().is_multiple_of(2) => self.operate(script),
            254 => {
                if self.node.deadline() != Time::NEVER {
                    self.now = self.now.max(self.node.deadline());
                }
                self.hand(Input::Wake);
            }
            _ => self.hand(Input::Wake),
        }
    }

    /// The operator writes to the map, or the machine's clock is set.
    fn operate(&mut self, script: &mut Script<'_>) {
        if script.byte().is_multiple_of(2) {
            let wall = u64::from(script.byte()) * 40_000;
            return self.hand(Input::Clock { wall });
        }
        let write = match script.below(3) {
            0 => Write::Delete,
            _ => Write::Put(vec![script.byte(); 60].into()),
        };
        let name = [script.byte() % 8];
        let key = Key::new(Kind::Siblings, &name).expect("a name of one byte");
        self.hand(Input::Write { ticket: 0, key: &key, write: &write });
    }

    fn speak(&mut self, slot: usize, message: impl FnOnce(&Self) -> Message) {
        if let Some(link) = self.links[slot] {
            let message = message(self);
            self.say(link, message);
        }
    }
}

/// Who is at the other end of the link in a slot.
pub(super) fn key(slot: usize) -> PeerKey {
    PeerKey(slot as u64 + 1)
}

/// Addresses of some places, of every sort.
fn addresses(script: &mut Script<'_>) -> Vec<PeerAddr> {
    let count = 1 + script.below(4);
    let address = |_| {
        let n = script.byte();
        let ip = match n % 4 {
            0 => IpAddr::from([10, 0, 0, n]),
            1 => IpAddr::from([127, 0, 0, 1]),
            2 => IpAddr::from([0x2a00, 0, 0, 0, 0, 0, 0, n.into()]),
            _ => IpAddr::from([1, 2, n, 4]),
        };
        PeerAddr::new(ip, n.into(), Transport::Tcp)
    };
    (0..count).map(address).collect()
}

/// What may be said about the views of HyParView.
fn about_views(script: &mut Script<'_>) -> PeerExchange {
    let (what, steps) = (script.below(8), script.byte() % 8);
    let (number, yes) = (u32::from(script.byte() % 4), steps.is_multiple_of(2));
    match what {
        0 => PeerExchange::Join,
        1 => PeerExchange::Neighbour { is_urgent: yes },
        2 => PeerExchange::NeighbourReply { is_taken: yes },
        3 => PeerExchange::Disconnect,
        4 | 5 => PeerExchange::ForwardJoin { steps, addr: addresses(script).pop() },
        6 => PeerExchange::Shuffle { number, steps, addrs: addresses(script).into() },
        _ => PeerExchange::ShuffleReply { number, addrs: addresses(script).into() },
    }
}

/// What a replica may say, or may not.
fn said(script: &mut Script<'_>) -> Vec<u8> {
    let millis = u64::from(script.byte()) * 40_000;
    let message = match script.below(5) {
        0 => replica::Message::Pull { after: script.byte().into() },
        1 => replica::Message::Clock { wall: millis },
        2 => replica::Message::Ahead { by: millis },
        3 => replica::Message::Want((0..u64::from(script.byte())).collect()),
        _ => {
            let kind = if script.byte().is_multiple_of(8) { Kind::Set } else { Kind::Siblings };
            let key = Key::new(kind, &[script.byte() % 8]).expect("a name of one byte");
            let write = match kind {
                Kind::Set => Write::Insert(vec![script.byte(); 20].into()),
                _ => Write::Put(vec![script.byte(); 60].into()),
            };
            let writer = ReplicaId(2 + u64::from(script.byte() % 4));
            let tick = Tick { millis, count: 0 };
            let pen = Pen { writer, tick, limit: Millis::MAX };
            let (state, _) = State::written(None, &key, write, pen).expect("it fits the key");
            replica::Message::Entries([Entry { key, state }].into())
        }
    };
    let mut bytes = message.encode();
    bytes.truncate(bytes.len() - usize::from(script.byte().is_multiple_of(16)));
    bytes
}

/// A hello of somebody who takes little, or is old.
fn modest(script: &mut Script<'_>) -> Hello {
    let mut hello = Hello::default();
    let few = u32::from(script.byte());
    hello.accepts.credit = few % 8;
    hello.accepts.txs = Allowed { per_s: few, burst: few };
    hello.accepts.unasked = few.is_multiple_of(2);
    hello.region = few.is_multiple_of(3).then_some(1);
    hello.version -= u16::from(few.is_multiple_of(16));
    hello
}
