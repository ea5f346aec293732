//! What is shown of the fleet's members.
//!
//! Members are no label, as peers aren't: there is no end of them. Reasons and statuses are few, and the same at every node.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::api::members::MembersStatus;

/// What a member counts: name in its status, and help.
const COUNTERS: [(&str, &str); 22] = [
    ("datagrams_sent", "Datagrams that the member sent."),
    ("datagram_bytes_sent", "Bytes of datagrams sent, seals included."),
    ("datagrams_unsent", "Datagrams that the system had no room to send, or no way."),
    ("datagrams_received", "Datagrams that came, heard or not."),
    ("datagram_bytes_received", "Bytes of datagrams that came."),
    ("streams_opened", "Streams opened to other members."),
    ("streams_taken", "Streams that others opened."),
    ("streams_crowded", "Streams closed to make room for others."),
    ("streams_unasked", "Questions not asked, since too many streams were open."),
    ("stream_bytes_sent", "Bytes sent on streams, seals included."),
    ("stream_bytes_received", "Bytes that came on streams."),
    ("pings", "Pings of the member's own."),
    ("pings_unanswered", "Pings that nobody answered by any way."),
    ("suspected", "Members that this one suspected."),
    ("failed", "Members that this one declared failed."),
    ("deaths", "Members that were taken for dead here, whoever found out."),
    ("refuted", "How often this member refuted its death."),
    ("conflicts", "Two members with one id or name."),
    ("stalled", "How often this member stood still."),
    ("rumors_told", "Datagrams that told others of events, queries and leaders at once."),
    ("states_refuted", "How often somebody said of this member what it didn't say."),
    ("news_dropped", "News dropped before it was told often enough."),
];

const MEMBERS: &str = "tidings_members";
const DROPPED: &str = "tidings_members_dropped_total";

fn metric(counter: &str) -> String {
    format!("tidings_members_{counter}_total")
}

/// Says once what each metric is.
pub(super) fn describe() {
    describe_gauge!(
        MEMBERS,
        Unit::Count,
        "Members that are known, the node among them, by what they are taken for."
    );
    describe_counter!(DROPPED, "What came and wasn't heard, by reason.");
    describe_gauge!(
        "tidings_members_health",
        Unit::Count,
        "What the member thinks of its own health; 0 is good."
    );
    describe_gauge!(
        "tidings_members_rtt_seconds",
        Unit::Seconds,
        "Round trip of the last ping that was answered."
    );
    for (name, help) in COUNTERS {
        describe_counter!(metric(name), help);
    }
}

/// Copies the state of a member into the recorder.
pub(super) fn record(status: &MembersStatus) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and exact up to 2^53")]
    for (kind, count) in &status.members {
        gauge!(MEMBERS, "kind" => kind.clone()).set(*count as f64);
    }
    for (kind, count) in &status.dropped {
        counter!(DROPPED, "kind" => kind.clone()).absolute(*count);
    }
    gauge!("tidings_members_health").set(f64::from(status.health));
    if let Some(rtt) = status.rtt_ms {
        gauge!("tidings_members_rtt_seconds").set(rtt / 1_000.0);
    }
    for (name, _) in COUNTERS {
        counter!(metric(name)).absolute(status.counters.get(name).copied().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Exposition;
    use super::*;

    #[test]
    fn a_member_is_shown_by_statuses_and_reasons() {
        let exposition = Exposition::default();
        let mut status = MembersStatus { rtt_ms: Some(2.0), ..MembersStatus::default() };
        status.members.insert("alive".to_owned(), 3);
        status.dropped.insert("key".to_owned(), 7);
        status.counters.insert("pings".to_owned(), 9);
        metrics::with_local_recorder(&exposition, || {
            describe();
            record(&status);
        });
        let text = exposition.text();
        for line in [
            "tidings_members{kind=\"alive\"} 3\n",
            "tidings_members_dropped_total{kind=\"key\"} 7\n",
            "tidings_members_pings_total 9\n",
            "tidings_members_rtt_seconds 0.002\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(
            COUNTERS.iter().all(|(name, _)| text.contains(&format!("# HELP {} ", metric(name))))
        );
    }
}
