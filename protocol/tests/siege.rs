//! A node with 8 outbound and 100 inbound peers, most of which are up to no good, still gets what honest peers
//! announce.

use std::time::Duration;

use tidings_protocol::params::Params;
use tidings_protocol::testkit::siege::{Siege, added_delays};

fn siege(stallers: usize, flooders: usize) -> Siege {
    Siege {
        outbound: 8,
        inbound: 100 - flooders - stallers,
        flooders,
        stallers,
        flood_interval: Duration::from_millis(40),
        txs: 200,
        interval: Duration::from_millis(50),
        seed: 1,
    }
}

/// `inbound_patience_ms`, and the longest round trip to an honest peer.
fn bound(params: &Params) -> Duration {
    params.requests.inbound_patience() + Duration::from_millis(120)
}

#[test]
fn floods_and_stalls_delay_honest_transactions_by_less_than_the_bound() {
    let params = Params::default();
    let siege = siege(20, 60);
    let (besieged, quiet) = (siege.run(&params), siege.lifted().run(&params));
    let delays = added_delays(&besieged, &quiet);
    let (median, max) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    assert!(median < Duration::from_millis(100), "median {median:?}");
    // The quiet node may have asked a nearer peer first; so may have been the besieged one.
    assert!(max <= bound(&params), "{max:?}, of at most {:?}", bound(&params));
    assert!(besieged.wanted_max <= 108 * params.requests.announced_max);
    assert!(besieged.closed >= siege.flooders, "{} closed", besieged.closed);
    assert!(besieged.dropped > besieged.flooded as u64 / 2);
}

#[test]
fn without_attackers_nothing_is_closed_or_slowed() {
    let quiet = siege(0, 0).run(&Params::default());
    assert_eq!((quiet.closed, quiet.throttled), (0, 0));
    assert!(quiet.accepted.iter().all(Option::is_some));
}
