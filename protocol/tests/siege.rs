//! A node with 8 outbound and 100 inbound peers, most of which are up to no good, still gets what honest peers
//! announce.

use std::time::Duration;

use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::relay::adaptive::WAIT_MAX;
use tidings_protocol::testkit::hostile::Lie;
use tidings_protocol::testkit::siege::{Siege, added_delays};

fn siege(stallers: usize, flooders: usize, liars: usize) -> Siege {
    Siege {
        outbound: 8,
        inbound: 100 - flooders - stallers - liars,
        flooders,
        stallers,
        liars,
        lies: Lie::ALL.to_vec(),
        flood_interval: Duration::from_millis(40),
        txs: 200,
        interval: Duration::from_millis(50),
        seed: 1,
    }
}

fn params(strategy: StrategyKind) -> Params {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    params
}

/// How long after an outbound peer announced it a transaction is there at last: `inbound_patience_ms`, and the longest
/// round trip to an honest peer; with adaptive, the longest wait for a whole item.
fn bound(params: &Params) -> Duration {
    let hold = match params.relay.strategy {
        StrategyKind::Adaptive => WAIT_MAX,
        _ => Duration::ZERO,
    };
    hold + params.requests.inbound_patience(ItemKind::Tx) + Duration::from_millis(120)
}

fn withstand(strategy: StrategyKind, lies: &[Lie]) {
    let params = params(strategy);
    let siege = Siege { lies: lies.to_vec(), ..siege(20, 50, 12) };
    let (besieged, quiet) = (siege.run(&params), siege.lifted().run(&params));
    let (delays, waits) = (added_delays(&besieged, &quiet), besieged.waits());
    let (median, max) = (delays[delays.len() / 2], waits[waits.len() - 1]);
    assert!(median < Duration::from_millis(100), "median {median:?}");
    assert!(max <= bound(&params), "{max:?}, of at most {:?}", bound(&params));
    assert!(besieged.wanted_max <= 108 * params.requests.announced_max);
    assert!(besieged.closed >= siege.flooders, "{} closed", besieged.closed);
    assert!(besieged.dropped > besieged.flooded as u64 / 2);
}

#[test]
fn floods_and_stalls_delay_honest_transactions_by_less_than_the_bound() {
    withstand(StrategyKind::Inventory, &Lie::ALL);
}

/// Its waits for whole items end soon where none come, and no flood makes it forget that. Where some do come, as from
/// those who repeat them out of order, it waits, up to its own bound.
#[test]
fn with_adaptive_it_is_the_same_bound() {
    let lies = Lie::ALL.into_iter().filter(|lie| *lie != Lie::Order);
    withstand(StrategyKind::Adaptive, &lies.collect::<Vec<_>>());
}

/// Every lie, before anybody honest speaks.
#[test]
fn liars_alone_delay_honest_transactions_by_less_than_the_bound() {
    for strategy in [StrategyKind::Inventory, StrategyKind::Adaptive] {
        let params = params(strategy);
        for lies in Lie::ALL.map(|lie| vec![lie]).into_iter().chain([Lie::ALL.to_vec()]) {
            let siege = Siege { lies, ..siege(0, 0, 40) };
            let waits = siege.run(&params).waits();
            assert_eq!(waits.len(), siege.txs);
            let max = waits[waits.len() - 1];
            assert!(max <= bound(&params), "{strategy}, {:?}: {max:?}", siege.lies);
        }
    }
}

#[test]
fn without_attackers_nothing_is_closed_or_slowed() {
    let quiet = siege(0, 0, 0).run(&params(StrategyKind::Inventory));
    assert_eq!((quiet.closed, quiet.throttled), (0, 0));
    assert!(quiet.accepted.iter().all(Option::is_some));
}
