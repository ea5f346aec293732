//! What peers that flood, stall and lie cost a node with 8 outbound and 120 inbound peers, 60 of them announcing what
//! doesn't exist as fast as they can, 20 announcing what does and never delivering, and 20 liars, each with one lie:
//! `cargo run --release -p tidings-protocol --example siege -- inventory` (or another strategy; `--help` tells the rest).

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures")]

use std::time::{Duration, Instant};

use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::relay::adaptive::WAIT_MAX;
use tidings_protocol::testkit::hostile::{Lie, Lies};
use tidings_protocol::testkit::siege::{Siege, added_delays};

const HELP: &str = "\
siege [STRATEGY] [NAME=VALUE...]

  STRATEGY    how the node relays, inventory if unset
  outbound=8 inbound=20      honest peers
  flooders=60 stallers=20    peers that announce what doesn't exist, and that never deliver
  liars=20 lies=all          peers that lie, and how, joined by commas: kind, name, bytes, order,
                             presence, time, known, first, frames
  txs=1200 seed=1";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return println!("{HELP}");
    }
    let (params, siege) = match read(&arguments) {
        Ok(read) => read,
        Err(why) => {
            eprintln!("{why}\n\n{HELP}");
            std::process::exit(2);
        }
    };
    let rss_before = peak_rss_kib();
    let start = Instant::now();
    let besieged = siege.run(&params);
    let spent = start.elapsed();
    let rss_after = peak_rss_kib();
    let quiet = siege.lifted().run(&params);
    let (delays, waits) = (added_delays(&besieged, &quiet), besieged.waits());
    let bound = bound(&params);
    let links = siege.outbound + siege.inbound + siege.flooders + siege.stallers + siege.liars;
    let wanted_bound = links * params.requests.announced_max;
    println!(
        "transactions         {} in {:?}",
        siege.txs,
        siege.interval.mul_f64(siege.txs as f64)
    );
    println!(
        "in time              {} of {}, {} of them accepted",
        waits.iter().filter(|wait| **wait <= bound).count(),
        siege.txs,
        besieged.accepted.iter().flatten().count()
    );
    println!(
        "after the first word {}, of at most {:.0} ms",
        percentiles(&waits),
        bound.as_secs_f64() * 1e3
    );
    println!("added delay          {}", percentiles(&delays));
    println!(
        "bytes                {} received, {} sent; without the siege {} and {}",
        besieged.received, besieged.sent, quiet.received, quiet.sent
    );
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

fn read(arguments: &[String]) -> Result<(Params, Siege), String> {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Inventory;
    let mut siege = Siege {
        outbound: 8,
        inbound: 20,
        flooders: 60,
        stallers: 20,
        liars: 20,
        lies: Lie::ALL.to_vec(),
        flood_interval: Duration::from_millis(10),
        txs: 1_200,
        interval: Duration::from_millis(50),
        seed: 1,
    };
    for argument in arguments {
        let Some((name, value)) = argument.split_once('=') else {
            params.relay.strategy =
                argument.parse().map_err(|_| format!("{argument}: no strategy"))?;
            continue;
        };
        if name == "lies" {
            siege.lies = lies(value)?;
            continue;
        }
        let number: u64 = value.parse().map_err(|_| format!("{argument}: no number"))?;
        let count = usize::try_from(number).unwrap_or(usize::MAX);
        match name {
            "outbound" => siege.outbound = count,
            "inbound" => siege.inbound = count,
            "flooders" => siege.flooders = count,
            "stallers" => siege.stallers = count,
            "liars" => siege.liars = count,
            "txs" => siege.txs = count,
            "seed" => siege.seed = number,
            _ => return Err(format!("{name}: no such setting")),
        }
    }
    Ok((params, siege))
}

fn lies(names: &str) -> Result<Vec<Lie>, String> {
    let mut lies = Vec::new();
    for name in names.split(',') {
        match name.parse::<Lies>().map_err(|error| error.to_string())? {
            Lies::One(lie) => lies.push(lie),
            Lies::All => lies.extend(Lie::ALL),
        }
    }
    Ok(lies)
}

/// When a transaction is there at last, after an outbound peer announced it: a wait for whole items with adaptive, the
/// patience that inbound peers have, and the longest round trip.
fn bound(params: &Params) -> Duration {
    let hold = match params.relay.strategy {
        StrategyKind::Adaptive => WAIT_MAX,
        _ => Duration::ZERO,
    };
    hold + params.requests.inbound_patience(ItemKind::Tx) + Duration::from_millis(120)
}

fn percentiles(sorted: &[Duration]) -> String {
    let at = |percent: usize| match sorted.get(sorted.len().saturating_sub(1) * percent / 100) {
        None | Some(&Duration::MAX) => "never".to_owned(),
        Some(time) => format!("{:.0} ms", time.as_secs_f64() * 1e3),
    };
    format!("median {}, 90 % {}, 99 % {}, longest {}", at(50), at(90), at(99), at(100))
}

/// Most memory that this process has had, where the system tells.
fn peak_rss_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    value.and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
