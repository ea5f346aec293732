//! Who makes room where nobody pays.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;

/// A pool of ten transactions of ten bytes each.
struct Ten {
    pool: Pool,
    params: Params,
    next: u32,
}

impl Ten {
    fn new() -> Self {
        Self { pool: pool(), params: params(100), next: 0 }
    }

    /// So many more come from a bringer. None is refused.
    fn bring(&mut self, bringer: Bringer, count: u8) -> Vec<ItemId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            self.next += 1;
            let bytes = [&self.next.to_le_bytes()[..], &[0; 6]].concat();
            let item = Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap();
            ids.push(item.id());
            let inspection = Inspection { fee: Some(0), ..Inspection::default() };
            self.pool.insert(item, inspection, bringer, Time::ZERO, &self.params).unwrap();
        }
        self.pool.check_shares();
        ids
    }

    fn held(&self, ids: &[ItemId]) -> usize {
        ids.iter().filter(|id| self.pool.contains(**id)).count()
    }
}

impl Pool {
    /// What is counted is what is there.
    pub(super) fn check_shares(&self) {
        let mut bytes: BTreeMap<Bringer, usize> = BTreeMap::new();
        for (_, key) in self.free.iter().filter(|(_, key)| is_current(&self.items, key)) {
            let pooled = self.items.get(&key.id).unwrap();
            *bytes.entry(pooled.bringer).or_default() += pooled.item.size();
        }
        assert_eq!(self.shared(), bytes);
    }

    fn shared(&self) -> BTreeMap<Bringer, usize> {
        self.shares.as_ref().map_or_else(|| self.count_shares().bytes(), |shares| shares.bytes())
    }
}

#[test]
fn whoever_floods_displaces_what_came_the_same_way_and_nothing_else() {
    let mut ten = Ten::new();
    let own = ten.bring(Bringer::Own, 1);
    let first = ten.bring(Bringer::Dialled(1), 2);
    let second = ten.bring(Bringer::Dialler(2), 2);
    let flood = ten.bring(Bringer::Dialler(9), 100);
    assert_eq!([&own, &first, &second].map(|ids| ten.held(ids)), [1, 2, 2]);
    assert_eq!(ten.held(&flood), 5);
    assert_eq!(ten.held(&flood[95..]), 5, "the latest of it");
    // Honest ones come in at any time, at the flood's cost.
    let more = ten.bring(Bringer::Dialler(3), 2);
    assert_eq!([&own, &first, &second, &more].map(|ids| ten.held(ids)), [1, 2, 2, 2]);
    assert_eq!(ten.held(&flood), 3);
}

#[test]
fn half_of_a_pool_is_for_those_whom_we_chose_however_many_others_come() {
    let mut ten = Ten::new();
    let own = ten.bring(Bringer::Own, 2);
    let dialled = ten.bring(Bringer::Dialled(1), 3);
    for group in 0..50 {
        ten.bring(Bringer::Dialler(group), 4);
    }
    assert_eq!([&own, &dialled].map(|ids| ten.held(ids)), [2, 3]);
    // And half is for the others, if they want it.
    ten.bring(Bringer::Dialled(2), 100);
    assert_eq!(ten.held(&own), 2);
    assert_eq!(ten.pool.shared().values().sum::<usize>(), 100);
    let coming = ten.pool.shared().into_iter().filter(|(bringer, _)| !bringer.is_chosen());
    assert_eq!(coming.map(|(_, bytes)| bytes).sum::<usize>(), 50);
}

#[test]
fn what_pays_is_no_share_and_outranks_all_that_does_not() {
    let mut ten = Ten::new();
    let free = ten.bring(Bringer::Own, 10);
    let rich = tx(200, 10);
    ten.pool
        .insert(rich.clone(), paying(10), Bringer::Dialler(1), Time::ZERO, &ten.params)
        .unwrap();
    ten.pool.check_shares();
    assert_eq!(ten.held(&free), 9);
    ten.bring(Bringer::Dialler(2), 50);
    assert!(ten.pool.contains(rich.id()));
}

/// As many sources as there are transactions, which come and go in any order.
#[test]
fn shares_are_what_is_there_whatever_comes_and_goes() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut pool, params) = (pool(), params(500));
    for step in 0..5_000_u64 {
        let n = rng.random_range(0..=255);
        let bringer = match rng.random_range(0..4) {
            0 => Bringer::Own,
            1 => Bringer::Dialled(rng.random_range(0..4)),
            2 => Bringer::Earlier,
            _ => Bringer::Dialler(rng.random_range(0..40)),
        };
        let inspection = if n % 5 == 0 { paying(n.into()) } else { claiming(n % 16) };
        let now = Time::from_millis(step);
        let _ = pool.insert(tx(n, 1 + usize::from(n % 30)), inspection, bringer, now, &params);
        if step % 7 == 0 {
            pool.on_wake(now);
        }
        if step % 50 == 0 {
            let id = tx(n, 1 + usize::from(n % 30)).id();
            pool.on_block(
                &[Confirmed { id, referred: None, spends: vec![ConflictKey([n % 16; 32])] }],
                now,
                &params,
            );
        }
        pool.check_shares();
        pool.take_gone();
    }
}
