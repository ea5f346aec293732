//! The index: which blocks were ever kept, in which order they came, and where they lie.
//!
//! A database as the store's, in a file beside the segments. What it says is committed after the segments are synced, so
//! a crash leaves no row without its block. Rows stay when their block leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use redb::{Database, ReadableDatabase as _, ReadableTable};
use tidings_protocol::ground::item::{HASH_LEN, Hash256};

use super::format::{BLOCKS, Extent, IDS, Row, SEGMENTS, Spot};

/// A block that was put somewhere, or is there already.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) id: Hash256,
    pub(super) parent: Hash256,
    /// How many blocks come before it, if whoever hands it in knows.
    pub(super) height: Option<u32>,
    /// Where it was put; `None` if it was there already.
    pub(super) spot: Option<Spot>,
    pub(super) header: Bytes,
}

/// What the index holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Blocks that are kept.
    pub(super) blocks: u64,
    /// All that ever were: rows.
    pub(super) headers: u64,
}

/// An open index.
#[derive(Debug)]
pub(super) struct Index {
    db: Arc<Database>,
    /// What the first block follows.
    root: Hash256,
    /// The next free number.
    next: u64,
    /// The segments that there are.
    extents: BTreeMap<u32, Extent>,
    figures: Figures,
}

fn none(what: &str) -> redb::Error {
    redb::Error::Corrupted(format!("{what} is none"))
}

fn bytes_of(id: &Hash256) -> &[u8; HASH_LEN] {
    &id.0
}

impl Index {
    /// What a database holds, all of which is read.
    ///
    /// # Errors
    /// When something in it isn't what it should be, or the disk refuses.
    pub(super) fn read(db: Database, root: Hash256) -> Result<Self, redb::Error> {
        let (mut extents, mut figures, mut next) = (BTreeMap::new(), Figures::default(), 0);
        let transaction = db.begin_read()?;
        for entry in transaction.open_table(SEGMENTS)?.iter()? {
            let (number, extent) = entry?;
            let extent = Extent::decode(extent.value()).ok_or_else(|| none("a segment"))?;
            extents.insert(number.value(), extent);
        }
        for entry in transaction.open_table(BLOCKS)?.iter()? {
            let (number, row) = entry?;
            let row = Row::decode(row.value()).ok_or_else(|| none("a row"))?;
            figures.headers += 1;
            figures.blocks += u64::from(row.spot.is_some());
            next = number.value() + 1;
        }
        transaction.open_table(IDS)?;
        drop(transaction);
        Ok(Self { db: Arc::new(db), root, next, extents, figures })
    }

    /// The database, for those who read beside.
    pub(super) fn db(&self) -> &Arc<Database> {
        &self.db
    }

    /// The segments that there are.
    pub(super) const fn extents(&self) -> &BTreeMap<u32, Extent> {
        &self.extents
    }

    /// The last segment and its end.
    pub(super) fn last(&self) -> Option<(u32, u64)> {
        self.extents.last_key_value().map(|(number, extent)| (*number, extent.end))
    }

    pub(super) const fn figures(&self) -> Figures {
        self.figures
    }

    /// Notes where blocks were put, all or none. One that comes anew has the next number.
    ///
    /// # Errors
    /// When the disk refuses. The index must then be opened again.
    pub(super) fn place(&mut self, placed: &[Placed]) -> Result<(), redb::Error> {
        let (mut next, mut figures) = (self.next, self.figures);
        let (mut extents, mut is_changed) = (self.extents.clone(), false);
        let transaction = self.db.begin_write()?;
        {
            let mut blocks = transaction.open_table(BLOCKS)?;
            let mut ids = transaction.open_table(IDS)?;
            let mut segments = transaction.open_table(SEGMENTS)?;
            for Placed { id, parent, height, spot, header } in placed {
                let number = ids.get(bytes_of(id))?.map(|number| number.value());
                let before = row_of(&blocks, number)?;
                let height = match height {
                    Some(height) => *height,
                    None if *parent == self.root => 1,
                    None => {
                        let parent = ids.get(bytes_of(parent))?.map(|number| number.value());
                        let by_parent = row_of(&blocks, parent)?.map(|row| row.height + 1);
                        let by_before = || before.as_ref().map(|before| before.height);
                        let top = || extents.values().map(|extent| extent.top).max();
                        by_parent.or_else(by_before).or_else(top).unwrap_or(0)
                    }
                };
                let was_at = before.as_ref().and_then(|before| before.spot);
                if let Some(before) = &before
                    && (before.height, was_at) == (height, spot.or(was_at))
                {
                    continue;
                }
                is_changed = true;
                let number = number.unwrap_or(next);
                next = next.max(number + 1);
                figures.headers += u64::from(before.is_none());
                figures.blocks += u64::from(was_at.is_none() && spot.is_some());
                let spot = spot.or(was_at);
                let row = Row { id: *id, height, spot, header };
                blocks.insert(number, &*row.encode())?;
                ids.insert(bytes_of(id), number)?;
                if let Some(spot) = spot {
                    let extent = extents.entry(spot.segment).or_insert(Extent::EMPTY);
                    extent.add(number, height, spot);
                    segments.insert(spot.segment, &*extent.encode())?;
                }
            }
        }
        if !is_changed {
            return Ok(transaction.abort()?);
        }
        transaction.commit()?;
        (self.next, self.figures, self.extents) = (next, figures, extents);
        Ok(())
    }

    /// Blocks aren't where they were.
    ///
    /// # Errors
    /// As [`Index::place`].
    pub(super) fn lose(&mut self, lost: &[Hash256]) -> Result<(), redb::Error> {
        let mut figures = self.figures;
        let transaction = self.db.begin_write()?;
        {
            let mut blocks = transaction.open_table(BLOCKS)?;
            let ids = transaction.open_table(IDS)?;
            for id in lost {
                let Some(number) = ids.get(bytes_of(id))?.map(|number| number.value()) else {
                    continue;
                };
                let Some(row) = row_of(&blocks, Some(number))? else { continue };
                figures.blocks -= u64::from(row.spot.is_some());
                blocks.insert(number, &*row.without_spot())?;
            }
        }
        transaction.commit()?;
        self.figures = figures;
        Ok(())
    }

    /// Nothing of a segment counts that reaches behind so many bytes of it: all of it if there are none, and then the segment is
    /// forgotten. Says how many blocks are lost.
    ///
    /// # Errors
    /// As [`Index::place`].
    pub(super) fn shorten(&mut self, segment: u32, len: Option<u64>) -> Result<u64, redb::Error> {
        let Some(extent) = self.extents.get(&segment) else { return Ok(0) };
        let (mut lost, mut end) = (0, Extent::EMPTY.end);
        let transaction = self.db.begin_write()?;
        {
            let mut blocks = transaction.open_table(BLOCKS)?;
            // One after the other: a segment may have a million rows.
            let mut from = extent.first;
            while let Some((number, spot, gone)) = next_row(&blocks, from, extent.last)? {
                from = number + 1;
                let Some(spot) = spot.filter(|spot| spot.segment == segment) else { continue };
                if len.is_some_and(|len| spot.end() <= len) {
                    end = end.max(spot.end());
                } else {
                    lost += 1;
                    blocks.insert(number, &*gone)?;
                }
            }
            let mut segments = transaction.open_table(SEGMENTS)?;
            if len.is_some() {
                segments.insert(segment, &*Extent { end, ..*extent }.encode())?;
            } else {
                segments.remove(segment)?;
            }
        }
        transaction.commit()?;
        self.figures.blocks -= lost;
        match (len, self.extents.get_mut(&segment)) {
            (Some(_), Some(extent)) => extent.end = end,
            _ => drop(self.extents.remove(&segment)),
        }
        Ok(lost)
    }

    /// The headers of all blocks that were ever kept, parents before their children, and else in the order of arrival.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn headers(&self) -> Result<Vec<Bytes>, redb::Error> {
        let (mut all, mut places) = (Vec::new(), Vec::new());
        for entry in self.db.begin_read()?.open_table(BLOCKS)?.iter()? {
            let (_, row) = entry?;
            let row = Row::decode(row.value()).ok_or_else(|| none("a row"))?;
            places.push((row.height, all.len()..all.len() + row.header.len()));
            all.extend(row.header);
        }
        // Blocks may come before their parents; stable, so those of one height stay in their order.
        places.sort_by_key(|(height, _)| *height);
        let all = Bytes::from(all);
        Ok(places.into_iter().map(|(_, place)| all.slice(place)).collect())
    }
}

/// A row without its header.
struct Known {
    height: u32,
    spot: Option<Spot>,
    row: Vec<u8>,
}

impl Known {
    /// The row of a block that isn't kept any more.
    fn without_spot(&self) -> Vec<u8> {
        Row::decode(&self.row).map(|row| Row { spot: None, ..row }.encode()).unwrap_or_default()
    }
}

type Blocks<'a> = redb::Table<'a, u64, &'static [u8]>;

fn row_of(blocks: &Blocks<'_>, number: Option<u64>) -> Result<Option<Known>, redb::Error> {
    let Some(number) = number else { return Ok(None) };
    let Some(row) = blocks.get(number)? else { return Ok(None) };
    let row = row.value().to_vec();
    let Row { height, spot, .. } = Row::decode(&row).ok_or_else(|| none("a row"))?;
    Ok(Some(Known { height, spot, row }))
}

/// The next row of these numbers: where its block is, and what the row is once the block has left.
type NextRow = Option<(u64, Option<Spot>, Vec<u8>)>;

fn next_row(blocks: &Blocks<'_>, from: u64, to: u64) -> Result<NextRow, redb::Error> {
    if from > to {
        return Ok(None);
    }
    let Some(entry) = blocks.range(from..=to)?.next() else { return Ok(None) };
    let (number, row) = entry?;
    let row = Row::decode(row.value()).ok_or_else(|| none("a row"))?;
    Ok(Some((number.value(), row.spot, Row { spot: None, ..row }.encode())))
}

/// Where a block lies, if it is kept.
///
/// # Errors
/// When the disk refuses.
pub(super) fn spot_of(db: &Database, id: Hash256) -> Result<Option<Spot>, redb::Error> {
    let transaction = db.begin_read()?;
    let Some(number) = transaction.open_table(IDS)?.get(bytes_of(&id))? else { return Ok(None) };
    let blocks = transaction.open_table(BLOCKS)?;
    let row = blocks.get(number.value())?.ok_or_else(|| none("a block's row"))?;
    Ok(Row::decode(row.value()).ok_or_else(|| none("a row"))?.spot)
}
