//! Blocks of Tidings' own networks, and their proof of work.

use std::ops::Range;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::merkle;
use super::transfer::{TRANSFER_LEN_MIN, field};
use crate::chain::Rejection;
use crate::ground::item::{HASH_LEN, Hash256};
use crate::ground::varint;

/// Version of the encoding that these rules know.
const VERSION: u8 = 1;

/// Length of a header, bytes.
pub const HEADER_LEN: usize = 1 + HASH_LEN + HASH_LEN + 8 + 1 + 8;

/// Highest difficulty that [`Block::mine`] tries, leading zero bits: of the order of an hour on one
/// core.
pub const MINE_BITS_MAX: u8 = 32;

/// How many times the expected number of nonces [`Block::mine`] tries. It gives up in vain once in
/// e^32 searches.
const MINE_PATIENCE: u64 = 32;

/// How many nonces are tried for a block of a difficulty; `None` if it is over [`MINE_BITS_MAX`].
pub(super) const fn patience(bits: u8) -> Option<u64> {
    if bits > MINE_BITS_MAX { None } else { Some(MINE_PATIENCE << bits) }
}

/// The header of a block. The block's id is the double SHA-256 of it.
///
/// ```text
/// version 1 | parent 32 | root 32 | time 8 | bits 1 | nonce 8      (bytes)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Id of the block that it follows.
    pub parent: Hash256,
    /// Root of the Merkle tree of its transactions.
    pub root: Hash256,
    /// When it was made, seconds since 1970, as its maker says. The relay has no clock to check it by.
    pub time: u64,
    /// Leading zero bits that its id claims to have.
    pub bits: u8,
    /// What was searched for to give it that id.
    pub nonce: u64,
}

impl Header {
    /// Reads the header of a block.
    ///
    /// # Errors
    /// When the block is too short to have one, or of a version that we don't know.
    pub fn parse(block: &[u8]) -> Result<Self, Rejection> {
        let mut fields = header_bytes(block)?;
        if field(&mut fields) != [VERSION] {
            // An upgraded peer may relay later versions in good faith.
            return Err(Rejection::policy("unknown-version"));
        }
        let parent = Hash256(field(&mut fields));
        let root = Hash256(field(&mut fields));
        let time = u64::from_le_bytes(field(&mut fields));
        let [bits] = field(&mut fields);
        Ok(Self { parent, root, time, bits, nonce: u64::from_le_bytes(field(&mut fields)) })
    }

    /// The id of a block.
    ///
    /// # Errors
    /// When the block is too short to have a header.
    pub fn id(block: &[u8]) -> Result<Hash256, Rejection> {
        header_bytes(block).map(Hash256::of)
    }

    /// Refuses a header that claims another difficulty than the network's, or doesn't have it.
    pub(super) fn check_proof(&self, id: Hash256, difficulty_bits: u8) -> Result<(), Rejection> {
        if self.bits != difficulty_bits {
            return Err(Rejection::invalid("wrong-difficulty"));
        }
        if leading_zero_bits(id) < u32::from(difficulty_bits) {
            return Err(Rejection::invalid("no-proof-of-work"));
        }
        Ok(())
    }

    fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut out = &mut bytes[..];
        out.put_u8(VERSION);
        out.put_slice(&self.parent.0);
        out.put_slice(&self.root.0);
        out.put_u64_le(self.time);
        out.put_u8(self.bits);
        out.put_u64_le(self.nonce);
        bytes
    }
}

/// A block: its header, then the number of transactions and each with its length before it, as
/// varints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its header.
    pub header: Header,
    /// The canonical bytes of its transactions.
    pub transactions: Vec<Bytes>,
}

impl Block {
    /// Reads a block, whose bytes the transactions share. The transactions aren't looked into, nor is
    /// the header checked.
    ///
    /// # Errors
    /// When it isn't the canonical encoding of any block. Beyond the header this blames the peer and
    /// not the id: a good block may have the same header.
    pub fn parse(bytes: &Bytes) -> Result<Self, Rejection> {
        let header = Header::parse(bytes)?;
        let mut body = bytes.slice(HEADER_LEN..);
        let transactions = take_transactions(&mut body).ok_or(Rejection::mutated("bad-body"))?;
        if !body.is_empty() {
            return Err(Rejection::mutated("bad-body"));
        }
        Ok(Self { header, transactions })
    }

    /// Makes a block and searches for the nonce that gives its id `bits` leading zero bits, trying
    /// 2<sup>`bits`</sup> on average. Returns its canonical bytes, or `None` if `bits` is over
    /// [`MINE_BITS_MAX`] or no nonce was found. For tests and test networks.
    #[must_use]
    pub fn mine(parent: Hash256, transactions: &[Bytes], time: u64, bits: u8) -> Option<Bytes> {
        Self::mine_with(parent, transactions, (time, bits), 0..patience(bits)?)
    }

    /// The same with these nonces alone, whatever the difficulty.
    pub(super) fn mine_with(
        parent: Hash256,
        transactions: &[Bytes],
        (time, bits): (u64, u8),
        nonces: Range<u64>,
    ) -> Option<Bytes> {
        let ids: Vec<Hash256> = transactions.iter().map(|bytes| Hash256::of(bytes)).collect();
        let unsolved = Header { parent, root: merkle::root(&ids), time, bits, nonce: 0 };
        let header = nonces
            .map(|nonce| Header { nonce, ..unsolved }.encode())
            .find(|header| leading_zero_bits(Hash256::of(header)) >= u32::from(bits))?;
        Self::join(&header, transactions.iter())
    }

    /// The canonical bytes of a block with this header and these transactions; `None` if there are too many.
    pub(super) fn join<'a>(
        header: &[u8],
        transactions: impl ExactSizeIterator<Item = &'a Bytes>,
    ) -> Option<Bytes> {
        let mut bytes = BytesMut::from(header);
        put_transactions(transactions, &mut bytes)?;
        Some(bytes.freeze())
    }
}

fn header_bytes(block: &[u8]) -> Result<&[u8], Rejection> {
    block.get(..HEADER_LEN).ok_or(Rejection::invalid("truncated"))
}

fn leading_zero_bits(id: Hash256) -> u32 {
    let (high, low) = id.0.split_at(HASH_LEN / 2);
    let [high, low] = [high, low].map(|half| {
        u128::from_be_bytes(half.try_into().expect("half an id has 16 bytes")).leading_zeros()
    });
    if high < u128::BITS { high } else { high + low }
}

fn put_transactions<'a>(
    transactions: impl ExactSizeIterator<Item = &'a Bytes>,
    out: &mut BytesMut,
) -> Option<()> {
    varint::put(u32::try_from(transactions.len()).ok()?, out);
    for bytes in transactions {
        varint::put(u32::try_from(bytes.len()).ok()?, out);
        out.put_slice(bytes);
    }
    Some(())
}

/// Takes the transactions off the front; `None` if they aren't all there. A count that the rest has
/// no room for is refused before anything is allocated.
fn take_transactions(body: &mut Bytes) -> Option<Vec<Bytes>> {
    let count = take_len(body)?;
    if count > body.len() / (1 + TRANSFER_LEN_MIN) {
        return None;
    }
    let mut transactions = Vec::with_capacity(count);
    for _ in 0..count {
        let len = take_len(body)?;
        transactions.push((len <= body.len()).then(|| body.split_to(len))?);
    }
    Some(transactions)
}

fn take_len(body: &mut Bytes) -> Option<usize> {
    let mut rest = &body[..];
    let len = varint::take(&mut rest).ok()?;
    let taken = body.len() - rest.len();
    body.advance(taken);
    Some(len as usize)
}
