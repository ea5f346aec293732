//! Loose transactions.

use ::bitcoin::consensus::encode::deserialize;
use ::bitcoin::hashes::Hash as _;
use proptest::prelude::*;

use super::*;
use crate::chain::Weight;

fn judge(transaction: &Transaction) -> Result<Inspection, &'static str> {
    chain().inspect(&tx(transaction)).map_err(|rejection| rejection.rule)
}

fn id(txid: Txid) -> ItemId {
    ItemId::tx(Hash256(txid.to_byte_array()))
}

#[test]
fn a_transaction_is_relayed_by_wtxid_and_spent_from_by_txid() {
    let plain = spending(&[elsewhere(1)], 1, b"");
    assert_eq!(tx(&plain).id(), id(plain.compute_txid()));
    assert_eq!(judge(&plain).unwrap().referred, None);
    let signed = spending(&[elsewhere(1)], 1, b"signature");
    assert_eq!(tx(&signed).id().hash().0, signed.compute_wtxid().to_byte_array());
    assert_eq!(judge(&signed).unwrap().referred, Some(id(plain.compute_txid())));
}

#[test]
fn a_child_spends_what_its_parent_creates() {
    let parent = spending(&[elsewhere(1)], 3, b"signature");
    let txid = parent.compute_txid();
    let outpoint = |vout| OutPoint { txid, vout };
    let child = spending(&[outpoint(2), elsewhere(2), outpoint(0)], 1, b"");
    let (parent, child) = (judge(&parent).unwrap(), judge(&child).unwrap());
    assert_eq!(child.parents.len(), 2, "each once");
    assert!(child.parents.contains(&id(txid)) && child.takes_absent_for_confirmed);
    let created: Vec<_> =
        (0..parent.creates).map(|n| ConflictKey::output(id(txid).hash(), n)).collect();
    assert_eq!([child.spends[0], child.spends[2]], [created[2], created[0]]);
    assert_eq!((created.len(), child.spends.len()), (3, 3));
}

#[test]
fn a_witness_weighs_a_quarter() {
    let (plain, signed) =
        (spending(&[elsewhere(1)], 1, b""), spending(&[elsewhere(1)], 1, &[7; 200]));
    let weight = |transaction: &Transaction| judge(transaction).unwrap().weight.unwrap();
    let plain_bytes = tx(&plain).size();
    assert_eq!(weight(&plain), Weight(4 * u32::try_from(plain_bytes).unwrap()));
    // Marker, flag, one item, its length of one byte, and the item.
    assert_eq!(weight(&signed).0, weight(&plain).0 + 204);
    assert_eq!(judge(&signed).unwrap().vbytes(&tx(&signed)), plain_bytes + 51);
}

#[test]
fn what_breaks_a_rule_of_all_transactions_is_refused_by_name() {
    let valued = |values: &[u64]| {
        let mut transaction = spending(&[elsewhere(1)], values.len() as u64, b"");
        for (output, value) in transaction.output.iter_mut().zip(values) {
            output.value = Amount::from_sat(*value);
        }
        transaction
    };
    let max = Amount::MAX_MONEY.to_sat();
    let coinbase = spending(&[OutPoint::null()], 1, b"");
    let scripted = |len| {
        let mut transaction = coinbase.clone();
        transaction.input[0].script_sig = ScriptBuf::from_bytes(vec![0; len]);
        transaction
    };
    for (transaction, rule) in [
        (spending(&[], 1, b""), "no-inputs"),
        (spending(&[elsewhere(1)], 0, b""), "no-outputs"),
        (spending(&[elsewhere(1), elsewhere(1)], 1, b""), "duplicate-inputs"),
        (spending(&[elsewhere(1), OutPoint::null()], 1, b""), "null-input"),
        (valued(&[max + 1]), "value-out-of-range"),
        (valued(&[max, 1]), "value-out-of-range"),
        (valued(&[u64::MAX, u64::MAX]), "value-out-of-range"),
        (scripted(1), "bad-coinbase-script"),
        (scripted(101), "bad-coinbase-script"),
        (scripted(2), "loose-coinbase"),
    ] {
        let rejection = chain().inspect(&tx(&transaction)).unwrap_err();
        assert_eq!(rejection, Rejection::invalid(rule));
    }
    assert!(judge(&valued(&[max])).is_ok());
}

#[test]
fn sizes_are_a_matter_of_policy() {
    let mut small = spending(&[elsewhere(1)], 1, b"");
    small.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x51; 4]);
    assert_eq!(tx(&small).size(), 64);
    assert_eq!(chain().inspect(&tx(&small)), Err(Rejection::policy("too-small")));
    small.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x51; 5]);
    assert!(judge(&small).is_ok());
    // 60 bytes besides the script and its length, which takes five.
    let with_script = |len| {
        let mut large = small.clone();
        large.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0; len]);
        large
    };
    assert!(judge(&with_script(100_000 - 64)).is_ok());
    let heavy = chain().inspect(&tx(&with_script(100_001 - 64)));
    assert_eq!(heavy, Err(Rejection::policy("too-heavy")));
    let witness = vec![0; 300_000];
    assert!(judge(&spending(&[elsewhere(1)], 1, &witness)).is_ok(), "100,000 virtual bytes");
}

#[test]
fn only_canonical_bytes_are_a_transaction() {
    let good = serialize(&spending(&[elsewhere(1)], 1, b"signature"));
    let rule = |bytes: Vec<u8>| chain().inspect(&item(ItemKind::Tx, bytes));
    assert!(rule(good.clone()).is_ok());
    for len in 0..good.len() {
        assert_eq!(rule(good[..len].to_vec()), Err(Rejection::invalid("bad-encoding")), "{len}");
    }
    let trailing = [&good[..], &[0]].concat();
    assert_eq!(rule(trailing), Err(Rejection::invalid("bad-encoding")));
    // The number of inputs, written longer than need be.
    let padded = [&good[..6], &[0xfd, 1, 0], &good[7..]].concat();
    assert_eq!(rule(padded), Err(Rejection::invalid("bad-encoding")));
    let mut later = good;
    later[5] = 2;
    assert_eq!(rule(later), Err(Rejection::policy("unknown-flag")));
}

#[test]
fn explorers_show_ids_backwards() {
    let genesis = ::bitcoin::constants::genesis_block(::bitcoin::Network::Bitcoin);
    let coinbase = tx(&genesis.txdata[0]);
    let known = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
    assert_eq!(shown(coinbase.id().hash()), known);
}

/// Bytes that are almost a transaction: a good one with one byte changed.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let good = (1_u8..4, 0_u64..4, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(inputs, outputs, witness)| {
            let outpoints: Vec<_> = (0..inputs).map(elsewhere).collect();
            serialize(&spending(&outpoints, outputs, &witness))
        },
    );
    (good, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, at, byte)| {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes
    })
}

proptest! {
    #[test]
    fn whatever_passes_has_the_ids_that_bitcoin_gives_it(
        bytes in prop_oneof![almost(), prop::collection::vec(any::<u8>(), 0..200)],
    ) {
        let item = item(ItemKind::Tx, bytes.clone());
        if let Ok(inspection) = chain().inspect(&item) {
            let parsed: Transaction = deserialize(&bytes).unwrap();
            prop_assert_eq!(item.id().hash().0, parsed.compute_wtxid().to_byte_array());
            prop_assert_eq!(inspection.referred(&item), id(parsed.compute_txid()));
            prop_assert_eq!(serialize(&parsed), bytes);
        }
    }
}
