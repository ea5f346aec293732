//! The four tables of a run folder: their rows, and how each is read and written.

use std::path::Path;
use std::str::FromStr;

use super::csv::{Table, plain};
use super::{RunError, write_whole};

const NODES_HEADER: &str = "node,region,node_type,addr,pid,outbound,inbound,rss_kib,cpu_s,alive";
const ITEMS_HEADER: &str = "item,id,kind,bytes,origin,submitted_us";
const DELIVERIES_HEADER: &str = "item,node,latency_us";
const TRAFFIC_HEADER: &str = "node,kind,sent_messages,sent_bytes,received_messages,received_bytes";

const WHOLE: &str = "a whole number";

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    /// The item.
    pub item: u32,
    /// The node.
    pub node: u32,
    /// Time since the item was submitted at its origin, microseconds.
    pub latency_us: u64,
}

/// What a node sent and received of one kind of message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The node.
    pub node: u32,
    /// The kind of message, for instance `announce`.
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

pub(super) fn read_nodes(path: &Path) -> Result<Vec<Node>, RunError> {
    let mut table = Table::open(path, NODES_HEADER)?;
    let mut nodes = Vec::new();
    while let Some(mut row) = table.next_row()? {
        row.own_number(nodes.len())?;
        nodes.push(Node {
            region: row.text()?.to_owned(),
            node_type: row.text()?.to_owned(),
            addr: row.text()?.to_owned(),
            pid: row.optional("a process id, or nothing")?,
            outbound: row.value(WHOLE)?,
            inbound: row.value(WHOLE)?,
            rss_kib: row.optional("a whole number, or nothing")?,
            cpu_s: {
                let seconds: Option<f64> = row.optional("seconds, or nothing")?;
                if seconds.is_some_and(|seconds| !(seconds.is_finite() && seconds >= 0.0)) {
                    return Err(row.unexpected("seconds, 0 or more"));
                }
                seconds
            },
            alive: row.value("`true` or `false`")?,
        });
        row.end()?;
    }
    Ok(nodes)
}

pub(super) fn read_items(path: &Path, nodes: usize) -> Result<Vec<Item>, RunError> {
    let mut table = Table::open(path, ITEMS_HEADER)?;
    let mut items = Vec::new();
    while let Some(mut row) = table.next_row()? {
        row.own_number(items.len())?;
        items.push(Item {
            id: row.text()?.to_owned(),
            kind: row.value("`tx` or `block`")?,
            bytes: row.value(WHOLE)?,
            origin: row.reference(super::NODES, nodes)?,
            submitted_us: row.value(WHOLE)?,
        });
        row.end()?;
    }
    Ok(items)
}

pub(super) fn read_deliveries(
    path: &Path,
    items: usize,
    nodes: usize,
) -> Result<Vec<Delivery>, RunError> {
    let mut table = Table::open(path, DELIVERIES_HEADER)?;
    let mut deliveries = Vec::new();
    while let Some(mut row) = table.next_row()? {
        deliveries.push(Delivery {
            item: row.reference(super::ITEMS, items)?,
            node: row.reference(super::NODES, nodes)?,
            latency_us: row.value(WHOLE)?,
        });
        row.end()?;
    }
    Ok(deliveries)
}

pub(super) fn read_traffic(path: &Path, nodes: usize) -> Result<Vec<Traffic>, RunError> {
    let mut table = Table::open(path, TRAFFIC_HEADER)?;
    let mut traffic = Vec::new();
    while let Some(mut row) = table.next_row()? {
        traffic.push(Traffic {
            node: row.reference(super::NODES, nodes)?,
            kind: row.text()?.to_owned(),
            sent_messages: row.value(WHOLE)?,
            sent_bytes: row.value(WHOLE)?,
            received_messages: row.value(WHOLE)?,
            received_bytes: row.value(WHOLE)?,
        });
        row.end()?;
    }
    Ok(traffic)
}

pub(super) fn write_nodes(path: &Path, nodes: &[Node]) -> Result<(), RunError> {
    write_whole(path, |out| {
        writeln!(out, "{NODES_HEADER}")?;
        for (number, node) in nodes.iter().enumerate() {
            let (region, node_type) = (plain(&node.region)?, plain(&node.node_type)?);
            let (addr, pid, rss_kib) =
                (plain(&node.addr)?, or_empty(node.pid), or_empty(node.rss_kib));
            let Node { outbound, inbound, alive, .. } = node;
            let cpu_s = node.cpu_s.map_or_else(String::new, |seconds| format!("{seconds:.6}"));
            writeln!(
                out,
                "{number},{region},{node_type},{addr},{pid},{outbound},{inbound},{rss_kib},{cpu_s},{alive}"
            )?;
        }
        Ok(())
    })
}

pub(super) fn write_items(path: &Path, items: &[Item]) -> Result<(), RunError> {
    write_whole(path, |out| {
        writeln!(out, "{ITEMS_HEADER}")?;
        for (number, item) in items.iter().enumerate() {
            let Item { bytes, origin, submitted_us, .. } = item;
            let (id, kind) = (plain(&item.id)?, item.kind.name());
            writeln!(out, "{number},{id},{kind},{bytes},{origin},{submitted_us}")?;
        }
        Ok(())
    })
}

pub(super) fn write_deliveries(path: &Path, deliveries: &[Delivery]) -> Result<(), RunError> {
    write_whole(path, |out| {
        writeln!(out, "{DELIVERIES_HEADER}")?;
        for Delivery { item, node, latency_us } in deliveries {
            writeln!(out, "{item},{node},{latency_us}")?;
        }
        Ok(())
    })
}

pub(super) fn write_traffic(path: &Path, traffic: &[Traffic]) -> Result<(), RunError> {
    write_whole(path, |out| {
        writeln!(out, "{TRAFFIC_HEADER}")?;
        for row in traffic {
            let Traffic { node, sent_messages, sent_bytes, .. } = row;
            let Traffic { received_messages, received_bytes, .. } = row;
            let kind = plain(&row.kind)?;
            writeln!(
                out,
                "{node},{kind},{sent_messages},{sent_bytes},{received_messages},{received_bytes}"
            )?;
        }
        Ok(())
    })
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
