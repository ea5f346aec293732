//! Waits until all nodes that live are ready, for whatever that is: linked ([`connect`](super::connect)), or members that know each other
//! ([`members::converge`](super::members::converge)).
//!
//! A few that aren't ready are asked time and again, and the others only once those are: asking all of a thousand nodes ten times a second
//! would keep them from getting ready.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep, sleep_until};

use super::fleet::{Fleet, ask_all};
use super::local::{Node, NodeError};

/// How often nodes that aren't ready are asked again.
pub(super) const POLL: Duration = Duration::from_millis(100);

/// How often all nodes are looked after, whether they live.
const LOOK: Duration = Duration::from_millis(500);

/// Nodes named when they don't get ready.
const NAMED_MAX: usize = 3;

/// What makes a node ready.
pub(super) trait Readiness {
    /// What a node tells that decides it.
    type Told;

    /// Asks a node; `None` if it doesn't answer. It may be busy; one that died is noticed elsewhere.
    async fn ask(&self, node: &Node) -> Option<Self::Told>;

    /// Whether a node that told so, if it did, is ready, among so many that live.
    fn is_ready(&self, node: usize, told: Option<&Self::Told>, living: usize) -> bool;

    /// What such a node has of what it needs.
    fn wanting(&self, node: usize, told: Option<&Self::Told>, living: usize) -> String;
}

/// Nodes that didn't get ready.
#[derive(Debug, thiserror::Error)]
#[error("{ready}/{nodes} ready after {waited_s:.0} s; {}", problems.join("; "))]
pub struct NotReady {
    /// Nodes that are.
    pub ready: usize,
    /// All nodes that were to be.
    pub nodes: usize,
    /// How long was waited, seconds.
    pub waited_s: f64,
    /// What is missing, with the last log lines of nodes that lack it.
    pub problems: Vec<String>,
}

/// Nodes that are waited for: those that lived when that began.
pub(super) struct Watch<'a, R: Readiness, F> {
    pub(super) fleet: &'a Fleet,
    readiness: R,
    /// How many are asked again at a time.
    at_once: usize,
    /// Who lived.
    pub(super) living: Vec<usize>,
    /// By node, what it told last.
    pub(super) told: RefCell<Vec<Option<R::Told>>>,
    on_progress: F,
    began: Instant,
}

impl<'a, R: Readiness, F: Fn(usize)> Watch<'a, R, F> {
    /// Begins to wait for all that live.
    pub(super) fn begin(fleet: &'a Fleet, readiness: R, at_once: usize, on_progress: F) -> Self {
        let told = fleet.nodes().iter().map(|_| None).collect();
        Self {
            fleet,
            readiness,
            at_once,
            living: fleet.live().map(|node| node.index).collect(),
            told: RefCell::new(told),
            on_progress,
            began: Instant::now(),
        }
    }

    /// Waits until every node was ready once; `deaths` tells of those that end meanwhile.
    pub(super) async fn once(
        &self,
        timeout: Duration,
        deaths: impl Future<Output = Vec<String>>,
    ) -> Result<(), NotReady> {
        tokio::select! {
            () = self.all() => Ok(()),
            deaths = deaths => Err(self.failed(deaths)),
            () = sleep_until(self.began + timeout) => Err(self.failed(self.describe().await)),
        }
    }

    /// How long it waits already.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn is_ready(&self, node: usize) -> bool {
        self.readiness.is_ready(node, self.told.borrow()[node].as_ref(), self.living.len())
    }

    /// What a node has and wants.
    pub(super) fn wanting(&self, node: usize) -> String {
        self.readiness.wanting(node, self.told.borrow()[node].as_ref(), self.living.len())
    }

    pub(super) fn missing(&self) -> Vec<usize> {
        self.living.iter().copied().filter(|node| !self.is_ready(*node)).collect()
    }

    async fn all(&self) {
        stream::iter(self.missing())
            .for_each_concurrent(self.at_once, |node| async move {
                while !self.ask(node).await {
                    sleep(POLL).await;
                }
                (self.on_progress)(self.living.len() - self.missing().len());
            })
            .await;
    }

    /// Asks a node; returns whether it is ready.
    async fn ask(&self, node: usize) -> bool {
        if let Some(told) = self.readiness.ask(&self.fleet.nodes()[node]).await {
            self.told.borrow_mut()[node] = Some(told);
        }
        self.is_ready(node)
    }

    /// Says that they didn't get ready, and why.
    pub(super) fn failed(&self, problems: Vec<String>) -> NotReady {
        let (nodes, waited_s) = (self.living.len(), self.elapsed().as_secs_f64());
        NotReady { ready: nodes - self.missing().len(), nodes, waited_s, problems }
    }

    /// What is missing now, by example.
    async fn describe(&self) -> Vec<String> {
        let missing = self.missing();
        let asked = missing.iter().map(|node| &self.fleet.nodes()[*node]);
        ask_all(asked, async |node| Ok(self.ask(node.index).await)).await;
        let missing = self.missing();
        let error =
            |node: &usize| -> NodeError { self.fleet.nodes()[*node].error(self.wanting(*node)) };
        let mut problems: Vec<String> =
            missing.iter().take(NAMED_MAX).map(|node| error(node).to_string()).collect();
        if missing.len() > NAMED_MAX {
            problems.push(format!("and {} more", missing.len() - NAMED_MAX));
        }
        problems
    }
}

/// Waits until nodes have died.
pub(super) async fn first_deaths(fleet: &Fleet) -> Vec<String> {
    loop {
        sleep(LOOK).await;
        let deaths = fleet.new_deaths();
        if !deaths.is_empty() {
            return deaths.iter().map(ToString::to_string).collect();
        }
    }
}
