//! Transactions that waited for their parents, or came with a child that paid for them, after a restart.

use super::orphans::{asks, cheap_parent, family, solo};
use super::own::reports;
use super::policy::refusals;
use super::*;
use crate::chain::Verified;
use crate::ground::item::{Hash256, Item};
use crate::machine::{Action, RestoredAs};
use crate::testkit::ties::{Draft, Ties, block};

const IN: Direction = Direction::Inbound;

impl Solo {
    fn restore(&mut self, item: &Arc<Item>, was: RestoredAs) -> Vec<Action> {
        self.hand(Input::Restored {
            item: item.clone(),
            was,
            age: Duration::ZERO,
            verified: Ties.verify(item).unwrap(),
        })
    }
}

fn back(item: &Item) -> Event {
    Event::Restored { id: item.id() }
}

#[test]
fn an_orphan_of_an_earlier_run_waits_for_whoever_brings_its_parent() {
    let mut solo = solo();
    let link = solo.link(0, IN);
    let (parent, child, grandchild) = family();
    let waits = Event::Orphaned { id: child.id() };
    assert_eq!(reports(&solo.restore(&child, RestoredAs::Orphan)), [waits]);
    solo.restore(&grandchild, RestoredAs::Orphan);
    assert!(solo.waits(&child) && solo.waits(&grandchild));
    let actions = solo.feed(link, &parent);
    let events = reports(&actions);
    assert!(events.ends_with(&[back(&child), back(&grandchild)]), "{events:?}");
    assert!([&parent, &child, &grandchild].into_iter().all(|item| solo.has(item)));
    assert!(solo.node.orphanage().is_none() && solo.node.unbroadcast().is_empty());
}

#[test]
fn whoever_announces_an_orphan_of_an_earlier_run_is_asked_for_its_parents() {
    let mut solo = solo();
    let (parent, child, _) = family();
    solo.restore(&child, RestoredAs::Orphan);
    let (a, b) = (solo.link(0, IN), solo.link(1, IN));
    assert_eq!(asks(&solo.say(a, &announce(&child))), [(a, parent.id())]);
    solo.hand(Input::Disconnected { link: a });
    assert!(!solo.waits(&child), "it has become an orphan like any other");
    solo.restore(&child, RestoredAs::Orphan);
    assert_eq!(asks(&solo.say(b, &announce(&child))), [(b, parent.id())]);
    let events = reports(&solo.send(b, &parent));
    let is_accepted = |item: &Item| {
        let id = item.id();
        events.iter().any(|event| matches!(event, Event::Accepted { id: it, .. } if *it == id))
    };
    assert!(is_accepted(&parent) && is_accepted(&child), "{events:?}");
}

#[test]
fn an_orphan_of_an_earlier_run_whose_parents_are_back_is_no_orphan() {
    let mut solo = solo();
    let (parent, child, _) = family();
    solo.restore(&parent, RestoredAs::Kept);
    assert_eq!(reports(&solo.restore(&child, RestoredAs::Orphan)), [back(&child)]);
    assert!(solo.has(&child));
}

#[test]
fn orphans_of_an_earlier_run_expire_and_blocks_free_them() {
    let (parent, child, _) = family();
    let mut waiting = solo();
    waiting.restore(&child, RestoredAs::Orphan);
    let last = waiting.now + waiting.params.orphans.expiry();
    assert!(waiting.node.deadline() <= last);
    waiting.wait(1_199_999);
    assert!(waiting.waits(&child));
    waiting.wait(1);
    assert!(waiting.node.orphanage().is_none());
    let link = waiting.link(0, IN);
    waiting.say(link, &announce(&child));
    assert_eq!(waiting.node.wanted(), 1, "it may come again");

    let mut freed = solo();
    freed.restore(&child, RestoredAs::Orphan);
    let block = block(Hash256([0; 32]), &[&parent]);
    freed.hand(Input::Submitted(block.clone()));
    freed.hand(Input::Verdict { item: &block, verdict: Ties.verify(&block) });
    assert!(freed.has(&child));
}

#[test]
fn orphans_of_an_earlier_run_have_no_more_room_than_a_link() {
    let mut solo = solo();
    let parent = Draft::paying(0, 1_000).item();
    let children: Vec<_> =
        (1..10).map(|n| Draft::paying(n, 1_000).after(&[&parent]).item()).collect();
    solo.params.orphans.reserve_bytes = children[..4].iter().map(|child| child.size()).sum();
    for child in &children {
        solo.restore(child, RestoredAs::Orphan);
    }
    assert_eq!(solo.node.orphanage().unwrap().len(), 4);
    assert!(children[..4].iter().all(|child| solo.waits(child)));
}

#[test]
fn a_parent_that_pays_too_little_comes_back_with_the_child_that_pays_for_it() {
    let mut solo = solo();
    let parent = cheap_parent();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    assert_eq!(reports(&solo.restore(&parent, RestoredAs::Own)), []);
    assert!(!solo.has(&parent));
    assert_eq!(reports(&solo.restore(&child, RestoredAs::Kept)), [back(&parent), back(&child)]);
    assert!(solo.has(&parent) && solo.has(&child));
    assert!(
        solo.node.unbroadcast().contains(parent.id())
            && solo.node.orphans.is_empty()
            && solo.node.restoring.is_empty()
    );
}

#[test]
fn a_parent_that_pays_too_little_does_not_come_back_alone() {
    let mut solo = solo();
    let parent = cheap_parent();
    solo.restore(&parent, RestoredAs::Kept);
    assert!(refusals(&solo.wait(1_199_999)).is_empty());
    assert_eq!(refusals(&solo.wait(1)), ["fee-too-low"]);
    assert!(solo.node.orphans.is_empty() && solo.node.restoring.is_empty());
    solo.params.orphans.reserve_bytes = 0;
    let other = Draft::paying(7, 1).item();
    assert_eq!(
        refusals(&solo.restore(&other, RestoredAs::Kept)),
        ["fee-too-low"],
        "no room to wait"
    );
}

/// However often a node is restarted, and in whatever order others came since.
#[test]
fn a_transaction_of_an_earlier_run_expires_as_if_there_had_been_no_restart() {
    let mut solo = solo();
    let expiry_s = solo.params.memory.pool_expiry_s;
    let [new, old, older] = [1, 2, 3].map(|n| Draft::paying(n, 1_000).item());
    let kept = [(&new, 0), (&old, expiry_s - 20), (&older, expiry_s - 10)];
    for (item, age_s) in kept {
        let (was, age) = (RestoredAs::Own, Duration::from_secs(age_s));
        solo.hand(Input::Restored { item: item.clone(), was, age, verified: Verified::default() });
    }
    let here = |solo: &Solo| [&new, &old, &older].map(|item| solo.has(item));
    solo.wait(9_000);
    assert_eq!(here(&solo), [true, true, true]);
    solo.wait(2_000);
    assert_eq!(here(&solo), [true, true, false]);
    solo.wait(10_000);
    assert_eq!(here(&solo), [true, false, false]);
}
