//! Snapshots: a world at a moment, from which any number of runs go on.
//!
//! Nodes keep their timers and random sources in themselves and in their seats, so a clone of the world
//! is complete. What never changes (items, parameters, the link model) is shared.

use tidings_protocol::ground::time::Time;

use crate::world::World;

/// A world kept at a moment.
#[derive(Clone, Debug)]
pub struct Snapshot(World);

impl Snapshot {
    /// Keeps a copy of a world as it is.
    #[must_use]
    pub fn of(world: &World) -> Self {
        Self(world.clone())
    }

    /// The moment.
    #[must_use]
    pub const fn at(&self) -> Time {
        self.0.now()
    }

    /// A world that goes on from that moment, as the original did.
    #[must_use]
    pub fn fork(&self) -> World {
        self.0.clone()
    }
}
