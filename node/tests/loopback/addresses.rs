//! Addresses of both families, wildcards, our own at another place, and those that we have no way to.

use std::net::{Ipv6Addr, TcpListener};

use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::peer::PeerAddr;

use crate::rig::{TestNode, config, free_addr, start};

/// Whether the machine has IPv6, on itself at least.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

async fn listening(on: &[&str]) -> (TestNode, Vec<PeerAddr>) {
    let mut config = config(&[]);
    config.listen = on.iter().map(|text| text.parse().unwrap()).collect();
    let node = start(config).await;
    let shown = node.status().await.listen;
    (node, shown)
}

#[tokio::test]
async fn nodes_relay_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    let (mut node, shown) = listening(&["[::1]:0"]).await;
    let mut other = start(config(&shown)).await;
    other.link_up().await;
    node.link_up().await;
    let submitted = other.submit(ItemKind::Tx, b"over IPv6").await;
    node.accepted(submitted.id.unwrap()).await;
    assert_eq!(other.peers().await[0].remote, Some(shown[0]));
}

#[tokio::test]
async fn a_pair_of_listeners_has_one_port_in_both_families() {
    if !has_ipv6() {
        return;
    }
    for (v4, v6) in [("0.0.0.0", "[::]"), ("127.0.0.1", "[::1]")] {
        let port = free_addr().port;
        let both = [format!("{v4}:{port}"), format!("{v6}:{port}")];
        let (node, shown) = listening(&[&both[0], &both[1]]).await;
        let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
        assert_eq!(shown, both);
        for host in ["127.0.0.1", "[::1]"] {
            let mut other = start(config(&[format!("{host}:{port}").parse().unwrap()])).await;
            other.link_up().await;
        }
        node.until("two links", |_, peers| peers.len() == 2).await;
    }
}

#[tokio::test]
async fn a_wildcard_listener_is_shown_as_what_it_is() {
    let (_node, shown) = listening(&["0.0.0.0:0"]).await;
    let [only] = shown[..] else { panic!("{shown:?}") };
    assert!(only.ip.is_unspecified() && only.port != 0, "{only}");
    let mut other = start(config(&[format!("127.0.0.1:{}", only.port).parse().unwrap()])).await;
    other.link_up().await;
}

#[tokio::test]
async fn a_v4_mapped_address_leads_to_the_v4_listener() {
    let (_node, shown) = listening(&["127.0.0.1:0"]).await;
    let mapped = format!("[::ffff:127.0.0.1]:{}", shown[0].port);
    let mut other = start(config(&[mapped.parse().unwrap()])).await;
    other.link_up().await;
    assert_eq!(other.peers().await[0].remote, Some(shown[0]));
}

#[tokio::test]
async fn a_node_that_finds_its_own_identity_elsewhere_says_so() {
    let original = config(&[]);
    let keypair = original.keypair.clone();
    let original = start(original).await;
    let mut copy = config(&[original.addr]);
    copy.keypair = keypair;
    let mut copy = start(copy).await;
    assert_eq!(copy.dial_failed().await, "it is this node's own address");
    assert_eq!(copy.counter("own_identity_elsewhere").await, 1);
}

#[tokio::test]
async fn a_node_that_finds_itself_where_it_listens_says_nothing() {
    let port = free_addr().port;
    let mut node = config(&[format!("127.0.0.2:{port}").parse().unwrap()]);
    node.listen = vec![format!("0.0.0.0:{port}").parse().unwrap()];
    let mut node = start(node).await;
    assert_eq!(node.dial_failed().await, "it is this node's own address");
    assert_eq!(node.counter("own_identity_elsewhere").await, 0);
}

#[tokio::test]
async fn where_there_is_no_way_to_go_no_address_is_to_blame() {
    // Nobody is at the address of everybody, and the system says so itself.
    let mut node = start(config(&["255.255.255.255:4000".parse().unwrap()])).await;
    assert_eq!(node.dial_failed().await, "this machine has no way there");
}
