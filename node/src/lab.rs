//! What only nodes of a test network have.

pub(crate) mod shape;
