//! What is measured for [metrics](crate::metrics) alone: how long things take, and how often what is reported happened, by a few names.
//!
//! The shell keeps one [`Measured`] and shows it what happens; whoever writes to a disk keeps a [`Histogram`] of its own. It
//! costs a node some four kilobytes, and a few nanoseconds for whatever is measured. Names are those of the program,
//! never of a peer's choice, so there are few of them.

pub mod delivery;
pub mod histogram;
pub mod round_trips;
pub mod tally;

use std::collections::BTreeMap;

use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Link;
use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::report::event::Event;
use tidings_protocol::wire::message::{Message, Session};
use tokio::time::Instant;

pub use self::delivery::Delivery;
pub use self::histogram::{Histogram, SharedHistogram};
pub use self::round_trips::RoundTrips;
pub use self::tally::Tally;
use self::tally::{CLOSED, DIALS, OFFENCES, REMOTE, closed, dial, offence};

/// Most pairs of a kind and a rule; what exceeds them is counted as [`OTHER`]. A guess: all rules of all chains are some fifty.
const RULES_MAX: usize = 128;

/// The rule of what exceeds [`RULES_MAX`].
const OTHER: &str = "other";

/// Who brought an item that was accepted.
pub const SOURCES: [&str; 2] = ["operator", "peer"];

/// The name of a kind of item.
#[must_use]
pub const fn kind_name(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tx => "tx",
        ItemKind::Block => "block",
    }
}

/// What happened since the start.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Items accepted, by kind and [who brought them](SOURCES).
    pub accepted: BTreeMap<(&'static str, &'static str), u64>,
    /// When the last one was, microseconds of Unix time.
    pub accepted_last_us: Option<u64>,
    /// Items refused, by kind and rule.
    pub rejected: BTreeMap<(&'static str, &'static str), u64>,
    /// What peers did wrong.
    pub offences: Tally,
    /// Links that went down, by why.
    pub closed: Tally,
    /// Dials that came to nothing, by why.
    pub dials_failed: Tally,
    /// From when a transaction was first heard of to when it was accepted.
    pub delivery: Delivery,
    /// From a ping to its pong.
    pub round_trips: RoundTrips,
}

impl Default for Measured {
    fn default() -> Self {
        let kinds = [ItemKind::Tx, ItemKind::Block].map(kind_name);
        let pairs = kinds.into_iter().flat_map(|kind| SOURCES.map(|source| ((kind, source), 0)));
        Self {
            accepted: pairs.collect(),
            accepted_last_us: None,
            rejected: BTreeMap::new(),
            offences: Tally::of(&OFFENCES),
            closed: Tally::of(&CLOSED),
            dials_failed: Tally::of(&DIALS),
            delivery: Delivery::default(),
            round_trips: RoundTrips::default(),
        }
    }
}

impl Measured {
    /// The core reported something. `cut` is why the driver itself has just closed the link, if so.
    pub fn reported(&mut self, event: &Event, unix_us: u64, cut: Option<Reason>, now: Instant) {
        match *event {
            Event::Accepted { id, ingress, .. } => {
                let source = SOURCES[usize::from(ingress.is_some())];
                *self.accepted.entry((kind_name(id.kind()), source)).or_default() += 1;
                self.accepted_last_us = Some(unix_us);
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

    /// An item was refused. The driver says so itself of what it didn't hand to the core.
    pub fn refused(&mut self, kind: ItemKind, rule: &'static str) {
        let kind = kind_name(kind);
        let is_known = self.rejected.contains_key(&(kind, rule));
        let rule = if is_known || self.rejected.len() < RULES_MAX { rule } else { OTHER };
        *self.rejected.entry((kind, rule)).or_default() += 1;
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
        let id = ItemId::block(Hash256::of(b"x"));
        measured.reported(&Event::Accepted { id, size: 1, ingress: None }, 7, None, now);
        measured.reported(&rejected("fee-too-low"), 8, None, now);
        measured.reported(&rejected("fee-too-low"), 9, None, now);
        assert_eq!(measured.accepted[&("block", "operator")], 1);
        assert_eq!(measured.accepted[&("tx", "peer")], 0);
        assert_eq!(measured.accepted_last_us, Some(7));
        assert_eq!(measured.rejected[&("tx", "fee-too-low")], 2);
    }

    #[test]
    fn rules_without_end_are_counted_as_others() {
        let (mut measured, now) = (Measured::default(), Instant::now());
        for index in 0..2 * RULES_MAX {
            let rule: &'static str = Box::leak(format!("rule-{index}").into_boxed_str());
            measured.reported(&rejected(rule), 0, None, now);
        }
        assert_eq!(measured.rejected.len(), RULES_MAX + 1);
        assert_eq!(measured.rejected[&("tx", OTHER)], RULES_MAX as u64);
    }
}
