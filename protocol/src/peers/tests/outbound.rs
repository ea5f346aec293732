//! Whom a node dials, and when.

use super::*;
use crate::peers::outbound::SEEDS;
use crate::peers::table::Place;

const NONE: [u32; 0] = [];

#[test]
fn the_outbound_set_refills_itself() {
    let mut world = World::new();
    world.params.peers.outbound = 3;
    world.remember(1..=20);
    let mut live = Vec::new();
    for n in world.dials() {
        live.push(world.outbound(n));
    }
    assert_eq!(world.peers.outbound_ready(), 3);
    assert_eq!(world.dials(), NONE, "it is full");
    world.now = Time::from_millis(60_000);
    for link in live {
        world.disconnect(link);
        world.wait(Duration::from_millis(500)); // whoever was there is asked again
        let [next] = world.dials()[..] else { panic!("one link lost, one dial") };
        world.outbound(next);
    }
    assert_eq!(world.peers.outbound_ready(), 3);
}

#[test]
fn a_failed_dial_is_followed_by_another() {
    let mut world = World::new();
    world.params.peers.outbound = 1;
    world.remember(1..=5);
    let mut dialled = Vec::new();
    for _ in 0..5 {
        let [n] = world.dials()[..] else { panic!("one dial at a time") };
        world.dial_failed(n, DialError::Unreachable);
        dialled.push(n);
    }
    dialled.sort_unstable();
    assert_eq!(dialled, [1, 2, 3, 4, 5]);
    assert_eq!(world.dials(), NONE, "all of them rest");
    world.wait(Duration::from_millis(500));
    assert_eq!(world.dials().len(), 1);
}

#[test]
fn only_so_many_dials_are_under_way_at_once() {
    let mut world = World::new();
    world.params.peers.dialling_max = 2;
    world.learn(1..=20);
    let dialled = world.dials();
    assert_eq!(dialled.len(), 2);
    world.dial_failed(dialled[0], DialError::Unreachable);
    assert_eq!(world.dials().len(), 1);
}

#[test]
fn our_own_address_is_never_dialled_nor_one_that_is_connected() {
    let mut world = World::new();
    world.inbound(1);
    world.learn([0, 1]);
    world.wait(Duration::from_secs(3_600));
    assert_eq!(world.dials(), NONE);
}

#[test]
fn a_lost_inbound_peer_may_be_dialled() {
    let mut world = World::new();
    let link = world.inbound(1);
    assert_eq!(world.dials(), NONE);
    world.disconnect(link);
    assert_eq!(world.dials(), [1]);
}

#[test]
fn a_driver_without_room_is_not_held_against_the_address() {
    let mut world = World::new();
    world.learn([1]);
    assert_eq!(world.dials(), [1]);
    for _ in 0..20 {
        world.dial_failed(1, DialError::Busy);
        assert_eq!(world.dials(), NONE, "it has no room now either");
        world.wait(Duration::from_millis(500));
        assert_eq!(world.dials(), [1], "the wait doesn't grow");
    }
    assert_eq!(world.peers.book().iter().next().unwrap().failures, 0);
}

#[test]
fn an_address_of_another_network_is_forgotten() {
    let mut world = World::new();
    let link = world.inbound(3);
    world.learn([1, 2]);
    assert_eq!(world.dials().len(), 2);
    world.dial_failed(1, DialError::WrongNetwork);
    world.dial_failed(2, DialError::Myself);
    assert_eq!(world.tell(link, [1, 2]), 2, "and gossip doesn't bring it back");
    world.wait(Duration::from_secs(3_600));
    assert_eq!(world.dials(), NONE);
}

#[test]
fn a_link_that_breaks_before_hello_is_a_failure() {
    let mut world = World::new();
    world.learn([1]);
    for failures in 1..=4 {
        assert_eq!(world.dials(), [1]);
        let (link, _) = world.connect(1, Some(1));
        world.disconnect(link);
        assert_eq!(world.peers.book().iter().next().unwrap().failures, failures);
        world.wait(Duration::from_secs(10));
    }
}

#[test]
fn a_peer_that_lets_us_in_only_to_close_is_dialled_ever_more_rarely() {
    let mut world = World::new();
    world.learn([1]);
    let mut dials = 0;
    for _ in 0..3_600 {
        if world.dials() == [1] {
            dials += 1;
            let link = world.outbound(1);
            world.disconnect(link);
        }
        world.wait(Duration::from_secs(1));
    }
    assert!(dials < 25, "{dials} times in an hour");
    // Once it keeps us for a while that is forgiven.
    while world.dials() != [1] {
        world.wait(Duration::from_secs(1));
    }
    let link = world.outbound(1);
    world.actions.clear();
    world.wait(SHORT_LIVED);
    world.disconnect(link);
    world.wait(Duration::from_millis(500));
    assert_eq!(world.dials(), [1]);
}

#[test]
fn a_peer_that_is_full_is_not_given_up() {
    let mut world = World::new();
    let link = world.inbound(1);
    world.tell(link, [2]);
    let mut dials = 0;
    for _ in 0..1_000 {
        for n in world.dials() {
            dials += 1;
            let (link, _) = world.connect(u64::from(n), Some(n));
            world.disconnect(link);
        }
        world.wait(Duration::from_secs(60));
    }
    assert!(world.peers.book().contains(addr(2)), "it may have room some day");
    assert!(dials > 20, "{dials}");
}

#[test]
fn named_addresses_are_tried_before_those_of_an_earlier_run() {
    let mut world = World::new();
    world.params.peers.dialling_max = SEEDS;
    let records: Vec<_> = (100..200).map(|n| AddressRecord::reached(addr(n))).collect();
    world.import(&records.into());
    world.learn([1, 2]);
    let mut dialled = world.dials();
    dialled.sort_unstable();
    assert_eq!(dialled, [1, 2]);
}

#[test]
fn what_an_earlier_run_knew_is_dialled_without_being_named() {
    let mut world = World::new();
    world.remember([1]);
    assert_eq!(world.dials(), [1]);
}

#[test]
fn seeds_are_left_once_the_outbound_set_stands() {
    let mut world = World::new();
    world.params.peers.outbound = 3;
    world.learn([1]);
    assert_eq!(world.dials(), [1]);
    let seed = world.outbound(1);
    assert_eq!(world.run(Peers::take_surplus), None, "there is nobody else");
    world.tell(seed, 10..30);
    let dialled = world.dials();
    assert_eq!(dialled.len(), 3, "the set is filled beside the seed");
    for n in dialled {
        assert_eq!(world.run(Peers::take_surplus), None, "it doesn't stand yet");
        world.outbound(n);
    }
    assert_eq!(world.run(Peers::take_surplus), Some(seed));
    assert_eq!(world.run(Peers::take_surplus), None);
    world.disconnect(seed); // what the driver says then
    assert_eq!(world.peers.outbound_ready(), 3);
    assert_eq!(world.dials(), NONE);
    let seed = world.peers.book().iter().find(|view| view.addr == addr(1)).unwrap();
    assert_eq!((seed.failures, seed.connected), (0, false), "it is not to blame");
}

#[test]
fn seeds_being_dialled_take_no_place_in_the_set() {
    let mut world = World::new();
    world.params.peers.outbound = 3;
    world.learn(1..=20);
    assert_eq!(world.dials().len(), 3 + SEEDS);
}

#[test]
fn in_a_small_network_seeds_stay() {
    let mut world = World::new();
    world.learn(1..=4);
    for n in world.dials() {
        world.outbound(n);
    }
    assert_eq!(world.run(Peers::take_surplus), None);
    assert_eq!(world.peers.outbound_ready(), 4);
}

#[test]
fn fixed_addresses_are_dialled_for_ever_and_no_others() {
    let mut world = World::fixed(&[1, 2, 3]);
    world.learn([9]);
    world.wait(Duration::ZERO);
    assert_eq!(world.dials(), [1, 2, 3]);
    world.outbound(1);
    world.dial_failed(2, DialError::WrongNetwork);
    world.dial_failed(3, DialError::Myself);
    world.actions.clear();
    for _ in 0..100 {
        world.wait(Duration::from_secs(600));
        assert_eq!(world.dials(), [2], "1 is connected, 3 is ourselves");
        world.dial_failed(2, DialError::Unreachable);
    }
}

#[test]
fn an_address_that_is_fixed_twice_is_dialled_once() {
    let mut world = World::fixed(&[1, 1]);
    world.wait(Duration::ZERO);
    assert_eq!(world.dials(), [1]);
    world.outbound(1);
    assert_eq!(world.dials(), NONE);
}

#[test]
fn a_fixed_peer_that_dialled_us_is_not_dialled() {
    let mut world = World::fixed(&[1]);
    let link = world.inbound(1);
    world.wait(Duration::from_secs(60));
    assert_eq!(world.dials(), [1], "it was dialled before it came to us");
    assert!(matches!(world.connect(1, Some(1)).1, Admission::Refused(Reason::Duplicate)));
    world.wait(Duration::from_secs(3_600));
    assert_eq!(world.dials(), NONE);
    world.disconnect(link);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.dials(), [1]);
}

#[test]
fn a_fixed_peer_is_wanted_even_if_it_misbehaves() {
    let mut world = World::fixed(&[1]);
    world.wait(Duration::ZERO);
    let link = world.outbound(1);
    world.actions.clear();
    world.peers.on_misbehaved(link, world.now);
    world.disconnect(link);
    world.wait(Duration::from_millis(500));
    assert_eq!(world.dials(), [1]);
    assert_eq!(world.connect(1, Some(1)).1, Admission::Welcome);
}

/// What a driver and a network may do to a node.
#[derive(Clone, Copy, Debug)]
enum Op {
    DialSucceeds { nth: usize, key: u64 },
    DialFails { nth: usize, why: DialError },
    Inbound { key: u64 },
    Hello { nth: usize, advertise: Option<u32> },
    Break { nth: usize },
    Misbehave { nth: usize },
    Tell { nth: usize, first: u32 },
    Learn { n: u32 },
    Wait { ms: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let nth = || any::<usize>();
    let why = prop::sample::select(vec![
        DialError::Unreachable,
        DialError::WrongNetwork,
        DialError::Myself,
        DialError::Busy,
        DialError::OtherLinks,
        DialError::NoTransport,
    ]);
    let advertise = prop::option::of(0..30_u32);
    prop_oneof![
        6 => (nth(), 990..1_020_u64).prop_map(|(nth, key)| Op::DialSucceeds { nth, key }),
        3 => (nth(), why).prop_map(|(nth, why)| Op::DialFails { nth, why }),
        2 => (990..1_020_u64).prop_map(|key| Op::Inbound { key }),
        6 => (nth(), advertise).prop_map(|(nth, advertise)| Op::Hello { nth, advertise }),
        3 => nth().prop_map(|nth| Op::Break { nth }),
        1 => nth().prop_map(|nth| Op::Misbehave { nth }),
        3 => (nth(), 0..30_u32).prop_map(|(nth, first)| Op::Tell { nth, first }),
        1 => (0..30_u32).prop_map(|n| Op::Learn { n }),
        4 => (0..2_000_u64).prop_map(|ms| Op::Wait { ms }),
    ]
}

/// The driver's view: what is under way and what is up.
#[derive(Default)]
struct Driver {
    dialling: Vec<PeerAddr>,
    live: Vec<(Link, Option<PeerAddr>)>,
}

impl Driver {
    fn pick<T: Copy>(of: &[T], nth: usize) -> Option<T> {
        of.get(nth % of.len().max(1)).copied()
    }

    fn apply(&mut self, op: Op, world: &mut World) {
        match op {
            Op::DialSucceeds { nth, key } => {
                let Some(addr) = Self::pick(&self.dialling, nth) else { return };
                self.dialling.retain(|dialled| *dialled != addr);
                self.connect(key, Some(addr), world);
            }
            Op::DialFails { nth, why } => {
                let Some(addr) = Self::pick(&self.dialling, nth) else { return };
                self.dialling.retain(|dialled| *dialled != addr);
                world.dial_failed(number(addr), why);
            }
            Op::Inbound { key } => self.connect(key, None, world),
            Op::Learn { n } => world.learn([n]),
            Op::Wait { ms } => world.wait(Duration::from_millis(ms)),
            Op::Hello { nth, advertise } => {
                let Some((link, _)) = Self::pick(&self.live, nth) else { return };
                world.hello(link, advertise);
            }
            Op::Break { nth } => {
                let Some((link, _)) = Self::pick(&self.live, nth) else { return };
                self.live.retain(|(live, _)| *live != link);
                world.disconnect(link);
            }
            Op::Misbehave { nth } => {
                let Some((link, _)) = Self::pick(&self.live, nth) else { return };
                world.peers.on_misbehaved(link, world.now);
                self.live.retain(|(live, _)| *live != link);
                world.disconnect(link);
            }
            Op::Tell { nth, first } => {
                let Some((link, _)) = Self::pick(&self.live, nth) else { return };
                world.tell(link, first..first + 3);
            }
        }
        let mut surplus = std::mem::take(&mut world.surplus);
        surplus.extend(std::iter::from_fn(|| world.run(Peers::take_surplus)));
        self.live.retain(|(live, _)| !surplus.contains(live));
    }

    fn connect(&mut self, key: u64, dialled: Option<PeerAddr>, world: &mut World) {
        match world.connect(key, dialled.map(number)) {
            (_, Admission::Refused(_)) => {}
            (link, Admission::Welcome) => self.live.push((link, dialled)),
            (link, Admission::Replaces(old) | Admission::Displaces(old)) => {
                self.live.retain(|(live, _)| *live != old);
                self.live.push((link, dialled));
            }
        }
    }

    /// Takes over new dials; each must be one that a node may make.
    fn take_dials(&mut self, world: &mut World) {
        for n in world.dials() {
            let addr = addr(n);
            assert_ne!(n, 0, "dialled itself");
            assert!(!self.dialling.contains(&addr), "dialled {n} twice at once");
            let connected = self.live.iter().any(|(_, dialled)| *dialled == Some(addr));
            assert!(!connected, "dialled {n}, to which there is a link");
            self.dialling.push(addr);
        }
        // One that took over from a link of a peer that had come to us may have kept its inbound place.
        let is_ours =
            |link| world.peers.table.get(link).is_some_and(|peer| peer.place != Place::Inbound);
        let dialled = self.live.iter().filter(|(_, dialled)| dialled.is_some());
        let outbound = dialled.filter(|(link, _)| is_ours(*link)).count();
        // Seeds, and one feeler.
        let most = world.params.peers.outbound + SEEDS + 1;
        assert!(outbound + self.dialling.len() <= most, "more than asked for");
        assert_eq!(world.peers.dialling(), self.dialling.len());
    }
}

/// Runs the operations and returns everything that was dialled and sent.
fn run(ops: &[Op], salt: u64) -> Vec<Action> {
    let mut world = World::with(Vec::new(), salt);
    world.params.peers.outbound = 4;
    world.params.peers.dialling_max = 3;
    world.params.peers.book_max = 20;
    let (mut driver, mut log) = (Driver::default(), Vec::new());
    world.learn([1, 2, 3]);
    for op in ops {
        driver.apply(*op, &mut world);
        log.extend(world.actions.iter().cloned());
        driver.take_dials(&mut world);
    }
    log
}

proptest! {
    #[test]
    fn whatever_happens_no_dial_is_wrong_and_the_salt_makes_no_difference(
        ops in prop::collection::vec(op(), 1..200),
    ) {
        prop_assert_eq!(run(&ops, 1), run(&ops, 2));
    }
}
