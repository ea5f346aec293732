//! `tidings state`, `leader`, `event`, `query` and `rtt`: what members share besides who lives.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::shown;
use crate::api::kv::KvText;
use crate::api::members::MemberName;
use crate::api::members::shared::{
    AnnounceRequest, FilterRequest, FireRequest, LeaderView, Leaders, QueryRequest, QueryResult,
    RttView, StateEntries, StateEntry, StateWrite,
};
use crate::api::{Notice, Streamed, What};
use crate::cli::Folder;
use crate::cli::args::{EventArgs, LeaderVerb, QueryArgs, Remote, RttArgs, StateVerb, WhomArgs};
use crate::cli::error::Error;
use crate::cli::kv::lost;
use crate::printable;

/// Longest text in a list, bytes: what is longer ends early there. A guess.
const SHOWN_MAX: usize = 200;

fn text(text: &KvText) -> String {
    printable::line(text, SHOWN_MAX)
}

fn called(member: &MemberName) -> String {
    shown(if member.name.is_empty() { &member.id } else { &member.name }, SHOWN_MAX)
}

pub(in crate::cli) fn state(folder: &Folder, verb: &StateVerb) -> Result<ExitCode, Error> {
    match verb {
        StateVerb::Get { member, key, remote } => {
            let member = member.as_deref();
            let mut entries =
                folder.ask(remote, async |client| client.members_state(member).await)?;
            let key = key.as_ref().map(|key| KvText::from(key.as_str()));
            entries.retain(|entry| key.as_ref().is_none_or(|key| *key == entry.key));
            let found = StateEntries { entries };
            folder.output.print(&found, || found.entries.iter().map(line).collect())?;
        }
        StateVerb::Set { key, value, remote } => write(folder, remote, key, Some(value))?,
        StateVerb::Delete { key, remote } => write(folder, remote, key, None)?,
        StateVerb::Watch(remote) => watch(folder, remote)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn line(entry: &StateEntry) -> String {
    format!("{}  {} = {}\n", called(&entry.member), text(&entry.key), text(&entry.value))
}

fn write(folder: &Folder, remote: &Remote, key: &str, value: Option<&String>) -> Result<(), Error> {
    let value = value.map(|value| KvText::from(value.as_str()));
    let write = StateWrite { key: key.into(), value };
    folder.ask(remote, async |client| client.members_write(&write).await)?;
    folder.output.print(&write, || match &write.value {
        Some(value) => format!("{} = {}\n", text(&write.key), text(value)),
        None => format!("{} is deleted\n", text(&write.key)),
    })
}

/// Prints changes until the node stops.
fn watch(folder: &Folder, remote: &Remote) -> Result<(), Error> {
    let mut printed = Ok(());
    folder.ask(remote, async |client| {
        let mut events = client.events().await?;
        while let Some(told) = events.next().await? {
            let said = match &told {
                Streamed::Event(event) => changed(&event.what),
                Streamed::Notice(Notice::Lost { count }) => Some(format!(
                    "({} events came too fast: `tidings state get` shows what holds)\n",
                    lost(*count)
                )),
            };
            if let Some(said) = said {
                printed = folder.output.print(&told, || said);
            }
            if printed.is_err() {
                break;
            }
        }
        Ok(())
    })?;
    printed
}

fn changed(what: &What) -> Option<String> {
    let What::MemberState { member, key, value } = what else { return None };
    let value = value.as_ref().map_or_else(|| "(deleted)".to_owned(), text);
    Some(format!("{}  {} = {value}\n", called(member), text(key)))
}

pub(in crate::cli) fn leader(folder: &Folder, verb: &LeaderVerb) -> Result<ExitCode, Error> {
    match verb {
        LeaderVerb::Show { group, remote } => {
            let mut leaders = folder.ask(remote, async |client| client.members_leaders().await)?;
            let group = group.as_ref().map(|group| KvText::from(group.as_str()));
            leaders.retain(|leader| group.as_ref().is_none_or(|group| *group == leader.group));
            let known = Leaders { leaders };
            folder.output.print(&known, || known.leaders.iter().map(describe_leader).collect())?;
            if group.is_some() && known.leaders.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        LeaderVerb::Announce { group, epoch, address, leader, remote } => {
            let request = AnnounceRequest {
                group: group.as_str().into(),
                epoch: *epoch,
                address: address.as_str().into(),
                leader: leader.clone(),
            };
            let known =
                folder.ask(remote, async |client| client.members_announce(&request).await)?;
            folder.output.print(&known, || describe_leader(&known))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn describe_leader(leader: &LeaderView) -> String {
    let claims = leader
        .claims
        .iter()
        .map(|claim| format!("{} at {}", called(&claim.leader), text(&claim.address)));
    let claims: Vec<_> = claims.collect();
    let broken = if leader.broken { "  BROKEN CONSENSUS:" } else { "" };
    format!("{}  epoch {}{broken}  {}\n", text(&leader.group), leader.epoch, claims.join(" | "))
}

fn filter(whom: &WhomArgs) -> Result<FilterRequest, Error> {
    let tag = |tag: &String| {
        let pair = tag.split_once('=');
        let pair = pair.map(|(key, value)| (key.to_owned(), value.to_owned()));
        pair.ok_or_else(|| {
            Error::Usage(format!("--tag {tag} has no `=`: write it as in `--tag role=sentry`"))
        })
    };
    let tags: Result<BTreeMap<_, _>, _> = whom.tags.iter().map(tag).collect();
    Ok(FilterRequest { names: whom.names.clone(), tags: tags? })
}

pub(in crate::cli) fn event(folder: &Folder, args: &EventArgs) -> Result<ExitCode, Error> {
    let request = FireRequest {
        name: args.title.as_str().into(),
        payload: args.payload.as_str().into(),
        coalesce: args.coalesce,
        filter: filter(&args.whom)?,
    };
    let done = folder.ask(&args.remote, async |client| client.members_fire(&request).await)?;
    folder.output.print(&done, || "told\n".to_owned())?;
    Ok(ExitCode::SUCCESS)
}

pub(in crate::cli) fn query(folder: &Folder, args: &QueryArgs) -> Result<ExitCode, Error> {
    let request = QueryRequest {
        name: args.title.as_str().into(),
        payload: args.payload.as_str().into(),
        timeout_ms: args.timeout_ms,
        filter: filter(&args.whom)?,
    };
    let result = folder.ask(&args.remote, async |client| client.members_query(&request).await)?;
    folder.output.print(&result, || describe_answers(&result))?;
    Ok(ExitCode::SUCCESS)
}

fn describe_answers(result: &QueryResult) -> String {
    let answer = |answer: &crate::api::members::shared::AnswerView| {
        format!("{}  {}\n", called(&answer.member), text(&answer.answer))
    };
    let mut told: String = result.answers.iter().map(answer).collect();
    if !result.silent.is_empty() {
        let silent: Vec<_> = result.silent.iter().map(called).collect();
        told += &format!("# it reached {}, which answered nothing\n", silent.join(", "));
    }
    if result.dropped > 0 {
        told += &format!("# {} answers found no room\n", result.dropped);
    }
    if told.is_empty() {
        told += "# nobody answered\n";
    }
    told
}

pub(in crate::cli) fn rtt(folder: &Folder, args: &RttArgs) -> Result<ExitCode, Error> {
    let (one, other) = (&args.one, &args.other);
    let rtt = folder.ask(&args.remote, async |client| client.members_rtt(one, other).await)?;
    folder.output.print(&rtt, || describe_rtt(&rtt))?;
    Ok(ExitCode::SUCCESS)
}

fn describe_rtt(rtt: &RttView) -> String {
    format!("{} to {}: {:.2} ms, estimated\n", called(&rtt.one), called(&rtt.other), rtt.rtt_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::members::shared::{AnswerView, ClaimView};

    fn member(name: &str) -> MemberName {
        MemberName { name: name.to_owned(), id: "0a".to_owned(), addr: None }
    }

    #[test]
    fn whatever_members_say_is_one_line() {
        let entry = StateEntry { member: member(""), key: "k\n".into(), value: "\u{1b}v".into() };
        assert_eq!(line(&entry), "0a  k\\n = \\u{1b}v\n");
        let what = What::MemberState { member: member("a"), key: "k".into(), value: None };
        assert_eq!(changed(&what).unwrap(), "a  k = (deleted)\n");
    }

    #[test]
    fn a_broken_consensus_is_shown_as_one() {
        let claim = |name: &str, address: &str| ClaimView {
            leader: member(name),
            address: address.into(),
            by: "0b".to_owned(),
        };
        let mut leader = LeaderView {
            group: "g".into(),
            epoch: 7,
            broken: false,
            claims: vec![claim("a", "x:1")],
        };
        assert_eq!(describe_leader(&leader), "g  epoch 7  a at x:1\n");
        leader.broken = true;
        leader.claims.push(claim("b", "y:1"));
        assert_eq!(
            describe_leader(&leader),
            "g  epoch 7  BROKEN CONSENSUS:  a at x:1 | b at y:1\n"
        );
    }

    #[test]
    fn answers_are_told_with_who_gave_none() {
        let answers = vec![AnswerView { member: member("a"), answer: "42".into() }];
        let mut result = QueryResult { answers, silent: vec![member("b")], dropped: 0 };
        assert_eq!(describe_answers(&result), "a  42\n# it reached b, which answered nothing\n");
        (result.answers, result.silent) = (Vec::new(), Vec::new());
        assert_eq!(describe_answers(&result), "# nobody answered\n");
    }
}
