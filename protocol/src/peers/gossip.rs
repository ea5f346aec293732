//! Passing addresses on, in batches.
//!
//! # How a network that starts all at once gets to know itself
//! Each node passes on an address once, when it is new to its book, to `peers.address_fanout` random
//! links: in a network of 1,000, up to two million mentions. Sent singly they would be mostly framing;
//! so a mention waits in its link's queue for an exponentially distributed time of mean
//! `peers.address_trickle_ms`, begun by the first address in the queue, and leaves with all that
//! joined it. A node with 16 links then sends about 16 messages a second at most, however many
//! addresses there are. (Bitcoin Core passes on only messages of at most 10 addresses and waits
//! 30 s, `AVG_ADDRESS_BROADCAST_INTERVAL`: its network is never new.)
//!
//! *The more a node knows, the less it hurries*: the wait is that long while the book holds up to [`HURRY_BELOW`] addresses, and
//! longer in proportion as it grows, up to [`WAIT_MAX_MS`]. By then nobody in its neighbourhood is short of addresses,
//! and each newcomer of a network that grows is news to all: at an even pace, a thousand nodes that start within half a
//! minute would be busy with little else.
//!
//! A fanout of 2 alone reaches four nodes of five: a rumour that each node passes on twice dies out
//! with 20 % never having heard it. The rest learn from samples, asked of new outbound peers. Samples
//! themselves are not passed on: they are old news, and up to 1,000 addresses at once.
//!
//! So 1,000 nodes that know one bootstrap node and start together have all their outbound links after 4 s.
//!
//! *Attack:* one made-up address costs every node of the network two mentions. What a peer may tell
//! us is bounded by its budget (`budgets.addresses`) and by its share of the book: what the book
//! refuses isn't passed on either.

use crate::ground::link::Link;
use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::params::PeerParams;
use crate::wire::message::{ADDRESSES_MAX, Message, PeerExchange};

use super::backoff::exponential;
use super::book::SAMPLE_MIN;

/// Up to how many known addresses the next one is passed on in a hurry: a whole sample of a small network.
pub(super) const HURRY_BELOW: usize = SAMPLE_MIN;

/// Longest mean wait before passing on addresses, milliseconds, unless the parameter is longer still (Bitcoin Core's
/// `AVG_ADDRESS_BROADCAST_INTERVAL`: 30 s).
pub(super) const WAIT_MAX_MS: u64 = 30_000;

/// The mean wait before passing on addresses of a node that knows so many, milliseconds.
pub(super) fn mean_wait_ms(known: usize, params: &PeerParams) -> u64 {
    let shortest = params.address_trickle_ms;
    let grown = shortest.saturating_mul(known as u64) / HURRY_BELOW as u64;
    grown.min(WAIT_MAX_MS).max(shortest)
}

/// Addresses on their way to peers. Holds nothing for a link with an empty queue.
#[derive(Clone, Debug)]
pub(super) struct Gossip {
    queues: Vec<Queue>,
    deadline: Time,
}

/// What waits for one link: at most one message of [`ADDRESSES_MAX`]; over it more are dropped, since
/// another link or a sample will do.
#[derive(Clone, Debug)]
struct Queue {
    link: Link,
    due: Time,
    addrs: Vec<PeerAddr>,
}

impl Gossip {
    /// Nothing waits.
    pub(super) const fn new() -> Self {
        Self { queues: Vec::new(), deadline: Time::NEVER }
    }

    /// Lets an address wait for a link, at a node that knows so many; false if it was the last one to do so already.
    pub(super) fn queue(
        &mut self,
        link: Link,
        addr: PeerAddr,
        known: usize,
        cx: &mut Cx<'_>,
    ) -> bool {
        if let Some(queue) = self.queues.iter_mut().find(|queue| queue.link == link) {
            let new = queue.addrs.last() != Some(&addr);
            if new && queue.addrs.len() < ADDRESSES_MAX {
                queue.addrs.push(addr);
            }
            return new;
        }
        let due = cx.now + exponential(mean_wait_ms(known, &cx.params.peers), cx.rng);
        self.queues.push(Queue { link, due, addrs: vec![addr] });
        self.deadline = self.deadline.min(due);
        true
    }

    /// Whether anything waits for a link.
    pub(super) fn is_waiting(&self, link: Link) -> bool {
        self.queues.iter().any(|queue| queue.link == link)
    }

    /// Forgets what waits for a link that is gone.
    pub(super) fn forget(&mut self, link: Link) {
        self.queues.retain(|queue| queue.link != link);
        self.settle();
    }

    /// Sends what is due.
    pub(super) fn flush(&mut self, now: Time, outbox: &mut Vec<(Link, Message)>) {
        if self.deadline > now {
            return;
        }
        for queue in self.queues.extract_if(.., |queue| queue.due <= now) {
            outbox.push((queue.link, Message::Peers(PeerExchange::Addresses(queue.addrs.into()))));
        }
        self.settle();
    }

    /// When the next queue is due.
    pub(super) const fn deadline(&self) -> Time {
        self.deadline
    }

    fn settle(&mut self) {
        if self.queues.is_empty() {
            self.queues = Vec::new();
        }
        self.deadline = self.queues.iter().map(|queue| queue.due).min().unwrap_or(Time::NEVER);
    }
}
