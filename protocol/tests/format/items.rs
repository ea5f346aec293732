//! Transactions and blocks of the rules `tidings`, and what names them.

use bytes::Bytes;
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use serde_json::{Value, json};
use tidings_protocol::chain::tidings::{Block, HEADER_LEN, Header, Tidings, Transfer};
use tidings_protocol::chain::{Chain as _, Rejection};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind, ShortId};

use super::hex;

/// A difficulty that costs a test nothing.
const BITS: u8 = 8;
const GENESIS: Hash256 = Hash256([0; 32]);
const RULES: Tidings = Tidings::new(GENESIS, BITS);

/// The bytes of a transfer in the network of the examples.
pub(crate) fn transfer(seed: [u8; 32], nonce: u64, fee: u64, payload: &[u8]) -> Bytes {
    Transfer::sign(&SigningKey::from(seed), GENESIS, nonce, fee, payload)
}

fn short(item: &Item) -> String {
    hex(&ShortId::from(item.id()).0)
}

/// What the rules say of bytes, all checks included.
fn judge(kind: ItemKind, bytes: Bytes) -> Result<(), Rejection> {
    let item = RULES.item(kind, bytes)?;
    RULES.inspect(&item)?;
    RULES.verify(&item).map(|_| ())
}

pub(crate) fn hashes() -> Value {
    let of = |bytes: &[u8]| json!({ "bytes": hex(bytes), "hash": hex(&Hash256::of(bytes).0) });
    json!([of(b""), of(b"tidings"), of(&[0xff; 100])])
}

pub(crate) fn keys() -> Value {
    let of = |seed: [u8; 32]| {
        let public = VerificationKeyBytes::from(&SigningKey::from(seed));
        json!({ "seed": hex(&seed), "public": hex(public.as_ref()) })
    };
    json!([of([7; 32]), of([8; 32]), of(std::array::from_fn(|n| u8::try_from(n).unwrap()))])
}

pub(crate) fn transactions() -> Value {
    let of = |seed: [u8; 32], nonce: u64, fee: u64, payload: &[u8]| {
        let bytes = transfer(seed, nonce, fee, payload);
        judge(ItemKind::Tx, bytes.clone()).unwrap();
        let item = RULES.item(ItemKind::Tx, bytes.clone()).unwrap();
        json!({
            "seed": hex(&seed),
            "genesis": hex(&GENESIS.0),
            "nonce": nonce.to_string(),
            "fee": fee.to_string(),
            "payload": hex(payload),
            "bytes": hex(&bytes),
            "id": item.id().to_string(),
            "short_id": short(&item),
            "conflict_key": hex(&Transfer::parse(&bytes).unwrap().conflict_key().0),
        })
    };
    json!([
        of([7; 32], 1, 0, b""),
        of([7; 32], 1_732_180_001_000_000, 250, b"hello"),
        of([8; 32], u64::MAX, u64::MAX, &[0xff; 40]),
    ])
}

pub(crate) fn refused_transactions() -> Value {
    let good = transfer([7; 32], 1, 0, b"x");
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        Bytes::from(bytes)
    };
    let elsewhere = Transfer::sign(&SigningKey::from([7; 32]), Hash256([1; 32]), 1, 0, b"x");
    let of = |bytes: Bytes| {
        let refused = judge(ItemKind::Tx, bytes.clone()).unwrap_err();
        json!({ "bytes": hex(&bytes), "genesis": hex(&GENESIS.0), "rule": refused.rule })
    };
    json!([
        of(Bytes::new()),
        of(good.slice(..144)),
        of(changed(0, 2)),
        of(elsewhere),
        of(changed(81, b'y')),
    ])
}

fn mined(parent: Hash256, transactions: &[Bytes]) -> Bytes {
    Block::mine(parent, transactions, 1_732_180_001, BITS).unwrap()
}

fn some() -> [Bytes; 3] {
    [1, 2, 3].map(|nonce| transfer([7; 32], nonce, 0, &[b'a'; 5]))
}

pub(crate) fn blocks() -> Value {
    let of = |parent: Hash256, transactions: &[Bytes]| {
        let bytes = mined(parent, transactions);
        judge(ItemKind::Block, bytes.clone()).unwrap();
        let item = RULES.item(ItemKind::Block, bytes.clone()).unwrap();
        let Header { parent, root, time, bits, nonce } = Header::parse(&bytes).unwrap();
        let transactions: Vec<String> = transactions.iter().map(|bytes| hex(bytes)).collect();
        json!({
            "parent": hex(&parent.0),
            "root": hex(&root.0),
            "time": time.to_string(),
            "bits": bits,
            "nonce": nonce.to_string(),
            "transactions": transactions,
            "header": hex(&bytes[..HEADER_LEN]),
            "bytes": hex(&bytes),
            "id": item.id().to_string(),
            "short_id": short(&item),
        })
    };
    let some = some();
    json!([of(GENESIS, &[]), of(GENESIS, &some[..1]), of(Hash256::of(b"parent"), &some)])
}

pub(crate) fn refused_blocks() -> Value {
    let some = some();
    let good = mined(GENESIS, &some);
    let of = |bytes: Bytes| {
        let refused = judge(ItemKind::Block, bytes.clone()).unwrap_err();
        json!({ "bytes": hex(&bytes), "bits": BITS, "rule": refused.rule })
    };
    // Another body under the same header.
    let swapped = [&good[..HEADER_LEN], &mined(GENESIS, &some[..2])[HEADER_LEN..]].concat();
    let easier = Block::mine(GENESIS, &[], 1_732_180_001, BITS - 1).unwrap();
    let mut unproven = good.to_vec();
    unproven[HEADER_LEN - 1] ^= 0x80;
    json!([
        of(good.slice(..HEADER_LEN - 1)),
        of(good.slice(..good.len() - 1)),
        of(swapped.into()),
        of(easier),
        of(unproven.into()),
        of(mined(GENESIS, &[some[0].clone(), some[0].clone()])),
    ])
}
