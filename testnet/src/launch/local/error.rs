//! A node, or the host of many, that didn't start or died.

use std::time::Duration;

/// How many lines of a log are shown when its node failed.
pub(super) const LOG_LINES: usize = 5;

/// How long a node may take until its API answers. A guess: 1,000 nodes that start on two cores.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a starting node is looked at: it takes some 20 ms.
pub(super) const START_POLL: Duration = Duration::from_millis(10);

/// A node that didn't start or died, with what it said last.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}{}", log_tail(log))]
pub struct NodeError {
    /// Its name.
    pub name: String,
    /// What happened.
    pub problem: String,
    /// The last lines of its log.
    pub log: Vec<String>,
}

fn log_tail(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    | {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_shown() {
        let log = vec!["3".to_owned(), "4".to_owned()];
        let error = NodeError { name: "n0012".into(), problem: "port in use".into(), log };
        assert_eq!(error.to_string(), "n0012: port in use\n    | 3\n    | 4");
    }
}
