//! The answer as text and as JSON.

use serde_json::{Value, json};
use tidings_sim::why::answer::{Answer, Cause};
use tidings_tools::show::table::grid;

/// One JSON object. Items are numbered as in the run's items.csv.
pub(super) fn json(answer: &Answer, warmup: usize, took: &Value) -> String {
    let mut value = serde_json::to_value(answer).unwrap_or_default();
    value["item"] = json!(answer.item - warmup);
    value["named"] = answer.named().map_or(Value::Null, |cause| json!(cause));
    value["took"] = took.clone();
    value.to_string()
}

/// Sentences, and the tables behind them.
pub(super) fn text(answer: &Answer) -> String {
    let mut text = answer.story.iter().fold(String::new(), |text, line| text + line + "\n");
    if answer.curve.is_empty() {
        return text;
    }
    text += "\nLate, by when all is drawn anew:\n";
    text += &grid(&["at, ms", "late", "within 95 %", "branches", "then"], &curve(answer));
    if !answer.causes.is_empty() {
        text += "\nWith one thing otherwise:\n";
        let names = ["cause", "late as it was", "otherwise", "less by", "sooner by, ms", "who"];
        text += &grid(&names, &answer.causes.iter().map(cause).collect::<Vec<_>>());
    }
    text
}

pub(super) fn ms(us: i64) -> String {
    format!("{:.1}", us as f64 / 1e3)
}

pub(super) fn curve(answer: &Answer) -> Vec<Vec<String>> {
    let row = |point: &tidings_sim::why::answer::Point| {
        let (low, high) = point.late.interval();
        let then = answer.jumps.iter().find(|jump| jump.step == point.step);
        vec![
            ms(point.at_us),
            point.late.percent(),
            format!("{:.0} to {:.0} %", low * 100.0, high * 100.0),
            point.late.of.to_string(),
            then.map_or_else(String::new, |jump| jump.what.clone()),
        ]
    };
    answer.curve.iter().map(row).collect()
}

pub(super) fn cause(cause: &Cause) -> Vec<String> {
    let kind = serde_json::to_value(cause.kind).ok();
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or("?").replace('-', " ");
    let who = match (cause.node, cause.peer) {
        (Some(node), Some(peer)) => format!("nodes {node}, {peer}"),
        (Some(node), None) => format!("node {node}"),
        _ => String::new(),
    };
    vec![
        kind,
        cause.as_it_was.percent_within(),
        cause.otherwise.percent_within(),
        format!("{:.0} points", cause.effect() * 100.0),
        cause.saves_ms.map_or_else(String::new, |ms| format!("{ms:.0}")),
        who,
    ]
}
