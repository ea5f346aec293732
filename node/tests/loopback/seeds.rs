//! How a node finds its first peers, and what it says when it finds none.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, mpsc};

use libp2p::PeerId;
use tidings::control::Command;
use tidings::names::{Resolver, System};
use tidings_protocol::ground::peer::PeerAddr;

use crate::rig::{TestNode, config, free_addr, soon, start, start_with};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Knows one host, and one name with texts.
#[derive(Debug, Default)]
struct Names {
    texts: Vec<String>,
    /// What has to come before anything is answered.
    gate: Option<Mutex<mpsc::Receiver<()>>>,
}

impl Resolver for Names {
    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Some(gate) = &self.gate {
            gate.lock().ok().and_then(|gate| gate.recv().ok());
        }
        match host {
            "seed.test" => Ok(vec![HERE]),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such host")),
        }
    }

    fn texts(&self, name: &str) -> io::Result<Vec<String>> {
        match name {
            "_dnsaddr.seeds.test" => Ok(self.texts.clone()),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such name")),
        }
    }
}

/// A node that begins with this seed.
async fn begins_with(seed: &str, resolver: impl Resolver + 'static) -> TestNode {
    let mut config = config(&[]);
    config.bootstrap = vec![seed.parse().unwrap()];
    config.params.peers.local_addresses = true;
    start_with(config, Arc::new(resolver)).await
}

async fn id_of(node: &TestNode) -> String {
    node.status().await.peer_id
}

/// Waits for a failure to be told in the status.
async fn failure(node: &TestNode) -> (String, String) {
    node.until("a failure", |status, _| status.last_failure.is_some()).await;
    let failure = node.status().await.last_failure.unwrap();
    (failure.whom, failure.why)
}

#[tokio::test]
async fn a_node_finds_its_peers_by_a_name() {
    let mut other = start(config(&[])).await;
    let port = other.addr.port;
    let texts = vec![
        "v=spf1 -all".to_owned(),
        format!("dnsaddr=/ip4/127.0.0.1/tcp/{port}/p2p/{}", id_of(&other).await),
    ];
    for seed in [format!("seed.test:{port}"), "/dnsaddr/seeds.test".to_owned()] {
        let names = Names { texts: texts.clone(), gate: None };
        let mut node = begins_with(&seed, names).await;
        assert_eq!(node.link_up().await, id_of(&other).await, "{seed}");
        other.link_up().await;
    }
    // As the system has it.
    let mut node = begins_with(&format!("/dns4/localhost/tcp/{port}"), System).await;
    assert_eq!(node.link_up().await, id_of(&other).await);
}

#[tokio::test]
async fn what_a_name_leads_to_is_not_our_operators_word() {
    let other = start(config(&[])).await;
    let port = other.addr.port;
    let mut node = begins_with(&format!("seed.test:{port}"), Names::default()).await;
    node.link_up().await;
    // Nobody is told of addresses that lead nowhere after a failure, as an operator's are tried for ever.
    let known = node.addresses().await;
    assert_eq!(known.iter().map(|known| known.addr).collect::<Vec<_>>(), [other.addr]);
    assert!(node.status().await.last_failure.is_none());
}

#[tokio::test]
async fn nobody_but_the_peer_that_is_named_is_taken() {
    let (mut other, stranger) = (start(config(&[])).await, PeerId::random());
    let (port, id) = (other.addr.port, id_of(&other).await);
    for at in ["127.0.0.1", "seed.test"] {
        let mut node = begins_with(&format!("{at}:{port}/p2p/{stranger}"), Names::default()).await;
        assert_eq!(
            node.dial_failed().await,
            "another peer is there than the one that was named",
            "{at}"
        );
        let (whom, why) = failure(&node).await;
        assert_eq!(whom, format!("127.0.0.1:{port}"));
        assert!(why.contains("another peer"), "{why}");
        assert!(node.peers().await.is_empty());
        let mut node = begins_with(&format!("{at}:{port}/p2p/{id}"), Names::default()).await;
        assert_eq!(node.link_up().await, id);
        other.link_up().await;
    }
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told_and_keeps_nobody_from_starting_or_ending() {
    let node = begins_with("nobody.test:1", Names::default()).await;
    let told = failure(&node).await;
    assert_eq!(told, ("nobody.test:1".to_owned(), "there is no such host".to_owned()));
    // One that never answers.
    let (_keep, gate) = mpsc::sync_channel(0);
    let names = Names { gate: Some(Mutex::new(gate)), ..Names::default() };
    let node = begins_with("seed.test:1", names).await;
    assert!(node.status().await.last_failure.is_none());
    node.ask(Command::Stop).await;
    soon("the end", node.task).await.unwrap();
}

#[tokio::test]
async fn each_way_to_find_nobody_is_told_apart() {
    let told = async |addr: PeerAddr| {
        let mut config = config(&[]);
        config.bootstrap = vec![addr.into()];
        let node = start(config).await;
        failure(&node).await
    };
    let closed = free_addr();
    assert_eq!(told(closed).await, (closed.to_string(), "the connection was refused".to_owned()));
    // Somebody who hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = PeerAddr::tcp(listener.local_addr().unwrap());
    let hang_up = std::thread::spawn(move || drop(listener.accept()));
    assert_eq!(told(addr).await.1, "the handshake failed");
    hang_up.join().unwrap();
    let mut elsewhere = config(&[]);
    elsewhere.network = "elsewhere".to_owned();
    let elsewhere = start(elsewhere).await;
    assert_eq!(told(elsewhere.addr).await.1, "it belongs to another network");
}

/// A node that has peers find out whether it can be dialled, and does so for them.
fn config_of_known(connect: &[PeerAddr]) -> tidings::shell::ShellConfig {
    let mut config = config(connect);
    (config.autonat, config.params.peers.local_addresses) = (true, true);
    config
}

#[tokio::test]
async fn a_node_that_peers_can_dial_knows_it_and_keeps_one_link_with_each() {
    let other = start(config_of_known(&[])).await;
    let node = start(config_of_known(&[other.addr])).await;
    node.until("a verdict", |status, _| status.reachable == Some(true)).await;
    assert_eq!((node.peers().await.len(), other.peers().await.len()), (1, 1));
    // The one that was dialled has nobody of its own choice to ask.
    assert_eq!(other.status().await.reachable, None);
}

#[tokio::test]
async fn a_node_that_two_peers_cannot_dial_tells_nobody_its_address() {
    let others = [start(config_of_known(&[])).await, start(config_of_known(&[])).await];
    let nobody = free_addr();
    let mut known = config_of_known(&[others[0].addr]);
    known.advertise = Some(nobody);
    let node = start(known.clone()).await;
    node.until("a link", |_, peers| peers.len() == 1).await;
    let told = async |node: &TestNode| node.peers().await.first().and_then(|peer| peer.advertise);
    assert_eq!(told(&others[0]).await, Some(nobody), "nobody knows better yet");
    node.ask(Command::Stop).await;
    soon("the end", node.task).await.unwrap();

    known.connect = others.iter().map(|other| other.addr).collect();
    let node = start(known).await;
    node.until("a verdict", |status, _| status.reachable == Some(false)).await;
    // Whoever comes now isn't told.
    let third = start(config_of_known(&[node.addr])).await;
    third.until("a link", |_, peers| peers.len() == 1).await;
    assert_eq!(told(&third).await, None);
}

#[tokio::test]
async fn whoever_does_not_take_part_dials_nobody_and_others_are_asked() {
    let (silent, other) = (start(config(&[])).await, start(config_of_known(&[])).await);
    let node = start(config_of_known(&[silent.addr, other.addr])).await;
    node.until("a verdict", |status, _| status.reachable == Some(true)).await;
    assert_eq!(silent.counter("net_dials").await, 0);
    assert_eq!(node.peers().await.len(), 2, "the link bears the question");
}
