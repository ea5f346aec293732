//! What stands in each pane of `tidings top`: its columns and its rows, sorted and filtered.

use super::view::{
    ASKED, Fate, IN, Item, OUT, Pane, SENT, SENT_IT, Sort, TOLD, TOLD_IT, UNASKED, View, short_peer,
};
use crate::api::PeerStatus;
use crate::api::peers::Keeps;
use tidings_protocol::ground::link::Direction;

/// The least width of a column that takes what is left. A guess: two or three words.
pub(super) const REST_MIN: u16 = 16;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// How wide it is; 0 takes what is left, [`REST_MIN`] at least.
    pub(super) width: u16,
    /// Numbers are aligned right.
    pub(super) number: bool,
    /// Where it is too narrow, columns with the highest rank go first; rank 0 stays.
    pub(super) rank: u8,
}

const fn text(title: &'static str, width: u16, rank: u8) -> Column {
    Column { title, width, number: false, rank }
}

const fn number(title: &'static str, width: u16, rank: u8) -> Column {
    Column { title, width, number: true, rank }
}

/// How a row is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
    Faint,
}

/// A row: what it is about, and a cell for each column.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) cells: Vec<String>,
    pub(super) tone: Tone,
}

const PEERS: &[Column] = &[
    text("LINK", 6, 0),
    text("ADDRESS", 21, 0),
    text("DIR", 3, 0),
    number("AGE", 4, 1),
    number("RTT", 6, 0),
    number("TOLD/s", 6, 2),
    number("ASKED/s", 7, 4),
    number("SENT/s", 6, 3),
    number("IN/s", 6, 0),
    number("OUT/s", 6, 0),
    number("UNASKED", 7, 6),
    number("IN", 6, 7),
    number("OUT", 6, 8),
    text("PEER", 14, 5),
    text("PLACE", 16, 9),
    number("TOLD", 7, 12),
    number("SENT", 7, 13),
    number("TOLD IT/s", 9, 10),
    number("SENT IT/s", 9, 11),
    number("OPEN", 5, 14),
    number("QUEUED", 7, 15),
    text("NETWORK", 15, 16),
];

const FLOWS: &[Column] = &[
    text("KIND", 14, 0),
    number("IN/s", 6, 0),
    number("B/s", 6, 0),
    number("OUT/s", 6, 0),
    number("B/s", 6, 0),
    number("IN", 7, 3),
    number("BYTES", 7, 1),
    number("OUT", 7, 4),
    number("BYTES", 7, 2),
];

const POOL: &[Column] =
    &[text("ID", 12, 0), number("BYTES", 7, 0), number("FEE/MB", 9, 0), text("", 4, 1)];

const ITEMS: &[Column] = &[
    text("TIME", 8, 1),
    text("KIND", 5, 0),
    text("ID", 12, 0),
    number("BYTES", 7, 2),
    text("FROM", 6, 0),
    text("", 0, 0),
];

const LOG: &[Column] = &[text("TIME", 12, 1), text("KIND", 15, 0), text("", 0, 0)];

impl Pane {
    /// The columns.
    pub(super) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Peers => PEERS,
            Self::Flows => FLOWS,
            Self::Pool => POOL,
            Self::Items => ITEMS,
            Self::Log => LOG,
        }
    }

    /// What it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Flows => "flows",
            Self::Pool => "pool",
            Self::Items => "latest items",
            Self::Log => "log",
        }
    }
}

impl View {
    /// The rows of a pane, in order, as far as they fit its filter.
    pub(super) fn rows(&self, pane: Pane) -> Vec<Row> {
        let mut rows = match pane {
            Pane::Peers => self.peers(),
            Pane::Flows => self.flows(),
            Pane::Pool => self.pool(),
            Pane::Items => self.items.iter().map(item).collect(),
            Pane::Log => self.lines(),
        };
        if let Some(filter) = self.filters.get(&pane).filter(|filter| !filter.is_empty()) {
            let filter = filter.to_lowercase();
            let fits = |text: &String| text.to_lowercase().contains(&filter);
            rows.retain(|row| fits(&row.key) || row.cells.iter().any(fits));
        }
        rows
    }

    /// Which row of a pane is looked at, if there are any.
    pub(super) fn chosen(&self, pane: Pane, rows: &[Row]) -> Option<usize> {
        let cursor = self.cursors.get(&pane).cloned().unwrap_or_default();
        let Some(key) = cursor.key else { return (!rows.is_empty()).then_some(0) };
        let found = rows.iter().position(|row| row.key == key);
        found.or_else(|| rows.len().checked_sub(1).map(|last| cursor.at.min(last)))
    }

    /// What the row that is looked at is about.
    pub(super) fn chosen_key(&self, pane: Pane) -> Option<String> {
        let rows = self.rows(pane);
        self.chosen(pane, &rows).map(|at| rows[at].key.clone())
    }

    /// The peer of a link.
    pub(super) fn peer(&self, link: &str) -> Option<&PeerStatus> {
        self.snapshot.as_ref()?.peers.iter().find(|peer| peer.link == link)
    }

    fn peers(&self) -> Vec<Row> {
        let peers = self.snapshot.iter().flat_map(|snapshot| &snapshot.peers);
        let rates = |peer: &PeerStatus| self.links.get(&peer.link).and_then(|meter| meter.rates());
        let mut all: Vec<_> = peers.map(|peer| (peer, rates(peer))).collect();
        let by = |peer: &PeerStatus, rates: &Option<[f64; 8]>| {
            let rate = |at: usize| rates.map_or(0.0, |rates| rates[at]);
            match self.sort {
                // The nearest comes first, and who hasn't answered last.
                Sort::RoundTrip => -peer.rtt_ms.unwrap_or(f64::MAX),
                Sort::Age => peer.connected_s,
                Sort::Told => rate(TOLD),
                Sort::Asked => rate(ASKED),
                Sort::Sent => rate(SENT),
                Sort::Unasked => peer.passed.map_or(0.0, |passed| passed.unsolicited as f64),
                Sort::In => rate(IN),
                Sort::Out => rate(OUT),
            }
        };
        all.sort_by(|(a, a_rates), (b, b_rates)| {
            let order = by(b, b_rates).total_cmp(&by(a, a_rates));
            let order = if self.reversed { order.reverse() } else { order };
            order.then_with(|| a.link.cmp(&b.link))
        });
        all.into_iter().map(|(peer, rates)| peer_row(peer, rates)).collect()
    }

    fn flows(&self) -> Vec<Row> {
        let Some(snapshot) = &self.snapshot else { return Vec::new() };
        let flow = |(kind, meter): (&String, &super::meters::Meter<4>)| {
            let traffic = snapshot.status.traffic.get(kind).copied().unwrap_or_default();
            (kind.clone(), traffic, meter.rates())
        };
        let mut all: Vec<_> = self.flows.iter().map(flow).collect();
        let bytes = |rates: &Option<[f64; 4]>| rates.map_or(0.0, |rates| rates[1] + rates[3]);
        all.sort_by(|(a, a_traffic, a_rates), (b, b_traffic, b_rates)| {
            let in_all = |traffic: &crate::api::TrafficStatus| {
                traffic.received_bytes.saturating_add(traffic.sent_bytes)
            };
            let order = bytes(b_rates).total_cmp(&bytes(a_rates));
            let order = order.then_with(|| in_all(b_traffic).cmp(&in_all(a_traffic)));
            order.then_with(|| a.cmp(b))
        });
        let row =
            |(kind, traffic, rates): (String, crate::api::TrafficStatus, Option<[f64; 4]>)| {
                let rate = |at: usize| rates.map_or_else(unknown, |rates| rate(rates[at]));
                let size = |at: usize| rates.map_or_else(unknown, |rates| short(rates[at]));
                let tone = if bytes(&rates) > 0.0 { Tone::Plain } else { Tone::Faint };
                let cells = vec![
                    kind.clone(),
                    rate(0),
                    size(1),
                    rate(2),
                    size(3),
                    short(traffic.received_messages as f64),
                    short(traffic.received_bytes as f64),
                    short(traffic.sent_messages as f64),
                    short(traffic.sent_bytes as f64),
                ];
                Row { key: kind, cells, tone }
            };
        all.into_iter().map(row).collect()
    }

    fn pool(&self) -> Vec<Row> {
        let items = self.snapshot.iter().flat_map(|snapshot| &snapshot.pool.items);
        let row = |row: &crate::api::chain::PoolRow| {
            let id = row.id.to_string();
            let own = if row.own { "own" } else { "" };
            let cells =
                vec![id.clone(), row.bytes.to_string(), short(row.fee_rate as f64), own.to_owned()];
            Row { key: id, cells, tone: Tone::Plain }
        };
        items.map(row).collect()
    }

    fn lines(&self) -> Vec<Row> {
        let row = |line: &super::view::Line| {
            let tone = match line.kind.as_str() {
                "link-up" | "block-connected" => Tone::Good,
                "misbehaved" | "broken-consensus" | "member-failed" | "member-conflict" => {
                    Tone::Bad
                }
                "dial-failed" | "capture-ended" | "lost" | "top" | "block-disconnected" => {
                    Tone::Warning
                }
                _ => Tone::Plain,
            };
            let cells = vec![line.at.clone(), line.kind.clone(), line.text.clone()];
            Row { key: line.number.to_string(), cells, tone }
        };
        self.log.iter().map(row).collect()
    }
}

fn unknown() -> String {
    "-".to_owned()
}

fn peer_row(peer: &PeerStatus, rates: Option<[f64; 8]>) -> Row {
    let rated = |at: usize| rates.map_or_else(unknown, |rates| rate(rates[at]));
    let sized = |at: usize| rates.map_or_else(unknown, |rates| short(rates[at]));
    let passed = peer.passed.unwrap_or_default();
    let direction = match peer.direction {
        Direction::Inbound => "in",
        Direction::Outbound => "out",
    };
    let address = peer.remote.or(peer.advertise).map(|addr| addr.to_string());
    let place = peer.place.as_ref().map_or_else(unknown, |place| {
        let keeps = match place.keeps {
            Keeps::Protected => "kept",
            Keeps::Ordinary => "ordinary",
            Keeps::Useless => "goes next",
            Keeps::Passing => "passing",
            Keeps::Loose => "loose",
            Keeps::First => "goes first",
        };
        place.why.as_ref().map_or_else(|| keeps.to_owned(), |why| format!("{keeps}: {why}"))
    });
    let tone = match (passed.unsolicited, rates) {
        (1.., Some(rates)) if rates[UNASKED] > 0.0 => Tone::Bad,
        _ if peer.rtt_ms.is_none() => Tone::Faint,
        _ => Tone::Plain,
    };
    let cells = vec![
        peer.link.clone(),
        address.unwrap_or_else(unknown),
        direction.to_owned(),
        age(peer.connected_s),
        peer.rtt_ms.map_or_else(unknown, |rtt_ms| format!("{rtt_ms:.1}")),
        rated(TOLD),
        rated(ASKED),
        rated(SENT),
        sized(IN),
        sized(OUT),
        passed.unsolicited.to_string(),
        short(passed.received_bytes as f64),
        short(passed.sent_bytes as f64),
        short_peer(&peer.peer_id),
        place,
        short(passed.announced as f64),
        short(passed.received as f64),
        rated(TOLD_IT),
        rated(SENT_IT),
        peer.in_flight.to_string(),
        short(peer.queued_bytes as f64),
        peer.group.clone().unwrap_or_else(unknown),
    ];
    Row { key: peer.link.clone(), cells, tone }
}

fn item(item: &Item) -> Row {
    let id = item.id.to_string();
    let time = crate::cli::explain::clock(item.unix_us);
    let (fate, tone) = match &item.fate {
        Fate::Accepted => ("accepted".to_owned(), Tone::Plain),
        Fate::Rejected(rule) => (format!("rejected: {rule}"), Tone::Bad),
        Fate::Waiting => ("waits for its parents".to_owned(), Tone::Warning),
        Fate::Left(why) if why == "confirmed" => ("confirmed".to_owned(), Tone::Good),
        Fate::Left(why) => (format!("left: {why}"), Tone::Faint),
        Fate::InChain => ("in the chain".to_owned(), Tone::Good),
    };
    let cells = vec![
        time.get(..8).unwrap_or(&time).to_owned(),
        item.kind.to_string(),
        id.clone(),
        item.bytes.map_or_else(unknown, |bytes| short(f64::from(bytes))),
        match (&item.from, &item.fate) {
            (Some(from), _) => from.link.clone(),
            // Of these it isn't told.
            (None, Fate::Waiting) => unknown(),
            (None, _) => "here".to_owned(),
        },
        fate,
    ];
    Row { key: id, cells, tone }
}

/// A number in at most five letters: `987`, `1.2k`, `34k`, `5.6M`.
pub(super) fn short(number: f64) -> String {
    const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let (mut number, mut unit) = (number.max(0.0), 0);
    while number >= 999.5 && unit + 1 < UNITS.len() {
        number /= 1_000.0;
        unit += 1;
    }
    let name = UNITS[unit];
    if unit > 0 && number < 9.95 {
        format!("{number:.1}{name}")
    } else {
        format!("{number:.0}{name}")
    }
}

/// How often a second: with a tenth where that says something.
pub(super) fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 99.95 { format!("{rate:.1}") } else { short(rate) }
}

/// A time in at most four letters.
pub(super) fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    match seconds {
        ..100.0 => format!("{}s", seconds.floor()),
        ..6_000.0 => format!("{}m", (seconds / 60.0).floor()),
        ..360_000.0 => format!("{}h", (seconds / 3_600.0).floor()),
        _ => format!("{}d", (seconds / 86_400.0).floor().min(999.0)),
    }
}
