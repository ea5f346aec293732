//! What membership did while real nodes relayed: how soon all knew all, what it sent, and whom it took for dead. Absent where
//! nodes are no members.
//!
//! **What counts.** Rates are of the nodes alive at the end, from just before the first submission until the run was over, in
//! real time. They count what is handed to sockets: datagrams and streams of members on the one side, what the
//! relay wrote to its links on the other. IP, UDP and TCP add their headers to all of it.

use serde::{Deserialize, Serialize};

use crate::figures::statistics::Distribution;

/// Figures of membership, under `members` in `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Members {
    /// How soon members find each other dead: a preset of the node's settings.
    pub preset: String,
    /// From the start of the first node until each node had seen all others alive, seconds.
    pub converged_s: Option<f64>,
    /// Datagrams that a node sent as a member each second, on average.
    pub datagrams_per_s: Option<f64>,
    /// Of the node that sent most.
    pub datagrams_per_s_max: Option<f64>,
    /// Bytes of these datagrams each second, on average.
    pub datagram_bytes_per_s: Option<f64>,
    /// Bytes that a node sent on members' streams each second, on average.
    pub stream_bytes_per_s: Option<f64>,
    /// Bytes that a node sent to its links each second, on average.
    pub relay_bytes_per_s: Option<f64>,
    /// Members' bytes, datagrams and streams, by the relay's; 1 is as many.
    pub share_of_relay: Option<f64>,
    /// How often living nodes were suspected, or taken for dead, and had to say that they live.
    pub false_suspicions: u64,
    /// How often a node took a living one for dead.
    pub false_deaths: u64,
    /// Mean over kills of when the first survivor took the killed node for dead, seconds after the kill; `None` if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_death_s: Option<f64>,
    /// Mean over kills of when the last survivor did; `None` unless all did of all, as far as was waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_death_s: Option<f64>,
    /// The latest of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_death_s_max: Option<f64>,
    /// Each kill, in the order of the nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kills: Vec<SeenKill>,
}

/// How a kill was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenKill {
    /// The killed node.
    pub node: u32,
    /// When the first survivor took it for dead, seconds after the kill; `None` if none did.
    pub first_s: Option<f64>,
    /// When the last survivor did; `None` unless all did, as far as was waited.
    pub last_s: Option<f64>,
    /// Survivors that did.
    pub by: u64,
    /// Survivors.
    pub survivors: u64,
}

impl Members {
    /// The same with how kills were seen.
    #[must_use]
    pub fn with_kills(self, kills: Vec<SeenKill>) -> Self {
        let first = Distribution::new(kills.iter().filter_map(|kill| kill.first_s).collect());
        let last: Option<Vec<f64>> = kills.iter().map(|kill| kill.last_s).collect();
        let last = Distribution::new(last.unwrap_or_default());
        Self {
            first_death_s: first.mean(),
            last_death_s: last.mean(),
            last_death_s_max: last.max(),
            kills,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::summary::{Inputs, Summary, flat_figures};
    use crate::run::Run;

    fn kill(node: u32, first_s: f64, last_s: Option<f64>) -> SeenKill {
        let by = 6 + u64::from(last_s.is_some());
        SeenKill { node, first_s: Some(first_s), last_s, by, survivors: 7 }
    }

    #[test]
    fn a_death_that_not_all_saw_leaves_the_last_one_unknown() {
        let all =
            Members::default().with_kills(vec![kill(3, 2.0, Some(3.0)), kill(5, 4.0, Some(7.0))]);
        assert_eq!((all.first_death_s, all.last_death_s), (Some(3.0), Some(5.0)));
        assert_eq!(all.last_death_s_max, Some(7.0));
        let some = all.with_kills(vec![kill(3, 2.0, Some(3.0)), kill(5, 4.0, None)]);
        assert_eq!((some.first_death_s, some.last_death_s), (Some(3.0), None));
        assert_eq!(Members::default().with_kills(Vec::new()), Members::default());
    }

    #[test]
    fn a_summary_has_the_figures_of_members_and_one_without_members_has_none() {
        let members = Members { preset: "fleet".to_owned(), ..Members::default() }
            .with_kills(vec![kill(3, 2.0, Some(3.0))]);
        let inputs = Inputs { members: Some(members), ..Inputs::default() };
        let summary = Summary::compute(&Run::default(), inputs);
        let read: Summary = serde_json::from_str(&summary.to_json()).unwrap();
        assert_eq!(read, summary);
        let figures = flat_figures(&summary.to_value());
        let figure =
            |key: &str| figures.iter().find(|(found, _)| found == key).map(|(_, value)| value);
        assert_eq!(figure("members.preset"), Some(&"fleet".into()));
        assert_eq!(figure("members.last_death_s"), Some(&3.0.into()));
        let without = Summary::compute(&Run::default(), Inputs::default());
        assert!(!without.to_json().contains("members"));
    }
}
