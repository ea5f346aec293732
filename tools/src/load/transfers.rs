//! Makes signed transfers of many senders, no two of which conflict.

use bytes::Bytes;
use ed25519_zebra::SigningKey;
use rand::{Rng, RngExt as _};
use tidings_protocol::chain::tidings::{TRANSFER_LEN_MIN, Transfer};
use tidings_protocol::ground::item::{Hash256, ItemId};

/// Fee of every transfer, in the smallest unit: pools that have to choose take the higher one, and
/// here none shall be chosen.
const FEE: u64 = 1;

/// Senders who take turns, each with a key of its own and numbers that go up. The rules keep no ledger: nobody needs funds.
#[derive(Debug)]
pub struct Maker {
    keys: Vec<SigningKey>,
    genesis: Hash256,
    made: usize,
}

impl Maker {
    /// So many senders, of a network with this first block. Their keys are drawn: with other randomness they are others, whose
    /// transfers conflict with nobody's.
    #[must_use]
    pub fn new(accounts: usize, genesis: Hash256, rng: &mut impl Rng) -> Self {
        let key = |_| SigningKey::from(rng.random::<[u8; 32]>());
        Self { keys: (0..accounts.max(1)).map(key).collect(), genesis, made: 0 }
    }

    /// The next transfer, of so many bytes or of the least that there can be, with its id. Its payload is random.
    pub fn next(&mut self, size: usize, rng: &mut impl Rng) -> (ItemId, Bytes) {
        let mut payload = vec![0; size.max(TRANSFER_LEN_MIN) - TRANSFER_LEN_MIN];
        rng.fill_bytes(&mut payload);
        let accounts = self.keys.len();
        let nonce = (self.made / accounts) as u64;
        let key = &self.keys[self.made % accounts];
        self.made += 1;
        let bytes = Transfer::sign(key, self.genesis, nonce, FEE, &payload);
        (ItemId::tx(Hash256::of(&bytes)), bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use tidings_protocol::chain::tidings::Tidings;
    use tidings_protocol::chain::{Chain as _, GOOD};
    use tidings_protocol::ground::item::ItemKind;

    use super::*;

    const GENESIS: Hash256 = Hash256([7; 32]);

    #[test]
    fn transfers_pass_the_rules_and_never_conflict() {
        let (chain, mut rng) = (Tidings::new(GENESIS, 16), ChaCha8Rng::seed_from_u64(1));
        let mut maker = Maker::new(7, GENESIS, &mut rng);
        let mut used = BTreeSet::new();
        for _ in 0..50 {
            let (id, bytes) = maker.next(300, &mut rng);
            assert_eq!(bytes.len(), 300);
            let item = chain.item(ItemKind::Tx, bytes).unwrap();
            assert_eq!(item.id(), id);
            let inspection = chain.inspect(&item).unwrap();
            assert_eq!(chain.verify(&item), GOOD);
            assert!(inspection.spends.into_iter().all(|key| used.insert(key.0)));
        }
    }

    #[test]
    fn a_transfer_is_never_smaller_than_the_rules_allow() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut maker = Maker::new(0, GENESIS, &mut rng);
        assert_eq!(maker.next(10, &mut rng).1.len(), TRANSFER_LEN_MIN);
    }
}
