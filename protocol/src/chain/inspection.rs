//! What the rules of a chain tell the relay of transactions and blocks.

use std::sync::Arc;

use bytes::Bytes;

use crate::ground::item::{HASH_LEN, Hash256, Item, ItemId};

use super::rejection::Rejection;

/// What an item that passed [`Chain::inspect`](super::Chain::inspect) is to the relay. What isn't said has the
/// value of the default: an item that stands by itself, pays nothing, and has nothing to be verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The id by which its children name it, if that isn't the one by which it is relayed: a Bitcoin transaction
    /// is relayed by wtxid (BIP 339), and spent from by txid.
    pub referred: Option<ItemId>,
    /// What no two pooled transactions may share: an outpoint that it spends, or a sender and nonce.
    pub spends: Vec<ConflictKey>,
    /// How many outputs it creates, numbered from 0. Whoever spends one has [`ConflictKey::output`] of it among
    /// what it spends, so that the pool finds a child that came before its parent.
    pub creates: u32,
    /// Items that must come first, by the ids that children use, as far as they can be told. For a block, its
    /// parent. A chain with a ledger leaves out the transactions that it has confirmed.
    pub parents: Vec<ItemId>,
    /// The rules have no ledger: a parent that isn't here may have been confirmed long ago, and isn't waited for.
    pub takes_absent_for_confirmed: bool,
    /// What it takes of a block's room, if its bytes don't all count alike. Fee rates go by it.
    pub weight: Option<Weight>,
    /// Fee, in the chain's smallest unit, as far as the rules *vouch* for it: that whoever offers it has it, and loses it
    /// when the transaction is confirmed. Work that the bytes prove is such a fee, and so is what a ledger says that a
    /// sender has; that is asked in [`Chain::verify`](super::Chain::verify), and the verdict brings it (see [`Verified`]).
    /// What a transaction merely says isn't: a stranger would write the largest number into each of any number of them,
    /// fill every pool, and shut out all others until the minimum decays, for half a day. Then it is `Some(0)`; `None`
    /// says that the verdict will tell. What isn't known counts as nothing, and where nobody pays pools and budgets
    /// are shared out among those who bring transactions (`items/pool/shares.rs`, `relay/rate_limiter.rs`).
    pub fee: Option<u64>,
    /// Who pays for a transaction, where somebody does: what the pool holds of one sender is limited.
    pub sender: Option<Sender>,
    /// Whether [`Chain::verify`](super::Chain::verify) has anything to check.
    pub needs_verification: bool,
}

impl Inspection {
    /// The id by which children name the item.
    #[must_use]
    pub fn referred(&self, item: &Item) -> ItemId {
        self.referred.unwrap_or_else(|| item.id())
    }

    /// The size by which fee rates go, bytes.
    #[must_use]
    pub fn vbytes(&self, item: &Item) -> usize {
        self.weight.map_or_else(|| item.size(), Weight::vbytes)
    }

    /// What is known of its fee; nothing counts as none.
    #[must_use]
    pub fn fee(&self) -> u64 {
        self.fee.unwrap_or(0)
    }

    /// Takes in what the expensive checks found out.
    pub(crate) fn learn(&mut self, verified: &Verified) {
        self.fee = verified.fee.or(self.fee);
    }
}

/// What an item takes of a block's room, in quarters of a byte, as Bitcoin counts since BIP 141: what can be left
/// out of what is signed counts a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(pub u32);

impl Weight {
    /// The bytes of which each counts whole that would weigh as much, rounded up.
    #[must_use]
    pub const fn vbytes(self) -> usize {
        self.0.div_ceil(4) as usize
    }
}

/// Something that only one pooled transaction may use: what an output is named by, or a hash made by the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictKey(pub [u8; HASH_LEN]);

impl ConflictKey {
    /// The key of a transaction's output: the id by which children name the transaction, with the number mixed
    /// into its last bytes. Two transactions whose outputs share a key must agree in 224 bits, which takes 2^112
    /// tries to make.
    #[must_use]
    pub fn output(referred: Hash256, number: u32) -> Self {
        let mut key = referred.0;
        let last = key.last_chunk_mut().expect("an id has more than four bytes");
        *last = (u32::from_le_bytes(*last) ^ number).to_le_bytes();
        Self(key)
    }
}

/// Who pays for a transaction: a short hash made by the chain, which nobody can make another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender(pub [u8; 8]);

/// What the expensive checks say of an item.
pub type Verdict = Result<Verified, Rejection>;

/// What the expensive checks found out of a good item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Its fee, where the checks ask a ledger that tells what is spent. It takes the place of the inspection's.
    pub fee: Option<u64>,
    /// The transactions of a block, in its order: they are confirmed once it joins the chain. None if the rules don't
    /// look into blocks.
    pub confirms: Vec<Confirmed>,
}

/// The verdict on a good item of which nothing more was found out.
pub const GOOD: Verdict = Ok(Verified { fee: None, confirms: Vec::new() });

/// A block whose body is what its header commits to, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// What is still to be verified of it, each by itself. None if nothing is.
    pub parts: Vec<Arc<Item>>,
    /// Its transactions, in its order ([`Verified::confirms`]).
    pub confirms: Vec<Confirmed>,
}

/// A block in parts, each of which may be known already to whoever is sent the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// What it begins with, which names it and commits to the rest.
    pub header: Bytes,
    /// Its transactions, in its order.
    pub transactions: Vec<Arc<Item>>,
    /// How many of them, from the first on, were made with the block, so that nobody can have them before: one, where there
    /// is a coinbase.
    pub made_with: usize,
}

/// What a header says of its place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// The block's id.
    pub id: Hash256,
    /// The block that it follows.
    pub parent: Hash256,
    /// How many hashes its proof takes to find on average: the chain of most work is the best.
    pub work: u128,
    /// When it was made, seconds since 1970, as its maker says.
    pub time_s: u64,
    /// How many bytes it has: so many a block begins with.
    pub len: usize,
}

/// A transaction of a block that joined the chain: it is confirmed, and what shares anything that it spends can't
/// be any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// The id by which it is relayed.
    pub id: ItemId,
    /// The id by which its children name it, if that is another one.
    pub referred: Option<ItemId>,
    /// What no other transaction may use any more.
    pub spends: Vec<ConflictKey>,
}

impl Confirmed {
    /// The names that it is known by: one or two.
    pub fn names(&self) -> impl Iterator<Item = ItemId> {
        std::iter::once(self.id).chain(self.referred)
    }
}

/// What a block leaves behind that isn't part of the chain any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnected {
    /// Transactions that aren't confirmed any more and may be again, parents first: they come back to the pool.
    pub returns: Vec<Arc<Item>>,
    /// What was created with the block and goes with it, as a coinbase's outputs do: whoever spends any of it
    /// can't be any more.
    pub void: Vec<ConflictKey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_one_transaction_have_different_keys() {
        let id = Hash256([7; HASH_LEN]);
        let keys = [0, 1, 7, 256, u32::MAX].map(|number| ConflictKey::output(id, number));
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{key:?}");
        }
        assert_eq!(keys[0].0, id.0);
    }

    #[test]
    fn a_weight_counts_a_begun_byte_as_a_whole_one() {
        assert_eq!([0, 1, 4, 5].map(|weight| Weight(weight).vbytes()), [0, 1, 1, 2]);
    }

    #[test]
    fn a_fee_that_the_checks_found_out_counts_and_none_changes_nothing() {
        let mut inspection = Inspection { fee: Some(3), ..Inspection::default() };
        inspection.learn(&Verified::default());
        assert_eq!(inspection.fee(), 3);
        inspection.learn(&Verified { fee: Some(5), ..Verified::default() });
        assert_eq!(inspection.fee(), 5);
        assert_eq!(Inspection::default().fee(), 0);
    }
}
