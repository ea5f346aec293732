//! What happened in a network, moment by moment: who was linked with whom, which message left when and arrived when,
//! who had which item first, who was down. Recorded by whoever drives a network, kept in one small file, and read by
//! whoever shows it. [TIMELINE.md](../TIMELINE.md) describes the file byte by byte.
//!
//! # Map
//! - [`about`]: what a timeline says of itself
//! - [`columns`]: the [`Timeline`], plain columns, and [`Timeline::check`], which holds what readers rely on
//! - [`coding`]: how a column becomes bytes
//! - [`layout`]: where nodes are drawn
//! - [`file`]: a timeline as bytes, and bytes as a timeline
//! - [`recorder`]: makes a timeline of what a driver tells, one call for each thing that happens
//!
//! # Bounds
//! A [`Recorder`] keeps at most as many messages and deliveries as it is told; of what comes beyond, it follows fewer
//! items. A file is read with every length checked before there is memory for it, and nothing in it makes a reader panic.

pub mod about;
pub mod coding;
pub mod columns;
pub mod file;
pub mod layout;
pub mod recorder;

pub use about::{About, Dropped, Fate, FaultSpan, Mark, Source, State};
pub use columns::{Deliveries, Items, Links, Messages, Nodes, Samples, States, Timeline};
pub use file::TimelineError;
pub use recorder::{ITEM_BLOCK, ITEM_TX, Recorder, Row, Sample};

/// The latest moment: what a number of JavaScript holds exactly.
pub const TIME_MAX: u64 = (1 << 53) - 1;
