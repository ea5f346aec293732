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
use std::sync::Arc;

use ed25519_zebra::batch;
use rand::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

use super::Transfer;
use crate::chain::Rejection;
use crate::ground::item::{Hash256, Item};

/// A signature, and the id of the transfer it belongs to: a hash of key, message and signature.
type Signed = (Hash256, batch::Item);

/// Verifies the signature of a transfer.
pub(super) fn verify(transfer: &Item) -> Result<(), Rejection> {
    read(transfer).and_then(verify_alone)
}

/// Verifies transfers in one batch. Should it fail, each is verified by itself, which takes about
/// three times as long; but then whoever sent the bad one loses the link.
pub(super) fn verify_batch(transfers: &[Arc<Item>]) -> Vec<Result<(), Rejection>> {
    // A single signature is verified faster by itself.
    if let [transfer] = transfers {
        return vec![verify(transfer)];
    }
    let readable: Vec<_> = transfers.iter().map(|transfer| read(transfer)).collect();
    let all_hold = holds(readable.iter().flatten());
    let verdict = |signed: Signed| if all_hold { Ok(()) } else { verify_alone(signed) };
    readable.into_iter().map(|read| read.and_then(verdict)).collect()
}

fn verify_alone((_, signature): Signed) -> Result<(), Rejection> {
    signature.verify_single().map_err(|_| Rejection::invalid("bad-signature"))
}

fn read(transfer: &Item) -> Result<Signed, Rejection> {
    let signature = Transfer::parse(transfer.bytes())?.signature();
    Ok((transfer.id().hash(), signature))
}

/// Whether all of a batch hold.
fn holds<'a>(signed: impl Iterator<Item = &'a Signed>) -> bool {
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
