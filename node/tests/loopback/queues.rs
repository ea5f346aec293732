//! Two ends of one link without a node: what waits, and for how long.

use std::time::Duration;
use tidings_protocol::wire::message::{Items, Message, Session};

use tidings::net::NetEvent;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::wire::kinds::Class;
use tokio::time::Instant;

use crate::rig::{RawPeer, next};
use tidings::net::Net;
use tidings_protocol::ground::link::Link;

/// A transaction of a size.
fn item(bytes: usize) -> Message {
    item_of(ItemKind::Tx, bytes)
}

fn item_of(kind: ItemKind, bytes: usize) -> Message {
    let chain = Opaque { max_tx_bytes: 10_000_000, max_block_bytes: 10_000_000 };
    Message::Items(Items::Item(chain.item(kind, vec![1; bytes].into()).unwrap()))
}

/// A node's network with links to so many peers, none of which reads.
async fn hub(peers: usize) -> (Net, Vec<Link>, Vec<Net>) {
    let (mut hub, mut links, mut others) =
        (RawPeer::net(&["127.0.0.1:0"]).await, Vec::new(), Vec::new());
    for _ in 0..peers {
        let mut peer = RawPeer::net(&[]).await;
        peer.dial(hub.listening()[0]);
        let connected = next(&mut hub).await;
        let NetEvent::Connected { link, .. } = connected else { panic!("{connected:?}") };
        links.push(link);
        others.push(peer);
    }
    (hub, links, others)
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
    to.net.throttle(to.link, None, Instant::now() + Duration::from_secs(3_600));
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

#[tokio::test]
async fn when_all_links_hold_too_much_the_one_that_was_greedy_for_longest_is_cut() {
    let (mut hub, links, _others) = hub(14).await;
    let large_bytes = 1_000_000;
    let (large, (_, max)) = (item(large_bytes), hub.held_bytes());
    hub.send(links[0], item(1_000));
    // From the second on, each is greedy, and the third most of all.
    for link in &links[1..] {
        hub.send(*link, large.clone());
    }
    // A little more than all may hold.
    let each = max / (links[2..].len() * large_bytes) + 1;
    for _ in 1..each {
        links[2..].iter().for_each(|link| hub.send(*link, large.clone()));
    }
    assert!(hub.held_bytes().0 <= max, "{:?}", hub.held_bytes());
    let is_up = |link: &Link| hub.info(*link).is_some();
    assert!(is_up(&links[0]), "whoever holds little is never cut");
    assert!(!is_up(&links[1]), "the first one that was greedy is, though others hold more");
    assert!(links.iter().filter(|link| is_up(link)).count() >= 10, "and no more than need be");
    assert!(hub.counters().slow_readers > 0);
}

#[tokio::test]
async fn a_block_that_waits_for_many_peers_is_counted_once() {
    let (mut hub, links, _others) = hub(14).await;
    let block = item_of(ItemKind::Block, 10_000_000);
    links.iter().for_each(|link| hub.send(*link, block.clone()));
    let (held, max) = hub.held_bytes();
    assert!(held > max, "{held}: each link is charged for it");
    assert!(
        links.iter().all(|link| hub.info(*link).is_some()),
        "but nobody is cut for what all share"
    );
}

#[tokio::test]
async fn what_is_held_of_one_class_stops_no_other_and_comes_in_order_afterwards() {
    let [mut from, mut to] = RawPeer::pair().await;
    let until = Instant::now() + Duration::from_millis(300);
    for class in [Class::Tx, Class::Block] {
        to.net.throttle(to.link, Some(class), until);
    }
    let blocks = [2_000_000, 1_000].map(|bytes| item_of(ItemKind::Block, bytes));
    let txs = [1_000, 2_000].map(item);
    // A large block, which is more than an inbox has room for, keeps nothing else waiting.
    for message in [&blocks[0], &txs[0], &txs[1]] {
        from.send(message.clone());
    }
    let ping = |nonce| Message::Session(Session::Ping { nonce });
    from.send(ping(1));
    to.message(|message| (*message == ping(1)).then_some(())).await;
    from.send(blocks[1].clone());
    from.send(ping(2));
    let mut came = Vec::new();
    while came.len() < 5 {
        if let NetEvent::Received { link, messages } = next(&mut to.net).await {
            came.extend(messages.iter().cloned());
            to.net.recycle(link, messages);
        }
    }
    assert!(Instant::now() >= until);
    let of = |class| came.iter().filter(|it| it.class() == class).cloned().collect::<Vec<_>>();
    assert_eq!(of(Class::Block), blocks);
    assert_eq!(of(Class::Tx), txs);
    assert_eq!(came[0], ping(2), "it overtook what was held");
}

#[tokio::test]
async fn at_last_nothing_is_read_from_a_link_that_goes_on_with_what_is_held() {
    let [mut from, mut to] = RawPeer::pair().await;
    to.net.throttle(to.link, Some(Class::Tx), Instant::now() + Duration::from_secs(3_600));
    // The window and the sender's queue take some of it.
    for _ in 0..30 {
        from.send(item(100_000));
    }
    let held = async {
        // What one message takes is read, and then no more.
        while to.net.held_bytes().0 < 256 << 10 {
            tokio::task::yield_now().await;
        }
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        to.net.info(to.link).unwrap().held_bytes
    };
    let held = crate::rig::soon("what is held", held).await;
    assert!(held < 1 << 20, "{held}: of three megabytes");
}

#[tokio::test]
async fn a_block_on_its_way_does_not_congest_a_link_and_the_next_one_does() {
    let [mut from, mut to] = RawPeer::pair().await;
    to.net.throttle(to.link, None, Instant::now() + Duration::from_secs(3_600));
    from.send(item_of(ItemKind::Block, 4_000_000));
    from.send(item(1_000));
    assert!(from.net.next_event().is_none(), "transactions travel beside it");
    from.send(item_of(ItemKind::Block, 4_000_000));
    assert!(matches!(from.news().await, NetEvent::Congested(_)));
}

#[tokio::test]
async fn a_peer_that_leaves_while_nothing_is_read_from_it_is_noticed() {
    for items in [0, 1, 3, 30] {
        let [mut from, mut to] = RawPeer::pair().await;
        let ping = Message::Session(Session::Ping { nonce: 1 });
        from.send(ping.clone());
        to.message(|message| (*message == ping).then_some(())).await;
        to.net.throttle(to.link, None, Instant::now() + Duration::from_secs(3_600));
        (0..items).for_each(|_| from.send(item(100_000)));
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        drop(from);
        assert!(matches!(to.news().await, NetEvent::Disconnected { slow: false, .. }), "{items}");
    }
}
