//! What strangers do to a node's connections, and what it costs them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::Endpoint;
use libp2p::core::muxing::{StreamMuxer as _, StreamMuxerBox, SubstreamBox};
use libp2p::core::transport::{DialOpts, PortUse};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, Transport as _, noise, tcp, yamux};
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::params::Rate;
use tidings_protocol::wire::message::{Items, Message};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::rig::{RawPeer, TestNode, config, soon, start};
use tidings::net::NetEvent;

/// A node of a network whose nodes share an address.
async fn crowded() -> TestNode {
    let mut config = config(&[]);
    config.params.peers.local_addresses = true;
    start(config).await
}

/// A connection to a node as any program of libp2p makes it.
async fn foreign(node: &TestNode) -> StreamMuxerBox {
    let tcp = tcp::tokio::Transport::new(tcp::Config::new());
    let noise = noise::Config::new(&Keypair::generate_ed25519()).unwrap();
    let upgraded = tcp.upgrade(Version::V1).authenticate(noise).multiplex(yamux::Config::default());
    let mut transport = upgraded.boxed();
    let addr: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}", node.addr.port).parse().unwrap();
    let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    soon("a connection", transport.dial(addr, opts).unwrap()).await.unwrap().1
}

/// Says what multistream-select wants to hear, each line with its length before it.
async fn negotiate(stream: &mut SubstreamBox, protocol: &str) {
    for line in ["/multistream/1.0.0", protocol] {
        let line = format!("{line}\n");
        stream.write_all(&[u8::try_from(line.len()).unwrap()]).await.unwrap();
        stream.write_all(line.as_bytes()).await.unwrap();
    }
    stream.flush().await.unwrap();
    let mut answer = vec![0; 2 + "/multistream/1.0.0\n".len() + protocol.len() + 1];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.ends_with(format!("{protocol}\n").as_bytes()), "{answer:?}");
}

#[tokio::test]
async fn a_peer_with_libp2ps_own_yamux_is_understood() {
    let node = crowded().await;
    let muxer = Arc::new(Mutex::new(foreign(&node).await));
    let mut ours = {
        let mut muxer = muxer.lock().await;
        poll_fn(|cx| Pin::new(&mut *muxer).poll_outbound(cx)).await.unwrap()
    };
    let (inbound_tx, inbound) = tokio::sync::oneshot::channel();
    let driven = Arc::clone(&muxer);
    let drive = tokio::spawn(async move {
        let (mut muxer, mut inbound_tx) = (driven.lock().await, Some(inbound_tx));
        poll_fn(|cx| {
            let _ = Pin::new(&mut *muxer).poll(cx);
            if let Poll::Ready(Ok(stream)) = Pin::new(&mut *muxer).poll_inbound(cx)
                && let Some(tx) = inbound_tx.take()
            {
                drop(tx.send(stream));
            }
            Poll::<()>::Pending
        })
        .await;
    });
    negotiate(&mut ours, "/tidings/1/loopback").await;
    // The node opens its own, and says hello on it once both are open.
    let mut theirs = soon("a stream of the node", inbound).await.unwrap();
    negotiate(&mut theirs, "/tidings/1/loopback").await;
    let mut first = [0; 1];
    soon("a hello", theirs.read_exact(&mut first)).await.unwrap();
    assert!(first[0] > 0, "a frame of some length");
    node.until("a link", |status, _| status.counters["net_links_inbound"] == 1).await;
    drive.abort();
}

#[tokio::test]
async fn a_link_that_is_throttled_again_and_again_holds_no_more_than_once() {
    let mut config = config(&[]);
    config.params.peers.local_addresses = true;
    // Each transaction is one too many for a moment.
    config.params.budgets.txs = Rate::new(20_000.0, 1.0);
    let node = start(config).await;
    let mut peer = RawPeer::connect(&node).await;
    let chain = Opaque::default();
    let item = chain.item(ItemKind::Tx, vec![1; 4_000].into()).unwrap();
    let mut most = 0;
    while node.counter("net_throttled").await < 100 {
        while peer.net.info(peer.link).is_some_and(|info| info.queued_bytes < 1_000_000) {
            peer.send(Message::Items(Items::Item(item.clone())));
        }
        if let Some(NetEvent::Disconnected { .. }) = peer.net.next_event() {
            peer = RawPeer::connect(&node).await;
        }
        most = most.max(node.status().await.held_bytes);
        tokio::task::yield_now().await;
    }
    let status = node.status().await;
    assert!(most <= 2 << 20, "{most} bytes for one link");
    assert!(most < status.held_max_bytes);
}

#[tokio::test]
async fn silent_sockets_do_not_keep_a_newcomer_out() {
    let node = crowded().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(("127.0.0.1", node.addr.port)).await.unwrap());
    }
    let _newcomer = RawPeer::connect(&node).await;
    // The first ones gave way.
    let mut first = silent.remove(0);
    let mut heard = Vec::new();
    let _ = soon("the end of a silent socket", first.read_to_end(&mut heard)).await;
    assert!(node.counter("net_inbound_failed").await >= 100, "64 of 201 are left");
}

#[tokio::test]
async fn one_address_of_the_world_is_not_let_in_as_often_as_it_likes() {
    let node = start(config(&[])).await;
    let mut let_in = 0;
    for _ in 0..40 {
        let mut net = RawPeer::net(&[]).await;
        net.dial(node.addr);
        if matches!(crate::rig::next(&mut net).await, NetEvent::Connected { .. }) {
            let_in += 1;
        }
    }
    assert!((1..40).contains(&let_in), "{let_in} of 40");
}
