//! Intake: how many valid signed transactions a second a node takes from its peers, verifies, and announces to
//! the others, beside what the signature library does alone.
//!
//! ```text
//! cargo run --release -p tidings --example intake
//! cargo run --release -p tidings --example intake -- --strategy adaptive --announcers 8
//! ```
//! The node is a process of its own, pinned to one core, then to two. Nine peers in this process, each with a
//! connection of its own over TCP on the loopback interface (Noise and Yamux as always), have made all
//! transactions beforehand: each of another sender, 300 bytes. A peer announces its share, the node asks, the
//! peer delivers; the node identifies, inspects and verifies, takes into its pool, and announces to the eight
//! that don't have it, with the default waits. Nothing is left out but the disk: the node has no store.
//!
//! Three figures, all of the node's process, its kernel time included:
//! - CPU a transaction: user and system time from before the first announcement until the last one that the
//!   node owes has arrived.
//! - transactions a second by the clock, between the tenth and the ninth tenth of them. The peers need CPU, too:
//!   a node on one core leaves them the other one; on two they take what the node then lacks.
//! - the share of the library's rate. "Bare" is `ed25519_zebra::batch::Verifier` over the same signatures in
//!   batches of 256, with nothing around it, on as many threads as the node has cores.
//!
//! In the end the node gets one block, of 1,557 transactions that it doesn't have: how long its loop is busy with it.
//!
//! Limits that protect a node from its peers are raised where they are below what is measured; each is printed.

#![expect(clippy::unwrap_used, reason = "a measurement that can't go on should say where")]

mod bare;
mod node;
mod peers;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::{Parser, Subcommand};
use ed25519_zebra::SigningKey;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use tidings::api::Status;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::tidings::{Block, TRANSFER_LEN_MIN, Tidings, Transfer};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};
use tidings_protocol::params::StrategyKind;

/// The rules that all transactions are valid under.
pub(crate) const CHAIN: Tidings = Tidings::new(Hash256([7; 32]), 16);

/// Transactions of the block that is sent in the end: as many as Bitcoin's block 413,567 has.
const BLOCK: usize = 1_557;

#[derive(Parser)]
struct Args {
    /// How many transactions.
    #[arg(long, default_value_t = 100_000)]
    txs: usize,
    /// How many peers.
    #[arg(long, default_value_t = 9)]
    peers: usize,
    /// How many peers announce each transaction.
    #[arg(long, default_value_t = 1)]
    announcers: usize,
    /// Bytes of a transaction.
    #[arg(long, default_value_t = 300)]
    bytes: usize,
    /// The node's strategy.
    #[arg(long, default_value = "inventory")]
    strategy: StrategyKind,
    /// On how many cores the node runs, one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    cores: Vec<usize>,
    /// How often each measurement is repeated.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Is the node; started by the benchmark itself.
    Node,
}

/// What a run of the node gave.
struct Taken {
    /// Transactions a second by the clock.
    rate: f64,
    /// The node's CPU time a transaction, microseconds.
    cpu_us: f64,
    /// The peers' CPU time a transaction, microseconds.
    peers_cpu_us: f64,
    /// From the beginning until the last announcement arrived.
    took: Duration,
    /// The node, at the end.
    last: Status,
    /// Ids that the peers were told.
    told: usize,
}

fn main() {
    let args = Args::parse();
    if matches!(args.role, Some(Role::Node)) {
        return node::run(args.strategy, args.cores[0], args.peers);
    }
    println!("limits raised: {}", node::RAISED);
    let items = make(args.txs, args.bytes);
    println!("{} transactions of {} bytes, each of another sender", args.txs, args.bytes);
    println!(
        "cores   bare/s   bare us   node tx/s   node us   share by clock   share by CPU   peers us   rest"
    );
    for _ in 0..args.runs {
        for &cores in &args.cores {
            let bare = bare::run(&items, cores);
            let taken = take(&args, &items, cores);
            let counters = &taken.last.counters;
            println!(
                "{cores:5} {:8.0} {:9.1} {:11.0} {:9.1} {:15.0}% {:13.0}% {:10.1}   told {} of {}, accepted {}, \
                 RSS {} MiB, longest turn {:.1} ms, {}",
                bare.rate,
                bare.cpu_us,
                taken.rate,
                taken.cpu_us,
                100.0 * taken.rate / bare.rate,
                100.0 * bare.cpu_us / taken.cpu_us,
                taken.peers_cpu_us,
                taken.told,
                items.len() * (args.peers - args.announcers),
                counters["accepted"],
                taken.last.rss_bytes >> 20,
                taken.last.longest_turn_s * 1e3,
                node::remarks(counters),
            );
        }
    }
    let block = block(&items);
    for &cores in &args.cores {
        let taken = take(&args, &block, cores);
        println!(
            "{cores} cores, a block of {BLOCK} transactions that the node doesn't have: announced {:.0} ms after it was \
             announced to the node, longest turn {:.1} ms",
            taken.took.as_secs_f64() * 1e3,
            taken.last.longest_turn_s * 1e3,
        );
    }
}

/// A block of such transactions, which comes alone.
fn block(items: &[Arc<Item>]) -> Arc<[Arc<Item>]> {
    let transactions: Vec<_> = items[..BLOCK].iter().map(|item| item.bytes().clone()).collect();
    let bytes = Block::mine(CHAIN.genesis, &transactions, 0, CHAIN.difficulty_bits).unwrap();
    Arc::new([CHAIN.item(ItemKind::Block, bytes).unwrap()])
}

/// Makes signed transactions, each of another sender.
fn make(count: usize, bytes: usize) -> Arc<[Arc<Item>]> {
    let payload = vec![9; bytes.checked_sub(TRANSFER_LEN_MIN).unwrap()];
    let make = |number: usize| {
        let mut seed = [3; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let key = SigningKey::from(seed);
        let bytes: Bytes = Transfer::sign(&key, CHAIN.genesis, 0, 1_000, &payload);
        CHAIN.item(ItemKind::Tx, bytes).unwrap()
    };
    (0..count).map(make).collect()
}

/// Has a node take transactions.
fn take(args: &Args, items: &Arc<[Arc<Item>]>, cores: usize) -> Taken {
    let mut node = Command::new(std::env::current_exe().unwrap())
        .args(["--strategy", args.strategy.name(), "--cores", &cores.to_string()])
        .args(["--peers", &args.peers.to_string(), "node"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let addr = lines.next().unwrap().unwrap().parse().unwrap();
    let samples = std::thread::spawn(move || {
        lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect::<Vec<Status>>()
    });
    if cores == 1 {
        pin(&[1]);
    }
    let (before, start) = (cpu_time(), Instant::now());
    let told = peers::run(addr, items, args.peers, args.announcers, args.strategy);
    let (peers_cpu, took) = (cpu_time() - before, start.elapsed());
    pin(&[0, 1]);
    drop(node.stdin.take());
    let samples = samples.join().unwrap();
    node.wait().unwrap();
    let accepted = |status: &Status| usize::try_from(status.counters["accepted"]).unwrap();
    let until = |count: usize| samples.iter().rfind(|status| accepted(status) <= count).unwrap();
    let (from, to) = (until(items.len() / 10), until(items.len() * 9 / 10));
    let last = samples.last().unwrap();
    let each = items.len() as f64;
    Taken {
        rate: (accepted(to) - accepted(from)) as f64 / (to.uptime_s - from.uptime_s),
        cpu_us: (last.cpu_s - until(0).cpu_s) * 1e6 / each,
        peers_cpu_us: peers_cpu.as_secs_f64() * 1e6 / each,
        took,
        last: last.clone(),
        told,
    }
}

/// Pins this thread, and those that it starts, to cores.
pub(crate) fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).unwrap();
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
