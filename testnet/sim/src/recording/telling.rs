//! What a recording says of its scenario and of its faults, in words.

use tidings_protocol::wire::kinds::MessageKind;
use tidings_timeline::About;

use crate::fault::{Cut, FaultSpec};
use crate::scenario::Scenario;

/// What is known of a run before it is one.
pub(crate) fn about(scenario: &Scenario) -> About {
    let strategy = scenario.params.relay.strategy.to_string();
    let nodes = scenario.network.nodes;
    About {
        title: format!("{strategy}, {nodes} nodes"),
        seed: scenario.seed.to_string(),
        scenario: serde_json::to_value(scenario).ok(),
        strategy,
        nodes: u32::try_from(nodes).unwrap_or(u32::MAX),
        kinds: MessageKind::ALL.map(|kind| kind.name().to_owned()).to_vec(),
        ..About::default()
    }
}

/// What a fault does, once it is known whom it holds.
pub(crate) fn tell_fault(fault: &FaultSpec, nodes: usize) -> String {
    let percent = |share: f64| format!("{} %", (share * 1_000.0).round() / 10.0);
    let nodes = match nodes {
        1 => "a node".to_owned(),
        nodes => format!("{nodes} nodes"),
    };
    match fault {
        FaultSpec::Loss { share, .. } => format!("{} of relay messages vanish", percent(*share)),
        FaultSpec::Duplicate { share, .. } => {
            format!("{} of relay messages arrive twice", percent(*share))
        }
        FaultSpec::Reorder { share, by_ms, .. } => {
            format!("{} of relay messages are held up by {by_ms} ms", percent(*share))
        }
        FaultSpec::Clog { share, .. } => format!("{} of the links carry nothing", percent(*share)),
        FaultSpec::Crash { silent: false, .. } => format!("crash: {nodes}"),
        FaultSpec::Crash { silent: true, .. } => {
            format!("crash: {nodes}, and peers have to find out")
        }
        FaultSpec::Churn { per_minute, away_s, .. } => {
            format!(
                "{} of the nodes crash a minute, and are back {away_s} s later",
                percent(*per_minute)
            )
        }
        FaultSpec::Partition { mode, .. } => {
            format!("cut off from all others: {nodes}; {}", across(*mode))
        }
        FaultSpec::Cut { links, mode, .. } => {
            format!("nothing is heard {}; {}", between(links), across(*mode))
        }
        FaultSpec::Slow { links, by_ms, .. } if !links.is_empty() => {
            format!("messages {} take {by_ms} ms longer", between(links))
        }
        FaultSpec::Slow { by_ms, .. } => format!("slower by {by_ms} ms: {nodes}"),
        FaultSpec::Pause { .. } => format!("standing still: {nodes}"),
        FaultSpec::Liar { say, .. } => format!("lying ({say}): {nodes}"),
    }
}

const fn across(mode: Cut) -> &'static str {
    match mode {
        Cut::Drop => "messages are lost",
        Cut::Stall => "messages wait",
        Cut::Break => "links break",
    }
}

fn between(links: &[(u32, u32)]) -> String {
    match links {
        [(a, b)] => format!("between nodes {a} and {b}"),
        links => format!("between {} pairs of nodes", links.len()),
    }
}
