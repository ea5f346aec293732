//! Signatures, verified many at a time.
//!
//! Ed25519 as ZIP 215 defines it: under its rules batch and single verification agree on every
//! signature, so what a node accepts doesn't depend on what arrived together. (Under RFC 8032 they
//! may disagree, and nodes would split.) It takes `s` below the group's order only; any encoding of any
//! point of the curve as key and as `R`, canonical or not, of small order or not; and multiplies the
//! equation by the cofactor, which is what a batch has to do.
//!
//! A batch checks one random combination of all its equations. The coefficients need not be secret,
//! only unpredictable when the signatures are made: a forger who knew them could choose errors that
//! cancel out. Deriving them from a hash of the whole batch (keys, messages and signatures) gives
//! exactly that, as the Fiat-Shamir transform does for a verifier's challenges: every change of a
//! signature draws all coefficients anew, and each draw helps a forger with probability 2^-128. So
//! the rules need no entropy and stay pure functions of their arguments.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use ed25519_zebra::batch;
use rand::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

use super::{Block, Transfer};
use crate::chain::Rejection;
use crate::ground::item::{Hash256, Item, ItemKind};

/// A signature, and the id of the transfer it belongs to: a hash of key, message and signature.
type Signed = (Hash256, batch::Item);

/// Verifies all signatures of an item.
pub(super) fn verify(item: &Item) -> Result<(), Rejection> {
    let mut signed = Vec::new();
    read(item, &mut signed)?;
    verify_all(&signed)
}

/// Verifies items in one batch. Should it fail, each item is verified by itself, which takes about
/// three times as long; but then whoever sent the bad one loses the link.
pub(super) fn verify_batch(items: &[Arc<Item>]) -> Vec<Result<(), Rejection>> {
    if let [item] = items {
        return vec![verify(item)];
    }
    let mut signed = Vec::with_capacity(items.len());
    let readable = items.iter().map(|item| {
        let first = signed.len();
        read(item, &mut signed).map(|()| first..signed.len())
    });
    let readable: Vec<_> = readable.collect();
    if holds(&signed) {
        return readable.into_iter().map(|range| range.map(drop)).collect();
    }
    let alone = |range: Range<usize>| verify_all(&signed[range]);
    readable.into_iter().map(|range| range.and_then(alone)).collect()
}

fn verify_all(signed: &[Signed]) -> Result<(), Rejection> {
    let good = match signed {
        // A single signature is verified faster by itself.
        [(_, signature)] => signature.clone().verify_single().is_ok(),
        many => holds(many),
    };
    if good { Ok(()) } else { Err(Rejection::invalid("bad-signature")) }
}

/// Appends the signatures of an item; none if not all can be read.
fn read(item: &Item, signed: &mut Vec<Signed>) -> Result<(), Rejection> {
    let first = signed.len();
    let read = match item.kind() {
        ItemKind::Tx => Transfer::parse(item.bytes())
            .map(|transfer| signed.push((item.id().hash(), transfer.signature()))),
        ItemKind::Block => Block::parse(item.bytes()).and_then(|block| {
            block.transactions.iter().try_for_each(|bytes| {
                signed.push((Hash256::of(bytes), Transfer::parse(bytes)?.signature()));
                Ok(())
            })
        }),
    };
    read.inspect_err(|_| signed.truncate(first))
}

/// Whether all of a batch hold.
fn holds(signed: &[Signed]) -> bool {
    let mut batch = batch::Verifier::new();
    let mut transcript = Sha256::new_with_prefix(b"tidings/batch");
    for (id, signature) in signed {
        transcript.update(id.0);
        batch.queue(signature.clone());
    }
    batch.verify(Coefficients { seed: transcript.finalize().into(), drawn: 0 }).is_ok()
}

/// Draws the coefficients of one batch: SHA-256 of the seed and a counter.
struct Coefficients {
    seed: [u8; 32],
    drawn: u64,
}

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            let hash = Sha256::new().chain_update(self.seed).chain_update(self.drawn.to_le_bytes());
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
            self.drawn += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}
