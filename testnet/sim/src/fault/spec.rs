//! What may go wrong, as settings say it.

use serde::{Deserialize, Serialize};
use tidings_protocol::testkit::hostile::{Lie, Lies};

/// One fault: an entry `[[fault]]` of a manifest. Times count from the first submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultSpec {
    /// Relay messages vanish.
    Loss {
        /// Which share of them, 0 to 1.
        share: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Relay messages arrive twice.
    Duplicate {
        /// Which share of them, 0 to 1.
        share: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Messages are held up while other classes overtake them.
    Reorder {
        /// Which share of them, 0 to 1.
        share: f64,
        /// By how much, milliseconds.
        #[serde(default = "default_reorder")]
        by_ms: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Links carry nothing for a while.
    Clog {
        /// Which share of the links, 0 to 1.
        share: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds.
        for_s: f64,
    },
    /// Nodes lose everything.
    Crash {
        /// Which share of the nodes, 0 to 1, drawn at random.
        #[serde(default)]
        share: f64,
        /// Or: which nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<u32>,
        /// When, seconds.
        #[serde(default)]
        at_s: f64,
        /// When they come back, seconds later; never if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart_after_s: Option<f64>,
        /// Whether their peers have to find out.
        #[serde(default)]
        silent: bool,
    },
    /// Nodes come and go.
    Churn {
        /// Which share of the nodes crashes in a minute.
        per_minute: f64,
        /// Mean time until a crashed node is back, seconds, exponentially distributed.
        #[serde(default = "default_away")]
        away_s: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the last submission if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Two sides hear nothing of each other.
    Partition {
        /// Which share of the nodes is on the smaller side, 0 to 1.
        #[serde(default = "default_side")]
        share: f64,
        /// When, seconds.
        #[serde(default)]
        at_s: f64,
        /// When it heals, seconds later.
        for_s: f64,
        /// What becomes of messages and links across.
        #[serde(default)]
        mode: Cut,
    },
    /// Nodes stand still.
    Pause {
        /// Which share of the nodes, 0 to 1, drawn at random.
        #[serde(default)]
        share: f64,
        /// Or: which nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<u32>,
        /// When, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds.
        for_s: f64,
    },
    /// Some nodes hear nothing of some others, though both hear everybody else.
    Cut {
        /// Between which nodes: pairs of their numbers.
        links: Vec<(u32, u32)>,
        /// When, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
        /// What becomes of messages and links between them.
        #[serde(default)]
        mode: Cut,
    },
    /// What nodes send and are sent takes longer, or what goes over links.
    Slow {
        /// Which share of the nodes, 0 to 1, drawn at random.
        #[serde(default)]
        share: f64,
        /// Or: which nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<u32>,
        /// Or: between which nodes: pairs of their numbers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        links: Vec<(u32, u32)>,
        /// By how much, milliseconds; twice as much between two slow nodes.
        by_ms: f64,
        /// From when, seconds.
        #[serde(default)]
        at_s: f64,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
    /// Nodes lie, as [`Hostile`](tidings_protocol::testkit::hostile::Hostile) does.
    Liar {
        /// Which share of the nodes, 0 to 1, drawn at random.
        #[serde(default)]
        share: f64,
        /// Or: which nodes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<u32>,
        /// How: the name of a lie, or `all`.
        #[serde(default = "default_lies")]
        say: Lies,
        /// Whether they never deliver what they announce; if unset, those who lie about nothing but who had what.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        withhold: Option<bool>,
        /// From when, seconds; from the beginning, the warm-up included, if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_s: Option<f64>,
        /// For how long, seconds; to the end if unset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<f64>,
    },
}

/// Most pairs of nodes that a fault names: all links of ten thousand nodes. A guess.
const LINKS_MAX: usize = 100_000;

/// What a partition or a cut does to what goes across.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// Messages are lost, links stay.
    #[default]
    Drop,
    /// Messages arrive when it heals.
    Stall,
    /// Links break.
    Break,
}

/// Linux's first retransmission timeout after a round trip of 100 ms: that and 200 ms, less what a fast
/// retransmit saves. A guess.
const fn default_reorder() -> f64 {
    200.0
}

/// A restart of a node's process. A guess.
const fn default_away() -> f64 {
    30.0
}

const fn default_side() -> f64 {
    0.5
}

/// "I had it already", so that others send less.
const fn default_lies() -> Lies {
    Lies::One(Lie::Known)
}

impl FaultSpec {
    /// The crash of a share of the nodes, at once and for good.
    #[must_use]
    pub const fn kill(share: f64, at_s: f64) -> Self {
        Self::Crash { share, nodes: Vec::new(), at_s, restart_after_s: None, silent: false }
    }

    /// Its name in manifests.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Loss { .. } => "loss",
            Self::Duplicate { .. } => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Clog { .. } => "clog",
            Self::Crash { .. } => "crash",
            Self::Churn { .. } => "churn",
            Self::Partition { .. } => "partition",
            Self::Pause { .. } => "pause",
            Self::Cut { .. } => "cut",
            Self::Slow { .. } => "slow",
            Self::Liar { .. } => "liar",
        }
    }

    /// When it begins and how long it lasts, seconds; `None` if it lasts to the end.
    #[must_use]
    pub const fn window(&self) -> (f64, Option<f64>) {
        match *self {
            Self::Loss { at_s, for_s, .. }
            | Self::Duplicate { at_s, for_s, .. }
            | Self::Reorder { at_s, for_s, .. }
            | Self::Churn { at_s, for_s, .. }
            | Self::Cut { at_s, for_s, .. }
            | Self::Slow { at_s, for_s, .. }
            | Self::Liar { at_s: Some(at_s), for_s, .. } => (at_s, for_s),
            Self::Clog { at_s, for_s, .. }
            | Self::Partition { at_s, for_s, .. }
            | Self::Pause { at_s, for_s, .. } => (at_s, Some(for_s)),
            Self::Crash { at_s, restart_after_s, .. } => (at_s, restart_after_s),
            Self::Liar { at_s: None, for_s, .. } => (0.0, for_s),
        }
    }

    /// Whether it begins before anything else, the warm-up included.
    #[must_use]
    pub const fn is_from_the_beginning(&self) -> bool {
        matches!(self, Self::Liar { at_s: None, .. })
    }

    /// The nodes that it names, if it may name any.
    fn named_nodes(&self) -> &[u32] {
        match self {
            Self::Crash { nodes, .. }
            | Self::Pause { nodes, .. }
            | Self::Slow { nodes, .. }
            | Self::Liar { nodes, .. } => nodes,
            _ => &[],
        }
    }

    /// The pairs of nodes that it names, if it may name any.
    #[must_use]
    pub fn named_links(&self) -> &[(u32, u32)] {
        match self {
            Self::Cut { links, .. } | Self::Slow { links, .. } => links,
            _ => &[],
        }
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self, nodes: usize) -> Result<(), String> {
        let name = self.name();
        let share = match *self {
            Self::Loss { share, .. }
            | Self::Duplicate { share, .. }
            | Self::Reorder { share, .. }
            | Self::Clog { share, .. }
            | Self::Crash { share, .. }
            | Self::Partition { share, .. }
            | Self::Pause { share, .. }
            | Self::Slow { share, .. }
            | Self::Liar { share, .. } => ("share", share),
            Self::Cut { .. } => ("share", 0.0),
            Self::Churn { per_minute, .. } => ("per_minute", per_minute),
        };
        if !(0.0..=1.0).contains(&share.1) {
            return Err(format!("fault {name}: {} is {}, but must be 0 to 1", share.0, share.1));
        }
        let (at, length) = self.window();
        let by = match *self {
            Self::Churn { away_s, .. } => ("away_s", away_s),
            Self::Reorder { by_ms, .. } | Self::Slow { by_ms, .. } => ("by_ms", by_ms),
            _ => ("for_s", 1.0),
        };
        let for_s = ("for_s", length.unwrap_or(1.0), 1e-9);
        for (key, value, least) in [("at_s", at, 0.0), for_s, (by.0, by.1, 1e-9)] {
            if !value.is_finite() || value < least {
                let must = if least > 0.0 { "more than 0" } else { "at least 0" };
                return Err(format!("fault {name}: {key} is {value}, but must be {must}"));
            }
        }
        self.validate_named(share.1, nodes)
    }

    /// Checks the nodes and links that are named.
    fn validate_named(&self, share: f64, nodes: usize) -> Result<(), String> {
        let name = self.name();
        let (named, links) = (self.named_nodes(), self.named_links());
        let ways = [share > 0.0, !named.is_empty(), !links.is_empty()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            let or_links =
                if matches!(self, Self::Slow { .. }) { ", nodes or links" } else { " or nodes" };
            return Err(format!("fault {name}: give either share{or_links}, not both"));
        }
        let mut all = named.iter().chain(links.iter().flat_map(|(a, b)| [a, b]));
        if let Some(node) = all.find(|node| **node as usize >= nodes) {
            return Err(format!("fault {name}: there is no node {node} among {nodes}"));
        }
        if let Some((node, _)) = links.iter().find(|(a, b)| a == b) {
            return Err(format!("fault {name}: node {node} has no link with itself"));
        }
        if links.len() > LINKS_MAX {
            return Err(format!(
                "fault {name}: there are {} links, but may be at most {LINKS_MAX}",
                links.len()
            ));
        }
        match self {
            Self::Cut { links, .. } if links.is_empty() => {
                Err(format!("fault {name}: links names none: give pairs of node numbers"))
            }
            Self::Cut { mode: Cut::Stall, for_s: None, .. } => Err(format!(
                "fault {name}: with mode stall messages arrive when it is over: give for_s, or use drop"
            )),
            _ => Ok(()),
        }
    }
}
