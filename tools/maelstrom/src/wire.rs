//! Maelstrom's messages, and the core's messages inside them.
//!
//! Nodes speak readable JSON, so that Maelstrom's own diagrams and journals show what happens:
//! ```json
//! {"src":"n1","dest":"n0","body":{"type":"relay","seq":3,"ack":7,"say":[{"items":[41,42]},"prune"]}}
//! {"src":"n0","dest":"n1","body":{"type":"ack","ack":6}}
//! ```
//! `seq` numbers the core's messages, of which each item of `items` is one; see [`super::session`].

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{
    HASH_LEN, Hash256, Item, ItemId, ItemKind, SHORT_ID_LEN, ShortId,
};
use tidings_protocol::wire::codec;
use tidings_protocol::wire::frame::Reader;
use tidings_protocol::wire::message::{
    ANNOUNCE_MAX, GETDATA_MAX, Items, KNOWN_MAX, Message, Names, Signal,
};

use super::session::Packet;

/// What a message of Maelstrom's looks like.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope<Body> {
    pub(super) src: String,
    pub(super) dest: String,
    pub(super) body: Body,
}

/// The body of a message between nodes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Body {
    Relay {
        seq: u64,
        ack: u64,
        say: Vec<Say>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    Ack {
        ack: u64,
    },
}

/// One thing that the core says, or several items in a row.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Say {
    /// Values.
    Items(Vec<Value>),
    /// Announced: ids, or short ids.
    Have(Vec<String>),
    /// Asked for.
    Want(Vec<String>),
    /// Not found.
    Lack(Vec<String>),
    Prune,
    Graft,
    Poll,
    /// Short ids.
    Known(Vec<String>),
    /// Short ids.
    First(Vec<String>),
    /// What two nodes compare: the message as it travels elsewhere, in hexadecimal.
    Compare(String),
}

/// What no node of ours says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("`{0}` is neither an id of 64 hexadecimal digits nor a short one of 16")]
    BadId(String),
    #[error("ids and short ids are mixed")]
    MixedIds,
    #[error("there are {0} ids, of at most {1}")]
    TooManyIds(usize, usize),
    #[error("the digest is malformed")]
    BadDigest,
    #[error("a value can't be an item: {0}")]
    BadItem(String),
}

/// A value as an item: its JSON, without spaces.
pub(super) fn to_item(value: &Value, chain: &dyn Chain) -> Result<Arc<Item>, WireError> {
    let bytes = value.to_string();
    chain.item(ItemKind::Tx, Bytes::from(bytes)).map_err(|why| WireError::BadItem(why.to_string()))
}

/// The value of an item that [`to_item`] made.
pub(super) fn to_value(item: &Item) -> Value {
    serde_json::from_slice(item.bytes()).unwrap_or(Value::Null)
}

impl From<Packet<Message>> for Body {
    fn from(packet: Packet<Message>) -> Self {
        let Packet { ack, seq, say, again } = packet;
        if say.is_empty() {
            return Self::Ack { ack };
        }
        let mut said = Vec::new();
        for message in &say {
            match (said.last_mut(), message) {
                (Some(Say::Items(values)), Message::Items(Items::Item(item))) => {
                    values.push(to_value(item));
                }
                _ => said.extend(encode(message)),
            }
        }
        Self::Relay { seq, ack, say: said, again }
    }
}

impl Body {
    /// The packet that a peer sent.
    pub(super) fn into_packet(self, chain: &dyn Chain) -> Result<Packet<Message>, WireError> {
        match self {
            Self::Ack { ack } => Ok(Packet { ack, seq: 0, say: Vec::new(), again: false }),
            Self::Relay { seq, ack, say: said, again } => {
                let mut say = Vec::new();
                for said in said {
                    decode(said, chain, &mut say)?;
                }
                Ok(Packet { ack, seq, say, again })
            }
        }
    }
}

/// Whether a message travels at all. What keeps up a connection doesn't: there are none here.
pub(super) const fn travels(message: &Message) -> bool {
    match message {
        Message::Items(
            Items::Announce(_) | Items::GetData(_) | Items::NotFound(_) | Items::Item(_),
        )
        | Message::Relay(_)
        | Message::Reconcile(_) => true,
        Message::Session(_)
        | Message::Peers(_)
        | Message::Items(Items::FeeFilter(_) | Items::Credit(_))
        | Message::Blocks(_)
        | Message::Symbols(_)
        | Message::Replica(_)
        | Message::Unknown { .. } => false,
    }
}

/// `None` for what doesn't [travel](travels).
fn encode(message: &Message) -> Option<Say> {
    let short = |ids: &[ShortId]| ids.iter().map(|id| HEXLOWER.encode(&id.0)).collect();
    let ids = |names: &Names| match names {
        Names::Whole { ids, .. } => ids.iter().map(ItemId::to_string).collect(),
        Names::Short(ids) => short(ids),
    };
    Some(match message {
        Message::Items(Items::Item(item)) => Say::Items(vec![to_value(item)]),
        Message::Items(Items::Announce(names)) => Say::Have(ids(names)),
        Message::Items(Items::GetData(names)) => Say::Want(ids(names)),
        Message::Items(Items::NotFound(names)) => Say::Lack(ids(names)),
        Message::Relay(Signal::Prune) => Say::Prune,
        Message::Relay(Signal::Graft) => Say::Graft,
        Message::Relay(Signal::Poll) => Say::Poll,
        Message::Relay(Signal::Known(ids)) => Say::Known(short(ids)),
        Message::Relay(Signal::First(ids)) => Say::First(short(ids)),
        Message::Reconcile(_) => {
            let mut bytes = BytesMut::new();
            codec::encode(message, &mut bytes);
            Say::Compare(HEXLOWER.encode(&bytes))
        }
        Message::Session(_)
        | Message::Peers(_)
        | Message::Items(Items::FeeFilter(_) | Items::Credit(_))
        | Message::Blocks(_)
        | Message::Symbols(_)
        | Message::Replica(_)
        | Message::Unknown { .. } => return None,
    })
}

fn decode(said: Say, chain: &dyn Chain, out: &mut Vec<Message>) -> Result<(), WireError> {
    let message = match said {
        Say::Items(values) => {
            for value in &values {
                out.push(Message::Items(Items::Item(to_item(value, chain)?)));
            }
            return Ok(());
        }
        Say::Have(ids) => Message::Items(Items::Announce(names(&ids, ANNOUNCE_MAX)?)),
        Say::Want(ids) => Message::Items(Items::GetData(names(&ids, GETDATA_MAX)?)),
        Say::Lack(ids) => Message::Items(Items::NotFound(names(&ids, GETDATA_MAX)?)),
        Say::Prune => Message::Relay(Signal::Prune),
        Say::Graft => Message::Relay(Signal::Graft),
        Say::Poll => Message::Relay(Signal::Poll),
        Say::Known(ids) => Message::Relay(Signal::Known(short_ids(&ids, KNOWN_MAX)?)),
        Say::First(ids) => Message::Relay(Signal::First(short_ids(&ids, KNOWN_MAX)?)),
        Say::Compare(said) => compared(&said, chain).ok_or(WireError::BadDigest)?,
    };
    out.push(message);
    Ok(())
}

/// Ids and short ids are told apart by their length.
fn names(ids: &[String], max: usize) -> Result<Names, WireError> {
    if ids.first().is_some_and(|id| id.len() == 2 * SHORT_ID_LEN) {
        return Ok(Names::Short(short_ids(ids, max)?));
    }
    let ids = parse(ids, max, |id| from_hex::<HASH_LEN>(id).map(|hash| ItemId::tx(Hash256(hash))))?;
    Ok(Names::Whole { kind: ItemKind::Tx, ids })
}

fn short_ids(ids: &[String], max: usize) -> Result<Arc<[ShortId]>, WireError> {
    parse(ids, max, |id| from_hex::<SHORT_ID_LEN>(id).map(ShortId))
}

fn parse<Id>(
    ids: &[String],
    max: usize,
    one: impl Fn(&str) -> Option<Id>,
) -> Result<Arc<[Id]>, WireError> {
    if ids.len() > max {
        return Err(WireError::TooManyIds(ids.len(), max));
    }
    if ids.windows(2).any(|pair| pair[0].len() != pair[1].len()) {
        return Err(WireError::MixedIds);
    }
    ids.iter().map(|id| one(id).ok_or_else(|| WireError::BadId(id.clone()))).collect()
}

fn compared(said: &str, chain: &dyn Chain) -> Option<Message> {
    let bytes = bytes_of(said)?;
    let message = Reader::default().read(&mut &bytes[..], chain).ok()?;
    message.filter(|message| matches!(message, Message::Reconcile(_)))
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    bytes_of(text)?.try_into().ok()
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tidings_protocol::chain::opaque::Opaque;
    use tidings_protocol::wire::digest::{Digest, FAN, List, Span, Split};
    use tidings_protocol::wire::message::Reconcile;

    fn item(n: u32) -> Arc<Item> {
        to_item(&json!(n), &Opaque::default()).unwrap()
    }

    fn round_trip(say: &[Message]) -> (String, Vec<Message>) {
        let packet = Packet { ack: 3, seq: 5, say: say.to_vec(), again: false };
        let text = serde_json::to_string(&Body::from(packet)).unwrap();
        let body: Body = serde_json::from_str(&text).unwrap();
        (text, body.into_packet(&Opaque::default()).unwrap().say)
    }

    #[test]
    fn every_message_that_travels_reads_back() {
        let (kind, id) = (ItemKind::Tx, item(1).id());
        let (ids, short): (Arc<[ItemId]>, Arc<[ShortId]>) = ([id].into(), [id.into()].into());
        let split = Split { span: Span::ALL, sums: [7; FAN] };
        let list = List { span: Span::ALL, ids: short.iter().copied().collect() };
        let messages = [
            Message::Items(Items::Item(item(1))),
            Message::Items(Items::Item(item(2))),
            Message::Items(Items::Announce(Names::Whole { kind, ids: ids.clone() })),
            Message::Items(Items::GetData(Names::Whole { kind, ids: ids.clone() })),
            Message::Items(Items::NotFound(Names::Whole { kind, ids })),
            Message::Items(Items::Announce(Names::Short(short.clone()))),
            Message::Items(Items::GetData(Names::Short(short.clone()))),
            Message::Items(Items::NotFound(Names::Short(short.clone()))),
            Message::Items(Items::Item(item(3))),
            Message::Relay(Signal::Prune),
            Message::Relay(Signal::Graft),
            Message::Relay(Signal::Poll),
            Message::Relay(Signal::Known(short.clone())),
            Message::Relay(Signal::First(short)),
            Message::Reconcile(Reconcile::Digest(Box::new(Digest {
                salt: u64::MAX,
                splits: [split].into(),
            }))),
            Message::Reconcile(Reconcile::Held([list].into())),
        ];
        assert!(messages.iter().all(travels));
        assert_eq!(round_trip(&messages).1, messages);
    }

    #[test]
    fn items_in_a_row_are_one_list_that_people_can_read() {
        let (text, _) = round_trip(&[
            Message::Items(Items::Item(item(1))),
            Message::Items(Items::Item(item(2))),
        ]);
        assert_eq!(text, r#"{"type":"relay","seq":5,"ack":3,"say":[{"items":[1,2]}]}"#);
    }

    #[test]
    fn nothing_to_say_is_an_acknowledgement() {
        assert_eq!(round_trip(&[]).0, r#"{"type":"ack","ack":3}"#);
    }

    #[test]
    fn any_value_is_an_item_and_comes_back_as_it_was() {
        for value in [json!(0), json!(-1.5), json!("ü\n"), json!([1, {"b": null, "a": {}}])] {
            let item = to_item(&value, &Opaque::default()).unwrap();
            assert_eq!(to_value(&item).to_string(), value.to_string());
        }
    }

    #[test]
    fn what_no_node_says_is_refused() {
        let (a, b) = ("0".repeat(64), "0".repeat(16));
        let compare = |hex: &str| json!({"compare": hex});
        for (said, error) in [
            (json!({"have": ["xyz"]}), WireError::BadId("xyz".to_owned())),
            (json!({"want": [a, b]}), WireError::MixedIds),
            (json!({"want": vec![&a; 1_001]}), WireError::TooManyIds(1_001, 1_000)),
            (compare("0"), WireError::BadDigest),
            (compare("0215"), WireError::BadDigest),
            (compare("09020102030405060708"), WireError::BadDigest),
        ] {
            let said = serde_json::from_value(said).unwrap();
            assert_eq!(decode(said, &Opaque::default(), &mut Vec::new()), Err(error));
        }
    }
}
