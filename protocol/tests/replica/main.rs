//! Whole fleets of replicas: they converge to what a naive model says, whatever the network and strangers do.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

mod hostile;
mod lives;
mod merge;
mod model;
mod scenes;
