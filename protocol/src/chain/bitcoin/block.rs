//! Blocks: a header that proves work, and the transactions that it commits to.

use ::bitcoin::block::Header;
use ::bitcoin::consensus::encode::{
    Decodable as _, Encodable as _, VarInt, deserialize, deserialize_partial,
};
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::{self as rust_bitcoin, Target};
use bytes::Bytes;

use super::{merkle, transaction};
use crate::chain::Rejection;
use crate::chain::rejection::refuse_duplicates;
use crate::ground::item::{HASH_LEN, Hash256, ItemId};

/// Length of a header, bytes.
pub const HEADER_LEN: usize = 80;

/// What a coinbase's output starts with that commits to the witnesses (BIP 141): the commitment follows.
const COMMITMENT: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// A transaction's size without witness that a pair of hashes has too.
const PAIR_LEN: usize = 2 * HASH_LEN;

/// Reads the header.
pub(super) fn header(block: &[u8]) -> Result<Header, Rejection> {
    let truncated = Rejection::invalid("truncated");
    deserialize(block.get(..HEADER_LEN).ok_or(truncated)?).map_err(|_| truncated)
}

/// The block that comes before.
pub(super) fn parent(header: &Header) -> ItemId {
    ItemId::block(Hash256(header.prev_blockhash.to_byte_array()))
}

/// How many hashes its proof takes on average; as many as can be counted if there are more.
pub(super) fn work(header: &Header) -> u128 {
    let bytes = header.work().to_be_bytes();
    let (high, low) = bytes.split_at(size_of::<u128>());
    let low = low.try_into().map_or(u128::MAX, u128::from_be_bytes);
    if high.iter().all(|byte| *byte == 0) { low } else { u128::MAX }
}

/// Whether the header has the proof of work that it claims, and claims enough.
pub(super) fn check_proof(header: &Header, id: Hash256, easiest: Target) -> Result<(), Rejection> {
    if overflows(header.bits.to_consensus()) || header.target() > easiest {
        return Err(Rejection::invalid("wrong-difficulty"));
    }
    if header.target().is_met_by(rust_bitcoin::BlockHash::from_byte_array(id.0)) {
        Ok(())
    } else {
        Err(Rejection::invalid("no-proof-of-work"))
    }
}

/// Whether a target has more bits than a hash. A header writes its length in bytes, and the first three of them.
fn overflows(bits: u32) -> bool {
    let (len, digits) = (bits >> 24, bits & 0x7f_ffff);
    digits != 0 && digits.ilog2() + 1 + 8 * len.saturating_sub(3) > 256
}

/// The canonical bytes of a block with this header and these transactions.
pub(super) fn join<'a>(
    header: &[u8; HEADER_LEN],
    transactions: impl ExactSizeIterator<Item = &'a Bytes>,
) -> Bytes {
    let mut bytes = header.to_vec();
    let count = VarInt(transactions.len() as u64);
    count.consensus_encode(&mut bytes).expect("a vector takes all that is written to it");
    transactions.for_each(|transaction| bytes.extend_from_slice(transaction));
    bytes.into()
}

/// A transaction: its bytes in the block, and what they say.
pub(super) type Transaction = (Bytes, rust_bitcoin::Transaction);

/// The body of a block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) transactions: Vec<Transaction>,
    /// Bytes of the whole block.
    size: usize,
}

impl Block {
    /// Reads the body of a block from its canonical bytes, all of them. Nothing is checked, but that there is a
    /// transaction.
    pub(super) fn parse(block: &Bytes) -> Result<Self, Rejection> {
        let bad = Rejection::mutated("bad-body");
        let mut rest = block.get(HEADER_LEN..).ok_or(bad)?;
        let count = VarInt::consensus_decode(&mut rest).map_err(|_| bad)?.0;
        let mut transactions = Vec::new(); // grows with what is there: the count may be a lie
        for _ in 0..count {
            let (parsed, len) = deserialize_partial(rest).map_err(|_| bad)?;
            let (bytes, after) = rest.split_at(len);
            transactions.push((block.slice_ref(bytes), parsed));
            rest = after;
        }
        if rest.is_empty() && !transactions.is_empty() {
            Ok(Self { transactions, size: block.len() })
        } else {
            Err(bad)
        }
    }

    fn parsed(&self) -> impl Iterator<Item = &rust_bitcoin::Transaction> {
        self.transactions.iter().map(|(_, parsed)| parsed)
    }

    /// What it takes of the room that a block has: a byte without witness counts four times.
    pub(super) fn weight(&self) -> usize {
        let witness = self.parsed().map(|parsed| parsed.total_size() - parsed.base_size());
        4 * self.size - 3 * witness.sum::<usize>()
    }

    /// Whether the header commits to this body and no other has the same commitments: whatever fails here may have
    /// been swapped on the way.
    pub(super) fn check_body(&self, header: &Header) -> Result<(), Rejection> {
        let root = merkle::root(self.parsed().map(transaction::txid).collect());
        if root.id.0 != header.merkle_root.to_byte_array() {
            return Err(Rejection::mutated("wrong-root"));
        }
        if root.is_ambiguous {
            return Err(Rejection::mutated("duplicate-transaction"));
        }
        let is_coinbase_first = self.transactions[0].1.is_coinbase();
        if !is_coinbase_first && self.parsed().any(|parsed| parsed.base_size() == PAIR_LEN) {
            return Err(Rejection::mutated("hashes-for-transactions"));
        }
        self.check_witnesses()
    }

    /// Whether the coinbase commits to the witnesses (BIP 141, "Commitment structure").
    fn check_witnesses(&self) -> Result<(), Rejection> {
        let coinbase = &self.transactions[0].1;
        let scripts = coinbase.output.iter().rev().map(|output| output.script_pubkey.as_bytes());
        let mut committed = scripts.filter_map(|script| script.strip_prefix(&COMMITMENT));
        let Some(commitment) = committed.find_map(<[u8]>::first_chunk::<HASH_LEN>) else {
            let any = self.parsed().any(transaction::has_witness);
            return if any { Err(Rejection::mutated("unexpected-witness")) } else { Ok(()) };
        };
        let reserved = coinbase.input.first().map(|input| &input.witness);
        let reserved = reserved.filter(|witness| witness.len() == 1).and_then(|it| it.nth(0));
        let reserved: &[u8; HASH_LEN] = reserved
            .and_then(|value| value.try_into().ok())
            .ok_or(Rejection::mutated("bad-witness-reserve"))?;
        let wtxids = self.transactions[1..].iter().map(|(bytes, _)| Hash256::of(bytes));
        let leaves = std::iter::once(Hash256([0; HASH_LEN])).chain(wtxids).collect();
        let root = merkle::root(leaves).id;
        if Hash256::of(&[root.0, *reserved].concat()).0 == *commitment {
            Ok(())
        } else {
            Err(Rejection::mutated("wrong-witness-root"))
        }
    }

    /// What the header vouches for.
    pub(super) fn check_transactions(&self, max_weight: usize) -> Result<(), Rejection> {
        if self.weight() > max_weight {
            return Err(Rejection::invalid("too-heavy"));
        }
        let mut spent = Vec::new();
        for (number, parsed) in self.parsed().enumerate() {
            transaction::check(parsed)?;
            match (number, parsed.is_coinbase()) {
                (0, false) => return Err(Rejection::invalid("no-coinbase")),
                (1.., true) => return Err(Rejection::invalid("second-coinbase")),
                (0, true) | (1.., false) => spent.extend(transaction::spends(parsed)),
            }
        }
        refuse_duplicates(spent, "conflicting-transactions")
    }
}
