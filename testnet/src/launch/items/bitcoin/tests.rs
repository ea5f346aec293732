use std::path::Path;

use super::*;

/// A transaction with one input and one output; `witness` makes it a segwit one.
fn tx(tag: u8, witness: Option<&[&[u8]]>) -> Vec<u8> {
    let mut tx = vec![2, 0, 0, 0];
    if witness.is_some() {
        tx.extend([0, 1]);
    }
    tx.push(1);
    tx.extend([tag; 36]);
    tx.extend([2, 0x51, 0x52]);
    tx.extend([0xff; 4]);
    tx.push(1);
    tx.extend([0; 8]);
    tx.extend([1, 0x51]);
    if let Some(items) = witness {
        tx.push(u8::try_from(items.len()).unwrap());
        for item in items {
            tx.push(u8::try_from(item.len()).unwrap());
            tx.extend(*item);
        }
    }
    tx.extend([0; 4]);
    tx
}

/// A block of these transactions, committing to those `committed` (without witnesses).
fn block_of(txs: &[Vec<u8>], committed: &[Vec<u8>]) -> Bytes {
    let root = merkle_root(committed.iter().map(|tx| Hash256::of(tx)).collect());
    let mut block = vec![0; HEADER_LEN];
    block[MERKLE_ROOT].copy_from_slice(&root);
    block.push(u8::try_from(txs.len()).unwrap());
    block.extend(txs.concat());
    block.into()
}

fn three() -> Vec<Vec<u8>> {
    vec![tx(1, None), tx(2, None), tx(3, None)]
}

#[test]
fn a_block_comes_apart_into_its_transactions() {
    let txs = three();
    let block = parse(block_of(&txs, &txs)).unwrap();
    assert_eq!(block.transactions().map(|tx| tx.to_vec()).collect::<Vec<_>>(), txs);
}

#[test]
fn witnesses_are_relayed_but_not_committed_to() {
    let txs = vec![tx(1, None), tx(2, Some(&[b"signature", b"key"]))];
    let stripped = [tx(1, None), tx(2, None)];
    let block = parse(block_of(&txs, &stripped)).unwrap();
    assert_eq!(block.transactions().nth(1).unwrap(), txs[1]);
}

#[test]
fn a_file_cut_anywhere_is_refused_with_the_place() {
    let txs = vec![tx(1, None), tx(2, Some(&[b"w"]))];
    let whole = block_of(&txs, &[tx(1, None), tx(2, None)]);
    for len in 0..whole.len() {
        let error = parse(whole.slice(..len)).unwrap_err();
        let BlockError::Truncated { at, needed, left, .. } = error else {
            panic!("{len} bytes: {error}");
        };
        assert!(at + left == len && needed > left as u64, "{len} bytes: {error}");
    }
    let error = parse(whole.slice(..79)).unwrap_err().to_string();
    assert!(error.contains("at byte 0, the header needs 80 more bytes, but only 79 are left"));
}

#[test]
fn bytes_behind_the_block_are_refused() {
    let txs = three();
    let whole = block_of(&txs, &txs);
    let longer = [&whole[..], b"xy"].concat();
    let error = parse(longer.into()).unwrap_err();
    assert_eq!(error, BlockError::Trailing { at: whole.len(), extra: 2 });
}

#[test]
fn a_changed_byte_of_a_transaction_is_noticed() {
    let txs = three();
    let mut bytes = block_of(&txs, &txs).to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let error = parse(bytes.into()).unwrap_err();
    assert_eq!(error, BlockError::MerkleMismatch { transactions: 3 });
}

#[test]
fn a_count_that_lies_costs_no_memory() {
    let mut bytes = vec![0; HEADER_LEN];
    bytes.extend([0xff; 9]);
    assert!(matches!(parse(bytes.into()), Err(BlockError::Truncated { at: 89, .. })));
}

#[test]
fn odd_formats_are_refused() {
    let with_count = |count: &[u8]| {
        let bytes: Vec<u8> = [&[0; HEADER_LEN][..], count].concat();
        parse(bytes.into()).unwrap_err()
    };
    assert_eq!(with_count(&[0]), BlockError::Empty);
    assert!(matches!(with_count(&[0xfd, 1, 0]), BlockError::LongVarint { at: 80, .. }));

    let mut flagged = tx(1, Some(&[b"w"]));
    flagged[5] = 2;
    let error = parse(block_of(&[flagged], &[])).unwrap_err();
    assert_eq!(error, BlockError::UnknownFlag { at: 86, index: 0, flag: 2 });

    let error = parse(block_of(&[tx(1, Some(&[]))], &[tx(1, None)])).unwrap_err();
    assert_eq!(error, BlockError::NoWitness { at: 81, index: 0 });

    let error = parse(vec![0; BLOCK_MAX + 1].into()).unwrap_err();
    assert_eq!(error, BlockError::TooLarge(BLOCK_MAX + 1));
}

#[test]
fn block_413567_has_its_1557_transactions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/block413567.raw");
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let block = parse(bytes.into()).unwrap();
    let mut sizes: Vec<usize> = block.transactions().map(|tx| tx.len()).collect();
    sizes.sort_unstable();
    assert_eq!((sizes.len(), sizes[0], sizes[1_556]), (1_557, 185, 65_244));
}
