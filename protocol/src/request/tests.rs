//! Scenarios by name, then random operations against a naive model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const IN: Direction = Direction::Inbound;
const OUT: Direction = Direction::Outbound;

fn link(slot: u32) -> Link {
    Link::new(slot, 1)
}

fn id(n: u8) -> ItemId {
    ItemId([n; 32])
}

fn params() -> RequestParams {
    RequestParams { tx_timeout_ms: 100, block_timeout_ms: 500, announced_max: 4, in_flight_max: 2 }
}

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn tracker(directions: &[Direction]) -> Requests {
    let mut requests = Requests::new(Salt::new(1));
    for (slot, direction) in (0..).zip(directions) {
        requests.on_connected(link(slot), *direction);
    }
    requests
}

fn announce(requests: &mut Requests, slot: u32, n: u8, now: Time) -> Announced {
    requests.on_announced(link(slot), ItemKind::Tx, id(n), now, &params())
}

/// What leaves now: (slot, id) pairs.
fn sent(requests: &mut Requests) -> Vec<(usize, u8)> {
    let mut sent = Vec::new();
    requests.flush(|link, message| {
        let Message::GetData { ids, .. } = message else { panic!("{message:?}") };
        sent.extend(ids.iter().map(|id| (link.slot(), id.0[0])));
    });
    sent
}

#[test]
fn the_first_announcer_is_asked_and_the_others_are_remembered() {
    let mut requests = tracker(&[IN, OUT]);
    assert_eq!(announce(&mut requests, 0, 1, ms(0)), Announced::Requested);
    assert_eq!(announce(&mut requests, 1, 1, ms(1)), Announced::Remembered);
    assert_eq!(announce(&mut requests, 1, 1, ms(2)), Announced::Repeated);
    assert_eq!(sent(&mut requests), [(0, 1)]);
    assert!(requests.was_asked(link(0), &id(1)) && !requests.was_asked(link(1), &id(1)));
}

#[test]
fn notfound_moves_the_request_to_the_next_announcer_at_once() {
    let mut requests = tracker(&[IN, IN]);
    announce(&mut requests, 0, 1, ms(0));
    announce(&mut requests, 1, 1, ms(0));
    sent(&mut requests);
    assert!(requests.on_failed(link(0), &id(1), ms(1), &params()));
    assert_eq!(sent(&mut requests), [(1, 1)]);
}

#[test]
fn a_spurious_notfound_changes_nothing() {
    let mut requests = tracker(&[IN, IN]);
    announce(&mut requests, 0, 1, ms(0));
    announce(&mut requests, 1, 1, ms(0));
    sent(&mut requests);
    assert!(!requests.on_failed(link(1), &id(1), ms(1), &params()));
    assert!(!requests.on_failed(link(0), &id(9), ms(1), &params()));
    assert!(sent(&mut requests).is_empty());
    assert_eq!(requests.in_flight(link(0)), 1);
}

#[test]
fn a_disconnect_moves_all_its_requests_at_once() {
    let mut requests = tracker(&[IN, IN]);
    for n in [1, 2] {
        announce(&mut requests, 0, n, ms(0));
        announce(&mut requests, 1, n, ms(0));
    }
    assert_eq!(sent(&mut requests), [(0, 1), (0, 2)]);
    requests.on_disconnected(link(0), ms(5), &params());
    assert_eq!(sent(&mut requests), [(1, 1), (1, 2)]);
}

#[test]
fn a_request_that_runs_out_goes_to_an_outbound_peer_first() {
    let mut requests = tracker(&[IN, IN, OUT]);
    for slot in 0..3 {
        announce(&mut requests, slot, 1, ms(0));
    }
    assert_eq!(sent(&mut requests), [(0, 1)]);
    assert_eq!(requests.deadline(), ms(100));
    requests.on_wake(ms(99), &params());
    assert!(sent(&mut requests).is_empty());
    requests.on_wake(ms(100), &params());
    assert_eq!(sent(&mut requests), [(2, 1)]);
    requests.on_wake(ms(200), &params());
    assert_eq!(sent(&mut requests), [(1, 1)]);
    requests.on_wake(ms(300), &params());
    assert!(sent(&mut requests).is_empty() && requests.is_empty());
    assert_eq!(requests.expired(), 3);
}

#[test]
fn no_more_is_in_flight_than_allowed_and_the_rest_follows() {
    let mut requests = tracker(&[OUT]);
    for n in 1..=4 {
        announce(&mut requests, 0, n, ms(0));
    }
    assert_eq!(sent(&mut requests), [(0, 1), (0, 2)]);
    assert_eq!(requests.on_arrived(&id(1), ms(1), &params()), [link(0)]);
    assert_eq!(sent(&mut requests), [(0, 3)]);
    assert_eq!(requests.in_flight(link(0)), 2);
}

#[test]
fn a_busy_announcer_does_not_keep_others_from_being_asked() {
    let mut requests = tracker(&[IN, IN]);
    for n in 1..=3 {
        announce(&mut requests, 0, n, ms(0));
    }
    assert_eq!(sent(&mut requests), [(0, 1), (0, 2)]);
    assert_eq!(announce(&mut requests, 1, 3, ms(1)), Announced::Requested);
    assert_eq!(sent(&mut requests), [(1, 3)]);
}

#[test]
fn announcements_over_the_cap_are_dropped() {
    let mut requests = tracker(&[IN]);
    for n in 1..=4 {
        assert_ne!(announce(&mut requests, 0, n, ms(0)), Announced::Dropped);
    }
    assert_eq!(announce(&mut requests, 0, 5, ms(0)), Announced::Dropped);
    requests.on_arrived(&id(1), ms(1), &params());
    assert_ne!(announce(&mut requests, 0, 5, ms(1)), Announced::Dropped);
}

#[test]
fn a_late_handle_cannot_touch_the_requests_of_a_newcomer() {
    let mut requests = tracker(&[IN]);
    requests.on_disconnected(link(0), ms(0), &params());
    requests.on_connected(Link::new(0, 2), IN);
    assert_eq!(announce(&mut requests, 0, 1, ms(1)), Announced::Dropped);
    assert!(requests.is_empty());
}

/// The rules once more, without any of the bookkeeping: lists, searched from end to end.
#[derive(Default)]
struct Model {
    links: Vec<(usize, Direction)>,
    /// By item: announcers in order, each with whether it was asked.
    wanted: BTreeMap<u8, Vec<(usize, bool)>>,
    /// Item, link, and when the request runs out.
    asked: Vec<(u8, usize, Time)>,
}

impl Model {
    fn in_flight(&self, slot: usize) -> usize {
        self.asked.iter().filter(|(_, link, _)| *link == slot).count()
    }

    fn announced(&self, slot: usize) -> usize {
        let has = |list: &&Vec<(usize, bool)>| list.iter().any(|(link, _)| *link == slot);
        self.wanted.values().filter(has).count()
    }

    fn fail(&mut self, slot: usize, item: u8) {
        self.asked.retain(|(asked, link, _)| (*asked, *link) != (item, slot));
    }

    fn forget_hopeless(&mut self) {
        let Self { wanted, asked, links } = self;
        wanted.retain(|item, announcers| {
            announcers.retain(|(slot, _)| links.iter().any(|(live, _)| live == slot));
            asked.iter().any(|(held, _, _)| held == item)
                || announcers.iter().any(|(_, was_asked)| !was_asked)
        });
    }

    /// Rules 1, 2, 4 and 6, which must hold after every operation.
    fn check(&self, requests: &Requests, generations: &[u32; 4], max: usize) {
        assert_eq!(requests.len(), self.wanted.len());
        for (slot, _) in &self.links {
            let link = Link::new(u32::try_from(*slot).unwrap(), generations[*slot]);
            assert_eq!(requests.in_flight(link), self.in_flight(*slot), "slot {slot}");
            assert!(self.in_flight(*slot) <= max);
        }
        for (item, announcers) in &self.wanted {
            let open = self.asked.iter().filter(|(asked, _, _)| asked == item).count();
            assert!(open <= 1, "two requests for {item}");
            if open == 0 {
                // It waits: then every announcer not asked yet is busy.
                let free =
                    |(slot, was_asked): &&(usize, bool)| !was_asked && self.in_flight(*slot) < max;
                assert_eq!(announcers.iter().find(free), None, "{item} waits for nobody");
            }
        }
        let due = self.asked.iter().map(|(_, _, at)| *at).min().unwrap_or(Time::NEVER);
        assert_eq!(requests.deadline(), due);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Announce(u32, u8),
    Arrive(u8),
    NotFound(u32, u8),
    Disconnect(u32),
    Connect(u32, bool),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let (slot, item) = (0_u32..4, 0_u8..6);
    prop_oneof![
        6 => (slot.clone(), item.clone()).prop_map(|(slot, item)| Op::Announce(slot, item)),
        2 => item.clone().prop_map(Op::Arrive),
        2 => (slot.clone(), item).prop_map(|(slot, item)| Op::NotFound(slot, item)),
        1 => slot.clone().prop_map(Op::Disconnect),
        1 => (slot, any::<bool>()).prop_map(|(slot, inbound)| Op::Connect(slot, inbound)),
        // Time that stands still, moves, and jumps.
        3 => prop_oneof![Just(0), 1_u64..60, Just(100_000)].prop_map(Op::Pass),
    ]
}

proptest! {
    /// The tracker decides whom to ask; the model checks that each request was allowed and that none is
    /// missing.
    #[test]
    fn it_keeps_the_rules_under_random_operations(
        ops in prop::collection::vec(op(), 1..120),
        salt in any::<u64>(),
    ) {
        let params = params();
        let (mut requests, mut model) = (Requests::new(Salt::new(salt)), Model::default());
        let mut generations = [0_u32; 4];
        let mut now = Time::ZERO;
        let handle = |generations: &[u32; 4], slot: u32| {
            Link::new(slot, generations[slot as usize])
        };
        for op in ops {
            match op {
                Op::Announce(slot, item) => {
                    let handle = handle(&generations, slot);
                    let live = model.links.iter().any(|(live, _)| *live == slot as usize);
                    let held = model.wanted.get(&item);
                    let repeated = held.is_some_and(|list| {
                        list.iter().any(|(held, _)| *held == slot as usize)
                    });
                    let full = model.announced(slot as usize) >= params.announced_max;
                    let answer =
                        requests.on_announced(handle, ItemKind::Tx, id(item), now, &params);
                    if !live {
                        prop_assert_eq!(answer, Announced::Dropped);
                    } else if repeated {
                        prop_assert_eq!(answer, Announced::Repeated);
                    } else if full {
                        prop_assert_eq!(answer, Announced::Dropped);
                    } else {
                        model.wanted.entry(item).or_default().push((slot as usize, false));
                    }
                }
                Op::Arrive(item) => {
                    requests.on_arrived(&id(item), now, &params);
                    model.wanted.remove(&item);
                    model.asked.retain(|(asked, _, _)| *asked != item);
                }
                Op::NotFound(slot, item) => {
                    let handle = handle(&generations, slot);
                    let open = model.asked.iter().any(|(asked, link, _)| {
                        (*asked, *link) == (item, slot as usize)
                    });
                    prop_assert_eq!(requests.on_failed(handle, &id(item), now, &params), open);
                    model.fail(slot as usize, item);
                }
                Op::Disconnect(slot) => {
                    requests.on_disconnected(handle(&generations, slot), now, &params);
                    model.links.retain(|(live, _)| *live != slot as usize);
                    model.asked.retain(|(_, link, _)| *link != slot as usize);
                    for announcers in model.wanted.values_mut() {
                        announcers.retain(|(link, _)| *link != slot as usize);
                    }
                }
                Op::Connect(slot, inbound) => {
                    if model.links.iter().any(|(live, _)| *live == slot as usize) {
                        continue;
                    }
                    generations[slot as usize] += 1;
                    let direction = if inbound { IN } else { OUT };
                    requests.on_connected(handle(&generations, slot), direction);
                    model.links.push((slot as usize, direction));
                }
                Op::Pass(wait_ms) => {
                    now = now + std::time::Duration::from_millis(wait_ms);
                    requests.on_wake(now, &params);
                    model.asked.retain(|(_, _, at)| *at > now);
                }
            }
            for (slot, item) in sent(&mut requests) {
                let announcers = model.wanted.get_mut(&item).expect("only what is wanted is asked");
                let entry = announcers.iter_mut().find(|(link, _)| *link == slot);
                let (_, was_asked) = entry.expect("only announcers are asked");
                prop_assert!(!*was_asked, "slot {} is asked twice for {}", slot, item);
                *was_asked = true;
                model.asked.push((item, slot, now + params.timeout(ItemKind::Tx)));
            }
            model.forget_hopeless();
            model.check(&requests, &generations, params.in_flight_max);
        }
        for slot in 0..4 {
            requests.on_disconnected(handle(&generations, slot), now, &params);
        }
        prop_assert!(requests.is_empty(), "everybody left, yet something is wanted");
    }
}
