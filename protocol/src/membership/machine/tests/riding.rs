//! What a member does with what rides on packets, and what others can't do with it.

use bytes::Bytes;

use super::*;
use crate::membership::contract::Refused;
use crate::membership::coordinates::{Coordinate, Vivaldi};
use crate::membership::filter::Filter;
use crate::membership::lamport::LamportTime;
use crate::membership::leader::{Claim, EPOCH_MAX, Record};
use crate::membership::queries::{Query, Question, Response};
use crate::membership::state::{self, Digest, Moment, States};
use crate::membership::user_events::UserEvent;

const WALL: u32 = 1_700_000_000;

/// Another member's states, with some writes of its own.
fn states(own: u64, keys: u8) -> States {
    let at = Moment { now: Time::ZERO, wall: 1 };
    let mut states = States::new(MemberId(own), state::Settings::USUAL, at);
    for key in 0..keys {
        states.set(&[key], &[key; 100], at).unwrap();
    }
    states
}

fn event(origin: u64, number: u64) -> UserEvent {
    let name = Bytes::copy_from_slice(&number.to_le_bytes());
    let (time, origin) = (LamportTime(number), MemberId(origin));
    let filter = Filter::default();
    UserEvent { time, origin, name, payload: Bytes::new(), coalesce: false, filter }
}

fn query(origin: u64, number: u32) -> Query {
    Query {
        time: LamportTime(u64::from(number) + 1),
        id: number,
        origin: MemberId(origin),
        name: Bytes::from_static(b"q"),
        payload: Bytes::new(),
        ack: true,
        timeout_ms: 1_000,
        filter: Filter::default(),
    }
}

fn record(epoch: u64, leader: u64) -> Record {
    let address = Bytes::from_static(b"x:1");
    let claims = vec![Claim { leader: MemberId(leader), address, by: MemberId(leader) }];
    Record { group: Bytes::from_static(b"g"), epoch, claims }
}

#[test]
fn an_answer_tells_members_what_they_lack_and_strangers_nothing() {
    let mut bench = Bench::new(4, Settings::fleet());
    bench.hand(Input::Set { key: b"k", value: b"v" });
    let mut other = states(2, 0);
    other.admit(US, Time::ZERO);
    let digest = other.digest(500, &mut ChaCha8Rng::seed_from_u64(1));
    let asked = |seq| vec![Ping { seq, target: US }.into(), Part::from(digest.clone())];
    let actions = bench.packet(2, asked(7));
    let [(_, packet)] = sent(&actions)[..] else { panic!("{actions:?}") };
    let told = |part: &Part| matches!(part, Part::Delta(delta) if !delta.is_empty());
    assert!(packet.parts.iter().any(told), "{packet:?}");
    let actions = bench.packet(77, asked(8));
    assert_eq!(sent(&actions)[0].1.parts, [Ack { seq: 8 }.into()]);
    assert_eq!(bench.machine.counts().strange, 1);
}

#[test]
fn a_digest_without_a_ping_gets_one_datagram_or_none() {
    let mut bench = Bench::new(4, Settings::fleet());
    let mut other = states(2, 0);
    other.admit(US, Time::ZERO);
    let digest = Part::from(other.digest(500, &mut ChaCha8Rng::seed_from_u64(1)));
    let many = vec![digest.clone(), digest.clone(), digest];
    assert_eq!(sent(&bench.packet(2, many.clone())).len(), 0, "there is nothing to tell");
    bench.hand(Input::Set { key: b"k", value: b"v" });
    let actions = bench.packet(2, many);
    let [(to, packet)] = sent(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!(to, addr(2));
    // And that has no digest, so that it ends there.
    assert!(!packet.parts.iter().any(|part| matches!(part, Part::Digest(_))));
}

#[test]
fn a_map_without_bound_and_one_of_the_future_are_not_stored() {
    let settings = Settings {
        riding: Riding {
            state: Some(state::Settings { bytes_max: 2_000, ..state::Settings::USUAL }),
            ..Riding::FLEET
        },
        ..Settings::fleet()
    };
    let mut bench = Bench::new(9, settings);
    for number in 2..=9 {
        let delta = states(number, 8).guess(&Digest::default(), 1_300);
        bench.packet(number, vec![delta.into()]);
    }
    assert!(bench.machine.states().unwrap().bytes() <= 2_000);
    assert!(bench.machine.counts().states_refused > 0);
    let before = bench.machine.counts().states_refused;
    let at = Moment { now: Time::ZERO, wall: WALL };
    let mut ahead = States::new(MemberId(3), state::Settings::USUAL, at);
    ahead.set(b"k", b"v", at).unwrap();
    bench.packet(3, vec![ahead.guess(&Digest::default(), 1_300).into()]);
    assert_eq!(bench.machine.counts().states_refused, before + 1);
    assert_eq!(bench.machine.states().unwrap().value(MemberId(3), b"k"), None);
}

#[test]
fn who_is_told_of_more_than_it_said_begins_anew() {
    let mut bench = Bench::new(3, Settings::fleet());
    bench.hand(Input::Set { key: b"k", value: b"v" });
    let lie = states(1, 9).guess(&Digest::default(), 1_300);
    bench.packet(2, vec![lie.into()]);
    assert_eq!(bench.machine.counts().states_refuted, 1);
    let own = bench.machine.states().unwrap();
    assert_eq!(own.told(US).unwrap().generation, 2);
    assert_eq!(own.values(US).count(), 1, "and says what it said");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut bench = Bench::new(3, Settings::fleet());
    let filter = &Filter::default();
    let long = [0; 2_000];
    for input in [
        Input::Set { key: b"", value: b"v" },
        Input::Set { key: b"k", value: &long },
        Input::Claim { group: b"g", epoch: 0, leader: US, address: b"a" },
        Input::Claim { group: b"g", epoch: 1, leader: US, address: b"" },
        Input::Fire { name: b"", payload: b"", coalesce: false, filter },
        Input::Fire { name: b"n", payload: &long, coalesce: false, filter },
        Input::Ask(&Question::default()),
    ] {
        let actions = bench.hand(input);
        assert!(matches!(actions[..], [Action::Report(Event::Refused(_))]), "{actions:?}");
    }
    bench.hand(Input::Leave);
    let actions = bench.hand(Input::Claim { group: b"g", epoch: 1, leader: US, address: b"a" });
    assert_eq!(events(&actions), [Event::Refused(Refused::Off)]);
}

#[test]
fn an_event_storm_is_cut_off_whoever_it_is_said_to_be_of() {
    let mut bench = Bench::new(20, Settings::fleet());
    let mut heard = 0;
    for number in 0..2_000 {
        let of = 2 + number % 18;
        let actions = bench.packet(2, vec![event(of, number + 1).into()]);
        heard += events(&actions).len();
        assert!(sent(&actions).len() <= 8, "its children in two trees");
    }
    // Twenty at once of each of 18.
    assert!((300..=360).contains(&heard), "{heard}");
    assert!(bench.machine.counts().rumors_refused > 1_500);
    assert!(bench.machine.rumors.queue.len() <= bench.machine.settings.riding.rumors_max.0);
    // One packet full of them: a bounded number of datagrams.
    bench.now = bench.now + Duration::from_secs(60);
    let many = (0..30).map(|number| event(3 + number % 10, 3_000 + number).into()).collect();
    let actions = bench.packet(2, many);
    assert!(sent(&actions).len() <= spreading::TOLD_MAX);
    let of = |event: &Event| matches!(event, Event::UserEvent(_));
    assert_eq!(events(&actions).iter().filter(|event| of(event)).count(), 30);
}

#[test]
fn queries_in_a_victims_name_are_answered_at_a_pace() {
    let mut bench = Bench::new(5, Settings::fleet());
    let mut answered = 0;
    for number in 0..500 {
        let actions = bench.packet(2, vec![query(3, number).into()]);
        answered += sent(&actions)
            .iter()
            .filter(|(to, packet)| {
                *to == addr(3) && packet.parts.iter().any(|part| matches!(part, Part::Response(_)))
            })
            .count();
    }
    assert_eq!(answered, 10, "ten at once");
    // To a stranger nobody answers.
    let actions = bench.packet(2, vec![query(99, 1_000).into()]);
    assert!(sent(&actions).iter().all(|(to, _)| *to != addr(99)));
}

#[test]
fn an_answer_in_anothers_name_counts_for_nobody() {
    let mut bench = Bench::new(5, Settings::fleet());
    let question = Question { name: b"q", timeout: Duration::from_secs(2), ..Question::default() };
    let actions = bench.hand(Input::Ask(&question));
    let id = events(&actions).into_iter().find_map(|event| match event {
        Event::QuerySent { id } => Some(id),
        _ => None,
    });
    let (time, id) = id.unwrap();
    let response = |from| Response { time, id, from: MemberId(from), answer: Some(Bytes::new()) };
    assert_eq!(events(&bench.packet(2, vec![response(3).into()])), []);
    assert_eq!(events(&bench.packet(2, vec![response(2).into()])).len(), 1);
    assert_eq!(events(&bench.packet(2, vec![response(2).into()])), [], "and once");
    assert_eq!(bench.machine.counts().rumors_refused, 2);
    let over = bench.run(3_000);
    let done = over.iter().find_map(|(_, action)| match action {
        Action::Report(Event::QueryDone(asked)) => Some(asked.answers.len()),
        _ => None,
    });
    assert_eq!(done, Some(1));
}

#[test]
fn a_false_leader_is_shown_beside_the_true_one_and_a_later_epoch_ends_it() {
    let mut bench = Bench::new(5, Settings::fleet());
    bench.hand(Input::Claim { group: b"g", epoch: 7, leader: US, address: b"us:1" });
    let again = bench.hand(Input::Claim { group: b"g", epoch: 7, leader: US, address: b"us:1" });
    assert_eq!(again, [], "what is said again isn't told on");
    let actions = bench.packet(4, vec![record(7, 4).into()]);
    assert!(matches!(events(&actions)[..], [Event::BrokenConsensus(_)]));
    assert_eq!(events(&bench.packet(4, vec![record(7, 4).into()])), [], "told once");
    let actions = bench.packet(4, vec![record(6, 4).into()]);
    assert_eq!((events(&actions).len(), sent(&actions).len()), (0, 0), "an earlier epoch is none");
    let actions = bench.packet(4, vec![record(8, 3).into()]);
    assert!(matches!(events(&actions)[..], [Event::LeaderChanged(_)]));
    // The last epoch of all can't be overcome, and no consensus gives it.
    bench.packet(4, vec![record(EPOCH_MAX, 4).into()]);
    let claim = Input::Claim { group: b"g", epoch: 9, leader: US, address: b"us:1" };
    assert!(matches!(events(&bench.hand(claim))[..], [Event::Refused(Refused::Leader(_))]));
}

#[test]
fn a_forged_coordinate_moves_us_a_step_and_is_heard_for_its_member_alone() {
    let mut bench = Bench::new(3, Settings::fleet());
    let mut liar = Vivaldi::default();
    for _ in 0..1_000 {
        let here = Coordinate::default();
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        liar.update(US, &here, Duration::from_secs(9), rng).unwrap();
    }
    let forged = liar.coordinate().as_told();
    assert!(forged.distance(&Coordinate::default()) > Duration::from_secs(1), "far away");
    let before = bench.machine.coordinate(US).unwrap().clone();
    let (to, seq, _) = ping(&mut bench);
    let number = if to == addr(2) { 2 } else { 3 };
    bench.now = bench.now + Duration::from_millis(400);
    bench.packet(number, vec![forged.clone().into(), Ack { seq }.into()]);
    let moved = bench.machine.coordinate(US).unwrap().distance(&before);
    assert!(moved <= Duration::from_millis(60), "{moved:?}");
    assert_eq!(bench.machine.coordinate(MemberId(number)), Some(&forged));
    // Neither strangers nor whoever speaks from elsewhere.
    let packet = Packet::new(MemberId(2), vec![forged.into()]);
    bench.hand(Input::Datagram { from: addr(99), packet: &packet });
    assert_eq!(bench.machine.coordinate(MemberId(5 - number)), None);
    assert_eq!(bench.machine.rtt(US, MemberId(5 - number)), None);
}

#[test]
fn coordinates_and_detectors_have_their_bounds() {
    let riding = Riding { coordinates_max: 3, phi_max: 4, ..Riding::FLEET };
    let mut bench = Bench::new(9, Settings { riding, ..Settings::fleet() });
    for number in 2..=9 {
        let mut own = states(number, 0);
        own.beat(Moment { now: Time::ZERO, wall: 1 });
        let digest = own.digest(500, &mut ChaCha8Rng::seed_from_u64(1));
        let place = Coordinate::default().as_told();
        bench.packet(number, vec![digest.into(), place.into()]);
    }
    let known = (2..=9).filter(|n| bench.machine.coordinate(MemberId(*n)).is_some()).count();
    let felt = (2..=9).filter(|n| bench.machine.phi(MemberId(*n), bench.now).is_some()).count();
    assert_eq!((known, felt), (3, 4));
}

#[test]
fn a_newcomer_is_not_told_of_what_was_before_it() {
    let mut bench = Bench::new(1, Settings::fleet());
    bench.hand(Input::Joining(&[addr(2)]));
    let entries = vec![Entry { status: Status::Alive, last: alive(2, 0) }];
    let full = Full { entries, times: [LamportTime(50); 2], ..Full::default() };
    let said = Said { from: MemberId(2), saying: Saying::Exchange(Arc::new(full)) };
    bench.hand(Input::Answered { by: addr(2), said: &said });
    assert_eq!(events(&bench.packet(2, vec![event(2, 49).into()])), []);
    assert_eq!(events(&bench.packet(2, vec![event(2, 50).into()])).len(), 1);
}

#[test]
fn whom_a_digest_tells_of_and_we_do_not_know_we_ask_for_soon_and_not_for_ever() {
    let mut bench = Bench::new(20, Settings::fleet());
    bench.run(6_000);
    let mut other = states(2, 0);
    other.admit(MemberId(77), Time::ZERO);
    let digest = Part::from(other.digest(500, &mut ChaCha8Rng::seed_from_u64(1)));
    let is_exchange = |(_, action): &(Time, Action)| {
        matches!(action, Action::Stream { said: Said { saying: Saying::Exchange(_), .. }, .. })
    };
    let mut exchanges = Vec::new();
    for round in 0..12 {
        // They answer no pings, and live.
        (2..=20).for_each(|number| drop(bench.hear(number, alive(number, 6 + round))));
        bench.packet(2, vec![digest.clone()]);
        exchanges.push(bench.run(5_000).iter().filter(|action| is_exchange(action)).count());
    }
    assert_eq!(exchanges[0], 1, "{exchanges:?}");
    assert!(exchanges.iter().sum::<usize>() <= 5, "{exchanges:?}");
}
