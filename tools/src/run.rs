//! The run folder: the raw data of one run, typed, as it is written and read.
//!
//! | file | one row is |
//! |---|---|
//! | `manifest.toml` | (all settings, resolved, with the seed) |
//! | `nodes.csv` | a node: `node,region,node_type,addr,pid,outbound,inbound,rss_kib,cpu_s,alive` |
//! | `items.csv` | a submitted item: `item,id,kind,bytes,origin,submitted_us` |
//! | `deliveries.csv` | a first delivery: `item,node,latency_us,from`, `from` being the node that it came from, if it came from one (missing in older folders) |
//! | `traffic.csv` | a node and a message kind: `node,kind,sent_messages,sent_bytes,received_messages,received_bytes` |
//! | `links.csv` | a link: `from,to,at_begin,at_end`, `from` dialled `to` (missing in older folders) |
//!
//! Nodes and items are numbered from 0 in the order of their rows, and other tables point at them by
//! number; reading checks this, so that whoever holds a [`Run`] may index. Fields hold no commas,
//! quotes or line ends, so the files need no quoting; writing refuses such a field. Every line ends
//! with a line feed, by which a file that was cut short is recognised.
//!
//! Times are relative: of items to the begin of the run, of deliveries to their item's submission. When a run of real
//! nodes began is in its summary (`began`, `began_unix_ns`). So four lines of pandas give all trees and hops:
//!
//! ```python
//! d = pd.read_csv("deliveries.csv").set_index(["item", "node"])
//! d["hops"] = 0
//! for (item, node), row in d.dropna(subset="from").sort_values("latency_us").iterrows():
//!     d.loc[(item, node), "hops"] = d.loc[(item, int(row["from"])), "hops"] + 1
//! ```

mod blocks;
mod error;
mod file;
mod rows;
mod table;

use std::path::Path;

pub use blocks::{Block, write_blocks};
pub use error::RunError;
pub(crate) use file::write_whole;
pub use file::{read_text, write_bytes, write_text};
pub use rows::{Delivery, Item, ItemKind, Link, Node, Traffic};

/// Name of the manifest in a run folder.
pub const MANIFEST: &str = "manifest.toml";
/// Name of the table of nodes.
pub const NODES: &str = "nodes.csv";
/// Name of the table of items.
pub const ITEMS: &str = "items.csv";
/// Name of the table of first deliveries.
pub const DELIVERIES: &str = "deliveries.csv";
/// Name of the table of traffic.
pub const TRAFFIC: &str = "traffic.csv";
/// Name of the table of links.
pub const LINKS: &str = "links.csv";
/// Name of the table of blocks, where some were made.
pub const BLOCKS: &str = "blocks.csv";
/// Name of the summary.
pub const SUMMARY_JSON: &str = "summary.json";
/// Name of the summary as a table of one row.
pub const SUMMARY_CSV: &str = "summary.csv";
/// Name of the page.
pub const REPORT: &str = "report.html";
/// Name of the page about the overlay.
pub const OVERLAY: &str = "overlay.html";
/// Name of the picture.
pub const CURVE: &str = "curve.svg";

/// The resolved settings of a run: the text as written, and what it says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    text: String,
    table: toml::Table,
}

impl Manifest {
    /// Parses a manifest.
    ///
    /// # Errors
    ///
    /// If `text` is not TOML.
    pub fn parse(text: impl Into<String>) -> Result<Self, toml::de::Error> {
        let text = text.into();
        let table = text.parse()?;
        Ok(Self { text, table })
    }

    /// Reads the manifest of the run folder `dir`.
    ///
    /// # Errors
    ///
    /// If it is missing, unreadable or not TOML.
    pub fn read(dir: &Path) -> Result<Self, RunError> {
        let path = dir.join(MANIFEST);
        let text = read_text(&path)?;
        Self::parse(text).map_err(|source| RunError::Toml { path, source: Box::new(source) })
    }

    /// The manifest as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The manifest as a table.
    #[must_use]
    pub const fn table(&self) -> &toml::Table {
        &self.table
    }
}

/// The raw data of one run. `node` and `origin` fields are indices of `nodes`, `item` fields of
/// `items`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// All settings.
    pub manifest: Manifest,
    /// The nodes that were started.
    pub nodes: Vec<Node>,
    /// The items that were submitted.
    pub items: Vec<Item>,
    /// First deliveries, in any order. The origin's own counts, with latency 0.
    pub deliveries: Vec<Delivery>,
    /// Messages by node and kind. Nodes that could no longer be asked are missing.
    pub traffic: Vec<Traffic>,
    /// Who dialled whom. Empty if that wasn't seen.
    pub links: Vec<Link>,
}

impl Run {
    /// Reads the run folder `dir`.
    ///
    /// # Errors
    ///
    /// If a file is missing, unreadable, cut short or says something impossible; the error names
    /// the file, the line, and what was expected there.
    pub fn read(dir: &Path) -> Result<Self, RunError> {
        if !dir.is_dir() {
            return Err(RunError::NotAFolder(dir.to_owned()));
        }
        let manifest = Manifest::read(dir)?;
        let nodes = rows::read_nodes(&dir.join(NODES))?;
        let items = rows::read_items(&dir.join(ITEMS), nodes.len())?;
        let deliveries = rows::read_deliveries(&dir.join(DELIVERIES), items.len(), nodes.len())?;
        let traffic = rows::read_traffic(&dir.join(TRAFFIC), nodes.len())?;
        let links = dir.join(LINKS);
        let links = match links.exists() {
            true => rows::read_links(&links, nodes.len())?,
            false => Vec::new(),
        };
        Ok(Self { manifest, nodes, items, deliveries, traffic, links })
    }

    /// Writes the manifest and the five tables into the folder `dir`, which has to exist.
    ///
    /// # Errors
    ///
    /// If a file can't be written, or a field holds a comma, a quote or a line end.
    pub fn write(&self, dir: &Path) -> Result<(), RunError> {
        write_text(&dir.join(MANIFEST), self.manifest.text())?;
        rows::write_nodes(&dir.join(NODES), &self.nodes)?;
        rows::write_items(&dir.join(ITEMS), &self.items)?;
        rows::write_deliveries(&dir.join(DELIVERIES), &self.deliveries)?;
        rows::write_traffic(&dir.join(TRAFFIC), &self.traffic)?;
        rows::write_links(&dir.join(LINKS), &self.links)
    }

    /// How many nodes were alive at the end of the run.
    #[must_use]
    pub fn live_nodes(&self) -> usize {
        self.nodes.iter().filter(|node| node.alive).count()
    }

    /// The regions that nodes are in, in alphabetical order; none if the run has no regions.
    #[must_use]
    pub fn regions(&self) -> Vec<&str> {
        let mut regions: Vec<&str> = self.nodes.iter().map(|node| node.region.as_str()).collect();
        regions.sort_unstable();
        regions.dedup();
        regions.retain(|region| !region.is_empty());
        regions
    }
}

#[cfg(test)]
mod tests;
