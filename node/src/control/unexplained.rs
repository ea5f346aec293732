//! Why a question about the past has no answer.

/// Most candidates named when a question fits several.
const CANDIDATES_MAX: usize = 8;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// Nothing is recorded.
    #[error("this node keeps no record: `params.record.steps` is 0")]
    Off,
    /// The question makes no sense.
    #[error(
        "`{0}` is no id of an item, nor the beginning of one: write up to 64 hexadecimal digits"
    )]
    NoId(String),
    /// Nothing is known of the item.
    #[error(
        "nothing is known of {what} `{query}`; the record is complete for the last {complete_s} s"
    )]
    Unknown {
        /// An item, or a peer.
        what: &'static str,
        /// What was asked for.
        query: String,
        /// How far back the record reaches, seconds.
        complete_s: u64,
    },
    /// Several fit.
    #[error("`{query}` may be any of {}{}: write more of it", candidates.join(", "), and_more(*.more))]
    Ambiguous {
        /// What was asked for.
        query: String,
        /// Those that fit, at most 8.
        candidates: Vec<String>,
        /// How many more there are.
        more: usize,
    },
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}

impl Unexplained {
    /// That a question fits several.
    pub(crate) fn ambiguous(query: &str, mut candidates: Vec<String>) -> Self {
        let more = candidates.len().saturating_sub(CANDIDATES_MAX);
        candidates.truncate(CANDIDATES_MAX);
        Self::Ambiguous { query: query.to_owned(), candidates, more }
    }
}
