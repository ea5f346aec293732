//! A node's place in a fleet: its replica of the fleet's map, and who else takes part.
//!
//! [`Member`] drives a [`Replica`] as [`crate::replica`] demands, and is a part of the node. Without a map, which is the default, it is a
//! word of memory.
//!
//! # Who takes part
//! Whoever may link to a replica may change all of the map, and a node speaks with strangers. So the operator names the [fleet](Fleet), by the
//! keys that the transport has proved. Nobody else is told that there is a map, is sent anything of it, or may send anything: that is an
//! offence, since no honest peer does it. Two of a fleet tell one another in their hellos what they must agree on ([`MapTerms`]). If they
//! don't, they relay all the same, exchange nothing of the map, and their operators are told.
//!
//! # What it costs
//! Messages of the map have a class of their own, behind all else, and are charged to the budgets of all that is small; the [`Work`] of a
//! message is charged as requested ids.
//!
//! # Time
//! The core has no clock. The driver reads the machine's now and then, and it goes on with the time of the core in between.
//!
//! # Bound
//! [`FLEET_MAX`] keys. All else is the replica's own.

use std::time::Duration;

use rand::Rng;

use crate::ground::link::{Direction, Link};
use crate::ground::peer::PeerKey;
use crate::ground::time::Time;
use crate::machine::{self, Part};
use crate::params::Params;
use crate::replica::{
    Action, Cx, Entry, Input, Key, Message, Millis, Refused, Replica, ReplicaId, Settings, Work,
    Write,
};
use crate::wire::message::MapTerms;

/// Most peers of a fleet that are named. A guess: more machines than one operator shares settings among.
pub const FLEET_MAX: usize = 1_024;

/// How often the operator is told that a clock is wrong. A guess.
const AHEAD_INTERVAL: Duration = Duration::from_secs(60);

/// Whose links take part in the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fleet {
    /// Everybody's: any stranger may change all of it. For test networks.
    Anybody,
    /// Those of these peers, in order. At most [`FLEET_MAX`].
    Peers(Vec<PeerKey>),
}

impl Fleet {
    /// A fleet of some peers, of which those above [`FLEET_MAX`] have no part.
    #[must_use]
    pub fn of(peers: impl IntoIterator<Item = PeerKey>) -> Self {
        let mut peers: Vec<_> = peers.into_iter().collect();
        peers.sort_unstable();
        peers.dedup();
        peers.truncate(FLEET_MAX);
        Self::Peers(peers)
    }

    /// Whether a peer takes part.
    #[must_use]
    pub fn has(&self, peer: PeerKey) -> bool {
        match self {
            Self::Anybody => true,
            Self::Peers(peers) => peers.binary_search(&peer).is_ok(),
        }
    }
}

/// What makes a node a member of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Who it is among the writers: the same after a restart if it has all that it wrote, and another one otherwise.
    pub id: ReplicaId,
    /// Who else takes part.
    pub fleet: Fleet,
    /// The map, and how news of it spreads.
    pub settings: Settings,
}

/// The node's replica, if it has one.
#[derive(Clone, Debug, Default)]
pub struct Member(Option<Box<Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    replica: Replica,
    fleet: Fleet,
    terms: MapTerms,
    /// What the machine's clock said last, and when.
    read: (Millis, Time),
    /// When the operator may be told again that a clock is wrong.
    ahead_at: Time,
    /// What the replica wants done.
    actions: Vec<Action>,
}

/// What two hellos come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// One of the two has no map, or not for the other.
    Strangers,
    /// Their maps aren't of one network: these are the peer's terms.
    Others(MapTerms),
    /// They take part in the same map.
    Fellows,
}

impl Member {
    pub(crate) fn new(membership: Option<&Membership>) -> Self {
        Self(membership.map(|Membership { id, fleet, settings }| {
            Box::new(Kept {
                replica: Replica::new(*id, settings.clone()),
                fleet: fleet.clone(),
                terms: settings.terms(),
                read: (0, Time::ZERO),
                ahead_at: Time::ZERO,
                actions: Vec::new(),
            })
        }))
    }

    /// The replica.
    pub(crate) fn replica(&self) -> Option<&Replica> {
        self.0.as_ref().map(|kept| &kept.replica)
    }

    /// What a peer is told of the map; nothing, if it has no part in it.
    pub(crate) fn terms_for(&self, peer: PeerKey) -> Option<MapTerms> {
        self.0.as_ref().filter(|kept| kept.fleet.has(peer)).map(|kept| kept.terms)
    }

    /// A peer told its terms, or none. If they are ours, it is a link of the replica's.
    pub(crate) fn meet(
        &mut self,
        link: Link,
        (peer, direction): (PeerKey, Direction),
        theirs: Option<MapTerms>,
        cx: &mut machine::Cx<'_>,
    ) -> Meeting {
        match (self.terms_for(peer), theirs) {
            (None, _) | (_, None) => Meeting::Strangers,
            (Some(ours), Some(theirs)) if ours != theirs => Meeting::Others(theirs),
            _ => {
                self.hand(Input::Connected { link, direction }, cx);
                Meeting::Fellows
            }
        }
    }

    /// Reads the machine's clock.
    pub(crate) fn set_clock(&mut self, wall: Millis, now: Time) {
        if let Some(kept) = &mut self.0 {
            kept.read = (wall, now);
        }
    }

    /// A message came by a link of the replica's. Says how much work it was.
    pub(crate) fn on_message(
        &mut self,
        link: Link,
        message: &Message,
        cx: &mut machine::Cx<'_>,
    ) -> Work {
        self.hand(Input::Received { link, message }, cx)
    }

    /// Holds what an earlier run held.
    pub(crate) fn recall(&mut self, entry: &Entry, cx: &mut machine::Cx<'_>) {
        if self.0.is_some() {
            self.hand(Input::Restored(entry.clone()), cx);
        }
    }

    /// A link's queue is long, or short again.
    pub(crate) fn set_congested(
        &mut self,
        link: Link,
        is_congested: bool,
        cx: &mut machine::Cx<'_>,
    ) {
        if self.has(link) {
            let input =
                if is_congested { Input::Congested { link } } else { Input::Drained { link } };
            self.hand(input, cx);
        }
    }

    /// Writes.
    pub(crate) fn write(
        &mut self,
        key: &Key,
        write: Write,
        cx: &mut machine::Cx<'_>,
    ) -> Result<(), Refused> {
        let Some(kept) = &mut self.0 else { return Err(Refused::Kind) };
        kept.with(cx.now, cx.rng, |replica, cx| replica.write(key, write, cx))
    }

    /// Something is due.
    pub(crate) fn wake(&mut self, cx: &mut machine::Cx<'_>) {
        self.hand(Input::Wake, cx);
    }

    /// What the replica wants done.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        self.0.as_mut().map(|kept| std::mem::take(&mut kept.actions)).unwrap_or_default()
    }

    /// Whether the operator is to be told now that a clock is wrong.
    pub(crate) fn tells_ahead(&mut self, now: Time) -> bool {
        let Some(kept) = self.0.as_mut().filter(|kept| kept.ahead_at <= now) else { return false };
        kept.ahead_at = now + AHEAD_INTERVAL;
        true
    }

    /// Whether a link is one of the replica's.
    pub(crate) fn has(&self, link: Link) -> bool {
        self.replica().is_some_and(|replica| replica.has_link(link))
    }

    fn hand(&mut self, input: Input<'_>, cx: &mut machine::Cx<'_>) -> Work {
        match &mut self.0 {
            Some(kept) => kept.with(cx.now, cx.rng, |replica, cx| replica.handle(input, cx)),
            None => Work::default(),
        }
    }
}

impl Kept {
    /// Calls the replica, with what surrounds it now.
    fn with<T>(
        &mut self,
        now: Time,
        rng: &mut dyn Rng,
        call: impl FnOnce(&mut Replica, &mut Cx<'_>) -> T,
    ) -> T {
        let (read, at) = self.read;
        let passed = Millis::try_from((now - at).as_millis()).unwrap_or(Millis::MAX);
        let wall = read.saturating_add(passed);
        call(&mut self.replica, &mut Cx { now, wall, rng, actions: &mut self.actions })
    }
}

impl Part for Member {
    fn on_link_down(&mut self, link: Link, cx: &mut machine::Cx<'_>) {
        if self.has(link) {
            self.hand(Input::Disconnected { link }, cx);
        }
    }

    fn deadline(&self) -> Time {
        self.replica().map_or(Time::NEVER, Replica::deadline)
    }

    fn keeps(&self, link: Link) -> bool {
        self.has(link)
    }

    fn check(&self, _params: &Params) {
        if let Some(kept) = &self.0 {
            kept.replica.check_invariants();
            assert!(kept.actions.is_empty(), "what the replica wanted was done");
            let named = match &kept.fleet {
                Fleet::Anybody => 0,
                Fleet::Peers(peers) => peers.len(),
            };
            assert!(named <= FLEET_MAX, "named peers of a fleet");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_has_those_that_are_named_and_nobody_else() {
        let fleet = Fleet::of([3, 1, 3, 2].map(PeerKey));
        assert_eq!(fleet, Fleet::Peers([1, 2, 3].map(PeerKey).into()));
        assert!(fleet.has(PeerKey(2)) && !fleet.has(PeerKey(4)));
        assert!(Fleet::Anybody.has(PeerKey(4)));
        assert!(!Fleet::of([]).has(PeerKey(0)));
    }

    #[test]
    fn a_node_without_a_map_has_a_word_of_it() {
        assert_eq!(size_of::<Member>(), size_of::<usize>());
    }
}
