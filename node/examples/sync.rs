//! A new node gets a chain of blocks from others, over TCP, each with a store of its own; beside what the disk and the hash alone allow:
//!
//! ```sh
//! cargo run --release -p tidings --example sync                        # 10,000 blocks of 100,000 bytes, from one node
//! cargo run --release -p tidings --example sync -- 2000 100000 4       # blocks, bytes of each, from so many
//! ```
//!
//! All nodes are threads of this process. Each block has one transfer, signed and checked. The folders are temporary (`TMPDIR` says
//! where: a file system in memory measures no disk).

#![expect(clippy::unwrap_used, reason = "a measurement that can't go on should say where")]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ed25519_zebra::SigningKey;
use tidings::blocks::{BlockStore, BlocksConfig, Change, SEGMENT_BYTES};
use tidings::control::Command;
use tidings::files::network::Meaning;
use tidings::shell::{Shell, ShellConfig};
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::tidings::{Block, Tidings, Transfer};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::Params;
use tokio::sync::{broadcast, mpsc, oneshot};

const ROOT: Hash256 = Hash256([7; 32]);

/// A sync in which nothing is kept for so long has failed.
const STANDS_STILL: Duration = Duration::from_secs(100);

/// What a transfer takes besides what it carries, bytes, rounded up.
const TRANSFER: usize = 200;

fn rules() -> Tidings {
    Tidings { max_tx_bytes: 4_000_000, ..Tidings::new(ROOT, 0) }
}

fn folder(of: &Path) -> BlocksConfig {
    BlocksConfig {
        folder: of.join("blocks"),
        network: "sync".to_owned(),
        rules: Meaning::default(),
        chain: Arc::new(rules()),
        root: ROOT,
        kept: None,
        max_bytes: None,
        segment_bytes: SEGMENT_BYTES,
    }
}

/// How long things take alone, on one core.
#[derive(Default)]
struct Alone {
    /// The double SHA-256 of all bytes.
    hash: Duration,
    /// All that the rules check: the SHA-256 of each transfer, the SHA-512 of each signature, and the curve.
    check: Duration,
    /// Writing all bytes into a file, and waiting for the disk after each 16 blocks.
    write: Duration,
}

/// Processor time that this process has taken so far, of all threads.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap()
}

/// Makes the chain, and writes it into a folder.
fn make(count: u64, size: usize, of: &Path) -> Alone {
    let key = SigningKey::from([1; 32]);
    let rules = rules();
    let mut store = BlockStore::open(&folder(of)).unwrap();
    let mut bare = File::create(of.join("bare")).unwrap();
    let (mut parent, mut batch) = (ROOT, Vec::new());
    let mut alone = Alone::default();
    for n in 0..count {
        let mut memo = vec![0; size.saturating_sub(TRANSFER)];
        for (word, place) in (n << 32..).zip(memo.chunks_exact_mut(8)) {
            place.copy_from_slice(&word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        }
        let transfer = Transfer::sign(&key, ROOT, n, 1, &memo);
        let bytes = Block::mine(parent, &[transfer], n, 0).unwrap();
        let block = (&rules as &dyn Chain).item(ItemKind::Block, bytes).unwrap();
        parent = block.id().hash();
        let start = Instant::now();
        std::hint::black_box(Hash256::of(block.bytes()));
        alone.hash += start.elapsed();
        let start = Instant::now();
        rules.verify(&block).unwrap();
        alone.check += start.elapsed();
        batch.push(block);
        if batch.len() == 16 || n + 1 == count {
            let start = Instant::now();
            batch.iter().for_each(|block: &Arc<Item>| bare.write_all(block.bytes()).unwrap());
            bare.sync_data().unwrap();
            alone.write += start.elapsed();
            let keep = |block| Change::Keep { block, height: None };
            store.apply(&batch.drain(..).map(keep).collect::<Vec<_>>()).unwrap();
        }
    }
    std::fs::remove_file(of.join("bare")).unwrap();
    alone
}

fn config(of: &Path, connect: Vec<PeerAddr>) -> ShellConfig {
    let mut params = Params::default();
    params.upload.unlimited = true; // as in a test network
    ShellConfig {
        params,
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        connect,
        blocks: Some(folder(of)),
        ..ShellConfig::new("sync", Arc::new(rules()))
    }
}

/// Runs a node on a thread of its own for as long as the process lives. Returns where it listens.
fn serve(of: PathBuf) -> PeerAddr {
    let (told, listening) = std::sync::mpsc::sync_channel(1);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_commands, inbox) = mpsc::channel(8);
            let shell =
                Shell::start(config(&of, Vec::new()), inbox, broadcast::Sender::new(1)).await;
            let shell = shell.unwrap();
            told.send(shell.listening()[0]).unwrap();
            shell.run(std::future::pending()).await.unwrap();
        });
    });
    listening.recv().unwrap()
}

/// Runs a node until it keeps so many blocks. Returns how long that took, and how much processor time all nodes took.
async fn fetch(of: &Path, from: Vec<PeerAddr>, count: u64) -> (Duration, Duration) {
    let (commands, inbox) = mpsc::channel(8);
    let shell = Shell::start(config(of, from), inbox, broadcast::Sender::new(1)).await.unwrap();
    let (start, cpu_before) = (Instant::now(), cpu());
    let running = tokio::spawn(shell.run(std::future::pending()));
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let mut told = Instant::now();
    let mut moved = (Instant::now(), 0);
    loop {
        ticks.tick().await;
        let (reply, answer) = oneshot::channel();
        commands.send(Command::Status(reply)).await.unwrap();
        let status = answer.await.unwrap();
        let kept = status.block_store.as_ref().map_or(0, |store| store.blocks);
        if kept >= count {
            let took = (start.elapsed(), cpu() - cpu_before);
            running.abort();
            return took;
        }
        if kept > moved.1 {
            moved = (Instant::now(), kept);
        }
        assert!(
            moved.0.elapsed() < STANDS_STILL,
            "{kept} of {count}, and no more come: {status:#?}"
        );
        if told.elapsed() > Duration::from_secs(5) {
            eprintln!("{kept} of {count} after {:.1} s", start.elapsed().as_secs_f64());
            told = Instant::now();
        }
    }
}

fn main() {
    let argument = |index, default| {
        let text = std::env::args().nth(index);
        text.map_or(default, |text| text.parse().expect("arguments are numbers"))
    };
    let (count, size, nodes) = (argument(1, 10_000), argument(2, 100_000), argument(3, 1));
    println!("{count} blocks of {size} bytes, from {nodes} nodes");
    let places: Vec<_> = (0..=nodes).map(|_| tempfile::tempdir().unwrap()).collect();
    let alone = make(count as u64, size, places[0].path());
    for other in &places[1..nodes] {
        make(count as u64, size, other.path());
    }
    let from = places[..nodes].iter().map(|place| serve(place.path().to_owned())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (took, cpu) = runtime.block_on(fetch(places[nodes].path(), from, count as u64));

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let megabytes = (count * size) as f64 / 1e6;
    let line = |what: &str, took: Duration| {
        let seconds = took.as_secs_f64();
        println!("{what:<56} {seconds:>8.3} s {:>8.0} MB/s", megabytes / seconds);
    };
    line("double SHA-256 of all bytes, alone, on one core", alone.hash);
    line("all that the rules check, alone, on one core", alone.check);
    line("all bytes into a file, synced after each 16 blocks", alone.write);
    line("fetched, checked, connected and kept", took);
    let part = |least: Duration| 100.0 * least.as_secs_f64() / took.as_secs_f64();
    println!(
        "{:.0} % of the speed that disk and hash alone allow, {:.0} % of what disk and check do",
        part(alone.hash + alone.write),
        part(alone.check + alone.write),
    );
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{:.1} s of processor time for all nodes together, {:.1} s a GB: {:.1} of {cores} cores at work",
        cpu.as_secs_f64(),
        1e3 * cpu.as_secs_f64() / megabytes,
        cpu.as_secs_f64() / took.as_secs_f64(),
    );
}
