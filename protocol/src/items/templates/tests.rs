use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::chain::Inspection;
use crate::chain::opaque::Opaque;
use crate::ground::bringer::Bringer;
use crate::machine::Action;

/// What our templates are made of, and a clock.
struct Bench {
    templates: Templates,
    pool: Pool,
    params: Params,
    chain: Opaque,
    rng: ChaCha8Rng,
    actions: Vec<Action>,
    now: Time,
}

macro_rules! cx {
    ($bench:ident) => {
        Cx {
            now: $bench.now,
            params: &$bench.params,
            chain: &$bench.chain,
            rng: &mut $bench.rng,
            actions: &mut $bench.actions,
        }
    };
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            templates: Templates::default(),
            pool: Pool::new(Salt::new(1)),
            params: Params::default(),
            chain: Opaque::default(),
            rng: ChaCha8Rng::seed_from_u64(1),
            actions: Vec::new(),
            now: Time::ZERO,
        };
        bench.templates.begin(&bench.pool, Salt::new(1), &cx!(bench));
        bench
    }

    fn add(&mut self, n: u16) {
        let inspection = Inspection { fee: Some(u64::from(n % 7)), ..Inspection::default() };
        let Self { pool, params, now, .. } = self;
        pool.insert(tx(n), inspection, Bringer::Own, *now, params).unwrap();
    }

    fn renew(&mut self, is_shown: impl Fn(ItemId) -> bool) -> Option<Arc<Template>> {
        self.now = self.templates.deadline();
        let change = self.templates.renew(&self.pool, is_shown, &cx!(self));
        self.templates.check(&self.params);
        change
    }

    fn told(
        &mut self,
        link: u32,
        direction: Direction,
        template: &Template,
    ) -> Result<Taken, Wrong> {
        let told = self.templates.on_told(Link::new(link, 1), direction, template, self.now);
        self.templates.check(&self.params);
        told
    }

    fn ask(&mut self, link: u32) -> Vec<ShortId> {
        let asked = self.templates.ask(Link::new(link, 1), |_| false, self.now);
        asked.map(|ids| ids.to_vec()).unwrap_or_default()
    }

    fn answer(&mut self, link: u32, some: &[Arc<Item>]) -> bool {
        let bytes: Vec<_> = some.iter().map(|item| item.bytes().clone()).collect();
        let is_good = self.templates.on_answer(Link::new(link, 1), &bytes, &self.chain);
        self.templates.check(&self.params);
        is_good
    }
}

fn tx(n: u16) -> Arc<Item> {
    large(n, 100)
}

fn large(n: u16, size: usize) -> Arc<Item> {
    let bytes = n.to_le_bytes().into_iter().cycle().take(size).collect::<Vec<_>>();
    Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap()
}

fn ids(some: &[Arc<Item>]) -> Box<[ShortId]> {
    some.iter().map(|item| item.id().into()).collect()
}

fn anew(added: Box<[ShortId]>) -> Template {
    Template { is_new: true, number: 1, gone: Box::default(), added }
}

fn own(templates: &Templates) -> Vec<ShortId> {
    templates.whole().unwrap().added.to_vec()
}

proptest! {
    #[test]
    fn whoever_takes_all_changes_has_the_template(
        steps in prop::collection::vec((0..60_u16, 0..3_u8), 1..80),
    ) {
        let mut bench = Bench::new();
        let (mut known, mut pooled) = (Vec::new(), std::collections::BTreeSet::new());
        let mut old = pooled.clone();
        for (n, what) in steps {
            match what {
                0 if !pooled.contains(&n) => {
                    bench.add(n);
                    pooled.insert(n);
                }
                1 if pooled.remove(&n) => {
                    old.remove(&n);
                    let confirmed = crate::chain::Confirmed { id: tx(n).id(), referred: None, spends: Vec::new() };
                    bench.pool.begin_block();
                    bench.pool.confirm(&[confirmed], bench.now, &bench.params);
                }
                _ => {
                    if let Some(change) = bench.renew(|_| true) {
                        known = change.apply(&known).unwrap();
                    }
                    // What came since the time before isn't told.
                    let mut expected: Vec<_> = old.iter().map(|n| ShortId::from(tx(*n).id())).collect();
                    expected.sort_unstable();
                    let mut sorted = known.clone();
                    sorted.sort_unstable();
                    prop_assert_eq!(sorted, expected);
                    old.clone_from(&pooled);
                }
            }
            prop_assert_eq!(&known, &own(&bench.templates));
        }
    }
}

#[test]
fn what_came_of_late_and_what_is_hidden_is_not_told() {
    let mut bench = Bench::new();
    (0..4).for_each(|n| bench.add(n));
    assert_eq!(bench.renew(|_| true), None, "it came of late");
    let hidden = tx(2).id();
    let told = bench.renew(|id| id != hidden).unwrap();
    assert_eq!(*told.added, *ids(&[tx(0), tx(1), tx(3)]));
    assert!(!bench.templates.lists(hidden.into()));
    assert_eq!(bench.renew(|id| id != hidden), None, "nothing changed");
    let places = bench.templates.places([tx(3), tx(2)].iter().map(|tx| tx.id().into())).unwrap();
    assert_eq!(places, (1, [2, NOWHERE].into()));
}

#[test]
fn a_template_is_no_larger_than_a_block_and_has_what_pays_best() {
    let mut bench = Bench::new();
    bench.chain = Opaque { max_block_bytes: 1_000, ..Opaque::default() };
    (0..70).for_each(|n| bench.add(n));
    bench.renew(|_| true);
    let told = bench.renew(|_| true).unwrap();
    let best: Vec<_> = (0..10).map(|n| 6 + 7 * n).map(tx).collect();
    assert_eq!(*told.added, *ids(&best));
}

#[test]
fn what_is_lacking_is_asked_for_once_and_of_another_when_nothing_came_of_it() {
    let mut bench = Bench::new();
    let some = [tx(1), tx(2)];
    for link in [0, 1] {
        assert_eq!(bench.told(link, Direction::Inbound, &anew(ids(&some))), Ok(Taken::Kept));
    }
    assert_eq!(bench.ask(0), *ids(&some));
    assert_eq!(bench.ask(0), [], "it hasn't answered");
    assert_eq!(bench.ask(1), [], "they may be on their way");
    bench.now = bench.now + ASKED_FOR;
    assert_eq!(bench.ask(1), *ids(&some));
    assert!(bench.answer(1, &some[..1]));
    assert!(bench.templates.extra(tx(1).id().into()).is_some());
    assert_eq!(bench.ask(1), *ids(&some[1..]), "it may have it yet");
    assert!(bench.answer(0, &some), "late");
    assert_eq!(bench.templates.extras().count(), 2);
}

#[test]
fn whoever_lists_junk_fills_its_own_share() {
    let mut bench = Bench::new();
    let junk: Vec<_> = (0..1_000).map(|n| large(n, 10_000)).collect();
    let honest = [tx(1_001)];
    bench.told(0, Direction::Inbound, &anew(ids(&junk))).unwrap();
    bench.told(1, Direction::Inbound, &anew(ids(&honest))).unwrap();
    while let asked @ [_, ..] = &bench.ask(0)[..] {
        assert!(asked.len() <= EXTRA_MAX);
        assert!(bench.answer(0, &junk[..asked.len().min(30)]));
    }
    let bytes: usize = bench.templates.extras().map(|item| item.size()).sum();
    assert!((EXTRA_BYTES..EXTRA_BYTES + 10_000).contains(&bytes), "{bytes}");
    assert_eq!(bench.ask(1), *ids(&honest));
    assert!(bench.answer(1, &honest));
    bench.told(0, Direction::Inbound, &anew(Box::default())).unwrap();
    assert_eq!(bench.templates.extras().count(), 1, "what nobody lists needs no place");
}

#[test]
fn endless_templates_and_answers_to_nothing_are_refused() {
    let mut bench = Bench::new();
    let half: Box<[_]> =
        (0..TEMPLATE_MAX as u64 / 2 + 1).map(|n| ShortId(n.to_le_bytes())).collect();
    let more = Template { is_new: false, ..anew(half.clone()) };
    assert_eq!(bench.told(0, Direction::Inbound, &anew(half)), Ok(Taken::Kept));
    assert_eq!(bench.told(0, Direction::Inbound, &more), Err(Wrong));
    assert!(!bench.answer(1, &[]), "a stranger");
    assert!(!bench.answer(0, &[]), "it wasn't asked");
    assert_eq!(bench.ask(0).len(), EXTRA_MAX);
    assert!(!bench.answer(0, &[tx(1)]), "for that");
}

#[test]
fn so_many_peers_that_dialled_us_exchange_templates_and_those_that_we_chose() {
    let mut bench = Bench::new();
    let first = anew(Box::default());
    for link in 0..u32::try_from(INBOUND_MAX).unwrap() {
        assert_eq!(bench.told(link, Direction::Inbound, &first), Ok(Taken::Kept));
    }
    assert_eq!(bench.told(100, Direction::Inbound, &first), Ok(Taken::NoRoom));
    assert_eq!(bench.told(101, Direction::Outbound, &first), Ok(Taken::Unasked));
    let able = || (200..300).map(|slot| Link::new(slot, 1));
    bench.templates.choose(able(), &cx!(bench));
    let chosen: Vec<_> =
        bench.templates.partners().skip(INBOUND_MAX).map(|(link, _)| link).collect();
    assert_eq!(chosen, able().take(4).collect::<Vec<_>>());
    assert_eq!(bench.told(200, Direction::Outbound, &first), Ok(Taken::Kept));
    // Three of them never answered.
    bench.now = bench.now + 2 * interval(&bench.params);
    bench.templates.choose(able(), &cx!(bench));
    assert_eq!(bench.templates.partners().count(), INBOUND_MAX + 7);
    let mut cx = cx!(bench);
    able().for_each(|link| bench.templates.on_link_down(link, &mut cx));
    assert_eq!(bench.templates.partners().count(), INBOUND_MAX);
}
