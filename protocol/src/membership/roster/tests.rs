//! Turns and places, against what a list would do.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::membership::profile::Versions;

fn member(id: u64) -> Member {
    let profile = Profile::new("a", ([10, 0, 0, 1], 1).into(), &[], Versions::OURS).unwrap();
    let (profile, since) = (Arc::new(profile), Time::ZERO);
    Member { id: MemberId(id), profile, since, incarnation: 0, status: Status::Alive }
}

fn roster(size: u64, rng: &mut ChaCha8Rng) -> Roster {
    let mut roster = Roster::new(Salt::new(1));
    (0..size).for_each(|id| roster.insert(member(id), rng));
    roster.check();
    roster
}

#[test]
fn each_has_its_turn_before_anybody_has_a_second_one() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut roster = roster(50, rng);
    while roster.next < 50 {
        roster.next_target(rng);
    }
    for _ in 0..3 {
        let mut turns: Vec<_> = (0..50).filter_map(|_| roster.next_target(rng)).collect();
        turns.sort_unstable();
        assert!(turns.iter().map(|id| id.0).eq(0..50));
    }
}

#[test]
fn between_two_turns_of_one_are_less_than_twice_all_while_others_come_and_go() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let mut roster = roster(20, rng);
    let mut since = 0;
    for step in 0..5_000_u64 {
        if step % 7 == 0 {
            roster.remove(MemberId(1_000 + step / 7 - 5));
            roster.insert(member(1_000 + step / 7), rng);
        }
        since += 1;
        if roster.next_target(rng) == Some(MemberId(3)) {
            since = 0;
        }
        assert!(since < 2 * 26, "step {step}");
        roster.check();
    }
}

#[test]
fn the_dead_have_no_turn_and_nobody_has_one_when_all_are() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let mut roster = roster(5, rng);
    for id in 1..5 {
        roster.set(MemberId(id), Status::Failed, 0, Time::ZERO);
    }
    assert!((0..9).all(|_| roster.next_target(rng) == Some(MemberId(0))));
    roster.set(MemberId(0), Status::Left, 0, Time::ZERO);
    assert_eq!(roster.next_target(rng), None);
    assert_eq!((roster.count(Status::Failed), roster.count(Status::Left)), (4, 1));
}

#[test]
fn random_ones_are_different_qualify_and_are_found_among_many() {
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    for size in [0, 3, 40, 1_000] {
        let roster = roster(size, rng);
        let mut ids: Vec<_> =
            roster.random(4, rng, |one| one.id.0 % 2 == 0).iter().map(|m| m.id).collect();
        assert_eq!(ids.len() as u64, size.div_ceil(2).min(4));
        assert!(ids.iter().all(|id| id.0 % 2 == 0));
        ids.sort_unstable();
        assert!(ids.is_sorted_by(|one, other| one < other));
    }
}

#[test]
fn ten_thousand_take_less_than_48_bytes_each() {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let roster = roster(10_000, rng);
    let bytes = roster.members.capacity() * size_of::<Member>() + roster.places.allocation_size();
    assert!(bytes <= 48 * 10_000, "{} bytes each", bytes as f64 / 10_000.0);
}

proptest! {
    #[test]
    fn it_holds_what_a_sorted_map_would(
        steps in prop::collection::vec((0_u8..3, 0_u64..20, 0_u8..4), 1..200),
        seed: u64,
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (mut roster, mut map) = (Roster::new(Salt::new(seed)), BTreeMap::new());
        for (what, id, status) in steps {
            let status = Status::of_number(status).unwrap();
            match what {
                0 if !map.contains_key(&id) => {
                    roster.insert(member(id), rng);
                    map.insert(id, Status::Alive);
                }
                0 | 1 => {
                    let is_known = roster.set(MemberId(id), status, 1, Time::ZERO).is_some();
                    prop_assert_eq!(is_known, map.get_mut(&id).map(|held| *held = status).is_some());
                }
                _ => {
                    let removed = roster.remove(MemberId(id)).map(|member| member.status);
                    prop_assert_eq!(removed, map.remove(&id));
                    roster.next_target(rng);
                }
            }
            roster.check();
            for (id, status) in &map {
                prop_assert_eq!(roster.get(MemberId(*id)).map(|member| member.status), Some(*status));
            }
            prop_assert_eq!(roster.len(), map.len());
        }
    }
}
