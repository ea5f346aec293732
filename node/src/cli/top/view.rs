//! What `tidings top` knows: of the node, what it told last and how that changed; of its user, what is looked at and how.
//!
//! It is a value that updates and keys change ([`keys`](super::keys)); nothing here waits, draws or knows the time, so that a test makes up
//! a node and looks at what is drawn of it. All that a node tells may be a stranger's, and is bounded here: what is more than fits
//! isn't kept, and is counted where that matters.

use std::collections::{BTreeMap, VecDeque};

use tidings_protocol::ground::item::{Hash256, ItemKind};

use super::meters::Meter;
use crate::api::chain::PoolPage;
use crate::api::{LinkName, NodeEvent, Notice, PeerStatus, Status, Streamed, TrafficStatus, What};
use crate::cli::explain::clock;
use crate::cli::happened;

/// Most links that are shown. A guess: sixteen times what a node has.
pub(super) const PEERS_MAX: usize = 2_000;

/// Most kinds of messages that are shown: more than there are.
const KINDS_MAX: usize = 100;

/// Most transactions of the pool that are shown: those that pay most.
pub(super) const POOL_MAX: usize = 200;

/// Items that are kept, the latest. A guess: some screens.
const ITEMS_MAX: usize = 500;

/// Lines of the log that are kept, the latest. A guess: some screens.
const LOG_MAX: usize = 500;

/// Lines of a story that are kept, from its beginning.
const STORY_MAX: usize = 5_000;

/// As many letters of an id are shown as tell items apart.
const ID_LETTERS: usize = 12;

/// A part of the screen that shows one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pane {
    Peers,
    Flows,
    Pool,
    Items,
    Log,
}

impl Pane {
    /// In the order in which they are gone through.
    pub(super) const ALL: [Self; 5] =
        [Self::Peers, Self::Flows, Self::Pool, Self::Items, Self::Log];
}

/// By what peers are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Age,
    RoundTrip,
    Told,
    Asked,
    Sent,
    Unasked,
    In,
    Out,
}

impl Sort {
    /// In the order in which they are gone through.
    pub(super) const ALL: [Self; 8] = [
        Self::Age,
        Self::RoundTrip,
        Self::Told,
        Self::Asked,
        Self::Sent,
        Self::Unasked,
        Self::In,
        Self::Out,
    ];

    /// What it is called: as the column.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::RoundTrip => "round trip",
            Self::Told => "told/s",
            Self::Asked => "asked/s",
            Self::Sent => "sent/s",
            Self::Unasked => "unasked",
            Self::In => "in/s",
            Self::Out => "out/s",
        }
    }
}

/// Which row of a pane is looked at: by what it is about, so that it stays when others come and go.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    /// What the row is about; nothing while the first row is looked at, whatever that is.
    pub(super) key: Option<String>,
    /// Where it was, for when it is gone.
    pub(super) at: usize,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Accepted,
    Rejected(String),
    Waiting,
    Left(String),
    InChain,
}

/// An item that events told of.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: Hash256,
    pub(super) kind: ItemKind,
    /// Unknown where no event told it.
    pub(super) bytes: Option<u32>,
    /// Who brought it; nobody if it was submitted there.
    pub(super) from: Option<LinkName>,
    /// When, microseconds of Unix time.
    pub(super) unix_us: u64,
    pub(super) fate: Fate,
}

/// A line of the log.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its number, from 0.
    pub(super) number: u64,
    /// The time of day, or nothing if it isn't the node's.
    pub(super) at: String,
    /// What kind of event.
    pub(super) kind: String,
    pub(super) text: String,
}

/// What is asked before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether a peer is to be kept out: its id.
    Ban(String),
    /// Whether a link is to be closed: its handle, and who is there.
    Disconnect { link: String, peer: String },
}

/// A story that is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    /// Of what, as it was asked for.
    pub(super) of: String,
    pub(super) lines: Vec<String>,
    /// The first line that is shown.
    pub(super) at: usize,
}

/// What keys are for.
#[derive(Clone, Debug)]
pub(super) enum Mode {
    Usual,
    /// A filter is written.
    Filtering,
    Asking(Question),
    Help,
    Reading(Story),
}

/// Whether the node answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It hasn't answered yet.
    Unknown,
    Here,
    /// Why it doesn't.
    Gone(String),
}

/// What the node says of itself at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) status: Status,
    pub(super) peers: Vec<PeerStatus>,
    pub(super) pool: PoolPage,
}

/// What comes from the node.
#[derive(Debug)]
pub(super) enum Update {
    Snapshot(Box<Snapshot>),
    Told(Streamed),
    Gone(String),
    /// A story that was asked for: of what, and its text, or why there is none.
    Story(String, Result<String, String>),
    /// What came of something that was wanted.
    Said(String),
}

/// Counts of one link, in the order of [`PeerMeter`]'s rates.
pub(super) type PeerMeter = Meter<8>;
pub(super) const TOLD: usize = 0;
pub(super) const ASKED: usize = 1;
pub(super) const SENT: usize = 2;
pub(super) const UNASKED: usize = 3;
pub(super) const TOLD_IT: usize = 4;
pub(super) const SENT_IT: usize = 5;
pub(super) const IN: usize = 6;
pub(super) const OUT: usize = 7;

/// All that is known.
#[derive(Debug)]
pub(super) struct View {
    pub(super) presence: Presence,
    pub(super) snapshot: Option<Snapshot>,
    /// Messages and bytes in, messages and bytes out.
    pub(super) flows: BTreeMap<String, Meter<4>>,
    pub(super) links: BTreeMap<String, PeerMeter>,
    /// Items accepted, items rejected, CPU in microseconds.
    pub(super) totals: Meter<3>,
    /// The latest first.
    pub(super) items: VecDeque<Item>,
    /// The latest first.
    pub(super) log: VecDeque<Line>,
    lines: u64,
    pub(super) focus: Pane,
    /// Only the pane in focus is shown.
    pub(super) zoomed: bool,
    pub(super) sort: Sort,
    pub(super) reversed: bool,
    pub(super) paused: bool,
    pub(super) filters: BTreeMap<Pane, String>,
    pub(super) cursors: BTreeMap<Pane, Cursor>,
    pub(super) mode: Mode,
    /// What the last line says instead of the keys, until the next key.
    pub(super) said: Option<String>,
    /// How many rows a page of keys has.
    pub(super) page: usize,
    /// Whether there are colours.
    pub(super) coloured: bool,
}

impl View {
    /// Before the node has told anything.
    pub(super) fn new(coloured: bool) -> Self {
        Self {
            presence: Presence::Unknown,
            snapshot: None,
            flows: BTreeMap::new(),
            links: BTreeMap::new(),
            totals: Meter::default(),
            items: VecDeque::new(),
            log: VecDeque::new(),
            lines: 0,
            focus: Pane::Peers,
            zoomed: false,
            sort: Sort::Age,
            reversed: false,
            paused: false,
            filters: BTreeMap::new(),
            cursors: BTreeMap::new(),
            mode: Mode::Usual,
            said: None,
            page: 10,
            coloured,
        }
    }

    /// Takes what came from the node.
    pub(super) fn take(&mut self, update: Update) {
        match update {
            Update::Snapshot(snapshot) => self.take_snapshot(*snapshot),
            Update::Told(Streamed::Event(event)) => self.take_event(&event),
            Update::Told(Streamed::Notice(Notice::Lost { count })) => {
                self.note(String::new(), "lost", happened::lost(count));
            }
            Update::Gone(why) => self.take_absence(why),
            Update::Story(of, story) => self.take_story(of, story),
            Update::Said(text) => {
                self.note(String::new(), "top", text.clone());
                self.said = Some(text);
            }
        }
    }

    fn take_snapshot(&mut self, mut snapshot: Snapshot) {
        if let Presence::Gone(_) = self.presence {
            self.note(String::new(), "top", "the node is back".to_owned());
        }
        self.presence = Presence::Here;
        snapshot.peers.truncate(PEERS_MAX);
        snapshot.pool.items.truncate(POOL_MAX);
        let status = &snapshot.status;
        let counter = |name: &str| status.counters.get(name).copied().unwrap_or_default();
        // Saturates, and a node that tells nonsense is shown some.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
        let cpu_us = (status.cpu_s * 1e6) as u64;
        let at_s = status.uptime_s;
        self.totals.take(at_s, [counter("accepted"), counter("rejected"), cpu_us]);
        let mut flows = std::mem::take(&mut self.flows);
        for (kind, traffic) in status.traffic.iter().take(KINDS_MAX) {
            let mut meter = flows.remove(kind).unwrap_or_default();
            let TrafficStatus { sent_messages, sent_bytes, received_messages, received_bytes } =
                *traffic;
            meter.take(at_s, [received_messages, received_bytes, sent_messages, sent_bytes]);
            self.flows.insert(kind.clone(), meter);
        }
        let mut links = std::mem::take(&mut self.links);
        for peer in &snapshot.peers {
            let mut meter = links.remove(&peer.link).unwrap_or_default();
            let passed = peer.passed.unwrap_or_default();
            let counts = [
                passed.announced,
                passed.requested,
                passed.received,
                passed.unsolicited,
                passed.told,
                passed.sent,
                passed.received_bytes,
                passed.sent_bytes,
            ];
            meter.take(peer.connected_s, counts);
            self.links.insert(peer.link.clone(), meter);
        }
        self.snapshot = Some(snapshot);
    }

    fn take_absence(&mut self, why: String) {
        if !matches!(self.presence, Presence::Gone(_)) {
            self.note(String::new(), "top", format!("the node is gone: {why}"));
        }
        self.presence = Presence::Gone(why);
    }

    fn take_event(&mut self, NodeEvent { unix_us, what }: &NodeEvent) {
        let item = |id: &Hash256, kind, bytes, from: &Option<LinkName>, fate| Item {
            id: *id,
            kind,
            bytes,
            from: from.clone(),
            unix_us: *unix_us,
            fate,
        };
        match what {
            What::Accepted { id, kind, bytes, ingress } => {
                self.add_item(item(id, *kind, Some(*bytes), ingress, Fate::Accepted));
            }
            What::Rejected { id, kind, rule, ingress, .. } => {
                let fate = Fate::Rejected(rule.clone().into_owned());
                self.add_item(item(id, *kind, None, ingress, fate));
            }
            What::Orphaned { id } => {
                self.add_item(item(id, ItemKind::Tx, None, &None, Fate::Waiting));
            }
            What::Left { id, why } => self.change_fate(id, Fate::Left(why.clone().into_owned())),
            What::Returned { id } => self.change_fate(id, Fate::Accepted),
            other => {
                if let What::BlockConnected { id, .. } = other {
                    self.change_fate(id, Fate::InChain);
                }
                let time = clock(*unix_us);
                let at = time.get(..12).unwrap_or(&time).to_owned();
                let mut text = happened::sentence(other);
                if let Some(id) = happened::item(other).map(ToString::to_string) {
                    // The pane is narrow, and the rest of an id tells people nothing.
                    text = text.replace(&id, id.get(..ID_LETTERS).unwrap_or(&id));
                }
                self.note(at, other.kind(), text);
            }
        }
    }

    /// An item that is there already is no second one.
    fn add_item(&mut self, item: Item) {
        if let Some(at) = self.items.iter().position(|known| known.id == item.id) {
            self.items.remove(at);
        }
        self.items.push_front(item);
        self.items.truncate(ITEMS_MAX);
    }

    fn change_fate(&mut self, id: &Hash256, fate: Fate) {
        if let Some(item) = self.items.iter_mut().find(|item| item.id == *id) {
            item.fate = fate;
        }
    }

    fn note(&mut self, at: String, kind: &str, text: String) {
        let number = self.lines;
        self.lines += 1;
        self.log.push_front(Line { number, at, kind: kind.to_owned(), text });
        self.log.truncate(LOG_MAX);
    }

    fn take_story(&mut self, of: String, story: Result<String, String>) {
        // Whoever has gone on to something else doesn't wait for it any more.
        let Mode::Reading(reading) = &mut self.mode else { return };
        if reading.of != of {
            return;
        }
        let text = story.unwrap_or_else(|why| why);
        reading.lines = text.lines().take(STORY_MAX).map(str::to_owned).collect();
    }
}

/// What is written of a peer: the beginning of its id.
pub(super) fn short_peer(id: &str) -> String {
    id.chars().take(14).collect()
}
