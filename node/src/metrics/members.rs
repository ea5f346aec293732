//! The values of a member of a fleet.
//!
//! Members are no label, as peers aren't: there is no end of them. Reasons and statuses are few, and the same at every node.

use metrics::{counter, gauge};

use super::values::{Labels, whole};
use crate::api::members::MembersStatus;

/// What a member counts under a name of its own, and what metric that is, with its labels.
const COUNTED: [(&str, &str, Labels); 22] = [
    ("datagrams_received", "tidings_members_datagrams_total", &[("direction", "received")]),
    ("datagrams_sent", "tidings_members_datagrams_total", &[("direction", "sent")]),
    (
        "datagram_bytes_received",
        "tidings_members_datagram_bytes_total",
        &[("direction", "received")],
    ),
    ("datagram_bytes_sent", "tidings_members_datagram_bytes_total", &[("direction", "sent")]),
    ("datagrams_unsent", "tidings_members_datagrams_unsent_total", &[]),
    ("streams_taken", "tidings_members_streams_total", &[("direction", "inbound")]),
    ("streams_opened", "tidings_members_streams_total", &[("direction", "outbound")]),
    ("stream_bytes_received", "tidings_members_stream_bytes_total", &[("direction", "received")]),
    ("stream_bytes_sent", "tidings_members_stream_bytes_total", &[("direction", "sent")]),
    ("streams_crowded", "tidings_members_streams_crowded_total", &[]),
    ("streams_unasked", "tidings_members_streams_unasked_total", &[]),
    ("pings", "tidings_members_pings_total", &[]),
    ("pings_unanswered", "tidings_members_pings_unanswered_total", &[]),
    ("suspected", "tidings_members_suspected_total", &[]),
    ("failed", "tidings_members_failed_total", &[]),
    ("deaths", "tidings_members_deaths_total", &[]),
    ("refuted", "tidings_members_refuted_total", &[]),
    ("conflicts", "tidings_members_conflicts_total", &[]),
    ("stalled", "tidings_members_stalled_total", &[]),
    ("rumors_told", "tidings_members_rumors_told_total", &[]),
    ("states_refuted", "tidings_members_states_refuted_total", &[]),
    ("news_dropped", "tidings_members_news_dropped_total", &[]),
];

/// Sets all of it on the recorder at hand.
pub(super) fn set(status: &MembersStatus) {
    for (kind, count) in &status.members {
        gauge!("tidings_members", "status" => kind.clone()).set(whole(*count));
    }
    for (reason, count) in &status.dropped {
        counter!("tidings_members_dropped_total", "reason" => reason.clone()).absolute(*count);
    }
    gauge!("tidings_members_health").set(status.health);
    if let Some(rtt) = status.rtt_ms {
        gauge!("tidings_members_rtt_seconds").set(rtt / 1_000.0);
    }
    for (counter, name, labels) in COUNTED {
        counter!(name, labels).absolute(status.counters.get(counter).copied().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use metrics::with_local_recorder;

    use super::*;
    use crate::measured::Registry;

    #[test]
    fn a_member_is_shown_by_statuses_and_reasons() {
        let mut status = MembersStatus { rtt_ms: Some(2.0), ..MembersStatus::default() };
        status.members.insert("alive".to_owned(), 3);
        status.dropped.insert("key".to_owned(), 7);
        status.counters.insert("pings".to_owned(), 9);
        let registry = Registry::default();
        with_local_recorder(&registry, || set(&status));
        let text = registry.text();
        for line in [
            "tidings_members{status=\"alive\"} 3\n",
            "tidings_members_dropped_total{reason=\"key\"} 7\n",
            "tidings_members_pings_total 9\n",
            "tidings_members_datagrams_total{direction=\"sent\"} 0\n",
            "tidings_members_rtt_seconds 0.002\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
