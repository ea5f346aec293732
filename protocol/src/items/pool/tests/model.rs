//! The rules once more without any of the bookkeeping: one list, searched from end to end.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// What each transaction is, by its number: nothing about it is random, so that one can come again.
struct Spec {
    item: Arc<Item>,
    inspection: Inspection,
}

const COUNT: u8 = 24;

static SPECS: LazyLock<Vec<Spec>> = LazyLock::new(|| {
    let items: Vec<_> = (0..COUNT).map(|n| tx(n, 5 + usize::from(n % 4) * 5)).collect();
    let spec = |n: u8| {
        // Parents have lower numbers, so that nothing descends from itself.
        let parents: &[u8] = match n % 6 {
            3 => &[1],
            4 => &[2, 3],
            5 => &[1, 4],
            _ => &[],
        };
        let parents = parents.iter().filter(|back| **back <= n);
        let parents = parents.map(|back| items[usize::from(n - back)].id()).collect();
        let spends = if n.is_multiple_of(3) { vec![ConflictKey([n % 5; 32])] } else { Vec::new() };
        let sender = n.is_multiple_of(2).then_some(Sender([n % 3; 8]));
        let fee = [0, 3, 50, 7, 20, 100, 1, 9][usize::from(n % 8)];
        let inspection =
            Inspection { fee: Some(fee), spends, parents, sender, ..Inspection::default() };
        Spec { item: items[usize::from(n)].clone(), inspection }
    };
    (0..COUNT).map(spec).collect()
});

fn spec(n: u8) -> &'static Spec {
    &SPECS[usize::from(n)]
}

fn spec_id(n: u8) -> ItemId {
    spec(n).item.id()
}

#[derive(Clone)]
struct Held {
    n: u8,
    expires: Time,
    /// Parents that are pooled, by number.
    parents: Vec<u8>,
}

/// In order of arrival.
#[derive(Clone, Default)]
struct Model {
    held: Vec<Held>,
}

impl Model {
    fn has(&self, n: u8) -> bool {
        self.held.iter().any(|held| held.n == n)
    }

    fn bytes(&self) -> usize {
        self.held.iter().map(|held| spec(held.n).item.size()).sum()
    }

    fn down(&self, n: u8) -> Vec<u8> {
        let mut found = vec![n];
        loop {
            let next = self.held.iter().find(|held| {
                !found.contains(&held.n) && held.parents.iter().any(|up| found.contains(up))
            });
            let Some(next) = next else { return found };
            found.push(next.n);
        }
    }

    fn up(&self, from: &[u8]) -> Vec<u8> {
        let mut found: Vec<u8> = from.to_vec();
        loop {
            let above = self.held.iter().filter(|held| found.contains(&held.n));
            let next = above.flat_map(|held| &held.parents).find(|up| !found.contains(up));
            let Some(next) = next.copied() else { return found };
            found.push(next);
        }
    }

    fn rate_of(of: &[u8]) -> FeeRate {
        let fee = of.iter().map(|n| u128::from(spec(*n).inspection.fee())).sum();
        FeeRate::of(fee, of.iter().map(|n| spec(*n).item.size()).sum())
    }

    fn eviction_key(&self, n: u8) -> FeeRate {
        Self::rate_of(&[n]).max(Self::rate_of(&self.down(n)))
    }

    fn remove(&mut self, gone: &[u8]) {
        self.held.retain(|held| !gone.contains(&held.n));
        for held in &mut self.held {
            held.parents.retain(|up| !gone.contains(up));
        }
    }

    /// Those for which something holds, in order of arrival.
    fn those(&self, is_it: impl Fn(u8) -> bool) -> Vec<u8> {
        self.held.iter().map(|held| held.n).filter(|n| is_it(*n)).collect()
    }

    fn rivals(&self, keys: &[ConflictKey]) -> Vec<u8> {
        self.those(|n| spec(n).inspection.spends.iter().any(|key| keys.contains(key)))
    }

    /// Adds a transaction if the rules allow it, given the least rate, and says whether they do.
    fn insert(&mut self, n: u8, least: FeeRate, now: Time, params: &Params) -> bool {
        if self.has(n) {
            return true;
        }
        let parents = self.those(|up| spec(n).inspection.parents.contains(&spec_id(up)));
        let ancestors = self.up(&parents);
        let Some(rest) = self.without_rivals(n, &ancestors, params) else { return false };
        if Self::rate_of(&[n]) < least || !rest.has_places(n, &ancestors, params) {
            return false;
        }
        let Some(mut room) = self.with_room(rest, n, &ancestors, params) else { return false };
        let expires = now + Duration::from_secs(params.memory.pool_expiry_s);
        room.held.push(Held { n, expires, parents });
        *self = room;
        true
    }

    /// What is left when it has replaced its rivals; `None` if it may not.
    fn without_rivals(&self, n: u8, ancestors: &[u8], params: &Params) -> Option<Self> {
        let (new, mut rest) = (spec(n), self.clone());
        let rivals = self.rivals(&new.inspection.spends);
        let replaced = self.those(|n| rivals.iter().any(|rival| self.down(*rival).contains(&n)));
        let paid: u64 = replaced.iter().map(|n| spec(*n).inspection.fee()).sum();
        let step = params.pool.fee_rate_step.fee_for(new.item.size());
        let pays = rivals.iter().all(|rival| Self::rate_of(&[*rival]) < Self::rate_of(&[n]))
            && u128::from(new.inspection.fee()) >= u128::from(paid) + step;
        let may = rivals.is_empty()
            || pays
                && replaced.len() <= params.pool.replaced_max
                && !ancestors.iter().any(|up| replaced.contains(up));
        rest.remove(&replaced);
        may.then_some(rest)
    }

    /// Whether its family and its sender have a place left.
    fn has_places(&self, n: u8, ancestors: &[u8], params: &Params) -> bool {
        let (new, max) = (spec(n), params.pool.family_max);
        let of_sender = self.those(|n| {
            new.inspection.sender.is_some() && spec(n).inspection.sender == new.inspection.sender
        });
        let sent: usize = of_sender.iter().map(|n| spec(*n).item.size()).sum();
        ancestors.len() < max
            && ancestors.iter().all(|up| self.down(*up).len() < max)
            && (new.inspection.sender.is_none()
                || sent + new.item.size() <= params.pool.sender_max_bytes)
    }

    /// The rest, without those that have to make room; `None` if they don't have to. Who is to leave is
    /// decided by what they count for before anybody does.
    fn with_room(&self, mut rest: Self, n: u8, ancestors: &[u8], params: &Params) -> Option<Self> {
        let size = spec(n).item.size();
        let worth = Self::rate_of(&[n]).min(Self::rate_of(&[ancestors, &[n]].concat()));
        let mut order = self.those(|n| !ancestors.contains(&n));
        order.sort_by_key(|n| self.eviction_key(*n));
        for n in order {
            if rest.bytes() + size <= params.memory.pool_max_bytes {
                break;
            }
            if !rest.has(n) {
                continue;
            }
            if self.eviction_key(n) > worth {
                return None;
            }
            rest.remove(&rest.down(n));
        }
        (rest.bytes() + size <= params.memory.pool_max_bytes).then_some(rest)
    }

    fn confirm(&mut self, n: u8) {
        self.remove(&[n]);
        let rivals = self.rivals(&spec(n).inspection.spends);
        for rival in rivals {
            let gone = self.down(rival);
            self.remove(&gone);
        }
    }

    fn expire(&mut self, now: Time) {
        while let Some(due) = self.held.iter().find(|held| held.expires <= now) {
            let gone = self.down(due.n);
            self.remove(&gone);
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u8),
    Confirm(u8),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0..COUNT).prop_map(Op::Insert),
        2 => (0..COUNT).prop_map(Op::Confirm),
        1 => prop_oneof![Just(0), 1_u64..6_000, Just(40_000)].prop_map(Op::Pass),
    ]
}

impl Pool {
    /// Whether all the bookkeeping tells the same story.
    fn check_bookkeeping(&self, model: &Model) {
        let mut claims = 0;
        let mut senders = Vec::new();
        let leaving: Vec<_> =
            self.leaving(Bringer::Own, 0).map(|(_, pooled)| pooled.eviction_key()).collect();
        assert!(leaving.is_sorted());
        assert_eq!(leaving.len(), self.len());
        for key in &self.by_key {
            let pooled = self.items.get(&key.id).expect("it is pooled");
            assert!(*key == pooled.eviction_key() && pooled.is_sorted);
        }
        for (_, pooled) in self.leaving(Bringer::Own, 0) {
            claims += pooled.spends.len();
            senders.extend(pooled.sender);
        }
        senders.sort_unstable();
        senders.dedup();
        assert_eq!((self.claims.len(), self.senders.len()), (claims, senders.len()));
        for held in &model.held {
            let pooled = self.items.get(&spec_id(held.n)).expect("the model has it");
            assert_eq!(pooled.rate, model.eviction_key(held.n), "what {} counts for", held.n);
        }
    }
}

proptest! {
    #[test]
    fn it_keeps_the_rules_under_random_operations(
        ops in prop::collection::vec(op(), 1..150),
        salt in any::<u64>(),
        max in prop_oneof![Just(60_usize), Just(100), Just(1_000)],
    ) {
        let mut params = params(max);
        params.pool.family_max = 4;
        params.pool.replaced_max = 3;
        params.pool.sender_max_bytes = 45;
        let (mut pool, mut model, mut now) = (Pool::new(Salt::new(salt)), Model::default(), Time::ZERO);
        for op in ops {
            match op {
                Op::Insert(n) => {
                    let Spec { item, inspection } = spec(n);
                    let (item, inspection) = (item.clone(), inspection.clone());
                    let least = pool.min_fee_rate(now, &params);
                    let (before, checked) = (pool.bytes(), pool.check(&item, &inspection, Bringer::Own, now, &params));
                    prop_assert_eq!(pool.bytes(), before);
                    let put = pool.insert(item, inspection, Bringer::Own, now, &params);
                    prop_assert_eq!(put, checked);
                    let expected = model.insert(n, least, now, &params);
                    prop_assert_eq!(put.is_ok(), expected, "{}: {:?}", n, put);
                }
                Op::Confirm(n) => {
                    let Spec { item, inspection } = spec(n);
                    let (item, inspection) = (item.clone(), inspection.clone());
                    let confirmed =
                        Confirmed { id: item.id(), referred: None, spends: inspection.spends };
                    pool.on_block(&[confirmed], now, &params);
                    model.confirm(n);
                }
                Op::Pass(ms) => {
                    now = now + Duration::from_millis(ms);
                    pool.on_wake(now);
                    model.expire(now);
                }
            }
            for n in 0..COUNT {
                prop_assert_eq!(pool.contains(spec_id(n)), model.has(n), "{} after {:?}", n, &op);
            }
            prop_assert_eq!(pool.bytes(), model.bytes());
            prop_assert!(pool.bytes() <= params.memory.pool_max_bytes);
            pool.check_bookkeeping(&model);
            let first = model.held.iter().map(|held| held.expires).min().unwrap_or(Time::NEVER);
            prop_assert_eq!(pool.deadline(), first);
        }
    }
}
