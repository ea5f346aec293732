//! What rides on the pings of fleets, each with a figure.

use bytes::Bytes;

use super::*;
use crate::membership::filter::Filter;
use crate::membership::leader::Redirect;
use crate::membership::queries::Question;
use crate::membership::state::Change;
use crate::membership::{FailureDetector, Riding};

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn lossy(loss: f64) -> Weather {
    Weather { loss, ..Weather::LAN }
}

/// The value at so many hundredths of a list, which is sorted.
fn quantile(sorted: &[f64], hundredths: usize) -> f64 {
    sorted[((sorted.len() - 1) * hundredths).div_ceil(100)]
}

/// Seconds until each other member heard of each of many events, sorted, infinite for never; and how many datagrams each took of each member more
/// than without.
fn events(size: usize, settings: &Settings, loss: f64, seed: u64) -> (Vec<f64>, f64) {
    let mut fleet = Members::joined(size, settings, lossy(loss), seed);
    let (rounds, pause) = (40, 2.0);
    fleet.take_traffic();
    fleet.run_for(secs(pause * f64::from(rounds)));
    let quiet = fleet.take_traffic().datagrams;
    fleet.take_log();
    let mut begun = Vec::new();
    for round in 0..rounds {
        let name = round.to_string();
        begun.push(fleet.now());
        let filter = &Filter::default();
        let (name, payload) = (name.as_bytes(), &b"payload"[..]);
        let fire = Input::Fire { name, payload, coalesce: false, filter };
        fleet.inject(round as usize * 7 % size, fire);
        fleet.run_for(secs(pause));
    }
    let datagrams = fleet.take_traffic().datagrams.saturating_sub(quiet) as f64;
    let mut took = Vec::new();
    for (at, _, event) in fleet.take_log() {
        if let Event::UserEvent(event) = event {
            let round: usize = std::str::from_utf8(&event.name).unwrap().parse().unwrap();
            took.push((at - begun[round]).as_secs_f64());
        }
    }
    took.sort_by(f64::total_cmp);
    took.resize((size - 1) * rounds as usize, f64::INFINITY);
    (took, datagrams / size as f64 / f64::from(rounds))
}

#[test]
fn an_event_is_everywhere_at_once_for_two_datagrams_a_member() {
    for size in [20, 50] {
        for loss in [0.0, 0.05] {
            let (took, each) = events(size, &Settings::fleet(), loss, 3);
            let [p50, p99, last] = [50, 99, 100].map(|at| quantile(&took, at) * 1e3);
            println!(
                "{size} members, loss {loss}: event p50 {p50:.1} ms, p99 {p99:.1} ms, last {last:.0} ms, \
                 {each:.2} datagrams a member and event"
            );
            assert!(each <= 2.0, "{each} datagrams");
            assert!(p99 < 300.0, "{p99} ms");
            assert!(last < 2_500.0, "everybody hears of it: {last} ms");
        }
    }
    let (took, each) = events(20, &Settings::lan(), 0.0, 3);
    let (p50, p99) = (quantile(&took, 50) * 1e3, quantile(&took, 99) * 1e3);
    println!("20 members, Serf's gossip: p50 {p50:.1} ms, p99 {p99:.1} ms, {each:.2} datagrams");
    assert!(p99 > 150.0 && each > 5.0, "it is what it was measured against");
}

#[test]
fn a_member_that_tells_nobody_on_keeps_no_event_from_others() {
    let mut fleet = Members::joined(20, &Settings::fleet(), Weather::LAN, 5);
    // It hears all, and says nothing to anybody, but what they ask it for.
    (0..20).filter(|other| *other != 7).for_each(|other| fleet.set_loss(7, other, 1.0));
    fleet.take_log();
    for round in 0..10_u8 {
        let filter = &Filter::default();
        let fire = Input::Fire { name: &[b'a' + round], payload: b"", coalesce: false, filter };
        fleet.inject(3, fire);
        fleet.run_for(secs(0.1));
    }
    let log = fleet.take_log();
    let heard = log.iter().filter(|(_, _, event)| matches!(event, Event::UserEvent(_))).count();
    println!("one of 20 tells nobody on: {heard} of 190 heard within 0.1 s");
    assert!(heard >= 188, "{heard}");
}

#[test]
fn two_leaders_with_one_epoch_are_seen_by_all_within_a_second() {
    for loss in [0.0, 0.05] {
        let mut fleet = Members::joined(100, &Settings::fleet(), lossy(loss), 2);
        let claim = |leader, address| Input::Claim {
            group: b"db",
            epoch: 7,
            leader: id_of(leader),
            address,
        };
        fleet.inject(3, claim(3, b"a:1"));
        fleet.run_for(secs(0.0));
        fleet.inject(88, claim(88, b"b:1"));
        fleet.take_log();
        let sees = |fleet: &Members, number: usize| {
            let leaders = fleet.member(number).leaders().unwrap();
            matches!(leaders.redirect(b"db", 0), Redirect::Broken { epoch: 7, claims } if claims.len() == 2)
        };
        let all = |fleet: &Members| (0..100).all(|number| sees(fleet, number));
        let took = fleet.run_until(secs(20.0), all).expect("all see it").as_secs_f64();
        println!(
            "two leaders with one epoch, 100 members, loss {loss}: seen by all after {took:.2} s"
        );
        assert!(took < 1.0, "{took} s");
        let broken = |event: &Event| matches!(event, Event::BrokenConsensus(_));
        let told = fleet.take_log().iter().filter(|(_, _, event)| broken(event)).count();
        assert!(told >= 100, "each is told: {told}");
        // A later epoch ends it. A newcomer is told of it by whom it joins.
        let later = Input::Claim { group: b"db", epoch: 8, leader: id_of(5), address: b"c:1" };
        fleet.inject(5, later);
        fleet.run_for(secs(3.0));
        fleet.set(99, Process::Killed);
        fleet.restart(99);
        fleet.run_for(secs(0.1));
        for number in 0..100 {
            let leaders = fleet.member(number).leaders().unwrap();
            assert!(
                matches!(leaders.redirect(b"db", 7), Redirect::Leader { epoch: 8, .. }),
                "{number}"
            );
        }
    }
}

#[test]
fn all_answer_a_query_and_those_it_is_not_for_are_silent() {
    let mut fleet = Members::joined(20, &Settings::fleet(), Weather::LAN, 4);
    let names: [&[u8]; 3] = [b"m3", b"m4", b"m5"];
    for (filter, expected) in [(Filter::default(), 20), (Filter::new(&names, &[]).unwrap(), 3)] {
        fleet.take_log();
        let question =
            Question { name: b"load", payload: b"", ack: true, filter, timeout: secs(3.0) };
        fleet.inject(3, Input::Ask(&question));
        fleet.run_for(secs(0.05));
        for (_, number, event) in fleet.take_log() {
            if let Event::QueryAsked(query) = event {
                let answer = number.to_string();
                fleet.inject(number, Input::Respond { query: &query, answer: answer.as_bytes() });
            }
        }
        fleet.run_for(secs(4.0));
        let log = fleet.take_log();
        let done = log.iter().find_map(|(_, number, event)| match event {
            Event::QueryDone(asked) => Some((*number, asked.clone())),
            _ => None,
        });
        let (number, asked) = done.unwrap();
        assert_eq!((number, asked.answers.len()), (3, expected));
        for (id, answer) in &asked.answers {
            let number = (0..20).find(|number| id_of(*number) == *id).unwrap();
            assert_eq!(answer.as_deref(), Some(number.to_string().as_bytes()));
        }
        println!("query: {} of {expected} answered", asked.answers.len());
    }
}

#[test]
fn a_write_reaches_all_with_the_pings() {
    for (size, loss) in [(20, 0.0), (20, 0.05), (200, 0.0)] {
        let mut fleet = Members::joined(size, &Settings::fleet(), lossy(loss), 4);
        fleet.take_log();
        fleet.take_traffic();
        fleet.inject(7, Input::Set { key: b"tip", value: b"100" });
        let has = |fleet: &Members, number: usize| {
            let states = fleet.member(number).states().unwrap();
            states.value(id_of(7), b"tip").is_some_and(|value| value == "100")
        };
        let all = |fleet: &Members| (0..fleet.len()).all(|number| has(fleet, number));
        let took = fleet.run_until(secs(60.0), all).expect("all have it").as_secs_f64();
        let change =
            |event: &Event| matches!(event, Event::Changed(Change::Set { version: 1, .. }));
        let told = fleet.take_log().iter().filter(|(_, _, event)| change(event)).count();
        assert_eq!(told, size - 1, "each is told once");
        let sent = fleet.take_traffic().datagrams as f64 / size as f64 - 2.0 * took;
        println!(
            "{size} members, loss {loss}: a write is everywhere after {took:.1} s, for {sent:.2} datagrams \
             a member more than pings"
        );
        // A third datagram is rare: who heard by a ping or an answer needs none. Where some are lost there are indirect pings and accusations, too.
        assert!(loss > 0.0 || sent < 1.0, "{sent}");
        assert!(took < 3.0 * (size as f64).ln(), "{took}");
        fleet.inject(7, Input::Delete { key: b"tip" });
        let gone = |fleet: &Members| {
            let has =
                |n: usize| fleet.member(n).states().unwrap().value(id_of(7), b"tip").is_some();
            !(0..fleet.len()).any(has)
        };
        assert!(fleet.run_until(secs(60.0), gone).is_some(), "and it goes");
        fleet.check();
    }
}

#[test]
fn a_newcomer_knows_all_that_was_said_within_seconds_and_its_own_last_run() {
    let mut fleet = Members::joined(20, &Settings::fleet(), Weather::LAN, 4);
    for number in 0..20 {
        for key in 0..10_u8 {
            let value = vec![key; 40];
            fleet.inject(number, Input::Set { key: &[b'k', key], value: &value });
        }
    }
    fleet.run_for(secs(30.0));
    fleet.set(9, Process::Killed);
    fleet.run_for(secs(1.0));
    fleet.restart(9);
    fleet.inject(9, Input::Set { key: b"new", value: b"1" });
    let knows = |fleet: &Members| {
        let states = fleet.member(9).states().unwrap();
        (0..20).filter(|other| *other != 9).all(|other| states.values(id_of(other)).count() == 10)
    };
    let took = fleet.run_until(secs(30.0), knows).expect("it knows all").as_secs_f64();
    println!("20 members of ten keys: a newcomer knows all after {took:.1} s");
    assert!(took < 6.0, "{took}");
    // What it said before it started is void.
    fleet.run_for(secs(10.0));
    for other in (0..20).filter(|other| *other != 9) {
        let states = fleet.member(other).states().unwrap();
        assert_eq!(states.values(id_of(9)).count(), 1, "{other}");
    }
    fleet.check();
}

/// The rounds until all have heard, where each of `n` members speaks to a random other in each second at a moment of its own, and whoever of the
/// two has the news tells it: push-pull out of step, the model that the fleet is measured against.
fn model(n: usize, rng: &mut ChaCha8Rng) -> f64 {
    let phases: Vec<f64> = (0..n).map(|_| rng.random::<f64>()).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| phases[*a].total_cmp(&phases[*b]));
    let mut has = vec![false; n];
    has[0] = true;
    let begin = rng.random::<f64>();
    let mut left = n - 1;
    for second in 0.. {
        for who in &order {
            let at = f64::from(second) + phases[*who];
            let other = (who + rng.random_range(1..n)) % n;
            if at >= begin && has[*who] != has[other] {
                (has[*who], has[other]) = (true, true);
                left -= 1;
                if left == 0 {
                    return at - begin;
                }
            }
        }
    }
    unreachable!("it ends when all have it")
}

#[test]
fn a_write_spreads_among_a_thousand_as_push_pull_does() {
    let size = 1_000;
    let rng = &mut ChaCha8Rng::seed_from_u64(8);
    let expected = (0..200).map(|_| model(size, rng)).sum::<f64>() / 200.0;
    let mut fleet = Members::acquainted(size, &Settings::fleet(), Weather::LAN, 1);
    let writes = 16;
    let mut all = 0.0;
    for write in 0..writes {
        let (writer, value) = (write * 37 % size, [u8::try_from(write).unwrap()]);
        fleet.inject(writer, Input::Set { key: b"tip", value: &value });
        let has = |fleet: &Members, number: usize| {
            let states = fleet.member(number).states().unwrap();
            states.value(id_of(writer), b"tip").is_some_and(|has| has[..] == value)
        };
        let everywhere = |fleet: &Members| (0..size).all(|number| has(fleet, number));
        let took = fleet.run_until(secs(60.0), everywhere).expect("all have it").as_secs_f64();
        println!("    {took:.2}");
        all += took;
    }
    let mean = all / writes as f64;
    // Synchronous rounds take log3 n + log2 ln n; members out of step are faster: what came to one a moment ago it tells on in the same second.
    let theory = (size as f64).log(3.0) + (size as f64).ln().log2();
    println!(
        "a write at all of {size}: {mean:.2} rounds; out of step {expected:.2}, in step {theory:.2}"
    );
    assert!((mean / expected - 1.0).abs() < 0.05, "{mean} and {expected}");
}

#[test]
fn phi_sees_a_death_and_a_pause_that_is_short_is_none() {
    let mut fleet = Members::joined(20, &Settings::phi(), Weather::LAN, 4);
    assert_eq!(Settings::phi().riding.detector, FailureDetector::Phi);
    fleet.run_for(secs(60.0));
    fleet.take_log();
    let now = fleet.now();
    let phi = (1..20).map(|on| fleet.member(0).phi(id_of(on), now).unwrap()).fold(0.0, f64::max);
    assert!(phi < 3.0, "all live: {phi}");
    let since = fleet.now();
    fleet.set(7, Process::Vanished);
    fleet.run_for(secs(30.0));
    let log = fleet.take_log();
    let of = |event: &Event| matches!(event, Event::Failed { id, .. } if *id == id_of(7));
    let first = log.iter().find(|(_, _, event)| of(event)).expect("it is seen").0 - since;
    let wrong = log.iter().filter(|(_, _, e)| matches!(e, Event::Failed { .. }) && !of(e)).count();
    println!("phi 8: a death is seen after {:.1} s", first.as_secs_f64());
    assert!((3.0..20.0).contains(&first.as_secs_f64()));
    assert_eq!(wrong, 0);
    let phi = fleet.member(0).phi(id_of(7), fleet.now()).unwrap();
    assert!(phi > 8.0, "{phi}");
    fleet.check();
}

#[test]
fn round_trips_are_known_of_any_two() {
    let weather =
        Weather { loss: 0.0, delay: (Duration::from_millis(20), Duration::from_millis(22)) };
    let mut fleet = Members::joined(12, &Settings::fleet(), weather, 4);
    fleet.run_for(secs(120.0));
    let mut errors = Vec::new();
    for (one, other) in (0..12).flat_map(|one| (0..one).map(move |other| (one, other))) {
        let rtt = fleet.member(11).rtt(id_of(one), id_of(other)).expect("it is known");
        errors.push((rtt.as_secs_f64() / 0.042 - 1.0).abs());
    }
    errors.sort_by(f64::total_cmp);
    println!("round trips of any two: wrong by {:.3} in the median", quantile(&errors, 50));
    assert!(quantile(&errors, 50) < 0.1 && quantile(&errors, 100) < 0.5);
}

#[test]
fn storms_cost_a_bounded_number_of_datagrams_and_others_are_heard() {
    let mut fleet = Members::joined(20, &Settings::fleet(), Weather::LAN, 4);
    fleet.take_traffic();
    fleet.take_log();
    for storm in 0..5_000_u32 {
        let name = storm.to_le_bytes();
        let filter = &Filter::default();
        let fire = Input::Fire { name: &name, payload: b"", coalesce: false, filter };
        fleet.inject(3, fire);
        let question = Question { name: &name, ..Question::default() };
        fleet.inject(4, Input::Ask(&question));
    }
    fleet.run_for(secs(10.0));
    let Traffic { datagrams, longest, .. } = fleet.take_traffic();
    let each = datagrams as f64 / 20.0;
    println!("5,000 events and queries at once: {each:.0} datagrams a member in ten seconds");
    // Twenty events and ten queries at once are allowed; two datagrams each, the pings, and the answers.
    assert!(each < 30.0 * 2.0 + 20.0 + 45.0, "{each}");
    assert!(longest <= crate::membership::PACKET_MAX);
    let refused = |event: &Event| matches!(event, Event::Refused(_));
    assert!(fleet.take_log().iter().filter(|(_, _, event)| refused(event)).count() > 9_900);
    fleet.inject(
        5,
        Input::Fire { name: b"x", payload: b"", coalesce: false, filter: &Filter::default() },
    );
    fleet.run_for(secs(0.1));
    let heard = |event: &Event| matches!(event, Event::UserEvent(event) if event.name == Bytes::from_static(b"x"));
    assert_eq!(fleet.take_log().iter().filter(|(_, _, event)| heard(event)).count(), 19);
    fleet.check();
}

#[test]
fn each_part_can_be_switched_off() {
    let off = Settings { riding: Riding::OFF, ..Settings::fleet() };
    let mut fleet = Members::joined(10, &off, Weather::LAN, 4);
    fleet.take_log();
    let filter = &Filter::default();
    fleet.inject(1, Input::Set { key: b"k", value: b"v" });
    fleet.inject(1, Input::Claim { group: b"g", epoch: 1, leader: id_of(1), address: b"a" });
    fleet.inject(1, Input::Fire { name: b"e", payload: b"", coalesce: false, filter });
    fleet.inject(1, Input::Ask(&Question { name: b"q", ..Question::default() }));
    let log = fleet.take_log();
    let refused = log.iter().filter(|(_, _, event)| matches!(event, Event::Refused(_))).count();
    assert_eq!((refused, log.len()), (4, 4), "{log:?}");
    let Traffic { bytes: with, .. } = {
        fleet.take_traffic();
        fleet.run_for(secs(20.0));
        fleet.take_traffic()
    };
    let mut full = Members::joined(10, &Settings::fleet(), Weather::LAN, 4);
    full.take_traffic();
    full.run_for(secs(20.0));
    let riding = full.take_traffic().bytes;
    println!("quiet, 10 members: {} bytes a second each, {} without", riding / 200, with / 200);
    assert!(with * 5 < riding);
}
