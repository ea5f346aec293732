//! What the core asks to be read is read, and answered once.

use std::fs;
use std::future::poll_fn;

use tidings_protocol::chain::tidings::{Block, Tidings, Transfer};
use tidings_protocol::ground::item::{Hash256, ItemKind};

use super::*;
use crate::blocks::BlocksConfig;
use crate::files::network::Meaning;

const ROOT: Hash256 = Hash256([7; 32]);

fn config(folder: Option<&tempfile::TempDir>) -> ShellConfig {
    let chain: Arc<dyn Chain> = Arc::new(Tidings::new(ROOT, 0));
    let blocks = folder.map(|folder| BlocksConfig {
        folder: folder.path().join("blocks"),
        network: "test".to_owned(),
        rules: Meaning::default(),
        chain: Arc::clone(&chain),
        root: ROOT,
        kept: None,
        max_bytes: None,
        segment_bytes: 1 << 20,
    });
    ShellConfig { blocks, seed: Some(1), ..ShellConfig::new("test", chain) }
}

/// A block with a transfer in it.
fn block(n: u64) -> Arc<Item> {
    let key = ed25519_zebra::SigningKey::from([1; 32]);
    let transfer = Transfer::sign(&key, ROOT, n, 10, b"hello");
    let bytes = Block::mine(ROOT, &[transfer], n, 0).unwrap();
    (&Tidings::new(ROOT, 0) as &dyn Chain).item(ItemKind::Block, bytes).unwrap()
}

async fn saved(blocks: &Blocks, block: &Arc<Item>) {
    let (reply, answer) = tokio::sync::oneshot::channel();
    let waiter = Waiter::new(|saved| drop(reply.send(saved)));
    blocks.handle.as_ref().unwrap().keep(block, None, 0, vec![waiter]);
    answer.await.unwrap().unwrap();
}

async fn start(folder: Option<&tempfile::TempDir>) -> (Blocks, Vec<Bytes>) {
    Blocks::start(&config(folder), &Registry::default()).await.unwrap()
}

async fn answer(blocks: &mut Blocks) -> Answer {
    poll_fn(|cx| blocks.poll(cx)).await
}

#[tokio::test]
async fn what_is_asked_for_is_read_from_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (mut blocks, headers) = start(Some(&folder)).await;
    assert!(headers.is_empty() && blocks.keeps());
    let all: Vec<_> = (0..9).map(block).collect();
    for block in &all {
        saved(&blocks, block).await;
    }
    for what in [Load::Block, Load::Confirms, Load::Returns] {
        all.iter().for_each(|block| blocks.load(block.id(), what, None));
        let mut seen = Vec::new();
        for _ in &all {
            let Answer { id, what: answered, loaded, is_damaged } = answer(&mut blocks).await;
            assert!(answered == what && !is_damaged);
            let whole = all.iter().find(|block| block.id() == id).unwrap();
            assert_eq!(loaded, what.of(whole, &*blocks.chain));
            assert!(loaded.is_some());
            seen.push(id);
        }
        seen.sort_unstable();
        let mut expected: Vec<_> = all.iter().map(|block| block.id()).collect();
        expected.sort_unstable();
        assert_eq!(seen, expected, "each once");
    }
    blocks.close().await;
    let (_, headers) = start(Some(&folder)).await;
    assert_eq!(headers.len(), 9);
}

#[tokio::test]
async fn what_is_not_kept_or_damaged_is_answered_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut blocks, _) = start(Some(&folder)).await;
    let (kept, other) = (block(1), block(2));
    saved(&blocks, &kept).await;
    blocks.load(other.id(), Load::Block, None);
    assert_eq!(answer(&mut blocks).await.loaded, None);
    blocks.load(other.id(), Load::Confirms, Some(other.clone()));
    let from_memory = answer(&mut blocks).await.loaded;
    assert_eq!(from_memory, Load::Confirms.of(&other, &*blocks.chain));
    let segment = folder.path().join("blocks/blk00000.dat");
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, bytes).unwrap();
    blocks.load(kept.id(), Load::Confirms, None);
    let Answer { loaded, is_damaged, .. } = answer(&mut blocks).await;
    assert!(loaded.is_none() && is_damaged);
    // From now on it isn't kept, and may be kept anew.
    saved(&blocks, &kept).await;
    blocks.load(kept.id(), Load::Block, None);
    assert_eq!(answer(&mut blocks).await.loaded, Some(Loaded::Block(kept)));
    assert_eq!(blocks.status().unwrap().damaged, 1);
}

#[tokio::test]
async fn too_many_questions_are_answered_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut blocks, _) = start(Some(&folder)).await;
    let kept = block(1);
    saved(&blocks, &kept).await;
    let asked = WAITING_MAX + READERS + 100;
    (0..asked).for_each(|_| blocks.load(kept.id(), Load::Block, None));
    let mut read = 0;
    for _ in 0..asked {
        read += usize::from(answer(&mut blocks).await.loaded.is_some());
    }
    assert_eq!(read, WAITING_MAX + READERS);
    assert!(blocks.next().is_none());
}

#[tokio::test]
async fn without_a_folder_the_core_has_what_it_has() {
    let (mut blocks, headers) = start(None).await;
    assert!(headers.is_empty() && !blocks.keeps() && blocks.status().is_none());
    let block = block(1);
    blocks.load(block.id(), Load::Returns, None);
    assert_eq!(answer(&mut blocks).await.loaded, None);
    blocks.load(block.id(), Load::Returns, Some(block.clone()));
    let loaded = answer(&mut blocks).await.loaded;
    assert_eq!(loaded, Load::Returns.of(&block, &*blocks.chain));
    blocks.load(block.id(), Load::Block, Some(block.clone()));
    assert_eq!(blocks.next().unwrap().loaded, Some(Loaded::Block(block)));
}

#[tokio::test]
async fn a_disk_that_is_behind_is_waited_for_unless_it_writes_nothing_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (mut blocks, _) = start(Some(&folder)).await;
    // The first file of blocks can't be made.
    let obstacle = folder.path().join("blocks").join("blk00000.dat");
    fs::create_dir(&obstacle).unwrap();
    let now = Instant::now();
    assert!(!blocks.is_behind(now));
    let large =
        |n: u64| Item::identified(ItemId::block(Hash256::of(&n.to_le_bytes())), block_of(n));
    let handle = blocks.handle.as_ref().unwrap();
    (0..6).for_each(|n| handle.keep(&large(n), None, 0, Vec::new()));
    assert!(blocks.is_behind(now) && blocks.is_behind(now + STUCK / 2));
    assert!(!blocks.is_behind(now + STUCK), "the node goes on without it");
    fs::remove_dir(&obstacle).unwrap();
    let handle = blocks.handle.as_ref().unwrap();
    while handle.unwritten_bytes() > 0 {
        std::thread::yield_now();
    }
    assert!(!blocks.is_behind(now) && blocks.behind.is_none());
    blocks.close().await;
}

/// A block with a large transfer in it.
fn block_of(n: u64) -> Bytes {
    let key = ed25519_zebra::SigningKey::from([1; 32]);
    let transfer = Transfer::sign(&key, ROOT, n, 10, &vec![0; 3 << 20]);
    Block::mine(ROOT, &[transfer], n, 0).unwrap()
}
