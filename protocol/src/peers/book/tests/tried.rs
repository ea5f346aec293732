//! Who gets into *tried*, and who is driven out.

use super::*;

/// A book with an address in *tried*, and another one, reached later, that waits for its place there.
fn collision(world: &mut Surroundings) -> (Book, PeerAddr, PeerAddr) {
    let mut book = book();
    let old = addr(1);
    world.visit(&mut book, old);
    for n in 2..1_000 {
        world.visit(&mut book, addr(n));
        if book.waiting().into_iter().any(|(newcomer, _)| newcomer == addr(n)) {
            assert_eq!(book.to_test(world.now), Some(old));
            return (book, old, addr(n));
        }
        book.shun(addr(n), world.now);
    }
    panic!("nobody has the same place");
}

fn is_tried(book: &Book, addr: PeerAddr) -> bool {
    book.iter().any(|view| view.addr == addr && view.tried)
}

#[test]
fn what_was_reached_is_tried() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    world.hear(&mut book, addr(1), PeerKey(1));
    assert!(!is_tried(&book, addr(1)));
    world.with(|cx| book.reach(addr(1), cx));
    assert!(is_tried(&book, addr(1)));
    book.check_all(10_000);
}

#[test]
fn whoever_is_there_keeps_its_place_from_a_newcomer() {
    let mut world = Surroundings::of_size(100);
    let (mut book, old, newcomer) = collision(&mut world);
    assert!(is_tried(&book, old) && !is_tried(&book, newcomer) && book.contains(newcomer));
    world.visit(&mut book, old); // by a feeler
    assert_eq!(book.to_test(world.now), None, "that was it");
    assert!(is_tried(&book, old) && !is_tried(&book, newcomer));
    // A full one is there, too.
    world.visit(&mut book, newcomer);
    assert_eq!(book.to_test(world.now), Some(old));
    world.with(|cx| book.turn_away(old, cx));
    assert_eq!(book.to_test(world.now), None);
    assert!(is_tried(&book, old));
    book.check_all(100);
}

#[test]
fn whoever_is_not_there_any_more_gives_way_and_stays_known() {
    let mut world = Surroundings::of_size(100);
    let (mut book, old, newcomer) = collision(&mut world);
    world.fail(&mut book, old, 1);
    assert!(is_tried(&book, newcomer) && !is_tried(&book, old) && book.contains(old));
    assert_eq!(book.to_test(world.now), None);
    book.check_all(100);
}

#[test]
fn an_outage_of_our_own_drives_out_nobody() {
    let mut world = Surroundings::of_size(100);
    let (mut book, old, newcomer) = collision(&mut world);
    for _ in 0..100 {
        world.with(|cx| book.excuse(old, true, cx));
    }
    assert!(is_tried(&book, old) && !is_tried(&book, newcomer));
    assert_eq!(book.to_test(world.now), None, "it rests");
    world.wait(Duration::from_secs(3_600));
    assert_eq!(book.to_test(world.now), Some(old), "and is tried later");
}

#[test]
fn a_newcomer_that_fails_waits_no_longer() {
    let mut world = Surroundings::of_size(100);
    let (mut book, old, newcomer) = collision(&mut world);
    world.fail(&mut book, newcomer, 1);
    world.fail(&mut book, old, 1);
    assert!(is_tried(&book, old), "nobody waits for its place");
    book.check_all(100);
}

#[test]
fn a_newcomer_gets_the_place_of_one_that_is_shunned() {
    let mut world = Surroundings::of_size(100);
    let (mut book, old, newcomer) = collision(&mut world);
    book.shun(old, world.now);
    assert!(is_tried(&book, newcomer));
    book.check_all(100);
}

#[test]
fn nobody_is_tried_who_has_a_link() {
    let mut world = Surroundings::of_size(100);
    let (mut book, old, newcomer) = collision(&mut world);
    world.with(|cx| book.reach(old, cx));
    world.visit(&mut book, newcomer);
    assert_eq!(book.to_test(world.now), None);
    world.fail(&mut book, old, 3); // a link more that came to nothing
    assert!(is_tried(&book, old));
    book.check_all(100);
}

#[test]
fn only_so_many_wait() {
    let mut world = Surroundings::of_size(100);
    let mut book = book();
    (0..500).for_each(|n| world.visit(&mut book, addr(n)));
    assert_eq!(book.waiting().len(), COLLISIONS_MAX);
    assert!(book.iter().filter(|view| view.tried).count() <= 20, "a fifth of the book");
    book.check_all(100);
}
