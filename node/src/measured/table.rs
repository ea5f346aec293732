//! The one table of all metrics: what is shown of each, in the order in which it is shown, and [the page](crate::metrics::reference) that
//! says so.
//!
//! Names follow Prometheus' rules: base units, and the unit in the name; `_total` behind what only grows; what the process is under the
//! names that all programs use for it (`process_…`); and one metric with a label instead of many with names that differ. Every label
//! has few values, known to the program, or one for each node: peers and items are no label, since there is no end of
//! them (`tidings peers` shows them).

use self::Kind::{Counter, Gauge, Histogram};
use self::Unit::{Bytes, Count, Flag, Seconds, UnixSeconds};

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows, from the start of the process on.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many of something took at most how long.
    Histogram,
}

impl Kind {
    /// Its name, as Prometheus has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// A moment, in seconds of Unix time.
    UnixSeconds,
    /// 1, or 0 where it can be.
    Flag,
}

impl Unit {
    /// What the page says.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Count => "",
            Bytes => "bytes",
            Seconds => "seconds",
            UnixSeconds => "Unix time, seconds",
            Flag => "1 or 0",
        }
    }
}

/// All samples of one name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    /// The name.
    pub(crate) name: &'static str,
    /// What kind of metric it is.
    pub(crate) kind: Kind,
    /// What is counted.
    pub(crate) unit: Unit,
    /// Its labels, in the order in which they are shown.
    pub(crate) labels: &'static [&'static str],
    /// One sentence.
    pub(crate) help: &'static str,
}

/// Metrics that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// What they are about.
    pub(crate) title: &'static str,
    /// They.
    pub(crate) families: &'static [Family],
}

const fn row(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, kind, unit, labels, help }
}

/// All metrics.
#[rustfmt::skip]
pub(crate) const SECTIONS: [Section; 12] = [
    Section { title: "The process", families: &[
        row("process_cpu_seconds_total", Counter, Seconds, &[], "CPU time used, user and system."),
        row("process_max_fds", Gauge, Count, &[], "Most files and sockets that the process may have open."),
        row("process_open_fds", Gauge, Count, &[], "Files and sockets that are open."),
        row("process_resident_memory_bytes", Gauge, Bytes, &[], "Resident memory."),
        row("process_start_time_seconds", Gauge, UnixSeconds, &[], "When the process started."),
        row("process_threads", Gauge, Count, &[], "Threads: one for the main loop, others for verification and the disk."),
        row("process_virtual_memory_bytes", Gauge, Bytes, &[], "Address space in use."),
    ] },
    Section { title: "The node", families: &[
        row("tidings_build_info", Gauge, Flag, &["version", "os", "arch"], "Always 1; the labels say what program it is."),
        row("tidings_node_info", Gauge, Flag, &["peer_id", "network", "rules", "strategy"], "Always 1; the labels say which node it is."),
        row("tidings_turn_seconds", Histogram, Seconds, &[], "How long turns of the main loop took."),
        row("tidings_longest_turn_seconds", Gauge, Seconds, &[], "Longest turn of the main loop so far."),
        row("tidings_held_bytes", Gauge, Bytes, &[], "Memory that messages of and for all peers take."),
        row("tidings_held_max_bytes", Gauge, Bytes, &[], "Most that they may take."),
        row("tidings_clock_steps_total", Counter, Count, &[], "How often this machine's clock was set while the node ran."),
        row("tidings_lines_dropped_total", Counter, Count, &["of"], "Lines lost because whoever takes them was too slow or refused them, of the log or of the trace."),
    ] },
    Section { title: "Links to peers", families: &[
        row("tidings_links", Gauge, Count, &["direction"], "Links that are up, by who dialled."),
        row("tidings_links_wanted", Gauge, Count, &["direction"], "Links that the node wants; only outbound ones are its choice."),
        row("tidings_links_opened_total", Counter, Count, &["direction"], "Connections that came up, by who dialled."),
        row("tidings_links_closed_total", Counter, Count, &["reason"], "Links that went down, by why; remote: the peer or the network closed it."),
        row("tidings_dials_total", Counter, Count, &[], "Connection attempts."),
        row("tidings_dials_failed_total", Counter, Count, &["reason"], "Connection attempts that came to nothing, by why."),
        row("tidings_inbound_failed_total", Counter, Count, &[], "Connections from peers that were refused or broke before they were links."),
        row("tidings_reachable", Gauge, Flag, &[], "Whether peers can dial the node, as far as they found out; missing where nobody tried."),
        row("tidings_own_identity_elsewhere_total", Counter, Count, &[], "Times that this node's own identity answered at an address that isn't its own."),
        row("tidings_round_trip_seconds", Histogram, Seconds, &[], "From a ping to its pong, over all links."),
        row("tidings_links_congested_total", Counter, Count, &[], "Times that a link's queue passed its high mark."),
        row("tidings_links_throttled_total", Counter, Count, &[], "Times that a link was not read for a while."),
        row("tidings_links_slow_total", Counter, Count, &[], "Links cut because they made the node hold too much."),
        row("tidings_links_useless_total", Counter, Count, &[], "Links of the node's choice that others took the place of since they were of no use."),
        row("tidings_views", Gauge, Count, &["view"], "Peers in HyParView's views; missing where the overlay is random."),
    ] },
    Section { title: "What peers did wrong", families: &[
        row("tidings_offences_total", Counter, Count, &["offence"], "What peers did that no honest one does; the link is closed."),
        row("tidings_over_budget_total", Counter, Count, &["budget"], "Times that a peer overran a budget; honest ones do now and then."),
        row("tidings_floods_total", Counter, Count, &[], "Connections closed for frames that no honest peer sends."),
        row("tidings_items_unsolicited_total", Counter, Count, &[], "Items received that nobody had asked for."),
    ] },
    Section { title: "Addresses", families: &[
        row("tidings_book_addresses", Gauge, Count, &[], "Addresses in the book."),
        row("tidings_addresses_received_total", Counter, Count, &[], "Addresses received."),
        row("tidings_addresses_dropped_total", Counter, Count, &[], "Addresses received and not kept."),
    ] },
    Section { title: "Messages", families: &[
        row("tidings_messages_total", Counter, Count, &["direction", "kind"], "Messages, by kind."),
        row("tidings_message_bytes_total", Counter, Bytes, &["direction", "kind"], "Bytes of messages, framing included, by kind."),
        row("tidings_socket_bytes_total", Counter, Bytes, &["direction"], "Bytes through TCP sockets, encryption and multiplexing included."),
        row("tidings_socket_calls_total", Counter, Count, &["direction"], "Writes to and reads of TCP sockets."),
    ] },
    Section { title: "Items", families: &[
        row("tidings_items_accepted_total", Counter, Count, &["kind", "source"], "Items accepted, by who brought them."),
        row("tidings_items_rejected_total", Counter, Count, &["kind", "rule"], "Items refused, by the rule that they broke."),
        row("tidings_items_accepted_last_time_seconds", Gauge, UnixSeconds, &[], "When the last item was accepted; missing before the first."),
        row("tidings_items_submitted_total", Counter, Count, &[], "Items that the operator submitted."),
        row("tidings_items_restored_total", Counter, Count, &[], "Items of an earlier run that came back."),
        row("tidings_items_duplicate_total", Counter, Count, &[], "Whole items received that the node had already."),
        row("tidings_delivery_delay_seconds", Histogram, Seconds, &[], "From when a peer first told of a transaction to when it was accepted; one in eight is measured."),
        row("tidings_seen_ids", Gauge, Count, &[], "Ids in the seen cache."),
        row("tidings_announcements_ignored_total", Counter, Count, &["reason"], "Announcements that led to nothing: the item was known, or the link had too many open."),
        row("tidings_announcements_deferred_total", Counter, Count, &[], "Ids for which a queue was full, announced later out of the pool."),
        row("tidings_reannounced_total", Counter, Count, &[], "Announcements of own transactions that no peer had asked for."),
        row("tidings_requests_total", Counter, Count, &[], "Requests sent, one for each id."),
        row("tidings_requests_failed_total", Counter, Count, &["reason"], "Requests that ran out of time, or were answered by notfound or whose link broke."),
        row("tidings_not_found_total", Counter, Count, &[], "Ids that the node answered with notfound."),
    ] },
    Section { title: "Verification", families: &[
        row("tidings_verification_seconds", Histogram, Seconds, &[], "How long batches of items took to be verified."),
        row("tidings_verified_items_total", Counter, Count, &[], "Items verified, transactions of blocks included."),
        row("tidings_verdicts_remembered_total", Counter, Count, &[], "Items not verified because they had been before."),
        row("tidings_verification_dropped_total", Counter, Count, &[], "Items dropped because too many were being checked."),
    ] },
    Section { title: "Pool and blocks", families: &[
        row("tidings_pool_transactions", Gauge, Count, &[], "Transactions in the pool."),
        row("tidings_pool_bytes", Gauge, Bytes, &[], "Bytes of the transactions in the pool."),
        row("tidings_pool_evicted_total", Counter, Count, &[], "Pooled transactions dropped for want of room."),
        row("tidings_orphaned_total", Counter, Count, &[], "Transactions that had to wait for their parents."),
        row("tidings_orphans_evicted_total", Counter, Count, &[], "Announcements of waiting transactions forgotten for want of room."),
        row("tidings_recent_blocks", Gauge, Count, &[], "Recent blocks kept to serve."),
        row("tidings_chain_height", Gauge, Count, &["of"], "Height of the last connected block, and of the header with most work; missing where the rules have no chain."),
        row("tidings_chain_headers", Gauge, Count, &[], "Headers of blocks that are known."),
        row("tidings_blocks_rebuilt_total", Counter, Count, &[], "Blocks put together from what was here and what was asked for."),
        row("tidings_block_parts_lacked_total", Counter, Count, &[], "Transactions of such blocks that were not here, and were asked for."),
        row("tidings_rebuilds_failed_total", Counter, Count, &[], "Blocks that came as names and had to be asked for as a whole."),
    ] },
    Section { title: "The disk", families: &[
        row("tidings_commit_seconds", Histogram, Seconds, &["store"], "How long batches took to be written and to be safe."),
        row("tidings_commits_failed_total", Counter, Count, &["store"], "Batches that the disk refused; they are tried again."),
        row("tidings_changes_dropped_total", Counter, Count, &["store"], "Changes dropped because the disk refused for too long."),
        row("tidings_store_items", Gauge, Count, &[], "Items in the store; missing without one."),
        row("tidings_store_file_bytes", Gauge, Bytes, &[], "Size of the store's file."),
        row("tidings_store_unwritten_bytes", Gauge, Bytes, &[], "Bytes of items that wait to be written."),
        row("tidings_store_restoring", Gauge, Flag, &[], "Whether items of an earlier run are still coming back."),
        row("tidings_block_store_blocks", Gauge, Count, &[], "Blocks on the disk; missing where none are kept."),
        row("tidings_block_store_headers", Gauge, Count, &[], "Blocks that ever were on the disk."),
        row("tidings_block_store_segments", Gauge, Count, &[], "Files of blocks."),
        row("tidings_block_store_bytes", Gauge, Bytes, &[], "Size of the files of blocks."),
        row("tidings_block_store_unwritten_bytes", Gauge, Bytes, &[], "Bytes of blocks that wait to be written."),
        row("tidings_block_store_damaged_total", Counter, Count, &[], "Blocks that weren't on the disk what they had been."),
        row("tidings_block_store_pruned_total", Counter, Count, &[], "Blocks that left the disk since enough came after them."),
    ] },
    Section { title: "The fleet's map", families: &[
        row("tidings_kv_keys", Gauge, Count, &[], "Keys of the map, deleted ones included; missing without one."),
        row("tidings_kv_bytes", Gauge, Bytes, &[], "Bytes of the map's entries."),
        row("tidings_kv_peers", Gauge, Count, &[], "Peers that share the map over links that are up."),
        row("tidings_kv_contested", Gauge, Count, &[], "Keys with several values that nobody has chosen from."),
        row("tidings_kv_taken_total", Counter, Count, &[], "Entries that peers sent and that changed something here."),
        row("tidings_kv_lost_total", Counter, Count, &[], "Writes that are lost, as far as this node saw it."),
        row("tidings_kv_trimmed_total", Counter, Count, &[], "Values removed since a key had too many."),
        row("tidings_kv_refused_total", Counter, Count, &["reason"], "Entries that peers sent and that weren't taken: there was no room, or their times are of the future."),
    ] },
    Section { title: "The fleet's members", families: &[
        row("tidings_members", Gauge, Count, &["status"], "Members that are known, the node among them, by what they are taken for; missing where the node is none."),
        row("tidings_members_health", Gauge, Count, &[], "What the member thinks of its own health; 0 is good."),
        row("tidings_members_rtt_seconds", Gauge, Seconds, &[], "Round trip of the last ping that was answered."),
        row("tidings_members_datagrams_total", Counter, Count, &["direction"], "Datagrams sent, and those that came, heard or not."),
        row("tidings_members_datagram_bytes_total", Counter, Bytes, &["direction"], "Bytes of datagrams, seals included."),
        row("tidings_members_datagrams_unsent_total", Counter, Count, &[], "Datagrams that the system had no room to send, or no way."),
        row("tidings_members_dropped_total", Counter, Count, &["reason"], "What came and wasn't heard."),
        row("tidings_members_streams_total", Counter, Count, &["direction"], "Streams opened, by who opened them."),
        row("tidings_members_stream_bytes_total", Counter, Bytes, &["direction"], "Bytes on streams, seals included."),
        row("tidings_members_streams_crowded_total", Counter, Count, &[], "Streams closed to make room for others."),
        row("tidings_members_streams_unasked_total", Counter, Count, &[], "Questions not asked, since too many streams were open."),
        row("tidings_members_pings_total", Counter, Count, &[], "Pings of the member's own."),
        row("tidings_members_pings_unanswered_total", Counter, Count, &[], "Pings that nobody answered by any way."),
        row("tidings_members_suspected_total", Counter, Count, &[], "Members that this one suspected."),
        row("tidings_members_failed_total", Counter, Count, &[], "Members that this one declared failed."),
        row("tidings_members_deaths_total", Counter, Count, &[], "Members that were taken for dead here, whoever found out."),
        row("tidings_members_refuted_total", Counter, Count, &[], "How often this member refuted its death."),
        row("tidings_members_conflicts_total", Counter, Count, &[], "Two members with one id or name."),
        row("tidings_members_stalled_total", Counter, Count, &[], "How often this member stood still."),
        row("tidings_members_rumors_told_total", Counter, Count, &[], "Datagrams that told others of events, queries and leaders at once."),
        row("tidings_members_states_refuted_total", Counter, Count, &[], "How often somebody said of this member what it didn't say."),
        row("tidings_members_news_dropped_total", Counter, Count, &[], "News dropped before it was told often enough."),
    ] },
];

/// All metrics, in the order in which they are shown.
pub(crate) fn families() -> impl Iterator<Item = &'static Family> {
    SECTIONS.iter().flat_map(|section| section.families)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_rules() {
        let mut names = BTreeSet::new();
        for Family { name, kind, unit, help, .. } in families() {
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.starts_with("tidings_") || name.starts_with("process_"), "{name}");
            let allowed = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.chars().all(allowed), "{name}");
            assert_eq!(*kind == Counter, name.ends_with("_total"), "{name}");
            let base = name.trim_end_matches("_total");
            assert_eq!(*unit == Bytes, base.ends_with("_bytes"), "{name}");
            let is_time = matches!(unit, Seconds | UnixSeconds);
            assert_eq!(is_time, base.ends_with("_seconds"), "{name}");
            assert_eq!(*unit == UnixSeconds, base.ends_with("_time_seconds"), "{name}");
            let is_sentence = help.ends_with('.') && !help.contains(['\n', '\\', '|']);
            assert!(is_sentence, "{name}: {help}");
        }
    }

    #[test]
    fn no_label_is_one_that_prometheus_makes() {
        for family in families() {
            for label in family.labels {
                assert!(!["job", "instance", "le", "quantile"].contains(label), "{}", family.name);
            }
        }
    }
}
