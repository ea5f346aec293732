use std::future::poll_fn;
use std::sync::Mutex;

use bytes::Bytes;
use tidings_protocol::chain::{Inspection, Opened};
use tidings_protocol::ground::item::Hash256;

use super::*;

/// A chain of single bytes: 0 is a bad signature. A block is verified in as many parts as it has bytes. Notes what
/// it is asked to verify, a batch at a time.
#[derive(Default)]
struct Noting {
    batches: Mutex<Vec<Vec<ItemId>>>,
}

const SWAPPED: Rejection = Rejection::mutated("wrong-root");
const BAD: Rejection = Rejection::invalid("bad-signature");

impl Noting {
    fn batches(&self) -> Vec<Vec<ItemId>> {
        std::mem::take(&mut *self.batches.lock().unwrap())
    }
}

impl Chain for Noting {
    fn name(&self) -> &'static str {
        "noting"
    }

    fn max_size(&self, _: ItemKind) -> usize {
        100_000
    }

    fn identify(&self, _: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        Ok(Hash256::of(bytes))
    }

    fn inspect(&self, _: &Item) -> Result<Inspection, Rejection> {
        Ok(Inspection::default())
    }

    fn verify(&self, item: &Item) -> chain::Verdict {
        if item.bytes().ends_with(&[0]) { Err(BAD) } else { GOOD }
    }

    fn verify_batch(&self, items: &[Arc<Item>]) -> Vec<chain::Verdict> {
        self.batches.lock().unwrap().push(items.iter().map(|item| item.id()).collect());
        items.iter().map(|item| self.verify(item)).collect()
    }

    fn verdict_key(&self, item: &Item) -> Option<Hash256> {
        (item.kind() == ItemKind::Tx).then(|| item.id().hash())
    }

    /// A block without transactions is verified as a whole, and one that begins with 9 has another's body.
    fn open(&self, block: &Item) -> Option<Result<Opened, Rejection>> {
        let bytes = block.bytes();
        if bytes.starts_with(&[9]) {
            return Some(Err(SWAPPED));
        }
        let parts: Vec<_> = bytes.chunks(2).map(|part| tx(&Bytes::copy_from_slice(part))).collect();
        let confirms = parts.iter().map(|part| confirmed(part)).collect();
        (!parts.is_empty()).then_some(Ok(Opened { parts, confirms }))
    }
}

fn confirmed(part: &Item) -> Confirmed {
    Confirmed { id: part.id(), referred: None, spends: Vec::new() }
}

fn tx(bytes: &[u8]) -> Arc<Item> {
    item(ItemKind::Tx, Bytes::copy_from_slice(bytes))
}

fn item(kind: ItemKind, bytes: Bytes) -> Arc<Item> {
    Noting::default().item(kind, bytes).unwrap()
}

/// A block of the transactions that two bytes each make; those over a number are good.
fn block(numbers: impl IntoIterator<Item = u16>) -> Arc<Item> {
    item(ItemKind::Block, numbers.into_iter().flat_map(|it| (it << 1 | 1).to_be_bytes()).collect())
}

/// The verdict on a good block.
fn confirming_all(block: &Item) -> chain::Verdict {
    let opened = Noting::default().open(block).and_then(Result::ok);
    confirming(opened.unwrap_or_default().confirms)
}

fn in_block(number: u16) -> Arc<Item> {
    tx(&(number << 1 | 1).to_be_bytes())
}

fn verifier(cores: usize) -> (Arc<Noting>, Verifier) {
    let chain = Arc::new(Noting::default());
    let mut verifier = Verifier::new(Arc::clone(&chain) as Arc<dyn Chain>, &Registry::default());
    verifier.under_way_max = cores;
    (chain, verifier)
}

/// Waits for so many verdicts.
async fn verdicts(verifier: &mut Verifier, count: usize) -> Vec<Verdict> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(poll_fn(|cx| verifier.poll(cx)).await);
    }
    all
}

#[tokio::test]
async fn a_few_small_items_are_verified_without_a_thread() {
    let (chain, mut verifier) = verifier(2);
    verifier.push(tx(&[1]));
    verifier.push(tx(&[0]));
    verifier.start();
    assert!(verifier.under_way.is_empty());
    let expected = vec![(tx(&[1]), GOOD), (tx(&[0]), Err(BAD))];
    assert_eq!(verifier.next(), Some(expected));
    assert_eq!(chain.batches().len(), 1);
    verifier.push(tx(&[1; HERE_BYTES_MAX + 1]));
    verifier.start();
    assert_eq!(verifier.under_way.len(), 1, "a large one is for a thread");
    assert_eq!(verdicts(&mut verifier, 1).await, [(tx(&[1; HERE_BYTES_MAX + 1]), GOOD)]);
}

#[tokio::test]
async fn what_waits_is_divided_among_the_cores_and_what_comes_meanwhile_is_the_next_batch() {
    let (chain, mut verifier) = verifier(2);
    for number in 0..100_u16 {
        verifier.push(in_block(number));
    }
    verifier.start();
    assert_eq!(verifier.under_way.len(), 2);
    for number in 100..700_u16 {
        verifier.push(in_block(number));
        verifier.start();
    }
    assert_eq!((verifier.under_way.len(), verifier.waiting.len()), (2, 600));
    let all = verdicts(&mut verifier, 700).await;
    assert!(all.iter().all(|(_, verdict)| verdict.is_ok()));
    let mut sizes: Vec<_> = chain.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 700);
    sizes.sort_unstable();
    assert!(sizes.len() <= 6 && sizes[sizes.len() - 1] == BATCH_MAX, "{sizes:?}");
}

#[tokio::test]
async fn what_was_good_once_is_not_verified_again_and_what_was_bad_is() {
    let (chain, mut verifier) = verifier(2);
    let (good, bad) = (tx(&[1]), tx(&[0]));
    for round in 0..3 {
        verifier.push(Arc::clone(&good));
        verifier.push(Arc::clone(&bad));
        verifier.start();
        let mut got = verdicts(&mut verifier, 2).await;
        got.sort_by_key(|(_, verdict)| verdict.is_err());
        assert_eq!(got, [(Arc::clone(&good), GOOD), (Arc::clone(&bad), Err(BAD))]);
        let verified = chain.batches().concat();
        assert_eq!(verified.contains(&good.id()), round == 0);
        assert!(verified.contains(&bad.id()));
    }
    assert_eq!(verifier.counters().remembered, 2);
    let restored = tx(&[2]);
    verifier.remember(&restored);
    verifier.push(Arc::clone(&restored));
    assert_eq!(verifier.next(), Some(vec![(Arc::clone(&restored), GOOD)]), "without any thread");
}

#[tokio::test]
async fn of_a_block_only_what_is_new_is_verified_and_on_all_cores() {
    let (chain, mut verifier) = verifier(2);
    for number in 0..1_000 {
        verifier.remember(&in_block(number));
    }
    let block = block(0..1_500);
    verifier.push(Arc::clone(&block));
    verifier.start();
    assert_eq!(verdicts(&mut verifier, 1).await, [(Arc::clone(&block), confirming_all(&block))]);
    let batches = chain.batches();
    let mut verified = batches.concat();
    verified.sort_unstable();
    let mut new: Vec<_> = (1_000..1_500).map(|number| in_block(number).id()).collect();
    new.sort_unstable();
    assert_eq!(verified, new);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [250, 250]);
    verifier.push(Arc::clone(&block));
    verifier.start();
    assert_eq!(verdicts(&mut verifier, 1).await, [(Arc::clone(&block), confirming_all(&block))]);
    assert!(chain.batches().is_empty(), "all of it is known to be good");
}

#[tokio::test]
async fn one_bad_part_spoils_a_block_and_no_other() {
    let (_, mut verifier) = verifier(1);
    let good: Vec<u8> = (0..2_000_u16).flat_map(|it| (it << 1 | 1).to_be_bytes()).collect();
    let spoilt = item(ItemKind::Block, [&[1, 0], &good[..]].concat().into());
    let good = block(2_000..3_000);
    verifier.push(Arc::clone(&spoilt));
    verifier.push(Arc::clone(&good));
    verifier.push(tx(&[1]));
    verifier.start();
    let got = verdicts(&mut verifier, 3).await;
    assert_eq!(
        got,
        [
            (Arc::clone(&spoilt), Err(BAD)),
            (Arc::clone(&good), confirming_all(&good)),
            (tx(&[1]), GOOD)
        ]
    );
    assert!(verifier.opened.is_empty() && verifier.parts.is_empty());
}

#[tokio::test]
async fn a_block_with_another_ones_body_is_told_from_a_bad_one() {
    let (chain, mut verifier) = verifier(2);
    let swapped = item(ItemKind::Block, vec![9, 1].into());
    verifier.push(Arc::clone(&swapped));
    verifier.start();
    assert_eq!(verdicts(&mut verifier, 1).await, [(swapped, Err(SWAPPED))]);
    assert!(chain.batches().is_empty(), "no signature is worth a look");
}

#[tokio::test]
async fn a_block_without_parts_is_verified_as_a_whole() {
    let (chain, mut verifier) = verifier(2);
    let empty = item(ItemKind::Block, Bytes::new());
    verifier.push(Arc::clone(&empty));
    verifier.start();
    assert_eq!(verdicts(&mut verifier, 1).await, [(Arc::clone(&empty), GOOD)]);
    assert_eq!(chain.batches(), [[empty.id()]]);
}

#[tokio::test]
async fn verdicts_given_back_come_first() {
    let (_, mut verifier) = verifier(2);
    verifier.push(tx(&[1]));
    verifier.push(tx(&[2]));
    verifier.start();
    let got = verifier.next().unwrap();
    verifier.remember(&tx(&[3]));
    verifier.push(tx(&[3]));
    verifier.give_back(got[1..].iter().cloned());
    let items: Vec<_> =
        poll_fn(|cx| verifier.poll(cx)).await.into_iter().map(|(item, _)| item).collect();
    assert_eq!(items, [tx(&[2]), tx(&[3])]);
}

#[tokio::test]
async fn blocks_that_wait_are_opened_by_few_threads_and_those_that_are_held_by_none() {
    let (chain, mut verifier) = verifier(2);
    let all: Vec<_> = (0..12_u16).map(|n| block([10 * n, 10 * n + 1])).collect();
    verifier.hold_blocks(true);
    all.iter().for_each(|block| verifier.push(Arc::clone(block)));
    verifier.start();
    assert!(verifier.under_way.is_empty() && verifier.holds_some());
    verifier.hold_blocks(false);
    verifier.start();
    let left = verifier.blocks.len();
    assert_eq!((verifier.under_way.len(), left), (2, all.len() - 2 * OPENED_MAX));
    let got = verdicts(&mut verifier, all.len()).await;
    let expected = |block: &Arc<Item>| (Arc::clone(block), confirming_all(block));
    assert!(all.iter().all(|block| got.contains(&expected(block))));
    assert_eq!(
        verifier.counters(),
        Verified { items: 24, batches: verifier.counters().batches, remembered: 0 }
    );
    assert_eq!(chain.batches().len(), all.len(), "whoever opens a block verifies it");
    verifier.push(Arc::clone(&all[0]));
    verifier.start();
    assert_eq!(verdicts(&mut verifier, 1).await, [expected(&all[0])]);
    assert!(chain.batches().is_empty() && verifier.counters().remembered == 2);
}
