//! What happened at a node, as one line for people: `tidings watch` prints such lines, and `tidings top` shows the latest.

use tidings_protocol::ground::item::Hash256;

use super::explain::utc;
use crate::api::members::MemberName;
use crate::api::{LinkName, NodeEvent, Notice, Streamed, What};
use crate::printable;

/// Longest line, bytes: what is longer ends early and says so. A guess: two rows of a wide terminal.
const LINE_MAX: usize = 400;

/// As many letters of a peer's id as tell it from others at a glance: six more than all have in common.
const PEER_LETTERS: usize = 14;

/// The item that it is about.
pub(super) const fn item(what: &What) -> Option<&Hash256> {
    match what {
        What::Accepted { id, .. }
        | What::Rejected { id, .. }
        | What::AlreadyKnown { id }
        | What::Restored { id, .. }
        | What::Orphaned { id }
        | What::Broadcast { id }
        | What::Left { id, .. }
        | What::BlockConnected { id, .. }
        | What::BlockDisconnected { id, .. }
        | What::Returned { id } => Some(id),
        _ => None,
    }
}

/// The link that it is about, or that it came from.
pub(super) const fn link(what: &What) -> Option<&LinkName> {
    match what {
        What::Accepted { ingress, .. } | What::Rejected { ingress, .. } => ingress.as_ref(),
        What::LinkUp { link, .. }
        | What::LinkDown { link, .. }
        | What::Misbehaved { link, .. }
        | What::OtherMap { link }
        | What::MapAhead { link, .. } => Some(link),
        _ => None,
    }
}

/// A message of the stream as a line, with its time; without the end of the line.
pub(super) fn line(told: &Streamed) -> String {
    match told {
        Streamed::Event(NodeEvent { unix_us, what }) => {
            let at = utc(*unix_us);
            let at = at.trim_end_matches(" UTC");
            format!("{at}  {:<18} {}", what.kind(), sentence(what))
        }
        Streamed::Notice(Notice::Lost { count }) => lost(*count),
    }
}

/// That events are missing.
pub(super) fn lost(count: Option<u64>) -> String {
    match count {
        Some(1) => "lost: one event came too fast".to_owned(),
        Some(count) => format!("lost: {count} events came too fast, or while nobody listened"),
        None => "lost: the node has started anew, and what happened before isn't known".to_owned(),
    }
}

/// What happened, without its kind. Whatever strangers have put into it, it is one printable line.
pub(super) fn sentence(what: &What) -> String {
    printable::line(&words(what), LINE_MAX)
}

/// A peer by the beginning of its id, and its link.
fn peer(link: &LinkName) -> String {
    let letters: String = link.peer.chars().take(PEER_LETTERS).collect();
    format!("{letters} ({})", link.link)
}

fn from(ingress: Option<&LinkName>) -> String {
    ingress.map_or_else(|| ", submitted here".to_owned(), |link| format!(", from {}", peer(link)))
}

/// A member by its name, or by its id if it has none.
fn called(member: &MemberName) -> &str {
    if member.name.is_empty() { &member.id } else { &member.name }
}

fn words(what: &What) -> String {
    match what {
        What::Accepted { id, kind, bytes, ingress } => {
            format!("{kind} {id}, {bytes} bytes{}", from(ingress.as_ref()))
        }
        What::Rejected { id, kind, rule, ingress, .. } => {
            format!("{kind} {id} breaks the rule {rule}{}", from(ingress.as_ref()))
        }
        What::AlreadyKnown { id } => format!("{id} was submitted, and known"),
        What::Restored { id, kind } => format!("{kind} {id} is back from an earlier run"),
        What::Orphaned { id } => format!("tx {id} waits for its parents"),
        What::Broadcast { id } => format!("a peer has our {id}"),
        What::Left { id, why } => format!("tx {id} left the pool: {why}"),
        What::BlockConnected { id, height } | What::BlockDisconnected { id, height } => {
            format!("block {id} at height {height}")
        }
        What::Returned { id } => format!("tx {id} is pooled again, since its block left the chain"),
        What::LinkUp { link, direction, advertise } => {
            let at = advertise.map(|addr| format!(", which can be dialled at {addr}"));
            format!("{direction} link with {}{}", peer(link), at.unwrap_or_default())
        }
        What::LinkDown { link, why } => {
            let why = why.as_deref().unwrap_or("the peer or the network closed it");
            format!("{}: {why}", peer(link))
        }
        What::Misbehaved { link, offence } => format!("{}: {offence}", peer(link)),
        What::KvChanged { key, kind } => format!("{key} ({})", kind.name()),
        What::OtherMap { link } => format!("{} has a map of other terms", peer(link)),
        What::MapAhead { link, ahead_ms } => {
            format!("{}: writes are {ahead_ms} ms of its future", peer(link))
        }
        What::CaptureEnded { why } => why.to_string(),
        What::DialFailed { addr, why } => format!("{addr}: {why}"),
        of_members => words_of_members(of_members),
    }
}

/// The same of what concerns the fleet's members.
fn words_of_members(what: &What) -> String {
    match what {
        What::MemberJoined { member }
        | What::MemberLeft { member }
        | What::MemberUpdated { member }
        | What::MemberReaped { member } => called(member).to_owned(),
        What::MemberFailed { member, by } => format!("{}, says {by}", called(member)),
        What::MemberConflict { member, other, shares } => {
            format!("{} and the member at {other} share their {shares}", called(member))
        }
        What::MemberState { member, key, value } => {
            let value = value.as_ref().map_or_else(|| "(deleted)".to_owned(), ToString::to_string);
            format!("{}: {key} = {value}", called(member))
        }
        What::LeaderChanged { leader } | What::BrokenConsensus { leader } => {
            let claims = leader.claims.iter();
            let claims: Vec<_> = claims
                .map(|claim| format!("{} at {}", called(&claim.leader), claim.address))
                .collect();
            format!("{}, epoch {}: {}", leader.group, leader.epoch, claims.join(" | "))
        }
        What::UserEvent { member, title, payload }
        | What::QueryAsked { member, title, payload, .. } => {
            format!("{title} of {}: {payload}", called(member))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(what: What) -> Streamed {
        Streamed::Event(NodeEvent { unix_us: 1_000_000, what })
    }

    #[test]
    fn an_event_is_one_line_with_its_time_kind_and_words() {
        let id = Hash256([7; 32]);
        let link = LinkName { link: "3.1".to_owned(), peer: "12D3KooWabcdefghijk".to_owned() };
        let kind = tidings_protocol::ground::item::ItemKind::Tx;
        let accepted = What::Accepted { id, kind, bytes: 300, ingress: Some(link.clone()) };
        let expected = format!(
            "1970-01-01 00:00:01.000000  accepted           tx {id}, 300 bytes, from 12D3KooWabcdef (3.1)"
        );
        assert_eq!(line(&told(accepted.clone())), expected);
        assert_eq!((item(&accepted), super::link(&accepted)), (Some(&id), Some(&link)));
        let own = What::Accepted { id, kind, bytes: 300, ingress: None };
        assert!(line(&told(own)).ends_with("300 bytes, submitted here"));
        let down = What::LinkDown { link, why: None };
        assert!(line(&told(down)).ends_with("(3.1): the peer or the network closed it"));
    }

    #[test]
    fn whatever_strangers_say_stays_within_its_line() {
        let member = MemberName { name: "a\n\u{1b}[2J".to_owned(), id: String::new(), addr: None };
        let payload = "x".repeat(10_000);
        let what =
            What::UserEvent { member, title: "t\r\nu".into(), payload: payload.as_str().into() };
        let shown = line(&told(what));
        assert!(shown.chars().all(printable::is_plain), "{shown}");
        assert!(shown.len() < LINE_MAX + 100 && shown.contains("bytes more"), "{shown}");
    }

    #[test]
    fn what_is_missing_is_said_as_far_as_it_is_known() {
        let lost = |count| line(&Streamed::Notice(Notice::Lost { count }));
        assert_eq!(lost(Some(12)), "lost: 12 events came too fast, or while nobody listened");
        assert!(lost(None).contains("started anew"));
    }
}
