//! With whom a node compares, when, and what it shows.

use super::*;
use crate::ground::item::Hash256;
use crate::reconcile::telling::Telling;
use crate::wire::digest::Span;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

const A: Link = Link::new(0, 1);
const B: Link = Link::new(1, 1);

/// One end of a comparison.
struct End {
    net: AntiEntropy,
    params: RelayParams,
    rng: ChaCha8Rng,
}

impl End {
    fn new() -> Self {
        let rng = ChaCha8Rng::seed_from_u64(1);
        Self { net: AntiEntropy::default(), params: RelayParams::default(), rng }
    }

    fn with(ids: &[ItemId]) -> Self {
        let mut end = Self::new();
        end.accept(ids, Time::ZERO);
        end
    }

    fn accept(&mut self, ids: &[ItemId], now: Time) {
        for id in ids {
            self.net.on_let_out((*id, FeeRate::ZERO), true, now, &self.params, &mut self.rng);
        }
    }

    /// What is shown to a peer that is known to have nothing, on a link where nothing waits.
    fn shown(&self, now: Time) -> Vec<ShortId> {
        let view = self.net.view(A, std::iter::empty(), (SETTLED, &|_| false), FeeRate::ZERO, now);
        view.ids(Span::ALL).collect()
    }

    fn due(&mut self, now: Time) -> Vec<Link> {
        self.net.due(Some(B), now, &self.params)
    }

    /// Wakes it whenever it wants, until then: when it compared, and with whom.
    fn run(&mut self, until: Time) -> Vec<(Time, Link)> {
        let mut compared = Vec::new();
        while self.net.deadline() <= until {
            let now = self.net.deadline();
            compared.extend(self.due(now).into_iter().map(|link| (now, link)));
        }
        compared
    }
}

fn ids(from: u32, to: u32) -> Vec<ItemId> {
    (from..to).map(|n| ItemId::tx(Hash256::of(&n.to_le_bytes()))).collect()
}

fn short(ids: &[ItemId]) -> Vec<ShortId> {
    let mut short: Vec<_> = ids.iter().map(ShortId::from).collect();
    short.sort_unstable();
    short
}

/// What each of two ends holds and the other doesn't, as a comparison finds it.
fn compared(one: &End, other: &End, now: Time) -> (Vec<ShortId>, Vec<ShortId>) {
    let show = |end: &'_ End| end.shown(now);
    let views = [one, other]
        .map(|end| end.net.view(A, std::iter::empty(), (SETTLED, &|_| false), FeeRate::ZERO, now));
    let (mut only, mut said) = ([Vec::new(), Vec::new()], Telling::begin(&views[0], 7));
    for turn in 1.. {
        let (teller, hearer) = ((turn + 1) % 2, turn % 2);
        let (digest, lists) = said.finish();
        for list in lists.iter().flatten() {
            let ours: Vec<_> = views[hearer].ids(list.span).collect();
            only[hearer].extend(ours.iter().filter(|id| !list.ids.contains(id)));
            only[teller].extend(list.ids.iter().filter(|id| !ours.contains(id)));
        }
        let Some(digest) = digest else { break };
        said = Telling::answer(&digest, &views[hearer], 0);
    }
    assert!(show(one).len() >= only[0].len());
    only.iter_mut().for_each(|ids| ids.sort_unstable());
    let [one, other] = only;
    (one, other)
}

#[test]
fn each_side_learns_what_it_lacks() {
    let (a, b) = (End::with(&ids(0, 99)), End::with(&ids(1, 100)));
    let found = compared(&a, &b, Time::from_millis(5_000));
    assert_eq!(found, (short(&ids(0, 1)), short(&ids(99, 100))));
}

#[test]
fn whoever_has_nothing_gets_everything() {
    let (full, empty) = (End::with(&ids(0, 900)), End::new());
    let now = Time::from_millis(5_000);
    assert_eq!(compared(&full, &empty, now).0, short(&ids(0, 900)));
    assert_eq!(compared(&empty, &full, now).1, short(&ids(0, 900)));
}

#[test]
fn what_is_on_its_way_is_not_told_again() {
    let mut end = End::with(&ids(0, 9));
    end.accept(&ids(9, 12), Time::from_millis(600));
    assert_eq!(end.shown(Time::from_millis(900)), []);
    assert_eq!(end.shown(Time::from_millis(1_200)), short(&ids(0, 9)));
    assert_eq!(end.shown(Time::from_millis(1_600)), short(&ids(0, 12)));
    // A peer that has it is shown that we have it, too.
    let (known, now) = (ids(0, 1)[0], Time::from_millis(900));
    let view =
        end.net.view(A, std::iter::empty(), (SETTLED, &|id| *id == known), FeeRate::ZERO, now);
    assert!(view.ids(Span::ALL).eq(short(&[known])));
}

#[test]
fn what_waits_for_a_link_is_not_shown_on_it_however_old() {
    let end = End::with(&ids(0, 9));
    let now = Time::from_millis(3_600_000);
    let view = end.net.view(A, ids(3, 9).into_iter(), (SETTLED, &|_| false), FeeRate::ZERO, now);
    assert!(view.ids(Span::ALL).eq(short(&ids(0, 3))));
}

#[test]
fn a_gap_is_asked_about_again_soon_but_once_in_an_interval() {
    let mut end = End::with(&ids(0, 9));
    let (interval, now) = (interval(&end.params), end.net.deadline());
    assert_eq!(end.due(now), [B]);
    end.net.hurry(now, &end.params);
    assert_eq!(end.net.deadline(), now + SETTLED);
    assert_eq!(end.due(now + SETTLED), [B]);
    end.net.hurry(now + SETTLED, &end.params);
    assert_eq!(end.net.deadline(), now + SETTLED + interval, "it waits for its turn again");
}

#[test]
fn what_a_peer_lacked_is_news_again_and_the_rest_is_not() {
    let mut end = End::with(&ids(0, 9));
    let lacked = ShortId::from(ids(0, 1)[0]);
    end.run(Time::from_millis(80_000));
    let told = Time::from_millis(80_000);
    end.net.on_taken(A, lacked, told, &end.params, &mut end.rng);
    assert_eq!(end.net.news_until, Time::from_millis(90_000), "it was told in the ordinary way");
    end.net.on_told(A, [lacked].into_iter(), told, &end.params);
    end.net.on_taken(A, lacked, told, &end.params, &mut end.rng);
    assert_eq!(end.net.news_until, Time::from_millis(170_000), "but not for ever");
}

#[test]
fn it_falls_silent_when_nothing_is_recent_and_keeps_nothing() {
    let mut end = End::with(&ids(0, 9));
    let rounds = end.run(Time::from_millis(3_600_000));
    assert!((8..=10).contains(&rounds.len()), "90 seconds, one in 10: {rounds:?}");
    assert_eq!(end.net.deadline(), Time::NEVER);
    assert_eq!(end.net.latest.capacity(), 0);
    ids(0, 9).iter().for_each(|id| end.net.on_left(*id));
    assert!(end.net.is_empty());
}

#[test]
fn it_remembers_no_more_than_it_may() {
    let mut end = End::new();
    end.params.recent_max = 5;
    end.accept(&ids(0, 9), Time::ZERO);
    let fresh: Vec<_> = end.net.fresh(Time::from_millis(100), &end.params).collect();
    assert_eq!(fresh.len(), 5);
    assert!(ids(4, 9).iter().all(|id| fresh.contains(id)), "the latest");
    for n in 0..100 {
        end.net.on_block(ids(n, n + 1)[0], Time::ZERO, &end.params, &mut end.rng);
    }
    let blocks = end.net.blocks(Time::ZERO, &end.params);
    assert_eq!(blocks, ids(84, 100), "in the order in which they came");
}

#[test]
fn newcomers_are_compared_with_one_after_another_and_the_first_at_once() {
    let mut end = End::new();
    end.net.on_newcomer(A, &end.params);
    end.net.on_newcomer(B, &end.params);
    assert_eq!(end.net.deadline(), Time::ZERO);
    let compared = end.run(Time::from_millis(60_000));
    assert_eq!(compared, [(Time::ZERO, A), (Time::ZERO + SETTLED, B)]);
}

#[test]
fn what_was_refused_is_told_ever_less_often_and_then_no_more() {
    let mut end = End::with(&ids(0, 9));
    end.run(Time::from_millis(200_000));
    let mut now = Time::from_millis(200_000);
    end.net.on_told(A, [short(&ids(0, 1))[0]].into_iter(), now, &end.params);
    assert_eq!(end.shown(now).len(), 8, "meanwhile both look equal");
    end.net.next = now + interval(&end.params);
    let mut times = 1;
    while end.net.deadline() < Time::NEVER {
        now = end.net.deadline();
        for link in end.due(now) {
            assert_eq!(link, A);
            assert_eq!(end.shown(now).len(), 9, "it may be told again");
            end.net.on_told(A, [short(&ids(0, 1))[0]].into_iter(), now, &end.params);
            times += 1;
        }
    }
    assert_eq!(times, 7);
    assert!(now < Time::from_millis(200_000 + 30 * 60_000), "{now}");
}

#[test]
fn rounds_go_in_turn_to_random_peers_and_to_those_with_whom_there_is_more_to_do() {
    let mut end = End::with(&ids(0, 9));
    let mut links = Vec::new();
    for _ in 0..8 {
        let now = end.net.deadline();
        end.net.on_unfinished(A, now, &end.params);
        links.extend(end.due(now));
    }
    assert_eq!(links, [B, A, B, A, B, A, B, A]);
}

#[test]
fn whoever_took_all_that_it_was_told_is_told_more_at_once() {
    let mut end = End::with(&ids(0, 9));
    end.run(Time::from_millis(30_000));
    let (now, told) = (Time::from_millis(30_000), short(&ids(0, 2)));
    end.net.on_told(A, told.iter().copied(), now, &end.params);
    end.net.on_unfinished(A, now, &end.params);
    end.net.on_taken(A, told[0], now, &end.params, &mut end.rng);
    assert!(end.net.deadline() > now);
    end.net.on_taken(A, told[1], now, &end.params, &mut end.rng);
    assert_eq!(end.net.deadline(), now);
    assert_eq!(end.due(now), [A]);
}
