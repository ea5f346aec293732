//! Which address is drawn.

use super::*;

/// How often each address is drawn.
fn draws(
    world: &mut Surroundings,
    book: &Book,
    wish: &Wish<'_>,
    times: u32,
) -> BTreeMap<PeerAddr, u32> {
    let mut drawn = BTreeMap::new();
    for _ in 0..times {
        match world.choose(book, wish) {
            Choice::Dial(addr) => *drawn.entry(addr).or_insert(0) += 1,
            other => panic!("{other:?}, and some are free"),
        }
    }
    drawn
}

#[test]
fn where_addresses_are_by_themselves_every_free_one_is_chosen_equally_often() {
    // With few free ones the draws miss and the walk decides; it must be fair as well.
    for (free, known) in [(5, 200), (50, 60)] {
        let mut world = Surroundings::new(1);
        let (mut book, held) = book_of(&mut world, known);
        held[free..].iter().for_each(|addr| book.set_connected(*addr, true));
        let busy = &held[..1];
        let wish = Wish { busy, ..Wish::default() };
        let drawn = draws(&mut world, &book, &wish, u32::try_from(free).unwrap() * 200);
        assert_eq!(drawn.len(), free - 1, "all but the busy one");
        // 200 expected, plus a little; five standard deviations are 71.
        assert!(drawn.values().all(|times| (130..330).contains(times)), "{drawn:?}");
    }
}

#[test]
fn each_group_is_drawn_alike_and_in_it_each_address() {
    let mut world = Surroundings::of_size(81_920);
    let mut book = book();
    let sizes = [1, 2, 5, 40];
    for (group, size) in (0..).zip(sizes) {
        (0..size)
            .for_each(|n| _ = world.hear(&mut book, network(20, group, n), Source::Network(n)));
    }
    let drawn = draws(&mut world, &book, &Wish::default(), 8_000);
    for (group, size) in (0..).zip(sizes) {
        let of_group: Vec<_> =
            (0..size).map(|n| drawn.get(&network(20, group, n)).copied().unwrap_or(0)).collect();
        let all: u32 = of_group.iter().sum();
        // 2,000 expected; five standard deviations are 194.
        assert!((1_800..2_200).contains(&all), "{all} of group {group}");
        let each = all / size;
        assert!(
            of_group.iter().all(|times| *times >= each / 3 && *times <= each * 3),
            "{of_group:?}"
        );
    }
}

#[test]
fn half_of_the_draws_are_among_those_that_were_reached_and_of_a_feelers_among_the_others() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    // One group reached, nine heard of.
    (0..10).for_each(|n| _ = world.hear(&mut book, network(20, n, 0), Source::Network(n)));
    world.visit(&mut book, network(20, 0, 0));
    for (feels, expected) in [(false, 0.55), (true, 0.05)] {
        let wish = Wish { feels, ..Wish::default() };
        let drawn = draws(&mut world, &book, &wish, 4_000);
        let share = f64::from(drawn[&network(20, 0, 0)]) / 4_000.0;
        assert!((share - expected).abs() < 0.04, "{share} and not {expected}");
    }
}

#[test]
fn a_flood_of_hearsay_keeps_no_more_than_half_of_the_draws_from_those_that_were_reached() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    (0..4).for_each(|n| world.visit(&mut book, network(60, n, 0)));
    for n in 0..50_000_u32 {
        let dead = network(u8::try_from(20 + n % 30).unwrap(), n / 30 % 256, n / 7_680);
        world.hear(&mut book, dead, Source::Network(n % 1_000));
    }
    let drawn = draws(&mut world, &book, &Wish::default(), 1_000);
    let good: u32 = (0..4).filter_map(|n| drawn.get(&network(60, n, 0))).sum();
    assert!((420..580).contains(&good), "{good} of 1,000");
}

#[test]
fn a_group_with_a_link_gets_no_second_one_while_another_may_answer() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    (0..50).for_each(|n| _ = world.hear(&mut book, network(20, 0, n), Source::Network(n)));
    let other = network(60, 0, 0);
    world.hear(&mut book, other, Source::Network(1));
    let groups = Vec::from_iter(book.group_of(network(20, 0, 0)));
    let wish = Wish { groups: &groups, ..Wish::default() };
    for failures in 0..TELL_FAILURES_MAX {
        for _ in 0..100 {
            match world.choose(&book, &wish) {
                Choice::Dial(addr) => assert_eq!(addr, other),
                choice => assert!(matches!(choice, Choice::NoneBefore(at) if at > world.now)),
            }
        }
        world.fail(&mut book, other, 1);
        assert!(matches!(world.choose(&book, &wish), Choice::NoneBefore(_)) == (failures < 2));
    }
    // A small network of one provider connects all the same.
    assert!(matches!(world.choose(&book, &wish), Choice::Dial(addr) if addr != other));
}

#[test]
fn a_source_that_told_enough_waits_for_others() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    let seed = Source::Network(1);
    (0..20).for_each(|n| _ = world.hear(&mut book, network(20, n, 0), seed));
    let wish = Wish { spent: &[seed], ..Wish::default() };
    assert!(matches!(world.choose(&book, &wish), Choice::LoneWord(_)));
    // Another source says the same of one of them.
    world.hear(&mut book, network(20, 3, 0), Source::Network(1));
    assert!(matches!(world.choose(&book, &wish), Choice::LoneWord(_)), "it repeats itself");
    world.hear(&mut book, network(20, 3, 0), Source::Network(2));
    for _ in 0..50 {
        assert_eq!(world.choose(&book, &wish), Choice::Dial(network(20, 3, 0)));
    }
    // Or one was reached in an earlier run.
    let mut later = Book::new(None, Salt::new(1));
    world.visit(&mut book, network(20, 5, 0));
    assert_eq!(book.lone_word(network(20, 5, 0)), Some(seed), "its word sent us there");
    let kept = book.export(world.now);
    world.with(|cx| later.import(&kept, cx));
    assert_eq!(later.lone_word(network(20, 5, 0)), None);
    assert_eq!(later.lone_word(network(20, 6, 0)), Some(seed));
}

#[test]
fn addresses_that_are_by_themselves_are_beside_the_rules() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    world.hear(&mut book, network(20, 0, 0), Source::Network(1));
    world.hear(&mut book, addr(1), PeerKey(1));
    let groups = Vec::from_iter(book.group_of(network(20, 0, 0)));
    let spent = [PeerKey(1).into(), Source::Network(1)];
    let wish = Wish { groups: &groups, spent: &spent, ..Wish::default() };
    assert_eq!(world.choose(&book, &wish), Choice::Dial(addr(1)));
}

#[test]
fn without_a_free_address_the_next_rest_to_end_is_named() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    assert_eq!(world.choose(&book, &Wish::default()), Choice::NoneBefore(Time::NEVER));
    for n in 1..=3 {
        world.with(|cx| book.name(addr(n), cx));
    }
    book.set_connected(addr(1), true);
    let soon = world.with(|cx| book.fail(addr(2), cx)).unwrap();
    let wish = Wish { busy: &[addr(3)], ..Wish::default() };
    assert_eq!(world.choose(&book, &wish), Choice::NoneBefore(soon));
}
