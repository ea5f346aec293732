//! What a partition leaves behind, and what a network says when there is nothing left to say.
//!
//! `cargo run --release -p tidings-sim --example healing -- [STRATEGY [TXS [NODES]]]`: a network falls into two halves for ten
//! minutes, in which `TXS` transactions (10,000) are submitted at random nodes. It tells how many copies are missing
//! when nothing has come for five minutes, what all kinds of message cost a node, and how much it says ten
//! minutes later.

#![expect(clippy::disallowed_methods, reason = "it takes arguments")]

use core::time::Duration;

use tidings_protocol::params::StrategyKind;
use tidings_protocol::report::counters::Traffic;
use tidings_protocol::wire::kinds::MessageKind;
use tidings_sim::fault::FaultSpec;
use tidings_sim::latency::LinkSpec;
use tidings_sim::scenario::Scenario;
use tidings_sim::simulation::simulate;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tidings_sim::world::World;

const PARTED_S: f64 = 600.0;
const QUIET: Duration = Duration::from_secs(600);

fn main() -> Result<(), String> {
    let word = |place| std::env::args().nth(place);
    let number = |place, or: usize| word(place).map_or(Ok(or), |word| word.parse());
    let strategy = word(1).map_or(Ok(StrategyKind::Adaptive), |word| word.parse());
    let strategy = strategy.map_err(|error| format!("{error:?}"))?;
    let (txs, nodes) = (number(2, 10_000), number(3, 20));
    let (Ok(txs), Ok(nodes)) = (txs, nodes) else {
        return Err("TXS and NODES are numbers".to_owned());
    };

    let mut scenario = Scenario::default();
    scenario.network.nodes = nodes;
    scenario.link = LinkSpec::Constant { latency_ms: 50.0 };
    scenario.workload = Transfers { txs, rate: txs as f64 / PARTED_S, sizes: Sizes::Fixed(300) };
    scenario.measure.stall_s = 300.0;
    scenario.params.relay.strategy = strategy;
    let spec = format!("share = 0.5\nfor_s = {PARTED_S}\nkind = \"partition\"");
    scenario.fault = vec![toml::from_str::<FaultSpec>(&spec).map_err(|error| error.to_string())?];
    scenario.validate()?;

    let mut world = simulate(&scenario)?.world;
    let copies = txs * nodes;
    let healed_s = world.record().last().as_nanos() as f64 / 1e9 - PARTED_S;
    println!("{strategy}, {nodes} nodes, {txs} transactions in {PARTED_S} s apart");
    println!(
        "missing copies: {} of {copies}; the last came {healed_s:.0} s after",
        world.record().open()
    );
    show("bytes a node and transaction", &sent(&world), copies as f64);
    for what in ["after ten minutes", "after twenty"] {
        world.run_until(world.now() + QUIET);
        let before = sent(&world);
        world.run_until(world.now() + QUIET);
        let after = sent(&world);
        let seconds = QUIET.as_secs_f64() * nodes as f64;
        let idle: Vec<_> =
            after.iter().zip(before).map(|((kind, now), (_, then))| (*kind, now - then)).collect();
        show(&format!("bytes a node and second, {what}"), &idle, seconds);
    }
    Ok(())
}

/// What all nodes sent, by kind.
fn sent(world: &World) -> Vec<(MessageKind, u64)> {
    let mut sum = Traffic::default();
    let nodes = (0_u32..).take(world.nodes());
    nodes.for_each(|node| sum.add(&world.counters(node).0.traffic));
    MessageKind::ALL.iter().map(|kind| (*kind, sum.sent(*kind).bytes)).collect()
}

fn show(what: &str, bytes: &[(MessageKind, u64)], per: f64) {
    let total: u64 = bytes.iter().map(|(_, bytes)| bytes).sum();
    print!("{what}: {:.1} =", total as f64 / per);
    for (kind, bytes) in bytes.iter().filter(|(_, bytes)| *bytes > 0) {
        print!(" {} {:.1}", kind.name(), *bytes as f64 / per);
    }
    println!();
}
