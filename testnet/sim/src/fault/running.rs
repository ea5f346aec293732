//! Faults during a run: what they draw from, what they meet, and what becomes of it.

use std::collections::BTreeSet;

use rand::{Rng as _, RngExt as _};
use tidings_protocol::ground::time::Time;
use tidings_protocol::testkit::hostile::{Hostile, Lie, Lies};

use super::spec::{Cut, FaultSpec};
use crate::random::{SplitMix64, Use, stream};
use crate::units::nanos;

/// What becomes of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// How many times it arrives.
    pub copies: u32,
    /// By how much it is held up, nanoseconds.
    pub delay: u64,
    /// It doesn't arrive before.
    pub not_before: Time,
    /// The fault, by number, that lost it or held it up; the last of them, if there are several.
    pub by: Option<usize>,
}

/// Whom a fault spares that would meet them, in a world where one thing is otherwise. It draws as it would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exempt {
    /// Everybody: the fault never begins.
    pub all: bool,
    /// Nodes.
    pub nodes: Vec<u32>,
    /// Links, by the nodes at their ends.
    pub links: Vec<(u32, u32)>,
}

impl Exempt {
    /// Whether a link between two nodes is spared.
    #[must_use]
    pub fn link(&self, a: u32, b: u32) -> bool {
        let is_node = |node: &u32| *node == a || *node == b;
        self.all
            || self.nodes.iter().any(is_node)
            || self.links.iter().any(|link| *link == (a, b) || *link == (b, a))
    }
}

/// All faults of a run, with what they draw from and what they have met.
#[derive(Clone, Debug)]
pub struct Faults {
    all: Vec<Running>,
    /// Those that look at every message now.
    watching: Vec<usize>,
    /// By node: who speaks in its place, if it lies. Empty if nobody does.
    liars: Vec<Option<Box<Hostile>>>,
}

/// A fault during a run.
#[derive(Clone, Debug)]
pub struct Running {
    /// What it is.
    pub spec: FaultSpec,
    /// What it draws from.
    pub rng: SplitMix64,
    /// Messages, links or nodes that it met.
    pub touched: u64,
    /// The nodes that it holds: paused, down, or on the smaller side of a partition.
    pub nodes: Vec<u32>,
    /// When it ends.
    pub until: Time,
    /// All nodes that it ever met, and all links that it clogged, in order: each once for each time.
    pub met: Vec<u32>,
    /// The same of links, by the nodes at their ends.
    pub met_links: Vec<(u32, u32)>,
    /// Whom it spares.
    pub exempt: Exempt,
    /// By node: whether it is on the smaller side of a partition, or slow.
    side: Vec<bool>,
    /// Between whom it lies, if it names pairs; the smaller number first.
    pairs: BTreeSet<(u32, u32)>,
}

impl Faults {
    /// The faults of a manifest. The stream of each is named by its kind and its place among those of its
    /// kind.
    #[must_use]
    pub fn new(specs: &[FaultSpec], seed: u64) -> Self {
        let run = |(index, spec): (usize, &FaultSpec)| {
            let place = specs[..index].iter().filter(|other| other.name() == spec.name()).count();
            let kind = spec.name().bytes().fold(0, |kind: u64, byte| kind << 8 ^ u64::from(byte));
            Running {
                spec: spec.clone(),
                rng: stream(seed, Use::Fault, kind.wrapping_add(place as u64)),
                touched: 0,
                nodes: Vec::new(),
                until: Time::NEVER,
                met: Vec::new(),
                met_links: Vec::new(),
                exempt: Exempt::default(),
                side: Vec::new(),
                pairs: spec.named_links().iter().map(|(a, b)| sorted(*a, *b)).collect(),
            }
        };
        let all = specs.iter().enumerate().map(run).collect();
        Self { all, watching: Vec::new(), liars: Vec::new() }
    }

    /// All of them, in the order of the manifest.
    #[must_use]
    pub fn all(&self) -> &[Running] {
        &self.all
    }

    /// One of them.
    pub fn get_mut(&mut self, index: usize) -> &mut Running {
        &mut self.all[index]
    }

    /// Whether any fault looks at messages now.
    #[must_use]
    pub const fn watch_messages(&self) -> bool {
        !self.watching.is_empty()
    }

    /// A fault begins to look at messages, or stops.
    pub fn set_watching(&mut self, index: usize, watching: bool) {
        self.watching.retain(|other| *other != index);
        if watching {
            self.watching.push(index);
            self.watching.sort_unstable();
        }
    }

    /// Whether a fault looks at messages now.
    #[must_use]
    pub fn is_watching(&self, index: usize) -> bool {
        self.watching.contains(&index)
    }

    /// Splits the nodes: for a partition, or into slow and quick ones.
    pub fn split(&mut self, index: usize, nodes: usize, smaller: &[u32]) {
        let side = &mut self.all[index].side;
        side.clear();
        side.resize(nodes, false);
        smaller.iter().for_each(|node| side[*node as usize] = true);
    }

    /// Makes liars of some of the nodes, for a fault that has drawn them.
    pub fn corrupt(&mut self, index: usize, liars: &[u32], nodes: usize) {
        let Running { spec, rng, .. } = &mut self.all[index];
        let FaultSpec::Liar { say, withhold, .. } = *spec else { return };
        let is_about_firsts = matches!(say, Lies::One(Lie::Known | Lie::First));
        self.liars.resize(nodes, None);
        for node in liars {
            let hostile = Hostile::new(say, rng.next_u64());
            let withholds = withhold.unwrap_or(is_about_firsts);
            let hostile = if withholds { hostile.withholding() } else { hostile };
            self.liars[*node as usize] = Some(Box::new(hostile));
        }
    }

    /// Everything that is random from now on is drawn anew. Whoever lies draws anew what lies are told.
    pub fn reseed(&mut self, seed: u64) {
        for (number, fault) in (0..).zip(&mut self.all) {
            fault.rng = stream(seed, Use::Fault, number);
        }
        for (node, liar) in (0..).zip(&mut self.liars) {
            if let Some(liar) = liar {
                liar.reseed(stream(seed, Use::Fault, u64::MAX - node).next_u64());
            }
        }
    }

    /// A node doesn't lie any more, from now on.
    pub fn reform(&mut self, node: u32) {
        if let Some(liar) = self.liars.get_mut(node as usize) {
            *liar = None;
        }
    }

    /// Whether a node lies.
    #[must_use]
    pub fn is_liar(&self, node: u32) -> bool {
        self.liars.get(node as usize).is_some_and(Option::is_some)
    }

    /// Who speaks in a node's place, if it lies.
    pub fn liar_mut(&mut self, node: u32) -> Option<&mut Hostile> {
        self.liars.get_mut(node as usize)?.as_deref_mut()
    }

    /// Whether a partition or a cut lies between two nodes now.
    #[must_use]
    pub fn parted(&self, a: u32, b: u32) -> bool {
        let parts = |fault: &Running| fault.parts(a, b) && !fault.exempt.link(a, b);
        self.watching.iter().any(|index| parts(&self.all[*index]))
    }

    /// What becomes of a message. One that `is_spared` is neither lost nor doubled.
    pub fn fate(&mut self, from: u32, to: u32, is_spared: bool) -> Fate {
        let mut fate = Fate { copies: 1, delay: 0, not_before: Time::ZERO, by: None };
        for index in &self.watching {
            let fault = &mut self.all[*index];
            let before = fate;
            match fault.spec {
                FaultSpec::Loss { share, .. } if !is_spared && fault.rng.random_bool(share) => {
                    fate.copies = 0;
                }
                FaultSpec::Duplicate { share, .. }
                    if !is_spared && fault.rng.random_bool(share) =>
                {
                    fate.copies *= 2;
                }
                FaultSpec::Reorder { share, by_ms, .. } if fault.rng.random_bool(share) => {
                    fate.delay += nanos(by_ms / 1e3);
                }
                FaultSpec::Partition { mode: Cut::Stall, .. }
                | FaultSpec::Cut { mode: Cut::Stall, .. }
                    if fault.parts(from, to) =>
                {
                    fate.not_before = fate.not_before.max(fault.until);
                }
                FaultSpec::Partition { .. } | FaultSpec::Cut { .. } if fault.parts(from, to) => {
                    fate.copies = 0;
                }
                FaultSpec::Slow { by_ms, .. } if fault.slows(from, to) > 0 => {
                    fate.delay += fault.slows(from, to) * nanos(by_ms / 1e3);
                }
                _ => continue,
            }
            if fault.exempt.link(from, to) {
                fate = before;
                continue;
            }
            if !matches!(fault.spec, FaultSpec::Duplicate { .. }) {
                fate.by = Some(*index);
            }
            fault.touched += 1;
        }
        fate
    }
}

impl Running {
    fn parts(&self, a: u32, b: u32) -> bool {
        let cuts = matches!(self.spec, FaultSpec::Cut { .. } | FaultSpec::Partition { .. });
        cuts && (self.is_beside(a) != self.is_beside(b) || self.pairs.contains(&sorted(a, b)))
    }

    /// How many times a way from one to the other is longer by what the fault says.
    fn slows(&self, a: u32, b: u32) -> u64 {
        let ends = u64::from(self.is_beside(a)) + u64::from(self.is_beside(b));
        ends + u64::from(self.pairs.contains(&sorted(a, b)))
    }

    /// Whether a node was [split](Faults::split) off.
    fn is_beside(&self, node: u32) -> bool {
        self.side.get(node as usize).copied().unwrap_or_default()
    }
}

/// A pair of nodes, whoever of them is named first.
const fn sorted(a: u32, b: u32) -> (u32, u32) {
    if a < b { (a, b) } else { (b, a) }
}
