//! The node: the shell that `tidings run` runs, without a store and without an operator.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use tidings::control::Command;
use tidings::shell::{Shell, ShellConfig};
use tidings_protocol::params::{Params, Rate, StrategyKind};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::CHAIN;

/// What [`params`] changes, in words.
pub(crate) const RAISED: &str = "budgets.messages, .txs, .announcements, .requests, .tx_bytes and .control_bytes (what one peer may \
    cost), budgets.relayed, .relayed_bytes and .backlog_max (what is announced in all), memory.seen_max, \
    relay.announce_queue_max";

/// How often it tells how it is.
const SAMPLE: Duration = Duration::from_millis(50);

fn params(strategy: StrategyKind) -> Params {
    let mut params = Params::default();
    let unlimited = Rate::new(1e12, 1e12);
    params.relay.strategy = strategy;
    params.relay.announce_queue_max = 1_000_000;
    params.budgets.messages = unlimited;
    params.budgets.txs = unlimited;
    params.budgets.announcements = unlimited;
    params.budgets.requests = unlimited;
    params.budgets.tx_bytes = unlimited;
    params.budgets.control_bytes = unlimited;
    params.budgets.relayed = unlimited;
    params.budgets.relayed_bytes = unlimited;
    params.budgets.backlog_max = 1_000_000;
    params.memory.seen_max = 1_000_000;
    params
}

/// Runs a node on the first cores until standard input ends; tells on standard output where it listens, then
/// how it is, a line each time.
pub(crate) fn run(strategy: StrategyKind, cores: usize, peers: usize) {
    crate::pin(&(0..cores).collect::<Vec<_>>());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::spawn(serve(strategy, peers)).await }).unwrap();
}

async fn serve(strategy: StrategyKind, peers: usize) {
    let mut params = params(strategy);
    params.peers.inbound_max = peers;
    let config = ShellConfig::new("intake", Arc::new(CHAIN))
        .params(params)
        .listen("127.0.0.1:0".parse().unwrap());
    let (commands, inbox) = mpsc::channel(8);
    let shell = Shell::start(config, inbox, broadcast::Sender::new(1)).await.unwrap();
    println!("{}", shell.listening()[0]);
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(stop);
    });
    let running = tokio::spawn(shell.run(async { drop(stopped.await) }));
    let mut ticks = tokio::time::interval(SAMPLE);
    while !running.is_finished() {
        let (reply, answer) = oneshot::channel();
        if commands.send(Command::Status(reply)).await.is_ok()
            && let Ok(status) = answer.await
        {
            println!("{}", serde_json::to_string(&status).unwrap());
        }
        ticks.tick().await;
    }
}

/// What is odd about a run.
pub(crate) fn remarks(counters: &BTreeMap<String, u64>) -> String {
    let quiet = ["accepted", "requests", "duplicate_announcements", "net_links_inbound"];
    let odd = counters.iter().filter(|(name, count)| **count > 0 && !quiet.contains(&&***name));
    odd.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}
