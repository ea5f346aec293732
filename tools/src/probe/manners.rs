//! What a listener says: its hello, and the answers without which its links wouldn't stay.
//!
//! It announces nothing, asks for no item, sends none, compares nothing and tells no addresses. So no peer ever hears of an
//! item from it, none waits for it (nobody asks for what wasn't announced), and an item that begins at one of its peers gets
//! nowhere by it. What it costs a peer is a place among those that it is dialled on, and a copy of each item:
//! *adaptive* peers send whole items to whoever says nothing, since what isn't answered with "known" was new.
//!
//! That nothing is said of copies that came second is on purpose: a peer that learns that it is mostly second announces later
//! and in batches, and what is measured would be its trickle, not when it had the item.

use tidings_protocol::wire::message::{Hello, Items, Message, PeerExchange, Session};

/// The hello of a probe: it takes everything, keeps nothing, and can't be dialled.
#[must_use]
pub fn hello() -> Message {
    let hello = Hello { features: Hello::KEEPS_NOTHING, ..Hello::default() };
    Session::Hello(Box::new(hello)).into()
}

/// What a listener answers to a message; mostly nothing.
#[must_use]
pub fn answer(message: &Message) -> Option<Message> {
    match message {
        Message::Session(Session::Ping { nonce }) => Some(Session::Pong { nonce: *nonce }.into()),
        // It knows addresses, and doesn't tell: whom peers know is part of what is measured.
        Message::Peers(PeerExchange::GetAddresses) => {
            Some(PeerExchange::Addresses(Vec::new().into()).into())
        }
        Message::Items(Items::GetData(names)) => Some(Items::NotFound(names.clone()).into()),
        Message::Session(_)
        | Message::Peers(_)
        | Message::Items(_)
        | Message::Blocks(_)
        | Message::Symbols(_)
        | Message::Relay(_)
        | Message::Reconcile(_)
        | Message::Replica(_)
        | Message::Unknown { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use tidings_protocol::ground::item::{Hash256, Item, ItemId, ItemKind};
    use tidings_protocol::wire::message::Names;

    use super::*;

    #[test]
    fn a_listener_never_announces_and_never_sends_an_item() {
        let id = ItemId::tx(Hash256::of(b"x"));
        let names = Names::Whole { kind: ItemKind::Tx, ids: vec![id].into() };
        let heard = [
            Session::Ping { nonce: 7 }.into(),
            Session::Pong { nonce: 7 }.into(),
            hello(),
            PeerExchange::GetAddresses.into(),
            PeerExchange::Join.into(),
            Items::Announce(names.clone()).into(),
            Items::GetData(names.clone()).into(),
            Items::Item(Item::identified(id, vec![1].into())).into(),
            Message::Unknown { kind: 200, len: 3 },
        ];
        let said: Vec<Message> = heard.iter().filter_map(answer).collect();
        let expected: [Message; 3] = [
            Session::Pong { nonce: 7 }.into(),
            PeerExchange::Addresses(Vec::new().into()).into(),
            Items::NotFound(names).into(),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn peers_are_told_to_send_all_that_they_have() {
        let Message::Session(Session::Hello(hello)) = hello() else { panic!("it is a hello") };
        assert!(hello.accepts.unasked && hello.accepts.credit == u32::MAX);
        assert!(hello.keeps_nothing() && hello.advertise.is_none());
        assert!(!hello.rebuilds() && !hello.keeps_chain());
    }
}
