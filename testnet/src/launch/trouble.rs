//! Trouble: the faults of a manifest, made with real nodes, each when it is due.
//!
//! - `agenda`: what is to happen next
//! - `links`: what goes wrong with what nodes send; the nodes do it themselves ([`tidings::lab::trouble`])
//!
//! | fault | how |
//! |---|---|
//! | `loss`, `duplicate`, `reorder` | nodes lose, double or hold up what they send |
//! | `clog` | both ends of a link hold up what goes over it |
//! | `partition`, `cut` | nodes hold up or lose what goes to the other side, or break the links with it |
//! | `pause` | the process is stopped (SIGSTOP), and goes on |
//! | `crash`, `churn` | `kill -9`, and started again with its folder, so with what it saved; silent: stopped first, so that its sockets stay |
//!
//! Crashes that nobody comes back from are [`kill`](super::kill)'s. Which nodes and links are met is drawn by the seed.

mod agenda;
mod links;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, RngExt as _};
use rand_chacha::ChaCha8Rng;
use tidings::clock::Clock;
use tidings_protocol::ground::time::Time;
use tidings_sim::fault::{Cut, FaultSpec};
use tidings_sim::random::shared::{self, Stream};
use tidings_sim::units;
use tokio::time::sleep_until;

use self::agenda::{Agenda, Due};
use self::links::{Active, Links};
use super::connect::Overlay;
use super::fleet::{Fleet, ask_all};
use super::local::Common;
use super::observe::{self, NodeTraffic};

/// What became of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Its name in manifests.
    pub kind: &'static str,
    /// Nodes or links that it met; of those that look at messages, how many messages all of these met together.
    pub touched: u64,
}

/// What is left of trouble that is over.
#[derive(Debug)]
pub struct Over {
    /// What became of each fault.
    pub met: Vec<Met>,
    /// What nodes had sent and received in former lives.
    pub former: BTreeMap<usize, NodeTraffic>,
    /// What went wrong that wasn't to.
    pub problems: Vec<String>,
}

/// All faults of a run.
#[derive(Debug)]
pub struct Troubles<'a> {
    fleet: &'a Fleet,
    common: &'a Common,
    specs: &'a [FaultSpec],
    overlay: &'a Overlay,
    /// By fault: what it draws from.
    rngs: RefCell<Vec<ChaCha8Rng>>,
    touched: RefCell<Vec<u64>>,
    /// Nodes that a pause stopped, by fault.
    paused: RefCell<BTreeMap<usize, Vec<usize>>>,
    links: RefCell<Links>,
    /// What nodes had sent and received in former lives.
    former: RefCell<BTreeMap<usize, NodeTraffic>>,
    /// What went wrong that wasn't to.
    problems: RefCell<Vec<String>>,
    /// More is to begin, or to end.
    is_pending: Cell<bool>,
}

impl<'a> Troubles<'a> {
    /// Those of a manifest, whose nodes stand in an overlay.
    #[must_use]
    pub fn new(
        (fleet, common): (&'a Fleet, &'a Common),
        (specs, seed): (&'a [FaultSpec], u64),
        overlay: &'a Overlay,
    ) -> Self {
        let mut seeds = shared::stream(seed, Stream::Faults);
        let rngs =
            specs.iter().map(|_| rand::SeedableRng::seed_from_u64(seeds.next_u64())).collect();
        Self {
            fleet,
            common,
            specs,
            overlay,
            rngs: RefCell::new(rngs),
            touched: RefCell::new(vec![0; specs.len()]),
            paused: RefCell::default(),
            links: RefCell::default(),
            former: RefCell::default(),
            problems: RefCell::default(),
            is_pending: Cell::new(!specs.is_empty()),
        }
    }

    /// Whether more is to begin, or to end.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        self.is_pending.get()
    }

    /// Makes each fault when it is due, by a clock, from a time of it on. `last` is when the last item is submitted.
    pub async fn make(&self, (clock, began): (&Clock, Time), last: Duration) {
        let mut agenda = Agenda::of(self.specs, last);
        while let Some((after, due)) = agenda.next() {
            sleep_until(clock.instant(began + after)).await;
            match due {
                Due::Begin(fault) => self.begin(fault, after, &mut agenda).await,
                Due::End(fault) => self.end(fault).await,
                Due::Crash(fault, node) => self.churn(fault, node, after, &mut agenda).await,
                Due::Restart(node) => self.restart(node).await,
            }
        }
        self.is_pending.set(false);
    }

    async fn begin(&self, fault: usize, at: Duration, agenda: &mut Agenda) {
        match &self.specs[fault] {
            FaultSpec::Loss { .. } | FaultSpec::Duplicate { .. } | FaultSpec::Reorder { .. } => {
                let active = Active::of_messages(&self.specs[fault]);
                self.change(|links| links.begin(fault, active)).await;
            }
            FaultSpec::Partition { share, mode, .. } => {
                let side = self.choose(fault, *share, &[]);
                let active = Active::partition(&side, self.fleet.nodes().len(), *mode);
                self.change(|links| links.begin(fault, active)).await;
            }
            FaultSpec::Clog { share, .. } => {
                let clogged: Vec<(u32, u32)> = {
                    let rng = &mut self.rngs.borrow_mut()[fault];
                    let all = self.overlay.dialled.iter().copied();
                    all.filter(|_| rng.random_bool(*share)).collect()
                };
                self.touched.borrow_mut()[fault] += clogged.len() as u64;
                self.change(|links| links.begin(fault, Active::between(&clogged, Cut::Stall)))
                    .await;
            }
            FaultSpec::Cut { links, mode, .. } => {
                self.touched.borrow_mut()[fault] += links.len() as u64;
                self.change(|active| active.begin(fault, Active::between(links, *mode))).await;
            }
            FaultSpec::Pause { share, nodes, .. } => {
                let chosen = self.choose(fault, *share, nodes);
                chosen.iter().for_each(|node| self.fleet.nodes()[*node].pause());
                self.paused.borrow_mut().insert(fault, chosen);
            }
            FaultSpec::Crash { share, nodes, restart_after_s, silent, .. } => {
                for node in self.choose(fault, *share, nodes) {
                    self.crash(node, *silent).await;
                    if let Some(after_s) = restart_after_s {
                        agenda.add(at + Duration::from_secs_f64(*after_s), Due::Restart(node));
                    }
                }
            }
            FaultSpec::Churn { .. } => {
                for node in 0..self.fleet.nodes().len() {
                    self.doom(fault, node, at, agenda);
                }
            }
            FaultSpec::Slow { .. } | FaultSpec::Liar { .. } => {} // refused with the settings
        }
    }

    async fn end(&self, fault: usize) {
        let paused = self.paused.borrow_mut().remove(&fault);
        if let Some(paused) = paused {
            paused.iter().for_each(|node| self.fleet.nodes()[*node].resume());
            // What began or ended meanwhile they weren't told.
            self.tell(paused).await;
        }
        self.change(|links| links.end(fault)).await;
    }

    /// Draws when a node crashes as part of a churn.
    fn doom(&self, fault: usize, node: usize, now: Duration, agenda: &mut Agenda) {
        let FaultSpec::Churn { per_minute, .. } = self.specs[fault] else { return };
        let after = exponential(60.0 / per_minute, &mut self.rngs.borrow_mut()[fault]);
        agenda.add_before_end(fault, now + after, Due::Crash(fault, node));
    }

    /// A node's time has come: it crashes, comes back, and is doomed again.
    async fn churn(&self, fault: usize, node: usize, now: Duration, agenda: &mut Agenda) {
        let FaultSpec::Churn { away_s, .. } = self.specs[fault] else { return };
        let away = exponential(away_s, &mut self.rngs.borrow_mut()[fault]);
        if self.fleet.nodes()[node].is_up() {
            self.touched.borrow_mut()[fault] += 1;
            self.crash(node, false).await;
            agenda.add(now + away, Due::Restart(node));
        }
        self.doom(fault, node, now + away, agenda);
    }

    /// What a node had sent goes with it, so it is asked before, and its trace is written.
    async fn crash(&self, node: usize, silent: bool) {
        let victim = &self.fleet.nodes()[node];
        if !victim.is_up() {
            return;
        }
        self.tell([node]).await;
        if let Ok(status) = victim.client.status().await {
            self.former.borrow_mut().entry(node).or_default().add(&observe::traffic_of(&status));
        }
        if silent { victim.freeze() } else { victim.kill() }
    }

    async fn restart(&self, node: usize) {
        match self.fleet.nodes()[node].restart(self.common).await {
            Ok(()) => self.tell([node]).await,
            Err(error) => self.problems.borrow_mut().push(error.to_string()),
        }
    }

    /// The nodes that a fault meets: those that it names, or a share of those that are up.
    fn choose(&self, fault: usize, share: f64, named: &[u32]) -> Vec<usize> {
        let is_up = |node: &usize| self.fleet.nodes()[*node].is_up();
        let chosen: Vec<usize> = if share > 0.0 {
            let up: Vec<usize> = (0..self.fleet.nodes().len()).filter(is_up).collect();
            let count = units::share_of(share, up.len());
            let rng = &mut self.rngs.borrow_mut()[fault];
            shared::sample(up.len(), count, rng).into_iter().map(|place| up[place]).collect()
        } else {
            named.iter().map(|node| *node as usize).filter(is_up).collect()
        };
        self.touched.borrow_mut()[fault] += chosen.len() as u64;
        chosen
    }

    /// Something else goes wrong with what nodes send; all that are up are told.
    async fn change(&self, change: impl FnOnce(&mut Links) -> bool) {
        if change(&mut self.links.borrow_mut()) {
            self.tell(0..self.fleet.nodes().len()).await;
        }
    }

    async fn tell(&self, nodes: impl IntoIterator<Item = usize>) {
        let peer_ids = self.overlay.peer_ids();
        let up =
            nodes.into_iter().map(|node| &self.fleet.nodes()[node]).filter(|node| node.is_up());
        let up: Vec<_> = up.collect();
        let told = ask_all(up, async |node| {
            let trouble = self.links.borrow().trouble_of(node.index, peer_ids);
            node.client.trouble(&trouble).await
        });
        for (node, told) in told.await {
            match told {
                Ok(met) => self.links.borrow_mut().met(node, met),
                Err(error) => self.problems.borrow_mut().push(format!(
                    "{} couldn't be told of its trouble: {error}",
                    self.fleet.nodes()[node].name
                )),
            }
        }
    }

    /// All is well again, so that nodes can be asked; tells what is left of it.
    pub async fn over(self) -> Over {
        for node in self.paused.borrow_mut().values().flatten() {
            self.fleet.nodes()[*node].resume();
        }
        if !self.links.borrow().is_empty() || self.specs.iter().any(is_of_messages) {
            self.links.borrow_mut().clear();
            self.tell(0..self.fleet.nodes().len()).await;
        }
        let messages = self.links.borrow().all_met();
        let met = |(spec, touched): (&FaultSpec, u64)| Met {
            kind: spec.name(),
            touched: if is_of_messages(spec) { messages } else { touched },
        };
        let met = self.specs.iter().zip(self.touched.into_inner()).map(met).collect();
        Over { met, former: self.former.into_inner(), problems: self.problems.into_inner() }
    }
}

/// Whether a fault looks at every message.
const fn is_of_messages(spec: &FaultSpec) -> bool {
    matches!(spec, FaultSpec::Loss { .. } | FaultSpec::Duplicate { .. } | FaultSpec::Reorder { .. })
}

/// A wait of an exponential distribution.
fn exponential(mean_s: f64, rng: &mut impl Rng) -> Duration {
    let uniform: f64 = rng.random();
    Duration::try_from_secs_f64(-(1.0 - uniform).ln() * mean_s).unwrap_or(Duration::MAX / 4)
}
