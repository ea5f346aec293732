//! What goes wrong on purpose, and what it means for a message, a link or a node.
//!
//! Links are streams, so faults of messages are those that streams can show:
//! - `loss`: a relay message never arrives, and later ones do. No network loses it on a live stream; a
//!   peer that drops it does: overloaded, restarting, or ill-willed. A packet that is lost and sent again
//!   is `reorder`.
//! - `duplicate`: a relay message arrives twice, one right behind the other: a peer that repeats itself.
//! - `reorder`: a message is held up by a retransmission, and with it what follows in its class; other
//!   classes overtake it.
//! - `clog`: some links carry nothing for a while. What was sent arrives afterwards, in order; a sender
//!   whose queue passes its mark is told that the link is congested.
//!
//! The first two spare hello, ping and pong: a stream that lost those would be a broken one, which `crash`
//! shows. Faults of nodes:
//! - `crash`: nodes lose all state. Their links break; peers notice after one latency or, if `silent`
//!   (power or cable gone), by their own ping timeout. They may come back, knowing the addresses that
//!   they were linked with.
//! - `churn`: crashes at random moments, each node returning after a while.
//! - `pause`: nodes stand still (a stopped process, a suspended machine); what reached them is handled
//!   when they go on.
//! - `partition`: two sides hear nothing of each other. `drop`: what is sent across is lost, links stay
//!   (as Maelstrom does it); `stall`: it arrives when the partition heals, as with TCP; `break`: links
//!   across break at once. New links across can't be made in any of them.
//! - `cut`: the same as a partition, between pairs of nodes that are named.
//! - `slow`: what a node sends and is sent takes longer, pings included; or what goes between two nodes.
//! - `liar`: nodes say what isn't true: that they had everything already, or were first with it, and
//!   announce items without ever delivering one; or any other of the [lies](tidings_protocol::testkit::hostile::Lie) that
//!   there are. They do so from the beginning, the warm-up included, unless a moment is given, and nothing is submitted at
//!   them while they do, unless a [write](crate::workload::Write) names them.
//!
//! Every fault draws from a stream of its own, so that switching one on changes nothing but what it
//! touches, and nothing before it begins. (Streams go by kind and place: one more fault comes behind the others of its kind.)

mod running;
mod spec;

pub use running::{Exempt, Fate, Faults, Running};
pub use spec::{Cut, FaultSpec};
