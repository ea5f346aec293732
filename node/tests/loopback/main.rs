//! Whole nodes over real transports on 127.0.0.1, several in one process on one thread. Every wait is for an
//! event or a condition, never for a time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod addresses;
mod bans;
mod blocks;
mod conflicts;
#[path = "../../examples/embed.rs"]
mod embed;
mod lab;
mod panics;
mod peers;
mod queues;
#[cfg(feature = "quic")]
mod quic;
mod rig;
mod seeds;
mod strangers;

use std::sync::Arc;
use std::time::Duration;
use tidings_protocol::wire::message::{Items, Message, Names, Session};

use tidings::api::counters::{COUNTERS, over_budget};
use tidings::api::{Outcome, PeerStatus, Status, What};
use tidings::control::Command;
use tidings::net::NetError;
use tidings::shell::{Shell, ShellConfig, ShellError};
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{ItemId, ItemKind};
use tidings_protocol::wire::kinds::Budget;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use rig::{RawPeer, config, free_addr, row, soon, start};

#[test]
fn the_example_of_two_nodes_with_rules_of_its_own_relays_an_item() {
    let (send, ended) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || send.send(embed::main().map_err(|error| error.to_string())));
    assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(Ok(())));
}

#[tokio::test]
async fn an_item_submitted_at_one_node_arrives_at_all() {
    let mut nodes = row(5).await;
    for (index, kind) in [(0, ItemKind::Tx), (4, ItemKind::Block)] {
        let bytes = vec![7; 40_000 + index];
        let submitted = nodes[index].submit(kind, &bytes).await;
        assert_eq!(submitted.outcome, Outcome::Accepted);
        let id = submitted.id.unwrap();
        for node in &mut nodes {
            node.accepted(id).await;
            let held = node.item(id).await;
            assert_eq!(held.as_deref(), Some(&bytes[..]));
        }
        assert_eq!(nodes[2].submit(kind, &bytes).await.outcome, Outcome::AlreadyKnown);
    }
}

#[tokio::test]
async fn an_item_that_breaks_a_rule_is_refused_by_name() {
    let node = start(config(&[])).await;
    let empty = node.submit(ItemKind::Tx, b"").await;
    assert_eq!((empty.outcome, empty.rule.as_deref()), (Outcome::Rejected, Some("empty")));
    let long = node.submit(ItemKind::Tx, &vec![0; 100_001]).await;
    assert_eq!((long.outcome, long.rule.as_deref()), (Outcome::Rejected, Some("too-large")));
}

#[tokio::test]
async fn a_node_of_another_network_is_told_apart() {
    let here = start(config(&[])).await;
    let mut elsewhere = config(&[here.addr]);
    elsewhere.network = "elsewhere".to_owned();
    let mut elsewhere = start(elsewhere).await;
    assert_eq!(elsewhere.dial_failed().await, "it belongs to another network");
    assert!(here.peers().await.is_empty());
}

#[tokio::test]
async fn a_node_that_dials_itself_notices() {
    let port = free_addr().port;
    // The address that it listens on, and one that leads to it all the same.
    for ip in ["127.0.0.1", "127.0.0.2"] {
        let mut node = config(&[format!("{ip}:{port}").parse().unwrap()]);
        node.listen = vec![format!("0.0.0.0:{port}").parse().unwrap()];
        let mut node = start(node).await;
        assert_eq!(node.dial_failed().await, "it is this node's own address", "{ip}");
        assert!(node.peers().await.is_empty());
        node.ask(Command::Stop).await;
        soon("the end", node.task).await.unwrap();
    }
}

#[tokio::test]
async fn a_node_where_nobody_listens_is_told_so() {
    let mut node = start(config(&[free_addr()])).await;
    assert_eq!(node.dial_failed().await, "the connection was refused");
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_keep_one_link() {
    let (left, right) = (free_addr(), free_addr());
    let (mut a, mut b) = (config(&[right]), config(&[left]));
    (a.listen, b.listen) = (vec![left], vec![right]);
    let (a, mut b) = tokio::join!(start(a), start(b));
    // Each dial has come to an end, and of their links one is left.
    let settled = |status: &Status, peers: &[PeerStatus]| {
        let count = |name: &str| status.counters[name];
        let ended = count("net_links_outbound") + count("net_dials_failed");
        count("net_dials") > 0 && ended == count("net_dials") && peers.len() == 1
    };
    a.until("one link", settled).await;
    b.until("one link", settled).await;
    a.until("one link", settled).await;
    let submitted = a.submit(ItemKind::Tx, b"over the link that stayed").await;
    b.accepted(submitted.id.unwrap()).await;
}

#[tokio::test]
async fn bytes_that_are_no_message_end_the_link_and_nothing_else() {
    let mut nodes = row(2).await;
    // An empty part, a ping that is too short, an item longer than the rules allow.
    let chain = Opaque { max_tx_bytes: 10_000_000, max_block_bytes: 10_000_000 };
    let oversized = chain.item(ItemKind::Tx, vec![1; 200_000].into()).unwrap();
    let bad = [
        Message::Unknown { kind: 0, len: 3 },
        Message::Unknown { kind: 2, len: 3 },
        Message::Items(Items::Item(oversized)),
    ];
    for (count, message) in (0..).zip(bad) {
        let mut peer = RawPeer::connect(&nodes[0]).await;
        nodes[0].link_up().await;
        peer.send(message);
        peer.disconnected().await;
        assert_eq!(nodes[0].counter("misbehaved").await, u64::from(count) + 1);
        let submitted = nodes[0].submit(ItemKind::Tx, &[9, count]).await;
        nodes[1].accepted(submitted.id.unwrap()).await;
    }
}

#[tokio::test]
async fn messages_of_unknown_kinds_are_skipped_and_counted() {
    let node = start(config(&[])).await;
    let mut peer = RawPeer::connect(&node).await;
    for len in [0, 5, 60_000] {
        peer.send(Message::Unknown { kind: 200, len });
    }
    peer.ping(1).await;
    let status = node.status().await;
    assert_eq!(status.traffic["unknown"].received_messages, 3);
    assert_eq!(node.peers().await.len(), 1, "and the link stays");
}

#[tokio::test]
async fn a_peer_that_stops_reading_congests_only_itself() {
    let mut nodes = row(2).await;
    let block = vec![3; 2_000_000];
    let submitted = nodes[0].submit(ItemKind::Block, &block).await;
    let id = submitted.id.unwrap();
    nodes[1].accepted(id).await;
    let mut peer = RawPeer::connect(&nodes[0]).await;
    peer.net.throttle(peer.link, None, Instant::now() + Duration::from_secs(3_600));
    for _ in 0..100 {
        let ids = Arc::from([ItemId::block(id)]);
        peer.send(Message::Items(Items::GetData(Names::Whole { kind: ItemKind::Block, ids })));
    }
    let congested = |status: &Status, _: &[PeerStatus]| status.counters["net_congested"] > 0;
    let driven = async {
        tokio::select! {
            () = nodes[0].until("congestion", congested) => {}
            () = async { loop { peer.net.wait().await; drop(peer.net.next_event()); } } => {}
        }
    };
    soon("congestion", driven).await;
    for round in 0..20 {
        let submitted = nodes[0].submit(ItemKind::Tx, &[5, round]).await;
        nodes[1].accepted(submitted.id.unwrap()).await;
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let node = start(config(&[])).await;
    let mut second = config(&[]);
    second.listen = vec![node.addr];
    let (_commands, commands_rx) = mpsc::channel(1);
    let (events, _) = broadcast::channel(1);
    let error = Shell::start(second, commands_rx, events).await.unwrap_err();
    assert!(matches!(error, ShellError::Net(NetError::Listen { addr, .. }) if addr == node.addr));
    let text = error.to_string();
    assert!(text.contains(&node.addr.to_string()) && text.contains("node.listen"), "{text}");
}

#[tokio::test]
async fn nodes_go_on_when_one_of_them_is_killed() {
    let mut nodes = row(3).await;
    let extra = start(config(&[nodes[0].addr, nodes[2].addr])).await;
    extra.until("two links", |_, peers| peers.len() == 2).await;
    let killed = nodes.remove(1);
    killed.task.abort();
    for node in &mut nodes {
        let down = |what| matches!(what, What::LinkDown { .. }).then_some(());
        node.event("the end of a link", down).await;
    }
    let submitted = nodes[0].submit(ItemKind::Tx, b"the other way round").await;
    nodes[1].accepted(submitted.id.unwrap()).await;
}

#[tokio::test]
async fn nothing_arrives_from_a_throttled_link_until_it_is_time() {
    let node = start(config(&[])).await;
    let mut peer = RawPeer::connect(&node).await;
    peer.ping(1).await;
    let until = Instant::now() + Duration::from_millis(300);
    peer.net.throttle(peer.link, None, until);
    peer.ping(2).await;
    assert!(Instant::now() >= until);
    peer.ping(3).await;
    assert!(Instant::now() < until + Duration::from_secs(10), "and then it is over");
}

#[tokio::test]
async fn a_peer_over_its_budget_is_slowed_and_not_closed() {
    let mut slow = config(&[]);
    slow.params.budgets.messages.per_s = 100.0;
    slow.params.budgets.messages.burst = 50.0;
    let node = start(slow).await;
    let mut peer = RawPeer::connect(&node).await;
    let begun = Instant::now();
    for nonce in 0..100 {
        peer.send(Message::Session(Session::Ping { nonce }));
    }
    peer.message(|message| {
        (*message == Message::Session(Session::Pong { nonce: 99 })).then_some(())
    })
    .await;
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    assert!(node.counter("net_throttled").await > 0);
    assert_eq!(node.counter("misbehaved").await, 0);
}

#[tokio::test]
async fn the_address_book_and_the_trace_outlive_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let other = start(config(&[])).await;
    let files = |mut config: ShellConfig| {
        config.addresses = Some(folder.path().join("addresses.json"));
        config.trace = Some(folder.path().join("trace.csv"));
        config
    };
    let mut first = config(&[]);
    first.bootstrap = vec![other.addr.into()];
    let mut first = start(files(first)).await;
    first.link_up().await;
    let id = first.submit(ItemKind::Tx, b"traced").await.id.unwrap();
    first.ask(Command::Stop).await;
    soon("the end", first.task).await.unwrap();
    let trace = std::fs::read_to_string(folder.path().join("trace.csv")).unwrap();
    assert!(trace.contains(&format!(",accepted,tx,{id},6,-\n")), "{trace}");
    let mut second = start(files(config(&[]))).await;
    let addresses = second.addresses().await;
    assert!(addresses.iter().map(|one| one.addr).eq([other.addr]));
    second.link_up().await;
}

#[tokio::test]
async fn every_counter_says_what_it_means() {
    let node = start(config(&[])).await;
    let described = |name: &str| COUNTERS.iter().any(|(known, _)| *known == name);
    let budget = |name: &str| Budget::ALL.into_iter().any(|budget| over_budget(budget) == name);
    for name in node.status().await.counters.keys() {
        assert!(described(name) || budget(name), "{name} is in no table");
    }
}
