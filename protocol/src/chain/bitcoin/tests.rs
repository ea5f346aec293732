//! Blocks that the tests make themselves, and the one that all others descend from.

mod blocks;
mod transactions;

use ::bitcoin::absolute::LockTime;
use ::bitcoin::consensus::encode::serialize;
use ::bitcoin::transaction::Version;
use ::bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use bytes::Bytes;

use super::*;
use crate::chain::{Blame, ConflictKey};

fn chain() -> Bitcoin {
    Settings::regtest().chain(Limits::default())
}

fn item(kind: ItemKind, bytes: impl Into<Bytes>) -> Arc<Item> {
    chain().item(kind, bytes.into()).unwrap()
}

/// An output of a transaction that isn't here.
fn elsewhere(number: u8) -> OutPoint {
    use ::bitcoin::hashes::Hash as _;
    OutPoint { txid: Txid::from_byte_array([number; 32]), vout: number.into() }
}

/// A transaction that spends some outputs, has so many, and has a witness if that isn't empty.
fn spending(outpoints: &[OutPoint], outputs: u64, witness: &[u8]) -> Transaction {
    let witness = if witness.is_empty() { Witness::new() } else { Witness::from_slice(&[witness]) };
    let input = |outpoint: &OutPoint| TxIn {
        previous_output: *outpoint,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: witness.clone(),
    };
    let output = |number| TxOut {
        value: Amount::from_sat(1_000 + number),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51; 20]),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: outpoints.iter().map(input).collect(),
        output: (0..outputs).map(output).collect(),
    }
}

fn tx(transaction: &Transaction) -> Arc<Item> {
    item(ItemKind::Tx, serialize(transaction))
}
