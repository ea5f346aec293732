//! What a timeline says of itself: the header of its file, but for where columns are.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a timeline says of itself. Fields that a file doesn't have are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// A short line for a page's head.
    pub title: String,
    /// Where it comes from.
    pub source: Source,
    /// When it began, microseconds since 1970; 0 if time was simulated.
    pub began_unix_us: u64,
    /// Its last moment, microseconds since it began.
    pub end_us: u64,
    /// The seed of everything random, as text: a number of JavaScript can't hold all of them.
    pub seed: String,
    /// The hash over all that happened, if simulated.
    pub event_hash: Option<String>,
    /// The manifest of the run, TOML.
    pub manifest: String,
    /// The scenario that was simulated.
    pub scenario: Option<Value>,
    /// The name of the relay strategy.
    pub strategy: String,
    /// How many nodes.
    pub nodes: u32,
    /// Their names, if they have any; numbers otherwise.
    pub names: Option<Vec<String>>,
    /// Names of the regions; none if the link model has none.
    pub regions: Vec<String>,
    /// Names of the kinds of message, by number.
    pub kinds: Vec<String>,
    /// Names of the states of a node, by number: those of [`State`].
    pub states: Vec<String>,
    /// What went wrong on purpose.
    pub faults: Vec<FaultSpan>,
    /// Moments with a name.
    pub marks: Vec<Mark>,
    /// Of items only those are followed whose number is a multiple of this: in messages, and in deliveries. 1 follows
    /// all.
    pub kept_items_one_of: u32,
    /// How many messages and deliveries were left out.
    pub dropped_rows: u64,
    /// The messages among them, by kind.
    pub dropped: Vec<Dropped>,
    /// Why the run proves nothing; empty if it does.
    pub invalid_reasons: Vec<String>,
}

/// Where a timeline comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A simulation.
    #[default]
    Simulated,
    /// The folder of a run of real nodes: deliveries, and no messages.
    Launched,
    /// What nodes wrote of their own inputs.
    Captured,
}

/// A fault, and when it held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSpan {
    /// Its kind, as manifests name it.
    pub kind: String,
    /// From when, microseconds.
    pub at_us: u64,
    /// Until when, microseconds; to the end if unset.
    pub until_us: Option<u64>,
    /// What it does, in a few words.
    pub text: String,
    /// The nodes that it holds; empty if it holds none alone.
    #[serde(default)]
    pub nodes: Vec<u32>,
}

/// A moment with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The moment, microseconds.
    pub at_us: u64,
    /// Its name.
    pub text: String,
}

/// Messages of a kind that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The number of the kind.
    pub kind: u8,
    /// How many.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fate {
    /// It was handed to its receiver.
    Arrived,
    /// A fault lost it.
    Lost,
    /// Its link, or its receiver, was gone before.
    Cut,
    /// It was under way at the end.
    UnderWay,
}

impl Fate {
    /// How many there are.
    pub const COUNT: u8 = 4;
}

/// What a node turns to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// It runs; all do at first.
    Up,
    /// It doesn't run.
    Down,
    /// It stands still.
    Paused,
    /// It stands still no longer.
    Resumed,
    /// It lies.
    Lying,
    /// It lies no longer.
    Honest,
    /// It is slower than it was.
    Slow,
    /// It is slow no longer.
    Quick,
}

impl State {
    /// All of them, by number.
    pub const ALL: [Self; 8] = [
        Self::Up,
        Self::Down,
        Self::Paused,
        Self::Resumed,
        Self::Lying,
        Self::Honest,
        Self::Slow,
        Self::Quick,
    ];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Lying => "lying",
            Self::Honest => "honest",
            Self::Slow => "slow",
            Self::Quick => "quick",
        }
    }
}
