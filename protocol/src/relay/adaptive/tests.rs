//! Scenarios by name: what one node sends, learns and believes.

use super::batches::HURRIED;
use super::trials::{NEW, Trial, VERDICT};
use super::*;
use crate::ground::link::Direction;
use crate::params::Preset;
use crate::relay::fake::{Fake, link, sends, tx};
use crate::relay::turns::HASTE;

/// A node with links that have just come up.
struct Stage {
    fake: Fake,
    adaptive: Adaptive,
    trials_begun: usize,
}

fn short(n: u8) -> ShortId {
    tx(n).id().into()
}

/// Transactions that are trials on young links.
fn trials() -> impl Iterator<Item = u8> {
    (0..=u8::MAX).filter(|n| is_trial(short(*n)))
}

/// One of those that all are told of promptly.
fn told_trial() -> u8 {
    (0..=u8::MAX).rfind(|n| is_told_trial(short(*n), 0)).unwrap()
}

/// A transaction that is none.
fn ordinary() -> u8 {
    (0..=u8::MAX).find(|n| !is_trial(short(*n))).unwrap()
}

impl Stage {
    fn new(links: u32) -> Self {
        let (mut fake, mut adaptive) = (Fake::new(links), Adaptive::default());
        for neighbour in fake.links.clone() {
            fake.ask(|cx| adaptive.on_link_up(neighbour, cx));
        }
        Self { fake, adaptive, trials_begun: 0 }
    }

    /// A transaction comes by link 0.
    fn accept(&mut self, n: u8) -> Vec<Step> {
        self.fake.accept(&mut self.adaptive, n, Some(0))
    }

    fn signal(&mut self, slot: u32, signal: &Signal) {
        let adaptive = &mut self.adaptive;
        self.fake.ask(|cx| adaptive.on_signal(link(slot), signal, cx));
    }

    fn known(&mut self, slot: u32, n: u8) {
        self.signal(slot, &Signal::Known([short(n)].into()));
    }

    fn announced(&mut self, slot: u32, n: u8) -> Duration {
        let (adaptive, mut wait) = (&mut self.adaptive, Duration::MAX);
        self.fake.ask(|cx| {
            wait = adaptive.on_announced(link(slot), (ItemKind::Tx, short(n)), false, cx);
        });
        wait
    }

    /// What it does when its batches are due.
    fn flush(&mut self) -> Vec<Step> {
        self.fake.wake(&mut self.adaptive)
    }

    fn odds(&self, slot: u32) -> Probability {
        self.adaptive.links.get(link(slot)).unwrap().odds.probability()
    }

    /// One peer says of twenty trials that they came too late, and is silent about what it is told.
    fn disparage(&mut self, slot: u32) {
        let begun = self.trials_begun;
        self.trials_begun += 20;
        for n in trials().skip(begun).take(20) {
            self.accept(n);
            self.known(slot, n);
            self.fake.now = self.fake.now + VERDICT;
        }
        if self.adaptive.deadline() != Time::NEVER {
            self.fake.wake(&mut self.adaptive);
        }
    }
}

fn is_held(steps: &[Step], slot: u32) -> bool {
    steps.iter().any(|step| matches!(step, Step::Hold(to, _) if *to == link(slot)))
}

fn is_sent(steps: &[Step], slot: u32) -> bool {
    steps.iter().any(|step| matches!(step, Step::Send(to, _) if *to == link(slot)))
}

#[test]
fn new_links_get_items_whole() {
    let mut stage = Stage::new(5);
    assert_eq!(sends(&stage.accept(1)), 4);
}

#[test]
fn a_peer_that_has_items_before_us_is_told_nothing_and_compared_with_in_its_turn() {
    let mut stage = Stage::new(4);
    stage.disparage(1);
    let n = ordinary();
    let steps = stage.accept(n);
    let concerns = |step: &&Step| matches!(step, Step::Hold(to, _) if *to == link(1));
    assert_eq!((steps.iter().find(concerns), sends(&steps)), (None, 2));
    let until = stage.fake.now + 2 * stage.fake.params.compared();
    let mut compared = Vec::new();
    while stage.adaptive.deadline() <= until {
        let steps = stage.fake.wake(&mut stage.adaptive);
        compared.extend(steps.into_iter().filter(|step| matches!(step, Step::Compare(_))));
    }
    let each = [0, 1, 2, 3].map(|slot| Step::Compare(link(slot)));
    assert!(compared.len() == 4 && each.iter().all(|one| compared.contains(one)), "{compared:?}");
}

#[test]
fn links_are_compared_in_haste_when_one_goes_that_brought_something_and_not_for_others() {
    for brings in [false, true] {
        let mut stage = Stage::new(4);
        stage.fake.params.adaptive.compare_ms = Some(8_000);
        stage.disparage(1);
        let from = if brings { 2 } else { 3 };
        stage.fake.accept(&mut stage.adaptive, ordinary(), Some(from));
        stage.fake.ask(|cx| stage.adaptive.on_link_down(link(2), cx));
        let until = stage.fake.now + HASTE;
        let mut compared = 0;
        while stage.adaptive.deadline() <= until {
            let steps = stage.fake.wake(&mut stage.adaptive);
            compared += steps.iter().filter(|step| matches!(step, Step::Compare(_))).count();
        }
        assert_eq!(compared >= 3, brings, "{compared} comparisons");
    }
}

#[test]
fn where_nothing_is_compared_a_peer_that_has_items_before_us_gets_their_ids_in_the_next_batch() {
    let mut stage = Stage::new(4);
    stage.fake.params.adaptive.compare_ms = Some(0);
    stage.disparage(1);
    let n = ordinary();
    let steps = stage.accept(n);
    assert!(steps.contains(&Step::Hold(link(1), tx(n).id())), "{steps:?}");
    assert_eq!(sends(&steps), 2, "the others aren't touched");
    assert!(stage.adaptive.deadline() <= stage.fake.now + LAZY);
    assert!(stage.adaptive.deadline() >= stage.fake.now + LAZY / 2);
    assert_eq!(stage.fake.wake(&mut stage.adaptive), [Step::Flush(link(1))]);
    assert_eq!(stage.adaptive.deadline(), Time::NEVER);
}

/// After n misses the odds are 1/(n + 1): three leave 25 %, which is worth a word of its own, and less than a threshold that was
/// raised twice.
fn nearly_worth_it() -> Stage {
    let mut stage = Stage::new(3);
    let (dial, first) = (Preset::Balanced.redundancy(), Preset::Balanced.eager_from());
    for epoch in 0..2 {
        stage.adaptive.threshold.on_verdict(epoch, 255, dial, first);
    }
    for n in trials().take(3) {
        stage.accept(n);
        stage.known(1, n);
    }
    stage
}

#[test]
fn a_peer_that_is_nearly_worth_it_is_told_within_the_window() {
    let mut stage = nearly_worth_it();
    let steps = stage.accept(ordinary());
    assert!(is_held(&steps, 1), "{steps:?}");
    assert!(is_sent(&steps, 2), "whole items never wait: {steps:?}");
    let at = stage.adaptive.deadline();
    assert!(at <= stage.fake.now + Preset::Balanced.window());
    // More of them join the batch and don't put it off.
    stage.fake.now = at;
    let steps = stage.accept(trials().last().unwrap());
    assert!(!steps.contains(&Step::Flush(link(1))), "{steps:?}");
    assert_eq!(stage.adaptive.deadline(), at);
    assert_eq!(stage.flush(), [Step::Flush(link(1))]);
}

#[test]
fn where_items_come_by_request_only_nothing_prompt_waits() {
    let mut stage = nearly_worth_it();
    stage.adaptive.patience.on_link_down();
    let steps = stage.accept(ordinary());
    assert!(is_held(&steps, 1) && steps.contains(&Step::Flush(link(1))), "{steps:?}");
}

#[test]
fn the_dial_moves_the_threshold() {
    for (preset, is_eager) in [(Preset::Fast, true), (Preset::Balanced, false)] {
        let mut stage = Stage::new(3);
        stage.fake.params.adaptive.preset = preset;
        for n in trials().take(10) {
            stage.accept(n);
            stage.known(1, n);
        }
        assert_eq!(is_sent(&stage.accept(ordinary()), 1), is_eager, "{preset:?}");
    }
}

#[test]
fn a_node_whose_copies_are_useless_beyond_the_dial_raises_its_threshold() {
    let mut stage = Stage::new(10);
    let first = Preset::Balanced.eager_from();
    for n in trials().take(12) {
        stage.accept(n);
        (1..10).for_each(|slot| stage.known(slot, n));
        stage.fake.now = stage.fake.now + VERDICT;
    }
    assert!(stage.adaptive.threshold.value(first) > first);
}

#[test]
fn of_peers_that_all_want_everything_those_that_bring_something_go_first() {
    let mut stage = Stage::new(16);
    for n in 0..40 {
        stage.fake.accept(&mut stage.adaptive, n, Some(u32::from(n % 2)));
    }
    for n in 40..60 {
        let steps = stage.fake.accept(&mut stage.adaptive, n, Some(2));
        assert!(is_sent(&steps, 0) && is_sent(&steps, 1), "{steps:?}");
        assert!(sends(&steps) < 5, "{steps:?}");
    }
}

#[test]
fn our_own_items_go_to_the_same_outbound_peers_and_wait_on_the_other_links() {
    let mut stage = Stage::new(10);
    stage.fake.params.adaptive.first_hops = Some(2);
    for n in 0..5 {
        let steps = stage.fake.accept(&mut stage.adaptive, n, None);
        assert_eq!((sends(&steps), steps.len()), (2, 2));
        assert!(is_sent(&steps, 0) && is_sent(&steps, 2), "the oldest that we dialled: {steps:?}");
    }
    let steps = stage.flush();
    for slot in (1..10).filter(|slot| *slot != 2) {
        assert!(is_held(&steps, slot) && steps.contains(&Step::Flush(link(slot))), "{steps:?}");
    }
    assert_eq!(stage.adaptive.deadline(), Time::NEVER);
}

#[test]
fn a_node_that_nobody_accepted_sends_its_own_items_to_who_dialled_it() {
    let mut stage = Stage::new(10);
    stage.fake.links.retain(|neighbour| neighbour.direction == Direction::Inbound);
    let steps = stage.fake.accept(&mut stage.adaptive, ordinary(), None);
    assert_eq!(sends(&steps), Preset::Balanced.first_hops());
}

#[test]
fn an_own_item_that_another_peer_speaks_of_spreads_like_a_relayed_one() {
    for comes_whole in [true, false] {
        let mut stage = Stage::new(10);
        stage.disparage(5);
        let n = ordinary();
        stage.fake.accept(&mut stage.adaptive, n, None);
        stage.fake.tell(7, tx(n).id());
        let adaptive = &mut stage.adaptive;
        let mut echo = || {
            stage.fake.ask(|cx| {
                if comes_whole {
                    adaptive.on_duplicate(link(7), tx(n).id(), cx);
                } else {
                    adaptive.on_announced(link(7), (ItemKind::Tx, short(n)), true, cx);
                }
            })
        };
        let steps = echo();
        assert!(is_sent(&steps, 1) && is_sent(&steps, 9), "{steps:?}");
        assert!(!is_sent(&steps, 0) && !is_sent(&steps, 7) && !is_sent(&steps, 5), "{steps:?}");
        assert!(!is_held(&steps, 5), "it is compared with");
        assert_eq!(echo(), [], "once");
    }
}

#[test]
fn a_trial_is_told_promptly_even_to_those_who_know() {
    let mut stage = Stage::new(4);
    stage.disparage(1);
    let n = told_trial();
    assert!(is_held(&stage.accept(n), 1));
    assert!(stage.adaptive.deadline() <= stage.fake.now + Preset::Balanced.window());
}

#[test]
fn own_items_do_not_leave_with_prompt_batches() {
    let mut stage = Stage::new(4); // few enough for the ration
    stage.fake.params.adaptive.first_hops = Some(2);
    stage.disparage(1);
    stage.fake.accept(&mut stage.adaptive, ordinary(), None);
    stage.accept(told_trial());
    assert!(stage.adaptive.deadline() <= stage.fake.now + Preset::Balanced.window());
    assert_eq!(stage.flush(), [Step::Flush(link(1))]);
    assert!(!stage.fake.is_told(1, tx(ordinary()).id()));
}

#[test]
fn silence_says_that_a_copy_came_first_and_an_id_did_not() {
    let mut stage = Stage::new(3);
    stage.disparage(1);
    let before = (stage.odds(1), stage.odds(2));
    let n = told_trial();
    stage.accept(n);
    stage.fake.now = stage.fake.now + VERDICT;
    stage.accept(ordinary());
    assert!(stage.odds(1) < before.0);
    assert!(stage.odds(2) >= before.1);
}

#[test]
fn a_peer_that_asks_or_heard_first_from_us_is_soon_sent_items_again() {
    let mut stage = Stage::new(3);
    stage.disparage(1);
    let n = ordinary();
    let asked = (0..40).find(|_| {
        let adaptive = &mut stage.adaptive;
        stage.fake.ask(|cx| adaptive.on_requested(link(1), tx(n).id(), cx));
        stage.odds(1) >= Preset::Balanced.eager_from()
    });
    assert!(asked.is_some_and(|asked| asked < 15), "{asked:?}");
    assert!(is_sent(&stage.accept(n), 1));

    let mut stage = Stage::new(3);
    stage.disparage(1);
    let n = told_trial();
    stage.accept(n);
    let before = stage.odds(1);
    stage.signal(1, &Signal::First([short(n)].into()));
    assert!(stage.odds(1) > before);
}

#[test]
fn feedback_counts_once_for_what_was_sent_on_its_own_link_and_for_nothing_else() {
    let mut stage = Stage::new(4);
    let n = trials().next().unwrap();
    stage.known(1, n);
    assert_eq!(stage.odds(1), Probability::ONE, "nothing was sent yet");
    stage.accept(n);
    stage.known(1, n);
    let once = stage.odds(1);
    stage.known(1, n);
    stage.signal(1, &Signal::First([short(n)].into()));
    assert_eq!(stage.odds(1), once, "said once is enough");
    assert_eq!((stage.odds(2), stage.odds(3)), (Probability::ONE, Probability::ONE));
}

#[test]
fn on_a_new_link_every_item_is_a_trial_and_feedback_hurries() {
    let mut stage = Stage::new(3);
    let mut ordinary = (0..=u8::MAX).filter(|n| !is_trial(short(*n)));
    let (first, n) = (ordinary.next().unwrap(), ordinary.next().unwrap());
    stage.accept(first);
    stage.known(1, first);
    assert_eq!(stage.odds(1), Probability::ONE, "the very first is none");
    stage.accept(n);
    stage.known(1, n);
    assert!(stage.odds(1) < Probability::ONE);
    let adaptive = &mut stage.adaptive;
    stage.fake.ask(|cx| adaptive.on_duplicate(link(2), tx(n).id(), cx));
    assert!(stage.adaptive.deadline() <= stage.fake.now + HURRIED);
    assert_eq!(stage.flush(), [Step::Signal(link(2), Signal::Known([short(n)].into()))]);

    let mut stage = Stage::new(3);
    (0..2 * u8::try_from(NEW).unwrap()).for_each(|n| _ = stage.accept(n));
    let before = stage.odds(1);
    let n = (100..=u8::MAX).find(|n| !is_trial(short(*n))).unwrap();
    stage.accept(n);
    stage.known(1, n);
    assert_eq!(stage.odds(1), before, "it is new no more");
}

#[test]
fn whoever_sends_trials_second_is_told_so_with_the_next_batch() {
    let mut stage = Stage::new(3);
    (0..2 * u8::try_from(NEW).unwrap()).for_each(|_| _ = stage.accept(ordinary()));
    let trials: Vec<_> = trials().take(2).collect();
    for n in [trials[0], ordinary(), trials[1]] {
        stage.accept(n);
        let adaptive = &mut stage.adaptive;
        let steps = stage.fake.ask(|cx| adaptive.on_duplicate(link(2), tx(n).id(), cx));
        assert_eq!(steps, [], "it isn't urgent");
    }
    let mut known = [short(trials[0]), short(trials[1])];
    known.sort();
    assert_eq!(stage.flush(), [Step::Signal(link(2), Signal::Known(known.into()))]);
}

/// Link 2 sent a trial long after another link; now it sends one first, and link 0 sends it `later`. Who
/// is told that his copy was known?
fn told_in_a_race(later: Duration) -> Vec<Step> {
    let mut stage = Stage::new(4);
    let (before, n) = (trials().next().unwrap(), trials().nth(1).unwrap());
    stage.accept(before);
    stage.fake.now = stage.fake.now + Preset::Balanced.dead_heat();
    let adaptive = &mut stage.adaptive;
    stage.fake.ask(|cx| adaptive.on_duplicate(link(2), tx(before).id(), cx));
    stage.flush();
    stage.fake.accept(&mut stage.adaptive, n, Some(2));
    stage.fake.now = stage.fake.now + later;
    let adaptive = &mut stage.adaptive;
    stage.fake.ask(|cx| adaptive.on_duplicate(link(0), tx(n).id(), cx));
    let known = Signal::Known([short(n)].into());
    stage
        .flush()
        .into_iter()
        .filter(|step| matches!(step, Step::Signal(_, said) if *said == known))
        .collect()
}

#[test]
fn in_a_dead_heat_the_link_with_less_merit_counts_as_second() {
    let n = trials().nth(1).unwrap();
    let told = |slot| Step::Signal(link(slot), Signal::Known([short(n)].into()));
    let margin = Preset::Balanced.dead_heat();
    assert_eq!(told_in_a_race(margin - Duration::from_millis(1)), [told(2)]);
    assert_eq!(told_in_a_race(margin), [told(0)], "that was no dead heat");
}

#[test]
fn a_link_and_a_trial_take_few_bytes() {
    assert!(size_of::<Side>() <= 16, "{} bytes a link", size_of::<Side>());
    assert!(size_of::<Trial>() <= 80, "{} bytes a trial", size_of::<Trial>());
}

#[test]
fn nothing_is_said_to_a_peer_that_is_gone() {
    let mut stage = Stage::new(3);
    let n = trials().next().unwrap();
    stage.accept(n);
    let adaptive = &mut stage.adaptive;
    stage.fake.ask(|cx| adaptive.on_duplicate(link(2), tx(n).id(), cx));
    stage.fake.ask(|cx| adaptive.on_link_down(link(2), cx));
    let compares = |step: &Step| matches!(step, Step::Compare(to) if *to != link(2));
    assert!(stage.flush().iter().all(compares));
}

#[test]
fn trials_become_rare_on_links_that_have_seen_many_items() {
    let mut stage = Stage::new(3);
    stage.disparage(1);
    let told = |stage: &Stage| {
        let params = &stage.fake.params;
        trials().filter(|n| stage.adaptive.is_prompt(link(1), short(*n), params)).count()
    };
    let young = told(&stage);
    assert!(young < trials().count() / 2, "{young} of {}", trials().count());
    (0..=u8::MAX).for_each(|n| _ = stage.accept(n));
    let count = told(&stage);
    assert!(0 < count && count < young, "{count} of {young}");
}

#[test]
fn whoever_announced_a_trial_first_is_told_so_when_it_comes_from_elsewhere() {
    let mut stage = Stage::new(4);
    let n = trials().next().unwrap();
    stage.announced(2, n);
    stage.announced(3, n);
    stage.fake.now = stage.fake.now + Preset::Balanced.dead_heat();
    stage.accept(n);
    let first = |slot| Step::Signal(link(slot), Signal::First([short(n)].into()));
    let steps = stage.flush();
    assert!(steps.contains(&first(2)) && !steps.contains(&first(3)));
}

#[test]
fn an_answer_that_was_overtaken_is_no_duplicate() {
    let mut stage = Stage::new(3);
    let n = trials().next().unwrap();
    stage.announced(2, n);
    // We asked link 2, and its copy comes first; then somebody sends another one unasked.
    stage.fake.accept(&mut stage.adaptive, n, Some(2));
    let adaptive = &mut stage.adaptive;
    let steps = stage.fake.ask(|cx| adaptive.on_duplicate(link(2), tx(n).id(), cx));
    assert!(steps.is_empty(), "{steps:?}");
}

#[test]
fn it_waits_for_items_to_come_whole_but_not_after_a_link_is_lost() {
    let mut stage = Stage::new(3);
    assert_eq!(stage.announced(1, 1), WAIT_MAX);
    stage.fake.now = stage.fake.now + Duration::from_millis(100);
    assert_eq!(stage.announced(2, 1), WAIT_MAX - Duration::from_millis(100), "from the first on");
    let adaptive = &mut stage.adaptive;
    stage.fake.ask(|cx| adaptive.on_link_down(link(0), cx));
    assert_eq!(stage.announced(1, 2), Duration::ZERO);
}

#[test]
fn it_waits_shorter_for_what_comes_sooner() {
    let mut stage = Stage::new(3);
    for n in 0..100 {
        stage.announced(1, n);
        stage.fake.now = stage.fake.now + Duration::from_millis(20);
        stage.accept(n);
    }
    assert!(stage.announced(1, 101) < Duration::from_millis(30));
}

#[test]
fn what_is_announced_and_never_comes_is_forgotten() {
    let mut stage = Stage::new(2);
    for n in 0..10_000_u64 {
        let id = ShortId(n.to_le_bytes());
        let adaptive = &mut stage.adaptive;
        stage.fake.ask(|cx| {
            adaptive.on_announced(link(1), (ItemKind::Tx, id), false, cx);
        });
    }
    assert!(stage.adaptive.expected.len() <= usize::from(expected::SHARE_MAX));
    stage.fake.now = stage.fake.now + Duration::from_secs(10);
    assert_eq!(stage.announced(0, 1), WAIT_MAX);
    assert_eq!(stage.adaptive.expected.len(), 1);
}

#[test]
fn a_peer_that_announces_without_end_washes_away_only_what_it_announced() {
    let mut stage = Stage::new(3);
    stage.announced(2, 1);
    for n in 0..10_000_u64 {
        let id = ShortId(n.to_le_bytes());
        let adaptive = &mut stage.adaptive;
        stage.fake.ask(|cx| {
            adaptive.on_announced(link(1), (ItemKind::Tx, id), false, cx);
        });
    }
    stage.fake.now = stage.fake.now + Duration::from_millis(100);
    assert_eq!(stage.announced(0, 1), WAIT_MAX - Duration::from_millis(100));
}
