//! Scenarios by name, then random operations against a naive model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::item::ItemId;

const IN: Direction = Direction::Inbound;
const OUT: Direction = Direction::Outbound;

fn link(slot: u32) -> Link {
    Link::new(slot, 1)
}

fn id(n: u8) -> ItemId {
    ItemId([n; 32])
}

fn params() -> RequestParams {
    RequestParams { tx_timeout_ms: 100, block_timeout_ms: 500, announced_max: 4, in_flight_max: 2 }
}

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn tracker(directions: &[Direction]) -> Requests {
    let mut requests = Requests::new(Salt::new(1));
    for (slot, direction) in (0..).zip(directions) {
        requests.on_connected(link(slot), *direction);
    }
    requests
}

fn announce(requests: &mut Requests, slot: u32, n: u8, now: Time) -> Announced {
    requests.on_announced(link(slot), (ItemKind::Tx, id(n).into()), Duration::ZERO, now, &params())
}

/// What leaves now: (slot, id) pairs.
fn sent(requests: &mut Requests) -> Vec<(usize, u8)> {
    let mut sent = Vec::new();
    requests.flush(|link, message| {
        let Message::GetData { ids, .. } = message else { panic!("{message:?}") };
        sent.extend(ids.iter().map(|id| (link.slot(), id.0[0])));
    });
    sent
}

#[test]
fn the_first_announcer_is_asked_and_the_others_are_remembered() {
    let mut requests = tracker(&[IN, OUT]);
    assert_eq!(announce(&mut requests, 0, 1, ms(0)), Announced::Requested);
    assert_eq!(announce(&mut requests, 1, 1, ms(1)), Announced::Remembered);
    assert_eq!(announce(&mut requests, 1, 1, ms(2)), Announced::Repeated);
    assert_eq!(sent(&mut requests), [(0, 1)]);
    assert!(requests.was_asked(link(0), id(1)) && !requests.was_asked(link(1), id(1)));
}

#[test]
fn notfound_moves_the_request_to_the_next_announcer_at_once() {
    let mut requests = tracker(&[IN, IN]);
    announce(&mut requests, 0, 1, ms(0));
    announce(&mut requests, 1, 1, ms(0));
    sent(&mut requests);
    assert!(requests.on_failed(link(0), id(1), ms(1), &params()));
    assert_eq!(sent(&mut requests), [(1, 1)]);
}

#[test]
fn a_spurious_notfound_changes_nothing() {
    let mut requests = tracker(&[IN, IN]);
    announce(&mut requests, 0, 1, ms(0));
    announce(&mut requests, 1, 1, ms(0));
    sent(&mut requests);
    assert!(!requests.on_failed(link(1), id(1), ms(1), &params()));
    assert!(!requests.on_failed(link(0), id(9), ms(1), &params()));
    assert!(sent(&mut requests).is_empty());
    assert_eq!(requests.in_flight(link(0)), 1);
}

#[test]
fn a_disconnect_moves_all_its_requests_at_once() {
    let mut requests = tracker(&[IN, IN]);
    for n in [1, 2] {
        announce(&mut requests, 0, n, ms(0));
        announce(&mut requests, 1, n, ms(0));
    }
    assert_eq!(sent(&mut requests), [(0, 1), (0, 2)]);
    requests.on_disconnected(link(0), ms(5), &params());
    assert_eq!(sent(&mut requests), [(1, 1), (1, 2)]);
}

#[test]
fn a_request_that_runs_out_goes_to_an_outbound_peer_first() {
    let mut requests = tracker(&[IN, IN, OUT]);
    for slot in 0..3 {
        announce(&mut requests, slot, 1, ms(0));
    }
    assert_eq!(sent(&mut requests), [(0, 1)]);
    assert_eq!(requests.deadline(), ms(100));
    requests.on_wake(ms(99), &params(), |_, _| ());
    assert!(sent(&mut requests).is_empty());
    requests.on_wake(ms(100), &params(), |_, _| ());
    assert_eq!(sent(&mut requests), [(2, 1)]);
    requests.on_wake(ms(200), &params(), |_, _| ());
    assert_eq!(sent(&mut requests), [(1, 1)]);
    requests.on_wake(ms(300), &params(), |_, _| ());
    assert!(sent(&mut requests).is_empty() && requests.is_empty());
    assert_eq!(requests.expired(), 3);
}

#[test]
fn no_more_is_in_flight_than_allowed_and_the_rest_follows() {
    let mut requests = tracker(&[OUT]);
    for n in 1..=4 {
        announce(&mut requests, 0, n, ms(0));
    }
    assert_eq!(sent(&mut requests), [(0, 1), (0, 2)]);
    assert_eq!(requests.on_arrived(id(1), ms(1), &params()), [link(0)]);
    assert_eq!(sent(&mut requests), [(0, 3)]);
    assert_eq!(requests.in_flight(link(0)), 2);
}

#[test]
fn a_busy_announcer_does_not_keep_others_from_being_asked() {
    let mut requests = tracker(&[IN, IN]);
    for n in 1..=3 {
        announce(&mut requests, 0, n, ms(0));
    }
    assert_eq!(sent(&mut requests), [(0, 1), (0, 2)]);
    assert_eq!(announce(&mut requests, 1, 3, ms(1)), Announced::Requested);
    assert_eq!(sent(&mut requests), [(1, 3)]);
}

#[test]
fn announcements_over_the_cap_are_dropped() {
    let mut requests = tracker(&[IN]);
    for n in 1..=4 {
        assert_ne!(announce(&mut requests, 0, n, ms(0)), Announced::Dropped);
    }
    assert_eq!(announce(&mut requests, 0, 5, ms(0)), Announced::Dropped);
    requests.on_arrived(id(1), ms(1), &params());
    assert_ne!(announce(&mut requests, 0, 5, ms(1)), Announced::Dropped);
}

#[test]
fn a_late_handle_cannot_touch_the_requests_of_a_newcomer() {
    let mut requests = tracker(&[IN]);
    requests.on_disconnected(link(0), ms(0), &params());
    requests.on_connected(Link::new(0, 2), IN);
    assert_eq!(announce(&mut requests, 0, 1, ms(1)), Announced::Dropped);
    assert!(requests.is_empty());
}

fn announce_patiently(requests: &mut Requests, slot: u32, n: u8, wait_ms: u64) -> Announced {
    let wait = Duration::from_millis(wait_ms);
    requests.on_announced(link(slot), (ItemKind::Tx, id(n).into()), wait, ms(0), &params())
}

#[test]
fn an_announcer_may_have_to_wait_for_its_turn() {
    let mut requests = tracker(&[IN, OUT]);
    assert_eq!(announce_patiently(&mut requests, 0, 1, 30), Announced::Remembered);
    assert_eq!(announce_patiently(&mut requests, 1, 1, 50), Announced::Remembered);
    assert!(sent(&mut requests).is_empty());
    assert_eq!(requests.deadline(), ms(30));
    requests.on_wake(ms(30), &params(), |_, _| ());
    assert_eq!(sent(&mut requests), [(0, 1)]);
}

#[test]
fn nobody_is_asked_for_what_arrives_while_it_waits() {
    let mut requests = tracker(&[IN]);
    announce_patiently(&mut requests, 0, 1, 30);
    assert_eq!(requests.on_arrived(id(1), ms(10), &params()), [link(0)]);
    assert_eq!(requests.deadline(), Time::NEVER);
    requests.on_wake(ms(30), &params(), |_, _| ());
    assert!(sent(&mut requests).is_empty());
}

#[test]
fn an_impatient_announcement_overtakes_a_patient_one() {
    let mut requests = tracker(&[IN, IN]);
    announce_patiently(&mut requests, 0, 1, 30);
    assert_eq!(announce(&mut requests, 1, 1, ms(5)), Announced::Requested);
    requests.on_wake(ms(30), &params(), |_, _| ());
    assert_eq!(sent(&mut requests), [(1, 1)]);
}

#[test]
fn after_a_failure_nobody_waits_for_a_turn() {
    let mut requests = tracker(&[IN, IN]);
    announce(&mut requests, 0, 1, ms(0));
    announce_patiently(&mut requests, 1, 1, 5_000);
    sent(&mut requests);
    assert!(requests.on_failed(link(0), id(1), ms(1), &params()));
    assert_eq!(sent(&mut requests), [(1, 1)]);
}

#[test]
fn a_peer_that_let_a_request_run_out_is_asked_last_until_it_delivers() {
    let mut requests = tracker(&[OUT, IN, OUT]);
    announce(&mut requests, 0, 1, ms(0));
    requests.on_wake(ms(100), &params(), |_, _| ());
    assert!(requests.is_staller(link(0)));
    sent(&mut requests);
    for slot in [2, 0, 1] {
        announce(&mut requests, slot, 2, ms(200));
    }
    assert_eq!(sent(&mut requests), [(2, 2)]);
    requests.on_failed(link(2), id(2), ms(201), &params());
    assert_eq!(sent(&mut requests), [(1, 2)], "an inbound peer before an outbound staller");
    requests.on_failed(link(1), id(2), ms(202), &params());
    assert_eq!(sent(&mut requests), [(0, 2)]);
    requests.on_delivered(link(0));
    assert!(!requests.is_staller(link(0)));
}

#[test]
fn what_is_in_flight_from_a_staller_gives_way_at_once() {
    let mut requests = tracker(&[IN, IN]);
    announce(&mut requests, 0, 1, ms(0));
    requests.on_wake(ms(100), &params(), |_, _| ());
    announce(&mut requests, 0, 2, ms(200));
    sent(&mut requests);
    assert_eq!(announce(&mut requests, 1, 2, ms(201)), Announced::Requested);
    assert_eq!(sent(&mut requests), [(1, 2)]);
    assert_eq!((requests.in_flight(link(0)), requests.in_flight(link(1))), (0, 1));
    assert!(requests.was_asked(link(0), id(2)), "what comes late is welcome");
}

#[test]
fn ten_stallers_delay_an_item_by_one_timeout_at_most_and_later_ones_not_at_all() {
    let mut requests = tracker(&[IN, IN, IN, IN, IN, IN, IN, IN, IN, IN, OUT]);
    for slot in 0..10 {
        announce(&mut requests, slot, 1, ms(u64::from(slot)));
    }
    announce(&mut requests, 10, 1, ms(50));
    assert_eq!(sent(&mut requests), [(0, 1)]);
    requests.on_wake(ms(100), &params(), |_, _| ());
    assert_eq!(sent(&mut requests), [(10, 1)], "one timeout after the first announcement");
    requests.on_arrived(id(1), ms(101), &params());
    for slot in 1..10 {
        let at = ms(1_000 * u64::from(slot));
        announce(&mut requests, slot, 2, at);
        requests.on_wake(at + Duration::from_millis(100), &params(), |_, _| ());
    }
    sent(&mut requests);
    for slot in 0..11 {
        announce(&mut requests, slot, 3, ms(20_000));
    }
    assert_eq!(sent(&mut requests), [(0, 3), (10, 3)], "the staller gave way");
}

#[test]
fn who_is_next_among_equals_depends_on_a_secret() {
    let next = |secret: u64| {
        let mut requests = Requests::new(Salt::new(1));
        requests.set_secret(secret);
        for slot in 0..5 {
            requests.on_connected(link(slot), IN);
        }
        for slot in 0..5 {
            announce(&mut requests, slot, 1, ms(0));
        }
        sent(&mut requests);
        requests.on_failed(link(0), id(1), ms(1), &params());
        sent(&mut requests)[0].0
    };
    let chosen: std::collections::BTreeSet<_> = (0..20).map(|n| next(100 * n)).collect();
    assert_eq!(chosen.len(), 4, "each of the others, sometimes");
}

#[test]
fn a_late_answer_is_in_order_even_when_the_item_was_forgotten() {
    let mut requests = tracker(&[IN]);
    for n in [1, 2, 3] {
        announce(&mut requests, 0, n, ms(0));
    }
    requests.on_wake(ms(100), &params(), |_, _| ());
    requests.on_wake(ms(200), &params(), |_, _| ());
    assert!(requests.is_empty());
    // As many as may be in flight are remembered.
    assert_eq!([1, 2, 3].map(|n| requests.was_asked(link(0), id(n))), [false, true, true]);
}

/// The rules once more, without any of the bookkeeping: lists, searched from end to end.
#[derive(Default)]
struct Model {
    links: Vec<(usize, Direction)>,
    wanted: BTreeMap<u8, ModelItem>,
    /// Item, link, and when the request runs out.
    asked: Vec<(u8, usize, Time)>,
    /// Link, deliveries owed, and when the next strike counts.
    standings: BTreeMap<usize, (u8, Time)>,
    /// Link and item, in the order in which they were asked for in vain.
    late: Vec<(usize, u8)>,
}

#[derive(Default)]
struct ModelItem {
    announcers: Vec<ModelAnnouncer>,
    failed: bool,
}

struct ModelAnnouncer {
    slot: usize,
    was_asked: bool,
    turn: Time,
}

impl Model {
    fn in_flight(&self, slot: usize) -> usize {
        self.asked.iter().filter(|(_, link, _)| *link == slot).count()
    }

    fn announced(&self, slot: usize) -> usize {
        let has = |item: &&ModelItem| item.announcers.iter().any(|held| held.slot == slot);
        self.wanted.values().filter(has).count()
    }

    fn is_staller(&self, slot: usize) -> bool {
        self.standings.get(&slot).is_some_and(|(debt, _)| *debt > 0)
    }

    /// Ends the requests for which `over` holds, which may yet be answered.
    fn give_way(&mut self, over: impl Fn(&(u8, usize, Time)) -> bool) {
        let late = self.asked.iter().filter(|request| over(request));
        self.late.extend(late.map(|(item, slot, _)| (*slot, *item)));
        self.fail(over);
    }

    /// Requests have run out.
    fn expire(&mut self, now: Time) {
        for (_, slot, at) in &self.asked {
            let (debt, forgiven_until) = self.standings.entry(*slot).or_default();
            if *at <= now && *forgiven_until <= now {
                *debt = (2 * *debt + 1).min(63);
                *forgiven_until = now + params().timeout(ItemKind::Tx);
            }
        }
        self.give_way(|(_, _, at)| *at <= now);
    }

    /// Ends the requests for which `over` holds, in vain.
    fn fail(&mut self, over: impl Fn(&(u8, usize, Time)) -> bool) {
        for (item, _, _) in self.asked.iter().filter(|request| over(request)) {
            if let Some(item) = self.wanted.get_mut(item) {
                item.failed = true;
            }
        }
        self.asked.retain(|request| !over(request));
    }

    /// Whether a peer is asked after others: stallers, then inbound ones.
    fn class(&self, slot: usize) -> (bool, bool) {
        (self.is_staller(slot), self.links.contains(&(slot, IN)))
    }

    /// An item that is in flight from one link, and the first class of those that can be asked instead.
    fn best(&self, item: u8, from: usize, max: usize) -> Option<(u8, (bool, bool))> {
        let is_open = self.asked.iter().any(|(asked, slot, _)| (*asked, *slot) == (item, from));
        let held = self.wanted.get(&item).filter(|_| is_open)?;
        let others = held.announcers.iter().filter(|announcer| !announcer.was_asked);
        let ready =
            others.map(|announcer| announcer.slot).filter(|slot| self.in_flight(*slot) < max);
        ready.map(|slot| self.class(slot)).min().map(|class| (item, class))
    }

    fn forget_hopeless(&mut self) {
        let Self { wanted, asked, .. } = self;
        wanted.retain(|item, held| {
            asked.iter().any(|(asked, _, _)| asked == item)
                || held.announcers.iter().any(|announcer| !announcer.was_asked)
        });
    }

    /// Rules 1, 2, 4, 5, 7, 8 and 9, which must hold after every operation and wake-up.
    fn check(&self, requests: &Requests, generations: &[u32; 4], max: usize, now: Time) {
        assert_eq!(requests.len(), self.wanted.len());
        for (slot, _) in &self.links {
            let link = Link::new(u32::try_from(*slot).unwrap(), generations[*slot]);
            assert_eq!(requests.in_flight(link), self.in_flight(*slot), "slot {slot}");
            assert!(self.in_flight(*slot) <= max);
            assert_eq!(requests.is_staller(link), self.is_staller(*slot), "slot {slot}");
            let late = self.late.iter().rev().filter(|(late, _)| late == slot).take(max);
            late.for_each(|(_, item)| assert!(requests.was_asked(link, id(*item))));
        }
        let mut due = self.asked.iter().map(|(_, _, at)| *at).min().unwrap_or(Time::NEVER);
        for (item, held) in &self.wanted {
            let open = self.asked.iter().filter(|(asked, _, _)| asked == item).count();
            assert!(open <= 1, "two requests for {item}");
            if open == 1 {
                continue;
            }
            for announcer in held.announcers.iter().filter(|announcer| !announcer.was_asked) {
                let its_turn = announcer.turn <= now || held.failed;
                let busy = self.in_flight(announcer.slot) >= max;
                assert!(!its_turn || busy, "{item} waits for nobody");
                if !its_turn {
                    due = due.min(announcer.turn);
                }
            }
        }
        // Wake-ups may be early, never late.
        assert!(requests.deadline() <= due, "{} is later than {due}", requests.deadline());
    }
}

#[derive(Clone, Debug)]
enum Op {
    Announce(u32, u8, u64),
    Arrive(u8),
    Deliver(u32),
    NotFound(u32, u8),
    Disconnect(u32),
    Connect(u32, bool),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let (slot, item) = (0_u32..4, 0_u8..6);
    let wait = prop_oneof![Just(0), 1_u64..80];
    prop_oneof![
        6 => (slot.clone(), item.clone(), wait).prop_map(|(slot, item, wait)| Op::Announce(slot, item, wait)),
        2 => item.clone().prop_map(Op::Arrive),
        1 => slot.clone().prop_map(Op::Deliver),
        2 => (slot.clone(), item).prop_map(|(slot, item)| Op::NotFound(slot, item)),
        1 => slot.clone().prop_map(Op::Disconnect),
        1 => (slot, any::<bool>()).prop_map(|(slot, inbound)| Op::Connect(slot, inbound)),
        // Time that stands still, moves, and jumps.
        3 => prop_oneof![Just(0), 1_u64..60, Just(100_000)].prop_map(Op::Pass),
    ]
}

proptest! {
    /// The tracker decides whom to ask; the model checks that each request was allowed and that none is
    /// missing.
    #[test]
    fn it_keeps_the_rules_under_random_operations(
        ops in prop::collection::vec(op(), 1..120),
        salt in any::<u64>(),
    ) {
        let params = params();
        let (mut requests, mut model) = (Requests::new(Salt::new(salt)), Model::default());
        let mut generations = [0_u32; 4];
        let mut now = Time::ZERO;
        for op in ops {
            let mut best = None;
            let handle = |slot: u32| Link::new(slot, generations[slot as usize]);
            match op {
                Op::Announce(slot, item, wait) => {
                    let slot_index = slot as usize;
                    let live = model.links.iter().any(|(live, _)| *live == slot_index);
                    let repeated = model.wanted.get(&item).is_some_and(|held| {
                        held.announcers.iter().any(|held| held.slot == slot_index)
                    });
                    let full = model.announced(slot_index) >= params.announced_max;
                    let wait = Duration::from_millis(wait);
                    let what = (ItemKind::Tx, id(item));
                    let answer = requests.on_announced(handle(slot), (what.0, what.1.into()), wait, now, &params);
                    if !live {
                        prop_assert_eq!(answer, Announced::Dropped);
                    } else if repeated {
                        prop_assert_eq!(answer, Announced::Repeated);
                    } else if full {
                        prop_assert_eq!(answer, Announced::Dropped);
                    } else {
                        let turn = now + wait;
                        let announcer = ModelAnnouncer { slot: slot_index, was_asked: false, turn };
                        model.wanted.entry(item).or_default().announcers.push(announcer);
                        let has_room = model.in_flight(slot_index) < params.in_flight_max;
                        if has_room && !model.is_staller(slot_index) {
                            let stallers: Vec<_> =
                                (0..4).filter(|slot| model.is_staller(*slot)).collect();
                            model.give_way(|(asked, slot, _)| {
                                *asked == item && stallers.contains(slot)
                            });
                        }
                    }
                }
                Op::Arrive(item) => {
                    requests.on_arrived(id(item), now, &params);
                    model.wanted.remove(&item);
                    model.asked.retain(|(asked, _, _)| *asked != item);
                }
                Op::Deliver(slot) => {
                    requests.on_delivered(handle(slot));
                    if let Some((debt, _)) = model.standings.get_mut(&(slot as usize)) {
                        *debt = debt.saturating_sub(1);
                    }
                }
                Op::NotFound(slot, item) => {
                    best = model.best(item, slot as usize, params.in_flight_max);
                    let is_it = |request: &(u8, usize, Time)| {
                        (request.0, request.1) == (item, slot as usize)
                    };
                    let open = model.asked.iter().any(is_it);
                    prop_assert_eq!(requests.on_failed(handle(slot), id(item), now, &params), open);
                    model.fail(is_it);
                }
                Op::Disconnect(slot) => {
                    requests.on_disconnected(handle(slot), now, &params);
                    model.links.retain(|(live, _)| *live != slot as usize);
                    model.standings.remove(&(slot as usize));
                    model.late.retain(|(late, _)| *late != slot as usize);
                    model.fail(|(_, link, _)| *link == slot as usize);
                    for held in model.wanted.values_mut() {
                        held.announcers.retain(|held| held.slot != slot as usize);
                    }
                }
                Op::Connect(slot, inbound) => {
                    if model.links.iter().any(|(live, _)| *live == slot as usize) {
                        continue;
                    }
                    generations[slot as usize] += 1;
                    let handle = Link::new(slot, generations[slot as usize]);
                    let direction = if inbound { IN } else { OUT };
                    requests.on_connected(handle, direction);
                    model.links.push((slot as usize, direction));
                }
                Op::Pass(wait_ms) => {
                    now = now + Duration::from_millis(wait_ms);
                    requests.on_wake(now, &params, |_, _| ());
                    model.expire(now);
                }
            }
            for (slot, item) in sent(&mut requests) {
                if let Some((of, class)) = best
                    && of == item
                {
                    prop_assert_eq!(model.class(slot), class, "who is asked first for {}", item);
                }
                let held = model.wanted.get_mut(&item).expect("only what is wanted is asked");
                let failed = held.failed;
                let announcer = held.announcers.iter_mut().find(|held| held.slot == slot);
                let announcer = announcer.expect("only announcers are asked");
                prop_assert!(!announcer.was_asked, "slot {} is asked twice for {}", slot, item);
                prop_assert!(failed || announcer.turn <= now, "it isn't slot {}'s turn", slot);
                announcer.was_asked = true;
                model.asked.push((item, slot, now + params.timeout(ItemKind::Tx)));
            }
            model.forget_hopeless();
            model.check(&requests, &generations, params.in_flight_max, now);
        }
        for slot in 0..4 {
            let handle = Link::new(slot, generations[slot as usize]);
            requests.on_disconnected(handle, now, &params);
        }
        prop_assert!(requests.is_empty(), "everybody left, yet something is wanted");
        prop_assert_eq!(requests.deadline(), Time::NEVER);
    }
}
