//! Transactions and blocks of an attacker, good and bad.

use std::sync::Arc;

use bytes::Bytes;
use ed25519_zebra::SigningKey;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::tidings::{Block, Tidings, Transfer};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};
use tidings_protocol::wire::message::{Items, Message};

use crate::target::Target;

/// Whoever signs: no two of its transfers conflict.
#[derive(Debug)]
pub struct Mint {
    key: SigningKey,
    rules: Tidings,
    nonce: u64,
    parent: Hash256,
}

impl Mint {
    /// Signs with the key of a seed.
    #[must_use]
    pub fn new(seed: [u8; 32], target: &Target) -> Self {
        let key = SigningKey::from(seed);
        Self { key, rules: target.rules(), nonce: 0, parent: target.genesis }
    }

    /// A valid transfer with a fee and so many bytes of payload.
    pub fn transfer(&mut self, fee: u64, payload: usize) -> Bytes {
        self.nonce += 1;
        Transfer::sign(&self.key, self.rules.genesis, self.nonce, fee, &vec![7; payload])
    }

    /// A transfer of which the signature is wrong.
    pub fn forged(&mut self, payload: usize) -> Bytes {
        let mut bytes = self.transfer(1, payload).to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        bytes.into()
    }

    /// A valid block on top of the one before.
    #[must_use]
    pub fn block(&mut self, transfers: &[Bytes]) -> Option<Bytes> {
        self.nonce += 1;
        let bits = self.rules.difficulty_bits;
        let bytes = Block::mine(self.parent, transfers, self.nonce, bits)?;
        self.parent = self.rules.identify(ItemKind::Block, &bytes).ok()?;
        Some(bytes)
    }

    /// A message that delivers an item.
    ///
    /// # Panics
    /// Never: all that is made here has a header.
    #[must_use]
    pub fn deliver(&self, kind: ItemKind, bytes: Bytes) -> Message {
        let item: Arc<Item> = self.rules.item(kind, bytes).expect("it was made by these rules");
        Message::Items(Items::Item(item))
    }
}

/// A frame of ours with any kind and body (see `tidings_protocol::wire::codec`).
#[must_use]
pub fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = varint(body.len() + 1);
    frame.push(kind);
    frame.extend_from_slice(body);
    frame
}

/// The first part of a message that is longer than a frame.
#[must_use]
pub fn first_part(class: u8, kind: u8, total: usize) -> Vec<u8> {
    let head = [&[0, class | 4, kind][..], &varint(total)].concat();
    // The length of a frame counts all that follows it.
    let length = head.len() + PART;
    [varint(length), head, vec![0; PART]].concat()
}

/// Bytes of a part.
const PART: usize = 16 << 10;

/// A number as LEB128.
#[must_use]
pub fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
    bytes
}
