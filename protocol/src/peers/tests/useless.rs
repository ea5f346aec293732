//! Links of no use, and who goes for another.

use super::feeler::surplus;
use super::*;
use crate::limits::misbehavior::Fault;
use crate::peers::eviction::Candidate;
use crate::peers::feeler::STAY;
use crate::peers::useless::{ROUND, ROUNDS, Rounds, SLOW, Service, find};

const HOUR: Duration = Duration::from_secs(3_600);

/// A set, the oldest link first, of which each gave something `idle` and did anything `silent` rounds ago.
fn set<const N: usize>(idle_and_silent: [(u32, u32); N]) -> Vec<Candidate> {
    let candidate = |(slot, (idle, silent)): (u32, (u32, u32))| Candidate {
        link: Link::new(slot, 1),
        since: Time::from_millis(u64::from(slot)),
        standing: Standing { idle, silent, ..Standing::default() },
    };
    (0..).zip(idle_and_silent).map(candidate).collect()
}

/// Who of a set goes, after a day.
fn goes(set: &[Candidate]) -> Option<(u32, Fault)> {
    let (link, fault) = find(set, Time::from_millis(86_400_000))?;
    Some((u32::try_from(link.slot()).unwrap(), fault))
}

const WELL: (u32, u32) = (0, 0);
const IDLE: (u32, u32) = (ROUNDS, 0);
const BEHIND: (u32, u32) = (ROUNDS, ROUNDS);

#[test]
fn whoever_brings_nothing_goes_while_the_others_bring() {
    assert_eq!(goes(&set([WELL; 8])), None);
    let mut one = set([WELL; 8]);
    one[6].standing.idle = ROUNDS - 1;
    assert_eq!(goes(&one), None, "not yet");
    one[6].standing.idle = ROUNDS;
    assert_eq!(goes(&one), Some((6, Fault::Idle)));
}

#[test]
fn whoever_has_no_part_in_anything_goes_first_and_then_the_youngest() {
    assert_eq!(
        goes(&set([WELL, WELL, WELL, WELL, BEHIND, WELL, WELL, IDLE])),
        Some((4, Fault::Behind))
    );
    assert_eq!(
        goes(&set([WELL, WELL, WELL, WELL, WELL, IDLE, WELL, IDLE])),
        Some((7, Fault::Idle))
    );
}

#[test]
fn in_a_quiet_network_nobody_is_judged() {
    let (mut rounds, service) = (Rounds::default(), Service::new(0));
    let day = Time::from_millis(86_400_000);
    assert_eq!(service.missed(rounds.now()), (0, 0), "whatever time it is");
    // One burst of thousands is one round.
    (0..5_000).for_each(|_| rounds.on_news(day));
    assert_eq!(service.missed(rounds.now()), (1, 1));
    // And nobody is where nobody brings anything.
    assert_eq!(goes(&set([IDLE; 8])), None);
    assert_eq!(goes(&set([BEHIND; 8])), None);
}

#[test]
fn rounds_are_some_time_apart() {
    let (mut rounds, mut service) = (Rounds::default(), Service::new(0));
    for second in 0..1_000 {
        rounds.on_news(Time::from_millis(second * 1_000));
        if second == 500 {
            service.gives(rounds.now());
        }
        if second == 800 {
            service.takes_part(rounds.now());
        }
    }
    assert_eq!(rounds.now(), u32::try_from(1_000 / ROUND.as_secs()).unwrap());
    assert_eq!(service.missed(rounds.now()), (49, 19));
}

#[test]
fn of_few_links_nobody_is_judged() {
    assert_eq!(goes(&set([WELL, WELL, BEHIND])), None);
    assert_eq!(goes(&set([WELL, WELL, WELL, BEHIND])), Some((3, Fault::Behind)));
}

#[test]
fn half_of_the_set_is_protected() {
    // By age, unless it is behind, which nobody can make another.
    assert_eq!(goes(&set([IDLE, WELL, WELL, WELL, WELL, WELL, WELL, WELL])), None);
    let first = goes(&set([BEHIND, WELL, WELL, WELL, WELL, WELL, WELL, WELL]));
    assert_eq!(first, Some((0, Fault::Behind)));
    // By the last blocks.
    let mut idle = set([WELL, WELL, WELL, WELL, WELL, WELL, WELL, IDLE]);
    idle[7].standing.brought_block = 5;
    assert_eq!(goes(&idle), None);
    (idle[5].standing.brought_block, idle[6].standing.brought_block) = (6, 6);
    assert_eq!(goes(&idle), Some((7, Fault::Idle)), "two of eight are for blocks");
}

#[test]
fn slow_is_who_needs_seconds_while_the_others_do_not() {
    let trips = |ms: [u64; 8]| {
        let mut set = set([WELL; 8]);
        for (one, ms) in set.iter_mut().zip(ms) {
            one.standing.rtt = (ms > 0).then(|| Duration::from_millis(ms));
        }
        goes(&set)
    };
    let slow = SLOW.as_secs() * 1_000 + 1;
    assert_eq!(trips([9, 9, 9, 9, 9, 9, 9, slow]), Some((7, Fault::Slow)));
    assert_eq!(trips([1, 1, 1, 1, 1, 1, 1, 1_999]), None, "however near the others are");
    assert_eq!(trips([700; 8].map(|ms| ms + slow)), None, "the line is ours");
    assert_eq!(trips([600, 600, 600, 600, 600, 600, 600, slow]), None, "not by so much");
    assert_eq!(trips([0, 0, 0, 0, 9, 9, 9, slow]), None, "the others aren't known to be quick");
    let young = set([WELL; 8]).into_iter().map(|mut one| {
        one.standing.rtt = Some(Duration::from_millis(if one.link.slot() == 7 { slow } else { 9 }));
        one
    });
    assert_eq!(
        find(&young.collect::<Vec<_>>(), Time::from_millis(60_000)),
        None,
        "one ping or two"
    );
}

/// Waits for the next feeler and returns whom it dials.
fn feeler(world: &mut World) -> u32 {
    for _ in 0..1_000 {
        match world.dials()[..] {
            [] => world.wait(world.peers.deadline().since(world.now)),
            [n] => return n,
            ref many => panic!("one feeler at a time, not {many:?}"),
        }
    }
    panic!("no feeler comes");
}

/// A node with eight links whose peers' addresses are known, and so many others' of which a share is the attacker's: those
/// whose number is below `hostile`.
struct Siege {
    world: World,
    /// The links of the set, with the numbers of their peers.
    set: Vec<(Link, u32)>,
    hostile: u32,
}

impl Siege {
    fn new(known: u32, hostile: u32, seed: u64) -> Self {
        let mut world = World::with(Vec::new(), seed);
        world.rng = ChaCha8Rng::seed_from_u64(seed);
        world.remember(1..=known);
        let set = world.dials().into_iter().map(|n| (world.outbound(n), n)).collect();
        world.actions.clear();
        Self { world, set, hostile }
    }

    fn held(&self) -> usize {
        self.set.iter().filter(|(_, n)| *n < self.hostile).count()
    }

    /// The attacker is first with everything: all others are idle, all the time, and he alone brings blocks. Or nobody is.
    fn be_first(&mut self, is_first: bool) {
        let standing = |n: u32| match n < self.hostile || !is_first {
            true => Standing { brought_block: u32::from(is_first), ..Standing::default() },
            false => Standing { idle: ROUNDS, ..Standing::default() },
        };
        self.world.standings = self.set.iter().map(|(link, n)| (*link, standing(*n))).collect();
    }

    /// Lets a feeler come, stay and go, or take somebody's place. Returns who goes: the number of its peer, and why.
    fn feel(&mut self, is_first: bool) -> (u32, Reason) {
        self.be_first(is_first);
        let n = feeler(&mut self.world);
        let link = self.world.outbound(n);
        self.set.push((link, n));
        self.world.wait(STAY);
        let [gone] = surplus(&mut self.world)[..] else { panic!("one goes for one that came") };
        let why = self.world.peers.why_surplus(gone);
        let place = self.set.iter().position(|(link, _)| *link == gone).unwrap();
        assert_eq!(self.set.len(), 9, "never fewer than eight");
        (self.set.swap_remove(place).1, why)
    }
}

#[test]
fn a_link_of_no_use_goes_once_another_is_ready() {
    let mut siege = Siege::new(40, 0, 1);
    siege.world.params.peers.rotate_s = 1_000_000_000;
    while siege.world.now < Time::ZERO + HOUR {
        siege.feel(false); // the first exchange is due already
    }
    let youngest = siege.set.iter().max_by_key(|(link, _)| link.slot()).unwrap().0;
    siege.world.standings = vec![(youngest, Standing { idle: ROUNDS, ..Standing::default() })];
    let n = feeler(&mut siege.world);
    siege.world.dial_failed(n, DialError::Unreachable);
    siege.world.wait(STAY);
    assert!(surplus(&mut siege.world).is_empty(), "nobody came who could take the place");
    let n = feeler(&mut siege.world);
    let newcomer = siege.world.outbound(n);
    assert!(surplus(&mut siege.world).is_empty(), "first they are there both");
    siege.world.wait(STAY);
    assert_eq!(surplus(&mut siege.world), [youngest]);
    assert_eq!(siege.world.peers.why_surplus(youngest), Reason::Useless(Fault::Idle));
    assert_eq!(siege.world.peers.outbound_ready(), 8);
    assert!(siege.world.peers.table.get(newcomer).is_some());
}

#[test]
fn whoever_is_first_with_everything_on_fewer_than_six_of_eight_links_has_nobody_replaced() {
    for first in 0..=8 {
        let mut links = [WELL; 8];
        links[first..].fill(IDLE);
        // The youngest are idle, whom nothing protects.
        assert_eq!(goes(&set(links)).is_some(), (6..8).contains(&first), "first on {first}");
    }
}

#[test]
fn whoever_is_first_with_everything_has_one_link_replaced_in_half_an_hour_at_most() {
    // Three quarters of all addresses are his.
    let mut siege = Siege::new(400, 301, 2);
    let (begin, mut useless, mut exchanged) = (siege.world.now, Vec::new(), 0);
    while siege.world.now.since(begin) < 100 * HOUR {
        let (_, why) = siege.feel(true);
        match why {
            Reason::Useless(_) => useless.push(siege.world.now),
            _ => exchanged += 1,
        }
    }
    assert!(!useless.is_empty() && exchanged > 0, "it happens");
    let least = useless.windows(2).map(|pair| pair[1].since(pair[0])).min().unwrap();
    assert!(least >= Duration::from_secs(1_800), "{least:?}");
}

#[test]
fn whoever_is_first_with_everything_has_little_more_of_the_links_than_his_share_of_the_draws() {
    for (known, hostile) in [(400, 101), (400, 201), (400, 301)] {
        let share = f64::from(hostile - 1) / f64::from(known);
        let mean = |is_first: bool| {
            let (mut held, mut looks) = (0, 0);
            let mut siege = Siege::new(known, hostile, 3);
            while siege.world.now < Time::ZERO + 400 * HOUR {
                siege.feel(is_first);
                held += siege.held();
                looks += 8;
            }
            held as f64 / f64::from(looks)
        };
        let (quiet, first) = (mean(false), mean(true));
        println!("of {share} of the draws {quiet:.3} of the links, and {first:.3} if he is first");
        assert!((quiet - share).abs() < 0.04, "{quiet} of {share}");
        assert!(first < 1.25 * share + 0.04, "{first} of {share}");
    }
}

#[test]
fn zero_is_never() {
    let mut siege = Siege::new(400, 301, 2);
    siege.world.params.peers.useless_s = 0;
    assert!((0..300).all(|_| siege.feel(true).1 == Reason::Surplus));
}
