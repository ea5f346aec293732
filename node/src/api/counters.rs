//! What a node counts: the names in [`Status::counters`](super::Status::counters), and what each means.
//!
//! Besides these there is one for each of the core's budgets ([`over_budget`]).

use tidings_protocol::wire::kinds::Budget;

/// Name and meaning of each counter.
pub const COUNTERS: [(&str, &str); 62] = [
    ("accepted", "Items accepted, from peers and the operator."),
    ("rejected", "Items refused."),
    ("submitted", "Items that the operator submitted."),
    ("restored", "Items of an earlier run that came back."),
    ("reannounced", "Announcements of own transactions that no peer had asked for."),
    ("store_commits", "Batches of changes written to the store."),
    ("store_failures", "Batches of changes that the disk refused."),
    ("store_dropped", "Changes of the store dropped because the disk refused for too long."),
    ("block_store_commits", "Batches of blocks written."),
    ("block_store_failures", "Batches of blocks that the disk refused."),
    ("block_store_dropped", "Blocks not kept because too many waited for the disk."),
    ("block_store_damaged", "Blocks that weren't on the disk what they had been."),
    ("block_store_pruned", "Blocks that left the disk since enough came after them."),
    ("duplicate_items", "Whole items received that the node had already."),
    ("blocks_rebuilt", "Blocks put together from what was here and what was asked for."),
    ("block_parts_lacked", "Transactions of such blocks that were not here, and were asked for."),
    ("rebuilds_failed", "Blocks that came as names and had to be asked for as a whole."),
    ("duplicate_announcements", "Ids announced to the node that it knew already."),
    ("announcements_dropped", "Announcements dropped because their link had too many open."),
    ("announcements_unsent", "Ids for which a queue was full, announced later out of the pool."),
    ("unsolicited", "Items received that nobody had asked for."),
    ("requests", "Requests sent, one per id."),
    ("requests_expired", "Requests that ran out of time."),
    ("requests_failed", "Requests answered by notfound, or whose link broke."),
    ("not_found", "Ids that the node answered with notfound."),
    ("pool_evicted", "Pooled transactions dropped for want of room."),
    ("orphaned", "Transactions that had to wait for their parents."),
    ("orphans_evicted", "Announcements of waiting transactions forgotten for want of room."),
    ("misbehaved", "Links closed because the peer misbehaved."),
    ("verify_overflow", "Items dropped because too many were being checked."),
    ("verified", "Items verified, transactions of blocks included."),
    ("verify_batches", "Batches in which they were verified."),
    ("verdicts_remembered", "Items not verified because they had been before."),
    ("kv_taken", "Entries of the map that peers sent and that changed something here."),
    ("kv_lost", "Writes to the map that are lost, as far as this node saw it."),
    ("kv_trimmed", "Values of the map removed since a key had too many."),
    ("kv_refused_full", "Entries of the map that peers sent and for which there was no room."),
    ("kv_refused_ahead", "Entries of the map that peers sent with times of the future."),
    ("turns", "Turns of the node's main loop."),
    ("turns_over_5ms", "Turns of the main loop that took 5 ms or longer."),
    ("turns_over_10ms", "Turns of the main loop that took 10 ms or longer."),
    ("turns_over_50ms", "Turns of the main loop that took 50 ms or longer."),
    ("addresses_received", "Addresses received."),
    ("addresses_dropped", "Addresses received and not kept."),
    (
        "useless_replaced",
        "Links of the node's choice that others took the place of since they were of no use.",
    ),
    ("net_dials", "Connection attempts."),
    ("net_dials_failed", "Connection attempts that failed."),
    ("net_inbound_failed", "Connections from peers that failed before they were links."),
    ("net_links_outbound", "Links that came up, dialled by the node."),
    ("net_links_inbound", "Links that came up, dialled by peers."),
    ("net_congested", "Times that a link's queue passed its high mark."),
    ("net_slow_readers", "Links cut because they made us hold too much."),
    ("net_floods", "Connections closed for frames that no honest peer sends."),
    ("net_throttled", "Times that a link was not read for a while."),
    (
        "net_socket_bytes_sent",
        "Bytes written to TCP sockets, encryption and multiplexing included.",
    ),
    ("net_socket_writes", "Writes to TCP sockets."),
    (
        "net_socket_bytes_received",
        "Bytes read from TCP sockets, encryption and multiplexing included.",
    ),
    ("net_socket_reads", "Reads of TCP sockets."),
    (
        "own_identity_elsewhere",
        "Times that this node's own identity answered at an address that isn't its own: see the log.",
    ),
    ("trace_dropped", "Lines missing from the trace because the disk refused them."),
    ("clock_steps", "How often this machine's clock was set while the node ran."),
    ("log_dropped", "Log lines lost because whoever reads standard error was too slow, or gone."),
];

/// The counter of how often peers overran a budget.
#[must_use]
pub fn over_budget(budget: Budget) -> String {
    format!("over_budget_{}", budget.name())
}
