//! Scenarios by name, then random operations against a naive model.

use proptest::prelude::*;

use super::*;
use crate::ground::item::Hash256;
use crate::testkit::ties::Draft;

fn link(slot: u32) -> Link {
    Link::new(slot, 1)
}

fn parent(n: u8) -> ItemId {
    ItemId::tx(Hash256([n; 32]))
}

/// A transaction of 100 bytes or so after these parents, announced on these links.
fn orphan(number: u32, parents: &[u8], links: &[u32]) -> Orphan {
    let parents: Vec<_> = parents.iter().map(|n| parent(*n)).collect();
    let draft = Draft { number, parents: parents.clone(), ..Draft::default() };
    Orphan {
        item: draft.item(),
        missing: parents.iter().copied().collect(),
        inspection: Inspection { parents, ..Inspection::default() },
        origin: links.first().map_or(Origin::EarlierRun, |slot| Origin::Peer(link(*slot))),
        announcers: links.iter().copied().map(link).collect(),
    }
}

impl Orphanage {
    /// A parent came: all that waited for it alone.
    fn on_parent(&mut self, parent: ItemId) -> Vec<Orphan> {
        std::iter::from_fn(|| self.next_ready(parent)).flatten().collect()
    }

    /// A parent was refused: all that descends from it.
    fn on_refused(&mut self, parent: ItemId) -> Vec<Orphan> {
        let (mut refused, mut gone) = (vec![parent], Vec::new());
        while let Some(parent) = refused.pop() {
            while let Some(released) = self.next_refused(parent) {
                refused.extend(released.iter().map(|it| it.inspection.referred(&it.item)));
                gone.extend(released);
            }
        }
        gone
    }
}

fn id(orphan: &Orphan) -> ItemId {
    orphan.item.id()
}

/// Room for ten announcements, and bytes for five with one parent on each link.
fn params() -> OrphanParams {
    OrphanParams {
        announcements_max: 10,
        reserve_bytes: 5 * orphan(0, &[1], &[]).item.size(),
        ..OrphanParams::default()
    }
}

fn orphanage() -> Orphanage {
    Orphanage::new(Salt::new(1))
}

#[test]
fn an_orphan_leaves_when_its_last_parent_has_come() {
    let mut orphanage = orphanage();
    orphanage.insert(orphan(1, &[1, 2], &[0]), &params());
    assert!(orphanage.on_parent(parent(1)).is_empty());
    assert!(orphanage.on_parent(parent(1)).is_empty());
    let ready = orphanage.on_parent(parent(2));
    assert_eq!(ready.iter().map(id).collect::<Vec<_>>(), [id(&orphan(1, &[1, 2], &[]))]);
    assert!(orphanage.is_empty() && orphanage.bytes() == 0 && orphanage.score() == 0);
}

#[test]
fn a_further_announcer_is_told_what_to_be_asked_for_once() {
    let mut orphanage = orphanage();
    let held = orphan(1, &[1, 2], &[0]);
    orphanage.insert(held.clone(), &params());
    let missing = orphanage.on_announced(link(1), id(&held).into(), &params());
    assert_eq!(missing, Some([parent(1), parent(2)].into()));
    assert_eq!(orphanage.on_announced(link(1), id(&held).into(), &params()), Some(BTreeSet::new()));
    assert_eq!(orphanage.on_announced(link(1), id(&orphan(2, &[1], &[])).into(), &params()), None);
}

#[test]
fn a_disconnect_erases_what_nobody_else_announced() {
    let mut orphanage = orphanage();
    let (own, shared) = (orphan(1, &[1], &[0]), orphan(2, &[1], &[0, 1]));
    orphanage.insert(own.clone(), &params());
    orphanage.insert(shared.clone(), &params());
    orphanage.on_disconnected(link(0));
    assert!(orphanage.get(id(&own)).is_none() && orphanage.get(id(&shared)).is_some());
    orphanage.on_disconnected(link(1));
    assert!(orphanage.is_empty() && orphanage.children.is_empty() && orphanage.shares.is_empty());
}

#[test]
fn whoever_exceeds_his_share_loses_his_oldest_and_nobody_else_anything() {
    let mut orphanage = orphanage();
    let honest: Vec<_> = (0..5).map(|n| orphan(n, &[1], &[0])).collect();
    honest.iter().for_each(|orphan| orphanage.insert(orphan.clone(), &params()));
    let flood: Vec<_> = (100..200).map(|n| orphan(n, &[1], &[1])).collect();
    flood.iter().for_each(|orphan| orphanage.insert(orphan.clone(), &params()));
    assert!(honest.iter().all(|orphan| orphanage.get(id(orphan)).is_some()));
    assert!(flood[95..].iter().all(|orphan| orphanage.get(id(orphan)).is_some()));
    assert_eq!((orphanage.len(), orphanage.take_evicted()), (10, 95));
}

#[test]
fn what_descends_from_a_refused_parent_is_refused_with_it() {
    let mut orphanage = orphanage();
    let child = orphan(1, &[1], &[0]);
    let draft = Draft::paying(2, 0).after(&[&child.item]);
    let inspection = Inspection { parents: draft.parents.clone(), ..Inspection::default() };
    let grandchild = Orphan {
        item: draft.item(),
        missing: inspection.parents.iter().copied().collect(),
        inspection,
        origin: Origin::Peer(link(1)),
        announcers: vec![link(1)],
    };
    let other = orphan(3, &[2], &[0]);
    for orphan in [&child, &grandchild, &other] {
        orphanage.insert(orphan.clone(), &params());
    }
    let gone: Vec<_> = orphanage.on_refused(parent(1)).iter().map(id).collect();
    assert_eq!(gone, [id(&child), id(&grandchild)]);
    assert!(orphanage.get(id(&other)).is_some());
}

#[test]
fn a_block_erases_what_it_contains_and_what_it_conflicts_with() {
    let mut orphanage = orphanage();
    let (contained, mut rival) = (orphan(1, &[1], &[0]), orphan(2, &[1], &[0]));
    let stays = orphan(3, &[1, 2], &[0]);
    rival.inspection.spends = vec![ConflictKey([7; 32])];
    for orphan in [&contained, &rival, &stays] {
        orphanage.insert(orphan.clone(), &params());
    }
    let content = |id, keys: &[u8]| Confirmed {
        id,
        referred: None,
        spends: keys.iter().map(|key| ConflictKey([*key; 32])).collect(),
    };
    let contents = [content(contained.item.id(), &[7]), content(parent(1), &[])];
    assert_eq!(orphanage.on_block(&contents), [parent(1)]);
    assert!(orphanage.get(id(&stays)).is_some() && orphanage.len() == 1);
}

/// In the order of arrival.
#[derive(Default)]
struct Model {
    held: Vec<Orphan>,
    /// The announcements, in the order in which they were made.
    announced: Vec<(Link, u32)>,
}

const LINKS: u32 = 4;

fn number(orphan: &Orphan) -> u32 {
    u32::from_le_bytes(*orphan.item.bytes().first_chunk().unwrap())
}

impl Model {
    fn of(&self, link: Link) -> impl Iterator<Item = &Orphan> {
        self.held.iter().filter(move |held| held.announcers.contains(&link))
    }

    fn score(&self) -> usize {
        (0..LINKS).flat_map(|slot| self.of(link(slot))).map(|held| held.cost().score).sum()
    }

    fn withdraw(&mut self, link: Link, n: u32) {
        self.announced.retain(|entry| *entry != (link, n));
        for held in self.held.iter_mut().filter(|held| number(held) == n) {
            held.announcers.retain(|announcer| *announcer != link);
        }
        self.held.retain(|held| !held.announcers.is_empty());
    }

    fn remove(&mut self, n: u32) {
        self.announced.retain(|entry| entry.1 != n);
        self.held.retain(|held| number(held) != n);
    }

    fn trim(&mut self, params: &OrphanParams) {
        loop {
            let links: Vec<_> =
                (0..LINKS).map(link).filter(|link| self.of(*link).next().is_some()).collect();
            let bytes: usize = self.held.iter().map(|held| held.item.size()).sum();
            if bytes <= params.reserve_bytes * links.len().max(1)
                && self.score() <= params.announcements_max
            {
                return;
            }
            let excess = |link: Link| {
                let score: usize = self.of(link).map(|held| held.cost().score).sum();
                let bytes: usize = self.of(link).map(|held| held.item.size()).sum();
                let score = (score * links.len()) as f64 / params.announcements_max as f64;
                score.max(bytes as f64 / params.reserve_bytes as f64)
            };
            let most = links.iter().map(|link| excess(*link)).fold(0.0, f64::max);
            assert!(most > 1.0, "whoever keeps within his share loses nothing");
            let worst = links.iter().find(|link| excess(**link) > most - 1e-9).unwrap();
            let oldest = self.announced.iter().find(|entry| entry.0 == *worst).unwrap().1;
            self.withdraw(*worst, oldest);
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u32, Vec<u8>, Vec<u32>),
    Announce(u32, u32),
    Parent(u8),
    Refused(u8),
    Disconnect(u32),
}

fn op() -> impl Strategy<Value = Op> {
    let parents = prop::collection::btree_set(0_u8..24, 1..15);
    let links = prop::collection::btree_set(0..LINKS, 1..3);
    prop_oneof![
        8 => (0_u32..20, parents, links).prop_map(|(n, parents, links)| {
            Op::Insert(n, parents.into_iter().collect(), links.into_iter().collect())
        }),
        4 => (0..LINKS, 0_u32..20).prop_map(|(slot, n)| Op::Announce(slot, n)),
        2 => (0_u8..24).prop_map(Op::Parent),
        1 => (0_u8..24).prop_map(Op::Refused),
        1 => (0..LINKS).prop_map(Op::Disconnect),
    ]
}

proptest! {
    #[test]
    fn it_keeps_the_rules_under_random_operations(
        ops in prop::collection::vec(op(), 1..120),
        salt in any::<u64>(),
    ) {
        let params = OrphanParams { announcements_max: 12, reserve_bytes: 1_200, ..OrphanParams::default() };
        let (mut orphanage, mut model) = (Orphanage::new(Salt::new(salt)), Model::default());
        for op in ops {
            match op {
                Op::Insert(n, parents, links) => {
                    // The same number is the same transaction, whatever its parents.
                    let known = model.held.iter().find(|held| number(held) == n).cloned();
                    let new = known.unwrap_or_else(|| orphan(n, &parents, &links));
                    orphanage.insert(new.clone(), &params);
                    if model.held.iter().all(|held| number(held) != n) {
                        model.announced.extend(new.announcers.iter().map(|link| (*link, n)));
                        model.held.push(new);
                        model.trim(&params);
                    }
                }
                Op::Announce(slot, n) => {
                    let held = model.held.iter_mut().find(|held| number(held) == n);
                    if let Some(held) = held {
                        let missing = orphanage.on_announced(link(slot), id(held).into(), &params);
                        let is_new = !held.announcers.contains(&link(slot));
                        let expected = if is_new { held.missing.clone() } else { BTreeSet::new() };
                        prop_assert_eq!(missing, Some(expected));
                        if is_new {
                            held.announcers.push(link(slot));
                            model.announced.push((link(slot), n));
                            model.trim(&params);
                        }
                    }
                }
                Op::Parent(n) => {
                    let mut ready: Vec<_> = orphanage.on_parent(parent(n)).iter().map(number).collect();
                    for held in &mut model.held {
                        held.missing.retain(|missing| *missing != parent(n));
                    }
                    let done = model.held.iter().filter(|held| held.missing.is_empty());
                    let mut expected: Vec<_> = done.map(number).collect();
                    expected.iter().for_each(|n| model.remove(*n));
                    ready.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(ready, expected);
                }
                Op::Refused(n) => {
                    orphanage.on_refused(parent(n));
                    let gone: Vec<_> = model.held.iter()
                        .filter(|held| held.missing.contains(&parent(n))).map(number).collect();
                    gone.iter().for_each(|n| model.remove(*n));
                }
                Op::Disconnect(slot) => {
                    orphanage.on_disconnected(link(slot));
                    for n in 0..20 {
                        model.withdraw(link(slot), n);
                    }
                }
            }
            orphanage.trim(&params);
            model.trim(&params);
            prop_assert_eq!(orphanage.len(), model.held.len());
            for held in &model.held {
                let kept = orphanage.get(id(held));
                prop_assert_eq!(kept.map(|kept| &kept.announcers), Some(&held.announcers));
            }
            prop_assert_eq!(orphanage.score(), model.score());
            prop_assert!(orphanage.score() <= params.announcements_max);
            prop_assert!(orphanage.bytes() <= orphanage.max_bytes(&params));
        }
        (0..LINKS).for_each(|slot| orphanage.on_disconnected(link(slot)));
        prop_assert!(orphanage.is_empty() && orphanage.shares.is_empty());
        prop_assert!(orphanage.children.is_empty() && orphanage.bytes() == 0);
    }
}

#[test]
fn those_that_leave_with_a_link_are_tidied_up_after_in_portions() {
    let params = OrphanParams::default();
    let mut orphanage = orphanage();
    for n in 0..500 {
        orphanage.insert(orphan(n, &[1, 2], &[0]), &params);
    }
    orphanage.on_disconnected(link(0));
    assert!(orphanage.is_empty() && orphanage.bytes() == 0 && orphanage.score() == 0);
    assert!(orphanage.has_children(parent(1)) && orphanage.deadline() == Time::ZERO);
    // Whoever comes back meanwhile is a child again.
    let back = orphan(7, &[1, 2], &[1]);
    orphanage.insert(back.clone(), &params);
    while orphanage.deadline() == Time::ZERO {
        let before = orphanage.left.len();
        orphanage.on_wake(Time::ZERO);
        assert!(before - orphanage.left.len() <= TIDY_MAX);
    }
    assert!(orphanage.on_parent(parent(1)).is_empty());
    let ready = orphanage.on_parent(parent(2));
    assert_eq!(ready.iter().map(id).collect::<Vec<_>>(), [id(&back)]);
    assert!(orphanage.children.is_empty());
}
