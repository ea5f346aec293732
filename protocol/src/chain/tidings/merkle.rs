//! The root that commits a header to a list of transactions.
//!
//! A Merkle tree of double SHA-256 as in RFC 6962: leaves and inner nodes are hashed under different
//! prefixes, and an odd node moves up as it is. Bitcoin's tree pairs an odd node with itself, so that
//! lists with repeated ends share a root (CVE-2012-2459): a swapped body then looks like an invalid
//! block whose header is to blame. Here a root belongs to one list only.

use sha2::{Digest, Sha256};

use crate::ground::item::Hash256;

const LEAF: &[u8] = &[0];
const INNER: &[u8] = &[1];

/// The root of a list of ids; that of the empty list is the hash of nothing.
pub(super) fn root(ids: &[Hash256]) -> Hash256 {
    let mut level: Vec<Hash256> = ids.iter().map(|id| hash(&[LEAF, &id.0])).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|nodes| match nodes {
                [left, right] => hash(&[INNER, &left.0, &right.0]),
                odd => odd[0],
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(|| hash(&[]))
}

fn hash(pieces: &[&[u8]]) -> Hash256 {
    let mut inner = Sha256::new();
    pieces.iter().for_each(|piece| inner.update(piece));
    Hash256(Sha256::digest(inner.finalize()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &str) -> Vec<Hash256> {
        names.bytes().map(|name| Hash256::of(&[name])).collect()
    }

    #[test]
    fn repeating_the_end_of_a_list_changes_its_root() {
        // The shapes of CVE-2012-2459.
        assert_ne!(root(&ids("abc")), root(&ids("abcc")));
        assert_ne!(root(&ids("abcdef")), root(&ids("abcdefef")));
    }

    #[test]
    fn an_inner_node_cannot_pass_for_a_leaf() {
        let [a, b] = ids("ab")[..] else { unreachable!() };
        let inner = hash(&[INNER, &hash(&[LEAF, &a.0]).0, &hash(&[LEAF, &b.0]).0]);
        assert_eq!(root(&[a, b]), inner);
        assert_ne!(root(&[inner]), inner);
    }

    #[test]
    fn the_root_depends_on_every_id_and_their_order() {
        let all = ["", "a", "b", "ab", "ba", "abc", "acb", "abcd", "abdc"];
        let mut roots: Vec<_> = all.iter().map(|names| root(&ids(names))).collect();
        roots.sort();
        roots.dedup();
        assert_eq!(roots.len(), all.len());
    }
}
