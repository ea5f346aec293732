//! The tree beside a naive one that walks everything.

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;

const MAX: usize = 10_000;
const ROOT_ID: Hash256 = Hash256([0; 32]);

fn id(number: u32) -> Hash256 {
    Hash256::of(&number.to_le_bytes())
}

fn header(number: u32, parent: Hash256, work: u128) -> BlockHeader {
    BlockHeader { id: id(number), parent, work, time_s: 0, len: 4 }
}

fn tree() -> Tree {
    Tree::new(ROOT_ID, Salt::new(1))
}

/// Inserts a header, and says what came of it.
fn insert(tree: &mut Tree, number: u32, parent: Hash256, work: u128) -> Result<bool, Refusal> {
    tree.insert(&header(number, parent, work), &number.to_le_bytes(), Worth::Unknown, MAX)
}

/// A chain of so many stored blocks, numbered from a number on.
fn grow(tree: &mut Tree, parent: Hash256, numbers: std::ops::Range<u32>, work: u128) {
    let mut parent = parent;
    for number in numbers {
        insert(tree, number, parent, work).unwrap();
        tree.on_stored(id(number));
        parent = id(number);
    }
}

/// Takes all steps there are.
fn settle(tree: &mut Tree) -> Vec<Step> {
    let steps = std::iter::from_fn(|| {
        let step = tree.next_step()?;
        tree.on_step(step);
        Some(step)
    });
    steps.collect()
}

#[test]
fn a_header_that_follows_nothing_known_is_not_taken_and_one_twice_is_taken_once() {
    let mut tree = tree();
    assert_eq!(insert(&mut tree, 2, id(1), 1), Err(Refusal::Unconnected));
    assert_eq!(insert(&mut tree, 1, ROOT_ID, 1), Ok(true));
    assert_eq!(insert(&mut tree, 1, ROOT_ID, 1), Ok(false));
    assert_eq!(insert(&mut tree, 2, id(1), 1), Ok(true));
    assert_eq!((tree.best_header().height, tree.tip().height, tree.len()), (2, 0, 3));
}

#[test]
fn a_better_branch_is_connected_once_all_of_it_is_here_and_not_before() {
    let mut tree = tree();
    grow(&mut tree, ROOT_ID, 1..4, 1);
    assert_eq!(settle(&mut tree), [1, 2, 3].map(|n| Step::Connect(id(n))));
    for number in 11..15 {
        let parent = if number == 11 { id(1) } else { id(number - 1) };
        insert(&mut tree, number, parent, 1).unwrap();
    }
    assert_eq!((tree.best_header().id, tree.fork_height()), (id(14), 1));
    for number in [14, 13, 12] {
        assert!(!tree.on_stored(id(number)), "the one before isn't here");
        assert_eq!(tree.next_step(), None);
    }
    assert!(tree.on_stored(id(11)));
    let (leave, join) = ([3, 2].map(|n| Step::Disconnect(id(n))), [11, 12, 13, 14]);
    let wanted: Vec<_> = leave.into_iter().chain(join.map(|n| Step::Connect(id(n)))).collect();
    assert_eq!(settle(&mut tree), wanted);
    tree.check(MAX);
}

#[test]
fn of_equal_work_the_one_that_was_here_first_stays() {
    let mut tree = tree();
    insert(&mut tree, 1, ROOT_ID, 5).unwrap();
    grow(&mut tree, ROOT_ID, 2..3, 5);
    settle(&mut tree);
    tree.on_stored(id(1));
    assert_eq!((tree.next_step(), tree.tip().id), (None, id(2)));
}

#[test]
fn what_follows_a_block_that_broke_a_rule_leaves_with_it_and_is_not_taken_again() {
    let mut tree = tree();
    grow(&mut tree, ROOT_ID, 1..3, 1);
    settle(&mut tree);
    for (number, parent) in [(11, id(1)), (12, id(11)), (13, id(12))] {
        insert(&mut tree, number, parent, 1).unwrap();
    }
    tree.on_invalid(id(11));
    assert_eq!((tree.best_header().id, tree.len()), (id(2), 3));
    assert_eq!(insert(&mut tree, 11, id(1), 1), Err(Refusal::Invalid));
    assert_eq!(insert(&mut tree, 12, id(11), 1), Err(Refusal::Invalid));
    tree.on_invalid(id(2));
    assert_eq!(tree.tip().id, id(2), "it was connected: whoever says so is wrong");
    tree.check(MAX);
}

#[test]
fn what_leads_to_less_work_than_a_day_ago_is_not_taken() {
    let mut tree = tree();
    grow(&mut tree, ROOT_ID, 1..1 + 2 * WORTH_DEPTH, 2);
    settle(&mut tree);
    let old = tree.active(WORTH_DEPTH - 3).unwrap().id;
    assert_eq!(insert(&mut tree, 9_001, old, 2), Err(Refusal::TooLittleWork));
    assert_eq!(insert(&mut tree, 9_002, old, 6), Ok(true), "enough by itself");
    let many = header(9_003, old, 2);
    assert_eq!(
        tree.insert(&many, &[], Worth::Vouched, MAX),
        Ok(true),
        "enough with those behind it"
    );
}

#[test]
fn beside_the_main_chain_there_is_room_for_so_many_and_the_least_leave() {
    let mut tree = tree();
    grow(&mut tree, ROOT_ID, 1..3, 10);
    settle(&mut tree);
    for number in 0..2 * u32::try_from(SIDE_MAX).unwrap() {
        insert(&mut tree, 100 + number, ROOT_ID, u128::from(number % 9) + 1).unwrap();
    }
    tree.check(MAX);
    assert_eq!(tree.len(), SIDE_MAX + 3);
    assert_eq!((tree.tip().id, tree.best_header().id), (id(2), id(2)));
    assert!(tree.get(id(100)).is_none(), "of the least work, and the latest of those");
}

#[test]
fn a_full_tree_takes_no_more_and_says_so() {
    let mut tree = tree();
    for number in 1..=4 {
        let parent = if number == 1 { ROOT_ID } else { id(number - 1) };
        let taken = tree.insert(&header(number, parent, 1), &[], Worth::Unknown, 3);
        assert_eq!(taken, if number <= 3 { Ok(true) } else { Err(Refusal::Full) });
    }
    tree.check(3);
}

#[test]
fn a_locator_names_the_last_ones_and_leads_to_what_follows() {
    let (mut tree, mut other) = (tree(), tree());
    grow(&mut tree, ROOT_ID, 1..501, 1);
    settle(&mut tree);
    grow(&mut other, ROOT_ID, 1..301, 1);
    grow(&mut other, id(300), 1_000..1_100, 1);
    settle(&mut other);
    let locator = other.locator();
    assert!(locator.len() < 25, "{}", locator.len());
    assert_eq!((locator[0], locator.last()), (id(1_099), Some(&ROOT_ID)));
    let after: Vec<_> = tree.after(&locator, 1_000).map(|view| view.height).collect();
    let first = *after.first().unwrap();
    assert!((200..=301).contains(&first), "{first}");
    assert_eq!(after.last(), Some(&500));
    assert_eq!(tree.after(&[id(77_777)], 3).map(|view| view.height).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn an_earlier_run_is_resumed_a_little_before_its_end() {
    let mut tree = tree();
    grow(&mut tree, ROOT_ID, 1..20, 1);
    tree.resume(6);
    assert_eq!(tree.tip().height, 13);
    assert_eq!(settle(&mut tree).len(), 6);
    tree.check(MAX);
}

#[test]
fn what_is_lost_is_missing_again() {
    let mut tree = tree();
    grow(&mut tree, ROOT_ID, 1..5, 1);
    settle(&mut tree);
    grow(&mut tree, id(1), 11..16, 1);
    tree.on_lost(id(12));
    assert_eq!(tree.next_step(), None);
    assert_eq!(tree.missing(100).map(|view| view.id).collect::<Vec<_>>(), [id(12)]);
    tree.on_lost(id(3));
    assert_eq!(tree.get(id(3)).unwrap().status, Status::Stored, "it is connected");
    tree.on_stored(id(12));
    settle(&mut tree);
    assert_eq!(tree.tip().id, id(15));
}

/// Blocks as a list that is searched for everything.
#[derive(Default)]
struct Naive {
    blocks: Vec<(u32, Option<u32>, u128, bool)>,
    tip: Option<u32>,
}

impl Naive {
    fn find(&self, number: u32) -> (u32, Option<u32>, u128, bool) {
        *self.blocks.iter().find(|block| block.0 == number).unwrap()
    }

    fn path(&self, number: u32) -> Vec<u32> {
        let mut path = vec![number];
        while let Some(parent) = self.find(path[path.len() - 1]).1 {
            path.push(parent);
        }
        path.reverse();
        path
    }

    fn work(&self, number: u32) -> u128 {
        self.path(number).into_iter().map(|number| self.find(number).2).sum()
    }

    fn is_linked(&self, number: u32) -> bool {
        self.path(number).into_iter().all(|number| self.find(number).3)
    }

    /// A block came: the best whose blocks are all here becomes the tip, if it has more work.
    fn choose(&mut self) {
        let linked: Vec<_> =
            self.blocks.iter().map(|it| it.0).filter(|it| self.is_linked(*it)).collect();
        let most = linked.iter().map(|it| self.work(*it)).max().unwrap_or(0);
        if self.tip.map_or(0, |tip| self.work(tip)) < most {
            self.tip = linked.into_iter().find(|it| self.work(*it) == most);
        }
    }
}

#[test]
fn whatever_comes_in_whatever_order_the_best_branch_is_connected_as_a_naive_tree_says() {
    for seed in 0..60 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut tree, mut naive) = (tree(), Naive::default());
        for number in 0..80 {
            let is_root = naive.blocks.is_empty() || rng.random_range(0..20) == 0;
            let parent = (!is_root).then(|| {
                let recent = naive.blocks.len().saturating_sub(12)..naive.blocks.len();
                naive.blocks[rng.random_range(recent)].0
            });
            // No two branches have equal work, so that nothing hangs on what was first.
            let work = 1_000 + u128::from(rng.next_u32());
            insert(&mut tree, number, parent.map_or(ROOT_ID, id), work).unwrap();
            naive.blocks.push((number, parent, work, false));
            for _ in 0..2 {
                let place = rng.random_range(0..naive.blocks.len());
                naive.blocks[place].3 = true;
                naive.choose();
                tree.on_stored(id(naive.blocks[place].0));
                settle(&mut tree);
                tree.check(MAX);
                let wanted = naive.tip.map(|tip| naive.path(tip)).unwrap_or_default();
                let active: Vec<_> = (1..).map_while(|height| tree.active(height)).collect();
                let active: Vec<_> = active.into_iter().map(|view| view.id).collect();
                let wanted: Vec<_> = wanted.into_iter().map(id).collect();
                assert_eq!(active, wanted, "seed {seed}, block {number}");
            }
        }
    }
}
