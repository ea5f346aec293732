//! A raw Bitcoin block, taken apart into the byte ranges of its transactions.
//!
//! Follows Bitcoin's serialisation (developer reference, "Block Chain": a header of 80 bytes, a
//! count, transactions) and BIP 144 (transactions with witness). The scripts inside mean nothing
//! here; that nothing was misread is proved by recomputing the header's Merkle root.

use std::ops::Range;

use bytes::Bytes;
use tidings_protocol::ground::item::Hash256;

/// Bytes of a header.
pub const HEADER_LEN: usize = 80;

/// Where in the header the Merkle root stands.
const MERKLE_ROOT: Range<usize> = 36..68;

/// Most bytes that a block file may have: Bitcoin's limit on a serialised block (BIP 141).
pub const BLOCK_MAX: usize = 4_000_000;

/// A block and where its transactions stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    bytes: Bytes,
    transactions: Vec<Range<usize>>,
}

impl Block {
    /// The whole block as it was read.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes of its transactions in order, witnesses included; they share the block's memory.
    pub fn transactions(&self) -> impl ExactSizeIterator<Item = Bytes> {
        self.transactions.iter().map(|range| self.bytes.slice(range.clone()))
    }
}

/// Bytes that are no Bitcoin block. Offsets count from the beginning of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// More bytes than any block has.
    #[error("it has {0} bytes, but a Bitcoin block has at most {BLOCK_MAX}")]
    TooLarge(usize),
    /// The bytes end too early.
    #[error(
        "it is cut off: at byte {at}, {what} needs {needed} more bytes, but only {left} are left"
    )]
    Truncated {
        /// Where reading stopped.
        at: usize,
        /// What was being read.
        what: &'static str,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that remain.
        left: usize,
    },
    /// A length is not written in the shortest way, so these are not consensus bytes.
    #[error("at byte {at}, {what} is not written in its shortest form")]
    LongVarint {
        /// Where it stands.
        at: usize,
        /// What it counts.
        what: &'static str,
    },
    /// A block without transactions doesn't exist.
    #[error("at byte {HEADER_LEN}, it says that the block has no transactions")]
    Empty,
    /// A transaction of a newer format than BIP 144.
    #[error("at byte {at}, transaction {index} has the unknown flag {flag:#04x}")]
    UnknownFlag {
        /// Where it stands.
        at: usize,
        /// Number of the transaction, from 0.
        index: usize,
        /// The flag.
        flag: u8,
    },
    /// A transaction marked as having witnesses has none.
    #[error("at byte {at}, transaction {index} is marked as having witnesses, but has none")]
    NoWitness {
        /// Where the transaction begins.
        at: usize,
        /// Number of the transaction, from 0.
        index: usize,
    },
    /// Bytes behind the last transaction.
    #[error("the block ends at byte {at}, but {extra} more bytes follow")]
    Trailing {
        /// Where the block ends.
        at: usize,
        /// Bytes behind it.
        extra: usize,
    },
    /// The transactions are not those that the header commits to.
    #[error(
        "its {transactions} transactions don't hash to the Merkle root in the header (bytes 36 to 67): \
         the file is damaged"
    )]
    MerkleMismatch {
        /// Transactions read.
        transactions: usize,
    },
}

/// Reads a whole block.
///
/// # Errors
/// When the bytes are anything else than exactly one block.
pub fn parse(bytes: Bytes) -> Result<Block, BlockError> {
    if bytes.len() > BLOCK_MAX {
        return Err(BlockError::TooLarge(bytes.len()));
    }
    let mut reader = Reader { bytes: &bytes, at: 0 };
    let header = reader.take(HEADER_LEN as u64, "the header")?;
    let count = reader.varint("the number of transactions")?;
    if count == 0 {
        return Err(BlockError::Empty);
    }
    // Grows with what is really there: the count may be a lie.
    let mut transactions = Vec::new();
    let mut ids = Vec::new();
    for index in 0..usize::try_from(count).unwrap_or(usize::MAX) {
        let start = reader.at;
        ids.push(transaction(&mut reader, index)?);
        transactions.push(start..reader.at);
    }
    let extra = bytes.len() - reader.at;
    if extra > 0 {
        return Err(BlockError::Trailing { at: reader.at, extra });
    }
    if merkle_root(ids) != header[MERKLE_ROOT] {
        return Err(BlockError::MerkleMismatch { transactions: transactions.len() });
    }
    Ok(Block { bytes, transactions })
}

/// Reads one transaction and returns its txid: the hash without marker, flag and witnesses.
fn transaction(reader: &mut Reader<'_>, index: usize) -> Result<Hash256, BlockError> {
    let start = reader.at;
    reader.take(4, "the version of a transaction")?;
    let body = reader.at;
    let segwit = reader.peek() == Some(0);
    if segwit {
        reader.take(1, "the segwit marker")?;
        let at = reader.at;
        let flag = reader.take(1, "the segwit flag")?[0];
        if flag != 1 {
            return Err(BlockError::UnknownFlag { at, index, flag });
        }
    }
    let inputs_at = reader.at;
    let inputs = inputs(reader)?;
    outputs(reader)?;
    let outputs_end = reader.at;
    if segwit && !witnesses(reader, inputs)? {
        return Err(BlockError::NoWitness { at: start, index });
    }
    let lock_time = reader.take(4, "the lock time of a transaction")?;
    let stripped =
        [&reader.bytes[start..body], &reader.bytes[inputs_at..outputs_end], lock_time].concat();
    Ok(Hash256::of(&stripped))
}

fn inputs(reader: &mut Reader<'_>) -> Result<u64, BlockError> {
    let count = reader.varint("the number of inputs")?;
    for _ in 0..count {
        reader.take(36, "the outpoint of an input")?;
        let script = reader.varint("the length of an input script")?;
        reader.take(script, "an input script")?;
        reader.take(4, "the sequence number of an input")?;
    }
    Ok(count)
}

fn outputs(reader: &mut Reader<'_>) -> Result<(), BlockError> {
    for _ in 0..reader.varint("the number of outputs")? {
        reader.take(8, "the value of an output")?;
        let script = reader.varint("the length of an output script")?;
        reader.take(script, "an output script")?;
    }
    Ok(())
}

/// One stack of witness items per input; tells whether there was any item at all.
fn witnesses(reader: &mut Reader<'_>, inputs: u64) -> Result<bool, BlockError> {
    let mut any = false;
    for _ in 0..inputs {
        for _ in 0..reader.varint("the number of witness items")? {
            let length = reader.varint("the length of a witness item")?;
            reader.take(length, "a witness item")?;
            any = true;
        }
    }
    Ok(any)
}

/// Bitcoin's Merkle tree: pairs are hashed together, an odd last one with itself.
fn merkle_root(mut level: Vec<Hash256>) -> [u8; 32] {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| Hash256::of(&[pair[0].0, pair.last().unwrap_or(&pair[0]).0].concat()))
            .collect();
    }
    level.first().map_or([0; 32], |root| root.0)
}

/// Bytes and how far they were read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64, what: &'static str) -> Result<&'a [u8], BlockError> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(count).ok().and_then(|count| rest.get(..count));
        let taken = taken.ok_or(BlockError::Truncated {
            at: self.at,
            what,
            needed: count,
            left: rest.len(),
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Bitcoin's `CompactSize`: one byte, or a marker and 2, 4 or 8 bytes, little-endian.
    fn varint(&mut self, what: &'static str) -> Result<u64, BlockError> {
        let at = self.at;
        let first = self.take(1, what)?[0];
        let (len, least) = match first {
            0xfd => (2, 0xfd),
            0xfe => (4, 0x1_0000),
            0xff => (8, 0x1_0000_0000),
            small => return Ok(u64::from(small)),
        };
        let mut wide = [0; 8];
        let digits = self.take(len, what)?;
        wide[..digits.len()].copy_from_slice(digits);
        let value = u64::from_le_bytes(wide);
        if value < least {
            return Err(BlockError::LongVarint { at, what });
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
