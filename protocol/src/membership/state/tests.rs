//! State against what its owners wrote.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::ground::time::Time;
use crate::membership::Malformed;
use crate::membership::member_id::MemberId;

mod model;

const WALL: Generation = 1_700_000_000;
/// So short that members sleep longer than it.
const GRACE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Moment {
    Moment { now: Time::from_millis(seconds * 1_000), wall: WALL + u32::try_from(seconds).unwrap() }
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Members 0 to `count`, that know one another.
fn fleet(count: u64) -> Vec<States> {
    let settings = Settings { grace: GRACE, ..Settings::default() };
    (0..count)
        .map(|own| {
            let mut states = States::new(MemberId(own), settings, at(own));
            (0..count).for_each(|other| assert!(states.admit(MemberId(other), at(0).now)));
            states
        })
        .collect()
}

/// An exchange in which nothing is lost, and all that it changed at both ends.
fn exchange(fleet: &mut [States], a: usize, b: usize, budget: usize, at: Moment) -> [Applied; 3] {
    let rng = &mut rng(9);
    let digest = coded(&fleet[a].digest(budget, rng), budget);
    let at_b = fleet[b].hear(&digest, at);
    let delta = coded_delta(&fleet[b].delta_for(&digest, budget, rng), budget);
    let reply = coded(&fleet[b].reply(&digest, budget), budget);
    let at_a = fleet[a].apply(&delta, at);
    fleet[a].hear(&reply, at);
    let delta = coded_delta(&fleet[a].delta_for(&reply, budget, rng), budget);
    let later_at_b = fleet[b].apply(&delta, at);
    fleet.iter().for_each(States::check);
    [at_b, at_a, later_at_b]
}

/// The digest as whoever gets it reads it.
fn coded(digest: &Digest, budget: usize) -> Digest {
    let mut bytes = Vec::new();
    digest.put(&mut bytes);
    assert!(bytes.len() <= budget.max(1), "{} of {budget}", bytes.len());
    assert_eq!(Digest::decode(&bytes).as_ref(), Ok(digest));
    digest.clone()
}

fn coded_delta(delta: &Delta, budget: usize) -> Delta {
    let mut bytes = Vec::new();
    delta.put(&mut bytes);
    assert!(bytes.len() <= budget.max(1), "{} of {budget}", bytes.len());
    assert_eq!(Delta::decode(&bytes).as_ref(), Ok(delta));
    delta.clone()
}

fn map(states: &States, member: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
    states.values(MemberId(member)).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

#[test]
fn a_write_and_a_deletion_come_to_whoever_asks_with_an_event_each() {
    let mut fleet = fleet(3);
    assert_eq!(fleet[0].set(b"role", b"sentry", at(1)), Ok(true));
    assert_eq!(fleet[0].set(b"role", b"sentry", at(1)), Ok(false));
    let [_, _, third] = exchange(&mut fleet, 0, 1, 1_400, at(2));
    let (member, key) = (MemberId(0), bytes::Bytes::from_static(b"role"));
    let value = bytes::Bytes::from_static(b"sentry");
    assert!(third.changes.contains(&Change::Set { member, key: key.clone(), version: 1, value }));
    exchange(&mut fleet, 1, 2, 1_400, at(3));
    assert_eq!(fleet[2].value(member, b"role").unwrap(), "sentry");
    assert_eq!(fleet[0].delete(b"role", at(4)), Ok(true));
    assert_eq!(fleet[0].delete(b"role", at(4)), Ok(false));
    let [_, second, _] = exchange(&mut fleet, 2, 0, 1_400, at(5));
    assert_eq!(second.changes, [Change::Deleted { member, key, version: 2 }]);
    assert_eq!(map(&fleet[2], 0).len(), 0);
}

#[test]
fn a_guess_brings_the_latest_writes_to_whoever_has_all_before_them() {
    let mut fleet = fleet(3);
    let apply = |fleet: &mut [States], to: usize, digest: &Digest, now| {
        let delta = coded_delta(&fleet[0].guess(digest, 400), 400);
        fleet[to].apply(&delta, at(now))
    };
    for key in [b"a", b"b"] {
        assert_eq!(fleet[0].set(key, b"1", at(1)), Ok(true));
    }
    apply(&mut fleet, 1, &Digest::default(), 2);
    assert_eq!(map(&fleet[1], 0).len(), 2, "both writes of a moment");
    // Told of once, and written again: whoever missed the first has to ask.
    fleet[0].digest(400, &mut rng(1));
    assert_eq!(fleet[0].set(b"c", b"1", at(3)), Ok(true));
    apply(&mut fleet, 1, &Digest::default(), 4);
    assert_eq!(map(&fleet[1], 0).len(), 3);
    assert_eq!(apply(&mut fleet, 2, &Digest::default(), 4).unfit, 1);
    assert_eq!(map(&fleet[2], 0).len(), 0);
    // Of whom a peer tells itself nothing has to be guessed.
    let told = Digest(vec![fleet[2].told(MemberId(0)).unwrap()]);
    assert!(fleet[0].guess(&told, 400).is_empty());
    assert!(fleet[0].guess(&Digest::default(), 10).is_empty());
    exchange(&mut fleet, 0, 2, 1_400, at(5));
    assert_eq!(map(&fleet[2], 0).len(), 3);
}

#[test]
fn who_begins_anew_with_nothing_but_deleted_keys_has_none() {
    let mut fleet = fleet(2);
    assert_eq!(fleet[0].set(b"k", b"v", at(1)), Ok(true));
    assert_eq!(fleet[0].delete(b"k", at(1)), Ok(true));
    let lie = Told { version: 9, ..fleet[0].told(MemberId(0)).unwrap() };
    assert!(fleet[0].hear(&Digest(vec![lie]), at(2)).refuted);
    fleet[0].check();
    assert_eq!(fleet[0].told(MemberId(0)).unwrap().version, 0);
    assert_eq!(fleet[0].bytes(), 0);
}

#[test]
fn many_are_admitted_as_one_by_one() {
    let new = || States::new(MemberId(5), Settings::default(), at(1));
    let (mut one, mut all) = (new(), new());
    let ids: Vec<_> = [9, 2, 5, 9, 7].map(MemberId).to_vec();
    ids.iter().for_each(|id| assert!(one.admit(*id, at(1).now)));
    all.admit_all(&ids, at(1).now);
    all.admit_all(&ids[..2], at(1).now);
    all.check();
    assert_eq!(one.members().collect::<Vec<_>>(), all.members().collect::<Vec<_>>());
}

#[test]
fn a_heartbeat_travels_by_digests_alone_and_has_its_age() {
    let mut fleet = fleet(3);
    exchange(&mut fleet, 0, 1, 1_400, at(1));
    fleet[0].beat(at(10));
    let digest = fleet[0].digest(1_400, &mut rng(1));
    assert!(fleet[1].hear(&digest, at(11)).changes.contains(&Change::Beat(MemberId(0))));
    assert_eq!(fleet[1].raised_at(MemberId(0)), Some(at(11).now));
    // The same again raises nothing.
    assert_eq!(fleet[1].hear(&digest, at(12)), Applied::default());
    assert_eq!(fleet[1].raised_at(MemberId(0)), Some(at(11).now));
}

#[test]
fn a_heartbeat_alone_takes_at_most_48_bytes() {
    let mut states = fleet(1).remove(0);
    (0..10_000).for_each(|member| assert!(states.admit(MemberId(member), at(0).now)));
    assert!(size_of::<table::Member>() <= 48);
    assert!(states.members.capacity() * size_of::<table::Member>() <= 10_000 * 48);
}

#[test]
fn a_restart_voids_what_was_known_before() {
    let mut fleet = fleet(2);
    fleet[0].set(b"old", b"1", at(1)).unwrap();
    exchange(&mut fleet, 0, 1, 1_400, at(2));
    assert_eq!(map(&fleet[1], 0).len(), 1);
    let mut again = States::new(MemberId(0), Settings::default(), at(100));
    again.admit(MemberId(1), at(100).now);
    again.set(b"new", b"2", at(100)).unwrap();
    fleet[0] = again;
    let changes =
        exchange(&mut fleet, 0, 1, 1_400, at(101)).map(|applied| applied.changes).concat();
    let began = Change::Began { member: MemberId(0), generation: at(100).wall };
    assert!(changes.contains(&began), "{changes:?}");
    assert_eq!(map(&fleet[1], 0), BTreeMap::from([(b"new".to_vec(), b"2".to_vec())]));
}

#[test]
fn who_restarts_with_a_clock_set_back_learns_its_generation_from_the_others() {
    let mut fleet = fleet(2);
    fleet[0].set(b"old", b"1", at(1)).unwrap();
    exchange(&mut fleet, 0, 1, 1_400, at(2));
    let early = Moment { now: at(10).now, wall: WALL - 3_600 };
    fleet[0] = States::new(MemberId(0), Settings::default(), early);
    fleet[0].admit(MemberId(1), early.now);
    fleet[0].set(b"new", b"2", early).unwrap();
    let digest = fleet[1].digest(1_400, &mut rng(1));
    assert!(fleet[0].hear(&digest, early).refuted);
    exchange(&mut fleet, 0, 1, 1_400, at(11));
    assert_eq!(map(&fleet[1], 0), BTreeMap::from([(b"new".to_vec(), b"2".to_vec())]));
}

#[test]
fn whoever_slept_longer_than_the_grace_is_reset_and_brings_nothing_back() {
    let mut fleet = fleet(3);
    for key in 0..40_u8 {
        fleet[0].set(&[key], &[key; 100], at(1)).unwrap();
    }
    (0..20).for_each(|_| drop(exchange(&mut fleet, 0, 2, 1_400, at(2))));
    assert_eq!(map(&fleet[2], 0).len(), 40);
    // 2 sleeps; half of the keys go, and their tombstones, and others come.
    (0..20_u8).for_each(|key| assert_eq!(fleet[0].delete(&[key], at(3)), Ok(true)));
    (0..20).for_each(|_| drop(exchange(&mut fleet, 0, 1, 1_400, at(4))));
    fleet[0].collect(at(100).now);
    fleet[1].collect(at(100).now);
    (100..120_u8).for_each(|key| assert_eq!(fleet[0].set(&[key], b"", at(101)), Ok(true)));
    assert!(fleet[0].told(MemberId(0)).unwrap().collected > 0);
    // It wakes up, and tells first one who knows no better, in small packets.
    for round in 0..30 {
        exchange(&mut fleet, 2, usize::from(round % 3 == 0), 1_400, at(102));
        let copy = map(&fleet[2], 0);
        assert!((20..40).all(|key| copy.contains_key(&vec![key])), "round {round}");
    }
    (0..30).for_each(|_| drop(exchange(&mut fleet, 1, 0, 1_400, at(103))));
    for copy in &fleet[1..] {
        assert_eq!(map(copy, 0), map(&fleet[0], 0));
    }
}

#[test]
fn an_owner_is_held_to_its_bounds_and_told_so() {
    let mut own = fleet(1).remove(0);
    assert_eq!(own.set(b"", b"", at(1)), Err(Refused::Length));
    assert_eq!(own.set(&[0; KEY_MAX + 1], b"", at(1)), Err(Refused::Length));
    assert_eq!(own.set(b"x", &[0; VALUE_MAX + 1], at(1)), Err(Refused::Length));
    for key in 0..7_u8 {
        assert_eq!(own.set(&[key], &[0; VALUE_MAX], at(1)), Ok(true));
    }
    assert_eq!(own.set(&[7], &[0; VALUE_MAX], at(1)), Err(Refused::Bytes));
    for key in 7..64_u8 {
        assert_eq!(own.set(&[key], b"", at(1)), Ok(true));
    }
    assert_eq!(own.set(b"one more", b"", at(1)), Err(Refused::Keys));
    // A deleted key has its place until its grace is over.
    assert_eq!(own.delete(&[9], at(2)), Ok(true));
    assert_eq!(own.set(b"one more", b"", at(3)), Err(Refused::Keys));
    assert_eq!(own.deadline(), at(2).now + GRACE);
    own.collect(own.deadline());
    assert_eq!(own.set(b"one more", b"", at(63)), Ok(true));
    own.check();
}

#[test]
fn each_has_its_turn_in_digests_whoever_changes() {
    let count = 500;
    let mut states = fleet(1).remove(0);
    (1..count).for_each(|member| assert!(states.admit(MemberId(member), at(0).now)));
    let (budget, rng) = (1_400, &mut rng(3));
    // All of the latest 32 change before each digest.
    let entries = (budget - 2) / 27;
    let digests = (2 * count).div_ceil(entries as u64 / 2 - 1);
    let mut last_told = vec![0; usize::try_from(count).unwrap()];
    // What is heard of for the first time is no change.
    for digest in 0..=3 * digests {
        for member in 0..32 {
            let told = Told {
                member: MemberId(1 + member),
                generation: WALL + u32::try_from(digest).unwrap(),
                heartbeat: 1 << 30,
                version: 0,
                collected: 0,
            };
            states.hear(&Digest(vec![told]), at(1));
        }
        if digest == 0 {
            continue;
        }
        let told = coded(&states.digest(budget, rng), budget);
        assert!(told.iter().any(|told| told.member == states.own()));
        assert_eq!(told.iter().filter(|told| told.member == MemberId(32)).count(), 1);
        told.iter().for_each(|told| last_told[usize::try_from(told.member.0).unwrap()] = digest);
        let longest = last_told.iter().map(|last| digest - last).max().unwrap();
        assert!(longest <= digests, "{longest} of {digests}");
    }
}

#[test]
fn nobodys_flood_keeps_the_news_of_others_away() {
    let mut fleet = fleet(12);
    for writer in 0..11 {
        fleet[writer].set(b"key", &[0; 900], at(1)).unwrap();
        exchange(&mut fleet, writer, 11, 3_000, at(1));
    }
    // It knows all members, and nothing of what they wrote.
    let mut asker = States::new(MemberId(99), Settings::default(), at(0));
    (0..11).for_each(|member| assert!(asker.admit(MemberId(member), at(0).now)));
    let rng = &mut rng(5);
    let mut told = BTreeMap::new();
    for _ in 0..400 {
        // Member 1 writes again each time.
        fleet[1].set(b"flood", &rng.random::<[u8; 32]>(), at(2)).unwrap();
        exchange(&mut fleet, 1, 11, 3_000, at(2));
        let digest = asker.digest(1_400, rng);
        for part in fleet[11].delta_for(&digest, 1_400, rng).iter() {
            *told.entry(part.member.0).or_insert(0) += 1;
        }
    }
    assert!(told.len() >= 10 && told.values().all(|times| *times > 8), "{told:?}");
}

#[test]
fn at_the_end_of_its_numbers_an_owner_begins_anew() {
    let mut fleet = fleet(2);
    fleet[0].set(b"a", b"1", at(1)).unwrap();
    fleet[0].set(b"gone", b"", at(1)).unwrap();
    fleet[0].delete(b"gone", at(1)).unwrap();
    fleet[0].members[0].version = VERSION_MAX - 1;
    fleet[0].set(b"b", b"2", at(2)).unwrap();
    let told = fleet[0].told(MemberId(0)).unwrap();
    assert_eq!((told.generation, told.version), (WALL + 1, 2));
    exchange(&mut fleet, 0, 1, 1_400, at(3));
    assert_eq!(map(&fleet[1], 0), map(&fleet[0], 0));
}

#[test]
fn a_lie_of_the_latest_generation_that_is_believed_lasts_a_second_longer() {
    let mut fleet = fleet(2);
    fleet[0].set(b"role", b"sentry", at(1)).unwrap();
    let lie = Part {
        member: MemberId(0),
        generation: at(2).wall + GENERATION_AHEAD,
        from: 0,
        upto: 1,
        known: 1,
        collected: 0,
        entries: vec![Entry {
            key: bytes::Bytes::from_static(b"role"),
            version: 1,
            value: Some(bytes::Bytes::from_static(b"liar")),
        }],
    };
    fleet[1].apply(&Delta(vec![lie]), at(2));
    // There is no later one yet, and it isn't taken for ours.
    exchange(&mut fleet, 1, 0, 1_400, at(2));
    assert_eq!(fleet[0].told(MemberId(0)).unwrap().generation, WALL);
    exchange(&mut fleet, 1, 0, 1_400, at(3));
    assert_eq!(fleet[1].value(MemberId(0), b"role").unwrap(), "sentry");
}

#[test]
fn one_members_news_fills_a_packet_when_nobody_else_has_any() {
    let mut fleet = fleet(2);
    (0..30_u8).for_each(|key| assert_eq!(fleet[0].set(&[key], &[0; 60], at(1)), Ok(true)));
    let rng = &mut rng(1);
    let digest = fleet[1].digest(1_400, rng);
    let mut bytes = Vec::new();
    fleet[0].delta_for(&digest, 1_400, rng).put(&mut bytes);
    assert!(bytes.len() > 1_400 - 100, "{}", bytes.len());
}

#[test]
fn a_lie_about_somebody_ends_when_it_comes_to_them() {
    let lies = [
        Told {
            member: MemberId(0),
            generation: WALL + GENERATION_AHEAD,
            heartbeat: 0,
            version: 0,
            collected: 0,
        },
        Told {
            member: MemberId(0),
            generation: WALL,
            heartbeat: VERSION_MAX,
            version: 0,
            collected: 0,
        },
        Told {
            member: MemberId(0),
            generation: WALL,
            heartbeat: 0,
            version: VERSION_MAX,
            collected: VERSION_MAX,
        },
    ];
    for lie in lies {
        let mut fleet = fleet(2);
        fleet[0].set(b"role", b"sentry", at(1)).unwrap();
        exchange(&mut fleet, 0, 1, 1_400, at(1));
        let part = Part {
            member: MemberId(0),
            generation: lie.generation,
            from: if lie.collected > 0 { 0 } else { 1 },
            upto: lie.version.max(2),
            known: lie.version.max(2),
            collected: lie.collected,
            entries: vec![Entry {
                key: bytes::Bytes::from_static(b"role"),
                version: lie.version.max(2),
                value: Some(bytes::Bytes::from_static(b"liar")),
            }],
        };
        fleet[1].hear(&Digest(vec![lie]), at(2));
        fleet[1].apply(&Delta(vec![part]), at(2));
        for round in 0..4 {
            exchange(&mut fleet, 1, 0, 1_400, at(3 + round));
            fleet[0].beat(at(3 + round));
        }
        assert_eq!(fleet[1].value(MemberId(0), b"role").unwrap(), "sentry", "{lie:?}");
        assert_eq!(fleet[1].raised_at(MemberId(0)).unwrap(), at(6).now, "{lie:?}");
        assert!(fleet[0].told(MemberId(0)).unwrap().version < 10);
    }
}

#[test]
fn strangers_generations_of_the_future_and_floods_are_counted_and_bounded() {
    let mut fleet = fleet(2);
    fleet[0].set(b"x", b"", at(0)).unwrap();
    let told = |member: u64, generation| Told {
        member: MemberId(member),
        generation,
        heartbeat: 1,
        version: 1,
        collected: 0,
    };
    let stranger = fleet[1].hear(&Digest(vec![told(77, WALL)]), at(1));
    assert_eq!((stranger.unknown, fleet[1].told(MemberId(77))), (1, None));
    let ahead = fleet[1].hear(&Digest(vec![told(0, at(1).wall + GENERATION_AHEAD + 1)]), at(1));
    assert_eq!((ahead.ahead, ahead.changes.len()), (1, 0));
    // A copy that is told of more than an owner may write begins anew.
    let mut overflown = 0;
    for packet in 0..20_u8 {
        let version = u32::from(packet) + 1;
        let key = bytes::Bytes::copy_from_slice(&[packet]);
        let entry = Entry { key, version, value: Some(vec![0; VALUE_MAX].into()) };
        let part = Part {
            member: MemberId(0),
            generation: WALL,
            from: version - 1,
            upto: version,
            known: version,
            collected: 0,
            entries: vec![entry],
        };
        overflown += fleet[1].apply(&Delta(vec![part]), at(1)).overflown;
        fleet[1].check();
    }
    assert_eq!(overflown, 1);
    assert!(fleet[1].bytes() < 2 * MAP_MAX + 4_096);
}

#[test]
fn all_maps_together_have_a_bound() {
    let settings = Settings { grace: GRACE, bytes_max: 4_000 };
    let mut fleet = fleet(6);
    let mut small = States::new(MemberId(5), settings, at(0));
    (0..5).for_each(|member| assert!(small.admit(MemberId(member), at(0).now)));
    fleet[5] = small;
    let mut full = 0;
    for writer in 0..5 {
        fleet[writer].set(b"key", &[0; 1_000], at(1)).unwrap();
        full += exchange(&mut fleet, writer, 5, 1_400, at(1))
            .iter()
            .map(|applied| applied.full)
            .sum::<u32>();
    }
    assert!(full > 0 && fleet[5].bytes() <= 4_000, "{full}, {}", fleet[5].bytes());
    // There is room again once somebody is forgotten.
    (0..4).for_each(|member| fleet[5].forget(MemberId(member)));
    exchange(&mut fleet, 4, 5, 1_400, at(2));
    assert_eq!(map(&fleet[5], 4).len(), 1);
}

#[test]
fn bytes_that_no_member_writes_are_refused() {
    assert_eq!(Digest::decode(&[1, 0]), Err(Malformed::Truncated));
    assert_eq!(Digest::decode(&[0, 0]), Err(Malformed::Trailing));
    assert_eq!(Delta::decode(&[0xff, 0xff, 3]), Err(Malformed::Length("members")));
    let mut part = vec![1];
    part.extend_from_slice(&[1; 12]);
    // From 2 up to 1.
    part.extend_from_slice(&[2, 1, 1, 0, 0]);
    assert_eq!(Delta::decode(&part), Err(Malformed::Meaningless("generation or span of versions")));
    let end = part.len() - 5;
    // An entry of version 3 between 0 and 2.
    part.truncate(end);
    part.extend_from_slice(&[0, 2, 2, 0, 1, 3, 1, b'k', 0]);
    assert_eq!(Delta::decode(&part), Err(Malformed::Meaningless("version")));
    // A version past the end.
    part.truncate(end);
    part.extend_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0x0f, 2, 0, 0]);
    assert_eq!(Delta::decode(&part), Err(Malformed::Length("version")));
}
