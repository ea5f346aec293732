//! Makes an index anew from the segments: every record that is whole is a block that was kept.
//!
//! A damaged record is passed over, to the next place where one begins. What comes before its parent waits for it,
//! so that heights are right; what has no parent here, because it left with its segment, is kept without a place in
//! the chain, and found again when peers bring the chain.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Hash256, ItemKind};

use super::format::{
    FORMAT, MAGIC_LEN, Magic, RECORD_HEAD, SEGMENT_HEAD, SEGMENT_HEAD_LEN, Spot, block_len,
    check_record, read_segment_head,
};
use super::index::{Index, Placed};
use super::segments;
use crate::files::guard;

/// How many blocks are noted at once. A guess: some megabytes.
const BATCH_MAX: usize = 10_000;

/// How much is read at once to find where a record begins, bytes. A guess.
const WINDOW: usize = 64 * 1024;

/// Why the segments of a folder can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// They are of a newer format.
    Newer(u32),
    /// They are of another network.
    OtherNetwork,
}

/// Whether the segments are of this format and network, as far as they say.
///
/// # Errors
/// When the system refuses.
pub(super) fn check_heads(folder: &Path, magic: Magic) -> io::Result<Option<Unfit>> {
    for number in segments::list(folder)?.into_keys() {
        let file = open(folder, number)?;
        let mut head = [0; SEGMENT_HEAD_LEN];
        match file.read_exact_at(&mut head, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            read => read?,
        }
        match read_segment_head(&head) {
            Some((format, _)) if format > FORMAT => return Ok(Some(Unfit::Newer(format))),
            Some((_, found)) if found != magic => return Ok(Some(Unfit::OtherNetwork)),
            _ => {}
        }
    }
    Ok(None)
}

fn open(folder: &Path, number: u32) -> io::Result<File> {
    guard::open(&segments::path(folder, number), OpenOptions::new().read(true))
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Bytes that are no part of any whole record.
    pub(super) damaged_bytes: u64,
    /// Blocks whose parent isn't here.
    pub(super) unlinked: usize,
}

/// Fills an empty index.
///
/// # Errors
/// When the system refuses.
pub(super) fn rebuild(
    folder: &Path,
    magic: Magic,
    chain: &dyn Chain,
    root: Hash256,
    index: &mut Index,
) -> Result<Found, redb::Error> {
    let mut linking = Linking { heights: [(root, 0)].into(), ..Linking::default() };
    let mut found = Found::default();
    for number in segments::list(folder)?.into_keys() {
        let file = open(folder, number)?;
        let scan = Scan { file: &file, len: file.metadata()?.len(), number, magic };
        let (mut at, mut end) = (SEGMENT_HEAD, SEGMENT_HEAD);
        while at < scan.len {
            let Some((spot, record)) = scan.record(at, chain)? else {
                at = scan.next_magic(at + 1)?;
                continue;
            };
            found.damaged_bytes += at - end;
            (at, end) = (spot.end(), spot.end());
            let block = Bytes::from(record).slice(RECORD_HEAD..);
            if let Ok(header) = chain.header(&block) {
                let header_bytes = Bytes::copy_from_slice(&block[..header.len.min(block.len())]);
                let (id, parent, spot) = (header.id, header.parent, Some(spot));
                linking.add(Placed { id, parent, height: None, spot, header: header_bytes });
            }
            if linking.ready.len() >= BATCH_MAX {
                index.place(&mem::take(&mut linking.ready))?;
            }
        }
        found.damaged_bytes += scan.len.saturating_sub(end);
    }
    let unlinked: Vec<_> = mem::take(&mut linking.waiting).into_values().flatten().collect();
    found.unlinked = unlinked.len();
    linking.ready.extend(unlinked.into_iter().map(|one| Placed { height: Some(0), ..one }));
    index.place(&linking.ready)?;
    Ok(found)
}

/// A segment that is gone through.
struct Scan<'a> {
    file: &'a File,
    len: u64,
    number: u32,
    magic: Magic,
}

impl Scan<'_> {
    /// The record that begins at a place, if it is whole and its block's header is good.
    fn record(&self, offset: u64, chain: &dyn Chain) -> io::Result<Option<(Spot, Vec<u8>)>> {
        let left = self.len - offset;
        if left < RECORD_HEAD as u64 {
            return Ok(None);
        }
        let mut head = [0; RECORD_HEAD];
        self.file.read_exact_at(&mut head, offset)?;
        let Some(len) = block_len(&head, self.magic) else { return Ok(None) };
        let spot = Spot { segment: self.number, offset, len };
        if len as usize > chain.max_size(ItemKind::Block) || spot.end() > self.len {
            return Ok(None);
        }
        let mut record = vec![0; RECORD_HEAD + len as usize];
        self.file.read_exact_at(&mut record, offset)?;
        let id = check_record(&record, self.magic);
        let named = chain.identify(ItemKind::Block, &record[RECORD_HEAD..]).ok();
        Ok((id.is_some() && id == named).then_some((spot, record)))
    }

    /// Where the next record may begin, or the end.
    fn next_magic(&self, mut at: u64) -> io::Result<u64> {
        let mut window = vec![0; WINDOW];
        while at + RECORD_HEAD as u64 <= self.len {
            let len = usize::try_from(self.len - at).unwrap_or(WINDOW).min(WINDOW);
            self.file.read_exact_at(&mut window[..len], at)?;
            let found = window[..len].windows(MAGIC_LEN).position(|four| four == self.magic.0);
            if let Some(skipped) = found {
                return Ok(at + skipped as u64);
            }
            at += (len - MAGIC_LEN + 1) as u64;
        }
        Ok(self.len)
    }
}

/// Has children wait for their parents.
#[derive(Default)]
struct Linking {
    heights: BTreeMap<Hash256, u32>,
    /// Blocks by the parent that they wait for.
    waiting: BTreeMap<Hash256, Vec<Placed>>,
    ready: Vec<Placed>,
}

impl Linking {
    fn add(&mut self, placed: Placed) {
        let mut next = vec![placed];
        while let Some(placed) = next.pop() {
            let Some(height) = self.heights.get(&placed.parent).map(|height| height + 1) else {
                self.waiting.entry(placed.parent).or_default().push(placed);
                continue;
            };
            self.heights.insert(placed.id, height);
            next.extend(self.waiting.remove(&placed.id).into_iter().flatten());
            self.ready.push(Placed { height: Some(height), ..placed });
        }
    }
}
