//! A node on libp2p's gossipsub, to measure beside ours: it takes the same data folder, network file and settings,
//! answers the same admin API and writes the same trace, so that the launcher starts, asks, kills and reads it as it
//! does a Tidings node (`tidings-testnet launch --contender gossipsub`). What is gossipsub's is libp2p's own crate, unchanged.
//!
//! # Map
//! From the top floor down.
//! - [`node`]: the loop between the swarm and the API
//! - [`links`]: whom it dials, and whom it is linked with
//! - [`transport`]: TCP, perhaps shaped, with Noise and libp2p's Yamux; [`counted`] counts what streams carry, with
//!   [`frames`] to tell the kinds apart
//! - [`setting`]: which gossipsub
//!
//! # What is equal, and what isn't
//! Equal are the overlay (it dials exactly whom it is told to), the links, the workload, the runtime (one thread a process),
//! the identity, and what is written down. Items are opaque: neither side looks into them. Not equal, since it is what is compared,
//! is everything between a socket and the moment that an item is new.

mod counted;
mod frames;
mod links;
mod node;
mod setting;
mod transport;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tidings::{host, logging};

use setting::Setting;

/// A node on libp2p's gossipsub that the launcher of Tidings can start.
#[derive(Debug, Parser)]
#[command(name = "tidings-gossipsub", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a node in the foreground, until it is stopped
    Run(Arguments),
    /// Run many nodes in this process, as the launcher of Tidings orders
    Host(Arguments),
}

#[derive(Debug, Args)]
struct Arguments {
    /// Data folder, as the launcher of Tidings makes it
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Which gossipsub
    #[arg(long, value_enum, default_value_t = Setting::Default)]
    setting: Setting,
}

fn main() -> ExitCode {
    let Arguments { data_dir, setting } = match Cli::parse().verb {
        Verb::Run(arguments) => arguments,
        Verb::Host(Arguments { data_dir, setting }) => {
            return host::main(&data_dir, async |folder: PathBuf| node::guest(&folder, setting));
        }
    };
    match node::run(&data_dir, setting) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::tell(&format!("tidings-gossipsub: {error}"));
            logging::drain();
            ExitCode::FAILURE
        }
    }
}
