//! Plumtree: whole items along a tree that finds itself, announcements along all other links.
//!
//! Leitão, Pereira, Rodrigues 2007, "Epidemic Broadcast Trees". Every link begins *eager*: items are sent
//! whole. Whoever gets an item twice *prunes* the link of the second copy, which becomes *lazy* at both
//! ends: items are only announced on it, in batches. What remains eager is a spanning tree, the quickest one
//! from the origin whose items pruned it. An item that was announced and doesn't come within `graft_ms` is
//! asked for (by [`crate::relay::request`], the next announcer `regraft_ms` later), and the link by which it is
//! asked for is *grafted*, eager again: so the tree repairs itself.
//!
//! *Optimisation*. When a lazy link announced an item clearly before the tree brought it, it replaces the
//! tree's link. The paper compares hops from the origin. Counting hops would tell everybody how far they are
//! from the origin, and its neighbours that they are; so time is compared here, which is also what the
//! shorter way is to save.
//!
//! One tree fits one origin. With many, each prunes what another needs, and announcements and grafts do more
//! of the work (iroh-gossip's simulator, `simulations/all.toml`, 1,000 nodes: 0.07 surplus copies for each
//! delivery with one sender, 0.42 with senders in turn).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::topology::is_remote;
use super::{Neighbour, RelayCx, Step, Strategy};
use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::{Link, LinkSet};
use crate::ground::time::Time;
use crate::params::RelayParams;
use crate::wire::message::Signal;

/// Most announced and missing items whose first announcement is remembered, for the optimisation only; over
/// it the oldest are forgotten. A guess: those of a second at 250 transactions a second.
const MISSING_MAX: usize = 256;

/// The strategy.
#[derive(Clone, Debug)]
pub struct Plumtree {
    /// All other links are eager.
    lazy: LinkSet,
    /// When the announcements that wait leave.
    flush_at: Time,
    missing: VecDeque<Missing>,
}

/// The first announcement of an item that isn't here yet.
#[derive(Clone, Copy, Debug)]
struct Missing {
    id: ShortId,
    link: Link,
    at: Time,
}

impl Default for Plumtree {
    fn default() -> Self {
        Self { lazy: LinkSet::default(), flush_at: Time::NEVER, missing: VecDeque::new() }
    }
}

impl Plumtree {
    /// Whether items are sent whole on a link.
    #[must_use]
    pub fn is_eager(&self, link: Link) -> bool {
        !self.lazy.contains(link)
    }

    /// Nothing of a link that went down while what came by it was being checked.
    fn prune(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        if cx.overlay.neighbours().any(|neighbour| neighbour.link == link) {
            self.lazy.insert(link);
            cx.step(Step::Signal(link, Signal::Prune));
        }
    }

    fn graft(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        self.lazy.remove(link);
        cx.step(Step::Signal(link, Signal::Graft));
    }

    /// An item came by `ingress`: is there a quicker way?
    fn optimise(&mut self, id: ShortId, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        let Some(index) = self.missing.iter().position(|missing| missing.id == id) else {
            return;
        };
        let Some(first) = self.missing.remove(index) else {
            return;
        };
        if self.missing.is_empty() {
            self.missing = VecDeque::new();
        }
        let threshold = Duration::from_millis(cx.params.plumtree.optimise_ms);
        let Some(ingress) = ingress.filter(|ingress| *ingress != first.link) else {
            return;
        };
        let lead = cx.now.since(first.at);
        if !threshold.is_zero() && lead >= threshold && self.lazy.contains(first.link) {
            self.graft(first.link, cx);
            self.prune(ingress, cx);
        }
    }

    /// Eager links into other regions, other than this one.
    fn remote_eager(&self, except: Link, cx: &RelayCx<'_>) -> usize {
        let overlay = cx.overlay;
        let others = overlay.neighbours().filter(|neighbour| neighbour.link != except);
        let remote = others.filter(|neighbour| is_remote(overlay, *neighbour));
        remote.filter(|neighbour| self.is_eager(neighbour.link)).count()
    }
}

impl Strategy for Plumtree {
    fn on_link_up(&mut self, neighbour: Neighbour, cx: &mut RelayCx<'_>) {
        let link = neighbour.link;
        self.lazy.remove(link);
        if let Some(fanout) = cx.params.remote_fanout
            && is_remote(cx.overlay, neighbour)
            && self.remote_eager(link, cx) >= fanout
        {
            self.prune(link, cx);
        }
    }

    fn on_link_down(&mut self, link: Link, _cx: &mut RelayCx<'_>) {
        self.lazy.remove(link);
        self.missing.retain(|missing| missing.link != link);
    }

    fn on_accepted(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        self.optimise(item.id().into(), ingress, cx);
        let (lazy, id) = (&self.lazy, item.id());
        let steps_before = cx.steps.len();
        // Regions decide which links are eager; each of the others hears of the item.
        for neighbour in cx.overlay.ignorant(id) {
            let link = neighbour.link;
            cx.steps.push(if lazy.contains(link) {
                Step::Hold(link, id)
            } else {
                Step::Send(link, item.clone())
            });
        }
        let holds = cx.steps[steps_before..].iter().any(|step| matches!(step, Step::Hold(..)));
        if holds && self.flush_at == Time::NEVER {
            self.flush_at = cx.now + Duration::from_millis(cx.params.plumtree.lazy_ms);
        }
    }

    fn on_duplicate(&mut self, link: Link, _id: ItemId, cx: &mut RelayCx<'_>) {
        self.prune(link, cx);
    }

    fn on_announced(
        &mut self,
        link: Link,
        (_, id): (ItemKind, ShortId),
        known: bool,
        cx: &mut RelayCx<'_>,
    ) -> Duration {
        if !known && !self.missing.iter().any(|missing| missing.id == id) {
            if self.missing.len() >= MISSING_MAX {
                self.missing.pop_front();
            }
            self.missing.push_back(Missing { id, link, at: cx.now });
        }
        Duration::from_millis(cx.params.plumtree.graft_ms)
    }

    fn on_asked(&mut self, link: Link, _id: ShortId, cx: &mut RelayCx<'_>) {
        self.graft(link, cx);
    }

    fn on_signal(&mut self, link: Link, signal: &Signal, _cx: &mut RelayCx<'_>) {
        match signal {
            Signal::Prune => {
                self.lazy.insert(link);
            }
            Signal::Graft => {
                self.lazy.remove(link);
            }
            Signal::Poll | Signal::Known(_) | Signal::First(_) => {}
        }
    }

    fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
        if cx.now < self.flush_at {
            return;
        }
        self.flush_at = Time::NEVER;
        let overlay = cx.overlay;
        let waiting = overlay.neighbours().filter(|neighbour| overlay.waiting(neighbour.link) > 0);
        cx.steps.extend(waiting.map(|neighbour| Step::Flush(neighbour.link)));
    }

    fn deadline(&self) -> Time {
        self.flush_at
    }

    fn keeps(&self, link: Link) -> bool {
        self.lazy.contains(link) || self.missing.iter().any(|missing| missing.link == link)
    }

    fn patience(&self, params: &RelayParams) -> Option<Duration> {
        Some(Duration::from_millis(params.plumtree.regraft_ms))
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::Hash256;
    use crate::relay::fake::{Fake, link, sends, tx};

    fn prune(slot: u32) -> Step {
        Step::Signal(link(slot), Signal::Prune)
    }

    fn graft(slot: u32) -> Step {
        Step::Signal(link(slot), Signal::Graft)
    }

    /// Five links, of which the given ones are lazy.
    fn tree(lazy: &[u32]) -> (Fake, Plumtree) {
        let (mut fake, mut tree) = (Fake::new(5), Plumtree::default());
        for slot in lazy {
            fake.ask(|cx| tree.on_signal(link(*slot), &Signal::Prune, cx));
        }
        (fake, tree)
    }

    #[test]
    fn a_duplicate_makes_its_sender_lazy_and_tells_it() {
        let (mut fake, mut tree) = tree(&[]);
        assert_eq!(sends(&fake.accept(&mut tree, 1, Some(0))), 4, "all links begin eager");
        let steps = fake.ask(|cx| tree.on_duplicate(link(2), tx(1).id(), cx));
        assert_eq!(steps, [prune(2)]);
        assert!(!tree.is_eager(link(2)));
        assert!(tree.is_eager(link(0)), "the first copy came by the tree");
    }

    #[test]
    fn lazy_links_hear_of_items_in_batches() {
        let (mut fake, mut tree) = tree(&[1, 2]);
        for n in [1, 2] {
            assert_eq!(sends(&fake.accept(&mut tree, n, Some(0))), 2);
        }
        assert_eq!(tree.deadline(), Time::from_millis(5));
        let steps = fake.wake(&mut tree);
        assert_eq!(steps, [Step::Flush(link(1)), Step::Flush(link(2))]);
        assert_eq!(tree.deadline(), Time::NEVER);
    }

    #[test]
    fn an_announcer_waits_to_be_asked_and_is_then_grafted() {
        let (mut fake, mut tree) = tree(&[3]);
        let (id, mut wait) = (ShortId::from(tx(1).id()), Duration::ZERO);
        fake.ask(|cx| wait = tree.on_announced(link(3), (ItemKind::Tx, id), false, cx));
        assert_eq!(wait, Duration::from_millis(80));
        assert_eq!(tree.patience(&fake.params), Some(Duration::from_millis(40)));
        assert_eq!(fake.ask(|cx| tree.on_asked(link(3), id, cx)), [graft(3)]);
        assert!(tree.is_eager(link(3)));
    }

    #[test]
    fn a_grafted_link_gets_items_whole_again() {
        let (mut fake, mut tree) = tree(&[3]);
        fake.ask(|cx| tree.on_signal(link(3), &Signal::Graft, cx));
        assert_eq!(sends(&fake.accept(&mut tree, 1, Some(0))), 4);
    }

    #[test]
    fn a_link_that_was_much_quicker_replaces_the_one_of_the_tree() {
        let (mut fake, mut tree) = tree(&[3, 4]);
        let announced = |fake: &mut Fake, tree: &mut Plumtree, slot, n| {
            fake.ask(|cx| {
                tree.on_announced(link(slot), (ItemKind::Tx, tx(n).id().into()), false, cx);
            });
        };
        announced(&mut fake, &mut tree, 3, 1);
        announced(&mut fake, &mut tree, 4, 1);
        fake.now = Time::from_millis(39);
        let steps = fake.accept(&mut tree, 1, Some(0));
        assert!(!steps.contains(&graft(3)), "not quick enough: {steps:?}");

        announced(&mut fake, &mut tree, 3, 2);
        fake.now = fake.now + Duration::from_millis(40);
        let steps = fake.accept(&mut tree, 2, Some(0));
        assert_eq!(steps[..2], [graft(3), prune(0)]);
        assert!(tree.is_eager(link(3)) && !tree.is_eager(link(0)));
        assert!(tree.missing.is_empty());
    }

    #[test]
    fn a_new_link_is_eager_whatever_was_in_its_slot() {
        let (mut fake, mut tree) = tree(&[3]);
        fake.ask(|cx| tree.on_link_down(link(3), cx));
        let again = Neighbour { link: Link::new(3, 2), ..fake.links[3] };
        fake.ask(|cx| tree.on_link_up(again, cx));
        assert!(tree.is_eager(again.link));
    }

    #[test]
    fn few_links_into_other_regions_are_eager() {
        let (mut fake, mut tree) = tree(&[]);
        fake.region = Some(0);
        fake.params.remote_fanout = Some(1);
        fake.links.iter_mut().skip(2).for_each(|neighbour| neighbour.region = Some(1));
        let mut steps = Vec::new();
        // They come up one by one.
        let all = std::mem::take(&mut fake.links);
        for neighbour in all {
            fake.links.push(neighbour);
            steps.extend(fake.ask(|cx| tree.on_link_up(neighbour, cx)));
        }
        assert_eq!(steps, [prune(3), prune(4)]);
    }

    #[test]
    fn announcements_of_what_never_comes_are_forgotten() {
        let (mut fake, mut tree) = tree(&[3]);
        for n in 0..=MISSING_MAX {
            let id = ItemId::tx(Hash256::of(&n.to_le_bytes()));
            fake.ask(|cx| {
                tree.on_announced(link(3), (ItemKind::Tx, id.into()), false, cx);
            });
        }
        assert_eq!(tree.missing.len(), MISSING_MAX);
        fake.ask(|cx| tree.on_link_down(link(3), cx));
        assert!(tree.missing.is_empty());
    }
}
