//! `tidings explain`: the story of an item, and the dealings with a peer, in sentences.

mod peer;
mod tx;

use std::process::ExitCode;

use super::Folder;
use super::args::{ExplainArgs, ExplainVerb};
use crate::api::explain::{LinkStatus, PeerStory, TxStory};
use crate::calendar::Civil;
use crate::cli::error::Error;

pub(super) fn explain(folder: &Folder, verb: &ExplainVerb) -> Result<ExitCode, Error> {
    match verb {
        ExplainVerb::Tx(ExplainArgs { id, remote }) => {
            let story = folder.ask(remote, async |client| client.explain_tx(id).await)?;
            folder.output.print(&story, || tx::tell(&story))?;
        }
        ExplainVerb::Peer(ExplainArgs { id, remote }) => {
            let story = folder.ask(remote, async |client| client.explain_peer(id).await)?;
            folder.output.print(&story, || peer::tell(&story))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The story of an item, as text for people.
#[must_use]
pub fn tell_tx(story: &TxStory) -> String {
    tx::tell(story)
}

/// The dealings with a peer, as text for people.
pub(super) fn tell_peer(story: &PeerStory) -> String {
    peer::tell(story)
}

/// As many letters of a peer's id as tell it from others at a glance: six more than all have in common.
const PEER_LETTERS: usize = 14;

/// A peer by the beginning of its id.
fn name(link: &LinkStatus) -> String {
    match &link.peer_id {
        Some(id) => id.chars().take(PEER_LETTERS).collect(),
        None => format!("the peer of link {}", link.link),
    }
}

/// A peer with all that helps to find it: who dialled, and its address.
fn full_name(link: &LinkStatus) -> String {
    let address = link.address.map(|address| format!(", {address}")).unwrap_or_default();
    format!("{} ({}{address})", name(link), link.direction)
}

/// A moment, to the microsecond.
#[must_use]
pub fn utc(unix_us: u64) -> String {
    let Civil { year, month, day, .. } = Civil::of(unix_us / 1_000_000);
    format!("{year:04}-{month:02}-{day:02} {} UTC", clock(unix_us))
}

/// The time of day, to the microsecond.
pub(super) fn clock(unix_us: u64) -> String {
    let (hour, minute, second) = Civil::of(unix_us / 1_000_000).time;
    format!("{hour:02}:{minute:02}:{second:02}.{:06}", unix_us % 1_000_000)
}

/// A span of time in milliseconds, to a tenth, with separators: `5,000.1`.
fn millis(us: u64) -> String {
    let tenths = us.saturating_add(50) / 100;
    let digits = (tenths / 10).to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    format!("{}.{}", groups.join(","), tenths % 10)
}

/// `1 peer`, `2 peers`.
pub(super) fn count(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests;
