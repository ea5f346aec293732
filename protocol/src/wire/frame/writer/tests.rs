use super::*;
use crate::chain::Chain as _;
use crate::chain::opaque::Opaque;
use crate::ground::item::ItemKind;
use crate::wire::frame::Reader;
use crate::wire::message::{Items, Replica, Session};

const CHAIN: Opaque = Opaque { max_tx_bytes: 100_000, max_block_bytes: 4_000_000 };
const PING: Message = Message::Session(Session::Ping { nonce: 1 });
const EVERYTHING: usize = usize::MAX;

fn item(kind: ItemKind, size: usize) -> Message {
    Message::Items(Items::Item(CHAIN.item(kind, vec![1; size].into()).unwrap()))
}

fn read_all(mut bytes: &[u8]) -> Vec<Message> {
    let mut reader = Reader::default();
    std::iter::from_fn(|| reader.read(&mut bytes, &CHAIN).unwrap()).collect()
}

fn writer_of(messages: impl IntoIterator<Item = Message>) -> Writer {
    let mut writer = Writer::new(EVERYTHING);
    messages.into_iter().for_each(|message| writer.push(message).unwrap());
    writer
}

#[test]
fn control_messages_overtake_everything_not_yet_written() {
    let mut writer = writer_of([item(ItemKind::Tx, 50_000), item(ItemKind::Block, 500_000)]);
    let mut out = BytesMut::new();
    let written = writer.fill(&mut out, 1);
    assert!(written > 0 && written <= PART_MAX + 16);
    writer.push(PING).unwrap();
    let mut next = BytesMut::new();
    writer.fill(&mut next, 1);
    assert_eq!(read_all(&next), [PING]);
}

#[test]
fn a_block_shares_the_wire_with_any_number_of_transactions() {
    let txs = std::iter::repeat_with(|| item(ItemKind::Tx, 300)).take(10_000);
    let mut writer = writer_of(txs);
    let mut out = BytesMut::new();
    writer.fill(&mut out, 30_000);
    out.clear();
    writer.push(item(ItemKind::Block, 1_000_000)).unwrap();
    let mut bytes = 0;
    let mut reader = Reader::default();
    let delivered = loop {
        bytes += writer.fill(&mut out, 1);
        let frame = out.split();
        if let Some(message) = reader.read(&mut &frame[..], &CHAIN).unwrap()
            && message.class() == Class::Block
        {
            break message;
        }
    };
    assert_eq!(delivered, item(ItemKind::Block, 1_000_000));
    assert!(bytes <= 2 * 1_000_000 + 2 * PART_MAX, "{bytes}");
    assert!(bytes >= 2 * 1_000_000 - 2 * PART_MAX, "transactions had no share: {bytes}");
}

#[test]
fn a_block_that_joins_transactions_goes_next() {
    let mut writer = writer_of([item(ItemKind::Tx, 300), item(ItemKind::Tx, 300)]);
    let mut out = BytesMut::new();
    writer.fill(&mut out, 1);
    writer.push(item(ItemKind::Block, 300)).unwrap();
    writer.fill(&mut out, EVERYTHING);
    let classes: Vec<_> = read_all(&out).iter().map(Message::class).collect();
    assert_eq!(classes, [Class::Tx, Class::Block, Class::Tx]);
}

#[test]
fn a_full_queue_refuses_but_takes_any_one_message() {
    let mut writer = Writer::new(1_000);
    writer.push(item(ItemKind::Block, 1_000_000)).unwrap();
    let queued_bytes = writer.queued_bytes();
    assert_eq!(writer.push(PING), Err(QueueFull { held_bytes: writer.held_bytes() }));
    let mut out = BytesMut::new();
    assert_eq!(writer.fill(&mut out, EVERYTHING), queued_bytes);
    assert!(writer.is_empty());
    assert_eq!(writer.push(PING), Ok(()));
}

#[test]
fn queued_bytes_are_what_will_be_written() {
    let sizes = [1, 126, 127, PART_MAX, PART_MAX + 1, 2 * PART_MAX, 2 * PART_MAX + 1];
    let mut writer = writer_of(sizes.map(|size| item(ItemKind::Tx, size)));
    let queued = writer.queued_bytes();
    let mut out = BytesMut::new();
    while !writer.is_empty() {
        let filled = writer.fill(&mut out, 1_000);
        assert!(filled > 0 && filled < 1_000 + PART_MAX + 16);
        assert_eq!(writer.queued_bytes(), queued - out.len());
    }
    assert_eq!(out.len(), queued);
    assert_eq!(read_all(&out), sizes.map(|size| item(ItemKind::Tx, size)));
}

#[test]
fn an_emptied_writer_gives_its_memory_back() {
    let mut writer = writer_of(std::iter::repeat_n(PING, 1_000));
    writer.fill(&mut BytesMut::new(), EVERYTHING);
    let room: usize = writer.lanes.iter().map(|lane| lane.queue.capacity()).sum();
    assert!(room <= ROOM_KEPT_MAX);
}

#[test]
fn held_bytes_are_those_of_the_messages_that_are_not_wholly_written() {
    let messages = [PING, item(ItemKind::Tx, 50_000), item(ItemKind::Tx, 5), PING];
    let mut writer = writer_of(messages.clone());
    let mut left: usize = messages.iter().map(Message::held_bytes).sum();
    assert_eq!(writer.held_bytes(), left);
    let (mut out, mut reader) = (BytesMut::new(), Reader::default());
    while !writer.is_empty() {
        writer.fill(&mut out, 1);
        let frame = out.split();
        let read = reader.read(&mut &frame[..], &CHAIN).unwrap();
        left -= read.map_or(0, |message| message.held_bytes());
        assert_eq!(writer.held_bytes(), left);
    }
    assert_eq!(left, 0);
}

#[test]
fn the_first_block_presses_nobody_and_what_is_queued_besides_does() {
    let mut writer = writer_of([item(ItemKind::Block, 1_000_000)]);
    assert_eq!(writer.pressing_bytes(), 0);
    let tx = item(ItemKind::Tx, 500);
    writer.push(tx.clone()).unwrap();
    assert_eq!(writer.pressing_bytes(), codec::frame_len(&tx));
    writer.fill(&mut BytesMut::new(), 100_000);
    assert!(writer.pressing_bytes() < 500, "under way it is the same, but for its heads");
    writer.push(item(ItemKind::Block, 300_000)).unwrap();
    assert!(writer.pressing_bytes() > 300_000);
}

#[test]
fn what_replicas_say_is_in_the_way_of_nothing() {
    let said = |len: usize| Message::Replica(Replica::Said(vec![1; len].into()));
    let mut writer = writer_of([said(40_000), item(ItemKind::Tx, 300)]);
    let mut out = BytesMut::new();
    writer.fill(&mut out, 2 * PART_MAX);
    writer.push(item(ItemKind::Tx, 300)).unwrap();
    writer.push(item(ItemKind::Block, 300)).unwrap();
    writer.push(PING).unwrap();
    writer.fill(&mut out, EVERYTHING);
    let classes: Vec<_> = read_all(&out).iter().map(Message::class).collect();
    assert_eq!(classes, [Class::Tx, Class::Control, Class::Block, Class::Tx, Class::Replica]);
}
