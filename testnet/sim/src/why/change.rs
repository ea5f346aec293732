//! One thing otherwise, as something to try: what it is, from when on, and the two worlds that it sets side by side.

use std::sync::Arc;

use tidings_protocol::ground::item::Item;
use tidings_protocol::ground::time::Time;
use tidings_protocol::params::Params;

use super::answer::Kind;
use super::case::Case;
use crate::fault::Exempt;
use crate::otherwise::{Edit, Otherwise};
use crate::world::World;

/// Something that might have been otherwise.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) kind: Kind,
    pub(super) node: Option<u32>,
    pub(super) peer: Option<u32>,
    pub(super) fault: Option<usize>,
    /// From when on the two worlds are compared.
    pub(super) at: Time,
    pub(super) change: Change,
    pub(super) what: String,
    pub(super) instead: String,
}

/// What is changed.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Faults spare some, from the beginning.
    Spare(Vec<(usize, Exempt)>),
    /// A node's line carries anything at once, from the beginning.
    Wide(u32),
    /// A link has another latency, from before a step on.
    Latency((u32, u32), u64, u64),
    /// A liar is honest, from before a step on.
    Honest(u32, u64),
    /// A node has other parameters, from where the branches begin.
    Params(u32, Arc<Params>),
    /// A message has another fate; its step.
    Message(Edit, u64),
    /// A node has other items already, before a step.
    Given(u32, Vec<Arc<Item>>, u64),
}

/// The world as it was at the moment of comparison, and with the change.
pub(super) struct Pair {
    pub(super) was: World,
    pub(super) otherwise: World,
}

impl Candidate {
    /// The world with the change, at the moment of comparison.
    pub(super) fn otherwise(&self, case: &Case) -> Result<World, String> {
        let at = self.at.max(case.start.now());
        Ok(match &self.change {
            Change::Spare(exempts) => case.differently(exempts, None, at)?,
            Change::Wide(node) => {
                let otherwise = Otherwise { wide: vec![*node], ..Otherwise::default() };
                case.differently(&[], Some(otherwise), at)?
            }
            Change::Latency((a, b), nanos, step) => {
                let mut world = case.world_at(step.saturating_sub(1));
                world.set_latency(*a, *b, *nanos);
                world.step(Time::NEVER);
                world
            }
            Change::Honest(node, step) => {
                let mut world = case.world_at(step.saturating_sub(1));
                world.reform(*node);
                world.step(Time::NEVER);
                world
            }
            Change::Params(node, params) => {
                let mut world = (*case.start).clone();
                let params = vec![(*node, Arc::clone(params))];
                world.set_otherwise(Some(Arc::new(Otherwise { params, ..Otherwise::default() })));
                world.run_until(at);
                world
            }
            Change::Message(edit, step) => {
                let mut world = case.world_at(step.saturating_sub(1));
                let edits = vec![*edit];
                world.set_otherwise(Some(Arc::new(Otherwise { edits, ..Otherwise::default() })));
                world.step(Time::NEVER);
                world.set_otherwise(None);
                world
            }
            Change::Given(node, items, step) => {
                let mut world = case.world_at(step.saturating_sub(1));
                for item in items {
                    world.restore(*node, Arc::clone(item));
                }
                world.step(Time::NEVER);
                world
            }
        })
    }

    /// The world as it was, at the same moment.
    pub(super) fn was(&self, case: &Case) -> World {
        match &self.change {
            Change::Message(_, step)
            | Change::Given(_, _, step)
            | Change::Latency(_, _, step)
            | Change::Honest(_, step) => case.world_at(*step),
            _ => case.world_when(self.at),
        }
    }

    /// Both.
    pub(super) fn pair(&self, case: &Case) -> Result<Pair, String> {
        Ok(Pair { was: self.was(case), otherwise: self.otherwise(case)? })
    }
}
