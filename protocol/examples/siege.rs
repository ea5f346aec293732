//! What peers that flood and stall cost a node with 8 outbound and 120 inbound peers, 60 of them announcing what
//! doesn't exist as fast as they can, 20 announcing what does and never delivering,
//! and 20 liars:
//! `cargo run --release -p tidings-protocol --example siege -- inventory` (or another strategy).

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures")]

use std::time::{Duration, Instant};

use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::testkit::siege::{Siege, added_delays};

fn main() {
    let mut params = Params::default();
    params.relay.strategy = match std::env::args().nth(1) {
        Some(name) => name.parse().expect("the argument is a strategy's name"),
        None => StrategyKind::Inventory,
    };
    let siege = Siege {
        outbound: 8,
        inbound: 20,
        flooders: 60,
        stallers: 20,
        liars: 20,
        flood_interval: Duration::from_millis(10),
        txs: 1_200,
        interval: Duration::from_millis(50),
        seed: 1,
    };
    let rss_before = peak_rss_kib();
    let start = Instant::now();
    let besieged = siege.run(&params);
    let spent = start.elapsed();
    let rss_after = peak_rss_kib();
    let delays = added_delays(&besieged, &siege.lifted().run(&params));
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let links = siege.outbound + siege.inbound + siege.flooders + siege.stallers + siege.liars;
    let (bound_ms, wanted_bound) =
        (params.requests.inbound_patience_ms + 120, links * params.requests.announced_max);
    println!("transactions         {} in 60 s, {} of them accepted", siege.txs, {
        besieged.accepted.iter().flatten().count()
    });
    println!(
        "added delay          median {:.0} ms, 90 % {:.0} ms, 99 % {:.0} ms",
        at(50),
        at(90),
        at(99)
    );
    println!("                     longest {:.0} ms, of at most {bound_ms} ms", at(100));
    println!("wanted items         {} at most, of {wanted_bound} allowed", besieged.wanted_max);
    println!(
        "peak memory          {} KiB more than before, of {} KiB allowed",
        rss_after - rss_before,
        wanted_bound * 350 / 1_024
    );
    println!("flood                {} ids, {} dropped unseen", besieged.flooded, besieged.dropped);
    println!("links closed         {}, slowed {} times", besieged.closed, besieged.throttled);
    println!("all of it took       {:.1} s", spent.as_secs_f64());
}

/// Most memory that this process has had, where the system tells.
fn peak_rss_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    value.and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
