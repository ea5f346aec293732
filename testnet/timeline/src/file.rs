//! A timeline as bytes, and bytes as a timeline.
//!
//! Every length is checked before there is memory for what it promises: a column has at most the bytes that deflate can
//! make of its own, and at most as many rows as it has bytes. Nothing in a file makes a reader panic: what is read passes
//! [`Timeline::check`].

use std::collections::BTreeMap;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};

use crate::TIME_MAX;
use crate::about::About;
use crate::coding::{Coding, put, put_difference, take, take_difference};
use crate::columns::{Deliveries, Items, Links, Messages, Nodes, Samples, States, Timeline};

/// What every timeline begins with.
pub const MAGIC: [u8; 8] = *b"TIDINGTL";

/// The version that is written, and the latest that is read.
pub const VERSION: u32 = 1;

/// Most bytes of a header, inflated: a manifest, a scenario with a million links, names of as many nodes.
pub const HEADER_MAX: u64 = 64 << 20;

/// Most bytes of all columns, inflated: more than a [`Recorder`](crate::Recorder) with the largest bound makes.
pub const COLUMNS_MAX: u64 = 512 << 20;

/// Deflate makes at most so many bytes of one (a length of 258 takes two bits: RFC 1951, section 3.2.5).
const DEFLATE_RATIO_MAX: u64 = 1_032;

/// Magic, version, and the header's two lengths.
const PREFIX: usize = 20;

/// How hard to look for repetitions, 0 to 10: zlib's default.
const LEVEL: u8 = 6;

/// Why bytes are no timeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// They begin with something else.
    #[error("this is no timeline: it doesn't begin with TIDINGTL")]
    NoTimeline,
    /// Another program wrote it.
    #[error(
        "this timeline has version {version}, and this program reads version {VERSION}: use a newer program"
    )]
    Version {
        /// Its version.
        version: u32,
    },
    /// Bytes are missing.
    #[error("this timeline is cut: {what} should end at byte {end}, and it has {len}")]
    Cut {
        /// What isn't all there.
        what: String,
        /// Where it should end.
        end: u64,
        /// How many bytes there are.
        len: u64,
    },
    /// Something takes more memory than it may.
    #[error("this timeline is too large: {what} takes {bytes} bytes, and may take {max}")]
    TooLarge {
        /// What does.
        what: String,
        /// How many bytes.
        bytes: u64,
        /// How many it may take.
        max: u64,
    },
    /// The header isn't what it should be.
    #[error("the header of this timeline can't be read: {0}")]
    Header(String),
    /// A column isn't what it should be.
    #[error("the column {column} of this timeline can't be read: {why}")]
    Column {
        /// Table and column.
        column: String,
        /// Why not.
        why: String,
    },
    /// Columns contradict one another.
    #[error("this timeline contradicts itself: {0}")]
    Unsound(String),
}

/// The header of a file.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    about: About,
    tables: BTreeMap<String, Table>,
}

/// Where a table is.
#[derive(Default, Serialize, Deserialize)]
struct Table {
    rows: u64,
    columns: BTreeMap<String, Column>,
}

/// Where a column is, in bytes from the end of the header.
#[derive(Serialize, Deserialize)]
struct Column {
    offset: u64,
    length: u64,
    raw: u64,
    coding: String,
}

impl Timeline {
    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        let header = Header { about: self.about.clone(), tables: writer.tables };
        // Strings, numbers and lists: there is nothing that JSON can't say.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let stored = compress_to_vec(&header, LEVEL);
        let mut bytes = Vec::with_capacity(PREFIX + stored.len() + writer.columns.len());
        bytes.extend(MAGIC);
        for number in [VERSION, length(&stored), length(&header)] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(stored);
        bytes.extend(writer.columns);
        bytes
    }

    fn write(&self, to: &mut Writer) {
        let Self { about: _, nodes, links, items, messages, deliveries, states, samples } = self;
        to.begin("nodes", nodes.x.len());
        for (name, column) in
            [("x", &nodes.x), ("y", &nodes.y), ("map_x", &nodes.map_x), ("map_y", &nodes.map_y)]
        {
            to.column(name, Coding::U16, column.iter().flat_map(|n| n.to_le_bytes()).collect());
        }
        to.varints("region", &nodes.region);

        to.begin("links", links.from.len());
        to.varints("from", &links.from);
        to.varints("to", &links.to);
        to.differences("up", links.up.iter().copied());
        let stays = links.down.iter().zip(&links.up);
        to.numbers(
            "down",
            stays.map(|(down, up)| down.map_or(0, |down| down.saturating_sub(*up) + 1)),
        );

        to.begin("items", items.at.len());
        to.column("kind", Coding::U8, items.kind.clone());
        to.column("hash", Coding::Bytes8, items.hash.concat());
        to.varints("size", &items.size);
        to.numbers("origin", items.origin.iter().copied().map(optional));
        to.differences("at", items.at.iter().copied());

        to.begin("messages", messages.sent.len());
        to.differences("sent", messages.sent.iter().copied());
        to.varints("end", &messages.end);
        to.column("kind", Coding::U8, messages.kind.clone());
        to.varints("bytes", &messages.bytes);
        to.per_end("took", &messages.took, &messages.end);
        to.column("fate", Coding::U8, messages.fate.clone());
        to.varints("count", &messages.count);

        to.begin("named", messages.named.len());
        to.differences("item", messages.named.iter().copied().map(u64::from));

        to.begin("deliveries", deliveries.at.len());
        to.differences("at", deliveries.at.iter().copied());
        to.varints("node", &deliveries.node);
        to.varints("item", &deliveries.item);
        to.numbers("from", deliveries.from.iter().copied().map(optional));

        to.begin("states", states.at.len());
        to.differences("at", states.at.iter().copied());
        to.varints("node", &states.node);
        to.column("state", Coding::U8, states.state.clone());

        to.begin("samples", samples.at.len());
        to.differences("at", samples.at.iter().copied());
        to.varints("node", &samples.node);
        to.varints("waiting", &samples.waiting);
        to.varints("asked", &samples.asked);
        to.varints("queued", &samples.queued);
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TimelineError> {
        let (header, columns) = open(bytes)?;
        let reader = Reader { tables: header.tables, columns };
        reader.check_size()?;
        let messages = reader.table("messages");
        let ends = messages.narrow("end")?;
        let (links, items, samples) =
            (reader.table("links"), reader.table("items"), reader.table("samples"));
        let (nodes, states, deliveries) =
            (reader.table("nodes"), reader.table("states"), reader.table("deliveries"));
        let up = links.differences("up")?;
        let timeline = Self {
            about: header.about,
            nodes: Nodes {
                x: nodes.pairs("x")?,
                y: nodes.pairs("y")?,
                map_x: nodes.pairs("map_x")?,
                map_y: nodes.pairs("map_y")?,
                region: nodes.narrow("region")?,
            },
            links: Links {
                from: links.narrow("from")?,
                to: links.narrow("to")?,
                down: links.ends_of(&up)?,
                up,
            },
            items: Items {
                kind: items.bytes("kind")?,
                hash: items.eights("hash")?,
                size: items.narrow("size")?,
                origin: items.optional("origin")?,
                at: items.differences("at")?,
            },
            messages: Messages {
                sent: messages.differences("sent")?,
                took: messages.per_end("took", &ends)?,
                end: ends,
                kind: messages.bytes("kind")?,
                bytes: messages.narrow("bytes")?,
                fate: messages.bytes("fate")?,
                count: messages.narrow("count")?,
                named: reader.table("named").narrow_differences("item")?,
            },
            deliveries: Deliveries {
                at: deliveries.differences("at")?,
                node: deliveries.narrow("node")?,
                item: deliveries.narrow("item")?,
                from: deliveries.optional("from")?,
            },
            states: States {
                at: states.differences("at")?,
                node: states.narrow("node")?,
                state: states.bytes("state")?,
            },
            samples: Samples {
                at: samples.differences("at")?,
                node: samples.narrow("node")?,
                waiting: samples.narrow("waiting")?,
                asked: samples.narrow("asked")?,
                queued: samples.narrow("queued")?,
            },
        };
        timeline.check().map_err(TimelineError::Unsound)?;
        Ok(timeline)
    }
}

/// The header of a file, and the bytes behind it.
fn open(bytes: &[u8]) -> Result<(Header, &[u8]), TimelineError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(TimelineError::NoTimeline);
    }
    let cut = |what: &str, end: u64| {
        let (what, len) = (what.to_owned(), bytes.len() as u64);
        TimelineError::Cut { what, end, len }
    };
    let number = |at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
        four.map(u32::from_le_bytes).ok_or_else(|| cut("its prefix", PREFIX as u64))
    };
    let (version, stored, raw) = (number(8)?, number(12)?, number(16)?);
    if version != VERSION {
        return Err(TimelineError::Version { version });
    }
    let Some((header, columns)) = bytes[PREFIX..].split_at_checked(stored as usize) else {
        return Err(cut("its header", PREFIX as u64 + u64::from(stored)));
    };
    let header = inflate("its header", header, u64::from(raw), HEADER_MAX)?;
    let header = header.map_err(TimelineError::Header)?;
    let header = serde_json::from_slice(&header);
    Ok((header.map_err(|error| TimelineError::Header(error.to_string()))?, columns))
}

/// What deflate made of `raw` bytes; an inner sentence if it isn't that.
fn inflate(
    what: &str,
    stored: &[u8],
    raw: u64,
    max: u64,
) -> Result<Result<Vec<u8>, String>, TimelineError> {
    if raw > max {
        return Err(TimelineError::TooLarge { what: what.to_owned(), bytes: raw, max });
    }
    if raw > (stored.len() as u64).saturating_mul(DEFLATE_RATIO_MAX) {
        return Ok(Err(format!("{raw} bytes can't have become {}", stored.len())));
    }
    let limit = usize::try_from(raw).unwrap_or(usize::MAX);
    Ok(match decompress_to_vec_with_limit(stored, limit) {
        Ok(bytes) if bytes.len() as u64 == raw => Ok(bytes),
        Ok(bytes) => Err(format!("it inflates to {} bytes, and {raw} are told", bytes.len())),
        Err(error) => Err(format!("it doesn't inflate to {raw} bytes ({:?})", error.status)),
    })
}

/// A column's number for what may be missing.
fn optional(number: Option<u32>) -> u64 {
    number.map_or(0, |number| u64::from(number) + 1)
}

/// A length in a prefix. A header that is longer can't be read by anybody.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Columns one after another, and where they are.
#[derive(Default)]
struct Writer {
    tables: BTreeMap<String, Table>,
    columns: Vec<u8>,
    /// The table that is being written.
    table: String,
}

impl Writer {
    fn begin(&mut self, table: &str, rows: usize) {
        table.clone_into(&mut self.table);
        let rows = rows as u64;
        self.tables.insert(self.table.clone(), Table { rows, columns: BTreeMap::new() });
    }

    #[expect(clippy::needless_pass_by_value, reason = "each column is made to be written")]
    fn column(&mut self, name: &str, coding: Coding, raw: Vec<u8>) {
        let stored = compress_to_vec(&raw, LEVEL);
        let column = Column {
            offset: self.columns.len() as u64,
            length: stored.len() as u64,
            raw: raw.len() as u64,
            coding: coding.name().to_owned(),
        };
        self.columns.extend(stored);
        self.tables.entry(self.table.clone()).or_default().columns.insert(name.to_owned(), column);
    }

    fn numbers(&mut self, name: &str, numbers: impl Iterator<Item = u64>) {
        let mut raw = Vec::new();
        numbers.for_each(|number| put(number, &mut raw));
        self.column(name, Coding::Varint, raw);
    }

    fn varints(&mut self, name: &str, numbers: &[u32]) {
        self.numbers(name, numbers.iter().copied().map(u64::from));
    }

    fn differences(&mut self, name: &str, numbers: impl Iterator<Item = u64>) {
        let (mut raw, mut before) = (Vec::new(), 0);
        for number in numbers {
            put_difference(number, before, &mut raw);
            before = number;
        }
        self.column(name, Coding::Delta, raw);
    }

    fn per_end(&mut self, name: &str, numbers: &[u64], ends: &[u32]) {
        let (mut raw, mut before) = (Vec::new(), Befores::default());
        for (number, end) in numbers.iter().zip(ends) {
            let before = before.of(*end);
            put_difference(*number, *before, &mut raw);
            *before = *number;
        }
        self.column(name, Coding::PerEnd, raw);
    }
}

/// The last number of each end; 0 at first. A tree, so that an end of any number takes no more room than another.
#[derive(Default)]
struct Befores(BTreeMap<u32, u64>);

impl Befores {
    fn of(&mut self, end: u32) -> &mut u64 {
        self.0.entry(end).or_default()
    }
}

/// Columns that are still bytes.
struct Reader<'a> {
    tables: BTreeMap<String, Table>,
    columns: &'a [u8],
}

/// A table that is still bytes.
struct Rows<'a> {
    name: &'static str,
    table: Option<&'a Table>,
    columns: &'a [u8],
}

impl Reader<'_> {
    /// Whether all columns together take no more than they may.
    fn check_size(&self) -> Result<(), TimelineError> {
        let columns = self.tables.values().flat_map(|table| table.columns.values());
        let bytes = columns.fold(0_u64, |sum, column| sum.saturating_add(column.raw));
        if bytes <= COLUMNS_MAX {
            return Ok(());
        }
        Err(TimelineError::TooLarge { what: "all columns".to_owned(), bytes, max: COLUMNS_MAX })
    }

    fn table(&self, name: &'static str) -> Rows<'_> {
        Rows { name, table: self.tables.get(name), columns: self.columns }
    }
}

impl Rows<'_> {
    fn error(&self, column: &str, why: impl Into<String>) -> TimelineError {
        TimelineError::Column { column: format!("{}.{column}", self.name), why: why.into() }
    }

    /// The bytes of a column and its number of rows, which those bytes can hold.
    fn raw(&self, name: &str, coding: Coding) -> Result<(Vec<u8>, usize), TimelineError> {
        let Some(table) = self.table else {
            return Err(self.error(name, "its table is missing"));
        };
        let Some(column) = table.columns.get(name) else {
            return Err(self.error(name, "it is missing"));
        };
        if column.coding != coding.name() {
            let why = format!("its coding is {:?}, and should be {}", column.coding, coding.name());
            return Err(self.error(name, why));
        }
        let what = || format!("the column {}.{name}", self.name);
        let end = column.offset.saturating_add(column.length);
        let place = usize::try_from(column.offset).ok().zip(usize::try_from(end).ok());
        let Some(stored) = place.and_then(|(from, to)| self.columns.get(from..to)) else {
            return Err(TimelineError::Cut { what: what(), end, len: self.columns.len() as u64 });
        };
        let raw = inflate(&what(), stored, column.raw, COLUMNS_MAX)?;
        let raw = raw.map_err(|why| self.error(name, why))?;
        let (least, most) = coding.row_len();
        let (rows, len) = (table.rows, raw.len() as u64);
        if !(rows.saturating_mul(least)..=rows.saturating_mul(most)).contains(&len) {
            return Err(self.error(name, format!("{len} bytes can't be {rows} rows")));
        }
        // Each row has a byte at least, and these are in memory.
        Ok((raw, usize::try_from(rows).unwrap_or(usize::MAX)))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, TimelineError> {
        Ok(self.raw(name, Coding::U8)?.0)
    }

    fn pairs(&self, name: &str) -> Result<Vec<u16>, TimelineError> {
        let (raw, _) = self.raw(name, Coding::U16)?;
        Ok(raw.as_chunks().0.iter().copied().map(u16::from_le_bytes).collect())
    }

    fn eights(&self, name: &str) -> Result<Vec<[u8; 8]>, TimelineError> {
        let (raw, _) = self.raw(name, Coding::Bytes8)?;
        Ok(raw.as_chunks().0.to_vec())
    }

    /// Takes each row from a column's bytes, which must be used up then.
    fn each<T>(
        &self,
        name: &str,
        coding: Coding,
        mut row: impl FnMut(usize, &mut &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, TimelineError> {
        let (raw, rows) = self.raw(name, coding)?;
        let (mut rest, mut numbers) = (&raw[..], Vec::with_capacity(rows));
        for index in 0..rows {
            let Some(number) = row(index, &mut rest) else {
                return Err(self.error(name, format!("row {index} is no number that it may have")));
            };
            numbers.push(number);
        }
        if !rest.is_empty() {
            return Err(self.error(name, format!("{} bytes are left after its rows", rest.len())));
        }
        Ok(numbers)
    }

    fn narrow(&self, name: &str) -> Result<Vec<u32>, TimelineError> {
        self.each(name, Coding::Varint, |_, rest| take(rest)?.try_into().ok())
    }

    fn optional(&self, name: &str) -> Result<Vec<Option<u32>>, TimelineError> {
        self.each(name, Coding::Varint, |_, rest| match take(rest)? {
            0 => Some(None),
            number => Some(Some(u32::try_from(number - 1).ok()?)),
        })
    }

    fn differences(&self, name: &str) -> Result<Vec<u64>, TimelineError> {
        let mut before = 0;
        self.each(name, Coding::Delta, |_, rest| {
            before = take_difference(before, rest)?;
            Some(before)
        })
    }

    fn narrow_differences(&self, name: &str) -> Result<Vec<u32>, TimelineError> {
        let mut before = 0;
        self.each(name, Coding::Delta, |_, rest| {
            before = take_difference(before, rest)?;
            before.try_into().ok()
        })
    }

    fn per_end(&self, name: &str, ends: &[u32]) -> Result<Vec<u64>, TimelineError> {
        let mut before = Befores::default();
        self.each(name, Coding::PerEnd, |index, rest| {
            let before = before.of(*ends.get(index)?);
            *before = take_difference(*before, rest)?;
            Some(*before)
        })
    }

    /// When links that came up then went.
    fn ends_of(&self, up: &[u64]) -> Result<Vec<Option<u64>>, TimelineError> {
        self.each("down", Coding::Varint, |index, rest| match take(rest)? {
            0 => Some(None),
            after => {
                let down = up.get(index)?.checked_add(after - 1)?;
                (down <= TIME_MAX).then_some(Some(down))
            }
        })
    }
}

#[cfg(test)]
mod tests;
