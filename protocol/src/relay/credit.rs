//! When it is looked whether peers may announce more.
//!
//! A peer is granted credit as soon as what it announced has been dealt with (see [`crate::limits::budget`]). That happens in
//! many places, most of them on other links, and none of them has to know of it: while some peer has little credit
//! left, all links are looked at every [`LOOK`].

use std::time::Duration;

use crate::ground::time::Time;
use crate::machine::Part;

/// How often: a peer with a credit of 5,000 announces up to 50,000 ids a second, ten times what is taken. A guess.
pub const LOOK: Duration = Duration::from_millis(100);

/// The next look.
#[derive(Clone, Debug)]
pub struct Credits {
    at: Time,
}

impl Default for Credits {
    fn default() -> Self {
        Self { at: Time::NEVER }
    }
}

impl Credits {
    /// A peer has little credit left, and no more can be granted now.
    pub fn look_again(&mut self, now: Time) {
        self.at = self.at.min(now + LOOK);
    }

    /// All links are being looked at.
    pub const fn begin(&mut self) {
        self.at = Time::NEVER;
    }
}

impl Part for Credits {
    fn deadline(&self) -> Time {
        self.at
    }
}
