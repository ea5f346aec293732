//! The rounds of the theory: one strategy per node, a link from each to every other, and all in step.
//!
//! The same strategy types as in a node run here on an overlay without links: it is complete, link `i`
//! leads to node `i`, and nothing is known of anybody. In each round first every node whose time has come
//! speaks, then polls are answered, then items arrive, then feedback; what arrives in a round is passed
//! on in the next. So contacts are made between nodes as they stood when the round began, which is the
//! model of the papers (Demers et al. 1987; Karp et al. 2000).

use std::sync::Arc;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::chain::Chain as _;
use crate::chain::opaque::Opaque;
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::params::RelayParams;
use crate::relay::{AnyStrategy, Neighbour, Overlay, RelayCx, Step, Strategy as _};
use crate::wire::message::Signal;

/// A run that hasn't ended after so many rounds has stalled. Far above log2 of any number of nodes.
const ROUNDS_MAX: u32 = 10_000;

/// How one item spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The round in which the last node that got the item got it.
    pub rounds: u32,
    /// The mean of these rounds over all nodes that got it, the origin excepted.
    pub mean_round: f64,
    /// Share of the nodes that never got it.
    pub residue: f64,
    /// Copies of the item sent, by all.
    pub payloads: u64,
    /// Polls and feedback sent, by all.
    pub signals: u64,
}

/// Spreads one item from one node over `nodes` nodes, until all have it or nobody spreads it any more.
///
/// # Panics
/// For fewer than two nodes, or a strategy that goes on for ever without reaching all.
#[must_use]
pub fn spread(nodes: usize, params: &RelayParams, seed: u64) -> Spread {
    assert!(nodes >= 2, "one node has nobody to tell");
    let mut crowd = Crowd::new(nodes, params, seed);
    while !crowd.is_over() {
        assert!(crowd.round < ROUNDS_MAX, "{} stalled", params.strategy);
        crowd.run_round();
    }
    crowd.result()
}

/// How many nodes had the item at the end of each round, the one before the first included, in the run that
/// [`spread`] makes with the same arguments.
///
/// # Panics
/// As [`spread`].
#[must_use]
pub fn course(nodes: usize, params: &RelayParams, seed: u64) -> Vec<usize> {
    let mut crowd = Crowd::new(nodes, params, seed);
    let mut had = vec![nodes - crowd.missing];
    while !crowd.is_over() {
        assert!(crowd.round < ROUNDS_MAX, "{} stalled", params.strategy);
        crowd.run_round();
        had.push(nodes - crowd.missing);
    }
    had
}

/// Statistics over independent runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many runs.
    pub runs: usize,
    /// Rounds until the last delivery.
    pub rounds: Mean,
    /// Rounds that 99 % of the runs don't exceed.
    pub rounds_p99: u32,
    /// Mean round of a delivery.
    pub mean_round: Mean,
    /// Share of the nodes left without the item.
    pub residue: Mean,
    /// Copies sent per node (Demers' traffic m).
    pub traffic: Mean,
    /// Polls and feedback sent per node.
    pub signals: Mean,
}

/// A mean and how far it is to be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
}

impl Mean {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        let value = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|x| (x - value).powi(2)).sum();
        Self { value, error: (squares / (count - 1.0).max(1.0) / count).sqrt() }
    }
}

/// Runs [`spread`] `runs` times, at least once, with seeds from `seed` on.
///
/// # Panics
/// As [`spread`].
#[must_use]
pub fn measure(nodes: usize, params: &RelayParams, runs: usize, seed: u64) -> Summary {
    let seeds = seed..seed + runs.max(1) as u64;
    let spreads: Vec<_> = seeds.map(|seed| spread(nodes, params, seed)).collect();
    let mean = |of: fn(&Spread) -> f64| Mean::of(spreads.iter().map(of));
    let per_node =
        |mean: Mean| Mean { value: mean.value / nodes as f64, error: mean.error / nodes as f64 };
    let mut rounds: Vec<_> = spreads.iter().map(|spread| spread.rounds).collect();
    rounds.sort_unstable();
    Summary {
        runs: spreads.len(),
        rounds: mean(|spread| f64::from(spread.rounds)),
        rounds_p99: rounds[(rounds.len() * 99).div_ceil(100) - 1],
        mean_round: mean(|spread| spread.mean_round),
        residue: mean(|spread| spread.residue),
        traffic: per_node(mean(|spread| spread.payloads as f64)),
        signals: per_node(mean(|spread| spread.signals as f64)),
    }
}

/// All nodes of a run.
struct Crowd<'a> {
    params: &'a RelayParams,
    rng: ChaCha8Rng,
    item: Arc<Item>,
    strategies: Vec<AnyStrategy>,
    /// The round in which each node got the item.
    got: Vec<Option<u32>>,
    missing: usize,
    round: u32,
    payloads: u64,
    signals: u64,
    steps: Vec<Step>,
}

/// What one node sees: everybody else, of whom it knows nothing.
struct Complete<'a> {
    nodes: usize,
    me: usize,
    item: &'a Arc<Item>,
}

impl Overlay for Complete<'_> {
    fn len(&self) -> usize {
        self.nodes - 1
    }

    fn neighbour(&self, index: usize) -> Neighbour {
        let link = link_to(if index < self.me { index } else { index + 1 });
        Neighbour { link, direction: Direction::Outbound, region: None }
    }

    fn knows(&self, _link: Link, _id: &ItemId) -> bool {
        false
    }

    fn waiting(&self, _link: Link) -> usize {
        0
    }

    fn item(&self, id: &ItemId) -> Option<&Arc<Item>> {
        (self.item.id() == *id).then_some(self.item)
    }
}

/// An item on its way.
struct Payload {
    from: usize,
    to: usize,
    /// Sent whatever the receiver has; otherwise only if it lacks it, since it was announced and asked
    /// for.
    is_unasked: bool,
}

impl<'a> Crowd<'a> {
    fn new(nodes: usize, params: &'a RelayParams, seed: u64) -> Self {
        let item = Opaque::default()
            .item(ItemKind::Tx, b"rumour".as_slice().into())
            .expect("opaque rules take any bytes");
        let mut crowd = Self {
            params,
            rng: ChaCha8Rng::seed_from_u64(seed),
            item,
            strategies: vec![params.strategy.into(); nodes],
            got: vec![None; nodes],
            missing: nodes,
            round: 0,
            payloads: 0,
            signals: 0,
            steps: Vec::new(),
        };
        let link = |node| link_to(usize::from(node == 0));
        for node in 0..nodes {
            let (direction, region) = (Direction::Outbound, None);
            let neighbour = Neighbour { link: link(node), direction, region };
            crowd.ask(node, |strategy, cx| strategy.on_link_up(neighbour, cx), |_, _| {});
        }
        let origin = crowd.rng.random_range(0..nodes);
        crowd.accept(origin, None);
        crowd
    }

    /// Whether all have the item, or nobody spreads it any more. Whoever never stops does so in vain
    /// only while somebody lacks it.
    fn is_over(&self) -> bool {
        let spreads = |strategy: &AnyStrategy| match strategy {
            AnyStrategy::Rumor(rumor) => rumor.is_infective(),
            _ => true,
        };
        let runs_out = matches!(self.strategies[0], AnyStrategy::Rumor(_));
        if runs_out { !self.strategies.iter().any(spreads) } else { self.missing == 0 }
    }

    fn run_round(&mut self) {
        self.round += 1;
        let (mut polls, mut payloads) = (Vec::new(), Vec::new());
        for node in 0..self.strategies.len() {
            if self.strategies[node].deadline() <= self.now() {
                self.ask(node, AnyStrategy::on_wake, |to, step| match step {
                    Step::Signal(_, Signal::Poll) => polls.push((node, to)),
                    step => payloads.extend(payload(node, to, &step)),
                });
            }
        }
        self.signals += polls.len() as u64;
        for (from, to) in polls {
            self.ask(
                to,
                |strategy, cx| strategy.on_signal(link_to(from), &Signal::Poll, cx),
                |back, step| payloads.extend(payload(to, back, &step)),
            );
        }
        let mut feedback = Vec::new();
        for Payload { from, to, is_unasked } in payloads {
            if self.got[to].is_none() {
                self.payloads += 1;
                self.accept(to, Some(from));
            } else if is_unasked {
                self.payloads += 1;
                let (link, id) = (link_to(from), self.item.id());
                self.ask(
                    to,
                    |strategy, cx| strategy.on_duplicate(link, id, cx),
                    |back, step| feedback.push((to, back, step)),
                );
            }
        }
        for (from, to, step) in feedback {
            if let Step::Signal(_, signal) = step {
                self.signals += 1;
                self.ask(to, |s, cx| s.on_signal(link_to(from), &signal, cx), |_, _| {});
            }
        }
    }

    fn accept(&mut self, node: usize, from: Option<usize>) {
        self.got[node] = Some(self.round);
        self.missing -= 1;
        let item = self.item.clone();
        self.ask(node, |s, cx| s.on_accepted(&item, from.map(link_to), cx), |_, _| {});
    }

    /// Lets one strategy speak, and hands over each step with the node it is about.
    fn ask(
        &mut self,
        node: usize,
        call: impl FnOnce(&mut AnyStrategy, &mut RelayCx<'_>),
        mut carry_out: impl FnMut(usize, Step),
    ) {
        let now = self.now();
        let overlay = &Complete { nodes: self.strategies.len(), me: node, item: &self.item };
        let (params, rng, steps) = (self.params, &mut self.rng, &mut self.steps);
        call(&mut self.strategies[node], &mut RelayCx { now, params, rng, overlay, steps });
        for step in self.steps.drain(..) {
            let (Step::Send(link, _)
            | Step::Announce(link, _)
            | Step::AnnounceNow(link, _)
            | Step::Hold(link, _)
            | Step::Flush(link)
            | Step::Charge(link, _)
            | Step::Signal(link, _)
            | Step::Compare(link)) = step;
            carry_out(link.slot(), step);
        }
    }

    /// All rounds begin at once; the phase that a node drew lies within one.
    fn now(&self) -> Time {
        Time::ZERO + self.params.round() * (self.round + 1)
    }

    fn result(&self) -> Spread {
        let later = self.got.iter().flatten().filter(|round| **round > 0);
        let (count, sum) =
            later.fold((0_u32, 0_u64), |(count, sum), round| (count + 1, sum + u64::from(*round)));
        Spread {
            rounds: self.got.iter().flatten().copied().max().unwrap_or(0),
            mean_round: sum as f64 / f64::from(count.max(1)),
            residue: self.missing as f64 / self.got.len() as f64,
            payloads: self.payloads,
            signals: self.signals,
        }
    }
}

fn link_to(node: usize) -> Link {
    Link::new(u32::try_from(node).expect("fewer nodes than links have slots"), 1)
}

fn payload(from: usize, to: usize, step: &Step) -> Option<Payload> {
    match step {
        Step::Send(..) => Some(Payload { from, to, is_unasked: true }),
        Step::Announce(..) | Step::AnnounceNow(..) | Step::Hold(..) => {
            Some(Payload { from, to, is_unasked: false })
        }
        Step::Flush(_) | Step::Charge(..) | Step::Signal(..) | Step::Compare(_) => None,
    }
}

#[cfg(test)]
mod tests;
