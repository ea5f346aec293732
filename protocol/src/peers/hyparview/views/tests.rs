//! What holds of both views, whatever happens to them.

use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::ground::peer::PeerKey;

const OWN: u32 = 0;

fn addr(n: u32) -> PeerAddr {
    PeerAddr::tcp(SocketAddr::new(Ipv4Addr::from_bits(0x0a00_0000 + n).into(), 4_000))
}

fn neighbour(n: u32, is_chosen: bool) -> Neighbour {
    Neighbour::new(Link::new(n, 1), Some(addr(n)), Source::Peer(PeerKey(n.into())), is_chosen)
}

fn small() -> HyparviewParams {
    HyparviewParams { passive_view: 8, ..HyparviewParams::default() }
}

/// Something that happens to the views.
#[derive(Clone, Debug)]
enum Step {
    Enter(u32, bool),
    Leave(u32),
    Told(u32, u32, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || OWN..20_u32;
    prop_oneof![
        (OWN + 1..20_u32, any::<bool>()).prop_map(|(n, chosen)| Step::Enter(n, chosen)),
        peer().prop_map(Step::Leave),
        (peer(), peer(), any::<bool>()).prop_map(|(n, by, chosen)| Step::Told(n, by, chosen)),
    ]
}

proptest! {
    #[test]
    fn both_views_keep_their_bounds_and_have_nobody_in_common(
        steps in prop::collection::vec(step(), 0..200),
        seed in any::<u64>(),
    ) {
        let (params, mut rng) = (small(), ChaCha8Rng::seed_from_u64(seed));
        let mut views = Views::new(Some(addr(OWN)));
        let mut linked: Vec<u32> = Vec::new(); // the model: who is a neighbour
        for step in steps {
            match step {
                Step::Enter(n, is_chosen) if !linked.contains(&n) => {
                    let was_full = linked.len() == params.active_view;
                    let gone = views.enter(neighbour(n, is_chosen), &params, &mut rng);
                    prop_assert_eq!(gone.is_some(), was_full);
                    linked.push(n);
                    if let Some(gone) = gone {
                        prop_assert!(linked.contains(&gone.link.get_slot()));
                        prop_assert!(gone.link != Link::new(n, 1), "nobody goes for himself");
                        linked.retain(|n| *n != gone.link.get_slot());
                        let kept = gone.addr.is_some_and(|addr| views.passive().contains(addr));
                        prop_assert!(kept, "whoever makes room is kept");
                    }
                }
                Step::Enter(..) => {}
                Step::Leave(n) => {
                    let was = views.leave(Link::new(n, 1)).is_some();
                    prop_assert_eq!(was, linked.contains(&n));
                    linked.retain(|other| *other != n);
                }
                Step::Told(n, by, is_chosen) => {
                    let teller = neighbour(by, is_chosen).teller();
                    views.note(addr(n), teller, &[], &params, &mut rng);
                    let is_held = views.passive().contains(addr(n));
                    prop_assert_eq!(is_held, n != OWN && !linked.contains(&n));
                }
            }
            views.check(&params);
            let active: Vec<_> = views.active().iter().map(|it| it.link.get_slot()).collect();
            prop_assert_eq!(active, linked.clone());
        }
    }
}

/// The number of a link of these tests.
trait Slot {
    fn get_slot(&self) -> u32;
}

impl Slot for Link {
    fn get_slot(&self) -> u32 {
        u32::try_from(self.slot()).unwrap()
    }
}

#[test]
fn whoever_asks_again_and_again_never_has_more_than_half_beyond_what_was_free() {
    let (params, mut rng) = (small(), ChaCha8Rng::seed_from_u64(1));
    for chosen in 0..=5 {
        let mut views = Views::new(None);
        for n in 0..chosen {
            views.enter(neighbour(n, true), &params, &mut rng);
        }
        for n in 100..1_000 {
            views.enter(neighbour(n, false), &params, &mut rng);
        }
        let left = views.active().iter().filter(|neighbour| neighbour.is_chosen).count();
        assert_eq!(left, usize::try_from(chosen.min(2)).unwrap(), "of {chosen}");
    }
}

#[test]
fn a_shuffle_tells_of_both_views_and_never_its_receiver() {
    let (params, mut rng) = (HyparviewParams::default(), ChaCha8Rng::seed_from_u64(1));
    let mut views = Views::new(Some(addr(OWN)));
    (1..=5).for_each(|n| _ = views.enter(neighbour(n, true), &params, &mut rng));
    for n in 10..40 {
        views.note(addr(n), neighbour(n, true).teller(), &[], &params, &mut rng);
    }
    for _ in 0..100 {
        let told = views.shuffled(Link::new(2, 1), &params, &mut rng);
        assert_eq!((told.len(), told[0]), (1 + 3 + 4, addr(OWN)));
        assert!(!told.contains(&addr(2)));
        let of_active = told.iter().filter(|told| (addr(1)..=addr(5)).contains(*told)).count();
        assert_eq!(of_active, 3);
    }
}

#[test]
fn a_walk_goes_on_by_any_other_neighbour_and_ends_where_there_is_none() {
    let (params, mut rng) = (HyparviewParams::default(), ChaCha8Rng::seed_from_u64(1));
    let mut views = Views::new(None);
    assert_eq!(views.other(None, &mut rng), None);
    views.enter(neighbour(1, true), &params, &mut rng);
    assert_eq!(views.other(Some(Link::new(1, 1)), &mut rng), None);
    views.enter(neighbour(2, true), &params, &mut rng);
    views.enter(neighbour(3, true), &params, &mut rng);
    let mut met: Vec<_> =
        (0..100).filter_map(|_| views.other(Some(Link::new(1, 1)), &mut rng)).collect();
    met.sort_unstable();
    met.dedup();
    assert_eq!(met, [Link::new(2, 1), Link::new(3, 1)]);
}
