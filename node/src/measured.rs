//! What is counted and measured for [metrics](crate::metrics) alone: how long things take, and how often what is reported happened, by a few
//! names.
//!
//! A node has one [`Registry`], which implements `metrics::Recorder`, and `table` is the one table of all that may be in it. The shell keeps one
//! [`Measured`] and shows it what happens; whoever else measures takes a handle of the registry when it is made. It costs a node some
//! kilobytes, and a few nanoseconds for whatever is measured. Names are those of the program, never of a peer's choice, so there are few of them.

mod delivery;
pub(crate) mod histogram;
mod registry;
mod round_trips;
pub(crate) mod table;
mod tally;

use std::collections::BTreeMap;

use metrics::{Counter, Gauge, counter, gauge, histogram, with_local_recorder};
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Link;
use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::report::event::Event;
use tidings_protocol::wire::message::{Message, Session};
use tokio::time::Instant;

use self::delivery::Delivery;
pub use self::registry::Registry;
use self::round_trips::RoundTrips;
use self::tally::{CLOSED, DIALS, OFFENCES, REMOTE, Tally, closed, dial, offence};

/// Most pairs of a kind and a rule; what exceeds them is counted as [`OTHER`]. A guess: all rules of all chains are some fifty.
const RULES_MAX: usize = 128;

/// The rule of what exceeds [`RULES_MAX`].
const OTHER: &str = "other";

/// Who brought an item that was accepted.
const SOURCES: [&str; 2] = ["operator", "peer"];

/// The name of a kind of item.
const fn kind_name(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tx => "tx",
        ItemKind::Block => "block",
    }
}

/// What the shell has handles of, and what it remembers until it can measure.
#[derive(Debug)]
pub struct Measured {
    registry: Registry,
    /// Transactions and blocks accepted, by [who brought them](SOURCES).
    accepted: [Tally; 2],
    /// When the last one was; none before the first, since 0 is long ago.
    accepted_last: Option<Gauge>,
    /// Items refused, by kind and rule: the rules aren't known before.
    rejected: BTreeMap<(&'static str, &'static str), Counter>,
    offences: Tally,
    closed: Tally,
    dials_failed: Tally,
    delivery: Delivery,
    round_trips: RoundTrips,
}

impl Default for Measured {
    fn default() -> Self {
        let registry = Registry::default();
        let accepted = |kind: &'static str| {
            Tally::new(
                &SOURCES,
                |source| counter!("tidings_items_accepted_total", "kind" => kind, "source" => source),
            )
        };
        with_local_recorder(&registry, || Self {
            registry: registry.clone(),
            accepted: [ItemKind::Tx, ItemKind::Block].map(|kind| accepted(kind_name(kind))),
            accepted_last: None,
            rejected: BTreeMap::new(),
            offences: Tally::new(
                &OFFENCES,
                |offence| counter!("tidings_offences_total", "offence" => offence),
            ),
            closed: Tally::new(
                &CLOSED,
                |reason| counter!("tidings_links_closed_total", "reason" => reason),
            ),
            dials_failed: Tally::new(
                &DIALS,
                |reason| counter!("tidings_dials_failed_total", "reason" => reason),
            ),
            delivery: Delivery::new(histogram!("tidings_delivery_delay_seconds")),
            round_trips: RoundTrips::new(histogram!("tidings_round_trip_seconds")),
        })
    }
}

impl Measured {
    /// Where all of it is.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The core reported something. `cut` is why the driver itself has just closed the link, if so.
    pub fn reported(&mut self, event: &Event, unix_us: u64, cut: Option<Reason>, now: Instant) {
        match *event {
            Event::Accepted { id, ingress, .. } => {
                self.accepted(id.kind(), ingress.is_some(), unix_us);
                if ingress.is_some() && id.kind() == ItemKind::Tx {
                    self.delivery.accepted(id.into(), now);
                }
            }
            Event::Rejected { id, rejection, .. } => self.refused(id.kind(), rejection.rule),
            Event::Misbehaved { offence: what, .. } => self.offences.count(offence(&what)),
            Event::LinkDown { why, .. } => {
                self.closed.count(cut.or(why).map_or(REMOTE, |why| closed(&why)));
            }
            Event::DialFailed { why, .. } => self.dials_failed.count(dial(why)),
            _ => {}
        }
    }

    fn accepted(&mut self, kind: ItemKind, by_peer: bool, unix_us: u64) {
        let [txs, blocks] = &self.accepted;
        let tally = match kind {
            ItemKind::Tx => txs,
            ItemKind::Block => blocks,
        };
        tally.count(SOURCES[usize::from(by_peer)]);
        let last = self.accepted_last.get_or_insert_with(|| {
            with_local_recorder(&self.registry, || {
                gauge!("tidings_items_accepted_last_time_seconds")
            })
        });
        #[expect(clippy::cast_precision_loss, reason = "exact for some centuries")]
        let at = unix_us as f64 / 1e6;
        last.set(at);
    }

    /// An item was refused. The driver says so itself of what it didn't hand to the core.
    pub fn refused(&mut self, kind: ItemKind, rule: &'static str) {
        let kind = kind_name(kind);
        let is_known = self.rejected.contains_key(&(kind, rule));
        let rule = if is_known || self.rejected.len() < RULES_MAX { rule } else { OTHER };
        let new = || counter!("tidings_items_rejected_total", "kind" => kind, "rule" => rule);
        let counter = self.rejected.entry((kind, rule));
        counter.or_insert_with(|| with_local_recorder(&self.registry, new)).increment(1);
    }

    /// A message came.
    pub fn received(&mut self, link: Link, message: &Message, now: Instant) {
        match message {
            Message::Session(Session::Pong { nonce }) => self.round_trips.pong(link, *nonce, now),
            Message::Items(items) => self.delivery.heard(items, now),
            _ => {}
        }
    }

    /// A message leaves.
    pub fn sent(&mut self, link: Link, message: &Message, now: Instant) {
        if let Message::Session(Session::Ping { nonce }) = message {
            self.round_trips.ping(link, *nonce, now);
        }
    }

    /// A link is gone.
    pub fn disconnected(&mut self, link: Link) {
        self.round_trips.gone(link);
    }
}

#[cfg(test)]
mod tests {
    use tidings_protocol::chain::Rejection;
    use tidings_protocol::ground::item::{Hash256, ItemId};

    use super::*;

    fn rejected(rule: &'static str) -> Event {
        let id = ItemId::tx(Hash256::of(rule.as_bytes()));
        Event::Rejected { id, ingress: None, rejection: Rejection::policy(rule) }
    }

    #[test]
    fn items_are_counted_by_who_brought_them_and_by_the_rule_that_they_broke() {
        let (mut measured, now) = (Measured::default(), Instant::now());
        assert!(!measured.registry.text().contains("tidings_items_accepted_last"));
        let id = ItemId::block(Hash256::of(b"x"));
        measured.reported(&Event::Accepted { id, size: 1, ingress: None }, 7_500_000, None, now);
        measured.reported(&rejected("fee-too-low"), 8, None, now);
        measured.reported(&rejected("fee-too-low"), 9, None, now);
        let text = measured.registry.text();
        for line in [
            "tidings_items_accepted_total{kind=\"block\",source=\"operator\"} 1\n",
            "tidings_items_accepted_total{kind=\"tx\",source=\"peer\"} 0\n",
            "tidings_items_accepted_last_time_seconds 7.5\n",
            "tidings_items_rejected_total{kind=\"tx\",rule=\"fee-too-low\"} 2\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn rules_without_end_are_counted_as_others() {
        let (mut measured, now) = (Measured::default(), Instant::now());
        for index in 0..2 * RULES_MAX {
            let rule: &'static str = Box::leak(format!("rule-{index}").into_boxed_str());
            measured.reported(&rejected(rule), 0, None, now);
        }
        let text = measured.registry.text();
        assert_eq!(text.matches("\ntidings_items_rejected_total{").count(), RULES_MAX + 1);
        let others = format!("{{kind=\"tx\",rule=\"{OTHER}\"}} {RULES_MAX}\n");
        assert!(text.contains(&others), "{text}");
    }
}
