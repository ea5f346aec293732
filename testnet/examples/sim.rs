//! Simulates one network and prints what it cost: nodes, events, CPU time, memory.
//!
//! `cargo run --release --example sim -- --nodes 110000 --reachable 10000 --txs 1`

use std::process::ExitCode;

use clap::Parser;
use tidings_testnet::sim::{SimArgs, drive, summary};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: SimArgs,
}

fn main() -> ExitCode {
    let args = Cli::parse().args;
    let finished = args.resolve().map_err(|error| error.to_string());
    let finished = match finished.and_then(|manifest| drive::simulate(&manifest)) {
        Ok(finished) => finished,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (nodes, txs) = (finished.world.nodes() as f64, finished.world.items().len() as f64);
    let (events, run) = (finished.events_run as f64, finished.cpu_s_run);
    let peak_mib = summary::peak_rss_mib().unwrap_or(f64::NAN);
    println!(
        "{nodes} nodes, {txs} txs, hash {}\n\
         set-up: {:.2} CPU s, {} events\n\
         run: {run:.2} CPU s, {events} events, {:.0} events per CPU s, {:.2} CPU s per transaction\n\
         memory: peak {peak_mib:.0} MiB, {:.0} bytes per node; open pairs at the end: {}",
        finished.world.hash(),
        finished.cpu_s_setup,
        finished.world.events() - finished.events_run,
        events / run,
        run / txs,
        peak_mib * 1_048_576.0 / nodes,
        finished.world.record().open(),
    );
    ExitCode::SUCCESS
}
