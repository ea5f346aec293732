//! What only nodes of a test network have: links as slow and as far as those of the world, clocks that run slow
//! or are wrong, and misbehaviour, since somebody has to be what others must put up with.
//!
//! A node's settings say which of it there is ([`Lab`]); without any, nothing of this is built or asked.

pub(crate) mod plain;
pub mod shape;
pub mod slow_motion;
pub mod trouble;

use tidings_protocol::wire::message::{Items, Message};

use self::slow_motion::SlowMotion;
use crate::clock::SystemClock;
use crate::links::Position;

/// What makes a node one of a test network. By default nothing does.
#[derive(Clone, Debug, Default)]
pub struct Lab {
    /// Emulated position among others: TCP is then shaped, and all peers must be, too.
    pub position: Option<Position>,
    /// How many times slower its clock runs once it is told to; unset: it refuses.
    pub slow_motion: Option<SlowMotion>,
    /// Whether to announce items and never deliver any.
    pub withhold: bool,
    /// Whether it may be told to lose, double or hold up what it sends.
    pub trouble: bool,
    /// The system's clock, or one that is wrong.
    pub clock: SystemClock,
}

impl Lab {
    /// Says so if the node is one that nobody should run outside of a test network.
    pub(crate) fn warn(&self) {
        if self.withhold {
            tracing::warn!("lab.withhold is set: this node announces items and never delivers any");
        }
        if self.trouble {
            tracing::warn!(
                "lab.trouble is set: the admin API may have messages lost, and peers cut off"
            );
        }
    }

    /// Whether a message is one that this node keeps to itself.
    pub(crate) const fn withholds(&self, message: &Message) -> bool {
        self.withhold && matches!(message, Message::Items(Items::Item(_)))
    }
}
