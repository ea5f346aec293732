use super::*;

fn setup(seed: u64) -> Setup {
    let mut params = Params::default();
    params.health.ping_interval_s = 600;
    Setup {
        seed,
        days: 1.0,
        params,
        honest: 1_000,
        honest_groups: 800,
        session_h: 12.0,
        known: 300,
        dialled_every_s: 120.0,
        attack: Attack::NONE,
        poisoned: 0.0,
        restarts: Vec::new(),
        is_bootstrapped: true,
        grouping: Grouping::Networks,
        has_anchors: true,
    }
}

#[test]
fn a_node_that_nobody_attacks_has_its_links_and_lets_everybody_in() {
    let aftermath = run(&setup(1));
    assert!(aftermath.outbound > 7.5, "{aftermath:?}");
    assert_eq!((aftermath.share, aftermath.eclipsed_after), (0.0, None));
    assert!(aftermath.let_in > 0.95, "{aftermath:?}");
}

#[test]
fn the_same_attack_is_the_same_again() {
    let attack = Attack { addresses: 200, groups: 20, links: 30, seeds: 1, breaks_every_s: 600.0 };
    let attacked = |seed| run(&Setup { attack, restarts: vec![0.5], days: 0.6, ..setup(seed) });
    assert_eq!(attacked(3), attacked(3));
    assert_ne!(attacked(3), attacked(4));
}

#[test]
fn whoever_is_all_that_a_node_can_reach_is_all_of_its_peers() {
    let attack =
        Attack { addresses: 100, groups: 50, links: 0, seeds: 3, breaks_every_s: f64::INFINITY };
    let quiet = Setup { known: 0, dialled_every_s: f64::INFINITY, ..setup(1) };
    let aftermath = run(&Setup { attack, days: 0.2, ..quiet });
    assert_eq!((aftermath.share, aftermath.eclipsed), (1.0, 1.0));
    assert!(aftermath.eclipsed_after.is_some() && aftermath.bytes > 0);
}

#[test]
fn each_address_is_a_group_of_its_own_where_there_are_none_and_the_attacker_is_one_with_a_map() {
    let attack = Attack { addresses: 400, groups: 20, ..Attack::NONE };
    let internet = Internet::new(&Setup { attack, ..setup(1) });
    let groups = |grouping: Grouping, host: fn(u32) -> Host| {
        let of = |number| grouping.groups().group(internet.addr(host(number)).ip).unwrap();
        let mut all: Vec<u32> = (0..400).map(of).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    let counts = |grouping| [groups(grouping, Host::Honest), groups(grouping, Host::Attacker)];
    assert_eq!(counts(Grouping::Networks), [400, 20]);
    assert_eq!(counts(Grouping::Nothing), [400, 400]);
    assert_eq!(counts(Grouping::Systems), [400, 1]);
}
