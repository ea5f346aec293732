//! Transfers: the transactions of Tidings' own networks.

use bytes::{BufMut, Bytes, BytesMut};
use ed25519_zebra::{Signature, SigningKey, VerificationKeyBytes, batch};
use sha2::{Digest, Sha256};

use crate::chain::{ConflictKey, Rejection, Sender};
use crate::ground::item::{HASH_LEN, Hash256};

/// Version of the encoding that these rules know.
const VERSION: u8 = 1;

const KEY_LEN: usize = 32;
const SIGNATURE_LEN: usize = 64;

/// What stands before the payload.
const HEAD_LEN: usize = 1 + HASH_LEN + KEY_LEN + 8 + 8;

/// Length of a transfer without payload, bytes.
pub const TRANSFER_LEN_MIN: usize = HEAD_LEN + SIGNATURE_LEN;

/// A signed transfer, read where it lies.
///
/// ```text
/// version 1 | genesis 32 | sender 32 | nonce 8 | fee 8 | payload | signature 64      (bytes)
/// ```
/// The payload is what lies between: it has no length of its own that could disagree. The signature
/// covers all before it, the genesis id included, so a transfer can't be replayed on another network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// Id of the genesis block of the network that it is meant for.
    pub genesis: Hash256,
    /// Ed25519 verification key of the sender.
    pub sender: [u8; KEY_LEN],
    /// Number of the transfer among those of its sender; no two may share one.
    pub nonce: u64,
    /// Fee that it offers, in the smallest unit. Who orders transfers may look at it; the relay doesn't, since nobody
    /// vouches for it.
    pub fee: u64,
    /// Whatever the sender has to say.
    pub payload: &'a [u8],
    signed: &'a [u8],
    signature: [u8; SIGNATURE_LEN],
}

impl<'a> Transfer<'a> {
    /// Signs a transfer and returns its canonical bytes.
    #[must_use]
    pub fn sign(key: &SigningKey, genesis: Hash256, nonce: u64, fee: u64, payload: &[u8]) -> Bytes {
        let mut bytes = BytesMut::with_capacity(TRANSFER_LEN_MIN + payload.len());
        bytes.put_u8(VERSION);
        bytes.put_slice(&genesis.0);
        bytes.put_slice(VerificationKeyBytes::from(key).as_ref());
        bytes.put_u64_le(nonce);
        bytes.put_u64_le(fee);
        bytes.put_slice(payload);
        let signature = key.sign(&bytes);
        bytes.put_slice(&signature.to_bytes());
        bytes.freeze()
    }

    /// Reads a transfer from its canonical bytes. The signature isn't verified.
    ///
    /// # Errors
    /// When it is too short, or of a version that we don't know.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Rejection> {
        match bytes.first() {
            Some(&VERSION) => {}
            // An upgraded peer may relay later versions in good faith.
            Some(_) => return Err(Rejection::policy("unknown-version")),
            None => return Err(Rejection::invalid("truncated")),
        }
        let (signed, signature) =
            bytes.split_last_chunk().ok_or(Rejection::invalid("truncated"))?;
        let (head, payload) =
            signed.split_first_chunk::<HEAD_LEN>().ok_or(Rejection::invalid("truncated"))?;
        let mut fields = &head[1..];
        Ok(Self {
            genesis: Hash256(field(&mut fields)),
            sender: field(&mut fields),
            nonce: u64::from_le_bytes(field(&mut fields)),
            fee: u64::from_le_bytes(field(&mut fields)),
            payload,
            signed,
            signature: *signature,
        })
    }

    /// Refuses a transfer that is meant for another network.
    pub(super) fn check_network(&self, genesis: Hash256) -> Result<(), Rejection> {
        if self.genesis == genesis { Ok(()) } else { Err(Rejection::invalid("wrong-network")) }
    }

    /// What no other pooled transfer may share: sender and nonce.
    #[must_use]
    pub fn conflict_key(&self) -> ConflictKey {
        let hash = Sha256::new()
            .chain_update(b"tidings/conflict")
            .chain_update(self.sender)
            .chain_update(self.nonce.to_le_bytes());
        ConflictKey(hash.finalize().into())
    }

    /// Whose share of a pool it takes: the first bytes of the sender's key. To make a key that shares
    /// them with a given one takes 2^64 tries.
    #[must_use]
    pub fn sender_key(&self) -> Sender {
        Sender(*self.sender.first_chunk().expect("a key is longer than that"))
    }

    /// Its signature, ready to be verified alone or in a batch.
    pub(super) fn signature(&self) -> batch::Item {
        let sender = VerificationKeyBytes::from(self.sender);
        batch::Item::from((sender, Signature::from_bytes(&self.signature), self.signed))
    }
}

/// Takes a field off the front of a fixed-size encoding.
pub(super) fn field<const N: usize>(input: &mut &[u8]) -> [u8; N] {
    let (taken, rest) = input.split_first_chunk().expect("the encoding has a fixed size");
    *input = rest;
    *taken
}
