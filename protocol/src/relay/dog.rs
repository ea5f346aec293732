//! DOG: whole items along routes, of which a node closes one more while it gets too many copies, and opens one while too few.
//!
//! `CometBFT`'s Dynamic Optimal Graph (ADR 119, and the specification in `spec/mempool/gossip` of its repository). A *route* leads through a
//! node, from the peer that brought an item first to one that it is sent to. All routes begin open, which is a flood. Whoever
//! gets an item again says so (`HaveTx`, here [`Signal::Known`] of one id), and the sender closes the route by which that
//! item went. Each second a node counts the copies for each new item, its *redundancy*: from [`DELTA_PERCENT`] above the target
//! on it says so of the next copy, once; below the target by as much it asks a random peer to open a route again
//! (`ResetRoute`, here [`Signal::Graft`]). What remains is a tree for each origin, and as many copies as were asked for.
//!
//! One route a second, of n (n - 1): with 16 peers a node needs four minutes from a flood to its target (the paper: 5 to
//! 15 minutes). Nothing is announced: what a closed route would have brought and nobody else did is found by comparing
//! ([`crate::reconcile`]), which `CometBFT` doesn't have.
//!
//! # Attacks
//! *Denying what it lacks*: whoever says `HaveTx` of everything closes routes to itself, and to nobody else.
//!
//! *Claiming copies*: one who sends everything again keeps a victim's redundancy up, whatever the victim says, and so has it
//! close a route of an honest peer now and then, until it depends on him. The controller counts copies of anybody, and one
//! message a second is all that slows this down: that is DOG's, and is left as it is. Comparing finds what he then keeps back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use super::topology::spread_among;
use super::{Neighbour, RelayCx, Step, Strategy};
use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::{Link, LinkTable};
use crate::ground::time::Time;
use crate::params::DogParams;
use crate::wire::message::Signal;

/// How far from its target the redundancy may be (`CometBFT`'s `TargetRedundancyDeltaPercent`, 0.1 in ADR 119).
pub const DELTA_PERCENT: u64 = 10;

/// Most items of which it is remembered who brought them first; over it the oldest are forgotten, and nothing is closed for
/// them. A guess: those of a round trip at 2,000 a second. (`CometBFT` remembers it for as long as an item is pooled.)
const SENDERS_MAX: usize = 1_024;

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct Dog {
    /// The routes that are closed: for each link, those whose items aren't sent on to it. Of each pair of links at most one.
    closed: LinkTable<Vec<Link>>,
    /// Who brought what first.
    senders: VecDeque<(ShortId, Link)>,
    controller: Controller,
}

/// Holds the redundancy.
#[derive(Clone, Copy, Debug)]
struct Controller {
    /// New items and copies since it last adjusted anything.
    new: u64,
    copies: u64,
    /// It has said `HaveTx`, and waits for what comes of it.
    is_quiet: bool,
    /// When it adjusts next: never while nothing comes.
    next: Time,
}

/// What is to be done about the redundancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Adjustment {
    /// Say of the next copy that it was one.
    Less,
    /// Have a route opened.
    More,
    /// Nothing.
    Same,
}

impl Default for Controller {
    fn default() -> Self {
        Self { new: 0, copies: 0, is_quiet: false, next: Time::NEVER }
    }
}

impl Controller {
    /// Something came: there will be something to adjust.
    fn run(&mut self, cx: &RelayCx<'_>) {
        if self.next == Time::NEVER {
            self.next = cx.now + Duration::from_millis(cx.params.dog.adjust_ms);
        }
    }

    /// A period ends. Where nothing came there is nothing to adjust, and nothing to wait for.
    fn adjust(&mut self, cx: &RelayCx<'_>) -> Adjustment {
        let period = std::mem::take(self);
        self.is_quiet = period.is_quiet;
        if period.new + period.copies == 0 {
            return Adjustment::Same;
        }
        self.run(cx);
        let adjustment = period.judge(&cx.params.dog);
        if adjustment == Adjustment::Less {
            self.is_quiet = false;
        }
        adjustment
    }

    fn judge(&self, params: &DogParams) -> Adjustment {
        // Both sides times 10,000, for two percentages.
        let redundancy = self.copies.saturating_mul(100 * 100);
        let target = params.target_percent.saturating_mul(self.new);
        if self.new > 0 && redundancy < target.saturating_mul(100 - DELTA_PERCENT) {
            Adjustment::More
        } else if self.new == 0 || redundancy >= target.saturating_mul(100 + DELTA_PERCENT) {
            Adjustment::Less
        } else {
            Adjustment::Same
        }
    }
}

impl Dog {
    /// Whether what comes from one link is sent on to another.
    #[must_use]
    pub fn is_open(&self, from: Link, to: Link) -> bool {
        self.closed.get(to).is_none_or(|sources| !sources.contains(&from))
    }

    /// The peer has what it was sent: the route by which that went is closed.
    fn close(&mut self, id: ShortId, to: Link) {
        let Some((_, from)) = self.senders.iter().find(|(sent, _)| *sent == id) else { return };
        match self.closed.get_mut(to) {
            Some(sources) if sources.contains(from) => {}
            Some(sources) => sources.push(*from),
            None => drop(self.closed.insert(to, vec![*from])),
        }
    }

    /// The peer wants more: a random route to it is opened.
    fn open(&mut self, to: Link, cx: &mut RelayCx<'_>) {
        if let Some(sources) = self.closed.get_mut(to)
            && !sources.is_empty()
        {
            sources.swap_remove(cx.rng.random_range(0..sources.len()));
        }
    }

    fn adjust(&mut self, cx: &mut RelayCx<'_>) {
        let links = cx.overlay.len();
        if self.controller.adjust(cx) == Adjustment::More && links > 0 {
            let neighbour = cx.overlay.neighbour(cx.rng.random_range(0..links));
            cx.step(Step::Signal(neighbour.link, Signal::Graft));
        }
    }
}

impl Strategy for Dog {
    fn on_link_down(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        self.closed.remove(link);
        self.closed.iter_mut().for_each(|(_, sources)| sources.retain(|from| *from != link));
        self.senders.retain(|(_, from)| *from != link);
        self.adjust(cx);
    }

    fn on_accepted(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        let id = item.id();
        if id.kind() == ItemKind::Block {
            return cx.announce_block(id);
        }
        if ingress.is_some() {
            self.controller.new += 1;
            self.controller.run(cx);
        }
        // It may have gone down while what came by it was being checked.
        let is_up = |from: &Link| cx.overlay.neighbours().any(|neighbour| neighbour.link == *from);
        let from = ingress.filter(is_up);
        if let Some(from) = from {
            if self.senders.len() >= SENDERS_MAX {
                self.senders.pop_front();
            }
            self.senders.push_back((id.into(), from));
        }
        let is_open = |to: Neighbour| from.is_none_or(|from| self.is_open(from, to.link));
        spread_among(cx, id, is_open, |to| Step::Send(to.link, item.clone()));
    }

    fn on_duplicate(&mut self, link: Link, id: ItemId, cx: &mut RelayCx<'_>) {
        if id.kind() == ItemKind::Block {
            return;
        }
        self.controller.copies += 1;
        self.controller.run(cx);
        if !std::mem::replace(&mut self.controller.is_quiet, true) {
            cx.step(Step::Signal(link, Signal::Known([id.into()].into())));
        }
    }

    fn on_signal(&mut self, link: Link, signal: &Signal, cx: &mut RelayCx<'_>) {
        match signal {
            // `HaveTx` names one: a route a message, however long it is.
            Signal::Known(ids) => ids.first().into_iter().for_each(|id| self.close(*id, link)),
            Signal::Graft => self.open(link, cx),
            Signal::Prune | Signal::Poll | Signal::First(_) => {}
        }
    }

    fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
        if self.controller.next <= cx.now {
            self.adjust(cx);
        }
    }

    fn deadline(&self) -> Time {
        self.controller.next
    }

    fn keeps(&self, link: Link) -> bool {
        self.closed.get(link).is_some()
            || self.closed.iter().any(|(_, sources)| sources.contains(&link))
            || self.senders.iter().any(|(_, from)| *from == link)
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fake::{Fake, link, sends, tx};

    fn have(n: u8) -> Signal {
        Signal::Known([tx(n).id().into()].into())
    }

    /// A second in which so many new items came, and as many copies.
    fn second(fake: &mut Fake, dog: &mut Dog, new: u8, copies: u8) -> Vec<Step> {
        (0..new).for_each(|n| drop(fake.accept(dog, n, Some(0))));
        for _ in 0..copies {
            fake.ask(|cx| dog.on_duplicate(link(1), tx(0).id(), cx));
        }
        fake.wake(dog)
    }

    #[test]
    fn a_peer_that_has_an_item_closes_the_route_by_which_it_came() {
        let (mut fake, mut dog) = (Fake::new(5), Dog::default());
        assert_eq!(sends(&fake.accept(&mut dog, 1, Some(0))), 4, "all routes begin open");
        fake.ask(|cx| dog.on_signal(link(3), &have(1), cx));
        assert!(!dog.is_open(link(0), link(3)));
        assert_eq!(sends(&fake.accept(&mut dog, 2, Some(0))), 3);
        assert_eq!(sends(&fake.accept(&mut dog, 3, Some(1))), 4, "other routes stay open");
        assert_eq!(sends(&fake.accept(&mut dog, 4, None)), 5, "and own items take none");
    }

    #[test]
    fn a_peer_that_wants_more_has_one_route_opened() {
        let (mut fake, mut dog) = (Fake::new(5), Dog::default());
        for n in [1, 2] {
            fake.accept(&mut dog, n, Some(u32::from(n)));
            fake.ask(|cx| dog.on_signal(link(3), &have(n), cx));
        }
        let open = |dog: &Dog| [1, 2].iter().filter(|n| dog.is_open(link(**n), link(3))).count();
        for left in [1, 2, 2] {
            fake.ask(|cx| dog.on_signal(link(3), &Signal::Graft, cx));
            assert_eq!(open(&dog), left);
        }
    }

    #[test]
    fn one_copy_a_second_is_told_while_there_are_too_many() {
        let (mut fake, mut dog) = (Fake::new(5), Dog::default());
        let copy = |fake: &mut Fake, dog: &mut Dog| {
            fake.ask(|cx| dog.on_duplicate(link(1), tx(0).id(), cx)).len()
        };
        fake.accept(&mut dog, 0, Some(0));
        assert_eq!([copy(&mut fake, &mut dog), copy(&mut fake, &mut dog)], [1, 0]);
        assert!(fake.wake(&mut dog).is_empty());
        assert_eq!([copy(&mut fake, &mut dog), copy(&mut fake, &mut dog)], [1, 0], "two for one");
        assert!(second(&mut fake, &mut dog, 2, 0).is_empty(), "two for two");
        assert_eq!(copy(&mut fake, &mut dog), 0, "as many as there are to be");
    }

    #[test]
    fn more_are_asked_for_while_there_are_too_few() {
        let (mut fake, mut dog) = (Fake::new(5), Dog::default());
        let steps = second(&mut fake, &mut dog, 10, 8);
        assert!(matches!(steps[..], [Step::Signal(_, Signal::Graft)]), "{steps:?}");
        assert!(second(&mut fake, &mut dog, 10, 9).is_empty());
        fake.params.dog.target_percent = 0;
        assert!(second(&mut fake, &mut dog, 10, 0).is_empty(), "nobody wants copies");
    }

    #[test]
    fn it_sleeps_when_nothing_comes() {
        let (mut fake, mut dog) = (Fake::new(5), Dog::default());
        second(&mut fake, &mut dog, 1, 1);
        assert_ne!(dog.deadline(), Time::NEVER);
        assert!(fake.wake(&mut dog).is_empty());
        assert_eq!(dog.deadline(), Time::NEVER);
    }

    #[test]
    fn a_liar_closes_routes_to_itself_alone_and_one_for_each_message() {
        let (mut fake, mut dog) = (Fake::new(5), Dog::default());
        for n in [1, 2] {
            fake.accept(&mut dog, n, Some(u32::from(n)));
        }
        let all = Signal::Known([tx(1).id().into(), tx(2).id().into(), tx(9).id().into()].into());
        fake.ask(|cx| dog.on_signal(link(4), &all, cx));
        assert_eq!([1, 2].map(|from| dog.is_open(link(from), link(4))), [false, true]);
        for _ in 0..1_000 {
            fake.ask(|cx| dog.on_signal(link(4), &all, cx));
        }
        assert_eq!(dog.closed.iter().map(|(_, sources)| sources.len()).sum::<usize>(), 1);
        assert!((0..4).all(|to| dog.is_open(link(1), link(to))));
    }

    #[test]
    fn nothing_is_left_of_a_link_that_is_gone() {
        let (mut fake, mut dog) = (Fake::new(5), Dog::default());
        fake.accept(&mut dog, 1, Some(0));
        fake.ask(|cx| dog.on_signal(link(3), &have(1), cx));
        assert!(dog.keeps(link(0)) && dog.keeps(link(3)));
        fake.links.remove(0);
        fake.ask(|cx| dog.on_link_down(link(0), cx));
        assert!(!dog.keeps(link(0)));
        fake.accept(&mut dog, 2, Some(0));
        assert!(!dog.keeps(link(0)), "what it had brought was being checked");
    }
}
