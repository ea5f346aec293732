use super::*;
use crate::latency::LinkSpec;

fn setup(compact: bool, pushers: usize, unknown: f64) -> Setup {
    let mut scenario = Scenario::default();
    scenario.network.nodes = 60;
    scenario.link = LinkSpec::Planar { min_ms: 5.0, max_ms: 217.0, jitter: 0.0 };
    scenario.params.blocks.compact = compact;
    scenario.params.blocks.pushers = pushers;
    scenario.params.blocks.templates_s = 0;
    scenario.params.relay.safety_pull_ms = 0;
    Setup {
        scenario,
        warmup: 3,
        blocks: 3,
        txs: 100,
        tx_bytes: 300,
        unknown,
        lackers: 0.5,
        shuffled: true,
        pause: Duration::from_millis(100),
        every: Duration::from_secs(5),
    }
}

#[test]
fn blocks_that_are_known_come_sooner_and_cost_less_by_their_names() {
    let [full, low, high] = [(false, 0), (true, 0), (true, 3)]
        .map(|(compact, pushers)| measure(&setup(compact, pushers, 0.0)).unwrap());
    for outcome in [&full, &low, &high] {
        assert_eq!((outcome.missing, outcome.times_ms.len()), (0, 3 * 59));
    }
    assert!(high.quantile_ms(0.99) < 0.7 * low.quantile_ms(0.99), "{high:?} {low:?}");
    assert!(low.bytes() < 0.06 * low.block_bytes && high.bytes() < 0.1 * high.block_bytes);
    assert!(full.bytes() > full.block_bytes);
    assert_eq!([low.hit_rate(), high.hit_rate()], [1.0, 1.0]);
}

#[test]
fn what_some_lack_is_asked_for_and_what_senders_lacked_comes_along() {
    let outcome = measure(&setup(true, 3, 0.05)).unwrap();
    assert_eq!(outcome.missing, 0);
    assert!(outcome.hit_rate() < 1.0, "{}", outcome.hit_rate());
    assert_eq!(outcome, measure(&setup(true, 3, 0.05)).unwrap(), "the same again");
}
