use super::*;

use proptest::collection::vec;
use proptest::prelude::*;

const PLACES: usize = 117;

/// Of so many networks each has one place.
const ALL_APART: u32 = 117;

fn secret() -> Salt {
    Salt::new(7)
}

fn candidate(slot: usize, group: u32, since_s: u64) -> Candidate {
    let standing = Standing { group, ..Standing::default() };
    let link = Link::new(u32::try_from(slot).unwrap(), 1);
    Candidate { link, since: Time::from_millis(since_s * 1_000), standing }
}

/// Links that came one after another, of so many networks in turn.
fn of_networks(networks: u32) -> Vec<Candidate> {
    let came = (0..PLACES).zip((0..networks).cycle());
    came.map(|(slot, group)| candidate(slot, group, slot as u64)).collect()
}

fn slot_of(link: Option<Link>) -> Option<usize> {
    link.map(Link::slot)
}

#[test]
fn a_newcomer_of_another_network_takes_the_place_of_the_youngest_of_the_largest() {
    let mut candidates = of_networks(8);
    // Of 8 networks the first five have a link more than the others.
    assert_eq!(slot_of(who_gives_way(candidates.clone(), 99, secret())), Some(116));
    candidates.push(candidate(200, 7, 50));
    candidates.push(candidate(201, 7, 150));
    assert_eq!(slot_of(who_gives_way(candidates, 99, secret())), Some(201));
}

#[test]
fn a_newcomer_whose_network_would_be_the_largest_is_turned_away() {
    assert_eq!(who_gives_way(of_networks(8), 7, secret()), None);
    assert_eq!(who_gives_way(of_networks(1), 0, secret()), None);
    assert_eq!(who_gives_way(Vec::new(), 0, secret()), None);
}

#[test]
fn whoever_is_alone_in_its_network_keeps_its_place() {
    assert_eq!(who_gives_way(of_networks(ALL_APART), 999, secret()), None);
}

#[test]
fn whoever_has_all_places_from_eight_networks_and_imitates_everybody_lets_a_newcomer_in() {
    let mut candidates = of_networks(8);
    for one in &mut candidates {
        let slot = u32::try_from(one.link.slot()).unwrap();
        one.standing.rtt = Some(Duration::from_micros(slot.into()));
        (one.standing.brought_tx, one.standing.brought_block) = (1_000 - slot, 1_000 + slot);
    }
    assert!(who_gives_way(candidates, 99, secret()).is_some());
}

#[test]
fn a_node_of_few_places_has_somebody_to_give_way_too() {
    for places in 2..20 {
        let candidates = (0..places).map(|slot| candidate(slot, 1, slot as u64)).collect();
        assert_eq!(slot_of(who_gives_way(candidates, 2, secret())), Some(places - 1));
    }
}

#[test]
fn a_link_that_is_being_closed_gives_way_to_anybody() {
    let mut candidates = of_networks(ALL_APART);
    candidates[3].standing.is_closing = true;
    assert_eq!(slot_of(who_gives_way(candidates, 5, secret())), Some(3));
}

/// Links with whatever standing, in networks of whatever size.
fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0_u32..12, 0_u64..50, prop::option::of(0_u64..50), 0_u32..9, 0_u32..9);
    vec(one, 0..PLACES).prop_map(|all| {
        let made = all.into_iter().enumerate();
        made.map(|(slot, (group, since_s, rtt_ms, brought_tx, brought_block))| {
            let mut one = candidate(slot, group * group / 8, since_s);
            let rtt = rtt_ms.map(Duration::from_millis);
            one.standing = Standing { rtt, brought_tx, brought_block, ..one.standing };
            one
        })
        .collect()
    })
}

/// Takes the best by a rule out of those that are left, so many times: the lowest key, `None` being none.
fn best<K: Ord>(
    left: &mut Vec<Candidate>,
    count: usize,
    key: impl Fn(&Candidate) -> Option<K>,
) -> Vec<Link> {
    let mut safe = Vec::new();
    for _ in 0..count {
        let keyed = left.iter().filter_map(|one| key(one).map(|key| (key, one.link)));
        let Some((_, link)) = keyed.min() else { break };
        left.retain(|one| one.link != link);
        safe.push(link);
    }
    safe
}

/// Who is protected, found one by one.
fn protected(candidates: &[Candidate]) -> Vec<Link> {
    let (mut left, most) = (candidates.to_vec(), candidates.len() / PART);
    let turn = |one: &Candidate| secret().rank(one.link.slot());
    let oldest_of_each: Vec<_> = candidates
        .iter()
        .filter(|one| {
            let others = candidates.iter().filter(|two| two.standing.group == one.standing.group);
            others.map(|two| (two.since, turn(two))).min() == Some((one.since, turn(one)))
        })
        .map(|one| one.link)
        .collect();
    let mut safe = best(&mut left, GROUPS.min(most), |one| {
        oldest_of_each.contains(&one.link).then(|| secret().rank(one.standing.group))
    });
    safe.extend(best(&mut left, NEAREST.min(most), |one| {
        one.standing.rtt.map(|rtt| (rtt, one.since, turn(one)))
    }));
    let brought = |when: u32| (when > 0).then_some(Reverse(when));
    safe.extend(best(&mut left, BRINGERS.min(most), |one| {
        brought(one.standing.brought_tx).map(|when| (when, one.since, turn(one)))
    }));
    safe.extend(best(&mut left, BRINGERS.min(most), |one| {
        brought(one.standing.brought_block).map(|when| (when, one.since, turn(one)))
    }));
    let half = left.len() / 2;
    safe.extend(best(&mut left, half, |one| Some((one.since, turn(one)))));
    safe
}

fn size(candidates: &[Candidate], group: u32) -> usize {
    candidates.iter().filter(|one| one.standing.group == group).count()
}

proptest! {
    #[test]
    fn a_protected_link_never_gives_way(candidates in any_candidates(), newcomer in 0_u32..20) {
        let gave_way = who_gives_way(candidates.clone(), newcomer, secret());
        let safe = protected(&candidates);
        prop_assert!(gave_way.is_none_or(|link| !safe.contains(&link)));
        // And if nobody does, the newcomer's network would have been the largest of those that had a choice.
        if gave_way.is_none() {
            let least = size(&candidates, newcomer) + 2;
            for one in candidates.iter().filter(|one| !safe.contains(&one.link)) {
                prop_assert!(size(&candidates, one.standing.group) < least);
            }
        }
    }

    #[test]
    fn no_network_makes_room_for_one_that_ends_larger(
        candidates in any_candidates(),
        newcomer in 0_u32..20,
    ) {
        if let Some(link) = who_gives_way(candidates.clone(), newcomer, secret()) {
            let loser = candidates.iter().find(|one| one.link == link).unwrap().standing.group;
            prop_assert!(size(&candidates, loser) > size(&candidates, newcomer) + 1);
            prop_assert_ne!(loser, newcomer);
        }
    }

    #[test]
    fn who_gives_way_depends_on_nothing_but_who_is_there_and_the_secret(
        candidates in any_candidates(),
        newcomer in 0_u32..20,
    ) {
        let mut turned = candidates.clone();
        turned.reverse();
        turned.rotate_left(candidates.len() / 3);
        let [one, other] = [candidates, turned].map(|all| who_gives_way(all, newcomer, secret()));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn strangers_who_come_without_end_drive_somebody_out_only_until_all_networks_are_alike(
        mut candidates in any_candidates(),
        networks in 1_u32..30,
    ) {
        let squares = |all: &[Candidate]| -> usize {
            (0..64).map(|group| size(all, group).pow(2)).sum()
        };
        let (places, mut before) = (candidates.len(), squares(&candidates));
        let most = before / 2;
        let mut gave_way = 0;
        for (slot, newcomer) in (PLACES..PLACES + 2_000).zip((0..networks).cycle()) {
            let Some(link) = who_gives_way(candidates.clone(), newcomer, secret()) else { continue };
            candidates.retain(|one| one.link != link);
            candidates.push(candidate(slot, newcomer, slot as u64));
            gave_way += 1;
            let now = squares(&candidates);
            prop_assert!(now + 2 <= before, "it is no more even than before");
            before = now;
        }
        prop_assert_eq!(candidates.len(), places);
        prop_assert!(gave_way <= most);
    }
}
