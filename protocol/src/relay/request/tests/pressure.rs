//! Many items, many announcers, both kinds at once: what is bounded, and what mustn't wait for what.

use super::*;
use crate::ground::item::{Hash256, twin};

fn nth(n: u32) -> ItemId {
    ItemId::tx(Hash256::of(&n.to_le_bytes()))
}

fn say(
    requests: &mut Requests,
    slot: u32,
    id: ItemId,
    now: Time,
    params: &RequestParams,
) -> Announced {
    requests.on_announced(link(slot), id.into(), Duration::ZERO, now, params)
}

/// The links that are asked for something now, with it.
fn asked(requests: &mut Requests) -> Vec<(usize, ItemId)> {
    let mut sent = Vec::new();
    requests.flush(|link, names| {
        let Names::Whole { ids, .. } = names else { panic!("{names:?}") };
        sent.extend(ids.iter().map(|id| (link.slot(), *id)));
    });
    sent
}

#[test]
fn a_block_is_asked_for_at_once_whatever_transactions_wait() {
    let params = RequestParams::default();
    let mut requests = tracker(&[OUT]);
    for n in 0..=u32::try_from(params.announced_max).unwrap() {
        say(&mut requests, 0, nth(n), ms(0), &params);
    }
    assert_eq!(say(&mut requests, 0, nth(9_999), ms(0), &params), Announced::Dropped);
    asked(&mut requests);
    let block = ItemId::block(Hash256([7; 32]));
    assert_eq!(say(&mut requests, 0, block, ms(1), &params), Announced::Requested);
    assert_eq!(asked(&mut requests), [(0, block)]);
}

#[test]
fn transactions_are_asked_for_at_once_whatever_blocks_wait() {
    let params = RequestParams::default();
    let mut requests = tracker(&[IN]);
    for n in 0..300 {
        say(&mut requests, 0, ItemId::block(nth(n).hash()), ms(0), &params);
    }
    assert_eq!(asked(&mut requests).len(), params.blocks_in_flight_max);
    assert_eq!(say(&mut requests, 0, nth(1), ms(1), &params), Announced::Requested);
}

#[test]
fn inbound_peers_that_sit_on_a_block_delay_it_by_three_seconds_at_most() {
    let params = RequestParams::default();
    let mut requests = tracker(&[IN, IN, IN, IN, IN, IN, IN, IN, IN, IN, OUT]);
    for slot in 0..10 {
        requests.on_delivered(link(slot));
    }
    let block = ItemId::block(Hash256([7; 32]));
    for slot in 0..10 {
        say(&mut requests, slot, block, ms(0), &params);
    }
    assert_eq!(asked(&mut requests), [(0, block)]);
    say(&mut requests, 10, block, ms(100), &params);
    let mut at = ms(100);
    while !asked(&mut requests).contains(&(10, block)) {
        at = requests.deadline();
        requests.on_wake(at, &params, |_, _| ());
    }
    assert!(at <= ms(3_000), "the outbound peer is asked at {at}");
}

#[test]
fn announcers_that_left_are_not_kept() {
    let params = params();
    let mut requests = tracker(&[IN]);
    say(&mut requests, 0, nth(1), ms(0), &params);
    for generation in 1..=100 {
        let guest = Link::new(1, generation);
        requests.on_connected(guest, IN);
        requests.on_announced(guest, nth(1).into(), Duration::ZERO, ms(0), &params);
        requests.on_disconnected(guest, ms(0), &params);
    }
    let wanted = requests.wanted.get(&ShortId::from(nth(1))).unwrap();
    assert_eq!(wanted.announcers.len(), 1);
}

#[test]
fn one_wake_up_deals_with_so_much_and_the_rest_is_due_at_once() {
    let params = RequestParams::default();
    let mut requests = tracker(&[IN; 20]);
    for slot in 0..20 {
        for n in 0..200 {
            say(&mut requests, slot, nth(1_000 * slot + n), ms(0), &params);
        }
    }
    asked(&mut requests);
    let (mut wakes, mut ran_out) = (0, 0);
    while requests.deadline() <= ms(5_000) {
        let before = ran_out;
        requests.on_wake(ms(5_000), &params, |_, _| ran_out += 1);
        assert!(ran_out - before <= WORK_MAX);
        wakes += 1;
    }
    assert_eq!((ran_out, requests.len()), (4_000, 0));
    assert!(wakes >= 4_000 / WORK_MAX);
}

#[test]
fn what_a_link_leaves_behind_is_looked_at_in_portions() {
    let params = RequestParams::default();
    let mut requests = tracker(&[IN, IN]);
    for slot in 0..2 {
        for n in 0..3_000 {
            say(&mut requests, slot, nth(n), ms(0), &params);
        }
    }
    asked(&mut requests);
    requests.on_disconnected(link(0), ms(1), &params);
    assert!(requests.deadline() <= ms(1), "there is more to look at");
    while requests.deadline() <= ms(1) {
        requests.on_wake(ms(1), &params, |_, _| ());
    }
    assert_eq!(requests.len(), 3_000, "the other link has them all");
    for n in 0..3_000 {
        requests.on_arrived(nth(n), ms(2), &params);
        let sent = asked(&mut requests);
        assert!(sent.len() <= 1 && sent.iter().all(|(slot, _)| *slot == 1), "{sent:?}");
    }
    assert!(requests.is_empty() && requests.deadline() == Time::NEVER);
}

#[test]
fn whoever_denies_what_it_announced_is_asked_last_until_it_delivers() {
    let params = params();
    let mut requests = tracker(&[IN, IN]);
    say(&mut requests, 0, nth(1), ms(0), &params);
    asked(&mut requests);
    assert!(requests.on_denied(link(0), nth(1).into(), ms(1), &params));
    say(&mut requests, 0, nth(2), ms(2), &params);
    say(&mut requests, 1, nth(2), ms(3), &params);
    assert_eq!(asked(&mut requests), [(0, nth(2)), (1, nth(2))], "the denier gave way");
    requests.on_delivered(link(0));
    assert!(!requests.is_staller(link(0)));
}

#[test]
fn a_false_name_is_dropped_when_its_announcer_fails_and_nobody_else_is() {
    let params = params();
    let mut requests = tracker(&[IN, OUT]);
    let (id, twin) = (nth(1), twin(nth(1)));
    say(&mut requests, 0, twin, ms(0), &params);
    say(&mut requests, 1, id, ms(0), &params);
    assert_eq!(asked(&mut requests), [(0, twin)]);
    assert!(!requests.was_asked(link(0), id), "it was asked for something else");
    assert!(requests.on_failed(link(0), twin, ms(1), &params));
    assert_eq!(asked(&mut requests), [(1, id)]);
    assert_eq!(requests.on_arrived(id, ms(2), &params), [link(1)]);
    assert!(requests.is_empty(), "the liar had his turn");
}

#[test]
fn what_waits_for_a_busy_link_is_bounded_by_what_it_announced() {
    let params = RequestParams { in_flight_max: 1, ..RequestParams::default() };
    let mut requests = tracker(&[IN, IN]);
    say(&mut requests, 0, nth(0), ms(0), &params);
    for n in 1..2_000 {
        say(&mut requests, 0, nth(n), ms(0), &params);
        requests.on_arrived(nth(n), ms(0), &params);
        let lane = requests.links.get(link(0)).unwrap().lane(ItemKind::Tx);
        let (waiting, announced) = (lane.waiting.len(), lane.announced as usize);
        assert!(waiting <= 2 * (announced + 1) + 32, "{waiting} wait of {announced}");
    }
}

#[test]
fn requests_that_were_answered_are_forgotten_in_portions() {
    let params = RequestParams { in_flight_max: 5_000, ..RequestParams::default() };
    let mut requests = tracker(&[IN]);
    for n in 0..4_000 {
        say(&mut requests, 0, nth(n), ms(0), &params);
    }
    for n in (0..4_000).rev() {
        let before = requests.expiries[0].len();
        requests.on_arrived(nth(n), ms(1), &params);
        assert!(before - requests.expiries[0].len() <= STALE_MAX);
    }
    assert!(requests.is_empty() && !requests.expiries[0].is_empty());
    while requests.deadline() != Time::NEVER {
        let (now, before) = (requests.deadline(), requests.expiries[0].len());
        requests.on_wake(now, &params, |_, _| panic!("none ran out"));
        assert!(before - requests.expiries[0].len() <= 2 * STALE_MAX);
    }
}

#[test]
fn an_announcement_takes_no_more_memory_than_is_said() {
    // Of an item that nobody else announced. A table may be 7/16 full, a queue half; queues hold twice as many.
    let table = (size_of::<(ShortId, Wanted)>() + 1) * 16 / 7;
    let announcer = size_of::<Announcer>() + 16; // and what an allocation costs
    let turns = 2 * size_of::<Reverse<(Time, ShortId)>>();
    let queues = 2 * (2 * 2 * size_of::<ShortId>());
    let bytes = table + announcer + turns + queues;
    assert!(bytes <= ANNOUNCED_BYTES, "{bytes}");
}

#[test]
fn what_all_links_announce_is_bounded_and_whoever_has_little_open_is_heard_all_the_same() {
    let params = RequestParams { announced_max: 10, in_flight_max: 2, ..RequestParams::default() };
    let mut requests = tracker(&[IN; 40]);
    let mut next = 0;
    for slot in 0..39 {
        for _ in 0..10 {
            next += 1;
            say(&mut requests, slot, nth(next), ms(0), &params);
        }
    }
    assert_eq!(requests.len(), FULL_LINKS * 10 + (39 - FULL_LINKS) * 2);
    assert_eq!(requests.announced(link(0), &params), (10, 2), "no more is granted than is kept");
    for n in 0..2 {
        let heard = say(&mut requests, 39, nth(1_000 + n), ms(1), &params);
        assert_eq!(heard, Announced::Requested);
    }
    // What it announces comes, and so it may go on.
    requests.on_arrived(nth(1_000), ms(2), &params);
    assert_eq!(say(&mut requests, 39, nth(1_002), ms(2), &params), Announced::Requested);
    // And when the others are gone, so may be all.
    for slot in 0..39 {
        requests.on_disconnected(link(slot), ms(3), &params);
        requests.on_wake(ms(3), &params, |_, _| ());
    }
    assert_eq!(requests.announced(link(39), &params), (2, 10));
}
