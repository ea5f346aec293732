//! The cache against a list in order of use, and against a set of holders.

use std::collections::BTreeSet;

use super::*;
use crate::ground::item::{Hash256, ItemId};
use proptest::prelude::*;

fn id(n: u8) -> ItemId {
    ItemId::tx(Hash256([n; 32]))
}

#[test]
fn a_peer_that_is_noted_is_known() {
    let mut seen = SeenCache::new(2, Salt::new(0));
    let link = Link::new(3, 1);
    assert!(!seen.note(id(1), link));
    seen.insert(id(1), Seen::default());
    assert!(!seen.knows(id(1), link));
    assert!(seen.note(id(1), link));
    assert!(seen.knows(id(1), link));
}

#[test]
fn a_short_id_tells_an_item_of_either_kind_among_few_and_many() {
    let mut seen = SeenCache::new(64, Salt::new(0));
    for n in 0..40 {
        let id = if n % 2 == 0 { id(n) } else { ItemId::block(id(n).hash()) };
        seen.insert(id, Seen::default());
        assert_eq!(seen.id_of(id.into()), Some(id));
    }
    assert_eq!(seen.id_of(id(1).into()), None, "it was a block");
}

#[test]
fn what_is_held_outlasts_all_else_until_it_is_released() {
    let mut seen = SeenCache::new(2, Salt::new(0));
    seen.insert(id(0), Seen::default());
    seen.hold(id(0));
    (1..10).for_each(|n| seen.insert(id(n), Seen::default()));
    assert_eq!((seen.contains(id(0)), seen.held(), seen.len()), (true, 1, 3));
    seen.insert(id(0), Seen::new(Outcome::Refused, LinkSet::default()));
    assert_eq!(seen.held(), 1, "it is here whatever is said of it");
    seen.release(id(0));
    assert_eq!((seen.held(), seen.outcome(id(0))), (0, Some(Outcome::Refused)));
}

#[test]
fn a_block_has_refusals_by_policy_forgotten_and_no_others() {
    let mut seen = SeenCache::new(8, Salt::new(0));
    let outcomes = [
        Outcome::Accepted,
        Outcome::Confirmed,
        Outcome::Invalid,
        Outcome::Refused,
        Outcome::TooCheap,
    ];
    for (n, outcome) in (0..).zip(outcomes) {
        seen.insert(id(n), Seen::new(outcome, LinkSet::default()));
    }
    let held = |seen: &SeenCache| (0..5).map(|n| seen.contains(id(n))).collect::<Vec<_>>();
    seen.on_block(true);
    assert_eq!(held(&seen), [true, true, true, false, false]);
    seen.on_block(false);
    assert_eq!(held(&seen), [true, false, true, false, false]);
    seen.insert(id(3), Seen::new(Outcome::Refused, LinkSet::default()));
    assert_eq!(seen.outcome(id(3)), Some(Outcome::Refused), "it was refused again");
}

#[test]
fn a_newcomer_does_not_inherit_what_was_known_of_its_predecessor() {
    let mut seen = SeenCache::new(2, Salt::new(0));
    let (old, new) = (Link::new(3, 1), Link::new(3, 2));
    seen.insert(id(1), Seen::default());
    seen.note(id(1), old);
    seen.forget_link(old);
    assert!(!seen.knows(id(1), new));
}

#[test]
fn links_that_went_down_are_numbered_without_end() {
    let mut seen = SeenCache::new(3, Salt::new(0));
    let (stays, goes) = (Link::new(1, 1), Link::new(70, 1));
    for n in 1..=3 {
        seen.insert(id(n), Seen::default());
    }
    seen.forget_link(Link::new(5, 1));
    seen.note(id(1), stays);
    seen.note(id(1), goes);
    seen.departures.as_mut().unwrap().count = u32::MAX - 1;
    seen.note(id(2), goes);
    seen.forget_link(goes);
    seen.note(id(3), goes);
    assert!(seen.knows(id(1), stays) && !seen.knows(id(1), goes) && !seen.knows(id(2), goes));
    seen.forget_link(Link::new(2, 1));
    assert_eq!(seen.departures.as_ref().unwrap().count, 1);
    assert!(seen.knows(id(1), stays) && !seen.knows(id(1), goes) && !seen.knows(id(2), goes));
    assert!(seen.knows(id(3), goes));
    seen.forget_link(goes);
    assert!(!seen.knows(id(3), goes));
}

#[test]
fn an_item_that_is_confirmed_keeps_its_holders() {
    let mut seen = SeenCache::new(2, Salt::new(0));
    let link = Link::new(3, 1);
    seen.insert(id(1), Seen::default());
    seen.note(id(1), link);
    seen.confirm(id(1));
    assert!(seen.knows(id(1), link));
    assert_eq!(seen.outcome(id(1)), Some(Outcome::Confirmed));
}

proptest! {
    /// Against a set of pairs, in which links are told apart by their generations.
    #[test]
    fn it_knows_the_holders_among_live_links(
        steps in prop::collection::vec((0_u8..6, 0_u8..4, 0_u32..3), 1..200),
    ) {
        let mut seen = SeenCache::new(4, Salt::new(1));
        let mut generations = [1_u32; 3];
        let mut model: BTreeSet<(u8, usize, u32)> = BTreeSet::new();
        (0..4).for_each(|n| seen.insert(id(n), Seen::default()));
        for (step, n, which) in steps {
            let slot = [0, 63, 64][which as usize];
            let generation = &mut generations[which as usize];
            let link = Link::new(slot, *generation);
            match step {
                0 => {
                    seen.forget_link(link);
                    *generation += 1;
                }
                1 => seen.confirm(id(n)),
                2 => {
                    seen.insert(id(n), Seen::default());
                    model.retain(|(held, ..)| *held != n);
                }
                step => {
                    if step == 3 { seen.note_told(id(n), link) } else { seen.note(id(n), link); }
                    model.insert((n, link.slot(), *generation));
                }
            }
            for (slot, generation) in [0, 63, 64].into_iter().zip(generations) {
                let link = Link::new(slot, generation);
                for n in 0..4 {
                    let is_holder = model.contains(&(n, link.slot(), generation));
                    prop_assert_eq!(seen.knows(id(n), link), is_holder);
                }
            }
        }
    }

    /// Against a list in order of use.
    #[test]
    fn it_forgets_the_least_recently_used(
        ops in prop::collection::vec((any::<bool>(), 0_u8..24), 1..200),
        max in 1_usize..3 * FEW,
        salt in any::<u64>(),
    ) {
        let mut seen = SeenCache::new(max, Salt::new(salt));
        let mut model: Vec<u8> = Vec::new();
        for (is_insert, n) in ops {
            let position = model.iter().position(|held| *held == n);
            if is_insert {
                seen.insert(id(n), Seen::default());
            } else {
                prop_assert_eq!(seen.note(id(n), Link::new(0, 1)), position.is_some());
            }
            if let Some(position) = position {
                model.remove(position);
            }
            if is_insert || position.is_some() {
                model.push(n);
            }
            if model.len() > max {
                model.remove(0);
            }
            prop_assert_eq!(seen.len(), model.len());
            for n in 0..24 {
                prop_assert_eq!(seen.contains(id(n)), model.contains(&n));
            }
        }
    }
}
