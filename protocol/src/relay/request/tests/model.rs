//! The rules once more, without any of the bookkeeping: lists, searched from end to end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Who wants what from whom.
#[derive(Default)]
struct Model {
    links: Vec<(usize, Direction)>,
    wanted: BTreeMap<u8, ModelItem>,
    /// Item, link, and when the request runs out.
    asked: Vec<(u8, usize, Time)>,
    /// Link, strikes, deliveries owed, and when the next strike counts.
    standings: BTreeMap<usize, (u32, u32, Time)>,
    /// Links that delivered.
    proven: std::collections::BTreeSet<usize>,
    /// Link and item, in the order in which they were asked for in vain.
    late: Vec<(usize, u8)>,
}

#[derive(Default)]
struct ModelItem {
    announcers: Vec<ModelAnnouncer>,
    failed: bool,
    /// An outbound peer has it that may be asked instead from then on.
    contested: Option<Time>,
}

struct ModelAnnouncer {
    slot: usize,
    was_asked: bool,
    turn: Time,
}

impl Model {
    fn in_flight(&self, slot: usize) -> usize {
        self.asked.iter().filter(|(_, link, _)| *link == slot).count()
    }

    fn announced(&self, slot: usize) -> usize {
        let has = |item: &&ModelItem| item.announcers.iter().any(|held| held.slot == slot);
        self.wanted.values().filter(has).count()
    }

    fn is_staller(&self, slot: usize) -> bool {
        self.standings.get(&slot).is_some_and(|(_, debt, _)| *debt > 0)
    }

    /// Ends the requests for which `over` holds, which may yet be answered.
    fn give_way(&mut self, over: impl Fn(&(u8, usize, Time)) -> bool) {
        let late = self.asked.iter().filter(|request| over(request));
        self.late.extend(late.map(|(item, slot, _)| (*slot, *item)));
        self.fail(over);
    }

    /// Requests have run out.
    fn expire(&mut self, now: Time) {
        let over = self.asked.iter().filter(|(_, _, at)| *at <= now);
        for slot in over.map(|(_, slot, _)| *slot).collect::<Vec<_>>() {
            self.strike(slot, now);
        }
        self.give_way(|(_, _, at)| *at <= now);
    }

    fn strike(&mut self, slot: usize, now: Time) {
        let (strikes, debt, forgiven_until) = self.standings.entry(slot).or_default();
        if *forgiven_until <= now {
            *strikes += 1;
            *debt = 2_u32.pow((*strikes - 1).min(5));
            *forgiven_until = now + params().timeout(ItemKind::Tx);
        }
    }

    /// Ends the requests for which `over` holds, in vain.
    fn fail(&mut self, over: impl Fn(&(u8, usize, Time)) -> bool) {
        for (item, _, _) in self.asked.iter().filter(|request| over(request)) {
            if let Some(item) = self.wanted.get_mut(item) {
                item.failed = true;
            }
        }
        self.asked.retain(|request| !over(request));
    }

    /// An outbound peer announced what an inbound one is asked for.
    fn contest(&mut self, item: u8, by: usize, now: Time, params: &RequestParams) {
        let is_inbound = |slot: usize| self.links.contains(&(slot, IN));
        let asked = self.asked.iter().find(|(asked, slot, _)| *asked == item && is_inbound(*slot));
        if let Some((_, slot, _)) = asked
            && !is_inbound(by)
            && let Some(held) = self.wanted.get_mut(&item)
        {
            let patience = params.inbound_patience(ItemKind::Tx);
            let patience = if self.proven.contains(slot) { patience } else { patience / 4 };
            held.contested.get_or_insert(now + patience);
        }
    }

    /// Requests that an outbound peer may take over now.
    fn contested(&mut self, now: Time) -> Vec<(u8, usize)> {
        let Self { wanted, asked, .. } = self;
        let mut is_due = |item: &u8| {
            let held =
                wanted.get_mut(item).filter(|held| held.contested.is_some_and(|at| at <= now));
            held.is_some_and(|held| held.contested.take().is_some())
        };
        asked
            .iter()
            .filter(|(item, ..)| is_due(item))
            .map(|(item, slot, _)| (*item, *slot))
            .collect()
    }

    /// Whether a peer is asked after others: stallers, then inbound ones.
    fn class(&self, slot: usize) -> (bool, bool) {
        (self.is_staller(slot), self.links.contains(&(slot, IN)))
    }

    /// An item that is in flight from one link, and the first class of those that can be asked instead.
    fn best(&self, item: u8, from: usize, max: usize) -> Option<(u8, (bool, bool))> {
        let is_open = self.asked.iter().any(|(asked, slot, _)| (*asked, *slot) == (item, from));
        let held = self.wanted.get(&item).filter(|_| is_open)?;
        let others = held.announcers.iter().filter(|announcer| !announcer.was_asked);
        let ready =
            others.map(|announcer| announcer.slot).filter(|slot| self.in_flight(*slot) < max);
        ready.map(|slot| self.class(slot)).min().map(|class| (item, class))
    }

    fn forget_hopeless(&mut self) {
        let Self { wanted, asked, .. } = self;
        wanted.retain(|item, held| {
            asked.iter().any(|(asked, _, _)| asked == item)
                || held.announcers.iter().any(|announcer| !announcer.was_asked)
        });
    }

    /// Rules 1, 2, 4, 5, 7, 8 and 9, which must hold after every operation and wake-up.
    fn check(&self, requests: &Requests, generations: &[u32; 4], max: usize, now: Time) {
        assert_eq!(requests.len(), self.wanted.len());
        for (slot, _) in &self.links {
            let link = Link::new(u32::try_from(*slot).unwrap(), generations[*slot]);
            assert_eq!(requests.in_flight(link), self.in_flight(*slot), "slot {slot}");
            assert!(self.in_flight(*slot) <= max);
            assert_eq!(requests.is_staller(link), self.is_staller(*slot), "slot {slot}");
            let late = self.late.iter().filter(|(late, _)| late == slot);
            if late.clone().count() <= max {
                late.for_each(|(_, item)| assert!(requests.was_asked(link, id(*item))));
            }
        }
        let mut due = self.asked.iter().map(|(_, _, at)| *at).min().unwrap_or(Time::NEVER);
        for (item, held) in &self.wanted {
            let open = self.asked.iter().filter(|(asked, _, _)| asked == item).count();
            assert!(open <= 1, "two requests for {item}");
            if open == 1 {
                due = due.min(held.contested.unwrap_or(Time::NEVER));
                continue;
            }
            for announcer in held.announcers.iter().filter(|announcer| !announcer.was_asked) {
                let its_turn = announcer.turn <= now || held.failed;
                let busy = self.in_flight(announcer.slot) >= max;
                assert!(!its_turn || busy, "{item} waits for nobody");
                if !its_turn {
                    due = due.min(announcer.turn);
                }
            }
        }
        // Wake-ups may be early, never late.
        assert!(requests.deadline() <= due, "{} is later than {due}", requests.deadline());
    }
}

#[derive(Clone, Debug)]
enum Op {
    Announce(u32, u8, u64),
    Arrive(u8),
    Deliver(u32),
    NotFound(u32, u8),
    Disconnect(u32),
    Connect(u32, bool),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let (slot, item) = (0_u32..4, 0_u8..6);
    let wait = prop_oneof![Just(0), 1_u64..80];
    prop_oneof![
        6 => (slot.clone(), item.clone(), wait).prop_map(|(slot, item, wait)| Op::Announce(slot, item, wait)),
        2 => item.clone().prop_map(Op::Arrive),
        1 => slot.clone().prop_map(Op::Deliver),
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
        for op in ops {
            let (mut best, mut contested, mut stallers) = (None, Vec::new(), Vec::new());
            let handle = |slot: u32| Link::new(slot, generations[slot as usize]);
            match op {
                Op::Announce(slot, item, wait) => {
                    let slot_index = slot as usize;
                    let live = model.links.iter().any(|(live, _)| *live == slot_index);
                    let repeated = model.wanted.get(&item).is_some_and(|held| {
                        held.announcers.iter().any(|held| held.slot == slot_index)
                    });
                    let full = model.announced(slot_index) >= params.announced_max;
                    let wait = Duration::from_millis(wait);
                    let name = id(item).into();
                    let answer = requests.on_announced(handle(slot), name, wait, now, &params);
                    if !live {
                        prop_assert_eq!(answer, Announced::Dropped);
                    } else if full {
                        prop_assert_eq!(answer, Announced::Dropped);
                    } else if repeated {
                        prop_assert_eq!(answer, Announced::Repeated);
                    } else {
                        let turn = now + wait;
                        let announcer = ModelAnnouncer { slot: slot_index, was_asked: false, turn };
                        model.wanted.entry(item).or_default().announcers.push(announcer);
                        let has_room = model.in_flight(slot_index) < params.in_flight_max;
                        if has_room && !model.is_staller(slot_index) {
                            let stallers: Vec<_> =
                                (0..4).filter(|slot| model.is_staller(*slot)).collect();
                            model.give_way(|(asked, slot, _)| {
                                *asked == item && stallers.contains(slot)
                            });
                        }
                        if !model.is_staller(slot_index) {
                            model.contest(item, slot_index, now, &params);
                        }
                    }
                }
                Op::Arrive(item) => {
                    requests.on_arrived(id(item), now, &params);
                    model.wanted.remove(&item);
                    model.asked.retain(|(asked, _, _)| *asked != item);
                }
                Op::Deliver(slot) => {
                    requests.on_delivered(handle(slot));
                    if model.links.iter().any(|(live, _)| *live == slot as usize) {
                        model.proven.insert(slot as usize);
                    }
                    if let Some((_, debt, _)) = model.standings.get_mut(&(slot as usize)) {
                        *debt = debt.saturating_sub(1);
                    }
                }
                Op::NotFound(slot, item) => {
                    best = model.best(item, slot as usize, params.in_flight_max);
                    let is_it = |request: &(u8, usize, Time)| {
                        (request.0, request.1) == (item, slot as usize)
                    };
                    let open = model.asked.iter().any(is_it);
                    prop_assert_eq!(requests.on_failed(handle(slot), id(item), now, &params), open);
                    model.fail(is_it);
                }
                Op::Disconnect(slot) => {
                    requests.on_disconnected(handle(slot), now, &params);
                    model.links.retain(|(live, _)| *live != slot as usize);
                    model.standings.remove(&(slot as usize));
                    model.proven.remove(&(slot as usize));
                    model.late.retain(|(late, _)| *late != slot as usize);
                    model.fail(|(_, link, _)| *link == slot as usize);
                    for held in model.wanted.values_mut() {
                        held.announcers.retain(|held| held.slot != slot as usize);
                    }
                }
                Op::Connect(slot, inbound) => {
                    if model.links.iter().any(|(live, _)| *live == slot as usize) {
                        continue;
                    }
                    generations[slot as usize] += 1;
                    let handle = Link::new(slot, generations[slot as usize]);
                    let direction = if inbound { IN } else { OUT };
                    requests.on_connected(handle, direction);
                    model.links.push((slot as usize, direction));
                }
                Op::Pass(wait_ms) => {
                    now = now + Duration::from_millis(wait_ms);
                    requests.on_wake(now, &params, |_, _| ());
                    // Whose turn it is, is seen to before what ran out in the same moment.
                    stallers = (0..4).filter(|slot| model.is_staller(*slot)).collect();
                    model.expire(now);
                    contested = model.contested(now);
                }
            }
            for (slot, item) in sent(&mut requests) {
                if let Some((of, class)) = best
                    && of == item
                {
                    prop_assert_eq!(model.class(slot), class, "who is asked first for {}", item);
                }
                if let Some((_, loser)) = contested.iter().find(|(of, _)| *of == item) {
                    model.strike(*loser, now);
                    model.give_way(|(asked, slot, _)| (*asked, slot) == (item, loser));
                    prop_assert!(!stallers.contains(&slot) && !model.class(slot).1);
                }
                let held = model.wanted.get_mut(&item).expect("only what is wanted is asked");
                held.contested = None;
                let failed = held.failed;
                let announcer = held.announcers.iter_mut().find(|held| held.slot == slot);
                let announcer = announcer.expect("only announcers are asked");
                prop_assert!(!announcer.was_asked, "slot {} is asked twice for {}", slot, item);
                prop_assert!(failed || announcer.turn <= now, "it isn't slot {}'s turn", slot);
                announcer.was_asked = true;
                model.asked.push((item, slot, now + params.timeout(ItemKind::Tx)));
            }
            model.forget_hopeless();
            model.check(&requests, &generations, params.in_flight_max, now);
        }
        for slot in 0..4 {
            let handle = Link::new(slot, generations[slot as usize]);
            requests.on_disconnected(handle, now, &params);
        }
        prop_assert!(requests.is_empty(), "everybody left, yet something is wanted");
        prop_assert_eq!(requests.deadline(), Time::NEVER);
    }
}
