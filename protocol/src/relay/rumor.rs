//! Rumour mongering: a node spreads an item while that is news to somebody, and then loses interest.
//!
//! Demers et al. 1987, "Epidemic algorithms for replicated database maintenance", §1.4: nodes are
//! susceptible, infective, or removed (SIR). Each cycle an infective node contacts a random few; when `k`
//! contacts in a row were in vain (or, with a coin, each of these with a chance of 1/`k`) it stops. Some
//! nodes are then left without the item: a residue of s = e^-(k+1)(1-s), which the exchange of
//! [digests](crate::reconcile::anti_entropy) finds.
//!
//! Two details decide whether the tables of the paper come out: a contact was useful if the
//! peer lacked the item *when the cycle began*, so that of two who tell it in the same cycle neither
//! loses interest; and only contacts in vain *in a row* count.
//!
//! The peer says that it had an item by [`Signal::Known`]; silence until the next cycle means that it was
//! news. Cycles must therefore be longer than a round trip. With `pull`, everybody asks instead, idle nodes
//! too, and a cycle in which all who asked had the item counts as one contact in vain (footnote to
//! table 3).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::round::Rounds;
use super::strategy::LOOKED_AT_PER_REQUEST;
use super::topology::{NEWS_MAX, contacts, lacks};
use super::{Neighbour, RelayCx, Step, Strategy};
use crate::ground::item::{Item, ItemId, ShortId};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::params::RumorParams;
use crate::wire::message::Signal;

/// The strategy, with the items that this node still spreads: at most `recent_max`; over it interest in
/// the oldest is lost.
#[derive(Clone, Debug, Default)]
pub struct Rumor {
    hot: VecDeque<Hot>,
    rounds: Rounds,
}

/// An item that this node is infective with.
#[derive(Clone, Copy, Debug)]
struct Hot {
    id: ItemId,
    since: Time,
    /// Contacts in vain, in a row, before this cycle.
    in_vain: u32,
    /// Contacts in this cycle, and how many of those peers had the item.
    contacts: u32,
    known: u32,
}

impl Rumor {
    /// Whether it still spreads anything.
    #[must_use]
    pub fn is_infective(&self) -> bool {
        !self.hot.is_empty()
    }

    /// Draws the consequences of the cycle that ends.
    fn lose_interest(&mut self, cx: &mut RelayCx<'_>) {
        let (overlay, now) = (cx.overlay, cx.now);
        let too_old = Duration::from_millis(cx.params.recent_ms);
        self.hot.retain_mut(|hot| {
            let everybody_knows = !overlay.is_empty()
                && overlay.neighbours().all(|neighbour| overlay.knows(neighbour.link, &hot.id));
            let is_over = now.since(hot.since) > too_old || overlay.item(&hot.id).is_none();
            !hot.ends_cycle(&cx.params.rumor, cx.rng) && !everybody_knows && !is_over
        });
        if self.hot.is_empty() {
            self.hot = VecDeque::new();
        }
    }

    /// Sends what is hot and a peer lacks, `NEWS_MAX` at most; the next round goes on. Says how many that are.
    fn tell(&mut self, link: Link, lacks: impl Fn(&Hot) -> bool, cx: &mut RelayCx<'_>) -> usize {
        let steps_before = cx.steps.len();
        for hot in self.hot.iter_mut().filter(|hot| lacks(hot)) {
            let sent = cx.steps.len() - steps_before;
            if sent < NEWS_MAX
                && let Some(item) = cx.overlay.item(&hot.id)
            {
                hot.contacts += 1;
                cx.steps.push(Step::Send(link, item.clone()));
            }
        }
        cx.steps.len() - steps_before
    }
}

impl Hot {
    /// Counts the cycle's contacts; true if interest is lost.
    fn ends_cycle(&mut self, params: &RumorParams, rng: &mut dyn Rng) -> bool {
        let contacts = std::mem::take(&mut self.contacts);
        let known = std::mem::take(&mut self.known).min(contacts);
        if contacts == 0 {
            return false;
        }
        let in_vain = if params.feedback { known } else { contacts };
        if params.coin {
            return (0..in_vain).any(|_| rng.random_range(0..params.k) == 0);
        }
        if in_vain < contacts {
            self.in_vain = 0;
        } else {
            self.in_vain += if params.pull { 1 } else { in_vain };
        }
        self.in_vain >= params.k
    }
}

impl Strategy for Rumor {
    fn on_link_up(&mut self, _neighbour: Neighbour, cx: &mut RelayCx<'_>) {
        if cx.params.rumor.pull || self.is_infective() {
            self.rounds.start(cx);
        }
    }

    fn on_accepted(&mut self, item: &Arc<Item>, _ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        if self.hot.len() >= cx.params.recent_max {
            self.hot.pop_front();
        }
        let (id, since) = (item.id(), cx.now);
        self.hot.push_back(Hot { id, since, in_vain: 0, contacts: 0, known: 0 });
        self.rounds.start(cx);
    }

    fn on_duplicate(&mut self, link: Link, id: ItemId, cx: &mut RelayCx<'_>) {
        let began = self.rounds.began(cx.params);
        let lacked_it = self.hot.iter().any(|hot| hot.id == id && hot.since > began);
        if cx.params.rumor.feedback && !lacked_it {
            cx.step(Step::Signal(link, Signal::Known([ShortId::from(id)].into())));
        }
    }

    fn on_signal(&mut self, link: Link, signal: &Signal, cx: &mut RelayCx<'_>) {
        match signal {
            Signal::Known(ids) => {
                let mut ids = ids.to_vec();
                ids.sort_unstable();
                let is_known = |hot: &Hot| ids.binary_search(&ShortId::from(hot.id)).is_ok();
                self.hot.iter_mut().filter(|hot| is_known(hot)).for_each(|hot| hot.known += 1);
            }
            Signal::Poll => {
                let overlay = cx.overlay;
                let told = self.tell(link, |hot| !overlay.knows(link, &hot.id), cx);
                let work = told + self.hot.len() / LOOKED_AT_PER_REQUEST;
                cx.steps.extend((work > 0).then_some(Step::Charge(link, work)));
            }
            Signal::Prune | Signal::Graft | Signal::First(_) => {}
        }
    }

    fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
        if !self.rounds.begins(cx) {
            return;
        }
        self.lose_interest(cx);
        let pull = cx.params.rumor.pull;
        if cx.overlay.is_empty() || (self.hot.is_empty() && !pull) {
            return self.rounds.stop();
        }
        if pull {
            for neighbour in contacts(cx, |_| true).iter() {
                cx.step(Step::Signal(neighbour.link, Signal::Poll));
            }
            return;
        }
        let (hot, overlay, params) = (&self.hot, cx.overlay, cx.params);
        let lacks = |neighbour, hot: &Hot| lacks(overlay, params, neighbour, &hot.id);
        let lacks_some = |neighbour| hot.iter().any(|hot| lacks(neighbour, hot));
        let contacts = contacts(cx, lacks_some);
        for neighbour in contacts.iter() {
            let _told = self.tell(neighbour.link, |hot| lacks(neighbour, hot), cx);
        }
        if contacts.is_empty() {
            // Whoever doesn't know is behind enough links into other regions.
            self.hot = VecDeque::new();
            self.rounds.stop();
        }
    }

    fn deadline(&self) -> Time {
        self.rounds.deadline()
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fake::{Fake, link, polls, sends, tx};

    /// A network too large for links to run out, one contact a cycle.
    fn infective(k: u32) -> (Fake, Rumor) {
        let (mut fake, mut rumor) = (Fake::new(100), Rumor::default());
        fake.params.fanout = 1;
        fake.params.rumor.k = k;
        fake.now = Time::from_millis(10_000);
        fake.accept(&mut rumor, 1, None);
        (fake, rumor)
    }

    /// One cycle, whose contact is in vain or not. False when there was none.
    fn cycle(fake: &mut Fake, rumor: &mut Rumor, in_vain: bool) -> bool {
        if rumor.deadline() == Time::NEVER {
            return false;
        }
        let steps = fake.wake(rumor);
        let [Step::Send(link, item)] = &steps[..] else {
            return false;
        };
        if in_vain && fake.params.rumor.feedback {
            let known = Signal::Known([ShortId::from(item.id())].into());
            fake.ask(|cx| rumor.on_signal(*link, &known, cx));
        }
        true
    }

    #[test]
    fn it_stops_after_k_contacts_in_vain_and_then_sleeps() {
        let (mut fake, mut rumor) = infective(3);
        for _ in 0..3 {
            assert!(cycle(&mut fake, &mut rumor, true));
        }
        assert!(!cycle(&mut fake, &mut rumor, true));
        assert_eq!(rumor.deadline(), Time::NEVER);
        assert!(!rumor.is_infective());
    }

    #[test]
    fn a_useful_contact_starts_the_count_again() {
        let (mut fake, mut rumor) = infective(2);
        for in_vain in [true, false, true, false, true, true] {
            assert!(cycle(&mut fake, &mut rumor, in_vain));
        }
        assert!(!cycle(&mut fake, &mut rumor, true));
    }

    #[test]
    fn a_blind_node_counts_every_contact() {
        let (mut fake, mut rumor) = infective(4);
        fake.params.rumor.feedback = false;
        let cycles = (0..10).take_while(|_| cycle(&mut fake, &mut rumor, false)).count();
        assert_eq!(cycles, 4);
    }

    #[test]
    fn a_coin_ends_it_after_k_contacts_on_average() {
        let mut fake = Fake::new(1_000);
        fake.params.fanout = 1;
        fake.params.rumor = RumorParams { k: 4, feedback: false, coin: true, pull: false };
        let mut cycles = 0;
        for n in (0..=u8::MAX).cycle().take(500) {
            let mut rumor = Rumor::default();
            fake.accept(&mut rumor, n, None);
            while cycle(&mut fake, &mut rumor, false) {
                cycles += 1;
            }
        }
        let mean = cycles as f64 / 500.0;
        // Geometric with mean 4: a deviation of 3.5 / sqrt(500) = 0.16.
        assert!((mean - 4.0).abs() < 0.6, "{mean}");
    }

    #[test]
    fn whoever_had_the_item_says_so_unless_it_came_in_this_cycle() {
        let (mut fake, mut rumor) = infective(3);
        let id = tx(1).id();
        let known = Step::Signal(link(7), Signal::Known([ShortId::from(id)].into()));
        assert!(fake.ask(|cx| rumor.on_duplicate(link(7), id, cx)).is_empty());
        fake.wake(&mut rumor);
        assert!(fake.ask(|cx| rumor.on_duplicate(link(7), id, cx)).contains(&known));
        let mut removed = Rumor::default();
        assert_eq!(fake.ask(|cx| removed.on_duplicate(link(7), id, cx)), [known]);
        fake.params.rumor.feedback = false;
        assert!(fake.ask(|cx| removed.on_duplicate(link(7), id, cx)).is_empty());
    }

    #[test]
    fn peers_that_are_known_to_have_it_are_not_contacted() {
        let (mut fake, mut rumor) = (Fake::new(3), Rumor::default());
        fake.params.rumor.k = 10;
        fake.accept(&mut rumor, 1, Some(0));
        assert_eq!(sends(&fake.wake(&mut rumor)), 2);
        assert!(fake.wake(&mut rumor).is_empty());
        assert_eq!(rumor.deadline(), Time::NEVER);
    }

    #[test]
    fn with_pull_everybody_asks_and_who_is_asked_tells() {
        let (mut fake, mut rumor) = (Fake::new(5), Rumor::default());
        fake.params.rumor = RumorParams { pull: true, k: 1, ..RumorParams::default() };
        let first = fake.links[0];
        fake.ask(|cx| rumor.on_link_up(first, cx));
        assert_eq!(polls(&fake.wake(&mut rumor)).len(), 3);
        fake.accept(&mut rumor, 1, None);
        // Two ask in one cycle; one of them had it: not in vain.
        for slot in [0, 1] {
            assert_eq!(sends(&fake.ask(|cx| rumor.on_signal(link(slot), &Signal::Poll, cx))), 1);
        }
        let known = Signal::Known([ShortId::from(tx(1).id())].into());
        fake.ask(|cx| rumor.on_signal(link(1), &known, cx));
        fake.wake(&mut rumor);
        assert!(rumor.is_infective());
        assert_eq!(sends(&fake.ask(|cx| rumor.on_signal(link(2), &Signal::Poll, cx))), 1);
        fake.ask(|cx| rumor.on_signal(link(2), &known, cx));
        assert_eq!(polls(&fake.wake(&mut rumor)).len(), 3, "it goes on asking");
        assert!(!rumor.is_infective());
    }
}
