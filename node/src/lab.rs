//! What only nodes of a test network have: links as slow and as far as those of the world, clocks that run slow
//! or are wrong, and misbehaviour, since somebody has to be what others must put up with.
//!
//! A node's settings say which of it there is ([`Lab`]); without any, nothing of this is built or asked.

pub(crate) mod plain;
pub mod shape;
pub mod slow_motion;

use tidings_protocol::wire::message::{Items, Message};

use self::slow_motion::SlowMotion;
use crate::clock::SystemClock;
use crate::links::Place;

/// What makes a node one of a test network. By default nothing does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lab {
    /// Emulated place in the world: TCP is then shaped, and all peers must be, too.
    pub place: Option<Place>,
    /// How many times slower its clock runs once it is told to; unset: it refuses.
    pub slow_motion: Option<SlowMotion>,
    /// Whether to announce items and never deliver any.
    pub withhold: bool,
    /// The system's clock, or one that is wrong.
    pub clock: SystemClock,
}

impl Lab {
    /// Whether a message is one that this node keeps to itself.
    pub(crate) const fn withholds(&self, message: &Message) -> bool {
        self.withhold && matches!(message, Message::Items(Items::Item(_)))
    }
}
