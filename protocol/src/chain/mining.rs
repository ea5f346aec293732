//! Making blocks, for test networks: a relay needs none of it.

/// Why no block can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unminable {
    /// The rules don't know how.
    #[error("no block can be made under these rules")]
    Never,
    /// It would take too long.
    #[error(
        "blocks of this network prove {bits} bits of work, and more than {max} take too long to find here: mining is for test \
         networks, whose difficulty_bits is low"
    )]
    TooHard {
        /// Leading zero bits that an id must have.
        bits: u8,
        /// Most that are tried.
        max: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::opaque::Opaque;
    use crate::chain::tidings::{MINE_BITS_MAX, Tidings};
    use crate::chain::{Chain as _, GOOD};
    use crate::ground::item::{Hash256, ItemKind};

    #[test]
    fn whether_blocks_can_be_made_is_said_before_one_is_searched_for() {
        assert_eq!(Opaque::default().minable(), Err(Unminable::Never));
        let genesis = Hash256([7; 32]);
        let hard = Tidings::new(genesis, MINE_BITS_MAX + 1).minable().unwrap_err();
        assert!(hard.to_string().contains("more than 32 take too long"), "{hard}");
        let chain = Tidings::new(genesis, 4);
        let most = chain.minable().unwrap();
        assert!(most >= 16, "{most}");
        assert_eq!(chain.mine_with(genesis, &[], 5, 0..0), None);
        let first = chain.mine_with(genesis, &[], 5, 0..most).unwrap();
        let other = chain.mine_with(genesis, &[], 5, 1_000_000..1_000_000 + most).unwrap();
        let ids = [first, other].map(|bytes| {
            let block = chain.item(ItemKind::Block, bytes).unwrap();
            chain.inspect(&block).unwrap();
            assert_eq!(chain.verify(&block), GOOD);
            block.id()
        });
        assert_ne!(ids[0], ids[1], "where the search begins decides which block it is");
    }
}
