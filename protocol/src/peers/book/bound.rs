//! How likely an attacker gets all links: computed from the rule of the draw, and compared with draws.

use super::tests::{Surroundings, network};
use super::*;

/// Groups that have an address which was reached, and groups of which we only heard.
#[derive(Clone, Copy, Debug)]
struct Known {
    reached: u32,
    heard: u32,
}

impl Known {
    fn all(self) -> f64 {
        f64::from(self.reached + self.heard)
    }
}

/// The chance that so many links, drawn one after the other and each to another group, all lead to the attacker's:
/// half of the draws are among the groups that were reached, if any of them is left, the others among all.
fn captured(hostile: Known, honest: Known, links: u32) -> f64 {
    if links == 0 || hostile.all() == 0.0 {
        return if links == 0 { 1.0 } else { 0.0 };
    }
    let all = hostile.all() + honest.all();
    let reached = f64::from(hostile.reached + honest.reached);
    let of_reached = match reached {
        0.0 => f64::from(hostile.reached) / all,
        _ => f64::from(hostile.reached) / reached,
    };
    let of_heard = if reached == 0.0 { f64::from(hostile.heard) / all } else { 0.0 };
    let reached = f64::midpoint(of_reached, f64::from(hostile.reached) / all);
    let heard = f64::midpoint(of_heard, f64::from(hostile.heard) / all);
    let mut chance = 0.0;
    if hostile.reached > 0 {
        let left = Known { reached: hostile.reached - 1, ..hostile };
        chance += reached * captured(left, honest, links - 1);
    }
    if hostile.heard > 0 {
        let left = Known { heard: hostile.heard - 1, ..hostile };
        chance += heard * captured(left, honest, links - 1);
    }
    chance
}

/// The worst of all ways in which an attacker may have had some of its 64 groups reached by us.
fn worst(honest: Known, links: u32) -> f64 {
    let hostile = (0..=64).map(|reached| Known { reached, heard: 64 - reached });
    hostile.map(|hostile| captured(hostile, honest, links)).fold(0.0, f64::max)
}

/// Of 500 hostile addresses in 64 groups and 1,000 honest ones: the number of addresses counts for nothing.
#[test]
fn an_attacker_with_64_groups_gets_all_links_after_a_restart_less_than_once_in_a_million_times() {
    let reached = |groups| Known { reached: groups, heard: 0 };
    // Some address of each group was reached before, and the two anchors live.
    assert!(worst(reached(500), 10) < 2e-10);
    assert!(worst(reached(250), 10) < 1e-7);
    // One anchor does.
    assert!(worst(reached(250), 9) < 1e-6);
    // Half of the honest addresses were reached, at random: of groups of four, one in 16 has none of them; of groups
    // of two, one in four.
    assert!(worst(Known { reached: 375, heard: 125 }, 8) < 1e-6);
    assert!(worst(Known { reached: 234, heard: 16 }, 10) < 2e-7);
    assert!(worst(Known { reached: 234, heard: 16 }, 9) < 1e-6);
    // Without anchors 500 groups suffice and 250 don't. No rule by which a link has a group does better: the groups can't be
    // told apart, so all choices of eight of them are alike.
    assert!(worst(reached(500), 8) < 2e-8);
    let alike: f64 = (0..8_u32).map(|n| f64::from(64 - n) / f64::from(314 - n)).product();
    let without = worst(reached(250), 8);
    assert!((without / alike - 1.0).abs() < 1e-9 && without < 2.1e-6, "{without:e}");
}

/// A book of which each known group has some addresses; hostile groups are those of 20.x.
fn book_of(hostile: Known, honest: Known, world: &mut Surroundings) -> Book {
    let mut book = Book::new(None, Salt::new(1));
    let mut records = Vec::new();
    for (first, known) in [(20, hostile), (60, honest)] {
        for group in 0..known.reached + known.heard {
            // Of different sizes, which count for nothing.
            for n in 0..=group % 4 + if first == 20 { 3 } else { 0 } {
                let addr = network(first, group, n);
                let is_reached = group < known.reached && n == 0;
                let record = if is_reached { AddressRecord::reached } else { AddressRecord::heard };
                records.push(record(addr));
            }
        }
    }
    world.with(|cx| book.import(&records.into(), cx));
    book
}

#[test]
fn the_bound_is_what_draws_come_to() {
    const ROUNDS: u32 = 20_000;
    let mut world = Surroundings::new(1);
    for (hostile, honest) in [
        (Known { reached: 3, heard: 0 }, Known { reached: 5, heard: 0 }),
        (Known { reached: 1, heard: 3 }, Known { reached: 4, heard: 2 }),
        (Known { reached: 0, heard: 4 }, Known { reached: 2, heard: 3 }),
        (Known { reached: 4, heard: 0 }, Known { reached: 0, heard: 6 }),
    ] {
        let book = book_of(hostile, honest, &mut world);
        let is_hostile = |addr: PeerAddr| addr.to_string().starts_with("20.");
        let mut both = 0;
        for _ in 0..ROUNDS {
            let mut groups = Vec::new();
            let mut draw = || {
                let wish = Wish { groups: &groups, ..Wish::default() };
                let choice = book.choose(&wish, world.now, &mut world.rng);
                let Choice::Dial(addr) = choice else { panic!("{choice:?}") };
                groups.extend(book.group_of(addr));
                is_hostile(addr)
            };
            both += u32::from(draw() & draw());
        }
        let expected = captured(hostile, honest, 2);
        let measured = f64::from(both) / f64::from(ROUNDS);
        let deviation = (expected * (1.0 - expected) / f64::from(ROUNDS)).sqrt();
        assert!(
            (measured - expected).abs() < 5.0 * deviation,
            "{hostile:?} of {honest:?}: {measured} and not {expected}"
        );
    }
}
