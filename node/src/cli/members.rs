//! `tidings members`: who is in the fleet, joining and leaving it, and its keys. `node/MEMBERS.md` tells what for, and how.

pub(super) mod shared;

use std::io::Read as _;
use std::process::ExitCode;

use super::args::{KeysVerb, MembersArgs, MembersVerb, Remote};
use super::output::terminal_width;
use super::shapes::NewKey;
use super::table::{self, Column};
use super::{Folder, runtime};
use crate::api::members::{KeyOp, KeyRequest, KeysView, MemberView, Members};
use crate::cli::error::Error;
use crate::client::ClientError;
use crate::members::KEYS_FILE;
use crate::members::control::{apply, view};
use crate::members::keyring::{Key, Keyring};
use crate::printable;

/// Longest tags in a list, bytes: what is longer ends early there. A guess.
const TAGS_MAX: usize = 60;

/// Longest text that is read as a key from standard input. A guess: one has 44 characters.
const KEY_TEXT_MAX: u64 = 1_024;

pub(super) fn members(folder: &Folder, args: &MembersArgs) -> Result<ExitCode, Error> {
    match &args.verb {
        None => {
            let members = folder.ask(&args.remote, async |client| client.members().await)?;
            let list = Members { members };
            folder.output.print(&list, || describe(&list.members, terminal_width()))?;
        }
        Some(MembersVerb::Join { addrs, remote }) => {
            let joined = folder.ask(remote, async |client| client.members_join(addrs).await)?;
            folder.output.print(&joined, || {
                format!("{} of {} members answered\n", joined.answered, joined.asked)
            })?;
            if joined.answered == 0 {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(MembersVerb::Leave(remote)) => {
            let left = folder.ask(remote, async |client| client.members_leave().await)?;
            folder.output.print(&left, || {
                "this node has left the fleet; `tidings members join` takes it back\n".to_owned()
            })?;
        }
        Some(MembersVerb::ForceLeave { member, remote }) => {
            let member =
                folder.ask(remote, async |client| client.members_force_leave(member).await)?;
            folder.output.print(&member, || {
                format!("{} is taken for one that has left\n", shown(&member.name, usize::MAX))
            })?;
        }
        Some(MembersVerb::Keys { verb }) => keys(folder, verb)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn keys(folder: &Folder, verb: &KeysVerb) -> Result<(), Error> {
    let (op, key, remote) = match verb {
        KeysVerb::Generate => {
            let key = Key::generate()?;
            let made = NewKey { key: key.to_text(), id: key.id().to_string() };
            return folder.output.print(&made, || format!("{}\n", made.key));
        }
        KeysVerb::List(remote) => {
            let keys = at_node_or_file(
                folder,
                remote,
                async |client| client.members_keys().await,
                |ring| Ok(view(ring)),
            )?;
            return folder.output.print(&keys, || describe_keys(&keys));
        }
        KeysVerb::Install { key, remote } => (KeyOp::Install, secret(key)?, remote),
        KeysVerb::Use { key, remote } => (KeyOp::Use, key.clone(), remote),
        KeysVerb::Remove { key, remote } => (KeyOp::Remove, key.clone(), remote),
    };
    let request = KeyRequest { op, key };
    let keys = at_node_or_file(
        folder,
        remote,
        async |client| client.members_change_keys(&request).await,
        |ring| {
            apply(ring, &request)?;
            ring.save(&folder.dir.join(KEYS_FILE))?;
            Ok(view(ring))
        },
    )?;
    folder.output.print(&keys, || describe_keys(&keys))
}

/// A key from the command line, or from standard input, so that it stands in no list of processes.
fn secret(text: &str) -> Result<String, Error> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().take(KEY_TEXT_MAX).read_to_string(&mut text);
    read.map_err(Error::io("read the key from standard input"))?;
    Ok(text)
}

/// Asks the node; where none runs, the file in the data folder does, which the next one reads.
fn at_node_or_file(
    folder: &Folder,
    remote: &Remote,
    at_node: impl AsyncFnOnce(crate::client::Client) -> Result<KeysView, ClientError>,
    at_file: impl FnOnce(&mut Keyring) -> Result<KeysView, crate::members::keyring::KeyringError>,
) -> Result<KeysView, Error> {
    let client = folder.client(remote)?;
    match runtime()?.block_on(at_node(client)) {
        Err(ClientError::Connect { .. }) if remote.admin.is_none() => {
            // No node is to start meanwhile.
            folder.dir.check_made()?;
            let _lock = folder.dir.lock()?;
            let mut ring = Keyring::load(&folder.dir.join(KEYS_FILE))?;
            Ok(at_file(&mut ring)?)
        }
        answer => answer.map_err(|error| folder.explain(error)),
    }
}

fn describe_keys(keys: &KeysView) -> String {
    if keys.keys.is_empty() {
        return "no keys: nothing is sealed\n".to_owned();
    }
    let line = |key: &String| {
        let is_primary = keys.primary.as_ref() == Some(key);
        format!("{}{}\n", shown(key, 64), if is_primary { "  used" } else { "" })
    };
    keys.keys.iter().map(line).collect()
}

const COLUMNS: [Column; 7] = [
    Column { title: "NAME", number: false, rank: 0 },
    Column { title: "STATUS", number: false, rank: 0 },
    Column { title: "SINCE", number: true, rank: 2 },
    Column { title: "ADDRESS", number: false, rank: 1 },
    Column { title: "RTT", number: true, rank: 3 },
    Column { title: "ID", number: false, rank: 4 },
    Column { title: "TAGS", number: false, rank: 5 },
];

fn describe(members: &[MemberView], width: Option<usize>) -> String {
    let row = |member: &MemberView| {
        let tags = member.tags.iter().map(|(key, value)| format!("{key}={value}"));
        let own = if member.own { " (this node)" } else { "" };
        vec![
            format!("{}{own}", shown(&member.name, usize::MAX)),
            member.status.name().to_owned(),
            super::show::duration(member.since_s),
            member.addr.to_string(),
            member.rtt_ms.map_or_else(|| "-".to_owned(), |rtt| format!("{rtt:.1} ms")),
            shown(&member.id, 64),
            shown(&tags.collect::<Vec<_>>().join(" "), TAGS_MAX),
        ]
    };
    table::render(&COLUMNS, &members.iter().map(row).collect::<Vec<_>>(), width)
}

/// What others chose, as a part of a line.
pub(super) fn shown(text: &str, max: usize) -> String {
    printable::line(&text, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::members::MemberStatus;

    fn member(name: &str, own: bool) -> MemberView {
        MemberView {
            name: name.to_owned(),
            id: "00000000000000ab".to_owned(),
            addr: "10.0.0.1:4010".parse().unwrap(),
            status: MemberStatus::Failed,
            since_s: 61.0,
            incarnation: 2,
            tags: [("role".to_owned(), "x\u{1b}y".to_owned())].into(),
            own,
            rtt_ms: Some(1.25),
            phi: None,
        }
    }

    #[test]
    fn members_are_a_table_whatever_they_call_themselves() {
        let text = describe(&[member("a", true), member("b\n", false)], None);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].starts_with("a (this node)  failed  1 min 1 s  10.0.0.1:4010"), "{text}");
        assert!(lines[2].starts_with("b\\n") && text.contains("role=x\\u{1b}y"), "{text}");
        assert!(describe(&[member("a", true)], Some(30)).lines().all(|line| line.len() <= 30));
    }

    #[test]
    fn keys_are_told_by_their_ids() {
        let keys = KeysView {
            primary: Some("aa".to_owned()),
            keys: vec!["aa".to_owned(), "bb".to_owned()],
        };
        assert_eq!(describe_keys(&keys), "aa  used\nbb\n");
    }
}
