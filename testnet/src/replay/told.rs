//! What `replay` prints: for people, or as JSON.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tidings::api::explain::TxStory;
use tidings::capture::{Difference, Ending, Replay};
use tidings::cli::{tell_tx, utc};
use tidings_tools::show::format::grouped;

use super::what_if::{Compared, Tally, Times};
use crate::captures::merge::{Merged, Node};
use crate::captures::sightings::{Told, seconds};

/// Most actions of one input that are shown.
const ACTIONS_SHOWN: usize = 12;

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn ending(ending: Option<&Ending>) -> String {
    match ending {
        None => "looked at no further".to_owned(),
        Some(Ending::Ended(why)) => format!("it ends since {why}"),
        Some(Ending::Open) => "it ends without a reason: the node was killed, or runs".to_owned(),
        Some(Ending::Damaged { path, offset, lost }) => format!(
            "it ends at a block that is cut or damaged, in {} from byte {offset} on: {} bytes are lost",
            path.display(),
            grouped(*lost)
        ),
    }
}

/// How replays went.
pub(super) fn compared(nodes: &[Node], as_json: bool) -> String {
    let lives = nodes.iter().flat_map(|node| node.lives.iter().map(|seen| (&node.name, seen)));
    let mut text = String::new();
    for (name, seen) in lives {
        let Told { life, inputs, actions, stored_bytes, software, difference: found, ending: end } =
            &seen.told;
        let span_us = seen.span_us.1 - seen.span_us.0;
        if as_json {
            text += &line(&json!({
                "node": name,
                "life": life,
                "peer_id": seen.peer_id,
                "software": software,
                "began_unix_us": seen.span_us.0,
                "span_us": span_us,
                "stored_bytes": stored_bytes,
                "inputs": inputs,
                "actions": actions,
                "equal": found.is_none(),
                "difference": found.as_deref().map(difference_json),
                "ending": ending(end.as_ref()),
            }));
            continue;
        }
        let equal = if found.is_none() { "acts the same" } else { "acts OTHERWISE" };
        let _ = writeln!(
            text,
            "{name}, life {life}: {equal}: {} inputs, {} actions in {:.1} s, from {}; {}",
            grouped(*inputs),
            grouped(*actions),
            span_us as f64 / 1e6,
            utc(seen.span_us.0),
            ending(end.as_ref())
        );
        if let Some(found) = found {
            if *software != env!("CARGO_PKG_VERSION") {
                let _ = writeln!(
                    text,
                    "  captured by version {software}, replayed by {}",
                    env!("CARGO_PKG_VERSION")
                );
            }
            text += &difference(found, false);
        }
    }
    text
}

fn difference_json(found: &Difference) -> Value {
    json!({
        "input": found.number,
        "at_s": seconds(found.at),
        "unix_us": found.unix_us,
        "what": found.input,
        "then": found.then,
        "now": found.now,
        "place": found.place,
        "digest_then": found.digest_then.map(|digest| format!("{digest:08x}")),
        "digest_now": found.digest_now.map(|digest| format!("{digest:08x}")),
    })
}

/// The first difference.
pub(super) fn difference(found: &Difference, as_json: bool) -> String {
    if as_json {
        return line(&json!({ "difference": difference_json(found) }));
    }
    let Difference { number, at, unix_us, input, then, now, place, digest_then, digest_now } =
        found;
    let digest = |digest: &Option<u32>| {
        digest.map_or_else(|| "none".to_owned(), |digest| format!("{digest:08x}"))
    };
    let mut text = format!(
        "  first difference: input {number}, {:.6} s after the start ({}): {input}\n",
        seconds(*at),
        utc(*unix_us)
    );
    let shown = |actions: &[String], first: usize| {
        let rest = actions.get(first..).unwrap_or_default();
        let mut shown = rest.iter().take(ACTIONS_SHOWN).cloned().collect::<Vec<_>>().join("; ");
        if rest.is_empty() {
            "nothing".clone_into(&mut shown);
        } else if rest.len() > ACTIONS_SHOWN {
            let _ = write!(shown, "; and {} more", rest.len() - ACTIONS_SHOWN);
        }
        shown
    };
    match place {
        Some(place) => {
            let _ = writeln!(text, "  {place} actions are of the same kinds; from there on,");
            let _ =
                writeln!(text, "  then: {} (digest {})", shown(then, *place), digest(digest_then));
            let _ =
                writeln!(text, "  now:  {} (digest {})", shown(now, *place), digest(digest_now));
        }
        None => {
            text += "  the kinds of all its actions are the same; what is in one of them isn't\n";
            let _ = writeln!(text, "  then: {} (digest {})", shown(then, 0), digest(digest_then));
            let _ = writeln!(text, "  now:  {} (digest {})", shown(now, 0), digest(digest_now));
        }
    }
    text
}

/// The story of an item at a moment.
pub(super) fn story(story: &TxStory, replay: &Replay, as_json: bool) -> String {
    if as_json {
        return serde_json::to_string(story).map_or_else(|_| String::new(), |text| text + "\n");
    }
    let at = replay.unix_us(replay.now());
    let after = seconds(replay.now());
    format!("as the node was at {}, {after:.6} s after its start\n\n{}", utc(at), tell_tx(story))
}

/// What was written of several nodes.
pub(super) fn merged(merged: &Merged, file: &Path) -> String {
    let mut text = format!(
        "{}: {} messages, of which {} were found at both ends; {}\n",
        file.display(),
        grouped(merged.timeline.messages.sent.len() as u64),
        grouped(merged.matched),
        merged.alignment.sentence()
    );
    if merged.strangers > 0 {
        let _ = writeln!(
            text,
            "peers without a capture: {}; what they sent is shown as it came, and what they were sent as it left",
            merged.strangers
        );
    }
    text
}

fn median(spans: &[Duration]) -> Option<f64> {
    spans.get(spans.len() / 2).map(|span| span.as_secs_f64() * 1e3)
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} ms"))
}

/// What would have been.
pub(super) fn what_if(compared: &Compared, set: &[String], as_json: bool) -> String {
    if as_json {
        return what_if_json(compared, set);
    }
    let Compared { from, was, would, .. } = compared;
    let mut text = String::new();
    if let Some(found) = &compared.difference {
        text += "the core acts otherwise already with the parameters that were captured:\n";
        return text + &difference(found, false);
    }
    let since = if from.as_nanos() == 0 {
        "from the start".to_owned()
    } else {
        format!("from {:.3} s after the start", seconds(*from))
    };
    let _ = writeln!(text, "{since}, with {}\n", set.join(", "));
    let _ =
        writeln!(text, "{:<34} {:>22} {:>22}", "this node", "as it was", "as it would have been");
    let mut row = |name: &str, was: String, would: String| {
        let _ = writeln!(text, "{name:<34} {was:>22} {would:>22}");
    };
    let kinds: std::collections::BTreeSet<_> = was.sent.keys().chain(would.sent.keys()).collect();
    for kind in kinds {
        let told = |tally: &Tally| {
            let (messages, bytes) = tally.sent.get(kind).copied().unwrap_or_default();
            format!("{} ({} B)", grouped(messages), grouped(bytes))
        };
        row(&format!("sent: {kind}"), told(was), told(would));
    }
    let accepted = |tally: &Tally| grouped(tally.ids.len() as u64);
    row("accepted", accepted(was), accepted(would));
    let ([first_was, last_was], [first_would, last_would]) = (was.spans(), would.spans());
    row("accepted to first told, median", millis(median(&first_was)), millis(median(&first_would)));
    row("accepted to last told, median", millis(median(&last_was)), millis(median(&last_would)));
    if let Some([story_was, story_would]) = &compared.stories {
        let told = |story: &Result<TxStory, String>| match story {
            Ok(story) => tell_tx(story),
            Err(why) => format!("{why}\n"),
        };
        let _ = write!(text, "\nas it was\n\n{}", told(story_was));
        let _ = write!(text, "\nas it would have been\n\n{}", told(story_would));
    }
    text += "\nThis tells when this node would have asked, announced and sent. What others would have done about it isn't known: here they \
             say what they said, when they said it. Verifying takes no time here.\n";
    text
}

fn what_if_json(compared: &Compared, set: &[String]) -> String {
    let of = |tally: &Tally| {
        let sent: serde_json::Map<String, Value> = tally
            .sent
            .iter()
            .map(|(kind, (messages, bytes))| {
                ((*kind).to_owned(), json!({ "messages": messages, "bytes": bytes }))
            })
            .collect();
        let [first, last] = tally.spans();
        json!({
            "sent": sent,
            "accepted": tally.ids.len(),
            "accepted_to_first_told_ms": median(&first),
            "accepted_to_last_told_ms": median(&last),
        })
    };
    let items = compared.was.ids.iter().filter_map(|(short, id)| {
        let would = compared.would.items.get(short)?;
        Some(json!({ "id": id.to_string(), "was": times(compared.was.items.get(short)?), "would": times(would) }))
    });
    let stories = compared.stories.as_ref().map(|stories| {
        stories.each_ref().map(|story| match story {
            Ok(story) => serde_json::to_value(story).unwrap_or(Value::Null),
            Err(why) => json!({ "unexplained": why }),
        })
    });
    line(&json!({
        "from_s": seconds(compared.from),
        "set": set,
        "was": of(&compared.was),
        "would": of(&compared.would),
        "items": items.collect::<Vec<_>>(),
        "stories": stories,
        "difference": compared.difference.as_deref().map(difference_json),
    }))
}

fn times(times: &Times) -> Value {
    let at = |time: Option<tidings_protocol::ground::time::Time>| time.map(seconds);
    json!({
        "asked_s": at(times.asked),
        "accepted_s": at(times.accepted),
        "first_told_s": at(times.told),
        "last_told_s": at(times.told_last),
        "tellings": times.tellings,
    })
}
