//! What metrics are made of.

use crate::api::Status;
use crate::measured::{Histogram, Measured};

/// A node's state, and all that it has measured since its start. [`Status`] is for people and programs that ask now and then; what
/// is here besides is of use to whoever asks again and again, and compares.
#[derive(Clone, Debug)]
pub struct Readings {
    /// How it is.
    pub status: Status,
    /// What happened, and how long it took to get here.
    pub measured: Measured,
    /// How long turns of the main loop took.
    pub turns: Histogram,
    /// How long batches of items took to be verified.
    pub verification: Histogram,
    /// How long batches took to be written to the store, if there is one.
    pub store_commits: Option<Histogram>,
    /// How long batches took to be written to the files of blocks, if there are any.
    pub block_commits: Option<Histogram>,
}
