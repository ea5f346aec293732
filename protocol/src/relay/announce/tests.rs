//! Queues of announcements, and when they leave.

use super::*;
use crate::ground::item::Hash256;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

fn link(slot: u32) -> Link {
    Link::new(slot, 1)
}

fn id(n: u8) -> ItemId {
    ItemId::tx(Hash256([n; 32]))
}

fn params(trickle_ms: u64) -> RelayParams {
    RelayParams {
        trickle_outbound_ms: trickle_ms,
        trickle_inbound_ms: trickle_ms,
        announce_queue_max: 3,
        ..RelayParams::default()
    }
}

fn plain(batch: &[(ItemId, Form)]) -> Vec<ItemId> {
    batch.iter().map(|(id, _)| *id).collect()
}

fn drain(announcer: &mut Announcer, now: Time) -> Vec<(Link, Vec<ItemId>)> {
    let mut sent = Vec::new();
    let params = params(0);
    announcer.on_wake(
        now,
        &params,
        |_| Ok(usize::MAX),
        |_, _| false,
        |link, ids| sent.push((link, plain(&ids))),
    );
    sent
}

#[test]
fn without_trickle_a_batch_leaves_at_the_next_wake_up() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    announcer.on_connected(link(0), Direction::Outbound);
    assert_eq!(announcer.deadline(), Time::NEVER);
    let now = Time::from_millis(5);
    announcer.enqueue(link(0), (id(2), Form::Id), now, &params(0), &mut rng);
    announcer.enqueue(link(0), (id(1), Form::Id), now, &params(0), &mut rng);
    assert_eq!(announcer.deadline(), now);
    assert_eq!(drain(&mut announcer, now), [(link(0), vec![id(1), id(2)])]);
    assert_eq!(announcer.deadline(), Time::NEVER);
}

#[test]
fn inbound_links_share_a_timer_and_outbound_ones_do_not() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    for slot in 0..4 {
        let direction = if slot < 2 { Direction::Inbound } else { Direction::Outbound };
        announcer.on_connected(link(slot), direction);
        announcer.enqueue(link(slot), (id(1), Form::Id), Time::ZERO, &params(100), &mut rng);
    }
    let at: Vec<Time> = (0..4).map(|slot| announcer.timers.get(link(slot))).collect();
    assert_eq!(at[0], at[1]);
    assert!(at[0] != at[2] && at[2] != at[3] && at[3] != at[0]);
}

#[test]
fn what_comes_in_the_moment_of_the_shared_timer_waits_for_the_next() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    for slot in 0..2 {
        announcer.on_connected(link(slot), Direction::Inbound);
    }
    announcer.enqueue(link(0), (id(1), Form::Id), Time::ZERO, &params(100), &mut rng);
    let fires = announcer.deadline();
    announcer.enqueue(link(1), (id(2), Form::Id), fires, &params(100), &mut rng);
    assert_eq!(drain(&mut announcer, fires), [(link(0), vec![id(1)])]);
    assert!(announcer.deadline() > fires);
}

#[test]
fn waits_have_the_mean_that_was_set() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mean = Duration::from_millis(100);
    let waits: Vec<f64> = (0..20_000).map(|_| exponential(mean, &mut rng).as_secs_f64()).collect();
    let average = waits.iter().sum::<f64>() / waits.len() as f64;
    assert!((average - 0.1).abs() < 0.003, "{average}");
    // A property of the exponential distribution alone: 63 % are below the mean.
    let below = waits.iter().filter(|wait| **wait < 0.1).count() as f64 / waits.len() as f64;
    assert!((below - (1.0 - (-1.0_f64).exp())).abs() < 0.02, "{below}");
}

#[test]
fn what_the_peer_knows_by_now_is_left_out() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    announcer.on_connected(link(0), Direction::Outbound);
    for n in [1, 2] {
        announcer.enqueue(link(0), (id(n), Form::Id), Time::ZERO, &params(0), &mut rng);
    }
    let mut sent = Vec::new();
    let all = |_| Ok(usize::MAX);
    let is_known = |_, known: &ItemId| *known == id(1);
    announcer.on_wake(Time::ZERO, &params(0), all, is_known, |_, ids| sent.extend(plain(&ids)));
    assert_eq!(sent, [id(2)]);
}

#[test]
fn a_queue_sleeps_once_its_peer_has_all_that_waits() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    for (slot, ids) in [(0, 1..=1), (1, 1..=2)] {
        announcer.on_connected(link(slot), Direction::Outbound);
        for n in ids {
            let (now, params) = (Time::ZERO, params(100));
            announcer.enqueue(link(slot), (id(n), Form::Id), now, &params, &mut rng);
        }
    }
    announcer.on_known(link(0), id(2).into());
    assert_eq!(announcer.waiting(link(0)), 1);
    announcer.on_known(link(0), id(1).into());
    announcer.on_known(link(1), id(1).into());
    assert_eq!((announcer.waiting(link(0)), announcer.waiting(link(1))), (0, 2));
    let now = announcer.deadline();
    assert_eq!(drain(&mut announcer, now), [(link(1), vec![id(1), id(2)])]);
    assert_eq!(announcer.deadline(), Time::NEVER);
}

#[test]
fn a_full_queue_drops_its_oldest_id_and_counts_it() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    announcer.on_connected(link(0), Direction::Outbound);
    for n in 1..=5 {
        announcer.enqueue(link(0), (id(n), Form::Id), Time::ZERO, &params(0), &mut rng);
    }
    assert_eq!(announcer.unsent(), 2);
    assert_eq!(drain(&mut announcer, Time::ZERO), [(link(0), vec![id(3), id(4), id(5)])]);
}

#[test]
fn a_congested_link_keeps_its_queue_until_it_drains() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    announcer.on_connected(link(0), Direction::Outbound);
    announcer.enqueue(link(0), (id(1), Form::Id), Time::ZERO, &params(0), &mut rng);
    announcer.on_congested(link(0));
    announcer.enqueue(link(0), (id(2), Form::Id), Time::ZERO, &params(0), &mut rng);
    assert_eq!(announcer.deadline(), Time::NEVER);
    assert!(drain(&mut announcer, Time::from_millis(1)).is_empty());
    announcer.on_drained(link(0), Time::from_millis(2));
    let sent = drain(&mut announcer, Time::from_millis(2));
    assert_eq!(sent, [(link(0), vec![id(1), id(2)])]);
}

#[test]
fn a_batch_is_cut_at_the_largest_message_and_what_is_too_much_for_one_wake_up_follows_at_once() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    let params = RelayParams { announce_queue_max: 10_000, ..params(0) };
    let mut all: Vec<_> =
        (0..WAKE_MAX + 10).map(|n| ItemId::tx(Hash256::of(&n.to_le_bytes()))).collect();
    for slot in 0..2 {
        announcer.on_connected(link(slot), Direction::Outbound);
        for id in &all {
            announcer.enqueue(link(slot), (*id, Form::Id), Time::ZERO, &params, &mut rng);
        }
    }
    all.sort_unstable();
    let mut sent = vec![Vec::new(); 2];
    for sizes in [&[WAKE_MAX][..], &[10, WAKE_MAX - 10], &[20]] {
        assert_eq!(announcer.deadline(), Time::ZERO, "the rest is due");
        let batches = drain(&mut announcer, Time::ZERO);
        assert_eq!(batches.iter().map(|(_, ids)| ids.len()).collect::<Vec<_>>(), sizes);
        batches.into_iter().for_each(|(link, ids)| sent[link.slot()].extend(ids));
    }
    assert_eq!(announcer.deadline(), Time::NEVER);
    assert!(sent == [all.clone(), all], "in no order of arrival, across batches as well");
}

fn batches(flush_on_full: bool) -> RelayParams {
    let announce_queue_max = 100;
    RelayParams { batch_ms: 50, batch_max: 3, flush_on_full, announce_queue_max, ..params(500) }
}

#[test]
fn a_batch_leaves_a_fixed_time_after_its_first_id_on_every_link() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    for (slot, direction) in [(0, Direction::Outbound), (1, Direction::Inbound)] {
        announcer.on_connected(link(slot), direction);
        let now = Time::from_millis(10);
        announcer.enqueue(link(slot), (id(1), Form::Id), now, &batches(true), &mut rng);
        let now = Time::from_millis(40);
        announcer.enqueue(link(slot), (id(2), Form::Whole), now, &batches(true), &mut rng);
    }
    assert_eq!(announcer.deadline(), Time::from_millis(60));
    let mut sent = Vec::new();
    let now = announcer.deadline();
    announcer.on_wake(
        now,
        &batches(true),
        |_| Ok(usize::MAX),
        |_, _| false,
        |_, ids| sent.extend(ids),
    );
    let batch = [(id(1), Form::Id), (id(2), Form::Whole)];
    assert_eq!(sent, [batch, batch].concat());
}

#[test]
fn a_full_batch_leaves_at_once_or_waits_as_told() {
    for (flush_on_full, leaves) in [(true, 20), (false, 50)] {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        let params = batches(flush_on_full);
        announcer.on_connected(link(0), Direction::Outbound);
        for n in 0..3 {
            let now = Time::from_millis(10 * u64::from(n));
            announcer.enqueue(link(0), (id(n), Form::Id), now, &params, &mut rng);
        }
        assert_eq!(announcer.deadline(), Time::from_millis(leaves));
    }
}

#[test]
fn the_mean_wait_is_half_of_what_fills_first() {
    // An id each 10 ms: 5 of them fill within 50 ms, 10 of them don't.
    let mean_wait = |batch_max| {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        let params = RelayParams { batch_max, ..batches(true) };
        announcer.on_connected(link(0), Direction::Outbound);
        let (mut waited, mut since) = (Duration::ZERO, Vec::new());
        let count = 200;
        for n in 0..count {
            let now = Time::from_millis(10 * n);
            announcer.enqueue(link(0), (id(1), Form::Id), now, &params, &mut rng);
            since.push(now);
            if announcer.deadline() < Time::from_millis(10 * (n + 1)) {
                let now = announcer.deadline();
                announcer.on_wake(now, &params, |_| Ok(usize::MAX), |_, _| false, |_, _| ());
                waited += since.drain(..).map(|since| now - since).sum::<Duration>();
            }
        }
        waited.as_secs_f64() * 1_000.0 / (count as f64 - since.len() as f64)
    };
    // n ids, 10 ms apart, wait 5(n - 1) ms on average.
    assert!((mean_wait(3) - 10.0).abs() < 0.01);
    // The sixth id comes as the wait of the first one ends, and leaves with it.
    assert!((mean_wait(10) - 25.0).abs() < 0.01);
}

#[test]
fn the_deadline_is_the_earliest_timer_whichever_are_stopped() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let params = RelayParams { announce_queue_max: 100, ..params(100) };
    let mut announcer = Announcer::default();
    for slot in 0..8 {
        let direction = if slot < 3 { Direction::Outbound } else { Direction::Inbound };
        announcer.on_connected(link(slot), direction);
    }
    for round in 0..1_000_u64 {
        let (now, at) = (Time::from_millis(10 * round), link(rng.random_range(0..8)));
        announcer.on_wake(now, &params, |_| Ok(usize::MAX), |_, _| false, |_, _| ());
        let is_congested = announcer.links.get(at).is_some_and(|queue| queue.congested);
        match rng.random_range(0..8) {
            0..4 => _ = announcer.enqueue(at, (id(1), Form::Id), now, &params, &mut rng),
            4 | 5 => announcer.on_known(at, id(1).into()),
            _ if is_congested => announcer.on_drained(at, now),
            _ => announcer.on_congested(at),
        }
        let earliest = (0..8).map(|slot| announcer.timers.get(link(slot))).min();
        assert_eq!(Some(announcer.deadline()), earliest, "round {round}");
    }
}

#[test]
fn queues_that_have_to_be_put_in_order_take_turns() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    let params = RelayParams { announce_queue_max: 20_000, ..params(0) };
    for slot in 0..3 {
        announcer.on_connected(link(slot), Direction::Outbound);
        for n in 0..20_000_u32 {
            let id = ItemId::tx(Hash256::of(&n.to_le_bytes()));
            announcer.enqueue(link(slot), (id, Form::Id), Time::ZERO, &params, &mut rng);
        }
    }
    for slot in 0..3 {
        let mut sent = Vec::new();
        let few = |link: Link| if link.slot() < slot { Err(Time::NEVER) } else { Ok(10) };
        announcer.on_wake(
            Time::ZERO,
            &params,
            few,
            |_, _| false,
            |link, ids| {
                sent.push((link.slot(), ids.len()));
            },
        );
        assert_eq!(sent, [(slot, 10)], "the others have their turn with the next wake-ups");
        assert_eq!(announcer.deadline(), Time::ZERO);
    }
}

#[test]
fn all_queues_together_are_bounded_and_a_short_one_loses_nothing_for_others() {
    let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
    let params = RelayParams { announce_queue_max: 1_000, ..params(1_000) };
    let mut tell = |announcer: &mut Announcer, slot, n: u32| {
        let id = ItemId::tx(Hash256::of(&n.to_le_bytes()));
        announcer.enqueue(link(slot), (id, Form::Id), Time::ZERO, &params, &mut rng).is_some()
    };
    for slot in 0..20 {
        announcer.on_connected(link(slot), Direction::Inbound);
        announcer.on_congested(link(slot));
    }
    for slot in 0..19 {
        (0..1_000).for_each(|n| _ = tell(&mut announcer, slot, n));
    }
    let full = (0..19).filter(|slot| announcer.waiting(link(*slot)) == 1_000).count();
    let short = (0..19).filter(|slot| announcer.waiting(link(*slot)) == SHORT).count();
    assert_eq!((full, short), (FULL_QUEUES, 19 - FULL_QUEUES));
    assert!((0..500).all(|n| !tell(&mut announcer, 19, n)), "it loses none");
    assert!(tell(&mut announcer, 18, 7), "nor does a longer one grow");
    (0..7).for_each(|slot| announcer.on_disconnected(link(slot)));
    assert!(!tell(&mut announcer, 18, 8), "until there is room");
}
