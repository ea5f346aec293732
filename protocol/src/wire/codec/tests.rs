use bytes::BufMut as _;

use super::*;
use crate::chain::opaque::Opaque;
use crate::ground::peer::{PeerAddr, Transport};
use crate::wire::error::Field;
use crate::wire::kinds::UNKNOWN_MAX;
use crate::wire::message::{
    ADDRESSES_MAX, ANNOUNCE_MAX, Accepts, Allowed, GETDATA_MAX, HELLO_MAX, Hello, Items,
    PeerExchange, Session, address,
};

const CHAIN: Opaque = Opaque { max_tx_bytes: 1_000, max_block_bytes: 100_000 };

/// Kind bytes as any other implementation has them.
mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const PING: u8 = 2;
    pub(super) const GET_ADDRESSES: u8 = 4;
    pub(super) const ADDRESSES: u8 = 5;
    pub(super) const ANNOUNCE: u8 = 6;
    pub(super) const GET_DATA: u8 = 7;
    pub(super) const NOT_FOUND: u8 = 8;
    pub(super) const TX: u8 = 9;
    pub(super) const BLOCK: u8 = 10;
}

fn body_of(message: &Message) -> Bytes {
    let mut body = BytesMut::new();
    put_body(message, &mut body);
    body.freeze()
}

fn addr(text: &str) -> PeerAddr {
    text.parse().unwrap()
}

#[test]
fn a_hello_with_fields_of_later_versions_is_understood_up_to_a_maximum() {
    let advertise = Some(addr("[2001:db8::1]:4000/quic"));
    let hello = Message::Session(Session::Hello(Box::new(Hello {
        version: 7,
        features: 1 << 31,
        advertise,
        ..Hello::default()
    })));
    let mut body = BytesMut::from(&body_of(&hello)[..]);
    body.resize(HELLO_MAX, 0xee);
    assert_eq!(decode(kind::HELLO, body.clone().freeze(), &CHAIN), Ok(hello));
    body.put_u8(0);
    let too_long = DecodeError::TooLong { len: HELLO_MAX + 1, max: HELLO_MAX };
    assert_eq!(decode(kind::HELLO, body.freeze(), &CHAIN), Err(too_long));
}

#[test]
fn a_hello_may_advertise_an_address_that_we_cannot_read() {
    let mut body = BytesMut::new();
    body.put_slice(&[1, 0, 0, 0, 0, 0, 3, 99, 1, 2]);
    let hello = Hello { version: 1, ..Hello::default() };
    assert_eq!(
        decode(kind::HELLO, body.freeze(), &CHAIN),
        Ok(Message::Session(Session::Hello(Box::new(hello))))
    );
}

#[test]
fn addresses_of_unknown_networks_are_passed_over_and_the_rest_kept() {
    let (first, last) = (addr("192.0.2.1:1"), addr("[::1]:65535/quic"));
    let mut body = BytesMut::new();
    address::put_record(&first, &mut body);
    body.put_slice(&[35, 77]);
    body.put_bytes(0xaa, 34);
    body.put_u8(0);
    address::put_record(&last, &mut body);
    let kept = Message::Peers(PeerExchange::Addresses([first, last].into()));
    assert_eq!(decode(kind::ADDRESSES, body.freeze(), &CHAIN), Ok(kept));
}

#[test]
fn an_address_of_the_wrong_length_is_refused() {
    let refused = |record: &'static [u8]| decode(kind::ADDRESSES, record.into(), &CHAIN);
    let misfit = Err(DecodeError::BadValue(Field::Address));
    assert_eq!(refused(&[8, 0, 1, 2, 3, 4, 5, 6, 7]), misfit);
    assert_eq!(refused(&[6, 0, 1, 2, 3, 4, 5]), misfit);
    assert_eq!(refused(&[7, 0, 1, 2, 3, 4, 5]), Err(DecodeError::Truncated));
    assert_eq!(refused(&[65]), Err(DecodeError::TooLong { len: 65, max: address::RECORD_MAX }));
}

#[test]
fn a_list_of_too_many_addresses_is_refused_even_if_they_are_short() {
    let body = Bytes::from(vec![0; ADDRESSES_MAX]);
    let none = Message::Peers(PeerExchange::Addresses([].into()));
    assert_eq!(decode(kind::ADDRESSES, body, &CHAIN), Ok(none));
    let body = Bytes::from(vec![0; ADDRESSES_MAX + 1]);
    let too_many = DecodeError::TooMany { count: ADDRESSES_MAX + 1, max: ADDRESSES_MAX };
    assert_eq!(decode(kind::ADDRESSES, body, &CHAIN), Err(too_many));
}

#[test]
fn each_kind_is_refused_one_byte_over_its_maximum() {
    let cases = [
        (kind::PING, 8),
        (kind::GET_ADDRESSES, 0),
        (kind::ANNOUNCE, 1 + 32 * ANNOUNCE_MAX),
        (kind::GET_DATA, 1 + 32 * GETDATA_MAX),
        (kind::NOT_FOUND, 1 + 32 * GETDATA_MAX),
        (kind::TX, CHAIN.max_tx_bytes),
        (kind::BLOCK, CHAIN.max_block_bytes),
        (200, UNKNOWN_MAX),
    ];
    for (kind, max) in cases {
        let body = Bytes::from(vec![0; max + 1]);
        assert!(decode(kind, body.slice(1..), &CHAIN).is_ok(), "kind {kind}");
        let too_long = DecodeError::TooLong { len: max + 1, max };
        assert_eq!(decode(kind, body, &CHAIN), Err(too_long), "kind {kind}");
    }
}

#[test]
fn what_is_short_or_left_over_is_refused() {
    assert_eq!(decode(kind::PING, Bytes::from(vec![0; 7]), &CHAIN), Err(DecodeError::Truncated));
    assert_eq!(decode(kind::ANNOUNCE, Bytes::new(), &CHAIN), Err(DecodeError::Truncated));
    let half_an_id = Bytes::from(vec![0; 1 + 32 + 16]);
    assert_eq!(decode(kind::ANNOUNCE, half_an_id, &CHAIN), Err(DecodeError::TrailingBytes));
    let neither = Bytes::from(vec![2]);
    let no_kind = DecodeError::BadValue(Field::ItemKind);
    assert_eq!(decode(kind::GET_DATA, neither, &CHAIN), Err(no_kind));
}

#[test]
fn an_item_keeps_the_bytes_it_is_read_from() {
    let body = Bytes::from(vec![7; 300]);
    let Ok(Message::Items(Items::Item(item))) = decode(kind::TX, body.clone(), &CHAIN) else {
        panic!()
    };
    assert_eq!(item.bytes().as_ptr(), body.as_ptr());
}

#[test]
fn the_layout_of_small_messages_is_as_documented() {
    let frame = |message: Message| {
        let mut out = BytesMut::new();
        encode(&message, &mut out);
        out.to_vec()
    };
    assert_eq!(frame(Message::Peers(PeerExchange::GetAddresses)), [1, 4]);
    assert_eq!(
        frame(Message::Session(Session::Ping { nonce: 0x0102 })),
        [9, 2, 2, 1, 0, 0, 0, 0, 0, 0]
    );
    let advertise =
        Some(PeerAddr { ip: [1, 2, 3, 4].into(), port: 0x0fa0, transport: Transport::Tcp });
    let few = |per_s, burst| Allowed { per_s, burst };
    let accepts = Accepts {
        messages: few(1, 2),
        txs: few(3, 4),
        tx_bytes: few(5, 6),
        credit: 7,
        unasked: false,
        block_bytes: few(8, 9),
    };
    let hello = Hello { version: 3, features: 2, advertise, region: None, accepts, map: None };
    let head = [52, 1, 3, 0, 2, 0, 0, 0, 7, 0, 1, 2, 3, 4, 0xa0, 0x0f];
    let numbers = (1..=7_u32).flat_map(u32::to_le_bytes);
    let of_blocks = [8_u32, 9].into_iter().flat_map(u32::to_le_bytes);
    let bytes: Vec<_> = head.into_iter().chain(numbers).chain([0]).chain(of_blocks).collect();
    assert_eq!(frame(Message::Session(Session::Hello(Box::new(hello)))), bytes);
}
