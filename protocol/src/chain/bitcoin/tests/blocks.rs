//! Blocks.

use ::bitcoin::block::{Header, Version as BlockVersion};
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::{Block as Bodied, BlockHash, TxMerkleNode};
use proptest::prelude::*;

use super::*;

const PARENT: [u8; 32] = [7; 32];

fn coinbase() -> Transaction {
    let mut coinbase = spending(&[OutPoint::null()], 2, b"");
    coinbase.input[0].script_sig = ScriptBuf::from_bytes(vec![1, 2, 3]);
    coinbase
}

/// A block of a coinbase and these, with a witness commitment if any has a witness.
fn block(transactions: &[Transaction]) -> Bodied {
    let mut txdata = vec![coinbase()];
    txdata.extend_from_slice(transactions);
    commit(&mut txdata);
    mined(txdata)
}

/// Has the coinbase commit to the witnesses, if there are any.
fn commit(txdata: &mut [Transaction]) {
    if !txdata.iter().any(transaction::has_witness) {
        return;
    }
    let (reserved, block) = ([9; 32], unmined(txdata.to_vec()));
    let root = block.witness_root().unwrap();
    let commitment = Bodied::compute_witness_commitment(&root, &reserved);
    let script = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], commitment.as_byte_array()].concat();
    txdata[0].input[0].witness = Witness::from_slice(&[reserved]);
    txdata[0].output[0].script_pubkey = ScriptBuf::from_bytes(script);
}

fn unmined(txdata: Vec<Transaction>) -> Bodied {
    let header = Header {
        version: BlockVersion::TWO,
        prev_blockhash: BlockHash::from_byte_array(PARENT),
        merkle_root: TxMerkleNode::all_zeros(),
        time: 1_700_000_000,
        bits: CompactTarget::from_consensus(Settings::regtest().easiest_bits),
        nonce: 0,
    };
    Bodied { header, txdata }
}

fn mined(txdata: Vec<Transaction>) -> Bodied {
    let mut block = unmined(txdata);
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    mine(&mut block.header);
    block
}

fn mine(header: &mut Header) {
    while !header.target().is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
}

fn judge(block: &Bodied) -> Result<Inspection, Rejection> {
    judge_by(&chain(), &item(ItemKind::Block, serialize(block)))
}

/// What all checks together say.
fn judge_by(chain: &Bitcoin, block: &Item) -> Result<Inspection, Rejection> {
    let inspection = chain.inspect(block)?;
    chain.verify(block).map(|_| inspection)
}

/// Three transactions that spend one another, two of them with a witness.
fn family() -> Vec<Transaction> {
    let outpoint = |of: &Transaction, vout| OutPoint { txid: of.compute_txid(), vout };
    let parent = spending(&[elsewhere(1)], 2, b"first");
    let child = spending(&[outpoint(&parent, 0)], 1, b"second");
    let grandchild = spending(&[outpoint(&child, 0), outpoint(&parent, 1)], 1, b"");
    vec![parent, child, grandchild]
}

#[test]
fn the_first_block_passes_under_its_id() {
    let genesis = ::bitcoin::constants::genesis_block(::bitcoin::Network::Bitcoin);
    let main = Settings::default().chain(Limits::default());
    let genesis = main.item(ItemKind::Block, serialize(&genesis).into()).unwrap();
    let known = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
    assert_eq!(shown(genesis.id().hash()), known);
    let inspection = main.inspect(&genesis).unwrap();
    assert_eq!(inspection.parents, [ItemId::block(Hash256([0; 32]))]);
    assert_eq!(main.verify(&genesis).unwrap().confirms.len(), 1);
}

#[test]
fn a_good_block_passes_with_and_without_witnesses() {
    for transactions in [&[][..], &family()[..], &[spending(&[elsewhere(1)], 1, b"")]] {
        let block = block(transactions);
        let inspection = judge(&block).unwrap();
        assert_eq!(inspection.parents, [ItemId::block(Hash256(PARENT))]);
        assert!(inspection.needs_verification, "of its body nothing is known yet");
        let parsed = Block::parse(&serialize(&block).into()).unwrap();
        assert_eq!(parsed.weight() as u64, block.weight().to_wu());
    }
}

#[test]
fn a_block_that_is_taken_apart_is_put_together_again_and_nothing_else_is() {
    let chain = chain();
    let block = item(ItemKind::Block, serialize(&block(&family())));
    let Split { header, mut transactions, made_with } = chain.split(&block).unwrap();
    assert_eq!((transactions.len(), made_with), (4, 1));
    assert_eq!(chain.join(&header, &transactions).unwrap(), block.bytes());
    assert_eq!(chain.join(&header, &transactions[..3]), None);
    assert_eq!(chain.join(&header[..79], &transactions), None);
    transactions.swap(1, 2);
    assert_eq!(chain.join(&header, &transactions), None);
    assert_eq!(chain.join(&header, &[]), None);
}

#[test]
fn the_proof_of_work_is_held_against_what_the_header_claims_and_the_network_allows() {
    let mut block = block(&[]);
    let main = Settings::default().chain(Limits::default());
    let easy = main.inspect(&item(ItemKind::Block, serialize(&block)));
    assert_eq!(easy, Err(Rejection::invalid("wrong-difficulty")));
    for bits in [0x227f_ffff, 0xff7f_ffff, 0x2100_ffff] {
        block.header.bits = CompactTarget::from_consensus(bits);
        assert_eq!(judge(&block), Err(Rejection::invalid("wrong-difficulty")), "{bits:x}");
    }
    for bits in [0x1d00_ffff, 0x2080_0000, 0] {
        block.header.bits = CompactTarget::from_consensus(bits);
        assert_eq!(judge(&block), Err(Rejection::invalid("no-proof-of-work")), "{bits:x}");
    }
    let short = chain().item(ItemKind::Block, vec![0; HEADER_LEN - 1].into());
    assert_eq!(short, Err(Rejection::invalid("truncated")));
}

#[test]
fn a_swapped_body_is_blamed_on_the_peer_alone() {
    let good = block(&family());
    let bytes = serialize(&good);
    let changed = |change: &dyn Fn(&mut Vec<Transaction>)| {
        let mut block = good.clone();
        change(&mut block.txdata);
        serialize(&block)
    };
    for (bytes, rule) in [
        (changed(&|body| body.swap(1, 2)), "wrong-root"),
        (changed(&|body| drop(body.pop())), "wrong-root"),
        (changed(&Vec::clear), "bad-body"),
        (bytes[..bytes.len() - 1].to_vec(), "bad-body"),
        ([&bytes[..], &[0]].concat(), "bad-body"),
        (bytes[..HEADER_LEN].to_vec(), "bad-body"),
        (changed(&|body| body[1].input[0].witness = Witness::new()), "wrong-witness-root"),
        (changed(&|body| body[3].input[0].witness.push([1])), "wrong-witness-root"),
        (changed(&|body| body[0].input[0].witness = Witness::new()), "bad-witness-reserve"),
        (changed(&|body| body[0].input[0].witness.push([0; 32])), "bad-witness-reserve"),
    ] {
        let swapped = item(ItemKind::Block, bytes);
        assert_eq!(swapped.id().hash().0, good.block_hash().to_byte_array());
        assert_eq!(judge_by(&chain(), &swapped), Err(Rejection::mutated(rule)));
    }
    let mut plain = block(&[spending(&[elsewhere(1)], 1, b"")]);
    plain.txdata[1].input[0].witness.push([1]);
    assert_eq!(judge(&plain), Err(Rejection::mutated("unexpected-witness")));
}

#[test]
fn a_repetition_at_the_end_that_leaves_the_root_alone_is_blamed_on_the_peer_alone() {
    let mut block = block(&[spending(&[elsewhere(1)], 1, b""), spending(&[elsewhere(2)], 1, b"")]);
    let last = block.txdata[2].clone();
    block.txdata.push(last);
    assert!(block.check_merkle_root(), "the header knows no difference");
    assert_eq!(judge(&block), Err(Rejection::mutated("duplicate-transaction")));
}

#[test]
fn two_hashes_do_not_pass_for_a_transaction() {
    // 64 bytes that are a transaction might as well be two hashes of the tree.
    let mut pair = spending(&[elsewhere(1)], 1, b"");
    pair.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x51; 4]);
    let judged = judge(&mined(vec![pair]));
    assert_eq!(judged, Err(Rejection::mutated("hashes-for-transactions")));
}

#[test]
fn what_the_header_vouches_for_is_blamed_on_the_id() {
    let good = spending(&[elsewhere(1)], 1, b"");
    let rival = spending(&[elsewhere(1)], 2, b"");
    for (txdata, rule) in [
        (vec![good.clone()], "no-coinbase"),
        (vec![coinbase(), coinbase()], "duplicate"),
        (vec![coinbase(), spending(&[elsewhere(1)], 0, b"")], "no-outputs"),
        (vec![coinbase(), good.clone(), rival], "conflicting-transactions"),
    ] {
        let rejection = judge(&mined(txdata)).unwrap_err();
        if rule == "duplicate" {
            // Two that are the same leave the root of one.
            assert_eq!(rejection, Rejection::mutated("duplicate-transaction"));
        } else {
            assert_eq!(rejection, Rejection::invalid(rule));
        }
    }
    let mut second = coinbase();
    second.output[0].value = Amount::from_sat(5);
    let judged = judge(&mined(vec![coinbase(), second]));
    assert_eq!(judged, Err(Rejection::invalid("second-coinbase")));
    let size = serialize(&block(std::slice::from_ref(&good))).len();
    let tight = Bitcoin { max_block_bytes: 4 * size - 1, ..chain() };
    let judged = judge_by(&tight, &item(ItemKind::Block, serialize(&block(&[good]))));
    assert_eq!(judged, Err(Rejection::invalid("too-heavy")));
}

#[test]
fn a_block_confirms_what_it_contains_and_gives_back_all_but_the_coinbase() {
    let family = family();
    let block = item(ItemKind::Block, serialize(&block(&family)));
    let confirmed = chain().verify(&block).unwrap().confirms;
    let Disconnected { returns, void } = chain().disconnect(&block);
    assert_eq!((confirmed.len(), returns.len(), void.len()), (4, 3, 2));
    for ((transaction, confirmed), back) in family.iter().zip(&confirmed[1..]).zip(&returns) {
        assert_eq!(back, &tx(transaction));
        let inspection = chain().inspect(back).unwrap();
        assert_eq!((confirmed.id, confirmed.referred), (back.id(), inspection.referred));
        assert_eq!(confirmed.spends, inspection.spends);
    }
    assert!(confirmed[0].spends.is_empty(), "a coinbase spends nothing");
    let txid = confirmed[0].names().last().unwrap();
    let spender = OutPoint { txid: Txid::from_byte_array(txid.hash().0), vout: 1 };
    let spender = chain().inspect(&tx(&spending(&[spender], 1, b""))).unwrap();
    assert_eq!(spender.spends, [void[1]], "it can't be any more");
}

#[test]
fn a_block_with_more_transactions_than_room_allocates_nothing_for_them() {
    let good = serialize(&block(&[]));
    let huge = [&good[..HEADER_LEN], &[0xff; 9]].concat();
    let judged = judge_by(&chain(), &item(ItemKind::Block, huge));
    assert_eq!(judged, Err(Rejection::mutated("bad-body")));
}

/// A block of the main network, if the tests are given one: any from before witnesses or with them.
#[test]
fn a_real_block_passes_as_do_its_transactions() {
    let Some(file) = std::env::var_os("TIDINGS_BITCOIN_BLOCK") else { return };
    let main = Settings::default().chain(Limits::default());
    let block = main.item(ItemKind::Block, std::fs::read(file).unwrap().into()).unwrap();
    main.inspect(&block).unwrap();
    let confirmed = main.verify(&block).unwrap().confirms;
    let Split { header, transactions, .. } = main.split(&block).unwrap();
    assert_eq!(main.join(&header, &transactions).unwrap(), block.bytes());
    let Disconnected { returns, .. } = main.disconnect(&block);
    assert_eq!(returns.len() + 1, confirmed.len());
    for (item, confirmed) in returns.iter().zip(&confirmed[1..]) {
        match main.inspect(item) {
            Ok(inspection) => assert_eq!(inspection.spends, confirmed.spends),
            Err(rejection) => assert_eq!(rejection.blame, Blame::Nobody, "{rejection}"),
        }
    }
    let root =
        merkle::root(confirmed.iter().filter_map(|it| Some(it.names().last()?.hash())).collect());
    assert_eq!(root.id.0, block.bytes()[36..68]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_rules_panic(
        body in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = serialize(&block(&family()));
        let at = HEADER_LEN + at.index(bytes.len() - HEADER_LEN);
        bytes[at] = byte;
        let random = [&bytes[..HEADER_LEN], &body[..]].concat();
        for bytes in [bytes, random, body] {
            let Ok(block) = chain().item(ItemKind::Block, bytes.into()) else { continue };
            let _ = chain().inspect(&block);
            let Ok(verified) = chain().verify(&block) else { continue };
            prop_assert_eq!(verified.confirms.len() - 1, chain().disconnect(&block).returns.len());
        }
    }
}
