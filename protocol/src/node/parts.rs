//! The list of the node's parts. A new one is a field of [`Node`] and a line here, which says what is done when its
//! deadline has passed.
//!
//! Most inputs are announcements of what is known and wake-ups to announce something. They change nothing of the
//! parts *at rest*, whose deadlines are therefore kept as one moment: it is found anew only after inputs that may
//! have changed it, and before it comes a wake-up looks at no more than the *swift* parts and the strategy.

use super::Node;
use super::wake::is_much_done;
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::Params;
use crate::relay::Strategy as _;

macro_rules! define_parts {
    (at_rest { $($part:ident: $due:ident,)* } swift { $($swift:ident: $swift_due:ident,)* }) => {
        impl Node {
            pub(super) fn parts_on_link_up(
                &mut self,
                link: Link,
                direction: Direction,
                cx: &mut Cx<'_>,
            ) {
                $(self.$part.on_link_up(link, direction, cx);)*
                $(self.$swift.on_link_up(link, direction, cx);)*
            }

            pub(super) fn parts_on_link_down(&mut self, link: Link, cx: &mut Cx<'_>) {
                $(self.$part.on_link_down(link, cx);)*
                $(self.$swift.on_link_down(link, cx);)*
            }

            /// Wakes the parts at rest whose deadline has passed, in the order of the list. The first that
            /// does much ends the wake-up, and the next one begins behind it: what is due still is due at once.
            pub(super) fn wake_parts(&mut self, cx: &mut Cx<'_>) {
                type Due = (fn(&Node) -> Time, fn(&mut Node, &mut Cx<'_>));
                const PARTS: &[Due] =
                    &[$((|node| node.$part.deadline(), |node, cx| node.$due(cx)),)*];
                let turn = usize::from(std::mem::take(&mut self.turn));
                let before = cx.actions.len();
                for place in (turn..PARTS.len()).chain(0..turn) {
                    let (deadline, due) = PARTS[place];
                    if deadline(self) > cx.now {
                        continue;
                    }
                    due(self, cx);
                    if is_much_done(deadline(self), before, cx) {
                        let next = (place + 1) % PARTS.len();
                        self.turn = u8::try_from(next).expect("the list of parts is short");
                        return;
                    }
                }
            }

            /// Wakes the swift parts whose deadline has passed.
            pub(super) fn wake_swift_parts(&mut self, cx: &mut Cx<'_>) {
                $(if self.$swift.deadline() <= cx.now {
                    self.$swift_due(cx);
                })*
            }

            /// The earliest deadline of all parts at rest.
            pub(super) fn find_rest_at(&self) -> Time {
                Time::NEVER$(.min(self.$part.deadline()))*
            }

            /// The earliest deadline of the swift parts.
            pub(super) fn swift_at(&self) -> Time {
                Time::NEVER$(.min(self.$swift.deadline()))*
            }

            /// The first part that keeps something of a link.
            fn part_keeping(&self, link: Link) -> Option<&'static str> {
                $(if Part::keeps(&self.$part, link) {
                    return Some(stringify!($part));
                })*
                $(if Part::keeps(&self.$swift, link) {
                    return Some(stringify!($swift));
                })*
                None
            }

            fn check_parts(&self, params: &Params) {
                $(Part::check(&self.$part, params);)*
                $(Part::check(&self.$swift, params);)*
            }
        }
    };
}

define_parts! {
    at_rest {
        requests: requests_due,
        health: ping_due,
        seen: nothing_due,
        verification: nothing_due,
        pool: expire_due,
        confirming: confirm_due,
        orphans: orphans_due,
        restoring: restoring_due,
        peers: peers_due,
        anti_entropy: compare_due,
        reconcile_links: reconcile_due,
        found: share_found,
        fee_filter: tell_fee_filter,
        rate_limiter: relay_due,
        embargo: embargo_due,
        unbroadcast: announce_again,
        rebuilding: rebuilds_due,
        templates: tell_templates,
        block_pushers: nothing_due,
        coded: coded_due,
        streams: streams_due,
        blockchain: chain_due,
        serving: serve_due,
        upload: nothing_due,
        credits: grant_due,
        member: map_due,
    }
    swift {
        announcer: announce_due,
        block_news: tell_blocks,
    }
}

impl Node {
    /// Checks that every collection keeps its bound, and that what is kept of several places agrees: for drivers
    /// that want it checked, as a simulator does after every step of a debug build. Walks all links.
    ///
    /// # Panics
    /// When one doesn't, and says which.
    pub fn check_invariants(&self, params: &Params) {
        self.check_parts(params);
        assert_eq!(self.rest_at, self.find_rest_at(), "the deadline of the parts at rest");
        let usable = self.links.iter().filter(|(_, state)| state.ready && state.closing.is_none());
        let here = self.pool.len() + self.blocks.len();
        assert_eq!(self.seen.held(), here, "items that are here are known to be");
        let compared = self.reconcile_links.iter().count();
        let used = self.ready.len() + compared + self.block_links.len();
        let what = "links that the strategy may use, that only compare, or that are for blocks";
        assert_eq!(used, usable.count(), "{what}");
    }

    /// Who keeps something of a link, but for the record of what was, and for verdicts that are outstanding: nobody once
    /// it is down. For checks like [`Node::check_invariants`].
    #[must_use]
    pub fn keeper_of(&self, link: Link) -> Option<&'static str> {
        if self.links.get(link).is_some() {
            Some("links")
        } else if self.ready.iter().any(|neighbour| neighbour.link == link) {
            Some("ready")
        } else if self.block_links.contains(&link) {
            Some("block_links")
        } else if self.strategy.keeps(link) {
            Some("strategy")
        } else {
            self.part_keeping(link)
        }
    }

    /// For parts without a deadline.
    const fn nothing_due(&self, _cx: &Cx<'_>) {}
}
