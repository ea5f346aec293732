//! What became of the blocks that simulated nodes made, as a launch's report has it.

use tidings_protocol::ground::item::Hash256;
use tidings_protocol::wire::kinds::MessageKind;
use tidings_sim::blocks::{ALONE, EXPECTED};
use tidings_sim::mining::Made;
use tidings_sim::scenario::Scenario;
use tidings_sim::world::World;
use tidings_tools::figures::blocks::{Chain, Counted, Reach, settled, with_times};
use tidings_tools::run::Block;

/// The figures, if blocks were to be made.
#[must_use]
pub(super) fn figures(scenario: &Scenario, world: &World, start_us: u64) -> Option<Chain> {
    let mining = scenario.mining?;
    let alive: Vec<bool> = nodes(world).map(|node| world.is_alive(node)).collect();
    let (tip, tips) = tip(world);
    let on_chain = tip.map_or_else(Vec::new, |(tip, _)| world.mined().on_chain(tip));
    let blocks = world.mined().blocks();
    let rows: Vec<_> = (0..)
        .zip(blocks)
        .map(|(number, made): (usize, _)| {
            row(made, &alive, on_chain.get(number) == Some(&true), start_us)
        })
        .collect();
    let living = alive.iter().filter(|alive| **alive).count();
    let is_alive = |(node, _): &(u32, u32)| alive[*node as usize];
    let counts = blocks.iter().map(|made| made.arrivals().filter(is_alive).count());
    let counts: Vec<usize> = counts.collect();
    let places = blocks.iter().map(|made| (made.id.hash(), made.parent, made.height));
    let settled = settled(&places.collect::<Vec<_>>()).into_iter().zip(&counts);
    let settled = settled.filter(|(settled, _)| *settled);
    let reach = Reach {
        settled: settled.fold((0, 0), |(had, all), (_, count)| (had + count, all + living)),
        received: counts.iter().sum::<usize>().saturating_sub(blocks.len()),
        pairs: living * blocks.len(),
    };
    let mut counted = Counted::default();
    for counters in nodes(world).map(|node| world.counters(node).0) {
        let bytes = |kind: &MessageKind| counters.traffic.received(*kind).bytes;
        counted.rebuilt += counters.blocks_rebuilt;
        counted.asked += counters.traffic.sent(MessageKind::GetParts).messages;
        counted.bytes += ALONE.iter().map(bytes).sum::<u64>();
        counted.template_bytes += EXPECTED.iter().map(bytes).sum::<u64>();
    }
    let confirmed: usize = blocks
        .iter()
        .zip(&on_chain)
        .filter(|(_, on_chain)| **on_chain)
        .map(|(made, _)| made.transactions.len())
        .sum();
    let submitted = world.items().len();
    let chain = Chain {
        interval_s: mining.interval_s,
        height: tip.map(|(_, height)| u64::from(height)),
        tips,
        confirmed: (submitted > 0).then(|| confirmed as f64 / submitted as f64),
        ..Chain::default()
    };
    let chain = chain.with_reach(&reach, &counted);
    Some(chain.with_blocks(&rows))
}

fn nodes(world: &World) -> std::ops::Range<u32> {
    0..u32::try_from(world.nodes()).expect("nodes are counted in 32 bits")
}

/// The tip that most living nodes have, its height, and how many different ones there are.
fn tip(world: &World) -> (Option<(Hash256, u32)>, u64) {
    let living = nodes(world).filter(|node| world.is_alive(*node));
    let mut tips: Vec<_> = living.filter_map(|node| world.tip(node)).collect();
    tips.sort_unstable();
    let groups: Vec<_> = tips.chunk_by(|a, b| a == b).collect();
    let most = groups.iter().max_by_key(|group| group.len()).map(|group| group[0]);
    (most, groups.len() as u64)
}

fn row(made: &Made, alive: &[bool], on_chain: bool, start_us: u64) -> Block {
    let times = made.arrivals().filter(|(node, _)| alive[*node as usize]);
    let times = times.map(|(_, us)| f64::from(us) / 1e3).collect();
    let living = alive.iter().filter(|alive| **alive).count();
    let block = Block {
        id: made.id.hash().to_string(),
        parent: made.parent.to_string(),
        height: made.height,
        bytes: made.bytes as u64,
        transactions: made.transactions.len() as u64,
        origin: made.origin,
        made_us: (made.at.as_nanos() / 1_000).saturating_sub(start_us),
        nodes: u32::try_from(made.arrivals().count()).unwrap_or(u32::MAX),
        on_chain,
        ..Block::default()
    };
    with_times(block, times, living)
}
