//! The running hash over all events of a run: equal for equal runs, on every platform and build.
//!
//! Folded multiplication of 64-bit words (as in wyhash): a word is mixed in, multiplied to 128 bits, and
//! both halves are folded together. It guards against accidents, not against attackers. Nothing in it
//! depends on the width of a pointer, on byte order or on a hasher's keys.

use std::fmt;

use tidings_protocol::ground::item::{ItemId, ShortId};
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::Input;
use tidings_protocol::wire::message::{
    Blocks, Items, Message, PeerExchange, Reconcile, Replica, Session, Signal, Symbols,
};

/// Odd multiplier: the golden ratio's fraction in 64 bits.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// The hash so far. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHash(u64);

impl Default for EventHash {
    fn default() -> Self {
        Self(0x243F_6A88_85A3_08D3) // the first digits of pi's fraction
    }
}

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl EventHash {
    /// Takes in a word.
    pub fn word(&mut self, word: u64) {
        let (low, high) = (self.0 ^ word).carrying_mul(MULTIPLIER, 0);
        // The constant keeps a product of 0 from swallowing what came before.
        self.0 = (low ^ high).wrapping_add(0xD6E8_FEB8_6659_FD93);
    }

    /// Takes in an input that is handed to a node: when, to whom, on which link, of what kind, about
    /// which items.
    pub fn input(&mut self, now: Time, node: u32, input: &Input<'_>) {
        self.word(now.as_nanos());
        let mut head = |kind: u64, slot: u64| self.word(u64::from(node) << 32 | kind << 24 | slot);
        match input {
            Input::Connected { link, peer, .. } => {
                head(1, link.slot() as u64);
                self.word(peer.0);
            }
            Input::Disconnected { link } => head(2, link.slot() as u64),
            Input::DialFailed { addr, .. } => head(3, u64::from(addr.port)),
            Input::Received { link, message } => {
                head(16 + message.kind() as u64, link.slot() as u64);
                self.message(message);
            }
            Input::Malformed { link, .. } => head(4, link.slot() as u64),
            Input::Submitted(item) => {
                head(5, 0);
                self.id(item.id());
            }
            Input::Restored { item, .. } => {
                head(11, 0);
                self.id(item.id());
            }
            Input::Verdict { item, .. } => {
                head(6, 0);
                self.id(item.id());
            }
            Input::Congested { link } => head(7, link.slot() as u64),
            Input::Drained { link } => head(8, link.slot() as u64),
            Input::Learned(addrs) => head(9, addrs.len() as u64),
            Input::Heard { addrs, .. } => head(17, addrs.len() as u64),
            Input::Reachable(reachable) => head(18, u64::from(*reachable)),
            Input::Remembered(kept) => head(11, kept.addresses.len() as u64),
            Input::Clock { .. } => head(12, 0),
            Input::Write { key, .. } => head(13, key.name().len() as u64),
            Input::Recalled(entry) => head(14, entry.key.name().len() as u64),
            Input::Ban { span, .. } => head(15, span.as_secs()),
            Input::Unban(_) => head(16, 0),
            Input::Headers(headers) => head(17, headers.len() as u64),
            Input::Loaded { id, loaded, .. } => {
                head(18, loaded.is_some().into());
                self.id(*id);
            }
            Input::Wake => head(10, 0),
        }
    }

    fn message(&mut self, message: &Message) {
        match message {
            Message::Session(Session::Ping { nonce } | Session::Pong { nonce }) => {
                self.word(*nonce);
            }
            Message::Items(Items::Item(item)) => self.id(item.id()),
            Message::Items(
                Items::Announce(names) | Items::GetData(names) | Items::NotFound(names),
            ) => names.iter().for_each(|name| self.id(name)),
            Message::Blocks(Blocks::Compact(compact)) => self.word(compact.nonce),
            Message::Blocks(Blocks::GetParts(wanted)) => {
                wanted.places.iter().for_each(|place| self.word((*place).into()));
            }
            Message::Blocks(Blocks::Parts(parts)) => self.word(parts.transactions.len() as u64),
            Message::Blocks(Blocks::Prefer(wanted)) => self.word((*wanted).into()),
            Message::Blocks(Blocks::GetHeaders(locator)) => {
                locator.iter().for_each(|id| self.id(ItemId::block(*id)));
            }
            Message::Blocks(Blocks::Headers(headers)) => self.word(headers.len() as u64),
            Message::Blocks(Blocks::ByTemplate(block)) => {
                self.word(block.template.into());
                block.places.iter().for_each(|place| self.word((*place).into()));
            }
            Message::Blocks(Blocks::Template(template)) => {
                self.word(template.number.into());
                template.added.iter().for_each(|id| self.id(id));
            }
            Message::Blocks(Blocks::GetListed(ids)) => ids.iter().for_each(|id| self.id(id)),
            Message::Blocks(Blocks::Listed(transactions)) => self.word(transactions.len() as u64),
            Message::Symbols(Symbols::Offer(offer)) => self.word(offer.size.into()),
            Message::Symbols(Symbols::Classes { block, .. }) => self.word(*block),
            Message::Symbols(Symbols::Get(wanted)) => self.word(wanted.stream.into()),
            Message::Symbols(Symbols::Symbol(symbol)) => {
                self.word(symbol.stream.into());
                self.word(symbol.id.number.into());
            }
            Message::Relay(Signal::Known(ids) | Signal::First(ids)) => {
                ids.iter().for_each(|id| self.id(id));
            }
            Message::Reconcile(Reconcile::Digest(digest)) => {
                self.word(digest.salt);
                let sums = digest.splits.iter().flat_map(|split| split.sums);
                sums.for_each(|sum| self.word(sum.into()));
            }
            Message::Reconcile(Reconcile::Held(lists)) => {
                lists.iter().flat_map(|list| &list.ids).for_each(|id| self.id(id));
            }
            Message::Reconcile(Reconcile::Cells(told)) => {
                told.cells.iter().for_each(|cell| self.word(cell.sum));
            }
            Message::Reconcile(Reconcile::Lacked(ids)) => ids.iter().for_each(|id| self.id(*id)),
            Message::Reconcile(Reconcile::Want(want)) => {
                want.counts.iter().for_each(|count| self.word(count.cast_unsigned().into()));
            }
            Message::Replica(Replica::Said(bytes)) => self.word(bytes.len() as u64),
            Message::Items(Items::FeeFilter(rate)) => self.word(rate.0),
            Message::Items(Items::Credit(ids)) => self.word(u64::from(*ids)),
            Message::Peers(exchange) => self.exchange(exchange),
            // Their kind says it all.
            Message::Session(Session::Hello(_))
            | Message::Relay(Signal::Prune | Signal::Graft | Signal::Poll)
            | Message::Unknown { .. } => {}
        }
    }

    fn exchange(&mut self, exchange: &PeerExchange) {
        match exchange {
            PeerExchange::Addresses(addrs) => self.word(addrs.len() as u64),
            PeerExchange::ForwardJoin { steps, .. } => self.word((*steps).into()),
            PeerExchange::Neighbour { is_urgent: yes }
            | PeerExchange::NeighbourReply { is_taken: yes } => self.word((*yes).into()),
            PeerExchange::Shuffle { number, addrs, .. }
            | PeerExchange::ShuffleReply { number, addrs } => {
                self.word(u64::from(*number) << 32 | addrs.len() as u64);
            }
            PeerExchange::GetAddresses | PeerExchange::Join | PeerExchange::Disconnect => {}
        }
    }

    fn id(&mut self, id: impl Into<ShortId>) {
        self.word(u64::from_le_bytes(id.into().0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_depends_on_every_word_and_their_order() {
        let of = |words: &[u64]| {
            let mut hash = EventHash::default();
            words.iter().for_each(|word| hash.word(*word));
            hash
        };
        let base = of(&[1, 2, 3]);
        assert_eq!(base, of(&[1, 2, 3]));
        for other in [&[1, 2][..], &[2, 1, 3], &[1, 2, 4], &[1, 2, 3, 0]] {
            assert_ne!(base, of(other));
        }
    }

    #[test]
    fn it_is_the_same_on_every_machine() {
        let mut hash = EventHash::default();
        hash.input(Time::from_millis(1), 7, &Input::Wake);
        assert_eq!(hash.to_string(), "73addd1300513697");
    }
}
