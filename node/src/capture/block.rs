//! What is in a segment's file: a few bytes at its beginning, then blocks, each compressed and with a checksum of its own.
//!
//! A node that is killed loses the block that it was filling, and perhaps half of the one that was being written: whoever reads
//! stops there, and says so. Byte by byte in `node/CAPTURE.md`.

use std::hash::Hasher as _;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use siphasher::sip::SipHasher13;
use tidings_protocol::ground::time::Time;

/// What a segment begins with.
const MAGIC: &[u8; 8] = b"TIDINGCP";

/// Version of all that follows. A change that an older program can't read raises it.
pub const VERSION: u32 = 1;

/// Bytes before a segment's first block.
pub(super) const SEGMENT_HEAD: usize = 8 + 4 + 4 + 4;

/// Bytes of a block before its own.
pub(super) const BLOCK_HEAD: usize = 1 + 4 + 4 + 8 + 8 + 8 + 8;

/// Most bytes of a block before it is compressed: one input that is as large as inputs get. A block of a chain has 64 MB at most
/// (`LIMIT_MAX` of network files), and what it confirms is about as much again.
pub(super) const RAW_MAX: usize = 192 << 20;

/// How hard it is compressed: with so little work that it isn't what a captured node does. A guess, of miniz's ten.
const LEVEL: u8 = 1;

/// Which segment a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    /// Number of the node's life, from 1.
    pub(super) life: u32,
    /// Number of the segment in that, from 0.
    pub(super) segment: u32,
}

impl SegmentHead {
    pub(super) fn to_bytes(self) -> [u8; SEGMENT_HEAD] {
        let mut bytes = [0; SEGMENT_HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.life.to_le_bytes());
        bytes[16..].copy_from_slice(&self.segment.to_le_bytes());
        bytes
    }

    /// Reads it.
    ///
    /// # Errors
    /// A sentence, for whatever is no segment of this version.
    pub(super) fn of_bytes(bytes: &[u8; SEGMENT_HEAD]) -> Result<Self, String> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err("it is no capture of a node".to_owned());
        };
        let ([version, life, segment], _) = numbers(rest);
        if version != VERSION {
            return Err(format!(
                "it is of version {version} of captures, and this program reads version {VERSION}: use the program that made it"
            ));
        }
        Ok(Self { life, segment })
    }
}

/// The first three numbers.
fn numbers(bytes: &[u8]) -> ([u32; 3], &[u8]) {
    let (words, rest) = bytes.as_chunks::<4>();
    let number = |place: usize| words.get(place).map_or(0, |word| u32::from_le_bytes(*word));
    ([number(0), number(1), number(2)], rest)
}

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first of a life: what the core was made of.
    Head,
    /// Inputs, and what came of them.
    Inputs,
    /// The last: why the capture ended.
    End,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Head, Self::Inputs, Self::End];
}

/// A block before it is compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block<B> {
    pub(super) kind: Kind,
    /// Number of its first input, from 0.
    pub(super) first: u64,
    /// The core's time before that.
    pub(super) at: Time,
    /// What the node's clock shows at that time, microseconds of Unix time.
    pub(super) unix_us: u64,
    pub(super) raw: B,
}

/// The head of a block in a file: what is known before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockHead {
    kind: u8,
    /// How many bytes follow.
    pub(super) stored: usize,
    raw: usize,
    first: u64,
    at: u64,
    unix_us: u64,
    checksum: u64,
}

impl<B: AsRef<[u8]>> Block<B> {
    /// Appends it as it stands in a file.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let raw = self.raw.as_ref();
        let stored = compress_to_vec(raw, LEVEL);
        let begin = out.len();
        out.push(self.kind as u8);
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        out.extend_from_slice(&len(&stored));
        out.extend_from_slice(&len(raw));
        for number in [self.first, self.at.as_nanos(), self.unix_us] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let sum = checksum(&out[begin..], &stored);
        out.extend_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(&stored);
    }
}

fn checksum(head: &[u8], stored: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(head);
    hasher.write(stored);
    hasher.finish()
}

impl BlockHead {
    /// Reads it; `None` if no block begins so.
    pub(super) fn of_bytes(bytes: &[u8; BLOCK_HEAD]) -> Option<Self> {
        let [kind, rest @ ..] = bytes;
        let (lengths, rest) = rest.split_at(8);
        let (words, _) = lengths.as_chunks::<4>();
        let (longs, _) = rest.as_chunks::<8>();
        let [stored, raw] = words else { return None };
        let [first, at, unix_us, checksum] = longs else { return None };
        let head = Self {
            kind: *kind,
            stored: u32::from_le_bytes(*stored) as usize,
            raw: u32::from_le_bytes(*raw) as usize,
            first: u64::from_le_bytes(*first),
            at: u64::from_le_bytes(*at),
            unix_us: u64::from_le_bytes(*unix_us),
            checksum: u64::from_le_bytes(*checksum),
        };
        // Deflate never makes much more of anything.
        let is_sound = head.raw <= RAW_MAX && head.stored <= head.raw + head.raw / 8 + 64;
        (is_sound && usize::from(head.kind) < Kind::ALL.len()).then_some(head)
    }

    /// The block behind it; `None` if these aren't its bytes.
    pub(super) fn open(&self, head: &[u8; BLOCK_HEAD], stored: &[u8]) -> Option<Block<Vec<u8>>> {
        let (summed, _) = head.split_at(BLOCK_HEAD - 8);
        if checksum(summed, stored) != self.checksum {
            return None;
        }
        let raw = decompress_to_vec_with_limit(stored, self.raw).ok()?;
        (raw.len() == self.raw).then_some(Block {
            kind: Kind::ALL[usize::from(self.kind)],
            first: self.first,
            at: Time::from_nanos(self.at),
            unix_us: self.unix_us,
            raw,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Block<Vec<u8>> {
        let raw = b"what happened ".repeat(1_000);
        Block { kind: Kind::Inputs, first: 7, at: Time::from_nanos(9), unix_us: 11, raw }
    }

    fn read(bytes: &[u8]) -> Option<Block<Vec<u8>>> {
        let (head, stored) = bytes.split_first_chunk()?;
        let read = BlockHead::of_bytes(head)?;
        read.open(head, stored.get(..read.stored)?)
    }

    #[test]
    fn a_block_reads_back_and_is_smaller() {
        let mut bytes = Vec::new();
        block().put(&mut bytes);
        assert_eq!(read(&bytes), Some(block()));
        assert!(bytes.len() < block().raw.len() / 20, "{}", bytes.len());
    }

    #[test]
    fn a_block_of_which_any_byte_is_another_or_the_end_is_missing_is_none() {
        let mut bytes = Vec::new();
        block().put(&mut bytes);
        for place in 0..bytes.len() {
            bytes[place] ^= 0x10;
            assert_eq!(read(&bytes), None, "byte {place}");
            bytes[place] ^= 0x10;
            assert_eq!(read(&bytes[..place]), None, "cut at {place}");
        }
    }

    #[test]
    fn what_is_no_segment_of_this_version_has_its_sentence() {
        let head = SegmentHead { life: 3, segment: 1 };
        let mut bytes = head.to_bytes();
        assert_eq!(SegmentHead::of_bytes(&bytes), Ok(head));
        bytes[8] = 9;
        assert!(SegmentHead::of_bytes(&bytes).unwrap_err().contains("version 9"));
        bytes[0] = b'x';
        assert!(SegmentHead::of_bytes(&bytes).unwrap_err().contains("no capture"));
    }
}
