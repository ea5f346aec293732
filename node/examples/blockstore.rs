//! What the disk and the hash alone allow for many blocks, beside what the block store takes to keep them and to read them
//! back:
//!
//! ```sh
//! cargo run --release -p tidings --example blockstore                     # 10,000 blocks of 100,000 bytes
//! cargo run --release -p tidings --example blockstore -- 1000 100000 16   # blocks, bytes, blocks in a batch
//! ```
//!
//! It writes twice as many bytes into a temporary folder (`TMPDIR` says where: a file system in memory measures no disk). All is
//! written in batches, each of which is on the disk before the next begins. What is read back was written just before, so it
//! comes from the system's cache: what is compared is the work around the disk.

#![expect(clippy::unwrap_used, reason = "a measurement that can't go on should say where")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidings::blocks::{BlockStore, BlocksConfig, Change, SEGMENT_BYTES};
use tidings::files::network::Meaning;
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::tidings::{Block, Tidings};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};

const ROOT: Hash256 = Hash256([7; 32]);

fn config(folder: &Path) -> BlocksConfig {
    BlocksConfig {
        folder: folder.join("blocks"),
        network: "blockstore".to_owned(),
        rules: Meaning::default(),
        chain: Arc::new(Tidings::new(ROOT, 0)),
        root: ROOT,
        kept: None,
        max_bytes: None,
        segment_bytes: SEGMENT_BYTES,
    }
}

/// The blocks, made one by one so that they needn't be in memory together.
fn chain(count: usize, size: usize) -> impl Iterator<Item = Arc<Item>> {
    let rules = Tidings::new(ROOT, 0);
    let mut parent = ROOT;
    (0..count as u64).map(move |n| {
        let mut body = vec![0; size];
        for (word, place) in (n << 32..).zip(body.chunks_exact_mut(8)) {
            place.copy_from_slice(&word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        }
        let bytes = Block::mine(parent, &[Bytes::from(body)], n, 0).unwrap();
        let block = (&rules as &dyn Chain).item(ItemKind::Block, bytes).unwrap();
        parent = block.id().hash();
        block
    })
}

/// Goes through the blocks batch by batch, and counts only what is done with them.
fn timed(
    (count, size, batch): (usize, usize, usize),
    mut take: impl FnMut(&[Arc<Item>]),
) -> Duration {
    let (mut blocks, mut spent) = (chain(count, size), Duration::ZERO);
    loop {
        let next: Vec<_> = blocks.by_ref().take(batch).collect();
        if next.is_empty() {
            return spent;
        }
        let start = Instant::now();
        take(&next);
        spent += start.elapsed();
    }
}

fn main() {
    let argument = |index, default| {
        let text = std::env::args().nth(index);
        text.map_or(default, |text| text.parse().expect("arguments are numbers"))
    };
    let run = (argument(1, 10_000), argument(2, 100_000), argument(3, 16));
    let (count, size, batch) = run;
    println!("{count} blocks of {size} bytes, {batch} in a batch");
    let folder = tempfile::tempdir().unwrap();

    let hash = timed(run, |blocks| {
        for block in blocks {
            std::hint::black_box(Hash256::of(block.bytes()));
        }
    });
    let path = folder.path().join("bare");
    let mut bare = File::create(&path).unwrap();
    let write = timed(run, |blocks| {
        blocks.iter().for_each(|block| bare.write_all(block.bytes()).unwrap());
        bare.sync_data().unwrap();
    });
    let (mut buffer, start) = (vec![0; size], Instant::now());
    let mut bare = File::open(&path).unwrap();
    while bare.read(&mut buffer).unwrap() > 0 {}
    let read = start.elapsed();
    std::fs::remove_file(path).unwrap();

    let mut store = BlockStore::open(&config(folder.path())).unwrap();
    let keep = timed(run, |blocks| {
        let keep = |block: &Arc<Item>| Change::Keep { block: Arc::clone(block), height: None };
        store.apply(&blocks.iter().map(keep).collect::<Vec<_>>()).unwrap();
    });
    let reader = store.reader();
    let back = timed(run, |blocks| {
        for block in blocks {
            assert!(reader.read(block.id()).unwrap().is_some());
        }
    });
    drop((store, reader));
    let start = Instant::now();
    let headers = BlockStore::open(&config(folder.path())).unwrap().headers().unwrap().len();
    let open = start.elapsed();
    std::fs::remove_file(folder.path().join("blocks/index.redb")).unwrap();
    let start = Instant::now();
    drop(BlockStore::open(&config(folder.path())).unwrap());
    let rebuild = start.elapsed();

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let megabytes = (count * size) as f64 / 1e6;
    let line = |what: &str, took: Duration| {
        let seconds = took.as_secs_f64();
        println!("{what:<52} {seconds:>8.3} s {:>8.0} MB/s", megabytes / seconds);
    };
    line("double SHA-256 of all bytes, alone", hash);
    line("all bytes into a file, synced after each batch", write);
    line("kept by the store", keep);
    line("all bytes out of that file", read);
    line("read back by the store, each with its checksum", back);
    line("the index made anew from the segments", rebuild);
    println!("opened with {headers} headers in {:.3} s", open.as_secs_f64());
    let ratio = |took: Duration, bare: Duration| took.as_secs_f64() / bare.as_secs_f64();
    println!("keeping takes {:.2} times disk and hash", ratio(keep, write + hash));
    println!("reading takes {:.2} times disk and hash", ratio(back, read + hash));
}
