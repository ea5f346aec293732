//! Which links get an item, and which are contacted in a round, when regions count.
//!
//! Bytes between regions cost more than bytes within one. With `local_fanout` or `remote_fanout` set, at
//! most so many links of the own region, and so many into other ones, are drawn at random; a link whose
//! region isn't known counts as local. Without them all links are alike.

use rand::{Rng, RngExt as _};

use super::{Neighbour, Overlay, RelayCx, Step};
use crate::ground::item::ItemId;
use crate::ground::link::LinkSet;
use crate::items::recent::Recent;
use crate::params::{FANOUT_MAX, RelayParams};

/// Most items that a peer is sent whole in one round; the next round goes on. A guess: half a millisecond's work, and
/// 1,280 a second.
pub(super) const NEWS_MAX: usize = 256;

/// A few different links.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contacts {
    /// Room for those of both kinds.
    drawn: [Option<Neighbour>; 2 * FANOUT_MAX],
    len: usize,
}

impl Contacts {
    /// The links, in the order in which they were drawn.
    pub fn iter(&self) -> impl Iterator<Item = Neighbour> {
        self.drawn.iter().flatten().copied()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn holds(&self, neighbour: Neighbour) -> bool {
        self.iter().any(|held| held.link == neighbour.link)
    }

    fn add(&mut self, neighbour: Neighbour) {
        self.drawn[self.len] = Some(neighbour);
        self.len += 1;
    }
}

/// Draws the links to contact in a round, among those that `suits` accepts.
pub fn contacts(cx: &mut RelayCx<'_>, suits: impl Fn(Neighbour) -> bool) -> Contacts {
    let (overlay, params) = (cx.overlay, cx.params);
    let mut contacts = Contacts::default();
    if !regions_count(params) {
        draw(overlay, cx.rng, params.fanout, &mut contacts, suits);
        return contacts;
    }
    let (local, remote) = (params.local_fanout, params.remote_fanout);
    for (fanout, wants_remote) in [(local, false), (remote, true)] {
        let fanout = fanout.unwrap_or(params.fanout);
        draw(overlay, cx.rng, fanout, &mut contacts, |neighbour| {
            is_remote(overlay, neighbour) == wants_remote && suits(neighbour)
        });
    }
    contacts
}

/// Appends a step for each link that gets an item: those whose peer isn't known to have it, or a random
/// few of them when regions count.
pub fn spread(cx: &mut RelayCx<'_>, id: ItemId, step: impl Fn(Neighbour) -> Step) {
    spread_among(cx, id, |_| true, step);
}

/// The same among the links that `is_one` accepts.
pub fn spread_among(
    cx: &mut RelayCx<'_>,
    id: ItemId,
    is_one: impl Fn(Neighbour) -> bool,
    step: impl Fn(Neighbour) -> Step,
) {
    let (overlay, params) = (cx.overlay, cx.params);
    if !regions_count(params) {
        cx.steps.reserve(overlay.len());
        cx.steps.extend(overlay.ignorant(id).filter(|neighbour| is_one(*neighbour)).map(step));
        return;
    }
    for (fanout, wants_remote) in [(params.local_fanout, false), (params.remote_fanout, true)] {
        let suits = |neighbour: Neighbour| {
            is_remote(overlay, neighbour) == wants_remote
                && !overlay.knows(neighbour.link, &id)
                && is_one(neighbour)
        };
        match fanout {
            None => cx.steps.extend(overlay.neighbours().filter(|n| suits(*n)).map(&step)),
            Some(fanout) => {
                let mut contacts = Contacts::default();
                draw(overlay, cx.rng, fanout, &mut contacts, suits);
                cx.steps.extend(contacts.iter().map(&step));
            }
        }
    }
}

/// Draws so many links among those that `suits` accepts, or all of them: any choice is as likely (Knuth, "The Art of
/// Computer Programming" 2, §3.4.2, algorithm S).
pub fn sample(cx: &mut RelayCx<'_>, most: usize, suits: impl Fn(Neighbour) -> bool) -> LinkSet {
    let overlay = cx.overlay;
    let all = || overlay.neighbours().filter(|neighbour| suits(*neighbour));
    let (mut left, mut wanted, mut drawn) = (all().count(), most, LinkSet::default());
    for neighbour in all() {
        if wanted == 0 {
            break;
        }
        if cx.rng.random_range(0..left) < wanted {
            drawn.insert(neighbour.link);
            wanted -= 1;
        }
        left -= 1;
    }
    drawn
}

/// Whether a link's peer is to get an item in some round: it isn't known to have it, and, if it is in
/// another region, fewer than `remote_fanout` there are. Items stop crossing when enough have crossed.
#[must_use]
pub fn lacks(
    overlay: &dyn Overlay,
    params: &RelayParams,
    neighbour: Neighbour,
    id: &ItemId,
) -> bool {
    if overlay.knows(neighbour.link, id) {
        return false;
    }
    let Some(fanout) = params.remote_fanout.filter(|_| is_remote(overlay, neighbour)) else {
        return true;
    };
    let remote = overlay.neighbours().filter(|other| is_remote(overlay, *other));
    remote.filter(|other| overlay.knows(other.link, id)).count() < fanout
}

/// Whether a link leads into another region than ours.
#[must_use]
pub fn is_remote(overlay: &dyn Overlay, neighbour: Neighbour) -> bool {
    match (overlay.region(), neighbour.region) {
        (Some(ours), Some(theirs)) => ours != theirs,
        _ => false,
    }
}

const fn regions_count(params: &RelayParams) -> bool {
    params.local_fanout.is_some() || params.remote_fanout.is_some()
}

/// Draws `fanout` more links that aren't drawn yet. Nearly always most links suit, so drawing blindly
/// comes first: an overlay of a million is never walked.
fn draw(
    overlay: &dyn Overlay,
    rng: &mut dyn Rng,
    fanout: usize,
    contacts: &mut Contacts,
    suits: impl Fn(Neighbour) -> bool,
) {
    let links = overlay.len();
    let full = (contacts.len + fanout).min(contacts.drawn.len());
    if links == 0 || contacts.len == full {
        return;
    }
    for _ in 0..2 * fanout {
        let neighbour = overlay.neighbour(rng.random_range(0..links));
        if !contacts.holds(neighbour) && suits(neighbour) {
            contacts.add(neighbour);
            if contacts.len == full {
                return;
            }
        }
    }
    let start = rng.random_range(0..links);
    for offset in 0..links {
        let neighbour = overlay.neighbour((start + offset) % links);
        if !contacts.holds(neighbour) && suits(neighbour) {
            contacts.add(neighbour);
            if contacts.len == full {
                return;
            }
        }
    }
}

impl RelayCx<'_> {
    /// Sends what a link's peer [lacks], whole; `NEWS_MAX` at most, the oldest first.
    pub fn send_news(&mut self, neighbour: Neighbour, recent: &Recent) {
        let (overlay, params) = (self.overlay, self.params);
        let news = recent.iter().map(|(_, id)| id);
        let items = news
            .filter(|id| lacks(overlay, params, neighbour, id))
            .filter_map(|id| overlay.item(id))
            .take(NEWS_MAX);
        self.steps.extend(items.map(|item| Step::Send(neighbour.link, item.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fake::{Fake, tx};

    fn regional(local_fanout: Option<usize>, remote_fanout: Option<usize>) -> Fake {
        let mut fake = Fake::new(12);
        fake.region = Some(0);
        for (index, neighbour) in fake.links.iter_mut().enumerate() {
            neighbour.region = [Some(0), Some(0), Some(1), None][index % 4];
        }
        fake.params.local_fanout = local_fanout;
        fake.params.remote_fanout = remote_fanout;
        fake
    }

    fn count(fake: &Fake, steps: &[Step], remote: bool) -> usize {
        let is_remote = |step: &&Step| match step {
            Step::Announce(link, _) => is_remote(fake, fake.links[link.slot()]) == remote,
            _ => panic!("{step:?}"),
        };
        steps.iter().filter(is_remote).count()
    }

    #[test]
    fn an_item_goes_to_all_links_when_regions_do_not_count() {
        let mut fake = regional(None, None);
        let id = tx(1).id();
        fake.tell(3, id);
        let steps = fake.ask(|cx| spread(cx, id, |n| Step::Announce(n.link, id)));
        assert_eq!(steps.len(), 11);
    }

    #[test]
    fn few_links_into_other_regions_get_an_item() {
        let mut fake = regional(None, Some(1));
        let id = tx(1).id();
        let steps = fake.ask(|cx| spread(cx, id, |n| Step::Announce(n.link, id)));
        assert_eq!(count(&fake, &steps, false), 9, "the unknown count as local");
        assert_eq!(count(&fake, &steps, true), 1);
    }

    #[test]
    fn a_round_contacts_so_many_of_each() {
        let mut fake = regional(Some(2), Some(1));
        let (mut local, mut remote) = (0, 0);
        for _ in 0..100 {
            let id = tx(1).id();
            let steps = fake.ask(|cx| {
                let contacts = contacts(cx, |_| true);
                cx.steps.extend(contacts.iter().map(|n| Step::Announce(n.link, id)));
            });
            local += count(&fake, &steps, false);
            remote += count(&fake, &steps, true);
        }
        assert_eq!((local, remote), (200, 100));
    }

    #[test]
    fn an_item_stops_crossing_when_enough_have_it() {
        let mut fake = regional(None, Some(2));
        let id = tx(1).id();
        fake.tell(2, id);
        let lack = |fake: &Fake, slot: usize| lacks(fake, &fake.params, fake.links[slot], &id);
        assert!(lack(&fake, 6) && lack(&fake, 0));
        fake.tell(10, id);
        assert!(!lack(&fake, 6) && lack(&fake, 0));
    }

    #[test]
    fn contacts_differ_and_every_link_has_its_turn() {
        let mut fake = Fake::new(5);
        fake.params.fanout = 3;
        let mut drawn = [0; 5];
        for _ in 0..1_000 {
            let mut round = Vec::new();
            fake.ask(|cx| round.extend(contacts(cx, |_| true).iter().map(|n| n.link.slot())));
            assert_eq!(round.len(), 3);
            round.sort_unstable();
            round.dedup();
            assert_eq!(round.len(), 3, "different ones");
            round.iter().for_each(|slot| drawn[*slot] += 1);
        }
        // 600 each, with a deviation of 15.
        assert!(drawn.iter().all(|count| (530..670).contains(count)), "{drawn:?}");
    }

    #[test]
    fn a_sample_has_so_many_links_and_each_as_often() {
        let mut fake = Fake::new(6);
        let mut drawn = [0; 6];
        for _ in 0..1_000 {
            fake.ask(|cx| {
                let sample = sample(cx, 2, |neighbour| neighbour.link.slot() != 3);
                assert_eq!(sample.len(), 2);
                let links = cx.overlay.neighbours().map(|neighbour| neighbour.link);
                links.filter(|link| sample.contains(*link)).for_each(|it| drawn[it.slot()] += 1);
                assert_eq!(super::sample(cx, 9, |_| true).len(), 6, "there are no more");
            });
        }
        assert_eq!(drawn[3], 0);
        // 400 each, with a deviation of 15.
        drawn[3] = 400;
        assert!(drawn.iter().all(|count| (340..460).contains(count)), "{drawn:?}");
    }

    #[test]
    fn the_last_link_that_suits_is_found() {
        let mut fake = Fake::new(16);
        let mut round = Vec::new();
        fake.ask(|cx| {
            round.extend(contacts(cx, |n| n.link.slot() == 11).iter().map(|n| n.link.slot()));
        });
        assert_eq!(round, [11]);
    }
}
