//! Bitcoin's hash tree: pairs are hashed together, an odd last one with itself.
//!
//! *Attack*: since an odd last hash is doubled, a list that ends in a repetition has the root of one without it
//! (CVE-2012-2459). Whoever takes the longer list for the block, and refuses the block's id for it, never takes the
//! true one. So a tree in which two hashes that stand side by side are equal says so.

use crate::ground::item::Hash256;

/// The root of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) id: Hash256,
    /// Two that were hashed together are equal: another list has the same root.
    pub(super) is_ambiguous: bool,
}

/// The root over some leaves; zeros if there are none.
pub(super) fn root(mut level: Vec<Hash256>) -> Root {
    let mut is_ambiguous = false;
    while level.len() > 1 {
        is_ambiguous |= level.as_chunks().0.iter().any(|[left, right]| left == right);
        let parent = |pair: &[Hash256]| {
            let (left, right) = (pair[0], pair[pair.len() - 1]);
            Hash256::of(&[left.0, right.0].concat())
        };
        level = level.chunks(2).map(parent).collect();
    }
    let id = level.first().copied().unwrap_or(Hash256([0; 32]));
    Root { id, is_ambiguous }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(numbers: &[u8]) -> Vec<Hash256> {
        numbers.iter().map(|number| Hash256([*number; 32])).collect()
    }

    #[test]
    fn a_list_that_ends_in_a_repetition_has_the_root_of_the_shorter_one_and_says_so() {
        for (short, long) in
            [(&[1, 2, 3][..], &[1, 2, 3, 3][..]), (&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6, 5, 6])]
        {
            let (short, long) = (root(leaves(short)), root(leaves(long)));
            assert_eq!(short.id, long.id);
            assert_eq!((short.is_ambiguous, long.is_ambiguous), (false, true));
        }
    }

    #[test]
    fn one_leaf_is_its_own_root_and_two_are_hashed_in_order() {
        assert_eq!(root(leaves(&[7])).id, Hash256([7; 32]));
        let both = [[1; 32], [2; 32]].concat();
        assert_eq!(root(leaves(&[1, 2])).id, Hash256::of(&both));
        assert_eq!(root(Vec::new()).id, Hash256([0; 32]));
    }
}
