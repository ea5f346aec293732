use std::sync::Arc;

use bytes::BytesMut;

use super::*;
use crate::chain::opaque::Opaque;
use crate::ground::item::ItemKind;
use crate::ground::varint;
use crate::wire::codec;
use crate::wire::message::{Items, Names, Session};

const CHAIN: Opaque = Opaque { max_tx_bytes: 100_000, max_block_bytes: 1_000_000 };
const PING: Message = Message::Session(Session::Ping { nonce: 1 });

fn item(kind: ItemKind, size: usize) -> Message {
    Message::Items(Items::Item(CHAIN.item(kind, vec![size.to_le_bytes()[0]; size].into()).unwrap()))
}

fn frames(message: &Message) -> Vec<u8> {
    let mut out = BytesMut::new();
    codec::encode(message, &mut out);
    out.to_vec()
}

/// The length of the first part of a message of 100,000 bytes.
const FIRST_PART: usize = 3 + 1 + 1 + 1 + 3 + PART_MAX;

fn read_all(reader: &mut Reader, mut input: &[u8]) -> Result<Vec<Message>, DecodeError> {
    std::iter::from_fn(|| reader.read(&mut input, &CHAIN).transpose()).collect()
}

fn refusal(input: &[u8]) -> DecodeError {
    read_all(&mut Reader::default(), input).unwrap_err()
}

#[test]
fn a_stream_cut_anywhere_reads_the_same() {
    let sent = [PING, item(ItemKind::Tx, 300), item(ItemKind::Block, 40_000), PING];
    let stream: Vec<u8> = sent.iter().flat_map(frames).collect();
    for chunk in [1, 2, 3, 1_000, PART_MAX, stream.len()] {
        let mut reader = Reader::default();
        let mut received = Vec::new();
        for bytes in stream.chunks(chunk) {
            received.extend(read_all(&mut reader, bytes).unwrap());
        }
        assert_eq!(received, sent, "chunks of {chunk}");
        assert_eq!(reader.held_bytes(), 0);
    }
}

#[test]
fn a_length_over_the_maximum_is_refused_before_anything_is_read() {
    let frame = |len: usize| {
        let mut head = Vec::new();
        varint::put(u32::try_from(len).unwrap(), &mut head);
        head
    };
    let mut ping = frame(10);
    ping.push(2);
    assert_eq!(refusal(&ping), DecodeError::TooLong { len: 9, max: 8 });
    assert!(matches!(refusal(&frame(PART_MAX + 9)), DecodeError::TooLong { .. }));
    assert_eq!(refusal(&[0]), DecodeError::Empty);
    assert_eq!(refusal(&[0x81, 0x00]), DecodeError::Varint);

    let block = frames(&item(ItemKind::Block, 50_000));
    let small = Opaque { max_block_bytes: 49_999, ..CHAIN };
    let refused = Reader::default().read(&mut &block[..9], &small);
    assert_eq!(refused, Err(DecodeError::TooLong { len: 50_000, max: 49_999 }));
}

#[test]
fn memory_is_taken_as_bytes_arrive_and_given_back() {
    let stream = frames(&item(ItemKind::Block, 1_000_000));
    let mut reader = Reader::default();
    assert_eq!(read_all(&mut reader, &stream[..9]), Ok(vec![]));
    assert_eq!(reader.held_bytes(), 0, "only a head has arrived");
    for (index, bytes) in stream[9..].chunks(1_000).enumerate() {
        read_all(&mut reader, bytes).unwrap();
        assert!(reader.held_bytes() <= 2 * 1_000 * (index + 1));
    }
    assert_eq!(reader.held_bytes(), 0);
    assert!(size_of::<Reader>() <= 320, "{}", size_of::<Reader>());
}

#[test]
fn a_long_message_takes_a_piece_more_than_has_arrived_and_comes_in_its_own_allocation() {
    for len in [65_535, 65_536, 65_537, 131_072, 1_000_000] {
        let block = item(ItemKind::Block, len);
        let stream = frames(&block);
        for cut in [1_000, 16_384, 100_000] {
            let (mut reader, mut read) = (Reader::default(), Vec::new());
            for (index, bytes) in stream.chunks(cut).enumerate() {
                read.extend(read_all(&mut reader, bytes).unwrap());
                let arrived = cut * (index + 1);
                assert!(reader.held_bytes() <= (2 * arrived).min(arrived + 65_536), "{len} {cut}");
            }
            assert_eq!(read, std::slice::from_ref(&block));
            assert_eq!(reader.held_bytes(), 0);
        }
    }
}

#[test]
fn a_reader_that_failed_stays_failed_and_holds_nothing() {
    let mut reader = Reader::default();
    read_all(&mut reader, &frames(&item(ItemKind::Tx, 50_000))[..FIRST_PART]).unwrap();
    assert!(reader.held_bytes() >= PART_MAX);
    assert_eq!(read_all(&mut reader, &[0]), Err(DecodeError::Empty));
    assert_eq!(reader.held_bytes(), 0);
    assert_eq!(read_all(&mut reader, &frames(&PING)), Err(DecodeError::Empty));
}

#[test]
fn messages_of_other_classes_come_between_parts_but_none_of_the_same() {
    let block = frames(&item(ItemKind::Block, 100_000));
    let (first, rest) = block.split_at(FIRST_PART);
    let tx = frames(&item(ItemKind::Tx, 90_000));
    let interleaved = [first, &frames(&PING), &tx, rest].concat();
    let received = read_all(&mut Reader::default(), &interleaved).unwrap();
    assert_eq!(received, [PING, item(ItemKind::Tx, 90_000), item(ItemKind::Block, 100_000)]);

    let interrupts = DecodeError::BadPart(PartFault::Interrupts);
    assert_eq!(refusal(&[first, &frames(&item(ItemKind::Block, 5))].concat()), interrupts);
    assert_eq!(refusal(&[first, first].concat()), interrupts);
}

#[test]
fn parts_out_of_place_are_refused() {
    let block = frames(&item(ItemKind::Block, 100_000));
    let (first, rest) = block.split_at(FIRST_PART);
    let fault = |stream: &[&[u8]]| match refusal(&stream.concat()) {
        DecodeError::BadPart(fault) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&[rest]), PartFault::Orphan);
    assert_eq!(fault(&[first, &[3, 0, 1, 7]]), PartFault::Length);
    assert_eq!(fault(&[&[4, 0, 8, 0]]), PartFault::Head);
    assert_eq!(fault(&[&[6, 0, 0b100 | 2, 10, 0xff, 0xff, 1]]), PartFault::WrongClass);
    assert_eq!(fault(&[&[6, 0, 0b100 | 2, 9, 0x80, 0x80, 1]]), PartFault::NotDivisible);
    assert_eq!(fault(&[&[6, 0, 0b100, 0, 0x81, 0x80, 1]]), PartFault::NotDivisible);
    assert_eq!(fault(&[&[8, 0, 0b100 | 1, 10, 0x81, 0x80, 1]]), PartFault::Length);
    assert_eq!(refusal(&[2, 0, 0b100 | 2, 9, 0x81, 0x80, 1]), DecodeError::Truncated);
}

#[test]
fn unknown_kinds_are_skipped_without_being_kept() {
    let short = Message::Unknown { kind: 200, len: 1_000 };
    let long = Message::Unknown { kind: 201, len: 60_000 };
    let stream = [frames(&short), frames(&long), frames(&PING)].concat();
    let mut reader = Reader::default();
    let mut received = Vec::new();
    for bytes in stream.chunks(100) {
        received.extend(read_all(&mut reader, bytes).unwrap());
        assert_eq!(reader.held_bytes(), 0);
    }
    assert_eq!(received, [short.clone(), long, PING]);

    let ids = vec![crate::ground::item::ItemId::tx(crate::ground::item::Hash256([3; 32])); 1_000];
    let list =
        Message::Items(Items::Announce(Names::Whole { kind: ItemKind::Tx, ids: Arc::from(ids) }));
    let list_frames = frames(&list);
    let (first, rest) = list_frames.split_at(FIRST_PART);
    let stream = [first, &frames(&short), rest].concat();
    assert_eq!(read_all(&mut Reader::default(), &stream), Ok(vec![short, list]));
}

#[test]
fn what_a_slow_peer_has_brought_of_its_oldest_message_is_known() {
    let block = frames(&item(ItemKind::Block, 100_000));
    let mut reader = Reader::default();
    assert_eq!(reader.oldest_unfinished(), None);
    read_all(&mut reader, &block[..1]).unwrap();
    assert_eq!(reader.oldest_unfinished(), Some((0, 0)), "half a head");
    let (first, rest) = block.split_at(FIRST_PART);
    read_all(&mut reader, &first[1..]).unwrap();
    assert_eq!(reader.oldest_unfinished(), Some((0, PART_MAX)));
    read_all(&mut reader, &frames(&PING)).unwrap();
    read_all(&mut reader, &frames(&item(ItemKind::Tx, 300))[..100]).unwrap();
    assert_eq!(reader.oldest_unfinished(), Some((0, PART_MAX)), "others don't help it");
    read_all(&mut reader, &frames(&item(ItemKind::Tx, 300))[100..]).unwrap();
    read_all(&mut reader, rest).unwrap();
    assert_eq!(reader.oldest_unfinished(), None);
}
