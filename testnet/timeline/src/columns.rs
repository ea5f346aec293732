//! A timeline as plain columns: row `i` of a table is what its columns have at `i`.
//!
//! Times are microseconds since the timeline's beginning. A link has two *ends*, by who sends: end `2 * link` is the
//! dialler's, `2 * link + 1` that of whoever was dialled.

use crate::TIME_MAX;
use crate::about::{About, Fate};

/// What happened in a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// What it says of itself.
    pub about: About,
    /// Where nodes are drawn.
    pub nodes: Nodes,
    /// Who was linked with whom.
    pub links: Links,
    /// What was relayed.
    pub items: Items,
    /// What nodes sent, by time.
    pub messages: Messages,
    /// Who had what first, by time.
    pub deliveries: Deliveries,
    /// What nodes turned to, by time.
    pub states: States,
    /// What nodes had waiting, by time.
    pub samples: Samples,
}

/// A row for each node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// Where it is drawn by its links, from left to right.
    pub x: Vec<u16>,
    /// The same, from top to bottom.
    pub y: Vec<u16>,
    /// Where it is on a map, from west to east.
    pub map_x: Vec<u16>,
    /// The same, from north to south.
    pub map_y: Vec<u16>,
    /// Its region, a number of [`About::regions`]; 0 if there are none.
    pub region: Vec<u32>,
}

/// A row for each link that ever was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Who dialled.
    pub from: Vec<u32>,
    /// Whom.
    pub to: Vec<u32>,
    /// When it came up.
    pub up: Vec<u64>,
    /// When it went; `None` if it stayed.
    pub down: Vec<Option<u64>>,
}

/// A row for each item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// 0 for a transaction, 1 for a block.
    pub kind: Vec<u8>,
    /// The first eight bytes of its id.
    pub hash: Vec<[u8; 8]>,
    /// Its bytes.
    pub size: Vec<u32>,
    /// Where it was submitted; `None` if nobody knows.
    pub origin: Vec<Option<u32>>,
    /// When.
    pub at: Vec<u64>,
}

/// A row for each message, by time of sending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// When it was sent.
    pub sent: Vec<u64>,
    /// Over which end.
    pub end: Vec<u32>,
    /// Its kind, a number of [`About::kinds`].
    pub kind: Vec<u8>,
    /// Its bytes on the wire.
    pub bytes: Vec<u32>,
    /// How long until it was handed to its receiver, microseconds; 0 unless it was.
    pub took: Vec<u64>,
    /// What became of it, a number of [`Fate`].
    pub fate: Vec<u8>,
    /// How many items it names or carries.
    pub count: Vec<u32>,
    /// These items, message after message.
    pub named: Vec<u32>,
}

/// A row for each first delivery, by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// When.
    pub at: Vec<u64>,
    /// Who has it now.
    pub node: Vec<u32>,
    /// Which item.
    pub item: Vec<u32>,
    /// The end that it was sent over; `None` if it is the node's own, or came in a block.
    pub from: Vec<Option<u32>>,
}

/// A row for each change of a node, by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// When.
    pub at: Vec<u64>,
    /// Which node.
    pub node: Vec<u32>,
    /// What it turned to, a number of [`About::states`].
    pub state: Vec<u8>,
}

/// A row for each look at a node, by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// When.
    pub at: Vec<u64>,
    /// Which node.
    pub node: Vec<u32>,
    /// Announcements that waited to leave.
    pub waiting: Vec<u32>,
    /// Items that it had asked for and not got yet.
    pub asked: Vec<u32>,
    /// Bytes that were on their way to it.
    pub queued: Vec<u32>,
}

impl Timeline {
    /// Messages, deliveries and changes of nodes.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.messages.sent.len() + self.deliveries.at.len() + self.states.at.len()
    }

    /// The sender and the receiver of what goes over an end.
    #[must_use]
    pub fn way(&self, end: u32) -> (u32, u32) {
        let link = end as usize / 2;
        let (from, to) = (self.links.from[link], self.links.to[link]);
        if end.is_multiple_of(2) { (from, to) } else { (to, from) }
    }

    /// For each message, where its items begin in [`Messages::named`]; then where the last ones end.
    #[must_use]
    pub fn firsts(&self) -> Vec<usize> {
        let mut first = 0;
        let mut firsts = vec![0];
        for count in &self.messages.count {
            first += *count as usize;
            firsts.push(first);
        }
        firsts
    }

    /// The name of a node: its number if it has none.
    #[must_use]
    pub fn name(&self, node: u32) -> String {
        let names = self.about.names.as_ref();
        names
            .and_then(|names| names.get(node as usize).cloned())
            .unwrap_or_else(|| node.to_string())
    }

    /// Checks what readers rely on: columns of a table are as long as one another, numbers name what there is, times are
    /// in order and within bounds.
    ///
    /// # Errors
    /// A sentence about the first that isn't so.
    pub fn check(&self) -> Result<(), String> {
        self.check_lengths()?;
        let (nodes, items) = (self.about.nodes as usize, self.items.at.len());
        let (links, ends) = (self.links.from.len(), 2 * self.links.from.len());
        let regions = self.about.regions.len().max(1);
        let (kinds, states) = (self.about.kinds.len(), self.about.states.len());
        let end = self.about.end_us;
        if end > TIME_MAX {
            return Err(format!("it ends at {end} µs, but no moment is later than {TIME_MAX}"));
        }
        if self.about.kept_items_one_of == 0 {
            return Err("kept_items_one_of is 0, but must be at least 1".to_owned());
        }
        let d = &self.deliveries;
        let numbers: [(&str, usize, &mut dyn Iterator<Item = usize>); 15] = [
            ("nodes.region", regions, &mut wide(&self.nodes.region)),
            ("links.from", nodes, &mut wide(&self.links.from)),
            ("links.to", nodes, &mut wide(&self.links.to)),
            ("items.kind", 2, &mut bytes(&self.items.kind)),
            ("items.origin", nodes, &mut wide(self.items.origin.iter().flatten())),
            ("messages.end", ends, &mut wide(&self.messages.end)),
            ("messages.kind", kinds, &mut bytes(&self.messages.kind)),
            ("messages.fate", usize::from(Fate::COUNT), &mut bytes(&self.messages.fate)),
            ("named.item", items, &mut wide(&self.messages.named)),
            ("deliveries.node", nodes, &mut wide(&d.node)),
            ("deliveries.item", items, &mut wide(&d.item)),
            ("deliveries.from", ends, &mut wide(d.from.iter().flatten())),
            ("states.node", nodes, &mut wide(&self.states.node)),
            ("states.state", states, &mut bytes(&self.states.state)),
            ("samples.node", nodes, &mut wide(&self.samples.node)),
        ];
        for (name, count, mut column) in numbers {
            if let Some(number) = Iterator::find(&mut column, |number| *number >= count) {
                return Err(format!("{name} has {number}, but there are only {count}"));
            }
        }
        for (name, column) in [
            ("messages.sent", &self.messages.sent),
            ("deliveries.at", &d.at),
            ("states.at", &self.states.at),
            ("samples.at", &self.samples.at),
        ] {
            if !column.is_sorted() {
                return Err(format!("{name} isn't in order"));
            }
            if column.last().is_some_and(|last| *last > end) {
                return Err(format!("{name} goes on after the end, {end} µs"));
            }
        }
        let of_nodes = self.about.faults.iter().flat_map(|fault| &fault.nodes);
        if let Some(node) = wide(of_nodes).find(|node| *node >= nodes) {
            return Err(format!("a fault holds node {node}, but there are only {nodes}"));
        }
        let downs =
            (0..links).filter_map(|link| Some((self.links.up[link], self.links.down[link]?)));
        match downs.into_iter().find(|(up, down)| down < up) {
            Some((up, down)) => {
                Err(format!("a link goes at {down} µs, before it comes up at {up}"))
            }
            None => Ok(()),
        }
    }

    fn check_lengths(&self) -> Result<(), String> {
        let Self { about, nodes, links, items, messages, deliveries, states, samples } = self;
        let named: usize = messages.count.iter().map(|count| *count as usize).sum();
        if let Some(names) =
            about.names.as_ref().filter(|names| names.len() != about.nodes as usize)
        {
            return Err(format!("it names {} of {} nodes", names.len(), about.nodes));
        }
        let tables: [(&str, usize, &[usize]); 8] = [
            (
                "nodes",
                about.nodes as usize,
                &[
                    nodes.x.len(),
                    nodes.y.len(),
                    nodes.map_x.len(),
                    nodes.map_y.len(),
                    nodes.region.len(),
                ],
            ),
            ("links", links.from.len(), &[links.to.len(), links.up.len(), links.down.len()]),
            (
                "items",
                items.at.len(),
                &[items.kind.len(), items.hash.len(), items.size.len(), items.origin.len()],
            ),
            (
                "messages",
                messages.sent.len(),
                &[
                    messages.end.len(),
                    messages.kind.len(),
                    messages.bytes.len(),
                    messages.took.len(),
                    messages.fate.len(),
                    messages.count.len(),
                ],
            ),
            ("named", named, &[messages.named.len()]),
            (
                "deliveries",
                deliveries.at.len(),
                &[deliveries.node.len(), deliveries.item.len(), deliveries.from.len()],
            ),
            ("states", states.at.len(), &[states.node.len(), states.state.len()]),
            (
                "samples",
                samples.at.len(),
                &[
                    samples.node.len(),
                    samples.waiting.len(),
                    samples.asked.len(),
                    samples.queued.len(),
                ],
            ),
        ];
        for (name, rows, columns) in tables {
            if let Some(other) = columns.iter().find(|len| **len != rows) {
                return Err(format!(
                    "{name} should have {rows} rows, but a column of it has {other}"
                ));
            }
        }
        Ok(())
    }
}

fn wide<'a>(numbers: impl IntoIterator<Item = &'a u32>) -> impl Iterator<Item = usize> {
    numbers.into_iter().map(|number| *number as usize)
}

fn bytes(numbers: &[u8]) -> impl Iterator<Item = usize> {
    numbers.iter().map(|number| usize::from(*number))
}
