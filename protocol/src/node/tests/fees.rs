//! What peers are told and given, and how much of it.

use super::policy::refusals;
use super::*;
use crate::chain::{Inspection, Verified};
use crate::ground::fee::FeeRate;
use crate::ground::item::{Hash256, Item};
use crate::machine::Action;
use crate::testkit::ties::{Draft, Ties};
use crate::wire::message::{Items, Names};
use std::time::Duration;

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

fn solo_with(strategy: StrategyKind) -> Solo {
    Solo::with_chain(params_with(strategy), Box::new(Ties))
}

fn params_with(strategy: StrategyKind) -> Params {
    let mut params = at_once();
    params.relay.strategy = strategy;
    params.relay.safety_pull_ms = 0;
    params
}

impl Solo {
    /// Our operator submits a transaction, which passes its checks.
    fn submit(&mut self, item: &Arc<Item>) -> Vec<Action> {
        let mut actions = self.hand(Input::Submitted(item.clone()));
        actions.extend(self.hand(Input::Verdict { item, verdict: GOOD }));
        actions
    }

    /// Wakes it whenever it wants, for a while.
    fn run(&mut self, ms: u64) -> Vec<Action> {
        let (until, mut actions) = (self.now + Duration::from_millis(ms), Vec::new());
        while self.node.deadline() <= until {
            self.now = self.now.max(self.node.deadline());
            actions.extend(self.hand(Input::Wake));
        }
        self.now = until;
        actions
    }
}

/// Whether a peer is told of an item, or sent it.
fn is_told(actions: &[Action], link: Link, item: &Item) -> bool {
    let id = item.id();
    sends(actions).iter().any(|(to, message)| {
        *to == link
            && match message {
                Message::Items(Items::Announce(Names::Whole { ids, .. })) => ids.contains(&id),
                Message::Items(Items::Announce(Names::Short(ids))) => ids.contains(&id.into()),
                Message::Items(Items::Item(sent)) => sent.id() == id,
                _ => false,
            }
    })
}

fn is_served(actions: &[Action], item: &Item) -> bool {
    sends(actions)
        .iter()
        .any(|(_, message)| matches!(message, Message::Items(Items::Item(sent)) if sent.id() == item.id()))
}

#[test]
fn under_every_strategy_a_stranger_cannot_probe_the_pool() {
    for strategy in StrategyKind::ALL {
        let mut solo = solo_with(*strategy);
        let tx = Draft::paying(1, 1_000).item();
        solo.submit(&tx);
        let stranger = solo.link(0, IN);
        let by_short_id = Message::Items(Items::GetData(Names::Short([tx.id().into()].into())));
        for ask in [get_data(&tx), by_short_id] {
            let actions = solo.say(stranger, &ask);
            assert!(!is_served(&actions, &tx), "{strategy}: {actions:?}");
            assert!(sends(&actions).iter().any(|(_, message)| message.kind().name() == "notfound"));
        }
    }
}

#[test]
fn under_every_strategy_whoever_was_told_of_a_transaction_is_given_it() {
    for strategy in StrategyKind::ALL {
        let mut solo = solo_with(*strategy);
        let links = [0, 1, 2, 3].map(|slot| solo.link(slot, OUT));
        let tx = Draft::paying(1, 1_000).item();
        let mut actions = solo.submit(&tx);
        actions.extend(solo.run(1_000));
        if *strategy == StrategyKind::Pull {
            for link in links {
                actions.extend(solo.say(link, &Message::Relay(crate::wire::message::Signal::Poll)));
            }
        }
        let told: Vec<_> = links.into_iter().filter(|link| is_told(&actions, *link, &tx)).collect();
        assert!(!told.is_empty(), "{strategy}");
        for link in told {
            assert!(is_served(&solo.say(link, &get_data(&tx)), &tx), "{strategy} {link}");
        }
    }
}

#[test]
fn a_newcomer_in_the_slot_of_one_who_was_told_is_a_stranger() {
    let mut solo = solo_with(StrategyKind::Inventory);
    let link = solo.link(0, IN);
    let tx = Draft::paying(1, 1_000).item();
    solo.submit(&tx);
    assert!(is_told(&solo.run(10), link, &tx));
    solo.hand(Input::Disconnected { link });
    let newcomer = Link::new(0, 2);
    let (peer, direction, addr) = (PeerKey(77), IN, None);
    solo.hand(Input::Connected { link: newcomer, peer, direction, addr });
    solo.say(newcomer, &hello());
    assert!(!is_served(&solo.say(newcomer, &get_data(&tx)), &tx));
}

#[test]
fn a_parent_is_given_to_whoever_was_told_of_its_child() {
    let mut solo = solo_with(StrategyKind::Inventory);
    let parent = Draft::paying(1, 1_000).item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    solo.submit(&parent);
    let late = solo.link(0, IN);
    solo.submit(&child);
    assert!(is_told(&solo.run(10), late, &child));
    assert!(is_served(&solo.say(late, &get_data(&parent)), &parent));
}

#[test]
fn under_every_strategy_peers_are_not_told_of_what_pays_less_than_they_take() {
    for strategy in StrategyKind::ALL {
        let mut solo = solo_with(*strategy);
        let links = [0, 1, 2, 3].map(|slot| solo.link(slot, OUT));
        let (cheap, dear) = (Draft::paying(1, 10).item(), Draft::paying(2, 1_000_000).item());
        let between = FeeRate(10_000_000);
        for link in links {
            solo.say(link, &Message::Items(Items::FeeFilter(between)));
        }
        let mut actions = solo.submit(&cheap);
        actions.extend(solo.submit(&dear));
        actions.extend(solo.run(1_000));
        for link in links {
            let poll = Message::Relay(crate::wire::message::Signal::Poll);
            actions.extend(solo.say(link, &poll));
        }
        let told =
            |item: &Item| links.iter().filter(|link| is_told(&actions, **link, item)).count();
        assert_eq!(told(&cheap), 0, "{strategy}");
        assert!(told(&dear) > 0, "{strategy}");
    }
}

#[test]
fn a_filter_of_nothing_has_everything_announced_again() {
    let mut solo = solo_with(StrategyKind::Inventory);
    let link = solo.link(0, IN);
    solo.say(link, &Message::Items(Items::FeeFilter(FeeRate(u64::MAX))));
    let (first, second) = (Draft::paying(1, 10).item(), Draft::paying(2, 10).item());
    solo.submit(&first);
    assert!(!is_told(&solo.run(10), link, &first));
    solo.say(link, &Message::Items(Items::FeeFilter(FeeRate::ZERO)));
    solo.submit(&second);
    assert!(is_told(&solo.run(10), link, &second));
}

#[test]
fn a_peer_is_told_the_least_fee_rate_that_is_taken() {
    let mut solo = solo_with(StrategyKind::Inventory);
    solo.params.pool.min_fee_rate = FeeRate(5_000_000);
    let link = Link::new(0, 1);
    let (peer, direction, addr) = (PeerKey(7), IN, None);
    solo.hand(Input::Connected { link, peer, direction, addr });
    let actions = solo.say(link, &hello());
    let told = sends(&actions).into_iter().find_map(|(_, message)| match message {
        Message::Items(Items::FeeFilter(rate)) => Some(rate.0),
        _ => None,
    });
    assert!(told.is_some_and(|rate| (4_000_000..=5_000_000).contains(&rate)), "{told:?}");
}

#[test]
fn a_minimum_that_rises_in_a_full_pool_is_told_to_peers_and_so_is_its_fall() {
    let mut params = params_with(StrategyKind::Inventory);
    params.memory.pool_max_bytes = 50;
    params.memory.pool_entry_bytes = 0;
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    solo.params.pool.half_life_s = 600;
    solo.params.health.ping_timeout_s = 1_000_000;
    let link = solo.link(0, IN);
    for n in 1..10 {
        solo.submit(&Draft::paying(n, 100 * u64::from(n)).item());
    }
    let told = |actions: &[Action]| -> Vec<FeeRate> {
        let of = |(to, message)| match message {
            Message::Items(Items::FeeFilter(rate)) if to == link => Some(rate),
            _ => None,
        };
        sends(actions).into_iter().filter_map(of).collect()
    };
    let risen = told(&solo.run(300_000));
    assert!(risen.len() == 1 && risen[0] > FeeRate::ZERO, "{risen:?}");
    let fallen = told(&solo.run(100_000_000));
    assert_eq!(fallen.last(), Some(&FeeRate::ZERO), "{fallen:?}");
}

#[test]
fn what_is_over_the_budget_is_announced_later_and_what_pays_most_first() {
    let mut solo = solo_with(StrategyKind::Inventory);
    solo.params.budgets.relayed = Rate::new(1.0, 1.0);
    let link = solo.link(0, IN);
    let txs = [10, 20, 30, 40].map(|fee| Draft::paying(1, fee).item());
    txs.iter().for_each(|tx| drop(solo.submit(tx)));
    let mut told = Vec::new();
    for _ in 0..3 {
        let actions = solo.run(900);
        told.push((0..4).filter(|n| is_told(&actions, link, &txs[*n])).collect::<Vec<_>>());
    }
    assert_eq!(
        told,
        [vec![0, 1], vec![3], vec![2]],
        "the burst, one that overruns it, the dearest"
    );
}

#[test]
fn whoever_has_too_much_checked_is_slowed_and_nobody_else() {
    let mut solo = solo_with(StrategyKind::Flood);
    solo.params.memory.verifying_max = 80;
    let (flooder, honest) = (solo.link(0, IN), solo.link(1, IN));
    let is_throttle = |link: Link| move |action: &Action| matches!(action, Action::Throttle { link: to, .. } if *to == link);
    let mut throttled = Vec::new();
    for n in 0..30 {
        let actions = solo.say(flooder, &Message::Items(Items::Item(Draft::paying(n, 1).item())));
        throttled.push(actions.iter().any(is_throttle(flooder)));
    }
    assert_eq!(throttled.iter().position(|is| *is), Some(10), "an eighth is its share");
    let actions = solo.say(honest, &Message::Items(Items::Item(Draft::paying(100, 1).item())));
    assert!(!actions.iter().any(is_throttle(honest)));
    assert!(actions.iter().any(|action| matches!(action, Action::Verify(_))));
    for n in 0..30 {
        let item = Draft::paying(n, 1).item();
        solo.hand(Input::Verdict { item: &item, verdict: GOOD });
    }
    let actions = solo.say(flooder, &Message::Items(Items::Item(Draft::paying(200, 1).item())));
    assert!(!actions.iter().any(is_throttle(flooder)), "all of it was checked");
}

#[test]
fn many_busy_links_are_slowed_before_there_is_no_room() {
    let mut solo = solo_with(StrategyKind::Flood);
    solo.params.memory.verifying_max = 80;
    let links: Vec<_> = (0..12).map(|slot| solo.link(slot, IN)).collect();
    let mut sent = vec![0; links.len()];
    let mut busy: Vec<_> = (0..links.len()).collect();
    // Each sends as fast as it can, until it isn't read any more.
    while let Some(index) = busy.pop() {
        let number = 1_000 * u32::try_from(index).unwrap() + sent[index];
        let actions =
            solo.say(links[index], &Message::Items(Items::Item(Draft::paying(number, 1).item())));
        sent[index] += 1;
        let is_slowed = actions.iter().any(|action| matches!(action, Action::Throttle { .. }));
        if !is_slowed {
            busy.insert(0, index);
        }
    }
    assert_eq!(solo.node.counters().verify_overflow, 0, "nothing had to be dropped");
    assert!(sent.iter().all(|sent| (5..=11).contains(sent)), "all had about the same: {sent:?}");
}

/// Rules that tell a fee only when they have looked at their ledger.
struct Ledger;

impl Chain for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn max_size(&self, kind: ItemKind) -> usize {
        Ties.max_size(kind)
    }

    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        Ties.identify(kind, bytes)
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        Ties.inspect(item).map(|inspection| Inspection { fee: None, ..inspection })
    }

    fn verify(&self, item: &Item) -> Verdict {
        Ties.verify(item)?;
        Ok(Verified { fee: Ties.inspect(item)?.fee, ..Verified::default() })
    }
}

#[test]
fn a_fee_that_only_the_verdict_tells_decides_as_any_other() {
    let mut params = at_once();
    params.pool.min_fee_rate = FeeRate(1_000_000);
    let mut solo = Solo::with_chain(params, Box::new(Ledger));
    let link = solo.link(0, IN);
    let (paying, free) = (Draft::paying(1, 1_000).item(), Draft::paying(2, 0).item());
    solo.feed(link, &paying);
    assert!(solo.node.pool().fee_rate(paying.id()) > Some(FeeRate(1_000_000)));
    let refused = refusals(&solo.feed(link, &free));
    assert_eq!((refused, solo.node.pool().len()), (vec!["fee-too-low"], 1));
}
