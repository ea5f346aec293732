//! The wire as a whole: what is encoded arrives, whatever arrives is survived, and the format only
//! changes on purpose.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::fee::FeeRate;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind, ShortId};
use tidings_protocol::ground::peer::{PeerAddr, Transport};
use tidings_protocol::wire::codec::{self, PART_MAX};
use tidings_protocol::wire::digest::{
    Digest, FAN, LIST_MAX, LISTED_MAX, LISTS_MAX, List, SPLITS_MAX, Span, Split,
};
use tidings_protocol::wire::error::DecodeError;
use tidings_protocol::wire::frame::{Reader, Writer};
use tidings_protocol::wire::kinds::{Class, MessageKind};
use tidings_protocol::wire::message::{
    ADDRESSES_MAX, ANNOUNCE_MAX, Accepts, Allowed, Blocks, ByTemplate, Compact, EXTRA_MAX,
    GETDATA_MAX, HEADER_MAX, HEADERS_MAX, Hello, Items, KNOWN_MAX, LOCATOR_MAX, MapTerms, Message,
    NOWHERE, Names, PartId, Parts, PartsWanted, PeerExchange, Reconcile, Replica, SAID_MAX,
    SHUFFLED_MAX, Session, Signal, TEMPLATE_MAX, Template,
};
use tidings_protocol::wire::sketch::{CELLS_MAX, COUNTS_MAX, Cell, Cells, Want};

#[path = "wire/symbols.rs"]
mod symbols;

use symbols::about_symbols;

/// Small limits keep the cases quick; a block still takes several parts.
const CHAIN: Opaque = Opaque { max_tx_bytes: 40_000, max_block_bytes: 100_000 };

/// Longest head of a frame, bytes.
const HEAD_MAX: usize = 11;

fn addr() -> impl Strategy<Value = PeerAddr> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ];
    let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Quic)];
    (ip, any::<u16>(), transport).prop_map(|(ip, port, transport)| PeerAddr { ip, port, transport })
}

fn item_kind() -> impl Strategy<Value = ItemKind> {
    prop_oneof![Just(ItemKind::Tx), Just(ItemKind::Block)]
}

/// Lists are mostly short and now and then as long as they may be.
fn list_len(max: usize) -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..40usize, 1 => 0..=max, 1 => Just(max)]
}

fn ids(max: usize) -> impl Strategy<Value = (ItemKind, Arc<[ItemId]>)> {
    (item_kind(), list_len(max), any::<[u8; 32]>()).prop_map(|(kind, len, seed)| {
        let id = |index: usize| {
            ItemId::new(kind, Hash256::of(&[&seed[..], &index.to_le_bytes()].concat()))
        };
        (kind, (0..len).map(id).collect())
    })
}

fn short_ids(max: usize) -> impl Strategy<Value = Arc<[ShortId]>> {
    ids(max).prop_map(|(_, ids)| ids.iter().map(ShortId::from).collect())
}

/// Spans of one depth that follow one another.
fn spans(max: usize) -> impl Strategy<Value = Vec<Span>> {
    (list_len(max), 3..=16_u8, any::<u64>()).prop_map(|(len, depth, start)| {
        let bits = 4 * u32::from(depth);
        let (below, count) = (64 - bits, 1_u64 << bits.min(63));
        let len = (len as u64).min(count);
        let first = start % (count - len + 1);
        let span = |place| Span::new(place << below, depth).expect("a whole number of spans");
        (first..first + len).map(span).collect()
    })
}

fn names(max: usize, list: fn(Names) -> Items) -> impl Strategy<Value = Message> {
    let whole = ids(max).prop_map(|(kind, ids)| Names::Whole { kind, ids });
    let short = short_ids(max).prop_map(Names::Short);
    prop_oneof![whole, short].prop_map(move |names| Message::Items(list(names)))
}

fn item(kind: ItemKind, max: usize) -> impl Strategy<Value = Message> {
    let near_a_part = PART_MAX - 2..PART_MAX + 3;
    let len = prop_oneof![6 => 0..600usize, 2 => near_a_part, 1 => 0..=max, 1 => Just(max)];
    (len, any::<[u8; 16]>()).prop_map(move |(len, seed)| {
        let bytes: Vec<u8> = seed.into_iter().cycle().take(len).collect();
        Message::Items(Items::Item(CHAIN.item(kind, bytes.into()).expect("opaque names any bytes")))
    })
}

fn accepts() -> impl Strategy<Value = Accepts> {
    let allowed = || any::<(u32, u32)>().prop_map(|(per_s, burst)| Allowed { per_s, burst });
    (allowed(), allowed(), allowed(), any::<u32>(), any::<bool>(), allowed()).prop_map(
        |(messages, txs, tx_bytes, credit, unasked, block_bytes)| Accepts {
            messages,
            txs,
            tx_bytes,
            credit,
            unasked,
            block_bytes,
        },
    )
}

fn map() -> impl Strategy<Value = MapTerms> {
    any::<(u8, u64, u32, u64)>().prop_map(|(model, salt, keys_max, bytes_max)| MapTerms {
        model,
        salt,
        keys_max,
        bytes_max,
    })
}

/// Five of them have room in a message that may be as long as a block.
fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![0..300usize, Just(PART_MAX)].prop_map(|len| vec![7; len].into())
}

/// Places of transactions in a block, in order.
fn places() -> impl Strategy<Value = Vec<u16>> {
    let some = prop::collection::btree_set(any::<u16>(), 0..40);
    let some = some.prop_map(|places| places.into_iter().collect());
    prop_oneof![9 => some, 1 => Just((0..=u16::MAX).collect())]
}

/// A block as names: some come along, among so many others that they have their places.
fn compact() -> impl Strategy<Value = Message> {
    let prefilled = prop::collection::btree_map(0..50u16, bytes(), 0..5);
    let header = prop_oneof![Just(0), Just(HEADER_MAX), 1..200usize];
    (header, any::<u64>(), prefilled, list_len(2_000), any::<[u8; 6]>()).prop_map(
        |(header, nonce, prefilled, parts, name)| {
            Blocks::Compact(Arc::new(Compact {
                header: vec![1; header].into(),
                nonce,
                prefilled: prefilled.into_iter().collect(),
                parts: vec![PartId(name); 50 + parts].into(),
            }))
            .into()
        },
    )
}

fn about_blocks(kind: MessageKind) -> BoxedStrategy<Message> {
    match kind {
        MessageKind::Compact => compact().boxed(),
        MessageKind::GetParts => (any::<[u8; 32]>(), places())
            .prop_map(|(block, places)| {
                let block = Hash256(block);
                Blocks::GetParts(Arc::new(PartsWanted { block, places: places.into() })).into()
            })
            .boxed(),
        MessageKind::Parts => (any::<[u8; 32]>(), prop::collection::vec(bytes(), 0..6))
            .prop_map(|(block, transactions)| {
                let (block, transactions) = (Hash256(block), transactions.into());
                Blocks::Parts(Arc::new(Parts { block, transactions })).into()
            })
            .boxed(),
        MessageKind::GetHeaders => list_len(LOCATOR_MAX)
            .prop_flat_map(|len| prop::collection::vec(any::<[u8; 32]>(), len))
            .prop_map(|ids| Blocks::GetHeaders(ids.into_iter().map(Hash256).collect()).into())
            .boxed(),
        MessageKind::Headers => (list_len(HEADERS_MAX), 0..190usize)
            .prop_map(|(count, len)| {
                let header = Bytes::from(vec![7; len]);
                Blocks::Headers(vec![header; count].into()).into()
            })
            .boxed(),
        MessageKind::ByTemplate => by_template().boxed(),
        MessageKind::Template => template().boxed(),
        MessageKind::GetListed => {
            short_ids(EXTRA_MAX).prop_map(|ids| Blocks::GetListed(ids).into()).boxed()
        }
        MessageKind::Listed => prop::collection::vec(bytes(), 0..3)
            .prop_map(|transactions| Blocks::Listed(transactions.into()).into())
            .boxed(),
        _ => any::<bool>().prop_map(|on| Blocks::Prefer(on).into()).boxed(),
    }
}

/// A block by places in a template: some of its transactions are nowhere there, and some of these come along.
fn by_template() -> impl Strategy<Value = Message> {
    let place = prop_oneof![4 => 0..8_192_u16, 1 => Just(NOWHERE)];
    let some = prop::collection::vec(place, 0..300);
    let in_order =
        (0..4_000_u16, 1..3_000_u16).prop_map(|(from, len)| (from..from + len).collect());
    let places = prop_oneof![some, in_order];
    (places, any::<u32>(), prop::collection::vec(bytes(), 0..3), any::<[u8; 8]>()).prop_map(
        |(places, template, along, id)| {
            let places: Vec<u16> = places;
            let outside = (0..).zip(&places).filter(|(_, place)| **place == NOWHERE);
            let outside: Vec<u16> = outside.map(|(at, _)| at).collect();
            let prefilled: Box<[_]> = outside.iter().copied().zip(along).collect();
            let ids = vec![ShortId(id); outside.len() - prefilled.len()].into();
            let (header, places) = (vec![1; 80].into(), places.into());
            Blocks::ByTemplate(Arc::new(ByTemplate { header, template, places, prefilled, ids }))
                .into()
        },
    )
}

fn template() -> impl Strategy<Value = Message> {
    let runs = prop::collection::vec((1..50_u16, 1..50_u16), 0..80);
    (any::<bool>(), any::<u32>(), runs, short_ids(TEMPLATE_MAX)).prop_map(
        |(is_new, number, runs, added)| {
            let mut next = 0;
            let run = |(gap, len): (u16, u16)| {
                let start = next + gap;
                next = start + len;
                (start, len)
            };
            let gone = if is_new { Box::default() } else { runs.into_iter().map(run).collect() };
            let added = added.iter().copied().collect();
            Blocks::Template(Arc::new(Template { is_new, number, gone, added })).into()
        },
    )
}

fn with_nonce(session: fn(u64) -> Session) -> BoxedStrategy<Message> {
    any::<u64>().prop_map(move |nonce| Message::Session(session(nonce))).boxed()
}

#[expect(clippy::too_many_lines, reason = "an arm for each kind")]
fn message_of(kind: MessageKind) -> BoxedStrategy<Message> {
    match kind {
        MessageKind::Hello => {
            let region = prop::option::of(any::<u8>());
            let told = (prop::option::of(addr()), region, accepts(), prop::option::of(map()));
            (2..=u16::MAX, any::<u32>(), told)
                .prop_map(|(version, features, (advertise, region, accepts, map))| {
                    let features = features & !5;
                    let hello = Hello { version, features, advertise, region, accepts, map };
                    Message::Session(Session::Hello(Box::new(hello)))
                })
                .boxed()
        }
        MessageKind::Ping => with_nonce(|nonce| Session::Ping { nonce }),
        MessageKind::Pong => with_nonce(|nonce| Session::Pong { nonce }),
        MessageKind::GetAddresses => Just(Message::Peers(PeerExchange::GetAddresses)).boxed(),
        MessageKind::Addresses => list_len(ADDRESSES_MAX)
            .prop_flat_map(|len| prop::collection::vec(addr(), len))
            .prop_map(|addrs| Message::Peers(PeerExchange::Addresses(addrs.into())))
            .boxed(),
        MessageKind::Announce => names(ANNOUNCE_MAX, Items::Announce).boxed(),
        MessageKind::GetData => names(GETDATA_MAX, Items::GetData).boxed(),
        MessageKind::NotFound => names(GETDATA_MAX, Items::NotFound).boxed(),
        MessageKind::Tx => item(ItemKind::Tx, CHAIN.max_tx_bytes).boxed(),
        MessageKind::Block => item(ItemKind::Block, CHAIN.max_block_bytes).boxed(),
        MessageKind::Compact
        | MessageKind::GetParts
        | MessageKind::Parts
        | MessageKind::Prefer
        | MessageKind::GetHeaders
        | MessageKind::Headers
        | MessageKind::ByTemplate
        | MessageKind::Template
        | MessageKind::GetListed
        | MessageKind::Listed => about_blocks(kind),
        MessageKind::Offer
        | MessageKind::Classes
        | MessageKind::GetSymbols
        | MessageKind::Symbol => about_symbols(kind),
        MessageKind::Prune => Just(Message::Relay(Signal::Prune)).boxed(),
        MessageKind::Graft => Just(Message::Relay(Signal::Graft)).boxed(),
        MessageKind::Poll => Just(Message::Relay(Signal::Poll)).boxed(),
        MessageKind::Known => {
            short_ids(KNOWN_MAX).prop_map(|ids| Message::Relay(Signal::Known(ids))).boxed()
        }
        MessageKind::First => {
            short_ids(KNOWN_MAX).prop_map(|ids| Message::Relay(Signal::First(ids))).boxed()
        }
        MessageKind::Digest | MessageKind::Held | MessageKind::Cells | MessageKind::Want => {
            comparison_of(kind)
        }
        MessageKind::Lacked => short_ids(ANNOUNCE_MAX)
            .prop_map(|ids| Message::Reconcile(Reconcile::Lacked(ids)))
            .boxed(),
        MessageKind::FeeFilter => {
            any::<u64>().prop_map(|rate| Message::Items(Items::FeeFilter(FeeRate(rate)))).boxed()
        }
        MessageKind::Credit => {
            any::<u32>().prop_map(|ids| Message::Items(Items::Credit(ids))).boxed()
        }
        MessageKind::Replica => (list_len(SAID_MAX), any::<[u8; 16]>())
            .prop_map(|(len, seed)| {
                Message::Replica(Replica::Said(seed.into_iter().cycle().take(len).collect()))
            })
            .boxed(),
        MessageKind::Join
        | MessageKind::ForwardJoin
        | MessageKind::Neighbour
        | MessageKind::Disconnect
        | MessageKind::Shuffle => about_views(kind),
        MessageKind::Unknown => (100..=255u8, 0..=65_536u32)
            .prop_map(|(kind, len)| Message::Unknown { kind, len })
            .boxed(),
    }
}

/// What is said about HyParView's views; a shuffle or its answer if it is none of the others.
fn about_views(kind: MessageKind) -> BoxedStrategy<Message> {
    let addrs = || (0..=SHUFFLED_MAX).prop_flat_map(|len| prop::collection::vec(addr(), len));
    match kind {
        MessageKind::Join => Just(PeerExchange::Join.into()).boxed(),
        MessageKind::Disconnect => Just(PeerExchange::Disconnect.into()).boxed(),
        MessageKind::ForwardJoin => (any::<u8>(), prop::option::of(addr()))
            .prop_map(|(steps, addr)| PeerExchange::ForwardJoin { steps, addr }.into())
            .boxed(),
        MessageKind::Neighbour => (any::<bool>(), any::<bool>())
            .prop_map(|(is_answer, yes)| match is_answer {
                false => PeerExchange::Neighbour { is_urgent: yes }.into(),
                true => PeerExchange::NeighbourReply { is_taken: yes }.into(),
            })
            .boxed(),
        _ => (any::<u32>(), prop::option::of(any::<u8>()), addrs())
            .prop_map(|(number, steps, addrs)| match steps {
                Some(steps) => PeerExchange::Shuffle { number, steps, addrs: addrs.into() }.into(),
                None => PeerExchange::ShuffleReply { number, addrs: addrs.into() }.into(),
            })
            .boxed(),
    }
}

/// A message of a comparison; a question for cells if it is none of the others.
fn comparison_of(kind: MessageKind) -> BoxedStrategy<Message> {
    match kind {
        MessageKind::Digest => (any::<u64>(), any::<u32>(), spans(SPLITS_MAX))
            .prop_map(|(salt, seed, spans)| {
                let mut next = seed;
                let sums = [0; FAN].map(|_: u32| {
                    next = next.rotate_left(1);
                    next
                });
                let splits = spans.into_iter().map(|span| Split { span, sums }).collect();
                Message::Reconcile(Reconcile::Digest(Box::new(Digest { salt, splits })))
            })
            .boxed(),
        MessageKind::Held => (spans(LISTS_MAX), 0..=LIST_MAX)
            .prop_map(|(spans, count)| {
                let count = count.min(LISTED_MAX / spans.len().max(1));
                let ids = |span: Span| std::iter::once(span.first()).chain([span.last()]);
                let list = |span: Span| {
                    let mut ids: Vec<_> = span.children().flat_map(ids).take(count).collect();
                    ids.dedup();
                    List { span, ids: ids.into() }
                };
                Message::Reconcile(Reconcile::Held(spans.into_iter().map(list).collect()))
            })
            .boxed(),
        MessageKind::Cells => (any::<u32>(), any::<u64>(), list_len(CELLS_MAX))
            .prop_map(|(of, first, len)| {
                let sums = (0..len as u64).map(|n| first.wrapping_mul(n + 1));
                let cells = sums.map(|sum| Cell { sum, check: of }).collect();
                Message::Reconcile(Reconcile::Cells(Box::new(Cells { of, cells })))
            })
            .boxed(),
        _ => (any::<u32>(), prop::collection::vec(any::<i32>(), 0..=COUNTS_MAX))
            .prop_map(|(of, counts)| {
                let counts = counts.into();
                Message::Reconcile(Reconcile::Want(Box::new(Want { of, counts })))
            })
            .boxed(),
    }
}

fn message() -> impl Strategy<Value = Message> {
    prop::sample::select(&MessageKind::ALL[..]).prop_flat_map(message_of)
}

fn encoded(message: &Message) -> BytesMut {
    let mut out = BytesMut::new();
    codec::encode(message, &mut out);
    out
}

fn read_into(
    reader: &mut Reader,
    mut bytes: &[u8],
    received: &mut Vec<Message>,
) -> Result<(), DecodeError> {
    while let Some(message) = reader.read(&mut bytes, &CHAIN)? {
        received.push(message);
    }
    assert!(bytes.is_empty(), "the reader stopped before the end of its input");
    Ok(())
}

/// Reads a stream cut into pieces of the given lengths, over and over.
fn read_cut(stream: &[u8], cuts: &[usize]) -> Result<Vec<Message>, DecodeError> {
    let (mut reader, mut received, mut rest) = (Reader::default(), Vec::new(), stream);
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at(rest.len().min(*cut));
        read_into(&mut reader, piece, &mut received)?;
        rest = later;
    }
    Ok(received)
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1..12usize, 1..20_000usize], 1..20)
}

fn of_class(messages: &[Message], class: Class) -> Vec<&Message> {
    messages.iter().filter(|message| message.class() == class).collect()
}

proptest! {
    #![proptest_config(Config::with_cases(128))]

    #[test]
    fn any_messages_arrive_however_the_stream_is_cut(
        sent in prop::collection::vec(message(), 1..6),
        cuts in cuts(),
    ) {
        let mut stream = BytesMut::new();
        sent.iter().for_each(|message| codec::encode(message, &mut stream));
        prop_assert_eq!(read_cut(&stream, &cuts), Ok(sent));
    }

    #[test]
    fn the_length_of_a_message_is_known_without_encoding_it(message in message()) {
        prop_assert_eq!(codec::frame_len(&message), encoded(&message).len());
    }

    #[test]
    fn arbitrary_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        cuts in cuts(),
    ) {
        let _ = read_cut(&bytes, &cuts);
    }

    #[test]
    fn damaged_messages_are_survived(
        message in message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cuts in cuts(),
    ) {
        let mut stream = encoded(&message);
        for (index, byte) in damage {
            let len = stream.len();
            stream[index.index(len)] = byte;
        }
        let _ = read_cut(&stream, &cuts);
    }

    #[test]
    fn a_cut_off_message_is_waited_for(message in message(), cut in any::<prop::sample::Index>()) {
        let stream = encoded(&message);
        let kept = cut.index(stream.len());
        prop_assert_eq!(read_cut(&stream[..kept], &[1_000]), Ok(vec![]));
    }

    #[test]
    fn classes_interleave_and_each_arrives_whole_and_in_order(
        batches in prop::collection::vec(
            (prop::collection::vec(message(), 0..4), 1..40_000usize),
            1..6,
        ),
        cuts in cuts(),
    ) {
        let mut writer = Writer::new(usize::MAX);
        let (mut sent, mut stream) = (Vec::new(), BytesMut::new());
        for (messages, budget) in batches {
            for message in messages {
                writer.push(message.clone()).unwrap();
                sent.push(message);
            }
            writer.fill(&mut stream, budget);
        }
        writer.fill(&mut stream, usize::MAX);
        prop_assert!(writer.is_empty());
        let received = read_cut(&stream, &cuts).unwrap();
        prop_assert_eq!(received.len(), sent.len());
        for class in Class::ALL {
            prop_assert_eq!(of_class(&received, class), of_class(&sent, class));
        }
    }
}

/// A ping waits for what the output holds already, and for no more than that, while blocks and
/// transactions go on arriving intact.
#[test]
fn a_ping_waits_for_at_most_the_output_buffer() {
    const BUDGET: usize = 32 * 1024;
    let bulk = |kind, size: usize| {
        Message::Items(Items::Item(CHAIN.item(kind, vec![9; size].into()).unwrap()))
    };
    let mut writer = Writer::new(usize::MAX);
    for _ in 0..20 {
        writer.push(bulk(ItemKind::Block, 90_000)).unwrap();
        writer.push(bulk(ItemKind::Tx, 30_000)).unwrap();
        writer.push(bulk(ItemKind::Tx, 300)).unwrap();
    }
    let (mut reader, mut received, mut out) = (Reader::default(), Vec::new(), BytesMut::new());
    let mut pings = 0;
    while writer.fill(&mut out, BUDGET) > 0 {
        assert!(out.len() < BUDGET + PART_MAX + HEAD_MAX);
        // The ping comes when the output is as full as it gets, and leads what follows it.
        let ping = Message::Session(Session::Ping { nonce: pings });
        writer.push(ping.clone()).unwrap();
        pings += 1;
        read_into(&mut reader, &out.split(), &mut received).unwrap();
        writer.fill(&mut out, 1);
        read_into(&mut reader, &out.split(), &mut received).unwrap();
        assert_eq!(received.last(), Some(&ping));
    }
    assert!(pings > 20);
    assert_eq!(of_class(&received, Class::Block).len(), 20);
    assert_eq!(of_class(&received, Class::Tx).len(), 40);
}

#[test]
fn an_item_over_the_limit_of_the_chain_is_refused_by_its_head() {
    let roomy = Opaque::default();
    let bytes = Bytes::from(vec![1; CHAIN.max_block_bytes + 1]);
    let block = Message::Items(Items::Item(roomy.item(ItemKind::Block, bytes).unwrap()));
    let stream = encoded(&block);
    let too_long =
        DecodeError::TooLong { len: CHAIN.max_block_bytes + 1, max: CHAIN.max_block_bytes };
    assert_eq!(read_cut(&stream[..HEAD_MAX], &[1]), Err(too_long));
    assert_eq!(Reader::default().read(&mut &stream[..], &roomy), Ok(Some(block)));
}

#[test]
fn an_unknown_kind_is_counted_and_the_stream_goes_on() {
    let stream =
        [&[6, 77, 1, 2, 3, 4, 5][..], &encoded(&Message::Peers(PeerExchange::GetAddresses))]
            .concat();
    let received = read_cut(&stream, &[1]).unwrap();
    assert_eq!(
        received,
        [Message::Unknown { kind: 77, len: 5 }, Message::Peers(PeerExchange::GetAddresses)]
    );
}

/// Where the committed hashes stand, and how to renew them.
const CONFORMANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire.txt");
const RENEW: &str = "TIDINGS_RENEW_WIRE";
const MESSAGES_PER_KIND: usize = 64;

/// One hash per kind over the encodings of generated messages: the same in every run.
fn conformance() -> String {
    let mut text = format!(
        "# Double SHA-256 of the encodings of {MESSAGES_PER_KIND} generated messages of each kind, \
         see tests/wire.rs.\n"
    );
    for kind in MessageKind::ALL {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[kind as u8; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut stream = BytesMut::new();
        for _ in 0..MESSAGES_PER_KIND {
            let message =
                message_of(kind).new_tree(&mut runner).expect("nothing is filtered").current();
            assert_eq!(message.kind(), kind);
            codec::encode(&message, &mut stream);
        }
        text += &format!("{} {}\n", kind.name(), Hash256::of(&stream));
    }
    text
}

/// Fails on any change of an encoding. It also fails when the generators above change; renew then
/// only if the rest of the change left the format alone.
#[test]
fn the_format_has_not_drifted() {
    let current = conformance();
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(CONFORMANCE, &current).unwrap();
    }
    let committed = std::fs::read_to_string(CONFORMANCE).unwrap_or_default();
    let drifted: Vec<&str> =
        current.lines().filter(|line| !committed.lines().any(|kept| kept == *line)).collect();
    assert!(
        drifted.is_empty() && committed.lines().count() == current.lines().count(),
        "the wire format (or its generators) changed: {drifted:#?}\nNodes of different versions would \
         no longer understand each other. If that is meant, raise message::VERSION and renew the \
         hashes: {RENEW}=1 cargo test -p tidings-protocol --test wire"
    );
}
