//! What many links, and one, may make a node hold.

use super::*;

/// A node that checks so many bytes at a time, of items of two bytes each, and two links.
fn checking(bytes: usize) -> (Solo, Link, Link) {
    let mut params = at_once();
    params.memory.verifying_max_bytes = bytes;
    let mut solo = Solo::with_chain(params, Box::new(FirstByte));
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    (solo, a, b)
}

/// A peer announces an item and sends it. Whether it is being checked then.
fn brings(solo: &mut Solo, link: Link, item: &Arc<Item>) -> bool {
    solo.say(link, &announce(item));
    solo.wait(10);
    solo.say(link, &Message::Items(Items::Item(item.clone())))
        .contains(&Action::Verify(item.clone()))
}

#[test]
fn items_being_checked_are_bounded_in_bytes_and_what_does_not_fit_is_asked_for_again() {
    let (mut solo, a, b) = checking(2);
    let (first, second) = (first_byte(0, 1), first_byte(0, 2));
    assert!(brings(&mut solo, a, &first));
    solo.say(a, &announce(&second));
    solo.say(b, &announce(&second));
    let actions = solo.say(a, &Message::Items(Items::Item(second.clone())));
    assert_eq!(sends(&actions), [(b, get_data(&second))]);
    assert_eq!(solo.node.counters().verify_overflow, 1);
    solo.hand(Input::Verdict { item: &first, verdict: GOOD });
    let actions = solo.say(b, &Message::Items(Items::Item(second.clone())));
    assert!(actions.contains(&Action::Verify(second)), "it is taken from the other one");
}

#[test]
fn what_nobody_else_has_and_did_not_fit_is_announced_again_and_taken() {
    let (mut solo, a, _) = checking(2);
    let (first, second) = (first_byte(0, 1), first_byte(0, 2));
    assert!(brings(&mut solo, a, &first));
    assert!(!brings(&mut solo, a, &second));
    solo.hand(Input::Verdict { item: &first, verdict: GOOD });
    assert!(brings(&mut solo, a, &second));
}

#[test]
fn one_link_has_a_quarter_of_the_bytes_that_are_checked() {
    let (mut solo, a, b) = checking(16);
    let brought = (0..10).filter(|n| brings(&mut solo, a, &first_byte(0, *n))).count();
    assert_eq!(brought, 2, "of two bytes each");
    assert!(brings(&mut solo, b, &first_byte(0, 100)));
}
