//! What is in the files: segments of records, the index's tables, and the version of both.
//!
//! ```text
//! segment  "TDBLOCKS" 8 | format 4 | magic 4 | record | record | …
//! record   magic 4 | length 4 | checksum 8 | id 32 | block                (bytes; numbers are little-endian)
//! ```
//!
//! Format 2 has another checksum than format 1. A folder of format 1 is one of format 2 from when it is opened on, and what is in it is
//! read as it is.

use std::hash::Hasher as _;

use redb::TableDefinition;
use siphasher::sip::SipHasher13;
use tidings_protocol::ground::item::{HASH_LEN, Hash256, Item};

/// Version of all below. A change that an older program can't read raises it.
pub(super) const FORMAT: u32 = 2;

/// What the index is: [`KEY_FORMAT`], [`KEY_NETWORK`] and [`KEY_RULES`].
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// [`FORMAT`], little-endian.
pub(super) const KEY_FORMAT: &str = "format";
/// Name of the network.
pub(super) const KEY_NETWORK: &str = "network";
/// What the network's file says about which items are valid, as text.
pub(super) const KEY_RULES: &str = "rules";

/// Every block that was ever kept by number, in the order of arrival: a [`Row`].
pub(super) const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// The number of each.
pub(super) const IDS: TableDefinition<'_, &[u8; HASH_LEN], u64> = TableDefinition::new("ids");
/// The segments that there are: an [`Extent`].
pub(super) const SEGMENTS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("segments");

/// How a segment begins.
const PREFIX: &[u8; 8] = b"TDBLOCKS";

/// Bytes before a segment's first record.
pub(super) const SEGMENT_HEAD: u64 = SEGMENT_HEAD_LEN as u64;
pub(super) const SEGMENT_HEAD_LEN: usize = 8 + 4 + 4;

/// Bytes of a record before the block's own.
pub(super) const RECORD_HEAD: usize = MAGIC_LEN + 4 + CHECKSUM_LEN + HASH_LEN;

pub(super) const MAGIC_LEN: usize = 4;
const CHECKSUM_LEN: usize = 8;

/// What every record begins with, by which they are found again where one is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Magic(pub(super) [u8; MAGIC_LEN]);

impl Magic {
    /// That of a network.
    pub(super) fn of(network: &str, root: Hash256) -> Self {
        let hash = Hash256::of(&[network.as_bytes(), &root.0].concat());
        Self(first(&hash.0))
    }
}

/// The first so many bytes.
fn first<const N: usize>(bytes: &[u8; HASH_LEN]) -> [u8; N] {
    *bytes.first_chunk().expect("a hash is longer than what is taken of it")
}

/// How a segment begins.
pub(super) fn segment_head(Magic(magic): Magic) -> [u8; SEGMENT_HEAD_LEN] {
    let mut head = [0; SEGMENT_HEAD_LEN];
    head[..8].copy_from_slice(PREFIX);
    head[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    head[12..].copy_from_slice(&magic);
    head
}

/// What a segment's beginning says: its format and its network's magic. `None` if it is damaged.
pub(super) fn read_segment_head(head: &[u8]) -> Option<(u32, Magic)> {
    let rest = head.strip_prefix(PREFIX)?;
    let (format, rest) = rest.split_first_chunk()?;
    let (magic, _) = rest.split_first_chunk()?;
    Some((u32::from_le_bytes(*format), Magic(*magic)))
}

/// The record of a block.
pub(super) fn record(block: &Item, Magic(magic): Magic) -> Vec<u8> {
    let len = u32::try_from(block.size()).expect("no rules allow blocks of 4 GiB");
    let mut record = Vec::with_capacity(RECORD_HEAD + block.size());
    record.extend(magic);
    record.extend(len.to_le_bytes());
    record.extend([0; CHECKSUM_LEN]);
    record.extend(block.id().hash().0);
    record.extend_from_slice(block.bytes());
    let checksum = checksum(&record, Magic(magic));
    record[MAGIC_LEN + 4..][..CHECKSUM_LEN].copy_from_slice(&checksum);
    record
}

/// The checksum of a record: SipHash-1-3 of id and block, with the magic as its key. It tells what a disk does to a record, and not what
/// somebody does who may write there; for that a third of the time of SHA-256 is enough, which was a good part of what it costs to send
/// a block or to keep it.
fn checksum(record: &[u8], Magic(magic): Magic) -> [u8; CHECKSUM_LEN] {
    let mut hasher = SipHasher13::new_with_keys(u32::from_le_bytes(magic).into(), 0);
    hasher.write(summed(record));
    hasher.finish().to_le_bytes()
}

/// The same in format 1: the first bytes of the double SHA-256.
fn checksum_1(record: &[u8]) -> [u8; CHECKSUM_LEN] {
    first(&Hash256::of(summed(record)).0)
}

/// What a checksum covers of a record.
fn summed(record: &[u8]) -> &[u8] {
    &record[MAGIC_LEN + 4 + CHECKSUM_LEN..]
}

/// How long the block of a record is, as the record's beginning says; `None` if it is none of this network.
pub(super) fn block_len(head: &[u8; RECORD_HEAD], Magic(magic): Magic) -> Option<u32> {
    let rest = head.strip_prefix(&magic)?;
    Some(u32::from_le_bytes(*rest.first_chunk()?))
}

/// The id of a record's block, if the record is as it was written.
pub(super) fn check_record(record: &[u8], magic: Magic) -> Option<Hash256> {
    let head = record.first_chunk::<RECORD_HEAD>()?;
    let is_whole = block_len(head, magic)? as usize == record.len() - RECORD_HEAD;
    let written = &head[MAGIC_LEN + 4..][..CHECKSUM_LEN];
    let is_right = || *written == checksum(record, magic) || *written == checksum_1(record);
    if !is_whole || !is_right() {
        return None;
    }
    head.last_chunk().copied().map(Hash256)
}

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The number of the segment.
    pub(super) segment: u32,
    /// Where its record begins.
    pub(super) offset: u64,
    /// How long the block is.
    pub(super) len: u32,
}

impl Spot {
    /// Where its record ends.
    pub(super) const fn end(&self) -> u64 {
        self.offset + RECORD_HEAD as u64 + self.len as u64
    }
}

/// What stands in the place of a segment where a block isn't kept.
const NOWHERE: u32 = u32::MAX;

/// Bytes of a row before the header.
const ROW_HEAD: usize = HASH_LEN + 4 + 4 + 8 + 4;

/// What the index says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) id: Hash256,
    /// How many blocks come before it, as far as that was known.
    pub(super) height: u32,
    /// Where it lies; `None` if it isn't kept any more.
    pub(super) spot: Option<Spot>,
    /// Its header.
    pub(super) header: &'a [u8],
}

impl<'a> Row<'a> {
    /// As it is stored.
    pub(super) fn encode(&self) -> Vec<u8> {
        let nowhere = Spot { segment: NOWHERE, offset: 0, len: 0 };
        let Spot { segment, offset, len } = self.spot.unwrap_or(nowhere);
        let mut row = Vec::with_capacity(ROW_HEAD + self.header.len());
        row.extend(self.id.0);
        row.extend(self.height.to_le_bytes());
        row.extend(segment.to_le_bytes());
        row.extend(offset.to_le_bytes());
        row.extend(len.to_le_bytes());
        row.extend(self.header);
        row
    }

    /// A row from its bytes; `None` if they are none.
    pub(super) fn decode(row: &'a [u8]) -> Option<Self> {
        let (id, rest) = row.split_first_chunk()?;
        let (height, rest) = rest.split_first_chunk()?;
        let (segment, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (len, header) = rest.split_first_chunk()?;
        let segment = u32::from_le_bytes(*segment);
        let (offset, len) = (u64::from_le_bytes(*offset), u32::from_le_bytes(*len));
        let spot = (segment != NOWHERE).then_some(Spot { segment, offset, len });
        Some(Self { id: Hash256(*id), height: u32::from_le_bytes(*height), spot, header })
    }
}

/// How much of a segment counts, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Where the last record ends: what lies behind was never committed.
    pub(super) end: u64,
    /// The greatest height of a block in it.
    pub(super) top: u32,
    /// The least number of a block in it.
    pub(super) first: u64,
    /// The greatest.
    pub(super) last: u64,
}

impl Extent {
    /// One without blocks.
    pub(super) const EMPTY: Self = Self { end: SEGMENT_HEAD, top: 0, first: u64::MAX, last: 0 };

    /// Another block is in it.
    pub(super) fn add(&mut self, number: u64, height: u32, spot: Spot) {
        self.end = self.end.max(spot.end());
        self.top = self.top.max(height);
        (self.first, self.last) = (self.first.min(number), self.last.max(number));
    }

    /// As it is stored.
    pub(super) fn encode(self) -> Vec<u8> {
        let Self { end, top, first, last } = self;
        let words = [end, top.into(), first, last];
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// From its bytes; `None` if they are none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks() else { return None };
        let [end, top, first, last] = <[[u8; 8]; 4]>::try_from(words).ok()?.map(u64::from_le_bytes);
        Some(Self { end, top: u32::try_from(top).ok()?, first, last })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use tidings_protocol::chain::Chain as _;
    use tidings_protocol::chain::opaque::Opaque;
    use tidings_protocol::ground::item::ItemKind;

    const MAGIC: Magic = Magic([1, 2, 3, 4]);

    fn block() -> Arc<Item> {
        Opaque::default().item(ItemKind::Block, vec![7; 90].into()).unwrap()
    }

    #[test]
    fn a_record_is_its_block_and_any_changed_bit_is_noticed() {
        let (block, mut record) = (block(), record(&block(), MAGIC));
        // The layout is a promise to files that exist.
        assert_eq!((record.len(), &record[..8]), (48 + 90, &[1, 2, 3, 4, 90, 0, 0, 0][..]));
        assert_eq!(check_record(&record, MAGIC), Some(block.id().hash()));
        assert_eq!(check_record(&record, Magic([1, 2, 3, 5])), None);
        for bit in 0..8 * record.len() {
            record[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check_record(&record, MAGIC), None, "bit {bit}");
            record[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..record.len() {
            assert_eq!(check_record(&record[..len], MAGIC), None, "{len}");
        }
    }

    #[test]
    fn a_record_of_format_1_is_read() {
        let (block, mut record) = (block(), record(&block(), MAGIC));
        let checksum = checksum_1(&record);
        record[MAGIC_LEN + 4..][..CHECKSUM_LEN].copy_from_slice(&checksum);
        assert_eq!(check_record(&record, MAGIC), Some(block.id().hash()));
        record[60] ^= 1;
        assert_eq!(check_record(&record, MAGIC), None);
    }

    #[test]
    fn rows_and_extents_are_what_they_were_made_of() {
        let spot = Some(Spot { segment: 3, offset: 1 << 33, len: 90 });
        let row = Row { id: Hash256([9; HASH_LEN]), height: 5, spot, header: b"header" };
        for row in [row, Row { spot: None, ..row }] {
            assert_eq!(Row::decode(&row.encode()), Some(row));
        }
        assert_eq!(Row::decode(&[0; ROW_HEAD - 1]), None);
        let extent = Extent { end: 1 << 33, top: 7, first: 5, last: 1 << 40 };
        assert_eq!(Extent::decode(&extent.encode()), Some(extent));
        assert_eq!(Extent::decode(&[0; 31]), None);
    }

    #[test]
    fn a_segment_says_its_format_and_its_network() {
        assert_eq!(read_segment_head(&segment_head(MAGIC)), Some((FORMAT, MAGIC)));
        assert_eq!(segment_head(MAGIC).len() as u64, SEGMENT_HEAD);
        assert_eq!(read_segment_head(&segment_head(MAGIC)[1..]), None);
        assert_ne!(Magic::of("a", Hash256([0; 32])), Magic::of("a", Hash256([1; 32])));
    }
}
