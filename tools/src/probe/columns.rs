//! A record as three files of Parquet and one of JSON, written whole or not at all, and read again.
//!
//! | file | one row is |
//! |---|---|
//! | `probe.json` | (where and how it was recorded, what was lost, offsets of clocks) |
//! | `links.parquet` | a link |
//! | `items.parquet` | an item |
//! | `sightings.parquet` | a peer announced, sent or asked for an item, on a link |
//!
//! Times are Parquet's timestamps of nanoseconds, UTC. Sightings name link and item by number, and repeat peer and short id, so
//! that one file is enough for most questions. The columns are described in `tools/PROBE.md`.
//!
//! What is read may be of anybody: a number that is no row, a name that is none, or more rows than [`ROWS_MAX`] is refused.

pub(crate) mod table;

use std::ops::Range;
use std::path::{Path, PathBuf};

use tidings_protocol::ground::item::{ItemKind, SHORT_ID_LEN, ShortId};

use crate::probe::record::{About, Event, Item, Link, Record, Sighting};
use crate::run::{self, RunError};
use table::{Column, Columns, Kind, Rows, Table};

/// Name of the file that says where and how.
pub const ABOUT: &str = "probe.json";
/// Name of the table of links.
pub const LINKS: &str = "links.parquet";
/// Name of the table of items.
pub const ITEMS: &str = "items.parquet";
/// Name of the table of sightings.
pub const SIGHTINGS: &str = "sightings.parquet";

/// Most rows of a table that are read: what several probes fill. A guess; some gigabytes of memory.
pub const ROWS_MAX: usize = 64_000_000;

/// A record that can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file can't be written or read, or isn't there.
    #[error(transparent)]
    File(#[from] RunError),
    /// A table is none of ours.
    #[error("{}: {problem}; is it of a probe, and of this version?", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl RecordError {
    /// Whether the input isn't there at all.
    #[must_use]
    pub const fn is_missing_input(&self) -> bool {
        matches!(self, Self::File(error) if error.is_missing_input())
    }
}

const LINK_COLUMNS: Columns = &[
    ("link", Kind::Number),
    ("probe", Kind::Number),
    ("round", Kind::Number),
    ("place", Kind::Number),
    ("peer", Kind::Text),
    ("addr", Kind::Text),
    ("region", Kind::Text),
    ("dialled", Kind::Time),
    ("ready", Kind::OptionalTime),
    ("closed", Kind::OptionalTime),
    ("why", Kind::Text),
    ("rtt_min_ns", Kind::OptionalNumber),
    ("rtt_median_ns", Kind::OptionalNumber),
    ("pongs", Kind::Number),
    ("announced", Kind::Number),
    ("sent", Kind::Number),
    ("sent_bytes", Kind::Number),
];

const ITEM_COLUMNS: Columns = &[
    ("item", Kind::Number),
    ("short_id", Kind::Text),
    ("id", Kind::Text),
    ("kind", Kind::Text),
    ("bytes", Kind::OptionalNumber),
];

const SIGHTING_COLUMNS: Columns = &[
    ("at", Kind::Time),
    ("link", Kind::Number),
    ("item", Kind::Number),
    ("event", Kind::Text),
    ("peer", Kind::Text),
    ("short_id", Kind::Text),
];

/// Writes a record into a folder, which has to exist.
///
/// # Errors
/// When a file can't be written; an older one of its name is then still there.
pub fn write(dir: &Path, record: &Record) -> Result<(), RecordError> {
    let Record { about: _, links, items, sightings } = record;
    let part = |rows: Range<usize>| links_table(rows.start, &links[rows]);
    table::write(&dir.join(LINKS), LINK_COLUMNS, links.len(), part)?;
    let part = |rows: Range<usize>| items_table(rows.start, &items[rows]);
    table::write(&dir.join(ITEMS), ITEM_COLUMNS, items.len(), part)?;
    let part = |rows: Range<usize>| sightings_table(record, &sightings[rows]);
    table::write(&dir.join(SIGHTINGS), SIGHTING_COLUMNS, sightings.len(), part)?;
    run::write_text(&dir.join(ABOUT), &about_text(&record.about))?;
    Ok(())
}

fn about_text(about: &About) -> String {
    serde_json::to_string_pretty(about).expect("it has text keys and numbers") + "\n"
}

/// Reads a record from a folder.
///
/// # Errors
/// When a file is missing, can't be read, or says something impossible.
pub fn read(dir: &Path) -> Result<Record, RecordError> {
    if !dir.is_dir() {
        return Err(RunError::NotAFolder(dir.to_owned()).into());
    }
    let path = dir.join(ABOUT);
    let text = run::read_text(&path)?;
    let about: About =
        serde_json::from_str(&text).map_err(|error| wrong(&path, error.to_string()))?;
    let (mut links, mut items, mut sightings) = (Vec::new(), Vec::new(), Vec::new());
    table::read(&dir.join(LINKS), LINK_COLUMNS, |rows| take_links(rows, &mut links))?;
    table::read(&dir.join(ITEMS), ITEM_COLUMNS, |rows| take_items(rows, &mut items))?;
    let counts = (links.len(), items.len());
    let take = |rows| take_sightings(rows, counts, &mut sightings);
    table::read(&dir.join(SIGHTINGS), SIGHTING_COLUMNS, take)?;
    Ok(Record { about, links, items, sightings })
}

pub(super) fn wrong(path: &Path, problem: String) -> RecordError {
    RecordError::Table { path: path.to_owned(), problem }
}

/// Numbers and times of ours fit in Parquet's signed ones for two hundred years.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn numbers<T>(rows: &[T], of: impl Fn(&T) -> u64) -> Column {
    Column::Numbers(rows.iter().map(|row| signed(of(row))).collect())
}

fn optional<T>(rows: &[T], of: impl Fn(&T) -> Option<u64>) -> Column {
    Column::Optional(rows.iter().map(|row| of(row).map(signed)).collect())
}

fn texts<T>(rows: &[T], of: impl Fn(&T) -> String) -> Column {
    Column::Texts(rows.iter().map(of).collect())
}

fn counted(from: usize, rows: usize) -> Column {
    Column::Numbers((from..from + rows).map(|row| signed(row as u64)).collect())
}

fn links_table(from: usize, links: &[Link]) -> Table {
    vec![
        counted(from, links.len()),
        numbers(links, |link| link.probe.into()),
        numbers(links, |link| link.round.into()),
        numbers(links, |link| link.place.into()),
        texts(links, |link| link.peer.clone()),
        texts(links, |link| link.addr.clone()),
        texts(links, |link| link.region.clone()),
        numbers(links, |link| link.dialled_ns),
        optional(links, |link| link.ready_ns),
        optional(links, |link| link.closed_ns),
        texts(links, |link| link.why.clone()),
        optional(links, |link| link.rtt_min_ns),
        optional(links, |link| link.rtt_median_ns),
        numbers(links, |link| link.pongs.into()),
        numbers(links, |link| link.announced),
        numbers(links, |link| link.sent),
        numbers(links, |link| link.sent_bytes),
    ]
}

fn items_table(from: usize, items: &[Item]) -> Table {
    vec![
        counted(from, items.len()),
        texts(items, |item| digits(item.short)),
        texts(items, |item| item.id.clone().unwrap_or_default()),
        texts(items, |item| item.kind.to_string()),
        optional(items, |item| item.bytes.map(u64::from)),
    ]
}

fn sightings_table(record: &Record, rows: &[Sighting]) -> Table {
    let peer = |seen: &Sighting| record.links[seen.link as usize].peer.clone();
    vec![
        numbers(rows, |seen| seen.at_ns),
        numbers(rows, |seen| seen.link.into()),
        numbers(rows, |seen| seen.item.into()),
        texts(rows, |seen| seen.event.name().to_owned()),
        texts(rows, peer),
        texts(rows, |seen| digits(record.items[seen.item as usize].short)),
    ]
}

fn take_links(mut rows: Rows, links: &mut Vec<Link>) -> Result<(), String> {
    while rows.advance() {
        let _number = rows.number();
        links.push(Link {
            probe: small(rows.number()),
            round: small(rows.number()),
            place: small(rows.number()),
            peer: rows.text(),
            addr: rows.text(),
            region: rows.text(),
            dialled_ns: unsigned(rows.number()),
            ready_ns: rows.optional().map(unsigned),
            closed_ns: rows.optional().map(unsigned),
            why: rows.text(),
            rtt_min_ns: rows.optional().map(unsigned),
            rtt_median_ns: rows.optional().map(unsigned),
            pongs: small(rows.number()),
            announced: unsigned(rows.number()),
            sent: unsigned(rows.number()),
            sent_bytes: unsigned(rows.number()),
        });
    }
    Ok(())
}

fn take_items(mut rows: Rows, items: &mut Vec<Item>) -> Result<(), String> {
    while rows.advance() {
        let _number = rows.number();
        let (short, id, kind) = (rows.text(), rows.text(), rows.text());
        let kind = match &*kind {
            "tx" => ItemKind::Tx,
            "block" => ItemKind::Block,
            _ => return Err(format!("`{}` is no kind of item", kind.escape_debug())),
        };
        items.push(Item {
            short: short_of(&short)
                .ok_or_else(|| format!("`{}` is no short id", short.escape_debug()))?,
            id: (!id.is_empty()).then_some(id),
            kind,
            bytes: rows.optional().map(small),
        });
    }
    Ok(())
}

fn take_sightings(
    mut rows: Rows,
    (links, items): (usize, usize),
    sightings: &mut Vec<Sighting>,
) -> Result<(), String> {
    while rows.advance() {
        let at_ns = unsigned(rows.number());
        let (link, item, event) = (small(rows.number()), small(rows.number()), rows.text());
        if link as usize >= links || item as usize >= items {
            return Err(format!(
                "a sighting is of link {link} and item {item}, but there are {links} and {items}"
            ));
        }
        let event = Event::named(&event)
            .ok_or_else(|| format!("`{}` is nothing that peers do", event.escape_debug()))?;
        sightings.push(Sighting { at_ns, link, item, event });
    }
    Ok(())
}

/// A short id as sixteen hexadecimal digits.
#[must_use]
pub fn digits(short: ShortId) -> String {
    short.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn short_of(digits: &str) -> Option<ShortId> {
    let is_hex = digits.len() == 2 * SHORT_ID_LEN && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = is_hex.then(|| u64::from_str_radix(digits, 16).ok())??;
    Some(ShortId(number.to_be_bytes()))
}

#[cfg(test)]
mod tests;
