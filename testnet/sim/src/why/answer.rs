//! What comes of the question: plain data, for programs and for sentences.

use serde::{Deserialize, Serialize};

use super::chance::Estimate;

/// How it went with the item and the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The item was submitted at the node.
    Origin,
    /// It came in time.
    InTime,
    /// It came late.
    Late,
    /// It never came.
    Never,
}

/// What made an item late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A node said that it had the item, and the message was lost.
    LostAnnouncement,
    /// A request was lost.
    LostRequest,
    /// The item was lost on its way.
    LostItem,
    /// Another message about it was lost.
    LostMessage,
    /// A message was held up on its way.
    HeldUp,
    /// A partition lay between two nodes.
    Partition,
    /// A link was read at neither end.
    ClogLink,
    /// A node lied, or kept the item for itself.
    Liar,
    /// A node announced it and didn't deliver.
    Withholder,
    /// A node stood still.
    Pause,
    /// A node had crashed.
    Crash,
    /// A link that takes longer than most.
    SlowLink,
    /// A message whose latency was drawn long.
    SlowMessage,
    /// A line that was full, or too narrow.
    FullLine,
    /// The node waited for the item's parents.
    MissingParent,
    /// The origin told its first hops alone for a while.
    Embargo,
    /// A node waited before it announced.
    Trickle,
    /// A peer was asked and didn't answer in time.
    Unanswered,
    /// A fault as a whole.
    Fault,
    /// Several faults, of which each alone would do.
    Faults,
    /// Something that was drawn in one event, whatever it was.
    Chance,
}

impl Kind {
    /// How near it comes to one thing: of causes that explain as much the one that is named is the most
    /// precise.
    pub(super) const fn precision(self) -> u8 {
        match self {
            Self::LostAnnouncement
            | Self::LostRequest
            | Self::LostItem
            | Self::LostMessage
            | Self::HeldUp => 9,
            Self::Partition | Self::ClogLink | Self::SlowMessage => 8,
            Self::Liar | Self::Withholder | Self::Pause | Self::Crash => 7,
            Self::SlowLink | Self::MissingParent => 6,
            Self::FullLine => 5,
            Self::Embargo => 4,
            Self::Trickle => 3,
            Self::Fault => 2,
            Self::Faults => 1,
            Self::Unanswered | Self::Chance => 0,
        }
    }
}

/// A moment, and how likely the item was late as things stood then.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Microseconds from the item's submission; less than 0 before.
    pub at_us: i64,
    /// Events of the world since the measured part began.
    pub step: u64,
    /// The share of branches from there in which it came late.
    pub late: Estimate,
}

/// An event across which the probability jumped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jump {
    /// Microseconds from the item's submission.
    pub at_us: i64,
    /// Which event.
    pub step: u64,
    /// Before it.
    pub before: Estimate,
    /// After it.
    pub after: Estimate,
    /// What happened then.
    pub what: String,
}

/// One thing which, had it been otherwise, would have made the item less late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// What it is.
    pub kind: Kind,
    /// The node that did it, or the sender of the message.
    pub node: Option<u32>,
    /// The other end of the link, or the receiver of the message.
    pub peer: Option<u32>,
    /// Which fault of the scenario it belongs to, by number.
    pub fault: Option<usize>,
    /// From when on it was otherwise, microseconds from the item's submission.
    pub at_us: i64,
    /// By how much sooner the item would have come in this very run, milliseconds; `None` if it still hadn't come or
    /// that wasn't tried.
    pub saves_ms: Option<f64>,
    /// How likely it was late as it went, from that moment on.
    pub as_it_was: Estimate,
    /// How likely it is with this one thing otherwise.
    pub otherwise: Estimate,
    /// What happened, as part of a sentence.
    pub what: String,
    /// What would be otherwise, as part of a sentence.
    pub instead: String,
}

impl Cause {
    /// How much of the probability goes away.
    #[must_use]
    pub fn effect(&self) -> f64 {
        self.as_it_was.share() - self.otherwise.share()
    }
}

/// A hop of the way that the item took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// The node.
    pub node: u32,
    /// From whom it had it; `None` for the origin.
    pub from: Option<u32>,
    /// When it accepted it, microseconds from the submission.
    pub at_us: i64,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The item, by its number in the workload.
    pub item: usize,
    /// Its id.
    pub item_id: String,
    /// The node.
    pub node: u32,
    /// Where it was submitted.
    pub origin: u32,
    /// How it went.
    pub verdict: Verdict,
    /// When the node had it, microseconds from its submission.
    pub latency_us: Option<u32>,
    /// When half of the nodes had it, microseconds; `None` if that was never so.
    pub median_us: Option<u32>,
    /// Later than this is late, microseconds.
    pub late_us: u64,
    /// The way that it took to the node.
    pub path: Vec<Hop>,
    /// The probability over time.
    pub curve: Vec<Point>,
    /// The events that decided.
    pub jumps: Vec<Jump>,
    /// What would have helped, the most first. The first one is what is named, if it explains anything.
    pub causes: Vec<Cause>,
    /// The story, a sentence each.
    pub story: Vec<String>,
    /// Branches that were run.
    pub branches: u64,
    /// Events that they took.
    pub events: u64,
    /// More was said of the item than is noted: causes may be missing.
    pub notes_are_missing: bool,
}

/// Less than this of a probability isn't called a cause. A guess: what some 50 branches tell from nothing.
pub const EFFECT_MIN: f64 = 0.15;

impl Answer {
    /// The cause that is named, if any explains enough.
    #[must_use]
    pub fn named(&self) -> Option<&Cause> {
        self.causes.first().filter(|cause| cause.effect() >= EFFECT_MIN)
    }
}
