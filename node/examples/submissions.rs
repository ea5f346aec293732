//! How many submissions a second a node takes, each answered once it is on the disk.
//!
//! Start a node of a network whose transactions are any bytes, then ask it from several connections:
//! ```text
//! tidings --data-dir /tmp/t init --rules opaque && tidings --data-dir /tmp/t run --set node.listen=[] &
//! cargo run --release --example submissions -- /tmp/t/admin.sock 64 5
//! ```
//! The second number is how many connections there are, the third how many seconds it takes; a fourth
//! limits the submissions a second of each connection. Run it against a node with `--set store.enabled=false`
//! to see what the disk costs.

#![expect(clippy::unwrap_used, reason = "a measurement that can't go on should say where")]

use std::time::{Duration, Instant};

use tidings::client::Client;
use tidings_protocol::ground::item::ItemKind;
use tokio::task::JoinSet;

/// Bytes of a transaction.
const SIZE: usize = 300;

/// Submits until a moment; returns how long each submission took.
async fn submit(client: Client, tag: u128, until: Instant, rate: f64) -> Vec<Duration> {
    let start = Instant::now();
    let mut took = Vec::new();
    for number in 0_u64.. {
        let due = start + Duration::from_secs_f64(number as f64 / rate);
        tokio::time::sleep_until(due.into()).await;
        let now = Instant::now();
        if now >= until {
            break;
        }
        let mut bytes = vec![0; SIZE];
        bytes[..16].copy_from_slice(&tag.to_le_bytes());
        bytes[16..24].copy_from_slice(&number.to_le_bytes());
        client.submit(ItemKind::Tx, bytes.into()).await.unwrap();
        took.push(now.elapsed());
    }
    took
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, socket, connections, seconds, rate @ ..] = &args[..] else {
        eprintln!("usage: submissions SOCKET CONNECTIONS SECONDS [RATE]");
        std::process::exit(64);
    };
    let rate: f64 = rate.first().map_or(f64::INFINITY, |rate| rate.parse().unwrap());
    let (connections, seconds): (u128, u64) =
        (connections.parse().unwrap(), seconds.parse().unwrap());
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let before = Client::unix(socket).status().await.unwrap();
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut submitters = JoinSet::new();
    for connection in 0..connections {
        let tag = unix.as_nanos() * 1_000 + connection;
        submitters.spawn(submit(Client::unix(socket), tag, until, rate));
    }
    let mut took = submitters.join_all().await.concat();
    took.sort_unstable();
    let after = Client::unix(socket).status().await.unwrap();
    let commits = after.store.map_or(0, |store| store.commits)
        - before.store.map_or(0, |store| store.commits);
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    println!(
        "{} submissions in {seconds} s over {connections} connections: {}/s, {commits} commits, p50 {:.2} ms, p99 {:.2} \
         ms, node's CPU {:.1} us each, RSS {} KiB",
        took.len(),
        took.len() as u64 / seconds,
        at(50),
        at(99),
        (after.cpu_s - before.cpu_s) * 1e6 / took.len() as f64,
        after.rss_bytes / 1024,
    );
}
