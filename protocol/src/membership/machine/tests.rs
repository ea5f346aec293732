//! Behaviours of one member, whom a test tells what others say. What fleets do stands at the test kit's scenarios.

mod deaf;
mod joining;
mod model;
mod riding;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::membership::contract::{JOIN_MAX, Shared, StreamId};
use crate::membership::machine::claims::{FIRST_MAX, LEAP, STEP};
use crate::membership::packet::{Ack, Alive, Failed, Left, Nack, Ping, PingReq, Suspect};
use crate::membership::profile::Versions;
use crate::membership::said::{Entry, Full, Said, Saying};

const US: MemberId = MemberId(1);

fn addr(number: u64) -> SocketAddr {
    ([10, 0, 0, u8::try_from(number).unwrap()], 7946).into()
}

fn alive(number: u64, incarnation: u32) -> Alive {
    let name = format!("m{number}");
    let profile = Profile::new(&name, addr(number), &[], Versions::OURS).unwrap();
    Alive { id: MemberId(number), incarnation, profile: Arc::new(profile) }
}

#[derive(Clone)]
struct Bench {
    machine: Membership,
    rng: ChaCha8Rng,
    now: Time,
}

impl Bench {
    /// A member that knows those with the numbers 2, 3, ... up to `last`.
    fn new(last: u64, settings: Settings) -> Self {
        let profile = Arc::clone(&alive(1, 0).profile);
        // Nobody speaks to it but who a test has speak.
        let settings = Settings { deaf_max: Duration::ZERO, ..settings };
        let machine = Membership::new(US, profile, settings, Salt::new(1));
        let (rng, now) = (ChaCha8Rng::seed_from_u64(1), Time::from_millis(1_000));
        let mut bench = Self { machine, rng, now };
        for number in 2..=last {
            bench.hear(number, alive(number, 5));
        }
        bench.machine.news.clear();
        bench
    }

    fn hand(&mut self, input: Input<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        let cx = &mut Cx { now: self.now, wall: 0, rng: &mut self.rng, actions: &mut actions };
        self.machine.handle(input, cx);
        self.machine.check_invariants();
        actions
    }

    fn packet(&mut self, from: u64, parts: Vec<Part>) -> Vec<Action> {
        let packet = Packet::new(MemberId(from), parts);
        self.hand(Input::Datagram { from: addr(from), packet: &packet })
    }

    fn hear(&mut self, from: u64, part: impl Into<Part>) -> Vec<Action> {
        self.packet(from, vec![part.into()])
    }

    /// Wakes it at its deadlines for a while, and collects what it does.
    fn run(&mut self, millis: u64) -> Vec<(Time, Action)> {
        let end = self.now + Duration::from_millis(millis);
        let mut all = Vec::new();
        while self.machine.deadline() <= end {
            self.now = self.now.max(self.machine.deadline());
            let actions = self.hand(Input::Wake);
            all.extend(actions.into_iter().map(|action| (self.now, action)));
        }
        self.now = end;
        all
    }

    fn status(&self, number: u64) -> Option<(Status, u32)> {
        self.machine.get(MemberId(number)).map(|one| (one.status, one.incarnation))
    }
}

fn sent(actions: &[Action]) -> Vec<(SocketAddr, &Packet)> {
    let of = |action| match action {
        &Action::Send { to, ref packet } => Some((to, packet)),
        _ => None,
    };
    actions.iter().filter_map(of).collect()
}

fn events(actions: &[Action]) -> Vec<Event> {
    let of = |action: &Action| match action {
        Action::Report(event) => Some(event.clone()),
        _ => None,
    };
    actions.iter().filter_map(of).collect()
}

/// Its next ping: where to, its number, and what else the packet says.
fn ping(bench: &mut Bench) -> (SocketAddr, u32, Packet) {
    for _ in 0..100 {
        bench.now = bench.now.max(bench.machine.deadline());
        for action in bench.hand(Input::Wake) {
            if let Action::Send { to, packet } = action
                && let Some(Part::Ping(ping)) = packet.parts.first()
            {
                return (to, ping.seq, packet.clone());
            }
        }
    }
    panic!("it doesn't ping");
}

#[test]
fn a_stranger_gets_a_bare_ack_that_is_shorter_than_its_ping() {
    let mut bench = Bench::new(4, Settings::fleet());
    bench.hear(2, alive(9, 0));
    assert!(!bench.machine.news.is_empty(), "there is something to tell");
    let ping = |seq| Part::from(Ping { seq, target: US });
    let asked = Packet::new(MemberId(77), vec![ping(7), ping(8)]);
    let actions = bench.hand(Input::Datagram { from: addr(77), packet: &asked });
    let [(to, packet)] = sent(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((to, &packet.parts[..]), (addr(77), &[Ack { seq: 7 }.into()][..]));
    let short = Packet::new(MemberId(77), vec![ping(7)]);
    assert!(packet.encoded_len() < short.encoded_len());
    // Neither does it get anything who says a member's name from elsewhere.
    let actions = bench.hand(Input::Datagram {
        from: addr(88),
        packet: &Packet::new(MemberId(2), vec![ping(7), alive(3, 9).into()]),
    });
    assert_eq!(sent(&actions)[0].1.parts, [Ack { seq: 7 }.into()]);
    assert_eq!(bench.status(3), Some((Status::Alive, 5)), "nor is it believed");
    // A member gets the news with it.
    let actions = bench.packet(2, vec![ping(7)]);
    assert!(sent(&actions)[0].1.parts.len() > 1);
}

#[test]
fn a_ping_that_is_meant_for_another_is_not_answered() {
    let mut bench = Bench::new(3, Settings::fleet());
    assert_eq!(bench.hear(2, Ping { seq: 1, target: MemberId(9) }), []);
}

#[test]
fn it_pings_for_others_only_members_where_they_are_and_a_few_at_a_time() {
    let settings = Settings { relays_max: 6, relays_each: 2, ..Settings::fleet() };
    let mut bench = Bench::new(9, settings);
    let request = |seq, target| Part::from(PingReq { seq, target: MemberId(target) });
    for (from, target) in [(2, 77), (2, 2), (2, 1), (77, 3)] {
        assert_eq!(bench.packet(from, vec![request(1, target)]), [], "{target} for {from}");
    }
    let actions = bench.packet(2, vec![request(1, 3), request(2, 4), request(3, 5)]);
    assert_eq!(sent(&actions).len(), 1, "one for each packet");
    assert_eq!(sent(&actions)[0].0, addr(3));
    let granted = |bench: &mut Bench, from| {
        (0..9).filter(|seq| !bench.packet(from, vec![request(*seq, 8)]).is_empty()).count()
    };
    assert_eq!(granted(&mut bench, 2), 1, "two for each member");
    let all: usize = (3..8).map(|from| granted(&mut bench, from)).sum();
    assert_eq!(all, 4, "six in all");
    bench.run(1_100);
    assert_eq!(granted(&mut bench, 2), 2, "and again when they are over");
}

#[test]
fn a_ping_for_another_is_answered_with_what_came_of_it() {
    let mut bench = Bench::new(4, Settings::fleet());
    let actions = bench.hear(2, PingReq { seq: 7, target: MemberId(3) });
    let Part::Ping(Ping { seq, .. }) = sent(&actions)[0].1.parts[0] else { panic!() };
    let told: Vec<_> = bench.run(450);
    let nack = Action::Send { to: addr(2), packet: Packet::new(US, vec![Nack { seq: 7 }.into()]) };
    assert!(told.iter().any(|(_, action)| *action == nack), "no answer yet, {told:?}");
    assert_eq!(bench.hear(4, Ack { seq }), [], "another one's answer is none");
    let late = bench.hear(3, Ack { seq });
    assert_eq!(sent(&late)[0].0, addr(2));
    assert_eq!(sent(&late)[0].1.parts, [Ack { seq: 7 }.into()]);
}

#[test]
fn who_does_not_answer_is_suspected_told_so_and_then_failed() {
    let mut bench = Bench::new(2, Settings::fleet());
    let (to, _, _) = ping(&mut bench);
    assert_eq!(to, addr(2));
    let all = bench.run(1_000);
    let told = all.iter().any(|(_, action)| match action {
        Action::Send { to, packet } => {
            *to == addr(2) && matches!(packet.parts[0], Part::Suspect(_))
        }
        _ => false,
    });
    assert!(told, "{all:?}");
    assert_eq!(bench.status(2), Some((Status::Suspect, 5)));
    bench.run(2_200);
    assert_eq!(bench.status(2), Some((Status::Failed, 5)));
    assert_eq!(bench.machine.counts().failed, 1);
    // It hears so when it speaks to us, and comes back by saying that it lives.
    let actions = bench.hear(2, Ping { seq: 1, target: US });
    assert!(matches!(sent(&actions)[0].1.parts[1], Part::Failed(_)));
    let actions = bench.hear(2, alive(2, 6));
    assert_eq!(events(&actions), [Event::Joined { id: MemberId(2) }]);
}

#[test]
fn who_is_taken_for_dead_accuses_nobody_but_hears_of_its_own_and_may_speak_of_the_living() {
    let mut bench = Bench::new(4, Settings::fleet());
    bench.hear(4, Failed { id: MemberId(2), incarnation: 5, by: MemberId(4) });
    let (id, by) = (MemberId(3), MemberId(2));
    bench.hear(2, Suspect { id, incarnation: 5, by, nacks: 3 });
    bench.hear(2, Failed { id, incarnation: 5, by });
    assert_eq!(bench.status(3), Some((Status::Alive, 5)));
    bench.hear(2, Failed { id: US, incarnation: 0, by });
    assert_eq!(bench.machine.incarnation(), 1);
    bench.packet(2, vec![alive(2, 6).into(), Suspect { id, incarnation: 5, by, nacks: 3 }.into()]);
    assert_eq!(bench.status(3), Some((Status::Suspect, 5)), "once it has refuted that");
}

#[test]
fn the_buddy_system_and_the_rest_of_lifeguard_can_be_switched_off() {
    for buddy in [true, false] {
        let mut bench = Bench::new(2, Settings { buddy, ..Settings::lan() });
        bench.hear(2, Suspect { id: MemberId(2), incarnation: 5, by: MemberId(9), nacks: 0 });
        bench.machine.news.clear();
        let (_, _, packet) = ping(&mut bench);
        let accuses = |part: &Part| part.accuses() == Some(MemberId(2));
        assert_eq!(packet.parts.iter().any(accuses), buddy, "{packet:?}");
    }
    let mut bench = Bench::new(9, Settings::lan().without_lifeguard());
    bench.run(30_000);
    assert_eq!(bench.machine.health(), 0);
}

#[test]
fn nacks_tell_whose_fault_silence_is() {
    for answers in [true, false] {
        let mut bench = Bench::new(9, Settings::fleet());
        let (to, seq, _) = ping(&mut bench);
        let asked = bench.run(0).into_iter().chain(bench.run(600)).collect::<Vec<_>>();
        let is_request = |packet: &Packet| matches!(packet.parts[0], Part::PingReq(_));
        let helpers: Vec<_> = asked
            .iter()
            .filter_map(|(_, action)| match action {
                Action::Send { to, packet } if is_request(packet) => Some(*to),
                _ => None,
            })
            .collect();
        assert!(helpers.len() <= 3 && !helpers.contains(&to));
        if answers {
            for number in (2..=9).filter(|number| helpers.contains(&addr(*number))) {
                bench.hear(number, Nack { seq });
            }
        }
        bench.run(500);
        let expected = if answers { 0 } else { u32::try_from(helpers.len()).unwrap() };
        assert_eq!(bench.machine.health(), expected);
        assert_eq!(bench.machine.counts().unanswered, 1);
    }
}

#[test]
fn bad_health_slows_its_pings_and_answers_mend_it() {
    let mut bench = Bench::new(9, Settings::fleet());
    bench.machine.health = 3;
    let pings = |bench: &mut Bench| {
        let before = bench.machine.counts().pings;
        bench.run(8_000);
        bench.machine.counts().pings - before
    };
    let slow = pings(&mut bench);
    assert!(slow <= 3, "{slow} pings in eight seconds");
    let mut bench = Bench::new(2, Settings::fleet());
    bench.machine.health = 2;
    let (_, seq, _) = ping(&mut bench);
    bench.hear(2, Ack { seq });
    bench.hear(2, Ack { seq });
    assert_eq!(bench.machine.health(), 1, "one for each ping");
}

#[test]
fn an_accusation_is_refuted_to_the_accuser_at_once_and_by_news() {
    let mut bench = Bench::new(4, Settings::fleet());
    let accusation = Suspect { id: US, incarnation: 0, by: MemberId(3), nacks: 0 };
    let actions = bench.hear(2, accusation);
    assert_eq!(bench.machine.incarnation(), 1);
    assert_eq!(events(&actions), [Event::Accused { by: Some(MemberId(3)) }]);
    assert_eq!(sent(&actions)[0].0, addr(3));
    assert_eq!(sent(&actions)[0].1.parts, [bench.machine.own().into()]);
    assert_eq!(bench.machine.health(), 1);
    assert!(bench.machine.news.contains(&Topic::Member(US)));
    // An accuser that hasn't heard of it yet is told, once a packet; one who only repeats it isn't.
    assert_eq!(sent(&bench.packet(3, vec![accusation.into(); 50])).len(), 1);
    assert_eq!(bench.hear(2, accusation), []);
    assert_eq!(bench.machine.incarnation(), 1);
}

#[test]
fn of_claims_for_one_incarnation_the_worse_holds_in_any_order() {
    let id = MemberId(2);
    let claims: [Part; 3] = [
        Suspect { id, incarnation: 5, by: MemberId(3), nacks: 0 }.into(),
        Failed { id, incarnation: 5, by: MemberId(3) }.into(),
        Left { id, incarnation: 5 }.into(),
    ];
    let statuses = [Status::Suspect, Status::Failed, Status::Left];
    for first in 0..3 {
        for second in 0..3 {
            let mut bench = Bench::new(3, Settings::fleet());
            bench.hear(3, claims[first].clone());
            bench.hear(3, claims[second].clone());
            bench.hear(3, alive(2, 5));
            let worse = statuses[first.max(second)];
            assert_eq!(bench.status(2), Some((worse, 5)), "{first} and {second}");
            bench.hear(3, alive(2, 6));
            assert_eq!(bench.status(2), Some((Status::Alive, 6)));
            bench.hear(3, claims[first].clone());
            assert_eq!(bench.status(2), Some((Status::Alive, 6)), "of an earlier one nothing");
        }
    }
}

#[test]
fn incarnations_that_leap_are_not_believed() {
    let mut bench = Bench::new(3, Settings::fleet());
    let (id, by, far) = (MemberId(2), MemberId(3), 5 + LEAP + 1);
    bench.hear(3, alive(2, far));
    bench.hear(3, Suspect { id, incarnation: far, by, nacks: 0 });
    bench.hear(3, Failed { id, incarnation: u32::MAX, by });
    bench.hear(3, Left { id, incarnation: u32::MAX });
    assert_eq!(bench.status(2), Some((Status::Alive, 5)));
    bench.hear(3, alive(4, FIRST_MAX + 1));
    assert_eq!(bench.status(4), None);
    assert_eq!(bench.machine.counts().leapt, 5);
    bench.hear(3, alive(2, 5 + LEAP));
    assert_eq!(bench.status(2), Some((Status::Alive, 5 + LEAP)));
}

#[test]
fn it_rises_by_steps_as_often_as_news_is_told_and_overtakes_any_lie_that_others_believe() {
    let mut bench = Bench::new(3, Settings::fleet());
    let lie = |incarnation| Suspect { id: US, incarnation, by: MemberId(3), nacks: 0 };
    for _ in 0..100 {
        bench.hear(3, lie(u32::MAX));
    }
    assert_eq!(bench.machine.incarnation(), STEP, "a hundred in a moment are one");
    let since = bench.now;
    while bench.machine.incarnation() <= LEAP {
        bench.run(10);
        bench.hear(3, lie(LEAP));
    }
    let took = (bench.now - since).as_secs_f64();
    assert!(took < 4.0, "{took} s");
    assert_eq!(bench.machine.incarnation(), LEAP + 1);
}

#[test]
fn at_the_end_of_its_range_it_cannot_refute_and_says_nothing_wrong() {
    let mut bench = Bench::new(3, Settings::fleet());
    bench.machine.incarnation = u32::MAX - 1;
    let lie = Suspect { id: US, incarnation: u32::MAX, by: MemberId(3), nacks: 0 };
    bench.hear(3, lie);
    assert_eq!(bench.machine.incarnation(), u32::MAX);
    bench.run(1_000);
    assert_eq!(events(&bench.hear(3, lie)), []);
    let profile = Arc::clone(&bench.machine.profile);
    bench.hand(Input::Retag(&profile));
    assert_eq!(bench.machine.incarnation(), u32::MAX);
}

#[test]
fn an_id_from_two_addresses_and_a_name_of_two_are_reported_once_a_second() {
    let mut bench = Bench::new(3, Settings::fleet());
    let elsewhere = Alive { id: US, ..alive(9, 0) };
    let actions = bench.hear(2, elsewhere.clone());
    let conflict = |what| Event::Conflict { id: US, addr: addr(9), what };
    assert_eq!(events(&actions), [conflict(Shared::Id)]);
    assert_eq!(bench.machine.incarnation(), 1, "and it says where it is itself");
    assert_eq!(events(&bench.hear(2, elsewhere)), []);
    bench.now = bench.now + Duration::from_millis(900);
    bench.run(200);
    let packet = Packet::new(US, vec![Ping { seq: 1, target: US }.into()]);
    let actions = bench.hand(Input::Datagram { from: addr(9), packet: &packet });
    assert_eq!(actions, [Action::Report(conflict(Shared::Id))], "and no answer");
    bench.run(1_100);
    let profile = Profile::new("m1", addr(9), &[], Versions::OURS).unwrap();
    let same = Alive { id: MemberId(9), incarnation: 0, profile: Arc::new(profile) };
    assert!(events(&bench.hear(2, same)).contains(&conflict(Shared::Name)));
    // One that is known doesn't move while it lives, and may when it is dead.
    bench.run(1_100);
    let moved = Alive { id: MemberId(3), ..alive(8, 6) };
    let (id, what) = (MemberId(3), Shared::Id);
    let conflict = Event::Conflict { id, addr: addr(8), what };
    assert_eq!(events(&bench.hear(2, moved.clone())), [conflict]);
    assert_eq!(bench.status(3).map(|known| known.1), Some(5));
    bench.hear(2, Left { id, incarnation: 5 });
    bench.hear(2, moved);
    assert_eq!(bench.status(3), Some((Status::Alive, 6)));
}

#[test]
fn who_stood_still_doubts_itself_before_others() {
    let mut bench = Bench::new(5, Settings::fleet());
    bench.hear(3, Suspect { id: MemberId(2), incarnation: 5, by: MemberId(3), nacks: 3 });
    ping(&mut bench);
    bench.now = bench.now + Duration::from_secs(8);
    let actions = bench.hand(Input::Wake);
    assert!(matches!(events(&actions)[..], [Event::Stalled { .. }]), "{actions:?}");
    assert_eq!(bench.machine.health(), 1);
    assert_eq!(bench.status(2), Some((Status::Suspect, 5)), "no verdict");
    assert_eq!(bench.machine.counts().unanswered, 0, "nor anything against whom it pinged");
    bench.hand(Input::Wake);
    assert_eq!(bench.machine.counts().stalled, 1, "once");
    bench.hear(2, alive(2, 6));
    assert_eq!(bench.status(2), Some((Status::Alive, 6)));
}

#[test]
fn leaving_is_over_when_it_is_told_often_enough_or_long_enough() {
    let mut bench = Bench::new(9, Settings::fleet());
    bench.hand(Input::Leave);
    bench.hear(2, Left { id: US, incarnation: 0 });
    bench.hear(2, Failed { id: US, incarnation: 0, by: MemberId(2) });
    assert_eq!(bench.machine.incarnation(), 0, "it refutes nothing");
    let all: Vec<_> = bench.run(3_000).into_iter().map(|(_, action)| action).collect();
    let is_left =
        |(_, packet): &(_, &Packet)| packet.parts.iter().any(|part| matches!(part, Part::Left(_)));
    assert_eq!(sent(&all).into_iter().filter(is_left).count(), 4, "as often as news is told");
    assert!(events(&all).contains(&Event::Departed));
    assert_eq!((bench.machine.is_gone(), bench.machine.deadline()), (true, Time::NEVER));
    assert_eq!(bench.hear(2, Ping { seq: 1, target: US }), [], "nothing any more");

    let mut alone = Bench::new(1, Settings::fleet());
    assert_eq!(events(&alone.hand(Input::Leave)), [Event::Departed]);
    let mut slow = Bench::new(9, Settings { fanout: 0, ..Settings::fleet() });
    slow.machine.health = 7;
    slow.hand(Input::Leave);
    slow.run(5_100);
    assert!(slow.machine.is_gone());
}

#[test]
fn a_full_table_forgets_who_was_gone_first_and_takes_nobody_when_all_are_there() {
    let mut bench = Bench::new(5, Settings { members_max: 5, ..Settings::fleet() });
    bench.hear(2, alive(6, 0));
    assert_eq!((bench.status(6), bench.machine.counts().full), (None, 1));
    bench.hear(2, Left { id: MemberId(4), incarnation: 5 });
    bench.run(10);
    bench.hear(2, Failed { id: MemberId(3), incarnation: 5, by: MemberId(2) });
    let actions = bench.hear(2, alive(6, 0));
    assert!(events(&actions).contains(&Event::Reaped { id: MemberId(4) }));
    assert_eq!(bench.status(6), Some((Status::Alive, 0)));
    assert_eq!(bench.status(3), Some((Status::Failed, 5)));
}

#[test]
fn the_failed_and_those_who_left_are_forgotten_in_time() {
    let hour = Duration::from_secs(3_600);
    let settings = Settings { keep_failed: hour, keep_left: hour / 2, ..Settings::fleet() };
    let mut bench = Bench::new(3, settings);
    bench.hear(2, Failed { id: MemberId(2), incarnation: 5, by: MemberId(3) });
    bench.hear(2, Left { id: MemberId(3), incarnation: 5 });
    bench.run(1_900_000);
    assert_eq!((bench.status(2).is_some(), bench.status(3)), (true, None));
    bench.run(1_900_000);
    assert_eq!(bench.status(2), None);
    assert_eq!(bench.machine.deadline(), Time::NEVER, "alone there is nothing to do");
}

#[test]
fn an_exchange_that_is_cut_goes_round() {
    let mut bench = Bench::new(60, Settings { exchange_bytes: PACKET_MAX, ..Settings::fleet() });
    let mut seen = std::collections::BTreeSet::new();
    let mut rounds = 0;
    while seen.len() < 60 {
        let told = {
            let (now, rng) = (bench.now, &mut bench.rng);
            let cx = &mut Cx { now, wall: 0, rng, actions: &mut Vec::new() };
            bench.machine.told_of(cx)
        };
        assert_eq!(told[0], US, "itself first");
        assert!(told.len() > 20 && told.len() < 58, "{}", told.len());
        seen.extend(told);
        rounds += 1;
        assert!(rounds <= 3, "each has its turn");
    }
}

#[test]
fn in_an_exchange_the_dead_are_suspected_the_unknown_dead_stay_so_and_the_answer_holds_all() {
    let mut bench = Bench::new(4, Settings::fleet());
    let entry = |number, status, incarnation| Entry { status, last: alive(number, incarnation) };
    let entries = vec![
        entry(8, Status::Alive, 0),
        entry(2, Status::Failed, 5),
        entry(3, Status::Left, 5),
        entry(6, Status::Failed, 0),
        entry(7, Status::Suspect, 0),
        entry(1, Status::Failed, 3),
    ];
    let said = Said {
        from: MemberId(8),
        saying: Saying::Exchange(Arc::new(Full { entries, ..Full::default() })),
    };
    let actions = bench.hand(Input::Asked { stream: StreamId(4), said: &said });
    let status = |number| bench.status(number).map(|known| known.0);
    assert_eq!(status(8), Some(Status::Alive));
    assert_eq!(status(2), Some(Status::Suspect));
    assert_eq!(status(3), Some(Status::Left));
    assert_eq!(status(6), None);
    assert_eq!(status(7), Some(Status::Suspect));
    assert_eq!(bench.machine.incarnation(), 4, "it refutes its own death");
    let answer = actions.iter().find_map(|action| match action {
        Action::Answer { stream: StreamId(4), said } => Some(said),
        _ => None,
    });
    let Some(Said { saying: Saying::Exchange(full), .. }) = answer else { panic!("{actions:?}") };
    assert_eq!(full.entries[0].last, bench.machine.own(), "the refutation is in the answer");
    assert_eq!(full.entries.len(), 6);
}

#[test]
fn one_that_comes_back_surpasses_what_it_said_in_an_earlier_run() {
    let mut bench = Bench::new(3, Settings::fleet());
    let entries = vec![Entry { status: Status::Alive, last: alive(1, 7) }];
    let said = Said {
        from: MemberId(2),
        saying: Saying::Exchange(Arc::new(Full { entries, ..Full::default() })),
    };
    let actions = bench.hand(Input::Answered { by: addr(2), said: &said });
    assert_eq!(bench.machine.incarnation(), 8);
    assert_eq!((events(&actions), bench.machine.health()), (vec![], 0), "nobody accused it");
}

#[test]
fn other_tags_are_news_and_another_name_is_none() {
    let mut bench = Bench::new(3, Settings::fleet());
    let new =
        |name, tags: &[_]| Arc::new(Profile::new(name, addr(1), tags, Versions::OURS).unwrap());
    bench.hand(Input::Retag(&new("other", &[])));
    assert_eq!(bench.machine.incarnation(), 0);
    let profile = new("m1", &[("role", "sentry")]);
    bench.hand(Input::Retag(&profile));
    assert_eq!(
        bench.machine.own(),
        Alive { id: US, incarnation: 1, profile: Arc::clone(&profile) }
    );
    let mut other = Bench::new(3, Settings::fleet());
    other.machine.id = MemberId(99);
    other.machine.stating = Stating::default();
    (2..=3).for_each(|number| other.machine.stating.admit_later(MemberId(number)));
    other.hear(2, alive(1, 0));
    let actions = other.hear(2, Alive { id: US, incarnation: 1, profile });
    assert!(events(&actions).contains(&Event::Updated { id: US }), "{actions:?}");
}

#[test]
fn one_with_whom_there_is_no_common_version_is_not_taken() {
    let mut bench = Bench::new(2, Settings::fleet());
    let versions = Versions { min: 2, max: 3 };
    let profile = Arc::new(Profile::new("m5", addr(5), &[], versions).unwrap());
    bench.hear(2, Alive { id: MemberId(5), incarnation: 0, profile });
    assert_eq!((bench.status(5), bench.machine.counts().foreign), (None, 1));
}

#[test]
fn a_clone_goes_on_as_the_original_does() {
    let mut bench = Bench::new(9, Settings::fleet());
    bench.run(2_500);
    let mut clone = bench.clone();
    assert_eq!(bench.run(20_000), clone.run(20_000));
}

#[test]
fn alone_it_asks_again_whom_to_join_and_is_quiet_otherwise() {
    let mut bench = Bench::new(1, Settings::fleet());
    assert_eq!(bench.machine.deadline(), Time::NEVER);
    let many: Vec<_> = (1..40).map(addr).collect();
    let actions = bench.hand(Input::Joining(&many));
    assert_eq!(actions.len(), JOIN_MAX, "and not itself");
    let again = bench.run(30_000).len() / JOIN_MAX;
    assert!((4..=12).contains(&again), "{again} times in half a minute");
    bench.hear(2, alive(2, 0));
    assert!(!bench.machine.wants_to_join());
}

#[test]
fn a_suspicion_is_short_when_a_stream_is_refused_and_others_have_no_answer_either() {
    let mut bench = Bench::new(2, Settings::fleet());
    ping(&mut bench);
    bench.run(600);
    bench.hand(Input::Refused { addr: addr(3) });
    bench.hand(Input::Refused { addr: addr(2) });
    bench.run(1_300);
    assert_eq!(bench.status(2), Some((Status::Suspect, 5)));
    bench.run(200);
    assert_eq!(bench.status(2), Some((Status::Failed, 5)));
}
