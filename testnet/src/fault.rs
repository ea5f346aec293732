//! What goes wrong on purpose.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::fleet::Fleet;
use crate::measure::Usage;

/// A kill that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Kill {
    /// Nodes that lived until then.
    pub touched: usize,
    /// What the victims had used, by node.
    pub usage: Vec<(usize, Usage)>,
    /// When.
    pub at: Instant,
}

/// Kills the victims (`kill -9`) so long after the beginning of the workload.
pub async fn kill(fleet: &Fleet, victims: &[usize], began: Instant, after: Duration) -> Kill {
    sleep_until(began + after).await;
    let mut kill = Kill { touched: 0, usage: Vec::new(), at: Instant::now() };
    for victim in victims {
        let node = &fleet.nodes()[*victim];
        if node.is_alive() {
            // Its CPU time goes with it.
            kill.usage.extend(crate::measure::usage(node.pid).map(|usage| (*victim, usage)));
            node.kill();
            kill.touched += 1;
        }
    }
    kill
}
