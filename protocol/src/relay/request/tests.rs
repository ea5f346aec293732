//! Scenarios by name, then random operations against a naive model.

use super::*;
use crate::ground::item::{Hash256, ItemId};

mod model;
mod pressure;

const IN: Direction = Direction::Inbound;
const OUT: Direction = Direction::Outbound;

fn link(slot: u32) -> Link {
    Link::new(slot, 1)
}

fn id(n: u8) -> ItemId {
    ItemId::tx(Hash256([n; 32]))
}

fn params() -> RequestParams {
    RequestParams {
        tx_timeout_ms: 100,
        block_timeout_ms: 500,
        inbound_patience_ms: 30,
        announced_max: 4,
        in_flight_max: 2,
        block_patience_ms: 80,
        blocks_announced_max: 3,
        blocks_in_flight_max: 1,
    }
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
    requests.on_announced(link(slot), id(n).into(), Duration::ZERO, now, &params())
}

/// What leaves now: (slot, id) pairs.
fn sent(requests: &mut Requests) -> Vec<(usize, u8)> {
    let mut sent = Vec::new();
    requests.flush(|link, names| {
        let Names::Whole { ids, .. } = names else { panic!("{names:?}") };
        sent.extend(ids.iter().map(|id| (link.slot(), id.hash().0[0])));
    });
    sent
}

#[test]
fn the_first_announcer_is_asked_and_the_others_are_remembered() {
    let mut requests = tracker(&[OUT, IN]);
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
    let mut requests = tracker(&[OUT, IN, OUT]);
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
    requests.on_announced(link(slot), id(n).into(), wait, ms(0), &params())
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
fn an_inbound_peer_that_does_not_answer_gives_way_to_an_outbound_one_soon() {
    let mut requests = tracker(&[IN, IN, OUT]);
    requests.on_delivered(link(0));
    for slot in 0..3 {
        announce(&mut requests, slot, 1, ms(u64::from(slot)));
    }
    assert_eq!(sent(&mut requests), [(0, 1)]);
    assert_eq!(requests.deadline(), ms(32));
    requests.on_wake(ms(32), &params(), |_, _| ());
    assert_eq!(sent(&mut requests), [(2, 1)]);
    assert!(requests.is_staller(link(0)) && requests.was_asked(link(0), id(1)));
}

#[test]
fn an_inbound_peer_that_never_delivered_has_a_quarter_of_the_time() {
    let mut requests = tracker(&[IN, OUT]);
    announce(&mut requests, 0, 1, ms(0));
    announce(&mut requests, 1, 1, ms(2));
    sent(&mut requests);
    assert_eq!(requests.deadline(), Time::ZERO + Duration::from_micros(9_500));
    requests.on_wake(ms(10), &params(), |_, _| ());
    assert_eq!(sent(&mut requests), [(1, 1)]);
}

#[test]
fn an_inbound_peer_that_answers_in_time_is_left_alone() {
    let mut requests = tracker(&[IN, OUT]);
    requests.on_delivered(link(0));
    announce(&mut requests, 0, 1, ms(0));
    announce(&mut requests, 1, 1, ms(1));
    sent(&mut requests);
    requests.on_arrived(id(1), ms(20), &params());
    assert_eq!(requests.deadline(), Time::NEVER);
    requests.on_wake(ms(31), &params(), |_, _| ());
    assert!(sent(&mut requests).is_empty() && !requests.is_staller(link(0)));
}

#[test]
fn ten_stallers_delay_an_item_by_one_wait_at_most_and_later_ones_not_at_all() {
    let mut requests = tracker(&[IN, IN, IN, IN, IN, IN, IN, IN, IN, IN, OUT]);
    for slot in 0..10 {
        announce(&mut requests, slot, 1, ms(u64::from(slot)));
    }
    announce(&mut requests, 10, 1, ms(50));
    assert_eq!(sent(&mut requests), [(0, 1)]);
    requests.on_wake(ms(58), &params(), |_, _| ());
    assert_eq!(sent(&mut requests), [(10, 1)], "a quarter of 30 ms after its announcement");
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
    // As many as may be in flight are remembered; once there were more, any item may be one of them.
    assert_eq!([1, 2, 3].map(|n| requests.was_asked(link(0), id(n))), [true; 3]);
}

#[test]
fn who_gives_way_is_free_for_more_of_the_kind_that_it_was_asked_for() {
    let mut requests = tracker(&[IN, IN]);
    let named = |requests: &mut Requests, slot, name: Name, at| {
        requests.on_announced(link(slot), name, Duration::ZERO, ms(at), &params())
    };
    let [first, second] = [1, 2].map(|n| ItemId::block(id(n).hash()));
    named(&mut requests, 0, first.into(), 0);
    requests.on_wake(ms(500), &params(), |_, _| ());
    named(&mut requests, 0, second.into(), 501);
    assert_eq!(requests.in_flight(link(0)), 1, "a staller is asked when nobody else has it");
    // A short name is a transaction's, whatever it was made of.
    named(&mut requests, 1, Name::Short(second.into()), 502);
    assert_eq!((requests.in_flight(link(0)), requests.in_flight(link(1))), (0, 1));
    requests.check(&with(params()));
}

#[test]
fn whoever_was_asked_in_vain_is_forgotten_when_it_leaves() {
    let mut requests = tracker(&[IN, IN]);
    announce(&mut requests, 0, 1, ms(0));
    announce(&mut requests, 1, 1, ms(0));
    requests.on_wake(ms(100), &params(), |_, _| ());
    requests.on_disconnected(link(0), ms(101), &params());
    assert!(!requests.keeps(link(0)) && requests.is_wanted(id(1)));
}

#[test]
fn what_comes_before_its_request_has_left_is_not_asked_for() {
    let mut requests = tracker(&[IN]);
    assert_eq!(announce(&mut requests, 0, 1, ms(0)), Announced::Requested);
    assert_eq!(announce(&mut requests, 0, 2, ms(0)), Announced::Requested);
    requests.on_arrived(id(1), ms(0), &params());
    assert_eq!(sent(&mut requests), [(0, 2)]);
}

fn with(requests: RequestParams) -> Params {
    Params { requests, ..Params::default() }
}

#[test]
fn nothing_is_asked_of_whom_it_is_withheld_from_and_then_what_waited_is() {
    let mut requests = tracker(&[OUT, IN]);
    requests.withhold(link(0), ItemKind::Tx, ms(50));
    requests.withhold(link(0), ItemKind::Tx, ms(20));
    assert_eq!(announce(&mut requests, 0, 1, ms(0)), Announced::Remembered);
    assert_eq!(announce(&mut requests, 0, 2, ms(0)), Announced::Remembered);
    assert_eq!(announce(&mut requests, 1, 2, ms(0)), Announced::Requested, "others are asked");
    assert_eq!(sent(&mut requests), [(1, 2)]);
    assert_eq!(requests.deadline(), ms(50), "the later of the two");
    requests.on_wake(ms(50), &params(), |_, _| {});
    assert_eq!(sent(&mut requests), [(0, 1)]);
    requests.withhold(link(0), ItemKind::Block, ms(90));
    requests.on_disconnected(link(0), ms(60), &params());
    requests.on_disconnected(link(1), ms(60), &params());
    assert_eq!(requests.deadline(), Time::NEVER, "nothing is left of it");
}
