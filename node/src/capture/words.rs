//! Inputs and actions in words.

use tidings_protocol::ground::item::Item;
use tidings_protocol::machine::Action;
use tidings_protocol::report::event::Event;
use tidings_protocol::wire::codec;
use tidings_protocol::wire::message::{Blocks, Items, Message, Names, Session};

use super::input::{Judged, Recorded};

/// Digits of an id that tell it from others at a glance.
const DIGITS: usize = 16;

fn short(id: impl std::fmt::Display) -> String {
    id.to_string().chars().take(DIGITS).collect()
}

fn item(item: &Item) -> String {
    format!("{} {}, {} bytes", item.kind(), short(item.id()), item.size())
}

fn names(names: &Names) -> String {
    let count = names.len();
    let first = names.iter().next().map(|name| match name {
        tidings_protocol::ground::item::Name::Whole(id) => short(id),
        tidings_protocol::ground::item::Name::Short(id) => {
            id.0.iter().map(|byte| format!("{byte:02x}")).collect()
        }
    });
    match (count, first) {
        (0, _) | (_, None) => "of nothing".to_owned(),
        (1, Some(first)) => format!("of {first}"),
        (count, Some(first)) => format!("of {count} items, {first} the first"),
    }
}

/// A message in words: its kind, and what it is about.
#[must_use]
pub fn message(message: &Message) -> String {
    let kind = message.kind().name();
    match message {
        Message::Items(Items::Item(one)) => item(one),
        Message::Items(Items::Announce(told) | Items::GetData(told) | Items::NotFound(told)) => {
            format!("{kind} {}", names(told))
        }
        Message::Session(Session::Ping { nonce } | Session::Pong { nonce }) => {
            format!("{kind} {nonce:016x}")
        }
        Message::Blocks(Blocks::Compact(_)) => {
            format!("{kind}, {} bytes", codec::frame_len(message))
        }
        _ => format!("{kind}, {} bytes", codec::frame_len(message)),
    }
}

/// An input in words.
#[must_use]
pub fn input(what: &Recorded) -> String {
    match what {
        Recorded::Connected { link, direction, addr, peer } => {
            let addr = addr.map(|addr| format!(" at {addr}")).unwrap_or_default();
            format!("{direction} link {link} came up, with peer {:016x}{addr}", peer.0)
        }
        Recorded::Disconnected { link } => format!("link {link} went down"),
        Recorded::DialFailed { addr, why } => format!("a dial of {addr} came to nothing: {why}"),
        Recorded::Received { link, message: told } => {
            format!("received on link {link}: {}", message(told))
        }
        Recorded::Malformed { link, error } => format!("received on link {link}: {error}"),
        Recorded::Submitted(one) => format!("submitted: {}", item(one)),
        Recorded::Clock { wall } => format!("the machine's clock shows {wall} ms"),
        Recorded::Write { key, .. } => format!("a write to {key} of the map"),
        Recorded::Recalled(entry) => format!("{} of the map, from an earlier run", entry.key),
        Recorded::Restored { item: one, .. } => format!("from an earlier run: {}", item(one)),
        Recorded::Headers(headers) => format!("{} headers of an earlier run", headers.len()),
        Recorded::Loaded { id, loaded, .. } => {
            let not = if loaded.is_some() { "" } else { " not" };
            format!("block {} was{not} read", short(id))
        }
        Recorded::Verdict { item: judged, verdict } => {
            let id = match judged {
                Judged::Asked(id) => *id,
                Judged::Item(one) => one.id(),
            };
            let found = verdict.as_ref().map_or_else(|refused| refused.rule, |_| "good");
            format!("{} {} was verified: {found}", id.kind(), short(id))
        }
        Recorded::Congested { link } => format!("the queue of link {link} is full"),
        Recorded::Drained { link } => format!("the queue of link {link} has room"),
        Recorded::Learned(addrs) => format!("{} addresses of the operator's", addrs.len()),
        Recorded::Heard { addrs, .. } => format!("{} addresses of a look-up", addrs.len()),
        Recorded::Reachable(true) => "peers can dial this node".to_owned(),
        Recorded::Reachable(false) => "peers can't dial this node".to_owned(),
        Recorded::Remembered(book) => {
            format!("the address book of an earlier run, {} addresses", book.addresses.len())
        }
        Recorded::Ban { whom, span } => format!("a ban of {whom:?} for {span:?}"),
        Recorded::Unban(whom) => format!("no ban of {whom:?} any more"),
        Recorded::Wake => "its deadline passed".to_owned(),
        Recorded::Met { peer, .. } => format!("the name of peer {:016x}", peer.0),
    }
}

/// An action in words.
#[must_use]
pub fn action(action: &Action) -> String {
    match action {
        Action::Send { link, message: told } => format!("send on link {link}: {}", message(told)),
        Action::Throttle { link, until, .. } => format!("throttle link {link} until {until}"),
        Action::Verify(one) => format!("verify {}", item(one)),
        Action::Load { id, .. } => format!("load block {}", short(id)),
        Action::Dial { addr } => format!("dial {addr}"),
        Action::Disconnect { link, why } => format!("disconnect link {link}: {why}"),
        Action::Changed(key) => format!("changed: {key} of the map"),
        Action::Written { outcome, .. } => match outcome {
            Ok(()) => "written".to_owned(),
            Err(why) => format!("not written: {why}"),
        },
        Action::Report(event) => format!("report {}", reported(event)),
    }
}

fn reported(event: &Event) -> String {
    match event {
        Event::Accepted { id, .. } => format!("accepted {} {}", id.kind(), short(id)),
        Event::Rejected { id, rejection, .. } => {
            format!("rejected {} {}: {}", id.kind(), short(id), rejection.rule)
        }
        Event::LinkUp { link, .. } => format!("link-up {link}"),
        Event::LinkDown { link, why } => {
            let why =
                why.map_or_else(|| "the peer or the network".to_owned(), |why| why.to_string());
            format!("link-down {link}: {why}")
        }
        Event::Misbehaved { link, offence } => format!("misbehaved on {link}: the peer {offence}"),
        other => format!("{other:?}"),
    }
}
