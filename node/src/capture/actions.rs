//! Actions, as far as a capture keeps them: a number for each kind, and a digest that goes on from one to the next.
//!
//! The digest is `SipHash` 1-3 over an action's bytes, keyed with the digest before it. So equal digests after an input mean equal
//! actions up to there, byte for byte; of two that differ, one in 2^32 passes for equal at first, and not at the next action.
//! It is no seal: whoever may write to the file can make one that fits.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::hash::Hasher as _;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use siphasher::sip::SipHasher13;
use tidings_protocol::chain::{Rejection, Rival};
use tidings_protocol::ground::item::Item;
use tidings_protocol::ground::link::Link;
use tidings_protocol::machine::Action;
use tidings_protocol::report::event::Event;
use tidings_protocol::wire::codec;
use tidings_protocol::wire::kinds::{Class, MessageKind};
use tidings_protocol::wire::message::{Items, Message};

use super::bytes::{put_addr, put_id, put_len, put_link, put_number, put_option};

/// The numbers of actions that send nothing, and their names. A new one gets a number that none had.
const OTHERS: [(u8, &str); 23] = [
    (128, "throttle"),
    (129, "verify"),
    (130, "load"),
    (131, "dial"),
    (132, "disconnect"),
    (133, "changed"),
    (134, "written"),
    (160, "report accepted"),
    (161, "report rejected"),
    (162, "report already-known"),
    (163, "report restored"),
    (164, "report orphaned"),
    (165, "report broadcast"),
    (166, "report left"),
    (167, "report block-connected"),
    (168, "report block-disconnected"),
    (169, "report returned"),
    (170, "report link-up"),
    (171, "report link-down"),
    (172, "report misbehaved"),
    (173, "report other-map"),
    (174, "report map-ahead"),
    (175, "report dial-failed"),
];

/// All numbers with their names: `send` and the kind of message, or what else is done.
pub(super) fn names() -> BTreeMap<u8, String> {
    let sent =
        MessageKind::ALL.into_iter().map(|kind| (kind as u8, format!("send {}", kind.name())));
    sent.chain(OTHERS.map(|(number, name)| (number, name.to_owned()))).collect()
}

/// The number of an action.
pub(super) fn number(action: &Action) -> u8 {
    match action {
        Action::Send { message, .. } => message.kind() as u8,
        Action::Throttle { .. } => 128,
        Action::Verify(_) => 129,
        Action::Load { .. } => 130,
        Action::Dial { .. } => 131,
        Action::Disconnect { .. } => 132,
        Action::Changed(_) => 133,
        Action::Written { .. } => 134,
        Action::Report(event) => match event {
            Event::Accepted { .. } => 160,
            Event::Rejected { .. } => 161,
            Event::AlreadyKnown { .. } => 162,
            Event::Restored { .. } => 163,
            Event::Orphaned { .. } => 164,
            Event::Broadcast { .. } => 165,
            Event::Left { .. } => 166,
            Event::BlockConnected { .. } => 167,
            Event::BlockDisconnected { .. } => 168,
            Event::Returned { .. } => 169,
            Event::LinkUp { .. } => 170,
            Event::LinkDown { .. } => 171,
            Event::Misbehaved { .. } => 172,
            Event::OtherMap { .. } => 173,
            Event::MapAhead { .. } => 174,
            Event::DialFailed { .. } => 175,
        },
    }
}

/// The digest of all actions so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Digest {
    state: u64,
    scratch: BytesMut,
    /// The item that was sent last, and the hash of its bytes: it often leaves on many links at once.
    last: Option<(Arc<Item>, u64)>,
}

impl Digest {
    /// Adds an action.
    pub(super) fn add(&mut self, action: &Action) {
        self.scratch.clear();
        self.scratch.put_u8(number(action));
        if let Action::Send { link, message: Message::Items(Items::Item(item)) } = action {
            put_link(*link, &mut self.scratch);
            let hash = self.hash_of(item);
            self.scratch.put_u64_le(hash);
        } else {
            put(action, &mut self.scratch);
        }
        let mut hasher = SipHasher13::new_with_keys(self.state, 0);
        hasher.write(&self.scratch);
        self.state = hasher.finish();
    }

    /// What the capture keeps of it.
    pub(super) fn kept(&self) -> u32 {
        let [a, b, c, d, ..] = self.state.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    fn hash_of(&mut self, item: &Arc<Item>) -> u64 {
        if let Some((last, hash)) = &self.last
            && Arc::ptr_eq(last, item)
        {
            return *hash;
        }
        let mut hasher = SipHasher13::new();
        hasher.write(item.bytes());
        let hash = hasher.finish();
        self.last = Some((Arc::clone(item), hash));
        hash
    }
}

/// Text, written as bytes.
struct Text<'a>(&'a mut BytesMut);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put_slice(text.as_bytes());
        Ok(())
    }
}

fn put_text(text: impl fmt::Display, out: &mut BytesMut) {
    write!(Text(out), "{text}").expect("a buffer takes all");
}

fn put_name(name: impl fmt::Debug, out: &mut BytesMut) {
    write!(Text(out), "{name:?}").expect("a buffer takes all");
}

fn put_ingress(ingress: Option<Link>, out: &mut BytesMut) {
    out.put_u8(u8::from(ingress.is_some()));
    if let Some(link) = ingress {
        put_link(link, out);
    }
}

/// The bytes of an action: all that there is in it, each field where it stands.
fn put(action: &Action, out: &mut BytesMut) {
    match action {
        Action::Send { link, message } => {
            put_link(*link, out);
            codec::encode(message, out);
        }
        Action::Throttle { link, class, until } => {
            put_link(*link, out);
            let place = class.and_then(|class| Class::ALL.iter().position(|other| *other == class));
            put_option(place.map(|place| place as u64), out);
            put_number(until.as_nanos(), out);
        }
        Action::Verify(item) => {
            put_id(item.id(), out);
            put_len(item.size(), out);
        }
        Action::Load { id, what } => {
            put_id(*id, out);
            put_name(what, out);
        }
        Action::Dial { addr } => put_addr(*addr, out),
        Action::Disconnect { link, why } => {
            put_link(*link, out);
            put_text(why, out);
        }
        Action::Changed(key) => out.put_slice(key.as_ref()),
        Action::Written { ticket, outcome } => {
            put_number(*ticket, out);
            put_name(outcome, out);
        }
        Action::Report(event) => put_event(event, out),
    }
}

fn put_rejection(Rejection { rule, blame, rival }: &Rejection, out: &mut BytesMut) {
    put_text(rule, out);
    put_name(blame, out);
    if let Some(Rival { id, least_fee }) = rival {
        put_id(*id, out);
        put_option(*least_fee, out);
    }
}

fn put_event(event: &Event, out: &mut BytesMut) {
    match event {
        Event::Accepted { id, size, ingress } => {
            put_id(*id, out);
            put_number((*size).into(), out);
            put_ingress(*ingress, out);
        }
        Event::Rejected { id, ingress, rejection } => {
            put_id(*id, out);
            put_ingress(*ingress, out);
            put_rejection(rejection, out);
        }
        Event::AlreadyKnown { id }
        | Event::Restored { id }
        | Event::Orphaned { id }
        | Event::Broadcast { id }
        | Event::Returned { id } => put_id(*id, out),
        Event::Left { id, why } => {
            put_id(*id, out);
            put_text(why.name(), out);
        }
        Event::BlockConnected { id, height } | Event::BlockDisconnected { id, height } => {
            put_id(*id, out);
            put_number((*height).into(), out);
        }
        Event::LinkUp { link, peer, direction, advertise } => {
            put_link(*link, out);
            put_number(peer.0, out);
            put_text(direction, out);
            if let Some(addr) = advertise {
                put_addr(*addr, out);
            }
        }
        Event::LinkDown { link, why } => {
            put_link(*link, out);
            out.put_u8(u8::from(why.is_some()));
            if let Some(why) = why {
                put_text(why, out);
            }
        }
        Event::Misbehaved { link, offence } => {
            put_link(*link, out);
            put_text(offence, out);
        }
        Event::OtherMap { link, theirs } => {
            put_link(*link, out);
            put_name(theirs, out);
        }
        Event::MapAhead { link, by } => {
            put_link(*link, out);
            put_number(*by, out);
        }
        Event::DialFailed { addr, why } => {
            put_addr(*addr, out);
            put_text(why, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use tidings_protocol::ground::item::{Hash256, ItemId};
    use tidings_protocol::ground::time::Time;
    use tidings_protocol::wire::message::Session;

    use super::*;

    fn digest(actions: &[Action]) -> u32 {
        let mut digest = Digest::default();
        actions.iter().for_each(|action| digest.add(action));
        digest.kept()
    }

    fn ping(slot: u32, nonce: u64) -> Action {
        Action::Send { link: Link::new(slot, 1), message: Session::Ping { nonce }.into() }
    }

    fn item(bytes: &'static [u8]) -> Action {
        let item = Item::identified(ItemId::tx(Hash256([7; 32])), bytes.into());
        Action::Send { link: Link::new(0, 1), message: Items::Item(item).into() }
    }

    #[test]
    fn whatever_differs_in_actions_shows_and_so_does_their_order() {
        let until = |millis| Action::Throttle {
            link: Link::new(0, 1),
            class: None,
            until: Time::from_millis(millis),
        };
        let lives = [
            vec![ping(0, 1), ping(1, 2)],
            vec![ping(1, 2), ping(0, 1)],
            vec![ping(0, 1), ping(1, 3)],
            vec![ping(0, 1)],
            vec![item(b"a"), until(1)],
            vec![item(b"b"), until(1)],
            vec![item(b"a"), until(2)],
            vec![],
        ];
        let mut digests: Vec<_> = lives.iter().map(|life| digest(life)).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), lives.len());
    }

    #[test]
    fn every_number_has_a_name_of_its_own() {
        let names = names();
        assert_eq!(names.len(), MessageKind::ALL.len() + OTHERS.len());
        assert_eq!(names[&number(&ping(0, 0))], "send ping");
        assert_eq!(names[&number(&item(b"a"))], "send tx");
    }
}
