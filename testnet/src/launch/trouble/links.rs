//! What goes wrong with what nodes send, by fault, and what of it each node is told.

use std::collections::{BTreeMap, BTreeSet};

use tidings::api::trouble::{CutHow, Effect, Trouble};
use tidings_sim::fault::{Cut, FaultSpec};

/// A fault that has begun and not ended.
#[derive(Clone, Debug)]
pub(super) enum Active {
    /// The same for all nodes.
    Everywhere(Effect),
    /// By node, whether it is on the smaller side.
    Sides(Vec<bool>, CutHow),
    /// By node, the others at the far ends of its links that are clogged or cut.
    Between(BTreeMap<usize, BTreeSet<usize>>, CutHow),
}

impl Active {
    /// Of a fault that looks at every message.
    pub(super) fn of_messages(spec: &FaultSpec) -> Option<Self> {
        Some(Self::Everywhere(match *spec {
            FaultSpec::Loss { share, .. } => Effect::Loss { share },
            FaultSpec::Duplicate { share, .. } => Effect::Duplicate { share },
            FaultSpec::Reorder { share, by_ms, .. } => Effect::Reorder { share, by_ms },
            _ => return None,
        }))
    }

    pub(super) fn partition(smaller: &[usize], nodes: usize, mode: Cut) -> Option<Self> {
        let mut side = vec![false; nodes];
        smaller.iter().for_each(|node| side[*node] = true);
        Some(Self::Sides(side, how(mode)))
    }

    /// Between pairs of nodes.
    pub(super) fn between(links: &[(u32, u32)], mode: Cut) -> Option<Self> {
        let mut far: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (a, b) in links.iter().map(|(a, b)| (*a as usize, *b as usize)) {
            far.entry(a).or_default().insert(b);
            far.entry(b).or_default().insert(a);
        }
        Some(Self::Between(far, how(mode)))
    }

    /// What it is to a node, whose peers have these identities.
    fn effect(&self, node: usize, peer_ids: &[String]) -> Option<Effect> {
        let ids = |nodes: &mut dyn Iterator<Item = usize>| {
            nodes.map(|other| peer_ids[other].clone()).filter(|id| !id.is_empty()).collect()
        };
        match self {
            Self::Everywhere(effect) => Some(effect.clone()),
            Self::Sides(side, how) => {
                let mut others = (0..side.len()).filter(|other| side[*other] != side[node]);
                Some(Effect::Cut { peers: ids(&mut others), how: *how })
            }
            Self::Between(far, how) => {
                let mut others = far.get(&node)?.iter().copied();
                Some(Effect::Cut { peers: ids(&mut others), how: *how })
            }
        }
    }
}

/// What nodes do about what is cut.
const fn how(mode: Cut) -> CutHow {
    match mode {
        Cut::Drop => CutHow::Drop,
        Cut::Stall => CutHow::Stall,
        Cut::Break => CutHow::Break,
    }
}

/// All that goes wrong now, by fault, and how many messages met it.
#[derive(Debug, Default)]
pub(super) struct Links {
    active: BTreeMap<usize, Active>,
    /// By node: what it told last.
    met: BTreeMap<usize, u64>,
}

impl Links {
    /// True if there is anything to tell.
    pub(super) fn begin(&mut self, fault: usize, active: Option<Active>) -> bool {
        let is_some = active.is_some();
        self.active.extend(active.map(|active| (fault, active)));
        is_some
    }

    /// True if there is anything to tell.
    pub(super) fn end(&mut self, fault: usize) -> bool {
        self.active.remove(&fault).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.active.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// All that goes wrong at a node.
    pub(super) fn trouble_of(&self, node: usize, peer_ids: &[String]) -> Trouble {
        let effects = self.active.values().filter_map(|active| active.effect(node, peer_ids));
        Trouble { effects: effects.collect() }
    }

    /// A node tells how many messages met trouble so far.
    pub(super) fn met(&mut self, node: usize, messages: u64) {
        self.met.insert(node, messages);
    }

    pub(super) fn all_met(&self) -> u64 {
        self.met.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_is_told_what_concerns_it() {
        let ids = ["a", "b", "c", "d"].map(str::to_owned);
        let mut links = Links::default();
        assert!(links.begin(
            0,
            Active::of_messages(&FaultSpec::Loss { share: 0.1, at_s: 0.0, for_s: None })
        ));
        assert!(links.begin(1, Active::partition(&[0, 3], 4, Cut::Break)));
        assert!(links.begin(2, Active::between(&[(0, 1)], Cut::Stall)));
        let cut = |peers: &[&str], how| Effect::Cut {
            peers: peers.iter().map(|id| (*id).to_owned()).collect(),
            how,
        };
        let loss = Effect::Loss { share: 0.1 };
        let first = links.trouble_of(0, &ids).effects;
        assert_eq!(
            first,
            [loss.clone(), cut(&["b", "c"], CutHow::Break), cut(&["b"], CutHow::Stall)]
        );
        assert!(links.end(1) && !links.end(1));
        assert_eq!(links.trouble_of(2, &ids).effects, [loss]);
        links.met(0, 3);
        links.met(0, 5);
        links.met(1, 1);
        assert_eq!(links.all_met(), 6);
    }
}
