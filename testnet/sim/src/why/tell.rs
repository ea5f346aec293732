//! The answer in plain sentences.

use tidings_protocol::ground::time::Time;

use super::answer::{Answer, Cause, Jump, Kind, Verdict};
use super::case::Case;
use super::suspects::message;
use crate::watch::{What, Word};

/// What happened in a step: about the item if anything was said of it, in general otherwise.
pub(super) fn event(case: &Case, step: u64) -> String {
    let mut parts: Vec<(u8, String)> = Vec::new();
    for note in case.notes.iter().filter(|note| note.step == step) {
        let part = match note.what {
            What::Sent { from, to, word, arrives: Time::NEVER, by, .. } => {
                let fault = by.map_or("", |by| case.source.scenario.fault[by].name());
                (0, format!("{} was lost ({fault})", message(from, to, word)))
            }
            What::Withheld { from, to, word } => {
                (1, format!("node {from} kept back {}", message(from, to, word)))
            }
            What::Sent { from, to, word, arrives, .. } => {
                let took = arrives.as_nanos().saturating_sub(note.at.as_nanos()) as f64 / 1e6;
                (3, format!("{} left, to arrive {took:.0} ms later", message(from, to, word)))
            }
            What::Accepted { node, .. } => (2, accepted(case, node)),
            What::Came { from, to, word } => (4, format!("{} arrived", message(from, to, word))),
            What::Held { from, to, word } => (
                1,
                format!("{} came, and node {to} doesn't read the link", message(from, to, word)),
            ),
        };
        parts.push(part);
    }
    parts.sort();
    if parts.is_empty() {
        let mut before = case.world_at(step.saturating_sub(1));
        return before.what_is_next().map_or_else(String::new, |(_, what)| what);
    }
    let more = parts.len().saturating_sub(2);
    let mut text: Vec<String> = parts.into_iter().take(2).map(|(_, part)| part).collect();
    if more > 0 {
        text.push(format!("{more} more messages about it"));
    }
    text.join("; ")
}

/// That a node had the item, and when it told the first who matters.
fn accepted(case: &Case, node: u32) -> String {
    let had = case.accepted(node);
    let told = case.notes.iter().find_map(|note| match note.what {
        What::Sent { from, to, word: Word::Announcement | Word::Item, .. }
            if from == node
                && case.accepted(to).is_none_or(|(_, _, giver)| giver == Some(node)) =>
        {
            Some((to, note.at))
        }
        _ => None,
    });
    match (had, told) {
        (Some((at, ..)), Some((to, when))) => format!(
            "node {node} accepted the item, and it was drawn that it tells node {to} {:.0} ms later",
            when.as_nanos().saturating_sub(at.as_nanos()) as f64 / 1e6
        ),
        _ => format!("node {node} accepted the item"),
    }
}

fn ms(us: impl Into<i64>) -> String {
    let ms = us.into() as f64 / 1e3;
    if ms.abs() < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

fn at(us: i64) -> String {
    if us < 0 { format!("{} before the submission", ms(-us)) } else { format!("at {}", ms(us)) }
}

/// All of it.
pub(super) fn story(answer: &Answer) -> Vec<String> {
    let Answer { item, node, origin, .. } = *answer;
    let late = i64::try_from(answer.late_us).unwrap_or(i64::MAX);
    let half = answer.median_us.map_or_else(
        || "fewer than half of the nodes ever had it".to_owned(),
        |us| format!("half of the nodes had it after {}", ms(us)),
    );
    let mut story = vec![match (answer.verdict, answer.latency_us) {
        (Verdict::Origin, _) => {
            format!("Item {item} was submitted at node {node} itself: it had it at once.")
        }
        (Verdict::InTime, Some(us)) => format!(
            "Item {item} wasn't late at node {node}: it came after {}, and late is what comes after {}; {half}.",
            ms(us),
            ms(late)
        ),
        (_, Some(us)) => format!(
            "Item {item}, submitted at node {origin}, came to node {node} after {}; late is what comes after {}, and {half}.",
            ms(us),
            ms(late)
        ),
        (_, None) => format!(
            "Item {item}, submitted at node {origin}, never came to node {node}; late is what comes after {}, and {half}.",
            ms(late)
        ),
    }];
    if matches!(answer.verdict, Verdict::Origin | Verdict::InTime) {
        return story;
    }
    if answer.path.len() > 1 {
        let way = answer.path.iter().map(|hop| match hop.from {
            None => format!("node {}", hop.node),
            Some(_) => format!("node {} ({})", hop.node, ms(hop.at_us)),
        });
        story.push(format!("Its way: {}.", way.collect::<Vec<_>>().join(", ")));
    }
    if let Some(begin) = answer.curve.first() {
        story.push(format!(
            "{}, {} of the branches were late.",
            capital(&at(begin.at_us)),
            begin.late.percent_within()
        ));
    }
    story.extend(answer.jumps.iter().map(decision));
    match answer.named() {
        Some(cause) => story.push(format!("What made it late: {}", of_cause(cause))),
        None if answer.causes.is_empty() && answer.curve.is_empty() => {}
        None => story.push(
            "Nothing that was tried makes it less late by itself: it is late as the network stands, or several things stand in \
             its way."
                .to_owned(),
        ),
    }
    let rest = answer.causes.iter().skip(usize::from(answer.named().is_some()));
    let rest =
        rest.filter(|cause| cause.effect() >= super::EFFECT_MIN && cause.kind != Kind::Chance);
    story.extend(rest.take(3).map(|cause| format!("Also: {}", of_cause(cause))));
    if answer.notes_are_missing {
        story.push("More was said of the item than is noted: causes may be missing.".to_owned());
    }
    story
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A decision as a sentence.
fn decision(jump: &Jump) -> String {
    format!(
        "{} {}: before, {} of the branches were late; after, {}.",
        capital(&at(jump.at_us)),
        jump.what,
        jump.before.percent_within(),
        jump.after.percent_within()
    )
}

/// A cause as a sentence.
pub(super) fn of_cause(cause: &Cause) -> String {
    let saves = match cause.saves_ms {
        Some(ms) if ms >= 1.0 => format!("; in this very run it would have come {ms:.0} ms sooner"),
        _ => String::new(),
    };
    let since = match cause.at_us {
        ..0 => "from the beginning".to_owned(),
        us => format!("at {}", ms(us)),
    };
    format!(
        "{} ({since}). As it was, {} of the branches were late; {}, {}{saves}.",
        cause.what,
        cause.as_it_was.percent_within(),
        cause.instead,
        cause.otherwise.percent_within()
    )
}
