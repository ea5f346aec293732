//! Plain counters, kept in the machine and exported by its driver.

use crate::wire::kinds::{Budget, MessageKind};

/// How often each kind of message went either way, and how many bytes that was, framing included. Both ways of a kind
/// lie together: what comes of a kind is mostly followed by what goes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic([Kind; MessageKind::ALL.len()]);

impl Default for Traffic {
    fn default() -> Self {
        Self([Kind::default(); MessageKind::ALL.len()])
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    sent: Count,
    received: Count,
}

/// Messages of one kind that went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub messages: u64,
    /// Their bytes, framing included, transport security excluded.
    pub bytes: u64,
}

impl Count {
    const fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }
}

impl Traffic {
    /// Counts one message sent.
    pub const fn count_sent(&mut self, kind: MessageKind, bytes: usize) {
        self.0[kind as usize].sent.add(Count { messages: 1, bytes: bytes as u64 });
    }

    /// Counts one message received.
    pub const fn count_received(&mut self, kind: MessageKind, bytes: usize) {
        self.0[kind as usize].received.add(Count { messages: 1, bytes: bytes as u64 });
    }

    /// The messages of one kind that were sent.
    #[must_use]
    pub const fn sent(&self, kind: MessageKind) -> Count {
        self.0[kind as usize].sent
    }

    /// The messages of one kind that were received.
    #[must_use]
    pub const fn received(&self, kind: MessageKind) -> Count {
        self.0[kind as usize].received
    }

    /// The bytes of all kinds that were sent.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.0.iter().map(|kind| kind.sent.bytes).sum()
    }

    /// Adds what another one counted.
    pub fn add(&mut self, more: &Self) {
        for (sum, more) in self.0.iter_mut().zip(more.0) {
            sum.sent.add(more.sent);
            sum.received.add(more.received);
        }
    }
}

/// Everything counted since the machine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// What was sent and received.
    pub traffic: Traffic,
    /// Bytes sent to peers in another region, framing included; those whose region isn't known don't
    /// count.
    pub sent_cross_region_bytes: u64,
    /// Items accepted, from peers and our operator.
    pub accepted: u64,
    /// Items refused.
    pub rejected: u64,
    /// Items that our operator submitted.
    pub submitted: u64,
    /// Items of an earlier run that came back.
    pub restored: u64,
    /// Transactions that were pooled again, since their block left the chain.
    pub returned: u64,
    /// Blocks that left the chain, because another branch has more work.
    pub blocks_disconnected: u64,
    /// Blocks that were to be connected or to leave, and couldn't be read.
    pub blocks_lost: u64,
    /// Announcements of own transactions that nobody had asked for.
    pub reannounced: u64,
    /// Whole items received that we had already (or were checking).
    pub duplicate_items: u64,
    /// Blocks that were put together from what was here and what was asked for.
    pub blocks_rebuilt: u64,
    /// Blocks that came in symbols of a code.
    pub blocks_coded: u64,
    /// Transactions of such blocks that weren't here, and were asked for.
    pub block_parts_lacked: u64,
    /// Transactions that neighbours expect in the next block, and that were asked for since they weren't here.
    pub template_parts: u64,
    /// Blocks that came as names and had to be asked for as a whole, since the parts didn't fit.
    pub rebuilds_failed: u64,
    /// Ids announced to us that we knew already.
    pub duplicate_announcements: u64,
    /// Announcements dropped because their link had too many open, see `requests.announced_max`.
    pub announcements_dropped: u64,
    /// Ids for which a queue was full; they are announced later, out of the pool.
    pub announcements_unsent: u64,
    /// Items received that we had not asked for and don't take unasked.
    pub unsolicited: u64,
    /// Requests that we sent, one per id.
    pub requests: u64,
    /// Requests that ran out of time.
    pub requests_expired: u64,
    /// Requests answered by notfound, or whose link broke.
    pub requests_failed: u64,
    /// Ids that we answered with notfound.
    pub not_found: u64,
    /// Items announced because a peer's digest lacked them.
    pub gaps_found: u64,
    /// Items dropped because too many were being checked.
    pub verify_overflow: u64,
    /// Pooled transactions dropped for want of room.
    pub pool_evicted: u64,
    /// Transactions that had to wait for their parents.
    pub orphaned: u64,
    /// Announcements of waiting transactions that were forgotten for want of room.
    pub orphans_evicted: u64,
    /// Times that a link ran over a budget, by [`Budget`].
    pub over_budget: [u64; Budget::ALL.len()],
    /// Links closed because the peer misbehaved.
    pub misbehaved: u64,
    /// Addresses received.
    pub addresses_received: u64,
    /// Addresses received and not kept: over budget, not dialable, or our own.
    pub addresses_dropped: u64,
    /// Links of our choice that others took the place of since they were of no use.
    pub useless_replaced: u64,
}

impl Counters {
    /// Counts a link that ran over a budget.
    pub const fn count_over_budget(&mut self, budget: Budget) {
        self.over_budget[budget as usize] += 1;
    }
}
