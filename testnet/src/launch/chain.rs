//! What became of the chain in a run in which blocks were made, seen from its end.

use std::time::Duration;

use tidings::api::Status;
use tidings_protocol::wire::kinds::MessageKind;
use tidings_sim::blocks::{ALONE, EXPECTED};
use tidings_tools::figures::blocks::{Chain, Counted};
use tidings_tools::run::Block;

use super::blocks::Blocks;
use super::drive::Driven;
use super::fleet::Fleet;
use super::items::Planned;
use super::joiners;
use super::local::{Common, NodeError};
use super::plan::NodePlan;
use super::settings::Settings;
use crate::output;
use crate::ui::Ui;

/// Failures to make a block that are told one by one; the summary has the number of all.
const FAILURES_TOLD: usize = 5;

/// A chain that was looked at.
#[derive(Debug)]
pub struct Looked {
    chain: Chain,
    rows: Vec<Block>,
    /// Height of the tip that most nodes have.
    height: Option<u32>,
}

/// What became of the blocks, if any were to be made, as nodes tell it at the end.
#[must_use]
pub fn look(
    driven: &Driven,
    fleet: &Fleet,
    (items, statuses): (&[Planned], &[Option<Status>]),
    settings: &Settings,
) -> Option<Looked> {
    let (blocks, mining) = (driven.blocks.as_ref()?, settings.manifest.mining?);
    let (tip, alive) = (Blocks::tip(statuses).0, fleet.alive());
    let rows = blocks.rows(tip.map(|(tip, _)| tip), &alive, driven.began_us);
    let counted = counted(statuses);
    let chain = blocks.figures(mining.interval_s, statuses, &alive, items, &counted);
    blocks.failures.iter().take(FAILURES_TOLD).for_each(output::complain);
    Some(Looked { chain: chain.with_blocks(&rows), rows, height: tip.map(|(_, height)| height) })
}

/// What nodes counted of blocks, all together.
fn counted(statuses: &[Option<Status>]) -> Counted {
    let mut counted = Counted::default();
    for status in statuses.iter().flatten() {
        let traffic = |kind: &MessageKind| status.traffic.get(kind.name());
        let bytes = |kind: &MessageKind| traffic(kind).map_or(0, |of| of.received_bytes);
        counted.rebuilt += status.counters.get("blocks_rebuilt").copied().unwrap_or(0);
        counted.asked += traffic(&MessageKind::GetParts).map_or(0, |of| of.sent_messages);
        counted.bytes += ALONE.iter().map(bytes).sum::<u64>();
        counted.template_bytes += EXPECTED.iter().map(bytes).sum::<u64>();
    }
    counted
}

/// Starts the nodes that start late, if there is a chain that they could catch up with, and adds how long they took.
///
/// # Errors
/// When one of them doesn't start, or dies.
pub async fn catch_up(
    looked: Option<Looked>,
    late: Vec<NodePlan>,
    common: &Common,
    settings: &Settings,
    ui: &Ui,
) -> Result<Option<(Chain, Vec<Block>)>, NodeError> {
    let Some(Looked { chain, rows, height }) = looked else { return Ok(None) };
    let Some(height) = height.filter(|_| !late.is_empty()) else { return Ok(Some((chain, rows))) };
    let patience = Duration::from_secs_f64(settings.manifest.measure.connect_s);
    let joined = joiners::catch_up(late, common, height, patience, ui).await?;
    Ok(Some((chain.with_joiners(joined), rows)))
}

/// What is wrong with a chain: blocks that didn't come everywhere, and late nodes that didn't catch up.
#[must_use]
pub fn wrong_with(chain: &Chain) -> Vec<String> {
    let mut wrong = Vec::new();
    if chain.coverage.is_some_and(|coverage| coverage < 1.0) {
        wrong.push("not every block of the chain reached every live node".to_owned());
    }
    let behind = chain.joiners.iter().filter(|joiner| joiner.catch_up_s.is_none()).count();
    if behind > 0 {
        wrong.push(format!("{behind} of {} late nodes didn't catch up", chain.joiners.len()));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use tidings_tools::figures::blocks::Joiner;

    use super::*;

    #[test]
    fn a_block_that_is_missing_somewhere_and_a_node_that_stayed_behind_are_wrong() {
        let good = Chain { coverage: Some(1.0), ..Chain::default() };
        assert!(wrong_with(&good).is_empty() && wrong_with(&Chain::default()).is_empty());
        let joiners = vec![Joiner::default(), Joiner { catch_up_s: Some(1.0), height: 3 }];
        let bad = Chain { coverage: Some(0.9), joiners, ..Chain::default() };
        let wrong = wrong_with(&bad);
        assert_eq!(wrong[1], "1 of 2 late nodes didn't catch up");
        assert_eq!(wrong.len(), 2);
    }
}
