//! Waits until membership has converged: each node has seen all others alive.
//!
//! Each of them once, and not all of them at one moment: on a busy machine somebody may be suspected at any time, and that is
//! what is measured later.

use std::cell::RefCell;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tidings::api::members::MemberStatus;
use tokio::time::{Instant, sleep, sleep_until};

use crate::launch::connect::first_deaths;
use crate::launch::fleet::{Fleet, ask_all};
use crate::launch::local::NodeError;

/// How often nodes that don't know all others are asked again.
const POLL: Duration = Duration::from_millis(100);

/// How many are asked again at a time: half as many as are for their links meanwhile. A guess.
const WATCHED: usize = 8;

/// Nodes named when membership doesn't converge.
const NAMED_MAX: usize = 3;

/// Membership that didn't converge.
#[derive(Debug, thiserror::Error)]
#[error("{ready}/{nodes} nodes see all others alive after {waited_s:.0} s; {}", problems.join("; "))]
pub struct ConvergeError {
    /// Nodes that have seen all others alive.
    pub ready: usize,
    /// All nodes.
    pub nodes: usize,
    /// How long was waited, seconds.
    pub waited_s: f64,
    /// What others see, with the last lines of their logs.
    pub problems: Vec<String>,
}

/// Waits until each node has seen all others alive; tells how many have.
///
/// # Errors
/// When that takes too long, or a node dies.
pub async fn wait(
    fleet: &Fleet,
    timeout: Duration,
    on_progress: impl Fn(usize),
) -> Result<(), ConvergeError> {
    let began = Instant::now();
    let watch = Watch { fleet, seen: RefCell::new(vec![0; fleet.nodes().len()]), on_progress };
    let problems = tokio::select! {
        () = watch.all() => return Ok(()),
        deaths = first_deaths(fleet) => deaths,
        () = sleep_until(began + timeout) => watch.describe().await,
    };
    let waited_s = began.elapsed().as_secs_f64();
    let nodes = fleet.nodes().len();
    Err(ConvergeError { ready: nodes - watch.missing().len(), nodes, waited_s, problems })
}

/// How many each node saw alive when it was asked last, itself among them.
struct Watch<'a, F> {
    fleet: &'a Fleet,
    seen: RefCell<Vec<u64>>,
    on_progress: F,
}

impl<F: Fn(usize)> Watch<'_, F> {
    fn is_ready(&self, node: usize) -> bool {
        let seen = self.seen.borrow();
        seen[node] >= seen.len() as u64
    }

    fn missing(&self) -> Vec<usize> {
        (0..self.fleet.nodes().len()).filter(|node| !self.is_ready(*node)).collect()
    }

    async fn all(&self) {
        stream::iter(self.missing())
            .for_each_concurrent(WATCHED, |node| async move {
                while !self.ask(node).await {
                    sleep(POLL).await;
                }
                (self.on_progress)(self.fleet.nodes().len() - self.missing().len());
            })
            .await;
    }

    /// Asks a node, unless it has seen all before; returns whether it has now.
    async fn ask(&self, node: usize) -> bool {
        if !self.is_ready(node)
            && let Ok(status) = self.fleet.nodes()[node].client.status().await
            && let Some(members) = status.members
        {
            let alive = members.members.get(MemberStatus::Alive.name());
            self.seen.borrow_mut()[node] = alive.copied().unwrap_or_default();
        }
        self.is_ready(node)
    }

    /// What is missing now, by example.
    async fn describe(&self) -> Vec<String> {
        let missing = self.missing();
        let asked = missing.iter().map(|node| &self.fleet.nodes()[*node]);
        ask_all(asked, async |node| Ok(self.ask(node.index).await)).await;
        let missing = self.missing();
        let error = |node: &usize| -> NodeError {
            let seen = self.seen.borrow();
            let sees = format!("it sees {} of {} alive, itself too", seen[*node], seen.len());
            self.fleet.nodes()[*node].error(sees)
        };
        let mut problems: Vec<String> =
            missing.iter().take(NAMED_MAX).map(|node| error(node).to_string()).collect();
        if missing.len() > NAMED_MAX {
            problems.push(format!("and {} more", missing.len() - NAMED_MAX));
        }
        problems
    }
}
