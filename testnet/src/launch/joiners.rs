//! Nodes that start after the load: how long each takes to have the chain that the others have.

use std::time::Duration;

use tidings_tools::figures::blocks::Joiner;
use tokio::time::{Instant, sleep};

use super::local::{Common, Node, NodeError};
use super::plan::NodePlan;
use crate::ui::Ui;

/// How often a node that catches up is looked at: what its figure is true to.
const POLL: Duration = Duration::from_millis(20);

/// Starts nodes one after the other, so that each has the machine for itself, and waits until each has a chain as long as the
/// others': where two have equal work, either will do. They are gone when this returns.
///
/// # Errors
/// When one doesn't start, or dies.
pub async fn catch_up(
    plans: Vec<NodePlan>,
    common: &Common,
    goal: u32,
    patience: Duration,
    ui: &Ui,
) -> Result<Vec<Joiner>, NodeError> {
    let mut joiners = Vec::new();
    for plan in plans {
        let began = Instant::now();
        let node = Node::start(plan, common, None).await?;
        let joiner = one(&node, goal, began, patience).await?;
        ui.say(&match joiner.catch_up_s {
            Some(s) => format!("{} had all {} blocks after {s:.2} s", node.name, joiner.height),
            None => format!(
                "{} had {} blocks, of {goal}, after {} s",
                node.name,
                joiner.height,
                patience.as_secs()
            ),
        });
        joiners.push(joiner);
    }
    Ok(joiners)
}

async fn one(
    node: &Node,
    goal: u32,
    began: Instant,
    patience: Duration,
) -> Result<Joiner, NodeError> {
    let mut height = 0;
    loop {
        if let Some(death) = node.check() {
            return Err(death);
        }
        // It may be too busy to answer.
        let chain = node.client.status().await.ok().and_then(|status| status.chain);
        if let Some(chain) = chain {
            height = u64::from(chain.height);
            if chain.height >= goal {
                return Ok(Joiner { catch_up_s: Some(began.elapsed().as_secs_f64()), height });
            }
        }
        if began.elapsed() > patience {
            return Ok(Joiner { catch_up_s: None, height });
        }
        sleep(POLL).await;
    }
}
