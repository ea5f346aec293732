//! The five tables of a run folder: their rows, and how each is read and written.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::RunError;
use super::table::{self, Columns, Table, plain};

const NODE_COLUMNS: Columns = &[
    "node",
    "region",
    "node_type",
    "addr",
    "pid",
    "outbound",
    "inbound",
    "rss_kib",
    "cpu_s",
    "alive",
];
const ITEM_COLUMNS: Columns = &["item", "id", "kind", "bytes", "origin", "submitted_us"];
const DELIVERY_COLUMNS: Columns = &["item", "node", "latency_us", "from"];
/// How many of them older folders have.
const DELIVERY_COLUMNS_ONCE: usize = 3;
const LINK_COLUMNS: Columns = &["from", "to", "at_begin", "at_end"];
const TRAFFIC_COLUMNS: Columns =
    &["node", "kind", "sent_messages", "sent_bytes", "received_messages", "received_bytes"];

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The region it was placed in; empty without regions.
    pub region: String,
    /// The kind of machine it was given, for instance `fullnode`; empty without a link model.
    pub node_type: String,
    /// Where it listened.
    pub addr: String,
    /// Its process; `None` in a simulation.
    pub pid: Option<u32>,
    /// Links that it dialled, when the overlay was ready.
    pub outbound: u32,
    /// Links that it was dialled on, when the overlay was ready.
    pub inbound: u32,
    /// Its resident memory, KiB; `None` if it wasn't measured.
    pub rss_kib: Option<u64>,
    /// Its CPU time over the measured part of the run, user and system, seconds; `None` if it
    /// wasn't measured.
    pub cpu_s: Option<f64>,
    /// Whether it was alive at the end of the run.
    pub alive: bool,
}

/// What an item is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A transaction.
    #[default]
    Tx,
    /// A block.
    Block,
}

impl ItemKind {
    /// Its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tx => "tx",
            Self::Block => "block",
        }
    }
}

impl FromStr for ItemKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "tx" => Ok(Self::Tx),
            "block" => Ok(Self::Block),
            _ => Err(()),
        }
    }
}

/// A submitted item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Its id, hexadecimal.
    pub id: String,
    /// What it is.
    pub kind: ItemKind,
    /// Its payload, bytes.
    pub bytes: u64,
    /// The node that it was submitted to.
    pub origin: u32,
    /// When it was submitted, microseconds since the run began.
    pub submitted_us: u64,
}

/// The first acceptance of an item at a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Delivery {
    /// The item.
    pub item: u32,
    /// The node.
    pub node: u32,
    /// Time since the item was submitted at its origin, microseconds.
    pub latency_us: u64,
    /// The node that it came from; `None` if it was submitted here, came in a block, or that isn't known.
    pub from: Option<u32>,
}

/// What a node sent and received of one kind of message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The node.
    pub node: u32,
    /// The kind of message, for instance `announce`.
    #[serde(serialize_with = "plain")]
    pub kind: String,
    /// Messages sent.
    pub sent_messages: u64,
    /// Bytes sent, framing included, transport security excluded.
    pub sent_bytes: u64,
    /// Messages received.
    pub received_messages: u64,
    /// Bytes received, framing included, transport security excluded.
    pub received_bytes: u64,
}

/// A link, as a row of `links.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// The node that dialled.
    pub from: u32,
    /// The node that it dialled.
    pub to: u32,
    /// Whether it was up when the overlay stood, before the first submission.
    pub at_begin: bool,
    /// Whether it was up at the end, between nodes that were alive then.
    pub at_end: bool,
}

impl Link {
    /// The links of a run in which these pairs had dialled one another at the begin, and those at the end. Both lists have to be sorted.
    #[must_use]
    pub fn between(begin: &[(u32, u32)], end: &[(u32, u32)]) -> Vec<Self> {
        let all: BTreeSet<_> = begin.iter().chain(end).collect();
        let stood = |links: &[(u32, u32)], link: &_| links.binary_search(link).is_ok();
        let link = |link: &(u32, u32)| {
            let (at_begin, at_end) = (stood(begin, link), stood(end, link));
            Self { from: link.0, to: link.1, at_begin, at_end }
        };
        all.into_iter().map(link).collect()
    }
}

/// A row of `nodes.csv`: a [`Node`] with its number.
#[derive(Serialize, Deserialize)]
struct NodeRow<'a> {
    node: usize,
    #[serde(serialize_with = "plain")]
    region: &'a str,
    #[serde(serialize_with = "plain")]
    node_type: &'a str,
    #[serde(serialize_with = "plain")]
    addr: &'a str,
    pid: Option<u32>,
    outbound: u32,
    inbound: u32,
    rss_kib: Option<u64>,
    #[serde(serialize_with = "microseconds")]
    cpu_s: Option<f64>,
    alive: bool,
}

/// A row of `items.csv`: an [`Item`] with its number.
#[derive(Serialize, Deserialize)]
struct ItemRow<'a> {
    item: usize,
    #[serde(serialize_with = "plain")]
    id: &'a str,
    kind: &'a str,
    bytes: u64,
    origin: u32,
    submitted_us: u64,
}

/// Serializes seconds to the microsecond.
#[expect(clippy::ref_option, reason = "serde hands in a reference to the field")]
fn microseconds<S: Serializer>(seconds: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => serializer.collect_str(&format_args!("{seconds:.6}")),
        None => serializer.serialize_none(),
    }
}

pub(super) fn read_nodes(path: &Path) -> Result<Vec<Node>, RunError> {
    let mut table = Table::open(path, NODE_COLUMNS)?;
    let mut nodes = Vec::new();
    while table.advance()? {
        let row: NodeRow<'_> = table.row()?;
        table.check_number("node", row.node, nodes.len())?;
        if row.cpu_s.is_some_and(|seconds| !(seconds.is_finite() && seconds >= 0.0)) {
            return Err(table.unexpected("cpu_s", "seconds, 0 or more"));
        }
        nodes.push(Node {
            region: row.region.to_owned(),
            node_type: row.node_type.to_owned(),
            addr: row.addr.to_owned(),
            pid: row.pid,
            outbound: row.outbound,
            inbound: row.inbound,
            rss_kib: row.rss_kib,
            cpu_s: row.cpu_s,
            alive: row.alive,
        });
    }
    Ok(nodes)
}

pub(super) fn read_items(path: &Path, nodes: usize) -> Result<Vec<Item>, RunError> {
    let mut table = Table::open(path, ITEM_COLUMNS)?;
    let mut items = Vec::new();
    while table.advance()? {
        let row: ItemRow<'_> = table.row()?;
        table.check_number("item", row.item, items.len())?;
        table.check_reference("origin", row.origin, super::NODES, nodes)?;
        let kind = row.kind.parse();
        items.push(Item {
            id: row.id.to_owned(),
            kind: kind.map_err(|()| table.unexpected("kind", "`tx` or `block`"))?,
            bytes: row.bytes,
            origin: row.origin,
            submitted_us: row.submitted_us,
        });
    }
    Ok(items)
}

pub(super) fn read_deliveries(
    path: &Path,
    items: usize,
    nodes: usize,
) -> Result<Vec<Delivery>, RunError> {
    let mut table = Table::open_older(path, DELIVERY_COLUMNS, DELIVERY_COLUMNS_ONCE)?;
    let mut deliveries = Vec::new();
    while table.advance()? {
        let row: Delivery = table.row()?;
        table.check_reference("item", row.item, super::ITEMS, items)?;
        table.check_reference("node", row.node, super::NODES, nodes)?;
        if let Some(from) = row.from {
            table.check_reference("from", from, super::NODES, nodes)?;
        }
        deliveries.push(row);
    }
    Ok(deliveries)
}

pub(super) fn read_traffic(path: &Path, nodes: usize) -> Result<Vec<Traffic>, RunError> {
    let mut table = Table::open(path, TRAFFIC_COLUMNS)?;
    let mut traffic = Vec::new();
    while table.advance()? {
        let row: Traffic = table.row()?;
        table.check_reference("node", row.node, super::NODES, nodes)?;
        traffic.push(row);
    }
    Ok(traffic)
}

pub(super) fn read_links(path: &Path, nodes: usize) -> Result<Vec<Link>, RunError> {
    let mut table = Table::open(path, LINK_COLUMNS)?;
    let mut links = Vec::new();
    while table.advance()? {
        let row: Link = table.row()?;
        table.check_reference("from", row.from, super::NODES, nodes)?;
        table.check_reference("to", row.to, super::NODES, nodes)?;
        links.push(row);
    }
    Ok(links)
}

pub(super) fn write_nodes(path: &Path, nodes: &[Node]) -> Result<(), RunError> {
    let rows = nodes.iter().enumerate().map(|(number, node)| NodeRow {
        node: number,
        region: &node.region,
        node_type: &node.node_type,
        addr: &node.addr,
        pid: node.pid,
        outbound: node.outbound,
        inbound: node.inbound,
        rss_kib: node.rss_kib,
        cpu_s: node.cpu_s,
        alive: node.alive,
    });
    table::write(path, NODE_COLUMNS, rows)
}

pub(super) fn write_items(path: &Path, items: &[Item]) -> Result<(), RunError> {
    let rows = items.iter().enumerate().map(|(number, item)| ItemRow {
        item: number,
        id: &item.id,
        kind: item.kind.name(),
        bytes: item.bytes,
        origin: item.origin,
        submitted_us: item.submitted_us,
    });
    table::write(path, ITEM_COLUMNS, rows)
}

pub(super) fn write_deliveries(path: &Path, deliveries: &[Delivery]) -> Result<(), RunError> {
    table::write(path, DELIVERY_COLUMNS, deliveries)
}

pub(super) fn write_traffic(path: &Path, traffic: &[Traffic]) -> Result<(), RunError> {
    table::write(path, TRAFFIC_COLUMNS, traffic)
}

pub(super) fn write_links(path: &Path, links: &[Link]) -> Result<(), RunError> {
    table::write(path, LINK_COLUMNS, links)
}
