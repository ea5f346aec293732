//! Transactions: what they spend and create, and which bytes are one.

use std::ops::RangeInclusive;

use ::bitcoin::consensus::encode::{self, deserialize};
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::{Amount, Transaction};

use crate::chain::rejection::refuse_duplicates;
use crate::chain::{ConflictKey, Rejection, Weight};
use crate::ground::item::{Hash256, ItemId};

/// Fewest bytes without witness that are relayed (Bitcoin Core's `MIN_STANDARD_TX_NONWITNESS_SIZE`).
///
/// *Attack*: one of 64 bytes can be taken for two hashes that stand side by side in a block's tree, and proved to be
/// in a block that hasn't got it (CVE-2017-12842).
const SIZE_MIN: usize = 65;

/// How long a coinbase's script may be, bytes.
const COINBASE_SCRIPT: RangeInclusive<usize> = 2..=100;

/// Reads a transaction from its canonical bytes, all of them.
pub(super) fn parse(bytes: &[u8]) -> Result<Transaction, Rejection> {
    deserialize(bytes).map_err(|error| match error {
        // An upgraded peer may relay later formats in good faith.
        encode::Error::UnsupportedSegwitFlag(flag) if flag > 1 => Rejection::policy("unknown-flag"),
        _ => Rejection::invalid("bad-encoding"),
    })
}

/// What must hold of every transaction whatever it spends (Bitcoin Core's `CheckTransaction`).
pub(super) fn check(transaction: &Transaction) -> Result<(), Rejection> {
    let Transaction { input, output, .. } = transaction;
    if input.is_empty() {
        return Err(Rejection::invalid("no-inputs"));
    }
    if output.is_empty() {
        return Err(Rejection::invalid("no-outputs"));
    }
    let mut sum = Amount::ZERO;
    for value in output.iter().map(|output| output.value) {
        let so_far = sum.checked_add(value).filter(|sum| value.max(*sum) <= Amount::MAX_MONEY);
        sum = so_far.ok_or(Rejection::invalid("value-out-of-range"))?;
    }
    if transaction.is_coinbase() {
        let fits = COINBASE_SCRIPT.contains(&input[0].script_sig.len());
        return if fits { Ok(()) } else { Err(Rejection::invalid("bad-coinbase-script")) };
    }
    if input.iter().any(|input| input.previous_output.is_null()) {
        return Err(Rejection::invalid("null-input"));
    }
    refuse_duplicates(spends(transaction), "duplicate-inputs")
}

/// The sizes that are relayed outside of blocks: a matter of policy, which a network may set otherwise.
pub(super) fn check_standard(
    transaction: &Transaction,
    weight: Weight,
    max_vbytes: usize,
) -> Result<(), Rejection> {
    if weight.vbytes() > max_vbytes {
        return Err(Rejection::policy("too-heavy"));
    }
    if transaction.base_size() < SIZE_MIN {
        return Err(Rejection::policy("too-small"));
    }
    Ok(())
}

/// What it takes of a block's room.
pub(super) fn weight(transaction: &Transaction) -> Weight {
    Weight(u32::try_from(transaction.weight().to_wu()).unwrap_or(u32::MAX))
}

/// Whether anything of it is witness.
pub(super) fn has_witness(transaction: &Transaction) -> bool {
    transaction.input.iter().any(|input| !input.witness.is_empty())
}

/// The txid.
pub(super) fn txid(transaction: &Transaction) -> Hash256 {
    Hash256(transaction.compute_txid().to_byte_array())
}

/// The txid, if it isn't the wtxid too.
pub(super) fn alias(transaction: &Transaction) -> Option<ItemId> {
    has_witness(transaction).then(|| ItemId::tx(txid(transaction)))
}

/// What it spends, in order; nothing if it is a coinbase.
pub(super) fn spends(transaction: &Transaction) -> Vec<ConflictKey> {
    let outpoints = transaction.input.iter().map(|input| input.previous_output);
    let spent = outpoints.filter(|outpoint| !outpoint.is_null());
    spent.map(|it| ConflictKey::output(Hash256(it.txid.to_byte_array()), it.vout)).collect()
}

/// What it creates, in order.
pub(super) fn outputs(transaction: &Transaction) -> impl Iterator<Item = ConflictKey> {
    let txid = txid(transaction);
    (0..).zip(&transaction.output).map(move |(number, _)| ConflictKey::output(txid, number))
}

/// The transactions that it spends from, each once.
pub(super) fn parents(transaction: &Transaction) -> Vec<ItemId> {
    let txids = transaction.input.iter().map(|input| input.previous_output.txid);
    let ids = txids.map(|txid| ItemId::tx(Hash256(txid.to_byte_array())));
    let mut parents: Vec<ItemId> = ids.collect();
    parents.sort_unstable();
    parents.dedup();
    parents
}
