//! Two ends of one link without a node: what waits, and for how long.

use std::time::Duration;
use tidings_protocol::wire::message::{Items, Message, Session};

use tidings::net::NetEvent;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::ItemKind;
use tokio::time::Instant;

use crate::rig::{RawPeer, next};

/// An item of a size.
fn item(bytes: usize) -> Message {
    let chain = Opaque { max_tx_bytes: 10_000_000, max_block_bytes: 10_000_000 };
    Message::Items(Items::Item(chain.item(ItemKind::Tx, vec![1; bytes].into()).unwrap()))
}

#[tokio::test]
async fn messages_given_back_come_before_what_arrived_since() {
    let [mut from, mut to] = RawPeer::pair().await;
    let (mut sent, mut nonces) = (0, Vec::new());
    while nonces.len() < 50 {
        for _ in 0..3 {
            from.net.send(from.link, Message::Session(Session::Ping { nonce: sent }));
            sent += 1;
        }
        let event = next(&mut to.net).await;
        let NetEvent::Received { link, mut messages } = event else { panic!("{event:?}") };
        let Message::Session(Session::Ping { nonce }) = messages.remove(0) else {
            panic!("{messages:?}")
        };
        nonces.push(nonce);
        to.net.give_back(link, messages);
    }
    assert!(nonces.into_iter().eq(0..50), "in the order in which they were sent");
}

#[tokio::test]
async fn a_queue_tells_once_that_it_is_full_and_once_that_it_has_drained() {
    let [mut from, mut to] = RawPeer::pair().await;
    for _ in 0..40 {
        from.send(item(100_000));
    }
    let link = from.link;
    assert!(matches!(from.news().await, NetEvent::Congested(it) if it == link));
    let mut taken = 0;
    while taken < 40 {
        if let NetEvent::Received { link, messages } = next(&mut to.net).await {
            taken += messages.len();
            to.net.recycle(link, messages);
        }
    }
    assert!(matches!(from.news().await, NetEvent::Drained(it) if it == link));
    assert!(from.net.next_event().is_none(), "and nothing more");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_cut_at_the_hard_bound() {
    let [mut from, mut to] = RawPeer::pair().await;
    to.net.throttle(to.link, Instant::now() + Duration::from_secs(3_600));
    for _ in 0..40 {
        from.send(item(1_000_000));
    }
    let link = from.link;
    assert!(matches!(from.news().await, NetEvent::Congested(it) if it == link));
    let cut = from.news().await;
    assert!(
        matches!(cut, NetEvent::Disconnected { link: it, slow: true } if it == link),
        "{cut:?}"
    );
    assert_eq!((from.net.counters().congested, from.net.counters().slow_readers), (1, 1));
    assert!(matches!(to.news().await, NetEvent::Disconnected { slow: false, .. }));
}
