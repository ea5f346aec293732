//! Turns a simulation that has ended into the tables and figures of a run folder, so that report and diff
//! work on simulations as on launches.

use serde_json::{Map, Value, json};
use tidings_protocol::report::counters::Count;
use tidings_protocol::wire::kinds::MessageKind;
use tidings_tools::figures::statistics::Distribution;
use tidings_tools::figures::summary::{Inputs, Simulation, Summary};
use tidings_tools::run::{self, Delivery, Item, ItemKind, Link, Run};

use tidings_sim::baseline::{self, Baseline, NodeBaseline};
use tidings_sim::fault::Running;
use tidings_sim::scenario::Scenario;
use tidings_sim::simulation::Finished;
use tidings_sim::world::World;

use super::chain;
use crate::usage::peak_rss_mib;

/// CPU time that a simulation took, seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuSeconds {
    /// Until the first submission that is measured.
    pub setup: f64,
    /// From there.
    pub run: f64,
}

/// The tables and figures of a simulation. `text` is its manifest as written.
#[must_use]
pub fn assemble(
    scenario: &Scenario,
    text: run::Manifest,
    finished: Finished,
    cpu: CpuSeconds,
) -> (Run, Summary) {
    let peak_rss_mib = peak_rss_mib();
    let inputs = inputs(scenario, &finished, cpu, peak_rss_mib);
    let Finished { world, outlook, baseline, .. } = finished;
    let start_us = outlook.first.as_nanos() / 1_000;
    let submitted: Vec<usize> = (scenario.warmup_txs..world.items().len())
        .filter(|item| world.record().submission(*item).is_some())
        .collect();
    let run = Run {
        manifest: text,
        nodes: node_rows(&world, &baseline),
        items: submitted.iter().map(|item| item_row(&world, *item, start_us)).collect(),
        deliveries: delivery_rows(&world, &submitted),
        traffic: traffic_rows(&world, &baseline),
        links: Link::between(baseline.dialled(), &baseline::dialled(&world)),
    };
    let liars: Vec<u32> =
        (0..).take(world.nodes()).filter(|node| world.faults().is_liar(*node)).collect();
    drop(world); // gigabytes that the figures don't need
    let mut summary = Summary::compute(&run, inputs);
    if !liars.is_empty() {
        summary.inputs.more.extend(honest(&run, &liars));
    }
    (run, summary)
}

/// How items spread among those who don't lie, and what they sent. What liars count as sent and keep back is
/// not among it.
fn honest(run: &Run, liars: &[u32]) -> Map<String, Value> {
    let mut run = run.clone();
    liars.iter().for_each(|liar| run.nodes[*liar as usize].alive = false);
    let honest = Summary::compute(&run, Inputs::default());
    let figures = [
        ("honest_nodes", json!(honest.nodes - honest.killed_nodes)),
        ("honest_coverage", json!(honest.coverage)),
        ("honest_t50_ms", json!(honest.t50_ms)),
        ("honest_t99_ms", json!(honest.t99_ms)),
        ("honest_t100_ms", json!(honest.t100_ms)),
        ("honest_bytes_per_payload_byte", json!(honest.bytes_per_payload_byte)),
    ];
    figures.map(|(key, figure)| (key.to_owned(), figure)).into_iter().collect()
}

fn node_rows(world: &World, baseline: &Baseline) -> Vec<run::Node> {
    let row = |(node, before): (u32, &NodeBaseline)| {
        let (region, node_type) = world.latencies().names(node);
        run::Node {
            region,
            node_type,
            outbound: before.outbound,
            inbound: before.inbound,
            alive: world.is_alive(node),
            ..run::Node::default()
        }
    };
    (0..).zip(baseline.nodes()).map(row).collect()
}

fn item_row(world: &World, item: usize, start_us: u64) -> Item {
    let (at, origin) = world.record().submission(item).unwrap_or_default();
    Item {
        id: world.items()[item].id().to_string(),
        kind: ItemKind::Tx,
        bytes: world.items()[item].size() as u64,
        origin,
        submitted_us: (at.as_nanos() / 1_000).saturating_sub(start_us),
    }
}

fn delivery_rows(world: &World, submitted: &[usize]) -> Vec<Delivery> {
    let of_item = |(row, item): (u32, &usize)| {
        let item = *item;
        let deliveries = world.record().deliveries(item);
        deliveries.map(move |(node, us)| Delivery {
            item: row,
            node,
            latency_us: u64::from(us),
            from: world.record().giver(item, node),
        })
    };
    (0..).zip(submitted).flat_map(of_item).collect()
}

/// What nodes sent and received since the first submission, in all their lives.
fn traffic_rows(world: &World, baseline: &Baseline) -> Vec<run::Traffic> {
    let mut rows = Vec::new();
    for (node, before) in (0..).zip(baseline.nodes()) {
        let (counters, former) = world.counters(node);
        let former = former.copied().unwrap_or_default();
        for kind in MessageKind::ALL {
            let at = kind as usize;
            let (now, former) = (&counters.traffic, &former.traffic);
            let since = |now: Count, former: Count, before: (u32, u32)| {
                (
                    (now.messages + former.messages).saturating_sub(u64::from(before.0)),
                    (now.bytes + former.bytes).saturating_sub(u64::from(before.1)),
                )
            };
            let sent = since(now.sent(kind), former.sent(kind), before.sent[at]);
            let received = since(now.received(kind), former.received(kind), before.received[at]);
            if sent.0 + received.0 > 0 {
                rows.push(run::Traffic {
                    node,
                    kind: kind.name().to_owned(),
                    sent_messages: sent.0,
                    sent_bytes: sent.1,
                    received_messages: received.0,
                    received_bytes: received.1,
                });
            }
        }
    }
    rows
}

fn inputs(
    scenario: &Scenario,
    finished: &Finished,
    cpu: CpuSeconds,
    peak_rss_mib: Option<f64>,
) -> Inputs {
    let world = &finished.world;
    Inputs {
        strategy: scenario.params.relay.strategy.to_string(),
        seed: scenario.seed,
        invalid_reasons: finished.invalid_reasons.clone(),
        connect_s: Some(finished.connect_s),
        cpu_s: Some(cpu.run),
        rss_mib_per_node: peak_rss_mib.map(|peak| peak / world.nodes() as f64),
        simulation: Simulation {
            events: Some(world.events()),
            event_hash: Some(world.hash().to_string()),
            cpu_s_setup: Some(cpu.setup),
            cpu_s_run: Some(cpu.run),
            peak_rss_mib,
            rounds: rounds(scenario, world),
        },
        links_lost: Some(links_lost(world)),
        chain: chain::figures(scenario, world, finished.outlook.first.as_nanos() / 1_000),
        more: more(scenario, finished, cpu, peak_rss_mib),
        ..Inputs::default()
    }
}

/// Links that nodes closed because the peer misbehaved, those aside that crashed since.
fn links_lost(world: &World) -> u64 {
    (0..).take(world.nodes()).map(|node| world.counters(node).0.misbehaved).sum()
}

/// Keys that only simulations have.
fn more(
    scenario: &Scenario,
    finished: &Finished,
    cpu: CpuSeconds,
    peak_rss_mib: Option<f64>,
) -> Map<String, Value> {
    let world = &finished.world;
    let mut more = Map::new();
    let mut put = |key: &str, value: Value| more.insert(key.to_owned(), value);
    put("simulated_s", json!(world.now().since(finished.outlook.first).as_secs_f64()));
    put("events_run", json!(finished.events_run));
    put("warmup_txs", json!(scenario.warmup_txs));
    let last_hops = (scenario.warmup_txs..world.items().len())
        .map(|item| f64::from(world.record().last_hops(item)))
        .collect();
    let last_hops = Distribution::new(last_hops);
    put("last_hops_mean", json!(last_hops.mean()));
    put("last_hops_max", json!(last_hops.max()));
    let per_cpu_s = finished.events_run as f64 / cpu.run;
    put("events_per_cpu_s", json!(per_cpu_s.is_finite().then(|| per_cpu_s.round())));
    let per_tx = cpu.run / world.items().len().saturating_sub(scenario.warmup_txs) as f64;
    put("cpu_s_per_tx", json!(per_tx.is_finite().then_some(per_tx)));
    let bytes_per_node = peak_rss_mib.map(|mib| (mib * 1_048_576.0 / world.nodes() as f64).round());
    put("bytes_per_node", json!(bytes_per_node));
    put("cross_region_bytes", json!(cross_region_bytes(finished)));
    if scenario.spies > 0.0 {
        let measured = |item: &usize| *item >= scenario.warmup_txs;
        let submission = |item| world.record().submission(item);
        let origin = |item| submission(Some(item).filter(measured)?).map(|(_, origin)| origin);
        let at = |place| world.spies().guesses(place, origin);
        let shares = world.spies().shares();
        let guesses = at(shares.len() - 1);
        let by_share = shares.iter().enumerate();
        let by_share =
            by_share.map(|(place, share)| (share.to_string(), json!(at(place).precision())));
        put("origin_precision_by_spies", Value::Object(by_share.collect()));
        put("spies", json!(scenario.spies));
        put("origin_precision", json!(guesses.precision()));
        put("origin_guesses", json!(guesses.all));
    }
    if let Some(healed) = world.healed() {
        put("healed_s", json!(healed.complete.then_some(healed.took_s)));
        put("bytes_per_lacked_byte", json!(healed.ratio()));
    }
    let faults = world.faults().all();
    if !faults.is_empty() {
        let touched =
            |fault: &Running| json!({ "kind": fault.spec.name(), "touched": fault.touched });
        put("faults", faults.iter().map(touched).collect());
        put("stray_messages", json!(world.strays()));
    }
    more
}

/// Bytes that living nodes sent to peers in other regions since the first submission; `None` where there
/// are no regions.
fn cross_region_bytes(finished: &Finished) -> Option<u64> {
    let world = &finished.world;
    world.latencies().region(0)?;
    let of = |(node, before): (u32, &NodeBaseline)| {
        let (counters, former) = world.counters(node);
        let former = former.map_or(0, |former| former.cross_region_bytes);
        (counters.sent_cross_region_bytes + former).saturating_sub(before.cross_region_bytes)
    };
    let living = (0..).zip(finished.baseline.nodes()).filter(|(node, _)| world.is_alive(*node));
    Some(living.map(of).sum())
}

/// The round in which an item reached its last node, if time goes by rounds: the median over items.
fn rounds(scenario: &Scenario, world: &World) -> Option<u64> {
    let round_us = world.latencies().round()?.as_micros() as f64;
    let last = |item| world.record().deliveries(item).map(|(_, us)| us).max();
    let rounds = (scenario.warmup_txs..world.items().len())
        .filter_map(last)
        .map(|us| (f64::from(us) / round_us).ceil())
        .collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number of rounds, at most 32 bits"
    )]
    Distribution::new(rounds).median().map(|rounds| rounds as u64)
}
