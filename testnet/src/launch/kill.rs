//! Kills nodes on purpose, as a power cut would.

use tidings::clock::Clock;
use tidings_protocol::ground::time::Time;
use tokio::time::sleep_until;

use super::fleet::Fleet;
use crate::usage::{self, Usage};

/// A kill that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Kill {
    /// Nodes that lived until then.
    pub touched: usize,
    /// What the victims had used, by node.
    pub usage: Vec<(usize, Usage)>,
    /// When.
    pub at: Time,
}

/// Kills the victims (`kill -9`) at a time of a clock.
pub async fn kill(fleet: &Fleet, victims: &[usize], clock: &Clock, at: Time) -> Kill {
    sleep_until(clock.instant(at)).await;
    let mut kill = Kill { touched: 0, usage: Vec::new(), at: clock.now() };
    for victim in victims {
        let node = &fleet.nodes()[*victim];
        if node.is_alive() {
            // The CPU time of a process goes with it.
            kill.usage.extend(usage::usage(node.pid()).map(|usage| (*victim, usage)));
            node.kill();
            kill.touched += 1;
        }
    }
    kill
}
