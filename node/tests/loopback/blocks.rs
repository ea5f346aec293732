//! The chain on the disk, under whole nodes: what one kept in an earlier run it gives to others, connects and disconnects.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidings::api::Outcome;
use tidings::blocks::{BlocksConfig, SEGMENT_BYTES};
use tidings::clock::SystemClock;
use tidings::control::Command;
use tidings::files::network::Meaning;
use tidings::shell::ShellConfig;
use tidings::store::{Change, Store, StoreConfig};
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::tidings::{Block, Header, Tidings, Transfer};
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::peer::PeerAddr;

use super::rig::{TestNode, config, soon, start};

const ROOT: Hash256 = Hash256([7; 32]);

fn chain() -> Arc<dyn Chain> {
    Arc::new(Tidings::new(ROOT, 0))
}

fn store(folder: &Path) -> StoreConfig {
    StoreConfig {
        path: folder.join("store.redb"),
        network: "loopback".to_owned(),
        rules: Meaning::default(),
        chain: chain(),
        expiry: Duration::from_secs(1_000),
        orphan_expiry: Duration::from_secs(100),
        clock: SystemClock::default(),
        map: false,
    }
}

fn keeping(folder: &Path, connect: &[PeerAddr]) -> ShellConfig {
    let blocks = BlocksConfig {
        folder: folder.join("blocks"),
        network: "loopback".to_owned(),
        rules: Meaning::default(),
        chain: chain(),
        root: ROOT,
        kept: None,
        max_bytes: None,
        segment_bytes: SEGMENT_BYTES,
    };
    let (store, blocks) = (Some(store(folder)), Some(blocks));
    ShellConfig { chain: chain(), store, blocks, ..config(connect) }
}

/// A branch of so many blocks with a transfer in each, which no other branch has.
fn branch(count: u64, tag: u8) -> Vec<Bytes> {
    let (key, mut parent) = (ed25519_zebra::SigningKey::from([tag; 32]), ROOT);
    let next = |n| {
        let transfer = Transfer::sign(&key, ROOT, n, 10, b"hello");
        let block = Block::mine(parent, &[transfer], n, 0).unwrap();
        parent = Header::id(&block).unwrap();
        block
    };
    (0..count).map(next).collect()
}

async fn submit(node: &TestNode, blocks: &[Bytes]) {
    for block in blocks {
        assert_eq!(node.submit(ItemKind::Block, block).await.outcome, Outcome::Accepted);
    }
}

/// Until so many blocks are on the disk.
async fn until_kept(node: &TestNode, count: u64) {
    node.until("blocks are kept", |status, _| {
        status.block_store.as_ref().is_some_and(|blocks| blocks.blocks == count)
    })
    .await;
}

async fn has(node: &TestNode, block: &Bytes) -> bool {
    let id = Header::id(block).unwrap();
    node.item(id).await.as_ref() == Some(block)
}

async fn stop(node: TestNode) {
    node.ask(Command::Stop).await;
    soon("the node's end", node.task).await.unwrap();
}

#[tokio::test]
async fn a_newcomer_gets_the_whole_chain_from_the_disk_of_another() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blocks = branch(30, 1);
    let node = start(keeping(first.path(), &[])).await;
    submit(&node, &blocks).await;
    stop(node).await;

    // Of an earlier run nothing is in memory.
    let node = start(keeping(first.path(), &[])).await;
    assert_eq!(node.status().await.blocks, 0);
    assert!(has(&node, &blocks[0]).await);
    let newcomer = start(keeping(second.path(), &[node.addr])).await;
    until_kept(&newcomer, 30).await;
    assert!(has(&newcomer, &blocks[29]).await);
    stop(newcomer).await;
    let again = start(keeping(second.path(), &[])).await;
    let status = again.status().await.block_store.unwrap();
    assert_eq!((status.blocks, status.headers, status.damaged), (30, 30, 0));
}

#[tokio::test]
async fn a_better_branch_is_joined_though_what_leaves_is_only_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (worse, better) = (branch(10, 1), branch(11, 2));
    let node = start(keeping(folder.path(), &[])).await;
    submit(&node, &worse).await;
    stop(node).await;

    let mut node = start(keeping(folder.path(), &[])).await;
    submit(&node, &better).await;
    let pick = |what| match what {
        tidings::api::What::BlockConnected { height: 11, id } => Some(id),
        _ => None,
    };
    let tip = node.event("the better branch", pick).await;
    assert_eq!(tip, Header::id(&better[10]).unwrap());
    node.until("what left is pooled again", |status, _| status.pool_items == 10).await;
    until_kept(&node, 21).await;
    stop(node).await;
    // It is in the store again as well.
    assert_eq!(Store::open(&store(folder.path())).unwrap().len(), 10);
}

#[tokio::test]
async fn blocks_that_an_earlier_version_stored_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let block = branch(1, 1).remove(0);
    let item = (*chain()).item(ItemKind::Block, block.clone()).unwrap();
    let put = Change::Put { item, own: true };
    Store::open(&store(folder.path())).unwrap().apply(&[put]).unwrap();
    let node = start(keeping(folder.path(), &[])).await;
    until_kept(&node, 1).await;
    assert!(has(&node, &block).await);
}
