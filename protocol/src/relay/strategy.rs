//! Relay strategies: who gets a newly accepted item whole, who hears of it, who gets nothing, and when.
//!
//! One trait, one file for each member of the family, so that they can be read and measured side by
//! side. What all of them share stands elsewhere: the [seen cache](crate::items::seen), the
//! [requests](crate::relay::request) that pull what was announced, the [queues](crate::relay::announce) in which
//! announcements wait, the [choice of links](crate::relay::topology) by region, the [digests](crate::reconcile::anti_entropy) that find
//! what was missed, and the [budgets](crate::limits::budget). A strategy therefore never sends by itself: it
//! looks at its [`Overlay`] and appends [`Step`]s, which the node carries out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::items::recent::Recent;
use crate::params::RelayParams;
use crate::wire::message::Signal;

/// As many items are looked at in the time in which one that is requested is found and given. A guess.
pub(super) const LOOKED_AT_PER_REQUEST: usize = 16;

/// A link, as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its handle.
    pub link: Link,
    /// Who dialled.
    pub direction: Direction,
    /// The region that the peer says it is in.
    pub region: Option<u8>,
}

/// The links of a node that are ready, and what is known of them. They are numbered from 0 without
/// gaps, so that one can be drawn at random; the order is the same in every run.
pub trait Overlay {
    /// How many links are ready.
    fn len(&self) -> usize;

    /// Whether none is.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `index`-th of them, below [`Overlay::len`].
    fn neighbour(&self, index: usize) -> Neighbour;

    /// Whether the peer is known to have an item: it announced or sent it, or we sent or announced it. Or it isn't to hear
    /// of it yet.
    fn knows(&self, link: Link, id: &ItemId) -> bool;

    /// How many items wait in a link's queue.
    fn waiting(&self, link: Link) -> usize;

    /// An item, if we still hold it.
    fn item(&self, id: &ItemId) -> Option<&Arc<Item>>;

    /// Our own region.
    fn region(&self) -> Option<u8> {
        None
    }
}

impl dyn Overlay + '_ {
    /// All links that are ready.
    pub fn neighbours(&self) -> impl Iterator<Item = Neighbour> {
        (0..self.len()).map(|index| self.neighbour(index))
    }

    /// The links whose peer isn't known to have an item.
    pub fn ignorant(&self, id: ItemId) -> impl Iterator<Item = Neighbour> {
        self.neighbours().filter(move |neighbour| !self.knows(neighbour.link, &id))
    }
}

/// What surrounds one call of a strategy.
pub struct RelayCx<'a> {
    /// The time.
    pub now: Time,
    /// Parameters of all strategies.
    pub params: &'a RelayParams,
    /// The only source of randomness.
    pub rng: &'a mut dyn Rng,
    /// The links.
    pub overlay: &'a dyn Overlay,
    /// Where steps are appended.
    pub steps: &'a mut Vec<Step>,
}

impl fmt::Debug for RelayCx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayCx").field("now", &self.now).finish_non_exhaustive()
    }
}

impl RelayCx<'_> {
    /// Appends a step.
    pub fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Announces a block at once to all who aren't known to have it. The strategies that are about transactions spread
    /// blocks so, and ask for them at once.
    pub fn announce_block(&mut self, id: ItemId) {
        let links = self.overlay.ignorant(id).map(|neighbour| neighbour.link);
        self.steps.extend(links.map(|link| Step::AnnounceNow(link, id)));
    }

    /// A peer asks for news: announces what it isn't known to have, at once. It is charged for what that makes us look at,
    /// of which a request pays for `LOOKED_AT_PER_REQUEST`.
    pub fn announce_news(&mut self, link: Link, recent: &Recent) {
        let work = recent.len() / LOOKED_AT_PER_REQUEST;
        self.steps.extend((work > 0).then_some(Step::Charge(link, work)));
        let steps_before = self.steps.len();
        let news = recent.iter().filter(|(_, id)| !self.overlay.knows(link, id));
        self.steps.extend(news.map(|(_, id)| Step::Hold(link, *id)));
        if self.steps.len() > steps_before {
            self.steps.push(Step::Flush(link));
        }
    }

    /// Forgets the oldest of the recent items, as long as they are too old to be spread, gone, or known
    /// to every peer.
    pub fn retire(&self, recent: &mut Recent) {
        let overlay = self.overlay;
        let everybody_knows = |id: &ItemId| {
            !overlay.is_empty() && overlay.neighbours().all(|n| overlay.knows(n.link, id))
        };
        let too_old = Duration::from_millis(self.params.recent_ms);
        recent.forget_while(|at, id| {
            self.now.since(at) > too_old || overlay.item(id).is_none() || everybody_knows(id)
        });
    }
}

/// One thing that a strategy wants done. Steps about links that are gone are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the item whole, now. On a congested link it is announced instead.
    Send(Link, Arc<Item>),
    /// Announce the item in the link's next batch, which leaves by the link's own timer (see
    /// [`crate::relay::announce`]); a block is announced at once.
    Announce(Link, ItemId),
    /// Announce the item at once, in a message of its own.
    AnnounceNow(Link, ItemId),
    /// Let the item wait in the link's queue, without a timer, until [`Step::Flush`].
    Hold(Link, ItemId),
    /// Announce everything that waits for the link and that its peer isn't known to have: at once, or with the next
    /// wake-up if it is much.
    Flush(Link),
    /// The peer had us look at so many items: charge it as if it had requested as many ids.
    Charge(Link, usize),
    /// Say something to the strategy at the other end.
    Signal(Link, Signal),
    /// Compare what both ends keep (see [`crate::reconcile::by_sketch`]).
    Compare(Link),
}

/// A member of the gossip family. Every method but [`Strategy::on_accepted`] has a default.
pub trait Strategy {
    /// A link is ready.
    fn on_link_up(&mut self, _neighbour: Neighbour, _cx: &mut RelayCx<'_>) {}

    /// A link is gone.
    fn on_link_down(&mut self, _link: Link, _cx: &mut RelayCx<'_>) {}

    /// A peer sent an item that is new and looks right; it is to be checked.
    fn on_arrived(&mut self, _item: &Arc<Item>, _link: Link, _cx: &mut RelayCx<'_>) {}

    /// An item was accepted for the first time: from the peer of `ingress`, or from our operator. The
    /// overlay knows already who has it.
    fn on_accepted(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>);

    /// An own transaction, which [`Strategy::on_accepted`] saw when only [first hops](crate::relay::embargo) were there for
    /// it, may go to these others too.
    fn on_let_go(&mut self, item: &Arc<Item>, others: &[Link], cx: &mut RelayCx<'_>) {
        cx.steps.extend(others.iter().map(|link| Step::Announce(*link, item.id())));
    }

    /// A peer sent an item whole that we have already.
    fn on_duplicate(&mut self, _link: Link, _id: ItemId, _cx: &mut RelayCx<'_>) {}

    /// A peer announced an item. `known` says that we have it, or are checking it. Returns how long to
    /// wait, if nobody was asked for it yet, before this peer is.
    fn on_announced(
        &mut self,
        _link: Link,
        _item: (ItemKind, ShortId),
        _known: bool,
        _cx: &mut RelayCx<'_>,
    ) -> Duration {
        Duration::ZERO
    }

    /// A peer asked for an item and is being sent it.
    fn on_requested(&mut self, _link: Link, _id: ItemId, _cx: &mut RelayCx<'_>) {}

    /// A peer is being asked for an item that it announced.
    fn on_asked(&mut self, _link: Link, _id: ShortId, _cx: &mut RelayCx<'_>) {}

    /// The strategy at the other end says something.
    fn on_signal(&mut self, _link: Link, _signal: &Signal, _cx: &mut RelayCx<'_>) {}

    /// The deadline passed, or any other moment.
    fn on_wake(&mut self, _cx: &mut RelayCx<'_>) {}

    /// When it next wants waking. Costs nothing to ask.
    fn deadline(&self) -> Time {
        Time::NEVER
    }

    /// Whether anything is kept of a link: never of one that is gone.
    fn keeps(&self, _link: Link) -> bool {
        false
    }

    /// Reads what an input on a link will, see `node/warm.rs`.
    fn warm(&self, _link: Link) -> u64 {
        0
    }

    /// How long a peer that is asked for a transaction has before the next one is; without it
    /// `requests.tx_timeout_ms`.
    fn patience(&self, _params: &RelayParams) -> Option<Duration> {
        None
    }

    /// Whether its peers are expected to send whole items that were not asked for.
    fn takes_unasked(&self) -> bool;

    /// Whether what just came is shown when peers compare, since nothing else may bring it to them.
    fn shows_at_once(&self) -> bool {
        false
    }

    /// Whether it announces transactions by their short ids.
    fn names_short(&self) -> bool {
        false
    }
}
