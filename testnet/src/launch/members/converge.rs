//! Waits until membership has converged: each node has seen all others alive.
//!
//! Each of them once, and not all of them at one moment: on a busy machine somebody may be suspected at any time, and that is
//! what is measured later.

use std::time::Duration;

use tidings::api::members::MemberStatus;

use crate::launch::fleet::Fleet;
use crate::launch::local::Node;
use crate::launch::ready::{NotReady, Readiness, Watch, first_deaths};

/// How many are asked again at a time: half as many as are for their links meanwhile. A guess.
const WATCHED: usize = 8;

/// Ready is who sees all alive.
struct SeesAll;

impl Readiness for SeesAll {
    /// How many it saw alive, itself among them.
    type Told = u64;

    async fn ask(&self, node: &Node) -> Option<u64> {
        let members = node.client.status().await.ok()?.members?;
        Some(members.members.get(MemberStatus::Alive.name()).copied().unwrap_or_default())
    }

    fn is_ready(&self, _: usize, seen: Option<&u64>, living: usize) -> bool {
        seen.is_some_and(|seen| *seen >= living as u64)
    }

    fn wanting(&self, _: usize, seen: Option<&u64>, living: usize) -> String {
        let seen = seen.copied().unwrap_or_default();
        format!("it sees {seen} of {living} alive, itself too")
    }
}

/// Waits until each node has seen all others alive; tells how many have.
///
/// # Errors
/// When that takes too long, or a node dies.
pub async fn wait(
    fleet: &Fleet,
    timeout: Duration,
    on_progress: impl Fn(usize),
) -> Result<(), NotReady> {
    Watch::begin(fleet, SeesAll, WATCHED, on_progress).once(timeout, first_deaths(fleet)).await
}
