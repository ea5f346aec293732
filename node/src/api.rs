//! What a node and those who ask it say to each other: every type that both sides share.

pub mod explain;
