//! One message of each kind and form, as it travels.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::fee::FeeRate;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind, ShortId};
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::wire::codec::{self, PART_MAX};
use tidings_protocol::wire::digest::{Digest, FAN, List, Span, Split};
use tidings_protocol::wire::frame::Reader;
use tidings_protocol::wire::kinds::{Class, MessageKind};
use tidings_protocol::wire::message::{
    Accepts, Allowed, Blocks, ByTemplate, Compact, Hello, Items, MapTerms, Message, NOWHERE, Names,
    Offer, PartId, Parts, PartsWanted, PeerExchange, Reconcile, Replica, SYMBOL_BYTES, Session,
    Signal, Symbol, SymbolId, Symbols, SymbolsWanted, Template,
};
use tidings_protocol::wire::sketch::{Cell, Cells, Want};

use super::hex;

/// Under these rules any bytes are an item.
const CHAIN: Opaque = Opaque { max_tx_bytes: 100_000, max_block_bytes: 4_000_000 };

fn hash(byte: u8) -> Hash256 {
    Hash256([byte; 32])
}

fn ids() -> Arc<[ShortId]> {
    [ShortId([0x11; 8]), ShortId([0x12; 8])].into()
}

fn addrs() -> Arc<[PeerAddr]> {
    let addrs =
        ["192.0.2.1:4000", "192.0.2.2:4001/quic", "[2001:db8::1]:4000", "[2001:db8::2]:4001/quic"];
    addrs.map(|addr| addr.parse().unwrap()).into()
}

fn whole(kind: ItemKind) -> Names {
    Names::Whole { kind, ids: [1, 2].map(|byte| ItemId::new(kind, hash(byte))).into() }
}

fn item(kind: ItemKind, bytes: Vec<u8>) -> Message {
    Items::Item(CHAIN.item(kind, bytes.into()).unwrap()).into()
}

/// A hello that tells everything, and one that tells nothing.
fn hellos() -> [(&'static str, Message); 2] {
    let allowed = |per_s, burst| Allowed { per_s, burst };
    let hello = Hello {
        version: 3,
        features: Hello::REBUILDS | Hello::KEEPS_CHAIN,
        advertise: Some("192.0.2.1:4000".parse().unwrap()),
        region: Some(2),
        accepts: Accepts {
            messages: allowed(1, 2),
            txs: allowed(3, 4),
            tx_bytes: allowed(5, 6),
            credit: 7,
            unasked: true,
            block_bytes: allowed(8, 9),
        },
        map: Some(MapTerms { model: 1, salt: 2, keys_max: 3, bytes_max: 4 }),
    };
    [
        (
            "version 3, features 0x60 and both of the codec's, 192.0.2.1:4000, region 2, accepts 1/2, 3/4, 5/6, 7, 1, 8/9, map 1, 2, 3, 4",
            Session::Hello(hello.into()).into(),
        ),
        (
            "version 3, and nothing else is told: everything is accepted",
            Session::Hello(Hello::default().into()).into(),
        ),
    ]
}

fn of_links() -> Vec<(&'static str, Message)> {
    let peers = |message: PeerExchange| Message::from(message);
    let addr = Some("192.0.2.1:4000".parse().unwrap());
    let mut all = Vec::from(hellos());
    all.extend([
        ("nonce 7", Session::Ping { nonce: 7 }.into()),
        ("nonce 7", Session::Pong { nonce: 7 }.into()),
        ("", peers(PeerExchange::GetAddresses)),
        (
            "192.0.2.1:4000, 192.0.2.2:4001/quic, [2001:db8::1]:4000, [2001:db8::2]:4001/quic",
            peers(PeerExchange::Addresses(addrs())),
        ),
        ("", peers(PeerExchange::Join)),
        ("5 steps, 192.0.2.1:4000", peers(PeerExchange::ForwardJoin { steps: 5, addr })),
        ("urgent", peers(PeerExchange::Neighbour { is_urgent: true })),
        ("not taken", peers(PeerExchange::NeighbourReply { is_taken: false })),
        ("", peers(PeerExchange::Disconnect)),
        (
            "number 9, 4 steps, the addresses above",
            peers(PeerExchange::Shuffle { number: 9, steps: 4, addrs: addrs() }),
        ),
        (
            "number 9, the addresses above",
            peers(PeerExchange::ShuffleReply { number: 9, addrs: addrs() }),
        ),
    ]);
    all
}

fn of_items() -> Vec<(&'static str, Message)> {
    let short = || Names::Short(ids());
    vec![
        ("transactions 0101…, 0202…", Items::Announce(whole(ItemKind::Tx)).into()),
        ("blocks 0101…, 0202…", Items::Announce(whole(ItemKind::Block)).into()),
        ("short ids 1111…, 1212…", Items::Announce(short()).into()),
        ("transactions 0101…, 0202…", Items::GetData(whole(ItemKind::Tx)).into()),
        ("short ids 1111…, 1212…", Items::GetData(short()).into()),
        ("transactions 0101…, 0202…", Items::NotFound(whole(ItemKind::Tx)).into()),
        ("short ids 1111…, 1212…", Items::NotFound(short()).into()),
        ("its bytes", item(ItemKind::Tx, vec![7; 20])),
        ("its bytes", item(ItemKind::Block, vec![8; 20])),
        ("1,000 a megabyte", Items::FeeFilter(FeeRate(1_000)).into()),
        ("500 more", Items::Credit(500).into()),
        ("", Signal::Prune.into()),
        ("", Signal::Graft.into()),
        ("", Signal::Poll.into()),
        ("short ids 1111…, 1212…", Signal::Known(ids()).into()),
        ("short ids 1111…, 1212…", Signal::First(ids()).into()),
        ("short ids 1111…, 1212…", Reconcile::Lacked(ids()).into()),
    ]
}

fn of_comparisons() -> Vec<(&'static str, Message)> {
    let span = |first: u64, depth| Span::new(first, depth).unwrap();
    let splits = [span(0, 0)].map(|span| Split {
        span,
        sums: std::array::from_fn::<u32, FAN, _>(|n| u32::try_from(n).unwrap()),
    });
    let list = List { span: span(0x1100_0000_0000_0000, 2), ids: [ShortId([0x11; 8])].into() };
    let cells = [Cell { sum: 5, check: 6 }, Cell::default()].into();
    vec![
        (
            "salt 7; of all ids the sums 0 to 15",
            Reconcile::Digest(Digest { salt: 7, splits: splits.into() }.into()).into(),
        ),
        ("of the ids that begin with 11: 1111111111111111", Reconcile::Held([list].into()).into()),
        (
            "of 3 ids; cells 5 with check 6, and nothing",
            Reconcile::Cells(Cells { of: 3, cells }.into()).into(),
        ),
        (
            "of 3 ids; counts 0, -1, 1, 100",
            Reconcile::Want(Want { of: 3, counts: [0, -1, 1, 100].into() }.into()).into(),
        ),
        ("bytes of the map", Replica::Said([1, 2, 3].into()).into()),
    ]
}

fn of_blocks() -> Vec<(&'static str, Message)> {
    let (header, tx) = (Bytes::from(vec![9; 4]), Bytes::from(vec![7; 3]));
    let blocks = |message: Blocks| Message::from(message);
    let compact = Compact {
        header: header.clone(),
        nonce: 5,
        prefilled: [(1, tx.clone())].into(),
        parts: [PartId([0xa1; 6]), PartId([0xa2; 6])].into(),
    };
    let by_template = |places: &[u16]| {
        Blocks::ByTemplate(Arc::new(ByTemplate {
            header: header.clone(),
            template: 5,
            places: places.into(),
            prefilled: [(0, tx.clone())].into(),
            ids: [ShortId([0x11; 8])].into(),
        }))
    };
    let template = Template {
        is_new: false,
        number: 6,
        gone: [(0, 2), (5, 1)].into(),
        added: [ShortId([0x11; 8])].into(),
    };
    let wanted = PartsWanted { block: hash(1), places: [0, 1, 9].into() };
    let parts = Parts { block: hash(1), transactions: [tx.clone(), tx.clone()].into() };
    vec![
        (
            "header 09090909, nonce 5, of three transactions the second whole",
            blocks(Blocks::Compact(compact.into())),
        ),
        ("of 0101… the places 0, 1, 9", blocks(Blocks::GetParts(wanted.into()))),
        ("of 0101… twice 070707", blocks(Blocks::Parts(parts.into()))),
        ("yes", blocks(Blocks::Prefer(true))),
        ("0101…, 0202…", blocks(Blocks::GetHeaders([hash(1), hash(2)].into()))),
        ("twice 09090909", blocks(Blocks::Headers([header.clone(), header.clone()].into()))),
        (
            "template 5; in runs: nowhere twice, then places 10 to 19; the first whole",
            blocks(by_template(
                &[&[NOWHERE, NOWHERE][..], &(10..20).collect::<Vec<u16>>()].concat(),
            )),
        ),
        (
            "template 5; packed in 3 bits: nowhere twice, then places 5, 3, 1; the first whole",
            blocks(by_template(&[NOWHERE, NOWHERE, 5, 3, 1])),
        ),
        (
            "number 6, of the one before the places 0, 1 and 5 are gone, 1111… is added",
            blocks(Blocks::Template(template.into())),
        ),
        ("short ids 1111…, 1212…", blocks(Blocks::GetListed(ids()))),
        ("twice 070707", blocks(Blocks::Listed([tx.clone(), tx].into()))),
    ]
}

fn of_symbols() -> Vec<(&'static str, Message)> {
    let header = Bytes::from(vec![9; 4]);
    let offer = Offer { header, size: 70_000, classes: 3, has: 0b101, is_named: true };
    let wanted = SymbolsWanted {
        block: hash(1),
        size: 70_000,
        stream: 2,
        class: 1,
        classes: 3,
        slice: 0,
        from: 4,
        count: 5,
    };
    let symbol = Symbol {
        stream: 2,
        id: SymbolId { slice: 0, number: 4 },
        is_vouched: true,
        is_last: false,
        bytes: vec![6; SYMBOL_BYTES].into(),
    };
    vec![
        (
            "header 09090909, 70,000 bytes, of 3 classes the first and the third, as names too",
            Symbols::Offer(offer.into()).into(),
        ),
        (
            "of 0101… 70,000 bytes, stream 2, class 1 of 3, slice 0, from number 4 on 5 of them",
            Symbols::Get(wanted.into()).into(),
        ),
        (
            "stream 2, slice 0, number 4, vouched for, 1,200 times 06",
            Symbols::Symbol(symbol.into()).into(),
        ),
        (
            "of the block that begins with 0807060504030201 the first and the third class",
            Symbols::Classes { block: 0x0102_0304_0506_0708, has: 0b101 }.into(),
        ),
    ]
}

fn encoded(message: &Message) -> BytesMut {
    let mut out = BytesMut::new();
    codec::encode(message, &mut out);
    out
}

const fn class(class: Class) -> &'static str {
    match class {
        Class::Control => "control",
        Class::Block => "block",
        Class::Tx => "tx",
        Class::Replica => "replica",
    }
}

/// One message of each kind and form that a node may send.
pub(crate) fn messages() -> Value {
    let all = [of_links(), of_items(), of_comparisons(), of_blocks(), of_symbols()].concat();
    for kind in MessageKind::ALL.into_iter().filter(|kind| *kind != MessageKind::Unknown) {
        assert!(
            all.iter().any(|(_, message)| message.kind() == kind),
            "there is no example of {}",
            kind.name()
        );
    }
    let of = |(says, message): (&str, Message)| {
        let frame = encoded(&message);
        let read = Reader::default().read(&mut &frame[..], &CHAIN).unwrap();
        assert_eq!(read, Some(message.clone()));
        let head = frame.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        json!({
            "kind": message.kind().name(),
            "byte": frame[head],
            "class": class(message.class()),
            "says": says,
            "body": hex(&frame[head + 1..]),
            "frame": hex(&frame),
        })
    };
    all.into_iter().map(of).collect()
}

/// Messages that don't fit one frame, by what stands before each part.
pub(crate) fn in_parts() -> Value {
    let of = |kind: ItemKind, len: usize| {
        let message = item(kind, vec![7; len]);
        let bytes = encoded(&message);
        let (mut heads, mut rest) = (Vec::new(), &bytes[..]);
        for data in std::iter::repeat_n(PART_MAX, len / PART_MAX).chain([len % PART_MAX]) {
            // The head ends where so many bytes of the body are left.
            let body = rest.iter().take(12).position(|byte| *byte == 7).unwrap_or(0);
            if data > 0 {
                heads.push(json!({ "head": hex(&rest[..body]), "bytes": data }));
                rest = &rest[body + data..];
            }
        }
        assert!(rest.is_empty(), "{} bytes left", rest.len());
        json!({
            "kind": message.kind().name(),
            "body_byte": "07",
            "body_len": len,
            "parts": heads,
            "hash_of_all": hex(&Hash256::of(&bytes).0),
        })
    };
    json!([
        of(ItemKind::Tx, PART_MAX + 1),
        of(ItemKind::Block, 40_000),
        of(ItemKind::Block, 2 * PART_MAX)
    ])
}

/// Beginnings of a stream that end the link.
pub(crate) fn refused() -> Value {
    let of = |frame: &[u8]| {
        let refused = Reader::default().read(&mut &frame[..], &CHAIN).unwrap_err();
        json!({ "frame": hex(frame), "why": refused.to_string() })
    };
    json!([
        of(&[0]),
        of(&[0x81, 0]),
        of(&[0xff, 0xff, 0x7f]),
        of(&[2, 4, 0]),
        of(&[8, 2, 1, 2, 3, 4, 5, 6, 7]),
        of(&[0x86, 0x80, 0x01, 0, 4, 9, 0x81, 0x80, 0x01]),
        of(&[3, 0, 2, 7]),
    ])
}
