//! Transactions and blocks of an attacker, good and bad.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use ed25519_zebra::SigningKey;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::tidings::{Block, Tidings, Transfer};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};

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
    pub fn transfer(&mut self, fee: u64, payload: usize) -> Arc<Item> {
        let bytes = self.sign(fee, payload);
        self.item(ItemKind::Tx, bytes)
    }

    /// A transfer of which the signature is wrong.
    pub fn forged(&mut self, payload: usize) -> Arc<Item> {
        let mut bytes = self.sign(1, payload).to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        self.item(ItemKind::Tx, bytes.into())
    }

    /// A valid block of so many transfers with so many bytes of payload each, on top of the one before.
    ///
    /// # Errors
    /// When no proof of work is found.
    pub fn block(&mut self, count: usize, payload: usize) -> io::Result<Arc<Item>> {
        let transfers: Vec<_> = (0..count).map(|_| self.sign(1, payload)).collect();
        self.nonce += 1;
        let bits = self.rules.difficulty_bits;
        let bytes = Block::mine(self.parent, &transfers, self.nonce, bits)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let block = self.item(ItemKind::Block, bytes);
        self.parent = block.id().hash();
        Ok(block)
    }

    fn sign(&mut self, fee: u64, payload: usize) -> Bytes {
        self.nonce += 1;
        Transfer::sign(&self.key, self.rules.genesis, self.nonce, fee, &vec![7; payload])
    }

    /// The item that some bytes are: all that is made here has a header.
    fn item(&self, kind: ItemKind, bytes: Bytes) -> Arc<Item> {
        self.rules.item(kind, bytes).expect("it was made by these rules")
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
