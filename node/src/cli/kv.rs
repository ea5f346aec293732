//! `tidings kv`: the small settings that a fleet shares. `node/KV.md` tells what for, and how.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::Folder;
use super::args::{Deletable, ElementArgs, KeyArgs, KvVerb, PrefixArgs, Remote};
use super::explain::utc;
use crate::api::kv::{
    KvConflicts, KvEntries, KvEntry, KvKind, KvLost, KvStamp, KvText, KvWhy, KvWrite,
};
use crate::api::{KvChange, Notice};
use crate::cli::error::Error;
use crate::printable;

/// Longest name or value in a list, bytes: what is longer ends early there, and `get` shows all of it. A guess.
const SHOWN_MAX: usize = 200;

pub(super) fn kv(folder: &Folder, verb: &KvVerb) -> Result<ExitCode, Error> {
    let text = |text: &String| KvText::from(text.as_str());
    match verb {
        KvVerb::Get(KeyArgs { key, remote }) => {
            let key = text(key);
            let entries = folder.ask(remote, async |client| client.kv_get(&key).await)?;
            let found = KvEntries { entries };
            folder.output.print(&found, || found.entries.iter().map(show).collect())?;
        }
        KvVerb::List(PrefixArgs { prefix, remote }) => {
            let prefix = text(prefix);
            let entries = folder.ask(remote, async |client| client.kv_list(&prefix).await)?;
            let found = KvEntries { entries };
            folder.output.print(&found, || found.entries.iter().map(line).collect())?;
        }
        KvVerb::Set { key, value, field, remote } => {
            let (key, value, field) = (text(key), text(value), field.as_ref().map(text));
            write(folder, remote, &KvWrite::Set { key, value, field })?;
        }
        KvVerb::Delete { key, field, kind, remote } => {
            let kind = kind.map(|kind| match kind {
                Deletable::Set => KvKind::Set,
                Deletable::Map => KvKind::Map,
            });
            let (key, field) = (text(key), field.as_ref().map(text));
            write(folder, remote, &KvWrite::Delete { key, field, kind })?;
        }
        KvVerb::Add { key, by, remote } => {
            write(folder, remote, &KvWrite::Add { key: text(key), by: *by })?;
        }
        KvVerb::Include(ElementArgs { key, element, remote }) => {
            let (key, element) = (text(key), text(element));
            write(folder, remote, &KvWrite::Include { key, element })?;
        }
        KvVerb::Exclude(ElementArgs { key, element, remote }) => {
            let (key, element) = (text(key), text(element));
            write(folder, remote, &KvWrite::Exclude { key, element })?;
        }
        KvVerb::Watch(PrefixArgs { prefix, remote }) => watch(folder, &text(prefix), remote)?,
        KvVerb::Conflicts(remote) => {
            let conflicts = folder.ask(remote, async |client| client.kv_conflicts().await)?;
            folder.output.print(&conflicts, || describe(&conflicts))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Folder, remote: &Remote, write: &KvWrite) -> Result<(), Error> {
    let entry = folder.ask(remote, async |client| client.kv_write(write).await)?;
    folder.output.print(&entry, || line(&entry))
}

/// How many events were lost, as far as that is known.
pub(super) fn lost(count: Option<u64>) -> String {
    count.map_or_else(|| "some".to_owned(), |count| count.to_string())
}

/// Prints changes until the node stops. What the reader does with them is none of the node's business.
fn watch(folder: &Folder, prefix: &KvText, remote: &Remote) -> Result<(), Error> {
    let mut printed = Ok(());
    folder.ask(remote, async |client| {
        let mut changes = client.kv_watch(prefix).await?;
        while let Some(change) = changes.next().await? {
            printed = folder.output.print(&change, || match &change {
                KvChange::Entry(entry) => line(entry),
                KvChange::Notice(Notice::Lost { count }) => {
                    let count = lost(*count);
                    format!("({count} changes came too fast: `tidings kv list` shows what holds)\n")
                }
            });
            if printed.is_err() {
                break;
            }
        }
        Ok(())
    })?;
    printed
}

/// A name or value as a part of a line.
fn shown(text: &KvText) -> String {
    printable::line(text, SHOWN_MAX)
}

/// What is under a key, for people and scripts: a single value as it is, several one a line.
fn show(entry: &KvEntry) -> String {
    let mut text = String::new();
    if let Some(number) = entry.number {
        let _ = writeln!(text, "{}", number.0);
    }
    if entry.kind == KvKind::Siblings && entry.values.len() > 1 {
        let count = entry.values.len();
        let _ = writeln!(text, "# {count} values: `tidings kv set` chooses");
    }
    entry.values.iter().for_each(|value| _ = writeln!(text, "{value}"));
    entry.fields.iter().for_each(|field| {
        let _ = writeln!(text, "{} = {}", shown(&field.name), field.value);
    });
    text
}

/// A key and what is under it, in one line.
fn line(entry: &KvEntry) -> String {
    let list = |values: &[KvText]| values.iter().map(shown).collect::<Vec<_>>();
    let value = match entry.kind {
        _ if entry.deleted => "(deleted)".to_owned(),
        KvKind::Siblings if entry.values.len() > 1 => {
            format!("(unresolved) {}", list(&entry.values).join(" | "))
        }
        KvKind::Register | KvKind::Siblings => list(&entry.values).concat(),
        KvKind::Counter => entry.number.map_or_else(String::new, |number| number.0.to_string()),
        KvKind::Set => format!("{{{}}}", list(&entry.values).join(", ")),
        KvKind::Map => {
            let fields = entry.fields.iter();
            let fields: Vec<_> = fields
                .map(|field| format!("{}={}", shown(&field.name), shown(&field.value)))
                .collect();
            format!("[{}]", fields.join(", "))
        }
    };
    format!("{} = {value}\n", shown(&entry.key))
}

fn describe(conflicts: &KvConflicts) -> String {
    let mut text = String::new();
    for entry in &conflicts.contested {
        let _ = write!(text, "to choose  {}", line(entry));
    }
    if conflicts.more {
        text += "to choose  … and others\n";
    }
    conflicts.lost.iter().for_each(|lost| text += &describe_lost(lost));
    let untold = conflicts.lost_count.saturating_sub(conflicts.lost.len() as u64);
    if untold > 0 {
        let _ = writeln!(text, "lost       {untold} writes before these");
    }
    if text.is_empty() {
        text += "no conflicts\n";
    }
    text
}

fn describe_lost(lost: &KvLost) -> String {
    let by = |stamp: &KvStamp| {
        format!(
            "at {} by {}",
            utc(stamp.unix_ms.saturating_mul(1_000)),
            shown(&stamp.writer.as_str().into())
        )
    };
    let what = lost
        .value
        .as_ref()
        .map_or_else(|| "a deletion".to_owned(), |value| format!("`{}`", shown(value)));
    let why = match lost.why {
        KvWhy::Concurrent => "neither writer knew of the other",
        KvWhy::Outdated => "its writer's clock was behind",
        KvWhy::Ahead => "its time was of the future",
    };
    let won = match &lost.stays {
        Some(stays) => format!("`{}` {}", shown(stays), by(&lost.winner)),
        None => format!("what was written {}", by(&lost.winner)),
    };
    format!(
        "lost       {}: {what} {} gave way to {won}: {why}\n",
        shown(&lost.key),
        by(&lost.written)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::kv::{KvField, KvNumber};

    fn entry(kind: KvKind, values: &[&str]) -> KvEntry {
        KvEntry {
            key: "a\u{1b}b".into(),
            kind,
            deleted: false,
            values: values.iter().map(|value| KvText::from(*value)).collect(),
            number: None,
            fields: Vec::new(),
            written: None,
        }
    }

    #[test]
    fn a_key_is_a_line_whatever_strangers_put_into_it() {
        assert_eq!(line(&entry(KvKind::Register, &["x\ny"])), "a\\u{1b}b = x\\ny\n");
        let two = entry(KvKind::Siblings, &["red", "blue"]);
        assert_eq!(line(&two), "a\\u{1b}b = (unresolved) red | blue\n");
        assert_eq!(line(&entry(KvKind::Set, &["x", "y"])), "a\\u{1b}b = {x, y}\n");
        let sum = KvEntry { number: Some(KvNumber(-3)), ..entry(KvKind::Counter, &[]) };
        assert_eq!(line(&sum), "a\\u{1b}b = -3\n");
        let field = KvField { name: "n".into(), value: "v".into() };
        let map = KvEntry { fields: vec![field], ..entry(KvKind::Map, &[]) };
        assert_eq!(line(&map), "a\\u{1b}b = [n=v]\n");
        let gone = KvEntry { deleted: true, ..entry(KvKind::Set, &[]) };
        assert_eq!(line(&gone), "a\\u{1b}b = (deleted)\n");
    }

    #[test]
    fn a_single_value_is_shown_as_it_is() {
        assert_eq!(show(&entry(KvKind::Register, &["two\nlines"])), "two\nlines\n");
        let two = show(&entry(KvKind::Siblings, &["red", "blue"]));
        assert_eq!(two, "# 2 values: `tidings kv set` chooses\nred\nblue\n");
    }

    #[test]
    fn a_lost_write_is_told_with_what_won() {
        let stamp =
            |unix_ms, writer: &str| KvStamp { unix_ms, count: 0, writer: writer.to_owned() };
        let lost = KvLost {
            key: "colour".into(),
            why: KvWhy::Concurrent,
            written: stamp(1_000, "01"),
            value: Some("red".into()),
            winner: stamp(2_000, "02"),
            stays: Some("blue".into()),
        };
        let conflicts = KvConflicts { lost: vec![lost], lost_count: 3, ..KvConflicts::default() };
        assert_eq!(
            describe(&conflicts),
            "lost       colour: `red` at 1970-01-01 00:00:01.000000 UTC by 01 gave way to `blue` at 1970-01-01 \
             00:00:02.000000 UTC by 02: neither writer knew of the other\nlost       2 writes before these\n"
        );
        assert_eq!(describe(&KvConflicts::default()), "no conflicts\n");
    }
}
