//! A timeline as tables that others' tools read: Parquet or CSV, a file each, with names beside numbers so that one
//! file is enough for most questions.
//!
//! | file | one row is |
//! |---|---|
//! | `nodes` | a node: `node,name,region,x,y,map_x,map_y` |
//! | `links` | a link that ever was: `link,from,to,up_us,down_us` (none: it stayed) |
//! | `items` | an item: `item,kind,hash,bytes,origin,submitted_us,nodes_reached,t50_us,t99_us` |
//! | `messages` | a message: `message,from,to,link,kind,bytes,sent_us,arrived_us,fate,items,item` (the first one) |
//! | `message_items` | an item that a message names or carries: `message,item` |
//! | `deliveries` | a first delivery: `item,node,name,region,at_us,latency_us,from` (none: its own, or in a block) |
//! | `states` | a change of a node: `node,at_us,state` |
//! | `samples` | a look at a node: `at_us,node,waiting,asked,queued_bytes` |
//! | `about.json` | (what the timeline says of itself) |

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tidings_timeline::{ITEM_BLOCK, Timeline};

use crate::probe::columns::RecordError;
use crate::probe::columns::table::{self, Column, Columns, Kind, Table};
use crate::run::{self, RunError, write_whole};

/// Rows of a CSV file that are put together at once.
const PART: usize = 1 << 16;

/// What tables are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, compressed with Snappy.
    Parquet,
    /// Comma-separated values.
    Csv,
}

/// Why tables can't be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder can't be made.
    #[error("cannot make the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file can't be written.
    #[error(transparent)]
    File(#[from] RecordError),
}

const NODES: Columns = &[
    ("node", Kind::Number),
    ("name", Kind::Text),
    ("region", Kind::Text),
    ("x", Kind::Number),
    ("y", Kind::Number),
    ("map_x", Kind::Number),
    ("map_y", Kind::Number),
];
const LINKS: Columns = &[
    ("link", Kind::Number),
    ("from", Kind::Number),
    ("to", Kind::Number),
    ("up_us", Kind::Number),
    ("down_us", Kind::OptionalNumber),
];
const ITEMS: Columns = &[
    ("item", Kind::Number),
    ("kind", Kind::Text),
    ("hash", Kind::Text),
    ("bytes", Kind::Number),
    ("origin", Kind::OptionalNumber),
    ("submitted_us", Kind::Number),
    ("nodes_reached", Kind::Number),
    ("t50_us", Kind::OptionalNumber),
    ("t99_us", Kind::OptionalNumber),
];
const MESSAGES: Columns = &[
    ("message", Kind::Number),
    ("from", Kind::Number),
    ("to", Kind::Number),
    ("link", Kind::Number),
    ("kind", Kind::Text),
    ("bytes", Kind::Number),
    ("sent_us", Kind::Number),
    ("arrived_us", Kind::OptionalNumber),
    ("fate", Kind::Text),
    ("items", Kind::Number),
    ("item", Kind::OptionalNumber),
];
const MESSAGE_ITEMS: Columns = &[("message", Kind::Number), ("item", Kind::Number)];
const DELIVERIES: Columns = &[
    ("item", Kind::Number),
    ("node", Kind::Number),
    ("name", Kind::Text),
    ("region", Kind::Text),
    ("at_us", Kind::Number),
    ("latency_us", Kind::Number),
    ("from", Kind::OptionalNumber),
];
const STATES: Columns = &[("node", Kind::Number), ("at_us", Kind::Number), ("state", Kind::Text)];
const SAMPLES: Columns = &[
    ("at_us", Kind::Number),
    ("node", Kind::Number),
    ("waiting", Kind::Number),
    ("asked", Kind::Number),
    ("queued_bytes", Kind::Number),
];

/// Names of what becomes of messages, by number.
const FATES: [&str; 4] = ["arrived", "lost", "cut", "under_way"];

/// Writes all tables into a folder, which is made: there must be none. Returns the rows of each.
///
/// # Errors
/// When the folder is there, or a file can't be written.
pub fn write(
    dir: &Path,
    timeline: &Timeline,
    format: Format,
) -> Result<Vec<(&'static str, usize)>, ExportError> {
    let made = fs::create_dir(dir);
    made.map_err(|source| ExportError::Folder { path: dir.to_owned(), source })?;
    let about = serde_json::to_string_pretty(&timeline.about).unwrap_or_default() + "\n";
    run::write_text(&dir.join("about.json"), &about).map_err(RecordError::from)?;
    let t = timeline;
    let (firsts, reached) = (t.firsts(), reached(t));
    let named_by: Vec<usize> = (0..t.messages.sent.len())
        .flat_map(|row| std::iter::repeat_n(row, t.messages.count[row] as usize))
        .collect();
    let to = Writer { dir, format };
    let mut written = Vec::new();
    let mut write = |name: &'static str, columns, rows, part: &dyn Fn(Range<usize>) -> Table| {
        written.push((name, rows));
        to.write(name, columns, rows, part)
    };
    write("nodes", NODES, t.nodes.x.len(), &|rows| nodes(t, rows))?;
    write("links", LINKS, t.links.from.len(), &|rows| links(t, rows))?;
    write("items", ITEMS, t.items.at.len(), &|rows| items(t, &reached, rows))?;
    write("messages", MESSAGES, t.messages.sent.len(), &|rows| messages(t, &firsts, rows))?;
    write("message_items", MESSAGE_ITEMS, named_by.len(), &|rows| {
        let items = numbers(&t.messages.named[rows.clone()]);
        vec![Column::Numbers(named_by[rows].iter().map(|row| signed(*row as u64)).collect()), items]
    })?;
    write("deliveries", DELIVERIES, t.deliveries.at.len(), &|rows| deliveries(t, rows))?;
    write("states", STATES, t.states.at.len(), &|rows| states(t, rows))?;
    write("samples", SAMPLES, t.samples.at.len(), &|rows| samples(t, rows))?;
    Ok(written)
}

/// Where tables go.
struct Writer<'a> {
    dir: &'a Path,
    format: Format,
}

impl Writer<'_> {
    fn write(
        &self,
        name: &str,
        columns: Columns,
        rows: usize,
        part: &dyn Fn(Range<usize>) -> Table,
    ) -> Result<(), RecordError> {
        match self.format {
            Format::Parquet => {
                table::write(&self.dir.join(format!("{name}.parquet")), columns, rows, part)
            }
            Format::Csv => {
                Ok(write_csv(&self.dir.join(format!("{name}.csv")), columns, rows, part)?)
            }
        }
    }
}

fn write_csv(
    path: &Path,
    columns: Columns,
    rows: usize,
    part: &dyn Fn(Range<usize>) -> Table,
) -> Result<(), RunError> {
    write_whole(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(columns.iter().map(|(name, _)| name))?;
        for from in (0..rows).step_by(PART) {
            let to = (from + PART).min(rows);
            let table = part(from..to);
            for row in 0..to - from {
                writer.write_record(table.iter().map(|column| field(column, row)))?;
            }
        }
        writer.flush()
    })
}

fn field(column: &Column, row: usize) -> String {
    match column {
        Column::Numbers(numbers) => numbers[row].to_string(),
        Column::Optional(numbers) => {
            numbers[row].map(|number| number.to_string()).unwrap_or_default()
        }
        Column::Texts(texts) => texts[row].clone(),
    }
}

/// Times and numbers of ours fit in Parquet's signed ones.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn numbers<T: Copy + Into<u64>>(column: &[T]) -> Column {
    Column::Numbers(column.iter().map(|number| signed((*number).into())).collect())
}

fn counted(rows: &Range<usize>) -> Column {
    Column::Numbers(rows.clone().map(|row| signed(row as u64)).collect())
}

fn each<T>(rows: &Range<usize>, of: impl Fn(usize) -> T) -> Vec<T> {
    rows.clone().map(of).collect()
}

fn region(t: &Timeline, node: usize) -> String {
    t.about.regions.get(t.nodes.region[node] as usize).cloned().unwrap_or_default()
}

fn named(names: &[String], number: u8) -> String {
    names.get(usize::from(number)).cloned().unwrap_or_default()
}

fn nodes(t: &Timeline, rows: Range<usize>) -> Table {
    let name = |node: usize| t.name(u32::try_from(node).unwrap_or(u32::MAX));
    vec![
        counted(&rows),
        Column::Texts(each(&rows, name)),
        Column::Texts(each(&rows, |node| region(t, node))),
        numbers(&t.nodes.x[rows.clone()]),
        numbers(&t.nodes.y[rows.clone()]),
        numbers(&t.nodes.map_x[rows.clone()]),
        numbers(&t.nodes.map_y[rows]),
    ]
}

fn links(t: &Timeline, rows: Range<usize>) -> Table {
    vec![
        counted(&rows),
        numbers(&t.links.from[rows.clone()]),
        numbers(&t.links.to[rows.clone()]),
        numbers(&t.links.up[rows.clone()]),
        Column::Optional(t.links.down[rows].iter().map(|down| down.map(signed)).collect()),
    ]
}

/// By item: latencies of its deliveries, ascending.
fn reached(t: &Timeline) -> Vec<Vec<u64>> {
    let mut reached = vec![Vec::new(); t.items.at.len()];
    for (item, at) in t.deliveries.item.iter().zip(&t.deliveries.at) {
        reached[*item as usize].push(at.saturating_sub(t.items.at[*item as usize]));
    }
    reached.iter_mut().for_each(|latencies| latencies.sort_unstable());
    reached
}

fn items(t: &Timeline, reached: &[Vec<u64>], rows: Range<usize>) -> Table {
    let kind = |item: usize| if t.items.kind[item] == ITEM_BLOCK { "block" } else { "tx" };
    let hash = |item: usize| t.items.hash[item].iter().map(|byte| format!("{byte:02x}")).collect();
    // When this share of all nodes had it.
    let when = |item: usize, percent: usize| {
        let needed = (t.nodes.x.len() * percent).div_ceil(100);
        reached[item].get(needed.checked_sub(1)?).copied().map(signed)
    };
    let origin = |origin: &Option<u32>| origin.map(i64::from);
    vec![
        counted(&rows),
        Column::Texts(each(&rows, |item| kind(item).to_owned())),
        Column::Texts(each(&rows, hash)),
        numbers(&t.items.size[rows.clone()]),
        Column::Optional(t.items.origin[rows.clone()].iter().map(origin).collect()),
        numbers(&t.items.at[rows.clone()]),
        Column::Numbers(each(&rows, |item| signed(reached[item].len() as u64))),
        Column::Optional(each(&rows, |item| when(item, 50))),
        Column::Optional(each(&rows, |item| when(item, 99))),
    ]
}

fn messages(t: &Timeline, firsts: &[usize], rows: Range<usize>) -> Table {
    let m = &t.messages;
    let arrived = |row: usize| (m.fate[row] == 0).then(|| signed(m.sent[row] + m.took[row]));
    let first = |row: usize| {
        let item = m.named.get(firsts[row]).filter(|_| m.count[row] > 0);
        item.copied().map(i64::from)
    };
    vec![
        counted(&rows),
        Column::Numbers(each(&rows, |row| i64::from(t.way(m.end[row]).0))),
        Column::Numbers(each(&rows, |row| i64::from(t.way(m.end[row]).1))),
        Column::Numbers(each(&rows, |row| i64::from(m.end[row] / 2))),
        Column::Texts(each(&rows, |row| named(&t.about.kinds, m.kind[row]))),
        numbers(&m.bytes[rows.clone()]),
        numbers(&m.sent[rows.clone()]),
        Column::Optional(each(&rows, arrived)),
        Column::Texts(each(&rows, |row| FATES[usize::from(m.fate[row])].to_owned())),
        numbers(&m.count[rows.clone()]),
        Column::Optional(each(&rows, first)),
    ]
}

fn deliveries(t: &Timeline, rows: Range<usize>) -> Table {
    let d = &t.deliveries;
    let latency = |row: usize| d.at[row].saturating_sub(t.items.at[d.item[row] as usize]);
    vec![
        numbers(&d.item[rows.clone()]),
        numbers(&d.node[rows.clone()]),
        Column::Texts(each(&rows, |row| t.name(d.node[row]))),
        Column::Texts(each(&rows, |row| region(t, d.node[row] as usize))),
        numbers(&d.at[rows.clone()]),
        Column::Numbers(each(&rows, |row| signed(latency(row)))),
        Column::Optional(each(&rows, |row| d.from[row].map(|end| i64::from(t.way(end).0)))),
    ]
}

fn states(t: &Timeline, rows: Range<usize>) -> Table {
    vec![
        numbers(&t.states.node[rows.clone()]),
        numbers(&t.states.at[rows.clone()]),
        Column::Texts(each(&rows, |row| named(&t.about.states, t.states.state[row]))),
    ]
}

fn samples(t: &Timeline, rows: Range<usize>) -> Table {
    vec![
        numbers(&t.samples.at[rows.clone()]),
        numbers(&t.samples.node[rows.clone()]),
        numbers(&t.samples.waiting[rows.clone()]),
        numbers(&t.samples.asked[rows.clone()]),
        numbers(&t.samples.queued[rows]),
    ]
}
