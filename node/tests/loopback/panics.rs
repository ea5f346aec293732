//! What a panic costs: a connection where only that is concerned; else the node, which ends in order and forgets nothing
//! that it acknowledged. Rules that panic at certain bytes stand for any fault of the program: no such rules are shipped.

use std::sync::Arc;
use std::time::Duration;

use tidings::api::{Outcome, What};
use tidings::clock::SystemClock;
use tidings::control::Command;
use tidings::files::network::Meaning;
use tidings::shell::{Shell, ShellConfig, ShellError};
use tidings::store::StoreConfig;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::chain::{Chain, Inspection, Rejection, Verdict};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};
use tidings_protocol::wire::message::{Items, Message};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::rig::{RawPeer, config, soon, start};

/// Rules as any, with faults.
struct Faulty {
    rules: Opaque,
}

/// What they panic at, and where.
const NAMING: &[u8] = b"panic in a connection's task";
const INSPECTING: &[u8] = b"panic in the core";

impl Chain for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn max_size(&self, kind: ItemKind) -> usize {
        self.rules.max_size(kind)
    }

    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        assert_ne!(bytes, NAMING, "rules that fail");
        self.rules.identify(kind, bytes)
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        assert_ne!(&item.bytes()[..], INSPECTING, "rules that fail");
        self.rules.inspect(item)
    }

    fn verify(&self, item: &Item) -> Verdict {
        self.rules.verify(item)
    }
}

fn faulty() -> Arc<dyn Chain> {
    Arc::new(Faulty { rules: Opaque::default() })
}

fn item(bytes: &'static [u8]) -> Message {
    let item = Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap();
    Message::Items(Items::Item(item))
}

#[tokio::test]
async fn a_panic_in_a_connections_task_costs_that_connection() {
    let mut config = ShellConfig { chain: faulty(), ..config(&[]) };
    // One address comes so often, as only test networks allow.
    config.params.peers.local_addresses = true;
    let mut node = start(config).await;
    // As often as there are places, so that none is lost with its connection.
    for _ in 0..40 {
        let mut peer = RawPeer::connect(&node).await;
        node.link_up().await;
        peer.send(item(NAMING));
        let down = |what| matches!(what, What::LinkDown { .. }).then_some(());
        node.event("the link is gone", down).await;
        drop(peer);
    }
    let mut other = RawPeer::connect(&node).await;
    other.send(item(b"an honest item"));
    node.accepted(Hash256::of(b"an honest item")).await;
    assert!(!node.task.is_finished());
}

#[tokio::test]
async fn a_panic_of_the_core_ends_the_node_in_order_with_its_store_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = || StoreConfig {
        path: folder.path().join("store.redb"),
        network: "loopback".to_owned(),
        rules: Meaning::default(),
        chain: faulty(),
        expiry: Duration::from_secs(1_000),
        orphan_expiry: Duration::from_secs(100),
        clock: SystemClock::default(),
        map: false,
    };
    let config = || {
        let (chain, store) = (faulty(), Some(store()));
        ShellConfig { chain, store, ..config(&[]) }
    };
    let (commands, inbox) = mpsc::channel(64);
    let shell = Shell::start(config(), inbox, broadcast::channel(64).0).await.unwrap();
    let addr = shell.listening()[0];
    let running = tokio::spawn(shell.run(std::future::pending()));

    let (reply, answer) = oneshot::channel();
    let bytes = bytes::Bytes::from_static(b"acknowledged");
    commands.send(Command::Submit { kind: ItemKind::Tx, bytes, reply }).await.unwrap();
    let submitted = soon("an answer", answer).await.unwrap().unwrap();
    assert_eq!(submitted.outcome, Outcome::Accepted);

    let mut peer = RawPeer::connect_to(addr).await;
    peer.send(item(INSPECTING));
    let ended = soon("the node's end", running).await.expect("it ends in order");
    let error = ended.unwrap_err();
    assert!(matches!(error, ShellError::Fault { .. }), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("rules that fail") && error.contains("it was dealing with `tx` of link"),
        "{error}"
    );
    assert_eq!(tidings::cli::error::Error::from(ShellError::Lost("x")).exit_code(), 70);

    let again = start(config()).await;
    again.until("it comes back", |status, _| status.pool_items == 1).await;
    let held = again.item(Hash256::of(b"acknowledged")).await;
    assert_eq!(held.as_deref(), Some(&b"acknowledged"[..]));
}
