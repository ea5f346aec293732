use bytes::{Bytes, BytesMut};
use ed25519_zebra::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::chain::Blame;

const GENESIS: Hash256 = Hash256([7; 32]);
const BITS: u8 = 6;
const CHAIN: Tidings = Tidings::new(GENESIS, BITS);

fn key(seed: u8) -> SigningKey {
    SigningKey::from([seed; 32])
}

fn transfer(seed: u8, nonce: u64) -> Bytes {
    Transfer::sign(&key(seed), GENESIS, nonce, 5, b"payload")
}

fn item(kind: ItemKind, bytes: impl Into<Bytes>) -> Arc<Item> {
    CHAIN.item(kind, bytes.into()).unwrap()
}

fn block(transactions: &[Bytes]) -> Bytes {
    Block::mine(GENESIS, transactions, 1_700_000_000, BITS).unwrap()
}

/// What becomes of an item in the end.
fn judge(item: &Item) -> Result<Inspection, Rejection> {
    let inspection = CHAIN.inspect(item)?;
    CHAIN.verify(item).map(|_| inspection)
}

fn flipped(bytes: &Bytes, bit: usize) -> Bytes {
    let mut bytes = BytesMut::from(&bytes[..]);
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes.freeze()
}

#[test]
fn a_signed_transfer_passes_and_conflicts_with_its_sender_and_nonce() {
    let bytes = transfer(1, 42);
    let inspection = judge(&item(ItemKind::Tx, bytes.clone())).unwrap();
    let parsed = Transfer::parse(&bytes).unwrap();
    assert_eq!((parsed.nonce, parsed.fee, parsed.payload), (42, 5, &b"payload"[..]));
    assert_eq!(inspection.fee, Some(0), "nobody vouches for it");
    assert!(inspection.needs_verification);
    assert_eq!(inspection.spends, [parsed.conflict_key()]);

    let conflict = |bytes: &Bytes| Transfer::parse(bytes).unwrap().conflict_key();
    let double_spend = Transfer::sign(&key(1), GENESIS, 42, 9, b"other");
    assert_eq!(conflict(&double_spend), parsed.conflict_key());
    assert_ne!(conflict(&transfer(1, 43)), parsed.conflict_key());
    assert_ne!(conflict(&transfer(2, 42)), parsed.conflict_key());
}

#[test]
fn every_flipped_bit_of_a_transfer_breaks_the_rule_of_its_field() {
    let bytes = transfer(1, 42);
    for bit in 0..8 * bytes.len() {
        let expected = match bit / 8 {
            0 => Rejection::policy("unknown-version"),
            1..33 => Rejection::invalid("wrong-network"),
            _ => Rejection::invalid("bad-signature"),
        };
        let judged = judge(&item(ItemKind::Tx, flipped(&bytes, bit)));
        assert_eq!(judged, Err(expected), "bit {bit}");
    }
}

#[test]
fn a_transfer_cut_short_or_grown_is_refused() {
    let bytes = transfer(1, 42);
    for len in 0..TRANSFER_LEN_MIN {
        let cut = item(ItemKind::Tx, bytes.slice(..len));
        assert_eq!(judge(&cut), Err(Rejection::invalid("truncated")), "{len}");
    }
    let grown = [&bytes[..], b"!"].concat();
    assert_eq!(judge(&item(ItemKind::Tx, grown)), Err(Rejection::invalid("bad-signature")));
    let large = Transfer::sign(&key(1), GENESIS, 0, 0, &[0; 100_000]);
    assert_eq!(judge(&item(ItemKind::Tx, large)), Err(Rejection::invalid("too-large")));
}

#[test]
fn a_block_of_signed_transfers_passes() {
    for count in [0, 1, 2, 7] {
        let transactions: Vec<_> = (0..count).map(|nonce| transfer(1, nonce)).collect();
        let bytes = block(&transactions);
        let block = item(ItemKind::Block, bytes.clone());
        assert_eq!(block.id().hash(), Hash256::of(&bytes[..HEADER_LEN]));
        let inspection = judge(&block).unwrap();
        assert_eq!(inspection.parents, [ItemId::block(GENESIS)]);
        assert!(inspection.needs_verification, "of its body nothing is known yet");
        assert_eq!(Block::parse(&bytes).unwrap().transactions, transactions);
    }
}

#[test]
fn the_proof_is_checked_before_the_body() {
    let good = block(&[transfer(1, 1)]);
    let garbage = [&good[..HEADER_LEN], &[0xff; 50]].concat();
    let judged = judge(&item(ItemKind::Block, garbage.clone()));
    assert_eq!(judged, Err(Rejection::mutated("bad-body")), "the header is good");

    // Without its proof, or with a cheaper one, the same garbage isn't even looked at.
    let unproven = (0..64).map(|bit| flipped(&garbage.clone().into(), 8 * (HEADER_LEN - 8) + bit));
    let unproven = unproven.map(|bytes| judge(&item(ItemKind::Block, bytes)).unwrap_err());
    let lacking = unproven.filter(|rejection| rejection.rule == "no-proof-of-work").count();
    assert!(lacking > 48, "one nonce in 64 has a proof by chance: {lacking}");
    let cheap = Block::mine(GENESIS, &[], 0, BITS - 1).unwrap();
    let cheap = [&cheap[..HEADER_LEN], &[0xff; 50]].concat();
    let judged = judge(&item(ItemKind::Block, cheap));
    assert_eq!(judged, Err(Rejection::invalid("wrong-difficulty")));
}

#[test]
fn a_swapped_body_blames_the_peer_and_not_the_id() {
    let transactions = [transfer(1, 1), transfer(1, 2), transfer(1, 3)];
    let good = block(&transactions);
    let header = &good[..HEADER_LEN];
    let body = |transactions: &[Bytes]| block(transactions).slice(HEADER_LEN..);
    let [a, b, c] = transactions.clone();
    let swapped = [
        body(&[a.clone(), b.clone()]),
        body(&[b.clone(), a.clone(), c.clone()]),
        body(&[a, b, c.clone(), c]),
        [&body(&transactions)[..], &[0]].concat().into(),
        [&[0x83, 0x00][..], &body(&transactions)[1..]].concat().into(),
        good.slice(HEADER_LEN..good.len() - 1),
        Bytes::new(),
        vec![0; CHAIN.max_block_bytes].into(),
    ];
    for body in swapped {
        let mutated = item(ItemKind::Block, [header, &body[..]].concat());
        assert_eq!(mutated.id().hash(), Hash256::of(header));
        let rejection = judge(&mutated).unwrap_err();
        assert_eq!(rejection.blame, Blame::Mutated, "{rejection}");
    }
}

#[test]
fn what_the_header_vouches_for_is_blamed_on_the_id() {
    let rule = |transactions: &[Bytes]| judge(&item(ItemKind::Block, block(transactions)));
    let good = transfer(1, 1);
    assert_eq!(
        rule(&[good.clone(), Transfer::sign(&key(1), GENESIS, 1, 9, b"")]),
        Err(Rejection::invalid("conflicting-transactions"))
    );
    assert_eq!(
        rule(&[good.clone(), good.clone()]),
        Err(Rejection::invalid("duplicate-transaction"))
    );
    let elsewhere = Transfer::sign(&key(1), Hash256([8; 32]), 1, 1, b"");
    assert_eq!(rule(&[elsewhere]), Err(Rejection::invalid("wrong-network")));
    let forged = flipped(&good, 8 * good.len() - 1);
    assert_eq!(rule(&[transfer(2, 1), forged]), Err(Rejection::invalid("bad-signature")));
}

#[test]
fn a_block_that_is_taken_apart_is_put_together_again_and_nothing_else_is() {
    let transfers = [transfer(1, 0), transfer(2, 0), transfer(3, 0)];
    let block = item(ItemKind::Block, block(&transfers));
    let Split { header, mut transactions, made_with } = CHAIN.split(&block).unwrap();
    assert_eq!((transactions.len(), made_with), (3, 0));
    assert_eq!(CHAIN.join(&header, &transactions).unwrap(), block.bytes());
    assert_eq!(CHAIN.join(&header, &transactions[..2]), None);
    assert_eq!(CHAIN.join(&header[1..], &transactions), None);
    transactions.swap(0, 1);
    assert_eq!(CHAIN.join(&header, &transactions), None);
}

#[test]
fn a_block_without_a_whole_header_has_no_id() {
    let short = vec![0; HEADER_LEN - 1].into();
    let unidentified = CHAIN.item(ItemKind::Block, short);
    assert_eq!(unidentified, Err(Rejection::invalid("truncated")));
}

#[test]
fn a_block_with_more_transactions_than_room_allocates_nothing_for_them() {
    let good = block(&[]);
    let huge = [&good[..HEADER_LEN], &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]].concat();
    let judged = judge(&item(ItemKind::Block, huge));
    assert_eq!(judged, Err(Rejection::mutated("bad-body")));
    assert_eq!(Block::mine(GENESIS, &[], 0, MINE_BITS_MAX + 1), None);
}

#[test]
fn a_block_confirms_its_transfers_and_gives_them_back_when_it_leaves_the_chain() {
    let transfers = [transfer(1, 1), transfer(2, 1)];
    let block = item(ItemKind::Block, block(&transfers));
    let confirmed = CHAIN.verify(&block).unwrap().confirms;
    let Disconnected { returns, void } = CHAIN.disconnect(&block);
    assert_eq!((confirmed.len(), returns.len(), void.len()), (2, 2, 0));
    for ((bytes, confirmed), back) in transfers.into_iter().zip(confirmed).zip(returns) {
        assert_eq!(back, item(ItemKind::Tx, bytes));
        assert_eq!(confirmed.names().collect::<Vec<_>>(), [back.id()]);
        assert_eq!(CHAIN.inspect(&back).map(|inspection| inspection.spends), Ok(confirmed.spends));
    }
}

mod edges;
